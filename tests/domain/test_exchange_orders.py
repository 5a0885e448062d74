"""The life of an order at the exchange, whoever has it placed: every move, and who comes too late for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, Inexact
from itertools import product
from types import MappingProxyType
from typing import Any

import pytest
from pynamodb.attributes import UnicodeAttribute

from common.domain.exchange_orders import store
from common.domain.exchange_orders.model import (
    CANCEL_SECONDS,
    POLL_LIMIT,
    TRANSITIONS,
    Bounds,
    Evidence,
    ExchangeOrder,
    ExchangeOrderMoved,
    ExchangeOrderNotFilled,
    ExchangeOrderOverdue,
    ExchangeOrderUnresolved,
    Fill,
    Status,
    doubt,
    fees_of,
    is_decidable_by_evidence,
)
from common.domain.exchange_orders.moves import ExchangeOrderNotFound
from common.domain.exchange_orders.service import Commit, ExchangeOrders
from common.domain.exchange_orders.strays import stray_id_of
from common.errors import Conflict, Refusal, Unavailable
from common.gateways.exchange import (
    ExchangeOrderUnknown,
    ExchangeUnavailable,
    MarketUnknown,
    OrderReport,
    Side,
    State,
    Ticket,
    client_order_id,
)
from common.money import ZERO, Money, Price, Quantity
from common.table.items import DecimalAttribute, Item
from common.table.transaction import Busy, Write
from sandbox.exchange.fake import FakeExchange
from sandbox.exchange.orders import Status as AtTheExchange
from tests.desk import NOON, Desk
from tests.outside import ACCOUNT
from tests.seen import around, at_the_exchange, raw, strays_of

ID = "X" + "A" * 25
RESTS, FILLS = "1.555", "1"  # quantities: what rests until it is cancelled, and what is filled at once
SENT, OPEN, FINAL, REFUSED, NEVER, LOST, ABSENT, TURNED_UP, DEALT_WITH = Status


# A parent


class ThingItem(Item, discriminator="parent_of_an_exchange_order"):
    told = UnicodeAttribute()
    why = UnicodeAttribute()
    times = DecimalAttribute()


class HasOne(Conflict):
    """The thing has an order already."""


class Stale(Conflict):
    """The thing was reckoned with what is not so any more."""


@dataclass(frozen=True)
class Thing:
    """A parent that writes down what it is told, where that may follow what it was told before."""

    def on_accepted(self, child: ExchangeOrder) -> list[Write]:
        return [tell("accepted", f"{child.status} {child.exchange_order_id}", child.updated_at, "asked", "stopped")]

    def on_refused(self, child: ExchangeOrder) -> list[Write]:
        return [tell("refused", f"{child.status}: {child.reason}", child.updated_at, "asked")]

    def on_never(self, child: ExchangeOrder) -> list[Write]:
        return [tell("never", f"{child.status}: {child.reason}", child.updated_at, "asked", "stopped")]

    def on_lost(self, child: ExchangeOrder, why: str, by: str) -> list[Write]:
        return [tell("lost", f"{why}, by {by}", child.updated_at, "accepted", "stopped")]

    def on_final(self, child: ExchangeOrder, fill: Fill, at: datetime, commit: Commit) -> None:
        commit([tell("final", f"{fill.executed} of {child.quantity} for {fill.gross}", at, "accepted", "stopped")])

    def on_turned_up(self, child: ExchangeOrder) -> list[Write]:
        return [tell("turned up", f"{child.status} {child.exchange_order_id}", child.updated_at, *GIVEN_UP)]

    def on_absent(self, child: ExchangeOrder) -> list[Write]:
        return [tell("absent", child.status, child.updated_at, "never", "lost", "stopped")]

    def on_stopped(self, child: ExchangeOrder, why: str) -> list[Write]:
        return [tell("stopped", why, child.updated_at, *ASKED_FOR)]


def tell(word: str, why: str, at: datetime, *after: str) -> Write:
    item = ThingItem
    may = item.told.is_in(*after)
    said = [item.told.set(word), item.why.set(why), item.times.add(Decimal(1)), item.updated_at.set(at)]
    return Write.update(ThingItem(ID, "THING"), *said, when=may, otherwise=ExchangeOrderMoved("the thing has moved"))


def intent(at: datetime) -> Write:
    item = ThingItem(ID, "THING", told="asked", why="", times=Decimal(1), created_at=at, updated_at=at)
    return Write.put(item, when=ThingItem.PK.does_not_exist(), otherwise=HasOne("it has an order"))


THING = Thing()
GIVEN_UP = ("never", "lost", "stopped")
ASKED_FOR = ("asked", "accepted", "never", "lost", "turned up", "stopped")
look, resolve, poll = ExchangeOrders.look, ExchangeOrders.resolve, ExchangeOrders.poll
cancel, look_again = ExchangeOrders.cancel, ExchangeOrders.look_again
Act = Callable[[ExchangeOrders, ExchangeOrder, Thing], ExchangeOrder]


def named(given: Act | str) -> str:
    return str(given) if isinstance(given, str) else given.__name__


EVERY_LOOK = pytest.mark.parametrize(
    ("act", "status"),
    [(look, SENT), (resolve, SENT), (poll, OPEN), (cancel, OPEN), (look_again, NEVER), (look_again, LOST)],
    ids=named,
)


def told(desk: Desk) -> tuple[str, str, int]:
    """What the parent was told last, in detail, and how many times it was told anything, its own asking included."""
    thing = raw(desk, ID, "THING")
    return thing["told"], thing["why"], int(thing["times"])


# How an order gets somewhere


def draft(desk: Desk, quantity: str = RESTS, limit: str = "100", side: Side = Side.BUY) -> ExchangeOrder:
    asset_id = "SOL" if side is Side.BUY else "BTC"
    quantity_of = Quantity(quantity, asset_id)
    return desk.at_exchange.draft(ID, 1, side, quantity_of, Price(limit), price=Price(100), band_bps=1_000)


def place(desk: Desk, quantity: str = RESTS, side: Side = Side.BUY) -> ExchangeOrder:
    return desk.at_exchange.place(draft(desk, quantity, side=side), THING, [intent(desk.clock())])


def refuses(desk: Desk, kind: type[Refusal], act: Act, order: ExchangeOrder, parent: Thing = THING) -> None:
    with pytest.raises(kind):
        act(desk.at_exchange, order, parent)


def there(desk: Desk) -> ExchangeOrder:
    """The order as the table has it."""
    return desk.at_exchange.existing(ID, 1)


def is_lost(desk: Desk, order: ExchangeOrder) -> bool:
    return desk.at_exchange.answers.is_lost(order, desk.clock())


def arrives(desk: Desk, order: ExchangeOrder) -> str:
    """What nobody has heard of comes to the exchange after all."""
    return desk.world.fake.place(Ticket(Side.BUY, order.quantity, order.limit_price, order.client_order_id))


def give_up(desk: Desk) -> ExchangeOrder:
    """The exchange is asked late enough, twice."""
    desk.clock.forward(seconds=61)
    refuses(desk, ExchangeOrderUnresolved, resolve, there(desk))
    desk.clock.forward(seconds=11)
    return resolve(desk.at_exchange, there(desk), THING)


def lose(desk: Desk, order: ExchangeOrder) -> None:
    """An operator gives up what the exchange has forgotten."""
    lost = replace(order, status=LOST, reason="it has forgotten it", resolved_at=desk.clock())
    desk.table.write(tell("lost", "", desk.clock(), "accepted"), store.give_up(lost))


def at(desk: Desk, status: Status) -> ExchangeOrder:
    """An order that is so. The exchange has it, and it does not fill, unless it is SENT, REFUSED, NEVER or ABSENT."""
    if status is REFUSED:
        desk.world.fake.refuse_next()
    elif status not in (OPEN, FINAL, LOST):
        desk.world.fake.fail_before_next("place")
    order = place(desk)
    if status is FINAL:
        cancel(desk.at_exchange, order, THING)
    elif status is LOST:
        lose(desk, order)
    elif status not in (SENT, OPEN, REFUSED):
        order = give_up(desk)
    if status in (TURNED_UP, DEALT_WITH):
        arrives(desk, order)
    if status in (ABSENT, TURNED_UP, DEALT_WITH):
        order = look_again(desk.at_exchange, order, THING)
    if status is DEALT_WITH:
        desk.table.write(store.follow_up(order, replace(order, status=DEALT_WITH)))
    assert there(desk).status is status
    return there(desk)


def unknown(*_: Any) -> OrderReport:
    raise ExchangeOrderUnknown("no such order")


def unavailable(*_: Any) -> OrderReport:
    raise ExchangeUnavailable("no answer")


def forgets(desk: Desk, *ids: str) -> None:
    """The exchange does not know its orders any more by its own id (`order`), by ours (`find`)."""
    desk.world.exchange = around(desk.world.fake, **dict.fromkeys(ids, unknown))


# Placing


def test_an_order_is_written_down_before_the_exchange_is_asked(desk: Desk) -> None:
    seen: list[tuple[dict[str, Any], Ticket]] = []

    def asked(real: Callable[..., str], ticket: Ticket) -> str:
        seen.append(({**raw(desk, ID, "THING"), **raw(desk, ID, "VENUE#1")}, ticket))
        return real(ticket)

    desk.world.exchange = around(desk.world.fake, place=asked)
    order = place(desk)
    ((item, ticket),) = seen
    ours = client_order_id(ID, "1")
    assert ticket == Ticket(Side.BUY, Quantity(RESTS, "SOL"), Price(100), ours)
    assert (item["told"], item["status"], item["client_order_id"], item["exchange"]) == ("asked", "SENT", ours, "fake")
    assert (item["quantity"], item["limit_price"], item["buys"]) == (Decimal(RESTS), 100, True)
    assert item.keys().isdisjoint({"exchange_order_id", "order_state"})
    assert (order, order.status) == (there(desk), OPEN)
    assert told(desk) == ("accepted", f"OPEN {order.exchange_order_id}", 2)
    assert (item["lowest_price"], item["highest_price"], item["fee_max_bps"]) == (90, 100, 200)
    another = desk.at_exchange.draft(ID, 2, Side.BUY, order.quantity, Price(100), price=Price(100), band_bps=1_000)
    assert another.client_order_id != ours


def test_an_order_that_is_placed_already_is_not_placed_again(desk: Desk) -> None:
    place(desk)
    before = desk.dynamo.items()
    with pytest.raises(HasOne):  # the parent's own refusal comes first
        place(desk)
    with pytest.raises(ExchangeOrderMoved):
        desk.at_exchange.place(draft(desk), THING, [])
    assert (desk.dynamo.items(), desk.world.fake.calls["place"]) == (before, 1)


@pytest.mark.parametrize("closed", [False, True], ids=["refused", "no market"])
def test_a_definite_no_is_written_down_with_its_reason(desk: Desk, closed: bool) -> None:
    def no(*_: Any) -> str:
        raise MarketUnknown("the market is closed")

    desk.world.fake.refuse_next()
    desk.world.exchange = around(desk.world.fake, place=no) if closed else desk.world.fake
    order = place(desk)
    why = "the market is closed" if closed else "fake was told to refuse this order"
    assert (order.status, order.reason, order) == (REFUSED, why, there(desk))
    assert (told(desk), at_the_exchange(desk)) == (("refused", f"REFUSED: {why}", 2), [])


def test_an_order_that_is_not_answered_is_asked_for_once_and_found(desk: Desk) -> None:
    desk.world.fake.drop_answer_next("place")
    order = place(desk)
    assert (order.status, order, told(desk)) == (SENT, there(desk), ("asked", "", 1))
    found = resolve(desk.at_exchange, order, THING)
    assert (found.status, found, desk.world.fake.calls["place"]) == (OPEN, there(desk), 1)
    (placed,) = at_the_exchange(desk)
    assert told(desk) == ("accepted", f"OPEN {placed.order_id}", 2)


# Looking for what was not answered


def test_two_looks_that_miss_an_order_make_it_never_placed(desk: Desk) -> None:
    """At least 60 s after sending and 10 s apart, to the millisecond; the clock moves one with every look."""
    order = at(desk, SENT)
    for seconds, missed in ((59.999, False), (60, True), (69.999, True)):
        desk.clock.at = order.sent_at + timedelta(seconds=seconds - 0.001)
        refuses(desk, ExchangeOrderUnresolved, resolve, there(desk))
        assert (there(desk).missed_at is not None, there(desk).status, told(desk)[0]) == (missed, SENT, "asked")
    desk.clock.at = order.sent_at + timedelta(seconds=69.999)
    never = resolve(desk.at_exchange, there(desk), THING)
    why = "the exchange never had the order"
    assert (never, never.status, never.reason) == (there(desk), NEVER, why)
    assert never.look_at == desk.clock.at + timedelta(minutes=10)
    assert told(desk) == ("never", f"NEVER: {why}", 2)


def test_a_look_counts_from_when_it_was_asked_and_not_answered(desk: Desk) -> None:
    def slow(*_: Any) -> OrderReport:
        desk.clock.forward(seconds=30)
        return unknown()

    order = at(desk, SENT)
    desk.clock.forward(seconds=50)
    desk.world.exchange = around(desk.world.fake, find=slow)
    refuses(desk, ExchangeOrderUnresolved, resolve, order)
    assert there(desk) == order


@pytest.mark.parametrize("act", [look, resolve], ids=named)
def test_an_order_that_arrives_after_a_look_has_missed_it_is_open(desk: Desk, act: Act) -> None:
    order = at(desk, SENT)
    refuses(desk, ExchangeOrderUnknown, look, order)
    assert (there(desk), told(desk)[0]) == (order, "asked")
    desk.clock.forward(seconds=61)
    refuses(desk, ExchangeOrderUnresolved, resolve, order)
    arrives(desk, order)
    desk.clock.forward(seconds=61)
    assert act(desk.at_exchange, there(desk), THING).status is there(desk).status is OPEN


# Polling and cancelling


@pytest.mark.parametrize(("side", "fees"), [(Side.BUY, "0.001 SOL"), (Side.SELL, "")], ids=["bought", "sold"])
def test_what_was_executed_is_written_down_once_it_is_final(desk: Desk, side: Side, fees: str) -> None:
    order = poll(desk.at_exchange, place(desk, FILLS, side), THING)
    assert (order.status, order.state, order) == (FINAL, "FULLY_EXECUTED", there(desk))
    item, asset = raw(desk, ID, "VENUE#1"), order.quantity.asset_id
    fee = Decimal("0.1") if side is Side.SELL else 0
    assert (item["executed_quantity"], item["gross_amount"], item["fee_amount"]) == (1, 100, fee)
    assert (item["fees_elsewhere"], item["buys"]) == (fees, side is Side.BUY)
    assert told(desk) == ("final", f"1 {asset} of 1 {asset} for 100.00", 3)


def test_an_order_that_is_not_filled_is_polled_until_it_is_overdue(desk: Desk) -> None:
    order = place(desk)
    desk.clock.at = order.sent_at + POLL_LIMIT - timedelta(seconds=1)
    refuses(desk, ExchangeOrderNotFilled, poll, order)
    desk.clock.forward(seconds=1)
    refuses(desk, ExchangeOrderOverdue, poll, order)
    assert (there(desk), desk.at_exchange.answers.executed(order)) == (order, Quantity(0, "SOL"))
    desk.world.venue.cancel_all(ACCOUNT, "SOLUSDT")
    assert poll(desk.at_exchange, order, THING).status is FINAL  # late or not


def test_an_order_that_has_ended_is_not_cancelled(desk: Desk) -> None:
    cancel(desk.at_exchange, place(desk, FILLS), THING)
    assert (there(desk).status, desk.world.fake.calls["cancel"]) == (FINAL, 0)


def test_what_has_not_filled_is_cancelled_and_what_has_counts(desk: Desk) -> None:
    desk.world.nobody_sells()
    desk.world.ask("100", "0.3")
    order = place(desk, "1.5")
    assert desk.at_exchange.answers.executed(order) == Quantity("0.3", "SOL")
    assert cancel(desk.at_exchange, order, THING).status is FINAL
    (placed,) = at_the_exchange(desk)
    assert (placed.status, told(desk)) == (AtTheExchange.CANCELED, ("final", "0.3 SOL of 1.5 SOL for 30.00", 3))


def test_an_order_that_fills_while_it_is_cancelled_counts_in_full(desk: Desk) -> None:
    desk.world.nobody_sells()

    def filled(real: Callable[..., None], *asked: Any) -> None:
        desk.world.ask("100", "5")
        real(*asked)

    desk.world.exchange = around(desk.world.fake, cancel=filled)
    cancel(desk.at_exchange, place(desk, FILLS), THING)
    assert told(desk) == ("final", "1 SOL of 1 SOL for 100.00", 3)


def test_a_cancellation_waits_until_the_exchange_has_ended_the_order(desk: Desk) -> None:
    order = place(desk)
    desk.world.exchange = around(desk.world.fake, cancel=lambda *_: None)
    refuses(desk, ExchangeOrderNotFilled, cancel, order)
    desk.world.exchange = around(desk.world.fake, cancel=unknown)
    refuses(desk, ExchangeUnavailable, cancel, order)
    desk.world.exchange = desk.world.fake
    desk.world.fake.drop_answer_next("cancel")
    refuses(desk, ExchangeUnavailable, cancel, order)
    assert (there(desk), cancel(desk.at_exchange, order, THING).status) == (order, FINAL)


def test_a_parent_whose_reckoning_is_stale_commits_again(desk: Desk) -> None:
    class Recounting(Thing):
        def on_final(self, child: ExchangeOrder, fill: Fill, at: datetime, commit: Commit) -> None:
            stale = Write.check(ThingItem(ID, "THING"), when=ThingItem.told == "", otherwise=Stale("not so"))
            with pytest.raises(Stale):
                commit([stale])
            super().on_final(child, fill, at, commit)

    assert desk.at_exchange.poll(place(desk, FILLS), Recounting()).status is there(desk).status is FINAL
    assert told(desk)[0] == "final"


# What can not be


def filled(
    side: Side, executed: str, gross: str, fee: str = "0", elsewhere: Mapping[str, str] = MappingProxyType({})
) -> Fill:
    asset_id = "SOL" if side is Side.BUY else "BTC"
    fees = {asset: Decimal(amount) for asset, amount in elsewhere.items()}
    return Fill("FULLY_EXECUTED", Quantity(executed, asset_id), Money(gross), Money(fee), fees)


@pytest.mark.parametrize(
    ("side", "executed", "gross", "can_be"),
    [
        (Side.BUY, "1", "100.01", True),
        (Side.BUY, "1", "100.0100001", False),
        (Side.BUY, "1", "89.99", True),
        (Side.BUY, "1", "89.9899999", False),
        (Side.BUY, "1", "0", False),
        (Side.BUY, "1.00000001", "100", False),
        (Side.BUY, "-1", "-100", False),
        (Side.BUY, "0", "0", True),
        (Side.BUY, "0", "0.01", False),
        (Side.SELL, "1", "99.99", True),
        (Side.SELL, "1", "99.9899999", False),
        (Side.SELL, "1", "110.01", True),
        (Side.SELL, "1", "110.0100001", False),
        (Side.SELL, "1", "1000000", False),
        (Side.SELL, "1.00000001", "100", False),
    ],
)
def test_a_fill_is_within_the_quantity_and_within_a_cent_of_its_bounds(
    desk: Desk, side: Side, executed: str, gross: str, can_be: bool
) -> None:
    """The limit of $100 on one side, on the other the band of 10 % around the price of $100."""
    assert (doubt(draft(desk, "1", side=side), filled(side, executed, gross)) is None) is can_be


@pytest.mark.parametrize(
    ("side", "executed", "gross", "can_be"),
    [
        (Side.BUY, "1", "0.01", True),
        (Side.BUY, "1", "0", False),
        (Side.BUY, "0.0001", "0", True),  # less than a cent
        (Side.BUY, "1", "100.01", True),
        (Side.BUY, "1", "100.02", False),
        (Side.BUY, "1.1", "100", False),
        (Side.SELL, "1", "5000", True),
        (Side.SELL, "1", "99.99", True),
        (Side.SELL, "1", "99.98", False),
        (Side.SELL, "1", "0", False),
    ],
)
def test_operators_may_tell_of_a_price_beyond_the_band_but_not_the_limit(
    desk: Desk, side: Side, executed: str, gross: str, can_be: bool
) -> None:
    """The market may have gone further than the band in between. Its fee is bounded as ever."""
    order = draft(desk, "1", side=side)
    assert (doubt(order, filled(side, executed, gross), by_operators=True) is None) is can_be
    assert doubt(order, filled(side, executed, gross, fee="100.03"), by_operators=True) is not None


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("fee", "elsewhere", "can_be"),
    [
        ("2.01", {}, True),
        ("-2.01", {}, True),
        ("2.0100001", {}, False),
        ("-2.0100001", {}, False),
        ("250", {}, False),
        ("0", {"OWN": "0.02"}, True),
        ("0", {"OWN": "-0.02"}, True),
        ("0", {"OWN": "0.0200001"}, False),
        ("0", {"OWN": "-0.0200001"}, False),
        ("0", {"BNB": "7"}, True),
        ("0", {"B#B": "7"}, False),
    ],
)
def test_a_fee_is_within_two_percent_of_what_was_executed(
    desk: Desk, side: Side, fee: str, elsewhere: dict[str, str], can_be: bool
) -> None:
    order = draft(desk, "1", side=side)
    fees = {asset.replace("OWN", order.quantity.asset_id): amount for asset, amount in elsewhere.items()}
    assert (doubt(order, filled(side, "1", "100", fee, fees)) is None) is can_be


@pytest.mark.parametrize(("fee", "elsewhere"), [("0.01", {}), ("-0.01", {}), ("0", {"SOL": "1"}), ("0", {"BNB": "1"})])
def test_what_was_not_executed_has_no_fee(desk: Desk, fee: str, elsewhere: dict[str, str]) -> None:
    assert doubt(draft(desk, "1"), filled(Side.BUY, "0", "0", fee, elsewhere)) is not None


@pytest.mark.parametrize("absurd", ["1E-19", "1E+15", "1E-999999", "1E+999999"])
def test_an_amount_that_can_not_be_written_down_is_a_persons(desk: Desk, absurd: str) -> None:
    """An adapter can not even hand it out."""
    order = place(desk, FILLS)
    desk.world.exchange = around(
        desk.world.fake, order=lambda real, *asked: replace(real(*asked), fees_elsewhere={"BNB": Decimal(absurd)})
    )
    assert poll(desk.at_exchange, order, THING) == order == there(desk)
    assert (told(desk)[0], "of more digits than any" in told(desk)[1]) == ("stopped", True)


def test_the_limit_bounds_a_fill_also_where_the_band_does_not_reach_it() -> None:
    limit, price = Price(120), Price(100)
    assert Bounds.of(limit, price, 1_000, 200, buys=False) == Bounds(limit, limit, 200)
    assert Bounds.of(Price(80), price, 1_000, 200, buys=True) == Bounds(Price(80), Price(80), 200)


def test_an_order_from_before_there_were_bounds_is_bounded_by_its_limit(desk: Desk) -> None:
    place(desk)
    (kept,) = [item for item in desk.dynamo.items() if item["SK"]["S"] == "VENUE#1"]
    later = ("lowest_price", "highest_price", "fee_max_bps")
    older = {name: value for name, value in kept.items() if name not in later}
    desk.dynamo.put_item(TableName="desk", Item=older)
    assert there(desk).bounds == Bounds(Price(90), Price(100), 200)


UNBELIEVABLE: Mapping[str, dict[str, Any]] = {
    "more than was asked": {"executed": Quantity("1.001", "SOL")},
    "above the limit": {"gross": Money("100.02")},
    "for nothing": {"gross": ZERO},
    "another order": {"quantity": Quantity(2, "SOL")},
    "of another name": {"client_order_id": "somebodyelsesorder"},
    "a fee of all": {"fee": Money("99.995")},
}


@pytest.mark.parametrize("changed", UNBELIEVABLE.values(), ids=UNBELIEVABLE)
@EVERY_LOOK
def test_what_can_not_be_is_a_persons_at_once_and_changes_nothing(
    desk: Desk, counted: Counter[str], act: Act, status: Status, changed: dict[str, Any]
) -> None:
    """And when it is asked again, what can be is believed."""
    order = filled_at(desk, status)

    def lie(real: Callable[..., OrderReport], *asked: Any) -> OrderReport:
        return replace(real(*asked), **changed)

    desk.world.exchange = around(desk.world.fake, order=lie, find=lie)
    assert act(desk.at_exchange, order, THING) == order == there(desk)
    word, why, _ = told(desk)
    assert (word, counted["FillsNotBelieved"], desk.world.fake.calls["cancel"]) == ("stopped", 1, 0)
    assert why.startswith("what fake says of ")
    if status is OPEN:
        with pytest.raises(ExchangeUnavailable):
            desk.at_exchange.answers.executed(order)
    desk.world.exchange = desk.world.fake
    assert act(desk.at_exchange, order, THING).status in (OPEN, FINAL, TURNED_UP)


def filled_at(desk: Desk, status: Status) -> ExchangeOrder:
    """An order that is so, which the exchange has filled."""
    if status in (SENT, NEVER):
        desk.world.fake.fail_before_next("place")
    order = place(desk, FILLS)
    if status is NEVER:
        order = give_up(desk)
    elif status is LOST:
        lose(desk, order)
    if status in (SENT, NEVER):
        arrives(desk, order)
    return there(desk)


def test_what_comes_of_a_cancellation_and_can_not_be_is_a_persons(desk: Desk) -> None:
    def lie(real: Callable[..., OrderReport], *asked: Any) -> OrderReport:
        seen = real(*asked)
        return replace(seen, executed=seen.quantity) if seen.final else seen

    order = place(desk)
    desk.world.exchange = around(desk.world.fake, order=lie)
    assert cancel(desk.at_exchange, order, THING) == order == there(desk)
    assert told(desk)[0] == "stopped"


class Unwritable(Thing):
    """Its account is not as it was, or an amount has no room in it."""

    def __init__(self, trouble: Exception) -> None:
        self._trouble = trouble

    def _no(self, *_: Any) -> list[Write]:
        raise self._trouble

    on_final = on_refused = on_never = _no  # type: ignore[assignment]


@pytest.mark.parametrize("trouble", [Stale("no hold"), Inexact("no room")], ids=["a hold is missing", "no room"])
@pytest.mark.parametrize(("act", "status"), [(poll, OPEN), (cancel, OPEN), (resolve, SENT)], ids=named)
def test_what_can_not_be_written_down_is_a_persons_at_once(
    desk: Desk, act: Act, status: Status, trouble: Exception
) -> None:
    order = place(desk, FILLS) if status is OPEN else at(desk, SENT)
    if status is SENT:
        desk.clock.forward(seconds=61)
        refuses(desk, ExchangeOrderUnresolved, resolve, order)
        desk.clock.forward(seconds=11)
        order = there(desk)
    assert act(desk.at_exchange, order, Unwritable(trouble)) == order == there(desk)
    word, why, _ = told(desk)
    said = trouble.detail if isinstance(trouble, Stale) else "Inexact in its amounts"
    assert (word, why) == ("stopped", f"what has become of it can not be written down: {said}")


class Coarse(Thing):
    """It has room for cents only."""

    def on_final(self, child: ExchangeOrder, fill: Fill, at: datetime, commit: Commit) -> None:
        if fill.gross.usd % 1:
            raise Inexact("no room")
        super().on_final(child, fill, at, commit)


COARSE = Coarse()


def too_fine(desk: Desk) -> ExchangeOrder:
    """An order whose fill can be believed and has more digits than there is room for."""
    order = place(desk, FILLS)
    desk.world.exchange = around(desk.world.fake, order=lambda real, *a: replace(real(*a), gross=Money("99.9951")))
    assert poll(desk.at_exchange, order, COARSE) == order
    assert told(desk)[0] == "stopped"
    return order


@pytest.mark.parametrize("act", [poll, cancel], ids=named)
def test_what_can_not_be_written_down_is_rounded_by_evidence(desk: Desk, act: Act) -> None:
    too_fine(desk)
    give(desk, evident(desk, fee="0", elsewhere="0.001 SOL"))
    assert act(desk.at_exchange, there(desk), COARSE).status is there(desk).status is FINAL
    item = raw(desk, ID, "VENUE#1")
    assert (item["gross_amount"], item["fee_amount"], item["fees_elsewhere"]) == (100, 0, "0.001 SOL")


@pytest.mark.parametrize(
    "given",
    [
        {"gross": "100.01"},
        {"executed": "0.99999998", "gross": "99.9951"},
        {"executed": "0"},
        {"fee": "0.02"},
        {"elsewhere": ""},
        {"elsewhere": "0.001 SOL, 0.1 BNB"},
    ],
    ids=str,
)
def test_what_the_exchange_says_and_can_be_is_not_changed_by_evidence(desk: Desk, given: dict[str, str]) -> None:
    """Though it can not be written down: what operators say may round it to a cent, and be nothing else."""
    order = too_fine(desk)
    give(desk, evident(desk, **{"fee": "0", "elsewhere": "0.001 SOL", **given}))
    assert poll(desk.at_exchange, there(desk), COARSE).status is there(desk).status is order.status
    word, why, _ = told(desk)
    assert (word, "can not be written down: Inexact" in why, "more than rounding" in why) == ("stopped", True, True)


def test_evidence_that_can_not_be_written_down_either_is_a_persons(desk: Desk) -> None:
    act: Act = poll
    order = too_fine(desk)
    give(desk, evident(desk, fee="0", elsewhere="0.001 SOL"))
    assert act(desk.at_exchange, there(desk), Unwritable(Stale("no hold"))).status is order.status
    assert told(desk)[:2] == ("stopped", "what has become of it can not be written down: no hold")


def test_what_is_busy_is_asked_again_and_no_persons(desk: Desk) -> None:
    order = place(desk, FILLS)
    refuses(desk, Busy, poll, order, Unwritable(Busy("others write")))
    assert (there(desk), told(desk)[0]) == (order, "accepted")


# Both ids


@pytest.mark.parametrize("forgotten", ["order", "find"])
@pytest.mark.parametrize(("act", "status", "after"), [(cancel, OPEN, FINAL), (look_again, LOST, TURNED_UP)], ids=named)
def test_an_order_that_is_known_by_one_of_its_ids_is_known(
    desk: Desk, act: Act, status: Status, after: Status, forgotten: str
) -> None:
    order = at(desk, status)
    forgets(desk, forgotten)
    refuses(desk, ExchangeOrderNotFilled, poll, order)
    assert desk.at_exchange.answers.executed(order) == Quantity(0, "SOL")
    desk.clock.at = order.overdue_at
    assert not is_lost(desk, order)
    assert act(desk.at_exchange, order, THING).status is there(desk).status is after


def test_an_order_is_lost_when_it_is_overdue_and_known_by_neither_id(desk: Desk) -> None:
    """A person may say so. No machine takes back what the exchange has accepted on its word alone."""
    order = place(desk)
    forgets(desk, "order", "find")
    desk.clock.at = order.overdue_at - timedelta(milliseconds=2)
    assert [is_lost(desk, order), is_lost(desk, order)] == [False, True]
    assert not any(is_lost(desk, replace(order, status=other)) for other in Status if other is not OPEN)
    for act in (poll, cancel):
        refuses(desk, ExchangeUnavailable, act, order)
    assert (there(desk), told(desk)[0]) == (order, "accepted")


# Another exchange, or none


@EVERY_LOOK
def test_only_the_exchange_that_an_order_was_sent_to_tells_of_it(desk: Desk, act: Act, status: Status) -> None:
    """Another is not even asked, though it may know an order of that id; and one that does not answer tells nothing."""
    order = at(desk, status)
    desk.clock.at = max(desk.clock.at, order.overdue_at)
    before, another = desk.dynamo.items(), FakeExchange(desk.world.venue, ACCOUNT, name="another")
    desk.world.fake.down = True
    for exchange in (another, desk.world.fake):
        desk.world.exchange = exchange
        refuses(desk, ExchangeUnavailable, act, order)
        if status is OPEN:
            with pytest.raises(ExchangeUnavailable):
                is_lost(desk, order)
    assert (desk.dynamo.items(), another.calls.total()) == (before, 0)


# The last look, and what turns up


@pytest.mark.parametrize("status", [NEVER, LOST])
def test_the_last_look_that_finds_nothing_closes_the_order(desk: Desk, status: Status) -> None:
    order = at(desk, status)
    forgets(desk, "order", "find")
    absent = look_again(desk.at_exchange, order, THING)
    assert (absent.status, absent) == (ABSENT, there(desk))
    assert (order.look_at - order.resolved_at if order.resolved_at else None) == timedelta(minutes=10)
    assert told(desk)[:2] == ("absent", "ABSENT")


@pytest.mark.parametrize("ended", [False, True], ids=["rests", "ended"])
@pytest.mark.parametrize("status", [NEVER, LOST])
def test_an_order_that_the_last_look_finds_is_ended_and_told(desk: Desk, status: Status, ended: bool) -> None:
    order = at(desk, status)
    if status is NEVER:
        arrives(desk, order)
    if ended:
        desk.world.venue.cancel_all(ACCOUNT, "SOLUSDT")
    found = look_again(desk.at_exchange, order, THING)
    (placed,) = at_the_exchange(desk)
    assert (placed.status, desk.world.fake.calls["cancel"]) == (AtTheExchange.CANCELED, 0 if ended else 1)
    assert (found.status, found.exchange_order_id, found) == (TURNED_UP, str(placed.order_id), there(desk))
    assert told(desk)[:2] == ("turned up", f"TURNED_UP {placed.order_id}")


def placed_slowly(desk: Desk, status: Status, *, then: Callable[[], object] = lambda: None) -> ExchangeOrder:
    """The process that placed it was slow: others have given it up meanwhile, and `then` has happened."""

    def slow(real: Callable[..., str], *ticket: Any) -> str:
        desk.world.exchange = desk.world.fake
        if status is REFUSED:
            refused = replace(there(desk), status=REFUSED, reason="no money", resolved_at=desk.clock())
            desk.table.write(*THING.on_refused(refused), store.give_up(refused))
        else:
            never = give_up(desk)
            if status is ABSENT:
                look_again(desk.at_exchange, never, THING)
        then()
        return real(*ticket)

    desk.world.exchange = around(desk.world.fake, place=slow)
    return place(desk)


def does_not_cancel(desk: Desk) -> None:
    desk.world.exchange = around(desk.world.fake, cancel=unavailable)


@pytest.mark.parametrize("silent", [False, True], ids=["answers", "silent"])
def test_an_order_that_arrives_before_its_last_look_is_ended_and_told(desk: Desk, silent: bool) -> None:
    order = placed_slowly(desk, NEVER, then=lambda: does_not_cancel(desk) if silent else None)
    (placed,) = at_the_exchange(desk)
    assert (order.status, order) == (TURNED_UP, there(desk))
    assert placed.status == (AtTheExchange.NEW if silent else AtTheExchange.CANCELED)
    assert told(desk)[:2] == ("turned up", f"TURNED_UP {placed.order_id}")
    assert strays_of(desk) == []


@pytest.mark.parametrize("silent", [False, True], ids=["answers", "silent"])
@pytest.mark.parametrize("moved", [False, True], ids=["parent stands", "parent has moved"])
@pytest.mark.parametrize("status", [REFUSED, ABSENT])
def test_an_order_that_is_seen_after_it_was_given_up_for_good_is_a_persons(
    desk: Desk, counted: Counter[str], status: Status, moved: bool, silent: bool
) -> None:
    """Whatever its parent does, which is told nothing: it has gone on. The order is ended, and nobody's."""

    def then() -> None:
        if moved:
            desk.table.write(tell("asked again", "", desk.clock(), "refused", "absent"))
        if silent:
            does_not_cancel(desk)

    order = placed_slowly(desk, status, then=then)
    (placed,) = at_the_exchange(desk)
    assert (order.status, there(desk).status) == (status, status)
    assert told(desk)[0] == ("asked again" if moved else {REFUSED: "refused", ABSENT: "absent"}[status])
    assert placed.status == (AtTheExchange.NEW if silent else AtTheExchange.CANCELED)
    (stray,) = strays_of(desk)
    said = f"the exchange has order {placed.order_id} after all, for {ID}, whose order there is {status}"
    assert (stray.needs_person, stray.waits_for, counted["OrdersTurnedUp"]) == (True, f"an operator: {said}", 1)
    assert desk.sweeper.sweep(lambda: True).needs_person == 1
    with pytest.raises(store.ExchangeOrderTaken):  # and no other's of ours
        desk.table.write(store.claim(replace(order, order_id="Y" + "A" * 25, exchange_order_id=str(placed.order_id))))


