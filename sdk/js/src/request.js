// What a sender sent, as a verifier sees it.

import * as bytes from "./bytes.js";
import { fromRecords, toPairs } from "./pairs.js";

export class Request {
  constructor({ method = "POST", url = "http://localhost/in/test", receivedAt = 0, headers, body, text } = {}) {
    Object.assign(this, { method, url, receivedAt });
    this.headers = toPairs(headers).map(([name, value]) => [name.toLowerCase(), value]);
    this.body = bytes.of(body ?? text ?? "");
  }

  /** Only where it stands once: which of two was signed, nobody knows. */
  header(name) {
    const found = this.headers.filter(([key]) => key === name.toLowerCase());
    return found.length === 1 ? found[0][1] : null;
  }

  query(name) {
    const [, query = ""] = this.url.split("#")[0].match(/\?(.*)$/s) ?? [];
    const given = query.split("&").filter((pair) => pair !== "");
    const pairs = given.map((pair) => pair.split(/=(.*)/s).map(decoded));
    const found = pairs.find(([key]) => key === name);
    return found ? (found[1] ?? "") : null;
  }
}

export function fromWit(request) {
  return new Request({ ...request, headers: fromRecords(request.headers, "name") });
}

/** As forms are written; what is not so encoded stays as it is. */
function decoded(text) {
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
