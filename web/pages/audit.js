// @ts-check
// What operators did, day by day, and whether the audit is still as it was written.

import { useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { get } from "../api.js";
import { chainFaults } from "../chain.js";
import { Loaded, Send, useForm, useLive } from "../live.js";
import { Heading, Table, When, html, storyLink } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['AuditEntryView']} Entry */

const PAGE = 100;
const DAYS_MAX = 31; // are read at once
const MOST = 1000; // entries are shown

const THING = /^[A-Z][A-Z0-9]{20,31}$/; // the id of something that has a story

const today = () => new Date().toISOString().slice(0, 10);

export function Audit() {
  const filter = useMemo(() => signal({ from: today(), to: today(), operator: "", subject: "" }), []);
  const { from, to, operator, subject } = filter.value;
  const days = daysOf(from, to);
  const live = useLive((signal) => entriesOf(days.slice(0, DAYS_MAX).toReversed(), signal), undefined, [from, to]);
  const typed = (/** @type {keyof typeof filter.value} */ name) => (/** @type {any} */ e) =>
    (filter.value = { ...filter.peek(), [name]: e.target.value });
  return html`<${Heading}>Audit<//>
    <search><form class="filters" onSubmit=${(/** @type {Event} */ e) => (e.preventDefault(), live.again())}>
      <label>From (UTC) <input type="date" value=${from} max=${to} onInput=${typed("from")} /></label>
      <label>To (UTC) <input type="date" value=${to} min=${from} onInput=${typed("to")} /></label>
      <label>Operator <input value=${operator} autocomplete="off" onInput=${typed("operator")} /></label>
      <label>Subject, or words <input type="search" data-search value=${subject} onInput=${typed("subject")} /></label>
    </form></search>
    ${days.length > DAYS_MAX && html`<p class="hint">Only the first ${DAYS_MAX} days are read: choose fewer to see the others.</p>`}
    <${Loaded} of=${live}>${(/** @type {Entry[]} */ entries) => {
      const wanted = subject.trim().toLowerCase();
      const rows = entries.filter((e) => e.operator.includes(operator.trim()) && `${e.subject} ${e.action} ${e.detail}`.toLowerCase().includes(wanted));
      return html`<p role="status">${rows.length} of ${entries.length === MOST ? `the last ${MOST}` : entries.length} acts</p>
        <${Table} caption="What operators did, newest first" hidden rows=${rows} id=${(/** @type {Entry} */ e) => `${e.number}`} columns=${COLUMNS}
          empty="No operator did anything like that then." />`;
    }}<//>
    <${Verify} />`;
}

const COLUMNS = [
  { name: "Entry", of: (/** @type {Entry} */ e) => `${e.number}` },
  { name: "At (UTC)", of: (/** @type {Entry} */ e) => html`<${When} at=${e.at} />` },
  { name: "Operator", of: (/** @type {Entry} */ e) => e.operator },
  { name: "Act", of: (/** @type {Entry} */ e) => e.action },
  { name: "Subject", of: (/** @type {Entry} */ e) => (THING.test(e.subject) ? storyLink(e.subject) : e.subject) },
  { name: "Why", of: (/** @type {Entry} */ e) => e.detail },
];

/** Each day from one to the other. @param {string} from @param {string} to */
function daysOf(from, to) {
  const days = [];
  for (let at = Date.parse(from); at <= Date.parse(to) && days.length < 5000; at += 86_400_000) days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

/** Newest first. @param {string[]} days newest first @param {AbortSignal} [signal] */
async function entriesOf(days, signal, most = MOST) {
  /** @type {Entry[]} */
  const found = [];
  for (const date of days) {
    /** @type {string | undefined} */
    let cursor;
    do {
      /** @type {Schemas['AuditPage']} */
      const page = await get("/operations/audit", { query: { date, limit: PAGE, cursor }, signal });
      found.push(...page.items);
      cursor = page.cursor ?? undefined;
    } while (cursor && found.length < most);
    if (found.length >= most) break;
  }
  return found.slice(0, most);
}

/** The whole chain, computed anew in this browser, and compared with the heads that were signed. */
function Verify() {
  const told = useMemo(() => signal(/** @type {{ entries: number, anchors: number, faults: string[] } | null} */ (null)), []);
  const form = useForm("audit/verify", {}, verified, (found) => (told.value = found));
  return html`<h2>Is it as it was written?</h2>
    <p class="hint">Each act has the digest of the one before, and each hour the last one is signed. Both are checked here, for all acts that there are.</p>
    <div role="status">${told.value && html`<article class=${told.value.faults.length ? "failed" : "done"}>
      ${told.value.faults.length
        ? html`<p>It is not:</p><ul>${told.value.faults.map((f) => html`<li>${f}</li>`)}</ul>`
        : html`<p>${told.value.entries} acts are as they were written, and ${told.value.anchors} signed heads say the same.</p>`}
    </article>`}</div>
    <form onSubmit=${form.send}><${Send} form=${form} says="Verify the chain" /></form>`;
}

async function verified() {
  const before = await get("/operations/audit/head");
  const anchors = [];
  for (const date of before.anchored_since ? daysOf(before.anchored_since, today()) : [])
    anchors.push(...(await get("/operations/audit/anchors", { query: { date } })).items);
  const head = await get("/operations/audit/head"); // before the entries: an act of this moment is no fault
  const days = head.first_date ? daysOf(head.first_date, today()).toReversed() : [];
  const entries = (await entriesOf(days, undefined, Infinity)).toReversed();
  return { entries: entries.length, anchors: anchors.length, faults: await chainFaults(entries, head, anchors) };
}
