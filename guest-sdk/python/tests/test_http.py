"""A native plugin's requests in a sandbox for named hosts: by the proxy that the environment
names."""

import http.server
import os
import threading
import unittest
from unittest import mock

from mortise_plugin import Denied
from mortise_plugin._http import Hop, send


class Proxy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        granted = self.path.startswith("http://granted.example/")
        text = self.path if granted else "it lacks the grant"
        self.send_response(200 if granted else 403)
        if not granted:
            self.send_header("proxy-status", "mortise")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_CONNECT(self):
        self.send_response(403, "it lacks the grant")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Sandboxed(unittest.TestCase):
    def setUp(self):
        server = http.server.HTTPServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        proxy = f"http://127.0.0.1:{server.server_port}"
        names = {"http_proxy": proxy, "https_proxy": proxy, "no_proxy": ""}
        patch = mock.patch.dict(os.environ, names)
        patch.start()
        self.addCleanup(patch.stop)

    def get(self, url):
        return send(Hop("GET", url, {}, b""), 5, 100)

    def test_a_named_host_is_reached_through_the_proxy(self):
        answer = self.get("http://granted.example/path?query=1")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.body, b"http://granted.example/path?query=1")

    def test_a_refusal_of_the_proxy_is_a_denial(self):
        for url in ("http://other.example/", "https://other.example/"):
            with self.assertRaisesRegex(Denied, "it lacks the grant"):
                self.get(url)


if __name__ == "__main__":
    unittest.main()
