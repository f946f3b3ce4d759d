// A message's text in Telegram's HTML.

import type { Message } from "./sdk/index.js";

// Telegram's bound, which does not count markup.
const LONGEST = 4096;
const LONGEST_TITLE = 256;

/** The title in bold, with the message's link if it has one, and the body. */
export function html({ application, content }: Message): string {
  const title = cut(content.title || application.name, LONGEST_TITLE);
  const body = cut(content.body, LONGEST - title.length - 1);
  const url = link(content.extras);
  const shown = url ? `<a href="${escape(url)}">${escape(title)}</a>` : escape(title);
  return `<b>${shown}</b>\n${escape(body)}`;
}

/** Escapes the characters that are markup. */
export function escape(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

/** Shortens a text to a number of UTF-16 units, and does not divide a character. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** The link that a tap on the message opens. */
function link(extras: string | null | undefined): string | undefined {
  try {
    const url = JSON.parse(extras || "{}")["client::notification"]?.click?.url;
    return typeof url === "string" && /^https?:\/\//.test(url) ? url : undefined;
  } catch {
    return undefined;
  }
}
