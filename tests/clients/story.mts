// What a customer and a dealers' system do, by the TypeScript client that `make clients` makes: typed, and told nothing
// that is not in the API's document. `node story.mjs URL` fails where it does not go as it should.

import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "../../build/clients/typescript/cryptodesk.js";

declare const process: { argv: string[] };
declare const console: { log(text: string): void };

type Problem = components["schemas"]["Problem"] | components["schemas"]["GatewayMessage"];

const url = process.argv[2]!;

function by(token: string): Client<paths> {
  return createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });
}

function expect<T>(told: T, wanted: T): void {
  if (told !== wanted) throw new Error(`expected ${JSON.stringify(wanted)}, and there is ${JSON.stringify(told)}`);
}

function done<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.data === undefined) throw new Error(`refused: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

async function outside(what: string, told: Record<string, unknown> = {}): Promise<void> {
  const answer = await fetch(`${url}/outside/${what}`, { method: "POST", body: JSON.stringify(told) });
  expect(answer.status, 200);
}

let keys = 0;
const fresh = () => ({ header: { "Idempotency-Key": `key-${keys++}` } });

async function customer(ann: Client<paths>): Promise<void> {
  expect(done(await ann.POST("/users")).username, "ann");
  const key = { header: { "Idempotency-Key": "d" } };
  for (let twice = 0; twice < 2; twice++) {
    const credited = await ann.POST("/balance/deposits", { params: key, body: { amount: "1000.00" } });
    expect(done(credited).amount, "1000.00");
  }
  expect(done(await ann.GET("/balance")).current_balance, "1000.00");
  await outside("allow", { username: "ann" });

  const two = { asset_id: "BTC", order_type: "BUY", quantity: "2" } as const;
  const bought = done(await ann.POST("/orders", { params: fresh(), body: two }));
  expect(bought.status, "COMPLETED");
  expect(bought.total_amount, "200.00");
  const refused = await ann.POST("/orders", { params: fresh(), body: { ...two, quantity: "20" } });
  const problem = refused.error as components["schemas"]["Problem"];
  expect(problem.type, "/problems/InsufficientFunds");

  const asked = { asset_id: "SOL", quote_amount: "50.00" };
  const purchase = done(await ann.POST("/purchases", { params: fresh(), body: asked }));
  await outside("wait");
  const ofPurchase = { params: { path: { order_id: purchase.order_id } } };
  expect(done(await ann.GET("/purchases/{order_id}", ofPurchase)).executed_quantity, "0.4995");
  const sale = done(await ann.POST("/sales", { params: fresh(), body: { asset_id: "SOL", quantity: "all" } }));
  await outside("wait");
  const ofSale = { params: { path: { order_id: sale.order_id } } };
  expect(done(await ann.GET("/sales/{order_id}", ofSale)).total_amount, "49.85");

  const clients = { crypto_client_id: "ann-crypto", banking_client_id: "ann-bank" };
  const half = { asset_id: "BTC", quantity: "0.5", estimated_amount: "50.00", ...clients };
  const cashOut = done(await ann.POST("/crypto/order/sell", { params: fresh(), body: half }));
  await outside("wait");
  const ofCashOut = { params: { path: { order_id: cashOut.order_id } } };
  expect(done(await ann.GET("/crypto/order/sell/{order_id}", ofCashOut)).status, "FILLED");
  expect(done(await ann.GET("/portfolio")).asset_balances[0]?.quantity, "1.5");

  const pair = done(await ann.GET("/market-making/pairs")).items[0]!.pair;
  const wanted = { pair, base_quantity: "0.1", quote_quantity: "5000" };
  const making = done(await ann.POST("/market-making/orders", { params: fresh(), body: wanted }));
  for (const { asset_id, quantity } of making.transfers) {
    await outside("pay", { asset_id, quantity, memo: making.memo });
  }
  await outside("wait", { minutes: 5 });
  const ofMaking = { params: { path: { order_id: making.order_id } } };
  expect(done(await ann.GET("/market-making/orders/{order_id}", ofMaking)).status, "created");
  expect(done(await ann.POST("/market-making/orders/{order_id}/stop", ofMaking)).status, "stopping");
  done(await ann.POST("/market-making/orders/{order_id}/withdraw", ofMaking));
}

async function dealer(cme: Client<paths>): Promise<void> {
  const address = "117997, Москва, ул. Вавилова, 19";
  const requisites = {
    kind: "COMPANY",
    name: "ООО «Автосалон»",
    inn: "7707083893",
    kpp: "773601001",
    ogrn: "1027700132195",
    legal_address: address,
    post_address: address,
    bank_name: "ПАО Сбербанк",
    bik: "044525225",
    account: "40702810938000000001",
    correspondent_account: "30101810400000000225",
  } as const;
  const offer = { offer_version: "2026-11", offer_accepted_at: "2026-11-20T12:00:00Z" };
  const registration = { cme_dealer_id: "cme-7", requisites, ...offer };
  expect(done(await cme.POST("/billing/dealers", { body: registration })).status, "REGISTERED");
  const deal = { deal_id: "deal", cme_dealer_id: "cme-7", price: "1000000.00" };
  expect(done(await cme.POST("/billing/deals", { body: deal })).commission, "25000.00");
  await outside("wait");
  const reward = { operation: "GET_REWARD", cme_dealer_id: "cme-7", deal_id: "deal" } as const;
  const { bill_id } = done(await cme.POST("/billing/bills", { body: reward }));
  await outside("pay-bill", { bill_id });
  const paid = done(await cme.GET("/billing/bills/{bill_id}", { params: { path: { bill_id } } }));
  expect(paid.status, "PAID");
  expect(paid.paid_sum, "25000.00");
  const month = { params: { path: { cme_dealer_id: "cme-7", month: "2026-11" } } };
  const csv = await cme.GET("/billing/dealers/{cme_dealer_id}/statements/{month}/csv", { ...month, parseAs: "text" });
  expect(done(csv).includes("25000.00"), true);
  const pdf = await cme.GET("/billing/dealers/{cme_dealer_id}/statements/{month}/pdf", { ...month, parseAs: "blob" });
  expect((await (done(pdf) as unknown as Blob).text()).startsWith("%PDF"), true);
}

await customer(by("ann"));
await dealer(by("cme"));
console.log("played");
