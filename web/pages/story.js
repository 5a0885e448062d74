// @ts-check
// What has become of one thing, what it waits for, and what may be done about it by hand.

import { useMemo } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { CHOICES, KEYED_BY_REFERENCE, MAY_BE_TOLD, WHOLE, WORDS, told } from "../acts.js";
import { act, get } from "../api.js";
import { Loaded, OFTEN, Send, useLive } from "../live.js";
import { MachinePicture } from "../machine.js";
import { Facts, Heading, Status, When, html, segment } from "../parts.js";
import { person } from "../session.js";
import { useTried } from "../trial.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['StoryView']} StoryView */
/** @typedef {Schemas['ActView']} ActView */
/** @typedef {Schemas['OperatorOutcomeView']} Outcome */

/** @param {{ id: string }} told */
export function Story({ id }) {
  const live = useLive((signal) => get("/operations/work/{thing_id}", { path: { thing_id: id }, signal }), OFTEN, [id]);
  return html`<${Heading}>Story of <code>${id}</code><//>
    <${Loaded} of=${live}>${(/** @type {StoryView} */ story) => html`
      <${Facts} of=${facts(story)} />
      ${story.proposal && html`<${Proposal} of=${story.proposal} />`}
      <${Acts} story=${story} again=${live.again} />
      <h2>What has become of it</h2>
      <${Timeline} story=${story} />
      ${story.execution?.machine && html`<h2>Its machine</h2><${MachinePicture} key=${story.execution.machine} execution=${story.execution} />`}`}<//>`;
}

/** @param {StoryView} story @returns {[string, unknown][]} */
const facts = (story) => [
  ["Kind", story.kind],
  ...(story.username ? [/** @type {[string, unknown]} */ (["Customer", html`<a href=${`/customers/${segment(story.username)}`}>${story.username}</a>`])] : []),
  ["Status", html`<${Status} of=${story.status} />`],
  ["Waits for", html`${story.waits_for ?? "nothing"}${story.needs_person && html` <mark>for a person</mark>`}`],
  ["Since (UTC)", html`<${When} at=${story.waits_since} />`],
  ["Due (UTC)", html`<${When} at=${story.due_at} />`],
  ["Machine", story.execution ? html`${story.execution.name} <${Status} of=${story.execution.status} />` : "none"],
  ...linked("Pool", story.pool),
  ...linked("Batch", story.batch),
  ...(story.members.length ? [/** @type {[string, unknown]} */ (["Members", story.members.map((m) => html`${link(m)} `)])] : []),
];

/** @param {string} name @param {string | null} id @returns {[string, unknown][]} */
const linked = (name, id) => (id ? [[name, link(id)]] : []);

/** @param {string} id */
const link = (id) => html`<a href=${`/work/${segment(id)}`}><code>${id}</code></a>`;

/** @param {{ of: Schemas['ProposalView'] }} told */
export function Proposal({ of }) {
  const own = of.proposed_by === person.value?.username && !of.decided_by;
  return html`<section aria-label="Proposal">
    <${Facts} of=${[
      ["Proposed", of.command],
      ["About", link(of.subject)],
      ...Object.entries(of.terms),
      ["Reference", of.reference ?? "none"],
      ["Reason", of.reason],
      ["By", html`${of.proposed_by}, <${When} at=${of.proposed_at} />`],
      ...(of.decided_by ? [["Decided", html`${of.decided_by}, <${When} at=${of.decided_at} />`]] : []),
    ]} />
    ${own && html`<p class="hint">You have proposed this: another operator confirms it.</p>`}
  </section>`;
}

/** @param {{ story: StoryView }} told */
function Timeline({ story }) {
  return html`<ol class="timeline">${line(story).map(
    (l, n) => html`<li key=${n} class=${l.kind}>
      <${When} at=${l.at} /> <strong>${l.who}</strong> <span>${l.what}</span>
    </li>`,
  )}</ol>`;
}

