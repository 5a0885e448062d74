"""A cash-out is asked for: what is refused, what the exchange is asked, and what a repeat gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from common.domain.catalogue.model import (
    AboveMaximum,
    AmountTooLarge,
    AssetInactive,
    AssetNotFound,
    BelowMinimum,
    PrecisionExceeded,
    PriceUnavailable,
)
from common.domain.clients import ClientBlocked, ClientKind, ClientNotFound
from common.domain.exchange_orders.model import LAST_LOOK_SECONDS
from common.domain.ledger.model import AccountNotFound, InsufficientAsset
from common.errors import Refusal
from common.gateways.exchange import ExchangeUnavailable, MarketUnknown
from common.idempotency import IdempotencyKeyReused
from common.money import Money, Price
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from common.table.transaction import Busy
from functions.offramp import model
from functions.offramp.model import (
    LOOK_UP_BEGUN_SECONDS_MAX,
    OPERATORS_ONLY,
    TRANSITIONS,
    EstimateOutOfBand,
    NotALot,
    SaleRefused,
    SaleUnresolved,
    SellOrderNotFound,
    Status,
)
from functions.operations.model import NothingKnown
from functions.orders.model import OtherOrder
from sandbox.exchange.orders import Status as AtTheExchange
from tests.desk import Desk
from tests.seen import (
    OnItsWay,
    around,
    at_the_exchange,
    attempts,
    audited,
    before_next_write,
    block,
    coins,
    executions,
    intent,
    moves,
    overdue,
    paid,
    raw,
    save_asset,
    status,
    strays_of,
    terms,
    waits_for_person,
)


@contextmanager
def refused(desk: Desk, kind: type[Refusal]) -> Iterator[pytest.ExceptionInfo[Refusal]]:
    """The block is refused so, and nothing has come of it here or at the exchange."""
    before, placed = desk.dynamo.items(), desk.world.fake.calls["place"]
    with pytest.raises(kind) as told:
        yield told
    assert type(told.value) is kind
    assert desk.dynamo.items() == before
    assert desk.world.fake.calls["place"] == placed


# From the coins to the bank account


def test_coins_are_sold_and_the_dollars_are_paid_to_the_bank(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    assert (order.status, coins(desk, ann)) == (Status.BASE_TXN_PENDING, (9, 1))
    desk.run()
    filled = desk.offramp.order(ann, order.order_id)
    assert (filled.status, filled.gross, filled.fee) == (Status.FILLED, Money("100"), Money("0.10"))
    assert coins(desk, ann) == (9, 0)
    assert desk.world.simulated.credited("acc-ann") == filled.total_amount == Money("99.90")
    assert desk.accounts.balance(ann).total == Money(1000)
    assert overdue(desk) == []


def test_an_undisturbed_order_takes_five_transitions(desk: Desk, ann: Owner) -> None:
    order_id = desk.cash_out(ann, "1").order_id
    desk.run()
    (sold,), (paid_out,) = (executions(desk, order_id, machine) for machine in ("sell-order", "payout"))
    for execution in (sold, paid_out):
        assert (execution.name, execution.status, execution.waits_seconds) == (order_id, "SUCCEEDED", [])
    assert sold.transitions + paid_out.transitions == 5


def test_the_order_at_the_exchange_is_for_the_quantity_and_never_below_the_band(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1", "101.50")
    (placed,) = at_the_exchange(desk)
    assert (placed.side, placed.quantity, placed.price) == ("SELL", Decimal(1), Decimal(98))
    assert order.limit_price == Price(98)


# Clients


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        *product(["crypto_client_id", "banking_client_id"], ["nobodys", "bob-crypto", "bob-bank"]),
        *(("crypto_client_id", "ann-bank"), ("banking_client_id", "ann-crypto")),
    ],
)
def test_a_client_of_nobody_or_another_or_the_other_kind_is_not_found(
    desk: Desk, ann: Owner, kind: str, named: str
) -> None:
    desk.clients(desk.customer("bob"))
    with refused(desk, ClientNotFound) as told:
        desk.offramp.sell(ann, "k", terms(**{kind: named}))
    assert told.value.facts == {"client_id": named}


@pytest.mark.parametrize("kind", ClientKind)
def test_a_blocked_client_does_not_sell(desk: Desk, ann: Owner, kind: ClientKind) -> None:
    block(desk, ann, kind)
    with refused(desk, ClientBlocked) as told:
        desk.cash_out(ann, "1")
    assert told.value.facts == {"client_id": "ann-crypto" if kind is ClientKind.CRYPTO else "ann-bank"}


# The estimate and the oracle


@pytest.mark.parametrize("estimate", ["0.01", "97.99", "102.01", "1000000.00"])
def test_an_estimate_outside_the_band_is_refused_with_the_band_and_the_price(
    desk: Desk, ann: Owner, estimate: str
) -> None:
    desk.clock.forward(seconds=7)
    with refused(desk, EstimateOutOfBand) as told:
        desk.cash_out(ann, "1", estimate)
    assert told.value.facts == {
        "estimated_usd": estimate,
        "lowest_usd": "98.00",
        "highest_usd": "102.00",
        "price": "100",
        "price_source": "test",
        "price_age_seconds": 7,
        "band_bps": 200,
        "price_age_max_seconds": 120,
    }


@pytest.mark.parametrize("estimate", ["98.00", "100.00", "102.00"])
def test_an_estimate_on_either_edge_of_the_band_is_within_it(desk: Desk, ann: Owner, estimate: str) -> None:
    assert desk.cash_out(ann, "1", estimate).status is Status.BASE_TXN_PENDING


@pytest.mark.parametrize("price", ["99.999999999999999999", "33.33333333"])
@pytest.mark.parametrize("quantity", ["0.33334", "1.00001"])
def test_the_edges_that_a_refusal_tells_are_the_last_cents_that_are_accepted(
    desk: Desk, ann: Owner, price: str, quantity: str
) -> None:
    desk.mark("BTC", price)
    with refused(desk, EstimateOutOfBand) as told:
        desk.cash_out(ann, quantity, "1000.00")
    low, high = Money(told.value.facts["lowest_usd"]), Money(told.value.facts["highest_usd"])
    for outside in (low - Money("0.01"), high + Money("0.01")):
        with refused(desk, EstimateOutOfBand):
            desk.cash_out(ann, quantity, str(outside))
    for edge in (low, high):
        assert desk.cash_out(ann, quantity, str(edge)).estimated_amount == edge


def test_each_asset_has_a_band_of_its_own(desk: Desk, ann: Owner) -> None:
    asset = desk.list_asset("BTC", "100")
    save_asset(desk, replace(asset, estimate_band_bps=50), "calmer", "olga")
    with refused(desk, EstimateOutOfBand) as told:
        desk.cash_out(ann, "1", "99.49")
    assert (told.value.facts["band_bps"], told.value.facts["lowest_usd"]) == (50, "99.50")
    assert desk.cash_out(ann, "1", "99.50").limit_price == Price("99.50")


def test_nothing_is_sold_on_a_price_that_is_too_old(desk: Desk, ann: Owner) -> None:
    desk.clock.forward(seconds=121)
    with refused(desk, PriceUnavailable) as told:
        desk.cash_out(ann, "1")
    assert (told.value.facts["age_max_seconds"], told.value.facts["age_seconds"]) == (120, 121)
    desk.mark("BTC", "100")
    assert desk.cash_out(ann, "1").status is Status.BASE_TXN_PENDING


def test_nothing_is_sold_where_the_oracle_has_no_price(desk: Desk, ann: Owner) -> None:
    desk.list_asset("ETH", None)
    with refused(desk, PriceUnavailable):
        desk.cash_out(ann, "1", asset_id="ETH")


@pytest.mark.parametrize("cents", ["51", "52", "53", "54"])
def test_the_banks_magic_numbers_mean_nothing_here(desk: Desk, ann: Owner, cents: str) -> None:
    assert desk.cash_out(ann, "1", f"100.{cents}").status is Status.BASE_TXN_PENDING


# The asset and the quantity


def test_what_is_not_owned_is_not_sold(desk: Desk, ann: Owner) -> None:
    bob = desk.customer("bob")
    desk.clients(bob)
    with refused(desk, InsufficientAsset):
        desk.cash_out(bob, "0.1")
    with refused(desk, InsufficientAsset):
        desk.cash_out(ann, "10.00001")
    assert desk.cash_out(ann, "10").status is Status.BASE_TXN_PENDING
    assert coins(desk, ann) == (0, 10)


def test_what_is_held_for_one_order_is_not_sold_by_another(desk: Desk, ann: Owner) -> None:
    desk.sell(ann, "4", order_price="200")
    desk.cash_out(ann, "5")
    with refused(desk, InsufficientAsset):
        desk.cash_out(ann, "1.00001")
    assert desk.cash_out(ann, "1").status is Status.BASE_TXN_PENDING
    with refused(desk, InsufficientAsset):
        desk.sell(ann, "0.01")


def test_who_has_no_account_has_nothing_to_sell(desk: Desk) -> None:
    eve = Owner("eve", "sub-eve")
    desk.clients(eve)
    with pytest.raises((AccountNotFound, InsufficientAsset)):
        desk.cash_out(eve, "1")
    assert desk.world.fake.calls["place"] == 0


def test_an_asset_that_is_unknown_or_not_traded_is_refused(desk: Desk, ann: Owner) -> None:
    with refused(desk, AssetNotFound):
        desk.cash_out(ann, "1", asset_id="XX")
    desk.list_asset("BTC", "100", active=False)
    with refused(desk, AssetInactive):
        desk.cash_out(ann, "1")


def test_an_asset_that_the_exchange_has_no_market_for_is_refused(desk: Desk, ann: Owner) -> None:
    desk.list_asset("AI", "100")
    desk.buy(ann, "1", "AI")
    with refused(desk, MarketUnknown):
        desk.cash_out(ann, "1", asset_id="AI")


def test_a_quantity_has_no_more_decimals_than_the_asset(desk: Desk, ann: Owner) -> None:
    with refused(desk, PrecisionExceeded) as told:
        desk.cash_out(ann, "1.000000001", "100.00")
    assert told.value.facts == {"precision": 8}


def test_a_quantity_that_is_no_multiple_of_the_exchanges_step_is_refused(desk: Desk, ann: Owner) -> None:
    with refused(desk, NotALot) as told:
        desk.cash_out(ann, "1.000001", "100.00")
    told_rules = {"quantity_step": "0.00001", "min_quantity": "0.00001", "min_notional_usd": "1.00"}
    assert told.value.facts == {**told_rules, "route": "POST /orders"}


def test_less_than_the_exchanges_smallest_order_is_refused(desk: Desk, ann: Owner) -> None:
    desk.list_asset("BTC", "100", min_notional="0.01")
    with refused(desk, NotALot):
        desk.cash_out(ann, "0.01", "1.00")  # at the least price of $98 it would be worth $0.98
    assert desk.cash_out(ann, "0.01021", "1.02").status is Status.BASE_TXN_PENDING


def test_less_than_the_assets_minimum_and_more_than_its_maximum_are_refused(desk: Desk, ann: Owner) -> None:
    desk.list_asset("BTC", "100", min_notional="99", max_notional="101")
    with refused(desk, BelowMinimum) as told:
        desk.cash_out(ann, "1", "98.99")
    assert told.value.facts == {"notional_usd": "98.99", "min_notional_usd": "99.00", "route": "POST /orders"}
    with refused(desk, AboveMaximum):
        desk.cash_out(ann, "1", "101.01")
    for edge in ("99.00", "101.00"):
        assert desk.cash_out(ann, "1", edge).status is Status.BASE_TXN_PENDING


def test_an_amount_has_at_most_fifteen_digits_before_the_point(desk: Desk, ann: Owner) -> None:
    with refused(desk, AmountTooLarge):
        desk.cash_out(ann, "1000000000000000", "1.00")
    with refused(desk, AmountTooLarge):
        desk.cash_out(ann, "1", "1000000000000000.00")


# Repeats


def a_year_has_passed(desk: Desk, ann: Owner) -> None:
    desk.run()
    desk.clock.forward(days=366)


SINCE: dict[str, Callable[[Desk, Owner], object]] = {
    "the price has left the band": lambda desk, _: desk.mark("BTC", "130"),
    "the price has grown old": lambda desk, _: desk.clock.forward(hours=1),
    "the asset is not traded any more": lambda desk, _: desk.list_asset("BTC", "100", active=False),
    "the smallest order has grown": lambda desk, _: desk.list_asset("BTC", "100", min_notional="500"),
    "the crypto client was blocked": lambda desk, ann: block(desk, ann, ClientKind.CRYPTO),
    "the banking client was blocked": lambda desk, ann: block(desk, ann, ClientKind.BANKING),
    "the exchange is down": lambda desk, _: setattr(desk.world.fake, "down", True),
    "the exchange has closed": lambda desk, _: setattr(desk.world.venue, "maintenance", True),
    "all other coins were sold": lambda desk, ann: desk.cash_out(ann, "9"),
    "it was paid": lambda desk, _: desk.run(),
    "a year has passed": a_year_has_passed,
}


@pytest.mark.parametrize("since", SINCE)
def test_the_same_key_and_terms_are_the_same_order_for_ever(desk: Desk, ann: Owner, since: str) -> None:
    """However the numbers are written."""
    first = desk.offramp.sell(ann, "k", terms())
    SINCE[since](desk, ann)
    placed = len(at_the_exchange(desk))
    again = desk.offramp.sell(ann, "k", terms("1.000", "100"))
    assert (first.replayed, again.replayed, again.made.order_id) == (False, True, first.made.order_id)
    assert again.made == desk.offramp.order(ann, first.made.order_id)
    assert len(at_the_exchange(desk)) == placed
    desk.world.fake.down = desk.world.venue.maintenance = False


@pytest.mark.parametrize(
    "changed",
    [
        {"quantity": "1.00001"},
        {"estimate": "100.01"},
        {"asset_id": "ETH"},
        {"crypto_client_id": "ann-other"},
        {"banking_client_id": "ann-other"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_same_key_with_other_terms_is_refused(desk: Desk, ann: Owner, changed: dict[str, str]) -> None:
    first = desk.offramp.sell(ann, "k", terms()).made
    with refused(desk, IdempotencyKeyReused) as told:
        desk.offramp.sell(ann, "k", terms(**changed))
    assert told.value.facts == {"id": first.order_id}


def test_the_key_of_a_namesakes_sale_stands_for_nothing_of_it() -> None:
    """Who has the name now is answered with nothing of who had it before."""
    assert model.order_id(Owner("ann", "sub-ann"), "k") != model.order_id(Owner("ann", "another-sub"), "k")


def test_two_requests_of_one_key_at_once_are_one_order(desk: Desk, ann: Owner) -> None:
    others: list[str] = []
    before_next_write(desk, lambda: others.append(desk.offramp.sell(ann, "k", terms()).made.order_id))
    mine = desk.offramp.sell(ann, "k", terms())
    assert mine.replayed
    assert others == [mine.made.order_id]
    assert len(at_the_exchange(desk)) == 1


def test_a_repeat_that_overtakes_its_first_request_does_not_place_the_order(desk: Desk, ann: Owner) -> None:
    def place(real: Callable[..., str], *asked: Any) -> str:
        desk.world.exchange = desk.world.fake
        with pytest.raises(SaleUnresolved):
            desk.offramp.sell(ann, "k", terms())
        return real(*asked)

    desk.world.exchange = around(desk.world.fake, place=place)
    assert desk.offramp.sell(ann, "k", terms()).made.status is Status.BASE_TXN_PENDING
    assert len(at_the_exchange(desk)) == 1


# The exchange says no


def test_a_refusal_of_the_exchange_leaves_no_order_and_gives_the_coins_back(desk: Desk, ann: Owner) -> None:
    desk.world.fake.refuse_next()
    with pytest.raises(SaleRefused) as told:
        desk.cash_out(ann, "1", key="k")
    assert int(told.value.facts["retry_after_seconds"]) > 0
    assert coins(desk, ann) == (10, 0)
    assert desk.offramp.orders(ann, limit=10, after=None).items == []
    with pytest.raises(SellOrderNotFound):
        desk.offramp.order(ann, intent(desk))
    assert at_the_exchange(desk) == []
    desk.clock.forward(days=1)
    desk.sweep()
    assert (executions(desk, intent(desk)), overdue(desk)) == ([], [])  # nothing is left to be done


def test_a_refused_sale_may_be_tried_again_under_its_key(desk: Desk, ann: Owner) -> None:
    """Each time as a new order at the exchange."""
    desk.world.fake.refuse_next(2)
    for _ in range(2):
        with pytest.raises(SaleRefused):
            desk.offramp.sell(ann, "k", terms())
    tried = desk.offramp.sell(ann, "k", terms())
    assert (tried.replayed, tried.made.status, tried.made.exchange_orders) == (False, Status.BASE_TXN_PENDING, 3)
    known = [raw(desk, tried.made.order_id, f"VENUE#{n}") for n in (1, 2, 3)]
    assert len({exchange_order["client_order_id"] for exchange_order in known}) == 3
    assert [exchange_order["status"] for exchange_order in known] == ["REFUSED", "REFUSED", "OPEN"]
    assert [order.client_order_id for order in at_the_exchange(desk)] == [known[2]["client_order_id"]]
    assert coins(desk, ann) == (9, 1)
    desk.run()
    assert status(desk, tried.made.order_id) == Status.FILLED


def test_a_refused_sale_is_tried_again_at_the_price_of_then(desk: Desk, ann: Owner) -> None:
    desk.world.fake.refuse_next()
    with pytest.raises(SaleRefused):
        desk.offramp.sell(ann, "k", terms())
    with refused(desk, IdempotencyKeyReused):
        desk.offramp.sell(ann, "k", terms("2", "200.00"))
    desk.mark("BTC", "103")
    with refused(desk, EstimateOutOfBand):
        desk.offramp.sell(ann, "k", terms())
    desk.mark("BTC", "101")
    tried = desk.offramp.sell(ann, "k", terms()).made
    assert (tried.quote.price, tried.limit_price) == (Price(101), Price("98.98"))


def test_two_that_try_a_refused_sale_again_at_once_place_one_order(desk: Desk, ann: Owner) -> None:
    desk.world.fake.refuse_next()
    with pytest.raises(SaleRefused):
        desk.offramp.sell(ann, "k", terms())
    others: list[bool] = []
    again = lambda: others.append(desk.offramp.sell(ann, "k", terms()).replayed)  # noqa: E731
    before_next_write(desk, again, containing="VENUE#2")
    with pytest.raises(Busy):
        desk.offramp.sell(ann, "k", terms())
    assert others == [False]
    assert len(at_the_exchange(desk)) == 1
    assert desk.offramp.sell(ann, "k", terms()).replayed


def test_an_exchange_that_does_not_tell_its_rules_is_asked_for_nothing(desk: Desk, ann: Owner) -> None:
    desk.world.fake.fail_before_next("rules")
    with refused(desk, ExchangeUnavailable):
        desk.cash_out(ann, "1", key="k")
    assert desk.cash_out(ann, "1", key="k").exchange_orders == 1


# The exchange says nothing


def test_an_accepted_order_whose_answer_was_lost_is_found_in_the_same_request(desk: Desk, ann: Owner) -> None:
    desk.world.fake.drop_answer_next("place")
    asked = desk.offramp.sell(ann, "k", terms())
    assert (asked.replayed, asked.made.status) == (False, Status.BASE_TXN_PENDING)
    calls = desk.world.fake.calls
    assert (calls["place"], calls["find"], len(at_the_exchange(desk))) == (1, 1, 1)
    desk.run()
    assert status(desk, asked.made.order_id) == Status.FILLED


def test_a_request_that_has_no_time_left_to_look_leaves_that_to_the_machine(desk: Desk, ann: Owner) -> None:
    def place(real: Callable[..., str], *asked: Any) -> str:
        desk.clock.forward(seconds=LOOK_UP_BEGUN_SECONDS_MAX)
        return real(*asked)

    desk.world.fake.drop_answer_next("place")
    desk.world.exchange = around(desk.world.fake, place=place)
    with pytest.raises(SaleUnresolved):
        desk.cash_out(ann, "1")
    assert desk.world.fake.calls["find"] == 0
    desk.run()
    assert (status(desk, intent(desk)), len(at_the_exchange(desk))) == (Status.FILLED, 1)


def test_an_order_without_an_answer_is_found_by_the_machine(desk: Desk, ann: Owner) -> None:
    desk.world.fake.drop_answer_next("place")
    desk.world.fake.fail_before_next("find")
    with pytest.raises(SaleUnresolved) as told:
        desk.cash_out(ann, "1", key="k")
    order_id = intent(desk)
    assert told.value.facts == {"id": order_id, "retry_after_seconds": 30}
    assert (coins(desk, ann), executions(desk, order_id)) == ((9, 1), [])
    desk.run()
    assert status(desk, order_id) == Status.FILLED
    (execution,) = executions(desk, order_id, "sell-order")
    assert execution.visited == [
        "PollSellOrder",
        "ReadSellOrder",
        "NextStep",
        "ResolveSellOrder",
        "PollSellOrder",
        "Sold",
    ]
    assert len(at_the_exchange(desk)) == 1


def test_an_intent_is_seen_as_long_as_it_holds_coins(desk: Desk, ann: Owner) -> None:
    seen = desk.cash_out(ann, "1")
    desk.world.fake.drop_answer_next("place")
    desk.world.fake.fail_before_next("find")
    with pytest.raises(SaleUnresolved) as told:
        desk.cash_out(ann, "2")
    intent = told.value.facts["id"]
    assert desk.offramp.order(ann, intent).status is Status.NEW
    assert [order.order_id for order in desk.offramp.orders(ann, limit=10, after=None).items] == [intent, seen.order_id]
    assert [order.order_id for order in desk.orders.orders(ann, limit=1, after=None).items] == [intent]
    assert [w.id for w in desk.operations.work(("offramp",), overdue_only=False, limit=10)] == [
        seen.order_id,
        told.value.facts["id"],
    ]
    desk.run()
    found = desk.offramp.orders(ann, limit=10, after=None).items
    assert [order.order_id for order in found] == [told.value.facts["id"], seen.order_id]


def test_an_intent_that_came_to_nothing_is_in_no_list(desk: Desk, ann: Owner) -> None:
    """Neither refused, nor never arrived: its coins are free. Asked for again, it is there again."""
    desk.world.fake.refuse_next()
    with pytest.raises(SaleRefused):
        desk.offramp.sell(ann, "refused", terms())
    desk.world.fake.fail_before_next("place")
    desk.world.fake.fail_before_next("find")
    with pytest.raises(SaleUnresolved) as told:
        desk.offramp.sell(ann, "never", terms())
    assert len(desk.offramp.orders(ann, limit=10, after=None).items) == 1
    desk.run()
    assert desk.offramp.orders(ann, limit=10, after=None).items == []
    assert [o for o in desk.orders.orders(ann, limit=10, after=None).items if isinstance(o, OtherOrder)] == []
    with pytest.raises(SellOrderNotFound):
        desk.offramp.order(ann, told.value.facts["id"])
    desk.mark("BTC", "100")
    sold = desk.offramp.sell(ann, "refused", terms()).made
    assert [order.order_id for order in desk.offramp.orders(ann, limit=10, after=None).items] == [sold.order_id]


def test_a_repeat_of_what_is_unresolved_looks_for_it_and_never_places_it(desk: Desk, ann: Owner) -> None:
    desk.world.fake.drop_answer_next("place")
    desk.world.fake.fail_before_next("find", 2)
    for _ in range(2):
        with pytest.raises(SaleUnresolved):
            desk.offramp.sell(ann, "k", terms())
    with refused(desk, IdempotencyKeyReused):
        desk.offramp.sell(ann, "k", terms("2", "200.00"))
    desk.mark("BTC", "150")  # out of the band: what was accepted once is not refused now
    found = desk.offramp.sell(ann, "k", terms())
    assert (found.replayed, found.made.status) == (True, Status.BASE_TXN_PENDING)
    assert (desk.world.fake.calls["place"], len(at_the_exchange(desk))) == (1, 1)


def test_what_never_arrived_is_tried_again_only_after_the_last_look(desk: Desk, ann: Owner) -> None:
    """Its coins are free before that: after a margin and two looks."""
    desk.world.fake.fail_before_next("place")
    with pytest.raises(SaleUnresolved):
        desk.offramp.sell(ann, "k", terms())
    sent_at, order_id = desk.clock.at, intent(desk)
    assert coins(desk, ann) == (9, 1)
    desk.run(until=lambda: coins(desk, ann) == (10, 0))
    assert timedelta(seconds=70) <= desk.clock.at - sent_at <= timedelta(seconds=90)
    for price in ("100", "150"):
        desk.mark("BTC", price)
        with refused(desk, SaleRefused) as told:
            desk.offramp.sell(ann, "k", terms())
        assert told.value.facts["retry_after_seconds"] == 60
    desk.run()
    assert desk.clock.at - sent_at >= timedelta(seconds=70 + LAST_LOOK_SECONDS)
    (execution,) = executions(desk, order_id)
    last = ["WaitToLookAgain", "LookAgain", "NothingToDo"]
    assert (execution.status, execution.visited[-3:]) == ("SUCCEEDED", last)
    assert (status(desk, order_id), "open_work" in raw(desk, order_id, "SELL_ORDER")) == (Status.NEW, False)
    desk.mark("BTC", "100")
    tried = desk.offramp.sell(ann, "k", terms())
    assert (tried.replayed, tried.made.exchange_orders, len(at_the_exchange(desk))) == (False, 2, 1)
    desk.run()
    assert status(desk, order_id) == Status.FILLED


def test_an_order_that_turns_up_after_all_waits_for_a_person(desk: Desk, ann: Owner, counted: Counter[str]) -> None:
    """It is cancelled at the exchange and alarmed; its coins were given back, and are not sold once more."""
    way = OnItsWay(desk)
    desk.world.nobody_buys()
    with pytest.raises(SaleUnresolved):
        desk.offramp.sell(ann, "k", terms())
    desk.run(until=lambda: coins(desk, ann) == (10, 0))
    order_id, exchange_order_id = intent(desk), way.arrives()
    desk.run()
    assert (at_the_exchange(desk)[0].status, counted["OrdersTurnedUp"]) == (AtTheExchange.CANCELED, 1)
    assert exchange_order_id in (waits_for_person(desk, order_id) or "")
    assert raw(desk, order_id, "VENUE#1")["status"] == "TURNED_UP"
    assert (status(desk, order_id), coins(desk, ann), overdue(desk)) == (Status.NEW, (10, 0), [order_id])
    (execution,) = executions(desk, order_id)
    assert (execution.status, execution.error) == ("FAILED", "WaitsForOperator")
    with pytest.raises(SellOrderNotFound):
        desk.offramp.order(ann, order_id)
    with refused(desk, SaleRefused):
        desk.offramp.sell(ann, "k", terms())
    desk.clock.forward(hours=1)
    desk.sweep()
    assert executions(desk, order_id) == [execution]


def test_an_answer_that_comes_after_the_coins_are_free_sells_nothing(desk: Desk, ann: Owner) -> None:
    desk.world.nobody_buys()

    def place(real: Callable[..., str], *asked: Any) -> str:
        desk.world.exchange = desk.world.fake
        desk.run(until=lambda: coins(desk, ann) == (10, 0))
        return real(*asked)

    desk.world.exchange = around(desk.world.fake, place=place)
    with pytest.raises(SaleRefused):
        desk.offramp.sell(ann, "k", terms())
    desk.run()
    assert (at_the_exchange(desk)[0].status, coins(desk, ann)) == (AtTheExchange.CANCELED, (10, 0))
    assert (status(desk, intent(desk)), bool(waits_for_person(desk, intent(desk)))) == (Status.NEW, True)


def test_an_answer_that_comes_after_she_has_asked_again_is_a_persons(desk: Desk, ann: Owner) -> None:
    """The first order is nobody's: the sale goes on with the second one."""
    desk.world.nobody_buys()

    def place(real: Callable[..., str], *asked: Any) -> str:
        desk.world.exchange = desk.world.fake
        desk.run()
        desk.mark("BTC", "100")
        assert desk.offramp.sell(ann, "k", terms()).made.exchange_orders == 2
        return real(*asked)

    desk.world.exchange = around(desk.world.fake, place=place)
    desk.offramp.sell(ann, "k", terms())
    order_id = intent(desk)
    second, first = at_the_exchange(desk)
    assert (second.status, first.status) == (AtTheExchange.NEW, AtTheExchange.CANCELED)
    (stray,) = strays_of(desk)
    assert f"order {first.order_id} after all, for {order_id}" in stray.waits_for
    assert (waits_for_person(desk, stray.id), waits_for_person(desk, order_id)) == (stray.waits_for, None)

    def close(*, dry_run: bool) -> OperatorOutcome:
        return desk.interventions.close_stray(stray.id, "nothing was executed", "olga", dry_run=dry_run)

    told = [close(dry_run=True), close(dry_run=False), close(dry_run=False)]
    assert [(o.before, o.after, o.done) for o in told] == [
        ("STRAY", "DEALT_WITH", False),
        ("STRAY", "DEALT_WITH", True),
        ("DEALT_WITH", "DEALT_WITH", False),
    ]
    assert [(e.action, e.subject, e.operator) for e in audited(desk)] == [("strays close", stray.id, "olga")]
    assert (strays_of(desk), moves(desk, stray.id)) == ([], [(None, "STRAY"), ("STRAY", "DEALT_WITH")])
    with pytest.raises(NothingKnown):
        desk.interventions.close_stray(order_id, "not one", "olga", dry_run=False)
    desk.world.bid("100", "1")
    desk.run()
    assert (status(desk, order_id), len(paid(desk, order_id))) == (Status.FILLED, 1)


