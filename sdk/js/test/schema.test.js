import assert from "node:assert/strict";
import { test } from "node:test";
import { check, unknownKeywords, withDefaults } from "../src/schema.js";

const schema = {
  type: "object",
  properties: {
    cents: { type: "integer", minimum: 0, maximum: 10 },
    region: { enum: ["eu", "us"] },
    names: { type: "array", items: { type: "string", minLength: 1, pattern: "^[a-z]*$" }, maxItems: 2 },
    maybe: { anyOf: [{ type: "number" }, { type: "null" }] },
    "a/b": { type: "object", properties: { on: { type: "boolean", default: true } }, additionalProperties: { type: "string" } },
  },
  required: ["cents"],
  additionalProperties: false,
};
const problems = (settings) => check(settings, schema).map(({ path, message }) => `${path}: ${message}`);

test("what fits has no problems", () => {
  assert.deepEqual(problems({ cents: 3, region: "eu", names: ["a"], maybe: null, "a/b": { on: false, more: "x" } }), []);
});

test("all problems are told, with their places and without the values", () => {
  const told = problems({ region: "secret", names: ["", "A", 1], maybe: "x", "a/b": { on: 1, more: 2 }, extra: 1 });
  assert.deepEqual(told, [
    ": `cents` is missing",
    "/region: must be one of eu, us",
    "/names: must have at most 2",
    "/maybe: expected a number, found a text",
    "/a~1b/on: expected true or false, found a number",
    "/a~1b/more: expected a text, found a number",
    "/extra: unknown setting; there are cents, region, names, maybe, a/b",
  ]);
  assert.deepEqual(problems({ cents: 1.5, names: ["", "A"] }), [
    "/cents: expected a whole number, found a number",
    "/names/0: must have at least 1",
    "/names/1: must match ^[a-z]*$",
  ]);
  assert.deepEqual(problems({ cents: 11 }), ["/cents: must be at most 10"]);
  assert.deepEqual(problems([]), [": expected a table, found a list"]);
});

test("defaults are filled in, at every depth", () => {
  assert.deepEqual(withDefaults({ "a/b": {} }, schema), { "a/b": { on: true } });
  assert.deepEqual(withDefaults({ on: false }, schema.properties["a/b"]), { on: false });
});

test("what is not checked is found", () => {
  assert.deepEqual(unknownKeywords(schema), []);
  assert.deepEqual(unknownKeywords({ oneOf: [], properties: { a: { items: { not: {} } } } }), ["/oneOf", "/properties/a/items/not"]);
});
