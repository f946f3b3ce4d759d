"""Calling out from a component, over ``wasi:http``."""

from __future__ import annotations

import urllib.parse
from typing import Any

from componentize_py_types import Err, Ok  # type: ignore[import-not-found]
from wit_world.imports import outgoing_handler as _outgoing  # type: ignore[import-not-found]
from wit_world.imports import streams as _streams
from wit_world.imports import wasi_http_types as _http

from ._http import Hop, HttpResponse, too_long
from ._types import Denied, Header, HostError, Invalid, Unavailable

# The most that one write of a stream takes.
_CHUNK = 4096


def over_wasi(hop: Hop, timeout: float, most: int) -> HttpResponse:
    """Sends one request and reads the whole response."""
    request = _request(hop)
    content = request.body()
    options = _http.RequestOptions()
    nanoseconds = max(0, int(timeout * 1e9))
    options.set_connect_timeout(nanoseconds)
    options.set_first_byte_timeout(nanoseconds)
    options.set_between_bytes_timeout(nanoseconds)
    try:
        future = _outgoing.handle(request, options)
    except Err as error:
        raise _failed(hop, error.value) from None
    # The body after the request was handed over, for the host reads it only
    # then. The response, or its error, tells of a failure to write.
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
    fields = _http.Fields()
    for name, value in hop.headers.items():
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
                raise too_long(hop, most)
    return HttpResponse(response.status(), headers, b"".join(parts))


def _text(value: bytes) -> str:
    # As the contract has it: bytes that are not UTF-8 are taken as Latin-1.
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _failed(hop: Hop, code: Any) -> HostError:
    if isinstance(code, _http.ErrorCode_HttpRequestDenied):
        url = urllib.parse.urlsplit(hop.url)
        return Denied(f"{url.scheme}://{url.netloc} is not among the hosts that this plugin was granted with `http`")
    why = type(code).__name__.removeprefix("ErrorCode_")
    detail = getattr(code, "value", None)
    return Unavailable(f"{hop.url} did not answer: {why}{f' ({detail})' if detail else ''}")
