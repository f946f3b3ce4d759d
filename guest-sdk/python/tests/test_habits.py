"""Handlers, values and loggers as authors of Python write them.

python3 -m unittest discover guest-sdk/python/tests
"""

import http.server
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from test_mortise_plugin import HERE, PATIENCE, Failed, Host

import mortise_plugin as m
from mortise_plugin._loop import SleepingLoop, run_to_end
from mortise_plugin._plugin import interfaces


class Draft:
    @staticmethod
    def of(body):
        content = {"title": "t", "body": body, "priority": 0, "extras": None}
        return {"application": {"id": 1, "name": "a"}, "content": content, "received_ms": 1}

    @staticmethod
    def message(body):
        return {"id": 1, **{k: v for k, v in Draft.of(body).items() if k != "received_ms"}, "created_ms": 1}


class Habits(unittest.TestCase):
    def setUp(self):
        self.host = Host(self, "habits")
        self.host.create(1)

    def bodies(self):
        return [outgoing["content"]["body"] for _, outgoing in self.host.sent]

    def start(self):
        self.host.call("lifecycle.start", 1, user={"id": 1, "name": "ann", "admin": False})
        self.host.sent.clear()


class Async(Habits):
    def test_every_handler_runs_to_its_end(self):
        host = self.host
        host.call("configurer.apply", 1, config="a: 1\n")
        with self.assertRaises(Failed) as caught:
            host.call("configurer.apply", 1, config="b")
        self.assertEqual(caught.exception.kind, "problems")
        self.assertEqual(host.call("configurer.defaults", 1), "a: 1\n")
        host.call("lifecycle.start", 1, user={"id": 1, "name": "ann", "admin": False})
        self.assertEqual(host.call("displayer.display", 1, base_url=None), "shown")
        self.assertEqual(host.call("filter.filter", 1, draft=Draft.of("spam")), {"drop": "spam"})
        host.call("listener.on_messages", 1, messages=[Draft.message("one"), Draft.message("two")])
        host.call("lifecycle.stop", 1, reason="idle")
        self.assertEqual(self.bodies(), ["started", "one", "two", "stopped idle"])

    def test_an_error_is_the_calls(self):
        self.start()
        with self.assertRaises(Failed) as caught:
            self.host.call("listener.on_messages", 1, messages=[Draft.message("fail")])
        self.assertEqual(str(caught.exception), "refused: cannot")
        with self.assertRaises(Failed) as caught:
            self.host.call("timer.on_timer", 1, name="failing task")
        self.assertEqual(str(caught.exception), "crashed: RuntimeError: the task failed")

    def test_tasks_are_part_of_the_call(self):
        for name, sent in (
            ("task", "a task that nobody waits for"),
            ("cancelled", None),
            ("timeout", "timed out"),
            ("thread", "from a thread"),
        ):
            with self.subTest(name=name):
                self.host.sent.clear()
                self.host.call("timer.on_timer", 1, name=name)
                self.assertEqual(self.bodies(), [sent] if sent else [])

    def test_a_stop_on_drop_runs_to_its_end(self):
        self.start()
        self.host.drop(1)
        self.assertEqual(self.bodies(), ["stopped reloading"])

    def test_handlers_that_would_never_run_are_no_plugin(self):
        class Yields(m.Plugin):
            def on_timer(self, name):
                yield name

        class YieldsLater(m.Plugin):
            async def on_messages(self, messages):
                yield messages

        for plugin, name in ((Yields, "on_timer"), (YieldsLater, "on_messages")):
            with self.assertRaises(TypeError) as caught:
                interfaces(plugin)
            self.assertRegex(str(caught.exception), rf"{name}\(\) has a `yield`.*test_habits\.py:\d+")

    def test_the_loop_of_components(self):
        import asyncio

        loop = SleepingLoop()
        self.addCleanup(loop.close)
        done = []

        async def handler():
            await asyncio.gather(asyncio.sleep(0.01), asyncio.to_thread(done.append, "inline"))
            await asyncio.wait_for(asyncio.sleep(0), 5)
            return threading.get_ident()

        self.assertEqual(loop.run_until_complete(handler()), threading.get_ident())
        self.assertEqual(done, ["inline"])
        with self.assertRaisesRegex(RuntimeError, "waits for something that nothing will bring"):
            loop.run_until_complete(asyncio.Event().wait())
        self.assertEqual(run_to_end(asyncio.sleep(0, "end")), "end")


