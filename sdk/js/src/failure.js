// What was thrown, as the contract's error or as the plugin's fault.

import * as host from "#host";
import { PluginError } from "./error.js";
import { placesOf } from "./places.js";
import { StateError } from "./state.js";

/** What to throw instead. A fault is told to the log, since the host sees only that the plugin ended. */
export function failure(error) {
  const refusal = error instanceof StateError ? ofState(error) : error;
  if (refusal instanceof PluginError) return toWit(refusal);
  report(error);
  return error;
}

function toWit({ code, message, retry }) {
  const failure = { code, message };
  return retry ? { tag: "retry", val: { failure, afterMs: retry.afterMs } } : { tag: "reject", val: failure };
}

function ofState({ code, message }) {
  // What passes is worth another try.
  const retry = ["conflict", "unavailable"].includes(code) ? { afterMs: null } : null;
  return new PluginError(code === "denied" ? "not-granted" : `state-${code}`, message, retry);
}

/** In the words in which a host tells of a panic. */
function report(error) {
  const places = placesOf(error?.stack ?? "");
  const at = places.length > 0 ? ` at ${places[0].place}` : "";
  const stack = places.map(({ name, place }) => `${name} (${place})`).join(", ");
  host.log.emit("error", `panicked${at}: ${error}`, stack ? [{ key: "stack", value: stack }] : []);
}