# Whose orders


# Statuses


def test_states_move_only_along_the_listed_transitions() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert {s for s, after in TRANSITIONS.items() if not after} == {Status.BASE_TXN_FAILED, Status.FILLED}
    assert OPERATORS_ONLY <= {(a, b) for a, after in TRANSITIONS.items() for b in after}


@pytest.mark.parametrize("quantity", ["1", "1.777", "1.666", "1.555", "1.444", "1.333", "1.222"])
@pytest.mark.parametrize("bank", ["complete", "fail", "refuse"])
def test_whatever_becomes_of_an_order_its_moves_are_listed_ones(
    desk: Desk, ann: Owner, quantity: str, bank: str
) -> None:
    """And none is made that is the operators'."""
    desk.world.simulated.set_outcome(bank)
    order = desk.cash_out(ann, quantity)
    desk.run()
    (_, first), *rest = moves(desk, order.order_id)
    assert (first, rest[0]) == ("NEW", ("NEW", "BASE_TXN_PENDING"))
    steps = [(Status(before or ""), Status(after)) for before, after in rest]
    assert [after for _, after in steps[:-1]] == [before for before, _ in steps[1:]]
    assert all(after in TRANSITIONS[before] and (before, after) not in OPERATORS_ONLY for before, after in steps)
    assert steps[-1][1] in (Status.FILLED, Status.BASE_TXN_FAILED, Status.SELL_PAYOUT_FAILED)
    sold = steps[-1][1] is not Status.BASE_TXN_FAILED
    assert bool(attempts(desk, order.order_id)) is sold
    assert bool(paid(desk, order.order_id)) is (sold and bank == "complete")
