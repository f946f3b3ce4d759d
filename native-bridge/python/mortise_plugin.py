"""Native Mortise plugins in Python: one file, standard library only, 3.9 or newer.

A plugin is a class. What it can do follows from the methods it has::

    from mortise_plugin import Manifest, Plugin, Want, WebhookResponse, run

    class Echo(Plugin):
        manifest = Manifest(
            id="io.example.echo", name="Echo", version="1.0.0",
            wants=[Want.send_messages("It repeats what it gets."),
                   Want.webhook("It gets it by HTTP.")])

        def handle(self, request):
            self.host.send(request.text(), title="Echo")
            return WebhookResponse(204)

    if __name__ == "__main__":
        run(Echo)

The server starts one process and makes one instance of the class for each user.
Instances are called at the same time, one instance only once at a time (see
``Plugin.concurrent``). ``print`` goes to the plugin's log.

The parts of this file: the contract's types, the plugin and its host as its
author sees them, values as JSON, the connection, and the process. The protocol
is described in PROTOCOL.md, in the folder above; the types in wit/types.wit.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import enum
import json
import os
import queue
import socket
import struct
import sys
import threading
import traceback
import typing
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, Optional, Union

__version__ = "0.1.0"

# ---- the contract's types ----


@dataclass(frozen=True)
class User:
    """Whom an instance belongs to. ``admin`` grants nothing."""

    id: int
    name: str
    admin: bool


@dataclass(frozen=True)
class Content:
    """What a person reads. ``extras`` is a JSON object as text."""

    title: str
    body: str
    priority: int
    extras: Optional[str] = None


@dataclass(frozen=True)
class Application:
    """Where messages come from."""

    id: int
    name: str


@dataclass(frozen=True)
class Draft:
    """A message that has not been stored yet."""

    application: Application
    content: Content
    received_ms: int


@dataclass(frozen=True)
class Message:
    """A stored message."""

    id: int
    application: Application
    content: Content
    created_ms: int


@dataclass(frozen=True)
class Outgoing:
    """A message to be sent; ``application`` names one of the plugin's own."""

    application: Optional[str]
    content: Content


class Verdict:
    """What a filter decides: ``Keep()``, ``Replace(content)`` or ``Drop(reason)``."""


@dataclass(frozen=True)
class Keep(Verdict):
    """Leave the draft as it is."""

    case: ClassVar[str] = "keep"


@dataclass(frozen=True)
class Replace(Verdict):
    """Put this content in place of what it had."""

    content: Content
    case: ClassVar[str] = "replace"


@dataclass(frozen=True)
class Drop(Verdict):
    """Do not store it; the reason is for the trace."""

    reason: str
    case: ClassVar[str] = "drop"


class Schedule:
    """When a timer fires: ``EveryMs``, ``Cron`` or ``OnceAtMs``."""


@dataclass(frozen=True)
class EveryMs(Schedule):
    """Again and again, first after one period of at least 1000 ms."""

    period: int
    case: ClassVar[str] = "every_ms"


@dataclass(frozen=True)
class Cron(Schedule):
    """A cron expression of five fields, or six with seconds first."""

    expression: str
    case: ClassVar[str] = "cron"


@dataclass(frozen=True)
class OnceAtMs(Schedule):
    """Once, at this time in milliseconds since the epoch."""

    time: int
    case: ClassVar[str] = "once_at_ms"


class Level(str, enum.Enum):
    """The weight of a log line."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class StopReason(str, enum.Enum):
    """Why an instance is stopped."""

    DISABLED = "disabled"
    RELOADING = "reloading"
    IDLE = "idle"
    SHUTTING_DOWN = "shutting_down"


@dataclass(frozen=True)
class Directory:
    """A directory on the server's machine, by its absolute path."""

    path: str
    writable: bool = False


class Permission:
    """Something a plugin may do only when a person agreed; see ``Want``."""


@dataclass(frozen=True)
class SendMessages(Permission):
    """Send messages to the user."""

    case: ClassVar[str] = "send_messages"


@dataclass(frozen=True)
class ReadMessages(Permission):
    """Read messages of these applications, ``*`` for all."""

    applications: list[str]
    case: ClassVar[str] = "read_messages"


@dataclass(frozen=True)
class FilterMessages(Permission):
    """See, change and drop messages before they are stored."""

    case: ClassVar[str] = "filter_messages"


