// What a plugin remembers from one event to the next.

import * as host from "#host";
import * as bytes from "./bytes.js";

export class StateError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "StateError";
    this.code = code;
  }
}

const TEXTS = {
  conflict: "another version of the entry is stored",
  "too-large": "the key or the value is over its limit, or the entry is no number",
  quota: "the plugin has no room for more, or has made all operations of a call",
};

export function get(key) {
  const entry = asked(() => host.state.get(key));
  if (!entry) return undefined;
  const text = () => bytes.toText(entry.value);
  return { value: entry.value, version: entry.version, text, json: () => JSON.parse(text()) };
}

export function put(key, value, { expect = null, ttlMs = null } = {}) {
  return asked(() => host.state.put(key, bytes.of(value), expect, ttlMs));
}

function remove(key, { expect = null } = {}) {
  asked(() => host.state.delete(key, expect));
}
export { remove as delete };

export function add(key, delta = 1, { ttlMs = null } = {}) {
  return asked(() => host.state.add(key, delta, ttlMs));
}

/** The contract's error is in the `payload` of what is thrown. */
function asked(ask) {
  try {
    return ask();
  } catch (error) {
    const { tag, val } = error.payload ?? {};
    throw tag ? new StateError(tag, val ?? TEXTS[tag]) : error;
  }
}
