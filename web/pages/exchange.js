// @ts-check
// Coins that are bought and sold at an exchange: at once, or in a pool with others until it is large enough.

import { get, post } from "../api.js";
import { cents, dollars, isZero, quantity, typed, worth } from "../amounts.js";
import { Loaded, OFTEN, Send, useForm, useLive } from "../live.js";
import { Facts, Heading, Status, When, go, html, segment } from "../parts.js";
import { Verbs, cancelOf } from "../verbs.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['AssetView']} Asset */
/** @typedef {{ assets: Asset[], balance: Schemas['BalanceView'], holdings: Schemas['HoldingView'][], pools: Schemas['PoolView'][] }} Told */

export function Exchange() {
  const live = useLive(async (signal) => {
    const [assets, balance, holdings, pools] = await Promise.all([
      get("/assets", { signal }),
      get("/balance", { signal }),
      get("/balances", { signal }),
      get("/purchases/pools", { signal }),
    ]);
    return { assets: assets.items.filter((a) => a.execution === "EXCHANGE"), balance, holdings: holdings.items, pools: pools.items };
  }, OFTEN);
  const form = useForm("exchange", { asset_id: "", way: "buy", amount: "", limit: "" }, ask, ({ to }) => go(to));
  return html`<${Heading}>At the exchange<//>
    <${Loaded} of=${live}>${(/** @type {Told} */ told) => html`<${Ticket} form=${form} told=${told} />`}<//>`;
}

/** @param {{ asset_id: string, way: string, amount: string, limit: string }} fields @param {string} key */
async function ask({ asset_id, way, amount, limit }, key) {
  const much = typed(amount) ?? "";
  const at = limit.trim() ? typed(limit) : null;
  if (way === "buy") {
    const made = await post("/purchases", { body: { asset_id, quote_amount: much, max_price: at }, key });
    return { to: `/purchases/${segment(made.order_id)}` };
  }
  const made = await post("/sales", { body: { asset_id, quantity: way === "sell all" ? "all" : much, min_price: at }, key });
  return { to: `/sales/${segment(made.order_id)}` };
}

/** @param {{ form: any, told: Told }} told */
function Ticket({ form, told: { assets, balance, holdings, pools } }) {
  if (!assets.length) return html`<p class="empty">Nothing is traded at the exchange now. Assets that are traded there are listed here.</p>`;
  const { asset_id, way, amount, limit } = form.fields;
  const asset = assets.find((a) => a.asset_id === asset_id);
  const held = holdings.find((h) => h.asset_id === asset_id);
  const pool = pools.find((p) => p.asset_id === asset_id);
  const all = way === "sell all";
  const wrong = !all && amount && !typed(amount) ? "An amount is digits, with a point: 1250.50" : null;
  const odd = limit.trim() && !typed(limit) ? "A price is digits, with a point: 98.75" : null;
  return html`<form onSubmit=${form.send} class="ticket">
    <fieldset disabled=${form.unknown}>
      <label>Asset <select name="asset_id" required onChange=${form.typed("asset_id")}>
        <option value="">choose</option>
        ${assets.map((a) => html`<option value=${a.asset_id} selected=${a.asset_id === asset_id} disabled=${!a.active}>${a.asset_id}, ${a.name}${!a.active ? ": not traded now" : ""}</option>`)}
      </select></label>
      <fieldset><legend>Which way</legend>${WAYS.map(([name, says]) => html`<label><input type="radio" name="way" value=${name}
        checked=${way === name} onChange=${form.typed("way")} /> ${says}</label>`)}</fieldset>
      ${!all && html`<label>${way === "buy" ? "Dollars, fee included" : "Coins"} <input name="amount" inputmode="decimal" required autocomplete="off"
        value=${amount} aria-invalid=${wrong ? "true" : undefined} onInput=${form.typed("amount")} />${wrong && html`<small>${wrong}</small>`}</label>`}
      <label>${way === "buy" ? "Not above this price" : "Not below this price"} (may be left out) <input name="limit" inputmode="decimal" autocomplete="off"
        value=${limit} aria-invalid=${odd ? "true" : undefined} onInput=${form.typed("limit")} />${odd && html`<small>${odd}</small>`}</label>
    </fieldset>
    <${Facts} of=${[
      ["Dollars, free", dollars(balance.current_balance)],
      ...(held ? [[`${asset_id}, free`, quantity(held.quantity)]] : []),
      ...(asset ? [["Price", dollars(asset.price)]] : []),
      ...(asset?.price && held && all ? [["Worth about", dollars(worth(asset.price, held.quantity))]] : []),
      ...(pool ? [["On its own from", `${dollars(pool.min_notional)}; a smaller order waits in a pool for others`]] : []),
    ]} />
    <${Send} form=${form} says=${way === "buy" ? "Buy" : "Sell"} disabled=${!asset || !!odd || (all ? !held || isZero(held.quantity) : !typed(amount))} />
  </form>`;
}

