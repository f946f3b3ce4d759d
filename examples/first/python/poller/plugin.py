"""Fetches a JSON address again and again, and sends a message when a field changes."""

import json
import urllib.request

import mortise_plugin as m

DEFAULTS = {"url": "https://api.example.org/status", "field": "state", "minutes": 10}
PROPERTIES = {
    "url": {"type": "string", "description": "The address, which answers with a JSON object."},
    "field": {"type": "string", "description": "The field of the object to compare."},
    "minutes": {"type": "integer", "minimum": 1, "description": "The minutes between two requests."},
}


class Poller(m.Plugin):
    manifest = m.Manifest(
        id="org.example.poller",
        name="Poller",
        version="1.0.0",
        wants=[
            m.Want.http("to fetch the address in its configuration", "*:*"),
            m.Want.timers("to fetch it again and again"),
            m.Want.send_messages("to report a change"),
        ],
    )

    def defaults(self):
        return json.dumps(DEFAULTS, indent=2)

    def schema(self):
        return json.dumps({"type": "object", "properties": PROPERTIES, "additionalProperties": False})

    def apply(self, config):
        try:
            read = DEFAULTS | json.loads(config)
            self.host.timers.set("poll", m.EveryMs(read["minutes"] * 60_000))
        except (ValueError, m.HostError) as error:
            raise m.ConfigError(str(error)) from None
        self.config = read

    def on_timer(self, name):
        try:
            with urllib.request.urlopen(self.config["url"], timeout=5) as response:
                value = str(json.load(response)[self.config["field"]])
        except (OSError, ValueError, KeyError) as error:
            raise m.Refused(f"{self.config['url']}: {error}") from None
        last = self.host.storage.get("last")
        if last is not None and last.decode() != value:
            self.host.send(f"{last.decode()} → {value}", title=self.config["field"])
        self.host.storage.set("last", value)


m.run(Poller)
