"""The plugin's settings from the hub file, for functions without the second argument."""

from __future__ import annotations

import json
from typing import Any

from . import _host


def get(key: str) -> str | None:
    """One top-level setting: a text as it is, anything else as JSON."""
    return _host.current().setting(key)


def settings() -> dict[str, Any]:
    """All of them."""
    return json.loads(_host.current().settings())
