"""A message in the format of Discord's webhooks: an embed with a colour."""

# A component contains only the codecs that are imported while it is built.
import encodings.utf_16_le  # noqa: F401
import json
import re
from datetime import datetime, timezone

# Discord's bounds. The text of an embed may be longer than that of a message,
# which has 2,000 characters.
LONGEST_TITLE = 256
LONGEST_TEXT = 4096

GREY, BLUE, RED = 0x95A5A6, 0x3498DB, 0xE74C3C

# Markup anywhere, and at the beginning of a line.
INLINE = re.compile(r"([\\*_~`|\[\]<])")
AT_BEGINNING = re.compile(r"^(\s*)([#>+-])", re.MULTILINE)
ORDERED = re.compile(r"^(\s*\d+)\.", re.MULTILINE)


def payload(message):
    content = message.content
    extras = _extras(content.extras)
    text = content.body
    if _at(extras, "client::display", "contentType") != "text/markdown":
        text = escape(text)
    embed = {
        "title": cut(escape(content.title or message.application.name), LONGEST_TITLE),
        "description": cut(text, LONGEST_TEXT),
        "color": colour(content.priority),
        "footer": {"text": cut(message.application.name, LONGEST_TITLE)},
        "timestamp": datetime.fromtimestamp(message.created_ms / 1000, timezone.utc).isoformat(timespec="seconds"),
    }
    url = _at(extras, "client::notification", "click", "url")
    if isinstance(url, str) and re.match(r"https?://", url):
        embed["url"] = url
    # A text such as @everyone calls nobody.
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def colour(priority):
    """Gotify's apps ring from 4 on, and insist from 8 on."""
    if priority >= 8:
        return RED
    return BLUE if priority >= 4 else GREY


def escape(text):
    text = INLINE.sub(r"\\\1", text)
    return ORDERED.sub(r"\1\\.", AT_BEGINNING.sub(r"\1\\\2", text))


def cut(text, most):
    """Shortens a text to a number of UTF-16 units, as JavaScript counts."""
    encoded = text.encode("utf-16-le", "replace")
    if len(encoded) <= 2 * most:
        return text
    # Neither half of a character nor half of an escape stays.
    return encoded[: 2 * (most - 1)].decode("utf-16-le", "ignore").rstrip("\\") + "…"


def _extras(text):
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}


def _at(value, *names):
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
