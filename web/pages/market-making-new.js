// @ts-check
// A market-making order is opened, or its settings are changed: what is filled in is checked, and the quotes that it would
// make now are shown, before it counts.

import { get, patch, post } from "../api.js";
import { isBelow, quantity, typed } from "../amounts.js";
import { Loaded, SELDOM, Send, useLive } from "../live.js";
import { Heading, Table, go, html, segment } from "../parts.js";
import { Settings, nothing, read, written } from "../settings.js";
import { useTrial } from "../trial.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['PairView']} Pair */
/** @typedef {Schemas['CheckedView']} Checked */

export function NewOrder() {
  const live = useLive((signal) => get("/market-making/pairs", { signal }), SELDOM);
  return html`<${Heading}>Make a market<//>
    <${Loaded} of=${live}>${(/** @type {Schemas['PairList']} */ { items }) =>
      items.length
        ? html`<${Asked} pairs=${items} />`
        : html`<p class="empty">No pair can be quoted now. Pairs that can be are listed here.</p>`}<//>`;
}

/** @param {{ pairs: Pair[] }} told */
function Asked({ pairs }) {
  const empty = { pair_id: pairs[0]?.pair_id ?? "", base: "", quote: "", ...nothing() };
  const bodyOf = async (/** @type {typeof empty & Record<string, string>} */ fields) => {
    const { pair, exchange } = chosen(pairs, fields.pair_id);
    return { pair, exchange, configuration: await read(fields), base_quantity: typed(fields.base) ?? "", quote_quantity: typed(fields.quote) ?? "" };
  };
  const { form, tried } = useTrial("market-making", empty, {
    look: async (fields) => post("/market-making/configurations/check", { body: await bodyOf(fields) }),
    act: async (fields, key) => post("/market-making/orders", { body: await bodyOf(fields), key }),
    done: ({ order_id }) => go(`/market-making/${segment(order_id)}`),
  });
  const pair = chosen(pairs, form.fields.pair_id);
  const [base, quote] = pair.pair.split("-");
  return html`<form onSubmit=${form.send}>
    <fieldset disabled=${form.unknown}>
      <label>Pair <select name="pair_id" onChange=${form.typed("pair_id")}>${pairs.map((p) =>
        html`<option value=${p.pair_id} selected=${p.pair_id === pair.pair_id}>${p.pair} at ${p.exchange}</option>`)}</select></label>
      <${Amount} name="base" asset=${base} least=${pair.base_min} form=${form} />
      <${Amount} name="quote" asset=${quote} least=${pair.quote_min} form=${form} />
      <p class="hint">Once all is paid, the desk keeps ${percentOf(pair.fee_bps)} % of the ${quote}.</p>
      <${Settings} form=${form} />
    </fieldset>
    <${Quotes} of=${tried} pair=${pair.pair} />
    <${Send} form=${form} says=${tried ? "Open the order" : "See what it would quote now"} disabled=${!typed(form.fields.base) || !typed(form.fields.quote)} />
  </form>`;
}

/** @param {Pair[]} pairs @param {string} pair_id @returns {Pair} */
const chosen = (pairs, pair_id) => /** @type {Pair} */ (pairs.find((p) => p.pair_id === pair_id) ?? pairs[0]);

/** Basis points are hundredths of a percent. @param {string} bps */
const percentOf = (bps) => {
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

/** @param {{ of: Checked | null, pair: string }} told */
function Quotes({ of, pair }) {
  const [base, quote] = pair.split("-");
  const preview = of?.preview;
  return html`<div role="status">${preview && html`<article>
    <h2>It would quote now</h2>
    ${preview.price && html`<p>From ${quantity(preview.price)} ${quote}; the market moves, so this is no promise.</p>`}
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
  const { pair, exchange, order_id } = order;
  const has = { base_quantity: order.base_quantity ?? undefined, quote_quantity: order.quote_quantity ?? undefined };
  const { form, tried } = useTrial(`settings/${order_id}/${now.version}`, before, {
    look: async (fields) => post("/market-making/configurations/check", { body: { pair, exchange, configuration: await read(fields), ...has } }),
    act: async (fields) => {
      const configuration = await read(fields);
      const gone = Object.keys(now.configuration).filter((name) => !(name in configuration)); // back to their defaults
      const changes = { ...configuration, ...Object.fromEntries(gone.map((name) => [name, null])) };
      return patch("/market-making/orders/{order_id}", { path: { order_id }, body: { version: now.version, configuration: changes } });
    },
    done: () => go(`/market-making/${segment(order_id)}`),
  });
  return html`<p><a href=${`/market-making/${segment(order_id)}`}>${pair} at ${exchange}</a>, version ${now.version} of its settings${!now.version && ": the desk's defaults, until you change them"}</p>
    <form onSubmit=${form.send}>
      <fieldset disabled=${form.unknown}><${Settings} form=${form} /></fieldset>
      <${Quotes} of=${tried} pair=${pair} />
      <p class="hint">These are the quotes of an order that begins anew with what was sent to the exchange. This one has traded since, and may quote otherwise.</p>
      <${Send} form=${form} says=${tried ? "Quote like this from now on" : "See what it would quote now"} />
    </form>`;
}
