// @ts-check
// What an order quotes by, as its owner fills it in: the parameters that most orders have, and all others as YAML, by
// hummingbot's names. A number in it stays the text that it is (YAML's failsafe schema knows no numbers).

import { html } from "./parts.js";

/** @typedef {Record<string, any>} Configuration */

/** Name, what it is, a hint. @type {[string, string, string][]} */
const USUAL = [
  ["bid_spread", "Buy below the mid price, in percent", "0.1"],
  ["ask_spread", "Sell above the mid price, in percent", "0.1"],
  ["order_amount", "Quantity of one quote, in the base asset", "0.01"],
  ["order_refresh_time", "Renew quotes after, in seconds", "30"],
  ["order_levels", "Quotes on each side (may be left out)", "1"],
  ["order_level_spread", "Between two levels, in percent (may be left out)", "0.05"],
  ["stop_at_volume", "Stop at this traded volume, in the quote asset (may be left out)", "100000"],
];
const NEEDED = 4; // of these, the first

/** The fields of an empty form. @returns {Record<string, string>} */
export const nothing = () => ({ ...Object.fromEntries(USUAL.map(([name]) => [name, ""])), others: "" });

/**
 * What is filled in, as the desk takes it. Throws an Error that says what is wrong with the YAML.
 * @param {Record<string, string>} fields @returns {Promise<Configuration>}
 */
export async function read(fields) {
  const given = USUAL.map(([name]) => [name, (fields[name] ?? "").trim()]).filter(([, value]) => value);
  return { ...(await parsed(fields["others"] ?? "")), ...Object.fromEntries(given) };
}

/** @param {Configuration} configuration @returns {Promise<Record<string, string>>} */
export async function written(configuration) {
  const { dump } = await import("./vendor/yaml.js");
  const others = Object.entries(configuration).filter(([name]) => !USUAL.some(([usual]) => usual === name));
  const usual = USUAL.map(([name]) => [name, `${configuration[name] ?? ""}`]);
  return { ...Object.fromEntries(usual), others: others.length ? dump(Object.fromEntries(others)) : "" };
}

/** @param {string} text @returns {Promise<Configuration>} */
async function parsed(text) {
  if (!text.trim()) return {};
  const { load, FAILSAFE_SCHEMA } = await import("./vendor/yaml.js");
  /** @type {any} */
  let told;
  try {
    told = load(text, { schema: FAILSAFE_SCHEMA });
  } catch (failed) {
    throw new Error(`This is no YAML: ${/** @type {any} */ (failed).reason ?? "it can not be read"}. Each line is a name, a colon and a value.`);
  }
  if (told === null || typeof told !== "object" || Array.isArray(told)) throw new Error("Write each line of the YAML as a name, a colon and a value.");
  return told;
}

/** @param {{ form: import('./live.js').Form<any, any> }} told */
export function Settings({ form }) {
  const wrong = Object.fromEntries((/** @type {any} */ (form.error)?.errors ?? []).map((/** @type {any} */ e) => [e.where, e.what]));
  const chosen = async (/** @type {Event} */ event) => {
    const [file] = /** @type {HTMLInputElement} */ (event.target).files ?? [];
    if (!file) return;
    try {
      form.set(await written(await parsed(await file.text())));
    } catch (failed) {
      form.set({ others: `# ${file.name}: ${/** @type {Error} */ (failed).message}\n` });
    }
  };
  return html`
    <label>From a file of hummingbot (pure_market_making) <input type="file" accept=".yml,.yaml" onChange=${chosen} /></label>
    <div class="pairs">${USUAL.map(([name, says, hint], n) => html`<label key=${name}>${says}
      <input name=${name} inputmode="decimal" autocomplete="off" required=${n < NEEDED && !form.fields.others} placeholder=${hint} value=${form.fields[name]}
        aria-invalid=${wrong[name] ? "true" : undefined} onInput=${form.typed(name)} />${wrong[name] && html`<small>${wrong[name]}</small>`}</label>`)}</div>
    <label>All others, as YAML (may be left out)
      <textarea name="others" rows="3" spellcheck=${false} value=${form.fields.others} onInput=${form.typed("others")}></textarea></label>`;
}
