// @ts-check
// The console: who is signed in, which page that address is, and what is around every page.

import { render } from "./vendor/preact.js";
import { useEffect, useMemo } from "./vendor/preact-hooks.js";
import { signal } from "./vendor/signals.js";
import * as api from "./api.js";
import { Ended, Failed, SELDOM, useLive } from "./live.js";
import { docs, go, html, place, segment } from "./parts.js";
import * as session from "./session.js";

/** @typedef {import('./types').PoolName} PoolName */
/** @typedef {{ path: RegExp, title: string, of: PoolName, page: (parts: string[], query: URLSearchParams) => Promise<unknown> }} Page */

/** Each is loaded when it is asked for. @type {Page[]} */
const PAGES = [
  { path: /^\/work$/, title: "Work", of: "operators", page: async () => html`<${(await import("./pages/work.js")).Work} />` },
  { path: /^\/work\/([^/]+)$/, title: "Story", of: "operators", page: async ([id]) => html`<${(await import("./pages/story.js")).Story} id=${id} />` },
  { path: /^\/machines$/, title: "Machines", of: "operators", page: async () => html`<${(await import("./pages/lists.js")).Machines} />` },
  { path: /^\/machines\/([^/]+)$/, title: "Machine", of: "operators", page: async ([name]) => html`<${(await import("./pages/lists.js")).Executions} name=${name} />` },
  { path: /^\/find\/([^/]+)$/, title: "Found", of: "operators", page: async ([what]) => html`<${(await import("./pages/work.js")).Find} what=${what} />` },
  { path: /^\/approvals$/, title: "Approvals", of: "operators", page: async () => html`<${(await import("./pages/approvals.js")).Approvals} />` },
  { path: /^\/parked$/, title: "Parked", of: "operators", page: async () => html`<${(await import("./pages/parked.js")).Parked} />` },
  { path: /^\/halts$/, title: "Halts", of: "operators", page: async () => html`<${(await import("./pages/halts.js")).Halts} />` },
  { path: /^\/customers\/([^/]+)$/, title: "Customer", of: "operators", page: async ([username]) => html`<${(await import("./pages/customer.js")).Customer} username=${username} />` },
  { path: /^\/books$/, title: "Books", of: "operators", page: async () => html`<${(await import("./pages/books.js")).Books} />` },
  { path: /^\/audit$/, title: "Audit", of: "operators", page: async () => html`<${(await import("./pages/audit.js")).Audit} />` },
  { path: /^\/catalogue$/, title: "Catalogue", of: "operators", page: async () => html`<${(await import("./pages/catalogue.js")).Catalogue} />` },
  { path: /^\/catalogue\/([^/]+)$/, title: "Asset", of: "operators", page: async ([id]) => html`<${(await import("./pages/catalogue.js")).AssetRules} id=${id} />` },
  { path: /^\/pools$/, title: "Pools", of: "operators", page: async () => html`<${(await import("./pages/lists.js")).Pools} />` },
  { path: /^\/users$/, title: "Users", of: "operators", page: async () => html`<${(await import("./pages/lists.js")).Users} />` },
  { path: /^\/dealers$/, title: "Dealers", of: "operators", page: async () => html`<${(await import("./pages/lists.js")).Dealers} />` },
  { path: /^\/dealers\/([^/]+)$/, title: "Dealer", of: "operators", page: async ([id]) => html`<${(await import("./pages/lists.js")).DealersLife} id=${id} />` },
  { path: /^\/trading-accounts$/, title: "Trading accounts", of: "operators", page: async () => html`<${(await import("./pages/lists.js")).TradingAccounts} />` },
  { path: /^\/trading-accounts\/([^/]+)$/, title: "Trading account", of: "operators", page: async ([id]) => html`<${(await import("./pages/lists.js")).TradingAccount} id=${id} />` },
  { path: /^\/portfolio$/, title: "Portfolio", of: "customers", page: async () => html`<${(await import("./pages/portfolio.js")).Portfolio} />` },
  { path: /^\/orders$/, title: "Orders", of: "customers", page: async () => html`<${(await import("./pages/orders.js")).Orders} />` },
  { path: /^\/orders\/([^/]+)$/, title: "Order", of: "customers", page: async ([id]) => html`<${(await import("./pages/orders.js")).Order} id=${id} />` },
  { path: /^\/trade$/, title: "Trade", of: "customers", page: async (_, asked) => html`<${(await import("./pages/trade.js")).Trade} asset=${asked.get("asset")} />` },
  { path: /^\/trade\/([^/]+)$/, title: "Your price", of: "customers", page: async ([id], asked) => html`<${(await import("./pages/trade.js")).AtQuote} id=${id} asked=${asked} />` },
  { path: /^\/exchange$/, title: "At the exchange", of: "customers", page: async () => html`<${(await import("./pages/exchange.js")).Exchange} />` },
  { path: /^\/purchases\/([^/]+)$/, title: "Purchase", of: "customers", page: async ([id]) => html`<${(await import("./pages/exchange.js")).Purchase} id=${id} />` },
  { path: /^\/sales\/([^/]+)$/, title: "Sale", of: "customers", page: async ([id]) => html`<${(await import("./pages/exchange.js")).Sale} id=${id} />` },
  { path: /^\/cash-outs$/, title: "Cash-outs", of: "customers", page: async () => html`<${(await import("./pages/cash-out.js")).CashOuts} />` },
  { path: /^\/cash-outs\/new$/, title: "Cash out", of: "customers", page: async () => html`<${(await import("./pages/cash-out.js")).NewCashOut} />` },
  { path: /^\/cash-outs\/([^/]+)$/, title: "Cash-out", of: "customers", page: async ([id]) => html`<${(await import("./pages/cash-out.js")).CashOut} id=${id} />` },
  { path: /^\/withdrawals$/, title: "Withdrawals", of: "customers", page: async () => html`<${(await import("./pages/withdrawals.js")).Withdrawals} />` },
  { path: /^\/withdrawals\/([^/]+)$/, title: "Withdrawal", of: "customers", page: async ([id]) => html`<${(await import("./pages/withdrawals.js")).Withdrawal} id=${id} />` },
  { path: /^\/market-making$/, title: "Market making", of: "customers", page: async () => html`<${(await import("./pages/market-making.js")).MarketMaking} />` },
  { path: /^\/market-making\/new$/, title: "Make a market", of: "customers", page: async () => html`<${(await import("./pages/market-making-new.js")).NewOrder} />` },
  { path: /^\/market-making\/([^/]+)$/, title: "Market making", of: "customers", page: async ([id]) => html`<${(await import("./pages/market-making.js")).MarketMakingOrder} id=${id} />` },
  { path: /^\/market-making\/([^/]+)\/settings$/, title: "Settings", of: "customers", page: async ([id]) => html`<${(await import("./pages/market-making-new.js")).OtherSettings} id=${id} />` },
  { path: /^\/recurring$/, title: "Recurring buys", of: "customers", page: async () => html`<${(await import("./pages/recurring.js")).Recurring} />` },
  { path: /^\/recurring\/([^/]+)$/, title: "Recurring buy", of: "customers", page: async ([id]) => html`<${(await import("./pages/recurring.js")).Plan} id=${id} />` },
  { path: /^\/account$/, title: "Account", of: "customers", page: async () => html`<${(await import("./pages/account.js")).Account} />` },
  { path: /^\/statements$/, title: "Statements", of: "customers", page: async () => html`<${(await import("./pages/statements.js")).Statements} />` },
  { path: /^\/webhooks$/, title: "Webhooks", of: "customers", page: async () => html`<${(await import("./pages/webhooks.js")).Webhooks} />` },
  { path: /^\/webhooks\/([^/]+)$/, title: "Webhook", of: "customers", page: async ([id]) => html`<${(await import("./pages/webhooks.js")).Webhook} id=${id} />` },
  { path: /^\/billing\/([^/]+)$/, title: "Bills", of: "customers", page: async ([dealer]) => html`<${(await import("./pages/dealer.js")).Bills} dealer=${dealer} />` },
  { path: /^\/billing\/([^/]+)\/bills\/([^/]+)$/, title: "Bill", of: "customers", page: async ([dealer, id]) => html`<${(await import("./pages/dealer.js")).BillOf} dealer=${dealer} id=${id} />` },
  { path: /^\/billing\/([^/]+)\/accounts$/, title: "Accounts", of: "customers", page: async ([dealer]) => html`<${(await import("./pages/dealer.js")).Accounts} dealer=${dealer} />` },
  { path: /^\/billing\/([^/]+)\/statements$/, title: "Statements", of: "customers", page: async ([dealer]) => html`<${(await import("./pages/dealer.js")).Statements} dealer=${dealer} />` },
];

