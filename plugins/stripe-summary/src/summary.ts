// What is told of a Stripe event, whatever kind of object it is about.

import { money } from "./money.js";

/** What is read of an event: https://docs.stripe.com/api/events/object */
export interface StripeEvent {
  id: string;
  type: string;
  created: number;
  livemode: boolean;
  account?: string;
  data: { object: StripeObject };
}

type Value = string | number | boolean | null | undefined | { [name: string]: Value };
type StripeObject = Record<string, Value>;

/** The flat object that goes on. */
export interface Summary {
  text: string;
  event: string;
  type: string;
  at: string;
  live: boolean;
  object: string;
  id: string | null;
  amount: string | null;
  customer: string | null;
  status: string | null;
  reason: string | null;
  account: string | null;
}

/** Where the objects keep their amount, the best first: what was paid before what was asked for. */
const AMOUNTS = ["amount_paid", "amount_received", "amount_refunded", "amount_total", "amount", "amount_due"];

export function summary(event: StripeEvent): Summary {
  const object = event.data.object;
  const amount = amountOf(event.type, object);
  const customer = textOf(object.customer_email) ?? textOf(object.receipt_email) ?? idOf(object.customer);
  const reason = reasonOf(object);
  const parts = [`${event.type}:`, amount, customer && `of ${customer}`, reason && `(${reason})`, event.livemode ? null : "[test]"];
  return {
    text: parts.filter(Boolean).join(" "),
    event: event.id,
    type: event.type,
    at: new Date(event.created * 1000).toISOString(),
    live: event.livemode,
    object: textOf(object.object) ?? "unknown",
    id: textOf(object.id),
    amount,
    customer,
    status: textOf(object.status),
    reason,
    account: event.account ?? null,
  };
}

function amountOf(type: string, object: StripeObject): string | null {
  const currency = textOf(object.currency);
  const failed = type.endsWith("_failed");
  // Of what failed, nothing was paid: what was due says more.
  const names = failed ? ["amount_due", "amount"] : AMOUNTS;
  const amount = names.map((name) => object[name]).find((value) => typeof value === "number" && value !== 0);
  return currency && typeof amount === "number" ? money(amount, currency) : null;
}

function reasonOf(object: StripeObject): string | null {
  const error = object.last_payment_error ?? object.last_finalization_error;
  const told = typeof error === "object" && error ? textOf(error.message) : null;
  return told ?? textOf(object.failure_message) ?? textOf(object.reason) ?? textOf(object.cancellation_reason);
}

/** An id, or the object of that id where the sender expanded it. */
function idOf(value: Value): string | null {
  return typeof value === "object" && value ? textOf(value.id) : textOf(value);
}

function textOf(value: Value): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