def test_a_refusal_that_others_have_written_is_not_shown_to_customers(desk: Desk) -> None:
    """Its words may be about the desk's own account."""
    order = at(desk, REFUSED)
    arrives(desk, order)
    seen = look(desk.at_exchange, replace(order, status=SENT), THING)
    assert (seen.status, seen.reason) == (REFUSED, "the desk could not place the order; nothing was charged")


def test_a_stray_that_is_seen_twice_is_one(desk: Desk) -> None:
    order = placed_slowly(desk, ABSENT)
    read = replace(order, status=SENT, exchange_order_id=None)
    assert look(desk.at_exchange, read, THING) == order
    assert len(strays_of(desk)) == 1


@pytest.mark.parametrize(("act", "read"), [(look, SENT), (poll, OPEN), (cancel, OPEN), (look_again, NEVER)], ids=named)
def test_what_a_late_look_sees_of_an_order_that_is_absent_is_a_persons(desk: Desk, act: Act, read: Status) -> None:
    """It has read the order before others gave it up for good, and the exchange has answered them otherwise."""
    order = at(desk, ABSENT)
    exchange_order_id = arrives(desk, order)
    desk.world.venue.cancel_all(ACCOUNT, "SOLUSDT")
    known = exchange_order_id if read is OPEN else None
    assert act(desk.at_exchange, replace(order, status=read, exchange_order_id=known), THING) == order == there(desk)
    assert [stray.id for stray in strays_of(desk)] == [stray_id_of(order, exchange_order_id)]


