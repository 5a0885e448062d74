// @ts-check
// Lists for operators: machines, pools, users, dealers, trading accounts, pairs; and one dealer, and one trading account.

import { act, get } from "../api.js";
import { dollars, quantity, roubles } from "../amounts.js";
import { Acts, Became, Tried, useAct, useOutcome } from "../by-hand.js";
import { Loaded, Paged, SELDOM, useLive } from "../live.js";
import { Facts, Heading, Status, Table, When, html, place, segment, storyLink } from "../parts.js";

/** @typedef {import('../types').Schemas} Schemas */
/** @typedef {Schemas['OpenPoolView']} Pool */
/** @typedef {Schemas['UserView']} User */
/** @typedef {Schemas['OperatedDealerView']} Dealer */
/** @typedef {Schemas['OperatedBillView']} Bill */
/** @typedef {Schemas['TradingAccountView']} Account */
/** @typedef {Schemas['OperatorOutcomeView']} Outcome */
/** @typedef {Schemas['ListedMachineView']} Machine */
/** @typedef {Schemas['ListedExecutionView']} Execution */

const PAGE = 100;
const LISTS = [["/catalogue", "Catalogue"], ["/pools", "Pools"], ["/users", "Users"], ["/dealers", "Dealers"], ["/trading-accounts", "Trading accounts"]];

export const Lists = () => html`<nav class="lists" aria-label="Lists"><ul>${LISTS.map(
  ([to, says]) => html`<li><a href=${to} aria-current=${place.value === to ? "page" : undefined}>${says}</a></li>`,
)}</ul></nav>`;

export function Pools() {
  const live = useLive((signal) => get("/operations/pools", { signal }), SELDOM);
  return html`<${Heading}>Pools<//><${Lists} />
    <${Loaded} of=${live}>${(/** @type {Schemas['OpenPoolList']} */ { items }) => html`<p role="status">${items.length} open</p>
      <${Table} caption="Open pools, the next to close first" hidden rows=${items} id=${(/** @type {Pool} */ p) => p.id} columns=${POOLS}
        empty="No pool is open. Small purchases and sales that wait for others are listed here." />`}<//>`;
}

const POOLS = [
  { name: "Pool", of: (/** @type {Pool} */ p) => storyLink(p.id) },
  { name: "Of", of: (/** @type {Pool} */ p) => `${p.sells ? "sales" : "purchases"} of ${p.asset_id}` },
  { name: "Members", number: true, of: (/** @type {Pool} */ p) => `${p.members.length}` },
  { name: "In it", number: true, of: (/** @type {Pool} */ p) => (p.sells ? `${quantity(p.total)} ${p.asset_id}` : dollars(p.total)) },
  { name: "Worth", number: true, of: (/** @type {Pool} */ p) => dollars(p.worth) },
  { name: "Least there", number: true, of: (/** @type {Pool} */ p) => dollars(p.min_notional) },
  { name: "Closes (UTC)", of: (/** @type {Pool} */ p) => html`<${When} at=${p.due_at} />` },
];

/**
 * A list that goes on.
 * @param {{ title: string, caption: string, empty: string, load: import('../live.js').Load<any>, id: (row: any) => string, columns: import('../parts.js').Column<any>[] }} told
 */
const Listed = ({ title, caption, empty, load, id, columns }) => html`<${Heading}>${title}<//><${Lists} />
  <${Paged} load=${load} id=${id}>${(/** @type {any[]} */ items, /** @type {boolean} */ more) => html`
    <p role="status">${items.length} ${more ? "so far" : "in all"}</p>
    <${Table} caption=${caption} hidden rows=${items} id=${id} columns=${columns} empty=${more ? "None so far: there may be more." : empty} />`}<//>`;

