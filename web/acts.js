// @ts-check
// The words and the choices of an act's form. What it needs, the desk says (`asks` of a story's acts); what may be left out
// is said here. tests/web holds both against the API's document.

/** @type {Record<string, string[]>} what may be left out, by the act's command */
export const OPTIONAL = {
  "batches void": ["public_reason"],
  "clients save": ["status", "account_id"],
  "clients save crypto": ["status"],
  "offramp credit-usd": ["public_reason"],
  "offramp mark-filled": ["public_reason"],
  "orders fail": ["public_reason"],
  "outgoing decide": ["hash"],
  "payments recall": ["message"],
  "withdrawals complete": ["public_reason"],
  "withdrawals reject": ["public_reason"],
  "work decide-order": ["fee", "fees_in_coins"],
};

/** @type {Record<string, string>} what a field is, in words */
export const WORDS = {
  account_id: "Account at the bank (may be left out: it stays)",
  after: "After the trade with this id",
  amount: "Dollars",
  asset: "Asset",
  base: "Of the base asset",
  contract: "Contract",
  credited: "Credited by the exchange",
  executed: "Executed, of the asset",
  fee: "Fee of the exchange, in dollars (none: 0)",
  fees_in_coins: "Fees of the exchange in coins, such as 0.0002 BNB (may be left out)",
  gross: "For how many dollars, before its fee",
  hash: "Hash of its transaction (may be left out)",
  message: "The parked message that tells of it (may be left out)",
  operator: "Operator of the same name",
  order: "Order",
  paid: "Paid by the bank, in dollars; 0: nothing, and it never will",
  payer: "Who pays for it",
  payment: "Payment, as the bank calls it",
  price: "Price, in dollars",
  public_reason: "What the customer reads (may be left out)",
  quote: "Of the quote asset",
  reference: "Where others can look that up",
  sent: "Was it sent?",
  snapshot: "Snapshot",
  status: "Status (may be left out: it stays)",
  sub: "Subject of the new login",
  sum: "Sum, in roubles",
  tier: "Tier",
  to: "Mixin user who gets it",
};

/** Of a field that is chosen, what there is to choose. @type {Record<string, string[]>} */
export const CHOICES = { sent: ["yes", "no"], status: ["ACTIVE", "BLOCKED", "REFUSED"], tier: ["STANDARD", "SILVER", "GOLD"] };

/** Fields that are whole numbers on the wire. */
export const WHOLE = new Set(["after"]);

/** The act whose reference is the key of its request: dollars are credited once for each. */
export const KEYED_BY_REFERENCE = "deposit credit";

/**
 * The body and the key of an act's request, from what was filled in.
 * @param {string} command @param {Record<string, string>} filled @param {string} key
 */
export function requestOf(command, filled, key) {
  const given = Object.entries(filled).filter(([, value]) => value.trim() !== "");
  /** @type {Record<string, any>} */
  const body = Object.fromEntries(given.map(([name, value]) => [name, WHOLE.has(name) && /^\d{1,15}$/.test(value) ? JSON.parse(value) : value.trim()]));
  if (command !== KEYED_BY_REFERENCE) return { body, key };
  const { reference, ...rest } = body;
  if (!/^[!-~]{1,128}$/.test(reference)) throw new Error("A reference is Latin letters, digits and signs, without a space: it is the key of the deposit.");
  return { body: rest, key: `${reference}` };
}
