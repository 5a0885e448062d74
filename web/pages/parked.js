// @ts-check
// Events of the bank that the desk could not place.

import { get } from "../api.js";
import { dollars } from "../amounts.js";
import { Acts, Became, useOutcome } from "../by-hand.js";
import { Loaded, SELDOM, useLive } from "../live.js";
import { Facts, Heading, When, html } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */

const MOST = 100;

export function Parked() {
  const live = useLive((signal) => get("/operations/parked", { query: { limit: MOST }, signal }), SELDOM);
  const outcome = useOutcome();
  return html`<${Heading}>Parked events of the bank<//><${Became} of=${outcome} />
    <${Loaded} of=${live}>${(/** @type {Schemas['ParkedList']} */ { items }) => html`
      <p role="status">${items.length < MOST ? `${items.length} parked` : `The first ${MOST} that are parked`}</p>
      ${!items.length && html`<p class="empty">Nothing is parked. Events of the bank that the desk can not place are listed here.</p>`}
      ${items.map((e) => html`<article key=${e.webhook_id}>
        <h2><code>${e.webhook_id}</code></h2>
        <p>${e.why}${e.strange && html` <mark>${e.strange}</mark>`}</p>
        <${Facts} of=${[
          ["Amount", dollars(e.amount)],
          ["State", e.state ?? "–"],
          ["Why not paid", e.failure_code ?? "–"],
          ["Account", e.account_id ?? e.account_state ?? "–"],
          ["Our reference", e.reference_id ?? "–"],
          ["The bank's reference", e.adjustment_id ?? "–"],
          ["At (UTC)", html`<${When} at=${e.at} />`],
          ["Parked (UTC)", html`<${When} at=${e.parked_at} />`],
        ]} />
        <${Acts} story=${{ id: e.webhook_id, acts: e.acts }} again=${live.again} outcome=${outcome} level=${3} />
      </article>`)}`}<//>`;
}
