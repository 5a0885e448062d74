// @ts-check
// Who is signed in. The pool's own page asks for the password; what comes back is a code, and the code is worth nothing
// without the verifier that never left this tab (PKCE, RFC 7636). The access token is in memory alone; the refresh token
// is this tab's, until it is closed.

import { signal } from "./vendor/signals.js";

/** @typedef {import('./types').PoolName} PoolName */
/** @typedef {{ pool: PoolName, username: string, groups: string[] }} Person */

/** Who is signed in here; null: nobody. */
export const person = signal(/** @type {Person | null} */ (null));
/** His session is over: he signs in once more, and what he has filled in is kept. */
export const ended = signal(false);

const BEFORE_SECONDS = 30; // a token is renewed this long before it ends, so that no request outlives its token
const KEPT = "session"; // in this tab's storage: { pool, refresh }
const ASKED = "signing-in"; // … while he is at the pool's page: { pool, verifier, state, to }
const DRAFTS = "draft:"; // … what is filled in and not answered: live.js

/** @type {import('./types').Config} */
let config;
/** @type {{ token: string, goodUntil: number } | null} `goodUntil` by `performance.now()`, since a wall clock may be set */
let access = null;
/** @type {Promise<void> | null} one renewal for all who find the token old */
let renewing = null;

/** There is no session, or the pool has ended it. */
export class SignedOut extends Error {}

/** Nobody knows whether it was done. */
export class NoAnswer extends Error {}

/** Throws NoAnswer: he may be signed in, which nobody can tell now. @param {import('./types').Config} told */
export async function begin(told) {
  config = told;
  if (!sessionStorage.getItem(KEPT)) return;
  await renew().catch((error) => {
    if (error instanceof NoAnswer) throw error;
  });
}

/** @returns {string} */
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** @param {Uint8Array} bytes */
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const back = () => `${location.origin}/signed-in`;

/**
 * To the pool's page, and back to where he wanted to go.
 * @param {PoolName} pool @param {string} to
 */
export async function signIn(pool, to) {
  const verifier = random();
  const state = random();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  sessionStorage.setItem(ASKED, JSON.stringify({ pool, verifier, state, to }));
  const asked = new URLSearchParams({
    response_type: "code",
    client_id: config.pools[pool].client_id,
    redirect_uri: back(),
    scope: "openid",
    state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  });
  location.assign(`${config.pools[pool].pages}/oauth2/authorize?${asked}`);
}

/**
 * What the pool's page has sent back, for tokens. Returns where he wanted to go.
 * @param {URLSearchParams} told @returns {Promise<string>}
 */
export async function signedIn(told) {
  const asked = JSON.parse(sessionStorage.getItem(ASKED) ?? "null");
  if (!asked || told.get("state") !== asked.state)
    throw new SignedOut("This is not the sign-in that this tab began. Sign in again.");
  sessionStorage.removeItem(ASKED); // once
  const code = told.get("code");
  if (!code) throw new SignedOut(told.get("error_description") ?? "The sign-in was cancelled. Sign in again.");
  const pool = config.pools[/** @type {PoolName} */ (asked.pool)];
  const answer = await reach(`${pool.pages}/oauth2/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: pool.client_id,
      redirect_uri: back(),
      code,
      code_verifier: asked.verifier,
    }),
  });
  const got = await answer.json();
  if (!answer.ok) throw new SignedOut("The sign-in took too long, or was used already. Sign in again.");
  keep(asked.pool, got.refresh_token, got.access_token, got.expires_in);
  return asked.to;
}

/** A token that is good for half a minute at least. @returns {Promise<string>} */
export async function token() {
  if (!access || performance.now() > access.goodUntil) await renew();
  if (!access) throw new SignedOut("You are signed out. Sign in again.");
  return access.token;
}

/** The desk does not take this token any more, whatever its time says. @param {string} refused */
export function distrust(refused) {
  if (access?.token === refused) access = null;
}

function renew() {
  renewing ??= renewed().finally(() => (renewing = null));
  return renewing;
}

async function renewed() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (!kept) throw over();
  const answer = await ask(kept.pool, "GetTokensFromRefreshToken", { RefreshToken: kept.refresh });
  if (answer.status >= 500 || answer.status === 429) throw new NoAnswer("The sign-in does not answer. Try again in a minute.");
  if (!answer.ok) throw over();
  const { AuthenticationResult: got } = await answer.json();
  keep(kept.pool, got.RefreshToken ?? kept.refresh, got.AccessToken, got.ExpiresIn); // rotated: the old one is spent
}

function over() {
  access = null;
  sessionStorage.removeItem(KEPT);
  ended.value = person.value !== null;
  return new SignedOut("Your sign-in has ended.");
}

/** Revoked first, then forgotten, then the pool's own page forgets him. Throws NoAnswer, and then nothing is forgotten. */
export async function signOut() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (kept) {
    const answer = await ask(kept.pool, "RevokeToken", { Token: kept.refresh }).catch(() => null);
    if (!answer || answer.status >= 500 || answer.status === 429)
      throw new NoAnswer("You are not signed out: the sign-in does not answer. Try again, or close this tab.");
  }
  const pool = /** @type {PoolName} */ (kept?.pool ?? person.value?.pool ?? "customers");
  const { pages, client_id } = config.pools[pool];
  access = null;
  person.value = null; // who comes back to this page by the browser's button sees nothing of his
  sessionStorage.clear();
  location.assign(`${pages}/logout?${new URLSearchParams({ client_id, logout_uri: `${location.origin}/` })}`);
}

/** @param {PoolName} pool @param {string} operation @param {Record<string, string>} body */
function ask(pool, operation, body) {
  const { tokens, client_id } = config.pools[pool];
  return reach(tokens, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-amz-json-1.1",
      "X-Amz-Target": `AWSCognitoIdentityProviderService.${operation}`,
    },
    body: JSON.stringify({ ClientId: client_id, ...body }),
  });
}

/** @param {string} url @param {RequestInit} how */
async function reach(url, how) {
  try {
    return await fetch(url, { ...how, signal: AbortSignal.timeout(10_000) });
  } catch {
    throw new NoAnswer("The sign-in does not answer. Is this machine online?");
  }
}

/** @param {PoolName} pool @param {string} refresh @param {string} token @param {number} seconds */
function keep(pool, refresh, token, seconds) {
  const part = token.split(".")[1] ?? "";
  const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const claims = JSON.parse(new TextDecoder().decode(bytes)); // only shown here: the desk checks the token itself
  access = { token, goodUntil: performance.now() + (seconds - BEFORE_SECONDS) * 1000 };
  sessionStorage.setItem(KEPT, JSON.stringify({ pool, refresh }));
  forgetDraftsOfOthers(`${pool}/${claims.username}`);
  person.value = { pool, username: claims.username, groups: claims["cognito:groups"] ?? [] };
  ended.value = false;
}

/** Another person at the same tab finds nothing filled in. @param {string} mine */
function forgetDraftsOfOthers(mine) {
  if (sessionStorage.getItem("drafts-of") !== mine)
    for (const name of Object.keys(sessionStorage)) if (name.startsWith(DRAFTS)) sessionStorage.removeItem(name);
  sessionStorage.setItem("drafts-of", mine);
}
