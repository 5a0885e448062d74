// @ts-check
// The story of one thing: what has happened to it, what it waits for, and what may be done about it by hand.

import { get } from "../api.js";
import { Acts } from "../by-hand.js";
import { Loaded, OFTEN, useLive } from "../live.js";
import { MachinePicture } from "../machine.js";
import { Facts, Heading, Status, When, docs, html, segment, storyLink } from "../parts.js";
import { person } from "../session.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['StoryView']} StoryView */

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
  ...(story.runbook ? [/** @type {[string, unknown]} */ (["Runbook", runbook(story.runbook)])] : []),
  ["Since (UTC)", html`<${When} at=${story.waits_since} />`],
  ["Due (UTC)", html`<${When} at=${story.due_at} />`],
  ["Machine", story.execution ? html`${story.execution.name} <${Status} of=${story.execution.status} />` : "none"],
  ...linked("Pool", story.pool),
  ...linked("Batch", story.batch),
  ...(story.members.length ? [/** @type {[string, unknown]} */ (["Members", story.members.map((m) => html`${storyLink(m)} `)])] : []),
];

/** A link where the docs are beside, else the file. @param {string} page */
const runbook = (page) => (docs.value ? html`<a href=${new URL(`runbooks/${page}.html`, docs.value).href}>${page}</a>` : html`<code>docs/runbooks/${page}.md</code>`);

/** @param {string} name @param {string | null} id @returns {[string, unknown][]} */
const linked = (name, id) => (id ? [[name, storyLink(id)]] : []);

/** @param {{ of: Schemas['ProposalView'] }} told */
export function Proposal({ of }) {
  const own = of.proposed_by === person.value?.username && !of.decided_by;
  return html`<section aria-label="Proposal">
    <${Facts} of=${[
      ["Proposed", of.command],
      ["About", storyLink(of.subject)],
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
