import { RefreshCw } from "lucide-react";

import type { PluginCall } from "../../api/types";
import { duration } from "../../lib/duration";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { Empty } from "../../ui/notice";
import { Section } from "../../ui/page";
import { Loaded } from "../../ui/query";
import { Cell, Table } from "../../ui/table";
import { Time } from "../../ui/time";
import { useCalls } from "./queries";

const CAUSES: Record<string, string> = {
  failed: "Failed",
  timed_out: "Too late",
  not_at_work: "Not running",
};

/** The result of a call. */
export function Result({ call }: { call: PluginCall }) {
  if (call.cause) {
    return (
      <>
        <Badge tone="error">{CAUSES[call.cause] ?? call.cause}</Badge>
        {call.detail && <p className="small reason">{call.detail}</p>}
      </>
    );
  }
  return <Badge tone="ok">{call.kind === "webhook" && call.status ? call.status : "OK"}</Badge>;
}

function subject(call: PluginCall): string {
  switch (call.kind) {
    case "listener": {
      const [first, ...rest] = call.messages;
      return rest.length === 0 ? `Message ${first}` : `${call.messages.length} messages, ${first} to ${rest.at(-1)}`;
    }
    case "timer":
      return `Timer ${call.timer}`;
    case "webhook":
      return `${call.method} /${call.path}`;
  }
}

/** The last calls of a plugin: deliveries, timers and webhooks. */
export function Calls({ id }: { id: number }) {
  const calls = useCalls(id);
  return (
    <Section
      title="Calls"
      actions={
        <Button icon={<RefreshCw aria-hidden />} onPress={() => void calls.refetch()} isPending={calls.isFetching}>
          Refresh
        </Button>
      }
    >
      <p className="muted">
        The last calls of the plugin: messages for its listener, timers and webhook requests. The server keeps them for
        a week.
      </p>
      <Loaded query={calls} of="the calls">
        {(list) =>
          list.length === 0 ? (
            <Empty title="No calls">The server has not called the plugin lately.</Empty>
          ) : (
            <Table label="Calls" columns={["When", "Call", "Took", "Result", "Sent"]}>
              {list.map((call) => (
                <tr key={call.id} role="row">
                  <Cell label="When" nowrap>
                    <Time date={call.date} />
                  </Cell>
                  <Cell label="Call">{subject(call)}</Cell>
                  <Cell label="Took" nowrap>
                    {duration(call.micros)}
                  </Cell>
                  <Cell label="Result">
                    <Result call={call} />
                  </Cell>
                  <Cell label="Sent">{call.sent?.join(", ")}</Cell>
                </tr>
              ))}
            </Table>
          )
        }
      </Loaded>
    </Section>
  );
}
