"""What every route answers when all is well, held against the committed OpenAPI document."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pytest

from common import keys
from common.domain.catalogue.model import ESTIMATE_BAND_BPS, FILL_BAND_BPS, POOL_DEADLINE_SECONDS, SLIPPAGE_MAX_BPS
from infra.contexts import Route
from sandbox.bank.webhooks import body_of
from tests import openapi
from tests.calls import APART, CALLS, HERE, OPERATIONS, PARKED, World, called, entitled, every_route, named, path
from tests.depth import sampled
from tests.doors import Doors, opened

pytestmark = APART


@pytest.fixture
def world() -> Iterator[World]:
    world = World.kept()
    yield world
    world.desk.check()


@pytest.fixture
def doors(world: World) -> Iterator[Doors]:
    with opened(world.desk, openapi.check) as doors:
        yield doors


def test_every_route_has_its_good_request() -> None:
    assert sorted(CALLS) == every_route()


@pytest.mark.parametrize(
    "route", [pytest.param(r, id=named(r), marks=HERE if r.method == "GET" else ()) for r in every_route()]
)
def test_a_good_request_is_answered_as_the_document_says(doors: Doors, world: World, route: Route) -> None:
    before = world.desk.dynamo.items()
    answer = called(doors, world, route, entitled(doors, route).token)
    assert answer.status == CALLS[route].status
    assert answer.headers["cache-control"] == "no-store", "a browser that others use keeps nothing of it"
    assert not answer.replayed or route.path == "/users"
    assert route.method != "GET" or world.desk.dynamo.items() == before, "who only looks changes nothing"


KEYED = [route for route in every_route() if route in openapi.parameters("header", "Idempotency-Key", required=True)]
# What is proposed under the bank's reference may be proposed anew, and otherwise: one of them is confirmed, once.
KEYED.remove(Route("POST", "/operations/users/{username}/deposits"))


@sampled(6)
@pytest.mark.parametrize("route", KEYED, ids=named)
def test_the_same_key_gets_the_first_answer_again_for_ever(doors: Doors, world: World, route: Route) -> None:
    who, call = entitled(doors, route), CALLS[route]
    assert call.body is not None
    at = path(route, world)
    first = who.send(route.method, at, call.body, key="k")
    before = world.desk.dynamo.items()
    world.desk.clock.forward(days=400)
    again = who.send(route.method, at, call.body, key="k")
    assert (first.status, first.replayed) == (call.status, False)
    assert (again.status, again.replayed) == (call.status, True)
    if route.path.startswith(OPERATIONS):  # an operator is told that it is so already
        assert {name: again.json[name] for name in ("id", "after", "done")} == {
            "id": first.json["id"],
            "after": first.json["after"],
            "done": False,
        }
    else:
        assert again.json == first.json
    assert world.desk.dynamo.items() == before


OTHER_TERMS = {
    "account_id": "acc-3",
    "amount": "1.25",
    "asset_id": "AI",
    "banking_client_id": "ann-other",
    "base_quantity": "0.2",
    "crypto_client_id": "ann-other",
    "estimated_amount": "10.01",
    "every": "monthly",
    "kind": "CRYPTO",
    "order_type": "SELL",
    "pair": "ETH-USDT",
    "price": "800000.00",
    "quantity": "0.25",
    "quote_quantity": "6000",
    "reason": "another wire",
    "url": "https://hooks.example.com/third",
}


@sampled(6)
@pytest.mark.parametrize("route", KEYED, ids=named)
def test_the_same_key_with_other_terms_is_a_conflict_whichever_term_it_is(
    doors: Doors, world: World, route: Route
) -> None:
    who, call = entitled(doors, route), CALLS[route]
    assert call.body is not None
    at = path(route, world)
    assert who.send(route.method, at, call.body, key="k").status == call.status
    before = world.desk.dynamo.items()
    for name in call.body:
        other = who.send(route.method, at, {**call.body, name: OTHER_TERMS[name]}, key="k")
        assert (other.status, other.text) == (409, other.text)
        assert other.problem == "IdempotencyKeyReused"
    assert world.desk.dynamo.items() == before


def examples() -> list[Any]:
    return [
        pytest.param(Route(method.upper(), path), example["value"], id=f"{told['operationId']}: {title}")
        for path, operations in openapi.DOCUMENT["paths"].items()
        for method, told in operations.items()
        for title, example in told.get("requestBody", {})
        .get("content", {})
        .get("application/json", {})
        .get("examples", {})
        .items()
    ]


@sampled(2)
@pytest.mark.parametrize(("route", "body"), examples())
def test_the_examples_of_the_document_work(doors: Doors, world: World, route: Route, body: dict[str, Any]) -> None:
    world.desk.list_asset("BTC", "30000")
    answer = entitled(doors, route).send(route.method, path(route, world), body)
    assert answer.status < 300, answer.text


class TestAccounts:
    def test_opening_is_201_once_and_200_for_ever_after(self, doors: Doors) -> None:
        carl = doors.customer("carl")
        first, again = carl.post("/users"), carl.post("/users")
        assert (first.status, first.replayed) == (201, False)
        assert (again.status, again.replayed, again.json) == (200, True, first.json)
        me = carl.get("/me").json
        assert {name: first.json[name] for name in ("username", "created_at")} == {
            "username": "carl",
            "created_at": me["created_at"],
        }
        assert [limit["left"] for limit in me["limits"]] == [limit["limit"] for limit in me["limits"]] != []
        assert carl.get("/balance").json["current_balance"] == "0.00"

    def test_a_withdrawal_is_held_until_the_bank_has_paid_it(self, doors: Doors, world: World) -> None:
        ann = doors.customer()
        held, free = (ann.get("/balance").json[name] for name in ("held_balance", "current_balance"))
        asked = {"amount": "100.00", "banking_client_id": "ann-bank"}
        made = ann.post("/balance/withdrawals", asked)
        assert (made.status, made.json["status"], made.json["reason"]) == (202, "PENDING", None)
        assert {name: made.json[name] for name in asked} == asked
        one = f"/balance/withdrawals/{made.json['transfer_id']}"
        assert ann.get(one).json == made.json
        assert Decimal(ann.get("/balance").json["held_balance"]) == Decimal(held) + 100
        world.desk.run(until=lambda: ann.get(one).json["status"] != "PENDING")
        assert ann.get(one).json["status"] == "COMPLETED"
        assert Decimal(ann.get("/balance").json["current_balance"]) == Decimal(free) - 100
        newest = ann.get("/balance/transactions").json["items"]
        assert ("WITHDRAW", "100.00") in [(line["transaction_type"], line["amount"]) for line in newest]


class TestCashOuts:
    ASKED: Mapping[str, str] = {
        "asset_id": "BTC",
        "quantity": "0.1",
        "estimated_amount": "10.00",
        "crypto_client_id": "ann-crypto",
        "banking_client_id": "ann-bank",
    }
    UNSOLD = dict.fromkeys(("executed_quantity", "gross_amount", "fee_amount", "total_amount", "reason", "resolved_at"))

    def test_coins_are_sold_and_the_bank_pays_the_dollars(self, doors: Doors, world: World) -> None:
        ann = doors.customer()
        free, coins = ann.get("/balance").json["current_balance"], ann.get("/balances/BTC").json
        made = ann.post("/crypto/order/sell", self.ASKED)
        first = {**self.ASKED, **self.UNSOLD, "order_type": "SELL", "status": "BASE_TXN_PENDING", "payout_attempts": 0}
        assert made.json.items() >= first.items()
        assert Decimal(made.json["limit_price"]) < 100
        one = f"/crypto/order/sell/{made.json['order_id']}"
        assert ann.get(one).json == made.json
        assert ann.get("/crypto/order/sell", limit=1).json["items"] == [made.json]
        held = ann.get("/balances/BTC").json
        assert Decimal(held["held_quantity"]) == Decimal(coins["held_quantity"]) + Decimal("0.1")

        world.desk.world.machines.run()  # sold, and the dollars sent to the bank
        sold = ann.get(one).json
        assert (sold["status"], sold["executed_quantity"], sold["payout_attempts"]) == ("TARGET_TXN_PENDING", "0.1", 1)
        gross, fee, total = (Decimal(sold[name]) for name in ("gross_amount", "fee_amount", "total_amount"))
        assert (gross, total) == (Decimal(10), (gross - fee).quantize(Decimal("0.01"), ROUND_FLOOR))
        bank, reference = world.desk.world.simulated, f"{sold['order_id']}-01"
        world.desk.clock.forward(seconds=5)
        bank.settle()
        event = bank.event_of(reference)
        told = body_of(event, bank.record(reference).resource())
        assert doors.bank(told, event_id=event.event_id).json == {"taken": "APPLIED"}
        assert doors.bank(told, event_id=event.event_id).json == {"taken": "REPEATED"}
        assert doors.bank(told, event_id="evt_another").json == {"taken": "AGREES"}
        moved = {"status": "FILLED", "updated_at": ann.get(one).json["updated_at"], "expected_by": None}
        assert ann.get(one).json == {**sold, **moved}
        assert ann.get("/balance").json["current_balance"] == free
        newest = ann.get("/balance/transactions").json["items"][0]
        assert (newest["transaction_type"], newest["amount"]) == ("WITHDRAW", sold["total_amount"])

    def test_everything_is_asked_for_by_one_word(self, doors: Doors, world: World) -> None:
        """Whatever is free of it, without an estimate: the desk tells its own."""
        ann = doors.customer()
        free = ann.get("/balances/BTC").json["quantity"]
        everything = {name: told for name, told in self.ASKED.items() if name != "estimated_amount"} | {
            "quantity": "all"
        }
        made = ann.post("/crypto/order/sell", everything).json
        worth = f"{Decimal(free) * 100:.2f}"
        assert (made["all"], made["quantity"], made["estimated_amount"]) == (True, free, worth)
        assert (made["desk_quantity"], made["returned_quantity"]) == (None, None)
        world.desk.world.machines.run()
        sold = ann.get(f"/crypto/order/sell/{made['order_id']}").json
        assert (sold["executed_quantity"], sold["returned_quantity"]) == (free, "0")
        assert ann.get("/balances/BTC").json["quantity"] == "0"

    def test_a_quantity_is_asked_for_with_an_estimate(self, doors: Doors) -> None:
        ann = doors.customer()
        told = ann.post("/crypto/order/sell", {n: t for n, t in self.ASKED.items() if n != "estimated_amount"})
        assert (told.status, told.problem) == (422, "ContradictoryTerms")

    def test_are_listed_among_all_orders_with_the_route_that_tells_the_rest(self, doors: Doors, world: World) -> None:
        ann = doors.customer()
        listed = {order["order_id"]: order for order in ann.every("/orders", limit=2)}
        assert set(world.ids) - {world.quote, world.withdrawal, world.paying, world.batch, *world.plans} < set(listed)
        for order in listed.values():
            told = ann.send(*order["route"].split(" ")).json
            shared = order.keys() & told.keys()
            assert {"order_id", "asset_id", "order_type", "quantity", "status", "created_at", "reason"} <= shared
            assert {name: order[name] for name in shared} == {name: told[name] for name in shared}
        statuses = {listed[order_id]["status"] for order_id in (world.cashed_out, world.unsold, world.unpaid)}
        assert statuses == {"FILLED", "BASE_TXN_PENDING", "SELL_PAYOUT_FAILED"}
        of_btc = {order["order_id"] for order in ann.every("/orders", asset_id="BTC")}
        assert of_btc == {order_id for order_id, order in listed.items() if order["asset_id"] == "BTC"}

    def test_are_not_cancelled_with_the_orders_of_the_book(self, doors: Doors, world: World) -> None:
        ann = doors.customer()
        cancelled = ann.post("/orders/cancel-all").json["items"]
        assert {order["order_id"] for order in cancelled} == {world.pending, world.sale}
        assert ann.get(f"/crypto/order/sell/{world.unsold}").json["status"] == "BASE_TXN_PENDING"


class TestOrders:
    def test_an_order_at_the_market_is_done_in_its_request(self, doors: Doors) -> None:
        ann = doors.customer()
        done = ann.post("/orders", {"asset_id": "AI", "order_type": "BUY", "quote_amount": "50.00"})
        assert done.status == 201
        assert {name: done.json[name] for name in ("status", "quantity", "total_amount", "price_per_unit")} == {
            "status": "COMPLETED",
            "quantity": "5",
            "total_amount": "50.00",
            "price_per_unit": "10",
        }
        assert ann.get(f"/orders/{done.json['order_id']}").json == done.json
        route = f"GET /orders/{done.json['order_id']}"
        also = {"executed_quantity": "5", "fee_amount": "0.00", "fee_quantity": None, "route": route}
        told = {name: value for name, value in done.json.items() if name not in ("quote_id", "fee_bps")}
        assert ann.get("/orders", limit=1).json["items"] == [{**told, **also}]

    def test_an_order_at_a_limit_is_filled_by_the_market_and_told(self, doors: Doors, world: World) -> None:
        ann = doors.customer()
        asked = {"asset_id": "BTC", "order_type": "BUY", "quantity": "1", "order_price": "95.00"}
        placed = ann.post("/orders", asked)
        assert (placed.status, placed.json["status"], placed.json["held_amount"]) == (201, "PENDING", "95.00")
        world.desk.mark("BTC", "94")
        world.desk.match()
        filled = ann.get(f"/orders/{placed.json['order_id']}").json
        assert (filled["status"], filled["total_amount"], filled["held_amount"]) == ("COMPLETED", "94.00", None)
        life = doors.operator().get(f"/operations/work/{placed.json['order_id']}").json["events"]
        assert [(event["before"], event["after"]) for event in life] == [(None, "PENDING"), ("PENDING", "COMPLETED")]

    def test_a_cancelled_order_says_so_again_and_a_done_one_can_not_be_cancelled(
        self, doors: Doors, world: World
    ) -> None:
        ann = doors.customer()
        first, again = (ann.post(f"/orders/{world.pending}/cancel") for _ in range(2))
        assert (first.status, first.replayed, first.json["status"]) == (200, False, "CANCELLED")
        assert (again.status, again.replayed, again.json) == (200, True, first.json)
        assert ann.post(f"/orders/{world.bought}/cancel").problem == "OrderNotPending"

    def test_cancel_all_tells_what_it_cancelled(self, doors: Doors, world: World) -> None:
        ann = doors.customer()
        other = ann.post("/orders/cancel-all", asset_id="AI").json
        assert other == {"items": [], "cursor": None}
        done = ann.post("/orders/cancel-all").json
        assert {order["order_id"] for order in done["items"]} == {world.pending, world.sale}
        assert {order["status"] for order in done["items"]} == {"CANCELLED"}
        pending = ann.get("/orders", status="PENDING").json["items"]
        assert {order["route"].partition("/")[2].partition("/")[0] for order in pending} == {"purchases", "sales"}


class TestHoldings:
    def test_the_portfolio_adds_up(self, doors: Doors) -> None:
        ann = doors.customer()
        told = ann.get("/portfolio").json
        assert (told["total_asset_value"], told["asset_count"], told["complete"]) == ("155.00", 3, True)
        assert [p["asset_id"] for p in told["asset_balances"]] == ["AI", "BTC", "SOL"]
        btc = ann.get("/balances/BTC").json
        assert (btc["quantity"], btc["held_quantity"], btc["cost_basis"]) == ("0.4445", "0.3055", "75.00")
        assert btc in ann.get("/balances").json["items"]

    def test_a_price_that_is_old_is_said_to_be(self, doors: Doors, world: World) -> None:
        world.desk.clock.forward(hours=1)
        told = doors.customer().get("/portfolio").json
        assert not told["complete"]
        assert {p["price_status"] for p in told["asset_balances"]} == {"STALE"}
        assert doors.customer().get("/assets/BTC").json["price_status"] == "STALE"

    def test_a_price_that_has_jumped_is_told_and_not_traded_on(self, doors: Doors) -> None:
        ann, olga = doors.customer(), doors.operator()
        told = ann.get("/assets/ETH").json
        assert (told["price"], told["price_status"], told["unconfirmed_price"]) == ("100", "STALE", "75.25")
        assert ann.get("/assets/BTC").json["unconfirmed_price"] is None
        asked = {"asset_id": "ETH", "order_type": "BUY", "quantity": "1"}
        refused = ann.post("/orders", asked)
        assert (refused.status, refused.problem, refused.headers["retry-after"]) == (503, "PriceUnavailable", "60")
        (stopped,) = olga.get("/operations/prices").json["items"]
        assert (stopped["asset_id"], stopped["price"], stopped["unconfirmed_price"]) == ("ETH", "100", "75.25")
        (act,) = stopped["acts"]
        assert (act["command"], act["route"], act["asks"]) == (
            "prices confirm",
            "POST /operations/prices/ETH/confirm",
            ["price"],
        )
        body = {"price": "75.25", "reason": "seen elsewhere"}
        assert doors.confirmed(olga.post("/operations/prices/ETH/confirm", body)).json["after"] == "CONFIRMED"
        assert olga.get("/operations/prices").json["items"] == []

    def test_the_trades_of_one_asset_are_its_own_newest_first(self, doors: Doors) -> None:
        told = doors.customer().get("/assets/BTC/transactions").json["items"]
        trades = [(line["transaction_type"], line["quantity"]) for line in told]
        sales = [("SELL", quantity) for quantity in ("0.2", "0.1", "0.2", "0.25", "0.5")]
        assert trades == [*sales, ("BUY", "2")]
        *_, cashed_out, sold, bought = told
        assert (sold["cost"], sold["realised_gain"], bought["cost"]) == ("50.00", "0.00", None)
        assert (cashed_out["cost"], cashed_out["price_per_unit"]) == ("25.00", "100")  # and the fee is a loss
        assert Decimal(cashed_out["realised_gain"]) == Decimal(cashed_out["total_amount"]) - 25 < 0


class TestOperators:
    def test_an_asset_that_is_saved_is_in_the_catalogue_five_seconds_later(self, doors: Doors, world: World) -> None:
        olga, ann = doors.operator(), doors.customer()
        body = CALLS[Route("PUT", "/operations/catalogue/{asset_id}")].body
        assert body is not None
        assert ann.get("/assets/DOGE").problem == "AssetNotFound"
        saved = doors.confirmed(olga.put("/operations/catalogue/DOGE", body))
        defaults = {
            "estimate_band_bps": ESTIMATE_BAND_BPS,
            "slippage_max_bps": SLIPPAGE_MAX_BPS,
            "fill_band_bps": FILL_BAND_BPS,
            "pool_shards": 1,
            "pool_deadline_seconds": POOL_DEADLINE_SECONDS,
            "pool_top_up": False,
            "exchange_symbol": "DOGE",
            "min_pooled": "1.00",
            "desk_buys_max": "100.00",
            "spread_bps": 0,
            "fees_bps": "none",
            "price_step": "0.000000000000000001",
        }
        assert (saved.json["before"], saved.json["after"]) == ("PROPOSED", "CONFIRMED")
        rules = {"asset_id": "DOGE", **defaults, **body}
        del rules["reason"]
        said = saved.json["says"].removeprefix("is new: ").split(", ")
        assert sorted(said) == sorted(f"{name} {rule}" for name, rule in rules.items())
        world.desk.clock.forward(seconds=5)
        listed = ann.get("/assets/DOGE").json
        assert (listed["price"], listed["price_status"]) == (None, "MISSING")
        assert listed in ann.get("/assets").json["items"]

    def test_what_waits_is_listed_longest_overdue_first(self, doors: Doors, world: World) -> None:
        olga = doors.operator()
        waiting = olga.get("/operations/work", limit=100).json["items"]
        assert {world.pending, world.sale, world.withdrawal} < {item["id"] for item in waiting}
        assert [item["due_at"] for item in waiting] == sorted(item["due_at"] for item in waiting)
        assert {item["context"] for item in waiting} == {*keys.BACKLOGS} - {
            keys.RECONCILIATION.backlog
        }  # books balance
        for_people = olga.get("/operations/work", overdue="true", limit=100).json["items"]
        assert {item["id"] for item in for_people} == {
            *(world.unpaid, PARKED, world.proposal, world.overdue, world.large, world.stray),
            *(world.failed, world.crediting, world.returning, world.held_up, world.payable, world.parked, world.came),
            *(world.refused, world.doubted, world.late, world.tie, world.untaken, world.halt, world.payment),
            *(world.short, world.total, world.reminder, world.refund, world.poison, world.held),
            *(world.asked, world.telling),
        }
        world.desk.clock.forward(days=2)
        late = olga.get("/operations/work", overdue="true", context="accounts").json["items"]
        assert {item["id"]: item["overdue"] for item in late} == {world.withdrawal: True, world.paying: True}


ACTS = [route for route in every_route() if route.path.startswith(OPERATIONS) and route.method != "GET"]
COMPARED = [*(f"/operations/compare/{of}" for of in ("bank", "billing", "custody", "exchange")), "/operations/desk"]
for looks in ("/operations/reconcile", *COMPARED):
    ACTS.remove(Route("POST", looks))
REPLAY = Route("POST", "/operations/parked/{webhook_id}/replay")
LIFT = Route("POST", "/operations/flows/{flow}/lift")  # in this world there is nothing that this operator may lift


@sampled(6)
@pytest.mark.parametrize("route", [route for route in ACTS if route != LIFT], ids=named)
def test_a_dry_run_tells_what_the_act_will_do_and_does_nothing(doors: Doors, world: World, route: Route) -> None:
    """Nothing is written, not even to the audit; nothing is asked of the exchange or the bank that changes anything
    there; no machine is started."""
    olga, call, at = doors.operator(), CALLS[route], path(route, world)
    before = everything(world)
    dry = olga.send(route.method, at, {**(call.body or {}), "dry_run": True}, key="k")
    assert (dry.status, dry.json["done"], dry.replayed) == (200, False, False)
    assert everything(world) == before
    done = olga.send(route.method, at, call.body, key="k").json
    assert [done[name] for name in ("id", "before", "after")] == [dry.json[name] for name in ("id", "before", "after")]
    assert done["done"] is (route != REPLAY)  # what still can not be placed stays parked
    assert everything(world) != before


REFUSED: Mapping[str, tuple[Mapping[str, str], Mapping[str, Any], str]] = {
    "/operations/users/{username}/deposits": ({"username": "nobody"}, {}, "NothingKnown"),
    "/operations/users/{username}/tier": ({"username": "nobody"}, {}, "NothingKnown"),
    "/operations/users/{username}/forget": ({"username": "ann"}, {}, "NotProposable"),
    "/operations/dealers/{dealer_id}/forget": ({"dealer_id": "held"}, {}, "NotProposable"),
    "/operations/users/{username}/move": ({"username": "ann"}, {}, "NotProposable"),
    "/operations/users/{username}/own": ({"username": "nobody"}, {}, "AccountNotFound"),
    "/operations/users/{username}/apart": ({}, {"operator": "nobody"}, "OperatorNotFound"),
    "/operations/withdrawals/{transfer_id}/complete": ({"transfer_id": "paying"}, {}, "NotProposable"),
    "/operations/withdrawals/{transfer_id}/reject": ({"transfer_id": "paying"}, {}, "PayoutUnsettled"),
    "/operations/withdrawals/{transfer_id}/retry-payout": ({"transfer_id": "paying"}, {}, "PayoutUnsettled"),
    "/operations/withdrawals/{transfer_id}/abandon-attempt": ({"transfer_id": "withdrawal"}, {}, "PayoutUnsettled"),
    "/operations/sell-orders/{order_id}/retry-payout": ({"order_id": "unanswered"}, {}, "PayoutUnsettled"),
    "/operations/sell-orders/{order_id}/mark-filled": ({"order_id": "unanswered"}, {}, "NotProposable"),
    "/operations/sell-orders/{order_id}/credit-usd": ({"order_id": "unanswered"}, {}, "PayoutUnsettled"),
    "/operations/sell-orders/{order_id}/abandon-attempt": ({"order_id": "unpaid"}, {}, "PayoutUnsettled"),
    "/operations/sell-orders/{order_id}/void": ({"order_id": "cashed_out"}, {}, "SellOrderNotOpen"),
    "/operations/batches/{batch_id}/void": ({"batch_id": f"B{'A' * 25}"}, {}, "BatchNotFound"),
    "/operations/orders/{order_id}/fail": ({"order_id": "bought"}, {}, "OrderNotPending"),
    "/operations/work/{thing_id}/redrive": ({"thing_id": "withdrawal"}, {}, "StillRunning"),
    "/operations/prices/{asset_id}/confirm": ({}, {"price": "15"}, "NothingToConfirm"),
    "/operations/work/{thing_id}/approve-payout": ({"thing_id": "unpaid"}, {}, "NotProposable"),
    "/operations/work/{thing_id}/decide-order": ({}, {"executed": "0.06"}, "EvidenceNotBelieved"),
    "/operations/work/{thing_id}/decide-payout": ({"thing_id": "unpaid"}, {}, "NotProposable"),
    "/operations/market-making/{order_id}/stop": ({"order_id": "failed"}, {}, "NotStoppable"),
    "/operations/market-making/{order_id}/withdraw": ({"order_id": "failed"}, {}, "NothingToWithdraw"),
    "/operations/market-making/{order_id}/halt": ({"order_id": "failed"}, {}, "NotPausable"),
    "/operations/market-making/{order_id}/home": ({"order_id": "quoting"}, {}, "NotProposable"),
    "/operations/market-making/{order_id}/decide-deposit": ({}, {"credited": "0.2"}, "EvidenceNotBelieved"),
    "/operations/market-making/{order_id}/decide-fills": ({"order_id": "quoting"}, {}, "NotProposable"),
    "/operations/market-making/{order_id}/decide-return": ({}, {"asset": "DOGE"}, "NotProposable"),
    "/operations/market-making/{order_id}/withdraw-again": ({}, {"asset": "DOGE"}, "NotProposable"),
    "/operations/market-making/{order_id}/keep-rest": ({"order_id": "quoting"}, {}, "NotProposable"),
    "/operations/market-making/{order_id}/look-back": ({}, {"after": 9000}, "EvidenceNotBelieved"),
    "/operations/trading-accounts/{account_id}": ({}, {"exchange": "other"}, "TradingAccountFixed"),
    "/operations/trading-accounts/{account_id}/halt": ({"account_id": "mm8"}, {}, "TradingAccountNotFound"),
    "/operations/halts/{halt_id}/lift": ({"halt_id": f"H{'A' * 25}"}, {}, "HaltNotFound"),
    "/operations/pairs/{pair_id}": ({}, {"exchange": "other"}, "PairFixed"),
    "/operations/billing/segments/{segment_id}": ({}, {"price_max": "4000000.00"}, "SegmentWrong"),
    "/operations/snapshots/{snapshot_id}/assign": ({}, {"order": f"M{'A' * 26}"}, "NothingKnown"),
    "/operations/snapshots/{snapshot_id}/refund": ({"snapshot_id": f"N{'A' * 26}"}, {}, "NothingKnown"),
    "/operations/snapshots/{snapshot_id}/take": ({"snapshot_id": f"N{'A' * 26}"}, {}, "NothingKnown"),
    "/operations/payments/{payment_id}/assign": ({"payment_id": f"Y{'A' * 25}"}, {}, "NothingKnown"),
    "/operations/payments/{payment_id}/identify": ({"payment_id": f"Y{'A' * 25}"}, {}, "NothingKnown"),
    **{
        f"/operations/deposits/{{dealer_id}}/{verb}": ({"dealer_id": f"C{'A' * 25}"}, {}, "NothingKnown")
        for verb in ("let-go", "keep", "paid")
    },
    "/operations/payments/{payment_id}/recall": ({"payment_id": f"Y{'A' * 25}"}, {}, "NothingKnown"),
    "/operations/payments/{payment_id}/dismiss": ({"payment_id": f"Y{'A' * 25}"}, {}, "NothingKnown"),
    "/operations/totals/{total_id}/agree": ({"total_id": f"C{'A' * 25}:DEPOSIT"}, {}, "NothingKnown"),
    "/operations/outgoing/{outgoing_id}/retry": ({"outgoing_id": f"X{'A' * 25}"}, {}, "NothingKnown"),
    "/operations/payments/{payment_id}/replay": ({"payment_id": f"Y{'A' * 25}"}, {}, "NothingKnown"),
    "/operations/refunds/{refund_id}/retry": ({"refund_id": f"F{'A' * 25}"}, {}, "NothingKnown"),
    "/operations/reminders/{reminder_id}/snooze": ({"reminder_id": f"I{'A' * 25}:REMINDER"}, {}, "NothingKnown"),
    "/operations/totals/{total_id}/refund": ({"total_id": f"C{'A' * 25}:DEPOSIT"}, {}, "NothingKnown"),
    "/operations/outgoing/{outgoing_id}/resend": ({"outgoing_id": "doubted"}, {}, "NotProposable"),
    "/operations/shortages/{shortage_id}/book-loss": ({"shortage_id": f"L{'A' * 25}"}, {}, "NothingKnown"),
    "/operations/ties/{tie_id}/skip": ({"tie_id": "untaken"}, {}, "NotProposable"),
    "/operations/ties/{tie_id}/settle": ({"tie_id": "tie"}, {}, "NotProposable"),
    "/operations/outgoing/{outgoing_id}/call-off": ({"outgoing_id": "refused"}, {}, "NotProposable"),
    "/operations/outgoing/{outgoing_id}/decide": ({"outgoing_id": "refused"}, {}, "NotProposable"),
    "/operations/strays/{stray_id}/close": ({"stray_id": f"N{'A' * 25}"}, {}, "NothingKnown"),
    "/operations/proposals/{proposal_id}/confirm": ({"proposal_id": f"E{'A' * 25}"}, {}, "ProposalNotFound"),
    "/operations/proposals/{proposal_id}/dismiss": ({"proposal_id": f"E{'A' * 25}"}, {}, "ProposalNotFound"),
    "/operations/parked/{webhook_id}/replay": ({"webhook_id": "evt_unheard_of"}, {}, "EventNotFound"),
    "/operations/parked/{webhook_id}/dismiss": ({"webhook_id": "evt_unheard_of"}, {}, "EventNotFound"),
    "/operations/catalogue/{asset_id}": ({}, {"precision": 7}, "PrecisionLowered"),
    "PUT /operations/catalogue/{asset_id}": ({"asset_id": "BTC"}, {}, "AssetExists"),
    "/operations/operators/{username}/sign-out": ({"username": "nobody"}, {}, "OperatorNotFound"),
    "/operations/operators/{username}/disable": ({"username": "nobody"}, {}, "OperatorNotFound"),
    "/operations/flows/{flow}/halt": ({"flow": "payouts"}, {"asset_id": "BTC"}, "ImpossibleHalt"),
    "/operations/flows/{flow}/lift": ({"flow": "market-making"}, {"asset_id": "ETH"}, "HaltOwn"),
    "/operations/clients/{client_id}/crypto": ({}, {"username": "bob"}, "ClientTaken"),
    "/operations/clients/{client_id}/banking": ({}, {"username": "bob"}, "ClientTaken"),
}


@HERE
@pytest.mark.parametrize("route", ACTS, ids=named)
def test_a_dry_run_is_refused_as_the_act_would_be(doors: Doors, world: World, route: Route) -> None:
    parts, body, problem = REFUSED.get(f"{route.method} {route.path}") or REFUSED[route.path]
    at = path(route, world, **{name: getattr(world, thing, thing) for name, thing in parts.items()})
    before = everything(world)
    for dry_run in (True, False):
        asked = {**(CALLS[route].body or {}), **body, "dry_run": dry_run}
        assert doors.operator().send(route.method, at, asked).problem == problem
    assert everything(world) == before


def test_a_repeat_of_a_deposit_is_known_by_its_key(doors: Doors, world: World) -> None:
    """While it waits for another operator, and for ever after."""
    olga, at, wire = doors.operator(), "/operations/users/ann/deposits", {"amount": "70.00", "reason": "wire 4711"}
    made = olga.post(at, wire, key="k").json
    assert (made["after"], made["done"]) == ("PROPOSED", True)
    waits = olga.post(at, {**wire, "dry_run": True}, key="k").json
    assert (waits["id"], waits["before"], waits["done"]) == (made["id"], "PROPOSED", False)
    assert doors.confirmed(olga.post(at, wire, key="k")).json["done"]
    again = olga.post(at, {**wire, "dry_run": True}, key="k").json
    assert (again["id"], again["before"], again["done"]) == (made["id"], "CONFIRMED", False)


def everything(world: World) -> tuple[Any, ...]:
    """The table, the executions, what the bank was asked for, and what of the exchange."""
    outside = world.desk.world
    placed = {operation: outside.fake.calls[operation] for operation in ("place", "cancel")}
    return world.desk.dynamo.items(), len(outside.machines.executions), len(outside.simulated.records()), placed
