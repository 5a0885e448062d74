// @ts-check
// What is unfinished: where an operator begins.

import { useEffect, useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { get } from "../api.js";
import { Loaded, OFTEN, SELDOM, useLive } from "../live.js";
import { Heading, Table, When, go, html, segment } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['WaitingView']} Waiting */

/** @typedef {import('../types').InQuery<import('../types').Operation<'/operations/work', 'get'>>} Asked */
const MOST = 100; // are loaded often
const ALL = 1000; // the most that the desk tells at once
const USERNAME = /^[a-z][a-z0-9_.-]{2,31}$/; // as the desk has it

/** @type {Record<NonNullable<Asked['context']>, true>} each of them, or the types do not agree */
const EVERY = {
  ...{ accounts: true, batches: true, bills: true, books: true, clients: true, dealers: true, "market-making": true },
  ...{ offramp: true, orders: true, outgoing: true, parked: true, payments: true, proposals: true, purchases: true },
  ...{ recurring: true, refunds: true, snapshots: true, strays: true, totals: true, webhooks: true },
};
const CONTEXTS = Object.keys(EVERY);

export function Work() {
  const filter = useMemo(() => signal({ context: "", urgent: false, person: false, username: "", what: "", most: MOST }), []);
  const { context, urgent, person, username, what, most } = filter.value;
  const whose = USERNAME.test(username) ? username : "";
  const asked = /** @type {Asked} */ ({
    context: context || undefined, overdue: urgent || undefined, needs_person: person || undefined, username: whose || undefined, limit: most,
  });
  const live = useLive((signal) => get("/operations/work", { query: asked, signal }), most > MOST ? SELDOM : OFTEN, [context, urgent, person, whose, most]);
  useRowKeys();
  const set = (/** @type {Partial<typeof filter.value>} */ change) => (filter.value = { ...filter.peek(), ...change });
  const find = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (what.trim()) go(`/find/${segment(what.trim())}`);
  };
  return html`<${Heading}>Work<//>
    <search><form class="filters" onSubmit=${find}>
      <label>Search <input type="search" data-search value=${what} placeholder="An id, a name, a reference"
        onInput=${(/** @type {any} */ e) => set({ what: e.target.value })} /></label>
      <label>Context <select onChange=${(/** @type {any} */ e) => set({ context: e.target.value })}>
        <option value="">all</option>${CONTEXTS.map((c) => html`<option value=${c} selected=${c === context}>${c}</option>`)}
      </select></label>
      <label>Customer <input autocomplete="off" value=${username} placeholder="A username" aria-invalid=${username && !whose ? "true" : undefined}
        onInput=${(/** @type {any} */ e) => set({ username: e.target.value.trim() })} /></label>
      <fieldset>
        <label><input type="checkbox" checked=${urgent} onChange=${(/** @type {any} */ e) => set({ urgent: e.target.checked })} />
          Overdue, or for a person</label>
        <label><input type="checkbox" checked=${person} onChange=${(/** @type {any} */ e) => set({ person: e.target.checked })} />
          For a person</label>
      </fieldset>
      <button type="submit" class="outline">Find</button>
    </form></search>
    <${Loaded} of=${live}>${(/** @type {Schemas['WorkList']} */ list) => {
      const wanted = what.trim().toLowerCase();
      const rows = list.items.filter((i) => i.id.toLowerCase().includes(wanted) || i.waits_for.toLowerCase().includes(wanted));
      return html`<p role="status">${counted(list.items, most)}</p>
        <p class="hint">${byContext(list.items)}</p>
        <${Table} caption="Unfinished work, overdue first" hidden rows=${overdueFirst(rows)} columns=${COLUMNS}
          id=${(/** @type {Waiting} */ i) => i.context + i.id}
          empty=${what || context || urgent || person || whose ? "Nothing fits that." : "Nothing is unfinished. What waits is listed here."} />
        ${list.items.length >= MOST && most === MOST && html`<button class="outline secondary" onClick=${() => set({ most: ALL })}>Up to 1,000</button>`}`;
    }}<//>`;
}

