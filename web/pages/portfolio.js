// @ts-check
// What a customer has, what it is worth, and what is open.

import { get, post, Refused } from "../api.js";
import { cents, dollars, isZero, quantity } from "../amounts.js";
import { Steps } from "../chart.js";
import { Loaded, SELDOM, Send, useForm, useLive } from "../live.js";
import { Facts, Heading, Status, Table, When, html, segment, words } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['PositionView']} Position */
/** @typedef {Schemas['OpenView']} Open */
/** @typedef {{ portfolio: Schemas['PortfolioView'], moves: Schemas['AccountsTransactionView'][] }} Told */

export function Portfolio() {
  const live = useLive(async (signal) => {
    try {
      const asked = [get("/portfolio", { signal }), get("/balance/transactions", { query: { limit: 100 }, signal })];
      const [portfolio, moves] = /** @type {[Told['portfolio'], Schemas['AccountsTransactionPage']]} */ (await Promise.all(asked));
      return { portfolio, moves: moves.items };
    } catch (error) {
      if (error instanceof Refused && error.kind === "AccountNotFound") return null;
      throw error;
    }
  }, SELDOM);
  return html`<${Heading}>Portfolio<//>
    <${Loaded} of=${live}>${(/** @type {Told | null} */ told) =>
      told ? html`<${Shown} ...${told} />` : html`<${OpenAccount} opened=${live.again} />`}<//>`;
}

/** @param {Told} told */
function Shown({ portfolio: p, moves }) {
  return html`
    <p class="total">${cents(p.total_portfolio_value)}</p>
    ${!p.complete && html`<p class="hint"><mark>A price is missing</mark>: what has none is not counted.</p>`}
    <${Facts} of=${[
      ["Dollars, free", dollars(p.current_balance)],
      ["Dollars, held", dollars(p.held_balance)],
      ["Coins", cents(p.total_asset_value)],
      ["Gain, not sold", cents(p.unrealised_gain)],
      ["Gain, sold", cents(p.realised_gain)],
      ["As of (UTC)", html`<${When} at=${p.as_of} />`],
    ]} />
    <${Steps} says="Your dollars, free and held" points=${points(moves)} />
    <${Table} caption="Coins" rows=${p.asset_balances} columns=${COINS} id=${(/** @type {Position} */ a) => a.asset_id}
      empty="You have no coins yet. What you buy is shown here." />
    <${Table} caption="Open" rows=${p.open} columns=${OPEN} id=${(/** @type {Open} */ o) => o.id}
      empty="Nothing is open. What waits for something is shown here." />`;
}

/** @param {Told['moves']} moves the last first, as the desk lists them */
const points = (moves) =>
  moves.toReversed().flatMap((m) =>
    m.balance_after === null ? [] : [{ at: m.created_at, dollars: m.balance_after, id: `${m.order_id}${m.transaction_type}` }],
  );

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
