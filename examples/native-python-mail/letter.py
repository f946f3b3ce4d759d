"""The mail for a message."""

import json
from datetime import datetime, timezone
from email.message import EmailMessage

LONGEST_SUBJECT = 200
URGENT = 8


def letter(message, sender, recipients):
    content = message.content
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = _line(content.title or message.application.name)
    mail["Date"] = datetime.fromtimestamp(message.created_ms / 1000, timezone.utc)
    # The same for a message that is sent again, so that mail programs can tell.
    mail["Message-ID"] = f"<{message.created_ms}.{message.id}@{sender.rpartition('@')[2]}>"
    # Programs do not answer an automatic mail.
    mail["Auto-Submitted"] = "auto-generated"
    if content.priority >= URGENT:
        mail["X-Priority"] = "1"
    link = _link(content.extras)
    mail.set_content("\n\n".join(part for part in (content.body, link, f"-- \n{_line(message.application.name)}") if part))
    return mail


def _line(text):
    """A header has one line."""
    return " ".join(text.split())[:LONGEST_SUBJECT] or "message"


def _link(extras):
    """The link that a tap on the message opens."""
    try:
        url = json.loads(extras or "{}")["client::notification"]["click"]["url"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return url if isinstance(url, str) else ""
