/** The lists of messages in the query cache: pages, arrivals, deletions. */
import { type QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { type Pages, withMessages } from "../lib/message-list";
import { api, unwrap } from "./client";
import { change, refresh } from "./refresh";
import type { Message, PagedMessages } from "./types";

const PAGE = 200;
/** Pages up to which a reconnection reads everything anew. */
const CATCH_UP_PAGES = 25;

/** All applications, or one. */
export type Scope = number | "all";

export const messagesKey = (scope: Scope) => ["messages", scope] as const;

function page(scope: Scope, since: number): Promise<PagedMessages> {
  const query = { limit: PAGE, since };
  return scope === "all"
    ? unwrap(api.GET("/message", { params: { query } }))
    : unwrap(api.GET("/application/{id}/message", { params: { path: { id: scope }, query } }));
}

export function useMessages(scope: Scope) {
  return useInfiniteQuery({
    queryKey: messagesKey(scope),
    queryFn: ({ pageParam }) => page(scope, pageParam),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.paging.since > 0 ? last.paging.since : undefined),
    // The stream brings what is new.
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function addMessages(client: QueryClient, arrived: readonly Message[]) {
  change<Pages>(client, ["messages"], (pages, [, scope]) => {
    const mine = arrived.filter((message) => scope === "all" || message.appid === scope);
    return withMessages(pages, mine);
  });
}

export function removeMessage(client: QueryClient, id: number) {
  change<Pages>(client, ["messages"], (pages) => ({
    ...pages,
    pages: pages.pages.map((page) => ({
      ...page,
      messages: page.messages.filter((message) => message.id !== id),
    })),
  }));
}

/** The messages of all lists, by id. */
function listed(client: QueryClient): Map<number, Message> {
  const lists = client.getQueriesData<Pages>({ queryKey: ["messages"] }).flatMap(([, pages]) => pages?.pages ?? []);
  return new Map(lists.flatMap(({ messages }) => messages.map((message) => [message.id, message] as const)));
}

/**
 * Reads what came while the page was not connected: from the newest message
 * back to the newest one that is known, and the changes among those that it reads.
 */
export async function catchUp(client: QueryClient): Promise<void> {
  const known = client
    .getQueriesData<Pages>({ queryKey: ["messages"] })
    .flatMap(([, pages]) => pages?.pages[0]?.messages[0]?.id ?? []);
  if (known.length === 0) return refresh(client, ["messages"]);
  const newest = Math.max(...known);
  const before = listed(client);
  const read: Message[] = [];
  let since = 0;
  for (let count = 0; count < CATCH_UP_PAGES; count += 1) {
    const { messages, paging } = await page("all", since);
    read.push(...messages);
    if (messages.some(({ id }) => id <= newest) || paging.since === 0) {
      // What the stream changed since then is newer than the answers.
      const now = listed(client);
      addMessages(client, read.filter(({ id }) => now.get(id) === before.get(id)));
      return;
    }
    since = paging.since;
  }
  await client.resetQueries({ queryKey: ["messages"] });
}

/** The calls in which a plugin sent a message or was given it. */
export function useCallsAbout(id: number) {
  return useQuery({
    queryKey: ["calls", id],
    queryFn: () => unwrap(api.GET("/message/{id}/calls", { params: { path: { id } } })),
  });
}

export function useTrace(id: number, enabled: boolean) {
  return useQuery({
    queryKey: ["trace", id],
    queryFn: () => unwrap(api.GET("/message/{id}/trace", { params: { path: { id } } })),
    enabled,
  });
}
