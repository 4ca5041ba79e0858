// Bytes and texts. In QuickJS a loop over bytes costs a hundred times what its built-in functions do, so those do what they can:
// `escape` and `decodeURIComponent` are UTF-8 in native code.

const AT_ONCE = 8192;

export function fromText(text) {
  return fromLatin1(unescape(encodeURIComponent(wellFormed(String(text)))));
}

/** Throws a `URIError` for what is no UTF-8. */
export function toText(bytes) {
  const latin1 = toLatin1(bytes);
  return /^[\x00-\x7f]*$/.test(latin1) ? latin1 : decodeURIComponent(escape(latin1));
}

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text) {
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) throw new TypeError("expected pairs of hexadecimal digits");
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

export function toBase64(bytes) {
  return btoa(toLatin1(bytes));
}

export function fromBase64(text) {
  return fromLatin1(atob(text));
}

/** A text becomes its UTF-8; bytes stay as they are. */
export function of(data) {
  if (typeof data === "string") return fromText(data);
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw new TypeError("expected a text or bytes (Uint8Array)");
}

/** Node.js 18 has no `toWellFormed`. */
export function wellFormed(text) {
  return text.toWellFormed?.() ?? text.replace(/\p{Surrogate}/gu, "\ufffd");
}

function toLatin1(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += AT_ONCE) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + AT_ONCE));
  }
  return text;
}

function fromLatin1(text) {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
