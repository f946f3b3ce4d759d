"""The standard library's ``logging``, with its levels, into the plugin's log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

from ._types import Level

#: Writes an entry into the log of the instance that is called.
Write = Callable[[Level, str], None]


class LogHandler(logging.Handler):
    """Writes each record into the plugin's log."""

    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write

    def format(self, record: logging.LogRecord) -> str:
        """The record's text, after the logger's name unless it is the root."""
        text = super().format(record)
        return text if self.formatter or record.name == "root" else f"{record.name}: {text}"

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record; an error in it goes where ``logging`` shows errors."""
        try:
            self._write(level_of(record.levelno), self.format(record))
        except Exception:
            self.handleError(record)


def level_of(number: int) -> Level:
    """The log's level for one of ``logging``."""
    if number >= logging.ERROR:
        return Level.ERROR
    if number >= logging.WARNING:
        return Level.WARN
    if number >= logging.INFO:
        return Level.INFO
    return Level.DEBUG if number >= logging.DEBUG else Level.TRACE


def install(write: Write) -> None:
    """Puts the handler into the root logger, in the place of those that print,
    also after a later ``basicConfig``."""
    root, ours = logging.getLogger(), LogHandler(write)
    if root.level == logging.WARNING:
        # The level of a root that nobody set: `info` would be lost.
        root.setLevel(logging.INFO)
    _adopt(root, ours)
    original = logging.basicConfig

    def basic_config(**options: Any) -> None:
        """``logging.basicConfig``, whose printing handlers become the plugin's log."""
        root.removeHandler(ours)
        original(**options)
        _adopt(root, ours)

    logging.basicConfig = basic_config  # type: ignore[assignment]


def _adopt(root: logging.Logger, ours: LogHandler) -> None:
    prints = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    for handler in list(root.handlers):
        if type(handler) is logging.StreamHandler and handler.stream in prints:
            root.removeHandler(handler)
            ours.setLevel(handler.level)
            written = handler.formatter._fmt if handler.formatter else None
            if written not in (None, logging.BASIC_FORMAT):
                ours.setFormatter(handler.formatter)
    if not root.handlers:
        root.addHandler(ours)
