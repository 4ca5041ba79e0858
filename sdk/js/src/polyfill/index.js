// What QuickJS does not have, or has from an operating system that a plugin does not have. Imported before the author's module.

import { now } from "../clock.js";
import { number } from "../random.js";
import { clone } from "./clone.js";
import { console } from "./console.js";
import { hostDate } from "./date.js";
import { URLSearchParams } from "./params.js";
import { TextDecoder, TextEncoder } from "./text.js";

let calls = 0;

/** Runs a call of the host's. Outside of it there is neither time nor chance: they would be those of the build. */
export function inCall(run) {
  calls += 1;
  return run();
}

const within = (ask, what) => () => {
  if (calls === 0) throw new Error(`${what} is there only while a function of the plugin runs, not while its module is loaded`);
  return ask();
};

const time = within(now, "the time");
const all = { TextDecoder, TextEncoder, URLSearchParams, console, structuredClone: clone, Date: hostDate(Date, time) };
for (const [name, value] of Object.entries({ ...all, performance: { now: () => 0, get timeOrigin() { return time(); } } })) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
Math.random = within(number, "Math.random");