def test_a_stray_is_never_another_of_ours(desk: Desk) -> None:
    order = at(desk, ABSENT)
    desk.table.write(store.claim(replace(order, order_id="Y" + "A" * 25, exchange_order_id=arrives(desk, order))))
    assert look(desk.at_exchange, replace(order, status=SENT), THING) == order
    assert (strays_of(desk), desk.world.fake.calls["cancel"]) == ([], 0)


def test_an_order_that_turned_up_and_rests_is_ended_by_the_next_look(desk: Desk) -> None:
    """Its cancellation was asked for once, and not answered. A person has had it looked for again."""
    never = at(desk, NEVER)
    arrives(desk, never)
    desk.world.exchange = around(desk.world.fake, cancel=unavailable)
    turned_up = look(desk.at_exchange, replace(never, status=SENT), THING)
    (placed,) = at_the_exchange(desk)
    assert (turned_up.status, placed.status) == (TURNED_UP, AtTheExchange.NEW)
    refuses(desk, ExchangeUnavailable, look_again, there(desk))
    desk.world.exchange = desk.world.fake
    assert look_again(desk.at_exchange, there(desk), THING).status is there(desk).status is TURNED_UP
    (placed,) = at_the_exchange(desk)
    assert (placed.status, told(desk)[0]) == (AtTheExchange.CANCELED, "turned up")


