"""A plugin as a WebAssembly component, over componentize-py."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
from typing import Any, Optional

from componentize_py_types import Err, Ok  # type: ignore[import-not-found]
from wit_world import exports  # type: ignore[import-not-found]
from wit_world.imports import log as _log  # type: ignore[import-not-found]
from wit_world.imports import messages as _messages
from wit_world.imports import mortise_plugin_types as _wit
from wit_world.imports import storage as _storage
from wit_world.imports import store as _store
from wit_world.imports import timers as _timers

from . import _configuration, _types
from ._data import VARIANTS
from ._finish import finish
from ._http import use_transport
from ._plugin import (
    METHODS,
    OPTIONAL,
    ConfigError,
    Host,
    Plugin,
    Refused,
    checked_manifest,
    checked_result,
    interfaces,
)
from ._types import HostError, Level, WebhookResponse
from ._wasi_http import over_wasi

_FUNCTIONS = {
    "messages.send": _messages.send,
    "messages.get": _messages.get,
    "messages.sent": _messages.sent,
    "messages.received": _messages.received,
    "messages.remove": _messages.remove,
    "messages.update": _messages.update,
    "messages.expire": _messages.expire,
    "messages.send_to": _messages.send_to,
    "messages.set_image": _messages.set_image,
    "log.write": _log.write,
    "storage.get": _storage.get,
    "storage.set": _storage.set,
    "storage.remove": _storage.remove,
    "storage.keys": _storage.keys,
    "timers.set": _timers.set,
    "timers.set_with": _timers.set_with,
    "timers.cancel": _timers.cancel,
}
_ERRORS = {
    _wit.Error_Denied: _types.Denied,
    _wit.Error_Invalid: _types.Invalid,
    _wit.Error_Exhausted: _types.Exhausted,
    _wit.Error_Unavailable: _types.Unavailable,
}
# Types whose name in the contract is not the author's.
_NAMES = {"Want": "Request"}

_plugin_class: Optional[type[Plugin]] = None
_plugin: Optional[Plugin] = None


def _ask(method: str, kind: Any, **params: Any) -> Any:
    """Calls a function of the host."""
    try:
        result = _FUNCTIONS[method](*(_lowered(value) for value in params.values()))
    except Err as error:
        raise _refusal(error) from None
    return _lifted(result)


def _refusal(error: Any) -> HostError:
    return _ERRORS[type(error.value)](error.value.value)


def _lowered(value: Any) -> Any:
    """A value of the SDK's types as one of componentize-py's."""
    if isinstance(value, enum.Enum):
        return getattr(_wit, type(value).__name__)[value.name]
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    name = type(value).__name__
    fields = [_lowered(getattr(value, field.name)) for field in dataclasses.fields(value)]
    for variant in VARIANTS:
        if isinstance(value, variant):
            return getattr(_wit, f"{variant.__name__}_{name}")(*fields)
    return getattr(_wit, _NAMES.get(name, name))(*fields)


def _lifted(value: Any) -> Any:
    """The reverse, for the types that the host hands to a plugin."""
    if isinstance(value, enum.Enum):
        return getattr(_types, type(value).__name__)[value.name]
    if isinstance(value, list):
        return [_lifted(item) for item in value]
    if isinstance(value, Ok):
        return _lifted(value.value)
    if isinstance(value, Err):
        return _refusal(value)
    if not dataclasses.is_dataclass(value):
        return value
    fields = {field.name: _lifted(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return getattr(_types, type(value).__name__)(**fields)


# ---- the exports ----


def run(plugin: type[Plugin]) -> None:
    """Puts the component's exports into the plugin's module, where
    componentize-py looks for them."""
    global _plugin_class
    _plugin_class = plugin
    checked_manifest(plugin)
    _import_parts(plugin)
    module = sys.modules[plugin.__module__]
    _put(module, "Manifest", _Manifest)
    found = interfaces(plugin)
    for interface in dict.fromkeys(wire.split(".")[0] for wire in METHODS):
        exported = hasattr(exports, interface.capitalize())
        if interface in found and not exported:
            first = next(m.name for w, m in METHODS.items() if w.startswith(interface) and hasattr(plugin, m.name))
            raise TypeError(
                f"{plugin.__name__} has {first}(): add {interface!r} to the capabilities in plugin.toml"
            )
        missing = found.get(interface) or ([] if interface in found else _required(interface))
        if exported and missing:
            raise TypeError(
                f"plugin.toml has the capability {interface!r}, and {plugin.__name__} lacks {', '.join(missing)}()"
            )
        if exported:
            _put(module, interface.capitalize(), globals()[f"_{interface.capitalize()}"])


def _import_parts(plugin: type[Plugin]) -> None:
    """Imports the parts of the SDK that the plugin needs: while the component is
    built, for it carries those modules and finds no others later."""
    names = (method.name for method in METHODS.values() if hasattr(plugin, method.name))
    handlers = (inspect.unwrap(getattr(plugin, name)) for name in names)
    if "asyncio" in sys.modules or any(inspect.iscoroutinefunction(handler) for handler in handlers):
        from ._loop import use_sleeping_loop

        use_sleeping_loop()
    if "logging" in sys.modules:
        from . import _logging

        _logging.install(lambda level, text: _ask("log.write", None, level=level, text=text))
    if not sys.modules.keys().isdisjoint(("urllib.request", "requests", "httpx")):
        # The standard library looks for this one when a URL is opened.
        import encodings.idna  # noqa: F401

        from . import _clients

        _clients.install()


def _required(interface: str) -> list[str]:
    return [m.name for w, m in METHODS.items() if w.split(".")[0] == interface and w not in OPTIONAL]


def _put(module: Any, name: str, export: type) -> None:
    there = getattr(module, name, None)
    # A name that the module imported from the SDK was of use while it was read.
    if there is not None and there is not getattr(_types, name, None):
        raise TypeError(f"the component exports a class {name} from {module.__name__}: give yours another name")
    setattr(module, name, export)


def _instance() -> Plugin:
    """The plugin, made at the first call and not when the component is built:
    all instances would share what is built in."""
    global _plugin
    if _plugin is None:
        if _plugin_class is None:
            raise TypeError("no plugin: end the module with `run(YourPlugin)`")
        if "random" in sys.modules:
            sys.modules["random"].seed()
        made = _plugin_class.__new__(_plugin_class)
        made.host = Host(_ask)
        made.__init__()  # type: ignore[misc]
        _plugin = made
    return _plugin


def _call(wire: str, *arguments: Any) -> Any:
    """Runs the plugin's code to its end. ``Refused`` and a ``HostError`` become
    the contract's error, where the function has one."""
    method = METHODS[wire]
    try:
        plugin = _instance()
        if not hasattr(plugin, method.name):
            return None
        result = finish(getattr(plugin, method.name)(*(_lifted(value) for value in arguments)))
        return _lowered(checked_result(plugin, method, result))
    except (Refused, HostError) as error:
        if not method.refusable:
            raise
        raise Err(str(error)) from None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