export const Users = () => html`<${Listed} title="Users" caption="All accounts, newest first" empty="Nobody has an account yet."
  load=${(/** @type {string | undefined} */ cursor, /** @type {AbortSignal} */ signal) => get("/operations/users", { query: { limit: PAGE, cursor }, signal })}
  id=${(/** @type {User} */ u) => u.username} columns=${[
    { name: "User", of: (/** @type {User} */ u) => html`<a href=${`/customers/${segment(u.username)}`}>${u.username}</a>` },
    { name: "Since (UTC)", of: (/** @type {User} */ u) => html`<${When} at=${u.created_at} />` },
  ]} />`;

export const Dealers = () => html`<${Listed} title="Dealers" caption="All dealers, in no order" empty="No dealer has registered yet."
  load=${(/** @type {string | undefined} */ cursor, /** @type {AbortSignal} */ signal) => get("/operations/billing/dealers", { query: { limit: PAGE, cursor }, signal })}
  id=${(/** @type {Dealer} */ d) => d.dealer_id} columns=${[
    { name: "Dealer", of: (/** @type {Dealer} */ d) => html`<a href=${`/dealers/${segment(d.cme_dealer_id)}`}><code>${d.cme_dealer_id}</code></a>` },
    { name: "Status", of: (/** @type {Dealer} */ d) => html`<${Status} of=${d.status} />${d.needs_person && html` <mark>for a person</mark>`}` },
    { name: "Commission", number: true, of: (/** @type {Dealer} */ d) => `${d.commission_percent} %` },
    { name: "Why", of: (/** @type {Dealer} */ d) => d.reason ?? "–" },
    { name: "Since (UTC)", of: (/** @type {Dealer} */ d) => html`<${When} at=${d.created_at} />` },
  ]} />`;

const of = (/** @type {Bill} */ b) => b.bill_id;

/** @param {{ id: string }} told */
export function DealersLife({ id }) {
  const path = { dealer: id };
  const live = useLive((signal) => get("/operations/billing/dealers/{dealer}", { path, signal }), SELDOM, [id]);
  const bills = (/** @type {string | undefined} */ cursor, /** @type {AbortSignal} */ signal) => get("/operations/billing/dealers/{dealer}/bills", { path, query: { limit: PAGE, cursor }, signal });
  return html`<${Heading}>Dealer <code>${id}</code><//><p><a href="/dealers">All dealers</a></p>
    <${Loaded} of=${live}>${(/** @type {Schemas['DealerLifeView']} */ { dealer, accounts, events, waits_for }) => html`
      <${Facts} of=${[
        ["Status", html`<${Status} of=${dealer.status} />`],
        ["Waits for", html`${waits_for ?? "nothing"}${dealer.needs_person && html` <mark>for a person</mark>`}`],
        ["Commission", `${dealer.commission_percent} %`],
        ["Offer", dealer.offer_version],
        ["Requisites", dealer.forgotten_at ? html`forgotten since <${When} at=${dealer.forgotten_at} />` : `version ${dealer.requisites_version}`],
        ["Acts", html`<a href=${`/work/${segment(dealer.dealer_id)}`}>what may be done</a>`],
      ]} />
      <${Table} caption="Accounts" rows=${accounts} id=${(/** @type {Schemas['OperatedAccountView']} */ a) => a.type} columns=${ACCOUNTS} empty="No account is open yet." />
      <${Table} caption="What has become of it" rows=${events.toReversed()} id=${(/** @type {Schemas['MovedView']} */ e) => e.at + e.after} columns=${MOVES} empty="Nothing yet." />`}<//>
    <${Paged} load=${bills} id=${of} every=${SELDOM}>${(/** @type {Bill[]} */ items) => html`
      <${Table} caption="Bills, unpaid first" rows=${items} id=${of} columns=${BILLS} empty="Nothing was billed yet." />`}<//>`;
}

