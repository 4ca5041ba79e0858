// Settings against a JSON Schema: the part of it that settings need. All problems at once, each with its place (a JSON pointer), and
// none with the value, which may be a token in the wrong place. What is not checked is refused when the plugin is built.

const KNOWN = [
  "$schema", "title", "description", "examples", "default", "format", "type", "enum", "const", "anyOf", "minimum", "maximum",
  "minLength", "maxLength", "pattern", "items", "minItems", "maxItems", "properties", "required", "additionalProperties",
  "minProperties", "maxProperties",
];
const NAMES = { null: "nothing", boolean: "true or false", number: "a number", string: "a text", array: "a list", object: "a table" };

/** What of a schema is not followed here; checked when the plugin is built. */
export function unknownKeywords(schema, path = "") {
  if (typeof schema === "boolean") return [];
  const here = Object.keys(schema).filter((name) => !KNOWN.includes(name)).map((name) => `${path}/${name}`);
  const parts = Object.entries(schema.properties ?? {}).map(([name, part]) => [`properties/${name}`, part]);
  if (schema.items) parts.push(["items", schema.items]);
  if (schema.additionalProperties) parts.push(["additionalProperties", schema.additionalProperties]);
  (schema.anyOf ?? []).forEach((part, at) => parts.push([`anyOf/${at}`, part]));
  return here.concat(parts.flatMap(([name, part]) => unknownKeywords(part, `${path}/${name}`)));
}

export function check(value, schema, path = "") {
  if (schema === true) return [];
  if (schema === false) return [{ path, message: "is not allowed" }];
  const types = [schema.type ?? []].flat();
  if (types.length > 0 && !types.some((type) => fits(value, type))) {
    const expected = types.map((type) => (type === "integer" ? "a whole number" : NAMES[type])).join(" or ");
    return [{ path, message: `expected ${expected}, found ${NAMES[typeOf(value)]}` }];
  }
  const message = limit(value, schema);
  if (message) return [{ path, message }];
  if (schema.anyOf) {
    const tried = schema.anyOf.map((part) => check(value, part, path));
    if (tried.every((problems) => problems.length > 0)) return tried[0];
  }
  if (Array.isArray(value)) return value.flatMap((item, at) => check(item, schema.items ?? true, `${path}/${at}`));
  return typeOf(value) === "object" ? members(value, schema, path) : [];
}

function members(value, schema, path) {
  const { properties = {}, required = [], additionalProperties = true } = schema;
  const missing = required.filter((name) => !Object.hasOwn(value, name));
  const problems = missing.map((name) => ({ path, message: `\`${name}\` is missing` }));
  for (const [name, member] of Object.entries(value)) {
    const at = `${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (Object.hasOwn(properties, name)) problems.push(...check(member, properties[name], at));
    else if (additionalProperties !== false) problems.push(...check(member, additionalProperties, at));
    else problems.push({ path: at, message: `unknown setting; there are ${Object.keys(properties).join(", ")}` });
  }
  return problems;
}

/** The first limit that a value is beyond, in words. */
function limit(value, schema) {
  const choices = "const" in schema ? [schema.const] : schema.enum;
  if (choices && !choices.some((one) => JSON.stringify(one) === JSON.stringify(value))) {
    return `must be one of ${choices.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join(", ")}`;
  }
  const type = typeOf(value);
  if (type === "number") return within(value, schema.minimum, schema.maximum, "be");
  if (type === "array") return within(value.length, schema.minItems, schema.maxItems, "have");
  if (type === "object") return within(Object.keys(value).length, schema.minProperties, schema.maxProperties, "have");
  if (type !== "string") return undefined;
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, "u").test(value)) return `must match ${schema.pattern}`;
  return within([...value].length, schema.minLength, schema.maxLength, "have");
}

function within(number, least = -Infinity, most = Infinity, verb = "be") {
  if (number < least) return `must ${verb} at least ${least}`;
  if (number > most) return `must ${verb} at most ${most}`;
  return undefined;
}

function typeOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function fits(value, type) {
  return type === "integer" ? Number.isInteger(value) : typeOf(value) === type;
}

/** The same settings, with what the schema gives where nothing is set. */
export function withDefaults(value, schema) {
  if (Array.isArray(value)) return schema.items ? value.map((item) => withDefaults(item, schema.items)) : value;
  if (typeOf(value) !== "object" || !schema.properties) return value;
  const filled = { ...value };
  for (const [name, part] of Object.entries(schema.properties)) {
    if (Object.hasOwn(filled, name)) filled[name] = withDefaults(filled[name], part);
    else if (part.default !== undefined) filled[name] = structuredClone(part.default);
  }
  return filled;
}
