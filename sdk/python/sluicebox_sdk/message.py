"""What goes on instead of an event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Message:
    """What a transform or a batch sends on. What is None stays as the event has it; of a batch, the rule decides."""

    #: The bytes that are sent, stored once and repeated on each retry.
    body: bytes
    #: The type.
    type: str | None = None
    #: The media type of the body.
    content_type: str | None = None
    #: To go out with the message. A name that the host owns (`webhook-*`, `host`, ...) fails the run with `header-not-allowed`.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: They take the place of all that the event had.
    attributes: Mapping[str, str] | None = None
    #: One of the rule's destinations; None: all of them.
    route: str | None = None

    @classmethod
    def json(cls, value: Any, **others: Any) -> Message:
        """A value as JSON, in UTF-8 and without white space; `others` are the fields of a message, as `type="order.big"`."""
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return cls(text.encode(), **{"content_type": "application/json", **others})

    @classmethod
    def text(cls, text: str, **others: Any) -> Message:
        """Plain text."""
        return cls(text.encode(), **{"content_type": "text/plain; charset=utf-8", **others})
