// What goes on.

import * as bytes from "./bytes.js";
import { toPairs, toRecords } from "./pairs.js";

const OPTIONS = ["type", "contentType", "headers", "attributes", "route"];

export class Message {
  constructor(body, options = {}) {
    const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
    if (unknown) throw new TypeError(`a message has no \`${unknown}\`; there are ${OPTIONS.join(", ")}`);
    this.body = bytes.of(body);
    this.type = options.type ?? null;
    this.contentType = options.contentType ?? null;
    this.headers = toPairs(options.headers);
    this.attributes = options.attributes ? toPairs(options.attributes) : null;
    this.route = options.route ?? null;
  }

  static json(value, options = {}) {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError("Message.json: the value cannot be written as JSON");
    return new Message(text, { contentType: "application/json", ...options });
  }

  static text(text, options = {}) {
    return new Message(String(text), { contentType: "text/plain; charset=utf-8", ...options });
  }

  static bytes(body, options = {}) {
    return new Message(body, options);
  }

  text() {
    return bytes.toText(this.body);
  }

  json() {
    return JSON.parse(this.text());
  }
}

/** The contract's record. */
export function toWit(message) {
  return {
    eventType: message.type,
    contentType: message.contentType,
    headers: toRecords(message.headers, "name"),
    body: message.body,
    attributes: message.attributes && toRecords(message.attributes, "key"),
    route: message.route,
  };
}
