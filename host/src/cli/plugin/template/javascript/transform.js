// Tells of big orders, and drops small ones.

import { drop, emit, Message, reject, transform } from "@sluicebox/sdk";

/** The plugin's `config` in the hub file, as JSON Schema: what does not fit is refused by `sluicebox apply`. */
export const config = {
  type: "object",
  properties: {
    min_cents: { description: "The least total of an order that is told of.", type: "integer", minimum: 0 },
  },
  required: ["min_cents"],
  additionalProperties: false,
};

/** One message in the event's place, or none. A body that is no JSON is rejected by `json()`. */
export default transform((event, settings) => {
  const order = event.json();
  if (!Number.isInteger(order.total_cents)) throw reject("no-order", "there are no `total_cents`");
  if (order.total_cents < settings.min_cents) return drop("a small order");
  return emit(Message.json({ text: `order ${order.id} over ${Math.floor(order.total_cents / 100)} EUR` }));
});