/** @type {Record<PoolName, [string, string][]>} */
const MENU = {
  operators: [["/work", "Work"], ["/machines", "Machines"], ["/approvals", "Approvals"], ["/parked", "Parked"], ["/halts", "Halts"], ["/books", "Books"], ["/audit", "Audit"], ["/catalogue", "Lists"]],
  customers: [["/portfolio", "Portfolio"], ["/trade", "Trade"], ["/exchange", "Exchange"], ["/orders", "Orders"], ["/cash-outs", "Cash-outs"], ["/withdrawals", "Withdrawals"], ["/market-making", "Market making"], ["/recurring", "Recurring buys"], ["/account", "Account"]],
};
const WHO = { operators: "an operator", customers: "a customer" };

const failed = signal(/** @type {Error | null} */ (null)); // why a sign-in or a sign-out failed

addEventListener("popstate", () => (place.value = location.pathname + location.search));
addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest?.("a[href^='/']");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(link.getAttribute("href") ?? "/");
});

function App() {
  const { pathname, searchParams } = new URL(place.value, location.origin);
  const who = session.person.value;
  const page = PAGES.find((each) => each.path.test(pathname));
  const parts = (page?.path.exec(pathname) ?? []).slice(1).map(decoded);
  const title = page?.title ?? "Cryptodesk";
  useEffect(() => void (document.title = page ? `${title} · Cryptodesk` : title), [title]);
  useEffect(() => scrollTo(0, 0), [pathname]);
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    ${who && html`<${Header} who=${who} pathname=${pathname} />`}
    <main class="container" id="main" tabindex="-1">
      <${Ended} />
      ${failed.value && html`<${Failed} error=${failed.value} again=${who ? undefined : () => location.reload()} />`}
      ${body(page, parts, searchParams)}
    </main>`;
}

/** @param {Page | undefined} page @param {string[]} parts @param {URLSearchParams} query */
function body(page, parts, query) {
  const who = session.person.value;
  if (!who) return html`<${SignIn} of=${page?.of} />`;
  if (!page) return html`<h1 tabindex="-1">Nothing is here</h1><p>No page has this address. <a href=${home(who)}>Go to the first page</a>.</p>`;
  if (page.of !== who.pool)
    return html`<h1 tabindex="-1">${page.title}</h1><p role="alert">You may not see this: it is for ${WHO[page.of]}, and you are
      signed in as ${WHO[who.pool]}. Sign out, and sign in as ${WHO[page.of]}.</p>`;
  return html`<${Drawn} key=${place.value} page=${() => page.page(parts, query)} title=${page.title} />`;
}

/** A page, once its module is loaded. @param {{ page: () => Promise<unknown>, title: string }} told */
function Drawn({ page, title }) {
  const drawn = useMemo(() => signal(/** @type {any} */ (null)), []);
  const failed = useMemo(() => signal(/** @type {Error | null} */ (null)), []);
  useEffect(() => {
    page().then((got) => (drawn.value = got), () => (failed.value = new Error("This page could not be loaded.")));
  }, []);
  useEffect(() => {
    if (drawn.value && arrived) /** @type {HTMLElement | null} */ (document.querySelector("main h1"))?.focus();
    if (drawn.value) arrived = true; // the first page takes no focus away
  }, [drawn.value]);
  if (failed.value) return html`<h1 tabindex="-1">${title}</h1><${Failed} error=${failed.value} again=${() => location.reload()} />`;
  return drawn.value ?? html`<p aria-busy="true">Loading …</p>`;
}

let arrived = false;

/** Links to the dealers whose bills he may see, as his groups say. @param {session.Person} who @returns {[string, string][]} */
function ofDealers({ pool, groups }) {
  const ids = pool === "customers" ? groups.filter((g) => g.startsWith("dealer-")).map((g) => g.slice("dealer-".length)) : [];
  return ids.toSorted().map((id) => [`/billing/${segment(id)}`, ids.length > 1 ? `Bills of ${id}` : "Bills"]);
}

/** @param {session.Person} who */
const home = (who) => [...ofDealers(who), ...MENU[who.pool]][0]?.[0] ?? "/";

/** @param {{ of?: PoolName }} told */
function SignIn({ of }) {
  const as = (/** @type {PoolName} */ pool) => () =>
    session.signIn(pool, of === pool ? location.pathname + location.search : "/");
  return html`<section class="welcome"><h1 tabindex="-1">Cryptodesk</h1>
    <p>${of ? `Sign in as ${WHO[of]} to see this page.` : "Sign in as a customer or as an operator."}</p>
    <div class="ways">
      <button class=${of === "operators" ? "outline" : undefined} onClick=${as("customers")}>Sign in as a customer</button>
      <button class=${of === "customers" ? "outline" : undefined} onClick=${as("operators")}>Sign in as an operator</button>
    </div></section>`;
}

/** @param {{ who: session.Person, pathname: string }} told */
function Header({ who, pathname }) {
  const out = () => session.signOut().catch((error) => (failed.value = error));
  return html`<header class="container">
    <nav aria-label="Main"><ul><li class="brand"><strong>Cryptodesk</strong></li>
      ${who.pool === "customers" ? html`<${CustomersLinks} who=${who} pathname=${pathname} />` : html`<${Links} of=${MENU[who.pool]} pathname=${pathname} />`}
      ${docs.value && html`<li><a href=${docs.value}>Docs</a></li>`}
    </ul><ul><li>${who.username}</li><li><button class="outline secondary" onClick=${out}>Sign out</button></li></ul></nav>
    ${who.pool === "operators" ? html`<${OperatorsBanner} />` : html`<${CustomersBanner} />`}
  </header>`;
}

/** @param {{ of: [string, string][], pathname: string }} told */
const Links = ({ of, pathname }) =>
  of.map(([to, says]) => html`<li><a href=${to} aria-current=${pathname === to ? "page" : pathname.startsWith(`${to}/`) ? "true" : undefined}>${says}</a></li>`);

const opened = signal(false); // an account of his has been seen

/** Who has no account yet can only open one: all else would be refused. A dealer's person need not have one, so none is asked
 * for while he is at the bills. @param {{ who: session.Person, pathname: string }} told */
function CustomersLinks({ who, pathname }) {
  const bills = ofDealers(who);
  const asks = !bills.length || !pathname.startsWith("/billing/");
  const { error } = useLive(async (stop) => {
    if (asks) opened.value = !!(await api.get("/me", { signal: stop }));
  }, asks ? SELDOM : undefined, [asks]).state.value;
  const none = bills.length ? !opened.value : error instanceof api.Refused && error.kind === "AccountNotFound";
  return html`<${Links} of=${[...bills, ...(none ? MENU.customers.slice(0, 1) : MENU.customers)]} pathname=${pathname} />`;
}

/** What is halted now. Where that can not be loaded, each page says what it could not do. */
function OperatorsBanner() {
  const halts = useLive((signal) => api.get("/operations/halts", { signal }), SELDOM).state.value.value?.items ?? [];
  return html`<div role="status">${halts.map((h) => html`<p class="halted"><strong>Halted:</strong> ${h.flow}${h.asset_id && ` of ${h.asset_id}`},
    by ${h.halted_by.join(", ")}: ${h.reason}</p>`)}</div>`;
}

function CustomersBanner() {
  const flows = useLive((signal) => api.get("/status", { signal }), SELDOM).state.value.value?.flows ?? [];
  return html`<div role="status">${flows.filter((f) => f.says).map((f) => html`<p class="halted"><strong>Halted:</strong> ${f.flow}${f.assets.length > 0 && ` of ${f.assets.join(", ")}`}: ${f.says}</p>`)}</div>`;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function begin() {
  const config = await (await fetch(new URL("config.json", import.meta.url))).json(); // beside this file, on AWS too
  api.begin(config.api);
  PAGES.find((each) => each.path.test(location.pathname))?.page([], new URLSearchParams()).catch(() => {}); // meanwhile
  docs.value = config.docs ? new URL(config.docs, location.origin).href : "";
  await session.begin(config);
  if (location.pathname === "/signed-in") {
    const told = new URLSearchParams(location.search);
    history.replaceState(null, "", "/"); // a code is nothing to come back to
    const to = await session.signedIn(told).catch((error) => ((failed.value = error), "/"));
    history.replaceState(null, "", to);
  }
  if (location.pathname === "/" && session.person.value) history.replaceState(null, "", home(session.person.value));
  place.value = location.pathname + location.search;
}

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
await begin().catch((error) => (failed.value = error));
app.replaceChildren();
render(html`<${App} />`, app);
