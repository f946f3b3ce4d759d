"""An alert in Alertmanager's format for webhooks, version 4, and its message. New
fields are ignored."""

import json
import re
from dataclasses import dataclass
from datetime import datetime

from mortise_plugin import Content

# More alerts in one request are rejected. Alertmanager's `max_alerts` divides them.
MOST = 100
# The longest title, and the longest text of an alert, in characters.
TITLE, BODY = 200, 4000


class BadRequest(Exception):
    """The request's body is not a notification. The text says what is wrong."""


@dataclass
class Alert:
    fingerprint: str
    firing: bool
    labels: dict
    annotations: dict
    starts: str
    ends: str
    url: str

    def title(self):
        named = self.labels.get("alertname", "alert")
        return self.annotations.get("summary") or named

    def body(self):
        told = self.annotations.get("description") or self.annotations.get("message")
        labels = ", ".join(f"{name}={value}" for name, value in sorted(self.labels.items()))
        times = [f"Since {self.starts}"] if self.starts else []
        if self.ends and not self.firing:
            times.append(f"Until {self.ends}")
        return "\n\n".join(part for part in [told, labels, "\n".join(times)] if part) or self.title()

    def content(self, priority):
        """Its message. A resolved alert is silent, and says that it is resolved."""
        title = self.title() if self.firing else "Resolved: " + self.title()
        extras = None
        if self.url.startswith(("http://", "https://")):
            extras = json.dumps({"client::notification": {"click": {"url": self.url}}})
        return Content(_short(title, TITLE), _short(self.body(), BODY), priority if self.firing else 0, extras)

    def ended_ms(self):
        """The time of its end. None if Alertmanager does not tell it."""
        try:
            return max(0, int(datetime.fromisoformat(self.ends).timestamp() * 1000))
        except (ValueError, OverflowError):
            return None


def read(body):
    """The alerts of a request. Raises ``BadRequest``, before anything is sent, if one
    of them is no alert."""
    try:
        notification = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    alerts = notification.get("alerts") if isinstance(notification, dict) else None
    if not isinstance(alerts, list) or not alerts:
        raise BadRequest("the body has no `alerts`; send Alertmanager's format for webhooks")
    if len(alerts) > MOST:
        raise BadRequest(f"{len(alerts)} alerts are too many; write `max_alerts: {MOST}` into Alertmanager's receiver")
    return [_alert(alert, f"alerts[{i}]") for i, alert in enumerate(alerts)]


def _alert(alert, path):
    if not isinstance(alert, dict):
        raise BadRequest(f"{path} is not an object")
    if not re.fullmatch("[!-~]{1,64}", _text(alert, "fingerprint", path)):
        raise BadRequest(f"{path}.fingerprint is missing, or not 1 to 64 characters without spaces")
    if alert.get("status") not in ("firing", "resolved"):
        raise BadRequest(f"{path}.status is neither `firing` nor `resolved`")
    return Alert(
        alert["fingerprint"],
        alert["status"] == "firing",
        _texts(alert, "labels", path),
        _texts(alert, "annotations", path),
        _text(alert, "startsAt", path),
        _text(alert, "endsAt", path),
        _text(alert, "generatorURL", path),
    )


def _text(alert, name, path):
    text = alert.get(name, "")
    if not isinstance(text, str):
        raise BadRequest(f"{path}.{name} is not text")
    return text


def _texts(alert, name, path):
    texts = alert.get(name) or {}
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise BadRequest(f"{path}.{name} is not an object of texts")
    return texts


def _short(text, most):
    return text if len(text) <= most else text[: most - 1] + "…"
