"""The plugin's side of the contract: what turns the types of the bindings into this package's. Only in a component.

Nothing here is reached natively: the bindings are made by `componentize-py` while a component is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import clock, config, crypto, log, metrics, random, state, types

from . import _host
from ._surroundings import Repeatable
from .decision import Drop, Emit, Keep
from .event import Batch, Event, FlushReason
from .failure import Reject, Retry
from .message import Message
from .plugin import Plugin
from .request import Accept, Answer, Refuse, Request

_LEVELS = {level.name.lower(): level for level in log.Level}
_REASONS = {reason.name: reason for reason in FlushReason}


class _Guest:
    """The contract's imports."""

    def log(self, level: str, message: str, fields: Mapping[str, str]) -> None:
        log.emit(_LEVELS[level], message, _attributes(fields))

    def setting(self, key: str) -> str | None:
        return config.get(key)

    def settings(self) -> str:
        return config.all()

    def now_ms(self) -> int:
        return clock.now()

    def random(self, count: int) -> bytes:
        return random.bytes(count)

    def state_get(self, key: str) -> Any:
        return _asked(state.get, key)

    def state_put(self, key: str, value: bytes, expect: int | None, ttl_ms: int | None) -> int:
        return _asked(state.put, key, value, expect, ttl_ms)

    def state_delete(self, key: str, expect: int | None) -> None:
        _asked(state.delete, key, expect)

    def state_add(self, key: str, delta: int, ttl_ms: int | None) -> int:
        return _asked(state.add, key, delta, ttl_ms)

    def count(self, name: str, delta: int, labels: Mapping[str, str]) -> None:
        _asked(metrics.count, name, delta, _attributes(labels))

    def observe(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        _asked(metrics.observe, name, value, _attributes(labels))

    def hmac(self, algorithm: str, secret: str, data: bytes) -> bytes:
        return _asked(crypto.hmac, algorithm, secret, data)

    def verify_hmac(self, algorithm: str, secret: str, data: bytes, mac: bytes) -> bool:
        return _asked(crypto.verify_hmac, algorithm, secret, data, mac)

    def verify_ed25519(self, public_key: bytes, data: bytes, signature: bytes) -> bool:
        return _asked(crypto.verify_ed25519, public_key, data, signature)


def _asked(ask: Any, *arguments: Any) -> Any:
    try:
        return ask(*arguments)
    except Err as error:
        if isinstance(error.value, str):
            raise _host.Refused("denied", error.value) from None
        # `StateError_TooLarge` is the contract's `too-large`.
        case = type(error.value).__name__.removeprefix("StateError_")
        kebab = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in case).lstrip("-")
        raise _host.Refused(kebab, getattr(error.value, "value", "")) from None


_host.use(_Guest())
_surroundings = Repeatable()


def exported(plugins: dict[str, Plugin]) -> dict[str, type]:
    """The classes that componentize-py looks for, one for each interface that the component exports."""
    classes: dict[str, type] = {"Lifecycle": _lifecycle(list(plugins.values()))}
    for kind, make in (("filter", _filter), ("transform", _transform), ("batch", _batch), ("verify", _verify)):
        if kind in plugins:
            classes[kind.capitalize()] = make(plugins[kind], getattr(exports, kind))
    return classes


def _lifecycle(plugins: list[Plugin]) -> type:
    class Lifecycle:
        def validate_config(self, config: str) -> None:
            found = _told(lambda: [problem for plugin in plugins for problem in plugin.problems(config)])
            wrong = list(dict.fromkeys(found))
            if wrong:
                raise Err([exports.lifecycle.Problem(problem.path, problem.message) for problem in wrong])

    return Lifecycle


def _filter(plugin: Plugin, wit: Any) -> type:
    class Filter:
        def filter(self, e: types.Event) -> Any:
            decided = _told(lambda: plugin.call(_event(e)))
            if decided is True or isinstance(decided, Keep):
                return wit.Verdict_Keep()
            if decided is False:
                return wit.Verdict_Drop("filtered out")
            return wit.Verdict_Drop(decided.reason) if isinstance(decided, Drop) else _unexpected(plugin, decided)

    return Filter


def _transform(plugin: Plugin, wit: Any) -> type:
    class Transform:
        def transform(self, e: types.Event) -> Any:
            decided = _told(lambda: plugin.call(_event(e)))
            if isinstance(decided, Keep):
                return wit.Outcome_Keep()
            if isinstance(decided, Drop):
                return wit.Outcome_Drop(decided.reason)
            messages = decided.messages if isinstance(decided, Emit) else decided
            return wit.Outcome_Emit(_messages(plugin, messages))

    return Transform


