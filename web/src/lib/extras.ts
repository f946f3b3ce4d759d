/** The extras of a message that Gotify's clients show. */
import type { Message } from "../api/types";
import { isHarmless } from "../ui/markdown";

interface Shown {
  isMarkdown: boolean;
  click?: string;
  image?: string;
}

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner && typeof inner === "object" ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  );
}

function address(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && isHarmless(value) ? value : undefined;
}

export function shown(message: Message): Shown {
  const { extras } = message;
  return {
    isMarkdown: at(extras, "client::display", "contentType") === "text/markdown",
    click: address(at(extras, "client::notification", "click", "url")),
    image: address(at(extras, "client::notification", "bigImageUrl")),
  };
}

export type PriorityLevel = "silent" | "low" | "medium" | "high";

/** The levels of Gotify's clients. */
export function level(priority: number): PriorityLevel {
  if (priority <= 0) return "silent";
  if (priority < 4) return "low";
  return priority < 8 ? "medium" : "high";
}
