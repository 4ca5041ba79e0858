// The plugin's settings, with the defaults of its schema.

import * as host from "#host";
import { withDefaults } from "./schema.js";

let schema = {};

/** The schema that `component` found. */
export function useSchema(found) {
  schema = found;
}

export function all() {
  return withDefaults(JSON.parse(host.config.all()), schema);
}

export function get(key) {
  const settings = all();
  return Object.hasOwn(settings, key) ? settings[key] : undefined;
}
