"""Mortise plugins in Python as WebAssembly components, over componentize-py.

A plugin is a class. What it can do follows from the methods it has::

    from dataclasses import replace
    from mortise_plugin import Manifest, Plugin, Replace, Want, run

    class Shout(Plugin):
        manifest = Manifest(
            id="org.example.shout", name="Shout", version="1.0.0",
            wants=[Want.filter_messages("It puts titles in capitals.")])

        def filter(self, draft):
            return Replace(replace(draft.content, title=draft.content.title.upper()))

    run(Shout)

The same source is a native plugin with the other module of this name, in
``native-bridge/python``. The types are those that componentize-py makes of the
contract, under their plain names; ``componentize-py -d wit -w plugin bindings
DIR`` writes them out for editors. What is printed goes to the plugin's log, and
so does the traceback of an exception that nobody catches.

The parts of this file: the plugin and its host, and what the component exports.
``mortise_types`` has the contract's types, ``mortise_http`` calls out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, ClassVar, Optional, Union

from componentize_py_types import Err
from mortise_http import Hop, HttpResponse, follow
from mortise_types import ERRORS
from mortise_types import (
    Application as Application,
    Content as Content,
    Cookies as Cookies,
    Cron as Cron,
    Denied as Denied,
    Directory as Directory,
    Draft as Draft,
    Drop as Drop,
    Environment as Environment,
    EveryMs as EveryMs,
    Exhausted as Exhausted,
    Files as Files,
    FilterMessages as FilterMessages,
    Header as Header,
    HostError as HostError,
    Http as Http,
    Invalid as Invalid,
    Keep as Keep,
    Level as Level,
    Manifest as Manifest,
    Message as Message,
    OnceAtMs as OnceAtMs,
    Outgoing as Outgoing,
    Permission as Permission,
    Problem as Problem,
    ReadMessages as ReadMessages,
    Replace as Replace,
    Schedule as Schedule,
    SendMessages as SendMessages,
    StopReason as StopReason,
    Timers as Timers,
    Unavailable as Unavailable,
    User as User,
    Verdict as Verdict,
    Want as Want,
    Webhook as Webhook,
    WebhookRequest as WebhookRequest,
    WebhookResponse as WebhookResponse,
)
from wit_world import exports
from wit_world.imports import log as _log
from wit_world.imports import messages as _messages
from wit_world.imports import mortise_plugin_types as _types
from wit_world.imports import storage as _storage
from wit_world.imports import timers as _timers

__version__ = "0.1.0"

# ---- the plugin and its host ----


class Refused(Exception):
    """Raise it in ``start``, ``stop``, ``filter``, ``on_messages`` or ``on_timer``
    to answer with an error. Any other exception is a crash: its traceback goes
    to the log, and the instance is dropped and made anew."""


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
        It comes up (after its configuration was applied) and goes down.
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

    ``plugin.toml`` names the same as capabilities: ``lifecycle``, ``configurer``,
    ``displayer``, ``webhook``, ``filter``, ``listener``, ``timer``. An instance is
    made for each user at the first call. ``host`` is there already in
    ``__init__``, which takes no arguments; ``user`` is there from ``start`` on.
    """

    manifest: ClassVar[Manifest]

    user: User
    host: Host


def _ask(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function of the host; what it refuses is an exception of ours."""
    try:
        return function(*arguments)
    except Err as error:
        raise ERRORS[type(error.value)](error.value.value) from None


class Host:
    """The server, as one instance may use it. Every method raises a ``HostError``
    if the server refuses."""

    def __init__(self) -> None:
        self.storage = Storage()
        self.timers = TimerSetter()

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
        return _ask(_messages.send, message)

    def get(self, id: int) -> Optional[Message]:
        """One message, if the plugin may see it."""
        return _ask(_messages.get, id)

    def sent(self, before: Optional[int] = None, limit: int = 50) -> list[Message]:
        """What the plugin sent, newest first; ``limit`` is 1 to 200."""
        return _ask(_messages.sent, before, limit)

    def received(self, before: Optional[int] = None, limit: int = 50) -> list[Message]:
        """What other applications sent, as far as the plugin may read it."""
        return _ask(_messages.received, before, limit)

    def remove(self, id: int) -> None:
        """Deletes a message that the plugin sent."""
        _ask(_messages.remove, id)

    def log(self, text: str, level: Level = Level.INFO) -> None:
        """Writes an entry into the instance's log; what is over 8 KiB is cut."""
        _log.write(level, str(text))

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
        Follows redirects, each of which the host checks. Needs ``Want.http`` for
        the hosts called. ``timeout`` is in seconds, for each step of it;
        ``max_body`` bounds the response."""
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        content = body.encode() if isinstance(body, str) else bytes(body)
        return follow(Hop(method.upper(), url, sent, content), timeout, max_redirects, max_body)


class Storage:
    """A small key-value store that outlives instances and restarts. Keys are 1 to
    256 bytes."""

    def get(self, key: str) -> Optional[bytes]:
        """The value last set, if any."""
        return _ask(_storage.get, key)

    def set(self, key: str, value: bytes) -> None:
        """Stores a value durably before it returns."""
        _ask(_storage.set, key, bytes(value))

    def remove(self, key: str) -> None:
        """Removes a key, if it is there."""
        _ask(_storage.remove, key)

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that start with a prefix, sorted."""
        return _ask(_storage.keys, prefix)


class TimerSetter:
    """Timers, which outlive instances and restarts."""

    def set(self, name: str, when: Schedule) -> None:
        """Sets or replaces the timer of this name."""
        _ask(_timers.set, name, when)

    def cancel(self, name: str) -> None:
        """Cancels a timer, if it is there."""
        _ask(_timers.cancel, name)


# ---- what the component exports ----

_plugin_class: Optional[type[Plugin]] = None
_plugin: Optional[Plugin] = None

# The contract's interfaces, and the methods of a plugin that are for each; the
# last ones need not be there.
_INTERFACES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "lifecycle": ((), ("start", "stop")),
    "configurer": (("defaults", "apply"), ("schema",)),
    "displayer": (("display",), ()),
    "webhook": (("handle",), ()),
    "filter": (("filter",), ()),
    "listener": (("on_messages",), ()),
    "timer": (("on_timer",), ()),
}


