"""The host that the modules ask: in a component the real one, natively the one of `testing`. Both have the functions of `Host`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Entry(Protocol):
    """What is stored under a key."""

    value: bytes
    version: int


class Refused(Exception):
    """The host's answer to what it does not do: the case of the contract's error, and its text."""

    def __init__(self, case: str, text: str = "") -> None:
        super().__init__(text or case)
        self.case = case
        self.text = text


class Host(Protocol):
    """The contract's imports, in Python's types; errors are raised as `Refused`."""

    def log(self, level: str, message: str, fields: Mapping[str, str]) -> None: ...
    def setting(self, key: str) -> str | None: ...
    def settings(self) -> str: ...
    def now_ms(self) -> int: ...
    def random(self, count: int) -> bytes: ...
    def state_get(self, key: str) -> Entry | None: ...
    def state_put(self, key: str, value: bytes, expect: int | None, ttl_ms: int | None) -> int: ...
    def state_delete(self, key: str, expect: int | None) -> None: ...
    def state_add(self, key: str, delta: int, ttl_ms: int | None) -> int: ...
    def count(self, name: str, delta: int, labels: Mapping[str, str]) -> None: ...
    def observe(self, name: str, value: float, labels: Mapping[str, str]) -> None: ...
    def hmac(self, algorithm: str, secret: str, data: bytes) -> bytes: ...
    def verify_hmac(self, algorithm: str, secret: str, data: bytes, mac: bytes) -> bool: ...
    def verify_ed25519(self, public_key: bytes, data: bytes, signature: bytes) -> bool: ...


_current: Host | None = None


def use(host: Host) -> None:
    """From now on this one is asked."""
    global _current
    _current = host


def current() -> Host:
    """The one that is asked."""
    if _current is None:
        from . import testing

        testing.reset()
    assert _current is not None
    return _current
