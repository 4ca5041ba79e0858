import assert from "node:assert/strict";
import { test } from "node:test";
import { clone } from "../src/polyfill/clone.js";
import { hostDate } from "../src/polyfill/date.js";
import { URLSearchParams as Params } from "../src/polyfill/params.js";
import { TextDecoder as Decoder, TextEncoder as Encoder } from "../src/polyfill/text.js";

test("text is decoded as Node does it", () => {
  const cases = ["", "a", "grüße ☃ 😀", "\ufeffbom"].map((text) => new TextEncoder().encode(text));
  const broken = [[0xff], [0xc0, 0x80], [0xe2, 0x98], [0xe2, 0x41], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf0, 0x9f, 0x98, 0x61, 0xc3]];
  for (const bytes of cases.concat(broken.map((bytes) => Uint8Array.from(bytes)))) {
    assert.equal(new Decoder().decode(bytes), new TextDecoder().decode(bytes), bytes.join(" "));
  }
  assert.throws(() => new Decoder("utf-8", { fatal: true }).decode(Uint8Array.of(0xff)), TypeError);
  assert.throws(() => new Decoder("latin1"), RangeError);
  assert.deepEqual(new Encoder().encode("ü\ud800"), new TextEncoder().encode("ü\ud800"));
});

test("forms are read and written as Node does it", () => {
  for (const text of ["a=1&b=2&a=3", "?x=%C3%BC+y&empty=&flag", "a=b=c&&%zz=1", "payload=%7B%22a%22%3A1%7D"]) {
    assert.deepEqual([...new Params(text)], [...new URLSearchParams(text)], text);
  }
  const both = [Params, URLSearchParams].map((Class) => {
    const params = new Class({ q: "a b&c~*!'()", n: "1" });
    params.append("q", "2");
    params.set("n", "ü");
    params.delete("none");
    return [params.toString(), params.get("q"), params.getAll("q"), params.has("x"), params.size];
  });
  assert.deepEqual(both[0], both[1]);
});

test("data is cloned as Node does it", () => {
  const data = { a: [1, , 3], when: new Date(5), map: new Map([[{ k: 1 }, new Set([1n])]]), bytes: Uint8Array.of(1, 2), error: new TypeError("x") };
  data.self = data;
  const copy = clone(data);
  assert.deepEqual(copy, structuredClone(data));
  assert.equal(copy.self, copy);
  assert.notEqual(copy.bytes.buffer, data.bytes.buffer);
  assert.throws(() => clone({ f() {} }), { name: "DataCloneError" });
});

test("a date without a time is the host's", () => {
  const Host = hostDate(class extends Date {}, () => 1_000);
  assert.equal(Host.now(), 1_000);
  assert.equal(new Host().getTime(), 1_000);
  assert.equal(new Host(2024, 0, 1).getFullYear(), 2024);
  assert.equal(new Host("2024-01-01T00:00:00Z").toISOString(), "2024-01-01T00:00:00.000Z");
  assert.ok(new Host() instanceof Host);
  assert.equal(typeof Host(), "string");
});
