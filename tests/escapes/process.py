"""The plugin in Python that `cargo xtask escapes` tells what to try. A request
names one deed; the answer is its result, or the kernel's error."""

import ctypes
import json
import os
import socket
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request

import mortise_plugin as m

BECAUSE = "to see what the sandbox prevents"
FAST_OPEN = 0x20000000
libc = ctypes.CDLL(None, use_errno=True)
kept = []


def argument(value, buffers):
    """A number, or the address of a text or of bytes that live during the call."""
    if isinstance(value, int):
        return ctypes.c_long(value)
    buffer = value["text"].encode() if "text" in value else bytes.fromhex(value["hex"])
    buffer = ctypes.create_string_buffer(buffer, max(len(buffer) + 1, 16))
    buffers.append(buffer)
    return ctypes.c_void_p(ctypes.addressof(buffer))


def call(values):
    """Makes a system call in a thread of its own, which ends with it."""
    outcome = []

    def make():
        buffers = []
        arguments = [argument(value, buffers) for value in values]
        while len(arguments) < 7:
            arguments.append(ctypes.c_long(0))
        ctypes.set_errno(0)
        libc.syscall.restype = ctypes.c_long
        result = libc.syscall(*arguments)
        outcome.append((result, ctypes.get_errno()))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    result, error = outcome[0]
    if result == -1:
        raise OSError(error, os.strerror(error))
    return str(result)


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def stream(protocol, to):
    host, port = address(to)
    with socket.socket(family(host), socket.SOCK_STREAM, int(protocol)) as s:
        s.settimeout(5)
        s.connect((host, port))
    return "connected"


def fast_open(to):
    with socket.socket() as s:
        s.sendto(b"hello\n", FAST_OPEN, address(to))
    return "connected"


def udp(to):
    host, port = address(to)
    with socket.socket(family(host), socket.SOCK_DGRAM) as s:
        s.sendto(b"hello\n", (host, port))
    return "sent"


def fetch(url):
    """Requests a page as programs do: by the proxy of the environment."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        if error.code == 403:
            raise PermissionError(13, error.reason) from error
        raise OSError(0, str(error)) from error
    except urllib.error.URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else error


def tunnel(to):
    """Asks the proxy for a connection."""
    if "HTTPS_PROXY" not in os.environ:
        raise FileNotFoundError(2, "no proxy")
    proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
    with socket.create_connection((proxy.hostname, proxy.port), timeout=5) as s:
        s.sendall(f"CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n\r\n".encode())
        answer = s.recv(4096).decode().split("\r\n")[0]
    if " 403 " in answer:
        raise PermissionError(13, answer)
    return answer


def listen(protocol, bind):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, int(protocol))
    kept.append(s)
    if bind != "no":
        s.bind((bind, 0))
    s.listen()
    return "listening"


def unix(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect("\0" + path[1:] if path.startswith("@") else path)
    return "connected"


def pair(kind):
    one, other = socket.socketpair(socket.AF_UNIX, int(kind))
    one.close()
    other.close()
    return "made"


def read(path):
    with open(path, "rb") as file:
        return f"{len(file.read(64))} bytes"


def write(path):
    with open(path, "r+b") as file:
        file.write(b"")
    return "opened"


def create(path):
    with open(path, "wb") as file:
        file.write(b"made")
    return "made"


def execute(path):
    return subprocess.run([path], capture_output=True, timeout=5).stdout.decode()


def run_own(directory):
    path = os.path.join(directory, "own-program")
    with open(path, "w") as file:
        file.write("#!/bin/sh\necho run\n")
    os.chmod(path, 0o755)
    return execute(path)


def daemon(marker):
    subprocess.Popen(["/bin/sleep", marker], start_new_session=True)
    return "started"


def memory(count):
    block = bytearray(int(count))
    return f"{len(block)} bytes"


def shared(path, count):
    with open(path, "wb") as file:
        for _ in range(int(count) >> 20):
            file.write(bytes(1 << 20))
    os.unlink(path)
    return "written"


def fill(count):
    try:
        return shared("filled", count)
    finally:
        if os.path.exists("filled"):
            os.unlink("filled")


def grow(count):
    with open("grown", "wb") as file:
        file.truncate(int(count))
    os.unlink("grown")
    return "grown"


def descriptors(count):
    opened = []
    try:
        for _ in range(int(count)):
            opened.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return "opened"


def files(count):
    os.makedirs("many", exist_ok=True)
    made = 0
    try:
        for number in range(int(count)):
            os.mkdir(f"many/{number}")
            made += 1
    finally:
        for number in range(made):
            os.rmdir(f"many/{number}")
    return "made"


def environment(name):
    if name not in os.environ:
        raise FileNotFoundError(2, "no such variable")
    return os.environ[name]


DEEDS = {
    "stream": stream,
    "fast-open": fast_open,
    "udp": udp,
    "fetch": fetch,
    "tunnel": tunnel,
    "listen": listen,
    "unix": unix,
    "pair": pair,
    "read": read,
    "write": write,
    "create": create,
    "list": lambda path: f"{len(os.listdir(path))} entries",
    "enter": lambda path: os.close(os.open(path, os.O_PATH | os.O_DIRECTORY)) or "entered",
    "link-target": os.readlink,
    "execute": execute,
    "run-own": run_own,
    "daemon": daemon,
    "memory": memory,
    "shared": shared,
    "fill": fill,
    "grow": grow,
    "descriptors": descriptors,
    "files": files,
    "environment": environment,
}


class Deeds(m.Plugin):
    manifest = m.Manifest(
        id="test.deeds.python",
        name="Deeds",
        version="1.0.0",
        wants=[m.Want.webhook(BECAUSE)],
    )

    def ask(self, verb, text):
        """Asks the host, which answers `denied` for want of a grant."""
        try:
            if verb == "send":
                return str(self.host.send("deed", text))
            if verb == "received":
                return f"{len(self.host.received())} messages"
            if verb == "timer":
                self.host.timers.set("deed", m.EveryMs(3_600_000))
                return "set"
            return None
        except m.HostError as error:
            raise PermissionError(13, str(error)) from error

    def handle(self, request):
        told = json.loads(request.text())
        verb, values = told["verb"], told["values"]
        try:
            if verb == "call":
                done = call(values)
            elif verb in DEEDS:
                done = DEEDS[verb](*values)
            else:
                done = self.ask(verb, *values)
            return m.WebhookResponse.json({"done": str(done)})
        except MemoryError:
            return m.WebhookResponse.json({"errno": 12, "text": "MemoryError"})
        except OSError as error:
            return m.WebhookResponse.json({"errno": error.errno or 0, "text": str(error)})


if __name__ == "__main__":
    m.run(Deeds)