const ACCOUNTS = [
  { name: "Account", of: (/** @type {Schemas['OperatedAccountView']} */ a) => a.type },
  { name: "Status", of: (/** @type {Schemas['OperatedAccountView']} */ a) => html`<${Status} of=${a.status} />` },
  { name: "Contract", of: (/** @type {Schemas['OperatedAccountView']} */ a) => a.contract_number ?? a.contract_id ?? "–" },
  { name: "On it", number: true, of: (/** @type {Schemas['OperatedAccountView']} */ a) => roubles(a.current_balance) },
  { name: "Received", number: true, of: (/** @type {Schemas['OperatedAccountView']} */ a) => roubles(a.received) },
];
const MOVES = [
  { name: "At (UTC)", of: (/** @type {Schemas['MovedView']} */ e) => html`<${When} at=${e.at} />` },
  { name: "By", of: (/** @type {Schemas['MovedView']} */ e) => e.actor },
  { name: "Is", of: (/** @type {Schemas['MovedView']} */ e) => html`<${Status} of=${e.after} />` },
  { name: "Why", of: (/** @type {Schemas['MovedView']} */ e) => e.reason },
];
const BILLS = [
  { name: "Bill", of: (/** @type {Bill} */ b) => storyLink(b.bill_id) },
  { name: "Of", of: (/** @type {Bill} */ b) => `${b.account_type}, deal ${b.deal_id}` },
  { name: "Status", of: (/** @type {Bill} */ b) => html`<${Status} of=${b.status} />${b.overdue && html` <mark>overdue</mark>`}` },
  { name: "Sum", number: true, of: (/** @type {Bill} */ b) => roubles(b.common_sum) },
  { name: "Paid", number: true, of: (/** @type {Bill} */ b) => roubles(b.paid_sum) },
  { name: "Due", of: (/** @type {Bill} */ b) => b.due_on },
];

export function TradingAccounts() {
  const live = useLive((signal) => get("/operations/trading-accounts", { signal }), SELDOM);
  return html`<${Heading}>Trading accounts<//><${Lists} />
    <${Loaded} of=${live}>${(/** @type {Schemas['TradingAccountList']} */ { items }) => html`<p role="status">${items.length} in all</p>
      <${Table} caption="Market making's accounts at exchanges" hidden rows=${items} id=${(/** @type {Account} */ a) => a.account_id} columns=${TRADING}
        empty="There is none yet. Those that operators write are listed here." />`}<//>
    <${Pairs} />`;
}

/** Pairs that may be quoted. Their terms are written by the command line; here a pair is disabled or enabled. */
function Pairs() {
  const live = useLive((signal) => get("/operations/pairs", { signal }), SELDOM);
  return html`<${Loaded} of=${live}>${(/** @type {Schemas['OperatedPairList']} */ { items }) => html`
    <${Table} caption="Pairs that are quoted" rows=${items} id=${(/** @type {Pair} */ p) => p.pair_id} columns=${PAIRS}
      empty="There is none yet. Those that operators write are listed here." />
    ${items.map(({ enabled, fee_bps, ...p }) => html`<${Acts} key=${p.pair_id} again=${live.again} title=${`${p.pair} at ${p.exchange}`}
      story=${{ id: p.pair_id, acts: [{ command: enabled ? "disable" : "enable", route: `PUT /operations/pairs/${p.pair_id}`, asks: [], does: enabled ? "no order of it is opened any more" : "orders of it may be opened again" }] }}
      more=${{ ...p, pair_id: undefined, fee_bps: JSON.parse(fee_bps), enabled: !enabled }} />`)}`}<//>`;
}

/** @typedef {Schemas['OperatedPairView']} Pair */
const PAIRS = [
  { name: "Pair", of: (/** @type {Pair} */ p) => p.pair },
  { name: "Exchange", of: (/** @type {Pair} */ p) => p.exchange },
  { name: "Is", of: (/** @type {Pair} */ p) => html`<${Status} of=${p.enabled ? "ENABLED" : "NOT ENABLED"} />` },
  { name: "Least", number: true, of: (/** @type {Pair} */ p) => `${quantity(p.base_min)} / ${quantity(p.quote_min)}` },
  { name: "Fee, bps", number: true, of: (/** @type {Pair} */ p) => p.fee_bps },
];

