/** The lists of messages in the query cache: pages, arrivals, deletions. */
import {
  type InfiniteData,
  type QueryClient,
  useInfiniteQuery,
  useQuery,
} from "@tanstack/react-query";

import { api, unwrap } from "./client";
import { change, refresh } from "./refresh";
import type { Message, PagedMessages } from "./types";

const PAGE = 200;
/** Pages up to which a reconnection reads everything anew. */
const CATCH_UP_PAGES = 25;

/** All applications, or one. */
export type Scope = number | "all";
type Pages = InfiniteData<PagedMessages, number>;

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

/** Puts messages, newest first, on top of a list; those that are in it already are replaced. */
export function withNewest(pages: Pages, arrived: readonly Message[]): Pages {
  const [first, ...rest] = pages.pages;
  if (!first) return pages;
  const known = new Set(pages.pages.flatMap((page) => page.messages.map((message) => message.id)));
  const fresh = arrived.filter((message) => !known.has(message.id));
  const changed = new Map(arrived.map((message) => [message.id, message]));
  if (changed.size === 0) return pages;
  const current = (messages: readonly Message[]) => messages.map((message) => changed.get(message.id) ?? message);
  const messages = [...fresh, ...current(first.messages)].sort((a, b) => b.id - a.id);
  const older = rest.map((page) => ({ ...page, messages: current(page.messages) }));
  return { ...pages, pages: [{ ...first, messages }, ...older] };
}

export function addMessages(client: QueryClient, arrived: readonly Message[]) {
  change<Pages>(client, ["messages"], (pages, [, scope]) => {
    const mine = arrived.filter((message) => scope === "all" || message.appid === scope);
    return withNewest(pages, mine);
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

/**
 * Reads what came while the page was not connected: from the newest message
 * back to the newest one that is known.
 */
export async function catchUp(client: QueryClient): Promise<Message[]> {
  const known = client
    .getQueriesData<Pages>({ queryKey: ["messages"] })
    .flatMap(([, pages]) => pages?.pages[0]?.messages[0]?.id ?? []);
  if (known.length === 0) {
    await refresh(client, ["messages"]);
    return [];
  }
  const newest = Math.max(...known);
  const missed: Message[] = [];
  let since = 0;
  for (let count = 0; count < CATCH_UP_PAGES; count += 1) {
    const { messages, paging } = await page("all", since);
    const fresh = messages.filter((message) => message.id > newest);
    missed.push(...fresh);
    if (fresh.length < messages.length || paging.since === 0) {
      addMessages(client, missed);
      return missed;
    }
    since = paging.since;
  }
  await client.resetQueries({ queryKey: ["messages"] });
  return missed;
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
