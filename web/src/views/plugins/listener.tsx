import { useQueryClient } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useState } from "react";
import { Form } from "react-aria-components";

import { api, unwrap } from "../../api/client";
import type { ListenerPosition } from "../../api/types";
import { after, consequence, position, type Start, waiting } from "../../lib/listener";
import { Button } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { Choice, NumberInput } from "../../ui/field";
import { Section } from "../../ui/page";
import { Loaded } from "../../ui/query";
import { toast } from "../../ui/toast";
import { useListener } from "./queries";

/** The position of an enabled listener among the messages. */
export function Listener({ id }: { id: number }) {
  const listener = useListener(id);
  return (
    <Section
      title="Position among your messages"
      actions={
        <Button
          icon={<RefreshCw aria-hidden />}
          onPress={() => void listener.refetch()}
          // It would turn all the time while messages wait.
          isPending={listener.isFetching && !listener.data?.waiting}
        >
          Refresh
        </Button>
      }
    >
      <Loaded query={listener} of="the position">
        {(at) => (
          <>
            <p>
              {waiting(at)} {position(at)}
            </p>
            <Move id={id} at={at} />
          </>
        )}
      </Loaded>
    </Section>
  );
}

const STARTS = [
  { id: "now", text: "New messages only" },
  { id: "beginning", text: "The first stored message" },
  { id: "number", text: "A message by its number" },
] as const;

/** Has a listener start from another message, after a confirmation. */
function Move({ id, at }: { id: number; at: ListenerPosition }) {
  const client = useQueryClient();
  const [kind, setKind] = useState<(typeof STARTS)[number]["id"]>("now");
  const [number, setNumber] = useState(Number.NaN);
  const [start, setStart] = useState<Start | null>(null);
  const key = ["plugin", id, "listener"];
  const move = async (start: Start) => {
    const body = { after: after(start) };
    const moved = await unwrap(api.PUT("/plugin/{id}/listener", { params: { path: { id } }, body }));
    // An answer on its way is from before the change.
    await client.cancelQueries({ queryKey: key });
    client.setQueryData<ListenerPosition>(key, moved);
    toast("The position is changed");
  };
  return (
    <>
      <Form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          setStart(kind === "number" ? number : kind);
        }}
      >
        <Choice label="Start from" value={kind} onChange={setKind} options={STARTS} />
        {kind === "number" && (
          <NumberInput
            label="Number of the message"
            description="The trace of a message shows its number."
            value={number}
            onChange={setNumber}
            minValue={1}
            formatOptions={{ useGrouping: false, maximumFractionDigits: 0 }}
            isRequired
          />
        )}
        <div className="actions">
          <Button type="submit">Change…</Button>
        </div>
      </Form>
      <Confirm
        title="Change the position?"
        isOpen={start !== null}
        onClose={() => setStart(null)}
        action="Change"
        run={async () => {
          if (start !== null) await move(start);
        }}
      >
        {start !== null && <p>{consequence(start, at)}</p>}
      </Confirm>
    </>
  );
}