def test_a_second_order_under_our_id_is_ended_and_a_persons(desk: Desk) -> None:
    """Somebody has found another one by our id, while the answer to the order that we sent was on its way."""

    def slow(real: Callable[..., str], ticket: Ticket) -> str:
        desk.world.exchange = desk.world.fake
        arrives(desk, there(desk))
        look(desk.at_exchange, there(desk), THING)
        return real(replace(ticket, client_order_id="2" * 18))  # the exchange of this test keeps ids apart

    desk.world.exchange = around(desk.world.fake, place=slow)
    order = place(desk)
    first, second = at_the_exchange(desk)
    assert (order.status, order.exchange_order_id, order) == (OPEN, str(first.order_id), there(desk))
    assert (first.status, second.status) == (AtTheExchange.NEW, AtTheExchange.CANCELED)
    assert [stray.id for stray in strays_of(desk)] == [stray_id_of(order, str(second.order_id))]


@EVERY_LOOK
@pytest.mark.parametrize("wrong", ["side", "quantity", "exchange_order_id"])
def test_what_is_told_of_another_order_is_not_believed(desk: Desk, act: Act, status: Status, wrong: str) -> None:
    order = at(desk, status)
    if status in (SENT, NEVER):
        arrives(desk, order)
        if wrong == "exchange_order_id":
            return  # nothing to compare it with
    others: dict[str, Any] = {"side": Side.SELL, "quantity": Quantity("7", "SOL"), "exchange_order_id": "999"}

    def another(real: Callable[..., OrderReport], *asked: Any) -> OrderReport:
        return replace(real(*asked), **{wrong: others[wrong]})

    desk.world.exchange = around(desk.world.fake, order=another, find=another)
    assert act(desk.at_exchange, order, THING) == order == there(desk)
    assert (told(desk)[0], desk.world.fake.calls["cancel"]) == ("stopped", 0)


