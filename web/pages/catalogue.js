// @ts-check
// The rules that trading follows: the catalogue, and an asset of it, whose rules two operators change.

import { act, get } from "../api.js";
import { dollars } from "../amounts.js";
import { Acts, Became, Tried, useAct, useOutcome } from "../by-hand.js";
import { Loaded, SELDOM, useLive } from "../live.js";
import { Heading, Status, Table, When, html, segment } from "../parts.js";
import { Lists } from "./lists.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['OperatedAssetView']} Asset */
/** @typedef {Schemas['OperatorOutcomeView']} Outcome */

export function Catalogue() {
  const live = useLive((signal) => get("/operations/catalogue", { signal }), SELDOM);
  return html`<${Heading}>Catalogue<//><${Lists} />
    <${Loaded} of=${live}>${(/** @type {Schemas['OperatedAssetList']} */ { items }) => html`<p role="status">${items.length} assets</p>
      <${Table} caption="What can be traded, and by which rules" hidden rows=${items} id=${(/** @type {Asset} */ a) => a.asset_id} columns=${COLUMNS}
        empty="The catalogue is empty. Assets that two operators take into it are listed here." />`}<//><${Stopped} />`;
}

/** Assets that are not traded until the exchange, or two operators, confirm the new price. */
function Stopped() {
  const outcome = useOutcome();
  const live = useLive((signal) => get("/operations/prices", { signal }), SELDOM);
  return html`<h2>Prices that have jumped</h2><${Became} of=${outcome} />
    <${Loaded} of=${live}>${(/** @type {Schemas['StoppedPriceList']} */ { items }) => html`
      <${Table} caption="Prices that have jumped" hidden rows=${items} id=${(/** @type {Stopped} */ p) => p.asset_id} columns=${STOPPED} empty="No price has jumped." />
      ${items.map((p) => html`<${Acts} key=${p.asset_id} story=${{ id: p.asset_id, acts: p.acts }} again=${live.again} outcome=${outcome} level=${3} title=${`The price of ${p.asset_id}`} />`)}`}<//>`;
}

/** @typedef {Schemas['StoppedPriceView']} Stopped */
const STOPPED = [
  { name: "Asset", of: (/** @type {Stopped} */ p) => p.asset_id },
  { name: "Before", number: true, of: (/** @type {Stopped} */ p) => dollars(p.price) },
  { name: "Jumped to", number: true, of: (/** @type {Stopped} */ p) => dollars(p.unconfirmed_price) },
  { name: "Of", of: (/** @type {Stopped} */ p) => p.unconfirmed_source },
  { name: "Stopped (UTC)", of: (/** @type {Stopped} */ p) => html`<${When} at=${p.stopped_at} />` },
];

/** @param {Asset} a */
const traded = (a) => html`<${Status} of=${a.active ? "TRADED" : "NOT TRADED"} />`;

const COLUMNS = [
  { name: "Asset", of: (/** @type {Asset} */ a) => html`<a href=${`/catalogue/${segment(a.asset_id)}`}>${a.asset_id}</a>` },
  { name: "Name", of: (/** @type {Asset} */ a) => a.name },
  { name: "Is", of: traded },
  { name: "Executed", of: (/** @type {Asset} */ a) => (a.execution === "INSTANT" ? "by the desk itself" : "at the exchange") },
  { name: "Least", number: true, of: (/** @type {Asset} */ a) => dollars(a.min_notional) },
  { name: "Most", number: true, of: (/** @type {Asset} */ a) => dollars(a.max_notional) },
  { name: "Spread, bps", number: true, of: (/** @type {Asset} */ a) => `${a.spread_bps}` },
];

/** What a rule is called, and whether it is a text, a whole number, yes or no, or one of few. @type {[keyof Asset, string, "text" | "whole" | "yes" | "choice"][]} */
const RULES = [
  ["active", "Is traded", "yes"],
  ["name", "Name", "text"],
  ["execution", "Executed by the desk, or at the exchange", "choice"],
  ["precision", "Decimals of a quantity", "whole"],
  ["min_notional", "Least, in dollars", "text"],
  ["max_notional", "Most, in dollars", "text"],
  ["spread_bps", "Spread, in basis points", "whole"],
  ["price_step", "Step of a price", "text"],
  ["price_age_max_seconds", "A price is good for, in seconds", "whole"],
  ["price_source_id", "The price source calls it", "text"],
  ["exchange_symbol", "The exchange calls it", "text"],
  ["slippage_max_bps", "Slippage at most, in basis points", "whole"],
  ["estimate_band_bps", "An estimate is off by at most, in basis points", "whole"],
  ["fill_band_bps", "A fill is better by at most, in basis points", "whole"],
  ["min_pooled", "Least in a pool, in dollars", "text"],
  ["pool_deadline_seconds", "A pool waits, in seconds", "whole"],
  ["pool_shards", "Pools side by side", "whole"],
  ["pool_top_up", "The desk tops a pool up", "yes"],
  ["desk_buys_max", "The desk itself buys a day, in dollars", "text"],
];

