import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Pencil } from "lucide-react";
import { useState } from "react";
import { Form } from "react-aria-components";

import { api, unwrap } from "../../api/client";
import { Badge } from "../../ui/badge";
import { Button, IconButton } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { NumberInput } from "../../ui/field";
import { Empty, ErrorNotice } from "../../ui/notice";
import { Section } from "../../ui/page";
import { Loaded } from "../../ui/query";
import { useUsage } from "./queries";

const NAMES: Record<string, string> = {
  "memory-bytes": "Memory of a component",
  "process-memory-bytes": "Memory of its process",
  "call-ms": "Time for one call",
  "concurrent-calls": "Calls at the same time",
  "storage-bytes": "Storage",
  "messages-per-minute": "Messages per minute",
  "writes-per-minute": "Changes of storage, timers and messages per minute",
  "log-bytes": "Log",
  "webhook-body-bytes": "Body of a webhook request",
  timers: "Timers",
  handles: "Open handles",
  "open-files": "Open files",
  "open-requests": "Open requests to the network",
  "versions-at-once": "Versions at once during an update",
};

function amount(limit: string, value: number): string {
  if (limit.endsWith("-bytes")) {
    const units = ["B", "KiB", "MiB", "GiB"];
    let rest = value;
    let unit = 0;
    while (rest >= 1024 && unit < units.length - 1) {
      rest /= 1024;
      unit += 1;
    }
    return `${Number(rest.toFixed(1))} ${units[unit]}`;
  }
  if (limit.endsWith("-ms")) return `${value} ms`;
  return String(value);
}

interface Limit {
  limit: string;
  most: number;
  default: number;
}

/** The limits of a plugin, and how much its users' instances use of them. */
export function Limits({ id }: { id: string }) {
  const usage = useUsage(id);
  const [edited, setEdited] = useState<Limit | null>(null);
  return (
    <>
      <Loaded query={usage} of="the limits">
        {({ limits, users }) => (
          <div className="stack">
            <Section title="Limits of each user's instance">
              <ul className="rows">
                {limits.map((one) => (
                  <li key={one.limit} className="row">
                    <div className="row-main">
                      <div className="row-title">{NAMES[one.limit] ?? one.limit}</div>
                      <p className="small muted">
                        {amount(one.limit, one.most)}
                        {one.most !== one.default && `, by default ${amount(one.limit, one.default)}`}
                      </p>
                    </div>
                    <IconButton
                      label={`Change the limit: ${NAMES[one.limit] ?? one.limit}`}
                      onPress={() => setEdited(one)}
                    >
                      <Pencil aria-hidden />
                    </IconButton>
                  </li>
                ))}
              </ul>
            </Section>
            <Section title="In use now">
              {users.length === 0 ? (
                <Empty title="Not in use">Each user enables the plugin for themselves.</Empty>
              ) : (
                users.map((user) => (
                  <section key={user.instance} className="step stack" aria-label={`Usage of ${user.user}`}>
                    <div className="step-head">
                      <strong>{user.user}</strong>
                      <Badge tone={user.enabled ? "ok" : "muted"}>{user.enabled ? "On" : "Off"}</Badge>
                      {user.reached.map((one) => (
                        <Badge key={one.limit} tone="warning">
                          Reached {NAMES[one.limit] ?? one.limit} {one.count} times
                        </Badge>
                      ))}
                    </div>
                    {user.used.map((one) => {
                      const most = limits.find((limit) => limit.limit === one.limit)?.most ?? one.now;
                      const name = NAMES[one.limit] ?? one.limit;
                      return (
                        <div key={one.limit} className="meter">
                          <span className="small">{name}</span>
                          <span className="small muted">
                            {amount(one.limit, one.now)} of {amount(one.limit, most)}
                          </span>
                          <progress max={most || 1} value={one.now} aria-label={`${name} of ${user.user}`} />
                        </div>
                      );
                    })}
                  </section>
                ))
              )}
            </Section>
          </div>
        )}
      </Loaded>
      <Dialog
        title={edited ? (NAMES[edited.limit] ?? edited.limit) : ""}
        isOpen={edited !== null}
        onClose={() => setEdited(null)}
      >
        {edited && <Change id={id} limit={edited} onDone={() => setEdited(null)} />}
      </Dialog>
    </>
  );
}

function Change({ id, limit, onDone }: { id: string; limit: Limit; onDone: () => void }) {
  const client = useQueryClient();
  const [value, setValue] = useState(limit.most);
  const save = useMutation({
    mutationFn: (most: number | null) =>
      unwrap(
        api.POST("/admin/plugins/{id}/grant", {
          params: { path: { id } },
          body: { limits: { [limit.limit]: most } } as never,
        }),
      ),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["admin", "plugin", id] });
      onDone();
    },
  });
  const unit = limit.limit.endsWith("-bytes") ? "bytes" : limit.limit.endsWith("-ms") ? "milliseconds" : "number";
  return (
    <Form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate(value);
      }}
    >
      <NumberInput
        label={`At most (${unit})`}
        value={value}
        onChange={setValue}
        minValue={1}
        formatOptions={{ useGrouping: false, maximumFractionDigits: 0 }}
        description={`The default is ${limit.default}.`}
        autoFocus
      />
      {save.isError && <ErrorNotice error={save.error} />}
      <footer className="dialog-foot">
        <Button onPress={() => save.mutate(null)}>Return to the default</Button>
        <Button kind="primary" type="submit" isPending={save.isPending}>
          Save
        </Button>
      </footer>
    </Form>
  );
}
