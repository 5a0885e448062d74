// @ts-check
// Market-making orders of a customer: how each is paid, what it quotes, how it performs, and its way home.

import { useEffect, useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { get, post } from "../api.js";
import { isZero, percent, quantity } from "../amounts.js";
import { Loaded, OFTEN, SELDOM, useLive } from "../live.js";
import { Copy, Facts, Heading, Status, Table, Way, When, html, segment } from "../parts.js";
import { Qr } from "../qr.js";
import { Steps } from "../chart.js";
import { Verbs } from "../verbs.js";

const RARELY = 60; // seconds: the desk reads all its trades for it

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['MarketMakingOrderView']} Listed */
/** @typedef {Schemas['QuotingOrderView']} Order */
/** @typedef {Schemas['DepthView']} Depth */
/** @typedef {Schemas['PerformanceView']} Performance */
/** @typedef {Schemas['FillView']} Fill */
/** @typedef {Schemas['MarketMakingStatus']} MarketMakingStatus */

/** In its owner's words, and which stage of WAY it is in (below 0: none of them). @type {Record<MarketMakingStatus, [string, number]>} */
const STAGES = {
  payment_pending: ["Waits for your transfers", 0],
  payment_incomplete: ["Waits for the rest of your transfers", 0],
  payment_complete: ["Paid: about to go to the exchange", 1],
  withdrawing: ["On its way to the exchange", 1],
  withdrawal_confirmed: ["On its way to the exchange", 1],
  deposit_confirming: ["The exchange is about to credit it", 1],
  deposit_confirmed: ["At the exchange", 1],
  joining_campaign: ["At the exchange, about to quote", 1],
  campaign_joined: ["At the exchange, about to quote", 1],
  created: ["At the exchange, about to quote", 1],
  running: ["It quotes", 2],
  paused: ["Paused: its quotes are cancelled within seconds", 2],
  stopping: ["It is ending its quotes", 3],
  stopped: ["Stopped: its money is at the exchange", 3],
  returning: ["On its way home to you", 4],
  returned: ["Home: its money is with who paid", 5],
  failed: ["It failed: what was paid is on its way back", -1],
  refunded: ["It failed: what was paid is back", -1],
};
const WAY = ["Paying", "To the exchange", "Quoting", "Stopping", "Coming home", "Home"];

export function MarketMaking() {
  const live = useLive((signal) => get("/market-making/orders", { query: { limit: 100 }, signal }), SELDOM);
  return html`<${Heading}>Market making<//>
    <p><a href="/market-making/new" role="button">Make a market …</a></p>
    <${Loaded} of=${live}>${(/** @type {Schemas['MarketMakingOrderPage']} */ page) => html`
      <${Table} caption="Your market-making orders, newest first" hidden rows=${page.items} columns=${COLUMNS} id=${(/** @type {Listed} */ o) => o.order_id}
        empty="You have no market-making orders yet. They are listed here." />
      ${page.cursor && html`<p class="hint">These are the last ${page.items.length}.</p>`}`}<//>`;
}

const COLUMNS = [
  { name: "Order", of: (/** @type {Listed} */ o) => html`<a href=${`/market-making/${segment(o.order_id)}`}>${o.pair} at ${o.exchange}</a>` },
  { name: "Stage", of: (/** @type {Listed} */ o) => STAGES[o.status][0] },
  { name: "Base", number: true, of: (/** @type {Listed} */ o) => quantity(o.base_quantity ?? o.quantity) },
  { name: "Why", of: (/** @type {Listed} */ o) => o.reason ?? "–" },
  { name: "At (UTC)", of: (/** @type {Listed} */ o) => html`<${When} at=${o.created_at} />` },
];

