// @ts-check
// Coins are sold at an exchange, and the dollars go to a bank: asked for, and watched.

import { get, post } from "../api.js";
import { cents, dollars, isZero, quantity, typed, worth } from "../amounts.js";
import { Loaded, OFTEN, SELDOM, Send, useForm, useLive } from "../live.js";
import { Choice, Facts, Heading, Table, Way, When, go, html, only, segment } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['SellOrderView']} SellOrder */
/** @typedef {Schemas['OwnClientView']} Client */
/** @typedef {{ holdings: Schemas['HoldingView'][], clients: Client[], assets: Schemas['AssetView'][] }} Told */

export function CashOuts() {
  const live = useLive((signal) => get("/crypto/order/sell", { query: { limit: 100 }, signal }), SELDOM);
  return html`<${Heading}>Cash-outs<//>
    <p><a href="/cash-outs/new" role="button">Cash out …</a></p>
    <${Loaded} of=${live}>${(/** @type {Schemas['SellOrderPage']} */ page) => html`
      <${Table} caption="Your cash-outs, newest first" hidden rows=${page.items} columns=${COLUMNS} id=${(/** @type {SellOrder} */ o) => o.order_id}
        empty="You have cashed nothing out yet. What goes to your bank is listed here." />`}<//>`;
}

const COLUMNS = [
  { name: "Cash-out", of: (/** @type {SellOrder} */ o) => html`<a href=${`/cash-outs/${segment(o.order_id)}`}>${quantity(o.quantity)} ${o.asset_id}</a>` },
  { name: "Stage", of: (/** @type {SellOrder} */ o) => STAGES[o.status] },
  { name: "Expected", number: true, of: (/** @type {SellOrder} */ o) => cents(o.estimated_amount) },
  { name: "To your bank", number: true, of: (/** @type {SellOrder} */ o) => cents(o.total_amount) },
  { name: "At (UTC)", of: (/** @type {SellOrder} */ o) => html`<${When} at=${o.created_at} />` },
];

/** @type {Record<Schemas['OfframpStatus'], string>} */
const STAGES = {
  NEW: "Accepted: your coins are about to be sold",
  BASE_TXN_PENDING: "Your coins are being sold",
  BASE_TXN_FAILED: "Not sold: your coins are yours again",
  BASE_TXN_COMPLETED: "Sold: your bank is about to be paid",
  TARGET_TXN_PENDING: "Your bank is being paid",
  SELL_PAYOUT_FAILED: "Sold, and not paid yet: the desk is looking into it",
  FILLED: "Paid",
};
const WAY = /** @type {const} */ (["NEW", "BASE_TXN_PENDING", "BASE_TXN_COMPLETED", "TARGET_TXN_PENDING", "FILLED"]);

/** @param {{ id: string }} told */
export function CashOut({ id }) {
  const live = useLive((signal) => get("/crypto/order/sell/{order_id}", { path: { order_id: id }, signal }), OFTEN, [id]);
  return html`<${Heading}>Cash-out<//>
    <${Loaded} of=${live}>${(/** @type {SellOrder} */ o, /** @type {string} */ at) => html`
      <p role="status" class="stage"><strong>${STAGES[o.status]}</strong></p>
      ${reached(o.status) >= 0 && html`<${Way} of=${WAY.map((stage) => NAMES[stage])} here=${reached(o.status)} />`}
      <${Expected} of=${o} at=${at} />
      <${Facts} of=${[
        ["Coins", `${quantity(o.quantity)} ${o.asset_id}`],
        ["Expected", dollars(o.estimated_amount)],
        ["Sold for", dollars(o.gross_amount)],
        ["Fee of the exchange", dollars(o.fee_amount)],
        ["To your bank", dollars(o.total_amount)],
        ...(isZero(o.returned_quantity) ? [] : [["Came back", `${quantity(o.returned_quantity ?? "0")} ${o.asset_id}`]]),
        ["Attempts to pay", o.payout_attempts],
        ...(o.reason ? [["Why", o.reason]] : []),
        ["Asked for (UTC)", html`<${When} at=${o.created_at} />`],
        ["Id", html`<code>${o.order_id}</code>`],
      ]} />`}<//>`;
}

/** What is known of how long it takes, and no more. @param {{ of: SellOrder, at: string }} told */
function Expected({ of: o, at }) {
  if (!o.expected_by) return null;
  if (o.expected_by < at) return html`<p class="hint">It takes longer than usual: the desk is looking into it.</p>`;
  const selling = o.status === "BASE_TXN_PENDING";
  return html`<p class="hint">${selling ? "It is sold by" : "The desk looks at it again by"} <${When} at=${o.expected_by} /> (UTC): ${selling ? "coins that are not sold by then come back." : "how long your bank takes is not known here."}</p>`;
}

