"""The time, which stands still during a call: when the host took the run up.

In a component `time.time()`, its neighbours and `datetime.now()` tell the same.
"""

from __future__ import annotations

from datetime import datetime, timezone

from . import _host


def now_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return _host.current().now_ms()


def now() -> datetime:
    """The same as a `datetime` in UTC."""
    return datetime.fromtimestamp(now_ms() / 1000, timezone.utc)
