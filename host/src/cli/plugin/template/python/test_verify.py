import hashlib
import hmac
import unittest

from plugin import Settings, from_shop
from sluicebox_sdk import Accept, Refuse, Request, answer, testing


def run(request: Request):
    return from_shop(request, Settings(header="x-shop-signature"))


class FromShop(unittest.TestCase):
    def setUp(self):
        testing.reset()
        testing.grant_secret("shop", "only-for-tests")

    def test_only_what_is_signed_is_accepted(self):
        mac = hmac.digest(b"only-for-tests", b"{}", hashlib.sha256).hex()
        self.assertEqual(run(Request(b"{}", (("x-shop-signature", mac),))), Accept())
        self.assertEqual(run(Request(b"[]", (("x-shop-signature", mac),))), Refuse("the signature is another's"))
        self.assertEqual(run(Request(b"{}")), Refuse("no single x-shop-signature"))

    def test_a_challenge_is_answered(self):
        request = Request(method="GET", url="https://hooks.example.com/in/shop?challenge=tell%20me")
        self.assertEqual(run(request), answer("tell me"))
