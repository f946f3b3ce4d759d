import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Form } from "react-aria-components";

import { api, unwrap } from "../api/client";
import { useUsers } from "../api/queries";
import { useUser } from "../api/session";
import type { User } from "../api/types";
import { Badge } from "../ui/badge";
import { Button, IconButton } from "../ui/button";
import { Confirm, Dialog } from "../ui/dialog";
import { Switch, TextInput } from "../ui/field";
import { ErrorNotice } from "../ui/notice";
import { Page } from "../ui/page";
import { Loaded } from "../ui/query";
import { Time } from "../ui/time";

export default function Users() {
  const me = useUser();
  const client = useQueryClient();
  const users = useUsers();
  const [edited, setEdited] = useState<User | "new" | null>(null);
  const [deleted, setDeleted] = useState<User | null>(null);
  const refresh = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ["users"] }),
      client.invalidateQueries({ queryKey: ["current-user"] }),
    ]);
  return (
    <Page
      title="Users"
      lead="Each user has applications, clients, messages and plugins of their own."
      actions={
        <Button kind="primary" icon={<Plus aria-hidden />} onPress={() => setEdited("new")}>
          Create user
        </Button>
      }
    >
      <Loaded query={users} of="the users">
        {(list) => (
          <ul className="rows">
            {list.map((one) => (
              <li key={one.id} className="row">
                <div className="row-main">
                  <div className="row-title">
                    <span>{one.name}</span>
                    {one.admin && <Badge tone="info">Administrator</Badge>}
                    {one.id === me.id && <Badge tone="ok">You</Badge>}
                  </div>
                  <p className="small muted">
                    Created <Time date={one.createdAt} />
                  </p>
                </div>
                <div className="row-side">
                  <IconButton label={`Edit ${one.name}`} onPress={() => setEdited(one)}>
                    <Pencil aria-hidden />
                  </IconButton>
                  {one.id !== me.id && (
                    <IconButton label={`Delete ${one.name}`} onPress={() => setDeleted(one)}>
                      <Trash2 aria-hidden />
                    </IconButton>
                  )}
                </div>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      <Dialog
        title={edited === "new" ? "Create user" : "Edit user"}
        isOpen={edited !== null}
        onClose={() => setEdited(null)}
      >
        {edited && (
          <Editor
            user={edited === "new" ? null : edited}
            onDone={() => {
              setEdited(null);
              void refresh();
            }}
            onCancel={() => setEdited(null)}
          />
        )}
      </Dialog>
      <Confirm
        title={`Delete ${deleted?.name}?`}
        isOpen={deleted !== null}
        onClose={() => setDeleted(null)}
        action="Delete"
        run={async () => {
          if (deleted) await unwrap(api.DELETE("/user/{id}", { params: { path: { id: deleted.id } } }));
          await refresh();
        }}
      >
        <p>All applications, clients, messages and plugin data of this user are deleted too.</p>
      </Confirm>
    </Page>
  );
}

function Editor({ user, onDone, onCancel }: { user: User | null; onDone: () => void; onCancel: () => void }) {
  const [name, setName] = useState(user?.name ?? "");
  const [pass, setPass] = useState("");
  const [admin, setAdmin] = useState(user?.admin ?? false);
  const save = useMutation({
    mutationFn: () => {
      const body = { name, pass, admin };
      return user
        ? unwrap(api.POST("/user/{id}", { params: { path: { id: user.id } }, body }))
        : unwrap(api.POST("/user", { body }));
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
      <TextInput label="Name" value={name} onChange={setName} isRequired autoFocus autoComplete="off" />
      <TextInput
        label="Password"
        type="password"
        autoComplete="new-password"
        value={pass}
        onChange={setPass}
        isRequired={!user}
        description={user ? "Leave it empty to keep the present one." : undefined}
      />
      <Switch isSelected={admin} onChange={setAdmin}>
        Administrator: may install plugins and manage users
      </Switch>
      {save.isError && <ErrorNotice error={save.error} />}
      <footer className="dialog-foot">
        <Button onPress={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" isPending={save.isPending}>
          {user ? "Save" : "Create"}
        </Button>
      </footer>
    </Form>
  );
}
