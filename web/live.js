// @ts-check
// What every page does: what it loads is loading, there, stale, failed or forbidden; what is filled in has one
// Idempotency-Key until an answer comes, and survives a reload and a new sign-in.

import { useEffect, useMemo } from "./vendor/preact-hooks.js";
import { signal } from "./vendor/signals.js";
import { Refused } from "./api.js";
import { NoAnswer, SignedOut, ended, person, signIn } from "./session.js";
import { html, When } from "./parts.js";

export const OFTEN = 5; // seconds, for what others change
export const SELDOM = 15; // seconds
const SLOWEST_SECONDS = 60;

/** @template T @typedef {{ value?: T, at?: string, error?: Error }} State */
/** @template T @typedef {{ state: import('@preact/signals').Signal<State<T>>, again: () => void }} Live */

/**
 * Loads, and loads again every few seconds while the page is visible; after a Retry-After not before it is over.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load @param {number} [every] @param {unknown[]} [of]
 * @returns {Live<T>}
 */
export function useLive(load, every, of = []) {
  const live = useMemo(() => {
    const state = signal(/** @type {State<T>} */ ({}));
    const stop = new AbortController();
    let timer = 0;
    let failures = 0;
    let due = 0; // by performance.now()
    let loading = false;
    let asked = false; // meanwhile: what is being told may be of before what he has done since
    const once = async () => {
      if (loading || stop.signal.aborted) return void (asked = true);
      clearTimeout(timer);
      loading = true;
      asked = false;
      let wait = every;
      try {
        const value = await load(stop.signal);
        failures = 0;
        state.value = { value, at: new Date().toISOString() };
      } catch (error) {
        if (stop.signal.aborted) return;
        failures += 1;
        state.value = { ...state.peek(), error: /** @type {Error} */ (error) };
        const told = error instanceof Refused ? error.retryAfter : null;
        if (every) wait = told ?? Math.min(every * 2 ** failures, SLOWEST_SECONDS);
        if (error instanceof Refused && error.status === 403) wait = undefined; // it stays so
      } finally {
        loading = false;
      }
      if (asked) return void once();
      if (wait) later(wait);
    };
    /** @param {number} seconds */
    const later = (seconds) => {
      due = performance.now() + seconds * 1000;
      if (!document.hidden) timer = setTimeout(once, seconds * 1000);
    };
    const looked = () => {
      clearTimeout(timer);
      if (!document.hidden && due) timer = setTimeout(once, Math.max(0, due - performance.now()));
    };
    return { state, again: once, begin: () => (once(), looked), stop, looked };
  }, of);
  useEffect(() => {
    live.begin();
    document.addEventListener("visibilitychange", live.looked);
    return () => {
      live.stop.abort();
      document.removeEventListener("visibilitychange", live.looked);
    };
  }, [live]);
  return live;
}

/**
 * What was loaded, or why it was not.
 * @template T
 * @param {{ of: Live<T>, children: (value: T, at: string) => unknown }} told
 */
export function Loaded({ of, children }) {
  const { value, at, error } = of.state.value;
  if (value === undefined || at === undefined)
    return error ? html`<${Failed} error=${error} again=${of.again} />` : html`<p aria-busy="true">Loading …</p>`;
  const stale =
    error && !ended.value && html`<div class="stale" role="status">
      <p>Not refreshed since <${When} at=${at} />: ${error.message}</p>
      <button class="outline secondary" onClick=${of.again}>Try again</button>
    </div>`;
  return html`${stale}${children(value, at)}`;
}

const LOOKS = 10; // at one page

/** Page after page, as they are asked for; one that is empty, and not the last, is followed by the next. What has moved between
 * two of them is told once. @template T @param {Load<T>} load @param {(row: T) => string} id @param {number} pages @param {AbortSignal} signal */
async function upTo(load, id, pages, signal) {
  /** @type {Map<string, T>} */
  const found = new Map();
  /** @type {string | null | undefined} */
  let cursor;
  for (let n = 0, looks = 0; n < pages && looks < pages * LOOKS && cursor !== null; looks += 1) {
    const page = await load(cursor, signal);
    for (const row of page.items) found.set(id(row), row);
    if (page.items.length) n += 1;
    cursor = page.cursor;
  }
  return { items: [...found.values()], more: cursor !== null };
}

/** @template T @typedef {(cursor: string | undefined, signal: AbortSignal) => Promise<{ items: T[], cursor: string | null }>} Load */

/**
 * A list that goes on, and stays while more of it is loaded.
 * @param {{ load: Load<any>, id: (row: any) => string, every?: number, children: (items: any[], more: boolean) => unknown }} told
 */
export function Paged({ load, id, every, children }) {
  const pages = useMemo(() => signal(1), []);
  const live = useLive((stop) => upTo(load, id, pages.peek(), stop), every);
  const further = () => {
    pages.value += 1;
    live.again();
  };
  return html`<${Loaded} of=${live}>${(/** @type {{ items: any[], more: boolean }} */ { items, more }) => html`
    ${children(items, more)}${more && html`<button class="outline secondary" onClick=${further}>More</button>`}`}<//>`;
}

