import unittest

from plugin import Settings, of_type
from sluicebox_sdk import Drop, Event, Keep, testing


class OfType(unittest.TestCase):
    def test_only_the_types_of_the_settings_pass(self):
        settings = Settings(types=["order.paid"])
        self.assertEqual(of_type(Event("order.paid"), settings), Keep())
        self.assertEqual(of_type(Event("order.seen"), settings), Drop("of type order.seen"))

    def test_settings_name_the_types(self):
        problems = testing.check_settings(of_type, {})
        self.assertEqual([problem.message for problem in problems], ["`types` is missing"])
