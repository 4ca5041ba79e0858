import assert from "node:assert/strict";
import { test } from "node:test";
import { drop, Event, keep } from "@sluicebox/sdk";
import plugin from "../src/index.js";

const run = (type = "") => plugin(new Event({ type }), { types: ["order.paid"] });

test("only the types of the settings pass", () => {
  assert.deepEqual(run("order.paid"), keep());
  assert.deepEqual(run("order.seen"), drop("of type order.seen"));
});
