// @ts-check
// A customer's orders, and one of them.

import { useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { get, post } from "../api.js";
import { cents, dollars, quantity } from "../amounts.js";
import { Loaded, SELDOM, useLive } from "../live.js";
import { Facts, Heading, Status, Table, When, html, segment } from "../parts.js";
import { Verbs, cancelOf } from "../verbs.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['ListedOrderView']} Listed */

export function Orders() {
  const most = useMemo(() => signal(20), []);
  const live = useLive(
    (signal) => get("/orders", { query: { limit: Math.min(most.value, 100) }, signal }), SELDOM, [most.value]);
  return html`<${Heading}>Orders<//>
    <${Loaded} of=${live}>${(/** @type {Schemas['OrderPage']} */ page) => html`
      <${Table} caption="Your orders, newest first" hidden rows=${page.items} columns=${COLUMNS} id=${(/** @type {Listed} */ o) => o.order_id}
        empty="You have placed no order yet. What you buy and sell is listed here." />
      ${page.cursor && most.value < 100 && html`<button class="outline secondary" onClick=${() => (most.value = 100)}>More</button>`}
      ${page.cursor && most.value >= 100 && html`<p class="hint">These are the last 100; older ones are in your statements.</p>`}
    `}<//>`;
}

const COLUMNS = [
  { name: "Order", of: (/** @type {Listed} */ o) => html`<${What} of=${o} />` },
  { name: "Status", of: (/** @type {Listed} */ o) => html`<${Status} of=${o.status} />` },
  { name: "Price", number: true, of: (/** @type {Listed} */ o) => dollars(o.price_per_unit ?? o.order_price) },
  { name: "Total", number: true, of: (/** @type {Listed} */ o) => cents(o.total_amount) },
  { name: "Held", number: true, of: (/** @type {Listed} */ o) => cents(o.held_amount) },
  { name: "At (UTC)", of: (/** @type {Listed} */ o) => html`<${When} at=${o.created_at} />` },
];

/** Our page, by the desk's route, of those that have one here. */
const PAGES = { "GET /orders/": "/orders/", "GET /crypto/order/sell/": "/cash-outs/", "GET /purchases/": "/purchases/", "GET /sales/": "/sales/" };

/** @param {{ of: Listed }} told */
function What({ of }) {
  const says = `${of.order_type.replaceAll("_", " ")} ${quantity(of.quantity)} ${of.asset_id}`;
  const at = Object.entries(PAGES).find(([route]) => of.route.startsWith(route))?.[1];
  return at ? html`<a href=${at + segment(of.order_id)}>${says}</a>` : says;
}

/** @param {{ id: string }} told */
export function Order({ id }) {
  const path = { order_id: id };
  const live = useLive((signal) => get("/orders/{order_id}", { path, signal }), SELDOM, [id]);
  return html`<${Heading}>Order<//>
    <${Loaded} of=${live}>${(/** @type {Schemas['OrderView']} */ o) => html`
      <${Facts} of=${[
        ["What", `${o.order_type} ${quantity(o.quantity)} ${o.asset_id}`],
        ["Status", html`<${Status} of=${o.status} />`],
        ...(o.order_price ? [["Limit", dollars(o.order_price)]] : []),
        ["Price", dollars(o.price_per_unit)],
        ["Total", dollars(o.total_amount)],
        ["Fee, included", dollars(o.fee_amount)],
        ...(o.held_amount ? [["Held", dollars(o.held_amount)]] : []),
        ...(o.reason ? [["Why", o.reason]] : []),
        ["At (UTC)", html`<${When} at=${o.created_at} />`],
        ...(o.expires_at ? [["Good until (UTC)", html`<${When} at=${o.expires_at} />`]] : []),
        ["Id", html`<code>${o.order_id}</code>`],
      ]} />
      <${Verbs} name=${`order/${id}`} all=${cancelOf("order")} status=${o.status} again=${live.again} ask=${() => post("/orders/{order_id}/cancel", { path })} />`}<//>`;
}
