"""Cryptography with secrets that the host keeps: a plugin names one that its `grants.secrets` has, and never sees it.

Python's own `hmac` and `hashlib` work too, with what the plugin has itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from . import _host
from .failure import Reject

_T = TypeVar("_T")


def hmac(algorithm: str, secret: str, data: bytes) -> bytes:
    """The HMAC (RFC 2104) of the data by `sha256`, `sha384` or `sha512`, with the granted secret of this name.

    Rejects with `not-granted` and the name of the missing grant.
    """
    return _asked("not-granted", lambda: _host.current().hmac(algorithm, secret, data))


def verify_hmac(algorithm: str, secret: str, data: bytes, mac: bytes) -> bool:
    """Whether `mac` is that HMAC, compared in a time that does not depend on where they differ."""
    return _asked("not-granted", lambda: _host.current().verify_hmac(algorithm, secret, data, mac))


def verify_ed25519(public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Whether this is the key's signature of the data (RFC 8032). Rejects with `invalid-key` a key or signature of another length."""
    return _asked("invalid-key", lambda: _host.current().verify_ed25519(public_key, data, signature))


def _asked(code: str, ask: Callable[[], _T]) -> _T:
    try:
        return ask()
    except _host.Refused as refused:
        raise Reject(code, refused.text) from None
