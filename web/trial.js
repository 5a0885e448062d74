// @ts-check
// A form that is tried before it counts: it first tells what it would do. What has moved since then is not done.

import { useMemo } from "./vendor/preact-hooks.js";
import { signal } from "./vendor/signals.js";
import { Refused } from "./api.js";
import { useForm } from "./live.js";
import { NoAnswer } from "./session.js";

/**
 * `look` asks what would be done, and `act` does it, once these very fields were looked at.
 * @template {Record<string, string>} F @template T @template D
 * @param {string} name @param {F} empty
 * @param {{ look: (fields: F, key: string) => Promise<T>, act: (fields: F, key: string, tried: T) => Promise<D>, done: (got: D) => void }} how
 */
export function useTrial(name, empty, { look, act, done }) {
  const trial = useMemo(() => signal(/** @type {{ says: T, of: string } | null} */ (null)), [name]);
  /** @param {F} fields */
  const triedOf = (fields) => (trial.value?.of === JSON.stringify(fields) ? trial.value : null);
  /** @param {F} fields @param {string} key @returns {Promise<{ says: T } | { got: D }>} */
  const ask = async (fields, key) => {
    const tried = triedOf(fields);
    if (!tried) return { says: await look(fields, key).catch(onlyTried) };
    return { got: await act(fields, key, tried.says).catch(moved) };
  };
  const form = useForm(name, empty, ask, (answer, fields) => {
    if ("got" in answer) return done(answer.got);
    trial.value = { says: answer.says, of: JSON.stringify(fields) };
  }, (fields) => !triedOf(fields)); // an act may have been sent before a reload: a trial is no answer to that
  /** @param {Error} failed @returns {never} */
  const moved = (failed) => {
    if (failed instanceof Refused && failed.kind === "StoryMoved") trial.value = null; // it has to be tried anew
    throw failed;
  };
  return { form, tried: triedOf(form.fields)?.says ?? null };
}

/** Of a trial that got no answer nothing can have been done. @param {Error} failed @returns {never} */
function onlyTried(failed) {
  throw failed instanceof NoAnswer ? new Error(`${failed.message} Nothing was done: try again.`) : failed;
}
