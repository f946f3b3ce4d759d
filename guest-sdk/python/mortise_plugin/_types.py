"""The types of the contract, ``wit/types.wit``, and the refusals of the host."""

from __future__ import annotations

import enum
import json
import urllib.parse
from dataclasses import dataclass, field
from typing import Any, ClassVar, Optional, Union

@dataclass(unsafe_hash=True)
class User:
    """Whom an instance belongs to. ``admin`` grants nothing."""

    id: int
    name: str
    admin: bool


@dataclass(unsafe_hash=True)
class Content:
    """What a person reads. ``extras`` is a JSON object as text."""

    title: str
    body: str
    priority: int
    extras: Optional[str] = None


@dataclass(unsafe_hash=True)
class Application:
    """Where messages come from."""

    id: int
    name: str


@dataclass(unsafe_hash=True)
class Draft:
    """A message that has not been stored yet."""

    application: Application
    content: Content
    received_ms: int


@dataclass(unsafe_hash=True)
class Message:
    """A stored message."""

    id: int
    application: Application
    content: Content
    created_ms: int


@dataclass(unsafe_hash=True)
class Outgoing:
    """A message to be sent; ``application`` names one of the plugin's own."""

    application: Optional[str]
    content: Content


class Verdict:
    """What a filter decides: ``Keep()``, ``Replace(content)`` or ``Drop(reason)``."""


@dataclass(unsafe_hash=True)
class Keep(Verdict):
    """Leave the draft as it is."""

    case: ClassVar[str] = "keep"


@dataclass(unsafe_hash=True)
class Replace(Verdict):
    """Put this content in place of what it had."""

    content: Content
    case: ClassVar[str] = "replace"


@dataclass(unsafe_hash=True)
class Drop(Verdict):
    """Do not store it; the reason is for the trace."""

    reason: str
    case: ClassVar[str] = "drop"


class Schedule:
    """When a timer fires: ``EveryMs``, ``Cron`` or ``OnceAtMs``."""


@dataclass(unsafe_hash=True)
class EveryMs(Schedule):
    """Again and again, first after one period of at least 1000 ms."""

    period: int
    case: ClassVar[str] = "every_ms"


@dataclass(unsafe_hash=True)
class Cron(Schedule):
    """A cron expression of five fields, or six with seconds first, in the user's
    time zone unless the timer is set in another."""

    expression: str
    case: ClassVar[str] = "cron"


@dataclass(unsafe_hash=True)
class OnceAtMs(Schedule):
    """Once, at this time in milliseconds since the epoch."""

    time: int
    case: ClassVar[str] = "once_at_ms"


class MissedRuns(str, enum.Enum):
    """What becomes of a timer that came due while it could not fire: it fires
    ``ONCE``, or at its next time only."""

    ONCE = "once"
    SKIP = "skip"


@dataclass(unsafe_hash=True)
class TimerOptions:
    """The details of a timer; ``timers.set()`` has them as its arguments."""

    zone: Optional[str] = None
    jitter_ms: int = 0
    missed: MissedRuns = MissedRuns.ONCE


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


@dataclass(unsafe_hash=True)
class Directory:
    """A directory on the server's machine, by its absolute path."""

    path: str
    writable: bool = False


class Permission:
    """Something a plugin may do only when a person agreed; see ``Want``."""


@dataclass(unsafe_hash=True)
class SendMessages(Permission):
    """Send messages to the user."""

    case: ClassVar[str] = "send_messages"


@dataclass(unsafe_hash=True)
class ReadMessages(Permission):
    """Read messages of these applications, ``*`` for all."""

    applications: list[str]
    case: ClassVar[str] = "read_messages"


@dataclass(unsafe_hash=True)
class FilterMessages(Permission):
    """See, change and drop messages before they are stored."""

    case: ClassVar[str] = "filter_messages"


@dataclass(unsafe_hash=True)
class Webhook(Permission):
    """Be reachable by HTTP under a secret address."""

    case: ClassVar[str] = "webhook"


@dataclass(unsafe_hash=True)
class Cookies(Permission):
    """See these cookies of webhook requests."""

    names: list[str]
    case: ClassVar[str] = "cookies"


@dataclass(unsafe_hash=True)
class Http(Permission):
    """Call out to these hosts: ``host``, ``host:port``, ``*.domain``, ``*``."""

    hosts: list[str]
    case: ClassVar[str] = "http"


@dataclass(unsafe_hash=True)
class Files(Permission):
    """Use these directories."""

    directories: list[Directory]
    case: ClassVar[str] = "files"


@dataclass(unsafe_hash=True)
class Environment(Permission):
    """Be given these environment variables of the server."""

    names: list[str]
    case: ClassVar[str] = "environment"


@dataclass(unsafe_hash=True)
class Timers(Permission):
    """Be woken by timers."""

    case: ClassVar[str] = "timers"


@dataclass(unsafe_hash=True)
class SendToUsers(Permission):
    """Send messages to these users, ``*`` for all."""

    users: list[str]
    case: ClassVar[str] = "send_to_users"


@dataclass(unsafe_hash=True)
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

    @staticmethod
    def send_to_users(reason: str, *users: str) -> Want:
        """Send messages to these users, ``*`` for all."""
        return Want(SendToUsers(list(users)), reason)


@dataclass(unsafe_hash=True)
class Interests:
    """The messages that ``on_messages`` wants: of these applications, of all that
    it may read if none is named, and of at least this priority."""

    applications: list[str] = field(default_factory=list)
    min_priority: Optional[int] = None


@dataclass(unsafe_hash=True)
class Manifest:
    """Who a plugin is and what it asks for. What is not asked for is denied.
    ``listens`` narrows the messages that ``on_messages`` gets."""

    id: str
    name: str
    version: str
    description: str = ""
    author: str = ""
    license: str = ""
    website: str = ""
    wants: list[Want] = field(default_factory=list)
    listens: Optional[Interests] = None


@dataclass(unsafe_hash=True)
class Problem:
    """One thing that is wrong with a configuration. ``path`` says where, such as
    ``rules[2].pattern``; empty means the whole."""

    path: str
    text: str


@dataclass(unsafe_hash=True)
class Header:
    """One HTTP header; the name in lower case."""

    name: str
    value: str


@dataclass(unsafe_hash=True)
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
        return first_header(self.headers, name, default)

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


@dataclass(unsafe_hash=True)
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


#: The id of a stored message, or why there is none.
Outcome = Union[int, HostError]


@dataclass(unsafe_hash=True)
class Delivery:
    """A message that was sent to one of several users, by the user's name.
    ``outcome`` is the id of the stored message, or a ``HostError``."""

    user: str
    outcome: Outcome


def first_header(headers: list[Header], name: str, default: Optional[str]) -> Optional[str]:
    """The first header of this name, whatever its case."""
    name = name.lower()
    return next((h.value for h in headers if h.name.lower() == name), default)
