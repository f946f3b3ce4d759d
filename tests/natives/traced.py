"""A plugin that sends a request in each way for every message, for the tests. Its
configuration is the address. The header "by" names the way."""

import urllib.request

import mortise_plugin as m

BECAUSE = "to be tested with it"


class Traced(m.Plugin):
    manifest = m.Manifest(
        id="test.traced-python",
        name="Traced",
        version="0.1.0",
        wants=[m.Want.read_messages(BECAUSE), m.Want.http(BECAUSE, "127.0.0.1:*")],
    )

    def defaults(self):
        return ""

    def apply(self, config):
        self.url = config

    def on_messages(self, messages):
        self.host.http("POST", self.url, headers={"by": "python host"})
        for by, own in [("python client", {}), ("python own", {"traceparent": "00-own-own-00"})]:
            request = urllib.request.Request(self.url, method="POST", headers={"by": by, **own})
            urllib.request.urlopen(request).close()


if __name__ == "__main__":
    m.run(Traced)
