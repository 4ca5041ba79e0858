"""Folds the orders of a customer into one message."""

from dataclasses import dataclass

from sluicebox_sdk import Batch, Message, batch, setting


@dataclass
class Settings:
    """The plugin's `config` in the hub file."""

    currency: str = setting(doc="What the sum is told in.")


@batch(key="customer")
def orders(batch: Batch, settings: Settings) -> Message:
    """One message for the batch. Which batch an event joins says the value at `key` in its body."""
    members = [event.json() for event in batch]
    cents = sum(order["total_cents"] for order in members)
    total = f"{cents // 100}.{cents % 100:02} {settings.currency}"
    body = {"customer": batch.key, "orders": [order["id"] for order in members], "total": total}
    return Message.json(body, type="orders.summed")
