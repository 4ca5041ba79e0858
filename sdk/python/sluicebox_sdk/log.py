"""Lines for people, kept with the run: `log.info("masked", fields=2)`. In a component `print` writes such lines too.

The host cuts a line at 1 KiB, drops those past the hundredth of a call, and removes control characters.
"""

from __future__ import annotations

from . import _host


def trace(message: str, **fields: object) -> None:
    """Steps on the way."""
    emit("trace", message, **fields)


def debug(message: str, **fields: object) -> None:
    """For whoever mends the plugin."""
    emit("debug", message, **fields)


def info(message: str, **fields: object) -> None:
    """What happened."""
    emit("info", message, **fields)


def warn(message: str, **fields: object) -> None:
    """What somebody should look at."""
    emit("warn", message, **fields)


def error(message: str, **fields: object) -> None:
    """What went wrong."""
    emit("error", message, **fields)


def emit(level: str, message: str, /, **fields: object) -> None:
    """Writes one line of a level, with facts beside it."""
    _host.current().log(level, message, {key: str(value) for key, value in fields.items()})
