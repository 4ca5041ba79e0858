"""The SDK against its test host."""

import json
import tomllib
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sluicebox_sdk import (
    __version__, Drop, Emit, Event, Keep, Message, Reject, Retry, clock, config, crypto, drop, emit, keep, log, metrics, plugin, random, reject,
    retry_after, setting, state, testing, transform,
)
from sluicebox_sdk.schema import unknown_keywords
from sluicebox_sdk.settings import read, schema_of


@dataclass
class Limit:
    most: int


@dataclass
class Settings:
    min_cents: int = setting(min=0, max=10, doc="The least.")
    region: Literal["eu", "us"] | None = None
    limits: list[Limit] = setting([], max_len=2)
    names: dict[str, str] = setting({})
    share: float = 0.5


@transform
def shout(event: Event, settings: Settings):
    return drop("quiet") if settings.min_cents > 5 else emit(Message.text(event.text().upper()))


class Asking(unittest.TestCase):
    def setUp(self) -> None:
        testing.reset()

    def test_the_test_says_what_the_host_tells(self) -> None:
        testing.set_settings({"mask": "***", "fields": ["a"]})
        testing.set_now_ms(1_790_000_000_000)
        self.assertEqual((config.get("mask"), config.get("fields"), config.get("other")), ("***", '["a"]', None))
        self.assertEqual(config.settings()["fields"], ["a"])
        self.assertEqual(clock.now().isoformat(), "2026-09-21T14:13:20+00:00")

    def test_a_seed_gives_the_same_numbers_again(self) -> None:
        first = random.randbytes(70_000), random.uuid4()
        self.assertEqual(len(first[0]), 70_000)
        testing.set_random_seed(0)
        self.assertEqual((random.randbytes(70_000), random.uuid4()), first)
        testing.set_random_seed(1)
        self.assertNotEqual(random.uuid4(), first[1])

    def test_lines_and_numbers_are_kept(self) -> None:
        log.info("masked", fields=2)
        metrics.count("masked", 2, kind="card")
        self.assertEqual([(line.level, line.message, line.fields) for line in testing.take_log()], [("info", "masked", {"fields": "2"})])
        self.assertEqual(testing.host().metrics, [("masked", 2, {"kind": "card"})])

    def test_only_a_granted_secret_is_computed_with(self) -> None:
        with self.assertRaisesRegex(Reject, "grants.secrets.shop"):
            crypto.hmac("sha256", "shop", b"")
        testing.grant_secret("shop", "key")
        mac = crypto.hmac("sha256", "shop", b"The quick brown fox jumps over the lazy dog")
        self.assertEqual(mac.hex(), "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8")
        self.assertFalse(crypto.verify_hmac("sha256", "shop", b"another", mac))

    def test_state_is_versioned(self) -> None:
        version = state.put("a", "1", expect=0)
        with self.assertRaisesRegex(Retry, "state-conflict") as failed:
            state.put("a", "2", expect=0)
        self.assertIsInstance(failed.exception, state.Conflict)
        state.put("a", "2", expect=version)
        found = state.get("a")
        assert found is not None
        self.assertEqual(found.json(), 2)
        self.assertEqual((state.add("n"), state.add("n", -3)), (1, -2))
        with self.assertRaisesRegex(Reject, "state-too-large"):
            state.add("a")
        state.delete("a")
        self.assertIsNone(state.get("a"))


