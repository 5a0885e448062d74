// @ts-check
// Do the books add up, and do others say the same? The desk's own account, the trial balance, and the last comparisons of
// the books with the exchange, the bank, the custody and the billing system.

import { useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { get, post, Refused } from "../api.js";
import { dollars, isZero, quantity } from "../amounts.js";
import { Loaded, SELDOM, Send, useForm, useLive } from "../live.js";
import { Facts, Heading, Status, Table, When, html, storyLink } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['AssetBooksView']} AssetBooks */
/** @typedef {{ name: string, id?: string | null, there: string, booked: string, verdict: string, why: string }} Finding */
/** @typedef {{ verdict: string, compared_at: string, compared_by: string, compared: number, of: string, found: Finding[], more?: boolean, days?: Day[] }} Comparison */
/** @typedef {Schemas['ComparedDayView']} Day */

const MOST = 100;

export function Books() {
  return html`<${Heading}>Books<//><${TrialBalance} /><${Drifts} />
    <${Compared} title="Exchange" said="at the exchange" daily load=${exchange} ask=${(/** @type {string} */ date) => post("/operations/compare/exchange", { body: { date } })} />
    <${Compared} title="Bank" said="at the bank" daily load=${bank} ask=${(/** @type {string} */ date) => post("/operations/compare/bank", { body: { date } })} />
    <${Compared} title="Custody" said="at the custody" load=${custody} ask=${() => post("/operations/compare/custody", {})} />
    <${Compared} title="Billing" said="in the billing system" load=${billing} ask=${() => post("/operations/compare/billing", {})} />`;
}

function TrialBalance() {
  const live = useLive((signal) => neverOr(get("/operations/desk", { signal })), SELDOM);
  const form = useForm("books/add-up", {}, () => post("/operations/desk", {}));
  return html`<h2>Trial balance</h2>
    <${Loaded} of=${live}>${(/** @type {{ told: Schemas['DeskBooksView'] | null }} */ { told }) =>
      told
        ? html`<${Facts} of=${[
              ["Adds up", html`<${Status} of=${told.balanced ? "BALANCED" : "DISPUTED"} />`],
              ["Of what was over at (UTC)", html`<${When} at=${told.until} />`],
            ]} />
          <${Table} caption="What the desk itself has, and where it came from" rows=${told.assets} id=${(/** @type {AssetBooks} */ a) => a.asset_id} columns=${OWN} empty="Nothing is in the books." />
          <${Table} caption="Every account of the books: of each asset they add up to 0" rows=${told.assets} id=${(/** @type {AssetBooks} */ a) => a.asset_id} columns=${accounts(told.assets)} empty="Nothing is in the books." />`
        : html`<p class="empty">The books were never added up. What they add up to is shown here.</p>`}<//>
    <form onSubmit=${form.send}><${Send} form=${form} says="Add them up now" /></form>`;
}

/** @param {AssetBooks} of @param {string} much */
const amount = (of, much) => (of.asset_id === "USD" ? dollars(much) : quantity(much));

const OWN = [
  { name: "Asset", of: (/** @type {AssetBooks} */ a) => a.asset_id },
  { name: "The desk's", number: true, of: (/** @type {AssetBooks} */ a) => amount(a, a.desk) },
  { name: "From", of: (/** @type {AssetBooks} */ a) => a.why.map((w) => `${w.account} ${amount(a, w.amount)}`).join("; ") || "–" },
];

/** A column for each account. @param {AssetBooks[]} assets */
function accounts(assets) {
  const names = [...new Set(assets.flatMap((a) => a.accounts.map((each) => each.account)))].sort();
  return [
    { name: "Asset", of: (/** @type {AssetBooks} */ a) => a.asset_id },
    ...names.map((name) => ({
      name,
      number: true,
      of: (/** @type {AssetBooks} */ a) => amount(a, a.accounts.find((each) => each.account === name)?.amount ?? "0"),
    })),
    { name: "Sum", number: true, of: (/** @type {AssetBooks} */ a) => (isZero(a.sum) ? "0" : html`<mark>${amount(a, a.sum)}</mark>`) },
  ];
}

/** Accounts whose journal does not add up to them, and things that lack one side in the books. */
function Drifts() {
  const live = useLive((signal) => get("/operations/work", { query: { context: "books", limit: MOST }, signal }), SELDOM);
  return html`<h2>Found in the books</h2>
    <${Loaded} of=${live}>${(/** @type {Schemas['WorkList']} */ { items }) => html`<${Table} caption="What the reconciliation has found" hidden rows=${items}
      id=${(/** @type {Schemas['WaitingView']} */ i) => i.id} columns=${DRIFTS} empty="Nothing is wrong. What the rounds over the books find is listed here." />`}<//>`;
}

const DRIFTS = [
  { name: "Id", of: (/** @type {Schemas['WaitingView']} */ i) => storyLink(i.id) },
  { name: "Found", of: (/** @type {Schemas['WaitingView']} */ i) => i.waits_for },
  { name: "Since (UTC)", of: (/** @type {Schemas['WaitingView']} */ i) => html`<${When} at=${i.due_at} />` },
];

