"""The HTTP clients that authors know, over the SDK's HTTP: a component has no
sockets. Each is changed only if the plugin imported it."""

from __future__ import annotations

import email.message
import http.client
import io
import sys
import urllib.error
import urllib.parse
from typing import Any, Optional

from ._http import Hop, HttpResponse, send
from ._types import HostError

# The headers that the transport itself sets.
_OWN = ("connection", "content-length", "host", "transfer-encoding", "accept-encoding")
# The most of a response's body, as these clients have no bound of their own.
_MOST = 32 << 20
_SECONDS = 30.0


def install() -> None:
    """Changes the clients that are imported by now."""
    if "urllib.request" in sys.modules:
        _urllib(sys.modules["urllib.request"])
    if "requests" in sys.modules:
        _requests(sys.modules["requests"])
    if "httpx" in sys.modules:
        _httpx(sys.modules["httpx"])


def _fetch(method: str, url: str, headers: Any, body: Any, timeout: Any) -> HttpResponse:
    """Sends one request; redirects are the client's."""
    if hasattr(body, "read"):
        body = body.read()
    elif body is not None and not isinstance(body, (str, bytes, bytearray)):
        body = b"".join(part.encode() if isinstance(part, str) else bytes(part) for part in body)
    content = body.encode() if isinstance(body, str) else bytes(body or b"")
    named = {_str(name).lower(): _str(value) for name, value in headers}
    hop = Hop(method.upper(), url, {n: v for n, v in named.items() if n not in _OWN}, content)
    return send(hop, _seconds(timeout), _MOST)


def _str(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _seconds(timeout: Any) -> float:
    """The longest of a client's timeouts in seconds."""
    if isinstance(timeout, (tuple, list)):
        numbers = [one for one in timeout if isinstance(one, (int, float))]
        return max(numbers, default=_SECONDS)
    return float(timeout) if isinstance(timeout, (int, float)) else _SECONDS


def _urllib(module: Any) -> None:
    class Handler(module.AbstractHTTPHandler):  # type: ignore[misc,name-defined]
        """Opens URLs over the SDK's HTTP."""

        def http_open(self, request: Any) -> Any:
            """Sends one request."""
            headers = {**request.unredirected_hdrs, **request.headers}
            try:
                answer = _fetch(request.get_method(), request.full_url, headers.items(), request.data, request.timeout)
            except HostError as error:
                raise urllib.error.URLError(str(error)) from error
            fields = email.message.Message()
            for one in answer.headers:
                fields[one.name] = one.value
            opened = module.addinfourl(io.BytesIO(answer.body), fields, request.full_url, answer.status)
            opened.msg = opened.reason = http.client.responses.get(answer.status, "")
            return opened

        https_open = http_open
        http_request = module.AbstractHTTPHandler.do_request_
        https_request = module.AbstractHTTPHandler.do_request_

    class Fallback(Handler):
        """The same where an author builds an opener."""

    module.HTTPHandler = Fallback
    if hasattr(module, "HTTPSHandler"):
        module.HTTPSHandler = Fallback
    module.install_opener(module.build_opener(Handler, module.ProxyHandler({})))


def _requests(module: Any) -> None:
    from urllib3.response import HTTPResponse  # type: ignore[import-not-found]

    def send_one(
        self: Any,
        request: Any,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Optional[Any] = None,
    ) -> Any:
        """``HTTPAdapter.send`` over the SDK's HTTP."""
        try:
            answer = _fetch(request.method, request.url, request.headers.items(), request.body, timeout)
        except HostError as error:
            raise module.exceptions.ConnectionError(str(error), request=request) from error
        headers: Any = [(one.name, one.value) for one in answer.headers]
        raw = HTTPResponse(
            body=io.BytesIO(answer.body),
            headers=headers,
            status=answer.status,
            reason=http.client.responses.get(answer.status, ""),
            preload_content=False,
            request_method=request.method,
        )
        return self.build_response(request, raw)

    module.adapters.HTTPAdapter.send = send_one


def _httpx(module: Any) -> None:
    def answer(request: Any, body: bytes) -> Any:
        timeout = list(request.extensions.get("timeout", {}).values())
        try:
            found = _fetch(request.method, str(request.url), request.headers.items(), body, timeout)
        except HostError as error:
            raise module.ConnectError(str(error), request=request) from error
        headers = [(one.name, one.value) for one in found.headers]
        return module.Response(found.status, headers=headers, content=found.body, request=request)

    def handle_request(self: Any, request: Any) -> Any:
        """``HTTPTransport.handle_request`` over the SDK's HTTP."""
        return answer(request, request.read())

    async def handle_async_request(self: Any, request: Any) -> Any:
        """The same for ``AsyncClient``."""
        return answer(request, await request.aread())

    def init(self: Any, *_arguments: Any, **_options: Any) -> None:
        """Takes the options of a pool of connections and makes none: that needs
        ``httpcore`` and ``ssl``."""

    plain, later = module.HTTPTransport, module.AsyncHTTPTransport
    plain.handle_request = handle_request
    later.handle_async_request = handle_async_request
    plain.__init__ = later.__init__ = init
    for name in ("__enter__", "__exit__", "close"):
        setattr(plain, name, getattr(module.BaseTransport, name))
    for name in ("__aenter__", "__aexit__", "aclose"):
        setattr(later, name, getattr(module.AsyncBaseTransport, name))
