// @ts-check
// What operators do by hand, on whatever page: the acts that are possible, and what became of one.

import { useMemo } from "./vendor/preact-hooks.js";
import { signal } from "./vendor/signals.js";
import { CHOICES, KEYED_BY_REFERENCE, OPTIONAL, WHOLE, WORDS, requestOf } from "./acts.js";
import { act } from "./api.js";
import { Send } from "./live.js";
import { html, storyLink } from "./parts.js";
import { useTrial } from "./trial.js";

/** @typedef {import('./types').Schemas} Schemas */
/** @typedef {Schemas['ActView']} ActView */
/** @typedef {Schemas['OperatorOutcomeView']} Outcome */

/**
 * What the desk says may be done now: one act is chosen, tried, and done. `more` goes with each request. A list shows what
 * became of an act itself, by its own `outcome`: whatever was acted on may have left it.
 * @param {{ story: Pick<Schemas['StoryView'], 'id' | 'acts'>, again: () => void, level?: number, title?: string, more?: object, outcome?: Shown }} of
 */
export function Acts({ story, again, level = 2, title = "What may be done", more = {}, outcome: listed }) {
  const chosen = useMemo(() => signal(/** @type {string | null} */ (null)), [story.id]);
  const own = useOutcome([story.id]);
  const outcome = listed ?? own;
  const done = (/** @type {Outcome} */ got) => {
    outcome.value = got;
    chosen.value = null;
    again();
  };
  const open = story.acts.find((a) => a.command === chosen.value);
  return html`<section aria-label=${`What may be done about ${story.id}`}>
    <${`h${level}`}>${title}<//>
    ${!listed && html`<${Became} of=${own} />`}
    ${!story.acts.length && html`<p class="empty">Nothing, by hand, as it stands.</p>`}
    <ul class="acts">${story.acts.map(
      (a) => html`<li key=${a.command}>
        <button class=${a === open ? undefined : "outline"} aria-expanded=${a === open}
          onClick=${() => (chosen.value = a === open ? null : a.command)}>${a.command}</button> ${a.does}
      </li>`,
    )}</ul>
    ${open && html`<${Act} key=${story.id + open.command} act=${open} done=${done} more=${more} />`}
    ${chosen.value && !open && html`<p role="alert">${chosen.value} is not possible any more: it has moved.</p>`}
  </section>`;
}

/** What it would do, and the button that tries it, or does it. @param {{ form: import('./live.js').Form<any, any>, tried: Outcome | null }} told */
export const Tried = ({ form, tried }) => html`
  <div role="status">${tried && html`<p class="trial">It would be: <strong>${tried.says}</strong></p>`}</div>
  <${Send} form=${form} says=${tried ? "Do it" : "See what it would do"} />`;

/** @typedef {import('@preact/signals').Signal<Outcome | null>} Shown */

/** What became of an act, for Became to show. @param {unknown[]} [of] @returns {Shown} */
export const useOutcome = (of = []) => useMemo(() => signal(/** @type {Outcome | null} */ (null)), of);

/** @param {{ of: Shown }} told */
export const Became = ({ of: { value: outcome } }) => outcome && html`<div class="done" role="status">
  ${outcome.after === "PROPOSED"
    ? html`<p>It waits for a second person: another operator confirms ${storyLink(outcome.id)}.</p>`
    : html`<p>${outcome.done ? "Done" : "Nothing was done"}: ${outcome.says}</p>`}
</div>`;

/**
 * An act's form; `ask` goes with the trial and with the act, and is told which of them it is, and of which version.
 * @template {Record<string, string>} F
 * @param {string} name @param {F} empty
 * @param {(fields: F, key: string, how: { dry_run: boolean, version?: string }) => Promise<Outcome>} ask @param {(got: Outcome) => void} done
 */
export const useAct = (name, empty, ask, done) => useTrial(name, empty, {
  look: (fields, key) => ask(fields, key, { dry_run: true }),
  act: (fields, key, { version }) => ask(fields, key, { dry_run: false, ...(version && { version }) }),
  done,
});

/** What it asks and a reason; then what it would do; then it is done. @param {{ act: ActView, done: (o: Outcome) => void, more: object }} of */
function Act({ act: a, done, more }) {
  const names = [...a.asks, ...(OPTIONAL[a.command] ?? [])];
  const empty = Object.fromEntries([...names, "reason"].map((n) => [n, ""]));
  const { form, tried } = useAct(`act/${a.route}/${JSON.stringify(more)}`, empty, (fields, key, how) => {
    const { body, key: under } = requestOf(a.command, fields, key);
    return act(a.route, { reason: "", ...body, ...more, ...how }, under);
  }, done);
  return html`<form class="act" onSubmit=${form.send} aria-label=${a.command}>
    <p>${a.does}</p>
    ${names.map((n) => html`<${Field} name=${n} form=${form} optional=${!a.asks.includes(n)} />`)}
    <label>Reason <input name="reason" required minlength="3" maxlength="200" value=${form.fields.reason}
      disabled=${form.unknown} onInput=${form.typed("reason")} /></label>
    ${a.command === KEYED_BY_REFERENCE && html`<p class="hint">A reference is good for one deposit.</p>`}
    <${Tried} form=${form} tried=${tried} />
  </form>`;
}

/** @param {{ name: string, form: import('./live.js').Form<any, any>, optional: boolean }} told */
function Field({ name, form, optional }) {
  const choices = CHOICES[name];
  const common = { name, required: !optional, disabled: form.unknown, value: form.fields[name], onInput: form.typed(name) };
  return html`<label>${WORDS[name] ?? name} ${
    choices
      ? html`<select ...${common}><option value="">choose</option>${choices.map((c) => html`<option value=${c}>${c}</option>`)}</select>`
      : html`<input ...${common} autocomplete="off" pattern=${WHOLE.has(name) ? "[0-9]+" : undefined} />`
  }</label>`;
}
