"""Runs real plugin processes against a small host on a Unix socket.

python3 -m unittest discover guest-sdk/python/tests
"""

import base64
import collections
import json
import os
import pathlib
import queue
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import zipapp

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import mortise_plugin as m
from mortise_plugin._data import from_data, to_data

EXAMPLE = HERE.parents[2] / "examples" / "native-python-hook"
GOLDEN = HERE.parents[2] / "tests" / "golden"
PATIENCE = 10
SECRET = "6f1c" * 16
WELCOME = {
    "type": "welcome",
    "protocol": "mortise-native",
    "version": 1,
    "contract": "0.2.0",
    "codec": "json",
    "features": [],
    "max_frame": 65536,
    "max_calls": 2,
    "cancel_grace_ms": 5000,
    "host": "test",
    "news": True,
}
EVERYTHING = ["lifecycle", "configurer", "displayer", "webhook", "filter", "listener", "timer"]


class Failed(Exception):
    """An error that the plugin answered."""

    def __init__(self, error):
        super().__init__(error["kind"] + ": " + error["text"])
        self.kind, self.text, self.error = error["kind"], error["text"], error


class Host:
    """A server for one plugin process, which keeps in memory what it is told."""

    def __init__(self, test, name, welcome=WELCOME, folder=HERE / "plugins", python=(sys.executable,), **environment):
        self.folder = tempfile.TemporaryDirectory()
        test.addCleanup(self.folder.cleanup)
        listener = socket.socket(socket.AF_UNIX)
        test.addCleanup(listener.close)
        path = os.path.join(self.folder.name, "s")
        listener.bind(path)
        listener.listen()
        listener.settimeout(PATIENCE)
        self.process = subprocess.Popen(
            [*python, str(folder / f"{name}.py")],
            env={"MORTISE_SOCKET": path, "MORTISE_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            cwd=self.folder.name,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        test.addCleanup(self.close)
        self.raw, _ = listener.accept()
        self.stream = self.raw.makefile("rb")
        self.hello = self.receive()
        self.writing, self.mutex = threading.Lock(), threading.Lock()
        self.next, self.asked, self.sent, self.changed, self.log = 1, {}, [], [], []
        self.storage, self.timers, self.hold = collections.defaultdict(dict), {}, None
        self.debugged = queue.Queue()
        if welcome:
            self.write(welcome)
        if welcome is WELCOME:
            self.reader = threading.Thread(target=self.read, daemon=True)
            self.reader.start()

    def close(self):
        self.process.kill()
        self.process.communicate()
        self.raw.close()
        self.stream.close()

    def end(self):
        """What the process printed and its status, once it has ended."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.decode(), err.decode()

    def write_bytes(self, content):
        with self.writing:
            self.raw.sendall(struct.pack(">I", len(content)) + content)

    def write(self, message):
        self.write_bytes(json.dumps(message).encode())

    def receive(self):
        head = self.stream.read(4)
        if len(head) < 4:
            return None
        return json.loads(self.stream.read(*struct.unpack(">I", head)))

    def read(self):
        while True:
            try:
                message = self.receive()
            except (OSError, ValueError):
                message = None
            if message is None:
                for answer in list(self.asked.values()):
                    answer.put({"type": "error", "error": {"kind": "gone", "text": "the plugin is gone"}})
                return
            if message["type"] in ("reply", "error"):
                self.asked.pop(message["id"]).put(message)
            elif message["type"] == "call":
                self.serve(message)
            elif message.get("method") == "process.debugged":
                self.debugged.put(message["params"]["attached"])
            elif message["type"] == "notify":
                self.log.append((message["instance"], message["params"]["level"], message["params"]["text"]))

    def serve(self, call):
        try:
            result = getattr(self, call["method"].replace(".", "_"))(call["instance"], **call["params"])
        except Failed as failed:
            return self.write({"type": "error", "id": call["id"], "error": failed.error})
        if self.hold is not None and call["method"] == "messages.send":
            self.hold.put(call["id"])
        else:
            self.write({"type": "reply", "id": call["id"], "result": result})

    def message(self, id):
        outgoing = self.sent[id - 1][1]
        return {
            "id": id,
            "application": {"id": 1, "name": "a"},
            "content": outgoing["content"],
            "created_ms": 5,
            "new": 1,
        }

    def messages_send(self, instance, message):
        if not message["content"]["body"]:
            raise Failed({"kind": "invalid", "text": "an empty body"})
        self.sent.append((instance, message))
        return len(self.sent)

    def messages_get(self, instance, id):
        return self.message(id) if id <= len(self.sent) else None

    def messages_sent(self, instance, before, limit):
        assert before is None and limit == 10
        return [self.message(len(self.sent))]

    def messages_received(self, instance, before, limit):
        assert before == 5
        return []

    def messages_remove(self, instance, id):
        return None

    def messages_update(self, instance, id, content):
        self.changed.append((id, content))

    def messages_expire(self, instance, id, at_ms):
        self.changed.append((id, at_ms))

    def messages_send_to(self, instance, users, message):
        outcomes = [{"ok": 7}, {"err": {"denied": "not granted"}}]
        self.sent.append((instance, message))
        return [{"user": user, "outcome": outcome} for user, outcome in zip(users, outcomes)]

    def messages_set_image(self, instance, application, image):
        self.changed.append((application, image))

    def storage_get(self, instance, key):
        return self.storage[instance].get(key)

    def storage_set(self, instance, key, value):
        self.storage[instance][key] = value

    def storage_remove(self, instance, key):
        self.storage[instance].pop(key, None)

    def storage_keys(self, instance, prefix):
        return sorted(key for key in self.storage[instance] if key.startswith(prefix))

    def timers_set(self, instance, name, when):
        self.timers[name] = when

    def timers_set_with(self, instance, name, when, options):
        self.timers[name] = (when, options)

    def timers_cancel(self, instance, name):
        self.timers.pop(name, None)

    def begin(self, method, to=None, **params):
        """Makes a call, to an instance if one is given, without waiting."""
        with self.mutex:
            id, self.next = self.next, self.next + 1
        answer = self.asked[id] = queue.Queue()
        message = {"type": "call", "id": id, "method": method, "deadline_ms": 10000, "params": params}
        if to is not None:
            message["instance"] = to
        self.write(message)
        return id, answer

    def wait(self, answer):
        message = answer.get(timeout=PATIENCE)
        if message["type"] == "error":
            raise Failed(message["error"])
        return message["result"]

    def call(self, method, to=None, **params):
        return self.wait(self.begin(method, to, **params)[1])

    def create(self, number, name="ann"):
        user = {"id": number, "name": name, "admin": False, "new": 1}
        return self.call("instance.create", instance=number, user=user, base_path=f"/plugin/{number}/custom/P/")

    def drop(self, number):
        return self.call("instance.drop", instance=number)

    def request(self, number, path, body=b"", headers=(), query=None):
        return {
            "method": "POST",
            "path": path,
            "query": query,
            "headers": [{"name": n, "value": v} for n, v in headers],
            "body": base64.b64encode(body).decode(),
            "client": "192.0.2.7",
            "scheme": "https",
            "host": "push.example.org",
            "base_path": f"/plugin/{number}/custom/P/",
        }

    def webhook(self, number, path, *arguments, **more):
        answer = self.call("webhook.handle", number, request=self.request(number, path, *arguments, **more))
        return answer["status"], base64.b64decode(answer["body"]).decode()


class Handshake(unittest.TestCase):
    def by_hand(self, **environment):
        return subprocess.run(
            [sys.executable, str(HERE / "plugins" / "everything.py")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_started_by_hand(self):
        ended = self.by_hand()
        self.assertEqual(ended.returncode, 2)
        for part in ("This is a Mortise plugin", "plugins folder", "mortise plugin attach"):
            self.assertIn(part, ended.stderr)
        ended = self.by_hand(MORTISE_SOCKET="/nowhere/s")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("cannot be reached", ended.stderr)

    def test_descriptor(self):
        own, other = socket.socketpair()
        with own, other:
            plugin = subprocess.Popen(
                [sys.executable, str(HERE / "plugins" / "everything.py")],
                env={"MORTISE_SOCKET": f"fd:{other.fileno()}", "MORTISE_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1"},
                pass_fds=[other.fileno()],
                stderr=subprocess.DEVNULL,
            )
            self.addCleanup(plugin.wait)
            other.close()
            own.settimeout(PATIENCE)
            with own.makefile("rb") as stream:
                hello = json.loads(stream.read(int.from_bytes(stream.read(4), "big")))
        self.assertEqual((hello["type"], hello["secret"]), ("hello", SECRET))

    def test_hello(self):
        hello = Host(self, "everything").hello
        self.assertEqual((hello["type"], hello["protocol"], hello["secret"]), ("hello", "mortise-native", SECRET))
        self.assertEqual((hello["versions"], hello["contracts"], hello["codecs"]), ([1], ["0.2.0"], ["json"]))
        self.assertEqual(hello["max_frame"], 33554432)

    def test_handshakes_that_end_it(self):
        for welcome, says in (
            ({"type": "reject", "text": "the secret is wrong"}, "rejected this plugin: the secret is wrong"),
            ({**WELCOME, "protocol": "http"}, "no Mortise server"),
            ({**WELCOME, "codec": "xml"}, "did not offer"),
            ({**WELCOME, "max_frame": 1}, "out of bounds"),
            ({**WELCOME, "max_calls": "many"}, "out of bounds"),
        ):
            status, _, err = Host(self, "everything", welcome).end()
            self.assertEqual(status, 1)
            self.assertIn(says, err)

    def test_violations_end_it(self):
        for content, says in (
            (b"", "a frame of 0 bytes"),
            (b"not json", "not JSON"),
            (b"[]", "not a message"),
            (b"[" * 60000, "not JSON"),
            (b'{"type":"call","id":1}', "without a valid method"),
            (b'{"type":"call","id":true,"method":"health.ping"}', "without a valid id"),
            (b'{"type":"error","id":1}', "without what is wrong"),
        ):
            host = Host(self, "everything")
            host.write_bytes(content)
            status, _, err = host.end()
            self.assertEqual(status, 1)
            self.assertIn(says, err)
        host = Host(self, "everything")
        host.raw.sendall(b"\xff\xff\xff\xff")
        self.assertIn("a frame of 4294967295 bytes", host.end()[2])

    def test_ends_by_request_and_with_the_server(self):
        host = Host(self, "everything")
        host.create(1)
        self.assertIsNone(host.call("process.shutdown"))
        self.assertEqual(host.end(), (0, "made for ann\n", ""))
        host = Host(self, "everything")
        host.raw.shutdown(socket.SHUT_RDWR)
        status, _, err = host.end()
        self.assertEqual(status, 1)
        self.assertIn("ended the connection", err)

    def test_classes_that_are_no_plugin(self):
        for body, says in (
            ("pass", "P has no manifest"),
            (
                "manifest = Manifest('a', 'A', '1.0.0')\n    def apply(self, config): pass",
                "P has apply() and lacks defaults()",
            ),
        ):
            with tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder, "p.py")
                file.write_text(
                    f"import sys; sys.path.insert(0, {str(HERE.parent)!r})\n"
                    f"from mortise_plugin import *\nclass P(Plugin):\n    {body}\nrun(P)\n"
                )
                ended = subprocess.run(
                    [sys.executable, str(file)],
                    env={"MORTISE_SOCKET": "/nowhere"},
                    capture_output=True,
                    text=True,
                    check=False,
                )
            self.assertEqual(ended.returncode, 1)
            self.assertIn(says, ended.stderr)


class Calls(unittest.TestCase):
    def setUp(self):
        self.host = Host(self, "everything")

    def fails(self, kind, method, to=None, **params):
        with self.assertRaises(Failed) as caught:
            self.host.call(method, to, **params)
        self.assertEqual(caught.exception.kind, kind)
        return caught.exception

    def test_manifest_and_creation(self):
        manifest = self.host.call("manifest.describe")
        self.assertEqual(manifest["id"], "org.example.everything")
        self.assertEqual(
            [want["permission"] for want in manifest["wants"]],
            [
                "send_messages",
                {"read_messages": ["*"]},
                {"files": [{"path": "/srv", "writable": True}]},
                {"send_to_users": ["ann", "bob"]},
            ],
        )
        self.assertEqual(manifest["listens"], {"applications": ["backup"], "min_priority": 5})
        self.assertEqual(self.host.create(1), {"capabilities": EVERYTHING, "concurrent": False})
        with self.assertRaises(Failed) as caught:
            self.host.create(2, "boom")
        self.assertEqual((caught.exception.kind, caught.exception.text), ("crashed", "ValueError: no plugin for boom"))
        self.assertIn("in __init__", caught.exception.error["details"])
        self.fails("unknown_instance", "displayer.display", 2)

    def test_life(self):
        host = self.host
        host.create(1)
        self.assertEqual(host.call("configurer.defaults", 1), "prefix: default\n")
        self.assertIsNone(host.call("configurer.schema", 1))
        failed = self.fails("problems", "configurer.apply", 1, config="bad")
        self.assertEqual(
            failed.error["problems"],
            [
                {"path": "prefix", "text": "must not be bad"},
                {"path": "", "text": "and the rest neither"},
            ],
        )
        self.assertIsNone(host.call("configurer.apply", 1, config="mine"))
        self.assertEqual(host.call("displayer.display", 1, base_url="https://h"), "https://h/plugin/1/custom/P/ mine")
        failed = self.fails("refused", "lifecycle.start", 1, user={"id": 1, "name": "refused", "admin": False})
        self.assertEqual(failed.text, "add a rule first")
        self.assertIsNone(host.call("lifecycle.start", 1, user={"id": 1, "name": "ann", "admin": False}))
        self.assertEqual(host.timers, {"tidy": {"every_ms": 60000}})
        self.assertIsNone(host.call("timer.on_timer", 1, name="tidy"))
        self.assertIsNone(host.call("lifecycle.stop", 1, reason="shutting_down"))
        self.assertEqual(host.timers, {})
        self.assertEqual(host.log, [(1, "info", "it is time to tidy"), (1, "warn", "stopped: shutting_down")])
        self.assertIsNone(host.drop(1))
        self.fails("unknown_instance", "displayer.display", 1)

    def test_webhooks(self):
        host = self.host
        host.create(1)
        self.assertEqual(host.webhook(1, "say", "h€llo".encode(), [("x-title", "T")]), (200, '{"id": 1}'))
        self.assertEqual(
            host.sent,
            [
                (
                    1,
                    {
                        "application": None,
                        "content": {"title": "T", "body": "h€llo", "priority": 5, "extras": '{"a": ["<b>"]}'},
                    },
                )
            ],
        )
        answer = host.call("webhook.handle", 1, request=host.request(1, "echo", b"\0\xff"))
        self.assertEqual(answer, {"status": 201, "headers": [{"name": "x-method", "value": "POST"}], "body": "AP8="})
        self.assertEqual(
            json.loads(host.webhook(1, "where", query="a=1&a=%3D&b")[1]),
            ["192.0.2.7", "https", "push.example.org", "/plugin/1/custom/P/", {"a": ["1", "="], "b": [""]}],
        )
        self.assertEqual(host.webhook(1, "form", b"x=1+2&y="), (200, '{"x": ["1 2"], "y": [""]}'))
        self.assertEqual(host.webhook(1, "nowhere"), (404, "no such path"))
        self.assertEqual(host.webhook(1, "storage"), (200, r"None b'\x00\xff' ['other'] None"))
        self.assertEqual(host.webhook(1, "messages"), (200, "h€llo None 0"))
        self.assertEqual(host.webhook(1, "thread")[0], 200)

    def test_messages_are_changed(self):
        host = self.host
        host.create(1)
        self.assertEqual(host.webhook(1, "change", b"new")[0], 204)
        self.assertEqual(
            host.changed,
            [
                (7, {"title": "t", "body": "new", "priority": 6, "extras": None}),
                (7, 1000),
                (8, None),
                ("Broadcast", "iVBORw=="),
                (None, ""),
            ],
        )

    def test_messages_for_other_users(self):
        host = self.host
        host.create(1)
        self.assertEqual(host.webhook(1, "tell", b"all"), (200, "ann 7 bob Denied('not granted')"))
        self.assertEqual(host.sent[0][1]["content"]["body"], "all")

    def test_timers_have_options_if_they_are_given(self):
        host = self.host
        host.create(1)
        self.assertEqual(host.webhook(1, "timers")[0], 204)
        self.assertEqual(
            host.timers,
            {
                "plain": {"cron": "0 9 * * *"},
                "zone": ({"cron": "0 9 * * *"}, {"zone": "Asia/Tokyo"}),
                "both": ({"every_ms": 60000}, {"jitter_ms": 500, "missed": "skip"}),
            },
        )

    def test_what_goes_wrong_in_webhooks(self):
        host = self.host
        host.create(1)
        self.assertEqual(host.webhook(1, "uncaught"), (503, "invalid: an empty body\n"))
        self.assertEqual(host.log, [(1, "warn", "answered 503: invalid: an empty body")])
        self.assertEqual(host.webhook(1, "nan")[0], 503)
        for path, text in (
            ("crash", "RuntimeError: the handler broke"),
            ("exit", "SystemExit: 3"),
            ("nothing", "TypeError: handle() returned NoneType, not WebhookResponse"),
            ("long", "more than the 65536 that the host takes"),
        ):
            failed = self.fails("crashed", "webhook.handle", 1, request=host.request(1, path))
            self.assertIn(text, failed.text)
        self.assertEqual(host.webhook(1, "echo")[0], 201)

    def test_a_started_instance_is_stopped_when_it_is_dropped(self):
        host = self.host
        host.create(1)
        host.call("lifecycle.start", 1, user={"id": 1, "name": "ann", "admin": False})
        self.fails("crashed", "webhook.handle", 1, request=host.request(1, "crash"))
        self.assertEqual(list(host.timers), ["tidy"])
        self.assertIsNone(host.drop(1))
        self.assertEqual((host.timers, host.log), ({}, [(1, "warn", "stopped: reloading")]))

    def test_filter_and_listener(self):
        host = self.host
        host.create(1)

        def message(body, **more):
            content = {"title": "", "body": body, "priority": 0}
            return {"application": {"id": 1, "name": "a"}, "content": content, **more}

        for body, verdict in (
            ("x", "keep"),
            ("drop", {"drop": "an advertisement"}),
            ("replace", {"replace": {"title": "t", "body": "b", "priority": 1, "extras": None}}),
        ):
            self.assertEqual(host.call("filter.filter", 1, draft=message(body, received_ms=1)), verdict)
        self.fails("refused", "filter.filter", 1, draft=message("refuse", received_ms=1))
        messages = [message("one", id=1, created_ms=1), message("two", id=2, created_ms=2)]
        self.assertIsNone(host.call("listener.on_messages", 1, messages=messages))
        self.assertEqual(host.sent[0][1]["content"]["body"], "one two")
        # An uncaught refusal of the host refuses: the messages come again.
        messages[0]["content"]["body"], messages[1:] = "", []
        self.assertEqual(
            self.fails("refused", "listener.on_messages", 1, messages=messages).text, "invalid: an empty body"
        )

    def test_what_is_unknown_or_wrong(self):
        host = self.host
        host.create(1)
        host.write({"type": "hum", "id": 1})
        host.write({"type": "notify", "method": "new.thing"})
        host.write({"type": "reply", "id": 99, "result": None})
        host.write({"type": "cancel", "id": 99})
        self.fails("unknown_method", "new.thing", 1)
        self.fails("unknown_instance", "displayer.display", 9)
        self.fails("invalid", "displayer.display")
        self.fails("invalid", "instance.create")
        for request, says in (
            (None, "request is of the type NoneType"),
            ({"method": "GET"}, "request lacks path"),
            ({**host.request(1, "echo"), "body": "?"}, "request.body is not base64"),
            ({**host.request(1, "echo"), "headers": [{"name": 1}]}, "request.headers[0].name is of the type int"),
        ):
            self.assertIn(says, self.fails("invalid", "webhook.handle", 1, request=request).text)
        self.assertIn("none of disabled", self.fails("invalid", "lifecycle.stop", 1, reason="boredom").text)
        self.assertIsNone(host.call("health.ping", news=1))

    def test_users_are_served_at_the_same_time(self):
        host = self.host
        host.create(1)
        host.create(2, "bob")
        host.hold = queue.Queue()
        answers = [host.begin("webhook.handle", n, request=host.request(n, "say", b"x"))[1] for n in (1, 2)]
        ids = [host.hold.get(timeout=PATIENCE) for _ in answers]
        # Both wait for the message to be stored; the process answers meanwhile.
        self.assertIsNone(host.call("health.ping"))
        self.assertTrue(all(answer.empty() for answer in answers))
        host.write({"type": "reply", "id": ids[0], "result": 7})
        host.write({"type": "error", "id": ids[1], "error": {"kind": "exhausted", "text": "in 3 s"}})
        bodies = sorted(base64.b64decode(host.wait(answer)["body"]) for answer in answers)
        self.assertEqual(bodies, [b"exhausted: in 3 s\n", b'{"id": 7}'])
        host.hold = None
        self.assertEqual(host.webhook(2, "all", b"to all")[0], 204)
        self.assertEqual([(n, o["application"]) for n, o in host.sent[2:]], [(1, "Broadcast"), (2, "Broadcast")])

    def test_cancel_is_answered_at_once(self):
        host = self.host
        host.create(1)
        host.create(2, "bob")
        slow, answer = host.begin("webhook.handle", 1, request=host.request(1, "slow"))
        self.assertEqual(host.webhook(2, "begun")[0], 204)
        waiting, never = host.begin("webhook.handle", 1, request=host.request(1, "all", b"never"))
        for id, cancelled in ((waiting, never), (slow, answer)):
            host.write({"type": "cancel", "id": id})
            with self.assertRaises(Failed) as caught:
                host.wait(cancelled)
            self.assertEqual(caught.exception.kind, "cancelled")
        # The slow one goes on: it is over only once another user lets it.
        self.assertEqual(host.sent, [])
        self.assertEqual(host.webhook(2, "release")[0], 204)
        self.assertEqual(host.webhook(1, "echo")[0], 201)
        self.assertEqual([o["content"]["body"] for _, o in host.sent], ["the slow one is over"])

    def test_the_server_dies_in_the_middle(self):
        host = self.host
        host.create(1)
        host.hold = queue.Queue()
        host.begin("webhook.handle", 1, request=host.request(1, "say", b"x"))
        host.hold.get(timeout=PATIENCE)
        host.raw.shutdown(socket.SHUT_RDWR)
        self.assertEqual(host.end()[0], 1)


class Concurrency(unittest.TestCase):
    def test_webhooks_of_one_instance_meet(self):
        host = Host(self, "meeting")
        self.assertEqual(host.create(1), {"capabilities": ["webhook"], "concurrent": True})
        answers = [host.begin("webhook.handle", 1, request=host.request(1, ""))[1] for _ in range(3)]
        for answer in answers:
            self.assertEqual(base64.b64decode(host.wait(answer)["body"]), b"met")


@unittest.skipUnless(EXAMPLE.is_dir(), "the examples are not beside this folder")
class Example(unittest.TestCase):
    """examples/native-python-hook, built as its README says."""

    def test_hook(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        build = pathlib.Path(folder.name, "build")
        build.mkdir()
        shutil.copy(EXAMPLE / "hook.py", build / "__main__.py")
        shutil.copytree(HERE.parent / "mortise_plugin", build / "mortise_plugin")
        plugin = pathlib.Path(folder.name, "hook.py")
        zipapp.create_archive(build, plugin, "/usr/bin/env python3")
        self.assertTrue(os.access(plugin, os.X_OK))
        self.assertEqual(plugin.read_bytes()[:2], b"#!")

        host = Host(self, "hook", folder=pathlib.Path(folder.name))
        self.assertEqual(host.call("manifest.describe")["name"], "JSON hook")
        self.assertEqual(host.create(1)["capabilities"], ["displayer", "webhook"])
        self.assertIn("https://h/plugin/1/custom/P/?title", host.call("displayer.display", 1, base_url="https://h"))
        body = b'{"disk": {"used": 91, "names": ["a|b", null]}}'
        self.assertEqual(host.webhook(1, "", body, query="title=Backup&priority=7"), (200, '{"id": 1}'))
        content = host.sent[0][1]["content"]
        self.assertEqual((content["title"], content["priority"]), ("Backup", 7))
        self.assertEqual(
            content["body"],
            "| | |\n| --- | --- |\n| `disk.used` | 91 |\n| `disk.names[0]` | a\\|b |\n| `disk.names[1]` | None |",
        )
        self.assertEqual(json.loads(content["extras"]), {"client::display": {"contentType": "text/markdown"}})
        self.assertEqual(host.webhook(1, "", b"{")[0], 400)
        self.assertEqual(host.webhook(1, "", b"1", query="priority=high")[0], 400)


class Values(unittest.TestCase):
    KINDS = {
        "user": m.User,
        "content": m.Content,
        "application": m.Application,
        "draft": m.Draft,
        "message": m.Message,
        "outgoing": m.Outgoing,
        "verdict": m.Verdict,
        "schedule": m.Schedule,
        "missed_runs": m.MissedRuns,
        "timer_options": m.TimerOptions,
        "delivery": m.Delivery,
        "level": m.Level,
        "directory": m.Directory,
        "permission": m.Permission,
        "request": m.Want,
        "interests": m.Interests,
        "manifest": m.Manifest,
        "stop_reason": m.StopReason,
        "problem": m.Problem,
        "header": m.Header,
        "webhook_request": m.WebhookRequest,
        "webhook_response": m.WebhookResponse,
        "error": m.HostError,
    }

    def round_trip(self, name, data):
        self.assertEqual(to_data(from_data(self.KINDS[name], data)), data)

    def test_round_trips(self):
        for name, values in {
            "verdict": [
                "keep",
                {"drop": "spam"},
                {"replace": {"title": "", "body": "b", "priority": -1, "extras": "{}"}},
            ],
            "schedule": [{"every_ms": 1000}, {"cron": "0 4 * * *"}, {"once_at_ms": 1}],
            "permission": [
                "send_messages",
                {"read_messages": ["*"]},
                "filter_messages",
                "webhook",
                {"cookies": ["a"]},
                {"http": ["*:*"]},
                {"files": [{"path": "/srv", "writable": False}]},
                {"environment": ["TZ"]},
                "timers",
                {"send_to_users": ["*"]},
            ],
            "error": [{"denied": "d"}, {"invalid": "i"}, {"exhausted": "e"}, {"unavailable": "u"}],
        }.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    self.round_trip(name, value)

    def test_wrong_values(self):
        for name, value in (
            ("verdict", "maybe"),
            ("verdict", {"drop": 1}),
            ("schedule", {"every_ms": True}),
            ("permission", {"root": []}),
            ("user", {"id": 1.5, "name": "", "admin": False}),
            ("level", "loud"),
            ("delivery", {"user": "ann", "outcome": 7}),
            ("delivery", {"user": "ann", "outcome": {"maybe": 7}}),
            ("timer_options", {"missed": "twice"}),
        ):
            with self.subTest(name=name, value=value), self.assertRaises(ValueError):
                from_data(self.KINDS[name], value)

    @unittest.skipUnless(GOLDEN.is_dir(), "there are no golden files beside this folder")
    def test_golden_files(self):
        files = sorted(GOLDEN.glob("*.json"))
        self.assertTrue(files)
        for file in files:
            values = json.loads(file.read_text("utf-8"))
            self.assertTrue(values)
            for value in values:
                with self.subTest(file=file.name, value=value):
                    self.round_trip(file.stem, value)


if __name__ == "__main__":
    unittest.main()
