"""Asks the host for everything, and Python for what would be the operating system's; and fails in each way there is."""

import datetime
import hashlib
import os
import random as python_random
import time
from dataclasses import dataclass

from sluicebox_sdk import (
    Event, Message, clock, config, crypto, drop, emit, keep, log, random, reject, retry_after, setting, state, transform,
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
        case "urandom":
            os.urandom(16)
        case "wait":
            time.sleep(1)
        case "remember":
            state.put("key", "value")
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


def dive(depth: int) -> int:
    return dive(depth + 1)
