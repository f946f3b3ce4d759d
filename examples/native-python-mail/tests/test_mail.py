"""Sends mails to a server of SMTP, directly and by a proxy:

    PYTHONPATH=.:sdk python3 -m unittest discover tests
"""

import os
import socketserver
import threading
import unittest
from unittest import mock

import plugin
from mortise_plugin import Application, Content, Message, Refused


class Smtp(socketserver.StreamRequestHandler):
    """Enough of a mail server for one session. `answers` change its answers."""

    def handle(self):
        self.say("220 ready")
        while line := self.rfile.readline():
            verb = line.split()[0].decode().upper()
            if verb == "DATA" and verb not in self.server.answers:
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines).decode())
                self.say(self.server.after.pop(0) if self.server.after else "250 stored")
            else:
                self.say(self.server.answers.get(verb, "250 fine"))
            if verb == "QUIT":
                return

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")


class Proxy(socketserver.StreamRequestHandler):
    """A proxy that answers `CONNECT`, and goes on as the mail server."""

    def handle(self):
        self.server.asked.append(self.rfile.readline().decode().strip())
        while self.rfile.readline().strip():
            pass
        if self.server.closed:
            self.wfile.write(b"HTTP/1.1 403 `http` is not granted\r\n\r\n")
            return
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        Smtp.handle(self)

    say = Smtp.say


def serve(test, handler):
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.mails, server.asked, server.answers, server.after, server.closed = [], [], {}, [], False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    return server


class Host:
    """The server, as far as the plugin uses it."""

    def __init__(self):
        self.stored, self.logged = {}, []
        self.storage = mock.Mock(get=self.stored.get, set=self.stored.__setitem__)

    def log(self, text, level):
        self.logged.append(text)


def message(id, **content):
    content = {"title": f"t{id}", "body": "b", "priority": 5, "extras": None} | content
    return Message(id, Application(1, "backup"), Content(**content), 1_767_225_600_000)


class Mails(unittest.TestCase):
    def setUp(self):
        self.server = serve(self, Smtp)
        self.mail = plugin.Mail()
        self.mail.host = Host()
        self.configure("127.0.0.1", self.server.server_address[1])

    def configure(self, host, port):
        self.mail.apply(
            f'server = "{host}"\nport = {port}\nencryption = "none"\n'
            'sender = "mortise@example.org"\nrecipients = ["ada@example.org"]\n'
        )

    def test_messages_become_mails(self):
        link = '{"client::notification": {"click": {"url": "https://example.org/1"}}}'
        urgent = message(1, title="Disk\r\nBcc: eve@example.org", body=".\nÄ", priority=8, extras=link)
        self.mail.on_messages([urgent, message(2, priority=4), message(3)])
        first, second = self.server.mails
        self.assertIn("Subject: Disk Bcc: eve@example.org\r\n", first)
        self.assertIn("X-Priority: 1\r\n", first)
        self.assertIn("Message-ID: <1767225600000.1@example.org>\r\n", first)
        self.assertIn("https://example.org/1\r\n", first)
        self.assertNotIn("\r\nBcc:", first)
        self.assertIn("Subject: t3\r\n", second)
        self.assertEqual(self.mail.host.stored, {})

    def test_a_batch_that_failed_continues_where_it_stopped(self):
        self.server.after = ["250 stored", "451 try later"]
        batch = [message(1), message(2), message(3)]
        with self.assertRaisesRegex(Refused, "451 try later"):
            self.mail.on_messages(batch)
        self.mail.on_messages(batch)
        # A dead letter that its user has delivered again is older.
        self.mail.on_messages([message(0)])
        subjects = [mail.split("Subject: ")[1][:2] for mail in self.server.mails]
        self.assertEqual(subjects, ["t1", "t2", "t2", "t3", "t0"])

    def test_a_rejected_mail_does_not_hold_up_the_others(self):
        self.server.after = ["552 too large"]
        self.mail.on_messages([message(1), message(2)])
        self.assertEqual(self.mail.host.logged, ["message 1 was rejected: 552 too large"])
        self.assertEqual(len(self.server.mails), 2)

    def test_a_rejected_recipient_is_an_error(self):
        self.server.answers = {"RCPT": "550 no such user"}
        with self.assertRaisesRegex(Refused, "127.0.0.1: 550 no such user"):
            self.mail.on_messages([message(1)])

    def test_named_hosts_are_reached_by_the_proxy(self):
        proxy = serve(self, Proxy)
        self.configure("smtp.example.org", 587)
        with mock.patch.dict(os.environ, ALL_PROXY=f"http://127.0.0.1:{proxy.server_address[1]}"):
            self.mail.on_messages([message(1)])
            self.assertEqual(proxy.asked, ["CONNECT smtp.example.org:587 HTTP/1.1"])
            self.assertIn("Subject: t1", proxy.mails[0])
            proxy.closed = True
            with self.assertRaisesRegex(Refused, "the way to smtp.example.org:587 is closed: 403 `http`"):
                self.mail.on_messages([message(2)])


if __name__ == "__main__":
    unittest.main()
