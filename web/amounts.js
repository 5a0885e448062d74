// @ts-check
// Amounts are the texts that the desk tells. They are never numbers: what is computed here is computed with whole digits.

import { h } from "./vendor/preact.js";

const AMOUNT = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Sign, whole part and decimals. @param {string} text @returns {[string, string, string]} */
function parts(text) {
  const found = AMOUNT.exec(text);
  if (!found) throw new TypeError(`${text} is no amount`);
  return [found[1] ?? "", found[2] ?? "", found[3] ?? ""];
}

/** @param {string} whole */
const grouped = (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ",");

/** Dollars with their cents; more decimals where there are some, since a price has them. @param {string | null} text */
export function dollars(text) {
  if (text === null) return "–";
  const [sign, whole, decimals] = parts(text);
  return `${sign && "−"}$${grouped(whole)}.${decimals.padEnd(2, "0")}`;
}

/** Dollars to the cent, cut off and never rounded up. @param {string | null} text */
export function toTheCent(text) {
  if (text === null) return "–";
  const [sign, whole, decimals] = parts(text);
  return `${sign && "−"}$${grouped(whole)}.${decimals.padEnd(2, "0").slice(0, 2)}`;
}

/** The same; pointing at it, or coming there by keys, shows all its digits (app.css). @param {string | null} text */
export function cents(text) {
  const [all, cut] = [dollars(text), toTheCent(text)];
  return all === cut ? cut : h("span", { class: "cut", title: all, tabindex: 0 }, cut);
}

/** @param {string} text */
export function quantity(text) {
  const [sign, whole, decimals] = parts(text);
  return `${sign && "−"}${grouped(whole)}${decimals && `.${decimals}`}`;
}

/** What dealers pay. @param {string} text */
export const roubles = (text) => `${quantity(text)} ₽`;

/** @param {string | null} text */
export const isZero = (text) => text === null || /^-?[0.]+$/.test(text);

/** Of two amounts above nothing: is the one below the other? @param {string} one @param {string} other */
export function isBelow(one, other) {
  const [, whole, decimals] = parts(one);
  const [, least, small] = parts(other);
  const digits = Math.max(decimals.length, small.length);
  return BigInt(whole + decimals.padEnd(digits, "0")) < BigInt(least + small.padEnd(digits, "0"));
}

/** A part of a whole, from 0 to 1, in percent. @param {string} part */
export function percent(part) {
  const [sign, whole, decimals] = parts(part);
  const digits = decimals.padEnd(2, "0");
  return `${sign && "−"}${(whole + digits.slice(0, 2)).replace(/^0+(?=\d)/, "")}.${digits.slice(2, 4).padEnd(2, "0")} %`;
}

/**
 * What a person types: 1,000.50 is 1000.50; null, where it is no amount above nothing. A comma that many people write
 * for the point (0,25) is refused: it is taken only where it can be nothing but one between thousands. @param {string} typed
 */
export function typed(typed) {
  const bare = typed.trim().replace(/^\$/, "");
  const plain = /^[1-9]\d{0,2}((,\d{3})+\.\d+|(,\d{3}){2,})$/.test(bare) ? bare.replaceAll(",", "") : bare;
  const found = /^0*(\d{1,15})(\.\d{1,18})?$/.exec(plain);
  if (!found || isZero(plain)) return null;
  return `${found[1]}${found[2] ?? ""}`;
}

/** Price times quantity in dollars, rounded down to the cent. @param {string} price @param {string} of */
export function worth(price, of) {
  const [, whole, decimals] = parts(price);
  const [, much, small] = parts(of);
  const digits = (BigInt(whole + decimals) * BigInt(much + small)).toString().padStart(decimals.length + small.length + 3, "0");
  const point = digits.length - decimals.length - small.length;
  return `${digits.slice(0, point).replace(/^0+(?=\d)/, "")}.${digits.slice(point, point + 2).padEnd(2, "0")}`;
}
