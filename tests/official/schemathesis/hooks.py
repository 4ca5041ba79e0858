"""What schemathesis cannot know by the document alone."""

import itertools
import re

import schemathesis
from hypothesis import strategies as st

# Bytes that begin as a WebAssembly component does.
schemathesis.openapi.media_type(
    "application/wasm", st.binary(max_size=64).map(lambda tail: b"\0asm\r\0\1\0" + tail)
)

numbers = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """A good Idempotency-Key is for one call: each is given one of its own."""
    for name, key in list((case.headers or {}).items()):
        if name.lower() == "idempotency-key" and re.fullmatch(r"[!-~]{1,255}", str(key)):
            case.headers[name] = f"{next(numbers)}-{key}".replace('"', "")[:255]
