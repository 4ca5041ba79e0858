"""The decorators: they note what a function is, and leave the function as it is."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from typing import Any, TypeVar, overload

from . import _host
from .event import Event
from .failure import Reject
from .schema import Problem, check
from .settings import Schema, read, schema_of

_F = TypeVar("_F", bound=Callable[..., Any])
_Key = str | Callable[[Event], str | None]


@dataclass(frozen=True)
class Plugin:
    """A function with its decorator."""

    kind: str
    function: Callable[..., Any]
    #: What its second argument is: a dataclass, or `dict`; None where it has none.
    settings: Any
    schema: Schema | None
    key: _Key | None = None

    def call(self, given: Any) -> Any:
        """Calls the function with an event, a batch or a request, and with its settings."""
        return self.function(given) if self.settings is None else self.function(given, self._read_settings())

    def key_of(self, event: Event) -> str | None:
        """Which batch an event joins; None: it is delivered alone."""
        if self.key is None:
            return ""
        return key_at(event, self.key) if isinstance(self.key, str) else self.key(event)

    def problems(self, config: str) -> list[Problem]:
        """What is wrong with settings, the text of a JSON object."""
        return [] if self.schema is None else check(json.loads(config), self.schema)

    def _read_settings(self) -> Any:
        # They were checked when they were applied.
        return read(self.settings, json.loads(_host.current().settings()))


_noted: list[Plugin] = []


def of_module(module: str) -> dict[str, Plugin]:
    """The functions with a decorator in a module and below it, by their kind. `TypeError`: there are two of a kind, or none at all."""
    found: dict[str, Plugin] = {}
    for plugin in _noted:
        name = plugin.function.__module__
        if name != module and not name.startswith(f"{module}."):
            continue
        if plugin.kind in found:
            both = f"{found[plugin.kind].function.__name__} and {plugin.function.__name__}"
            raise TypeError(f"a plugin has one function with @{plugin.kind}: there are {both}")
        found[plugin.kind] = plugin
    if not found:
        raise TypeError(f"{module}.py has no function with @filter, @transform, @batch or @verify")
    return found


@overload
def filter(function: _F, /) -> _F: ...
@overload
def filter(*, schema: Schema) -> Callable[[_F], _F]: ...
def filter(function: Any = None, /, *, schema: Schema | None = None) -> Any:
    """Says whether an event goes on: `f(event[, settings])` gives a bool, `keep()` or `drop(reason)`.

    Settings are the dataclass that the second argument is annotated with, or a `dict`, of which `schema` tells the form.
    """
    return _decorator("filter", function, schema)


@overload
def transform(function: _F, /) -> _F: ...
@overload
def transform(*, schema: Schema) -> Callable[[_F], _F]: ...
def transform(function: Any = None, /, *, schema: Schema | None = None) -> Any:
    """Changes an event: `f(event[, settings])` gives `keep()`, `drop(reason)`, `emit(message, ...)`, or a message. Settings as of `filter`."""
    return _decorator("transform", function, schema)


def batch(*, key: _Key | None = None, schema: Schema | None = None) -> Callable[[_F], _F]:
    """Folds events into messages: `f(batch[, settings])` gives a message or several. Settings as of `filter`.

    `key` says which batch an event joins: a path into its body, as `customer.id`, or a function of the event. An event without one is
    delivered alone; without `key` all events of a rule are in one batch.
    """
    return lambda function: _note("batch", function, schema, key)


@overload
def verify(function: _F, /) -> _F: ...
@overload
def verify(*, schema: Schema) -> Callable[[_F], _F]: ...
def verify(function: Any = None, /, *, schema: Schema | None = None) -> Any:
    """Says whether a request is from its source: `f(request[, settings])` gives `accept(...)`, `refuse(reason)` or `answer(body)`."""
    return _decorator("verify", function, schema)


def key_at(event: Event, path: str) -> str | None:
    """The key at a path of the body: a text as it is, a number or truth value as JSON. What has none is in no batch, and no failure."""
    try:
        found = event.json()
    except Reject:
        return None
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, str):
        return found
    return json.dumps(found) if isinstance(found, bool | int | float) else None


def _decorator(kind: str, function: Any, schema: Schema | None) -> Any:
    return (lambda of: _note(kind, of, schema)) if function is None else _note(kind, function, schema)


def _note(kind: str, function: _F, schema: Schema | None, key: _Key | None = None) -> _F:
    parameters = list(inspect.signature(function).parameters.values())
    if not 1 <= len(parameters) <= 2:
        given = {"batch": "batch", "verify": "request"}.get(kind, "event")
        raise TypeError(f"@{kind} expects {function.__name__}({given}) or {function.__name__}({given}, settings)")
    settings = None
    if len(parameters) == 2:
        settings = typing.get_type_hints(function).get(parameters[1].name, dict)
        if is_dataclass(settings):
            schema = schema_of(settings)
        elif settings is not dict:
            raise TypeError(f"the settings of {function.__name__} are {settings}: make them a dataclass, or a dict")
    _noted.append(Plugin(kind, function, settings, schema, key))
    return function

