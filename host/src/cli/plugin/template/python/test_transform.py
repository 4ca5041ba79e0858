import unittest

from plugin import Settings, big_orders
from sluicebox_sdk import Drop, Emit, Event, Message, Reject


def run(body: bytes):
    return big_orders(Event("order.paid", body=body), Settings(min_cents=10_000))


class BigOrders(unittest.TestCase):
    def test_big_orders_are_told_of(self):
        told = Emit((Message.json({"text": "order 7 over 123 EUR"}),))
        self.assertEqual(run(b'{"id": 7, "total_cents": 12300}'), told)

    def test_small_orders_are_dropped(self):
        self.assertEqual(run(b'{"id": 7, "total_cents": 9999}'), Drop("a small order"))

    def test_what_is_no_order_is_rejected(self):
        with self.assertRaises(Reject) as rejected:
            run(b"{}")
        self.assertEqual(rejected.exception.code, "invalid-json")
