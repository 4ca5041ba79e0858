"""What came in: one event, or those of a batch. A test makes them by their names: `Event(type="order.paid", body=b"{}")`."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .failure import Reject

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Event:
    """An event as the host hands it over."""

    #: `invoice.paid`; empty where the source names none.
    type: str = ""
    #: The source's name in the hub file.
    source: str = ""
    #: The bytes as they came: neither JSON nor UTF-8 is promised.
    body: bytes = b""
    #: The body's media type, where the sender told it.
    content_type: str | None = None
    #: Names in lower case, in order of arrival, duplicates kept, credentials removed.
    headers: Pairs = ()
    #: `subject`, `time`, `external-id`, CloudEvents extensions.
    attributes: Pairs = ()
    #: The same across retries, and across repeats after a crash.
    id: str = "evt_test"
    #: When its last byte had arrived, in milliseconds since the Unix epoch.
    received_at_ms: int = 1_767_225_600_000
    #: 1 on the first run; one more after each failure that counts.
    attempt: int = 1

    def text(self) -> str:
        """The body as text. Rejects with `invalid-utf8` what is none."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise Reject("invalid-utf8", f"{error.reason} at byte {error.start}") from error

    def json(self) -> Any:
        """The body, read from JSON. Rejects with `invalid-json`, and the line and column, what is none."""
        try:
            return json.loads(self.body, parse_constant=_not_json)
        except json.JSONDecodeError as error:
            raise Reject("invalid-json", f"line {error.lineno}, column {error.colno}: {error.msg}") from error
        except UnicodeDecodeError as error:
            raise Reject("invalid-json", f"{error.reason} at byte {error.start}") from error
        except (RecursionError, ValueError) as error:
            raise Reject("invalid-json", str(error)) from error

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case of letters."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def attribute(self, key: str) -> str | None:
        """The first attribute of this key."""
        return next((value for name, value in self.attributes if name == key), None)


class FlushReason(enum.Enum):
    """Why a batch is folded now."""

    #: It has as many events as the rule allows.
    SIZE = "size"
    #: It has as many bytes as the rule allows.
    BYTES = "bytes"
    #: It is as old as the rule allows.
    AGE = "age"
    #: The rule was changed.
    RULE_CHANGED = "rule-changed"
    #: Somebody asked for it.
    MANUAL = "manual"


@dataclass(frozen=True)
class Batch:
    """Events that belong together. Iterating over it gives them, in order of joining."""

    #: What its events have in common; empty where the plugin names no key.
    key: str = ""
    #: In order of joining.
    events: tuple[Event, ...] = field(default=())
    #: The same on a repeat.
    id: str = "bat_test"
    #: Why it is folded now.
    reason: FlushReason = FlushReason.SIZE
    #: When the first event joined, in milliseconds since the Unix epoch.
    opened_at_ms: int = 1_767_225_600_000

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)


def _not_json(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
