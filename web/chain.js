// @ts-check
// Is the audit as it was written? Verified as by `desk audit verify` (console/chain.py), from nothing but what the API's
// document says of entries and anchors.

/** @typedef {import('./types').Schemas} Schemas */
/** @typedef {Schemas['AuditEntryView']} Entry */
/** @typedef {Schemas['AuditAnchorView']} Anchor */

const POINT_BYTES = 32; // of P-256

/** JSON as Python writes it: nothing but ASCII. @param {string[]} texts */
const ascii = (texts) =>
  JSON.stringify(texts).replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** SHA-256 of an entry's seven texts, in hex. @param {Entry} e */
async function digestOf(e) {
  const texts = [`${e.number}`, e.previous, e.at, e.operator, e.action, e.subject, e.detail];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(ascii(texts)));
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/**
 * What breaks the chain, a sentence each. @param {Entry[]} entries in their order @param {Schemas['AuditHeadView']} head asked for before them
 * @param {Anchor[]} anchors
 */
export async function chainFaults(entries, head, anchors) {
  const faults = [];
  /** @type {Map<number, string>} */
  const digests = new Map([[0, ""]]);
  let expected = 1;
  for (const e of entries) {
    const own = await digestOf(e);
    if (e.number > expected)
      faults.push(`${e.number === expected + 1 ? `entry ${expected} is` : `entries ${expected} to ${e.number - 1} are`} missing before entry ${e.number}`);
    if (e.number < expected) faults.push(`entry ${e.number} is told after entry ${expected - 1}`);
    if (e.digest !== own) faults.push(`entry ${e.number} is not as it was written: its digest says ${e.digest}, and it has ${own}`);
    if (digests.has(e.number - 1) && e.previous !== digests.get(e.number - 1))
      faults.push(`entry ${e.number} does not follow entry ${e.number - 1} as that is now`);
    digests.set(e.number, own);
    expected = Math.max(expected, e.number + 1);
  }
  if (head.number && digests.get(head.number) !== head.digest)
    faults.push(`the head says that entry ${head.number} is the last one, with digest ${head.digest}: it is not`);
  const key = anchors.length ? await publicKey(head.public_key) : null;
  const byNumber = new Map([...digests].map(([number, digest]) => [`${number}`, digest]));
  for (const a of anchors) {
    if (!key || !(await isSigned(a, key))) faults.push(`the anchor of ${a.at || "no time"} is not signed: ${a.digest}`);
    else if (byNumber.get(a.number) !== a.digest)
      faults.push(`on ${a.at} entry ${a.number} was the last one, with digest ${a.digest}: it was changed since, or is missing`);
  }
  return faults;
}

/** @param {string} base64 */
const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** @param {string} told base64 of DER */
const publicKey = (told) =>
  crypto.subtle.importKey("spki", bytes(told), { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]).catch(() => null);

/** @param {Anchor} a @param {CryptoKey} key */
async function isSigned(a, key) {
  try {
    const said = new TextEncoder().encode(`${a.number} ${a.digest} ${a.at}`);
    return await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, ofDer(bytes(a.signature)), said);
  } catch {
    return false;
  }
}

/** A browser wants both numbers of a signature one after the other, and not as DER. @param {Uint8Array} der */
function ofDer(der) {
  const out = new Uint8Array(2 * POINT_BYTES);
  let at = 2; // behind SEQUENCE and its length, which is short
  if (der[0] !== 0x30 || der[1] !== der.length - 2) throw new TypeError("no signature");
  for (const half of [1, 2]) {
    const long = der[at + 1] ?? 0;
    const number = der.subarray(at + 2, at + 2 + long);
    const digits = number.subarray(Math.max(0, number.length - POINT_BYTES));
    if (der[at] !== 2 || number.length !== long) throw new TypeError("no signature");
    out.set(digits, half * POINT_BYTES - digits.length);
    at += 2 + long;
  }
  return out;
}
