"""What stands in for the host when a plugin is tested natively. `reset()` in a test's `setUp` forgets what the test before said."""

from __future__ import annotations

import hashlib
import hmac as _hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _host
from ._host import Refused
from .plugin import Plugin, _noted
from .schema import Problem
from .state import Entry


@dataclass(frozen=True)
class Line:
    """A line that the plugin logged."""

    level: str
    message: str
    fields: Mapping[str, str]


class TestHost:
    """A host without a server: it remembers what it was told, and tells what the test set."""

    #: So that pytest does not take it for a test.
    __test__ = False

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.config: Mapping[str, Any] = {}
        self.now = 0
        self.seed = 0
        self.secrets: dict[str, bytes] = {}
        self.entries: dict[str, Entry] = {}
        self.metrics: list[tuple[str, float, Mapping[str, str]]] = []
        self._drawn = 0

    def log(self, level: str, message: str, fields: Mapping[str, str]) -> None:
        """Keeps the line."""
        self.lines.append(Line(level, message, fields))

    def setting(self, key: str) -> str | None:
        """As the host has it: a text as it is, anything else as JSON."""
        found = self.config.get(key)
        return found if isinstance(found, str) else None if key not in self.config else json.dumps(found)

    def settings(self) -> str:
        """The text of a JSON object."""
        return json.dumps(self.config)

    def now_ms(self) -> int:
        """What the test said."""
        return self.now

    def random(self, count: int) -> bytes:
        """A stream that depends on the seed."""
        self._drawn += 1
        return hashlib.shake_256(f"{self.seed}/{self._drawn}".encode()).digest(count)

    def state_get(self, key: str) -> Entry | None:
        """From memory."""
        return self.entries.get(key)

    def state_put(self, key: str, value: bytes, expect: int | None, ttl_ms: int | None) -> int:
        """Into memory; it stays, whatever its time."""
        self._expect(key, expect)
        version = self._version(key) + 1
        self.entries[key] = Entry(value, version)
        return version

    def state_delete(self, key: str, expect: int | None) -> None:
        """From memory."""
        self._expect(key, expect)
        self.entries.pop(key, None)

    def state_add(self, key: str, delta: int, ttl_ms: int | None) -> int:
        """Numbers are eight bytes, little endian."""
        found = self.entries.get(key)
        if found is not None and len(found.value) != 8:
            raise Refused("too-large")
        total = delta + (int.from_bytes(found.value, "little", signed=True) if found else 0)
        if not -(1 << 63) <= total < 1 << 63:
            raise Refused("too-large")
        self.entries[key] = Entry(total.to_bytes(8, "little", signed=True), self._version(key) + 1)
        return total

    def count(self, name: str, delta: int, labels: Mapping[str, str]) -> None:
        """Keeps it."""
        self.metrics.append((name, delta, labels))

    def observe(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        """Keeps it."""
        self.metrics.append((name, value, labels))

    def hmac(self, algorithm: str, secret: str, data: bytes) -> bytes:
        """With a secret that the test granted."""
        if secret not in self.secrets:
            raise Refused("denied", f"the test grants no such secret (grants.secrets.{secret})")
        if algorithm not in ("sha256", "sha384", "sha512"):
            raise Refused("denied", f"there is no algorithm `{algorithm}`: use sha256, sha384 or sha512")
        return _hmac.digest(self.secrets[secret], data, algorithm)

    def verify_hmac(self, algorithm: str, secret: str, data: bytes, mac: bytes) -> bool:
        """Compares with the one of `hmac`."""
        return _hmac.compare_digest(self.hmac(algorithm, secret, data), mac)

    def verify_ed25519(self, public_key: bytes, data: bytes, signature: bytes) -> bool:
        """Python has no Ed25519 of its own: a test that needs it sets this function of `host()`."""
        raise Refused("unavailable", "set testing.host().verify_ed25519 to a function that says what the host would answer")

    def _version(self, key: str) -> int:
        return self.entries[key].version if key in self.entries else 0

    def _expect(self, key: str, expect: int | None) -> None:
        if expect is not None and expect != self._version(key):
            raise Refused("conflict")


_test_host = TestHost()


def host() -> TestHost:
    """The one that is asked now, made where there is none yet."""
    return _test_host if _host._current is _test_host else reset()


def reset() -> TestHost:
    """A new one, which knows nothing."""
    global _test_host
    _test_host = TestHost()
    _host.use(_test_host)
    return _test_host


def set_settings(settings: Mapping[str, Any]) -> None:
    """Sets what `config` reads."""
    host().config = settings


def set_now_ms(now_ms: int) -> None:
    """Sets what `clock` tells; 0 until then."""
    host().now = now_ms


def set_random_seed(seed: int) -> None:
    """Begins the stream of `random` anew; each seed has its own."""
    stands_in = host()
    stands_in.seed, stands_in._drawn = seed, 0


def grant_secret(name: str, secret: str) -> None:
    """Grants a secret, which is one of a test only."""
    host().secrets[name] = secret.encode()


def take_log() -> list[Line]:
    """Takes the lines that were logged."""
    stands_in = host()
    lines, stands_in.lines = stands_in.lines, []
    return lines


def check_settings(function: Any, settings: Mapping[str, Any]) -> list[Problem]:
    """What the host is told when these settings are applied to the plugin of this function."""
    return _noted_as(function).problems(json.dumps(settings))


def _noted_as(function: Any) -> Plugin:
    return next(plugin for plugin in _noted if plugin.function is function)
