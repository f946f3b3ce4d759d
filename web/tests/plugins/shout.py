#!/usr/bin/env python3
"""For the page's tests: a filter with a form, which drops, denies itself things, and fails on demand."""

import dataclasses

from mortise_plugin import (
    Content, Denied, Drop, EveryMs, Keep, Level, Manifest, Plugin, Replace, Want, WebhookResponse, run)

VERSION = "1.0.0"
MORE = []

SCHEMA = """{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "title": "Shout",
  "additionalProperties": false,
  "properties": {
    "suffix": {"type": "string", "title": "Suffix", "description": "It stands behind each title.", "maxLength": 10},
    "loud": {"type": "boolean", "title": "Capitals"},
    "level": {"type": "string", "title": "Level", "enum": ["low", "high"]},
    "times": {"type": "integer", "title": "Times", "minimum": 1, "maximum": 5},
    "password": {"type": "string", "title": "Password", "format": "password", "writeOnly": true},
    "style": {"default": "plain", "oneOf": [
      {"const": "plain", "description": "Capitals and nothing else."}, {"const": "fancy", "type": "string"}]},
    "at_most": {"type": ["integer", "null"]},
    "synonyms": {"type": "object", "additionalProperties": {"type": "string"}},
    "words": {"type": "array", "title": "Words", "items": {"type": "string", "title": "Word"}}
  }
}"""

DEFAULTS = """# Kept as it is.
suffix: "!"   # behind the title
loud: true
level: low
times: 1
words: []
"""


class Shout(Plugin):
    manifest = Manifest(
        id="org.example.shout", name="Shout", version=VERSION, author="Ann Author", license="MIT",
        description="Puts titles in capitals, and drops what says so.",
        website="https://example.org/shout",
        wants=[
            Want.filter_messages("It puts titles in capitals."),
            Want.send_messages("It tells you when it is asked to."),
            Want.webhook("Other programs ask it for a message."),
            *MORE,
        ])

    def start(self, user):
        self.host.log("it is up", Level.INFO)

    def defaults(self):
        return DEFAULTS

    def schema(self):
        return SCHEMA

    def apply(self, config):
        self.config = config

    def filter(self, draft):
        content: Content = draft.content
        if "drop me" in content.body:
            return Drop("the text asks for it")
        if "keep me" in content.body:
            return Keep()
        self.host.log(f"saw {content.title}", Level.INFO)
        return Replace(dataclasses.replace(content, title=content.title.upper() + "!"))

    def display(self, base_url):
        return "## Shouting\n\nIt is **on**, with a [link](https://example.org/)."

    def handle(self, request):
        try:
            self.host.timers.set("wake", EveryMs(60_000))
        except Denied:
            pass
        return WebhookResponse.text("shouted\n")


run(Shout)