@pytest.mark.parametrize(("act", "status"), [(look, SENT), (resolve, SENT), (look_again, NEVER)], ids=named)
def test_an_order_that_is_another_of_ours_is_not_believed(
    desk: Desk, counted: Counter[str], act: Act, status: Status
) -> None:
    """It is not cancelled either: it is not this order's to end."""
    order = at(desk, status)
    exchange_order_id = arrives(desk, order)
    another = replace(order, order_id="Y" + "A" * 25, exchange_order_id=exchange_order_id)
    desk.table.write(store.claim(another))
    assert act(desk.at_exchange, order, THING) == order == there(desk)
    word, why, _ = told(desk)
    assert (word, counted["FillsNotBelieved"], desk.world.fake.calls["cancel"]) == ("stopped", 1, 0)
    assert f"its order {exchange_order_id} is that of {another.order_id}" in why


def test_an_order_is_not_placed_as_another_of_ours(desk: Desk) -> None:
    another = replace(draft(desk), order_id="Y" + "A" * 25, exchange_order_id="77")
    desk.table.write(store.claim(another))
    desk.world.exchange = around(desk.world.fake, place=lambda *_: "77")
    assert place(desk).status is there(desk).status is SENT
    assert (told(desk)[0], desk.world.fake.calls["cancel"]) == ("stopped", 0)