/** @param {{ id: string }} told */
export function MarketMakingOrder({ id }) {
  const live = useLive((signal) => get("/market-making/orders/{order_id}", { path: { order_id: id }, signal }), OFTEN, [id]);
  return html`<${Heading}>Market making<//>
    <${Loaded} of=${live}>${(/** @type {Order} */ o, /** @type {string} */ at) => {
      const [says, far] = STAGES[o.status];
      const quotes = ["running", "paused", "stopping"].includes(o.status);
      return html`
        <p class="stage" role="status"><strong>${says}</strong></p>
        ${o.reason && html`<p><mark>Why:</mark> ${o.reason}</p>`}
        ${o.degraded_since && html`<p class="halted">The exchange has not answered since <${When} at=${o.degraded_since} />: no quotes are placed until it does.</p>`}
        ${far >= 0 && html`<${Way} of=${WAY} here=${far} />`}
        ${o.payment && html`<${ToPay} order=${o} payment=${o.payment} at=${at} />`}
        <${Steer} order=${o} again=${live.again} />
        ${quotes && html`<${Book} id=${id} />`}
        ${far >= 2 && html`<${Brought} id=${id} quote=${o.pair.split("-")[1] ?? ""} /><${History} id=${id} quote=${o.pair.split("-")[1] ?? ""} /><${Fills} id=${id} />`}
        <h2>The order</h2>
        <${Facts} of=${[
          ["Pair", `${o.pair} at ${o.exchange}`],
          ["Open quotes, at most", o.open_quotes],
          ["Sent to the exchange", o.base_quantity ? `${quantity(o.base_quantity)} and ${quantity(o.quote_quantity ?? "0")}` : "–"],
          ["Fee of the desk", o.market_making_fee ? quantity(o.market_making_fee) : "–"],
          ...Object.entries(o.left_behind).map(([asset, much]) => [`Left at the exchange, ${asset}`, quantity(much)]),
          ["Opened (UTC)", html`<${When} at=${o.created_at} />`],
          ["Id", html`<code>${o.order_id}</code>`],
        ]} />`;
    }}<//>`;
}

/** @type {Record<string, string>} */
const PURPOSES = { base: "to quote with", quote: "to quote with", base_fee: "what sending the base asset costs", quote_fee: "what sending the quote asset costs" };

/** The exact transfers, and which of them have come. @param {{ order: Order, payment: Schemas['PaymentView'], at: string }} told */
function ToPay({ order, payment, at }) {
  const left = useCountdown(payment.seconds_left, at);
  const [base = "", quote = ""] = order.pair.split("-");
  const names = Object.fromEntries(payment.transfers.map((t) => [t.asset_id, { base, quote }[t.purpose] ?? null]).filter(([, name]) => name));
  const here = payment.transfers.filter((t) => t.arrived).length;
  return html`<section aria-label="What is to be paid">
    <h2>Pay it by these transfers at Mixin</h2>
    <p role="timer">${left > 0 ? `The fees are promised for ${clock(left)} more; what comes later goes back.` : "The time to pay is over: what has come goes back."}</p>
    <p>Each with this memo: <${Copy} text=${order.memo} what="the memo" /></p>
    <p role="status">${here} of ${payment.transfers.length} have come</p>
    <ol class="transfers">${payment.transfers.map((t) => {
      const asset = names[t.asset_id] ?? "asset";
      const says = `${quantity(t.quantity)} ${asset}`;
      return html`<li key=${t.purpose}>
        <h3>${t.arrived ? "✓ " : ""}${says}, ${PURPOSES[t.purpose]} <span class=${`status ${t.arrived ? "good" : "plain"}`}>${t.arrived ? "has come" : "awaited"}</span></h3>
        ${!t.arrived && html`<div class="pay"><${Qr} of=${t.link} says=${`QR code that pays ${says}`} />
          <div><p>Quantity <${Copy} text=${t.quantity} what=${`the quantity of ${asset}, ${t.purpose}`} /></p>
            <p>Asset <${Copy} text=${t.asset_id} what=${`the id of ${asset}, ${t.purpose}`} /></p>
            <p><a href=${t.link} target="_blank" rel="noopener noreferrer" role="button" class="outline">Pay ${says} in Mixin</a></p></div></div>`}
      </li>`;
    })}</ol>
  </section>`;
}

