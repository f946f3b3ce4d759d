import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Form } from "react-aria-components";

import { api, unwrap } from "../../api/client";
import { Badge } from "../../ui/badge";
import { Button, IconButton } from "../../ui/button";
import { Confirm, Dialog } from "../../ui/dialog";
import { TextInput } from "../../ui/field";
import { Empty, ErrorNotice, Hint } from "../../ui/notice";
import { Page } from "../../ui/page";
import { Loaded } from "../../ui/query";
import { useTrustedKeys } from "./queries";

export default function TrustedKeys() {
  const client = useQueryClient();
  const keys = useTrustedKeys();
  const [adding, setAdding] = useState(false);
  const [removed, setRemoved] = useState<{ name: string; key: string } | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ["admin"] });
  return (
    <Page
      title="Trusted keys"
      lead="Authors sign plugins with minisign. These are the public keys of the authors you trust."
      actions={
        <Button kind="primary" icon={<Plus aria-hidden />} onPress={() => setAdding(true)}>
          Add a key
        </Button>
      }
    >
      <Loaded query={keys} of="the trusted keys">
        {({ keys, required, problem, file }) => (
          <div className="stack">
            <div className="cluster">
              <Badge tone={required ? "ok" : "muted"}>{required ? "Signatures are required" : "Signatures are optional"}</Badge>
              <span className="small muted">
                kept in <code>{file}</code>
              </span>
            </div>
            {problem && <Hint kind="warning">{problem}</Hint>}
            {keys.length === 0 ? (
              <Empty title="No key is trusted">
                {required
                  ? "This server loads signed plugins only: add the key of an author first."
                  : "Unsigned plugins are installed all the same, for this server requires no signatures."}
              </Empty>
            ) : (
              <ul className="rows">
                {keys.map((one) => (
                  <li key={one.key} className="row">
                    <div className="row-main">
                      <div className="row-title">{one.name}</div>
                      <code className="small muted">{one.key}</code>
                    </div>
                    <IconButton label={`Remove the key of ${one.name}`} onPress={() => setRemoved(one)}>
                      <Trash2 aria-hidden />
                    </IconButton>
                  </li>
                ))}
              </ul>
            )}
          </div>
        )}
      </Loaded>
      <Dialog title="Add a key" isOpen={adding} onClose={() => setAdding(false)}>
        <Add
          onDone={() => {
            setAdding(false);
            void refresh();
          }}
          onCancel={() => setAdding(false)}
        />
      </Dialog>
      <Confirm
        title={`Remove the key of ${removed?.name}?`}
        isOpen={removed !== null}
        onClose={() => setRemoved(null)}
        action="Remove"
        run={async () => {
          if (removed) {
            await unwrap(api.DELETE("/admin/trusted-keys/{key}", { params: { path: { key: removed.key } } }));
          }
          await refresh();
        }}
      >
        <p>Plugins signed with it are no longer of a trusted author.</p>
      </Confirm>
    </Page>
  );
}

function Add({ onDone, onCancel }: { onDone: () => void; onCancel: () => void }) {
  const [name, setName] = useState("");
  const [key, setKey] = useState("");
  const add = useMutation({
    mutationFn: () => unwrap(api.POST("/admin/trusted-keys", { body: { name, key: key.trim() } })),
    onSuccess: onDone,
  });
  return (
    <Form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        add.mutate();
      }}
    >
      <TextInput label="Name" description="Of the author." value={name} onChange={setName} isRequired autoFocus />
      <TextInput
        label="Public key"
        description="The line of the author's .pub file that begins with RW."
        value={key}
        onChange={setKey}
        isRequired
      />
      {add.isError && <ErrorNotice error={add.error} title="The key was not added" />}
      <footer className="dialog-foot">
        <Button onPress={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" isPending={add.isPending}>
          Add
        </Button>
      </footer>
    </Form>
  );
}