/** @param {Schemas['OfframpStatus']} status */
const reached = (status) => WAY.findIndex((each) => each === (status === "SELL_PAYOUT_FAILED" ? "TARGET_TXN_PENDING" : status));

/** @type {Record<typeof WAY[number], string>} */
const NAMES = { NEW: "Accepted", BASE_TXN_PENDING: "Selling", BASE_TXN_COMPLETED: "Sold", TARGET_TXN_PENDING: "Paying", FILLED: "Paid" };

export function NewCashOut() {
  const live = useLive(async (signal) => {
    const [holdings, clients, assets] = await Promise.all([
      get("/balances", { signal }),
      get("/clients", { signal }),
      get("/assets", { signal }),
    ]);
    return { holdings: holdings.items, clients: clients.items.filter((c) => c.status === "ACTIVE"), assets: assets.items };
  }, OFTEN);
  const form = useForm("cash-out", { asset_id: "", quantity: "", estimate: "", crypto: "", banking: "" }, (fields, key) =>
    post("/crypto/order/sell", {
      body: {
        asset_id: fields.asset_id,
        quantity: typed(fields.quantity) ?? "",
        estimated_amount: fields.estimate,
        crypto_client_id: fields.crypto,
        banking_client_id: fields.banking,
      },
      key,
    }), (order) => go(`/cash-outs/${segment(order.order_id)}`));
  return html`<${Heading}>Cash out<//>
    <${Loaded} of=${live}>${(/** @type {Told} */ told) => html`<${Asked} form=${form} told=${told} />`}<//>`;
}

/** @param {{ form: any, told: Told }} told */
function Asked({ form, told: { holdings, clients, assets } }) {
  const has = holdings.filter((h) => !isZero(h.quantity) || (form.unknown && h.asset_id === form.fields.asset_id));
  const crypto = clients.filter((c) => c.kind === "CRYPTO");
  const banking = clients.filter((c) => c.kind === "BANKING");
  if (!has.length) return html`<p class="empty">You have no coins that are free: <a href="/trade">buy some</a>. What you have can be cashed out here.</p>`;
  const lacks = [...(crypto.length ? [] : ["to sell coins"]), ...(banking.length ? [] : ["to be paid at a bank"])].join(", nor ");
  if (lacks) return html`<p class="empty">The desk has not yet allowed you ${lacks}: <a href="/account">ask it</a>. When it has, you cash out here.</p>`;
  const fields = {
    ...form.fields,
    asset_id: form.fields.asset_id || has[0]?.asset_id,
    crypto: form.fields.crypto || only(crypto),
    banking: form.fields.banking || only(banking),
  };
  const much = typed(fields.quantity);
  const price = assets.find((a) => a.asset_id === fields.asset_id)?.price ?? null;
  const estimate = form.unknown ? fields.estimate : much && price && worth(price, much);
  const send = (/** @type {Event} */ event) => {
    if (!form.unknown) form.set({ ...fields, estimate }); // the estimate that he has seen is what is sent, also when it is asked again
    form.send(event);
  };
  const wrong = fields.quantity && !much ? "A quantity is digits, with a point: 0.25" : null;
  const free = has.find((h) => h.asset_id === fields.asset_id)?.quantity ?? "0";
  return html`<form onSubmit=${send}>
    <fieldset disabled=${form.unknown}>
      <label>Coins <select name="asset_id" onChange=${form.typed("asset_id")}>${has.map((h) =>
        html`<option value=${h.asset_id} selected=${h.asset_id === fields.asset_id}>${h.asset_id}, ${quantity(h.quantity)} free</option>`)}</select></label>
      <label>Quantity <input name="quantity" inputmode="decimal" required autocomplete="off" value=${fields.quantity} aria-invalid=${wrong ? "true" : undefined}
        aria-describedby="quantity-says" onInput=${form.typed("quantity")} /><small id="quantity-says">${wrong ?? `At most ${quantity(free)}`}</small></label>
      ${crypto.length > 1 && html`<${Choice} name="crypto" says="Sold by" of=${crypto} form=${form} chosen=${fields.crypto} />`}
      <${Choice} name="banking" says="Paid to" of=${banking} form=${form} chosen=${fields.banking} />
    </fieldset>
    <p role="status">${estimate ? `About ${dollars(estimate)}, ${form.unknown ? "as you have asked for it" : `at ${dollars(price)}`}; you get what the exchange pays, less its fee.` : "Enter a quantity to see about how much it brings."}</p>
    ${!price && html`<p class="hint"><mark>There is no price</mark> of ${fields.asset_id} now.</p>`}
    <${Send} form=${form} says="Sell and pay out" disabled=${!estimate || !fields.crypto || !fields.banking} />
  </form>`;
}
