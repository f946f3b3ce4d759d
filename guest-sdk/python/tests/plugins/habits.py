"""A plugin whose author writes Python as usual, for the tests."""

import asyncio
import logging
import pathlib
import sys
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import mortise_plugin as m

logging.basicConfig(level=logging.DEBUG)
log = logging.getLogger("habits")


class Habits(m.Plugin):
    manifest = m.Manifest(id="org.example.habits", name="Habits", version="1.0.0")

    def __init__(self):
        self.lock = None

    async def start(self, user):
        await asyncio.sleep(0)
        self.lock = asyncio.Lock()
        self.host.send("started")

    async def stop(self, reason):
        async with self.lock:
            self.host.send(f"stopped {reason.value}")

    async def defaults(self):
        return "a: 1\n"

    async def apply(self, config):
        if config != "a: 1\n":
            raise m.ConfigError("only a: 1")

    async def display(self, base_url):
        return "shown"

    async def filter(self, draft):
        if draft.content.body == "title":
            return m.Replace(m.Content(None, "b", 1))
        await asyncio.sleep(0.01)
        return m.Drop(draft.content.body)

    async def on_messages(self, messages):
        bodies = [message.content.body for message in messages]
        if bodies == ["fail"]:
            raise m.Refused("cannot")
        async with self.lock:
            await asyncio.gather(*(self.later(body) for body in bodies))

    async def later(self, body):
        await asyncio.sleep(0.01)
        self.host.send(body)

    async def on_timer(self, name):
        if name == "task":
            asyncio.create_task(self.later("a task that nobody waits for"))
        elif name == "failing task":
            asyncio.create_task(self.fail())
            await asyncio.sleep(0.01)
        elif name == "cancelled":
            asyncio.create_task(asyncio.sleep(60)).cancel()
        elif name == "timeout":
            try:
                await asyncio.wait_for(asyncio.sleep(60), 0.01)
            except asyncio.TimeoutError:
                self.host.send("timed out")
        elif name == "thread":
            await asyncio.to_thread(self.host.send, "from a thread")

    async def fail(self):
        raise RuntimeError("the task failed")

    def handle(self, request):
        return getattr(self, "do_" + request.path)(request)

    def do_breakpoint(self, request):
        breakpoint(header="a breakpoint of the author's")
        return m.WebhookResponse.text("went on")

    def do_wrong(self, request):
        eval(request.text(), {"self": self, "m": m})
        return m.WebhookResponse()

    def do_log(self, request):
        for level in (5, logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            log.log(level, "at %s", level)
        log.setLevel(1)
        log.log(5, "at %s", 5)
        return m.WebhookResponse()

    async def do_http(self, request):
        answer = self.host.http("POST", request.text(), body="x", headers={"X-A": "b"})
        return m.WebhookResponse.text(f"{answer.status} {answer.text()}")

    def do_urllib(self, request):
        try:
            with urllib.request.urlopen(request.text(), timeout=5) as answer:
                return m.WebhookResponse.text(answer.read().decode())
        except urllib.error.HTTPError as error:
            return m.WebhookResponse.text(f"{error.code} {error.read().decode()}")

    def do_generator(self, request):
        return (part for part in "abc")

    def do_text(self, request):
        return m.WebhookResponse(200, [m.Header("a", 1)])

    def do_dict(self, request):
        return {"status": 200}


if __name__ == "__main__":
    m.run(Habits)
