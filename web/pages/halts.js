// @ts-check
// Which flows are halted, by whom and why. One operator halts a flow, and another one lifts it.

import { useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { get } from "../api.js";
import { Acts, Became, useOutcome } from "../by-hand.js";
import { Loaded, OFTEN, useLive } from "../live.js";
import { Heading, Table, When, html } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['FlowHaltView']} Halt */

/** @type {Record<Schemas['Flow'], string>} each of them, or the types do not agree */
const FLOWS = {
  orders: "orders at the desk's own price",
  purchases: "purchases and sales at the exchange",
  "cash-outs": "cash-outs",
  payouts: "payouts to banks",
  "market-making": "market making",
  all: "everything",
};

export function Halts() {
  const live = useLive((signal) => get("/operations/halts", { signal }), OFTEN);
  const flow = useMemo(() => signal(/** @type {Schemas['Flow']} */ ("orders")), []);
  const asset = useMemo(() => signal(""), []);
  const title = `Halt ${FLOWS[flow.value]}${asset.value && `, of ${asset.value}`}`;
  const outcome = useOutcome();
  return html`<${Heading}>Halts<//><${Became} of=${outcome} />
    <${Loaded} of=${live}>${(/** @type {Schemas['FlowHaltList']} */ { items }) => html`
      <${Table} caption="What is halted" hidden rows=${items} columns=${COLUMNS} id=${named}
        empty="Nothing is halted. What an operator halts is listed here." />
      ${items.map((h) => html`<${Acts} key=${named(h)} again=${live.again} outcome=${outcome} title=${`Lift the halt of ${named(h)}`} story=${{ id: named(h), acts: [actOn("lift", h.flow)] }}
        more=${h.asset_id ? { asset_id: h.asset_id } : {}} />`)}
      <h2>Halt a flow</h2>
      <form onSubmit=${(/** @type {Event} */ e) => e.preventDefault()}>
        <label>Flow <select onChange=${(/** @type {any} */ e) => (flow.value = e.target.value)}>${Object.entries(FLOWS).map(([name, says]) =>
          html`<option value=${name} selected=${name === flow.value}>${says}</option>`)}</select></label>
        <label>Of one asset (may be left out) <input value=${asset.value} autocomplete="off"
          onInput=${(/** @type {any} */ e) => (asset.value = e.target.value.trim().toUpperCase())} /></label>
      </form>
      <${Acts} key=${flow.value + asset.value} again=${live.again} outcome=${outcome} level=${3} title=${title} story=${{ id: flow.value, acts: [actOn("halt", flow.value)] }}
        more=${asset.value ? { asset_id: asset.value } : {}} />`}<//>`;
}

/** @param {"halt" | "lift"} verb @param {string} flow @returns {Schemas['ActView']} */
const actOn = (verb, flow) => ({
  command: `flows ${verb}`,
  route: `POST /operations/flows/${flow}/${verb}`,
  does: verb === "halt" ? "it stops within seconds; another operator lifts it" : "it goes on; whoever has halted it can not lift it",
  asks: [],
});

/** @param {Halt} halt */
const named = (halt) => (halt.asset_id ? `${halt.flow} of ${halt.asset_id}` : halt.flow);

const COLUMNS = [
  { name: "Flow", of: named },
  { name: "By", of: (/** @type {Halt} */ h) => h.halted_by.join(", ") },
  { name: "Reason", of: (/** @type {Halt} */ h) => h.reason },
  { name: "Since (UTC)", of: (/** @type {Halt} */ h) => html`<${When} at=${h.halted_at} />` },
];