const WAYS = [["buy", "Buy"], ["sell", "Sell"], ["sell all", "Sell all that is free"]];

/** @param {{ id: string }} told */
export function Purchase({ id }) {
  const path = { order_id: id };
  const live = useLive((signal) => get("/purchases/{order_id}", { path, signal }), OFTEN, [id]);
  return html`<${Heading}>Purchase<//>
    <${Loaded} of=${live}>${(/** @type {Schemas['PurchaseView']} */ p) => html`
      <${Facts} of=${[
        ["What", `${p.asset_id} for ${p.quote_amount ? dollars(p.quote_amount) : quantity(p.quantity)}`],
        ["Status", html`<${Status} of=${p.status} />`],
        ["Held", dollars(p.held_amount)],
        ["Bought", p.executed_quantity ? `${quantity(p.executed_quantity)} ${p.asset_id}` : "–"],
        ["Paid", cents(p.total_amount)],
        ["Came back", cents(p.refunded_amount)],
        ...shared(p),
      ]} />
      ${p.strategy === "POOLED" && html`<${Verbs} name=${`purchase/${id}`} all=${cancelOf("purchase")} status=${p.status} again=${live.again} ask=${() => post("/purchases/{order_id}/cancel", { path })} />`}`}<//>`;
}

/** @param {{ id: string }} told */
export function Sale({ id }) {
  const path = { order_id: id };
  const live = useLive((signal) => get("/sales/{order_id}", { path, signal }), OFTEN, [id]);
  return html`<${Heading}>Sale<//>
    <${Loaded} of=${live}>${(/** @type {Schemas['SaleView']} */ s) => html`
      <${Facts} of=${[
        ["What", `${quantity(s.quantity)} ${s.asset_id}`],
        ["Status", html`<${Status} of=${s.status} />`],
        ["Sold", s.executed_quantity ? `${quantity(s.executed_quantity)} ${s.asset_id}` : "–"],
        ["Sold for", cents(s.total_amount)],
        ["Came back", s.returned_quantity ? `${quantity(s.returned_quantity)} ${s.asset_id}` : "–"],
        ...shared(s),
      ]} />
      ${s.strategy === "POOLED" && html`<${Verbs} name=${`sale/${id}`} all=${cancelOf("sale")} status=${s.status} again=${live.again} ask=${() => post("/sales/{order_id}/cancel", { path })} />`}`}<//>`;
}

/** @param {Schemas['PurchaseView'] | Schemas['SaleView']} o @returns {[string, unknown][]} */
const shared = (o) => [
  ["How", o.strategy === "POOLED" ? "with others, in a pool" : "on its own"],
  ...(o.expires_at ? [/** @type {[string, unknown]} */ (["Its pool ends (UTC)", html`<${When} at=${o.expires_at} />`])] : []),
  ...(o.reason ? [/** @type {[string, unknown]} */ (["Why", o.reason])] : []),
  ["At (UTC)", html`<${When} at=${o.created_at} />`],
  ["Id", html`<code>${o.order_id}</code>`],
];
