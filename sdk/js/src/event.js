// What came in.

import * as bytes from "./bytes.js";
import { reject } from "./error.js";
import { fromRecords, toPairs } from "./pairs.js";

export class Event {
  constructor({ id = "evt_test", type = "", source = "test", receivedAt = 0, attempt = 1, contentType = null, ...rest } = {}) {
    const { headers, attributes, body, text, json } = rest;
    Object.assign(this, { id, type, source, receivedAt, attempt, contentType });
    this.headers = toPairs(headers).map(([name, value]) => [name.toLowerCase(), value]);
    this.attributes = toPairs(attributes);
    if (json !== undefined) {
      this.body = bytes.fromText(JSON.stringify(json));
      this.contentType ??= "application/json";
    } else {
      this.body = bytes.of(body ?? text ?? "");
    }
  }

  header(name) {
    return find(this.headers, name.toLowerCase());
  }

  attribute(key) {
    return find(this.attributes, key);
  }

  text() {
    try {
      return bytes.toText(this.body);
    } catch {
      throw reject("invalid-utf8", "the body is no UTF-8");
    }
  }

  json() {
    const text = this.text();
    try {
      return JSON.parse(text);
    } catch (error) {
      throw reject("invalid-json", `${place(error)}${error.message}`);
    }
  }
}

/** QuickJS tells the place in the stack only; Node in the message. */
function place(error) {
  const found = /<input>:(\d+):(\d+)/.exec(error.stack ?? "");
  return found ? `line ${found[1]}, column ${found[2]}: ` : "";
}

function find(pairs, name) {
  return pairs.find(([key]) => key === name)?.[1];
}

/** From the contract's record. */
export function fromWit(event) {
  const made = Object.create(Event.prototype);
  return Object.assign(made, {
    id: event.id,
    type: event.eventType,
    source: event.source,
    receivedAt: event.receivedAt,
    attempt: event.attempt,
    contentType: event.contentType,
    headers: fromRecords(event.headers, "name"),
    attributes: fromRecords(event.attributes, "key"),
    body: event.body,
  });
}