class Types(Habits):
    def test_arguments_are_checked_in_the_authors_line(self):
        for source, says in (
            ("self.host.send(123)", "TypeError: send(): body is of the type int, not str"),
            ("self.host.send()", "TypeError: Host.send() missing 1 required positional argument: 'body'"),
            ("self.host.send('b', priority='high')", "TypeError: send(): priority is of the type str, not int"),
            ("self.host.send('b', priority=True)", "TypeError: send(): priority is of the type bool, not int"),
            ("self.host.send('b', priority=1.5)", "TypeError: send(): priority is of the type float, not int"),
            ("self.host.send('b', 5)", "TypeError: send(): title is of the type int, not str"),
            ("self.host.send('b', application=1)", "TypeError: send(): application is of the type int, not str"),
            ("self.host.send('b', extras=[1])", "TypeError: send(): extras is of the type list, not dict"),
            ("self.host.send_message('x')", "TypeError: send_message(): message is of the type str, not Outgoing"),
            (
                "self.host.send_message(m.Outgoing(None, m.Content('t', 'b', None)))",
                "TypeError: send_message(): message.content.priority is of the type NoneType, not int",
            ),
            ("self.host.get('1')", "TypeError: get(): id is of the type str, not int"),
            ("self.host.sent(limit='all')", "TypeError: sent(): limit is of the type str, not int"),
            ("self.host.storage.set('k', 1)", "TypeError: storage.set(): value is of the type int, not bytes or str"),
            ("self.host.storage.get(1)", "TypeError: storage.get(): key is of the type int, not str"),
            ("self.host.storage.keys(None)", "TypeError: storage.keys(): prefix is of the type NoneType, not str"),
            (
                "self.host.timers.set('t', 60)",
                "TypeError: timers.set(): when is of the type int, not EveryMs or Cron or OnceAtMs",
            ),
            ("self.host.timers.set('t', m.EveryMs('1'))", "TypeError: timers.set(): when.period is of the type str"),
            ("self.host.timers.set('t', m.EveryMs(1), zone=1)", "TypeError: timers.set(): zone is of the type int"),
            (
                "self.host.timers.set('t', m.EveryMs(1), jitter_ms=.5)",
                "TypeError: timers.set(): jitter_ms is of the type float, not int",
            ),
            ("self.host.timers.set('t', m.EveryMs(1), missed='no')", "ValueError: 'no' is not a valid MissedRuns"),
            ("self.host.update(1, 'x')", "TypeError: update(): content is of the type str, not Content"),
            ("self.host.expire(1, 1.5)", "TypeError: expire(): at_ms is of the type float, not int"),
            (
                "self.host.send_to('ann', m.Outgoing(None, m.Content('t', 'b', 5)))",
                "TypeError: send_to(): users is of the type str, not a list",
            ),
            ("self.host.send_to(['ann'], 'x')", "TypeError: send_to(): message is of the type str, not Outgoing"),
            ("self.host.set_image(1)", "TypeError: set_image(): image is of the type int, not bytes or str"),
            ("self.host.http('GET', 1)", "TypeError: http(): url is of the type int, not str"),
            ("self.host.log('x', 'loud')", "ValueError: 'loud' is not a valid Level"),
        ):
            with self.subTest(source=source), self.assertRaises(Failed) as caught:
                self.host.webhook(1, "wrong", source.encode())
            self.assertEqual(caught.exception.kind, "crashed")
            self.assertIn(says, caught.exception.text.replace("TypeError: send() missing", "TypeError: Host.send() missing"))
            self.assertIn("in do_wrong", caught.exception.error["details"])

    def test_bounds_are_the_hosts_refusal(self):
        for source in (
            "self.host.send('b', priority=2**31)",
            "self.host.get(-1)",
            "self.host.get(2**64)",
            "self.host.expire(1, -1)",
        ):
            self.assertEqual(self.host.webhook(1, "wrong", source.encode())[0], 503, source)

    def test_texts_are_bytes_where_those_are_wanted(self):
        self.host.webhook(1, "wrong", "self.host.storage.set('k', 'é')".encode())
        self.assertEqual(self.host.storage[1]["k"], "w6k=")
        self.host.webhook(1, "wrong", b"self.host.send('\\udc80')")
        self.assertEqual(self.bodies(), ["?"])

    def test_results_are_checked_with_the_line_of_the_method(self):
        for path, says in (
            ("generator", "handle() returned a generator, which nobody runs"),
            ("dict", "handle() returned dict, not WebhookResponse"),
            ("text", "handle().headers[0].value is of the type int, not str"),
        ):
            with self.subTest(path=path), self.assertRaises(Failed) as caught:
                self.host.webhook(1, path)
            self.assertRegex(caught.exception.text, rf"TypeError: .*\(.*habits\.py:\d+\)")
            self.assertIn(says, caught.exception.text)
        with self.assertRaises(Failed) as caught:
            self.host.call("filter.filter", 1, draft=Draft.of("title"))
        self.assertIn("filter().content.title is of the type NoneType, not str", caught.exception.text)


