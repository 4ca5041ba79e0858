"""What Python itself would ask of an operating system, asked of the host instead, so that a call can be repeated. Only in a component.

There WASI is a stub: what asks it for the time or for random numbers ends the call without a word. So `time` and `datetime` tell the
host's time, `print` and the standard streams write log lines, `random` is seeded anew for each call, and what would need secret random
numbers raises. Set up before the plugin's own module is imported, which may take these functions from their modules.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, NoReturn

from . import _host


class _Lines:
    """A stream that logs each line."""

    encoding = "utf-8"

    def __init__(self, level: str) -> None:
        self._level, self._line = level, ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            _host.current().log(self._level, line, {})
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def _no_secret_randomness(*_: object) -> NoReturn:
    raise RuntimeError("a plugin has no secret random numbers: use sluicebox_sdk.random, which a repeat sees again")


def _no_waiting(*_: object) -> NoReturn:
    raise RuntimeError("a plugin cannot wait: use sluicebox_sdk.retry_after")


class Repeatable:
    """The surroundings, set up once while the component is built."""

    def __init__(self) -> None:
        clock: Any = time
        for name in ("time", "monotonic", "perf_counter", "process_time"):
            setattr(clock, name, lambda: _host.current().now_ms() / 1000)
            setattr(clock, f"{name}_ns", lambda: _host.current().now_ms() * 1_000_000)
        clock.sleep = _no_waiting
        os.urandom = _no_secret_randomness
        if "random" in sys.modules:
            sys.modules["random"]._urandom = _no_secret_randomness  # type: ignore[attr-defined]
        self._streams = (_Lines("info"), _Lines("warn"))

    def begin(self) -> None:
        """Before each call."""
        sys.stdout, sys.stderr = self._streams  # type: ignore[assignment]
        if "random" in sys.modules:
            sys.modules["random"].seed(_host.current().random(16))