const TRADING = [
  { name: "Account", of: (/** @type {Account} */ a) => html`<a href=${`/trading-accounts/${segment(a.account_id)}`}><code>${a.account_id}</code></a>` },
  { name: "Exchange", of: (/** @type {Account} */ a) => a.exchange },
  { name: "Is", of: (/** @type {Account} */ a) => html`<${Status} of=${a.enabled ? "ENABLED" : "NOT ENABLED"} />` },
  { name: "Orders", number: true, of: (/** @type {Account} */ a) => `${a.orders} of ${a.capacity}` },
  { name: "Shard", of: (/** @type {Account} */ a) => a.shard || "–" },
  { name: "Fees in", of: (/** @type {Account} */ a) => a.fee_coin || "what is received" },
];

/** @param {{ id: string }} told */
export function TradingAccount({ id }) {
  const live = useLive((signal) => get("/operations/trading-accounts", { signal }), undefined, [id]);
  const outcome = useOutcome([id]);
  const done = (/** @type {Outcome} */ got) => {
    outcome.value = got;
    live.again();
  };
  return html`<${Heading}>Trading account <code>${id}</code><//><p><a href="/trading-accounts">All trading accounts</a></p>
    <${Loaded} of=${live}>${(/** @type {Schemas['TradingAccountList']} */ { items }) => {
      const account = items.find((a) => a.account_id === id);
      if (!account) return html`<p class="empty">There is no such account.</p>`;
      return html`<${Facts} of=${TRADING.map((c) => [c.name, c.of(account)])} />
        <${Became} of=${outcome} />
        <${ChangeAccount} key=${JSON.stringify(account)} account=${account} done=${done} />
        <${Acts} again=${live.again} title="Halt it" story=${{ id, acts: [haltOf(id)] }} />`;
    }}<//>`;
}

/** @param {string} id @returns {Schemas['ActView']} */
const haltOf = (id) => ({ command: "mm halt", route: `POST /operations/trading-accounts/${id}/halt`, does: "all that is open there is cancelled; another operator lifts it", asks: [] });

/** @param {{ account: Account, done: (o: Outcome) => void }} told */
function ChangeAccount({ account, done }) {
  const before = { capacity: `${account.capacity}`, enabled: `${account.enabled}`, fee_coin: account.fee_coin ?? "" };
  const { form, tried } = useAct(`trading-account/${JSON.stringify(account)}`, { ...before, reason: "" }, (fields, key, how) =>
    act(`PUT /operations/trading-accounts/${account.account_id}`, {
      exchange: account.exchange, capacity: JSON.parse(fields.capacity), enabled: fields.enabled === "true", fee_coin: fields.fee_coin, reason: fields.reason, ...how,
    }, key), done);
  const changed = /** @type {const} */ ([["capacity", "Orders at once"], ["enabled", "Enabled"], ["fee_coin", "Fees in"]]).filter(([name]) => form.fields[name] !== before[name]);
  return html`<form class="act" onSubmit=${form.send} aria-label="Change it">
    <label>Orders at once <input name="capacity" required pattern="[0-9]+" inputmode="numeric" value=${form.fields.capacity} disabled=${form.unknown} onInput=${form.typed("capacity")} /></label>
    <label>Enabled <select name="enabled" disabled=${form.unknown} onInput=${form.typed("enabled")}>
      ${["true", "false"].map((v) => html`<option value=${v} selected=${form.fields.enabled === v}>${v === "true" ? "yes" : "no"}</option>`)}</select></label>
    <label>Fees in the coin (none: in what is received) <input name="fee_coin" pattern="[A-Z0-9]{0,20}" value=${form.fields.fee_coin} disabled=${form.unknown} onInput=${form.typed("fee_coin")} /></label>
    <${Table} caption="What changes" rows=${changed} id=${(/** @type {string[]} */ [name]) => name} empty="Nothing is changed yet." columns=${[
      { name: "What", of: (/** @type {string[]} */ [, says]) => says },
      { name: "Before", of: (/** @type {[keyof before, string]} */ [name]) => before[name] || "–" },
      { name: "After", of: (/** @type {[keyof before, string]} */ [name]) => form.fields[name] || "–" },
    ]} />
    <label>Reason <input name="reason" required minlength="3" maxlength="200" value=${form.fields.reason} disabled=${form.unknown} onInput=${form.typed("reason")} /></label>
    <${Tried} form=${form} tried=${tried} />
  </form>`;
}

