"""A plugin and its host, as an author sees them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any, ClassVar, Optional, Union

from ._check import conform
from ._http import HttpResponse, Hop, follow
from ._types import (
    Content,
    Delivery,
    Draft,
    Invalid,
    Level,
    Manifest,
    Message,
    MissedRuns,
    Outgoing,
    Problem,
    Schedule,
    StopReason,
    TimerOptions,
    User,
    Verdict,
    WebhookRequest,
    WebhookResponse,
)

_LONGEST_ENTRY = 8 << 10


class Refused(Exception):
    """Raise it in ``start``, ``stop``, ``filter``, ``on_messages`` or ``on_timer``
    to answer with an error. Any other exception is a crash: its traceback goes
    to the log, and the instance is dropped and made anew."""


class ConfigError(Exception):
    """Raise it in ``apply`` to say what is wrong with the configuration."""

    def __init__(self, *problems: Union[Problem, str]) -> None:
        self.problems = [
            Problem("", p) if isinstance(p, str) else conform(Problem, p, "ConfigError(): the problem")
            for p in problems
        ]
        if not self.problems:
            raise TypeError("ConfigError needs at least one problem")
        super().__init__("; ".join(p.text for p in self.problems))


class Plugin:
    """The base of every plugin. Set ``manifest`` and write the methods of what it
    does, any of:

    ``start(user)``, ``stop(reason)``
        It comes up (after its configuration was applied) and goes down. After a
        crash of a started instance of a native plugin ``stop`` is called, too.
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

    Each may be an ``async def``: the call ends when it and the tasks that it
    created have ended.

    A component's ``plugin.toml`` names the same as capabilities: ``lifecycle``,
    ``configurer``, ``displayer``, ``webhook``, ``filter``, ``listener``, ``timer``.
    ``host`` is there already in ``__init__``, which takes no arguments; ``user``
    is there from ``start`` on, in a native plugin in ``__init__``, too.
    ``base_path`` (where the instance's webhooks are) is known to native plugins.
    """

    manifest: ClassVar[Manifest]
    #: Whether ``handle`` and ``display`` of a native plugin may run while other
    #: calls of the same instance do, each in a thread of its own.
    concurrent: ClassVar[bool] = False

    user: User
    host: Host
    base_path: Optional[str] = None


#: Calls a function of the host by its name in the protocol.
Ask = Callable[..., Any]


class Host:
    """The server, as one instance may use it. Every method raises a ``HostError``
    if the server refuses, and ``TypeError`` for an argument of another type."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.storage = Storage(ask)
        self.timers = TimerSetter(ask)

    def send(
        self,
        body: str,
        title: str = "",
        priority: int = 0,
        extras: Optional[dict[str, Any]] = None,
        application: Optional[str] = None,
    ) -> int:
        """Sends a message to the user and returns its id once it is stored."""
        content = Content(
            conform(str, title, "send(): title"),
            conform(str, body, "send(): body"),
            conform(int, priority, "send(): priority"),
            _json(extras),
        )
        named = conform(Optional[str], application, "send(): application")
        return self._ask("messages.send", int, message=Outgoing(named, content))

    def send_message(self, message: Outgoing) -> int:
        """Sends a message as the contract has it."""
        return self._ask("messages.send", int, message=conform(Outgoing, message, "send_message(): message"))

    def get(self, id: int) -> Optional[Message]:
        """One message, if the plugin may see it."""
        return self._ask("messages.get", Optional[Message], id=conform(int, id, "get(): id"))

    def sent(self, before: Optional[int] = None, limit: int = 50) -> list[Message]:
        """The messages that the plugin sent, newest first; ``limit`` is 1 to 200."""
        return self._list("sent", before, limit)

    def received(self, before: Optional[int] = None, limit: int = 50) -> list[Message]:
        """Messages of other applications, as far as the plugin may read them."""
        return self._list("received", before, limit)

    def _list(self, method: str, before: Optional[int], limit: int) -> list[Message]:
        before = conform(Optional[int], before, f"{method}(): before")
        limit = conform(int, limit, f"{method}(): limit")
        return self._ask(f"messages.{method}", list[Message], before=before, limit=limit)

    def remove(self, id: int) -> None:
        """Deletes a message that the plugin sent."""
        self._ask("messages.remove", None, id=conform(int, id, "remove(): id"))

    def update(self, id: int, content: Content) -> None:
        """Replaces the content of a message that the plugin sent."""
        id = conform(int, id, "update(): id")
        self._ask("messages.update", None, id=id, content=conform(Content, content, "update(): content"))

    def expire(self, id: int, at_ms: Optional[int]) -> None:
        """Sets the time, in milliseconds since the epoch, at which the server
        deletes a message that the plugin sent; None: never."""
        id = conform(int, id, "expire(): id")
        self._ask("messages.expire", None, id=id, at_ms=conform(Optional[int], at_ms, "expire(): at_ms"))

    def send_to(self, users: list[str], message: Outgoing) -> list[Delivery]:
        """Sends a message to each of these users, or to all that are granted if
        one is ``*``, and returns one delivery for each, in the same order. Needs
        ``Want.send_to_users``."""
        users = conform(list[str], users, "send_to(): users")
        message = conform(Outgoing, message, "send_to(): message")
        return self._ask("messages.send_to", list[Delivery], users=users, message=message)

    def set_image(self, image: bytes, application: Optional[str] = None) -> None:
        """Sets the image of the plugin's application of this name, or of the one
        named after the plugin: PNG, JPEG, GIF or WebP, at most 1 MiB. Empty bytes
        remove it."""
        named = conform(Optional[str], application, "set_image(): application")
        self._ask("messages.set_image", None, application=named, image=conform(bytes, image, "set_image(): image"))

    def log(self, text: str, level: Union[Level, str] = Level.INFO) -> None:
        """Writes an entry into the instance's log; only its first 8 KiB are kept."""
        entry = conform(str, str(text)[:_LONGEST_ENTRY], "log(): text")
        self._ask("log.write", None, level=Level(level), text=entry)

    def http(
        self,
        method: str,
        url: str,
        headers: Optional[dict[str, str]] = None,
        body: Union[bytes, str] = b"",
        timeout: float = 8.0,
        max_redirects: int = 5,
        max_body: int = 1 << 20,
    ) -> HttpResponse:
        """Calls out by HTTP and returns the whole response, whatever its status.
        Follows redirects, each of which the host checks. A component needs
        ``Want.http`` for the hosts called. ``timeout`` is in seconds, for each
        step of it; ``max_body`` bounds the response."""
        sent = {
            conform(str, name, "http(): a header's name").lower(): conform(str, value, f"http(): the header {name}")
            for name, value in (headers or {}).items()
        }
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            raise TypeError(f"http(): timeout is of the type {type(timeout).__name__}, not float")
        hop = Hop(
            conform(str, method, "http(): method").upper(),
            conform(str, url, "http(): url"),
            sent,
            conform(bytes, body, "http(): body"),
        )
        redirects = conform(int, max_redirects, "http(): max_redirects")
        return follow(hop, timeout, redirects, conform(int, max_body, "http(): max_body"))


def _json(extras: Any) -> Optional[str]:
    if extras is None:
        return None
    if not isinstance(extras, dict):
        raise TypeError(f"send(): extras is of the type {type(extras).__name__}, not dict")
    try:
        return json.dumps(extras, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Invalid(f"the extras are not JSON: {error}") from None


class Storage:
    """A small key-value store that outlives instances and restarts. Keys are 1 to
    256 bytes."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def get(self, key: str) -> Optional[bytes]:
        """The value last set, if any."""
        return self._ask("storage.get", Optional[bytes], key=conform(str, key, "storage.get(): key"))

    def set(self, key: str, value: Union[bytes, str]) -> None:
        """Stores a value durably before it returns; of a text its UTF-8."""
        key = conform(str, key, "storage.set(): key")
        self._ask("storage.set", None, key=key, value=conform(bytes, value, "storage.set(): value"))

    def remove(self, key: str) -> None:
        """Removes a key, if it is there."""
        self._ask("storage.remove", None, key=conform(str, key, "storage.remove(): key"))

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that start with a prefix, sorted."""
        return self._ask("storage.keys", list[str], prefix=conform(str, prefix, "storage.keys(): prefix"))


class TimerSetter:
    """Timers, which outlive instances and restarts."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def set(
        self,
        name: str,
        when: Schedule,
        *,
        zone: Optional[str] = None,
        jitter_ms: int = 0,
        missed: Union[MissedRuns, str] = MissedRuns.ONCE,
    ) -> None:
        """Sets or replaces the timer of this name. ``zone`` is the time zone of a
        ``Cron``, such as ``Europe/Berlin``; None is the user's. ``jitter_ms``
        puts off all its times by the same random duration of at most this.
        ``missed`` says what becomes of times at which it could not fire."""
        name = conform(str, name, "timers.set(): name")
        when = conform(Schedule, when, "timers.set(): when")
        options = TimerOptions(
            conform(Optional[str], zone, "timers.set(): zone"),
            conform(int, jitter_ms, "timers.set(): jitter_ms"),
            MissedRuns(missed),
        )
        if options == TimerOptions():
            self._ask("timers.set", None, name=name, when=when)
        else:
            self._ask("timers.set_with", None, name=name, when=when, options=options)

    def cancel(self, name: str) -> None:
        """Cancels a timer, if it is there."""
        self._ask("timers.cancel", None, name=conform(str, name, "timers.cancel(): name"))


# ---- the functions of the contract that a class may have ----


class Method:
    """A function of the contract, and the method of a class that answers it."""

    def __init__(self, name: str, params: dict[str, Any], result: Any, refusable: bool) -> None:
        self.name = name
        self.params = params
        self.result = result
        #: Whether ``Refused`` and a ``HostError`` are its error in the contract.
        self.refusable = refusable


METHODS = {
    "lifecycle.start": Method("start", {"user": User}, None, True),
    "lifecycle.stop": Method("stop", {"reason": StopReason}, None, True),
    "configurer.defaults": Method("defaults", {}, str, False),
    "configurer.schema": Method("schema", {}, Optional[str], False),
    "configurer.apply": Method("apply", {"config": str}, None, False),
    "displayer.display": Method("display", {"base_url": Optional[str]}, str, False),
    "webhook.handle": Method("handle", {"request": WebhookRequest}, WebhookResponse, False),
    "filter.filter": Method("filter", {"draft": Draft}, Verdict, True),
    "listener.on_messages": Method("on_messages", {"messages": list[Message]}, None, True),
    "timer.on_timer": Method("on_timer", {"name": str}, None, True),
}

#: Methods that a class need not have although others of the interface are there.
OPTIONAL = ("lifecycle.start", "lifecycle.stop", "configurer.schema")


def interfaces(plugin: type[Plugin]) -> dict[str, list[str]]:
    """The interfaces whose methods a class has, with the required methods that
    it lacks. Raises ``TypeError`` for a method that would never run."""
    found: dict[str, list[str]] = {}
    for interface in dict.fromkeys(wire.split(".")[0] for wire in METHODS):
        wires = [wire for wire in METHODS if wire.split(".")[0] == interface]
        there = [wire for wire in wires if callable(getattr(plugin, METHODS[wire].name, None))]
        for wire in there:
            _runs(plugin, METHODS[wire].name)
        if there:
            found[interface] = [METHODS[w].name for w in wires if w not in there and w not in OPTIONAL]
    return found


def _runs(plugin: type[Plugin], name: str) -> None:
    method = inspect.unwrap(getattr(plugin, name))
    if inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method):
        raise TypeError(
            f"{plugin.__name__}.{name}() has a `yield`, so that a call of it would do nothing; remove it"
            f" ({line_of(method)})"
        )


def line_of(method: Any) -> str:
    """The file and line in which a method is defined."""
    code = getattr(inspect.unwrap(method), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(method)


def checked_manifest(plugin: type[Plugin]) -> Manifest:
    """The manifest of a class. Raises ``TypeError`` if it is none."""
    manifest = getattr(plugin, "manifest", None)
    if manifest is None:
        raise TypeError(f"{plugin.__name__} has no manifest; set `manifest = Manifest(…)` in the class")
    checked: Manifest = conform(Manifest, manifest, f"{plugin.__name__}.manifest")
    return checked


def checked_result(plugin: Plugin, method: Method, result: Any) -> Any:
    """The result of a method as the contract takes it. Raises ``TypeError`` if it
    is of another type, or work that nobody would do."""
    where = f"{method.name}()"
    try:
        if inspect.isgenerator(result) or inspect.isasyncgen(result):
            raise TypeError(f"{where} returned a generator, which nobody runs; return without `yield`")
        return None if method.result is None else conform(method.result, result, where)
    except TypeError as error:
        raise TypeError(f"{error} ({line_of(getattr(plugin, method.name))})") from None
