// @ts-check
// A ticket: what is bought or sold, the price that is promised for it for some seconds, and the order at that price.

import { useEffect, useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { get, post } from "../api.js";
import { cents, dollars, isZero, quantity, typed } from "../amounts.js";
import { Loaded, OFTEN, Send, useForm, useLive } from "../live.js";
import { Facts, Heading, go, html, segment } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['AssetView']} Asset */
/** @typedef {Schemas['QuoteView']} Quote */
/** @typedef {{ assets: Asset[], balance: Schemas['BalanceView'], holdings: Schemas['HoldingView'][] }} Told */

/** When a quote came, by `performance.now()`: a wrong clock shows the right seconds. @type {Map<string, number>} */
const came = new Map();

/** @param {{ asset: string | null }} told */
export function Trade({ asset }) {
  const live = useLive(async (signal) => {
    const [assets, balance, holdings] = await Promise.all([
      get("/assets", { signal }),
      get("/balance", { signal }),
      get("/balances", { signal }),
    ]);
    return { assets: assets.items.filter((a) => a.execution === "INSTANT"), balance, holdings: holdings.items };
  }, OFTEN);
  const empty = { asset_id: asset ?? "", order_type: "BUY", in: "dollars", amount: "" };
  const form = useForm("ticket", empty, (fields, key) => {
    const order_type = /** @type {Schemas['Side']} */ (fields.order_type);
    return post("/quotes", { body: { asset_id: fields.asset_id, order_type, ...much(fields) }, key });
  }, (quote, fields) => {
    came.set(quote.quote_id, performance.now());
    go(`/trade/${segment(quote.quote_id)}?${new URLSearchParams(much(fields))}`);
  });
  return html`<${Heading}>Trade<//>
    <${Loaded} of=${live}>${(/** @type {Told} */ told) => html`<${Ticket} form=${form} told=${told} />`}<//>`;
}

/** @param {{ in: string, amount: string }} fields @returns {Record<string, string>} */
const much = (fields) => ({ [fields.in === "dollars" ? "quote_amount" : "quantity"]: typed(fields.amount) ?? "" });

/** @param {{ form: any, told: Told }} told */
function Ticket({ form, told: { assets, balance, holdings } }) {
  const { asset_id, order_type, in: unit, amount } = form.fields;
  const asset = assets.find((a) => a.asset_id === asset_id);
  const held = holdings.find((h) => h.asset_id === asset_id);
  const wrong = amount && !typed(amount) ? "An amount is digits, with a point: 1250.50" : null;
  if (!assets.length) return html`<p class="empty">Nothing is traded at the desk's own price now. Assets that are traded so are listed here.</p>`;
  return html`<form onSubmit=${form.send} class="ticket">
    <fieldset disabled=${form.unknown}>
      <label>Asset <select name="asset_id" required onChange=${form.typed("asset_id")}>
        <option value="">choose</option>
        ${assets.map((a) => html`<option value=${a.asset_id} selected=${a.asset_id === asset_id} disabled=${!a.active}>${a.asset_id}, ${a.name}${!a.active ? ": not traded now" : ""}</option>`)}
      </select></label>
      <fieldset><legend>Which way</legend>
        ${[["BUY", "Buy"], ["SELL", "Sell"]].map(([side, says]) => html`<label><input type="radio" name="order_type" value=${side}
          checked=${order_type === side} onChange=${form.typed("order_type")} /> ${says}</label>`)}
      </fieldset>
      <label>Amount <input name="amount" inputmode="decimal" required autocomplete="off" value=${amount} aria-invalid=${wrong ? "true" : undefined}
        aria-describedby="amount-says" onInput=${form.typed("amount")} /><small id="amount-says">${wrong ?? "In dollars, fee included, or in coins"}</small></label>
      <label>In <select name="in" onChange=${form.typed("in")}>
        <option value="dollars" selected=${unit === "dollars"}>dollars</option>
        <option value="coins" selected=${unit === "coins"}>${asset_id || "coins"}</option>
      </select></label>
    </fieldset>
    <${Facts} of=${[
      ["Dollars, free", dollars(balance.current_balance)],
      ...(held ? [[`${asset_id}, free`, quantity(held.quantity)]] : []),
      ...(asset ? [["You buy at", dollars(asset.ask)], ["You sell at", dollars(asset.bid)]] : []),
      ...(asset?.unconfirmed_price ? [["Stopped", "The price has jumped: this asset is not traded until the new price is confirmed."]] : []),
    ]} />
    ${order_type === "BUY" && isZero(balance.current_balance) && html`<p class="hint">You have no dollars that are free, so nothing can be bought: ask the desk how to pay some in.</p>`}
    <${Send} form=${form} says="Get a price" disabled=${!asset || !typed(amount)} />
  </form>`;
}

