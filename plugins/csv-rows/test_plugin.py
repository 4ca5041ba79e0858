import unittest

from plugin import Settings, csv_rows
from sluicebox_sdk import Emit, Event, Message, Reject, testing


def run(body: str, **settings):
    outcome = csv_rows(Event(body=body.encode()), Settings(**settings))
    assert isinstance(outcome, Emit)
    return outcome.messages[0].body.decode()


class ToCsv(unittest.TestCase):
    def test_columns_are_those_that_are_met(self):
        self.assertEqual(run('[{"a":1,"b":"x,y"},{"b":null,"c":[true]}]', to="csv"), 'a,b,c\r\n1,"x,y",\r\n,,[true]\r\n')

    def test_columns_may_be_chosen_and_rows_be_anywhere(self):
        body = '{"data":{"items":[{"a":1,"b":2}]}}'
        self.assertEqual(run(body, to="csv", rows="data.items", columns=["b", "z"], delimiter=";", header=False), "2;\r\n")

    def test_formulas_are_disarmed(self):
        self.assertEqual(run('[{"a":"=1+1"},{"a":-1}]', to="csv"), "a\r\n'=1+1\r\n-1\r\n")
        self.assertEqual(run('[{"a":"=1+1"}]', to="csv", formulas="keep"), "a\r\n=1+1\r\n")

    def test_what_has_no_records_is_rejected(self):
        for body in ("[1]", "1", '{"rows": 1}'):
            with self.assertRaisesRegex(Reject, "no-records"):
                run(body, to="csv", rows=None if body != '{"rows": 1}' else "rows")


class ToJson(unittest.TestCase):
    def test_quotes_lines_and_byte_order_marks_are_understood(self):
        self.assertEqual(run('\ufeffa,b\r\n"x ""y""\r\nz",2\r\n\r\n3\r\n', to="json"), '[{"a":"x \\"y\\"\\r\\nz","b":"2"},{"a":"3"}]')

    def test_numbers_lose_no_digit(self):
        self.assertEqual(run("a\n1\n007\n1.50\n1.5\ntrue\n", to="json", numbers=True), '[{"a":1},{"a":"007"},{"a":"1.50"},{"a":1.5},{"a":"true"}]')

    def test_without_a_header_columns_have_numbers_or_are_named(self):
        self.assertEqual(run("x,y\n", to="json", header=False), '[{"1":"x","2":"y"}]')
        self.assertEqual(run("x,y\n", to="json", header=False, columns=["a", "b"]), '[{"a":"x","b":"y"}]')
        self.assertEqual(run("", to="json"), "[]")

    def test_what_is_no_csv_is_rejected_with_its_line(self):
        for body, text in (('a\n"x\n', "line 2: "), ("a\n1,2\n", "line 2: 2 values for 1 columns"), ("a,a\n", "line 1: ")):
            with self.assertRaisesRegex(Reject, text):
                run(body, to="json")


class OfSettings(unittest.TestCase):
    def test_the_direction_has_to_be_said(self):
        problems = testing.check_settings(csv_rows, {"delimiter": ";;"})
        self.assertEqual([problem.message for problem in problems], ["`to` is missing", "must have at most 1"])