@dataclass(frozen=True)
class Webhook(Permission):
    """Be reachable by HTTP under a secret address."""

    case: ClassVar[str] = "webhook"


@dataclass(frozen=True)
class Cookies(Permission):
    """See these cookies of webhook requests."""

    names: list[str]
    case: ClassVar[str] = "cookies"


@dataclass(frozen=True)
class Http(Permission):
    """Call out to these hosts: ``host``, ``host:port``, ``*.domain``, ``*``."""

    hosts: list[str]
    case: ClassVar[str] = "http"


@dataclass(frozen=True)
class Files(Permission):
    """Use these directories."""

    directories: list[Directory]
    case: ClassVar[str] = "files"


@dataclass(frozen=True)
class Environment(Permission):
    """Be given these environment variables of the server."""

    names: list[str]
    case: ClassVar[str] = "environment"


@dataclass(frozen=True)
class Timers(Permission):
    """Be woken by timers."""

    case: ClassVar[str] = "timers"


@dataclass(frozen=True)
class Want:
    """A permission that the plugin asks for, and one sentence for the person who
    decides. The functions make the common ones."""

    permission: Permission
    reason: str

    @staticmethod
    def send_messages(reason: str) -> Want:
        """Send messages to the user."""
        return Want(SendMessages(), reason)

    @staticmethod
    def read_messages(reason: str, *applications: str) -> Want:
        """Read messages of these applications; of all if none is named."""
        return Want(ReadMessages(list(applications) or ["*"]), reason)

    @staticmethod
    def filter_messages(reason: str) -> Want:
        """See, change and drop messages before they are stored."""
        return Want(FilterMessages(), reason)

    @staticmethod
    def webhook(reason: str) -> Want:
        """Be reachable by HTTP."""
        return Want(Webhook(), reason)

    @staticmethod
    def cookies(reason: str, *names: str) -> Want:
        """See these cookies of webhook requests."""
        return Want(Cookies(list(names)), reason)

    @staticmethod
    def http(reason: str, *hosts: str) -> Want:
        """Call out to these hosts."""
        return Want(Http(list(hosts)), reason)

    @staticmethod
    def files(reason: str, *directories: Directory) -> Want:
        """Use these directories."""
        return Want(Files(list(directories)), reason)

    @staticmethod
    def environment(reason: str, *names: str) -> Want:
        """Be given these environment variables."""
        return Want(Environment(list(names)), reason)

    @staticmethod
    def timers(reason: str) -> Want:
        """Be woken by timers."""
        return Want(Timers(), reason)


@dataclass(frozen=True)
class Manifest:
    """Who a plugin is and what it asks for. What is not asked for is denied."""

    id: str
    name: str
    version: str
    description: str = ""
    author: str = ""
    license: str = ""
    website: str = ""
    wants: list[Want] = field(default_factory=list)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a configuration. ``path`` says where, such as
    ``rules[2].pattern``; empty means the whole."""

    path: str
    text: str


@dataclass(frozen=True)
class Header:
    """One HTTP header; the name in lower case."""

    name: str
    value: str


@dataclass(frozen=True)
class WebhookRequest:
    """An HTTP request to the instance's secret address. ``path`` is what follows
    ``base_path``; it and ``query`` are not decoded."""

    method: str
    path: str
    query: Optional[str]
    headers: list[Header]
    body: bytes
    client: str
    scheme: str
    host: str
    base_path: str

    def header(self, name: str, default: Optional[str] = None) -> Optional[str]:
        """The first header of this name."""
        name = name.lower()
        return next((h.value for h in self.headers if h.name.lower() == name), default)

    def text(self) -> str:
        """The body as UTF-8; what is none becomes the replacement character."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ``ValueError`` if it is none."""
        return json.loads(self.body)

    def params(self) -> dict[str, list[str]]:
        """The query's parameters, decoded."""
        return urllib.parse.parse_qs(self.query or "", keep_blank_values=True)

    def form(self) -> dict[str, list[str]]:
        """The fields of a body that is a form (``x-www-form-urlencoded``)."""
        return urllib.parse.parse_qs(self.text(), keep_blank_values=True)


@dataclass(frozen=True)
class WebhookResponse:
    """The answer to a webhook request; ``status`` is 200 to 599."""

    status: int = 200
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""

    @staticmethod
    def text(text: str, status: int = 200) -> WebhookResponse:
        """An answer of plain text."""
        kind = Header("content-type", "text/plain; charset=utf-8")
        return WebhookResponse(status, [kind], text.encode("utf-8", "replace"))

    @staticmethod
    def json(value: Any, status: int = 200) -> WebhookResponse:
        """An answer of JSON."""
        kind = Header("content-type", "application/json")
        return WebhookResponse(status, [kind], json.dumps(value).encode())