/** Events, calls to others and the states of its executions, as they came. @param {StoryView} story */
function line(story) {
  return [
    ...story.events.map((e) => ({
      at: e.at,
      kind: "event",
      who: e.actor,
      what: html`${e.before && html`<${Status} of=${e.before} /> → `}<${Status} of=${e.after} /> ${e.reason}`,
    })),
    ...story.calls.map((c) => ({
      at: c.at,
      kind: "call",
      who: `asked ${c.of}`,
      what: html`<code>${c.our_id}</code>${c.their_id && html`, there <code>${c.their_id}</code>`}: ${c.state ?? "no answer"}${c.says && `, ${c.says}`}`,
    })),
    ...steps("machine before it", story.execution_before),
    ...steps("machine", story.execution),
  ].sort((a, b) => a.at.localeCompare(b.at));
}

/** Each state once, with what went wrong in it. @param {string} who @param {Schemas['ExecutionView'] | null} execution */
const steps = (who, execution) =>
  execution?.states.map((s) => ({
    at: s.entered_at,
    kind: "step",
    who,
    what: `${s.state}${s.attempt > 1 ? `, ${s.attempt} times tried` : ""}${s.error ? `: ${s.error}` : ""}`,
  })) ?? [];

/** What the desk says may be done now: one is chosen, tried, and done. `more` goes with each of them. `told` is where a page
 * that it leaves when it is done keeps what became of it. @param {{ story: Pick<StoryView, 'id' | 'acts'>, again: () => void, level?: number, title?: string, more?: object, told?: Told }} of */
export function Acts({ story, again, level = 2, title = "What may be done", more = {}, told }) {
  const chosen = useMemo(() => signal(/** @type {string | null} */ (null)), [story.id]);
  const own = useTold([story.id]);
  const outcome = told ?? own;
  const done = (/** @type {Outcome} */ got) => {
    outcome.value = got;
    chosen.value = null;
    again();
  };
  const open = story.acts.find((a) => a.command === chosen.value);
  return html`<section aria-label=${`What may be done about ${story.id}`}>
    <${`h${level}`}>${title}<//>
    ${!told && html`<${Became} of=${own} />`}
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

/** What it would do, and the button that tries it, or does it. @param {{ form: import('../live.js').Form<any, any>, tried: Outcome | null }} told */
export const Tried = ({ form, tried }) => html`
  <div role="status">${tried && html`<p class="trial">It would be: <strong>${tried.says}</strong></p>`}</div>
  <${Send} form=${form} says=${tried ? "Do it" : "See what it would do"} />`;

/** @typedef {import('@preact/signals').Signal<Outcome | null>} Told */

/** What has become of an act, to be shown by Became. @param {unknown[]} [of] @returns {Told} */
export const useTold = (of = []) => useMemo(() => signal(/** @type {Outcome | null} */ (null)), of);

/** @param {{ of: Told }} told */
export const Became = ({ of }) => of.value && html`<${Done} outcome=${of.value} />`;

/** @param {{ outcome: Outcome }} told */
export const Done = ({ outcome }) => html`<div class="done" role="status">
  ${outcome.after === "PROPOSED"
    ? html`<p>It waits for a second person: another operator confirms ${link(outcome.id)}.</p>`
    : html`<p>${outcome.done ? "Done" : "Nothing was done"}: ${outcome.says}</p>`}
</div>`;

/** A reason and what else it asks; then what it would do; then it. @param {{ act: ActView, done: (o: Outcome) => void, more: object }} of */
function Act({ act: a, done, more }) {
  const names = [...a.asks, ...(MAY_BE_TOLD[a.command] ?? [])];
  const empty = Object.fromEntries([...names, "reason"].map((n) => [n, ""]));
  const { form, tried } = useTried(`act/${a.route}/${JSON.stringify(more)}`, empty, (fields, key, how) => {
    const { body, key: under } = told(a.command, fields, key);
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

/** @param {{ name: string, form: import('../live.js').Form<any, any>, optional: boolean }} told */
function Field({ name, form, optional }) {
  const choices = CHOICES[name];
  const common = { name, required: !optional, disabled: form.unknown, value: form.fields[name], onInput: form.typed(name) };
  return html`<label>${WORDS[name] ?? name} ${
    choices
      ? html`<select ...${common}><option value="">choose</option>${choices.map((c) => html`<option value=${c}>${c}</option>`)}</select>`
      : html`<input ...${common} autocomplete="off" pattern=${WHOLE.has(name) ? "[0-9]+" : undefined} />`
  }</label>`;
}
