// The kinds of plugin. Each takes the author's function and gives back one that a test can call; what a component exports is found
// by the mark on it.

import * as config from "./config.js";
import { PluginError } from "./error.js";
import { Message } from "./message.js";
import { keep, drop } from "./outcome.js";

const KIND = Symbol.for("sluicebox.kind");

export function filter(judge) {
  expect(judge, "filter");
  return marked("filter", (event, settings = config.all()) => {
    const given = answerOf(judge(event, settings), "filter");
    const verdict = typeof given === "boolean" ? (given ? keep() : drop("filtered out")) : given;
    return oneOf(verdict, "filter", "true, false, keep() or drop(reason)", ["keep", "drop"]);
  });
}

export function transform(change) {
  expect(change, "transform");
  return marked("transform", (event, settings = config.all()) => {
    const outcome = answerOf(change(event, settings), "transform");
    return oneOf(outcome, "transform", "keep(), drop(reason) or emit(message, ...)", ["keep", "drop", "emit"]);
  });
}

export function batch({ key = () => "", fold }) {
  expect(fold, "batch");
  const keyOf = typeof key === "function" ? key : at(String(key));
  const run = (batch, settings = config.all()) => {
    const messages = [answerOf(fold(batch, settings), "batch")].flat();
    if (messages.every((message) => message instanceof Message)) return messages;
    throw new TypeError("batch: fold has to return a Message, or a list of them");
  };
  const ask = (event, settings = config.all()) => {
    const found = answerOf(keyOf(event, settings), "batch") ?? null;
    return found === null ? null : String(found);
  };
  return Object.assign(marked("batch", run), { key: ask });
}

export function verify(judge) {
  expect(judge, "verify");
  return marked("verify", (request, settings = config.all()) => {
    const decision = answerOf(judge(request, settings), "verify");
    return oneOf(decision, "verify", "accept(), refuse(reason) or answer(response)", ["accept", "refuse", "answer"]);
  });
}

/** What a value was made by, if by one of these. */
export function kindOf(value) {
  return typeof value === "function" ? value[KIND] : undefined;
}

function marked(kind, run) {
  return Object.defineProperty(run, KIND, { value: kind });
}

function expect(given, kind) {
  if (typeof given !== "function") throw new TypeError(`${kind}: expected a function`);
}

/** `return reject(..)` is `throw reject(..)`. */
function answerOf(given, kind) {
  if (given instanceof PluginError) throw given;
  if (typeof given?.then === "function") throw new TypeError(`${kind}: the function is async, which plugins cannot be`);
  return given;
}

function oneOf(given, kind, expected, tags) {
  if (tags.includes(given?.tag)) return given;
  throw new TypeError(`${kind}: the function has to return ${expected}`);
}

/** The value at `a.b[0]` of a JSON body; an event without one is in no batch, and no failure either. */
function at(path) {
  const steps = path.match(/[^.[\]]+/g);
  if (!steps) throw new TypeError("batch: key has to be a path such as `customer.id`, or a function");
  return (event) => {
    let value;
    try {
      value = event.json();
    } catch {
      return null;
    }
    for (const step of steps) value = Object.hasOwn(Object(value), step) ? value[step] : null;
    return ["string", "number", "boolean"].includes(typeof value) ? value : null;
  };
}
