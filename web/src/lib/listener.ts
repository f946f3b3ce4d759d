/** The position of a listener among the messages, in words. */
import type { ListenerPosition } from "../api/types";

/** The server counts waiting messages up to this number. */
const MOST_COUNTED = 10_000;

/** The first message that a listener receives: the next new one, the first stored one, or one by its number. */
export type Start = "now" | "beginning" | number;

/** The message after which a listener goes on from a start; null for the newest one. */
export function after(start: Start): number | null {
  if (start === "now") return null;
  return start === "beginning" ? 0 : start - 1;
}

/** The number of messages that wait, as a sentence. */
export function waiting({ waiting }: Pick<ListenerPosition, "waiting">): string {
  if (waiting === 0) return "No message waits for it.";
  if (waiting === 1) return "1 message waits for it.";
  return waiting < MOST_COUNTED
    ? `${waiting} messages wait for it.`
    : `${MOST_COUNTED.toLocaleString("en")} messages or more wait for it.`;
}

/** The next message, as a sentence. */
export function position({ after }: Pick<ListenerPosition, "after">): string {
  if (after === 0) return "Its next message is the first one that is stored.";
  return `Its next message is the one after ${after}.`;
}

/** The consequence of a start for a listener at a position. */
export function consequence(start: Start, at: ListenerPosition): string {
  if (start === "now") {
    return at.waiting === 0
      ? "The plugin goes on with the next new message."
      : "The plugin leaves out all messages that wait, and goes on with the next new one.";
  }
  const to = start === "beginning" ? 1 : start;
  const next = at.after + 1;
  if (to === next) return "The plugin goes on where it is.";
  if (to > next) return `The plugin leaves out the waiting messages before ${to}.`;
  const first = start === "beginning" ? "all stored messages" : `the messages from ${to}`;
  return `The plugin receives ${first} up to ${at.after} again. A plugin that forwards messages forwards them again.`;
}
