"""A filter that collects messages of low priority, and a timer that sends them
as one message.

`collection` stores the messages, and this file decides about them.
"""

import json
from dataclasses import dataclass, field

import mortise_config
from collection import Collection, Entry, render
from mortise_plugin import (
    ConfigError,
    Cron,
    Denied,
    Drop,
    HostError,
    Invalid,
    Keep,
    Manifest,
    OnceAtMs,
    Plugin,
    Problem,
    StopReason,
    Want,
    run,
)

# The timer of the configuration, and the one that a full collection sets.
REGULAR, FULL = "digest", "full"

DEFAULTS = """\
# Messages of these applications are collected; ["*"] means all of them.
applications = ["*"]
# Messages below this priority are collected. The others pass at once.
below = 4
# The time of the digest, as a cron expression in your time zone:
# minute, hour, day of month, month, day of week.
cron = "0 * * * *"
# The number of messages that sends the digest early, 2 to 500.
at_most = 50
# The priority of the digest, 0 to 10.
priority = 3
"""
DESCRIPTIONS = {
    "applications": "The applications whose messages are collected. * means all of them.",
    "below": "Messages below this priority are collected.",
    "cron": "The time of the digest: minute, hour, day of month, month, day of week.",
    "at_most": "The number of messages that sends the digest early, 2 to 500.",
    "priority": "The priority of the digest, 0 to 10.",
}


@dataclass
class Config:
    applications: list[str] = field(default_factory=lambda: ["*"])
    below: int = 4
    cron: str = "0 * * * *"
    at_most: int = 50
    priority: int = 3

    def problems(self):
        bounds = {"below": (1, 11), "at_most": (2, 500), "priority": (0, 10)}
        for name, (least, most) in bounds.items():
            if not least <= getattr(self, name) <= most:
                yield Problem(name, f"write a number from {least} to {most}")
        if not self.applications:
            yield Problem("applications", 'name at least one application, or write ["*"] for all of them')


class Digest(Plugin):
    manifest = Manifest(
        id="io.mortise.digest",
        name="Digest",
        version="0.1.0",
        description="Collects messages of low priority, and sends them as one message.",
        license="MIT OR Apache-2.0",
        wants=[
            Want.filter_messages("to collect messages of low priority"),
            Want.send_messages("to send the digest"),
            Want.timers("to send the digest at its time"),
        ],
    )

    def __init__(self):
        self.config = Config()
        self.collection = Collection(self.host.storage)
        # Without a timer, nothing would send the collected messages. None before
        # the first attempt to set it.
        self.has_timer = None

    def defaults(self):
        return DEFAULTS

    def schema(self):
        schema = json.loads(mortise_config.schema(Config))
        for name, text in DESCRIPTIONS.items():
            schema["properties"][name]["description"] = text
        return json.dumps(schema)

    def apply(self, config):
        config = mortise_config.read(Config, config)
        if problems := list(config.problems()):
            raise ConfigError(*problems)
        try:
            self.set_timer(config)
        except Invalid as error:
            raise ConfigError(Problem("cron", str(error))) from None
        self.config = config

    def start(self, user):
        self.set_timer(self.config)
        self.collection.load()

    def set_timer(self, config):
        """Sets the timer. If it has this time already, it stays as it is."""
        try:
            self.host.timers.set(REGULAR, Cron(config.cron))
            self.has_timer = True
        except Denied as denied:
            if self.has_timer is not False:
                self.host.log(f"no messages are collected: {denied}", "warn")
            self.has_timer = False

    def filter(self, draft):
        content = draft.content
        named = {"*", draft.application.name} & set(self.config.applications)
        if not named or content.priority >= self.config.below:
            return Keep()
        if not self.has_timer:
            # The permission may have come since then.
            self.set_timer(self.config)
        if not self.has_timer:
            return Keep()
        try:
            stored = self.collection.add(Entry.of(draft))
        except HostError as error:
            self.host.log(f"a message of {draft.application.name} is not collected: {error}", "warn")
            stored = False
        # A filter has little time, so a timer sends the digest.
        if self.collection.is_full(self.config.at_most):
            self.send_soon(draft.received_ms)
        return Drop("collected for the digest") if stored else Keep()

    def send_soon(self, now_ms):
        try:
            self.host.timers.set(FULL, OnceAtMs(now_ms))
        except HostError as error:
            self.host.log(f"the digest is not sent early: {error}", "warn")

    def on_timer(self, name):
        self.send()

    def stop(self, reason):
        # A disabled plugin has no timer that sends it later.
        if reason == StopReason.DISABLED:
            self.send()

    def send(self):
        """Sends the collected messages. If this fails, they stay collected."""
        entries = self.collection.entries()
        if entries:
            title = "1 message" if len(entries) == 1 else f"{len(entries)} messages"
            self.host.send(render(entries), title, self.config.priority)
            self.collection.clear()

    def display(self, base_url):
        if not self.has_timer:
            return "No messages are collected, because the permission `timers` is not granted."
        self.collection.load()
        return f"**{len(self.collection.entries())}** messages are collected for the next digest."


run(Digest)
