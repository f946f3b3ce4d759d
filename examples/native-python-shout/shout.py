#!/usr/bin/env python3
"""Puts titles in capitals, and counts the messages of each hour."""

import dataclasses

from mortise_plugin import Denied, EveryMs, Manifest, Plugin, Replace, Want, WebhookResponse, run

VERSION = "1.0.0"
# Version 1.1.0 asks for more.
MORE = []
HOUR_MS = 3_600_000


class Shout(Plugin):
    manifest = Manifest(
        id="io.github.mortise-plugins.native-python-shout", name="Shout", version=VERSION, license="MIT",
        description="Puts titles in capitals, and counts the messages of each hour.",
        wants=[
            Want.filter_messages("It puts their titles in capitals."),
            Want.timers("It begins to count anew each hour."),
            *MORE,
        ])
    count = 0
    counts_hours = False

    def filter(self, draft):
        self.begin()
        self.count += 1
        return Replace(dataclasses.replace(draft.content, title=draft.content.title.upper()))

    def begin(self):
        """Sets the timer, once it is allowed."""
        if self.counts_hours:
            return
        try:
            self.host.timers.set("hour", EveryMs(HOUR_MS))
            self.counts_hours = True
        except Denied as denied:
            self.host.log(f"it counts without end: {denied}")

    def on_timer(self, name):
        self.count = 0

    def display(self, base_url):
        return f"**{self.count}** messages{' in this hour' if self.counts_hours else ''}."

    def handle(self, request):
        return WebhookResponse.json({"count": self.count})


run(Shout)
