import { ChevronRight } from "lucide-react";
import { Link } from "react-router";

import { Badge } from "../../ui/badge";
import { Empty, Hint, sentence } from "../../ui/notice";
import { Page, Section } from "../../ui/page";
import { Loaded } from "../../ui/query";
import { Catalogue } from "./catalogue";
import { Install } from "./install";
import { stateOf, useInstalled } from "./queries";

export default function Installed() {
  const installed = useInstalled();
  return (
    <Page title="Installed plugins" lead="You decide which plugins are on this server and what they may do with it.">
      <Loaded query={installed} of="the installed plugins">
        {({ plugins, problems }) => (
          <div className="stack">
            <Install />
            <Catalogue plugins={plugins} />
            {problems.length > 0 && (
              <Section title="Problems in the plugins folder">
                <ul className="list">
                  {problems.map((problem, index) => (
                    <li key={index} className="notice error">
                      <div className="notice-text">
                        <strong>
                          <code>{problem.file}</code>
                        </strong>
                        <dl className="report">
                          <dt>Step</dt>
                          <dd>{problem.step}</dd>
                          <dt>Expected</dt>
                          <dd>{problem.expected}</dd>
                          <dt>Found</dt>
                          <dd>{problem.found}</dd>
                          <dt>Next step</dt>
                          <dd>{sentence(problem.fix)}</dd>
                        </dl>
                      </div>
                    </li>
                  ))}
                </ul>
              </Section>
            )}
            {plugins.length === 0 ? (
              <Empty title="No plugins installed">Drop a plugin file above, or copy it into the plugins folder.</Empty>
            ) : (
              <nav className="rows" aria-label="Installed plugins">
                {plugins.map((one) => {
                  const state = stateOf(one);
                  return (
                    <Link
                      key={one.id}
                      to={`/administration/plugins/${encodeURIComponent(one.id)}`}
                      className="row"
                    >
                      <div className="row-main">
                        <div className="row-title">
                          <span>{one.name}</span>
                          <span className="small muted">{one.version}</span>
                          <Badge tone={state.tone}>{state.text}</Badge>
                          {one.waiting?.because === "pending" && (
                            <Badge tone="warning">Version {one.waiting.version.version} waits for approval</Badge>
                          )}
                          {one.waiting?.because === "failed" && <Badge tone="error">New version does not load</Badge>}
                        </div>
                        <p className="small muted">
                          <code>{one.id}</code>
                        </p>
                        {state.detail && <p className="small muted">{state.detail}</p>}
                      </div>
                      <ChevronRight aria-hidden />
                    </Link>
                  );
                })}
              </nav>
            )}
            {plugins.length > 0 && (
              <Hint>
                Each user enables plugins for themselves, under <Link to="/plugins">Plugins</Link>.
              </Hint>
            )}
          </div>
        )}
      </Loaded>
    </Page>
  );
}