/** @type {Record<string, Record<string, string>>} */
const CHOICES = { yes: { true: "yes", false: "no" }, choice: { INSTANT: "by the desk itself", EXCHANGE: "at the exchange" } };

/** @param {{ id: string }} told */
export function AssetRules({ id }) {
  const live = useLive((signal) => get("/operations/catalogue/{asset_id}", { path: { asset_id: id }, signal }), undefined, [id]);
  const outcome = useOutcome([id]);
  const done = (/** @type {Outcome} */ got) => {
    outcome.value = got;
    live.again();
  };
  return html`<${Heading}>Asset ${id}<//><p><a href="/catalogue">The catalogue</a></p>
    <${Loaded} of=${live}>${(/** @type {Asset} */ asset) => html`
      <p>${asset.name} ${traded(asset)} · fees ${Object.entries(asset.fees_bps).map(([tier, bps]) => `${tier} ${bps} bps`).join(", ") || "none"}</p>
      <${Became} of=${outcome} />
      <${Rules} key=${JSON.stringify(asset)} asset=${asset} done=${done} />`}<//>`;
}

/** The rules as they are, to be changed. @param {{ asset: Asset, done: (o: Outcome) => void }} told */
function Rules({ asset, done }) {
  const before = Object.fromEntries(RULES.map(([name]) => [name, `${asset[name] ?? ""}`]));
  const empty = /** @type {Record<string, string>} */ ({ ...before, reason: "" });
  const { form, tried } = useAct(`asset/${asset.asset_id}/${JSON.stringify(before)}`, empty, (fields, key, how) =>
    act(`PATCH /operations/catalogue/${asset.asset_id}`, { ...changedOf(before, fields), reason: fields.reason ?? "", ...how }, key), done);
  const changed = RULES.filter(([name]) => form.fields[name] !== before[name]);
  return html`<form class="act wide" onSubmit=${form.send} aria-label="Change its rules">
    <p>Two operators change the rules; one alone may stop its trading, if he changes nothing else.</p>
    <div class="rules">${RULES.map(([name, says, kind]) => html`<label>${says} ${
      CHOICES[kind]
        ? html`<select name=${name} disabled=${form.unknown} onInput=${form.typed(name)}>
            ${Object.entries(CHOICES[kind]).map(([v, says]) => html`<option value=${v} selected=${form.fields[name] === v}>${says}</option>`)}</select>`
        : html`<input name=${name} autocomplete="off" required=${before[name] !== ""} pattern=${kind === "whole" ? "[0-9]+" : undefined} inputmode=${kind === "whole" ? "numeric" : undefined}
            value=${form.fields[name]} disabled=${form.unknown} onInput=${form.typed(name)} />`
    }</label>`)}</div>
    <${Table} caption="What changes" rows=${changed} id=${(/** @type {string[]} */ [name]) => name} empty="Nothing is changed yet."
      columns=${[
        { name: "Rule", of: (/** @type {string[]} */ [, says]) => says },
        { name: "Before", of: (/** @type {string[]} */ [name]) => before[name ?? ""] || "–" },
        { name: "After", of: (/** @type {string[]} */ [name]) => form.fields[name ?? ""] || "–" },
      ]} />
    <label>Reason <input name="reason" required minlength="3" maxlength="200" value=${form.fields.reason} disabled=${form.unknown}
      onInput=${form.typed("reason")} /></label>
    <${Tried} form=${form} tried=${tried} />
  </form>`;
}

/** Only what has changed. Whole numbers are counts and basis points: no amounts. @param {Record<string, string>} before @param {Record<string, string>} fields */
const changedOf = (before, fields) =>
  Object.fromEntries(
    RULES.filter(([name]) => fields[name] !== before[name]).map(([name, , kind]) => {
      const typed = (fields[name] ?? "").trim();
      return [name, kind === "whole" || kind === "yes" ? JSON.parse(typed) : typed];
    }),
  );