/** The seconds that are left by the desk's clock, counted down here. @param {number} seconds @param {string} at when that was told */
function useCountdown(seconds, at) {
  const left = useMemo(() => signal(seconds), []);
  useEffect(() => {
    const told = performance.now();
    const count = () => (left.value = Math.max(0, seconds - Math.floor((performance.now() - told) / 1000)));
    count();
    const timer = setInterval(count, 1000);
    return () => clearInterval(timer);
  }, [at]);
  return left.value;
}

/** @param {number} seconds */
const clock = (seconds) => `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, "0")} min`;

/** @param {{ order: Order, again: () => void }} told */
function Steer({ order, again }) {
  const path = { order_id: order.order_id };
  return html`<${Verbs} name=${`market-making/${order.order_id}`} all=${VERBS} status=${order.status} again=${again}
    ask=${(/** @type {keyof typeof VERBS} */ verb) => post(`/market-making/orders/{order_id}/${verb}`, { path })}
    more=${(/** @type {string} */ verb) => verb === "withdraw" && html`<${Home} order=${order} />`}>
    ${["running", "paused"].includes(order.status) && html`<a href=${`/market-making/${segment(order.order_id)}/settings`} role="button" class="outline">Change its settings …</a>`}
  <//>`;
}

const VERBS = /** @type {const} */ ({
  pause: { says: "Pause it", of: ["running"], does: "What is open is cancelled within seconds. Nothing is placed until you resume it." },
  resume: { says: "Resume it", of: ["paused"], does: "It quotes again with its next cycle, unless it has lost more than an order may." },
  stop: { says: "Stop it", of: ["created", "running", "paused"], does: "Its quotes end for good. The money stays at the exchange until you have it brought home." },
  withdraw: { says: "Bring its money home", of: ["created", "running", "paused", "stopping", "stopped"], does: "Its quotes end for good, and all of it goes back to who paid, less what withdrawing costs." },
});

/** What would come home, as it is now. @param {{ order: Order }} told */
function Home({ order }) {
  const [base, quote] = order.pair.split("-");
  const live = useLive((signal) => get("/market-making/orders/{order_id}/book", { path: { order_id: order.order_id }, signal }), OFTEN);
  return html`<${Loaded} of=${live}>${(/** @type {Depth} */ d) =>
    html`<p class="trial">That is about ${quantity(d.base_balance)} ${base} and ${quantity(d.quote_balance)} ${quote}, as of <${When} at=${d.as_of} />.</p>`}<//>`;
}

/** @param {{ id: string }} told */
function Book({ id }) {
  const live = useLive((signal) => get("/market-making/orders/{order_id}/book", { path: { order_id: id }, signal }), OFTEN, [id]);
  return html`<h2>In the market</h2><${Loaded} of=${live}>${(/** @type {Depth} */ d) => {
    const [base = "", quote = ""] = d.pair.split("-");
    const rows = [...d.asks.toReversed().map((l) => ({ ...l, side: "SELL" })), ...d.bids.map((l) => ({ ...l, side: "BUY" }))];
    return html`
      ${d.lacks.map((asset) => html`<p class="halted">There is too little ${asset} for one more quote: its side is quoted in part or not at all, until trades bring more.</p>`)}
      <${Facts} of=${[
        [`Mid price, ${quote}`, d.price ? quantity(d.price) : "–"],
        [`It has, ${base}`, quantity(d.base_balance)],
        [`It has, ${quote}`, quantity(d.quote_balance)],
      ]} />
      <${Table} caption="Your quotes" rows=${d.quotes} id=${(/** @type {Schemas['OwnQuoteView']} */ q) => q.side + q.price}
        columns=${[...level(base, quote), { name: "State", of: (/** @type {Schemas['OwnQuoteView']} */ q) => html`<${Status} of=${q.state.replaceAll("_", " ")} />` }]} empty="No quote of yours is open now." />
      <details><summary>The best of the book</summary>
        <${Table} caption="The best of the book" hidden rows=${rows} id=${(/** @type {any} */ l) => l.side + l.price} empty="The book is empty."
          columns=${[...level(base, quote), { name: "Yours", number: true, of: (/** @type {any} */ l) => (isZero(l.own) ? "–" : html`<mark>${quantity(l.own)}</mark>`) }]} />
      </details>`;
  }}<//>`;
}