class HostError(Exception):
    """Why the host refused what the plugin asked. Uncaught in a webhook it is
    answered with the status 503; in a filter, listener, timer, start or stop it
    counts as ``Refused``."""

    case: ClassVar[str] = "unavailable"

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"{self.case}: {self.text}"


class Denied(HostError):
    """A grant is missing; the text names the permission."""

    case = "denied"


class Invalid(HostError):
    """An argument is malformed or exceeds a bound."""

    case = "invalid"


class Exhausted(HostError):
    """A quota or rate is used up; the text says when to retry."""

    case = "exhausted"


class Unavailable(HostError):
    """The host could not do it now, or is gone."""

    case = "unavailable"


# ---- the plugin and its host ----


class Refused(Exception):
    """Raise it in ``start``, ``stop``, ``filter``, ``on_messages`` or ``on_timer``
    to answer with an error. Any other exception counts as a crash: the instance
    is dropped and made anew."""


class ConfigError(Exception):
    """Raise it in ``apply`` to say what is wrong with the configuration."""

    def __init__(self, *problems: Union[Problem, str]) -> None:
        self.problems = [Problem("", p) if isinstance(p, str) else p for p in problems]
        if not self.problems:
            raise TypeError("ConfigError needs at least one problem")
        super().__init__("; ".join(p.text for p in self.problems))


class Plugin:
    """The base of every plugin. Set ``manifest`` and write the methods of what it
    does, any of:

    ``start(user)``, ``stop(reason)``
        It comes up (after its configuration was applied) and goes down. After a
        crash of a started instance ``stop`` is called, too.
    ``defaults() -> str``, ``apply(config)``, and if you like ``schema() -> str``
        A configuration that the user edits as text; ``apply`` raises ``ConfigError``.
    ``display(base_url) -> str``
        Markdown for the plugin's page.
    ``handle(request) -> WebhookResponse``
        An HTTP request. Needs ``Want.webhook``.
    ``filter(draft) -> Verdict``
        A say in every message before it is stored. Needs ``Want.filter_messages``.
    ``on_messages(messages)``
        Stored messages, 1 to 64, in order. Needs ``Want.read_messages``.
    ``on_timer(name)``
        A timer came due. Needs ``Want.timers``.

    ``user``, ``host`` and ``base_path`` (where the instance's webhooks are, if
    that is known) are there already in ``__init__``, which takes no arguments.
    """

    manifest: ClassVar[Manifest]
    #: Whether ``handle`` and ``display`` may run while other calls of the same
    #: instance do, each in a thread of its own.
    concurrent: ClassVar[bool] = False

    user: User
    host: Host
    base_path: Optional[str]


