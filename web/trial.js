// @ts-check
// An act is looked at before it is done: a form that tells first what it would do. What has moved in between is not done.

import { useMemo } from "./vendor/preact-hooks.js";
import { signal } from "./vendor/signals.js";
import { Refused } from "./api.js";
import { useForm } from "./live.js";
import { NoAnswer } from "./session.js";

/** @typedef {import('./types').Schemas['OperatorOutcomeView']} Outcome */
/** @typedef {{ dry_run: boolean, version?: string }} How */

/**
 * `ask` goes with each request: is it only tried, and of which story was the trial?
 * @template {Record<string, string>} F
 * @param {string} name @param {F} empty
 * @param {(fields: F, key: string, how: How) => Promise<Outcome>} ask @param {(done: Outcome) => void} done
 */
export function useTried(name, empty, ask, done) {
  const trial = useMemo(() => signal(/** @type {{ says: Outcome, of: string } | null} */ (null)), [name]);
  const looks = (/** @type {F} */ fields) => trial.peek()?.of !== JSON.stringify(fields);
  const form = useForm(name, empty, async (fields, key) => {
    const dry_run = looks(fields);
    const version = trial.peek()?.says.version;
    const asked = ask(fields, key, { dry_run, ...(!dry_run && version && { version }) });
    return { got: await asked.catch(dry_run ? onlyTried : moved), dry_run };
  }, ({ got, dry_run }, fields) => {
    if (!dry_run) return done(got);
    trial.value = { says: got, of: JSON.stringify(fields) };
  }, looks);
  /** @param {Error} failed @returns {never} */
  const moved = (failed) => {
    if (failed instanceof Refused && failed.kind === "StoryMoved") trial.value = null; // which has to be tried anew
    throw failed;
  };
  const tried = trial.value?.of === JSON.stringify(form.fields) ? trial.value.says : null;
  return { form, tried };
}

/** Of a trial that got no answer nothing can have been done. @param {Error} failed @returns {never} */
function onlyTried(failed) {
  throw failed instanceof NoAnswer ? new Error(`${failed.message} Nothing was done: try again.`) : failed;
}
