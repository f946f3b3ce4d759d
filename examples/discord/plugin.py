"""A listener that sends messages to a channel of Discord, by a webhook.

`embed` has Discord's format. This file sends it, and handles failed deliveries.
"""

import json
import re
import time
from dataclasses import dataclass, field

import mortise_config
from embed import payload
from mortise_plugin import ConfigError, HostError, Manifest, Plugin, Problem, Refused, Want, run

# The storage's keys: the ids of the messages that were sent from a batch with a later
# failure, which the host passes again as a whole; and the time before which Discord
# takes no message. The last id would not be enough: a dead letter that its user has
# delivered again is older.
SENT, NOT_BEFORE = "sent", "not-before"

# The seconds for deliveries in one call, and for one of them. The host's own
# deadline is later.
BUDGET, TIMEOUT = 5.0, 4.0

# The longest pause that is kept.
LONGEST_PAUSE = 3600.0

DEFAULTS = """\
# The address of the webhook. It is a secret. Empty sends nothing.
# url = "https://discord.com/api/webhooks/1234/abcd"
url = ""
# Messages of a lower priority are not sent.
min_priority = 0
# Only messages of these applications. Without any: of all.
applications = []
"""
DESCRIPTIONS = {
    "url": "The address of the webhook. It is a secret. Empty sends nothing.",
    "min_priority": "Messages of a lower priority are not sent, 0 to 10.",
    "applications": "Only messages of these applications. Without any: of all.",
}


@dataclass
class Config:
    url: str = ""
    min_priority: int = 0
    applications: list[str] = field(default_factory=list)

    def problems(self):
        if self.url and not re.fullmatch(r"https?://[^/?#\s]+/\S+", self.url):
            yield Problem("url", "write the webhook's address, such as https://discord.com/api/webhooks/…")
        if not 0 <= self.min_priority <= 10:
            yield Problem("min_priority", "write a number from 0 to 10")

    def wants(self, message):
        named = not self.applications or message.application.name in self.applications
        return named and message.content.priority >= self.min_priority


class Discord(Plugin):
    manifest = Manifest(
        id="io.mortise.discord",
        name="Discord",
        version="0.1.0",
        description="Sends messages to a channel of Discord, by a webhook.",
        license="MIT OR Apache-2.0",
        wants=[
            Want.read_messages("to send the messages to Discord"),
            Want.http("to send the messages to Discord", "https://discord.com"),
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
        schema["properties"]["url"] |= {"writeOnly": True, "format": "password"}
        return json.dumps(schema)

    def apply(self, config):
        config = mortise_config.read(Config, config)
        if problems := list(config.problems()):
            raise ConfigError(*problems)
        self.config = config

    def on_messages(self, messages):
        if not self.config.url:
            return
        end = time.time() + BUDGET
        self.wait(float(self.host.storage.get(NOT_BEFORE) or 0) - time.time(), end)
        before, sent = json.loads(self.host.storage.get(SENT) or "[]"), []
        try:
            for message in filter(self.config.wants, messages):
                if message.id not in before:
                    if time.time() > end:
                        raise Refused("Discord is slow; the other messages follow")
                    self.send(message, end)
                sent.append(message.id)
        except Refused:
            if sent:
                self.host.storage.set(SENT, json.dumps(sent))
            raise

    def send(self, message, end):
        """Sends one message. Raises ``Refused`` for failures that a later attempt
        may not have. If Discord rejects a message because of its content, the
        plugin logs and skips it, because it would hold up all others."""
        while True:
            response = self.post(message)
            if response.ok:
                return
            why = f"message {message.id}: Discord answered with status {response.status}: {response.text()[:200]}"
            if response.status in (400, 413):
                self.host.log(why, "warn")
                return
            if response.status != 429:
                raise Refused(why)
            # A channel takes a few messages a second, so short pauses are usual.
            self.pause(response, end)

    def post(self, message):
        try:
            return self.host.http(
                "POST",
                self.config.url,
                headers={"content-type": "application/json", "user-agent": "mortise-discord/0.1"},
                body=json.dumps(payload(message)),
                timeout=TIMEOUT,
                max_redirects=0,
            )
        except HostError as error:
            # Errors name the address, which is a secret.
            text = str(error).replace(self.config.url, "the webhook")
            raise Refused(f"message {message.id}: {text}") from None

    def pause(self, response, end):
        try:
            seconds = float(response.header("retry-after", ""))
        except ValueError:
            seconds = 1.0
        seconds = min(max(seconds, 0.1), LONGEST_PAUSE)
        self.host.storage.set(NOT_BEFORE, str(time.time() + seconds))
        self.wait(seconds, end)

    def wait(self, seconds, end):
        """Waits, or raises ``Refused`` if the call has not that much time."""
        if seconds > end - time.time():
            raise Refused(f"Discord takes the next message in {seconds:.0f} s")
        if seconds > 0:
            time.sleep(seconds)


run(Discord)
