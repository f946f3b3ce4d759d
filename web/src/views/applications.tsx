import { useMutation, useQueryClient } from "@tanstack/react-query";
import { generateKeyBetween } from "fractional-indexing";
import { GripVertical, ImageUp, KeyRound, Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button as AriaButton, FileTrigger, Form, GridListItem, useDragAndDrop } from "react-aria-components";
import { Link } from "react-router";

import { api, raw, unwrap } from "../api/client";
import { useApplications } from "../api/queries";
import type { Application } from "../api/types";
import { below, inFull } from "../lib/root";
import { Badge } from "../ui/badge";
import { Button, IconButton } from "../ui/button";
import { Copy } from "../ui/copy";
import { Confirm, Dialog } from "../ui/dialog";
import { FileDrop } from "../ui/drop";
import { NumberInput, TextInput } from "../ui/field";
import { Empty, ErrorNotice } from "../ui/notice";
import { Page } from "../ui/page";
import { Loaded } from "../ui/query";
import { SortableList } from "../ui/sortable";
import { Time } from "../ui/time";
import { toast } from "../ui/toast";

export default function Applications() {
  const client = useQueryClient();
  const applications = useApplications();
  const [edited, setEdited] = useState<Application | "new" | null>(null);
  const [deleted, setDeleted] = useState<Application | null>(null);
  const [rekeyed, setRekeyed] = useState<Application | null>(null);
  const [token, setToken] = useState<{ name: string; token: string } | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ["applications"] });

  const move = useMutation({
    mutationFn: ({ application, key }: { application: Application; key: string }) =>
      unwrap(
        api.PUT("/application/{id}", {
          params: { path: { id: application.id } },
          body: { ...fields(application), sortKey: key },
        }),
      ),
    onMutate: ({ application, key }) => {
      client.setQueryData<Application[]>(["applications"], (list) =>
        list
          ?.map((one) => (one.id === application.id ? { ...one, sortKey: key } : one))
          .sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1)),
      );
    },
    onError: (error) => toast(`The order was not saved: ${error.message}`),
    onSettled: refresh,
  });

  const list = applications.data ?? [];
  const { dragAndDropHooks } = useDragAndDrop({
    getItems: (keys) => [...keys].map((key) => ({ "text/plain": list.find((one) => one.id === key)?.name ?? "" })),
    onReorder: ({ keys, target }) => {
      const [id] = keys;
      const application = list.find((one) => one.id === id);
      const others = list.filter((one) => one.id !== id);
      const at = others.findIndex((one) => one.id === target.key) + (target.dropPosition === "after" ? 1 : 0);
      if (!application) return;
      const key = generateKeyBetween(others[at - 1]?.sortKey ?? null, others[at]?.sortKey ?? null);
      move.mutate({ application, key });
    },
  });

  return (
    <Page
      title="Applications"
      lead="An application sends messages with its token. Drag it by its handle to sort."
      actions={
        <Button kind="primary" icon={<Plus aria-hidden />} onPress={() => setEdited("new")}>
          Create application
        </Button>
      }
    >
      <Loaded query={applications} of="the applications">
        {(list) =>
          list.length === 0 ? (
            <Empty title="No applications yet">
              Create one for each program that is to send messages, such as “Backup”.
            </Empty>
          ) : (
            <SortableList aria-label="Applications" items={list} dragAndDropHooks={dragAndDropHooks}>
              {(one) => (
                <GridListItem id={one.id} textValue={one.name} className="row">
                  <AriaButton slot="drag" className="icon-button" aria-label={`Move ${one.name}`}>
                    <GripVertical aria-hidden />
                  </AriaButton>
                  <Picture application={one} onDone={refresh} />
                  <div className="row-main">
                    <div className="row-title">
                      <Link to={`/messages/${one.id}`}>{one.name}</Link>
                      {one.internal && <Badge tone="info">Of a plugin</Badge>}
                    </div>
                    {one.description && <p className="small">{one.description}</p>}
                    <p className="small muted">
                      Priority {one.defaultPriority} ·{" "}
                      {one.lastUsed ? (
                        <>
                          used <Time date={one.lastUsed} />
                        </>
                      ) : (
                        "never used"
                      )}
                      {kept(one)}
                    </p>
                  </div>
                  <div className="row-side">
                    <IconButton label={`Edit ${one.name}`} onPress={() => setEdited(one)}>
                      <Pencil aria-hidden />
                    </IconButton>
                    {!one.internal && (
                      <>
                        <IconButton label={`New token for ${one.name}`} onPress={() => setRekeyed(one)}>
                          <KeyRound aria-hidden />
                        </IconButton>
                        <IconButton label={`Delete ${one.name}`} onPress={() => setDeleted(one)}>
                          <Trash2 aria-hidden />
                        </IconButton>
                      </>
                    )}
                  </div>
                </GridListItem>
              )}
            </SortableList>
          )
        }
      </Loaded>
      <Dialog
        title={edited === "new" ? "Create application" : "Edit application"}
        isOpen={edited !== null}
        onClose={() => setEdited(null)}
      >
        {edited && (
          <Editor
            application={edited === "new" ? null : edited}
            onDone={(created) => {
              setEdited(null);
              if (created) setToken(created);
              void refresh();
            }}
            onCancel={() => setEdited(null)}
          />
        )}
      </Dialog>
      <Dialog title={`Token of ${token?.name}`} isOpen={token !== null} onClose={() => setToken(null)}>
        {token && <TokenOnce token={token.token} />}
        <footer className="dialog-foot">
          <Button kind="primary" onPress={() => setToken(null)}>
            Done
          </Button>
        </footer>
      </Dialog>
      <Confirm
        title={`New token for ${rekeyed?.name}?`}
        isOpen={rekeyed !== null}
        onClose={() => setRekeyed(null)}
        action="Replace token"
        run={async () => {
          if (!rekeyed) return;
          const answer = await unwrap(
            api.PUT("/application/{id}/security", {
              params: { path: { id: rekeyed.id } },
              body: { regenerateToken: true },
            }),
          );
          if (answer.regenerateToken) setToken({ name: rekeyed.name, token: answer.regenerateToken.token });
        }}
      >
        <p>The present token stops working at once. Programs that use it need the new one.</p>
      </Confirm>
      <Confirm
        title={`Delete ${deleted?.name}?`}
        isOpen={deleted !== null}
        onClose={() => setDeleted(null)}
        action="Delete"
        run={async () => {
          if (!deleted) return;
          await unwrap(api.DELETE("/application/{id}", { params: { path: { id: deleted.id } } }));
          await Promise.all([refresh(), client.resetQueries({ queryKey: ["messages"] })]);
        }}
      >
        <p>Its messages are deleted with it, and its token stops working.</p>
      </Confirm>
    </Page>
  );
}

