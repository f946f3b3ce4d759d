import { lazy, Suspense, useState } from "react";
import { Link, useParams } from "react-router";

import { useUser } from "../../api/session";
import type { Plugin } from "../../api/types";
import { inFull } from "../../lib/root";
import { EMPTY } from "../../lib/sample";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { Copy } from "../../ui/copy";
import { Empty, Hint, Loading } from "../../ui/notice";
import { Page, Section } from "../../ui/page";
import { PermissionRow } from "../../ui/permission";
import { Loaded } from "../../ui/query";
import { Tabs } from "../../ui/tabs";
import { Calls } from "./calls";
import { Consent, Disable } from "./consent";
import { Listener } from "./listener";
import { DeadLetters, Denials, Log, Timers } from "./records";
import { isMissing, stateOf, useDisplay, useFilters, usePlugins } from "./queries";
import { Try } from "./try";
import { Markdown } from "../../ui/markdown";

const Configuration = lazy(() => import("./configuration"));

export default function PluginView() {
  const { id } = useParams();
  const plugins = usePlugins();
  return (
    <Loaded query={plugins} of="the plugin">
      {(list) => {
        const plugin = list.find((one) => one.id === Number(id));
        return plugin ? (
          <One key={plugin.id} plugin={plugin} />
        ) : (
          <Page title="Plugin not found">
            <Empty title="There is no such plugin">
              It may have been uninstalled. <Link to="/plugins">See all plugins</Link>
            </Empty>
          </Page>
        );
      }}
    </Loaded>
  );
}

function One({ plugin }: { plugin: Plugin }) {
  const { tab = "" } = useParams();
  const user = useUser();
  const [asking, setAsking] = useState<"enable" | "consent" | null>(null);
  const [disabling, setDisabling] = useState(false);
  // It stays between the tabs.
  const [sample, setSample] = useState(EMPTY);
  const state = stateOf(plugin);
  const can = (name: string) => plugin.exports.includes(name);
  const tabs = [
    { id: "", text: "Overview" },
    ...(can("configurer") ? [{ id: "configuration", text: "Configuration" }] : []),
    ...(can("filter") ? [{ id: "try", text: "Try" }] : []),
    { id: "log", text: "Log" },
    { id: "denials", text: "Denials" },
    ...(can("listener") || can("timer") || can("webhook") ? [{ id: "calls", text: "Calls" }] : []),
    ...(can("listener") || can("filter") ? [{ id: "dead-letters", text: "Dead letters" }] : []),
  ];
  return (
    <Page
      title={plugin.name}
      lead={
        <span className="cluster">
          <Badge tone={state.tone}>{state.text}</Badge>
          <span>
            {plugin.version}
            {plugin.author && ` by ${plugin.author}`}
          </span>
        </span>
      }
      actions={
        plugin.enabled ? (
          <Button onPress={() => setDisabling(true)}>Disable</Button>
        ) : (
          <Button kind="primary" onPress={() => setAsking("enable")}>
            Enable…
          </Button>
        )
      }
    >
      {state.next && (
        <Hint kind="warning">
          <p>{state.next}</p>
          {user.admin && state.isForAdministrator && (
            <Link to={`/administration/plugins/${encodeURIComponent(plugin.pluginId)}/permissions`}>
              See what it asks for, and grant it
            </Link>
          )}
          {state.needsConsent && <Button onPress={() => setAsking("consent")}>See what it asks for</Button>}
        </Hint>
      )}
      <Tabs label={`Parts of ${plugin.name}`} base={`/plugins/${plugin.id}`} tabs={tabs} />
      <Suspense fallback={<Loading />}>
        {tab === "" && <Overview plugin={plugin} />}
        {tab === "configuration" && <Configuration plugin={plugin} />}
        {tab === "try" && <Try plugin={plugin} sample={sample} onChange={setSample} />}
        {tab === "log" && <Log id={plugin.id} enabled={plugin.enabled} />}
        {tab === "denials" && <Denials id={plugin.id} />}
        {tab === "calls" && <Calls id={plugin.id} />}
        {tab === "dead-letters" && <DeadLetters id={plugin.id} />}
      </Suspense>
      <Consent plugin={plugin} mode={asking} onClose={() => setAsking(null)} />
      <Disable plugin={plugin} isOpen={disabling} onClose={() => setDisabling(false)} />
    </Page>
  );
}

