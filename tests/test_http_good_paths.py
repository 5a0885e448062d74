"""What every route answers when all is well, held against the committed OpenAPI document."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from infra.contexts import Route
from tests import openapi
from tests.calls import CALLS, World, called, entitled, every_route, named, path
from tests.doors import Doors, opened


@pytest.fixture
def world() -> Iterator[World]:
    world = World.made()
    yield world
    world.desk.check()


@pytest.fixture
def doors(world: World) -> Iterator[Doors]:
    with opened(world.desk, openapi.check) as doors:
        yield doors


def test_every_route_has_its_good_request() -> None:
    assert sorted(CALLS) == every_route()


@pytest.mark.parametrize("route", every_route(), ids=named)
def test_a_good_request_is_answered_as_the_document_says(doors: Doors, world: World, route: Route) -> None:
    answer = called(doors, world, route, entitled(doors, route).token)
    assert answer.status == CALLS[route].status
    assert not answer.replayed or route.path == "/users"


KEYED = [route for route in every_route() if route in openapi.parameters("header", "Idempotency-Key")]


@pytest.mark.parametrize("route", KEYED, ids=named)
def test_the_same_key_gets_the_first_answer_again_for_ever(doors: Doors, world: World, route: Route) -> None:
    who, call = entitled(doors, route), CALLS[route]
    assert call.body is not None
    at = path(route, world)
    first = who.post(at, call.body, key="k")
    before = world.desk.dynamo.items()
    world.desk.clock.forward(days=400)
    again = who.post(at, call.body, key="k")
    assert (first.status, first.replayed) == (call.status, False)
    assert (again.status, again.replayed, again.json) == (call.status, True, first.json)
    assert world.desk.dynamo.items() == before


OTHER_TERMS = {
    "amount": "1.25",
    "asset_id": "AI",
    "order_type": "SELL",
    "quantity": "0.25",
    "reason": "another wire",
}


@pytest.mark.parametrize("route", KEYED, ids=named)
def test_the_same_key_with_other_terms_is_a_conflict_whichever_term_it_is(
    doors: Doors, world: World, route: Route
) -> None:
    who, call = entitled(doors, route), CALLS[route]
    assert call.body is not None
    at = path(route, world)
    assert who.post(at, call.body, key="k").status == call.status
    before = world.desk.dynamo.items()
    for name in call.body:
        other = who.post(at, {**call.body, name: OTHER_TERMS[name]}, key="k")
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
        assert first.json == {"username": "carl", "created_at": first.json["created_at"]}
        assert carl.get("/me").json == first.json
        assert carl.get("/balance").json["current_balance"] == "0.00"

    def test_a_withdrawal_waits_in_a_hold_until_an_operator_decides(self, doors: Doors) -> None:
        ann, olga = doors.customer(), doors.operator()
        held, free = (ann.get("/balance").json[name] for name in ("held_balance", "current_balance"))
        made = ann.post("/balance/withdrawals", {"amount": "100.00"})
        assert (made.status, made.json["status"], made.json["reason"]) == (202, "PENDING", None)
        one = f"/balance/withdrawals/{made.json['transfer_id']}"
        assert ann.get(one).json == made.json
        done = olga.post(f"/operations/withdrawals/{made.json['transfer_id']}/complete", {"reason": "paid 4711"})
        assert (done.json["status"], done.json["reason"]) == ("COMPLETED", "paid 4711")
        assert ann.get(one).json == done.json
        assert ann.get("/balance").json["held_balance"] == held
        assert Decimal(ann.get("/balance").json["current_balance"]) == Decimal(free) - 100
        newest = ann.get("/balance/transactions").json["items"][0]
        assert (newest["transaction_type"], newest["amount"]) == ("WITHDRAW", "100.00")

    def test_a_decided_withdrawal_stays_decided(self, doors: Doors, world: World) -> None:
        olga, at = doors.operator(), f"/operations/withdrawals/{world.withdrawal}"
        rejected = olga.post(f"{at}/reject", {"reason": "no such account"})
        assert rejected.json["status"] == "REJECTED"
        assert olga.post(f"{at}/reject", {"reason": "no such account"}).json == rejected.json
        assert olga.post(f"{at}/complete", {"reason": "paid 4711"}).problem == "WithdrawalNotPending"


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
        assert ann.get("/orders", limit=1).json["items"] == [done.json]

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
        assert ann.get("/orders", status="PENDING").json["items"] == []

    def test_an_operator_ends_an_order_and_is_in_the_audit(self, doors: Doors, world: World) -> None:
        olga = doors.operator()
        ended = olga.post(f"/operations/orders/{world.pending}/fail", {"reason": "delisted"}).json
        assert (ended["status"], ended["reason"]) == ("FAILED", "delisted")
        (entry,) = olga.get("/operations/audit", date="2026-11-21").json["items"]
        assert (entry["operator"], entry["action"], entry["subject"]) == ("olga", "fail", world.pending)


class TestHoldings:
    def test_the_portfolio_adds_up(self, doors: Doors) -> None:
        ann = doors.customer()
        told = ann.get("/portfolio").json
        assert (told["total_asset_value"], told["asset_count"], told["complete"]) == ("180.00", 2, True)
        assert [p["asset_id"] for p in told["asset_balances"]] == ["AI", "BTC"]
        btc = ann.get("/balances/BTC").json
        assert (btc["quantity"], btc["held_quantity"], btc["cost_basis"]) == ("1.25", "0.25", "150.00")
        assert btc in ann.get("/balances").json["items"]

    def test_a_price_that_is_old_is_said_to_be(self, doors: Doors, world: World) -> None:
        world.desk.clock.forward(hours=1)
        told = doors.customer().get("/portfolio").json
        assert not told["complete"]
        assert {p["price_status"] for p in told["asset_balances"]} == {"STALE"}
        assert doors.customer().get("/assets/BTC").json["price_status"] == "STALE"

    def test_the_trades_of_one_asset_are_its_own_newest_first(self, doors: Doors) -> None:
        told = doors.customer().get("/assets/BTC/transactions").json["items"]
        assert [(line["transaction_type"], line["quantity"]) for line in told] == [("SELL", "0.5"), ("BUY", "2")]
        assert (told[0]["cost"], told[0]["realised_gain"], told[1]["cost"]) == ("50.00", "0.00", None)


class TestOperators:
    def test_an_asset_that_is_saved_is_in_the_catalogue_five_seconds_later(self, doors: Doors, world: World) -> None:
        olga, ann = doors.operator(), doors.customer()
        body = CALLS[Route("PUT", "/operations/catalogue/{asset_id}")].body
        assert body is not None
        assert ann.get("/assets/SOL").problem == "AssetNotFound"
        saved = olga.put("/operations/catalogue/SOL", body)
        assert saved.json == {"asset_id": "SOL", **body}
        world.desk.clock.forward(seconds=5)
        listed = ann.get("/assets/SOL").json
        assert (listed["price"], listed["price_status"]) == (None, "MISSING")
        assert listed in ann.get("/assets").json["items"]

    def test_what_waits_is_listed_longest_overdue_first(self, doors: Doors, world: World) -> None:
        olga = doors.operator()
        waiting = olga.get("/operations/work").json["items"]
        assert {world.pending, world.sale, world.withdrawal} < {item["id"] for item in waiting}
        assert [item["due_at"] for item in waiting] == sorted(item["due_at"] for item in waiting)
        assert olga.get("/operations/work", overdue="true").json["items"] == []
        world.desk.clock.forward(days=2)
        (late,) = olga.get("/operations/work", overdue="true", context="accounts").json["items"]
        assert (late["id"], late["overdue"]) == (world.withdrawal, True)

    def test_an_account_that_is_right_has_no_differences(self, doors: Doors) -> None:
        told = doors.operator().post("/operations/reconcile", {"username": "ann"}).json
        assert (told["username"], told["differences"]) == ("ann", [])
        assert told["lines"] == 4
