// Headers, attributes and labels: in the contract a list of pairs, in JavaScript an object or a list of `[name, value]`.

export function toPairs(given) {
  if (given === null || given === undefined) return [];
  const entries = typeof given[Symbol.iterator] === "function" ? [...given] : Object.entries(given);
  return entries.map(([name, value]) => [String(name), String(value)]);
}

/** As records with the contract's names: `name` or `key`, and `value`. */
export function toRecords(given, name) {
  return toPairs(given).map(([key, value]) => ({ [name]: key, value }));
}

export function fromRecords(records, name) {
  return records.map((record) => [record[name], record.value]);
}
