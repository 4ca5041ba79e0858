// Tells what a Stripe event means: one line for people, and a flat object instead of Stripe's nested one.

import { drop, emit, keep, Message, reject, type Schema, transform } from "@sluicebox/sdk";
import { type StripeEvent, summary } from "./summary.js";

/** The plugin's `config` in the hub file. */
interface Settings {
  types: string[];
  test_mode: "summarize" | "drop" | "keep";
  format: "object" | "text";
}

export const config: Schema = {
  type: "object",
  properties: {
    types: {
      description: "Which types are told of: whole ones, or `invoice.*`. Others are dropped. Without any, all are told of.",
      type: "array",
      items: { type: "string", pattern: "^[a-z_.0-9]+(\\.\\*)?$" },
      default: [],
    },
    test_mode: { description: "What becomes of events of Stripe's test mode.", enum: ["summarize", "drop", "keep"], default: "summarize" },
    format: { description: "`text`: only the line, as {\"text\": ...}, which chats take.", enum: ["object", "text"], default: "object" },
  },
  additionalProperties: false,
};

export default transform<Settings>((event, settings) => {
  const stripe = event.json<StripeEvent>();
  if (!isStripe(stripe)) throw reject("no-stripe-event", "the body is no event of Stripe: it needs `type`, `created` and `data.object`");
  if (!told(stripe.type, settings.types)) return drop(`of type ${stripe.type}`);
  if (!stripe.livemode && settings.test_mode === "drop") return drop("test mode");
  if (!stripe.livemode && settings.test_mode === "keep") return keep();
  const whole = summary(stripe);
  return emit(Message.json(settings.format === "text" ? { text: whole.text } : whole, { type: stripe.type }));
});

function told(type: string, types: string[]): boolean {
  const matches = (one: string) => (one.endsWith(".*") ? type.startsWith(one.slice(0, -1)) : type === one);
  return types.length === 0 || types.some(matches);
}

function isStripe(event: Partial<StripeEvent> | null): event is StripeEvent {
  const object = event?.data?.object;
  return typeof event?.type === "string" && Number.isInteger(event.created) && typeof object === "object" && object !== null;
}