/**
 * The last comparison of the books with one of the others.
 * @param {{ title: string, said: string, daily?: boolean, load: (date: string, signal: AbortSignal) => Promise<Comparison>, ask: (date: string) => Promise<unknown> }} told
 */
function Compared({ title, said, daily, load, ask }) {
  const day = useMemo(() => signal(""), []);
  const live = useLive((signal) => neverOr(load(day.value, signal)), SELDOM, [day.value]);
  const form = useForm(`books/${title}/${day.value}`, {}, () => ask(day.value));
  const asked = useMemo(() => signal(false), [day.value]);
  const send = async (/** @type {Event} */ event) => {
    asked.value = (await form.send(event)) !== undefined;
    live.again();
  };
  return html`<section aria-label=${title}><h2>${title}</h2>
    ${daily && html`<label class="day">Day (UTC; without one the last that was compared)
      <input type="date" value=${day.value} onInput=${(/** @type {any} */ e) => (day.value = e.target.value)} /></label>`}
    <${Loaded} of=${live}>${(/** @type {{ told: Comparison | null }} */ { told }) =>
      told
        ? html`<${Facts} of=${[
              ["Verdict", html`<${Status} of=${told.verdict} />`],
              ["Of", told.of],
              ["Compared", `${told.compared}`],
              ["At (UTC)", html`<${When} at=${told.compared_at} />`],
              ["By", told.compared_by],
            ]} />
          <${Table} caption=${`What does not agree ${said}`} hidden rows=${told.found} id=${(/** @type {Finding} */ f) => `${f.name} ${f.why}`}
            columns=${findings(said)} empty="All agrees." />
          ${told.days && html`<${Table} caption="Day by day" rows=${told.days} id=${(/** @type {Day} */ d) => d.date} columns=${DAYS} empty="No day was compared to its end yet." />`}
          ${told.more && html`<p class="hint">These are not all of them.</p>`}`
        : html`<p class="empty">${daily && day.value ? "That day was never compared." : "It was never compared. What is found then is shown here."}</p>`}<//>
    ${asked.value && html`<p class="hint" role="status">Asked for: it is compared within a quarter of an hour.</p>`}
    <form onSubmit=${send}><${Send} form=${form} says="Compare now" disabled=${daily && !day.value} /></form></section>`;
}

/** @param {string} said */
const findings = (said) => [
  { name: "What", of: (/** @type {Finding} */ f) => (f.id && /^[A-Z][A-Z0-9]{20,31}$/.test(f.id) ? html`${f.name} of ${storyLink(f.id)}` : f.name) },
  { name: `There, ${said}`, number: true, of: (/** @type {Finding} */ f) => quantity(f.there) },
  { name: "Booked", number: true, of: (/** @type {Finding} */ f) => quantity(f.booked) },
  { name: "Verdict", of: (/** @type {Finding} */ f) => html`<${Status} of=${f.verdict} />` },
  { name: "Why", of: (/** @type {Finding} */ f) => f.why || "–" },
];

const DAYS = [
  { name: "Day (UTC)", of: (/** @type {Day} */ d) => d.date },
  { name: "Verdict", of: (/** @type {Day} */ d) => html`<${Status} of=${d.verdict} />` },
  { name: "Found", of: (/** @type {Day} */ d) => d.says },
];

/** `told` is null where it was never done, which is no failure. @template T @param {Promise<T>} asked @returns {Promise<{ told: T | null }>} */
async function neverOr(asked) {
  try {
    return { told: await asked };
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return { told: null };
    throw error;
  }
}

/** @param {string} date @param {AbortSignal} signal @returns {Promise<Comparison>} */
async function exchange(date, signal) {
  const { orders, ...told } = await get("/operations/compare/exchange", { query: { date: date || undefined }, signal });
  return { ...told, found: orders.map((o) => ({ ...o, name: o.id, id: o.order_id })) };
}

/** @param {string} date @param {AbortSignal} signal @returns {Promise<Comparison>} */
async function bank(date, signal) {
  const { payouts, ...told } = await get("/operations/compare/bank", { query: { date: date || undefined }, signal });
  return { ...told, found: payouts.map((p) => ({ ...p, name: p.id, id: p.order_id })) };
}

/** @param {string} _ @param {AbortSignal} signal @returns {Promise<Comparison>} */
async function custody(_, signal) {
  const { assets, ...told } = await get("/operations/compare/custody", { signal });
  const found = assets.map((a) => ({
    name: a.asset ?? a.asset_id,
    there: a.unspent,
    booked: a.held,
    verdict: a.verdict,
    why: [a.why, `difference ${a.difference}`, `waiting ${a.waiting}`, `unsent ${a.unsent}`, `the desk's ${a.desk}`].filter(Boolean).join("; "),
  }));
  return { ...told, found };
}

/** @param {string} _ @param {AbortSignal} signal @returns {Promise<Comparison>} */
async function billing(_, signal) {
  const { things, cursor, ...told } = await get("/operations/compare/billing", { signal });
  return { ...told, found: things, more: cursor !== null };
}
