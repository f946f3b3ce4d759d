"""The connection of a native plugin to the host; ``PROTOCOL.md`` describes the
protocol."""

from __future__ import annotations

import json
import queue
import socket
import struct
import threading
import typing
from collections.abc import Callable
from typing import Any, BinaryIO, Optional, Union

from ._data import ERRORS, Mismatch, from_data
from ._types import Invalid, Unavailable
from ._version import CONTRACT, __version__

_HANDSHAKE_FRAME = 64 << 10
_MAX_FRAME = 32 << 20
_MOST_MAX_FRAME = 256 << 20
_GREATEST_ID = 2**53 - 1
_ASK_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
_HANDSHAKE_SECONDS = 10.0


class Ended(Exception):
    """The connection cannot go on; the text says why."""


class TooLong(ValueError):
    """A message that the host would not take."""


class Failure(Exception):
    """Why a call of the host failed, as it travels."""

    def __init__(self, kind: str, text: str, **more: Any) -> None:
        super().__init__(text)
        self.data = {"kind": kind, "text": text, **more}


def _encode(message: dict[str, Any], limit: int) -> bytes:
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    content = text.encode("utf-8", "replace")
    if len(content) > limit:
        raise TooLong(f"a message of {len(content)} bytes, more than the {limit} that the host takes")
    return struct.pack(">I", len(content)) + content


def _read_frame(stream: BinaryIO, limit: int) -> dict[str, Any]:
    """One frame's object. The length is refused before memory is reserved."""
    try:
        head = stream.read(4)
        if len(head) < 4:
            raise Ended("the host ended the connection")
        (length,) = struct.unpack(">I", head)
        if not 1 <= length <= limit:
            raise Ended(f"the host broke the protocol: a frame of {length} bytes, which is not 1 to {limit}")
        content = stream.read(length)
    except OSError as error:
        raise Ended(f"the host ended the connection ({error})") from None
    if len(content) < length:
        raise Ended("the host ended the connection inside a frame")
    try:
        message = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Ended(f"the host broke the protocol: a frame that is not JSON: {error}") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Ended("the host broke the protocol: a frame that is not a message")
    return message


class Call:
    """A call of the host that is being worked on."""

    def __init__(self, connection: Connection, message: dict[str, Any]) -> None:
        self._connection = connection
        self.id: int = message["id"]
        self.method: str = message["method"]
        self.instance: Optional[int] = message.get("instance")
        self.params: dict[str, Any] = message.get("params") or {}
        parent = message.get("traceparent")
        self.traceparent: Optional[str] = parent if isinstance(parent, str) else None

    def open(self) -> bool:
        """Whether somebody still waits for the answer."""
        return self._connection.working.get(self.id) is self

    def param(self, name: str, kind: Any) -> Any:
        """A parameter, which must be there unless it is an option."""
        if not isinstance(self.params, dict) or (name not in self.params and typing.get_origin(kind) is not Union):
            raise Failure("invalid", f"the parameters of {self.method} lack {name}")
        try:
            return from_data(kind, self.params.get(name), name)
        except Mismatch as error:
            raise Failure("invalid", f"the parameters of {self.method} are wrong: {error}") from None

    def reply(self, result: Any) -> None:
        """Answers, unless that has happened."""
        if self._connection.close_call(self):
            try:
                self._connection.write({"type": "reply", "id": self.id, "result": result})
            except (TypeError, ValueError) as error:
                text = f"the answer of {self.method} cannot be sent: {error}"
                self._connection.write({"type": "error", "id": self.id, "error": {"kind": "crashed", "text": text}})

    def fail(self, failure: Failure) -> None:
        """Answers with an error, unless it was answered already."""
        if self._connection.close_call(self):
            self._connection.write({"type": "error", "id": self.id, "error": failure.data})


