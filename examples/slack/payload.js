// A message in the format of Slack's incoming webhooks.

// Slack's bound is 40,000 characters, after which it cuts the text without a word.
// An escaped character may count as five.
const LONGEST = 8000;
const LONGEST_TITLE = 256;

/** The title in bold, with the message's link if it has one, and the body. */
export function payload({ application, content }, { mention_from }) {
  const title = escape(cut((content.title || application.name).replace(/\s+/g, " "), LONGEST_TITLE));
  const body = escape(cut(content.body, LONGEST));
  const url = link(content.extras);
  const shown = url ? `<${url}|${title}>` : title;
  const mention = content.priority >= mention_from ? "<!channel> " : "";
  return { text: `${mention}*${shown}*\n${body}`, unfurl_links: false, unfurl_media: false };
}

/** Escapes the three characters that Slack uses for markup. */
function escape(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** Shortens a text, and does not divide a character. */
function cut(text, most) {
  if (text.length <= most) return text;
  return `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** The link that a tap on the message opens. */
function link(extras) {
  try {
    const url = JSON.parse(extras || "{}")["client::notification"]?.click?.url;
    // Neither is allowed in an address, and both would end Slack's link.
    return /^https?:\/\/[^|<>\s]+$/.test(url) ? escape(url) : undefined;
  } catch {
    return undefined;
  }
}