class Host:
    """The server, as one instance may use it, from any thread. Every method
    raises a ``HostError`` if the server refuses."""

    def __init__(self, connection: _Connection, instance: int) -> None:
        self._connection = connection
        self._instance = instance
        self.storage = Storage(self._ask)
        self.timers = TimerSetter(self._ask)

    def _ask(self, method: str, **params: Any) -> Any:
        return self._connection.ask(method, self._instance, _to_data(params))

    def send(
        self,
        body: str,
        title: str = "",
        priority: int = 0,
        extras: Optional[dict[str, Any]] = None,
        application: Optional[str] = None,
    ) -> int:
        """Sends a message to the user and returns its id once it is stored."""
        try:
            text = None if extras is None else json.dumps(extras, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise Invalid(f"the extras are not JSON: {error}") from None
        return self.send_message(Outgoing(application, Content(title, body, priority, text)))

    def send_message(self, message: Outgoing) -> int:
        """Sends a message as the contract has it."""
        result: int = _expect(int, self._ask("messages.send", message=message))
        return result

    def get(self, id: int) -> Optional[Message]:
        """One message, if the plugin may see it."""
        result: Optional[Message] = _expect(Optional[Message], self._ask("messages.get", id=id))
        return result

    def sent(self, before: Optional[int] = None, limit: int = 50) -> list[Message]:
        """What the plugin sent, newest first; ``limit`` is 1 to 200."""
        result: list[Message] = _expect(list[Message], self._ask("messages.sent", before=before, limit=limit))
        return result

    def received(self, before: Optional[int] = None, limit: int = 50) -> list[Message]:
        """What other applications sent, as far as the plugin may read it."""
        result: list[Message] = _expect(list[Message], self._ask("messages.received", before=before, limit=limit))
        return result

    def remove(self, id: int) -> None:
        """Deletes a message that the plugin sent."""
        self._ask("messages.remove", id=id)

    def log(self, text: str, level: Level = Level.INFO) -> None:
        """Writes a line into the instance's log; what is over 8 KiB is cut."""
        line = {"level": Level(level).value, "text": str(text)[:_LONGEST_LINE]}
        self._connection.notify("log.write", self._instance, line)


class Storage:
    """A small key-value store that outlives instances and restarts. Keys are 1 to
    256 bytes."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def get(self, key: str) -> Optional[bytes]:
        """The value last set, if any."""
        result: Optional[bytes] = _expect(Optional[bytes], self._ask("storage.get", key=key))
        return result

    def set(self, key: str, value: bytes) -> None:
        """Stores a value durably before it returns."""
        self._ask("storage.set", key=key, value=bytes(value))

    def remove(self, key: str) -> None:
        """Removes a key, if it is there."""
        self._ask("storage.remove", key=key)

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that start with a prefix, sorted."""
        result: list[str] = _expect(list[str], self._ask("storage.keys", prefix=prefix))
        return result


class TimerSetter:
    """Timers, which outlive instances and restarts."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def set(self, name: str, when: Schedule) -> None:
        """Sets or replaces the timer of this name."""
        self._ask("timers.set", name=name, when=when)

    def cancel(self, name: str) -> None:
        """Cancels a timer, if it is there."""
        self._ask("timers.cancel", name=name)


# ---- values as JSON ----


class _Mismatch(ValueError):
    """Data that does not have the form of its type."""


_VARIANTS = (Verdict, Schedule, Permission)
_ERRORS: dict[str, type[HostError]] = {e.case: e for e in (Denied, Invalid, Exhausted, Unavailable)}


def _to_data(value: Any) -> Any:
    """A value of the contract as what ``json`` writes."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, HostError):
        return {value.case: value.text}
    if isinstance(value, _VARIANTS):
        payload = [_to_data(getattr(value, f.name)) for f in dataclasses.fields(value)]  # type: ignore[arg-type]
        case: str = value.case  # type: ignore[union-attr]
        return {case: payload[0]} if payload else case
    if dataclasses.is_dataclass(value):
        return {f.name: _to_data(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: _to_data(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_data(item) for item in value]
    return value


def _from_data(kind: Any, data: Any, where: str = "it") -> Any:
    """A value of the contract from what ``json`` read."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Union:
        return None if data is None else _from_data(arguments[0], data, where)
    if origin is list:
        return [_from_data(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(_plain(list, data, where))]
    if kind is bytes:
        try:
            return base64.b64decode(_plain(str, data, where), validate=True)
        except binascii.Error:
            raise _Mismatch(f"{where} is not base64") from None
    if kind in (int, str, bool):
        return _plain(kind, data, where)
    if issubclass(kind, enum.Enum):
        try:
            return kind(data)
        except ValueError:
            raise _Mismatch(f"{where} is none of {', '.join(m.value for m in kind)}") from None
    if kind in _VARIANTS or kind is HostError:
        return _variant(kind, data, where)
    data = _plain(dict, data, where)
    values = {}
    for name, hint in _hints(kind).items():
        if name in data:
            values[name] = _from_data(hint, data[name], f"{where}.{name}")
        elif typing.get_origin(hint) is Union:
            values[name] = None
        elif name not in _DEFAULTED.get(kind, ()):
            raise _Mismatch(f"{where} lacks {name}")
    return kind(**values)


# What may be left out of a type's data although it is no option.
_DEFAULTED = {
    Manifest: ("description", "author", "license", "website", "wants"),
    WebhookResponse: ("headers", "body"),
}
_HINTS: dict[Any, dict[str, Any]] = {}


def _hints(kind: Any) -> dict[str, Any]:
    if kind not in _HINTS:
        hints = typing.get_type_hints(kind)
        _HINTS[kind] = {f.name: hints[f.name] for f in dataclasses.fields(kind)}
    return _HINTS[kind]


def _plain(kind: Any, data: Any, where: str) -> Any:
    if type(data) is not kind:
        raise _Mismatch(f"{where} is of the type {type(data).__name__}, not {kind.__name__}")
    return data


def _variant(kind: Any, data: Any, where: str) -> Any:
    if isinstance(data, dict) and len(data) == 1:
        ((name, payload),) = data.items()
    else:
        name, payload = data, None
    for case in kind.__subclasses__():
        if case.case != name:
            continue
        if kind is HostError:
            return case(_from_data(str, payload, f"{where}.{name}"))
        hints = list(_hints(case).values())
        return case(*(_from_data(hint, payload, f"{where}.{name}") for hint in hints))
    raise _Mismatch(f"{where} is none of {', '.join(case.case for case in kind.__subclasses__())}")


def _expect(kind: Any, data: Any) -> Any:
    """A result of the host."""
    try:
        return _from_data(kind, data, "the host's answer")
    except _Mismatch as error:
        raise Unavailable(str(error)) from None


# ---- the connection ----

_GREETING_FRAME = 64 << 10
_MAX_FRAME = 32 << 20
_MOST_MAX_FRAME = 256 << 20
_GREATEST_ID = 2**53 - 1
_LONGEST_LINE = 8 << 10
_ASK_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
_GREETING_SECONDS = 10.0


class _Ended(Exception):
    """The connection cannot go on; the text says why."""


class _TooLong(ValueError):
    """A message that the host would not take."""


class _Failure(Exception):
    """Why a call of the host failed, as it travels."""

    def __init__(self, kind: str, text: str, **more: Any) -> None:
        super().__init__(text)
        self.data = {"kind": kind, "text": text, **more}


def _encode(message: dict[str, Any], limit: int) -> bytes:
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    content = text.encode("utf-8", "replace")
    if len(content) > limit:
        raise _TooLong(f"a message of {len(content)} bytes, more than the {limit} that the host takes")
    return struct.pack(">I", len(content)) + content


def _read_frame(stream: BinaryIO, limit: int) -> dict[str, Any]:
    """One frame's object. The length is refused before memory is reserved."""
    try:
        head = stream.read(4)
        if len(head) < 4:
            raise _Ended("the host ended the connection")
        (length,) = struct.unpack(">I", head)
        if not 1 <= length <= limit:
            raise _Ended(f"the host broke the protocol: a frame of {length} bytes, which is not 1 to {limit}")
        content = stream.read(length)
    except OSError as error:
        raise _Ended(f"the host ended the connection ({error})") from None
    if len(content) < length:
        raise _Ended("the host ended the connection inside a frame")
    try:
        message = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _Ended(f"the host broke the protocol: a frame that is not JSON: {error}") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise _Ended("the host broke the protocol: a frame that is not a message")
    return message


class _Call:
    """A call of the host that is being worked on."""

    def __init__(self, connection: _Connection, message: dict[str, Any]) -> None:
        self._connection = connection
        self.id: int = message["id"]
        self.method: str = message["method"]
        self.instance: Optional[int] = message.get("instance")
        self.params: dict[str, Any] = message.get("params") or {}

    def open(self) -> bool:
        """Whether somebody still waits for the answer."""
        return self._connection.working.get(self.id) is self

    def param(self, name: str, kind: Any) -> Any:
        """A parameter, which must be there unless it is an option."""
        if not isinstance(self.params, dict) or (name not in self.params and typing.get_origin(kind) is not Union):
            raise _Failure("invalid", f"the parameters of {self.method} lack {name}")
        try:
            return _from_data(kind, self.params.get(name), name)
        except _Mismatch as error:
            raise _Failure("invalid", f"the parameters of {self.method} are wrong: {error}") from None

    def reply(self, result: Any) -> None:
        """Answers, unless that has happened."""
        if self._connection.close_call(self):
            try:
                self._connection.write({"type": "reply", "id": self.id, "result": result})
            except (TypeError, ValueError) as error:
                text = f"the answer of {self.method} cannot be sent: {error}"
                self._connection.write({"type": "error", "id": self.id, "error": {"kind": "crashed", "text": text}})

    def fail(self, failure: _Failure) -> None:
        """Answers with an error, unless it was answered already."""
        if self._connection.close_call(self):
            self._connection.write({"type": "error", "id": self.id, "error": failure.data})


class _Connection:
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
        self.working: dict[int, _Call] = {}

    def write(self, message: dict[str, Any]) -> bool:
        """Sends a message; false if the host is gone."""
        frame = _encode(message, self._max_frame)
        with self._writing:
            try:
                self._raw.sendall(frame)
                return True
            except OSError:
                return False

    def notify(self, method: str, instance: int, params: dict[str, Any]) -> None:
        """Says something that has no answer."""
        self.write({"type": "notify", "method": method, "instance": instance, "params": params})

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
        if kind in _ERRORS:
            raise _ERRORS[kind](text)
        raise Unavailable(f"{text} ({kind})")

    def close_call(self, call: _Call) -> bool:
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

    def read(self, called: Callable[[_Call], None]) -> bool:
        """Takes messages until the connection ends, without running the
        plugin's code. Returns if this side ended it, else raises ``_Ended``."""
        while True:
            try:
                message = _read_frame(self._stream, _MAX_FRAME)
                self._accept(message, called)
            except _Ended:
                if self._down:
                    return True
                self.end()
                raise

    def _accept(self, message: dict[str, Any], called: Callable[[_Call], None]) -> None:
        kind = message["type"]
        if kind not in ("call", "reply", "error", "cancel"):
            return
        id = message.get("id")
        if type(id) is not int or not 0 <= id <= _GREATEST_ID:
            raise _Ended(f"the host broke the protocol: a {kind} without a valid id")
        if kind == "call":
            if not isinstance(message.get("method"), str) or type(message.get("instance") or 0) is not int:
                raise _Ended("the host broke the protocol: a call without a valid method and instance")
            call = _Call(self, message)
            with self._mutex:
                if id in self.working:
                    raise _Ended(f"the host broke the protocol: a call with the id {id}, which is still open")
                self.working[id] = call
            if call.method == "health.ping":
                call.reply(None)
            else:
                called(call)
        elif kind == "cancel":
            open_call = self.working.get(id)
            if open_call is not None:
                open_call.fail(_Failure("cancelled", "cancelled; what the plugin still answers is thrown away"))
        else:
            if kind == "error" and not isinstance(message.get("error"), dict):
                raise _Ended("the host broke the protocol: an error without what is wrong")
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


def _connect(path: str, secret: str) -> _Connection:
    """Opens the connection and exchanges greetings."""
    if not hasattr(socket, "AF_UNIX"):
        raise _Ended("MORTISE_SOCKET is of a kind that Python cannot use here; run the plugin on a Unix system")
    try:
        raw = _open(path)
        raw.settimeout(_GREETING_SECONDS)
        raw.sendall(
            _encode(
                {
                    "type": "hello",
                    "protocol": "mortise-native",
                    "versions": [1],
                    "contracts": ["0.1.0"],
                    "codecs": ["json"],
                    "features": [],
                    "max_frame": _MAX_FRAME,
                    "secret": secret,
                    "sdk": f"mortise-python {__version__}",
                },
                _GREETING_FRAME,
            )
        )
    except OSError as error:
        raise _Ended(
            f"the server's socket in MORTISE_SOCKET cannot be reached ({error}); is the server running?"
        ) from None
    stream = typing.cast(BinaryIO, raw.makefile("rb", buffering=1 << 16))
    welcome = _read_frame(stream, _GREETING_FRAME)
    if welcome["type"] == "reject":
        raise _Ended(f"the server rejected this plugin: {welcome.get('text')}")
    if welcome["type"] != "welcome" or welcome.get("protocol") != "mortise-native":
        raise _Ended(f"what answers at MORTISE_SOCKET is no Mortise server: it greeted with {welcome['type']!r}")
    chosen = (welcome.get("version"), welcome.get("contract"), welcome.get("codec"))
    if chosen != (1, "0.1.0", "json"):
        raise _Ended(f"the server chose protocol, contract and codec {chosen}, which this plugin did not offer")
    frame, calls = welcome.get("max_frame"), welcome.get("max_calls")
    if type(frame) is not int or type(calls) is not int or not _GREETING_FRAME <= frame <= _MOST_MAX_FRAME or calls < 1:
        raise _Ended(f"the server announced a max_frame of {frame} and max_calls of {calls}, which are out of bounds")
    raw.settimeout(None)
    return _Connection(raw, stream, welcome)


# ---- the process ----


@dataclass(frozen=True)
class _Method:
    """A function of the contract: what of the class it calls, with what."""

    name: str
    params: dict[str, Any]
    result: Any
    refusable: bool


_METHODS = {
    "lifecycle.start": _Method("start", {"user": User}, None, True),
    "lifecycle.stop": _Method("stop", {"reason": StopReason}, None, True),
    "configurer.defaults": _Method("defaults", {}, str, False),
    "configurer.schema": _Method("schema", {}, Optional[str], False),
    "configurer.apply": _Method("apply", {"config": str}, None, False),
    "displayer.display": _Method("display", {"base_url": Optional[str]}, str, False),
    "webhook.handle": _Method("handle", {"request": WebhookRequest}, WebhookResponse, False),
    "filter.filter": _Method("filter", {"draft": Draft}, Verdict, True),
    "listener.on_messages": _Method("on_messages", {"messages": list[Message]}, None, True),
    "timer.on_timer": _Method("on_timer", {"name": str}, None, True),
}

# Methods that a class need not have although the others of its interface are there.
_OPTIONAL = ("lifecycle.start", "lifecycle.stop", "configurer.schema")
_CONCURRENT = ("webhook.handle", "displayer.display")


def _capabilities(plugin: type[Plugin]) -> list[str]:
    """The interfaces whose methods a class has. Raises ``TypeError`` for half of one."""
    names = []
    for interface in dict.fromkeys(wire.split(".")[0] for wire in _METHODS):
        wires = [wire for wire in _METHODS if wire.split(".")[0] == interface]
        there = [wire for wire in wires if callable(getattr(plugin, _METHODS[wire].name, None))]
        missing = [_METHODS[wire].name for wire in wires if wire not in there and wire not in _OPTIONAL]
        if there and missing:
            raise TypeError(f"{plugin.__name__} has {_METHODS[there[0]].name}() and lacks {', '.join(missing)}()")
        if there:
            names.append(interface)
    return names


class _Instance:
    """An instance and the thread in which it is called, one call after another."""

    def __init__(self) -> None:
        self.plugin: Optional[Plugin] = None
        self.started = False
        self._work: queue.SimpleQueue[Optional[Callable[[], None]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        for task in iter(self._work.get, None):
            task()

    def submit(self, task: Optional[Callable[[], None]]) -> None:
        """Queues a task; none ends the thread after those before it."""
        self._work.put(task)


class _Process:
    """Directs the host's calls to the plugin's instances."""

    def __init__(self, plugin: type[Plugin], connection: _Connection) -> None:
        self._plugin = plugin
        self._capabilities = _capabilities(plugin)
        self._connection = connection
        self._instances: dict[int, _Instance] = {}

    def called(self, call: _Call) -> None:
        """Finds who is to answer. Runs in the reader: never the plugin's code."""
        try:
            if call.method == "manifest.describe":
                call.reply(_to_data(self._plugin.manifest))
            elif call.method == "instance.create":
                self._create(call)
            elif call.method == "instance.drop":
                self._drop(call)
            elif call.method == "process.shutdown":
                call.reply(None)
                self._connection.end()
            else:
                self._dispatch(call)
        except _Failure as failure:
            call.fail(failure)

    def _create(self, call: _Call) -> None:
        number, user = call.param("instance", int), call.param("user", User)
        base_path = call.param("base_path", Optional[str])
        if number in self._instances:
            raise _Failure("invalid", f"there is an instance {number} already")
        instance = self._instances[number] = _Instance()

        def work() -> None:
            made = self._plugin.__new__(self._plugin)
            made.user, made.base_path = user, base_path
            made.host = Host(self._connection, number)
            made.__init__()  # type: ignore[misc]
            instance.plugin = made
            call.reply({"capabilities": self._capabilities, "concurrent": self._plugin.concurrent})

        def task() -> None:
            self._guard(call, work)
            if instance.plugin is None:
                self._instances.pop(number, None)
                instance.submit(None)

        instance.submit(task)

    def _drop(self, call: _Call) -> None:
        number = call.param("instance", int)
        instance = self._instances.pop(number, None)
        if instance is None:
            raise _Failure("unknown_instance", f"this plugin has no instance {number}")

        def task() -> None:
            # It failed and was not stopped: its threads would go on beside
            # those of its successor.
            stop = getattr(instance.plugin, "stop", None)
            if instance.started and stop is not None:
                try:
                    stop(StopReason.RELOADING)
                except BaseException:
                    sys.stderr.write(f"mortise: stop() crashed\n{traceback.format_exc()}")
            call.reply(None)

        instance.submit(task)
        instance.submit(None)

    def _dispatch(self, call: _Call) -> None:
        method = _METHODS.get(call.method)
        if method is None:
            raise _Failure("unknown_method", f"this plugin has no function {call.method[:64]!r}")
        if call.instance is None:
            raise _Failure("invalid", f"{call.method} concerns an instance, and the call names none")
        instance = self._instances.get(call.instance)
        if instance is None:
            raise _Failure("unknown_instance", f"this plugin has no instance {call.instance}")
        if not hasattr(self._plugin, method.name):
            if call.method in _OPTIONAL and call.method.split(".")[0] in self._capabilities:
                return call.reply(None)
            raise _Failure("unknown_method", f"this plugin has no {call.method.split('.')[0]}")
        params = {name: call.param(name, kind) for name, kind in method.params.items()}

        def task() -> None:
            # Cancelled while it waited: nobody wants it any more.
            if call.open():
                self._guard(call, lambda: self._invoke(call, method, instance, list(params.values())))

        if self._plugin.concurrent and call.method in _CONCURRENT:
            threading.Thread(target=task, daemon=True).start()
        else:
            instance.submit(task)

    def _invoke(self, call: _Call, method: _Method, instance: _Instance, arguments: list[Any]) -> None:
        if instance.plugin is None:
            raise _Failure("unknown_instance", f"the instance {call.instance} could not be made")
        if call.method == "lifecycle.stop":
            instance.started = False
        try:
            result = getattr(instance.plugin, method.name)(*arguments)
        except HostError as error:
            if call.method != "webhook.handle":
                raise
            self._connection.notify(
                "log.write", call.instance or 0, {"level": "warn", "text": f"answered 503: {error}"}
            )
            result = WebhookResponse.text(f"{error}\n", 503)
        if call.method == "lifecycle.start":
            instance.started = True
        if method.result is None:
            result = None
        elif method.result is Optional[str]:
            if not isinstance(result, (str, type(None))):
                raise TypeError(f"{method.name}() returned {type(result).__name__}, not str or None")
        elif not isinstance(result, method.result):
            raise TypeError(f"{method.name}() returned {type(result).__name__}, not {method.result.__name__}")
        call.reply(_to_data(result))

    def _guard(self, call: _Call, work: Callable[[], None]) -> None:
        """Runs the plugin's code and answers for what it raises."""
        try:
            work()
        except _Failure as failure:
            call.fail(failure)
        except ConfigError as error:
            if call.method != "configurer.apply":
                return self._crashed(call, error)
            problems = [_to_data(p) for p in error.problems]
            call.fail(_Failure("problems", str(error), problems=problems))
        except (Refused, HostError) as error:
            method = _METHODS.get(call.method)
            if method is None or not method.refusable:
                return self._crashed(call, error)
            call.fail(_Failure("refused", str(error)))
        except BaseException as error:  # A plugin that exits by sys.exit() crashed, too.
            self._crashed(call, error)

    @staticmethod
    def _crashed(call: _Call, error: BaseException) -> None:
        details = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        sys.stderr.write(f"mortise: {call.method} crashed\n{details}")
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
        call.fail(_Failure("crashed", text, details=details[-65536:]))


_BY_HAND = """\
This is a Mortise plugin, not a program to run by itself.

Put it into the plugins folder of a Mortise server, which starts it, or, to run
it by hand (under a debugger, in a container), let the server give you a place
for it with "mortise plugin attach" and start it with the MORTISE_SOCKET and
MORTISE_SECRET that this prints.
"""


def run(plugin: type[Plugin]) -> typing.NoReturn:
    """The whole main of a plugin: connects to the server that started this
    process, serves until the server ends the connection, and exits. It does not
    wait for threads of the plugin, nor call ``atexit`` functions."""
    status = _run(plugin)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _run(plugin: type[Plugin]) -> int:
    path = os.environ.get("MORTISE_SOCKET")
    if not path:
        sys.stderr.write(_BY_HAND)
        return 2
    # Programs that the plugin starts have no business with it.
    secret = os.environ.pop("MORTISE_SECRET", "")
    # Lines of the log appear when they are written.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        if not isinstance(getattr(plugin, "manifest", None), Manifest):
            raise TypeError(f"{plugin.__name__} has no manifest; set `manifest = Manifest(…)` in the class")
        _capabilities(plugin)
        connection = _connect(path, secret)
        connection.read(_Process(plugin, connection).called)
    except (_Ended, TypeError) as error:
        sys.stderr.write(f"mortise: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
