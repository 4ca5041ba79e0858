"""Tells of big orders, and drops small ones."""

from dataclasses import dataclass

from sluicebox_sdk import Event, Message, Outcome, drop, emit, reject, setting, transform


@dataclass
class Settings:
    """The plugin's `config` in the hub file."""

    min_cents: int = setting(min=0, doc="The least total of an order that is told of.")


@transform
def big_orders(event: Event, settings: Settings) -> Outcome:
    """One message in the event's place, or none. A body that is no order is rejected."""
    match event.json():
        case {"id": int(id), "total_cents": int(total_cents)}:
            pass
        case _:
            reject("invalid-json", "this is no order: it needs `id` and `total_cents`")
    if total_cents < settings.min_cents:
        return drop("a small order")
    return emit(Message.json({"text": f"order {id} over {total_cents // 100} EUR"}))
