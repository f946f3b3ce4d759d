import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";

import { api, unwrap } from "../../api/client";
import { useConnected } from "../../api/live";
import { type Scope, useMessages } from "../../api/messages";
import { useApplications } from "../../api/queries";
import { useNow } from "../../api/session";
import type { Application, Message } from "../../api/types";
import { Button } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { Choice, Search } from "../../ui/field";
import { Empty, ErrorNotice, Loading } from "../../ui/notice";
import { Page } from "../../ui/page";
import { useUndoableDelete } from "./delete";
import { Feed } from "./feed";
import { Trace } from "./trace";

export default function Messages() {
  const { application } = useParams();
  const scope: Scope = application ? Number(application) : "all";
  return <MessagesOf key={scope} scope={scope} />;
}

function MessagesOf({ scope }: { scope: Scope }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const connected = useConnected();
  const applications = useApplications();
  const messages = useMessages(scope);
  const [text, setText] = useState("");
  const needle = useDeferredValue(text.trim().toLowerCase());
  const [traced, setTraced] = useState<Message | null>(null);
  const [clearing, setClearing] = useState(false);
  const { hidden, remove } = useUndoableDelete();

  const byId = useMemo(
    () => new Map<number, Application>(applications.data?.map((one) => [one.id, one])),
    [applications.data],
  );
  const now = useNow(10_000);
  const all = useMemo(
    () => messages.data?.pages.flatMap((page) => page.messages.filter((message) => isThere(message, now))) ?? [],
    [messages.data, now],
  );
  const list = useMemo(
    () => all.filter((message) => !hidden.has(message.id) && matches(message, needle)),
    [all, hidden, needle],
  );

  const { hasNextPage, isFetchingNextPage, fetchNextPage } = messages;
  // A search looks at every message, not only at those that were scrolled to.
  useEffect(() => {
    if (needle && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [needle, hasNextPage, isFetchingNextPage, fetchNextPage, messages.data]);

  const title = scope === "all" ? "Messages" : (byId.get(scope)?.name ?? "Messages");
  const options = [
    { id: "all", text: "All applications" },
    ...(applications.data ?? []).map((one) => ({ id: String(one.id), text: one.name })),
  ];
  const clear = async () => {
    await (scope === "all"
      ? unwrap(api.DELETE("/message"))
      : unwrap(api.DELETE("/application/{id}/message", { params: { path: { id: scope } } })));
    await client.resetQueries({ queryKey: ["messages"] });
  };

  return (
    <Page
      title={title}
      lead={
        <span className={connected ? "live on" : "live"} role="status">
          {connected ? "Live: new messages appear by themselves" : "Not connected; trying again"}
        </span>
      }
      actions={
        <Button icon={<Trash2 aria-hidden />} onPress={() => setClearing(true)} isDisabled={all.length === 0}>
          Delete all
        </Button>
      }
    >
      <div className="toolbar">
        <Search label="Search messages" value={text} onChange={setText} />
        <Choice
          label="Application"
          hideLabel
          value={String(scope)}
          onChange={(id) => void navigate(id === "all" ? "/" : `/messages/${id}`)}
          options={options}
        />
      </div>
      {needle && (
        <p className="small muted" role="status">
          {list.length} of {all.length} messages{isFetchingNextPage || hasNextPage ? ", still searching older ones" : ""}
        </p>
      )}
      {messages.isPending && !messages.isError && <Loading text="Loading the messages" />}
      {messages.isError && (
        <ErrorNotice
          error={messages.error}
          title="Could not load the messages"
          retry={() => void messages.refetch()}
        />
      )}
      {messages.isSuccess && list.length === 0 && !isFetchingNextPage && (
        <Nothing searched={needle !== ""} hasApplications={byId.size > 0} />
      )}
      {list.length > 0 && (
        <Feed
          messages={list}
          applications={byId}
          hasMore={hasNextPage}
          more={() => !isFetchingNextPage && void fetchNextPage()}
          onDelete={remove}
          onTrace={setTraced}
        />
      )}
      <Trace message={traced} onClose={() => setTraced(null)} />
      <Confirm
        title="Delete all messages?"
        isOpen={clearing}
        onClose={() => setClearing(false)}
        action="Delete all"
        run={clear}
      >
        <p>
          {scope === "all"
            ? "This deletes every message of every application. It cannot be undone."
            : `This deletes every message of ${title}. It cannot be undone.`}
        </p>
      </Confirm>
    </Page>
  );
}

/** Whether the time at which the server deletes it is still to come. */
function isThere({ expiresAt }: Message, now: number): boolean {
  return !expiresAt || new Date(expiresAt).getTime() > now;
}

function matches(message: Message, needle: string): boolean {
  return (
    needle === "" ||
    message.title.toLowerCase().includes(needle) ||
    message.message.toLowerCase().includes(needle)
  );
}

function Nothing({ searched, hasApplications }: { searched: boolean; hasApplications: boolean }) {
  if (searched) return <Empty title="No message has this text">Search for less, or in all applications.</Empty>;
  if (!hasApplications) {
    return (
      <Empty title="No messages yet">
        Messages come from applications. <Link to="/applications">Create the first application</Link> and send with its
        token.
      </Empty>
    );
  }
  return <Empty title="No messages">What your applications send appears here at once.</Empty>;
}
