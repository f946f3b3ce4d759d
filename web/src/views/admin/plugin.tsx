import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";

import { ApiProblem, api, unwrap } from "../../api/client";
import type { Status } from "../../api/types";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { Empty, ErrorNotice, Hint, sentence } from "../../ui/notice";
import { Page, Section } from "../../ui/page";
import { Loaded } from "../../ui/query";
import { Tabs } from "../../ui/tabs";
import { toast } from "../../ui/toast";
import { DenialTable, LogLines } from "../plugins/records";
import { AuditOf } from "./audit";
import { Doctor } from "./doctor";
import { Limits } from "./limits";
import { NextSteps } from "./next-steps";
import { Pending } from "./pending";
import { Permissions } from "./permissions";
import { stateOf, useAdminDenials, useAdminLog, useStatus } from "./queries";
import { Update } from "./update";

export default function InstalledPlugin() {
  const { id = "" } = useParams();
  const status = useStatus(id);
  if (status.data) return <One key={status.data.id} status={status.data} />;
  if (status.error instanceof ApiProblem && status.error.status === 404) {
    return (
      <Page title="Plugin not found">
        <Empty title={`No plugin ${id} is installed`}>
          <Link to="/administration">See all installed plugins</Link>
        </Empty>
      </Page>
    );
  }
  return (
    <Page title={id}>
      <Loaded query={status} of="the plugin">
        {() => null}
      </Loaded>
    </Page>
  );
}

const TABS = [
  { id: "", text: "Overview" },
  { id: "permissions", text: "Permissions" },
  { id: "limits", text: "Limits" },
  { id: "doctor", text: "Doctor" },
  { id: "log", text: "Log" },
  { id: "denials", text: "Denials" },
  { id: "audit", text: "Audit" },
];

function One({ status }: { status: Status }) {
  const { tab = "" } = useParams();
  const state = stateOf(status);
  const base = `/administration/plugins/${encodeURIComponent(status.id)}`;
  return (
    <Page
      title={status.name}
      lead={
        <span className="cluster">
          <Badge tone={state.tone}>{state.text}</Badge>
          <span>
            Version {status.version} · <code>{status.id}</code>
          </span>
        </span>
      }
    >
      {state.detail && <p className="muted">{state.detail}</p>}
      {status.waiting?.because === "pending" && <Pending status={status} waiting={status.waiting} />}
      {status.waiting?.because === "failed" && <Failed report={status.waiting.report} version={status.version} />}
      <NextSteps status={status} />
      <Tabs label={`Parts of ${status.name}`} base={base} tabs={TABS} />
      {tab === "" && <Overview status={status} />}
      {tab === "permissions" && <Permissions id={status.id} />}
      {tab === "limits" && <Limits id={status.id} />}
      {tab === "doctor" && <Doctor id={status.id} />}
      {tab === "log" && <Log id={status.id} />}
      {tab === "denials" && <Denials id={status.id} />}
      {tab === "audit" && <AuditOf plugin={status.id} />}
    </Page>
  );
}

function Failed({ report, version }: { report: unknown; version: string }) {
  const { expected, found, fix } = (report ?? {}) as { expected?: string; found?: string; fix?: string };
  return (
    <Hint kind="warning">
      <strong>The new version in the file does not run. Version {version} stays active.</strong>
      <dl className="report">
        <dt>Expected</dt>
        <dd>{expected}</dd>
        <dt>Found</dt>
        <dd>{found}</dd>
        <dt>Next step</dt>
        <dd>{fix && sentence(fix)}</dd>
      </dl>
    </Hint>
  );
}

/** The state of a native plugin's process; the description has no more than an object. */
interface ProcessState {
  state: string;
  last?: string;
  protection?: { applied: string[]; missing: string[]; open: string[] };
}

