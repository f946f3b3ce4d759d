"""A webhook that keeps one message for each alert of Prometheus Alertmanager: it
sends, changes and ends the message as the alert does.

`alert` reads the alerts and writes their texts. This file keeps the messages.
"""

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field

import mortise_config
from alert import BadRequest, read
from mortise_plugin import (
    ConfigError,
    Denied,
    Header,
    HostError,
    Manifest,
    Outgoing,
    Plugin,
    Problem,
    Want,
    WebhookResponse,
    run,
)

# The storage has each alert's `Shown` under this and the alert's fingerprint.
PREFIX = "alert/"

DEFAULTS = """\
# The message of a resolved alert: "rewrite" makes it silent and says that the alert
# is resolved; "delete" deletes it.
resolved = "rewrite"
# A rewritten message is deleted so many minutes after the alert's end, 1 to 525600.
keep_minutes = 60
# The label with an alert's severity.
severity_label = "severity"
# The priority for all severities that are not below, 0 to 10.
priority = 5

# The priority for each severity.
[priorities]
critical = 9
error = 8
warning = 6
info = 3
"""
DESCRIPTIONS = {
    "resolved": "The message of a resolved alert: rewrite makes it silent, delete deletes it.",
    "keep_minutes": "A rewritten message is deleted so many minutes after the alert's end, 1 to 525600.",
    "severity_label": "The label with an alert's severity.",
    "priority": "The priority for all severities that are not in priorities, 0 to 10.",
    "priorities": "The priority for each severity, 0 to 10.",
}
RESOLVED = ["rewrite", "delete"]


@dataclass
class Config:
    resolved: str = "rewrite"
    keep_minutes: int = 60
    severity_label: str = "severity"
    priority: int = 5
    priorities: dict[str, int] = field(
        default_factory=lambda: {"critical": 9, "error": 8, "warning": 6, "info": 3}
    )

    def problems(self):
        if self.resolved not in RESOLVED:
            yield Problem("resolved", "write rewrite or delete")
        if not 1 <= self.keep_minutes <= 525600:
            yield Problem("keep_minutes", "write a number from 1 to 525600")
        named = {f"priorities.{severity}": priority for severity, priority in self.priorities.items()}
        for path, priority in {"priority": self.priority, **named}.items():
            if not 0 <= priority <= 10:
                yield Problem(path, "write a number from 0 to 10")

    def priority_of(self, alert):
        return self.priorities.get(alert.labels.get(self.severity_label), self.priority)


@dataclass
class Shown:
    """An alert's message: its id, a hash of its content, and whether it says that the
    alert is firing. Filters may change the stored content, so that it tells nothing
    about changes of the alert."""

    id: int
    hash: str
    firing: bool


class Alerts(Plugin):
    manifest = Manifest(
        id="io.mortise.alerts",
        name="Alerts",
        version="0.1.0",
        description="Keeps one message for each alert of Prometheus Alertmanager.",
        license="MIT OR Apache-2.0",
        wants=[
            Want.webhook("to receive the alerts"),
            Want.send_messages("to send, change and delete the alerts' messages"),
        ],
    )

    def __init__(self):
        self.config = Config()

    def defaults(self):
        return DEFAULTS

    def schema(self):
        schema = json.loads(mortise_config.schema(Config))
        for name, text in DESCRIPTIONS.items():
            schema["properties"][name]["description"] = text
        schema["properties"]["resolved"]["enum"] = RESOLVED
        return json.dumps(schema)

    def apply(self, config):
        config = mortise_config.read(Config, config)
        if problems := list(config.problems()):
            raise ConfigError(*problems)
        self.config = config

    def start(self, user):
        """Forgets the alerts whose messages are gone."""
        for key in self.host.storage.keys(PREFIX):
            self.shown(key)

    def handle(self, request):
        if request.method != "POST":
            return WebhookResponse(405, [Header("allow", "POST")])
        try:
            failures = [failure for alert in read(request.body) if (failure := self.failure(alert))]
        except BadRequest as error:
            self.host.log(f"a request of {request.client}: {error}", "warn")
            return WebhookResponse.text(f"{error}\n", 400)
        except Denied as denied:
            return WebhookResponse.text(f"{denied}\n", 403)
        if failures:
            # Alertmanager sends all alerts again. Those that have their messages by
            # then stay as they are.
            return WebhookResponse.text("\n".join(failures) + "\n", 503)
        return WebhookResponse(204)

    def failure(self, alert):
        """Takes an alert. The failure's text, which is none of the other alerts'."""
        try:
            self.take(alert)
        except Denied:
            raise
        except HostError as error:
            self.host.log(f"the alert {alert.fingerprint}: {error}", "warn")
            return f"{alert.fingerprint}: {error}"

    def take(self, alert):
        key = PREFIX + alert.fingerprint
        shown = self.shown(key)
        if not alert.firing and self.config.resolved == "delete":
            if shown:
                self.host.remove(shown.id)
                self.host.storage.remove(key)
            return
        content = alert.content(self.config.priority_of(alert))
        hash = hashlib.sha256(repr(content).encode()).hexdigest()[:16]
        if shown and shown.hash == hash:
            return
        if alert.firing and not (shown and shown.firing):
            self.send(key, content, hash, shown)
        elif shown:
            self.host.update(shown.id, content)
            if not alert.firing:
                ended_ms = alert.ended_ms() or int(time.time() * 1000)
                self.host.expire(shown.id, ended_ms + self.config.keep_minutes * 60_000)
            self.remember(key, Shown(shown.id, hash, alert.firing))

    def send(self, key, content, hash, resolved):
        """Sends an alert's message, in place of the one that says it is resolved."""
        id = self.host.send_message(Outgoing(None, content))
        try:
            self.remember(key, Shown(id, hash, True))
        except HostError:
            # Nothing would ever change or end it.
            self.host.remove(id)
            raise
        if resolved:
            self.host.remove(resolved.id)

    def shown(self, key):
        """The alert's message. None if there is none, also if the user deleted it."""
        stored = self.host.storage.get(key)
        shown = stored and Shown(**json.loads(stored))
        if shown and not self.host.get(shown.id):
            self.host.storage.remove(key)
            return None
        return shown

    def remember(self, key, shown):
        self.host.storage.set(key, json.dumps(asdict(shown)))


run(Alerts)
