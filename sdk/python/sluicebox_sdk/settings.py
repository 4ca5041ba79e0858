"""Settings as a dataclass: its JSON Schema, which is put into the component, and the dataclass made of what the hub file has.

    @dataclass
    class Settings:
        min_cents: int = setting(min=0, max=1_000_000)
        region: Literal["eu", "us"] | None = None

Fields are `bool`, `int`, `float`, `str`, `Any`, `Literal` of texts, `list[...]`, `dict[str, ...]`, any of them `| None`, and other
dataclasses. A field without a default has to be set.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any

Schema = dict[str, Any]

_LEAVES: dict[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    dict: {"type": "object"},
    list: {"type": "array"},
    Any: {},
}
#: A type's own hints do not change; kept, since they take longer to find than settings to read.
_hints = functools.cache(typing.get_type_hints)

#: What the lengths of a text, a list and a table are called.
_LENGTHS = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems"), "object": ("minProperties", "maxProperties")}


def setting(
    default: Any = dataclasses.MISSING,
    *,
    min: float | None = None,
    max: float | None = None,
    min_len: int | None = None,
    max_len: int | None = None,
    one_of: list[str] | None = None,
    doc: str | None = None,
) -> Any:
    """A field of settings with limits: the least and greatest number, the fewest and most characters or items, the only texts.

    `doc` is its description in the schema. A list or a table may be a default as it is: each call gets its own.
    """
    said = {"min": min, "max": max, "min_len": min_len, "max_len": max_len, "one_of": one_of, "doc": doc}
    metadata = {"sluicebox": {name: value for name, value in said.items() if value is not None}}
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def schema_of(of: Any) -> Schema:
    """The JSON Schema of a dataclass, or of the type of a field. `TypeError`: settings cannot have that type."""
    if dataclasses.is_dataclass(of) and isinstance(of, type):
        return _table(of)
    if _is_leaf(of):
        return dict(_LEAVES[of])
    origin, parts = typing.get_origin(of), typing.get_args(of)
    if origin is typing.Literal and all(isinstance(part, str) for part in parts):
        return {"type": "string", "enum": list(parts)}
    if origin is list:
        return {"type": "array", "items": schema_of(parts[0])}
    if origin is dict and parts[0] is str:
        return {"type": "object", "additionalProperties": schema_of(parts[1])}
    if origin in (typing.Union, types.UnionType) and len(parts) == 2 and type(None) in parts:
        return {"anyOf": [schema_of(_but_none(parts)), {"type": "null"}]}
    raise TypeError(f"settings cannot have a field of the type {of}: use one that `sluicebox_sdk.settings` names, or Any")


def read(of: Any, value: Any) -> Any:
    """Makes a dataclass, or a field, of a value that has the form of its schema."""
    if dataclasses.is_dataclass(of) and isinstance(of, type):
        hints = _hints(of)
        given = [field.name for field in dataclasses.fields(of) if field.name in value or not _has_default(field)]
        return of(**{name: read(hints[name], value.get(name)) for name in given})
    origin, parts = typing.get_origin(of), typing.get_args(of)
    if value is None or _is_leaf(of):
        return float(value) if of is float else value
    if origin is list:
        return [read(parts[0], item) for item in value]
    if origin is dict:
        return {name: read(parts[1], item) for name, item in value.items()}
    if origin in (typing.Union, types.UnionType):
        return read(_but_none(parts), value)
    return value


def _table(of: type) -> Schema:
    hints = _hints(of)
    properties, required = {}, []
    for field in dataclasses.fields(of):
        properties[field.name] = _limited(schema_of(hints[field.name]), field.metadata.get("sluicebox", {}))
        if not _has_default(field) and type(None) not in typing.get_args(hints[field.name]):
            required.append(field.name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _limited(schema: Schema, said: dict[str, Any]) -> Schema:
    inner = schema["anyOf"][0] if "anyOf" in schema else schema
    shortest, longest = _LENGTHS.get(inner.get("type", ""), ("minLength", "maxLength"))
    names = {"min": "minimum", "max": "maximum", "min_len": shortest, "max_len": longest, "one_of": "enum"}
    inner.update({names[name]: value for name, value in said.items() if name != "doc"})
    return {"description": said["doc"], **schema} if "doc" in said else schema


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _is_leaf(of: Any) -> bool:
    return any(of is leaf for leaf in _LEAVES)


def _but_none(parts: tuple[Any, ...]) -> Any:
    return next(part for part in parts if part is not type(None))