@pytest.mark.parametrize("told_id", ["", "7#7", "7" * 65])
def test_what_can_be_no_id_is_not_believed(desk: Desk, told_id: str) -> None:
    desk.world.exchange = around(desk.world.fake, place=lambda *_: told_id)
    assert place(desk).status is there(desk).status is SENT
    assert told(desk)[0] == "stopped"


def test_the_exchange_counts_the_orders_of_each_market_from_one(desk: Desk) -> None:
    """The same number in another market, or at another exchange, is another order."""
    order = replace(draft(desk), exchange_order_id="77")
    others: list[dict[str, Any]] = [
        {"symbol": "BTC"},
        {"exchange": "another"},
        {"exchange_order_id": "78"},
    ]
    for n, other in enumerate(others):
        desk.table.write(store.claim(replace(order, order_id=f"Y{n}", **other)))
    desk.table.write(store.claim(order))
    desk.table.write(store.claim(order))  # it is ours already
    with pytest.raises(store.ExchangeOrderTaken):
        desk.table.write(store.claim(replace(order, number=2)))


def test_a_parent_not_ready_for_what_turned_up_has_the_last_look(desk: Desk) -> None:
    order = at(desk, NEVER)
    arrives(desk, order)
    desk.table.write(tell("busy", "", desk.clock(), "never"))
    assert look(desk.at_exchange, replace(order, status=SENT), THING).status is there(desk).status is NEVER
    desk.table.write(tell("never", "", desk.clock(), "busy"))
    assert look_again(desk.at_exchange, order, THING).status is TURNED_UP


# Evidence


def evident(
    desk: Desk, executed: str = "1", gross: str | None = None, fee: str = "0.1", elsewhere: str = ""
) -> Evidence:
    """What two operators say, now."""
    nothing = executed == "0"
    brought = gross or ("0" if nothing else "100")
    asset_id = there(desk).quantity.asset_id
    costs = Money("0" if nothing else fee)
    fees = fees_of("" if nothing else elsewhere)
    said = (Quantity(executed, asset_id), Money(brought), costs, "statement 7", "olga and oleg", desk.clock())
    return Evidence(*said, fees)


def give(desk: Desk, evidence: Evidence) -> ExchangeOrder:
    desk.table.write(store.evidence(there(desk), evidence))
    assert there(desk).evidence == evidence
    return there(desk)


def overdue(desk: Desk) -> ExchangeOrder:
    """The exchange should have ended the order by now, also since there is evidence."""
    order, now = there(desk), desk.clock.at
    desk.clock.at = max(order.overdue_at, now + timedelta(seconds=CANCEL_SECONDS))
    return order


def gone(desk: Desk) -> None:
    """The exchange never answers again."""
    desk.world.exchange = around(desk.world.fake, order=unavailable, find=unavailable, cancel=unavailable)


def unfaithful(desk: Desk) -> None:
    """What the exchange says of its orders can not be."""

    def lie(real: Callable[..., OrderReport], *asked: Any) -> OrderReport:
        return replace(real(*asked), quantity=Quantity(99, "SOL"))

    desk.world.exchange = around(desk.world.fake, order=lie, find=lie)


