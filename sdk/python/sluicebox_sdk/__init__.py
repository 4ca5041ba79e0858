"""Write Sluicebox plugins in Python: a function and a decorator.

    from sluicebox_sdk import Event, Message, emit, transform

    @transform
    def shout(event: Event):
        return emit(Message.text(event.text().upper()))

The decorator leaves the function as it is, so tests call it. What a plugin asks of its host is in the modules `clock`, `config`,
`crypto`, `log`, `metrics`, `random` and `state`; natively `testing` stands in for the host.
"""

from . import clock, config, crypto, log, metrics, random, state
from .decision import Drop, Emit, Keep, Outcome, Verdict, drop, emit, keep
from .event import Batch, Event, FlushReason
from .failure import Reject, Retry, reject, retry_after
from .message import Message
from .plugin import batch, filter, transform, verify
from .request import Accept, Answer, Decision, Refuse, Request, accept, answer, refuse
from .settings import setting

#: This package's, which a component tells with its own name.
__version__ = "0.1.0"

__all__ = [
    "Accept", "Answer", "Batch", "Decision", "Drop", "Emit", "Event", "FlushReason", "Keep", "Message", "Outcome", "Refuse",
    "Reject", "Request", "Retry", "Verdict", "accept", "answer", "batch", "clock", "config", "crypto", "drop", "emit", "filter",
    "keep", "log", "metrics", "random", "refuse", "reject", "retry_after", "setting", "state", "transform", "verify",
]
