"""Settings against a JSON Schema: the part of it that settings need.

All problems at once, each with its place (a JSON pointer, RFC 6901), and none with the value, which may be a token in the wrong place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_NAMES = {
    "null": "nothing",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "array": "a list",
    "object": "a table",
}
_KNOWN = {
    "$schema", "title", "description", "examples", "default", "format", "type", "enum", "anyOf", "minimum", "maximum", "minLength",
    "maxLength", "items", "minItems", "maxItems", "properties", "required", "additionalProperties", "minProperties", "maxProperties",
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with a setting."""

    #: Where, as `/fields/0`; empty for all of them.
    path: str
    #: What is wrong, without the value.
    message: str


def unknown_keywords(schema: Any, path: str = "") -> list[str]:
    """What of a schema is not followed here; looked at when the plugin is built."""
    if isinstance(schema, bool):
        return []
    found = [f"{path}/{name}" for name in schema if name not in _KNOWN]
    parts = [(f"properties/{name}", part) for name, part in schema.get("properties", {}).items()]
    parts += [(name, schema[name]) for name in ("items", "additionalProperties") if name in schema]
    parts += [(f"anyOf/{at}", part) for at, part in enumerate(schema.get("anyOf", []))]
    return found + [name for place, part in parts for name in unknown_keywords(part, f"{path}/{place}")]


def check(value: Any, schema: Any, path: str = "") -> list[Problem]:
    """What of a value, read from JSON, does not have the form of the schema."""
    if isinstance(schema, bool):
        return [] if schema else [Problem(path, "is not allowed")]
    wanted = schema.get("type", [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if wanted and not any(_fits(value, one) for one in wanted):
        return [Problem(path, f"expected {' or '.join(_NAMES[one] for one in wanted)}, found {_NAMES[_type_of(value)]}")]
    beyond = _limit(value, schema)
    if beyond:
        return [Problem(path, beyond)]
    tried = [check(value, part, path) for part in schema.get("anyOf", [])]
    if tried and all(tried):
        return tried[0]
    if isinstance(value, list):
        return [one for at, item in enumerate(value) for one in check(item, schema.get("items", True), f"{path}/{at}")]
    return _members(value, schema, path) if isinstance(value, dict) else []


def _members(value: dict[str, Any], schema: dict[str, Any], path: str) -> list[Problem]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    problems = [Problem(path, f"`{name}` is missing") for name in schema.get("required", []) if name not in value]
    for name, member in value.items():
        at = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in properties and others is False:
            problems.append(Problem(at, f"unknown setting; there are {', '.join(properties)}"))
        else:
            problems += check(member, properties.get(name, others), at)
    return problems


def _limit(value: Any, schema: dict[str, Any]) -> str | None:
    """The first limit that a value is beyond, in words."""
    choices = schema.get("enum")
    if choices is not None and not any(one == value and type(one) is type(value) for one in choices):
        return f"must be one of {', '.join(map(str, choices))}"
    if _type_of(value) in ("integer", "number"):
        return _within("be", value, schema.get("minimum"), schema.get("maximum"))
    for kind, what in ((str, "Length"), (list, "Items"), (dict, "Properties")):
        if isinstance(value, kind):
            return _within("have", len(value), schema.get(f"min{what}"), schema.get(f"max{what}"))
    return None


def _within(verb: str, number: float, least: float | None, most: float | None) -> str | None:
    if least is not None and number < least:
        return f"must {verb} at least {least}"
    if most is not None and number > most:
        return f"must {verb} at most {most}"
    return None


def _fits(value: Any, wanted: str) -> bool:
    found = _type_of(value)
    return found == wanted or (wanted == "number" and found == "integer")


def _type_of(value: Any) -> str:
    # In Python a bool is an int, so that it comes first.
    kinds = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"), (dict, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")
