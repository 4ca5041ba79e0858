import assert from "node:assert/strict";
import { test } from "node:test";
import { drop, Event, keep } from "@sluicebox/sdk";
import plugin from "../src/index.js";
import { money } from "../src/money.js";

const SETTINGS = { types: [] as string[], test_mode: "summarize" as const, format: "object" as const };

function run(type: string, object: object, settings: object = {}, livemode = true) {
  const json = { id: "evt_1", type, created: 1767225600, livemode, data: { object } };
  return plugin(new Event({ json }), { ...SETTINGS, ...settings });
}

function textOf(outcome: ReturnType<typeof plugin>): string {
  assert.equal(outcome.tag, "emit");
  return outcome.tag === "emit" ? outcome.val[0].json().text : "";
}

test("amounts are told in their currency's unit", () => {
  assert.deepEqual([money(1230, "eur"), money(5, "usd"), money(500, "jpy"), money(1234, "kwd"), money(-50, "eur")], [
    "12.30 EUR", "0.05 USD", "500 JPY", "1.234 KWD", "-0.50 EUR",
  ]);
});

test("what was paid, refunded or failed is told of", () => {
  const invoice = { object: "invoice", currency: "eur", amount_paid: 1230, amount_due: 1230, customer_email: "ada@example.com" };
  assert.equal(textOf(run("invoice.paid", invoice)), "invoice.paid: 12.30 EUR of ada@example.com");
  const failed = { object: "invoice", currency: "eur", amount_paid: 0, amount_due: 990, customer: { id: "cus_1" } };
  assert.equal(textOf(run("invoice.payment_failed", failed)), "invoice.payment_failed: 9.90 EUR of cus_1");
  const refund = { object: "charge", currency: "usd", amount: 500, amount_refunded: 200, customer: "cus_2" };
  assert.equal(textOf(run("charge.refunded", refund, {}, false)), "charge.refunded: 2.00 USD of cus_2 [test]");
});

test("settings choose", () => {
  assert.deepEqual(run("payout.paid", {}, { types: ["invoice.*"] }), drop("of type payout.paid"));
  assert.equal(run("invoice.paid", {}, { types: ["invoice.*"] }).tag, "emit");
  assert.deepEqual(run("a.b", {}, { test_mode: "drop" }, false), drop("test mode"));
  assert.deepEqual(run("a.b", {}, { test_mode: "keep" }, false), keep());
});

test("what is no event of Stripe is rejected", () => {
  for (const text of ["{}", "null", '{"type": "a", "created": 1, "data": {}}']) {
    assert.throws(() => plugin(new Event({ text }), SETTINGS), { code: "no-stripe-event" });
  }
});
