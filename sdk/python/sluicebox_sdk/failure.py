"""How a plugin fails: for good, or for now. Any other exception is a fault of the plugin, told with its text and its place."""

from __future__ import annotations

from typing import NoReturn


class Reject(Exception):
    """The event can never be handled: it becomes a dead letter of its rule.

    `code` is for machines, in kebab case and stable, as `invalid-json`; `message` is for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Retry(Exception):
    """The event can be handled later: the rule's whole chain is run again, not before `after_seconds`; none: the host's backoff."""

    def __init__(self, code: str, message: str, after_seconds: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.after_seconds = after_seconds


def reject(code: str, message: str) -> NoReturn:
    """Ends the call with `Reject`."""
    raise Reject(code, message)


def retry_after(seconds: float) -> NoReturn:
    """Ends the call with `Retry`, to be called again in so many seconds."""
    raise Retry("retry", f"the plugin asked to be called again in {seconds} s", seconds)
