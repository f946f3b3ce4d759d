"""The conformance plugin as a native plugin in Python: what it does is written
down in tests/conformance/PLUGIN.md."""

import array
import base64
import dataclasses
import json
import os
import random
import re
import sys
import time
import urllib.error
import urllib.request

import mortise_plugin as m

BECAUSE = "to be tested with it"
FIELDS = ("on_start", "on_stop", "on_display", "refuse")


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
        self.calls = 0

    # ---- calls ----

    def start(self, user):
        self.started_for = user
        self.do_and_log("on_start")

    def stop(self, reason):
        self.host.log(f"stopped: {reason.value}")
        self.do_and_log("on_stop")

    def defaults(self):
        return "".join(f"{field}:\n" for field in FIELDS)

    def schema(self):
        properties = {field: {"type": ["string", "null"]} for field in FIELDS}
        return json.dumps({"type": "object", "properties": properties})

    def apply(self, config):
        wanted = {}
        for line in config.splitlines():
            if line.strip():
                field, _, value = line.partition(":")
                if field not in FIELDS:
                    raise m.ConfigError(m.Problem(field, "there is no such field"))
                wanted[field] = value.strip()
        if wanted.get("refuse"):
            raise m.ConfigError(m.Problem("refuse", wanted["refuse"]))
        self.config = wanted

    def display(self, base_url):
        command = self.config.get("on_display")
        if not command:
            return f"# Everything\n\nat {base_url or '(none)'}\n"
        try:
            return self.run(command)
        except (m.Refused, m.HostError) as error:
            return f"error: {error}"

    def handle(self, request):
        parts = request.path.split("/")
        if parts == ["echo"]:
            value = dataclasses.asdict(request)
            value["body"] = base64.b64encode(request.body).decode()
            return m.WebhookResponse.json(value)
        if parts[0] == "status":
            return m.WebhookResponse(int(parts[1]), body=request.body)
        if parts[0] == "header-of":
            return m.WebhookResponse.text(request.header(parts[1], "(none)"))
        if parts[0] == "header":
            return m.WebhookResponse(headers=[m.Header(parts[1], parts[2])])
        try:
            return m.WebhookResponse.text(self.run(request.text()))
        except (m.Refused, m.HostError) as error:
            return m.WebhookResponse.text(str(error), 500)

    def filter(self, draft):
        content = draft.content
        word, _, rest = content.title.partition(" ")
        if word == "keep":
            return m.Keep()
        if word == "drop":
            return m.Drop(rest)
        if word == "replace":
            return m.Replace(dataclasses.replace(content, body=rest))
        return m.Replace(dataclasses.replace(content, title="result", body=self.run(content.title)))

    def on_messages(self, messages):
        for message in messages:
            self.do_and_keep(message.content.title)

    def on_timer(self, name):
        self.do_and_keep(name)

    def do_and_log(self, field):
        if self.config.get(field):
            self.host.log(self.run(self.config[field]))

    def do_and_keep(self, command):
        self.host.storage.set("answer", self.run(command).encode())

    # ---- commands ----

    def run(self, command):
        self.calls += 1
        word, _, rest = command.removesuffix("\n").partition(" ")
        action = getattr(self, "do_" + word.replace("-", "_"), None) if word in COMMANDS else None
        if action is None:
            raise m.Refused(f"`{word}` is no command")
        try:
            answer = action(rest)
        except (OSError, ValueError) as error:
            raise m.Refused(str(error)) from None
        return "" if answer is None else str(answer)

    def do_say(self, text):
        return text

    def do_fail(self, text):
        raise m.Refused(text)

    def do_user(self, _):
        return as_json(self.started_for)

    def do_calls(self, _):
        return self.calls

    def do_count(self, _):
        count = int(self.host.storage.get("count") or 0) + 1
        self.host.storage.set("count", str(count).encode())
        return count

    def send(self, title="sent", body="sent", priority=5, extras=None, application=None):
        content = m.Content(title, body, priority, extras)
        return self.host.send_message(m.Outgoing(application, content))

    def do_send(self, text):
        return self.send(body=text)

    def do_send_as(self, rest):
        name, _, text = rest.partition(" ")
        return self.send(body=text, application=name)

    def do_send_priority(self, rest):
        priority, _, text = rest.partition(" ")
        return self.send(body=text, priority=int(priority))

    def do_send_extras(self, text):
        return self.send(extras=text)

    def do_send_long(self, rest):
        title, body = map(int, rest.split(" "))
        return self.send("x" * title, "x" * body)

    def do_get(self, id):
        return as_json(self.host.get(int(id)))

    def do_sent(self, rest):
        return as_json(self.host.sent(*page(rest)))

    def do_received(self, rest):
        return as_json(self.host.received(*page(rest)))

    def do_remove(self, id):
        self.host.remove(int(id))

    def do_update(self, rest):
        id, _, text = rest.partition(" ")
        self.host.update(int(id), m.Content("updated", text, 6))

    def do_expire(self, rest):
        id, _, at = rest.partition(" ")
        self.host.expire(int(id), None if at == "-" else int(at))

    def do_send_to(self, rest):
        users, _, text = rest.partition(" ")
        message = m.Outgoing(None, m.Content("sent", text, 5))
        deliveries = self.host.send_to(users.split(","), message)
        return json.dumps([{"user": one.user, "outcome": outcome(one)} for one in deliveries])

    def do_image(self, rest):
        name, _, digits = rest.partition(" ")
        self.host.set_image(bytes.fromhex(digits), None if name == "-" else name)

    def do_store(self, rest):
        key, _, text = rest.partition(" ")
        self.host.storage.set(key, text.encode())

    def do_store_bytes(self, rest):
        key, _, count = rest.partition(" ")
        self.host.storage.set(key, bytes(int(count)))

    def do_load(self, key):
        value = self.host.storage.get(key)
        return "(none)" if value is None else value.decode("utf-8", "replace")

    def do_unset(self, key):
        self.host.storage.remove(key)

    def do_keys(self, prefix):
        return json.dumps(self.host.storage.keys(prefix))

    def do_every(self, rest):
        name, _, period = rest.partition(" ")
        self.host.timers.set(name, m.EveryMs(int(period)))

    def do_cron(self, rest):
        name, _, expression = rest.partition(" ")
        self.host.timers.set(name, m.Cron(expression))

    def do_cron_in(self, rest):
        name, zone, expression = rest.split(" ", 2)
        self.host.timers.set(name, m.Cron(expression), zone=zone)

    def do_every_with(self, rest):
        name, period, jitter, missed = rest.split(" ")
        self.host.timers.set(name, m.EveryMs(int(period)), jitter_ms=int(jitter), missed=missed)

    def do_once(self, rest):
        name, _, at = rest.partition(" ")
        self.host.timers.set(name, m.OnceAtMs(int(at)))

    def do_cancel(self, name):
        self.host.timers.cancel(name)

    def do_log(self, rest):
        level, _, text = rest.partition(" ")
        self.host.log(text, m.Level(level))

    def do_log_long(self, count):
        self.host.log("x" * int(count))

    def do_log_flood(self, count):
        for _ in range(int(count)):
            self.host.log("x" * 1024)

    def do_print(self, text):
        print(text, flush=True)

    def do_eprint(self, text):
        print(text, file=sys.stderr, flush=True)

    def do_http(self, url):
        return fetched(url)

    def do_http_post(self, rest):
        url, _, text = rest.partition(" ")
        return fetched(urllib.request.Request(url, text.encode(), {"content-type": "text/plain"}))

    def do_read_file(self, path):
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def do_write_file(self, rest):
        path, _, text = rest.partition(" ")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def do_hard_link(self, rest):
        path, _, link = rest.partition(" ")
        os.link(path, link)

    def do_list_dir(self, path):
        return json.dumps(sorted(os.listdir(path)))

    def do_env(self, name):
        return os.environ.get(name, "(none)")

    def do_now(self, _):
        return time.time_ns() // 1_000_000

    def do_random(self, _):
        return random.getrandbits(64)

    def do_sleep_ms(self, count):
        time.sleep(int(count) / 1000)

    def do_big_string(self, count):
        return "x" * int(count)

    def do_panic(self, text):
        raise RuntimeError(text)

    def do_exit(self, code):
        os._exit(int(code))

    def do_loop(self, _):
        while True:
            pass

    def do_recurse(self, _):
        return self.do_recurse(_) + 1

    def do_allocate(self, _):
        everything = []
        while True:
            everything.append(array.array("b", b"x" * (1 << 20)))


COMMANDS = {name[3:].replace("_", "-") for name in vars(Everything) if re.match("do_(?!and_)", name)}


def page(rest):
    """BEFORE and LIMIT."""
    before, _, limit = rest.partition(" ")
    return (None if before in ("", "-") else int(before), int(limit or 10))


def as_json(value):
    """A user, a message, none or several, in the contract's data form."""
    if isinstance(value, list):
        return json.dumps([dataclasses.asdict(one) for one in value])
    return json.dumps(value and dataclasses.asdict(value))


def outcome(delivery):
    """What became of a message to one user, in the contract's data form."""
    found = delivery.outcome
    return {"err": {found.case: found.text}} if isinstance(found, m.HostError) else {"ok": found}


def fetched(request):
    try:
        with urllib.request.urlopen(request) as response:
            return f"{response.status} {response.read().decode('utf-8', 'replace')}"
    except urllib.error.HTTPError as error:
        if "proxy-status" in error.headers:
            raise  # The server's own answer, not the host's.
        return f"{error.code} {error.read().decode('utf-8', 'replace')}"


if __name__ == "__main__":
    m.run(Everything)
