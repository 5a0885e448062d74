// @ts-check
// Coins that are bought again and again: each day, week or month.

import { get, patch, post } from "../api.js";
import { dollars, quantity, typed } from "../amounts.js";
import { Loaded, SELDOM, Send, useForm, useLive } from "../live.js";
import { Facts, Heading, Status, Table, When, go, html, segment } from "../parts.js";
import { Verbs } from "../verbs.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['RecurringBuyView']} Plan */
/** @typedef {Schemas['DateView']} Dated */
/** @typedef {{ plans: Plan[], assets: Schemas['AssetView'][] }} Told */

export function Recurring() {
  const live = useLive(async (signal) => {
    const [plans, assets] = await Promise.all([get("/recurring-buys", { query: { limit: 100 }, signal }), get("/assets", { signal })]);
    return { plans: plans.items, assets: assets.items.filter((a) => a.execution === "EXCHANGE") };
  }, SELDOM);
  return html`<${Heading}>Recurring buys<//>
    <${Loaded} of=${live}>${(/** @type {Told} */ { plans, assets }) => html`
      <${Table} caption="Your recurring buys, newest first" hidden rows=${plans} columns=${COLUMNS} id=${(/** @type {Plan} */ p) => p.plan_id}
        empty="You have no recurring buys. What you ask for below is listed here." />
      <${New} assets=${assets} />`}<//>`;
}

/** @param {Plan} p */
const what = (p) => `${p.asset_id} ${p.quote_amount ? `for ${dollars(p.quote_amount)}` : quantity(p.quantity ?? "0")}, ${p.every}`;

const COLUMNS = [
  { name: "What", of: (/** @type {Plan} */ p) => html`<a href=${`/recurring/${segment(p.plan_id)}`}>${what(p)}</a>` },
  { name: "Status", of: (/** @type {Plan} */ p) => html`<${Status} of=${p.status} />` },
  { name: "Next (UTC)", of: (/** @type {Plan} */ p) => html`<${When} at=${p.next_at} />` },
  { name: "Why", of: (/** @type {Plan} */ p) => p.reason ?? "–" },
];

/** @param {{ assets: Schemas['AssetView'][] }} told */
function New({ assets }) {
  const empty = { asset_id: assets[0]?.asset_id ?? "", amount: "", every: "weekly", max_price: "" };
  const form = useForm("recurring", empty, (fields, key) => post("/recurring-buys", {
    body: {
      asset_id: fields.asset_id || empty.asset_id,
      quote_amount: typed(fields.amount) ?? "",
      every: /** @type {Schemas['Every']} */ (fields.every),
      ...(fields.max_price && { max_price: typed(fields.max_price) ?? "" }),
    },
    key,
  }), (plan) => go(`/recurring/${segment(plan.plan_id)}`));
  const { asset_id } = form.fields;
  if (!assets.length) return html`<p class="empty">Nothing is bought at the exchange now.</p>`;
  return html`<h2>A new recurring buy</h2><form class="ticket" onSubmit=${form.send}>
    <fieldset disabled=${form.unknown}>
      <label>Asset <select name="asset_id" onChange=${form.typed("asset_id")}>${assets.map((a) => html`<option value=${a.asset_id} selected=${a.asset_id === asset_id}>${a.asset_id}, ${a.name}</option>`)}</select></label>
      <${HowMuch} form=${form} of="Dollars each time, fee included" />
    </fieldset>
    <${Send} form=${form} says="Buy like this from now on" disabled=${wrong(form.fields)} />
  </form>`;
}

/** @param {{ form: import('../live').Form<any, any>, of: string }} told */
const HowMuch = ({ form: { fields, typed: set }, of }) => html`
  <label>${of} <input name="amount" inputmode="decimal" required autocomplete="off" value=${fields.amount} aria-invalid=${fields.amount && !typed(fields.amount) ? "true" : undefined} onInput=${set("amount")} /></label>
  <label>How often <select name="every" onChange=${set("every")}>${["daily", "weekly", "monthly"].map((e) => html`<option value=${e} selected=${e === fields.every}>${e}</option>`)}</select></label>
  <label>Not above this price (may be left out) <input name="max_price" inputmode="decimal" autocomplete="off" value=${fields.max_price} aria-invalid=${fields.max_price && !typed(fields.max_price) ? "true" : undefined} onInput=${set("max_price")} /></label>`;

