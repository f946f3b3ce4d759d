import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from "react";

import type { Application, Message } from "../../api/types";
import { MessageCard } from "./card";

interface Props {
  messages: readonly Message[];
  applications: ReadonlyMap<number, Application>;
  hasMore: boolean;
  more: () => void;
  onDelete: (message: Message) => void;
  onTrace: (message: Message) => void;
}

/** Messages from the end at which the next page is read. */
const AHEAD = 20;

/** A list of any length: only what is near the window is in the document. */
export function Feed({ messages, applications, hasMore, more, onDelete, onTrace }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [margin, setMargin] = useState(0);
  useLayoutEffect(() => setMargin(box.current?.offsetTop ?? 0), []);
  const virtual = useWindowVirtualizer({
    count: messages.length,
    estimateSize: () => 120,
    overscan: 6,
    scrollMargin: margin,
    getItemKey: (index) => messages[index]?.id ?? index,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && messages.length > 0 && last >= messages.length - AHEAD) more();
  }, [hasMore, last, messages.length, more]);

  // As in any feed: Page Up and Page Down go from article to article.
  const move = (event: KeyboardEvent) => {
    const step = event.key === "PageDown" ? 1 : event.key === "PageUp" ? -1 : 0;
    const article = (event.target as Element).closest("[data-index]");
    if (step === 0 || !article) return;
    const next = Number(article.getAttribute("data-index")) + step;
    if (next < 0 || next >= messages.length) return;
    event.preventDefault();
    virtual.scrollToIndex(next, { align: "center" });
    requestAnimationFrame(() =>
      box.current?.querySelector<HTMLElement>(`[data-index="${next}"] article`)?.focus({ preventScroll: true }),
    );
  };

  return (
    <div
      ref={box}
      role="feed"
      aria-label="Messages"
      aria-busy={false}
      className="feed"
      style={{ height: virtual.getTotalSize() }}
      onKeyDown={move}
    >
      {items.map((item) => {
        const message = messages[item.index];
        if (!message) return null;
        return (
          <div
            key={item.key}
            ref={virtual.measureElement}
            data-index={item.index}
            className="feed-row"
            style={{ transform: `translateY(${item.start - margin}px)` }}
          >
            <MessageCard
              message={message}
              application={applications.get(message.appid)}
              position={item.index + 1}
              of={hasMore ? -1 : messages.length}
              onDelete={onDelete}
              onTrace={onTrace}
            />
          </div>
        );
      })}
    </div>
  );
}
