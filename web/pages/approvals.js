// @ts-check
// What one operator has proposed, and another one has yet to confirm.

import { get } from "../api.js";
import { Acts, Became, useOutcome } from "../by-hand.js";
import { Loaded, SELDOM, useLive } from "../live.js";
import { Heading, html, storyLink } from "../parts.js";
import { Proposal } from "./story.js";

/** @typedef {import('../types').Schemas} Schemas */

const MOST = 20; // each is asked for by itself

export function Approvals() {
  const live = useLive(async (signal) => {
    const { items } = await get("/operations/work", { query: { context: "proposals", limit: MOST }, signal });
    return Promise.all(items.map((i) => get("/operations/work/{thing_id}", { path: { thing_id: i.id }, signal })));
  }, SELDOM);
  const outcome = useOutcome();
  return html`<${Heading}>Approvals<//><${Became} of=${outcome} />
    <${Loaded} of=${live}>${(/** @type {Schemas['StoryView'][]} */ stories) => html`
      <p role="status">${stories.length < MOST ? `${stories.length} to decide` : `The first ${MOST} to decide; all are under Work`}</p>
      ${!stories.length && html`<p class="empty">Nothing waits for a second person. What an operator proposes is shown here.</p>`}
      ${stories.map((story) => html`<article key=${story.id}>
        <h2>${storyLink(story.id)}</h2>
        <p>Waits for ${story.waits_for}</p>
        ${story.proposal && html`<${Proposal} of=${story.proposal} />`}
        <${Acts} story=${story} again=${live.again} outcome=${outcome} level=${3} />
      </article>`)}`}<//>`;
}
