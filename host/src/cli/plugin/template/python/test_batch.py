import unittest

from plugin import Settings, orders
from sluicebox_sdk import Batch, Event, Message


def order(body: bytes) -> Event:
    return Event("order.paid", body=body)


class Orders(unittest.TestCase):
    def test_orders_are_summed(self):
        first = order(b'{"customer": "ada", "id": 1, "total_cents": 250}')
        second = order(b'{"customer": "ada", "id": 2, "total_cents": 1000}')
        message = orders(Batch("ada", (first, second)), Settings(currency="EUR"))
        summed = {"customer": "ada", "orders": [1, 2], "total": "12.50 EUR"}
        self.assertEqual(message, Message.json(summed, type="orders.summed"))
