// @ts-check
// What a dealer's people see: his bills, the accounts to pay to, his months. Whose people they are the desk looks itself.

import { useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { file, get } from "../api.js";
import { isZero, roubles } from "../amounts.js";
import { Failed, Loaded, Paged, SELDOM, useLive } from "../live.js";
import { Copy, Facts, Heading, Status, Table, When, html, place, segment, words } from "../parts.js";
import { months } from "./statements.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['BillView']} Bill */
/** @typedef {Schemas['AccountView']} Account */
/** @typedef {Schemas['StatementLine']} Line */

const PAGE = 100;
const MOSCOW_HOURS = 3; // ahead of UTC, all the year: its months are those of the statements

/** @param {string} dealer */
const at = (dealer) => `/billing/${segment(dealer)}`;

/** @param {{ dealer: string }} told */
const Parts = ({ dealer }) => html`<nav class="lists" aria-label="Of this dealer"><ul>${[["", "Bills"], ["/accounts", "Accounts"], ["/statements", "Statements"]].map(
  ([to, says]) => html`<li><a href=${at(dealer) + to} aria-current=${place.value === at(dealer) + to ? "page" : undefined}>${says}</a></li>`)}</ul></nav>`;

/** @param {{ dealer: string }} told */
export function Bills({ dealer }) {
  const path = { cme_dealer_id: dealer };
  const load = (/** @type {string | undefined} */ cursor, /** @type {AbortSignal} */ signal) => get("/billing/dealers/{cme_dealer_id}/bills", { path, query: { limit: PAGE, cursor }, signal });
  return html`<${Heading}>Bills of <code>${dealer}</code><//><${Parts} dealer=${dealer} />
    <${Paged} load=${load} id=${of} every=${SELDOM}>${(/** @type {Bill[]} */ items) => html`
      <${Table} caption="Bills, unpaid first" hidden rows=${items} id=${of} columns=${bills(dealer)} empty="Nothing was billed yet. What is to be paid is listed here." />`}<//>`;
}

const of = (/** @type {Bill} */ b) => b.bill_id;

/** @param {Bill} b */
const Standing = (b) => html`<${Status} of=${b.status} />${b.overdue && html` <mark>overdue</mark>`}`;

/** @param {string} dealer */
const bills = (dealer) => [
  { name: "Bill", of: (/** @type {Bill} */ b) => html`<a href=${`${at(dealer)}/bills/${segment(b.bill_id)}`}>${b.number ?? "no number yet"}</a>` },
  { name: "Of", of: (/** @type {Bill} */ b) => `${words(b.account_type)}, deal ${b.deal_id}` },
  { name: "Status", of: Standing },
  { name: "Sum", number: true, of: (/** @type {Bill} */ b) => roubles(b.common_sum) },
  { name: "Paid", number: true, of: (/** @type {Bill} */ b) => roubles(b.paid_sum) },
  { name: "Left to pay", number: true, of: (/** @type {Bill} */ b) => html`<strong>${roubles(b.left_sum)}</strong>` },
  { name: "Due", of: (/** @type {Bill} */ b) => b.due_on },
];

/** @param {{ dealer: string, id: string }} told */
export function BillOf({ dealer, id }) {
  const live = useLive((signal) => get("/billing/bills/{bill_id}", { path: { bill_id: id }, signal }), SELDOM, [id]);
  return html`<${Heading}>Bill<//><${Parts} dealer=${dealer} />
    <${Loaded} of=${live}>${(/** @type {Bill} */ b) => html`
      <p class="total">${roubles(b.left_sum)}</p><p class="hint">left to pay of ${roubles(b.common_sum)}</p>
      <${Facts} of=${[
        ["Invoice", b.number ? html`<${Copy} text=${b.number} what="the invoice's number" />` : "is being made"],
        ["Of", `${words(b.account_type)}, deal ${b.deal_id}`],
        ["Status", Standing(b)],
        ["Paid", roubles(b.paid_sum)],
        ...(isZero(b.credited_sum) ? [] : [["Taken back by credit notes", roubles(b.credited_sum)]]),
        ["Due", b.due_on],
        ["Since (UTC)", html`<${When} at=${b.created_at} />`],
        ["Pay to", html`<a href=${`${at(dealer)}/accounts`}>the account ${words(b.account_type)}</a>`],
        ...(b.reason ? [["Why it is so", b.reason]] : []),
      ]} />
      ${b.url && /^https?:/.test(b.url) && html`<p><a href=${b.url} target="_blank" rel="noopener noreferrer">The invoice, as PDF</a></p>`}`}<//>`;
}

/** @param {{ dealer: string }} told */
export function Accounts({ dealer }) {
  const live = useLive((signal) => get("/billing/dealers/{cme_dealer_id}", { path: { cme_dealer_id: dealer }, signal }), SELDOM, [dealer]);
  return html`<${Heading}>Accounts of <code>${dealer}</code><//><${Parts} dealer=${dealer} />
    <${Loaded} of=${live}>${(/** @type {Schemas['DealerView']} */ d) => html`
      <p>Whoever pays names the number of the contract. What is on an account pays its next bill by itself; a deposit pays none.</p>
      <${Table} caption="Accounts to pay to" hidden rows=${d.accounts} id=${(/** @type {Account} */ a) => a.type} columns=${ACCOUNTS} empty="No account is open yet." />
      <${Facts} of=${[["Dealer", html`<${Status} of=${d.status} />`], ["Commission", `${d.commission_percent} %`], ["Offer", d.offer_version], ["Requisites", `version ${d.requisites_version}`]]} />`}<//>`;
}

const ACCOUNTS = [
  { name: "Account", of: (/** @type {Account} */ a) => words(a.type) },
  { name: "Status", of: (/** @type {Account} */ a) => html`<${Status} of=${a.status} />` },
  { name: "Contract", of: (/** @type {Account} */ a) => (a.contract_number ? html`<${Copy} text=${a.contract_number} what=${`the contract of ${words(a.type)}`} />` : "is being made") },
  { name: "On it", number: true, of: (/** @type {Account} */ a) => roubles(a.current_balance) },
];

/** @param {{ dealer: string }} told */
export function Statements({ dealer }) {
  const month = useMemo(() => signal(months(MOSCOW_HOURS)[0] ?? ""), []);
  const path = { cme_dealer_id: dealer, month: month.value };
  const live = useLive((signal) => get("/billing/dealers/{cme_dealer_id}/statements/{month}", { path, signal }), undefined, [dealer, month.value]);
  return html`<${Heading}>Statements of <code>${dealer}</code><//><${Parts} dealer=${dealer} />
    <form class="ticket"><label>Month (Moscow) <select onChange=${(/** @type {any} */ e) => (month.value = e.target.value)}>${months(MOSCOW_HOURS).map((m) =>
      html`<option value=${m} selected=${m === month.value}>${m}</option>`)}</select></label></form>
    <${Loaded} of=${live}>${(/** @type {Schemas['BillingStatementView']} */ s) => html`
      ${!s.final && html`<p class="hint">A preview: this month is not over.</p>`}
      <${Facts} of=${[["Before", roubles(s.opening_balance)], [s.final ? "After" : "Now", roubles(s.closing_balance)], ["Made (UTC)", html`<${When} at=${s.made_at} />`]]} />
      <${Save} key=${s.month} name=${`statement-${dealer}-${s.month}`} files=${[
        ["pdf", () => file("/billing/dealers/{cme_dealer_id}/statements/{month}/pdf", { path })],
        ["csv", () => file("/billing/dealers/{cme_dealer_id}/statements/{month}/csv", { path })],
      ]} />
      ${s.accounts.map((a) => html`<${Table} key=${a.account_type} caption=${`${words(a.account_type)}, contract ${a.contract_number ?? "not made yet"}: ${roubles(a.opening_balance)} before, ${roubles(a.closing_balance)} after`}
        rows=${a.lines} columns=${LINES} id=${(/** @type {Line} */ l) => l.at + l.what + l.document} empty=${`${words(a.account_type)}: nothing moved in this month.`} />`)}`}<//>`;
}

const LINES = [
  { name: "At (UTC)", of: (/** @type {Line} */ l) => html`<${When} at=${l.at} />` },
  { name: "What", of: (/** @type {Line} */ l) => words(l.what) },
  { name: "Document", of: (/** @type {Line} */ l) => `${l.document}${l.deal_id ? `, deal ${l.deal_id}` : ""}` },
  { name: "Amount", number: true, of: (/** @type {Line} */ l) => roubles(l.amount) },
  { name: "Balance", number: true, of: (/** @type {Line} */ l) => roubles(l.balance) },
];

/** The desk's own files: their address alone opens nothing, the token is in memory. @param {{ name: string, files: [string, () => Promise<Blob>][] }} told */
function Save({ name, files }) {
  const state = useMemo(() => signal({ busy: "", error: /** @type {Error | null} */ (null) }), []);
  const save = async (/** @type {string} */ form, /** @type {() => Promise<Blob>} */ load) => {
    if (state.peek().busy) return;
    state.value = { busy: form, error: null };
    const url = await load().then(URL.createObjectURL, (error) => ((state.value = { busy: "", error }), ""));
    if (!url) return;
    Object.assign(document.createElement("a"), { href: url, download: `${name}.${form}` }).click();
    URL.revokeObjectURL(url);
    state.value = { busy: "", error: null };
  };
  return html`${state.value.error && html`<${Failed} error=${state.value.error} />`}
    <p class="buttons">${files.map(([form, load]) => html`<button class="outline" aria-busy=${state.value.busy === form} onClick=${() => save(form, load)}>Save as ${form.toUpperCase()}</button>`)}</p>`;
}
