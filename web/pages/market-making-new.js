// @ts-check
// A market-making order is opened, or quotes by other settings: what is filled in is checked, and its quotes of now are
// seen, before it counts.

import { useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { get, patch, post } from "../api.js";
import { isBelow, quantity, typed } from "../amounts.js";
import { Loaded, SELDOM, Send, useForm, useLive } from "../live.js";
import { Heading, Table, go, html, segment } from "../parts.js";
import { NoAnswer } from "../session.js";
import { Settings, nothing, read, written } from "../settings.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['PairView']} Pair */
/** @typedef {Schemas['CheckedView']} Checked */
/** @typedef {{ checked: Checked, of: string }} Trial */

export function NewOrder() {
  const live = useLive((signal) => get("/market-making/pairs", { signal }), SELDOM);
  return html`<${Heading}>Make a market<//>
    <${Loaded} of=${live}>${(/** @type {Schemas['PairList']} */ { items }) =>
      items.length
        ? html`<${Asked} pairs=${items} />`
        : html`<p class="empty">No pair is quoted now. What can be is listed here.</p>`}<//>`;
}

/** @param {{ pairs: Pair[] }} told */
function Asked({ pairs }) {
  const trial = useTrial();
  const empty = { pair_id: pairs[0]?.pair_id ?? "", base: "", quote: "", ...nothing() };
  const form = useForm("market-making", empty, async (fields, key) => {
    const { pair, exchange } = chosen(pairs, fields.pair_id);
    const amounts = { base_quantity: typed(fields.base) ?? "", quote_quantity: typed(fields.quote) ?? "" };
    const asked = { pair, exchange, configuration: await read(fields), ...amounts };
    if (!trial.isOf(fields)) return { checked: await post("/market-making/configurations/check", { body: asked }).catch(onlyLooked) };
    return { opened: await post("/market-making/orders", { body: asked, key }) };
  }, ({ checked, opened }, fields) => {
    if (opened) return go(`/market-making/${segment(opened.order_id)}`);
    if (checked) trial.told(checked, fields);
  }, (fields) => !trial.isOf(fields));
  const pair = chosen(pairs, form.fields.pair_id);
  const [base, quote] = pair.pair.split("-");
  const seen = form.unknown || trial.isOf(form.fields) ? trial.checked() : null;
  return html`<form onSubmit=${form.send}>
    <fieldset disabled=${form.unknown}>
      <label>Pair <select name="pair_id" onChange=${form.typed("pair_id")}>${pairs.map((p) =>
        html`<option value=${p.pair_id} selected=${p.pair_id === pair.pair_id}>${p.pair} at ${p.exchange}</option>`)}</select></label>
      <${Amount} name="base" asset=${base} least=${pair.base_min} form=${form} />
      <${Amount} name="quote" asset=${quote} least=${pair.quote_min} form=${form} />
      <p class="hint">Of the ${quote} the desk keeps ${hundredths(pair.fee_bps)} %, once all is paid.</p>
      <${Settings} form=${form} />
    </fieldset>
    <${Quotes} of=${seen} pair=${pair.pair} />
    <${Send} form=${form} says=${seen ? "Open the order" : "See what it would quote now"} disabled=${!typed(form.fields.base) || !typed(form.fields.quote)} />
  </form>`;
}

/** @param {Pair[]} pairs @param {string} pair_id @returns {Pair} */
const chosen = (pairs, pair_id) => /** @type {Pair} */ (pairs.find((p) => p.pair_id === pair_id) ?? pairs[0]);

/** Basis points are hundredths of a percent. @param {string} bps */
const hundredths = (bps) => {
  const [whole = "0", decimals = ""] = bps.split(".");
  const digits = whole.padStart(3, "0");
  return `${digits.slice(0, -2)}.${digits.slice(-2)}${decimals}`.replace(/\.?0+$/, "");
};

/** @param {{ name: string, asset: string | undefined, least: string, form: any }} told */
function Amount({ name, asset, least, form }) {
  const value = form.fields[name];
  const much = typed(value);
  const wrong = value && !much ? "A quantity is digits, with a point: 0.25" : much && isBelow(much, least) ? `At least ${quantity(least)}` : null;
  return html`<label>${asset} <input name=${name} inputmode="decimal" required autocomplete="off" value=${value} aria-invalid=${wrong ? "true" : undefined}
    aria-describedby=${`${name}-says`} onInput=${form.typed(name)} /><small id=${`${name}-says`}>${wrong ?? `At least ${quantity(least)}`}</small></label>`;
}

/** What was checked, and of which fields; other fields are another question. */
function useTrial() {
  const trial = useMemo(() => signal(/** @type {Trial | null} */ (null)), []);
  return {
    isOf: (/** @type {object} */ fields) => trial.value?.of === JSON.stringify(fields),
    told: (/** @type {Checked} */ checked, /** @type {object} */ fields) => (trial.value = { checked, of: JSON.stringify(fields) }),
    checked: () => trial.value?.checked ?? null,
  };
}

/** Of a look that got no answer nothing can have been done. @param {any} failed @returns {never} */
function onlyLooked(failed) {
  throw failed instanceof NoAnswer ? new Error(`${failed.message} Nothing was done: try again.`) : failed;
}

/** @param {{ of: Checked | null, pair: string }} told */
function Quotes({ of, pair }) {
  const [base, quote] = pair.split("-");
  const preview = of?.preview;
  return html`<div role="status">${preview && html`<article>
    <h2>It would quote now</h2>
    ${preview.price && html`<p>From ${quantity(preview.price)} ${quote}; the market moves, so nothing of it is promised.</p>`}
    ${preview.why && html`<p><mark>Nothing</mark>: ${preview.why}.</p>`}
    ${preview.quotes.length > 0 && html`<${Table} caption="Its first quotes" hidden rows=${sorted(preview.quotes)} empty="" id=${(/** @type {Schemas['PlannedQuoteView']} */ q) => q.side + q.price}
      columns=${[
        { name: "Side", of: (/** @type {Schemas['PlannedQuoteView']} */ q) => q.side },
        { name: `Price, ${quote}`, number: true, of: (/** @type {Schemas['PlannedQuoteView']} */ q) => quantity(q.price) },
        { name: `Quantity, ${base}`, number: true, of: (/** @type {Schemas['PlannedQuoteView']} */ q) => quantity(q.quantity) },
      ]} />`}
  </article>`}</div>`;
}

/** The highest price first, as in a book. @param {Schemas['PlannedQuoteView'][]} quotes */
const sorted = (quotes) => quotes.toSorted((a, b) => (isBelow(a.price, b.price) ? 1 : -1));

/** @param {{ id: string }} told */
export function OtherSettings({ id }) {
  const path = { order_id: id };
  const live = useLive(async (signal) => {
    const [order, now] = await Promise.all([
      get("/market-making/orders/{order_id}", { path, signal }),
      get("/market-making/orders/{order_id}/configuration", { path, signal }),
    ]);
    return { order, now, fields: await written(now.configuration) };
  }, undefined, [id]);
  return html`<${Heading}>Settings<//>
    <${Loaded} of=${live}>${(/** @type {any} */ told) => html`<${Changed} ...${told} />`}<//>`;
}

/** @param {{ order: Schemas['QuotingOrderView'], now: Schemas['ConfigurationView'], fields: Record<string, string> }} told */
function Changed({ order, now, fields: before }) {
  const trial = useTrial();
  const form = useForm(`settings/${order.order_id}/${now.version}`, before, async (fields) => {
    const { pair, exchange } = order;
    const configuration = await read(fields);
    const has = { base_quantity: order.base_quantity ?? undefined, quote_quantity: order.quote_quantity ?? undefined };
    if (!trial.isOf(fields)) return { checked: await post("/market-making/configurations/check", { body: { pair, exchange, configuration, ...has } }).catch(onlyLooked) };
    const gone = Object.keys(now.configuration).filter((name) => !(name in configuration)); // back to their defaults
    const changes = { ...configuration, ...Object.fromEntries(gone.map((name) => [name, null])) };
    return { done: await patch("/market-making/orders/{order_id}", { path: { order_id: order.order_id }, body: { version: now.version, configuration: changes } }) };
  }, ({ checked, done }, fields) => {
    if (done) return go(`/market-making/${segment(order.order_id)}`);
    if (checked) trial.told(checked, fields);
  }, (fields) => !trial.isOf(fields));
  const seen = form.unknown || trial.isOf(form.fields) ? trial.checked() : null;
  return html`<p><a href=${`/market-making/${segment(order.order_id)}`}>${order.pair} at ${order.exchange}</a>, by its version ${now.version}${!now.version && ": the desk's usual ones, until you say others"}</p>
    <form onSubmit=${form.send}>
      <fieldset disabled=${form.unknown}><${Settings} form=${form} /></fieldset>
      <${Quotes} of=${seen} pair=${order.pair} />
      <p class="hint">The quotes are those of an order that begins with what was sent to the exchange; this one has its own trades behind it.</p>
      <${Send} form=${form} says=${seen ? "Quote so from now on" : "See what it would quote now"} />
    </form>`;
}
