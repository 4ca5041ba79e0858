// Random numbers that a repeat sees again.

import * as host from "#host";

/** What the host hands over at once. */
const AT_ONCE = 65_536;

export function bytes(count) {
  const all = new Uint8Array(count);
  for (let at = 0; at < count; at += AT_ONCE) all.set(host.random.bytes(Math.min(AT_ONCE, count - at)), at);
  return all;
}

/** Of the 53 bits that a number holds. */
export function number() {
  const [first, ...rest] = host.random.bytes(7);
  return rest.reduce((sum, byte) => sum * 256 + byte, first & 0x1f) / 2 ** 53;
}
