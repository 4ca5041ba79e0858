"""What a plugin decides: a `Verdict` of a filter, an `Outcome` of a transform, and the words that make them."""

from __future__ import annotations

from dataclasses import dataclass

from .message import Message


@dataclass(frozen=True)
class Keep:
    """The event goes on as it is, to the byte."""


@dataclass(frozen=True)
class Drop:
    """The event ends here, for this reason, which is shown with the run."""

    reason: str


@dataclass(frozen=True)
class Emit:
    """These messages go on in the event's place; several: it is split."""

    messages: tuple[Message, ...]


Verdict = Keep | Drop
Outcome = Keep | Drop | Emit


def keep() -> Keep:
    """The event goes on as it is, to the byte."""
    return Keep()


def drop(reason: str) -> Drop:
    """The event ends here; the reason is shown with the run, and counted."""
    return Drop(reason)


def emit(*messages: Message) -> Emit:
    """These messages go on in the event's place."""
    return Emit(messages)
