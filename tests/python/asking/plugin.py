"""Asks the host for everything, and Python for what would be the operating system's; and fails in each way there is."""

import datetime
import hashlib
import os
import random as python_random
import time
from dataclasses import dataclass

from sluicebox_sdk import (
    Event, Message, Request, accept, clock, config, crypto, drop, emit, keep, log, metrics, random, refuse, reject, retry_after, setting,
    state, transform, verify,
)

#: RFC 8032, 7.1, test 2: key, message, signature.
ED25519 = (
    bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
    bytes.fromhex("72"),
    bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ),
)


@dataclass
class Settings:
    greeting: str = setting(min_len=1)
    times: int = setting(1, min=1, max=3)


@transform
def asking(event: Event, settings: Settings):
    match event.json()["do"]:
        case "tell":
            return emit(Message.json(told(event, settings), type="told", headers={"X-Told": "yes"}, attributes={"told": "yes"}))
        case "split":
            return emit(Message.text("one"), Message.text("two"))
        case "drop":
            return drop("as asked")
        case "reject":
            reject("as-asked", "for good")
        case "retry":
            retry_after(30)
        case "raise":
            return {}["no such key"]
        case "sign":
            return emit(Message.text(crypto.hmac("sha256", "shop", event.body).hex()))
        case "verify":
            return emit(Message.json(verified(event)))
        case "bad-key":
            crypto.verify_ed25519(b"short", b"", b"")
        case "urandom":
            os.urandom(16)
        case "wait":
            time.sleep(1)
        case "remember":
            return emit(Message.json(remembered()))
        case "too-large":
            state.put("key", bytes(70_000))
        case "count":
            metrics.count("asked", 2, kind="count")
            metrics.observe("asked_seconds", 0.25)
        case "dive":
            return dive(0)
        case "wrong":
            return 7
    return keep()


def told(event: Event, settings: Settings):
    print("printed")
    log.info("logged", times=settings.times)
    return {
        "settings": [settings.greeting, settings.times, config.get("greeting")],
        "now": [clock.now_ms(), time.time(), datetime.datetime.now(datetime.timezone.utc).isoformat(), clock.now().isoformat()],
        "random": [random.randbytes(4).hex(), str(random.uuid4()), python_random.random()],
        "event": [event.id, event.type, event.source, event.attempt, event.content_type, event.header("x-type")],
        "sha256": hashlib.sha256(event.body).hexdigest(),
    }


def verified(event: Event):
    mac = crypto.hmac("sha256", "shop", event.body)
    key, data, signature = ED25519
    return [
        crypto.verify_hmac("sha256", "shop", event.body, mac),
        crypto.verify_hmac("sha256", "shop", b"another", mac),
        crypto.verify_ed25519(key, data, signature),
        crypto.verify_ed25519(key, b"another", signature),
    ]


def remembered():
    before, first = state.get("once"), state.put("once", "1", expect=0)
    try:
        conflict = state.put("once", "2", expect=0)
    except state.Conflict as error:
        conflict = error.code
    found = state.get("once")
    sums = [state.add("sum", 40), state.add("sum", 2, ttl_seconds=60)]
    state.delete("once", expect=first)
    return [before, conflict, found.text(), sums, state.get("once")]


@verify
def from_shop(request: Request):
    """By the HMAC of the body."""
    mac = bytes.fromhex(request.header("x-mac") or "")
    if not crypto.verify_hmac("sha256", "shop", request.body, mac):
        return refuse("another's")
    return accept(path=request.url.rsplit("/in/")[-1])


def dive(depth: int) -> int:
    return dive(depth + 1)
