"""A plugin whose author writes Python as usual, for the tests."""

import asyncio
import json
import logging
import urllib.request

import httpx
import requests
import words

import mortise_plugin as m

log = logging.getLogger("habits")


class Habits(m.Plugin):
    manifest = m.Manifest(
        id="test.habits",
        name="Habits",
        version="0.1.0",
        wants=[
            m.Want.send_messages("to be tested"),
            m.Want.read_messages("to be tested"),
            m.Want.filter_messages("to be tested"),
            m.Want.webhook("to be tested"),
            m.Want.http("to be tested", "127.0.0.1:*"),
            m.Want.timers("to be tested"),
        ],
    )

    async def start(self, user):
        await asyncio.sleep(0.001)
        self.host.storage.set("started", user.name)

    async def stop(self, reason):
        await asyncio.sleep(0)
        self.host.storage.set("stopped", reason.value)

    async def defaults(self):
        return ""

    async def apply(self, config):
        await asyncio.sleep(0)
        if config:
            raise m.ConfigError(m.Problem("all", "leave it empty"))

    async def display(self, base_url):
        await asyncio.sleep(0)
        return "shown"

    async def filter(self, draft):
        await asyncio.sleep(0.001)
        if draft.content.title == "refuse":
            raise m.Refused("cannot")
        return m.Drop("later")

    async def on_messages(self, messages):
        await asyncio.gather(*(self.later(message.content.title) for message in messages))

    async def later(self, title):
        await asyncio.sleep(0.01)
        if title == "fail":
            raise RuntimeError("a task failed")
        self.host.send(f"seen {title}")

    async def on_timer(self, name):
        asyncio.create_task(self.later(name))

    async def handle(self, request):
        words = request.text().split(" ", 1)
        answer = getattr(self, f"do_{words[0]}")(*words[1:])
        if asyncio.iscoroutine(answer):
            answer = await answer
        return m.WebhookResponse.text(str(answer))

    def do_eval(self, source):
        try:
            return eval(source, {"host": self.host, "m": m})
        except TypeError as error:
            return f"TypeError: {error}"

    def do_words(self):
        return words.GREETING

    def do_wrong(self):
        self.host.send(123)

    def do_log(self):
        log.debug("too deep")
        log.info("at info")
        log.warning("at warning")
        log.error("at error")
        return "logged"

    def do_http(self, url):
        answer = self.host.http("GET", url)
        return f"{answer.status} {answer.text()}"

    def do_urllib(self, url):
        sent = urllib.request.Request(url, json.dumps({"a": 1}).encode(), {"X-Name": "value"})
        with urllib.request.urlopen(sent, timeout=5) as answer:
            return f"{answer.status} {answer.read().decode()}"

    def do_requests(self, url):
        answer = requests.post(url, json={"a": 1}, headers={"X-Name": "value"}, timeout=5)
        return f"{answer.status_code} {answer.text}"

    def do_httpx(self, url):
        answer = httpx.post(url, json={"a": 1}, headers={"X-Name": "value"}, timeout=5)
        return f"{answer.status_code} {answer.text}"

    async def do_async(self, url):
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.post(url, json={"a": 1}, headers={"X-Name": "value"})
        return f"{answer.status_code} {answer.text}"

    async def do_timeout(self):
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            return "timed out"

    async def do_run(self):
        return await asyncio.to_thread(lambda: "beside")

    async def do_never(self):
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)


m.run(Habits)
