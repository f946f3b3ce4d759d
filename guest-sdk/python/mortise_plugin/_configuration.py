"""The configuration in a call of ``apply``, as the host read it: the host is the one
that reads YAML."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Optional

#: Returns the text as JSON, or None if it is no mapping in YAML.
Ask = Callable[[], Optional[str]]

_offered: contextvars.ContextVar[Optional[tuple[str, Ask]]] = contextvars.ContextVar(
    "mortise_configuration", default=None
)


def offer(text: str, ask: Ask) -> None:
    """Says how the value of the text in this call is to be had."""
    _offered.set((text, ask))


def as_json(text: str) -> Optional[str]:
    """The text as JSON, if ``apply`` was called with it and it is a mapping in YAML."""
    offered = _offered.get()
    return offered[1]() if offered is not None and offered[0] == text else None
