// @ts-check
// All that moved in a month (UTC): shown, and saved as CSV.

import { useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { get } from "../api.js";
import { cents, dollars, quantity } from "../amounts.js";
import { Loaded, useLive } from "../live.js";
import { Heading, Table, When, html } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['OrdersStatementView']} Statement */
/** @typedef {Schemas['StatedMoveView']} Move */
/** @typedef {Schemas['StatedBalanceView']} Balance */

const MONTHS = 13;

/** The last months, in UTC or so many hours ahead of it. By the browser's clock, which may be wrong: one is chosen by name. */
export function months(hoursAhead = 0) {
  const now = new Date(Date.now() + hoursAhead * 3_600_000);
  return Array.from({ length: MONTHS }, (_, back) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1)).toISOString().slice(0, 7));
}

/** The first moment of the next month. @param {string} month */
function after(month) {
  const first = new Date(`${month}-01T00:00:00Z`);
  return new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 1)).toISOString();
}

export function Statements() {
  const month = useMemo(() => signal(months()[0] ?? ""), []);
  const span = { from: `${month.value}-01T00:00:00Z`, to: after(month.value) };
  const live = useLive((signal) => get("/statements", { query: span, signal }), undefined, [month.value]);
  return html`<${Heading}>Statements<//>
    <form class="ticket"><label>Month (UTC) <select onChange=${(/** @type {any} */ e) => (month.value = e.target.value)}>${months().map((m) =>
      html`<option value=${m} selected=${m === month.value}>${m}</option>`)}</select></label></form>
    <${Loaded} of=${live}>${(/** @type {Statement} */ s) => html`
      ${!s.settled && html`<p class="hint">This month can still change.</p>`}
      <${Save} of=${s} name=${`statement-${s.username}-${month.value}.csv`} />
      <${Table} caption="Balances" rows=${s.balances} columns=${BALANCES} id=${(/** @type {Balance} */ b) => b.asset_id} empty="The account had nothing in this month." />
      <${Table} caption="Moves, oldest first" rows=${s.items} columns=${MOVES} id=${(/** @type {Move} */ m) => m.order_id + m.transaction_type + m.created_at}
        empty="Nothing moved in this month. What moves is listed here." />`}<//>`;
}

const BALANCES = [
  { name: "Asset", of: (/** @type {Balance} */ b) => b.asset_id },
  { name: "Before", number: true, of: (/** @type {Balance} */ b) => quantity(b.opening) },
  { name: "After", number: true, of: (/** @type {Balance} */ b) => quantity(b.closing) },
  { name: "Its cost", number: true, of: (/** @type {Balance} */ b) => cents(b.closing_cost) },
  { name: "Realised gain", number: true, of: (/** @type {Balance} */ b) => cents(b.realised_gain) },
];
const MOVES = [
  { name: "At (UTC)", of: (/** @type {Move} */ m) => html`<${When} at=${m.created_at} />` },
  { name: "What", of: (/** @type {Move} */ m) => (m.asset_id === "USD" ? m.transaction_type : `${m.transaction_type} ${quantity(m.quantity)} ${m.asset_id}`) },
  { name: "Dollars", number: true, of: (/** @type {Move} */ m) => dollars(m.total_amount) },
  { name: "Gain", number: true, of: (/** @type {Move} */ m) => cents(m.realised_gain) },
  { name: "Dollars after it", number: true, of: (/** @type {Move} */ m) => cents(m.usd_after) },
];

/** A file that is made here from what is shown: without the token, an address of it would open nothing. @param {{ of: Statement, name: string }} told */
function Save({ of, name }) {
  const save = () => {
    const columns = /** @type {(keyof Move)[]} */ (Object.keys(of.items[0] ?? {}));
    const lines = of.items.map((m) => columns.map((c) => field(`${m[c] ?? ""}`)).join(","));
    const url = URL.createObjectURL(new Blob([[columns.join(","), ...lines, ""].join("\r\n")], { type: "text/csv" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: name });
    link.click();
    URL.revokeObjectURL(url);
  };
  return of.items.length ? html`<p><button class="outline" onClick=${save}>Save the moves as CSV</button></p>` : null;
}

/** A field of CSV (RFC 4180); what a spreadsheet would take for a formula is a text. @param {string} text */
const field = (text) => (/[",\r\n]|^[=@\t]/.test(text) ? `"${/^[=@\t]/.test(text) ? "'" : ""}${text.replaceAll('"', '""')}"` : text);
