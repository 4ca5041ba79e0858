"""What a `@verify` plugin judges: a request as it came in, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from .event import Pairs


@dataclass(frozen=True)
class Request:
    """A request as it came in, credentials and all."""

    #: The bytes as they are: what was signed.
    body: bytes = b""
    #: Names in lower case, in order of arrival, duplicates kept.
    headers: Pairs = ()
    #: Upper case.
    method: str = "POST"
    #: Absolute, as the sender called it.
    url: str = "https://hooks.example.com/in/test"
    #: When its last byte had arrived, in milliseconds since the Unix epoch.
    received_at_ms: int = 1_767_225_600_000

    def header(self, name: str) -> str | None:
        """The only header of this name, in any case of letters: of two, nobody could say which is the source's."""
        found = [value for key, value in self.headers if key == name.lower()]
        return found[0] if len(found) == 1 else None

    def query(self, name: str) -> str | None:
        """The only value of this name in the URL's query, decoded."""
        found = parse_qs(urlsplit(self.url).query, keep_blank_values=True).get(name, [])
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Accept:
    """It is from the source: it is stored, with these attributes beside its own."""

    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refuse:
    """It is not, for this reason, which is logged; the sender is told 401 and no more."""

    reason: str


@dataclass(frozen=True)
class Answer:
    """It is a handshake of the provider's: it is answered so, and nothing is stored. A status of 200 to 299, or 400 to 499."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Decision = Accept | Refuse | Answer


def accept(**attributes: str) -> Accept:
    """The request is from the source."""
    return Accept(attributes)


def refuse(reason: str) -> Refuse:
    """The request is not from the source."""
    return Refuse(reason)


def answer(body: bytes | str, status: int = 200, content_type: str = "text/plain") -> Answer:
    """The request is a handshake, answered with this."""
    return Answer(body.encode() if isinstance(body, str) else body, status, {"content-type": content_type})
