// Amounts as Stripe has them: whole numbers of the currency's smallest unit, which is not a hundredth everywhere.

/** https://docs.stripe.com/currencies#zero-decimal */
const WHOLE = new Set([
  "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf",
]);

/** https://docs.stripe.com/currencies#three-decimal */
const THOUSANDTHS = new Set(["bhd", "jod", "kwd", "omr", "tnd"]);

/** `12.30 EUR`, without a floating point number on the way. */
export function money(amount: number, currency: string): string {
  const decimals = WHOLE.has(currency) ? 0 : THOUSANDTHS.has(currency) ? 3 : 2;
  const digits = String(Math.abs(amount)).padStart(decimals + 1, "0");
  const cut = digits.length - decimals;
  const text = decimals === 0 ? digits : `${digits.slice(0, cut)}.${digits.slice(cut)}`;
  return `${amount < 0 ? "-" : ""}${text} ${currency.toUpperCase()}`;
}
