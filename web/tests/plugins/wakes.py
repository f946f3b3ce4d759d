#!/usr/bin/env python3
"""For the page's tests: timers with a time zone and other details."""

from mortise_plugin import Cron, EveryMs, Manifest, Plugin, Want, run


class Wakes(Plugin):
    manifest = Manifest(
        id="org.example.wakes", name="Wakes", version="1.0.0", author="Ann Author", license="MIT",
        description="Sets timers.",
        wants=[Want.timers("It wakes in the morning.")])

    def start(self, user):
        self.host.timers.set("morning", Cron("0 9 * * *"), zone="Asia/Tokyo", jitter_ms=5000, missed="skip")
        self.host.timers.set("beat", EveryMs(90_000))

    def on_timer(self, name):
        pass


run(Wakes)
