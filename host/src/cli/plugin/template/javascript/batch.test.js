import assert from "node:assert/strict";
import { test } from "node:test";
import { Event } from "@sluicebox/sdk";
import { batchOf } from "@sluicebox/sdk/testing";
import plugin from "../src/index.js";

const order = (id = 0, total_cents = 0) => new Event({ type: "order.paid", json: { customer: "ada", id, total_cents } });

test("orders are summed", () => {
  const [message] = plugin(batchOf("ada", [order(1, 250), order(2, 1000)]), { currency: "EUR" });
  assert.deepEqual(message.json(), { customer: "ada", orders: [1, 2], total: "12.50 EUR" });
  assert.equal(plugin.key(order(1, 250)), "ada");
});
