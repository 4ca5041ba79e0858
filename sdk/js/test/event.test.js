import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, Event, Message } from "../index.js";
import { fromWit } from "../src/event.js";
import { toWit } from "../src/message.js";

test("what the contract hands over is an event", () => {
  const event = fromWit({
    id: "evt_1",
    eventType: "a",
    source: "shop",
    receivedAt: 5,
    attempt: 2,
    contentType: null,
    headers: [{ name: "x-a", value: "1" }, { name: "x-a", value: "2" }],
    body: bytes.fromText('{"n": "grüße ☃"}'),
    attributes: [{ key: "subject", value: "s" }],
  });
  assert.equal(event.json().n, "grüße ☃");
  assert.equal(event.header("X-A"), "1");
  assert.equal(event.header("x-b"), undefined);
  assert.equal(event.attribute("subject"), "s");
  assert.deepEqual([event.type, event.attempt, event.headers.length], ["a", 2, 2]);
});

test("a body that cannot be read is rejected", () => {
  assert.throws(() => new Event({ text: "hello" }).json(), { code: "invalid-json" });
  assert.throws(() => new Event({ body: Uint8Array.of(0xff) }).text(), { code: "invalid-utf8" });
});

test("a message becomes the contract's record", () => {
  const message = Message.json({ a: 1 }, { type: "t", headers: { "x-a": 1 }, attributes: [["k", "v"]], route: "out" });
  assert.deepEqual(toWit(message), {
    eventType: "t",
    contentType: "application/json",
    headers: [{ name: "x-a", value: "1" }],
    body: bytes.fromText('{"a":1}'),
    attributes: [{ key: "k", value: "v" }],
    route: "out",
  });
  assert.equal(toWit(Message.bytes("x")).attributes, null);
  assert.throws(() => Message.text("x", { typ: "t" }), /no `typ`/);
  assert.throws(() => Message.json(undefined), /cannot be written/);
});

test("bytes are written as text and read again", () => {
  const some = Uint8Array.from({ length: 300 }, (_, at) => at);
  assert.deepEqual(bytes.fromHex(bytes.toHex(some)), some);
  assert.deepEqual(bytes.fromBase64(bytes.toBase64(some)), some);
  assert.equal(bytes.toText(bytes.fromText("a\ud800b")), "a\ufffdb");
  assert.throws(() => bytes.fromHex("abc"), /hexadecimal/);
});
