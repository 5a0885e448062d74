// @ts-check
// The addresses at which a customer's program is told what becomes of his orders, and the messages that were sent.

import { useEffect } from "../vendor/preact-hooks.js";
import { signal } from "../vendor/signals.js";
import { del, get, patch, post } from "../api.js";
import { Loaded, OFTEN, SELDOM, Send, useForm, useLive } from "../live.js";
import { Copy, Facts, Heading, Status, Table, When, go, html, segment } from "../parts.js";
import { Verbs } from "../verbs.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['EndpointView']} Endpoint */
/** @typedef {Schemas['DeliveryView']} Delivery */

/** A new secret, until its page is left: the desk tells it once, and it is kept nowhere. */
const told = signal(/** @type {{ endpoint_id: string, secret: string } | null} */ (null));

export function Webhooks() {
  const live = useLive((signal) => get("/webhooks/endpoints", { signal }), SELDOM);
  const form = useForm("webhook", { url: "", events: "" }, (fields, key) => {
    const events = fields.events.split(/[\s,]+/).filter(Boolean);
    return post("/webhooks/endpoints", { body: { url: fields.url.trim(), ...(events.length > 0 && { events }) }, key });
  }, ({ endpoint_id, secret }) => {
    told.value = { endpoint_id, secret };
    go(`/webhooks/${segment(endpoint_id)}`);
  });
  return html`<${Heading}>Webhooks<//>
    <${Loaded} of=${live}>${(/** @type {Schemas['EndpointList']} */ { items }) => html`
      <${Table} caption="Addresses of your program" hidden rows=${items} columns=${COLUMNS} id=${(/** @type {Endpoint} */ e) => e.endpoint_id}
        empty="You have no webhooks yet. Addresses that messages are sent to are listed here." />`}<//>
    <h2>A new webhook</h2>
    <form class="ticket" onSubmit=${form.send}>
      <fieldset disabled=${form.unknown}>
        <label>Address <input name="url" type="url" required maxlength="500" autocomplete="off" value=${form.fields.url} onInput=${form.typed("url")} /></label>
        <label>Events (may be left out: all) <input name="events" autocomplete="off" placeholder="order.completed purchase.completed" value=${form.fields.events} onInput=${form.typed("events")} /></label>
      </fieldset>
      <${Send} form=${form} says="Add the webhook" disabled=${!form.fields.url.trim()} />
    </form>`;
}

const COLUMNS = [
  { name: "Address", of: (/** @type {Endpoint} */ e) => html`<a href=${`/webhooks/${segment(e.endpoint_id)}`}>${e.url}</a>` },
  { name: "Status", of: (/** @type {Endpoint} */ e) => html`<${Status} of=${e.status} />` },
  { name: "Events", of: (/** @type {Endpoint} */ e) => e.events.length },
];

/** @param {{ id: string }} told */
export function Webhook({ id }) {
  const path = { endpoint_id: id };
  useEffect(() => () => void (told.value = null), []);
  const live = useLive(async (signal) => {
    const { items } = await get("/webhooks/endpoints", { signal });
    const endpoint = items.find((e) => e.endpoint_id === id);
    if (!endpoint) return null;
    return { endpoint, deliveries: (await get("/webhooks/endpoints/{endpoint_id}/deliveries", { path, query: { limit: 50 }, signal })).items };
  }, OFTEN, [id]);
  const secret = told.value?.endpoint_id === id ? told.value.secret : null;
  return html`<${Heading}>Webhook<//>
    ${secret && html`<div class="done" role="status"><p><strong>Copy this secret now: it is shown only once.</strong> By it your program knows that a message is from the desk.</p>
      <p><${Copy} text=${secret} what="the secret" /></p></div>`}
    <${Loaded} of=${live}>${(/** @type {{ endpoint: Endpoint, deliveries: Delivery[] } | null} */ found) => {
      if (!found) return html`<p class="empty">This webhook was deleted. <a href="/webhooks">All webhooks</a>.</p>`;
      const { endpoint: e, deliveries } = found;
      return html`
        <${Facts} of=${[
          ["Address", html`<code>${e.url}</code>`],
          ["Status", html`<${Status} of=${e.status} />`],
          ["Signed with secret number", e.secret_number],
          ...(e.both_until ? [["The secret before signs until (UTC)", html`<${When} at=${e.both_until} />`]] : []),
        ]} />
        <${Facts} of=${[["Events", e.events.join(", ")]]} />
        <${Manage} endpoint=${e} again=${live.again} />
        <${Change} key=${e.url + e.events} endpoint=${e} again=${live.again} />
        <${Table} caption="Messages, newest first" rows=${deliveries} id=${(/** @type {Delivery} */ d) => d.id} columns=${deliveryColumns(live.again)}
          empty="No message was sent yet. Each one is listed here, with its answer." />`;
    }}<//>`;
}

