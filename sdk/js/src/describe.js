// What a plugin's module is, for the tool that builds it.

import { kindOf } from "./kinds.js";
import { unknownKeywords } from "./schema.js";

/** The module's plugins by kind, its schema, and its own check of settings. */
export function parts(module) {
  const plugins = {};
  for (const value of new Set(Object.values(module))) {
    const kind = kindOf(value);
    if (kind && plugins[kind]) throw new Error(`the module exports more than one ${kind}`);
    if (kind) plugins[kind] = value;
  }
  return { plugins, schema: module.config, validate: module.validateConfig };
}

/** The interfaces that a component of the module exports, and the schema of its settings. */
export function describe(module) {
  const { plugins, schema, validate } = parts(module);
  if (Object.keys(plugins).length === 0) {
    throw new Error("the module exports nothing that filter, transform, batch or verify made: `export default transform(...)`");
  }
  const unknown = schema === undefined ? [] : unknownKeywords(schema);
  if (unknown.length > 0) throw new Error(`\`config\`: this of JSON Schema is not checked: ${unknown.join(", ")}`);
  const lifecycle = schema !== undefined || validate !== undefined;
  return { exports: [...Object.keys(plugins), ...(lifecycle ? ["lifecycle"] : [])], schema };
}