def forgetful(desk: Desk) -> None:
    forgets(desk, "order", "find")


NO_ANSWER = pytest.mark.parametrize(
    "exchange", [gone, unfaithful, forgetful], ids=["silent", "not believed", "unknown"]
)


@NO_ANSWER
@pytest.mark.parametrize(
    ("act", "status", "executed", "after"),
    [
        (resolve, SENT, "0", NEVER),
        (resolve, SENT, "1", OPEN),
        (poll, OPEN, "0", LOST),
        (poll, OPEN, "1", FINAL),
        (cancel, OPEN, "0", LOST),
        (cancel, OPEN, "1", FINAL),
        (look_again, NEVER, "0", ABSENT),
        (look_again, NEVER, "1", TURNED_UP),
        (look_again, LOST, "0", ABSENT),
        (look_again, LOST, "1", TURNED_UP),
    ],
    ids=named,
)
def test_evidence_decides_where_the_exchange_gives_no_answer_to_believe(
    desk: Desk, exchange: Callable[[Desk], None], act: Act, status: Status, executed: str, after: Status
) -> None:
    filled_at(desk, status)
    exchange(desk)
    give(desk, evident(desk, executed))
    moved = act(desk.at_exchange, overdue(desk), THING)
    assert (moved.status, moved) == (after, there(desk))
    word, why, _ = told(desk)
    expected = {
        OPEN: "accepted",
        LOST: "lost",
        FINAL: "final",
        NEVER: "never",
        ABSENT: "absent",
        TURNED_UP: "turned up",
    }
    assert word == expected[after]
    if after is LOST:
        assert why == "0 SOL executed, as olga and oleg say by statement 7, by olga and oleg"
    if after is FINAL:
        item = raw(desk, ID, "VENUE#1")
        assert (item["executed_quantity"], item["gross_amount"], item["fee_amount"]) == (1, 100, Decimal("0.1"))
        assert (item["order_state"], item["fees_elsewhere"]) == ("BY_EVIDENCE", "")


@pytest.mark.parametrize("executed", ["0", "0.5"])
@pytest.mark.parametrize(
    ("act", "status", "after"),
    [(resolve, SENT, OPEN), (poll, OPEN, FINAL), (cancel, OPEN, FINAL), (look_again, NEVER, TURNED_UP)],
    ids=named,
)
def test_what_the_exchange_says_and_can_be_wins_over_evidence(
    desk: Desk, act: Act, status: Status, after: Status, executed: str
) -> None:
    order = filled_at(desk, status)
    give(desk, evident(desk, executed, None if executed == "0" else "50"))
    assert act(desk.at_exchange, there(desk), THING).status is there(desk).status is after
    assert order.status is status
    if after is FINAL:
        assert raw(desk, ID, "VENUE#1")["order_state"] == "FULLY_EXECUTED"


def test_what_the_exchange_is_still_working_on_is_not_decided_by_evidence(desk: Desk) -> None:
    order = place(desk)
    give(desk, evident(desk, "0"))
    refuses(desk, ExchangeOrderNotFilled, poll, there(desk))
    desk.world.exchange = around(desk.world.fake, cancel=unavailable)
    refuses(desk, ExchangeUnavailable, cancel, there(desk))
    assert there(desk).status is order.status is OPEN


def cancels_nothing(desk: Desk) -> None:
    def cancel(real: Callable[..., None], *asked: Any) -> None:
        """It says that it did."""

    desk.world.exchange = around(desk.world.fake, cancel=cancel)


def answers_no_cancel(desk: Desk) -> None:
    desk.world.exchange = around(desk.world.fake, cancel=unavailable)


def works_for_ever(desk: Desk) -> None:
    """It says so, of what is filled."""

    def lie(real: Callable[..., OrderReport], *asked: Any) -> OrderReport:
        return replace(real(*asked), state=State.WORKING)

    desk.world.exchange = around(desk.world.fake, order=lie, find=lie)


@pytest.mark.parametrize(
    ("exchange", "executed", "after"),
    [(cancels_nothing, "0", LOST), (answers_no_cancel, "0", LOST), (works_for_ever, "1", FINAL)],
    ids=named,
)
def test_what_the_exchange_does_not_end_is_decided_by_evidence_in_the_end(
    desk: Desk, exchange: Callable[[Desk], None], executed: str, after: Status
) -> None:
    """It has a minute to cancel the order from when operators say that it is over, and until it is overdue."""
    order = place(desk) if executed == "0" else filled_at(desk, OPEN)
    exchange(desk)
    desk.clock.at = order.overdue_at + timedelta(seconds=1)
    give(desk, evident(desk, executed))
    given_at = desk.clock.at
    desk.clock.at = given_at + timedelta(seconds=58)
    refuses(desk, Unavailable, cancel, there(desk))
    desk.clock.at = given_at + timedelta(seconds=60)
    assert cancel(desk.at_exchange, there(desk), THING).status is there(desk).status is after


def test_what_is_not_overdue_is_not_decided_by_evidence_while_it_works(desk: Desk) -> None:
    order = place(desk)
    answers_no_cancel(desk)
    give(desk, evident(desk, "0"))
    desk.clock.at = order.overdue_at - timedelta(seconds=1)
    for act in (poll, cancel):
        refuses(desk, Unavailable, act, there(desk))


@pytest.mark.parametrize("executed", ["0", "1"])
def test_one_silence_of_the_exchange_does_not_make_evidence_decide(desk: Desk, executed: str) -> None:
    """It may go on with the order. What it says next counts."""
    filled_at(desk, OPEN)
    gone(desk)
    given = give(desk, evident(desk, executed))
    refuses(desk, ExchangeUnavailable, poll, given)
    assert there(desk).status is OPEN


def test_what_evidence_ends_and_still_rests_is_cancelled(desk: Desk) -> None:
    """What the exchange says of it can not be believed: so it rests beyond its time, and would fill for nobody."""
    place(desk)
    unfaithful(desk)
    give(desk, evident(desk, "0"))
    assert poll(desk.at_exchange, there(desk), THING).status is LOST
    assert at_the_exchange(desk)[-1].status is AtTheExchange.CANCELED


def test_a_look_of_before_evidence_leaves_the_order_alone(desk: Desk) -> None:
    """It tells the id of an order that evidence has opened without one."""
    before = at(desk, SENT)
    gone(desk)
    give(desk, evident(desk))
    opened = resolve(desk.at_exchange, there(desk), THING)
    desk.world.exchange = desk.world.fake
    desk.world.fake.place(Ticket(Side.BUY, opened.quantity, opened.limit_price, opened.client_order_id))
    assert look(desk.at_exchange, before, THING).status is OPEN
    assert at_the_exchange(desk)[-1].status is AtTheExchange.NEW


def test_an_order_that_was_never_answered_is_filled_by_evidence_alone(desk: Desk) -> None:
    """Two steps: as if the exchange had told of it, then of its fill. The exchange has no id for it."""
    filled_at(desk, SENT)
    gone(desk)
    order = give(desk, evident(desk))
    opened = resolve(desk.at_exchange, order, THING)
    assert (opened.status, opened.exchange_order_id, told(desk)[1]) == (OPEN, None, "OPEN None")
    assert poll(desk.at_exchange, overdue(desk), THING).status is there(desk).status is FINAL


def test_the_id_of_an_order_that_only_evidence_knew_of_is_claimed_late(desk: Desk) -> None:
    """The exchange is back, and tells of the fill and its own id."""
    at(desk, SENT)
    gone(desk)
    opened = resolve(desk.at_exchange, give(desk, evident(desk)), THING)
    desk.world.exchange = desk.world.fake
    desk.world.fake.place(Ticket(Side.BUY, opened.quantity, opened.limit_price, opened.client_order_id))
    (placed,) = at_the_exchange(desk)
    assert cancel(desk.at_exchange, opened, THING) == there(desk)
    assert (there(desk).status, there(desk).exchange_order_id) == (FINAL, str(placed.order_id))
    with pytest.raises(store.ExchangeOrderTaken):
        desk.table.write(store.claim(replace(there(desk), order_id="Y" + "A" * 25)))


