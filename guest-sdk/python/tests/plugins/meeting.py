"""A plugin whose webhooks wait for each other, for the tests."""

import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from mortise_plugin import Manifest, Plugin, WebhookResponse, run


class Concurrent(Plugin):
    manifest = Manifest(id="org.example.concurrent", name="Concurrent", version="1.0.0")
    concurrent = True

    def __init__(self):
        self.meeting = threading.Barrier(3)

    def handle(self, request):
        self.meeting.wait(10)
        return WebhookResponse.text("met")


if __name__ == "__main__":
    run(Concurrent)
