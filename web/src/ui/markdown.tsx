/**
 * Markdown of others: senders' messages and plugins' displays. `marked` makes
 * HTML of it and DOMPurify leaves only harmless elements; the page's policy
 * keeps script out even if both err.
 */
import DOMPurify from "dompurify";
import { Marked } from "marked";
import { useEffect, useRef } from "react";

const TAGS = [
  "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li",
  "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
];
const ATTRIBUTES = ["href", "src", "alt", "title", "align", "start"];
const ADDRESS = /^(?:https?:|mailto:|tel:|\/(?!\/)|#)/i;
/** Longer texts are shown as they are: laying them out would block the page. */
const LONGEST = 200_000;

/** HTML in Markdown is shown as text, as Gotify's page does. */
const parser = new Marked({
  gfm: true,
  breaks: true,
  renderer: { html: ({ text, block }) => (block ? `<p>${escaped(text)}</p>` : escaped(text)) },
});

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  }
  if (node.tagName === "IMG") {
    // The library lets images be `data:`; nothing that others write may be.
    if (!ADDRESS.test(node.getAttribute("src") ?? "")) node.removeAttribute("src");
    node.setAttribute("loading", "lazy");
    node.setAttribute("referrerpolicy", "no-referrer");
    if (!node.hasAttribute("alt")) node.setAttribute("alt", "");
  }
});

/** Returns harmless nodes for a Markdown text. */
export function render(text: string): DocumentFragment {
  const html = parser.parse(text, { async: false });
  return purifier.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOWED_URI_REGEXP: ADDRESS,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}

export function Markdown({ text, className }: { text: string; className?: string }) {
  const box = useRef<HTMLDivElement>(null);
  const long = text.length > LONGEST;
  useEffect(() => {
    const element = box.current;
    if (!element || long) return;
    element.replaceChildren(render(text));
    // Headings of others must not appear in the page's outline.
    for (const heading of element.querySelectorAll("h1,h2,h3,h4,h5,h6")) {
      const flat = document.createElement("p");
      flat.className = `md-${heading.tagName.toLowerCase()}`;
      flat.append(...heading.childNodes);
      heading.replaceWith(flat);
    }
    // A table without headings has empty ones in Markdown: they head nothing.
    for (const empty of element.querySelectorAll("th:empty")) empty.replaceWith(document.createElement("td"));
    // What scrolls must be reachable by keyboard.
    for (const wide of element.querySelectorAll("pre,table")) wide.setAttribute("tabindex", "0");
  }, [text, long]);
  const classes = `markdown ${className ?? ""}`;
  if (long) return <div className={`${classes} plain-text`}>{text}</div>;
  return <div ref={box} className={classes} dir="auto" />;
}

/** Whether an address may become a link or an image. */
export function isHarmless(address: string): boolean {
  try {
    return ["http:", "https:", "mailto:", "tel:"].includes(new URL(address, location.origin).protocol);
  } catch {
    return false;
  }
}
