// @ts-check
// What an act may be told besides what the desk says that it asks (`asks` of a story's acts): tests/web holds both
// against the API's document.

/** @type {Record<string, string[]>} by the act's command */
export const MAY_BE_TOLD = {
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

/** @type {Record<string, string>} what an act is told, in words */
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

/** The answers where there are few. @type {Record<string, string[]>} */
export const CHOICES = { sent: ["yes", "no"], status: ["ACTIVE", "BLOCKED", "REFUSED"], tier: ["STANDARD", "SILVER", "GOLD"] };

/** What is told as a whole number. */
export const WHOLE = new Set(["after"]);

/** Of this one the reference is the key of the request: dollars are credited once for each. */
export const KEYED_BY_REFERENCE = "deposit credit";

/**
 * The body and the key of an act, of what was filled in.
 * @param {string} command @param {Record<string, string>} filled @param {string} key
 */
export function told(command, filled, key) {
  const given = Object.entries(filled).filter(([, value]) => value.trim() !== "");
  /** @type {Record<string, any>} */
  const body = Object.fromEntries(given.map(([name, value]) => [name, WHOLE.has(name) && /^\d{1,15}$/.test(value) ? JSON.parse(value) : value.trim()]));
  if (command !== KEYED_BY_REFERENCE) return { body, key };
  const { reference, ...rest } = body;
  if (!/^[!-~]{1,128}$/.test(reference)) throw new Error("A reference is Latin letters, digits and signs, without a space: it is the key of the deposit.");
  return { body: rest, key: `${reference}` };
}
