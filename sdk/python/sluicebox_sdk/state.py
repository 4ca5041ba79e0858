"""What a plugin remembers from one event to the next, under keys of its own. Needs the grant `state`.

Writes are stored together with what becomes of the event: a call that fails leaves none behind. `expect` of `put` and `delete` is the
version that the entry must be at, 0 for none; `ttl_seconds` is how long the entry lives.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from . import _host
from .failure import Reject, Retry

_T = TypeVar("_T")

_TEXTS = {
    "too-large": "the key or the value is over its limit, or the entry is no number",
    "quota": "the plugin has no room for more, or the call has made all its operations",
}


class Conflict(Retry):
    """The entry is not at the version that `expect` names. A plugin that does not catch it is called again, for it passes."""

    def __init__(self) -> None:
        super().__init__("state-conflict", "the entry is at another version than expected")


@dataclass(frozen=True)
class Entry:
    """What is stored under a key."""

    #: The bytes.
    value: bytes
    #: Another one after each write.
    version: int

    def text(self) -> str:
        """The value as text."""
        return self.value.decode()

    def json(self) -> Any:
        """The value, read from JSON."""
        return json.loads(self.value)


def get(key: str) -> Entry | None:
    """What is under the key; None where nothing is, or where its time is over."""
    found = _asked(lambda: _host.current().state_get(key))
    return None if found is None else Entry(found.value, found.version)


def put(key: str, value: bytes | str, *, expect: int | None = None, ttl_seconds: float | None = None) -> int:
    """Stores a value, and answers with its version."""
    stored = value.encode() if isinstance(value, str) else value
    return _asked(lambda: _host.current().state_put(key, stored, expect, _ms(ttl_seconds)))


def delete(key: str, *, expect: int | None = None) -> None:
    """Removes what is under the key, if anything."""
    _asked(lambda: _host.current().state_delete(key, expect))


def add(key: str, delta: int = 1, *, ttl_seconds: float | None = None) -> int:
    """Adds to a number and answers with the sum; where nothing is, it was 0, and only then the time counts."""
    return _asked(lambda: _host.current().state_add(key, delta, _ms(ttl_seconds)))


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)


def _asked(ask: Callable[[], _T]) -> _T:
    """With the codes that plugins in every language fail with."""
    try:
        return ask()
    except _host.Refused as refused:
        case, text = refused.case, refused.text
        if case == "conflict":
            raise Conflict from None
        if case == "unavailable":
            raise Retry("state-unavailable", text) from None
        if case == "denied":
            raise Reject("not-granted", text) from None
        raise Reject(f"state-{case}", text or _TEXTS[case]) from None
