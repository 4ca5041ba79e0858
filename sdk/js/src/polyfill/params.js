// `URLSearchParams` (WHATWG URL): forms as some providers send them. There is no `URL`.

import { wellFormed } from "../bytes.js";

export class URLSearchParams {
  #pairs = [];

  constructor(given = "") {
    if (typeof given !== "string") {
      const entries = typeof given[Symbol.iterator] === "function" ? [...given] : Object.entries(given);
      this.#pairs = entries.map(([name, value]) => [String(name), String(value)]);
      return;
    }
    for (const part of given.replace(/^\?/, "").split("&").filter(Boolean)) {
      const [name, ...value] = part.split("=");
      this.#pairs.push([decode(name), decode(value.join("="))]);
    }
  }

  get size() {
    return this.#pairs.length;
  }

  append(name, value) {
    this.#pairs.push([String(name), String(value)]);
  }

  delete(name) {
    this.#pairs = this.#pairs.filter(([key]) => key !== name);
  }

  get(name) {
    return this.#pairs.find(([key]) => key === name)?.[1] ?? null;
  }

  getAll(name) {
    return this.#pairs.filter(([key]) => key === name).map(([, value]) => value);
  }

  has(name) {
    return this.#pairs.some(([key]) => key === name);
  }

  set(name, value) {
    const at = this.#pairs.findIndex(([key]) => key === name);
    if (at < 0) return this.append(name, value);
    this.#pairs = this.#pairs.filter(([key], index) => key !== name || index === at);
    this.#pairs[this.#pairs.findIndex(([key]) => key === name)] = [name, String(value)];
  }

  sort() {
    this.#pairs.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
  }

  forEach(visit, self) {
    this.#pairs.forEach(([name, value]) => visit.call(self, value, name, this));
  }

  entries() {
    return this.#pairs.map((pair) => [...pair])[Symbol.iterator]();
  }

  keys() {
    return this.#pairs.map(([name]) => name)[Symbol.iterator]();
  }

  values() {
    return this.#pairs.map(([, value]) => value)[Symbol.iterator]();
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  toString() {
    return this.#pairs.map((pair) => pair.map(encode).join("=")).join("&");
  }
}

function decode(text) {
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    // What is no escape stays as it is.
    return spaced.replace(/(%[0-9a-f]{2})+/gi, (escapes) => {
      try {
        return decodeURIComponent(escapes);
      } catch {
        return "\ufffd";
      }
    });
  }
}

function encode(text) {
  const escaped = encodeURIComponent(wellFormed(text)).replace(/[!'()~]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
  return escaped.replaceAll("%20", "+");
}
