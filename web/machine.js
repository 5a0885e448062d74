// @ts-check
// A state machine as a picture: its states from top to bottom as they usually follow, ways down at the right of them, ways
// back at their left. What an execution has been in, and what it is in now, stands out by its line, and is in the table
// behind the picture.

import { get } from "./api.js";
import { Loaded, useLive } from "./live.js";
import { Table, When, html } from "./parts.js";

/** @typedef {import('./types').Schemas} Schemas */
/** @typedef {Schemas['MachineView']} Machine */
/** @typedef {Schemas['ExecutionView']} Execution */
/** @typedef {{ state: string, does: string, been: Schemas['StateView'][], leads: string }} Row */

const WIDE = 220; // a state, of a picture that is as wide as the page
const HIGH = 26;
const APART = 42; // from one to the next
const LANE = 7; // between ways side by side
const LANES = 11; // so many at each side; those that go further share the last one
const MIDDLE = LANES * LANE + 8;

/** @param {{ execution: Execution }} told */
export function MachinePicture({ execution }) {
  const name = execution.machine;
  const live = useLive((signal) => get("/operations/machines/{machine}", { path: { machine: name }, signal }), undefined, [name]);
  return html`<${Loaded} of=${live}>${(/** @type {Machine} */ machine) => html`<${Picture} machine=${machine} execution=${execution} />`}<//>`;
}

/** @param {{ machine: Machine, execution: Execution }} told */
function Picture({ machine, execution }) {
  const place = new Map(machine.states.map((s, n) => [s.name, n]));
  const been = new Set(execution.states.map((s) => s.state));
  const last = execution.states.at(-1);
  const here = execution.status === "RUNNING" && last && !last.left_at ? last.state : null;
  const taken = new Set(execution.states.slice(1).map((s, n) => `${execution.states[n]?.state} ${s.state}`));
  const high = machine.states.length * APART;
  const wide = 2 * MIDDLE + WIDE;
  const says = here ? `it is in ${here}` : `it is ${execution.status}, and was last in ${last?.state ?? "no state"}`;
  return html`<figure class="machine">
    <svg role="img" aria-label=${`The machine ${machine.name}: ${says}`} viewBox=${`0 0 ${wide} ${high}`} width=${wide} height=${high}>
      ${machine.ways.map((w) => {
        const from = place.get(w.before) ?? 0;
        const to = place.get(w.after) ?? 0;
        const kind = `${w.fails ? "fails" : ""} ${taken.has(`${w.before} ${w.after}`) ? "taken" : ""}`;
        return html`<path class=${kind} d=${way(from, to)} /><path class=${`head ${kind}`} d=${head(from, to)} />`;
      })}
      ${machine.states.map((s, n) => html`<g class=${s.name === here ? "here" : been.has(s.name) ? "been" : undefined}>
        <rect x=${MIDDLE} y=${n * APART + 8} width=${WIDE} height=${HIGH} rx=${s.kind === "Choice" ? HIGH / 2 : 4} />
        <text x=${MIDDLE + WIDE / 2} y=${n * APART + 8 + HIGH / 2}>${s.name}</text>
      </g>`)}
    </svg>
    <figcaption>The machine ${machine.name}, ${execution.name}: ${says}. ${machine.says}</figcaption>
    <details><summary>The same as a table</summary>
      <${Table} caption=${`States of ${machine.name}, in the order of what usually happens`} rows=${rows(machine, execution)} empty=""
        id=${(/** @type {Row} */ r) => r.state} columns=${COLUMNS} />
    </details>
  </figure>`;
}

/** At the side of the boxes, a lane further out the further it goes. @param {number} from @param {number} to @returns {[number, number, number, number]} */
function lane(from, to) {
  const down = to > from;
  const out = Math.min(Math.max(Math.abs(to - from), 1), LANES) * LANE;
  const edge = down ? MIDDLE + WIDE : MIDDLE;
  const middle = (/** @type {number} */ n) => n * APART + 8 + HIGH / 2;
  return [edge, down ? edge + out : edge - out, middle(from) + (down ? 5 : -5), middle(to) + (down ? -5 : 5)];
}

/** @param {number} from @param {number} to */
function way(from, to) {
  if (to === from + 1) return `M${MIDDLE + WIDE / 2} ${from * APART + 8 + HIGH}V${to * APART + 8}`;
  const [edge, out, begin, end] = lane(from, to);
  return `M${edge} ${begin}H${out}V${end}H${edge}`;
}

/** @param {number} from @param {number} to */
function head(from, to) {
  if (to === from + 1) return `M${MIDDLE + WIDE / 2 - 4} ${to * APART + 2}l4 6l4 -6z`;
  const [edge, , , end] = lane(from, to);
  return to > from ? `M${edge + 6} ${end - 4}l-6 4l6 4z` : `M${edge - 6} ${end - 4}l6 4l-6 4z`;
}

/** @param {Machine} machine @param {Execution} execution @returns {Row[]} */
const rows = (machine, execution) =>
  machine.states.map((s) => ({
    state: s.name,
    does: s.does,
    been: execution.states.filter((e) => e.state === s.name),
    leads: machine.ways.filter((w) => w.before === s.name).map((w) => `${w.after}${w.why && ` (${w.why})`}`).join("; "),
  }));

const COLUMNS = [
  { name: "State", of: (/** @type {Row} */ r) => r.state },
  { name: "Does", of: (/** @type {Row} */ r) => r.does || "–" },
  { name: "Times", number: true, of: (/** @type {Row} */ r) => `${r.been.length}` },
  { name: "Last there (UTC)", of: (/** @type {Row} */ r) => html`<${When} at=${r.been.at(-1)?.entered_at ?? null} />` },
  { name: "Attempts", number: true, of: (/** @type {Row} */ r) => `${r.been.at(-1)?.attempt ?? "–"}` },
  { name: "Went wrong", of: (/** @type {Row} */ r) => r.been.at(-1)?.error ?? "–" },
  { name: "Leads to", of: (/** @type {Row} */ r) => r.leads || "the end" },
];
