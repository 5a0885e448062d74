// @ts-check
// The desk's HTTP API, each route typed by its path. A refusal is thrown as Refused; where nobody knows
// whether something was done, NoAnswer is.

import { NoAnswer, distrust, token } from "./session.js";

/** @typedef {import('./types').Paths} Paths */
/** @typedef {import('./types').Method} Method */
/** @typedef {import('./types').Schemas} Schemas */
/** @template {Method} M @typedef {import('./types').PathsWith<M>} PathsWith */
/** @template {keyof Paths} P @template {Method} M @typedef {import('./types').Operation<P, M>} Operation */
/** @template O @typedef {import('./types').Answer<O>} Answer */
/** @template O @typedef {import('./types').Body<O>} Body */
/** @template O @typedef {import('./types').InPath<O>} InPath */
/** @template O @typedef {import('./types').InQuery<O>} InQuery */

const PATIENCE_SECONDS = 35; // longer than API Gateway's own
/** From 500 on it may have been done; but for these, by which the desk says that nothing is held or sold. */
const NOTHING_DONE = new Set(["Halted", "NoMarketPrice", "NoTradingKey", "PriceUnavailable", "SaleRefused"]);

let root = "/api";

/** @param {string} api */
export function begin(api) {
  root = api;
}

/** The desk says no. `kind` is the name of the refusal, such as InsufficientFunds; `retryAfter` in seconds. */
export class Refused extends Error {
  /** @param {number} status @param {Schemas['Problem'] | { message?: string } | null} told @param {Headers} headers */
  constructor(status, told, headers) {
    const problem = told && "type" in told ? told : null;
    const said = told && "message" in told ? told.message : null;
    super(problem?.detail ?? said ?? `The desk has refused this (${status}) and does not say why. Try again; if it stays so, tell the desk.`);
    this.status = status;
    this.kind = problem?.type.split("/").at(-1) ?? "";
    this.errors = problem?.errors ?? [];
    this.requestId = problem?.instance.split("/").at(-1) ?? headers.get("apigw-requestid");
    const after = Number.parseInt(headers.get("Retry-After") ?? "", 10);
    this.retryAfter = after > 0 ? after : null;
  }
}

/**
 * @template {PathsWith<'get'>} P
 * @param {P} path
 * @param {{ path?: InPath<Operation<P, 'get'>>, query?: InQuery<Operation<P, 'get'>>, signal?: AbortSignal }} [asked]
 * @returns {Promise<Answer<Operation<P, 'get'>>>}
 */
export const get = (path, { path: inPath, query, signal } = {}) =>
  request("GET", filled(path, inPath, query), { signal });

/**
 * A document, as it is: an address alone would open none, without the token.
 * @template {PathsWith<'get'>} P
 * @param {P} path @param {{ path: InPath<Operation<P, 'get'>> }} asked @returns {Promise<Blob>}
 */
export const file = (path, { path: inPath }) => request("GET", filled(path, inPath), { file: true });

/**
 * @template {PathsWith<'post'>} P
 * @param {P} path
 * @param {{ path?: InPath<Operation<P, 'post'>>, body?: Body<Operation<P, 'post'>>, key?: string }} asked
 * @returns {Promise<Answer<Operation<P, 'post'>>>}
 */
export const post = (path, { path: inPath, body, key }) => request("POST", filled(path, inPath), { body, key });

/**
 * @template {PathsWith<'patch'>} P
 * @param {P} path
 * @param {{ path: InPath<Operation<P, 'patch'>>, body: Body<Operation<P, 'patch'>> }} asked with the version that was read: once
 * @returns {Promise<Answer<Operation<P, 'patch'>>>}
 */
export const patch = (path, { path: inPath, body }) => request("PATCH", filled(path, inPath), { body });

/**
 * @template {PathsWith<'delete'>} P
 * @param {P} path @param {{ path: InPath<Operation<P, 'delete'>> }} asked
 * @returns {Promise<Answer<Operation<P, 'delete'>>>}
 */
export const del = (path, { path: inPath }) => request("DELETE", filled(path, inPath), {});

/**
 * An act as the desk has listed it, by method and path. All acts take a reason, and answer alike.
 * @param {string} route such as `POST /operations/work/S1/redrive`
 * @param {Schemas['OperatorAct'] & Record<string, unknown>} body @param {string} key
 * @returns {Promise<Schemas['OperatorOutcomeView']>}
 */
export function act(route, body, key) {
  const [method, path] = route.split(" ");
  if (!method || !path?.startsWith("/operations/")) throw new TypeError(`${route} is no act of an operator`);
  return request(method, path.split("/").map(encodeURIComponent).join("/"), { body, key });
}

/** @param {string} path @param {object} [inPath] @param {object} [query] */
function filled(path, inPath = {}, query = {}) {
  const parts = /** @type {Record<string, string>} */ (inPath);
  const whole = path.replace(/{(\w+)}/g, (_, name) => encodeURIComponent(parts[name] ?? ""));
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  return asked.length ? `${whole}?${new URLSearchParams(asked.map(([name, value]) => [name, `${value}`]))}` : whole;
}

/**
 * @param {string} method @param {string} path
 * @param {{ body?: unknown, key?: string, signal?: AbortSignal, file?: boolean }} how @returns {Promise<any>}
 */
async function request(method, path, how) {
  let refused = await once(method, path, how, await token());
  // A token can be refused before its time. The request is sent once more with the next one; by its key it counts once.
  if (refused instanceof Refused) refused = await once(method, path, how, await token());
  if (refused instanceof Refused) throw refused;
  return refused;
}

/**
 * Throws Refused; but returns it where the token is refused.
 * @param {string} method @param {string} path
 * @param {{ body?: unknown, key?: string, signal?: AbortSignal, file?: boolean }} how @param {string} bearer
 */
async function once(method, path, { body, key, signal, file }, bearer) {
  /** @type {Record<string, string>} */
  const headers = { Authorization: `Bearer ${bearer}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key !== undefined) headers["Idempotency-Key"] = key;
  const signals = [AbortSignal.timeout(PATIENCE_SECONDS * 1000), ...(signal ? [signal] : [])];
  let answer, told;
  try {
    answer = await fetch(root + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.any(signals),
    });
    if (file && answer.ok) return await answer.blob();
    told = await answer.text();
  } catch (failed) {
    if (signal?.aborted) throw failed;
    throw new NoAnswer("No answer came from the desk.");
  }
  const parsed = json(told);
  if (answer.ok && (parsed !== null || !told)) return parsed;
  const refused = new Refused(answer.status, parsed, answer.headers);
  if (method !== "GET" && (answer.ok || (answer.status >= 500 && !NOTHING_DONE.has(refused.kind))))
    throw new NoAnswer(answer.status === 503 && refused.kind ? refused.message : `No answer came from the desk (${answer.status}).`);
  if (answer.status !== 401 && refused.kind !== "TokenRefused") throw refused;
  distrust(bearer);
  return refused;
}

/** @param {string} text */
function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
