import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { accept, answer, refuse, Request } from "@sluicebox/sdk";
import { grantSecret } from "@sluicebox/sdk/testing";
import plugin from "../src/index.js";

const run = (request = {}) => plugin(new Request(request), { header: "x-shop-signature" });

test("only what is signed is accepted", () => {
  grantSecret("shop", "only-for-tests");
  const signature = createHmac("sha256", "only-for-tests").update("{}").digest("hex");
  assert.deepEqual(run({ text: "{}", headers: { "x-shop-signature": signature } }), accept());
  assert.deepEqual(run({ text: "[]", headers: { "x-shop-signature": signature } }), refuse("the signature is another's"));
  assert.deepEqual(run({ text: "{}" }), refuse("no single x-shop-signature"));
});

test("a challenge is answered", () => {
  const request = { method: "GET", url: "http://localhost/in/shop?challenge=tell%20me" };
  assert.deepEqual(run(request), answer({ headers: { "content-type": "text/plain" }, body: "tell me" }));
});
