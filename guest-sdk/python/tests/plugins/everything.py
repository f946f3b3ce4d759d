"""A plugin with every capability, for the tests."""

import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import mortise_plugin as m

# `slow` sets the first and waits for the second; `begun` and `release`, called for
# another user, do the opposite.
begun, released = threading.Event(), threading.Event()


class Everything(m.Plugin):
    manifest = m.Manifest(
        id="org.example.everything",
        name="Everything",
        version="1.0.0",
        wants=[
            m.Want.send_messages("To send."),
            m.Want.read_messages("To read."),
            m.Want.files("To write.", m.Directory("/srv", True)),
            m.Want.send_to_users("To tell.", "ann", "bob"),
        ],
        listens=m.Interests(["backup"], 5),
    )
    everybody = []

    def __init__(self):
        if self.user.name == "boom":
            raise ValueError("no plugin for boom")
        self.prefix = "default"
        self.everybody.append(self)
        print("made for", self.user.name)

    def start(self, user):
        if user.name == "refused":
            raise m.Refused("add a rule first")
        self.host.timers.set("tidy", m.EveryMs(60000))

    def stop(self, reason):
        self.host.timers.cancel("tidy")
        self.host.log(f"stopped: {reason.value}", m.Level.WARN)

    def defaults(self):
        return "prefix: default\n"

    def apply(self, config):
        if "bad" in config:
            raise m.ConfigError(m.Problem("prefix", "must not be bad"), "and the rest neither")
        self.prefix = config

    def display(self, base_url):
        return f"{base_url}{self.base_path} {self.prefix}"

    def handle(self, request):
        action = getattr(self, "do_" + request.path.replace("/", "_"), None)
        if action is None:
            return m.WebhookResponse.text("no such path", 404)
        return action(request)

    def do_say(self, request):
        id = self.host.send(request.text(), title=request.header("X-Title", "none"), priority=5, extras={"a": ["<b>"]})
        return m.WebhookResponse.json({"id": id})

    def do_all(self, request):
        for other in self.everybody:
            other.host.send(request.text(), application="Broadcast")
        return m.WebhookResponse(204)

    def do_echo(self, request):
        return m.WebhookResponse(201, [m.Header("x-method", request.method)], request.body)

    def do_where(self, request):
        return m.WebhookResponse.json(
            [request.client, request.scheme, request.host, request.base_path, request.params()]
        )

    def do_form(self, request):
        return m.WebhookResponse.json(request.form())

    def do_storage(self, request):
        storage = self.host.storage
        before = storage.get("k")
        storage.set("k", b"\0\xff")
        storage.set("other", b"")
        after, keys = storage.get("k"), storage.keys("o")
        storage.remove("k")
        return m.WebhookResponse.text(f"{before} {after} {keys} {storage.get('k')}")

    def do_messages(self, request):
        sent = self.host.sent(limit=10)
        one = self.host.get(sent[0].id)
        none = self.host.get(99)
        self.host.remove(one.id)
        return m.WebhookResponse.text(f"{one.content.body} {none} {len(self.host.received(before=5))}")

    def do_change(self, request):
        self.host.update(7, m.Content("t", request.text(), 6))
        self.host.expire(7, 1000)
        self.host.expire(8, None)
        self.host.set_image(b"\x89PNG", application="Broadcast")
        self.host.set_image(b"")
        return m.WebhookResponse(204)

    def do_tell(self, request):
        ann, bob = self.host.send_to(["ann", "bob"], m.Outgoing(None, m.Content("t", request.text(), 5)))
        return m.WebhookResponse.text(f"{ann.user} {ann.outcome} {bob.user} {bob.outcome!r}")

    def do_timers(self, request):
        timers = self.host.timers
        timers.set("plain", m.Cron("0 9 * * *"), zone=None, jitter_ms=0, missed="once")
        timers.set("zone", m.Cron("0 9 * * *"), zone="Asia/Tokyo")
        timers.set("both", m.EveryMs(60000), jitter_ms=500, missed=m.MissedRuns.SKIP)
        return m.WebhookResponse(204)

    def do_slow(self, request):
        begun.set()
        released.wait()
        self.host.send("the slow one is over")
        return m.WebhookResponse()

    def do_begun(self, request):
        begun.wait()
        return m.WebhookResponse(204)

    def do_release(self, request):
        released.set()
        return m.WebhookResponse(204)

    def do_thread(self, request):
        worker = threading.Thread(target=lambda: self.host.send("from a thread"))
        worker.start()
        worker.join()
        return m.WebhookResponse()

    def do_uncaught(self, request):
        self.host.send("")

    def do_nan(self, request):
        self.host.send("x", extras={"n": float("nan")})

    def do_crash(self, request):
        raise RuntimeError("the handler broke")

    def do_exit(self, request):
        sys.exit(3)

    def do_nothing(self, request):
        return None

    def do_long(self, request):
        return m.WebhookResponse(body=b"x" * 100_000)

    def filter(self, draft):
        if draft.content.body == "drop":
            return m.Drop("an advertisement")
        if draft.content.body == "replace":
            return m.Replace(m.Content("t", "b", 1))
        if draft.content.body == "refuse":
            raise m.Refused("cannot tell")
        return m.Keep()

    def on_messages(self, messages):
        self.host.send(" ".join(message.content.body for message in messages))

    def on_timer(self, name):
        self.host.log(f"it is time to {name}")


if __name__ == "__main__":
    m.run(Everything)
