"""Values of the contract as JSON data, for native plugins."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import enum
import typing
from typing import Any, Union

from ._types import (
    Delivery,
    Denied,
    Exhausted,
    HostError,
    Interests,
    Invalid,
    Manifest,
    Outcome,
    Permission,
    Schedule,
    TimerOptions,
    Unavailable,
    Verdict,
    WebhookResponse,
)


class Mismatch(ValueError):
    """Data that does not have the form of its type."""


VARIANTS = (Verdict, Schedule, Permission)
ERRORS: dict[str, type[HostError]] = {e.case: e for e in (Denied, Invalid, Exhausted, Unavailable)}


def to_data(value: Any) -> Any:
    """A value of the contract as what ``json`` writes."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, HostError):
        return {value.case: value.text}
    if isinstance(value, VARIANTS):
        payload = [to_data(getattr(value, f.name)) for f in dataclasses.fields(value)]  # type: ignore[arg-type]
        case: str = value.case  # type: ignore[union-attr]
        return {case: payload[0]} if payload else case
    if isinstance(value, Delivery):
        case = "err" if isinstance(value.outcome, HostError) else "ok"
        return {"user": value.user, "outcome": {case: to_data(value.outcome)}}
    if dataclasses.is_dataclass(value):
        return {f.name: to_data(getattr(value, f.name)) for f in dataclasses.fields(value) if _written(value, f)}
    if isinstance(value, dict):
        return {name: to_data(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_data(item) for item in value]
    return value


def _written(value: Any, field: dataclasses.Field[Any]) -> bool:
    """Whether a field is part of the data: some are left out at their default."""
    return field.name not in _LEFT_OUT.get(type(value), ()) or getattr(value, field.name) != field.default


def from_data(kind: Any, data: Any, where: str = "it") -> Any:
    """A value of the contract from what ``json`` read."""
    if kind == Outcome:
        return _outcome(data, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Union:
        return None if data is None else from_data(arguments[0], data, where)
    if origin is list:
        return [from_data(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(_plain(list, data, where))]
    if kind is bytes:
        try:
            return base64.b64decode(_plain(str, data, where), validate=True)
        except binascii.Error:
            raise Mismatch(f"{where} is not base64") from None
    if kind in (int, str, bool):
        return _plain(kind, data, where)
    if issubclass(kind, enum.Enum):
        try:
            return kind(data)
        except ValueError:
            raise Mismatch(f"{where} is none of {', '.join(m.value for m in kind)}") from None
    if kind in VARIANTS or kind is HostError:
        return _variant(kind, data, where)
    data = _plain(dict, data, where)
    values = {}
    for name, hint in hints(kind).items():
        if name in data:
            values[name] = from_data(hint, data[name], f"{where}.{name}")
        elif typing.get_origin(hint) is Union:
            values[name] = None
        elif name not in _DEFAULTED.get(kind, ()):
            raise Mismatch(f"{where} lacks {name}")
    return kind(**values)


# Fields that may be left out of a type's data although they are no option.
_DEFAULTED = {
    Manifest: ("description", "author", "license", "website", "wants"),
    WebhookResponse: ("headers", "body"),
    TimerOptions: ("jitter_ms", "missed"),
    Interests: ("applications",),
}
# Fields that a type's data has only if they differ from their default.
_LEFT_OUT = {
    Manifest: ("listens",),
    TimerOptions: ("zone", "jitter_ms", "missed"),
}
_HINTS: dict[Any, dict[str, Any]] = {}


def hints(kind: Any) -> dict[str, Any]:
    """The fields of one of the contract's types, each with its type."""
    if kind not in _HINTS:
        found = typing.get_type_hints(kind)
        _HINTS[kind] = {f.name: found[f.name] for f in dataclasses.fields(kind)}
    return _HINTS[kind]


def _plain(kind: Any, data: Any, where: str) -> Any:
    if type(data) is not kind:
        raise Mismatch(f"{where} is of the type {type(data).__name__}, not {kind.__name__}")
    return data


def _variant(kind: Any, data: Any, where: str) -> Any:
    if isinstance(data, dict) and len(data) == 1:
        ((name, payload),) = data.items()
    else:
        name, payload = data, None
    for case in kind.__subclasses__():
        if case.case != name:
            continue
        if kind is HostError:
            return case(from_data(str, payload, f"{where}.{name}"))
        return case(*(from_data(hint, payload, f"{where}.{name}") for hint in hints(case).values()))
    raise Mismatch(f"{where} is none of {', '.join(case.case for case in kind.__subclasses__())}")


def _outcome(data: Any, where: str) -> Any:
    if isinstance(data, dict) and len(data) == 1:
        ((case, payload),) = data.items()
        if case in ("ok", "err"):
            return from_data(int if case == "ok" else HostError, payload, f"{where}.{case}")
    raise Mismatch(f"{where} is none of ok, err")


def expect(kind: Any, data: Any) -> Any:
    """A result of the host."""
    try:
        return from_data(kind, data, "the host's answer")
    except Mismatch as error:
        raise Unavailable(str(error)) from None