def _batch(plugin: Plugin, wit: Any) -> type:
    class Batch_:
        def key(self, e: types.Event) -> str | None:
            return _told(lambda: plugin.key_of(_event(e)))

        def fold(self, b: Any) -> list[types.Message]:
            events = tuple(_event(event) for event in b.events)
            given = Batch(b.key, events, b.id, _REASONS[b.reason.name], b.opened_at)
            return _messages(plugin, _told(lambda: plugin.call(given)))

    return Batch_


def _verify(plugin: Plugin, wit: Any) -> type:
    class Verify:
        def verify(self, r: Any) -> Any:
            given = Request(r.body, _pairs(r.headers), r.method, r.url, r.received_at)
            decided = _told(lambda: plugin.call(given))
            if isinstance(decided, Accept):
                return wit.Decision_Accept(_attributes(decided.attributes))
            if isinstance(decided, Refuse):
                return wit.Decision_Refuse(decided.reason)
            if isinstance(decided, Answer):
                return wit.Decision_Answer(wit.Response(decided.status, _headers(decided.headers), decided.body))
            return _unexpected(plugin, decided)

    return Verify


def _told(call: Any) -> Any:
    """Calls the author's code. What it rejects is the contract's error; anything else that it raises is told, and then traps."""
    _surroundings.begin()
    try:
        return call()
    except Reject as error:
        raise Err(types.PluginError_Reject(types.Failure(error.code, error.message))) from None
    except Retry as error:
        after_ms = None if error.after_seconds is None else int(error.after_seconds * 1000)
        raise Err(types.PluginError_Retry(types.RetryHint(types.Failure(error.code, error.message), after_ms))) from None
    except BaseException as error:
        _tell(error)
        raise


def _tell(error: BaseException) -> None:
    """The way to the exception, then the exception itself: the host takes the last line of the level `error` for the fault's text."""
    frames, at = [], error.__traceback__
    while at is not None:
        frames.append((at.tb_frame.f_code.co_filename, at.tb_lineno, at.tb_frame.f_code.co_name))
        at = at.tb_next
    own = [frame for frame in frames if "sluicebox_sdk/" not in frame[0]]
    # A recursion has a thousand frames; where it began and where it ended are enough.
    for file, line, name in own if len(own) <= 10 else own[:5] + own[-5:]:
        _host.current().log("error", f"  at {_base(file)}:{line} in {name}", {})
    place = f" at {_base(own[-1][0])}:{own[-1][1]}" if own else ""
    _host.current().log("error", f"panicked{place}: {type(error).__name__}: {error}".removesuffix(": "), {})


def _base(file: str) -> str:
    return file.rsplit("/", 1)[-1]


def _messages(plugin: Plugin, given: Any) -> list[types.Message]:
    """Of one message or several."""
    several = [given] if isinstance(given, Message) else list(given) if isinstance(given, Iterable) else [given]
    return [_message(one) if isinstance(one, Message) else _unexpected(plugin, one) for one in several]


def _unexpected(plugin: Plugin, found: Any) -> Any:
    return _told(lambda: _wrong_type(plugin, found))


def _wrong_type(plugin: Plugin, found: Any) -> Any:
    raise TypeError(f"{plugin.function.__name__} with @{plugin.kind} returned {type(found).__name__}")


def _event(event: types.Event) -> Event:
    return Event(
        event.event_type,
        event.source,
        event.body,
        event.content_type,
        _pairs(event.headers),
        tuple((attribute.key, attribute.value) for attribute in event.attributes),
        event.id,
        event.received_at,
        event.attempt,
    )


def _message(message: Message) -> types.Message:
    attributes = None if message.attributes is None else _attributes(message.attributes)
    headers = _headers(message.headers)
    return types.Message(message.type, message.content_type, headers, bytes(message.body), attributes, message.route)


def _pairs(headers: list[types.Header]) -> tuple[tuple[str, str], ...]:
    return tuple((header.name, header.value) for header in headers)


def _headers(headers: Mapping[str, str]) -> list[types.Header]:
    return [types.Header(name.lower(), value) for name, value in headers.items()]


def _attributes(attributes: Mapping[str, str]) -> list[types.Attribute]:
    return [types.Attribute(key, value) for key, value in attributes.items()]