/** @param {() => void} again */
const deliveryColumns = (again) => [
  { name: "Event", of: (/** @type {Delivery} */ d) => d.event_type },
  { name: "Status", of: (/** @type {Delivery} */ d) => html`<${Status} of=${d.status} />` },
  { name: "Answer", of: (/** @type {Delivery} */ d) => `${d.answer ?? "–"}, attempt ${d.attempts}` },
  { name: "Next (UTC)", of: (/** @type {Delivery} */ d) => html`<${When} at=${d.next_attempt_at} />` },
  { name: "At (UTC)", of: (/** @type {Delivery} */ d) => html`<${When} at=${d.created_at} />` },
  { name: "Again", of: (/** @type {Delivery} */ d) => (d.status === "PENDING" ? "–" : html`<${Replay} of=${d} again=${again} />`) },
];

/** @param {{ of: Delivery, again: () => void }} told */
function Replay({ of, again }) {
  const form = useForm(`replay/${of.id}`, {}, () => post("/webhooks/deliveries/{delivery_id}/replay", { path: { delivery_id: of.id } }), again);
  return html`<form class="inline" onSubmit=${form.send}><${Send} form=${form} says="Send it again" /></form>`;
}

/** It needs no key: a repeat of the same change changes nothing more. @param {{ endpoint: Endpoint, again: () => void }} told */
function Change({ endpoint: e, again }) {
  const before = { url: e.url, events: e.events.join(" ") };
  const form = useForm(`webhook/${e.endpoint_id}/${before.url} ${before.events}`, before, (fields) => patch("/webhooks/endpoints/{endpoint_id}", {
    path: { endpoint_id: e.endpoint_id },
    body: { url: fields.url.trim(), events: /** @type {Endpoint['events'] & any[]} */ (fields.events.split(/[\s,]+/).filter(Boolean)) },
  }), again);
  const { url, events } = form.fields;
  return html`<details><summary>Change it</summary><form class="ticket" onSubmit=${form.send}>
    <fieldset disabled=${form.unknown}>
      <label>Address <input name="url" type="url" required maxlength="500" autocomplete="off" value=${url} onInput=${form.typed("url")} /></label>
      <label>Events <input name="events" required autocomplete="off" value=${events} onInput=${form.typed("events")} /></label>
    </fieldset>
    <p>The secret stays. Messages that wait go to the new address.${e.status === "DISABLED" && " Messages are sent again from then on."}</p>
    <${Send} form=${form} says="Save the change" disabled=${!url.trim() || !events.trim()} />
  </form></details>`;
}

const VERBS = /** @type {const} */ ({
  test: { says: "Send a test", does: "One message of the type “test” is sent there." },
  rotate: { says: "Get another secret", does: "The new secret is shown only once. For a day both secrets sign, so that your program can change over." },
  remove: { says: "Delete the webhook", does: "Messages that wait are not sent any more. The secret is forgotten." },
});

/** @param {{ endpoint: Endpoint, again: () => void }} told */
function Manage({ endpoint: e, again }) {
  const path = { endpoint_id: e.endpoint_id };
  const ask = async (/** @type {keyof typeof VERBS} */ verb) => {
    if (verb === "test") await post("/webhooks/endpoints/{endpoint_id}/test", { path });
    if (verb === "remove") await del("/webhooks/endpoints/{endpoint_id}", { path });
    if (verb === "rotate") {
      const { endpoint_id, secret } = await post("/webhooks/endpoints/{endpoint_id}/rotate-secret", { path, body: { secret_number: e.secret_number } });
      told.value = { endpoint_id, secret };
    }
  };
  return html`<${Verbs} name=${`webhook/${e.endpoint_id}/${e.secret_number}`} all=${VERBS} ask=${ask} again=${again} />`;
}
