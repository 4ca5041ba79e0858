"""Components for the operations that take one: bytes that begin as WebAssembly does."""

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.media_type(
    "application/wasm", st.binary(max_size=64).map(lambda tail: b"\0asm\r\0\1\0" + tail)
)
