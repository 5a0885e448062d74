// @ts-check
// What a customer does with something of his: a button for each verb, what it does, and that he means it.

import { useMemo } from "./vendor/preact-hooks.js";
import { signal } from "./vendor/signals.js";
import { Send, useForm } from "./live.js";
import { Confirm, html } from "./parts.js";

/** @typedef {Record<string, { says: string, does: string, of?: readonly string[] }>} All `of`: of what has one of these statuses */

/**
 * `ask` sends the verb that was confirmed; `more` is shown beside what it does, `children` beside the buttons.
 * @param {{ name: string, all: All, status?: string, ask: (verb: any) => Promise<unknown>, again: () => void, more?: (verb: string) => unknown, children?: unknown }} told
 */
export function Verbs({ name, all, status, ask, again, more, children }) {
  const chosen = useMemo(() => signal(""), [name]);
  const verb = chosen.value;
  const form = useForm(`${name}/${verb}`, {}, () => ask(verb), () => {
    chosen.value = "";
    again();
  });
  const possible = Object.entries(all).filter(([, { of }]) => !of || (status && of.includes(status)));
  const { says, does } = all[verb] ?? { says: "", does: "" };
  return html`
    ${possible.length > 0 && html`<p class="buttons">${possible.map(([verb, { says }]) =>
      html`<button key=${verb} class="outline" onClick=${() => (chosen.value = verb)}>${says} …</button>`)}${children}</p>`}
    <${Confirm} open=${verb !== ""} close=${() => (chosen.value = "")} title=${`${says}?`}>
      <form onSubmit=${form.send}><p>${does}</p>${more?.(verb)}<${Send} form=${form} says=${says} /></form>
    <//>`;
}

/** The one verb of what waits. @param {string} what @returns {All} */
export const cancelOf = (what) => ({ cancel: { says: `Cancel the ${what}`, does: "What is held for it is free again.", of: ["PENDING"] } });
