"""Checks of values that a plugin hands to the host, against the contract's types.

A value of another type is a ``TypeError`` in the author's own line; without the
check it would be a crash inside of the transport, without a line."""

from __future__ import annotations

import dataclasses
import enum
import operator
import typing
from typing import Any, Union

from ._data import VARIANTS, hints
from ._types import Invalid

_U64 = (0, 2**64 - 1)
_S32 = (-(2**31), 2**31 - 1)
# The bounds of whole numbers that are not of 64 bits without a sign.
_BOUNDS = {"priority": _S32, "min_priority": _S32, "limit": (0, 2**32 - 1), "status": (0, 2**16 - 1)}


def conform(kind: Any, value: Any, where: str) -> Any:
    """The value as the contract takes it: a text where bytes are wanted is its
    UTF-8, a tuple is a list. Raises ``TypeError`` if it is of another type, and
    ``Invalid`` if it is out of bounds."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Union:
        return None if value is None else conform(arguments[0], value, where)
    if origin is list:
        if not isinstance(value, (list, tuple)):
            raise _wrong(value, "a list", where)
        return [conform(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if kind is str:
        return _text(value, where)
    if kind is bytes:
        return _bytes(value, where)
    if kind is bool:
        if not isinstance(value, bool):
            raise _wrong(value, "a bool", where)
        return value
    if kind is int:
        return _whole(value, where)
    if not isinstance(value, kind):
        raise _wrong(value, _wanted(kind), where)
    if isinstance(value, enum.Enum):
        return value
    of = type(value) if kind in VARIANTS else kind
    if not dataclasses.is_dataclass(of):
        raise _wrong(value, _wanted(kind), where)
    fields = {name: conform(hint, getattr(value, name), f"{where}.{name}") for name, hint in hints(of).items()}
    return of(**fields)


def _wanted(kind: Any) -> str:
    names = [case.__name__ for case in kind.__subclasses__()] if kind in VARIANTS else [kind.__name__]
    return " or ".join(names)


def _wrong(value: Any, wanted: str, where: str) -> TypeError:
    verb = "returned" if where.endswith("()") else "is of the type"
    return TypeError(f"{where} {verb} {type(value).__name__}, not {wanted}")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong(value, "str", where)
    text = str.__str__(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair, which no UTF-8 can have.
        return text.encode("utf-8", "replace").decode()
    return text


def _bytes(value: Any, where: str) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise _wrong(value, "bytes or str", where)


def _whole(value: Any, where: str) -> int:
    if isinstance(value, bool):
        raise _wrong(value, "int", where)
    try:
        number = operator.index(value)
    except TypeError:
        raise _wrong(value, "int", where) from None
    least, most = _BOUNDS.get(where.rpartition(".")[2].rpartition(" ")[2], _U64)
    if not least <= number <= most:
        raise Invalid(f"{where} is {number}, not {least} to {most}")
    return number
