// @ts-check
// The account: its name, what is left of its limits today, and where its owner is paid.

import { get, post } from "../api.js";
import { dollars } from "../amounts.js";
import { Loaded, SELDOM, Send, useForm, useLive } from "../live.js";
import { Facts, Heading, Status, Table, When, html } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['OwnClientView']} Client */
/** @typedef {{ me: Schemas['UserView'], clients: Client[] }} Told */

export function Account() {
  const live = useLive(async (signal) => {
    const [me, clients] = await Promise.all([get("/me", { signal }), get("/clients", { signal })]);
    return { me, clients: clients.items };
  }, SELDOM);
  return html`<${Heading}>Account<//>
    <${Loaded} of=${live}>${(/** @type {Told} */ { me, clients }) => html`
      <${Facts} of=${[
        ["Name", me.username],
        ["Since (UTC)", html`<${When} at=${me.created_at} />`],
        ...(me.limits ?? []).map((l) => [`${LIMITS[l.kind] ?? l.kind}, left today (UTC)`, html`<strong>${dollars(l.left)}</strong> of ${dollars(l.limit)}`]),
        ["Messages to your program", html`<a href="/webhooks">Webhooks</a>`],
        ["All movements", html`<a href="/statements">Statements</a>`],
      ]} />
      <${Table} caption="Clients: they sell your coins, or are paid for you" rows=${clients} columns=${COLUMNS} id=${(/** @type {Client} */ c) => c.kind + c.client_id}
        empty="You have none yet. What you ask for is listed here, and can be used once the desk has approved it." />`}<//>
    <${Asking} again=${live.again} />`;
}

/** @type {Record<string, string>} */
const LIMITS = { DEPOSIT: "Deposits", PAYOUT: "To your bank" };
/** @type {Record<Schemas['ClientKind'], string>} */
const KINDS = { BANKING: "Bank account", CRYPTO: "Sells coins" };
/** @type {Record<NonNullable<Client['account_state']>, string>} */
const ACCOUNTS = { TOLD: "", FORGOTTEN: "forgotten: nothing is paid there", UNAVAILABLE: "can not be shown now", WRONG: "nothing is paid there until the desk has checked it" };

const COLUMNS = [
  { name: "Name", of: (/** @type {Client} */ c) => html`<code>${c.client_id}</code>` },
  { name: "What", of: (/** @type {Client} */ c) => KINDS[c.kind] },
  { name: "Status", of: (/** @type {Client} */ c) => html`<${Status} of=${c.status} />` },
  { name: "Account", of: (/** @type {Client} */ c) => html`${c.account_id ?? "–"}${c.account_state && c.account_state !== "TOLD" && html` <mark>${ACCOUNTS[c.account_state]}</mark>`}` },
  { name: "Changed (UTC)", of: (/** @type {Client} */ c) => html`<${When} at=${c.updated_at} />` },
];

/** @param {{ again: () => void }} told */
function Asking({ again }) {
  const form = useForm("client", { kind: "BANKING", account_id: "" }, (fields, key) => {
    const kind = /** @type {Schemas['ClientKind']} */ (fields.kind);
    return post("/clients", { body: { kind, ...(kind === "BANKING" && { account_id: fields.account_id.trim() }) }, key });
  }, again);
  const bank = form.fields.kind === "BANKING";
  return html`<h2>Ask for a new one</h2>
    <form class="ticket" onSubmit=${form.send}>
      <fieldset disabled=${form.unknown}>
        <label>What <select name="kind" onChange=${form.typed("kind")}>${Object.entries(KINDS).map(([kind, says]) =>
          html`<option value=${kind} selected=${kind === form.fields.kind}>${says}</option>`)}</select></label>
        ${bank && html`<label>Account at your bank <input name="account_id" required maxlength="64" autocomplete="off" value=${form.fields.account_id} onInput=${form.typed("account_id")} />
          <small>As your bank calls it: letters, digits, - and _</small></label>`}
      </fieldset>
      <${Send} form=${form} says="Ask the desk" />
    </form>`;
}
