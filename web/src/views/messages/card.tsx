import { ListTree, Trash2 } from "lucide-react";
import { memo, useLayoutEffect, useMemo, useRef, useState } from "react";

import type { Application, Message } from "../../api/types";
import { level, shown } from "../../lib/extras";
import { below } from "../../lib/root";
import { Badge } from "../../ui/badge";
import { Button, IconButton } from "../../ui/button";
import { Markdown } from "../../ui/markdown";
import { Time } from "../../ui/time";

interface Props {
  message: Message;
  application?: Application;
  position: number;
  of: number;
  onDelete: (message: Message) => void;
  onTrace: (message: Message) => void;
}

const TONES = { silent: "muted", low: "info", medium: "warning", high: "error" } as const;

export const MessageCard = memo(function MessageCard({ message, application, position, of, onDelete, onTrace }: Props) {
  const { isMarkdown, click, image } = shown(message);
  const urgency = level(message.priority);
  return (
    <article
      className={`message ${urgency}`}
      tabIndex={0}
      aria-labelledby={`message-${message.id}`}
      aria-posinset={position}
      aria-setsize={of}
    >
      <img className="app" src={below(application?.image ?? "/static/defaultapp.png")} alt="" />
      <div className="message-head">
        <div className="message-title">
          <h2 id={`message-${message.id}`} dir="auto">
            {click ? (
              <a href={click} target="_blank" rel="noopener noreferrer">
                {message.title}
              </a>
            ) : (
              message.title
            )}
          </h2>
          <p className="message-meta">
            {application && <span>{application.name}</span>}
            <Time date={message.date} />
            {message.expiresAt && (
              <span>
                Deleted <Time date={message.expiresAt} />
              </span>
            )}
            {message.priority > 0 && <Badge tone={TONES[urgency]}>Priority {message.priority}</Badge>}
          </p>
        </div>
        <div className="message-actions">
          <IconButton label="Trace: filters and deliveries" onPress={() => onTrace(message)}>
            <ListTree aria-hidden />
          </IconButton>
          <IconButton label="Delete" onPress={() => onDelete(message)}>
            <Trash2 aria-hidden />
          </IconButton>
        </div>
      </div>
      <Body text={message.message} isMarkdown={isMarkdown} image={image} />
    </article>
  );
});

/** A closed message has no more than this of its text in the document. */
const PREVIEW_CHARACTERS = 4000;
const PREVIEW_LINES = 60;
/** Height in pixels above which a text is cut off until it is opened. */
const TALLEST = 260;

/** The beginning of a text; the text itself if it is short. */
export function preview(text: string): string {
  let end = Math.min(text.length, PREVIEW_CHARACTERS);
  let line = -1;
  for (let count = 0; count < PREVIEW_LINES; count += 1) {
    line = text.indexOf("\n", line + 1);
    if (line < 0 || line >= end) break;
  }
  if (line >= 0 && line < end) end = line;
  // Half of a surrogate pair would be shown as a wrong character.
  return end < text.length ? text.slice(0, end).replace(/[\uD800-\uDBFF]$/, "") : text;
}

/** Shows the beginning of a long text, and the whole on demand. */
export function Body({ text, isMarkdown, image }: { text: string; isMarkdown: boolean; image?: string }) {
  const [open, setOpen] = useState(false);
  const [overflows, setOverflows] = useState(false);
  const clamp = useRef<HTMLDivElement>(null);
  const beginning = useMemo(() => preview(text), [text]);
  const isCut = beginning.length < text.length;
  useLayoutEffect(() => {
    const element = clamp.current;
    if (!element) return;
    const look = () => setOverflows(element.scrollHeight > TALLEST);
    look();
    // Markdown and images arrive later.
    const observer = new ResizeObserver(look);
    for (const child of element.children) observer.observe(child);
    return () => observer.disconnect();
  }, []);
  const tall = isCut || overflows;
  const shownText = open ? text : beginning;
  const toggle = () => {
    setOpen(!open);
    // The end of a long text is far below its beginning.
    if (open) requestAnimationFrame(() => clamp.current?.closest("article")?.scrollIntoView({ block: "nearest" }));
  };
  return (
    <div className={tall && !open ? "message-body clamped" : "message-body"}>
      <div className="clamp" ref={clamp}>
        {isMarkdown ? (
          <Markdown text={shownText} />
        ) : (
          <div className="plain-text" dir="auto">
            {shownText}
          </div>
        )}
        {image && <img className="message-image" src={image} alt="" loading="lazy" referrerPolicy="no-referrer" />}
      </div>
      {tall && (
        <Button kind="quiet" onPress={toggle} aria-expanded={open}>
          {open ? "Show less" : "Show all"}
        </Button>
      )}
    </div>
  );
}
