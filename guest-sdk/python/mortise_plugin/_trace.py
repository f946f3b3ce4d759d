"""The trace context of a native plugin's call. The requests that the plugin makes
during the call carry it on; in a component the host itself sees to that."""

from __future__ import annotations

import contextvars
import threading
from typing import Any, Optional

_HEADER = "traceparent"
_context: contextvars.ContextVar[Optional[str]] = contextvars.ContextVar("mortise_traceparent", default=None)
_installing = threading.Lock()
_installed = False


def traceparent() -> Optional[str]:
    """The trace context of the call that runs, as the header ``traceparent`` has it:
    for clients that do not send it by themselves. None if there is no trace, and
    always in a component. New threads do not have it: start them with
    ``contextvars.copy_context().run``."""
    return _context.get()


def begin(traceparent: Optional[str]) -> None:
    """Begins a call with this trace context."""
    _context.set(traceparent)
    if traceparent is not None:
        _install()


def _install() -> None:
    """Has ``http.client`` send the header, and with it the clients that use it:
    ``urllib``, ``requests``. Only once there is a trace."""
    global _installed
    with _installing:
        if _installed:
            return
        _installed = True
        from http.client import HTTPConnection

        putrequest, putheader, endheaders = HTTPConnection.putrequest, HTTPConnection.putheader, HTTPConnection.endheaders

        def begin_request(self: Any, *arguments: Any, **named: Any) -> None:
            self._mortise_traced = False
            putrequest(self, *arguments, **named)

        def put_header(self: Any, header: Any, *values: Any) -> None:
            name = header.decode("latin-1") if isinstance(header, bytes) else str(header)
            if name.lower() == _HEADER:
                self._mortise_traced = True
            putheader(self, header, *values)

        def end_headers(self: Any, *arguments: Any, **named: Any) -> None:
            value = _context.get()
            if value is not None and not getattr(self, "_mortise_traced", False):
                putheader(self, _HEADER, value)
            endheaders(self, *arguments, **named)

        HTTPConnection.putrequest = begin_request  # type: ignore[method-assign]
        HTTPConnection.putheader = put_header  # type: ignore[method-assign]
        HTTPConnection.endheaders = end_headers  # type: ignore[method-assign]
