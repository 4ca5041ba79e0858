// Numbers for the operator's dashboards.

import * as host from "#host";
import { reject } from "./error.js";
import { toRecords } from "./pairs.js";

export function count(name, delta = 1, labels = {}) {
  told(() => host.metrics.count(name, delta, toRecords(labels, "key")));
}

export function observe(name, value, labels = {}) {
  told(() => host.metrics.observe(name, value, toRecords(labels, "key")));
}

function told(tell) {
  try {
    tell();
  } catch (error) {
    throw reject("metric-refused", error.message);
  }
}
