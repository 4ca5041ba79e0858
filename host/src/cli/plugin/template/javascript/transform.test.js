import assert from "node:assert/strict";
import { test } from "node:test";
import { drop, emit, Event, Message } from "@sluicebox/sdk";
import plugin from "../src/index.js";

const run = (text = "") => plugin(new Event({ type: "order.paid", text }), { min_cents: 10_000 });

test("big orders are told of", () => {
  const told = emit(Message.json({ text: "order 7 over 123 EUR" }));
  assert.deepEqual(run('{"id": 7, "total_cents": 12300}'), told);
});

test("small orders are dropped", () => {
  assert.deepEqual(run('{"id": 7, "total_cents": 9999}'), drop("a small order"));
});

test("what is no order is rejected", () => {
  assert.throws(() => run("hello"), { code: "invalid-json" });
  assert.throws(() => run("{}"), { code: "no-order" });
});
