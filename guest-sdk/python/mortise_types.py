"""The contract's types, as componentize-py makes them, under their plain names, and
what the host refuses. Authors have all of it from ``mortise_plugin``."""

from __future__ import annotations

import json
import urllib.parse
from dataclasses import dataclass, field
from typing import Any, ClassVar, Optional

from wit_world.imports import mortise_plugin_types as _types

Application = _types.Application
Directory = _types.Directory
Draft = _types.Draft
Header = _types.Header
Level = _types.Level
Message = _types.Message
Outgoing = _types.Outgoing
Problem = _types.Problem
StopReason = _types.StopReason
User = _types.User

Keep = _types.Verdict_Keep
Replace = _types.Verdict_Replace
Drop = _types.Verdict_Drop
Verdict = _types.Verdict

EveryMs = _types.Schedule_EveryMs
Cron = _types.Schedule_Cron
OnceAtMs = _types.Schedule_OnceAtMs
Schedule = _types.Schedule

SendMessages = _types.Permission_SendMessages
ReadMessages = _types.Permission_ReadMessages
FilterMessages = _types.Permission_FilterMessages
Webhook = _types.Permission_Webhook
Cookies = _types.Permission_Cookies
Http = _types.Permission_Http
Files = _types.Permission_Files
Environment = _types.Permission_Environment
Timers = _types.Permission_Timers
Permission = _types.Permission


@dataclass
class Content(_types.Content):
    """What a person reads. ``extras`` is a JSON object as text."""

    extras: Optional[str] = None


class Want(_types.Request):
    """A permission that the plugin asks for, and one sentence for the person who
    decides. The functions make the common ones."""

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


@dataclass
class Manifest(_types.Manifest):
    """Who a plugin is and what it asks for. What is not asked for is denied."""

    description: str = ""
    author: str = ""
    license: str = ""
    website: str = ""
    wants: list[Want] = field(default_factory=list)  # type: ignore[assignment]


class WebhookRequest(_types.WebhookRequest):
    """An HTTP request to the instance's secret address. ``path`` is what follows
    ``base_path``; it and ``query`` are not decoded."""

    def header(self, name: str, default: Optional[str] = None) -> Optional[str]:
        """The first header of this name."""
        return header(self.headers, name, default)

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


@dataclass
class WebhookResponse(_types.WebhookResponse):
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
    """The host could not do it now."""

    case = "unavailable"


#: The contract's errors as exceptions.
ERRORS = {
    _types.Error_Denied: Denied,
    _types.Error_Invalid: Invalid,
    _types.Error_Exhausted: Exhausted,
    _types.Error_Unavailable: Unavailable,
}


def header(headers: list[Header], name: str, default: Optional[str]) -> Optional[str]:
    """The first header of this name, whatever its case."""
    name = name.lower()
    return next((h.value for h in headers if h.name.lower() == name), default)
