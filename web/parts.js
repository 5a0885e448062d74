// @ts-check
// What pages are made of.

import htm from "./vendor/htm.js";
import { h } from "./vendor/preact.js";
import { useLayoutEffect, useMemo, useRef } from "./vendor/preact-hooks.js";
import { signal } from "./vendor/signals.js";

export const html = htm.bind(h);

/** Where we are, without the host. */
export const place = signal(location.pathname + location.search);
export const docs = signal(""); // their whole address, since the console has no page of them

/** @param {string} to */
export function go(to) {
  history.pushState(null, "", to);
  place.value = to;
}

/** @param {string} part */
export const segment = (part) => encodeURIComponent(part);

/** An id that leads to its story. @param {string} id */
export const storyLink = (id) => html`<a href=${`/work/${segment(id)}`}><code>${id}</code></a>`;

/** UTC, as the desk tells it, to the second. Pointing at it, or coming there by keys, shows the local time. @param {{ at: string | null }} of */
export function When({ at }) {
  if (!at) return "–";
  const local = new Date(at).toLocaleString();
  return html`<time datetime=${at} title=${`${local}, local time`} tabindex="0">${at.slice(0, 19).replace("T", " ")}</time>`;
}

/** A status is a word, and its colour says no more than the word. @param {{ of: string | null }} told */
export function Status({ of }) {
  if (!of) return "–";
  return html`<span class=${`status ${tone(of)}`}>${of}</span>`;
}

/** @param {string} status */
function tone(status) {
  if (/FAIL|REJECT|DISPUT|BLOCK|ABORT|TIMED_OUT/.test(status)) return "bad";
  if (/FILLED|COMPLETED|DONE|CONFIRMED|SUCCEEDED/.test(status)) return "good";
  return "plain";
}

/** @param {string} status as a word for people: BASE_TXN_PENDING → base txn pending */
export const words = (status) => status.replaceAll("_", " ").toLowerCase();

/**
 * @template T
 * @typedef {object} Column
 * @property {string} name
 * @property {(row: T) => unknown} of
 * @property {boolean} [number] aligned by its digits
 */

/**
 * Rows; where there is no room for columns, each is a card (app.css). The first column names the row.
 * @template T
 * @param {{ caption: string, columns: Column<T>[], rows: T[], id: (row: T) => string, empty: string, hidden?: boolean }} told
 */
export function Table({ caption, columns, rows, id, empty, hidden }) {
  if (!rows.length) return html`<p class="empty">${empty}</p>`;
  const kind = (/** @type {Column<T>} */ column) => (column.number ? "number" : undefined);
  return html`<table role="table">
    <caption class=${hidden ? "unseen" : undefined}>${caption}</caption>
    <thead role="rowgroup"><tr role="row">${columns.map((c) => html`<th scope="col" role="columnheader" class=${kind(c)}>${c.name}</th>`)}</tr></thead>
    <tbody role="rowgroup">${rows.map(
      (row) => html`<tr role="row" key=${id(row)}>${columns.map((c, n) =>
        n === 0
          ? html`<th scope="row" role="rowheader" data-name=${c.name}><div>${c.of(row)}</div></th>`
          : html`<td role="cell" class=${kind(c)} data-name=${c.name}><div>${c.of(row)}</div></td>`,
      )}</tr>`,
    )}</tbody>
  </table>`;
}

/** The heading of a page, where the focus goes after navigation. @param {{ children: unknown }} of */
export const Heading = ({ children }) => html`<h1 tabindex="-1">${children}</h1>`;

/** Names and what they are. @param {{ of: [string, unknown][] }} told */
export const Facts = ({ of }) =>
  html`<dl>${of.map(([name, what]) => html`<div key=${name}><dt>${name}</dt><dd>${what}</dd></div>`)}</dl>`;

/** The stages that something goes through, and where it is. @param {{ of: string[], here: number }} told */
export const Way = ({ of, here }) => html`<ol class="way">${of.map(
  (stage, n) => html`<li key=${stage} class=${n < here ? "been" : n === here ? "here" : ""} aria-current=${n === here ? "step" : undefined}>${stage}</li>`,
)}</ol>`;

/** A text to be taken elsewhere exactly, and the button that does it. @param {{ text: string, what: string }} told */
export function Copy({ text, what }) {
  const said = useMemo(() => signal(""), [text]);
  const copy = () =>
    navigator.clipboard.writeText(text).then(() => (said.value = "Copied"), () => (said.value = "Select it, and copy it by hand"));
  return html`<span class="copy"><code>${text}</code>
    <button type="button" class="outline secondary" aria-label=${`Copy ${what}`} onClick=${copy}>Copy</button>
    <small role="status">${said.value}</small></span>`;
}

/** @typedef {import('./types').Schemas['OwnClientView']} Client */

/** The only one. Of several one has to be chosen: which is the first may change before it is sent. @param {Client[]} of */
export const only = (of) => ((of.length === 1 && of[0]?.client_id) || "");

/** @param {{ name: string, says: string, of: Client[], form: any, chosen: string }} told */
export const Choice = ({ name, says, of, form, chosen }) => html`<label>${says} <select name=${name} required onChange=${form.typed(name)}>
  ${of.length > 1 && html`<option value="" selected=${!chosen}>choose one</option>`}${of.map((c) =>
    html`<option value=${c.client_id} selected=${c.client_id === chosen}>${c.client_id}${c.account_id ? `, account ${c.account_id}` : ""}</option>`)}</select></label>`;

/**
 * A dialog: the browser traps the focus in it, and gives it back.
 * @param {{ open: boolean, close: () => void, title: string, children: unknown }} told
 */
export function Confirm({ open, close, title, children }) {
  const at = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    if (open && !at.current?.open) at.current?.showModal();
    if (!open) at.current?.close();
  }, [open]);
  const cancelled = (/** @type {Event} */ event) => {
    event.preventDefault(); // its page closes it: the browser's own `close` comes later, when it may be open again
    close();
  };
  const gone = () => open && !at.current?.open && close();
  return html`<dialog ref=${at} onCancel=${cancelled} onClose=${gone} aria-label=${title}>
    <article>
      <header><button class="close" aria-label="Close" rel="prev" onClick=${close}></button><strong>${title}</strong></header>
      ${open && children}
    </article>
  </dialog>`;
}