function Overview({ plugin }: { plugin: Plugin }) {
  const shows = plugin.exports.includes("displayer");
  // Without the permission its address leads nowhere.
  const webhook = plugin.permissions.find((one) => one.name === "webhook");
  return (
    <div className="stack">
      {plugin.enabled && shows && <Display id={plugin.id} />}
      {plugin.filter && <Place id={plugin.id} />}
      {plugin.enabled && plugin.exports.includes("listener") && <Listener id={plugin.id} />}
      {plugin.enabled && plugin.exports.includes("timer") && <Timers id={plugin.id} />}
      {plugin.webhookPath && webhook && (
        <Webhook path={plugin.webhookPath} enabled={plugin.enabled} granted={webhook.granted} />
      )}
      <Section title="Permissions">
        {plugin.permissions.length === 0 ? (
          <p className="muted">It asks for none.</p>
        ) : (
          <ul className="list">
            {plugin.permissions.map((one, index) => (
              <PermissionRow
                key={index}
                permission={one.permission}
                reason={one.reason}
                // The user's own part is granted by enabling it.
                granted={plugin.enabled || one.answeredBy === "administrator" ? one.granted : undefined}
              >
                <Badge tone="muted">{one.answeredBy === "user" ? "You decide" : "The administrator decides"}</Badge>
              </PermissionRow>
            ))}
          </ul>
        )}
      </Section>
      <Section title="About">
        {plugin.description && <p>{plugin.description}</p>}
        {plugin.enabled && !plugin.failing && plugin.lastError && (
          <p className="small muted">
            Its last failure, after which it worked again: {plugin.lastError}. The{" "}
            <Link to={`/plugins/${plugin.id}/log`}>log</Link> has the time.
          </p>
        )}
        <dl className="facts">
          <dt>Id</dt>
          <dd>
            <code>{plugin.pluginId}</code>
          </dd>
          <dt>Version</dt>
          <dd>{plugin.version}</dd>
          <dt>Runs as</dt>
          <dd>{plugin.backend === "native" ? "a confined process" : "a WebAssembly component"}</dd>
          {plugin.contract && (
            <>
              <dt>Contract</dt>
              <dd>{plugin.contract}</dd>
            </>
          )}
          {plugin.license && (
            <>
              <dt>License</dt>
              <dd>{plugin.license}</dd>
            </>
          )}
          {/^https?:\/\//i.test(plugin.website) && (
            <>
              <dt>Website</dt>
              <dd>
                <a href={plugin.website} target="_blank" rel="noopener noreferrer nofollow">
                  {plugin.website}
                </a>
              </dd>
            </>
          )}
          <dt>Digest</dt>
          <dd>
            <code>{plugin.digest}</code>
          </dd>
        </dl>
      </Section>
    </div>
  );
}

function Display({ id }: { id: number }) {
  const display = useDisplay(id);
  if (display.isError && isMissing(display.error)) return null;
  return (
    <Section title="Display">
      <Loaded query={display} of="the display">
        {(text) => (text.trim() ? <Markdown text={text} /> : <p className="muted">It has nothing to show now.</p>)}
      </Loaded>
    </Section>
  );
}

function Place({ id }: { id: number }) {
  const filters = useFilters();
  const list = filters.data ?? [];
  const at = list.findIndex((one) => one.id === id);
  const filter = list[at];
  if (!filter) return null;
  return (
    <Section title="Place among your filters">
      <p>
        {list.length === 1 ? "It is your only filter." : `It is number ${at + 1} of your ${list.length} filters.`} If it
        fails, {filter.failClosed ? "the server rejects the message." : "the message goes on without it."}
      </p>
      <p>
        <Link to="/plugins/filters">Change the order, or the consequence of a failure</Link>
      </p>
    </Section>
  );
}

function Webhook({ path, enabled, granted }: { path: string; enabled: boolean; granted: boolean }) {
  const address = inFull(path);
  return (
    <Section title="Webhook">
      <p>Everybody who knows this address can call the plugin. Give it only to programs that you trust.</p>
      {!enabled && <Hint>It answers only while the plugin is enabled.</Hint>}
      {enabled && !granted && (
        <Hint kind="warning">It does not answer: the administrator has not granted it a webhook.</Hint>
      )}
      <Copy text={address} label="webhook address" />
      <p className="small muted">Try it:</p>
      <Copy text={`curl -i "${address}"`} label="command" />
    </Section>
  );
}
