"""A plugin's configuration: YAML or TOML as the user writes it, a dataclass as the
plugin reads it, and problems that say where. For components and native plugins alike
(native ones need Python 3.11 or newer)::

    @dataclass
    class Config:
        title: str = "Payload"
        hosts: list[str] = field(default_factory=list)

    def apply(self, config):
        self.config = read(Config, config)

    def schema(self):
        return schema(Config)

The host reads the YAML, so ``read`` and ``load`` take the text that ``apply``
received. Elsewhere, as in a unit test, they read JSON and TOML.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from typing import Any, TypeVar, Union

from mortise_plugin import ConfigError, Problem
from mortise_plugin._configuration import as_json

T = TypeVar("T")

# The types that fields may have, in words.
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_SCHEMAS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def read(kind: type[T], text: str) -> T:
    """Reads a configuration into a dataclass. Its fields are ``str``, ``int``,
    ``float``, ``bool``, lists, dictionaries with ``str`` keys, ``Optional`` of
    these, and further dataclasses; one with a default may be left out. Raises
    ``ConfigError`` with all that is wrong."""
    problems: list[Problem] = []
    value: T = _read(kind, load(text), "", problems)
    if problems:
        raise ConfigError(*problems)
    return value


def load(text: str) -> dict[str, Any]:
    """The configuration as a dictionary. Raises ``ConfigError`` if it is no mapping."""
    # First, for a line such as `a = "b: c"` is a mapping in YAML, too.
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fault = str(error)
    value = as_json(text)
    try:
        data = json.loads(text if value is None else value)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ConfigError(f"it is neither a mapping in YAML, such as `name: value`, nor TOML: {fault}")
    return data


def schema(kind: type) -> str:
    """The configuration's JSON Schema, for editors and forms."""
    return json.dumps(_schema(kind))


def _read(kind: Any, data: Any, path: str, problems: list[Problem]) -> Any:
    def wrong(expected: str) -> None:
        problems.append(Problem(path, f"{_shown(data)} is not {expected}"))

    if data is None and kind is not _present(kind):
        return None
    kind = _present(kind)
    origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        if not isinstance(data, dict):
            return wrong("a mapping")
        return _table(kind, data, path, problems)
    if origin is list:
        if not isinstance(data, list):
            return wrong("a list")
        item = arguments[0] if arguments else Any
        return [_read(item, one, f"{path}[{i}]", problems) for i, one in enumerate(data)]
    if origin is dict:
        if not isinstance(data, dict):
            return wrong("a mapping")
        item = arguments[1] if arguments else Any
        return {name: _read(item, one, _join(path, name), problems) for name, one in data.items()}
    if kind is float and type(data) is int:
        return float(data)
    if kind in _NAMES and type(data) is not kind:
        return wrong(_NAMES[kind])
    return data


def _table(kind: Any, data: dict[str, Any], path: str, problems: list[Problem]) -> Any:
    hints = typing.get_type_hints(kind)
    values = {}
    for name, item in data.items():
        if name in hints:
            values[name] = _read(hints[name], item, _join(path, name), problems)
        else:
            known = ", ".join(hints) or "none"
            problems.append(Problem(_join(path, name), f"there is no such field; there are: {known}"))
    for one in dataclasses.fields(kind):
        needed = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        if needed and one.name not in data:
            problems.append(Problem(_join(path, one.name), "is missing"))
    return None if problems else kind(**values)


def _schema(kind: Any) -> dict[str, Any]:
    kind = _present(kind)
    origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        properties = {name: _schema(hint) for name, hint in hints.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0] if arguments else Any)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1] if arguments else Any)}
    return {"type": _SCHEMAS[kind]} if kind in _SCHEMAS else {}


def _present(kind: Any) -> Any:
    """The type of which an ``Optional`` is: TOML has no null, so the field is left out."""
    if typing.get_origin(kind) in (Union, types.UnionType):
        return next(one for one in typing.get_args(kind) if one is not type(None))
    return kind


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(data: Any) -> str:
    text = json.dumps(data, default=str, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"
