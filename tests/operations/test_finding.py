"""What somebody outside calls something is found by its key; open pools are told with all who wait in them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from common import keys
from common.money import Money
from tests.calls import PARKED, World
from tests.desk import Desk
from tests.harness.meter import Meter
from tests.seen import at_the_exchange


@pytest.fixture(scope="module")
def world() -> World:
    """Nobody changes it."""
    return World.made()


def named(world: World, what: str) -> list[tuple[str, str, str | None]]:
    return [(each.thing_id, each.kind, each.username) for each in world.desk.finding.find(what)]


def by_key(world: World, prefix: str) -> list[str]:
    """The last parts of the partition keys that begin so."""
    found = {str(item["PK"]["S"]) for item in world.desk.dynamo.items()}
    return sorted(pk.rpartition("#")[2] for pk in found if pk.startswith(prefix))


def test_what_has_an_id_of_ours_is_found_by_it(world: World) -> None:
    for thing_id in (world.bought, world.withdrawal, world.purchase, world.sold, world.recurring, world.large):
        assert [found[0] for found in named(world, thing_id)] == [thing_id]
    assert named(world, world.purchase) == [(world.purchase, "purchase", "ann")]
    assert named(world, "ann") == [("ann", "user", "ann")]
    assert named(world, "SOL:0") == [("SOL:0", "pool", None)]


def test_a_payout_is_found_by_its_reference_and_by_the_banks(world: World) -> None:
    assert named(world, f"{world.cashed_out}-01") == [(world.cashed_out, "sell_order", "ann")]
    assert named(world, f"{world.cashed_out}-09") == []
    theirs = by_key(world, "ADJUSTMENT#")
    assert (world.cashed_out, "sell_order", "ann") in [found for what in theirs for found in named(world, what)]


def test_a_deposit_is_found_by_the_reference_that_it_was_credited_under(desk: Desk) -> None:
    desk.customer("ann", usd=None)
    desk.credit("ann", "wire#4711%", "70.00")
    (found,) = desk.finding.find("wire#4711%")
    assert (found.kind, found.username, found.status) == ("deposit", "ann", "COMPLETED")


def test_a_sale_is_found_by_the_exchanges_order_id(desk: Desk) -> None:
    ann = desk.customer("ann")
    desk.clients(ann)
    desk.list_asset("AI")
    desk.buy(ann, "2")
    order_id = desk.cash_out(ann).order_id
    (theirs,) = at_the_exchange(desk)
    desk.list_asset("BTC", exchange_symbol="XBT")  # it was renamed there since
    (found,) = desk.finding.find(str(theirs.order_id))
    assert (found.thing_id, found.username, found.by) == (order_id, "ann", "an order of BTC at fake")


def test_clients_events_of_the_bank_contracts_and_invoices_are_found(world: World) -> None:
    assert named(world, "ann-bank") == [("ann-bank:BANKING", "banking_client", "ann")]
    assert named(world, "ann-crypto") == [("ann-crypto:CRYPTO", "crypto_client", "ann")]
    assert named(world, PARKED) == [(PARKED, "bank_event", None)]
    contracts = [found for what in by_key(world, "CONTRACT#") for found in named(world, what)]
    assert world.total in [thing_id for thing_id, *_ in contracts]
    invoices = [found for what in by_key(world, "INVOICE#") for found in named(world, what)]
    assert (world.bill, "bill", None) in invoices


def test_what_came_in_is_found_by_the_custodys_snapshot(world: World) -> None:
    incoming = world.desk.operations.snapshot(world.parked)
    assert [found[:2] for found in named(world, incoming.snapshot.snapshot_id)] == [(world.parked, "snapshot")]


@pytest.mark.parametrize("what", ["eve", "4711", "#", "a#b", "%", "O" + "A" * 25, "O" + "A" * 25 + "-01", "SOL:7", "…"])
def test_what_nobody_is_called_is_not_found(world: World, what: str) -> None:
    assert named(world, what) == []


def test_finding_reads_keys_and_never_scans(world: World) -> None:
    with Meter(world.desk.dynamo).measure() as cost:
        world.desk.finding.find("4711")
    assert {call.operation for call in cost.calls} == {"GetItem", "Query"}
    assets = len(world.desk.catalogue.fresh())
    assert cost.requests <= assets + 10


def test_open_pools_are_told_with_their_fill_and_members(desk: Desk) -> None:
    ann, bob = desk.customer("ann"), desk.customer("bob")
    desk.list_exchange_asset()
    desk.bring(bob, "1")
    first = desk.purchase(ann, "4").order_id
    desk.clock.forward(seconds=1)
    second, sale = desk.purchase(bob, "3").order_id, desk.sale(bob, "0.04")
    bought, sold = desk.open_pools.all()
    assert (bought.pool_id, bought.total, bought.worth) == ("SOL:0", Decimal(7), Money("7.00"))
    assert bought.members == sorted([first, second])
    assert (sold.pool_id, str(sold.total), sold.worth) == ("SOL:0:SALES", "0.04", Money("4.00"))
    assert (sold.members, sold.batch_id, sold.due_at) == ([sale.order_id], sale.batch_id, sale.expires_at)
    assert {pool.min_notional for pool in (bought, sold)} == {Money("10.00")}


def test_a_pool_that_was_a_shard_once_is_told_yet(desk: Desk) -> None:
    desk.list_exchange_asset(pool_shards=8)
    joined = [desk.purchase(desk.customer(name), "4").order_id for name in ("ann", "bob", "cid", "dan", "eli")]
    desk.list_exchange_asset(pool_shards=1, active=False)
    assert sorted(each for pool in desk.open_pools.all() for each in pool.members) == sorted(joined)


def test_a_pool_that_is_closed_or_left_is_not_told(desk: Desk) -> None:
    ann = desk.customer("ann")
    desk.list_exchange_asset()
    desk.purchases.cancel(ann, desk.purchase(ann, "4").order_id)
    assert desk.open_pools.all() == []
    for _ in range(3):
        desk.purchase(ann, "4")
    assert desk.open_pools.all() == []


def test_sales_without_a_price_are_worth_nobody_knows_what(desk: Desk) -> None:
    ann = desk.customer("ann")
    desk.list_exchange_asset()
    desk.bring(ann, "1")
    desk.sale(ann, "0.04")
    desk.dynamo.delete_item(TableName="desk", Key={"PK": {"S": keys.PRICE.pk}, "SK": {"S": "SOL"}})
    (pool,) = desk.open_pools.all()
    assert (pool.worth, pool.min_notional) == (None, Money("10.00"))
