#!/usr/bin/env python3
"""For the page's tests: a filter that drops messages with a word of its configuration, and on demand sends a
message, sets a timer, is denied something, and fails."""

import dataclasses

from mortise_plugin import (
    ConfigError, Content, Denied, Drop, EveryMs, Keep, Manifest, Outgoing, Plugin, Problem, Refused, Replace, Want, run)


class Weigh(Plugin):
    manifest = Manifest(
        id="org.example.weigh", name="Weigh", version="1.0.0", author="Ann Author", license="MIT",
        description="Drops messages with a word.",
        wants=[
            Want.filter_messages("It drops heavy messages."),
            Want.send_messages("It tells you what it weighed."),
            Want.timers("It weighs again later."),
        ])

    word = "stone"

    def defaults(self):
        return "word: stone\n"

    def apply(self, config):
        word = config.strip().removeprefix("word:").strip()
        if not word:
            raise ConfigError(Problem("word", "it is empty; write a word"))
        self.word = word

    def filter(self, draft):
        content: Content = draft.content
        if self.word in content.body:
            return Drop(f"the text has “{self.word}”")
        if "break it" in content.body:
            raise Refused("the scale broke")
        if "weigh it" not in content.body:
            return Keep()
        self.host.send("12 grams", title="Weighed", priority=3)
        self.host.timers.set("again", EveryMs(60_000))
        try:
            self.host.send_to(["ann"], Outgoing(None, content))
        except Denied:
            pass
        return Replace(dataclasses.replace(content, title=content.title.upper()))


run(Weigh)
