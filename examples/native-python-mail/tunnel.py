"""Connections of SMTP from inside of the sandbox.

If the administrator granted named hosts, the process has no other way out than the
server's proxy, which `ALL_PROXY` names. It connects to any granted port by `CONNECT`.
Granted loopback addresses are reached directly.
"""

import os
import smtplib
import socket
import urllib.parse

LONGEST_HEAD = 8192


def connect(host, port, timeout, tls=None):
    """Connects to a mail server; with a context, by TLS from the beginning."""

    class Session(smtplib.SMTP):
        def _get_socket(self, host, port, timeout):
            opened = open_socket(host, port, timeout)
            return tls.wrap_socket(opened, server_hostname=host) if tls else opened

    # The name for the greeting, which Python would otherwise look up.
    return Session(host, port, local_hostname="[127.0.0.1]", timeout=timeout)


def open_socket(host, port, timeout):
    proxy = urllib.parse.urlsplit(os.environ.get("ALL_PROXY", ""))
    if not proxy.hostname or is_loopback(host):
        return socket.create_connection((host, port), timeout)
    opened = socket.create_connection((proxy.hostname, proxy.port), timeout)
    try:
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        opened.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        status = read_head(opened).split(b"\r\n", 1)[0].split(b" ", 2)
        if len(status) < 2 or status[1] != b"200":
            raise OSError(f"the way to {target} is closed: {b' '.join(status[1:]).decode('latin-1')}")
    except BaseException:
        opened.close()
        raise
    return opened


def read_head(opened):
    """Reads an answer's head, and no byte of the mail server's greeting behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = opened.recv(1)
        if not byte or len(head) > LONGEST_HEAD:
            raise OSError("the proxy's answer is incomplete")
        head += byte
    return head


def is_loopback(host):
    return host in ("localhost", "::1") or host.startswith("127.")