function fields({ name, description, defaultPriority, sortKey }: Application) {
  return { name, description, defaultPriority, sortKey };
}

const DAY = 24 * 60 * 60;

/** The messages that an application keeps, in words; empty without a bound of its own. */
function kept({ keepMessagesForSeconds: seconds, keepMessages: count }: Application) {
  const days = seconds && Math.round((seconds / DAY) * 10) / 10;
  const time = days ? ` · keeps messages for ${days} ${days === 1 ? "day" : "days"}` : "";
  return time + (count ? ` · keeps the ${count} newest` : "");
}

/** The value of a number field, whose empty text is not a number. */
const orZero = (value: number) => (Number.isNaN(value) ? 0 : value);

interface EditorProps {
  application: Application | null;
  onDone: (created: { name: string; token: string } | null) => void;
  onCancel: () => void;
}

function Editor({ application, onDone, onCancel }: EditorProps) {
  const [name, setName] = useState(application?.name ?? "");
  const [description, setDescription] = useState(application?.description ?? "");
  const [priority, setPriority] = useState(application?.defaultPriority ?? 0);
  const [days, setDays] = useState((application?.keepMessagesForSeconds ?? Number.NaN) / DAY);
  const [count, setCount] = useState(application?.keepMessages ?? Number.NaN);
  const save = useMutation({
    mutationFn: async () => {
      const changed = { name, description, defaultPriority: orZero(priority) };
      if (!application) {
        const { token } = await unwrap(api.POST("/application", { body: { ...changed, sortKey: "" } }));
        return { name, token };
      }
      const params = { path: { id: application.id } };
      await unwrap(api.PUT("/application/{id}", { params, body: { ...changed, sortKey: application.sortKey } }));
      const retention = { keepMessagesForSeconds: Math.round(orZero(days) * DAY), keepMessages: orZero(count) };
      await unwrap(api.PUT("/application/{id}/retention", { params, body: retention }));
      return null;
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
      <TextInput label="Name" value={name} onChange={setName} isRequired autoFocus maxLength={128} />
      <TextInput label="Description" value={description} onChange={setDescription} lines={2} />
      <NumberInput
        label="Default priority"
        description="For messages that bring none: 0 is silent, 10 urgent."
        value={priority}
        onChange={setPriority}
        formatOptions={{ maximumFractionDigits: 0 }}
      />
      {application && (
        <>
          <NumberInput
            label="Days to keep messages"
            description="Older messages are deleted. Empty: as the server’s settings say."
            value={days}
            onChange={setDays}
            minValue={0}
            formatOptions={{ maximumFractionDigits: 3 }}
          />
          <NumberInput
            label="Messages to keep"
            description="Only the newest ones stay. Empty: as the server’s settings say."
            value={count}
            onChange={setCount}
            minValue={0}
            formatOptions={{ maximumFractionDigits: 0 }}
          />
        </>
      )}
      {save.isError && <ErrorNotice error={save.error} />}
      <footer className="dialog-foot">
        <Button onPress={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" isPending={save.isPending}>
          {application ? "Save" : "Create"}
        </Button>
      </footer>
    </Form>
  );
}

function TokenOnce({ token }: { token: string }) {
  const curl = `curl "${inFull("/message")}" -H "X-Gotify-Key: ${token}" -F "title=Hello" -F "message=It works"`;
  return (
    <div className="stack">
      <p>Copy the token now: the server keeps only a hash of it and cannot show it again.</p>
      <Copy text={token} label="token" />
      <p>Try it:</p>
      <Copy text={curl} label="command" />
    </div>
  );
}

const IMAGES = ["image/png", "image/jpeg", "image/gif"];

/** The application's image; another one is dropped on it, or chosen. */
function Picture({ application, onDone }: { application: Application; onDone: () => void }) {
  const upload = useMutation({
    mutationFn: (file: File) => {
      const body = new FormData();
      body.append("file", file);
      return raw(`/application/${application.id}/image`, { method: "POST", body });
    },
    onSuccess: () => toast(`${application.name} has a new image`),
    onError: (error) => toast(`The image was not taken: ${error.message}`),
    onSettled: onDone,
  });
  return (
    <FileDrop
      className="app-drop"
      label={`Image of ${application.name}`}
      types={IMAGES}
      onFiles={([file]) => file && upload.mutate(file)}
    >
      <FileTrigger acceptedFileTypes={IMAGES} onSelect={(files) => files?.[0] && upload.mutate(files[0])}>
        <AriaButton className="app-image" aria-label={`Change the image of ${application.name}`}>
          <img className="app" src={below(application.image)} alt="" />
          <ImageUp aria-hidden />
        </AriaButton>
      </FileTrigger>
    </FileDrop>
  );
}
