"""Over HTTP: what is held and what for, what a purchase has brought, and all that has moved, to the last digit."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from functions.purchases import store
from sandbox.exchange.venue import Fees
from tests import openapi
from tests.calls import HERE, World
from tests.desk import Desk
from tests.doors import Client, opened
from tests.outside import ACCOUNT

pytestmark = HERE  # it only reads


@pytest.fixture(scope="module")
def world() -> World:
    return World.kept()


@pytest.fixture(scope="module")
def ann(world: World) -> Iterator[Client]:
    """She has something of everything open."""
    with opened(world.desk, openapi.check) as doors:
        yield doors.customer("ann")


def total(amounts: Any) -> Decimal:
    return sum(map(Decimal, amounts), Decimal(0))


def test_the_holds_of_each_balance_add_up_to_what_is_held(ann: Client, world: World) -> None:
    balances = ann.get("/balance/holds").json["balances"]
    assert {balance["asset_id"] for balance in balances} == {"USD", "BTC", "SOL"}
    for balance in balances:
        assert total(hold["amount"] for hold in balance["holds"]) == Decimal(balance["held"]) > 0
        assert Decimal(balance["unexplained"]) == 0
    by_id = {hold["id"]: hold for balance in balances for hold in balance["holds"]}
    assert by_id.keys() >= {
        world.pending,
        world.sale,
        world.withdrawal,
        world.purchase,
        world.sold,
        world.unsold,
        world.unpaid,
    }
    assert by_id[world.withdrawal]["kind"] == "WITHDRAWAL"
    assert ann.get("/balance").json["held_balance"] == balances[0]["held"]


def test_what_a_hold_names_is_told_in_full_by_its_route(ann: Client) -> None:
    for balance in ann.get("/balance/holds").json["balances"]:
        for hold in balance["holds"]:
            method, _, path = hold["route"].partition(" ")
            found = ann.send(method, path)
            assert (found.status, found.json["status"]) == (200, hold["status"]), hold


def test_the_portfolio_has_holds_and_what_is_open(ann: Client) -> None:
    """With the holdings, their cost and their gain: one call for a page."""
    found = ann.get("/portfolio").json
    assert found["holds"] == ann.get("/balance/holds").json["balances"]
    held = {hold["id"] for balance in found["holds"] for hold in balance["holds"]}
    assert held < {thing["id"] for thing in found["open"]}, "market-making orders hold nothing here"
    assert {"MARKET_MAKING"} == {thing["kind"] for thing in found["open"] if thing["id"] not in held}
    assert all(position["cost_basis"] for position in found["asset_balances"])


def test_withdrawals_are_listed_pending_and_over(ann: Client, world: World) -> None:
    every = ann.every("/balance/withdrawals", limit=1)
    assert [one["transfer_id"] for one in every] == [world.withdrawal, world.paying]
    assert [one["transfer_id"] for one in ann.get("/balance/withdrawals", status="PENDING").json["items"]] == [
        one["transfer_id"] for one in every if one["status"] == "PENDING"
    ]
    assert ann.get(f"/balance/withdrawals/{world.withdrawal}").json == every[0]
    pending = ann.get("/balance/transactions", limit=1).json["pending"]
    assert [one["transfer_id"] for one in pending] == [
        one["transfer_id"] for one in every if one["status"] == "PENDING"
    ]


def test_anothers_withdrawals_are_not_listed(ann: Client, world: World) -> None:
    with opened(world.desk, openapi.check) as doors:
        assert doors.customer("bob").get("/balance/withdrawals").json["items"] == []
    assert ann.get("/orders", asset_id="USD").json["items"] == []


def test_a_statement_is_exact_as_json_and_as_csv(ann: Client) -> None:
    made = ann.get("/statements").json
    there = {balance["asset_id"]: Decimal(balance["opening"]) for balance in made["balances"]}
    assert set(there.values()) == {Decimal(0)}
    for move in made["items"]:
        comes = move["transaction_type"] in ("DEPOSIT", "SELL")
        there["USD"] += Decimal(move["total_amount"]) if comes else -Decimal(move["total_amount"])
        if move["asset_id"] != "USD":
            there[move["asset_id"]] += Decimal(move["quantity"]) * (-1 if comes else 1)
        assert (Decimal(move["usd_after"]), Decimal(move["quantity_after"])) == (there["USD"], there[move["asset_id"]])
    assert there == {balance["asset_id"]: Decimal(balance["closing"]) for balance in made["balances"]}
    portfolio = ann.get("/portfolio").json
    assert there["USD"] == Decimal(portfolio["usd_balance"])
    for position in portfolio["asset_balances"]:
        assert there[position["asset_id"]] == total((position["quantity"], position["held_quantity"]))
        (closing,) = (one for one in made["balances"] if one["asset_id"] == position["asset_id"])
        assert closing["closing_cost"] == position["cost_basis"]
    answer = ann.get("/statements.csv")
    assert answer.content_type == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    kinds = [row["transaction_type"] for row in rows]
    assert kinds.count("OPENING") == kinds.count("CLOSING") == len(made["balances"])
    assert [row["order_id"] for row in rows if row["order_id"]] == [move["order_id"] for move in made["items"]]
    closing_rows = {row["asset_id"]: Decimal(row["quantity"]) for row in rows if row["transaction_type"] == "CLOSING"}
    assert closing_rows == there


def test_two_statements_that_follow_each_other_meet(ann: Client) -> None:
    moves = ann.get("/statements").json["items"]
    for at in (moves[0]["created_at"], moves[len(moves) // 2]["created_at"], moves[-1]["created_at"]):
        first, second = ann.get("/statements", to=at).json, ann.get("/statements", from_=at).json
        closing = {one["asset_id"]: one["closing"] for one in first["balances"]}
        assert {one["asset_id"]: one["opening"] for one in second["balances"] if Decimal(one["opening"])} == {
            asset_id: there for asset_id, there in closing.items() if Decimal(there)
        }
        assert first["items"] + second["items"] == moves


@pytest.mark.parametrize("fee_asset", [None, "USDT"])
def test_an_order_says_what_a_purchase_has_brought_and_cost(fee_asset: str | None) -> None:
    """What was got, paid, and charged as a fee, in dollars or in coins; and nothing as held when it is over."""
    desk = Desk()
    desk.list_exchange_asset()
    desk.customer(usd="1000.00")
    with opened(desk, openapi.check) as doors:
        ann = doors.customer()
        asked = ann.post("/purchases", {"asset_id": "SOL", "quote_amount": "50.00"}).json
        pending = ann.get("/orders").json["items"][0]
        assert (pending["held_amount"], pending["executed_quantity"], pending["fee_amount"]) == ("50.00", None, None)
        desk.world.venue.set_fees(Fees(Decimal(10), asset=fee_asset, asset_price=Decimal(1)), ACCOUNT)
        desk.run()
        (told,) = ann.get("/orders").json["items"]
        full = ann.get(f"/purchases/{asked['order_id']}").json
        assert (told["executed_quantity"], told["total_amount"]) == (full["executed_quantity"], full["total_amount"])
        assert told["held_amount"] is None
        got, paid = Decimal(told["executed_quantity"]), Decimal(told["total_amount"])
        assert abs(Decimal(told["price_per_unit"]) * got - paid) < Decimal("0.000001")
        fees = Decimal(told["fee_amount"]), Decimal(told["fee_quantity"])
        assert (fees[0] > 0, fees[1] > 0) == (fee_asset is not None, fee_asset is None), fees
        batch = ann.get(f"/purchases/{asked['order_id']}").json["batch_id"]
        bought = store.batch(desk.table, batch).bought
        assert bought is not None
        assert abs(fees[0] - bought.fee.usd) < Decimal("0.01")
        assert abs(fees[1] - bought.fee_in_asset) < Decimal("0.000001")


@pytest.mark.parametrize(
    ("sold", "fee_asset", "fee", "total_amount"),
    [
        ("1", "USDT", "1.00", "99.00"),
        ("1", None, "1.00", "99.00"),
        ("0.5004", "USDT", "0.50", "49.53"),
        ("0.02", "USDT", "0.00", "2.00"),
    ],
)
def test_an_order_says_what_a_sale_has_brought_and_its_fee(
    sold: str, fee_asset: str | None, fee: str, total_amount: str
) -> None:
    """Of what the desk's own book has bought the exchange took none."""
    desk = Desk()
    desk.list_exchange_asset()
    desk.world.nobody_sells()
    desk.world.bid("100", "10000", "SOLUSDT")
    desk.bring(desk.customer(usd="1000.00"), sold)
    desk.world.venue.set_fees(Fees(Decimal(100), asset=fee_asset, asset_price=Decimal(1)), ACCOUNT)
    with opened(desk, openapi.check) as doors:
        ann = doors.customer()
        asked = ann.post("/sales", {"asset_id": "SOL", "quantity": "all"}).json
        desk.run()
        desk.clock.forward(days=1)
        desk.mark("SOL", "100")
        desk.close_pools()
        desk.run()
        (told,) = (one for one in ann.get("/orders").json["items"] if one["order_type"] == "SALE")
        full = ann.get(f"/sales/{asked['order_id']}").json
    assert (told["status"], told["executed_quantity"], told["total_amount"]) == ("COMPLETED", sold, total_amount)
    assert (full["executed_quantity"], full["total_amount"]) == (sold, total_amount)
    assert (round(Decimal(told["fee_amount"]), 2), told["fee_quantity"]) == (Decimal(fee), None)


def test_ones_own_clients_are_listed_and_nobody_elses(ann: Client) -> None:
    found = ann.get("/clients").json["items"]
    assert [(one["client_id"], one["kind"], one["status"], one["account_id"]) for one in found] == [
        ("ann-crypto", "CRYPTO", "ACTIVE", None),
        ("ann-bank", "BANKING", "ACTIVE", "acc-ann"),
    ]


def test_a_cash_out_says_what_was_sold_and_the_fee(ann: Client, world: World) -> None:
    (told,) = (one for one in ann.every("/orders", limit=100) if one["order_id"] == world.cashed_out)
    full = ann.get(f"/crypto/order/sell/{world.cashed_out}").json
    for name in ("executed_quantity", "fee_amount", "total_amount"):
        assert told[name] == full[name]
    sold = Decimal(told["executed_quantity"]) * Decimal(told["price_per_unit"])
    assert sold == Decimal(full["gross_amount"])