/** @param {{ id: string, asked: URLSearchParams }} told `asked`: the amount that the quote was asked for, which the order names again */
export function AtQuote({ id, asked }) {
  const path = { quote_id: id };
  const live = useLive((signal) => get("/quotes/{quote_id}", { path, signal }), undefined, [id]);
  return html`<${Heading}>Your price<//>
    <${Loaded} of=${live}>${(/** @type {Quote} */ quote) => html`<${Promised} quote=${quote} asked=${asked} />`}<//>`;
}

/** @param {{ quote: Quote, asked: URLSearchParams }} told */
function Promised({ quote, asked }) {
  const left = useSecondsLeft(quote);
  const verb = quote.order_type === "BUY" ? "Buy" : "Sell";
  const form = useForm(`order/${quote.quote_id}`, {}, (_, key) => post("/orders", {
    body: {
      asset_id: quote.asset_id,
      order_type: quote.order_type,
      quote_id: quote.quote_id,
      ...(asked.has("quote_amount") ? { quote_amount: asked.get("quote_amount") } : { quantity: asked.get("quantity") ?? quote.quantity }),
    },
    key,
  }), (order) => go(`/orders/${segment(order.order_id)}`));
  const again = html`<a href=${`/trade?asset=${segment(quote.asset_id)}`}>Get another price</a>`;
  if (quote.order_id) return html`<p>An order was placed at it: <a href=${`/orders/${segment(quote.order_id)}`}>see it</a>.</p>`;
  return html`<form onSubmit=${form.send}>
    <p class="total">${cents(quote.total_amount)}</p>
    <${Facts} of=${[
      [quote.order_type === "BUY" ? "You pay" : "You get", dollars(quote.total_amount)],
      ["Fee, included", dollars(quote.fee_amount)],
      [quote.order_type === "BUY" ? "You get" : "You give", `${quantity(quote.quantity)} ${quote.asset_id}`],
      ["Price", dollars(quote.price_per_unit)],
    ]} />
    <p role="timer">${left > 0 ? `Good for ${left} s more` : html`This price is no longer good. ${again}.`}</p>
    <${Send} form=${form} says=${`${verb} ${quantity(quote.quantity)} ${quote.asset_id}`} disabled=${left <= 0} />
    ${left > 0 && !form.unknown && again}
  </form>`;
}

/** @param {Quote} quote */
function useSecondsLeft(quote) {
  const left = useMemo(() => signal(0), [quote.quote_id]);
  useEffect(() => {
    const life = Date.parse(quote.expires_at) - Date.parse(quote.created_at);
    const at = came.get(quote.quote_id);
    const count = () => {
      const milliseconds = at === undefined ? Date.parse(quote.expires_at) - Date.now() : at + life - performance.now();
      left.value = Math.max(0, Math.floor(Math.min(life, milliseconds) / 1000));
      if (left.value === 0) clearInterval(timer);
    };
    const timer = setInterval(count, 1000);
    count();
    return () => clearInterval(timer);
  }, [quote.quote_id]);
  return left.value;
}
