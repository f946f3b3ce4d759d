import { ChevronRight, ListOrdered, Puzzle } from "lucide-react";
import { Link, useNavigate } from "react-router";

import { useUser } from "../../api/session";
import type { Plugin } from "../../api/types";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { Empty } from "../../ui/notice";
import { Page } from "../../ui/page";
import { Loaded } from "../../ui/query";
import { stateOf, usePlugins } from "./queries";

const CAN: Record<string, string> = {
  filter: "filters",
  listener: "listens",
  webhook: "webhook",
  displayer: "display",
  configurer: "configurable",
  timer: "timers",
};

function abilities(plugin: Plugin): string[] {
  const sends = plugin.capabilities.includes("messenger") ? ["sends messages"] : [];
  return [...plugin.exports.flatMap((name) => CAN[name] ?? []), ...sends];
}

export default function Plugins() {
  const user = useUser();
  const navigate = useNavigate();
  const plugins = usePlugins();
  const filters = plugins.data?.filter((one) => one.filter).length ?? 0;
  return (
    <Page
      title="Plugins"
      lead="You decide for yourself which plugins work for you, and what they may do with your messages."
      actions={
        filters > 0 && (
          <Button icon={<ListOrdered aria-hidden />} onPress={() => void navigate("/plugins/filters")}>
            Order of filters
          </Button>
        )
      }
    >
      <Loaded query={plugins} of="the plugins">
        {(list) =>
          list.length === 0 ? (
            <Empty title="No plugins installed" icon={<Puzzle aria-hidden />}>
              {user.admin ? (
                <>
                  Install one under <Link to="/administration">Installed plugins</Link>.
                </>
              ) : (
                "The administrator installs plugins; then you find them here."
              )}
            </Empty>
          ) : (
            <nav className="rows" aria-label="Plugins">
              {list.map((one) => {
                const state = stateOf(one);
                return (
                  <Link key={one.id} to={`/plugins/${one.id}`} className="row">
                    <div className="row-main">
                      <div className="row-title">
                        <span>{one.name}</span>
                        <span className="small muted">{one.version}</span>
                        <Badge tone={state.tone}>{state.text}</Badge>
                      </div>
                      {one.description && <p className="small">{one.description}</p>}
                      <p className="small muted">
                        {abilities(one).join(" · ")}
                      </p>
                      {state.next && <p className="small">{state.next}</p>}
                    </div>
                    <ChevronRight aria-hidden />
                  </Link>
                );
              })}
            </nav>
          )
        }
      </Loaded>
    </Page>
  );
}
