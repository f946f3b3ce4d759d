import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Pencil, Plus, ShieldCheck, Trash2 } from "lucide-react";
import { useState } from "react";
import { Form } from "react-aria-components";

import { api, unwrap } from "../api/client";
import { useClients } from "../api/queries";
import { useUser } from "../api/session";
import type { Client } from "../api/types";
import { Badge } from "../ui/badge";
import { Button, IconButton } from "../ui/button";
import { Copy } from "../ui/copy";
import { Confirm, Dialog } from "../ui/dialog";
import { Choice, TextInput } from "../ui/field";
import { Empty, ErrorNotice } from "../ui/notice";
import { Page } from "../ui/page";
import { Loaded } from "../ui/query";
import { Time } from "../ui/time";

const DAY = 86_400;
const EXPIRIES = [
  { id: "0", text: "Never" },
  { id: String(7 * DAY), text: "After a week without use" },
  { id: String(30 * DAY), text: "After a month without use" },
  { id: String(365 * DAY), text: "After a year without use" },
];

export default function Clients() {
  const user = useUser();
  const client = useQueryClient();
  const clients = useClients();
  const [edited, setEdited] = useState<Client | "new" | null>(null);
  const [deleted, setDeleted] = useState<Client | null>(null);
  const [created, setCreated] = useState<Client | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ["clients"] });
  const isElevated = (one: Client) => one.elevatedUntil && new Date(one.elevatedUntil) > new Date();
  return (
    <Page
      title="Clients"
      lead="A client is a device or a program that reads your messages. Each browser where you log in is one too."
      actions={
        <Button kind="primary" icon={<Plus aria-hidden />} onPress={() => setEdited("new")}>
          Create client
        </Button>
      }
    >
      <Loaded query={clients} of="the clients">
        {(list) =>
          list.length === 0 ? (
            <Empty title="No clients">Create one for each device that is to receive messages.</Empty>
          ) : (
            <ul className="rows">
              {list.map((one) => (
                <li key={one.id} className="row">
                  <div className="row-main">
                    <div className="row-title">
                      <span>{one.name}</span>
                      {one.id === user.clientId && <Badge tone="ok">This browser</Badge>}
                      {isElevated(one) && (
                        <Badge tone="info">
                          <ShieldCheck aria-hidden /> Elevated
                        </Badge>
                      )}
                    </div>
                    <p className="small muted">
                      {one.lastUsed ? (
                        <>
                          Used <Time date={one.lastUsed} />
                        </>
                      ) : (
                        "Never used"
                      )}
                      {one.expiresAt && (
                        <>
                          {" "}
                          · expires <Time date={one.expiresAt} />
                        </>
                      )}
                    </p>
                  </div>
                  <div className="row-side">
                    <IconButton label={`Edit ${one.name}`} onPress={() => setEdited(one)}>
                      <Pencil aria-hidden />
                    </IconButton>
                    {one.id !== user.clientId && (
                      <IconButton label={`Delete ${one.name}`} onPress={() => setDeleted(one)}>
                        <Trash2 aria-hidden />
                      </IconButton>
                    )}
                  </div>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      <Dialog
        title={edited === "new" ? "Create client" : "Edit client"}
        isOpen={edited !== null}
        onClose={() => setEdited(null)}
      >
        {edited && (
          <Editor
            client={edited === "new" ? null : edited}
            onDone={(answer) => {
              if (edited === "new") setCreated(answer);
              setEdited(null);
              void refresh();
            }}
            onCancel={() => setEdited(null)}
          />
        )}
      </Dialog>
      <Dialog title={`Token of ${created?.name}`} isOpen={created !== null} onClose={() => setCreated(null)}>
        {created && (
          <div className="stack">
            <p>Copy the token now: the server keeps only a hash of it and cannot show it again.</p>
            <Copy text={created.token} label="token" />
          </div>
        )}
        <footer className="dialog-foot">
          <Button kind="primary" onPress={() => setCreated(null)}>
            Done
          </Button>
        </footer>
      </Dialog>
      <Confirm
        title={`Delete ${deleted?.name}?`}
        isOpen={deleted !== null}
        onClose={() => setDeleted(null)}
        action="Delete"
        run={async () => {
          if (deleted) await unwrap(api.DELETE("/client/{id}", { params: { path: { id: deleted.id } } }));
          await refresh();
        }}
      >
        <p>The device is logged out at once.</p>
      </Confirm>
    </Page>
  );
}

interface EditorProps {
  client: Client | null;
  onDone: (client: Client) => void;
  onCancel: () => void;
}

function Editor({ client, onDone, onCancel }: EditorProps) {
  const [name, setName] = useState(client?.name ?? "");
  const [expiry, setExpiry] = useState(String(client?.expiresAfterInactivitySeconds ?? 0));
  const options = EXPIRIES.some((one) => one.id === expiry)
    ? EXPIRIES
    : [...EXPIRIES, { id: expiry, text: `After ${Math.round(Number(expiry) / DAY)} days without use` }];
  const save = useMutation({
    mutationFn: () => {
      const body = { name, expiresAfterInactivitySeconds: Number(expiry) };
      return client
        ? unwrap(api.PUT("/client/{id}", { params: { path: { id: client.id } }, body }))
        : unwrap(api.POST("/client", { body }));
    },
    onSuccess: onDone,
  });
  return (
    <Form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <TextInput label="Name" value={name} onChange={setName} isRequired autoFocus />
      <Choice label="Expires" value={expiry} onChange={setExpiry} options={options} />
      {save.isError && <ErrorNotice error={save.error} />}
      <footer className="dialog-foot">
        <Button onPress={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" isPending={save.isPending}>
          {client ? "Save" : "Create"}
        </Button>
      </footer>
    </Form>
  );
}
