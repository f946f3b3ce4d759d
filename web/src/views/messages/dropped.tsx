import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { ListTree, RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";

import { api, unwrap } from "../../api/client";
import { useApplications } from "../../api/queries";
import type { Dropped } from "../../api/types";
import { shown } from "../../lib/extras";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { Confirm, Dialog } from "../../ui/dialog";
import { Empty, ErrorNotice, Loading } from "../../ui/notice";
import { Page } from "../../ui/page";
import { Time } from "../../ui/time";
import { toast } from "../../ui/toast";
import { Body } from "./card";
import { Steps } from "./trace";

function useDropped() {
  return useInfiniteQuery({
    queryKey: ["dropped"],
    queryFn: ({ pageParam }) =>
      unwrap(api.GET("/message/dropped", { params: { query: { limit: 50, since: pageParam } } })),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.paging.since > 0 ? last.paging.since : undefined),
  });
}

export default function DroppedMessages() {
  const client = useQueryClient();
  const dropped = useDropped();
  const applications = useApplications();
  const [traced, setTraced] = useState<Dropped | null>(null);
  const [clearing, setClearing] = useState(false);
  const refresh = () => client.invalidateQueries({ queryKey: ["dropped"] });
  const restore = useMutation({
    mutationFn: ({ id }: Dropped) => unwrap(api.POST("/message/dropped/{id}/restore", { params: { path: { id } } })),
    onSuccess: ({ id }, { updates }) =>
      toast(id === updates ? `Message ${id} has the change now` : "The message is among your messages again"),
    onSettled: refresh,
  });
  const remove = useMutation({
    mutationFn: (id: number) => unwrap(api.DELETE("/message/dropped/{id}", { params: { path: { id } } })),
    onSettled: refresh,
  });
  const list = dropped.data?.pages.flatMap((page) => page.messages) ?? [];
  const nameOf = (id: number) => applications.data?.find((one) => one.id === id)?.name ?? `Application ${id}`;
  return (
    <Page
      title="Dropped messages"
      lead="Filters dropped these instead of storing them. They are kept for a week."
      actions={
        <Button icon={<Trash2 aria-hidden />} onPress={() => setClearing(true)} isDisabled={list.length === 0}>
          Delete all
        </Button>
      }
    >
      {dropped.isPending && !dropped.isError && <Loading text="Loading the dropped messages" />}
      {dropped.isError && (
        <ErrorNotice
          error={dropped.error}
          title="Could not load the dropped messages"
          retry={() => void dropped.refetch()}
        />
      )}
      {restore.isError && <ErrorNotice error={restore.error} title="The message was not restored" />}
      {remove.isError && <ErrorNotice error={remove.error} title="The message was not deleted" />}
      {dropped.isSuccess && list.length === 0 && (
        <Empty title="No dropped messages">
          A filter that drops a message says why, and the message waits here. <Link to="/plugins">Your plugins</Link>
        </Empty>
      )}
      <ul className="list">
        {list.map((message) => (
          <li key={message.id}>
            <article className="card" aria-label={message.title}>
              <div className="card-head">
                <div>
                  <h2 dir="auto">{message.title}</h2>
                  <p className="message-meta">
                    <span>{nameOf(message.appid)}</span>
                    <Time date={message.date} />
                    <Badge tone={message.kind === "refused" ? "error" : "warning"}>
                      {message.kind === "refused" ? "Rejected" : "Dropped"} by {message.by.name}
                    </Badge>
                    {message.updates && <Badge tone="info">Change of message {message.updates}</Badge>}
                  </p>
                </div>
                <div className="actions">
                  <Button
                    icon={<RotateCcw aria-hidden />}
                    onPress={() => restore.mutate(message)}
                    isPending={restore.isPending && restore.variables.id === message.id}
                  >
                    Restore
                  </Button>
                  <Button icon={<ListTree aria-hidden />} onPress={() => setTraced(message)}>
                    Trace
                  </Button>
                  <Button icon={<Trash2 aria-hidden />} onPress={() => remove.mutate(message.id)}>
                    Delete
                  </Button>
                </div>
              </div>
              {message.reason && <p className="reason">Reason: {message.reason}</p>}
              {message.updates && (
                <p className="small muted">
                  Message {message.updates} stayed as it was. <em>Restore</em> changes it. If it was deleted,{" "}
                  <em>Restore</em> stores a new message.
                </p>
              )}
              {message.expiresAt && (
                <p className="small muted">
                  Its sender has it deleted <Time date={message.expiresAt} />. <em>Restore</em> ignores a time that has
                  passed.
                </p>
              )}
              <Body text={message.message} {...shown(message)} />
              <p className="small muted">
                Deleted for good <Time date={message.keptUntil} />
              </p>
            </article>
          </li>
        ))}
      </ul>
      {dropped.hasNextPage && (
        <Button onPress={() => void dropped.fetchNextPage()} isPending={dropped.isFetchingNextPage}>
          Show older ones
        </Button>
      )}
      <Dialog title="Trace" isOpen={traced !== null} onClose={() => setTraced(null)} wide>
        {traced && <Steps steps={traced.trace} />}
      </Dialog>
      <Confirm
        title="Delete all dropped messages?"
        isOpen={clearing}
        onClose={() => setClearing(false)}
        action="Delete all"
        run={async () => {
          await unwrap(api.DELETE("/message/dropped"));
          await refresh();
        }}
      >
        <p>They cannot be restored afterwards.</p>
      </Confirm>
    </Page>
  );
}
