// What stands in for the host when a plugin runs in Node: one for the whole process, since a test file has one of its own.

import { createHmac, createPublicKey, verify } from "node:crypto";

export const test = {};

/** As it is before anything was set. */
export function reset() {
  const fresh = { settings: {}, nowMs: 0, seed: 0n, lines: [], metrics: [], entries: new Map(), version: 0, secrets: new Map() };
  Object.assign(test, fresh);
}
reset();

export const clock = { now: () => test.nowMs };

export const config = { all: () => JSON.stringify(test.settings) };

export const log = {
  emit: (level, message, fields) => void test.lines.push({ level, message, fields: asObject(fields) }),
};

export const metrics = {
  count: (name, delta, labels) => void test.metrics.push({ name, count: delta, labels: asObject(labels) }),
  observe: (name, value, labels) => void test.metrics.push({ name, value, labels: asObject(labels) }),
};

/** SplitMix64, one byte of each number: the same stream as Rust's test host. */
export const random = {
  bytes: (count) =>
    Uint8Array.from({ length: count }, () => {
      const wrap = (number) => BigInt.asUintN(64, number);
      test.seed = wrap(test.seed + 0x9e3779b97f4a7c15n);
      let mixed = wrap((test.seed ^ (test.seed >> 30n)) * 0xbf58476d1ce4e5b9n);
      mixed = wrap((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
      return Number((mixed ^ (mixed >> 31n)) & 0xffn);
    }),
};

/** What stands before the 32 bytes of an Ed25519 key in its DER form (RFC 8410). */
const DER = Buffer.from("302a300506032b6570032100", "hex");

export const crypto = {
  hmac(algorithm, secret, data) {
    const key = test.secrets.get(secret);
    if (key === undefined) throw new Error(`the test grants no such secret (grants.secrets.${secret})`);
    return new Uint8Array(createHmac(algorithm, key).update(data).digest());
  },
  verifyHmac(algorithm, secret, data, mac) {
    return Buffer.from(crypto.hmac(algorithm, secret, data)).equals(mac);
  },
  verifyEd25519(publicKey, data, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) throw new Error("a key has 32 bytes, and a signature 64");
    const key = createPublicKey({ key: Buffer.concat([DER, publicKey]), format: "der", type: "spki" });
    return verify(null, data, key, signature);
  },
};

export const state = {
  get: (key) => live(key) ?? null,
  put(key, value, expect, ttlMs) {
    expected(key, expect);
    const ends = ttlMs === null ? Infinity : test.nowMs + ttlMs;
    test.entries.set(key, { value: Uint8Array.from(value), version: ++test.version, ends });
    return test.version;
  },
  delete(key, expect) {
    expected(key, expect);
    test.entries.delete(key);
  },
  add(key, delta, ttlMs) {
    const entry = live(key);
    if (entry && entry.value.length !== 8) throw stateError("too-large");
    const number = new DataView(new ArrayBuffer(8));
    entry?.value.forEach((byte, at) => number.setUint8(at, byte));
    number.setBigInt64(0, number.getBigInt64(0, true) + BigInt(delta), true);
    state.put(key, new Uint8Array(number.buffer), null, entry ? entry.ends - test.nowMs : ttlMs);
    return Number(number.getBigInt64(0, true));
  },
};

function live(key) {
  const entry = test.entries.get(key);
  return entry && entry.ends > test.nowMs ? entry : undefined;
}

function expected(key, expect) {
  if (expect !== null && expect !== (live(key)?.version ?? 0)) throw stateError("conflict");
}

/** As the componentizer hands it over. */
function stateError(tag) {
  return Object.assign(new Error(tag), { payload: { tag } });
}

function asObject(records) {
  return Object.fromEntries(records.map(({ key, value }) => [key, value]));
}
