// A plugin's module as what a component exports, in the contract's types.

import { inCall } from "./polyfill/index.js";
import * as config from "./config.js";
import { parts } from "./describe.js";
import { fromWit as eventFrom } from "./event.js";
import { failure } from "./failure.js";
import { toWit as messageTo } from "./message.js";
import { toRecords } from "./pairs.js";
import { fromWit as requestFrom } from "./request.js";
import { check, withDefaults } from "./schema.js";

/** One object for each interface; those that the world does not have are not looked at. */
export function component(module) {
  const { plugins, schema = {}, validate } = parts(module);
  config.useSchema(schema);
  return {
    filter: { filter: (event) => call(() => plugins.filter(eventFrom(event))) },
    transform: { transform: (event) => call(() => outcomeTo(plugins.transform(eventFrom(event)))) },
    batch: {
      key: (event) => call(() => plugins.batch.key(eventFrom(event))),
      fold: (batch) => call(() => plugins.batch({ ...batch, events: batch.events.map(eventFrom) }).map(messageTo)),
    },
    verify: { verify: (request) => call(() => decisionTo(plugins.verify(requestFrom(request)))) },
    lifecycle: { validateConfig: (text) => validateConfig(JSON.parse(text), schema, validate) },
  };
}

function call(run) {
  try {
    return inCall(run);
  } catch (error) {
    throw failure(error);
  }
}

function validateConfig(settings, schema, validate) {
  const problems = call(() => {
    const found = check(settings, schema);
    return found.length > 0 || !validate ? found : (validate(withDefaults(settings, schema)) ?? []);
  });
  if (problems.length > 0) throw problems.map(({ path = "", message }) => ({ path: String(path), message: String(message) }));
}

function outcomeTo(outcome) {
  return outcome.tag === "emit" ? { tag: "emit", val: outcome.val.map(messageTo) } : outcome;
}

function decisionTo({ tag, val }) {
  if (tag === "accept") return { tag, val: toRecords(val, "key") };
  return tag === "answer" ? { tag, val: { ...val, headers: toRecords(val.headers, "name") } } : { tag, val };
}
