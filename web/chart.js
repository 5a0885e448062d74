// @ts-check
// Amounts over time, as steps. Here alone, and in no amount that is sent or told, a text becomes a number: a pixel has no
// cents. The same is in a table behind the picture.

import { useEffect, useRef } from "./vendor/preact-hooks.js";
import { cents, quantity, toTheCent } from "./amounts.js";
import { Table, When, html } from "./parts.js";

/** An amount for each line; null: it is not known, and `but` says why. @typedef {{ at: string, amounts: (string | null)[], id: string, but?: string }} Point */

const DASHES = [[], [8, 4], [2, 3]]; // a line is told by how it is drawn, not by its colour alone
const DRAWN = ["drawn through", "dashed", "dotted"];

/** `points` rise in time; a line for each name; in dollars, or in a `coin`. @param {{ points: Point[], says: string, names: string[], coin?: string }} told */
export function Steps({ points, says, names, coin }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const last = points.at(-1);
  useEffect(() => {
    const at = box.current;
    if (!at || !points.length) return undefined;
    /** @type {import('uplot') | undefined} */
    let plot;
    let gone = false;
    const watch = new ResizeObserver(() => plot?.setSize({ width: at.clientWidth, height: 200 }));
    const colour = getComputedStyle(at).getPropertyValue("--pico-primary").trim();
    const text = getComputedStyle(at).getPropertyValue("--pico-muted-color").trim();
    import("./vendor/uplot.js").then(({ default: uPlot }) => {
      if (gone) return;
      const stepped = uPlot.paths.stepped?.({ align: 1 });
      const axis = { stroke: text, grid: { stroke: `${text}33` }, ticks: { stroke: `${text}33` } };
      plot = new uPlot(
        {
          width: at.clientWidth,
          height: 200,
          legend: { show: false },
          cursor: { show: false },
          tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
          series: [{}, ...names.map((label, n) => ({ label, stroke: n ? text : colour, width: 2, dash: DASHES[n], points: { show: false }, ...(n === 0 && { fill: `${colour}22` }), paths: stepped }))],
          scales: { y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.1 : 1] } },
          axes: [{ ...axis, values: (_, ticks) => ticks.map(clock) }, { ...axis, size: 70, values: (_, ticks) => ticks.map((tick) => `${coin ? "" : "$"}${tick}`) }],
        },
        [points.map((p) => Date.parse(p.at) / 1000), ...names.map((_, n) => points.map((p) => (p.amounts[n] == null ? null : Number(p.amounts[n]))))],
        at,
      );
      watch.observe(at);
    }, () => {}); // it can not be loaded: the table behind it says the same
    return () => {
      gone = true;
      watch.disconnect();
      plot?.destroy();
    };
  }, [last?.id, points.length]);
  if (!points.length) return null;
  return html`<figure class="chart">
    <div ref=${box} role="img" aria-label=${`${says}: ${points.length} steps, the last to ${coin ? `${quantity(last?.amounts[0] ?? "0")} ${coin}` : toTheCent(last?.amounts[0] ?? null)}`}></div>
    <figcaption>${says} (UTC)${names.length > 1 && `: ${names.map((name, n) => `${name} ${DRAWN[n]}`).join(", ")}`}</figcaption>
    <details><summary>The same as a table</summary>
      <${Table} caption=${says} hidden rows=${points.toReversed()} empty="" id=${(/** @type {Point} */ p) => p.id} columns=${columns(names, coin)} />
    </details>
  </figure>`;
}

/** Of a tick, in seconds: the time of day, or the day where one begins. @param {number} seconds */
function clock(seconds) {
  const at = new Date(seconds * 1000).toISOString();
  return at.slice(11, 16) === "00:00" ? at.slice(0, 10) : at.slice(11, 16);
}

/** @param {string[]} names @param {string} [coin] */
const columns = (names, coin) => [
  { name: "At (UTC)", of: (/** @type {Point} */ p) => html`<${When} at=${p.at} />` },
  ...names.map((name, n) => ({ name, number: true, of: (/** @type {Point} */ p) => html`${coin ? quantity(p.amounts[n] ?? "0") : cents(p.amounts[n] ?? null)}${p.amounts[n] === null && p.but && html` <mark>${p.but}</mark>`}` })),
];
