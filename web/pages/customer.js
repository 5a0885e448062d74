// @ts-check
// Where a customer's money is: what he has, what is held and what for, and what may be done about it.

import { useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { get } from "../api.js";
import { cents, dollars, isZero, quantity } from "../amounts.js";
import { Acts } from "../by-hand.js";
import { Loaded, SELDOM, useLive } from "../live.js";
import { Facts, Heading, Status, Table, When, html, segment, storyLink } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['CustomerView']} CustomerView */

/** @param {{ username: string }} told */
export function Customer({ username }) {
  const live = useLive((signal) => get("/operations/customers/{username}", { path: { username }, signal }), SELDOM, [username]);
  return html`<${Heading}>Customer ${username}<//>
    <${Loaded} of=${live}>${(/** @type {CustomerView} */ c) => html`
      <${Facts} of=${[
        ["Dollars, free", dollars(c.current_balance)],
        ["Dollars, held", dollars(c.held_balance)],
        ["Fee tier", c.tier],
        ...c.limits.map((l) => [`${l.kind === "DEPOSIT" ? "Deposits" : "Payouts"} left today`, `${dollars(l.left)} of ${dollars(l.limit)}`]),
        ["Acts", html`<a href=${`/work/${segment(c.username)}`}>what may be done</a>`],
      ]} />
      <${Table} caption="Coins" rows=${c.assets} id=${(/** @type {Schemas['CustomersAssetView']} */ a) => a.asset_id} columns=${COINS}
        empty="This customer has no coins." />
      <${Table} caption="Held" rows=${c.held} id=${(/** @type {Held} */ h) => h.asset_id} columns=${HELD} empty="Nothing is held." />
      <${Table} caption="Open, oldest first" rows=${c.open} id=${(/** @type {Open} */ o) => o.id} columns=${OPEN} empty="Nothing is open." />
      <${Table} caption="Clients" rows=${c.clients} id=${(/** @type {Client} */ k) => k.client_id} columns=${CLIENTS}
        empty="No client may sell coins for this customer, or be paid." />
      <${WriteClient} of=${c} again=${live.again} />
      <${Table} caption="The last moves of dollars" rows=${c.moves} id=${(/** @type {Move} */ m) => m.order_id + m.transaction_type} columns=${MOVES}
        empty="No dollars have moved yet." />`}<//>`;
}

/** @typedef {Schemas['CustomersHeldView']} Held */
/** @typedef {Schemas['CustomersOpenView']} Open */
/** @typedef {Schemas['CustomersClientView']} Client */
/** @typedef {Schemas['CustomersDollarsView']} Move */

/** An existing client is changed, or a new one written. @param {{ of: CustomerView, again: () => void }} told */
function WriteClient({ of: { username, clients }, again }) {
  const asked = useMemo(() => signal({ id: "", kind: "banking" }), [username]);
  const { id, kind } = asked.value;
  const set = (/** @type {Partial<typeof asked.value>} */ change) => (asked.value = { ...asked.peek(), ...change });
  return html`<form onSubmit=${(/** @type {Event} */ e) => e.preventDefault()}>
      <label>Write the client <input name="client" list="clients" autocomplete="off" value=${id} placeholder="Its id"
        onInput=${(/** @type {any} */ e) => set({ id: e.target.value.trim() })} /></label>
      <datalist id="clients">${clients.map((k) => html`<option value=${k.client_id} />`)}</datalist>
      <label>Kind <select name="kind" onChange=${(/** @type {any} */ e) => set({ kind: e.target.value })}>
        <option value="banking" selected=${kind === "banking"}>banking: may be paid</option>
        <option value="crypto" selected=${kind === "crypto"}>crypto: may sell coins</option></select></label>
    </form>
    ${id && html`<${Acts} key=${id + kind} again=${again} title=${`Write ${id}`} more=${{ username }} story=${{ id: `${id}, ${kind}`, acts: [{
      command: kind === "banking" ? "clients save" : "clients save crypto", route: `PUT /operations/clients/${id}/${kind}`, asks: [],
      does: "blocked by one alone; new, of another account, or to be used again, with a second operator",
    }] }} />`}`;
}

/** @param {string} asset_id @param {string | null} amount */
const of = (asset_id, amount) => (asset_id === "USD" ? dollars(amount) : `${quantity(amount ?? "0")} ${asset_id}`);

const COINS = [
  { name: "Coin", of: (/** @type {Schemas['CustomersAssetView']} */ a) => a.asset_id },
  { name: "Free", number: true, of: (/** @type {Schemas['CustomersAssetView']} */ a) => quantity(a.quantity) },
  { name: "Held", number: true, of: (/** @type {Schemas['CustomersAssetView']} */ a) => quantity(a.held_quantity) },
];
const HELD = [
  { name: "What", of: (/** @type {Held} */ h) => of(h.asset_id, h.held) },
  { name: "By", of: (/** @type {Held} */ h) => h.by.map((id) => html`${storyLink(id)} `) },
  {
    name: "Unexplained",
    number: true,
    of: (/** @type {Held} */ h) => (isZero(h.unexplained) ? "nothing" : html`<mark>${of(h.asset_id, h.unexplained)}</mark>`),
  },
];
const OPEN = [
  { name: "Id", of: (/** @type {Open} */ o) => storyLink(o.id) },
  { name: "Kind", of: (/** @type {Open} */ o) => `${o.kind} of ${o.asset_id}` },
  { name: "Status", of: (/** @type {Open} */ o) => html`<${Status} of=${o.status} />` },
  { name: "Waits for", of: (/** @type {Open} */ o) => o.waits_for },
  { name: "Holds", number: true, of: (/** @type {Open} */ o) => (o.holds_asset_id ? of(o.holds_asset_id, o.holds) : "nothing") },
  { name: "Since (UTC)", of: (/** @type {Open} */ o) => html`<${When} at=${o.since} />` },
];
const CLIENTS = [
  { name: "Client", of: (/** @type {Client} */ k) => k.client_id },
  { name: "Kind", of: (/** @type {Client} */ k) => k.kind },
  { name: "Status", of: (/** @type {Client} */ k) => html`<${Status} of=${k.status} />` },
  { name: "Account", of: (/** @type {Client} */ k) => k.account_id ?? k.account_state ?? "–" },
];
const MOVES = [
  { name: "At (UTC)", of: (/** @type {Move} */ m) => html`<${When} at=${m.created_at} />` },
  { name: "What", of: (/** @type {Move} */ m) => (m.asset_id === "USD" ? m.transaction_type : `${m.transaction_type} ${of(m.asset_id, m.quantity)}`) },
  { name: "Dollars", number: true, of: (/** @type {Move} */ m) => cents(m.amount) },
  { name: "After it", number: true, of: (/** @type {Move} */ m) => cents(m.balance_after) },
  { name: "By", of: (/** @type {Move} */ m) => storyLink(m.order_id) },
];