class Logging(Habits):
    def test_records_have_their_levels(self):
        self.host.webhook(1, "log")
        self.assertEqual(
            self.host.log,
            [
                (1, "debug", "habits: at 10"),
                (1, "info", "habits: at 20"),
                (1, "warn", "habits: at 30"),
                (1, "error", "habits: at 40"),
                (1, "error", "habits: at 50"),
                (1, "trace", "habits: at 5"),
            ],
        )


class Echo(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body + self.headers["x-a"].encode())

    def do_GET(self):
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "/gone")
            self.end_headers()
            return
        self.send_response(410 if self.path == "/gone" else 200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *arguments):
        pass


class Http(Habits):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def test_the_hosts_http_is_there_natively(self):
        self.assertEqual(self.host.webhook(1, "http", f"{self.url}/a".encode()), (200, "200 xb"))
        status, body = self.host.webhook(1, "http", b"ftp://127.0.0.1/")
        self.assertEqual(status, 503)
        self.assertIn("is no URL that begins with http://", body)
        closed = f"{self.url}/"
        self.server.shutdown()
        self.server.server_close()
        self.assertIn("unavailable: ", self.host.webhook(1, "http", closed.encode())[1])

    def test_urllib_natively_is_pythons_own(self):
        self.assertEqual(self.host.webhook(1, "urllib", f"{self.url}/x".encode()), (200, "/x"))
        self.assertEqual(self.host.webhook(1, "urllib", f"{self.url}/away".encode()), (200, "410 /gone"))

    def test_urllib_over_the_sdk(self):
        # In a process of its own, for it changes the module.
        source = (
            "import urllib.request, urllib.error, mortise_plugin._clients as c; c.install()\n"
            f"print(urllib.request.urlopen('{self.url}/x', timeout=5).read().decode())\n"
            f"r = urllib.request.Request('{self.url}/p', b'x', {{'X-A': 'b'}})\n"
            "a = urllib.request.urlopen(r); print(a.status, a.read().decode())\n"
            f"try: urllib.request.urlopen('{self.url}/away')\n"
            "except urllib.error.HTTPError as e: print(e.code, e.read().decode())\n"
            "try: urllib.request.urlopen('http://127.0.0.1:1/')\n"
            "except urllib.error.URLError as e: print(e.reason)\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", source],
            cwd=HERE.parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        lines = ended.stdout.splitlines()
        self.assertEqual(lines[:3], ["/x", "200 xb", "410 /gone"])
        self.assertIn("unavailable: http://127.0.0.1:1/ did not answer", lines[3])


class Debugger(unittest.TestCase):
    def test_a_breakpoint_of_pdb_stops(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        plugin = HERE / "plugins" / "habits.py"
        line = 1 + next(i for i, text in enumerate(plugin.read_text().splitlines()) if "log.setLevel(1)" in text)
        commands = pathlib.Path(folder.name, ".pdbrc")
        commands.write_text(f"b {plugin}:{line}\nc\n")
        host = Host(self, "habits", python=(sys.executable, "-m", "pdb"), HOME=folder.name)
        host.create(1)
        _, answer = host.begin("webhook.handle", 1, request=host.request(1, "log"))
        self.stops(host, "log.setLevel(1)")
        # The host suspends deadlines.
        self.assertTrue(host.debugged.get(timeout=PATIENCE))
        self.assertTrue(answer.empty())
        self.go_on(host, b"c")
        self.assertEqual(host.wait(answer)["status"], 200)
        # The debugger is still attached; without breakpoints it is not.
        self.assertTrue(host.debugged.empty())
        _, answer = host.begin("webhook.handle", 1, request=host.request(1, "log"))
        self.go_on(host, b"cl 1", b"c")
        self.assertEqual(host.wait(answer)["status"], 200)
        self.assertFalse(host.debugged.get(timeout=PATIENCE))

    def test_a_breakpoint_in_the_source_stops_in_its_own_function(self):
        host = Host(self, "habits")
        host.create(1)
        _, answer = host.begin("webhook.handle", 1, request=host.request(1, "breakpoint"))
        seen = self.stops(host, "habits.py(")
        self.assertIn("a breakpoint of the author's", seen)
        self.assertTrue(host.debugged.get(timeout=PATIENCE))
        self.go_on(host, b"c")
        self.assertEqual(host.wait(answer)["status"], 200)
        self.assertFalse(host.debugged.get(timeout=PATIENCE))

    def go_on(self, host, *commands):
        host.process.stdin.write(b"".join(command + b"\n" for command in commands))
        host.process.stdin.flush()

    def stops(self, host, at):
        seen, lines = "", queue.Queue()

        def read():
            for text in host.process.stdout:
                lines.put(text.decode())

        threading.Thread(target=read, daemon=True).start()
        while at not in seen:
            seen += lines.get(timeout=PATIENCE)
        return seen


if __name__ == "__main__":
    unittest.main()
