"""Outbound HTTP: one call from request to whole response, over ``wasi:http``.
Authors have it as ``self.host.http(…)``."""

from __future__ import annotations

import json
import urllib.parse
from dataclasses import dataclass
from typing import Any, Optional

from componentize_py_types import Err, Ok
from mortise_types import Denied, Header, HostError, Invalid, Unavailable, header
from wit_world.imports import outgoing_handler as _outgoing
from wit_world.imports import streams as _streams
from wit_world.imports import wasi_http_types as _http


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
        return header(self.headers, name, default)

    def text(self) -> str:
        """The body as UTF-8; what is none becomes the replacement character."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ``ValueError`` if it is none."""
        return json.loads(self.body)


@dataclass
class Hop:
    """One request on the wire."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


# What may not follow to another server.
_CREDENTIALS = ("authorization", "cookie", "host", "proxy-authorization")
# The most that one write of a stream takes.
_CHUNK = 4096


def follow(hop: Hop, timeout: float, redirects: int, most: int) -> HttpResponse:
    """Sends a request and what it is redirected to, as browsers do."""
    first, left = hop.url, redirects
    while True:
        response = _send(hop, timeout, most)
        target = response.header("location")
        if redirects == 0 or target is None or response.status not in (301, 302, 303, 307, 308):
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


def _send(hop: Hop, timeout: float, most: int) -> HttpResponse:
    request = _request(hop)
    content = request.body()
    options = _http.RequestOptions()
    nanoseconds = int(timeout * 1e9)
    options.set_connect_timeout(nanoseconds)
    options.set_first_byte_timeout(nanoseconds)
    options.set_between_bytes_timeout(nanoseconds)
    try:
        future = _outgoing.handle(request, options)
    except Err as error:
        raise _failed(hop, error.value) from None
    # The body after the request was handed over, for the host reads it only
    # then. A failure to write is told by the response, or by its error.
    try:
        with content.write() as stream:
            for start in range(0, len(hop.body), _CHUNK):
                stream.blocking_write_and_flush(hop.body[start : start + _CHUNK])
        _http.OutgoingBody.finish(content, None)
    except Err:
        pass
    with future.subscribe() as ready:
        ready.block()
    outcome = future.get()
    if not isinstance(outcome, Ok):
        raise Unavailable(f"{hop.url} did not answer")
    if isinstance(outcome.value, Err):
        raise _failed(hop, outcome.value.value)
    return _read(hop, outcome.value.value, most)


def _request(hop: Hop) -> _http.OutgoingRequest:
    url = urllib.parse.urlsplit(hop.url)
    if url.scheme not in ("http", "https") or not url.netloc:
        raise Invalid(f"{hop.url!r} is no URL that begins with http:// or https://")
    fields = _http.Fields()
    headers = dict(hop.headers)
    # The length is known: servers that do not take chunks are served too.
    if hop.body or hop.method in ("POST", "PUT", "PATCH"):
        headers["content-length"] = str(len(hop.body))
    for name, value in headers.items():
        try:
            fields.append(name, value.encode())
        except Err:
            raise Invalid(f"the header {name!r} of a request is not allowed or not well-formed") from None
    request = _http.OutgoingRequest(fields)
    named = getattr(_http, f"Method_{hop.method.capitalize()}", None)
    path = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
    try:
        request.set_method(named() if named and named is not _http.Method_Other else _http.Method_Other(hop.method))
        request.set_scheme(_http.Scheme_Https() if url.scheme == "https" else _http.Scheme_Http())
        request.set_authority(url.netloc.rpartition("@")[2])
        request.set_path_with_query(path)
    except Err:
        raise Invalid(f"`{hop.method} {hop.url}` is not a request that can be made") from None
    return request


def _read(hop: Hop, response: _http.IncomingResponse, most: int) -> HttpResponse:
    with response.headers() as fields:
        headers = [Header(name.lower(), _text(value)) for name, value in fields.entries()]
    parts: list[bytes] = []
    length = 0
    with response.consume() as content, content.stream() as stream:
        while True:
            try:
                part = stream.blocking_read(1 << 16)
            except Err as error:
                if isinstance(error.value, _streams.StreamError_Closed):
                    break
                raise Unavailable(f"{hop.url} broke off: {error.value.value.to_debug_string()}") from None
            parts.append(part)
            length += len(part)
            if length > most:
                raise Invalid(f"the response of {hop.url} is longer than {most} bytes; raise `max_body` to read more")
    return HttpResponse(response.status(), headers, b"".join(parts))


def _text(value: bytes) -> str:
    # As the contract has it: what is not UTF-8 is taken as Latin-1.
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _failed(hop: Hop, code: Any) -> HostError:
    if isinstance(code, _http.ErrorCode_HttpRequestDenied):
        url = urllib.parse.urlsplit(hop.url)
        return Denied(
            f"{url.scheme}://{url.netloc} is not among the hosts that this plugin was granted with `http`"
        )
    why = type(code).__name__.removeprefix("ErrorCode_")
    detail = getattr(code, "value", None)
    return Unavailable(f"{hop.url} did not answer: {why}{f' ({detail})' if detail else ''}")
