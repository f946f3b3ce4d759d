"""The conformance plugin in Python, from PLUGIN.md two folders up."""

import base64
import dataclasses
import enum
import json
import os
import random
import sys
import time

import mortise_plugin as m

BECAUSE = "to be tested with it"
FIELDS = ("on_start", "on_stop", "on_display", "refuse")


def data(value):
    """A value of the contract in its data form."""
    if isinstance(value, m.Delivery):
        return {"user": value.user, "outcome": outcome(value.outcome)}
    if dataclasses.is_dataclass(value):
        return {f.name: data(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list):
        return [data(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, enum.Enum):
        return value.name.lower()
    return value


def outcome(value):
    """The outcome of a delivery in its data form."""
    if isinstance(value, m.HostError):
        return {"err": {value.case: value.text}}
    return {"ok": value}


def as_json(value):
    return json.dumps(data(value))


def split(text):
    """The first word, and what follows it."""
    word, _, rest = text.partition(" ")
    return word, rest


class Failed(Exception):
    """What a command answers as its error."""


class Everything(m.Plugin):
    manifest = m.Manifest(
        id="test.everything",
        name="Everything",
        version="0.1.0",
        description="Has every capability and does as it is told.",
        author="Mortise's tests",
        license="MIT OR Apache-2.0",
        website="https://example.org/everything",
        wants=[
            m.Want.send_messages(BECAUSE),
            m.Want.read_messages(BECAUSE, "*"),
            m.Want.filter_messages(BECAUSE),
            m.Want.webhook(BECAUSE),
            m.Want.cookies(BECAUSE, "session"),
            m.Want.http(BECAUSE, "127.0.0.1:*"),
            m.Want.environment(BECAUSE, "MORTISE_TEST"),
            m.Want.timers(BECAUSE),
            m.Want.send_to_users(BECAUSE, "*"),
        ],
        listens=m.Interests(min_priority=-1000),
    )

    def __init__(self):
        self.config = {}
        self.given = None
        self.calls = 0

    # ---- calls ----

    def start(self, user):
        self.given = user
        self.do_and_log("on_start")

    def stop(self, reason):
        self.host.log(f"stopped: {reason.name.lower()}")
        self.do_and_log("on_stop")

    def defaults(self):
        return "".join(f"{name}:\n" for name in FIELDS)

    def schema(self):
        return json.dumps({"type": "object", "properties": {name: {"type": "string"} for name in FIELDS}})

    def apply(self, config):
        found = {}
        for line in config.splitlines():
            name, _, value = line.partition(":")
            if value.strip():
                found[name.strip()] = value.strip()
        if "refuse" in found:
            raise m.ConfigError(m.Problem("refuse", found["refuse"]))
        self.config = found

    def display(self, base_url):
        if "on_display" in self.config:
            try:
                return self.do(self.config["on_display"])
            except Failed as error:
                return f"error: {error}"
        return f"# Everything\n\nat {base_url or '(none)'}\n"

    def handle(self, request):
        parts = request.path.split("/")
        if parts == ["echo"]:
            return m.WebhookResponse.json(data(request))
        if parts[0] == "status" and len(parts) == 2:
            return m.WebhookResponse(int(parts[1]), [], request.body)
        if parts[0] == "header" and len(parts) == 3:
            return m.WebhookResponse(200, [m.Header(parts[1], parts[2])], b"")
        if parts[0] == "header-of" and len(parts) == 2:
            return m.WebhookResponse.text(request.header(parts[1], "(none)"))
        try:
            return m.WebhookResponse.text(self.do(request.text()))
        except Failed as error:
            return m.WebhookResponse.text(str(error), 500)

    def filter(self, draft):
        content = draft.content
        word, rest = split(content.title)
        if word == "keep":
            return m.Keep()
        if word == "drop":
            return m.Drop(rest)
        if word == "replace":
            return m.Replace(dataclasses.replace(content, body=rest))
        body = self.do_or_refuse(content.title)
        return m.Replace(dataclasses.replace(content, title="result", body=body))

    def on_messages(self, messages):
        for message in messages:
            self.do_and_keep(message.content.title)

    def on_timer(self, name):
        self.do_and_keep(name)

    # ---- commands ----

    def do_or_refuse(self, command):
        try:
            return self.do(command)
        except Failed as error:
            raise m.Refused(str(error)) from None

    def do_and_log(self, name):
        if name in self.config:
            self.host.log(self.do_or_refuse(self.config[name]))

    def do_and_keep(self, command):
        self.host.storage.set("answer", self.do_or_refuse(command).encode())

    def do(self, command):
        """Does a command and answers; `Failed` is its error."""
        self.calls += 1
        word, rest = split(command.rstrip("\n"))
        found = getattr(self, f"do_{word.replace('-', '_')}", None)
        if found is None or "_" in word:
            raise Failed(f"`{word}` is no command")
        try:
            answer = found(rest)
        except (m.HostError, OSError) as error:
            raise Failed(str(error)) from None
        return "" if answer is None else str(answer)

    def do_say(self, text):
        return text

    def do_fail(self, text):
        raise Failed(text)

    def do_user(self, _):
        return as_json(self.given)

    def do_calls(self, _):
        return self.calls

    def do_count(self, _):
        count = int(self.host.storage.get("count") or b"0") + 1
        self.host.storage.set("count", str(count).encode())
        return count

    def do_send(self, text):
        return self.host.send(text, title="sent", priority=5)

    def do_send_as(self, rest):
        name, text = split(rest)
        return self.host.send(text, title="sent", priority=5, application=name)

    def do_send_priority(self, rest):
        number, text = split(rest)
        return self.host.send(text, title="sent", priority=int(number))

    def do_send_extras(self, text):
        return self.host.send_message(m.Outgoing(None, m.Content("sent", "sent", 5, text)))

    def do_send_long(self, rest):
        title, body = split(rest)
        return self.host.send("x" * int(body), title="x" * int(title), priority=5)

    def do_get(self, id):
        return as_json(self.host.get(int(id)))

    def do_sent(self, rest):
        return as_json(self.host.sent(*page(rest)))

    def do_received(self, rest):
        return as_json(self.host.received(*page(rest)))

    def do_remove(self, id):
        self.host.remove(int(id))

    def do_update(self, rest):
        id, text = split(rest)
        self.host.update(int(id), m.Content("updated", text, 6))

    def do_expire(self, rest):
        id, at = split(rest)
        self.host.expire(int(id), None if at == "-" else int(at))

    def do_send_to(self, rest):
        users, text = split(rest)
        message = m.Outgoing(None, m.Content("sent", text, 5))
        return as_json(self.host.send_to(users.split(","), message))

    def do_image(self, rest):
        name, digits = split(rest)
        self.host.set_image(bytes.fromhex(digits), None if name == "-" else name)

    def do_store(self, rest):
        key, text = split(rest)
        self.host.storage.set(key, text.encode())

    def do_store_bytes(self, rest):
        key, number = split(rest)
        self.host.storage.set(key, bytes(int(number)))

    def do_load(self, key):
        value = self.host.storage.get(key)
        return "(none)" if value is None else value.decode("utf-8", "replace")

    def do_unset(self, key):
        self.host.storage.remove(key)

    def do_keys(self, prefix):
        return json.dumps(self.host.storage.keys(prefix))

    def do_every(self, rest):
        name, number = split(rest)
        self.host.timers.set(name, m.EveryMs(int(number)))

    def do_cron(self, rest):
        name, text = split(rest)
        self.host.timers.set(name, m.Cron(text))

    def do_cron_in(self, rest):
        name, zone, text = rest.split(" ", 2)
        self.host.timers.set(name, m.Cron(text), zone=zone)

    def do_every_with(self, rest):
        name, number, jitter, missed = rest.split(" ")
        self.host.timers.set(name, m.EveryMs(int(number)), jitter_ms=int(jitter), missed=missed)

    def do_once(self, rest):
        name, number = split(rest)
        self.host.timers.set(name, m.OnceAtMs(int(number)))

    def do_cancel(self, name):
        self.host.timers.cancel(name)

    def do_log(self, rest):
        level, text = split(rest)
        self.host.log(text, m.Level[level.upper()])

    def do_log_long(self, number):
        self.host.log("x" * int(number))

    def do_log_flood(self, number):
        for _ in range(int(number)):
            self.host.log("x" * 1024)

    def do_print(self, text):
        print(text)

    def do_eprint(self, text):
        print(text, file=sys.stderr)

    def do_http(self, url):
        return self.call("GET", url)

    def do_http_post(self, rest):
        url, text = split(rest)
        return self.call("POST", url, body=text)

    def call(self, method, url, **more):
        response = self.host.http(method, url, **more)
        return f"{response.status} {response.text()}"

    def do_read_file(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def do_write_file(self, rest):
        path, text = split(rest)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def do_list_dir(self, path):
        return json.dumps(sorted(os.listdir(path)))

    def do_env(self, name):
        return os.environ.get(name, "(none)")

    def do_now(self, _):
        return time.time_ns() // 1_000_000

    def do_random(self, _):
        return random.getrandbits(64)

    def do_sleep_ms(self, number):
        time.sleep(int(number) / 1000)

    def do_big_string(self, number):
        return "x" * int(number)

    # ---- what no plugin should do ----

    def do_panic(self, text):
        raise RuntimeError(text)

    def do_exit(self, number):
        sys.exit(int(number))

    def do_loop(self, _):
        while True:
            pass

    def do_recurse(self, _):
        sys.setrecursionlimit(1_000_000_000)
        return self.do_recurse(_)

    def do_allocate(self, _):
        taken = []
        while True:
            taken.append(bytearray(b"x" * (1 << 20)))


def page(rest):
    """The place and the length of a page of messages."""
    before, limit = split(rest)
    return (None if before in ("", "-") else int(before)), int(limit or 10)


m.run(Everything)
