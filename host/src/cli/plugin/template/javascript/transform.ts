// Tells of big orders, and drops small ones.

import { drop, emit, Message, reject, type Schema, transform } from "@sluicebox/sdk";

/** The plugin's `config` in the hub file. */
interface Settings {
  min_cents: number;
}

/** The same as JSON Schema: what does not fit is refused by `sluicebox apply`. */
export const config: Schema = {
  type: "object",
  properties: {
    min_cents: { description: "The least total of an order that is told of.", type: "integer", minimum: 0 },
  },
  required: ["min_cents"],
  additionalProperties: false,
};

/** What is read of the event's body. */
interface Order {
  id: number;
  total_cents: number;
}

/** One message in the event's place, or none. A body that is no JSON is rejected by `json()`. */
export default transform<Settings>((event, settings) => {
  const order = event.json<Order>();
  if (!Number.isInteger(order.total_cents)) throw reject("no-order", "there are no `total_cents`");
  if (order.total_cents < settings.min_cents) return drop("a small order");
  return emit(Message.json({ text: `order ${order.id} over ${Math.floor(order.total_cents / 100)} EUR` }));
});
