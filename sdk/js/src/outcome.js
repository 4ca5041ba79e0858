// What becomes of an event or a request. The tags are the contract's.

import * as bytes from "./bytes.js";
import { Message } from "./message.js";
import { toPairs } from "./pairs.js";

export function keep() {
  return { tag: "keep" };
}

export function drop(reason) {
  return { tag: "drop", val: String(reason) };
}

export function emit(...messages) {
  const all = messages.flat();
  if (!all.every((message) => message instanceof Message)) throw new TypeError("emit: expected messages (Message.json, ...)");
  return { tag: "emit", val: all };
}

export function accept(attributes) {
  return { tag: "accept", val: toPairs(attributes) };
}

export function refuse(reason) {
  return { tag: "refuse", val: String(reason) };
}

export function answer({ status = 200, headers, body = "" } = {}) {
  return { tag: "answer", val: { status, headers: toPairs(headers), body: bytes.of(body) } };
}
