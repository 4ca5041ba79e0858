// What most plugins do, and no more: reads a JSON body, changes one value, writes it. As the guests in Rust and Python beside it.

import { emit, Message, transform } from "@sluicebox/sdk";

/** Marks the order as seen. */
export default transform((event) => {
  const order = event.json();
  order.seen = true;
  return emit(Message.json(order));
});
