"""Random numbers that a repeat sees again: they depend on the event's id, the plugin and its function.

So a sampled event is sampled on its retry too. They are no secret: for keys and tokens they are of no use. In a component the
functions of Python's own `random` depend on the same, while `os.urandom` and `secrets` raise `RuntimeError`.
"""

from __future__ import annotations

import uuid

from . import _host

#: What the host hands over at once.
_AT_ONCE = 64 << 10


def randbytes(count: int) -> bytes:
    """The next bytes."""
    return b"".join(_host.current().random(min(_AT_ONCE, count - at)) for at in range(0, count, _AT_ONCE))


def uuid4() -> uuid.UUID:
    """A UUID of version 4."""
    return uuid.UUID(bytes=randbytes(16), version=4)