def run(plugin: type[Plugin]) -> None:
    """Makes a class the plugin: the last line of the module that has it. It puts
    what the component exports into that module, where componentize-py looks."""
    global _plugin_class
    _plugin_class = plugin
    module = sys.modules[plugin.__module__]
    _put(module, "Manifest", _Manifest)
    for interface, (needed, optional) in _INTERFACES.items():
        there = [name for name in needed + optional if callable(getattr(plugin, name, None))]
        missing = [name for name in needed if name not in there]
        exported = hasattr(exports, interface.capitalize())
        if there and not exported:
            raise TypeError(
                f"{plugin.__name__} has {there[0]}(): add {interface!r} to the capabilities in plugin.toml"
            )
        if exported and missing:
            raise TypeError(
                f"plugin.toml has the capability {interface!r}, and {plugin.__name__} lacks {', '.join(missing)}()"
            )
        if exported:
            _put(module, interface.capitalize(), globals()[f"_{interface.capitalize()}"])


def _put(module: Any, name: str, export: type) -> None:
    there = getattr(module, name, None)
    # What the module imported from here was of use while it was read.
    if there is not None and there is not globals().get(name):
        raise TypeError(f"the component exports a class {name} from {module.__name__}: give yours another name")
    setattr(module, name, export)


def _instance() -> Plugin:
    """The plugin, made at the first call and not when the component is built:
    what is built in would be the same in every instance."""
    global _plugin
    if _plugin is None:
        assert _plugin_class is not None
        if "random" in sys.modules:
            sys.modules["random"].seed()
        made = _plugin_class.__new__(_plugin_class)
        made.host = Host()
        made.__init__()  # type: ignore[misc]
        _plugin = made
    return _plugin


def _call(method: str, *arguments: Any, refusable: bool = True) -> Any:
    """Runs the plugin's code; what it refuses is the contract's error."""
    try:
        return getattr(_instance(), method)(*arguments)
    except (Refused, HostError) as error:
        if not refusable:
            raise
        raise Err(str(error)) from None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _expect(kind: Any, method: str, value: Any) -> Any:
    if not isinstance(value, kind):
        wanted = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise TypeError(f"{method}() returned {type(value).__name__}, not {wanted}")
    return value


class _Manifest:
    def describe(self) -> _types.Manifest:
        assert _plugin_class is not None
        return _plugin_class.manifest


class _Lifecycle:
    def start(self, user: User) -> None:
        plugin = _instance()
        plugin.user = user
        if hasattr(plugin, "start"):
            _call("start", user)

    def stop(self, reason: StopReason) -> None:
        if hasattr(_instance(), "stop"):
            _call("stop", reason)


class _Configurer:
    def defaults(self) -> str:
        return _expect(str, "defaults", _call("defaults", refusable=False))

    def schema(self) -> Optional[str]:
        if not hasattr(_instance(), "schema"):
            return None
        return _expect((str, type(None)), "schema", _call("schema", refusable=False))

    def apply(self, config: str) -> None:
        try:
            _call("apply", config, refusable=False)
        except ConfigError as error:
            raise Err(error.problems) from None


class _Displayer:
    def display(self, base_url: Optional[str]) -> str:
        return _expect(str, "display", _call("display", base_url, refusable=False))


class _Webhook:
    def handle(self, request: _types.WebhookRequest) -> _types.WebhookResponse:
        try:
            response = _call("handle", WebhookRequest(**vars(request)), refusable=False)
        except HostError as error:
            _log.write(Level.WARN, f"answered 503: {error}")
            return WebhookResponse.text(f"{error}\n", 503)
        return _expect(_types.WebhookResponse, "handle", response)


class _Filter:
    def filter(self, draft: Draft) -> Verdict:
        return _expect((Keep, Replace, Drop), "filter", _call("filter", draft))


class _Listener:
    def on_messages(self, messages: list[Message]) -> None:
        _call("on_messages", messages)


class _Timer:
    def on_timer(self, name: str) -> None:
        _call("on_timer", name)