def test_an_order_that_only_evidence_knew_of_is_never_another_of_ours(desk: Desk) -> None:
    """What the exchange tells under another order's id is not believed, and evidence decides."""
    filled_at(desk, SENT)
    gone(desk)
    opened = resolve(desk.at_exchange, give(desk, evident(desk)), THING)
    desk.world.exchange = desk.world.fake
    (placed,) = at_the_exchange(desk)
    desk.table.write(store.claim(replace(opened, order_id="Y" + "A" * 25, exchange_order_id=str(placed.order_id))))
    assert poll(desk.at_exchange, opened, THING).status is there(desk).status is FINAL
    assert there(desk).exchange_order_id is None


@pytest.mark.parametrize(("act", "status"), [(resolve, SENT), (poll, OPEN)], ids=named)
def test_what_evidence_has_ended_is_still_looked_for_once_more(desk: Desk, act: Act, status: Status) -> None:
    """The exchange may contradict it; and newer evidence ends that look too, where it stays silent."""
    order = filled_at(desk, status)
    gone(desk)
    give(desk, evident(desk, "0"))
    order = act(desk.at_exchange, overdue(desk), THING)
    refuses(desk, ExchangeUnavailable, look_again, there(desk))
    assert there(desk).status is order.status
    again = give(desk, evident(desk, "0"))
    assert look_again(desk.at_exchange, again, THING).status is there(desk).status is ABSENT


def test_an_exchange_that_is_back_contradicts_evidence_in_the_last_look(desk: Desk) -> None:
    filled_at(desk, OPEN)
    gone(desk)
    give(desk, evident(desk, "0"))
    lost = poll(desk.at_exchange, overdue(desk), THING)
    desk.world.exchange = desk.world.fake
    assert look_again(desk.at_exchange, lost, THING).status is there(desk).status is TURNED_UP


def test_an_order_that_is_another_of_ours_is_decided_by_evidence(desk: Desk) -> None:
    order = at(desk, SENT)
    taken = replace(order, order_id="Y" + "A" * 25, exchange_order_id=arrives(desk, order))
    desk.table.write(store.claim(taken))
    assert resolve(desk.at_exchange, give(desk, evident(desk, "0")), THING).status is there(desk).status is NEVER


@pytest.mark.parametrize(("executed", "gross", "fee"), [("2", "200", "0"), ("1", "101", "0"), ("1", "100", "50")])
def test_evidence_that_can_not_be_is_not_believed_either(desk: Desk, executed: str, gross: str, fee: str) -> None:
    order = place(desk, FILLS)
    gone(desk)
    give(desk, evident(desk, executed, gross, fee))
    assert poll(desk.at_exchange, overdue(desk), THING).status is order.status is there(desk).status
    assert told(desk)[1].startswith("what olga and oleg say of it is not believed: ")


@pytest.mark.parametrize("status", Status)
def test_evidence_is_given_only_of_what_is_still_asked_for(desk: Desk, status: Status) -> None:
    order = at(desk, status)
    decidable = status in (SENT, OPEN, NEVER, LOST)
    assert is_decidable_by_evidence(order) is decidable
    if not decidable:
        with pytest.raises(AssertionError):
            store.evidence(order, evident(desk))
        return
    given = store.evidence(order, evident(desk))
    after = {SENT: NEVER, OPEN: LOST, NEVER: ABSENT, LOST: ABSENT}[status]
    moved = replace(order, status=after, reason="so", resolved_at=NOON)
    desk.table.write(store.follow_up(order, moved) if after is ABSENT else store.give_up(moved))
    with pytest.raises(ExchangeOrderMoved):
        desk.table.write(given)


# Somebody was first


@pytest.mark.parametrize(
    ("act", "read", "now"),
    [
        *product([look, resolve], [SENT], [OPEN, FINAL, LOST, TURNED_UP, DEALT_WITH]),
        *product([poll, cancel], [OPEN], [FINAL, LOST, TURNED_UP, DEALT_WITH]),
        *product([look_again], [NEVER, LOST], [ABSENT, TURNED_UP, DEALT_WITH]),
    ],
    ids=named,
)
def test_who_comes_second_changes_nothing_and_is_told_where_it_is(
    desk: Desk, act: Act, read: Status, now: Status
) -> None:
    """The order was `read` so, and is `now` where another has moved it; the exchange has ended it since."""
    order = at(desk, now)
    desk.world.venue.cancel_all(ACCOUNT, "SOLUSDT")
    before, known = desk.dynamo.items(), None if read in (SENT, NEVER) else order.exchange_order_id
    if read is OPEN:
        known = str(at_the_exchange(desk)[0].order_id)
    assert act(desk.at_exchange, replace(order, status=read, exchange_order_id=known), THING) == order
    assert desk.dynamo.items() == before


@pytest.mark.parametrize("now", [OPEN, REFUSED, NEVER, ABSENT], ids=str)
def test_who_misses_an_order_that_another_has_moved_changes_nothing(desk: Desk, now: Status) -> None:
    order = at(desk, now)
    before, read = desk.dynamo.items(), replace(order, status=SENT, exchange_order_id=None, missed_at=None)
    forgets(desk, "order", "find")
    desk.clock.at = order.overdue_at
    refuses(desk, ExchangeOrderUnresolved, resolve, read)  # his first look
    assert resolve(desk.at_exchange, replace(read, missed_at=order.sent_at), THING) == order  # his second
    assert desk.dynamo.items() == before


def test_a_parent_that_has_moved_on_keeps_its_order_where_it_was(desk: Desk) -> None:
    order = place(desk, FILLS)
    desk.table.write(tell("gone", "", desk.clock(), "accepted"))
    before = desk.dynamo.items()
    assert (poll(desk.at_exchange, order, THING), desk.dynamo.items()) == (order, before)


def move(order: ExchangeOrder, before: Status, after: Status) -> Write:
    moved = replace(order, status=after, exchange_order_id="1", reason="so", resolved_at=NOON)
    match after:
        case Status.OPEN:
            return store.accept(moved)
        case Status.REFUSED | Status.NEVER | Status.LOST:
            return store.give_up(moved)
        case Status.FINAL:
            return store.end(order, Fill("CANCELED", Quantity(0, "SOL"), ZERO, ZERO), NOON)
        case _:
            return store.follow_up(replace(order, status=before), moved)


@pytest.mark.parametrize(("before", "after"), [(a, b) for a in Status for b in sorted(TRANSITIONS[a])], ids=str)
def test_a_move_is_written_only_from_the_state_before_it(desk: Desk, before: Status, after: Status) -> None:
    empty, order = desk.dynamo, draft(desk)
    for now in Status:
        desk.dynamo = empty.copy()
        desk.table.write(store.insert(replace(order, status=now)))
        with nullcontext() if now is before else pytest.raises(ExchangeOrderMoved):
            desk.table.write(move(order, before, after))
        assert there(desk).status is (after if now is before else now)


def test_a_move_that_the_table_of_states_does_not_have_is_never_made(desk: Desk) -> None:
    for before, after in product(Status, Status):
        if after not in TRANSITIONS[before]:
            with pytest.raises(AssertionError):
                store.follow_up(replace(draft(desk), status=before), replace(draft(desk), status=after))


def test_an_order_that_should_be_there_and_is_not_is_missed(desk: Desk) -> None:
    with pytest.raises(ExchangeOrderNotFound):
        there(desk)
