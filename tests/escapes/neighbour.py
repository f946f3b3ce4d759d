"""A process of the server's user that `cargo xtask escapes` has beside the server:
what a plugin must neither see nor change. It tells in one line where its
services are, and goes when its standard input ends."""

import ctypes
import json
import os
import socket
import sys
import threading

KEY = 0x4D4F5254
libc = ctypes.CDLL(None, use_errno=True)
folder = sys.argv[1]


def serve(listener, head):
    """Answers every connection alike, whatever is asked."""
    while True:
        try:
            connection = listener.accept()[0]
            connection.settimeout(1)
            if connection.recv(4096):
                connection.sendall(f"HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n".encode())
            connection.close()
        except OSError:
            pass


def listening(family, address, head="200 OK"):
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen(64)
    threading.Thread(target=serve, args=(listener, head), daemon=True).start()
    return listener


def at(listener):
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


name = f"mortise-escapes-{os.getpid()}"
LOCAL = ("127.0.0.1", 0)
granted, named, other = (listening(socket.AF_INET, LOCAL) for _ in range(3))
redirecting = listening(socket.AF_INET, LOCAL, f"302 Found\r\nlocation: http://{at(other)}/")
try:
    six = at(listening(socket.AF_INET6, ("::1", 0)))
except OSError:
    # Without IPv6 nothing answers there either.
    six = "[::1]:1"
path = os.path.join(folder, "service.sock")
kept = [listening(socket.AF_UNIX, path), listening(socket.AF_UNIX, "\0" + name)]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(LOCAL)
segment = libc.shmget(KEY, 4096, 0o1600)
queue = libc.msgget(KEY, 0o1600)
semaphore = libc.semget(KEY, 1, 0o1600)
print(
    json.dumps(
        {
            "pid": os.getpid(),
            "granted": at(granted),
            "named": at(named).replace("127.0.0.1", "localhost"),
            "named-address": at(named),
            "other": at(other),
            "redirecting": at(redirecting),
            "six": six,
            "udp": at(udp),
            "unix": path,
            "abstract": "@" + name,
        }
    ),
    flush=True,
)
sys.stdin.read()
libc.shmctl(segment, 0, None)
libc.msgctl(queue, 0, None)
libc.semctl(semaphore, 0, 0)