/** @param {string} base @param {string} quote */
const level = (base, quote) => [
  { name: "Side", of: (/** @type {any} */ l) => l.side },
  { name: `Price, ${quote}`, number: true, of: (/** @type {any} */ l) => quantity(l.price) },
  { name: `Quantity, ${base}`, number: true, of: (/** @type {any} */ l) => quantity(l.quantity) },
];

/** @param {{ id: string, quote: string }} told */
function Brought({ id, quote }) {
  const live = useLive((signal) => get("/market-making/orders/{order_id}/performance", { path: { order_id: id }, signal }), SELDOM, [id]);
  return html`<h2>Performance, in ${quote}</h2><${Loaded} of=${live}>${(/** @type {Performance} */ p) => html`<${Facts} of=${[
    ["Realised", quantity(p.realised)],
    ["Unrealised", quantity(p.unrealised)],
    ["Against holding", quantity(p.against_holding)],
    ["Inventory, part that is base", percent(p.inventory)],
    ["Quoted on both sides", `${percent(p.two_sided)} of its time`],
    ["Drawdown", percent(p.drawdown)],
    ["Traded as a maker", quantity(p.maker_volume)],
    ["Trades", p.fills],
    ["Sold higher than bought by", p.spread_bps ? `${quantity(p.spread_bps)} bps` : "–"],
    ...Object.entries(p.fees).map(([asset, fee]) => [`Fees, ${asset}`, quantity(fee)]),
    ...p.campaigns.map((c) => [`Campaign ${c.campaign_id}`, `${quantity(c.reward)} ${c.token} expected`]),
    ["At the price", `${quantity(p.price)} of `, html`<${When} at=${p.as_of} />`],
  ].map(([name, ...what]) => [name, what])} />`}<//>`;
}

/** At the prices of its trades: no others are kept. @param {{ id: string, quote: string }} told */
function History({ id, quote }) {
  const live = useLive((signal) => get("/market-making/orders/{order_id}/performance/history", { path: { order_id: id }, signal }), RARELY, [id]);
  return html`<${Loaded} of=${live}>${(/** @type {Schemas['PerformanceHistoryView']} */ told) => html`
    <${Steps} says=${`More than holding would be, in ${quote}, by the price of each trade`} names=${["More than holding"]} coin=${quote}
      points=${told.items.map((e) => ({ at: e.at, id: e.trade_id, amounts: [e.against_holding] }))} />
    ${!told.complete && html`<p class="hint">These are its last ${told.items.length} trades.</p>`}`}<//>`;
}

/** @param {{ id: string }} told */
function Fills({ id }) {
  const live = useLive((signal) => get("/market-making/orders/{order_id}/fills", { path: { order_id: id }, query: { limit: 20 }, signal }), SELDOM, [id]);
  return html`<h2>Trades</h2><${Loaded} of=${live}>${(/** @type {Schemas['FillPage']} */ page) => html`
    <${Table} caption="Its last trades" hidden rows=${page.items} id=${(/** @type {Fill} */ f) => f.trade_id} columns=${FILLS} empty="Nobody has met a quote of yours yet." />`}<//>`;
}

const FILLS = [
  { name: "At (UTC)", of: (/** @type {Fill} */ f) => html`<${When} at=${f.at} />` },
  { name: "Side", of: (/** @type {Fill} */ f) => f.side },
  { name: "Price", number: true, of: (/** @type {Fill} */ f) => quantity(f.price) },
  { name: "Quantity", number: true, of: (/** @type {Fill} */ f) => quantity(f.quantity) },
  { name: "Fee", number: true, of: (/** @type {Fill} */ f) => `${quantity(f.fee)} ${f.fee_asset}` },
];
