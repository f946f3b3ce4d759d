#!/usr/bin/env python3
"""Writes each message that it is given into a file, and fails one time in ten."""

import os

from mortise_plugin import Directory, Manifest, Plugin, Want, run

VERSION = "@VERSION@"
FOLDER = "@FOLDER@"


class Recorder(Plugin):
    manifest = Manifest(
        id="io.mortise.soak.recorder", name="Recorder", version=VERSION, license="MIT",
        wants=[
            Want.read_messages("It records them."),
            Want.files("It records them there.", Directory(FOLDER, writable=True)),
        ])

    def start(self, user):
        self.calls = 0
        self.file = os.open(f"{FOLDER}/deliveries", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.write(f"start {VERSION}\n")

    def on_messages(self, messages):
        self.calls += 1
        if self.calls % 10 == 0:
            self.write("fail\n")
            raise RuntimeError("one time in ten")
        # At once: a kill leaves all of them or none.
        self.write("".join(
            f"message {one.id} {one.application.id} {one.content.title}\n" for one in messages))

    def write(self, text):
        os.write(self.file, text.encode())


run(Recorder)
