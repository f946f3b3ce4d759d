"""Mortise plugins in Python: WebAssembly components, over componentize-py, and
native plugins, with the standard library of Python 3.11 or newer.

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

The same source is both. Output of ``print``, records of ``logging`` and the
traceback of an exception that nobody catches go to the plugin's log.

``_types`` has the contract's types, ``_plugin`` the plugin and its host. The
transports are ``_component`` and ``_native``; each has its own way to call out,
``_wasi_http`` and the sockets in ``_http``.
"""

from __future__ import annotations

import importlib.util

from ._http import HttpResponse as HttpResponse
from ._plugin import (
    ConfigError as ConfigError,
    Host as Host,
    Plugin as Plugin,
    Refused as Refused,
    Storage as Storage,
    TimerSetter as TimerSetter,
)
from ._trace import traceparent as traceparent
from ._types import (
    Application as Application,
    Content as Content,
    Cookies as Cookies,
    Cron as Cron,
    Delivery as Delivery,
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
    Interests as Interests,
    Invalid as Invalid,
    Keep as Keep,
    Level as Level,
    Manifest as Manifest,
    Message as Message,
    MissedRuns as MissedRuns,
    OnceAtMs as OnceAtMs,
    Outgoing as Outgoing,
    Permission as Permission,
    Problem as Problem,
    ReadMessages as ReadMessages,
    Replace as Replace,
    Schedule as Schedule,
    SendMessages as SendMessages,
    SendToUsers as SendToUsers,
    StopReason as StopReason,
    TimerOptions as TimerOptions,
    Timers as Timers,
    Unavailable as Unavailable,
    User as User,
    Verdict as Verdict,
    Want as Want,
    Webhook as Webhook,
    WebhookRequest as WebhookRequest,
    WebhookResponse as WebhookResponse,
)
from ._version import __version__ as __version__


def run(plugin: type[Plugin]) -> None:
    """Makes a class the plugin: the last line of its module. A native plugin's
    process serves in it and never returns from it."""
    # componentize-py puts the bindings of the plugin's world beside the module.
    if importlib.util.find_spec("wit_world") is not None:
        from ._component import run as run_transport
    else:
        from ._native import run as run_transport
    run_transport(plugin)
