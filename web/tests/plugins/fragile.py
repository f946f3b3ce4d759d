#!/usr/bin/env python3
"""For the page's tests: a listener that fails on one message until its configuration says that it is mended."""

from mortise_plugin import Manifest, Plugin, Refused, Want, run


class Fragile(Plugin):
    manifest = Manifest(
        id="org.example.fragile", name="Fragile", version="1.0.0", author="Ann Author", license="MIT",
        description="Fails on messages that say so.",
        wants=[Want.read_messages("It reads your messages to fail on them.")])

    mended = False

    def defaults(self):
        return "mended: false\n"

    def apply(self, config):
        self.mended = "mended: true" in config

    def on_messages(self, messages):
        if not self.mended and any("break it" in message.content.body for message in messages):
            raise Refused("the message broke it")


run(Fragile)