export function Machines() {
  const live = useLive((signal) => get("/operations/machines", { signal }), SELDOM);
  return html`<${Heading}>Machines<//><${Loaded} of=${live}>${(/** @type {Schemas['MachineList']} */ { items }) => html`<${Table}
    caption="Machines, and how many executions each has" hidden rows=${items} empty="" id=${(/** @type {Machine} */ m) => m.name} columns=${[
      { name: "Machine", of: (/** @type {Machine} */ m) => html`<a href=${`/machines/${segment(m.name)}`}>${m.name}</a>` },
      { name: "Running", number: true, of: (/** @type {Machine} */ { running: r }) => `${r.at_least ? "at least " : ""}${r.number}` },
      { name: "Failed in 24 hours", number: true, of: (/** @type {Machine} */ { failed: f }) => `${f.at_least ? "at least " : ""}${f.number}` },
      { name: "Is for", of: (/** @type {Machine} */ m) => m.says },
    ]} />`}<//>`;
}

/** @param {{ name: string }} told */
export const Executions = ({ name }) => html`<${Heading}>Machine ${name}<//><p><a href="/machines">All machines</a></p>
  <${OfStatus} name=${name} status="RUNNING" says="Running" none="Nothing runs. What this machine moves is listed here." />
  <${OfStatus} name=${name} status="FAILED" says="Failed" none="None has failed in the last 90 days." />`;

/** @param {{ name: string, status: "RUNNING" | "FAILED", says: string, none: string }} told */
function OfStatus({ name: machine, status, says, none }) {
  const load = (/** @type {string | undefined} */ cursor, /** @type {AbortSignal} */ signal) =>
    get("/operations/machines/{machine}/executions", { path: { machine }, query: { status, cursor }, signal });
  const name = (/** @type {Execution} */ e) => e.name;
  return html`<section aria-label=${says}><h2>${says}</h2><${Paged} load=${load} id=${name} every=${SELDOM}>${(/** @type {Execution[]} */ items, /** @type {boolean} */ more) => html`
    <p role="status">${more ? `The newest ${items.length}: others began before` : `${items.length} in all`}</p>
    ${items.length > 0 && html`<${Facts} of=${byState(items)} />`}
    <${Table} caption=${`${says}, newest first`} hidden rows=${items} empty=${none} id=${name} columns=${[
      { name: "Execution", of: (/** @type {Execution} */ e) => html`<a href=${`/work/${segment(e.id)}`}><code>${e.name}</code></a>` },
      { name: "State", of: (/** @type {Execution} */ e) => e.state ?? "not known" },
      { name: "Since (UTC)", of: (/** @type {Execution} */ e) => html`<${When} at=${e.since} />` },
      { name: "Attempts", number: true, of: (/** @type {Execution} */ e) => `${e.attempt ?? "–"}` },
      { name: "Went wrong", of: (/** @type {Execution} */ e) => e.error ?? e.says ?? "–" },
    ]} />`}<//></section>`;
}

/** How many are in each state, and since when the oldest is there. @param {Execution[]} items @returns {[string, unknown][]} */
const byState = (items) => [...new Set(items.map((e) => e.state))].map((state) => {
  const since = items.filter((e) => e.state === state).map((e) => e.since ?? "").sort();
  return [state ?? "not known", html`${since.length}, the oldest since <${When} at=${since[0] || null} />`];
});