class _Manifest:
    def describe(self) -> Any:
        if _plugin_class is None:
            raise TypeError("no plugin: end the module with `run(YourPlugin)`")
        return _lowered(checked_manifest(_plugin_class))


class _Lifecycle:
    def start(self, user: Any) -> None:
        _instance().user = _lifted(user)
        _call("lifecycle.start", user)

    def stop(self, reason: Any) -> None:
        _call("lifecycle.stop", reason)


def _configured() -> Optional[str]:
    """The configuration as JSON; None if it is no mapping in YAML."""
    try:
        return _store.get("")
    except Err:
        return None


class _Configurer:
    def defaults(self) -> Any:
        return _call("configurer.defaults")

    def schema(self) -> Any:
        return _call("configurer.schema")

    def apply(self, config: str) -> None:
        _configuration.offer(config, _configured)
        try:
            _call("configurer.apply", config)
        except ConfigError as error:
            raise Err(_lowered(error.problems)) from None


class _Displayer:
    def display(self, base_url: Optional[str]) -> Any:
        return _call("displayer.display", base_url)


class _Webhook:
    def handle(self, request: Any) -> Any:
        try:
            return _call("webhook.handle", request)
        except HostError as error:
            _ask("log.write", None, level=Level.WARN, text=f"answered 503: {error}")
            return _lowered(WebhookResponse.text(f"{error}\n", 503))


class _Filter:
    def filter(self, draft: Any) -> Any:
        return _call("filter.filter", draft)


class _Listener:
    def on_messages(self, messages: list[Any]) -> None:
        _call("listener.on_messages", messages)


class _Timer:
    def on_timer(self, name: str) -> None:
        _call("timer.on_timer", name)


use_transport(over_wasi)
