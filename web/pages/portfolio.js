// @ts-check
// What a customer has, what it is worth, and what is open.

import { useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { get, post, Refused } from "../api.js";
import { cents, dollars, isZero, quantity } from "../amounts.js";
import { Steps } from "../chart.js";
import { Loaded, SELDOM, Send, useForm, useLive } from "../live.js";
import { Facts, Heading, Status, Table, When, html, segment, words } from "../parts.js";

const RARELY = 300; // seconds: a new step comes each hour

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['PositionView']} Position */
/** @typedef {Schemas['OpenView']} Open */
/** @typedef {Schemas['WorthView']} Worth */

export function Portfolio() {
  const live = useLive(async (signal) => {
    try {
      return await get("/portfolio", { signal });
    } catch (error) {
      if (error instanceof Refused && error.kind === "AccountNotFound") return null;
      throw error;
    }
  }, SELDOM);
  return html`<${Heading}>Portfolio<//>
    <${Loaded} of=${live}>${(/** @type {Schemas['PortfolioView'] | null} */ told) =>
      told ? html`<${Shown} of=${told} />` : html`<${OpenAccount} opened=${live.again} />`}<//>`;
}

/** @param {{ of: Schemas['PortfolioView'] }} told */
function Shown({ of: p }) {
  return html`
    <p class="total">${cents(p.total_portfolio_value)}</p>
    ${!p.complete && html`<p class="hint"><mark>A price is missing</mark>: coins without a price are not counted.</p>`}
    <${Facts} of=${[
      ["Dollars, free", dollars(p.current_balance)],
      ["Dollars, held", dollars(p.held_balance)],
      ["Coins", cents(p.total_asset_value)],
      ["Unrealised gain", cents(p.unrealised_gain)],
      ["Realised gain", cents(p.realised_gain)],
      ["As of (UTC)", html`<${When} at=${p.as_of} />`],
    ]} />
    <${History} now=${p.as_of} />
    <${Table} caption="Coins" rows=${p.asset_balances} columns=${COINS} id=${(/** @type {Position} */ a) => a.asset_id}
      empty="You have no coins yet. What you buy is shown here." />
    <${Table} caption="Open" rows=${p.open} columns=${OPEN} id=${(/** @type {Open} */ o) => o.id}
      empty="Nothing is open. What waits for something is shown here." />`;
}

/** `days`: where the API would tell fewer, if it were not asked. @type {Record<string, { says: string, step: Schemas['Step'], days?: number }>} */
const SPANS = {
  hours: { says: "The last 48 hours", step: "HOUR" },
  month: { says: "The last 30 days", step: "DAY" },
  year: { says: "The last year", step: "DAY", days: 365 },
};

/** @param {{ now: string }} told by the desk's clock, since the browser's may be wrong */
function History({ now }) {
  const span = useMemo(() => signal("hours"), []);
  const of = /** @type {typeof SPANS[string]} */ (SPANS[span.value]);
  const live = useLive((stop) => {
    const from = of.days && new Date(Date.parse(now) - of.days * 86_400_000).toISOString();
    return get("/portfolio/history", { query: { step: of.step, ...(from && { from }) }, signal: stop });
  }, RARELY, [span.value]);
  return html`<h2>Over time</h2>
    <form class="ticket"><label>Span <select onChange=${(/** @type {any} */ e) => (span.value = e.target.value)}>${Object.entries(SPANS).map(([name, { says }]) =>
      html`<option value=${name} selected=${name === span.value}>${says}</option>`)}</select></label></form>
    <${Loaded} of=${live}>${(/** @type {Schemas['PortfolioHistoryView']} */ told) => html`
      ${!told.complete && html`<p class="hint"><mark>A price is missing</mark> at some times: the value then is not known, and not drawn.</p>`}
      <${Steps} says="Value of the portfolio" names=${["Value", "Cost of your coins", "Unrealised gain"]} points=${begun(told.items).map(point)} />`}<//>`;
}

/** Without the steps before the account had anything, but for the last of them. @param {Worth[]} steps */
const begun = (steps) => steps.slice(Math.max(0, steps.findIndex((w) => !isZero(w.usd_balance) || !isZero(w.cost_basis)) - 1));

/** @param {Worth} w */
const point = (w) => ({
  at: w.at, id: w.at, but: `no price of ${w.without_price.join(", ")}`, amounts: [w.total_portfolio_value, w.cost_basis, w.unrealised_gain],
});

const COINS = [
  { name: "Coin", of: (/** @type {Position} */ a) => html`<a href=${`/trade?asset=${segment(a.asset_id)}`}>${a.asset_id}</a>` },
  {
    name: "Quantity",
    number: true,
    of: (/** @type {Position} */ a) => html`${quantity(a.quantity)}${!isZero(a.held_quantity) && html`<br /><small>${quantity(a.held_quantity)} held</small>`}`,
  },
  {
    name: "Price",
    number: true,
    of: (/** @type {Position} */ a) => html`${dollars(a.price)}${a.price_status !== "FRESH" && html` <mark>${words(a.price_status)}</mark>`}`,
  },
  { name: "Value", number: true, of: (/** @type {Position} */ a) => cents(a.market_value) },
  { name: "Cost", number: true, of: (/** @type {Position} */ a) => cents(a.cost_basis) },
  { name: "Gain", number: true, of: (/** @type {Position} */ a) => cents(a.unrealised_gain) },
];

const OPEN = [
  { name: "What", of: (/** @type {Open} */ o) => html`${KINDS[o.kind]} of ${o.asset_id}` },
  { name: "Status", of: (/** @type {Open} */ o) => html`<${Status} of=${o.status} />` },
  { name: "Waits for", of: (/** @type {Open} */ o) => o.waits_for },
  { name: "Since (UTC)", of: (/** @type {Open} */ o) => html`<${When} at=${o.since} />` },
];

/** @type {Record<Schemas['OrdersKind'], string>} */
const KINDS = {
  ORDER: "Order",
  PURCHASE: "Purchase",
  SALE: "Sale",
  CASH_OUT: "Cash-out",
  WITHDRAWAL: "Withdrawal",
  MARKET_MAKING: "Market making",
};

/** @param {{ opened: () => void }} told */
function OpenAccount({ opened }) {
  const form = useForm("open-account", {}, () => post("/users", {}), opened);
  return html`<form onSubmit=${form.send}>
    <p>You have no account here yet.</p>
    <${Send} form=${form} says="Open an account" />
  </form>`;
}
