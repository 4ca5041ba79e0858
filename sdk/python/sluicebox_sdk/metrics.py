"""Numbers for the operator's dashboards. Needs the grant `metrics`; without it, and past a limit, it rejects with `metric-refused`.

Names and labels have the form `[a-z][a-z0-9_]{0,62}`; a call has at most 4 labels, a plugin 20 series.
"""

from __future__ import annotations

from collections.abc import Callable

from . import _host
from .failure import Reject


def count(name: str, delta: int = 1, /, **labels: str) -> None:
    """Adds to a counter."""
    _told(lambda: _host.current().count(name, delta, labels))


def observe(name: str, value: float, /, **labels: str) -> None:
    """Adds a value to a histogram."""
    _told(lambda: _host.current().observe(name, value, labels))


def _told(tell: Callable[[], None]) -> None:
    try:
        tell()
    except _host.Refused as refused:
        raise Reject("metric-refused", refused.text) from None
