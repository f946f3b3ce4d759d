"""Calling out by HTTP: one call from request to whole response. Authors have it
as ``self.host.http(…)``."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

from ._types import Denied, Exhausted, Header, HostError, Invalid, Unavailable, first_header


@dataclass
class HttpResponse:
    """A whole response."""

    status: int
    headers: list[Header]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status < 300

    def header(self, name: str, default: Optional[str] = None) -> Optional[str]:
        """The first header of this name."""
        return first_header(self.headers, name, default)

    def text(self) -> str:
        """The body as UTF-8, with the replacement character for other bytes."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ``ValueError`` if it is none."""
        return json.loads(self.body)


@dataclass
class Hop:
    """One request on the wire, whose headers' names are in lower case."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


#: Sends one request, with a timeout in seconds for each step and the most bytes
#: of the response's body.
Send = Callable[[Hop, float, int], HttpResponse]

# Headers that do not follow to another server.
_CREDENTIALS = ("authorization", "cookie", "host", "proxy-authorization")
_REDIRECTS = (301, 302, 303, 307, 308)


def follow(hop: Hop, timeout: float, redirects: int, most: int) -> HttpResponse:
    """Sends a request and those that it is redirected to, as browsers do."""
    first, left = hop.url, redirects
    while True:
        response = send(hop, timeout, most)
        target = response.header("location")
        if redirects == 0 or target is None or response.status not in _REDIRECTS:
            return response
        if left == 0:
            raise Invalid(f"{first} redirected more than {redirects} times")
        left -= 1
        there = urllib.parse.urljoin(hop.url, target)
        here, next_url = urllib.parse.urlsplit(hop.url), urllib.parse.urlsplit(there)
        if (here.scheme, here.netloc) != (next_url.scheme, next_url.netloc):
            hop.headers = {n: v for n, v in hop.headers.items() if n not in _CREDENTIALS}
        if response.status == 303 or (response.status in (301, 302) and hop.method == "POST"):
            hop.method, hop.body = "GET", b""
            hop.headers = {n: v for n, v in hop.headers.items() if not n.startswith("content-")}
        hop.url = there


def send(hop: Hop, timeout: float, most: int) -> HttpResponse:
    """Sends one request by the transport that is in use."""
    url = urllib.parse.urlsplit(hop.url)
    if url.scheme not in ("http", "https") or not url.netloc:
        raise Invalid(f"{hop.url!r} is no URL that begins with http:// or https://")
    # The length is known: servers that do not take chunks are served too.
    if hop.body or hop.method in ("POST", "PUT", "PATCH"):
        hop.headers["content-length"] = str(len(hop.body))
    return _transport(hop, timeout, most)


def too_long(hop: Hop, most: int) -> Invalid:
    """The error for a response that is longer than the plugin takes."""
    return Invalid(f"the response of {hop.url} is longer than {most} bytes; raise `max_body` to read more")


def _over_sockets(hop: Hop, timeout: float, most: int) -> HttpResponse:
    """The transport of a native plugin: the standard library's sockets."""
    # Not at the top: a component would carry it.
    import http.client

    try:
        connection, target = _connection(urllib.parse.urlsplit(hop.url), timeout)
    except (http.client.InvalidURL, ValueError) as error:
        raise Invalid(f"{hop.url!r} is no URL that can be called: {error}") from None
    try:
        connection.request(hop.method, target, hop.body or None, hop.headers)
        answer = connection.getresponse()
        body = answer.read(most + 1)
        headers = [Header(name.lower(), value) for name, value in answer.getheaders()]
    except ValueError as error:
        raise Invalid(f"`{hop.method} {hop.url}` is not a request that can be made: {error}") from None
    except PermissionError:
        raise Denied(f"{hop.url}: its host is not among those that this plugin was granted with `http`") from None
    except (OSError, http.client.HTTPException) as error:
        # In a tunnel to an https host, the library tells the refusal by its reason alone.
        refused = re.match(r"Tunnel connection failed: (\d+) (.+)", str(error))
        if refused:
            raise _refusal(int(refused[1]), refused[2]) from None
        raise Unavailable(f"{hop.url} did not answer: {error or type(error).__name__}") from None
    finally:
        connection.close()
    if answer.getheader("proxy-status") == "mortise":
        raise _refusal(answer.status, body.decode("utf-8", "replace").strip())
    if len(body) > most:
        raise too_long(hop, most)
    return HttpResponse(answer.status, headers, body)


def _connection(url: urllib.parse.SplitResult, timeout: float) -> tuple[Any, str]:
    """The connection for a URL, and the request's target on it.

    In a sandbox for named hosts, the environment names the proxy that leads to them.
    """
    import http.client
    import urllib.request

    is_secure = url.scheme == "https"
    kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
    path = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
    host = url.netloc.rpartition("@")[2]
    proxy = urllib.request.getproxies_environment().get(url.scheme)
    if not proxy or urllib.request.proxy_bypass_environment(host):  # type: ignore[attr-defined]
        return kind(host, timeout=timeout), path
    connection = kind(urllib.parse.urlsplit(proxy).netloc, timeout=timeout)
    if is_secure:
        connection.set_tunnel(url.hostname or "", url.port or 443)
        return connection, path
    return connection, f"http://{host}{path}"


def _refusal(status: int, text: str) -> HostError:
    """The error that the sandbox's proxy told in place of the host's answer."""
    return {403: Denied, 429: Exhausted}.get(status, Unavailable)(text)


_transport: Send = _over_sockets


def use_transport(transport: Send) -> None:
    """Calls out by another transport from now on."""
    global _transport
    _transport = transport
