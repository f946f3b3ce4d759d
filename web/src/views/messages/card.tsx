import { ListTree, Trash2 } from "lucide-react";
import { memo, useLayoutEffect, useRef, useState } from "react";

import type { Application, Message } from "../../api/types";
import { level, shown } from "../../lib/extras";
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
      <img className="app" src={application ? `/${application.image}` : "/static/defaultapp.png"} alt="" />
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
            {message.priority > 0 && <Badge tone={TONES[urgency]}>Priority {message.priority}</Badge>}
          </p>
        </div>
        <div className="message-actions">
          <IconButton label="Trace: what filters did" onPress={() => onTrace(message)}>
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

/** Shows the beginning of a long text, and the whole on demand. */
export function Body({ text, isMarkdown, image }: { text: string; isMarkdown: boolean; image?: string }) {
  const [open, setOpen] = useState(false);
  const [tall, setTall] = useState(false);
  const clamp = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = clamp.current;
    if (!element) return;
    const look = () => setTall(element.scrollHeight > 260);
    look();
    // Markdown and images arrive later.
    const observer = new ResizeObserver(look);
    for (const child of element.children) observer.observe(child);
    return () => observer.disconnect();
  }, []);
  return (
    <div className={tall && !open ? "message-body clamped" : "message-body"}>
      <div className="clamp" ref={clamp}>
        {isMarkdown ? (
          <Markdown text={text} />
        ) : (
          <div className="plain-text" dir="auto">
            {text}
          </div>
        )}
        {image && <img className="message-image" src={image} alt="" loading="lazy" referrerPolicy="no-referrer" />}
      </div>
      {tall && (
        <Button kind="quiet" onPress={() => setOpen(!open)} aria-expanded={open}>
          {open ? "Show less" : "Show all"}
        </Button>
      )}
    </div>
  );
}
