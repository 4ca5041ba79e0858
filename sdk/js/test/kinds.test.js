import assert from "node:assert/strict";
import { test } from "node:test";
import { accept, answer, batch, drop, emit, Event, filter, keep, Message, refuse, reject, Request, retryAfter, transform, verify } from "../index.js";
import { batchOf, setSettings } from "../testing.js";

const event = new Event({ type: "order.paid", json: { customer: { id: 7 }, items: [{ sku: "a" }] } });

test("a filter answers with a truth value or a verdict", () => {
  assert.deepEqual(filter(() => true)(event), keep());
  assert.deepEqual(filter(() => false)(event), drop("filtered out"));
  assert.deepEqual(filter((event) => drop(event.type))(event), drop("order.paid"));
  assert.throws(() => filter(() => undefined)(event), /has to return true, false, keep\(\) or drop\(reason\)/);
});

test("a transform keeps, drops or emits", () => {
  const message = Message.json({ a: 1 });
  assert.deepEqual(transform(() => emit(message, [message]))(event), { tag: "emit", val: [message, message] });
  assert.throws(() => transform(() => message)(event), /has to return keep\(\)/);
  assert.throws(() => emit("text"), /expected messages/);
  assert.throws(() => transform(async () => keep())(event), /async/);
});

test("a rejection may be thrown or returned", () => {
  for (const run of [transform(() => reject("no-order", "why")), transform(() => { throw reject("no-order", "why"); })]) {
    assert.throws(() => run(event), { code: "no-order", message: "why", retry: null });
  }
  assert.deepEqual(retryAfter(1.5, "busy", "later").retry, { afterMs: 2 });
  assert.deepEqual(retryAfter(null).retry, { afterMs: null });
  assert.throws(() => retryAfter("soon"), /milliseconds/);
});

test("settings come from the host where a test gives none", () => {
  setSettings({ a: 1 });
  assert.deepEqual(filter((_, settings) => drop(JSON.stringify(settings)))(event), drop('{"a":1}'));
});

test("a batch has its key from a path, a function or nowhere", () => {
  const fold = () => Message.text("x");
  assert.equal(batch({ key: "customer.id", fold }).key(event), "7");
  assert.equal(batch({ key: "items[0].sku", fold }).key(event), "a");
  assert.equal(batch({ key: (event) => event.type, fold }).key(event), "order.paid");
  assert.equal(batch({ fold }).key(event), "");
  for (const key of ["customer", "nothing.there", "customer.id.x"]) assert.equal(batch({ key, fold }).key(event), null);
  assert.equal(batch({ key: "a", fold }).key(new Event({ text: "no JSON" })), null);
  assert.throws(() => batch({ fold: () => "text" })(batchOf("a", [event])), /has to return a Message/);
});

test("a verifier decides", () => {
  const request = new Request();
  assert.deepEqual(verify(() => accept({ by: "me" }))(request), { tag: "accept", val: [["by", "me"]] });
  assert.deepEqual(verify(() => refuse("no"))(request), { tag: "refuse", val: "no" });
  assert.equal(verify(() => answer({ body: "hi" }))(request).val.status, 200);
});