/** @param {Waiting[]} items @param {number} most */
function counted(items, most) {
  const overdue = items.filter((i) => i.overdue).length;
  const people = items.filter((i) => i.needs_person).length;
  const all = items.length < most ? `${items.length} unfinished` : `The first ${most} that are unfinished`;
  return `${all}, ${overdue} overdue, ${people} for a person`;
}

/** How many wait in each context. @param {Waiting[]} items */
function byContext(items) {
  const found = new Map(/** @type {[string, number][]} */ ([]));
  for (const { context } of items) found.set(context, (found.get(context) ?? 0) + 1);
  return [...found].sort(([, a], [, b]) => b - a).map(([context, many]) => `${context} ${many}`).join(" · ");
}

const COLUMNS = [
  { name: "Id", of: (/** @type {Waiting} */ i) => html`<a href=${i.context === "parked" ? "/parked" : `/work/${segment(i.id)}`}><code>${i.id}</code></a>` },
  { name: "Context", of: (/** @type {Waiting} */ i) => i.context },
  { name: "Waits for", of: (/** @type {Waiting} */ i) => html`${i.waits_for}${i.needs_person && html` <mark>for a person</mark>`}` },
  { name: "Due (UTC)", of: (/** @type {Waiting} */ i) => html`<${When} at=${i.due_at} />${i.overdue && html` <mark>overdue</mark>`}` },
];

/** @param {Waiting[]} rows */
const overdueFirst = (rows) =>
  rows.toSorted((a, b) => Number(b.overdue) - Number(a.overdue) || a.due_at.localeCompare(b.due_at));

/** `/` goes to the search, `j` and `k` to the next row and the one before. */
function useRowKeys() {
  useEffect(() => {
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      const at = /** @type {HTMLElement} */ (event.target);
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName)) return;
      if (event.key === "/") {
        event.preventDefault();
        /** @type {HTMLElement | null} */ (document.querySelector("[data-search]"))?.focus();
      }
      if (event.key === "j" || event.key === "k") {
        const links = [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("tbody th a"))];
        const here = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
        const next = event.key === "j" ? here + 1 : here < 0 ? links.length - 1 : here - 1;
        links[Math.max(0, Math.min(next, links.length - 1))]?.focus();
      }
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}

/** What is called so: by an id, a customer's name or a reference. @param {{ what: string }} told */
export function Find({ what }) {
  const live = useLive((signal) => get("/operations/find", { query: { what }, signal }), undefined, [what]);
  return html`<${Heading}>Found: ${what}<//>
    <${Loaded} of=${live}>${(/** @type {Schemas['FoundList']} */ found) => html`<${Table} caption="What the desk knows by that" hidden
      rows=${found.items} id=${(/** @type {Schemas['FoundView']} */ f) => f.kind + f.id} empty="The desk knows nothing by that."
      columns=${FOUND} />`}<//>`;
}

/** A customer has a page, and so have events of the bank; everything else is a story. @param {Schemas['FoundView']} f */
const at = (f) => (f.kind === "user" ? `/customers/${segment(f.id)}` : f.kind === "bank_event" ? "/parked" : `/work/${segment(f.id)}`);

const FOUND = [
  { name: "Id", of: (/** @type {Schemas['FoundView']} */ f) => html`<a href=${at(f)}><code>${f.id}</code></a>` },
  { name: "Kind", of: (/** @type {Schemas['FoundView']} */ f) => f.kind },
  { name: "Customer", of: (/** @type {Schemas['FoundView']} */ f) => f.username && html`<a href=${`/customers/${segment(f.username)}`}>${f.username}</a>` },
  { name: "Status", of: (/** @type {Schemas['FoundView']} */ f) => f.status ?? "–" },
  { name: "Known by", of: (/** @type {Schemas['FoundView']} */ f) => f.by },
];
