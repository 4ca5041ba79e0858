// `console`, whose lines go to the log.

import * as log from "../log.js";

const shown = (value) => {
  if (typeof value === "string") return value;
  if (value instanceof Error || typeof value !== "object") return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return String(value);
  }
};
const line = (write) => (...values) => write(values.map(shown).join(" "));

export const console = {
  trace: line(log.trace),
  debug: line(log.debug),
  log: line(log.info),
  info: line(log.info),
  warn: line(log.warn),
  error: line(log.error),
};
