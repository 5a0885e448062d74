// @ts-check
// Dollars that go from the balance here to a bank: asked for, and watched.

import { get, post } from "../api.js";
import { dollars, typed } from "../amounts.js";
import { Loaded, OFTEN, SELDOM, Send, useForm, useLive } from "../live.js";
import { Choice, Facts, Heading, Table, When, go, html, only, segment } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['AccountsTransferView']} Transfer */
/** @typedef {Schemas['OwnClientView']} Client */
/** @typedef {{ withdrawals: Transfer[], balance: Schemas['BalanceView'], banks: Client[], left: string | null }} Told */

/** @type {Record<string, string>} */
const STAGES = {
  PENDING: "Your bank is being paid; until it is, the dollars are held",
  COMPLETED: "Paid",
  PAYOUT_FAILED: "Not paid yet: the desk is looking into it",
  REJECTED: "Not paid: the dollars are yours again",
};

export function Withdrawals() {
  const live = useLive(async (signal) => {
    const [page, balance, clients, me] = await Promise.all([
      get("/balance/withdrawals", { query: { limit: 100 }, signal }), get("/balance", { signal }), get("/clients", { signal }), get("/me", { signal }),
    ]);
    const banks = clients.items.filter((c) => c.kind === "BANKING" && c.status === "ACTIVE");
    return { withdrawals: page.items, balance, banks, left: me.limits?.find((l) => l.kind === "PAYOUT")?.left ?? null };
  }, SELDOM);
  return html`<${Heading}>Withdrawals<//>
    <${Loaded} of=${live}>${(/** @type {Told} */ told) => html`
      <${Table} caption="Your withdrawals, newest first" hidden rows=${told.withdrawals} columns=${COLUMNS} id=${(/** @type {Transfer} */ t) => t.transfer_id}
        empty="You have withdrawn nothing yet. Dollars that go to your bank are listed here." />
      <h2>Withdraw dollars</h2><${Asked} told=${told} />`}<//>`;
}

const COLUMNS = [
  { name: "Withdrawal", of: (/** @type {Transfer} */ t) => html`<a href=${`/withdrawals/${segment(t.transfer_id)}`}>${dollars(t.amount)}</a>` },
  { name: "Stage", of: (/** @type {Transfer} */ t) => STAGES[t.status] ?? t.status },
  { name: "To", of: (/** @type {Transfer} */ t) => html`<code>${t.banking_client_id ?? "–"}</code>` },
  { name: "At (UTC)", of: (/** @type {Transfer} */ t) => html`<${When} at=${t.created_at} />` },
];

/** @param {{ told: Told }} told */
function Asked({ told: { balance, banks, left } }) {
  const form = useForm("withdrawal", { amount: "", bank: "" }, (fields, key) =>
    post("/balance/withdrawals", { body: { amount: typed(fields.amount) ?? "", banking_client_id: fields.bank }, key }),
  (made) => go(`/withdrawals/${segment(made.transfer_id)}`));
  if (!banks.length) return html`<p class="empty">The desk has not yet allowed you to be paid at a bank: <a href="/account">ask it</a>. When it has, you withdraw here.</p>`;
  const amount = form.fields.amount;
  const bank = form.fields.bank || only(banks);
  const send = (/** @type {Event} */ event) => {
    if (!form.unknown) form.set({ bank }); // what he has seen is what is asked, also once more
    form.send(event);
  };
  return html`<form class="ticket" onSubmit=${send}>
    <fieldset disabled=${form.unknown}>
      <label>Dollars <input name="amount" inputmode="decimal" required autocomplete="off" value=${amount} aria-invalid=${amount && !typed(amount) ? "true" : undefined} onInput=${form.typed("amount")} />
        <small>${amount && !typed(amount) && "An amount is digits, with a point: 12.50. "}${dollars(balance.current_balance)} are free${left && `; ${dollars(left)} may go to your bank today (UTC)`}</small></label>
      <${Choice} name="bank" says="Paid to" of=${banks} form=${form} chosen=${bank} />
    </fieldset>
    <${Send} form=${form} says="Withdraw" disabled=${!typed(amount) || !bank} />
  </form>`;
}

/** @param {{ id: string }} told */
export function Withdrawal({ id }) {
  const live = useLive((signal) => get("/balance/withdrawals/{transfer_id}", { path: { transfer_id: id }, signal }), OFTEN, [id]);
  return html`<${Heading}>Withdrawal<//>
    <${Loaded} of=${live}>${(/** @type {Transfer} */ t) => html`
      <p role="status" class="stage"><strong>${STAGES[t.status] ?? t.status}</strong></p>
      ${t.status === "PENDING" && html`<p class="hint">The desk sends it at once. How long your bank takes is not known here.</p>`}
      <${Facts} of=${[
        ["Dollars", dollars(t.amount)],
        ["Paid to", html`<code>${t.banking_client_id ?? "–"}</code>`],
        ...(t.reason ? [["Why", t.reason]] : []),
        ["Asked for (UTC)", html`<${When} at=${t.created_at} />`],
        ["Id", html`<code>${t.transfer_id}</code>`],
      ]} />`}<//>`;
}
