// Lets events of some types pass, and drops all others.

import { drop, filter, keep, type Schema } from "@sluicebox/sdk";

/** The plugin's `config` in the hub file. */
interface Settings {
  types: string[];
}

/** The same as JSON Schema: what does not fit is refused by `sluicebox apply`. */
export const config: Schema = {
  type: "object",
  properties: {
    types: { description: "The types that pass.", type: "array", items: { type: "string" } },
  },
  required: ["types"],
  additionalProperties: false,
};

/** Goes on with the event, or tells why not. */
export default filter<Settings>((event, settings) => {
  return settings.types.includes(event.type) ? keep() : drop(`of type ${event.type}`);
});
