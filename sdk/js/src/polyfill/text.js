// `TextEncoder` and `TextDecoder` (WHATWG Encoding), of UTF-8 only.

import * as bytes from "../bytes.js";

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return bytes.fromText(text);
  }
}

export class TextDecoder {
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!["utf-8", "utf8"].includes(String(label).toLowerCase())) throw new RangeError(`TextDecoder: ${label} is not known, only utf-8`);
    Object.assign(this, { encoding: "utf-8", fatal, ignoreBOM });
  }

  decode(data = new Uint8Array()) {
    const given = bytes.of(data);
    const text = this.fatal ? strict(given) : lenient(given);
    return !this.ignoreBOM && text.startsWith("\ufeff") ? text.slice(1) : text;
  }
}

function strict(given) {
  try {
    return bytes.toText(given);
  } catch {
    throw new TypeError("TextDecoder: this is no UTF-8");
  }
}

function lenient(given) {
  try {
    return bytes.toText(given);
  } catch {
    return replacing(given);
  }
}

/** With U+FFFD for each part that is none, by the standard's state machine: slow, and only for what is broken. */
function replacing(given) {
  let text = "";
  let [point, needed, lower, upper] = [0, 0, 0x80, 0xbf];
  for (let at = 0; at < given.length; at++) {
    const byte = given[at];
    if (needed > 0 && byte >= lower && byte <= upper) {
      [lower, upper] = [0x80, 0xbf];
      point = (point << 6) | (byte & 0x3f);
      needed -= 1;
      if (needed === 0) text += String.fromCodePoint(point);
    } else if (needed > 0) {
      [needed, lower, upper] = [0, 0x80, 0xbf];
      text += "\ufffd";
      at -= 1;
    } else if (byte < 0x80) {
      text += String.fromCharCode(byte);
    } else if (byte >= 0xc2 && byte <= 0xf4) {
      needed = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      point = byte & (needed === 1 ? 0x1f : needed === 2 ? 0xf : 7);
      lower = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
      upper = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
    } else {
      text += "\ufffd";
    }
  }
  return needed > 0 ? `${text}\ufffd` : text;
}
