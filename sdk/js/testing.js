// What a test of a plugin sets, and sees. The types and their documentation are in `testing.d.ts`.

import { reset, state, test } from "./src/host/testing.js";
import { fromText, toText } from "./src/bytes.js";

export { reset };

export function setSettings(settings) {
  test.settings = settings;
}

export function setNow(ms) {
  test.nowMs = ms;
}

export function setRandomSeed(seed) {
  test.seed = BigInt(seed);
}

export function grantSecret(name, secret) {
  test.secrets.set(name, secret);
}

export function setState(key, text) {
  state.put(key, fromText(text), null, null);
}

export function stateText(key) {
  const entry = state.get(key);
  return entry ? toText(entry.value) : undefined;
}

export function takeLog() {
  return test.lines.splice(0);
}

export function takeMetrics() {
  return test.metrics.splice(0);
}

export function batchOf(key, events, { id = "bat_test", reason = "size", openedAt = events[0]?.receivedAt ?? 0 } = {}) {
  return { id, key, reason, openedAt, events };
}
