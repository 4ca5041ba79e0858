// Folds the orders of a customer into one message.

import { batch, Message, type Schema } from "@sluicebox/sdk";

/** The plugin's `config` in the hub file. */
interface Settings {
  currency: string;
}

/** The same as JSON Schema: what does not fit is refused by `sluicebox apply`. */
export const config: Schema = {
  type: "object",
  properties: {
    currency: { description: "What the sum is told in.", type: "string" },
  },
  required: ["currency"],
  additionalProperties: false,
};

/** What is read of each event's body. */
interface Order {
  id: number;
  total_cents: number;
}

/** One message for the batch. Which batch an event joins says the value at `key` in its body. */
export default batch<Settings>({
  key: "customer",
  fold({ key, events }, settings) {
    const orders = events.map((event) => event.json<Order>());
    const cents = orders.reduce((sum, order) => sum + order.total_cents, 0);
    const total = `${(cents / 100).toFixed(2)} ${settings.currency}`;
    return Message.json({ customer: key, orders: orders.map((order) => order.id), total }, { type: "orders.summed" });
  },
});