/** @param {{ error: Error, again?: () => void }} told */
export function Failed({ error, again }) {
  if (error instanceof SignedOut && ended.value) return null; // Ended says so, above the page
  if (error instanceof Refused && error.status === 403) return html`<${Forbidden} error=${error} />`;
  const id = error instanceof Refused ? error.requestId : null;
  return html`<div class="failed" role="alert">
    <p>${error.message}</p>
    ${error instanceof Refused && error.errors.map((e) => html`<p>${e.where}: ${e.what}</p>`)}
    ${id && html`<p><small>Request <code>${id}</code></small></p>`}
    ${again && html`<button class="outline secondary" onClick=${again}>Try again</button>`}
  </div>`;
}

/** @param {{ error: Refused }} told */
function Forbidden({ error }) {
  const groups = person.value?.groups.join(", ");
  return html`<div class="failed" role="alert">
    <p>You may not see this: ${error.message}.</p>
    <p>You are ${person.value?.username}, ${groups ? `in ${groups}` : "in no group of operators"}.</p>
  </div>`;
}

/** Above the page, which stays as it is, with what is filled in. */
export function Ended() {
  if (!ended.value) return null;
  const again = () => signIn(person.value?.pool ?? "customers", location.pathname + location.search);
  return html`<div class="failed" role="alert">
    <p>Your sign-in has ended. What you have filled in is kept.</p>
    <button onClick=${again}>Sign in again</button>
  </div>`;
}

/**
 * What is filled in, under one key until it is answered.
 * @template {Record<string, string>} F @template A
 * @typedef {object} Form
 * @property {F} fields
 * @property {Error | null} error
 * @property {boolean} sending
 * @property {boolean} unknown it may have been done: only the same may be asked again
 * @property {(name: keyof F & string) => (event: Event) => void} typed
 * @property {(fields: Partial<F>) => void} set
 * @property {(event?: Event) => Promise<A | undefined>} send
 */

/**
 * @template {Record<string, string>} F @template A
 * @param {string} name of this form, at this page @param {F} empty
 * @param {(fields: F, key: string) => Promise<A>} ask @param {(answer: A, fields: F) => void} [answered]
 * @param {(fields: F) => boolean} [looks] is it only looked at what would be done? Then the form stays as it is
 * @returns {Form<F, A>}
 */
export function useForm(name, empty, ask, answered, looks = () => false) {
  const at = `draft:${name}`;
  const form = useMemo(() => {
    const kept = JSON.parse(sessionStorage.getItem(at) ?? "null");
    /** @type {{ fields: F, key: string, sending: boolean, unknown: boolean, error: Error | null, sent?: F }} */
    const begun = { fields: empty, key: crypto.randomUUID(), unknown: false, ...kept, sending: false };
    begun.error = begun.unknown ? new NoAnswer("No answer came when this was sent.") : null;
    return signal(begun);
  }, [name]);
  const { fields, sending, unknown, error } = form.value;
  /** @param {Partial<typeof form.value>} change */
  const change = (change) => {
    form.value = { ...form.peek(), ...change };
    const { fields, key, unknown, sent } = form.peek(); // what is typed while it is sent is not what was sent
    sessionStorage.setItem(at, JSON.stringify({ fields: (unknown && sent) || fields, key, unknown }));
  };
  const send = async (/** @type {Event | undefined} */ event) => {
    event?.preventDefault();
    const { fields, key, sending, unknown: before } = form.peek();
    if (sending) return undefined; // pressed twice
    const looking = looks(fields);
    change({ sending: true, unknown: before || !looking, error: null, sent: fields }); // a tab that dies now comes back as one that does not know
    try {
      const answer = await ask(fields, key);
      if (looking) change({ sending: false });
      else form.value = { fields: empty, key: crypto.randomUUID(), sending: false, unknown: false, error: null };
      if (!looking) sessionStorage.removeItem(at);
      answered?.(answer, fields);
      return answer;
    } catch (failed) {
      const error = /** @type {Error} */ (failed);
      const unknown = looking ? before : error instanceof NoAnswer || (before && !decides(error));
      const refused = error instanceof Refused && !looking && !unknown; // an answer: what is asked next is another request
      const done = before && refused && error.kind === "IdempotencyKeyReused"; // what was sent before, on other terms
      change({ sending: false, unknown, error, ...(unknown && { fields }), ...(refused && { key: crypto.randomUUID() }),
        ...(done && { fields: empty, error: new Error("What you sent before was done, on other terms: look for it in your lists. Nothing was done now.") }) });
      return undefined;
    }
  };
  return {
    fields,
    sending,
    unknown: unknown && !sending,
    error,
    set: (told) => change({ fields: { ...form.peek().fields, ...told } }),
    typed: (field) => (event) => {
      const { value } = /** @type {HTMLInputElement} */ (event.target);
      change({ fields: { ...form.peek().fields, [field]: value }, error: null });
    },
    send,
  };
}

/** Does a refusal say also of the time before that nothing was done? Not one from before the desk has looked at the key. @param {Error} error */
const decides = (error) => error instanceof Refused && error.kind !== "" && error.status < 500 && ![401, 403, 429].includes(error.status);

/**
 * What became of a form that was sent, and the button that sends it.
 * @param {{ form: Form<any, any>, says: string, disabled?: boolean }} told
 */
export function Send({ form, says, disabled }) {
  const { error, unknown, sending } = form;
  return html`
    ${unknown && html`<div class="failed" role="alert">
      <p>${error?.message}</p><p>It may have been done. Ask again: however often you ask, it counts once.</p>
    </div>`}
    ${error && !unknown && html`<${Failed} error=${error} />`}
    <button type="submit" aria-busy=${sending} disabled=${sending || (disabled && !unknown)}>
      ${unknown ? "Ask again" : says}
    </button>
  `;
}