class Connection:
    """The one connection to the host: calls in both directions, by their ids."""

    def __init__(self, raw: socket.socket, stream: BinaryIO, welcome: dict[str, Any]) -> None:
        self._raw = raw
        self._stream = stream
        self._max_frame: int = welcome["max_frame"]
        self._slots = threading.BoundedSemaphore(welcome["max_calls"])
        self._writing = threading.Lock()
        self._mutex = threading.Lock()
        self._next = 1
        self._asked: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}
        self._down = False
        self.working: dict[int, Call] = {}

    def write(self, message: dict[str, Any]) -> bool:
        """Sends a message; false if the host is gone."""
        frame = _encode(message, self._max_frame)
        with self._writing:
            try:
                self._raw.sendall(frame)
                return True
            except OSError:
                return False

    def notify(self, method: str, instance: Optional[int], params: dict[str, Any]) -> None:
        """Says something that has no answer, about an instance or the process."""
        about = {} if instance is None else {"instance": instance}
        self.write({"type": "notify", "method": method, **about, "params": params})

    def ask(self, method: str, instance: int, params: dict[str, Any]) -> Any:
        """Calls a function of the host and returns its result as data."""
        if not self._slots.acquire(timeout=_ASK_SECONDS):
            raise Unavailable(f"{method} was not asked within {_ASK_SECONDS:g} s: too many calls are open")
        try:
            answer: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
            with self._mutex:
                if self._down:
                    raise Unavailable("the host ended the connection")
                id = self._next
                self._next += 1
                self._asked[id] = answer
            try:
                self.write(
                    {
                        "type": "call",
                        "id": id,
                        "method": method,
                        "instance": instance,
                        "deadline_ms": int(_ASK_SECONDS * 1000),
                        "params": params,
                    }
                )
                message = answer.get(timeout=_ASK_SECONDS)
            except (TypeError, ValueError) as error:
                raise Invalid(f"{method}: {error}") from None
            except queue.Empty:
                self.write({"type": "cancel", "id": id})
                raise Unavailable(f"{method} was not answered within {_ASK_SECONDS:g} s") from None
            finally:
                with self._mutex:
                    self._asked.pop(id, None)
        finally:
            self._slots.release()
        if message["type"] == "reply":
            return message.get("result")
        failure = message["error"]
        kind, text = failure.get("kind"), str(failure.get("text", ""))
        if kind in ERRORS:
            raise ERRORS[kind](text)
        raise Unavailable(f"{text} ({kind})")

    def close_call(self, call: Call) -> bool:
        """Takes a call off the list; false if it was answered already."""
        with self._mutex:
            if self.working.get(call.id) is not call:
                return False
            del self.working[call.id]
            return True

    def end(self) -> None:
        """Fails what is open in both directions."""
        with self._mutex:
            self._down = True
            waiting = list(self._asked.values())
            self.working.clear()
        for answer in waiting:
            answer.put({"type": "error", "error": {"kind": "unavailable", "text": "the host ended the connection"}})
        try:
            self._raw.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # It has ended by itself.

    def read(self, called: Callable[[Call], None]) -> bool:
        """Takes messages until the connection ends, without running the
        plugin's code. Returns if this side ended it, else raises ``Ended``."""
        while True:
            try:
                message = _read_frame(self._stream, _MAX_FRAME)
                self._accept(message, called)
            except Ended:
                if self._down:
                    return True
                self.end()
                raise

    def _accept(self, message: dict[str, Any], called: Callable[[Call], None]) -> None:
        kind = message["type"]
        if kind not in ("call", "reply", "error", "cancel"):
            return
        id = message.get("id")
        if type(id) is not int or not 0 <= id <= _GREATEST_ID:
            raise Ended(f"the host broke the protocol: a {kind} without a valid id")
        if kind == "call":
            if not isinstance(message.get("method"), str) or type(message.get("instance") or 0) is not int:
                raise Ended("the host broke the protocol: a call without a valid method and instance")
            call = Call(self, message)
            with self._mutex:
                if id in self.working:
                    raise Ended(f"the host broke the protocol: a call with the id {id}, which is still open")
                self.working[id] = call
            if call.method == "health.ping":
                call.reply(None)
            else:
                called(call)
        elif kind == "cancel":
            open_call = self.working.get(id)
            if open_call is not None:
                open_call.fail(Failure("cancelled", "cancelled; what the plugin still answers is thrown away"))
        else:
            if kind == "error" and not isinstance(message.get("error"), dict):
                raise Ended("the host broke the protocol: an error without what is wrong")
            with self._mutex:
                answer = self._asked.pop(id, None)
            if answer is not None:
                answer.put(message)


def _open(path: str) -> socket.socket:
    """The connection that the server opened for this process (``fd:3``), or a new
    one to the path where the process attaches."""
    kind, _, number = path.partition(":")
    if kind == "fd" and number.isascii() and number.isdigit():
        raw = socket.socket(fileno=int(number))
        # Programs that the plugin starts have no business with it.
        raw.set_inheritable(False)
        return raw
    raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    raw.settimeout(_CONNECT_SECONDS)
    raw.connect(path)
    return raw


def connect(path: str, secret: str) -> Connection:
    """Opens the connection and does the handshake."""
    if not hasattr(socket, "AF_UNIX"):
        raise Ended("MORTISE_SOCKET is of a kind that Python cannot use here; run the plugin on a Unix system")
    try:
        raw = _open(path)
        raw.settimeout(_HANDSHAKE_SECONDS)
        raw.sendall(
            _encode(
                {
                    "type": "hello",
                    "protocol": "mortise-native",
                    "versions": [1],
                    "contracts": [CONTRACT],
                    "codecs": ["json"],
                    "features": [],
                    "max_frame": _MAX_FRAME,
                    "secret": secret,
                    "sdk": f"mortise-python {__version__}",
                },
                _HANDSHAKE_FRAME,
            )
        )
    except OSError as error:
        raise Ended(
            f"the server's socket in MORTISE_SOCKET cannot be reached ({error}); is the server running?"
        ) from None
    stream = typing.cast(BinaryIO, raw.makefile("rb", buffering=1 << 16))
    welcome = _read_frame(stream, _HANDSHAKE_FRAME)
    if welcome["type"] == "reject":
        raise Ended(f"the server rejected this plugin: {welcome.get('text')}")
    if welcome["type"] != "welcome" or welcome.get("protocol") != "mortise-native":
        raise Ended(f"what answers at MORTISE_SOCKET is no Mortise server: it answered the handshake with {welcome['type']!r}")
    chosen = (welcome.get("version"), welcome.get("contract"), welcome.get("codec"))
    if chosen != (1, CONTRACT, "json"):
        raise Ended(f"the server chose protocol, contract and codec {chosen}, which this plugin did not offer")
    frame, calls = welcome.get("max_frame"), welcome.get("max_calls")
    if type(frame) is not int or type(calls) is not int or not _HANDSHAKE_FRAME <= frame <= _MOST_MAX_FRAME or calls < 1:
        raise Ended(f"the server announced a max_frame of {frame} and max_calls of {calls}, which are out of bounds")
    raw.settimeout(None)
    return Connection(raw, stream, welcome)