/** @param {{ amount: string, max_price: string }} fields */
const wrong = ({ amount, max_price }) => !typed(amount) || (max_price !== "" && !typed(max_price));

/** @param {{ id: string }} told */
export function Plan({ id }) {
  const path = { plan_id: id };
  const live = useLive(async (signal) => {
    const [plan, dates] = await Promise.all([get("/recurring-buys/{plan_id}", { path, signal }), get("/recurring-buys/{plan_id}/dates", { path, signal })]);
    return { plan, dates: dates.items };
  }, SELDOM, [id]);
  return html`<${Heading}>Recurring buy<//>
    <${Loaded} of=${live}>${(/** @type {{ plan: Plan, dates: Dated[] }} */ { plan: p, dates }) => html`
      <${Facts} of=${[
        ["What", what(p)],
        ["Status", html`<${Status} of=${p.status} />`],
        ["Next (UTC)", html`<${When} at=${p.next_at} />`],
        ...(p.max_price ? [["Not above", dollars(p.max_price)]] : []),
        ...(p.reason ? [["Why", p.reason]] : []),
        ["Ends (UTC)", html`<${When} at=${p.ends_at} />`],
        ["Id", html`<code>${p.plan_id}</code>`],
      ]} />
      <${Verbs} name=${`recurring/${p.plan_id}`} all=${VERBS} status=${p.status} again=${live.again}
        ask=${(/** @type {keyof typeof VERBS} */ verb) => post(`/recurring-buys/{plan_id}/${verb}`, { path })} />
      ${(p.status === "ACTIVE" || p.status === "PAUSED") && html`<${Change} key=${p.version} plan=${p} again=${live.again} />`}
      <${Table} caption="Its dates, newest first" rows=${dates} columns=${DATES} id=${(/** @type {Dated} */ d) => d.due_at} empty="None of its dates has come yet." />`}<//>`;
}

/** The change is of the version that is shown: if that is not the latest, the desk does nothing. @param {{ plan: Plan, again: () => void }} told */
function Change({ plan: p, again }) {
  const before = { amount: p.quote_amount ?? p.quantity ?? "", every: /** @type {string} */ (p.every), max_price: p.max_price ?? "" };
  const form = useForm(`recurring/${p.plan_id}/${p.version}`, before, (fields) => patch("/recurring-buys/{plan_id}", {
    path: { plan_id: p.plan_id },
    body: {
      version: p.version,
      ...(fields.amount !== before.amount && { [p.quote_amount === null ? "quantity" : "quote_amount"]: typed(fields.amount) ?? "" }),
      ...(fields.every !== before.every && { every: /** @type {Schemas['Every']} */ (fields.every) }),
      ...(fields.max_price !== before.max_price && { max_price: fields.max_price ? typed(fields.max_price) ?? "" : null }),
    },
  }), again);
  const same = JSON.stringify(form.fields) === JSON.stringify(before);
  return html`<details><summary>Change it</summary><form class="ticket" onSubmit=${form.send}>
    <fieldset disabled=${form.unknown}><${HowMuch} form=${form} of=${p.quote_amount === null ? `${p.asset_id} each time` : "Dollars each time, fee included"} /></fieldset>
    <p>It counts from the next date on.</p><${Send} form=${form} says="Save the change" disabled=${wrong(form.fields) || same} />
  </form></details>`;
}

const DATES = [
  { name: "Date (UTC)", of: (/** @type {Dated} */ d) => html`<${When} at=${d.due_at} />` },
  { name: "Outcome", of: (/** @type {Dated} */ d) => html`<${Status} of=${d.outcome} />` },
  { name: "Purchase", of: (/** @type {Dated} */ d) => (d.order_id ? html`<a href=${`/purchases/${segment(d.order_id)}`}>see it</a>` : "–") },
  { name: "Why", of: (/** @type {Dated} */ d) => d.reason ?? (d.missed ? `${d.missed} dates before it were missed` : "–") },
];

const VERBS = /** @type {const} */ ({
  pause: { says: "Pause it", of: ["ACTIVE"], does: "Nothing is bought until you resume it; dates that pass meanwhile are left out." },
  resume: { says: "Resume it", of: ["PAUSED"], does: "It goes on from its next date." },
  cancel: { says: "Cancel it", of: ["ACTIVE", "PAUSED"], does: "Nothing more is bought. What was bought stays yours." },
});