function Overview({ status }: { status: Status }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [asked, setAsked] = useState<"rollback" | "uninstall" | null>(null);
  const at = { params: { path: { id: status.id } } };
  const refresh = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ["admin"] }),
      client.invalidateQueries({ queryKey: ["plugins"] }),
    ]);
  const reload = useMutation({
    mutationFn: () => unwrap(api.POST("/admin/plugins/{id}/reload", at)),
    onSuccess: () => toast(`${status.name} is reloaded from its file`),
    onSettled: refresh,
  });
  const { signature, previous } = status;
  const process = status.process as ProcessState | null | undefined;
  return (
    <div className="stack">
      <Section
        title="Version"
        actions={
          <>
            <Button onPress={() => reload.mutate()} isPending={reload.isPending}>
              Reload
            </Button>
            <Button onPress={() => setAsked("rollback")} isDisabled={!previous}>
              Roll back
            </Button>
          </>
        }
      >
        {reload.isError && <ErrorNotice error={reload.error} title="The plugin was not reloaded" />}
        <dl className="facts">
          <dt>Active</dt>
          <dd>
            {status.version}
            <br />
            <code className="small muted">{status.digest}</code>
          </dd>
          <dt>Previous</dt>
          <dd>
            {previous ? (
              <>
                {previous.version}
                <br />
                <code className="small muted">{previous.digest}</code>
              </>
            ) : (
              <span className="muted">none</span>
            )}
          </dd>
          <dt>Signature</dt>
          <dd>
            {signature.is === "trusted" && <Badge tone="ok">Signed by {signature.key}</Badge>}
            {signature.is === "untrusted" && (
              <>
                <Badge tone="warning">Signed with a key that is not trusted</Badge>{" "}
                <Link to="/administration/keys">Trusted keys</Link>
              </>
            )}
            {signature.is === "none" && <Badge tone="muted">Not signed</Badge>}
          </dd>
          <dt>File</dt>
          <dd>
            <code>{status.file}</code>
          </dd>
          <Update status={status} />
          <dt>Runs as</dt>
          <dd>{status.backend === "native" ? "a process" : "a WebAssembly component"}</dd>
          {status.contract && (
            <>
              <dt>Contract</dt>
              <dd>{status.contract}</dd>
            </>
          )}
        </dl>
      </Section>
      {process && (
        <Section title="Process and sandbox">
          <dl className="facts">
            <dt>Process</dt>
            <dd>
              {process.state}
              {process.last ? `: ${process.last}` : ""}
            </dd>
            {process.protection && (
              <>
                <dt>Confined by</dt>
                <dd>
                  <Lines of={process.protection.applied} />
                </dd>
                <dt>This machine lacks</dt>
                <dd>
                  <Lines of={process.protection.missing} />
                </dd>
                <dt>Left open</dt>
                <dd>
                  <Lines of={process.protection.open} />
                </dd>
              </>
            )}
          </dl>
        </Section>
      )}
      <Section title="Uninstall">
        <p>
          The server removes the plugin and its file. It keeps the data that users stored with it, for a later
          installation.
        </p>
        <div>
          <Button kind="danger" onPress={() => setAsked("uninstall")}>
            Uninstall…
          </Button>
        </div>
      </Section>
      <Confirm
        title={`Roll back to version ${previous?.version}?`}
        isOpen={asked === "rollback"}
        onClose={() => setAsked(null)}
        action="Roll back"
        kind="primary"
        run={async () => {
          await unwrap(api.POST("/admin/plugins/{id}/rollback", at));
          await refresh();
          toast(`${status.name} runs version ${previous?.version}`);
        }}
      >
        <p>All users get the previous version at once. Rolling back a second time returns to this one.</p>
      </Confirm>
      <Confirm
        title={`Uninstall ${status.name}?`}
        isOpen={asked === "uninstall"}
        onClose={() => setAsked(null)}
        action="Uninstall"
        run={async () => {
          await unwrap(api.DELETE("/admin/plugins/{id}", at));
          await navigate("/administration");
          client.removeQueries({ queryKey: ["admin", "plugin", status.id] });
          await refresh();
        }}
      >
        <p>It stops for all users at once, and its file is removed.</p>
      </Confirm>
    </div>
  );
}

/** A short list, or the word for an empty one. */
function Lines({ of }: { of: readonly string[] }) {
  if (of.length === 0) return <span className="muted">nothing</span>;
  return (
    <ul className="plain-list small">
      {of.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}

function Log({ id }: { id: string }) {
  const log = useAdminLog(id);
  return (
    <Section title="Log">
      <p className="muted">
        The output of its process, the server's notices about it, and its entries for you. Each user reads the entries
        of their own instance under Plugins.
      </p>
      <Loaded query={log} of="the log">
        {(lines) => (lines.length === 0 ? <Empty title="The log is empty" /> : <LogLines lines={lines} />)}
      </Loaded>
    </Section>
  );
}

function Denials({ id }: { id: string }) {
  const denials = useAdminDenials(id);
  return (
    <Section title="Denials">
      <p className="muted">
        Attempts without the permission for them, for all users, since the server started. The server stopped each of
        them.
      </p>
      <Loaded query={denials} of="the denials">
        {(list) =>
          list.length === 0 ? (
            <Empty title="No denials">The plugin used only permissions that it has.</Empty>
          ) : (
            <DenialTable denials={list} />
          )
        }
      </Loaded>
    </Section>
  );
}
