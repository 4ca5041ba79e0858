import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { generateKeyPairSync, sign } from "node:crypto";
import { bytes, clock, config, crypto, log, metrics, random, state, StateError } from "../index.js";
import * as testing from "../testing.js";

beforeEach(testing.reset);

test("settings, the time and the log", () => {
  testing.setSettings({ mask: "***" });
  testing.setNow(7);
  log.warn("careful", { field: "a" });
  assert.deepEqual([config.get("mask"), config.get("toString"), clock.now()], ["***", undefined, 7]);
  assert.deepEqual(testing.takeLog(), [{ level: "warn", message: "careful", fields: { field: "a" } }]);
  assert.deepEqual(testing.takeLog(), []);
});

test("a seed gives the same numbers again", () => {
  testing.setRandomSeed(7);
  const first = [random.bytes(70_000), random.number()];
  testing.setRandomSeed(7);
  assert.deepEqual([random.bytes(70_000), random.number()], first);
  assert.ok(first[1] >= 0 && first[1] < 1);
});

test("state knows versions, numbers and ends", () => {
  const first = state.put("a", "one", { expect: 0, ttlMs: 10 });
  assert.deepEqual([state.get("a").text(), state.get("a").version], ["one", first]);
  assert.throws(() => state.put("a", "two", { expect: 0 }), (error) => error instanceof StateError && error.code === "conflict");
  testing.setNow(10);
  assert.equal(state.get("a"), undefined);
  assert.equal(state.add("n", 2), 2);
  assert.equal(state.add("n", -5), -3);
  state.delete("n");
  assert.equal(state.get("n"), undefined);
  testing.setState("text", "x");
  assert.throws(() => state.add("text"), { code: "too-large" });
  assert.equal(testing.stateText("text"), "x");
});

test("metrics are seen by the test", () => {
  metrics.count("orders", 2, { country: "nl" });
  metrics.observe("size", 1.5);
  assert.deepEqual(testing.takeMetrics(), [
    { name: "orders", count: 2, labels: { country: "nl" } },
    { name: "size", value: 1.5, labels: {} },
  ]);
});

test("only a granted secret is computed with", () => {
  assert.throws(() => crypto.hmac("sha256", "shop", "data"), { code: "not-granted", message: /grants\.secrets\.shop/ });
  testing.grantSecret("shop", "key");
  // RFC 2104 by way of a published example.
  const mac = crypto.hmac("sha256", "shop", "The quick brown fox jumps over the lazy dog");
  assert.equal(bytes.toHex(mac), "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
  assert.equal(crypto.verifyHmac("sha256", "shop", "data", mac), false);
});

test("Ed25519 is verified", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  const signature = sign(null, Buffer.from("data"), privateKey);
  assert.equal(crypto.verifyEd25519(key, "data", signature), true);
  assert.equal(crypto.verifyEd25519(key, "date", signature), false);
  assert.throws(() => crypto.verifyEd25519(key, "data", new Uint8Array(3)), { code: "invalid-key" });
});
