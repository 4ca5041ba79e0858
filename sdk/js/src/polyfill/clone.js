// `structuredClone`, of what JSON-like data is made of and of what else the HTML standard lets pass that QuickJS has.

const ERRORS = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

export function clone(value, seen = new Map()) {
  if (typeof value === "function" || typeof value === "symbol") throw refused(value);
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const plain = copyOf(value);
  if (plain) return plain;
  const made = emptyLike(value);
  seen.set(value, made);
  if (made instanceof Map) value.forEach((member, key) => made.set(clone(key, seen), clone(member, seen)));
  else if (made instanceof Set) value.forEach((member) => made.add(clone(member, seen)));
  else for (const [name, member] of Object.entries(value)) made[name] = clone(member, seen);
  return made;
}

/** What has no members that would have to be copied too. */
function copyOf(value) {
  if (value instanceof Date) return new Date(value.getTime());
  if (value instanceof RegExp) return new RegExp(value.source, value.flags);
  if (value instanceof ArrayBuffer) return value.slice(0);
  if (value instanceof DataView) return new DataView(value.buffer.slice(0), value.byteOffset, value.byteLength);
  return ArrayBuffer.isView(value) ? value.slice() : undefined;
}

function emptyLike(value) {
  if (Array.isArray(value)) return new Array(value.length);
  if (value instanceof Map) return new Map();
  if (value instanceof Set) return new Set();
  if (value instanceof Error) return errorLike(value);
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof Promise) throw refused(value);
  return {};
}

function errorLike({ name, message, stack }) {
  const made = new (ERRORS[name] ?? Error)(message);
  return Object.defineProperty(made, "stack", { value: stack, writable: true, configurable: true });
}

function refused(value) {
  return new DOMException(`${String(value)} could not be cloned`, "DataCloneError");
}