class Deciding(unittest.TestCase):
    def test_the_decorator_leaves_the_function_as_it_is(self) -> None:
        self.assertEqual(shout(Event(body=b"hi"), Settings(1)), Emit((Message.text("HI"),)))
        self.assertEqual(shout(Event(body=b"hi"), Settings(9)), Drop("quiet"))
        self.assertEqual(keep(), Keep())

    def test_failures_are_exceptions(self) -> None:
        with self.assertRaises(Reject) as rejected:
            reject("no-order", "why")
        self.assertEqual((rejected.exception.code, rejected.exception.message), ("no-order", "why"))
        with self.assertRaises(Retry) as retried:
            retry_after(30)
        self.assertEqual(retried.exception.after_seconds, 30)

    def test_bodies_are_read_or_rejected_with_their_place(self) -> None:
        self.assertEqual(Event(body=b'{"a": 1}').json(), {"a": 1})
        for body, text in [(b"{\n 1}", "line 2, column 2"), (b"\xff", "byte 0"), (b"NaN", "NaN is no JSON"), (b"[" * 10**6, "")]:
            with self.assertRaises(Reject) as rejected:
                Event(body=body).json()
            self.assertEqual(rejected.exception.code, "invalid-json")
            self.assertIn(text, rejected.exception.message)
        with self.assertRaisesRegex(Reject, "invalid-utf8"):
            Event(body=b"\xff").text()

    def test_json_is_written_without_white_space_and_only_as_json(self) -> None:
        self.assertEqual(Message.json({"a": "ä"}, type="b"), Message('{"a":"ä"}'.encode(), "b", "application/json"))
        with self.assertRaises(ValueError):
            Message.json(float("nan"))

    def test_headers_are_found_in_any_case(self) -> None:
        self.assertEqual(Event(headers=(("x-github-event", "push"),)).header("X-GitHub-Event"), "push")

    def test_a_batchs_key_is_a_text_a_number_or_none(self) -> None:
        keys = [plugin.key_at(Event(body=body), "a.b") for body in (b'{"a":{"b":"x"}}', b'{"a":{"b":1}}', b'{"a":{"b":[]}}', b"{}", b"no")]
        self.assertEqual(keys, ["x", "1", None, None, None])

    def test_wrong_functions_are_refused_where_they_stand(self) -> None:
        with self.assertRaisesRegex(TypeError, "@transform expects wrong\\(event\\) or wrong\\(event, settings\\)"):
            @transform
            def wrong(): ...
        with self.assertRaisesRegex(TypeError, "make them a dataclass, or a dict"):
            @transform
            def also_wrong(event, settings: int): ...


class Building(unittest.TestCase):
    def test_the_package_tells_the_version_that_its_manifest_has(self) -> None:
        manifest = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
        self.assertEqual(__version__, manifest["project"]["version"])

    def test_a_schema_says_nothing_that_is_not_checked(self) -> None:
        self.assertEqual(unknown_keywords({"properties": {"a": {"oneOf": []}}, "items": {"type": "string"}}), ["/properties/a/oneOf"])

    def test_a_module_has_one_function_of_a_kind(self) -> None:
        self.assertEqual(list(plugin.of_module(__name__)), ["transform"])
        with self.assertRaisesRegex(TypeError, "no function with @filter"):
            plugin.of_module("another")


class OfSettings(unittest.TestCase):
    def test_a_dataclass_has_a_schema(self) -> None:
        limit = {"type": "object", "properties": {"most": {"type": "integer"}}, "required": ["most"], "additionalProperties": False}
        self.assertEqual(schema_of(Settings), {
            "type": "object",
            "properties": {
                "min_cents": {"description": "The least.", "type": "integer", "minimum": 0, "maximum": 10},
                "region": {"anyOf": [{"type": "string", "enum": ["eu", "us"]}, {"type": "null"}]},
                "limits": {"type": "array", "items": limit, "maxItems": 2},
                "names": {"type": "object", "additionalProperties": {"type": "string"}},
                "share": {"type": "number"},
            },
            "required": ["min_cents"],
            "additionalProperties": False,
        })
        with self.assertRaisesRegex(TypeError, "settings cannot have a field of the type"):
            schema_of(bytes)

    def test_all_problems_are_told_with_their_places_and_no_value(self) -> None:
        wrong = {"min_cents": 11, "region": "secret", "limits": [{"most": 1.5}], "names": {"a/b": 1}, "typo": 1, "share": True}
        told = {problem.path: problem.message for problem in testing.check_settings(shout, wrong)}
        self.assertEqual(told, {
            "/min_cents": "must be at most 10",
            "/region": "must be one of eu, us",
            "/limits/0/most": "expected a whole number, found a number",
            "/names/a~1b": "expected a text, found a whole number",
            "/typo": "unknown setting; there are min_cents, region, limits, names, share",
            "/share": "expected a number, found true or false",
        })
        self.assertEqual([problem.message for problem in testing.check_settings(shout, {})], ["`min_cents` is missing"])
        self.assertEqual(testing.check_settings(shout, {"min_cents": 1, "region": None}), [])

    def test_settings_become_the_dataclass(self) -> None:
        given = json.loads('{"min_cents": 1, "limits": [{"most": 2}], "share": 1}')
        self.assertEqual(read(Settings, given), Settings(1, None, [Limit(2)], {}, 1.0))


if __name__ == "__main__":
    unittest.main()
