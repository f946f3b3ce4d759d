/** A list of messages in pages, newest first. */
import type { InfiniteData } from "@tanstack/react-query";

import type { Message, PagedMessages } from "../api/types";

export type Pages = InfiniteData<PagedMessages, number>;

/**
 * Puts messages into a list, each in its place. One that is in the list already is
 * replaced: it was changed. One of a page that is not read yet comes with that page.
 */
export function withMessages(pages: Pages, arrived: readonly Message[]): Pages {
  if (arrived.length === 0) return pages;
  const byId = new Map(arrived.map((message) => [message.id, message]));
  const known = new Set(pages.pages.flatMap((page) => page.messages.map(({ id }) => id)));
  const fresh = [...byId.values()].filter(({ id }) => !known.has(id));
  let above = Number.POSITIVE_INFINITY;
  const placed = pages.pages.map((page) => {
    const { since } = page.paging;
    const end = above;
    above = since;
    const current = page.messages.map((message) => byId.get(message.id) ?? message);
    // The page ends with the message `since`; the list ends with a page of 0.
    const more = fresh.filter(({ id }) => id >= since && id < end);
    return { ...page, messages: more.length > 0 ? [...more, ...current].sort((a, b) => b.id - a.id) : current };
  });
  return { ...pages, pages: placed };
}
