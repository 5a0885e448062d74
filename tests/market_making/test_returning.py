"""The way home from the exchange: each asset is withdrawn once, claimed by its transaction, and goes to who paid."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from common.domain import halts, rulings, timeline
from common.domain.custody import store as custody_store
from common.domain.custody.model import Kind
from common.domain.rulings import Matter, Ruling
from common.domain.timeline import CLOCK
from common.gateways.exchange import ExchangeUnavailable
from functions.market_making import leg_store, quotes_store
from functions.market_making.model import LegStatus, MarketMakingOrderMoved, ReturnUnderway, Status, Way
from sandbox.mixin.assets import units_of
from sandbox.mixin.chain import Chain, Transfer, WalletSide
from tests.market_making.audit import (
    at_exchange,
    desk_fees,
    go_on,
    in_custody,
    items,
    live,
    live_until,
    meanwhile,
    people_told,
    room_taken,
)
from tests.market_making.market import ACCOUNT, ANN, BOB, BTC, ETH, ORDER, USDT, Market
from tests.market_making.outside import check

OTHER = UUID("5f4c2a34-0f3b-4f2e-9d53-6a0d8fdc1f11")
HOME = {BTC: Decimal("0.099985"), USDT: Decimal(4994)}  # less what the exchange takes for a withdrawal
FEE = {USDT: Decimal(5)}


@pytest.fixture
def market() -> Market:
    """An order that could quote."""
    market = Market()
    market.list_pair()
    market.poll()
    market.fund_all()
    live_until(market, Status.CREATED)
    return market


def come_home(market: Market) -> None:
    market.quoting.bring_home(market.order().order_id)


def is_returned(market: Market) -> None:
    live_until(market, Status.RETURNED, minutes=15)
    live(market, 2)
    assert (market.has(ANN), in_custody(market), at_exchange(market), desk_fees(market)) == (HOME, FEE, {}, FEE)
    assert (room_taken(market), people_told(market), market.due(), market.chain.lost) == (0, [], [], [])


def waits_for_person(market: Market, why: str, minutes: float = 70) -> None:
    live(market, minutes, lambda: market.order().needs_person)
    assert any(why in told for told in people_told(market)), people_told(market)
    before = items(market)
    market.returning.withdraw(market.order().order_id)
    market.returning.confirm(market.order().order_id)
    assert items(market) == before


def test_all_of_it_comes_home_to_who_paid(market: Market) -> None:
    come_home(market)
    is_returned(market)


def test_an_answer_that_is_lost_withdraws_nothing_twice(market: Market) -> None:
    market.funds.drop_answer_next("withdraw", 2)
    come_home(market)
    is_returned(market)
    assert len(market.exchange.wallet.withdrawals.all()) == 2


def test_an_exchange_that_lists_a_minute_later_withdraws_nothing_twice(market: Market) -> None:
    """An answer is lost, and it does not see that two withdrawals of one id mean the same: of Binance that is not
    documented."""
    market.exchange.wallet.withdrawals.refuses_repeats = False
    market.funds.listed_after = timedelta(minutes=1)
    market.funds.drop_answer_next("withdraw", 2)
    come_home(market)
    is_returned(market)
    assert len(market.exchange.wallet.withdrawals.all()) == 2


def test_two_executions_at_once_withdraw_once(market: Market) -> None:
    """Both have looked, and have seen nothing; one writes that it asks."""
    market.exchange.wallet.withdrawals.refuses_repeats = False
    market.quoting.stop(market.order().order_id)
    live_until(market, Status.STOPPED)
    come_home(market)  # its machine has not begun
    market.returning._homecoming(market.withdrawing_of).decide(market.order())
    market.funds.listed_after = timedelta(minutes=1)

    def other() -> None:
        market.funds.drop_answer_next("withdraw")
        with pytest.raises(ExchangeUnavailable):
            market.returning.withdraw(market.order().order_id)

    meanwhile(market, other)
    with pytest.raises(ReturnUnderway):
        market.returning.withdraw(market.order().order_id)
    is_returned(market)
    assert len(market.exchange.wallet.withdrawals.all()) == 2


def test_a_leg_is_asked_for_again_under_one_next_id(market: Market) -> None:
    """Two who both have read that it was refused would ask for it under two, and get it twice."""
    come_home(market)
    live(market, 5, lambda: bool(leg_store.homeward(market.table, market.order().order_id)))
    leg = leg_store.homeward(market.table, market.order().order_id)[0]
    first, second = (leg_store.withdraw_again(leg, name, market.clock()) for name in ("next-1", "next-2"))
    market.table.write(first)
    with pytest.raises(MarketMakingOrderMoved):
        market.table.write(second)
    assert leg_store.homeward(market.table, leg.order_id)[0].sent_by == "next-1"


@pytest.mark.parametrize("just_now", [False, True], ids=["before", "just now"])
def test_what_goes_home_of_a_halted_account_is_not_even_decided(market: Market, just_now: bool) -> None:
    """It stays where it is, and is looked after: how much of it is its owner's is found once all is there again."""
    market.quoting.stop(market.order().order_id)
    live_until(market, Status.STOPPED)
    come_home(market)

    def halted() -> None:
        halts.ensure(market.table, ACCOUNT, "something is missing", CLOCK, market.clock())

    meanwhile(market, halted) if just_now else halted()
    market.returning.withdraw(market.order().order_id)
    assert (market.order().status, market.order().needs_person) == (Status.STOPPED, True)
    assert leg_store.homeward(market.table, market.order().order_id) == []


@pytest.mark.parametrize("just_now", [False, True], ids=["before", "just now"])
def test_nothing_is_withdrawn_of_an_account_that_is_halted_since(market: Market, just_now: bool) -> None:
    """What goes home was decided before: it would be paid with what is owed to others."""
    market.quoting.stop(market.order().order_id)
    live_until(market, Status.STOPPED)
    come_home(market)
    market.returning._homecoming(market.withdrawing_of).decide(market.order())

    def halted() -> None:
        halts.ensure(market.table, ACCOUNT, "something is missing", CLOCK, market.clock())

    meanwhile(market, halted) if just_now else halted()
    market.returning.withdraw(market.order().order_id)
    assert market.exchange.wallet.withdrawals.all() == []
    assert (market.order().status, market.order().needs_person) == (Status.RETURNING, True)


def test_a_leg_moves_on_from_where_it_was_read_only(market: Market) -> None:
    """Who was slow to say that the exchange was asked takes nothing back of what has come home since."""
    come_home(market)
    live(market, 5, lambda: bool(leg_store.homeward(market.table, market.order().order_id)))
    leg = leg_store.homeward(market.table, market.order().order_id)[0]
    asked = leg_store.move_leg(leg, LegStatus.CONFIRMED, market.clock())
    is_returned(market)
    with pytest.raises(MarketMakingOrderMoved):
        market.table.write(asked)


def test_a_withdrawal_that_the_exchange_never_got_is_asked_for_again(market: Market) -> None:
    market.funds.fail_before_next("withdraw", 3)
    come_home(market)
    is_returned(market)


@pytest.mark.parametrize("times", [1, 2])
def test_a_refused_withdrawal_is_told_to_a_person_and_asked_for_again(market: Market, times: int) -> None:
    market.funds.refuse_next(times, ours=True)
    come_home(market)
    waits_for_person(market, "the exchange does not withdraw", 2)
    assert (market.order().status, room_taken(market)) == (Status.RETURNING, 1)
    for _ in range(times):
        go_on(market)
        live(market, 2)
    is_returned(market)


def test_a_withdrawal_that_is_rejected_later_is_told_to_a_person(market: Market) -> None:
    """Its coins are back at the exchange; the other asset comes home."""
    market.exchange.wallet.withdrawals.mishaps.order("reject")
    come_home(market)
    waits_for_person(market, "the exchange has not withdrawn", 5)
    assert sum(at_exchange(market).values()) in (Decimal("0.1"), Decimal(4995))


def test_a_withdrawal_that_is_stuck_keeps_only_itself(market: Market) -> None:
    market.exchange.wallet.withdrawals.mishaps.order("stuck")
    come_home(market)
    live(market, 5)
    assert len(market.has(ANN)) == 1
    waits_for_person(market, "not come home within an hour")
    (stuck,) = [one for one in market.exchange.wallet.withdrawals.all() if one.stuck]
    market.exchange.wallet.withdrawals.release(stuck.withdrawal_id)
    live(market, 1)
    go_on(market)
    is_returned(market)


def kept_by_two(market: Market, symbol: str, asset_id: str) -> None:
    order_id, terms = market.order().order_id, {"asset": symbol, "payer": "unpaid"}
    ruling = Ruling(order_id, Matter.KEPT, asset_id, terms, "4711", "olga, oleg", market.clock())
    market.table.write(rulings.record(ruling))


def rests(market: Market) -> list[tuple[str, str, Decimal]]:
    """As `desk mm show` tells them."""
    legs = market.overseeing.life(market.order().order_id).legs
    return [(leg.symbol, leg.status, leg.quantity.amount) for leg in legs if leg.way is Way.REST]


def test_what_is_below_the_exchanges_minimum_is_somebodys(market: Market) -> None:
    """The other asset goes home; the order is not over until two operators let the exchange keep the rest."""
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_min=Decimal("0.11"))
    come_home(market)
    waits_for_person(market, "0.1 BTC are below the exchange's smallest withdrawal, 0.11", 10)
    assert (market.order().status, room_taken(market)) == (Status.RETURNING, 1)
    assert (market.has(ANN), at_exchange(market)) == ({USDT: Decimal(4994)}, {"BTC": Decimal("0.1")})
    (said,) = [e.reason for e in timeline.of(market.table, market.order().order_id) if e.after == "returning"]
    assert said == "1 withdrawals from the exchange; 0.1 BTC stay there"
    assert rests(market) == [("BTC", "LEFT", Decimal("0.1"))]
    go_on(market)
    waits_for_person(market, "smallest withdrawal", 10)
    kept_by_two(market, "BTC", BTC)
    go_on(market)
    live_until(market, Status.RETURNED)
    assert rests(market) == [("BTC", "KEPT", Decimal("0.1"))]
    assert desk_fees(market) == {**FEE, "mm1:BTC": Decimal("0.1")}
    (*_, last) = timeline.of(market.table, market.order().order_id)
    assert last.reason == "all of it is back with who paid; operators have let the exchange keep 0.1 BTC"


def test_what_was_too_small_comes_home_once_it_is_enough(market: Market) -> None:
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_min=Decimal("0.11"))
    come_home(market)
    waits_for_person(market, "smallest withdrawal", 10)
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_min=Decimal("0.001"))
    go_on(market)
    is_returned(market)
    assert rests(market) == []


def test_what_comes_home_of_a_rest_leaves_what_is_finer(market: Market) -> None:
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_min=Decimal("0.11"), withdraw_step=Decimal("0.03"))
    come_home(market)
    waits_for_person(market, "0.1 BTC are below", 10)
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_min=Decimal("0.001"))
    go_on(market)
    waits_for_person(market, "0.01 BTC are finer than what the exchange withdraws", 10)
    assert market.has(ANN) == {BTC: Decimal("0.089985"), USDT: Decimal(4994)}
    kept_by_two(market, "BTC", BTC)
    go_on(market)
    live_until(market, Status.RETURNED)
    assert desk_fees(market) == {**FEE, "mm1:BTC": Decimal("0.01")}


def test_what_is_finer_than_a_withdrawal_is_somebodys(market: Market) -> None:
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_step=Decimal("0.03"))
    come_home(market)
    waits_for_person(market, "0.01 BTC are finer than what the exchange withdraws", 10)
    assert market.has(ANN) == {BTC: Decimal("0.089985"), USDT: Decimal(4994)}
    assert at_exchange(market) == {"BTC": Decimal("0.01")}
    assert rests(market) == [("BTC", "LEFT", Decimal("0.01"))]
    kept_by_two(market, "BTC", BTC)
    go_on(market)
    live_until(market, Status.RETURNED)


def left_to_dust(market: Market, step: str) -> None:
    """Of 0.1 BTC what three such steps leave is finer than a withdrawal."""
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_step=Decimal(step))
    come_home(market)


def test_dust_holds_nobody_up_and_stays_its_payers(market: Market) -> None:
    """A hundredth of the smallest order, 0.01 BTC, and no more."""
    left_to_dust(market, "0.0333")
    live_until(market, Status.RETURNED, minutes=10)
    order_id, dust = market.order().order_id, Decimal("0.0001")
    assert (people_told(market), room_taken(market)) == ([], 0)
    assert rests(market) == [("BTC", "LEFT", dust)]
    assert (market.order().left_behind, at_exchange(market), desk_fees(market)) == (
        {"BTC": "0.0001"},
        {"BTC": dust},
        FEE,
    )
    (*_, last) = timeline.of(market.table, order_id)
    assert last.reason == (
        "all of it is back with who paid; 0.0001 BTC stay at the exchange, too little to be withdrawn, and are the "
        "payer's"
    )
    check(market)
    assert market.balancing.short(ACCOUNT) == []
    market.exchange.venue.withdraw(ACCOUNT, "BTC", Decimal("0.00000001"))
    (short,) = market.balancing.short(ACCOUNT)
    assert (short.owed, short.by) == (dust, Decimal("0.00000001"))


def test_a_little_more_than_dust_waits_for_operators(market: Market) -> None:
    left_to_dust(market, "0.033299")
    waits_for_person(market, "0.000103 BTC are finer than what the exchange withdraws", 10)


def test_what_has_no_way_is_no_dust_however_little(market: Market) -> None:
    """It may have one again tomorrow."""
    quotes = quotes_store.find(market.table, market.order().order_id)
    assert quotes is not None
    after = replace(quotes, cycle=quotes.cycle + 1, base=Decimal("0.00005"))
    market.table.write(*quotes_store.write(quotes, after, (), market.clock()))
    market.exchange.wallet.networks.change("BTC", "BTC", withdrawals=False)
    come_home(market)
    waits_for_person(market, "0.00005 BTC can not be withdrawn", 10)


def test_what_was_decided_before_it_was_left_keeps_nothing(market: Market) -> None:
    """A decision is about what was there when two operators looked."""
    kept_by_two(market, "BTC", BTC)
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_min=Decimal("0.11"))
    come_home(market)
    waits_for_person(market, "smallest withdrawal", 10)
    assert rests(market) == [("BTC", "LEFT", Decimal("0.1"))]


def test_what_is_all_below_the_minimum_is_told_to_a_person(market: Market) -> None:
    for coin, network in (("BTC", "BTC"), ("USDT", "ETH")):
        market.exchange.wallet.networks.change(coin, network, withdraw_min=Decimal(10_000))
    come_home(market)
    waits_for_person(market, "below the exchange's smallest withdrawal", 2)
    assert (market.order().status, room_taken(market)) == (Status.RETURNING, 1)
    assert [symbol for symbol, _, _ in rests(market)] == ["USDT", "BTC"]


def test_nothing_goes_home_of_an_order_whose_ledger_is_below_nothing(market: Market) -> None:
    """Others' money at its account has gone for it."""
    order_id = market.order().order_id
    quotes = quotes_store.find(market.table, order_id)
    assert quotes is not None
    after = replace(quotes, cycle=quotes.cycle + 1, base=Decimal("-0.1"))
    market.table.write(*quotes_store.write(quotes, after, (), market.clock()))
    come_home(market)
    waits_for_person(market, "others' money", 5)
    assert (market.order().status, market.has(ANN)) == (Status.RETURNING, {})


class ShortChain(Chain):
    """Of what the exchange sends a part is lost on the way."""

    part = Decimal(1)

    def _from_exchange(self, withdrawal_id: str, leaving: Transfer) -> None:
        super()._from_exchange(withdrawal_id, replace(leaving, amount=leaving.amount * self.part))


@pytest.mark.parametrize("part", ["0.98", "1.1"])
def test_what_comes_home_otherwise_than_it_left_is_told_to_a_person(market: Market, part: str) -> None:
    market.chain = ShortChain(market.safe, WalletSide(market.exchange.wallet))
    market.chain.part = Decimal(part)
    come_home(market)
    waits_for_person(market, "came home", 15)
    assert market.has(ANN) == {}


def test_what_comes_home_a_little_short_goes_on_as_it_came(market: Market) -> None:
    market.chain = ShortChain(market.safe, WalletSide(market.exchange.wallet))
    market.chain.part = Decimal("0.992")
    come_home(market)
    live(market, 9)
    assert market.has(ANN) == {}, "it may be another's, whose own is not told yet"
    live_until(market, Status.RETURNED, minutes=6)
    assert market.has(ANN) == {BTC: Decimal("0.09918512"), USDT: Decimal("4954.048")}


class Newest(WalletSide):
    """What was asked for last leaves first."""

    def outbox(self) -> Sequence[tuple[str, Transfer]]:
        return list(reversed(super().outbox()))


class OneTransaction(Chain):
    """The exchange sends all that waits of a coin with one transaction of its chain."""

    def __init__(self, market: Market) -> None:
        super().__init__(market.safe, Newest(market.exchange.wallet))
        self._market, self._numbers = market, count()

    def _from_exchange(self, withdrawal_id: str, leaving: Transfer) -> None:
        asset_id = {"BTC": BTC, "USDT": USDT}[leaving.coin]
        units, txid = units_of(leaving.amount), f"0x{leaving.coin}"
        self._market.safe.deposit(asset_id, leaving.address, leaving.tag, units, txid, next(self._numbers))
        self._market.exchange.wallet.withdrawals.complete(withdrawal_id, txid)


@pytest.mark.parametrize("amounts", [("0.2", "6000"), ("0.1", "5000")], ids=["other amounts", "the same amounts"])
def test_two_orders_come_home_with_one_transaction(market: Market, amounts: tuple[str, str]) -> None:
    base, quote = amounts
    market.fund(BOB, BTC, base, OTHER)
    market.fund(BOB, USDT, quote, OTHER)
    market.fund(BOB, BTC, "0.00002", OTHER)
    market.fund(BOB, "43d61dcd-e413-450d-80b8-101d5e903357", "0.001", OTHER)
    live_until(market, Status.CREATED, OTHER)
    market.chain = OneTransaction(market)
    for uuid in (ORDER, OTHER):
        market.quoting.bring_home(market.order(uuid).order_id)
    live_until(market, Status.RETURNED, ORDER, minutes=10)
    live_until(market, Status.RETURNED, OTHER, minutes=10)
    assert market.has(ANN) == HOME
    assert market.has(BOB) == {
        BTC: Decimal(base) - Decimal("0.000015"),
        USDT: Decimal(quote) * Decimal("0.999") - 1,
    }
    assert in_custody(market) == desk_fees(market)


class LateForAnn(OneTransaction):
    """What is Ann's is told two minutes later than what came with it."""

    def _from_exchange(self, withdrawal_id: str, leaving: Transfer) -> None:
        if leaving.coin == "BTC" and leaving.amount == HOME[BTC]:
            self._market.safe.timeline.late_next(120, 1)
        super()._from_exchange(withdrawal_id, leaving)


def test_what_came_with_the_same_transaction_is_not_anothers(market: Market) -> None:
    """It is a little less than was withdrawn, and might be what has come of it."""
    market.fund(BOB, BTC, "0.0995", OTHER)
    market.fund(BOB, USDT, "6000", OTHER)
    market.fund(BOB, BTC, "0.00002", OTHER)
    market.fund(BOB, "43d61dcd-e413-450d-80b8-101d5e903357", "0.001", OTHER)
    live_until(market, Status.CREATED, OTHER)
    market.chain = LateForAnn(market)
    for uuid in (ORDER, OTHER):
        market.quoting.bring_home(market.order(uuid).order_id)
    live_until(market, Status.RETURNED, ORDER, minutes=10)
    live_until(market, Status.RETURNED, OTHER, minutes=10)
    assert market.has(ANN) == HOME
    assert market.has(BOB)[BTC] == Decimal("0.099485")


@pytest.mark.parametrize("after", [0.0, 0.5, 1.5])
def test_without_a_key_it_waits_for_a_person_as_it_is(market: Market, after: float) -> None:
    market.exchange.wallet.withdrawals.mishaps.order("stuck", 2)
    come_home(market)
    live(market, after)
    market.keyless = True
    waits_for_person(market, "no key of trading account mm1", 5)
    market.keyless = False
    live(market, 1)
    for stuck in market.exchange.wallet.withdrawals.all():
        market.exchange.wallet.withdrawals.release(stuck.withdrawal_id)
    go_on(market)
    live(market, 1)
    for stuck in market.exchange.wallet.withdrawals.all():
        market.exchange.wallet.withdrawals.release(stuck.withdrawal_id)
    is_returned(market)


@pytest.mark.parametrize("system", ["custody", "funds"])
@pytest.mark.parametrize("after", [0.0, 0.1, 0.6, 1.1, 1.6])
def test_an_hour_of_silence_on_the_way_home_loses_nothing(market: Market, system: str, after: float) -> None:
    come_home(market)
    live(market, after)
    getattr(market, system).down = True
    live(market, 60)
    getattr(market, system).down = False
    live(market, 10)
    go_on(market)
    is_returned(market)


def test_a_transfer_home_that_is_refused_waits_for_a_person(market: Market) -> None:
    come_home(market)
    market.custody.refuse_next(2)
    live(market, 5)
    assert len([told for told in people_told(market) if "an operator" in told]) == 3
    assert (market.order().status, market.has(ANN), room_taken(market)) == (Status.RETURNING, {}, 1)


def test_what_was_paid_over_is_back_before_the_order_is_over(market: Market) -> None:
    """It was to go back when the legs left, and waits for a person since."""
    market.fund(BOB, BTC, "0.10002", OTHER)
    market.fund(BOB, USDT, "5000", OTHER)
    market.fund(BOB, ETH, "0.003", OTHER)
    live(market, 5, lambda: bool(_surplus(market)))
    (surplus,) = _surplus(market)
    market.custody.refuse_next()
    market.transfers.send(surplus)
    live_until(market, Status.CREATED, OTHER)
    market.quoting.bring_home(market.order(OTHER).order_id)
    live(market, 10)
    assert (market.order(OTHER).status, market.order(OTHER).needs_person) == (Status.RETURNING, True)
    market.table.write(custody_store.ask_again(custody_store.outgoing(market.table, surplus), market.clock()))
    live(market, 2)
    go_on(market)
    live_until(market, Status.RETURNED, OTHER)
    assert market.has(BOB)[ETH] == Decimal("0.002")


def _surplus(market: Market) -> list[str]:
    sent = (custody_store.outgoing(market.table, one) for one in market.ids_of_due())
    return [one.outgoing_id for one in sent if one.kind is Kind.SURPLUS]


def test_coming_home_again_changes_nothing(market: Market) -> None:
    come_home(market)
    is_returned(market)
    before = items(market)
    order_id = market.order().order_id
    for again in _all_that_is_asked(market):
        again(order_id)
    assert items(market) == before


def _all_that_is_asked(market: Market) -> list[Callable[[str], object]]:
    return [
        market.quoting.stop,
        market.quoting.bring_home,
        market.quoting.cancel,
        market.returning.withdraw,
        market.returning.confirm,
        market.refunding.refund,
        market.moving.confirm,
        market.moving.withdraw,
        market.paying.check,
    ]


def test_a_leg_is_claimed_only_when_it_was_taken(market: Market) -> None:
    """What the poller has not taken yet is waited for."""
    market.safe.timeline.late_next(120, 2)
    come_home(market)
    live(market, 2)
    with pytest.raises(ReturnUnderway):
        market.returning.confirm(market.order().order_id)
    is_returned(market)


def test_what_is_left_is_counted_from_the_orders_own_ledger(market: Market) -> None:
    """The account has more: others' money does not come home with it."""
    market.exchange.venue.deposit("mm1", "BTC", Decimal(3))
    ledger = quotes_store.ledger(market.table, market.order())
    assert ledger is not None
    come_home(market)
    live_until(market, Status.RETURNED, minutes=10)
    assert (market.has(ANN), at_exchange(market)) == (HOME, {"BTC": Decimal(3)})


def with_fee(market: Market, fee: str) -> None:
    """The exchange takes so much for the withdrawal of BTC, and has told 0.000015."""
    real = market.funds.withdraw

    def dearer(*asked: Any) -> None:
        market.exchange.wallet.networks.change("BTC", "BTC", withdraw_fee=Decimal(fee), withdraw_min=Decimal("0.06"))
        real(*asked)

    market.funds.withdraw = dearer  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("fee", ["0.05", "0.00003001"])
def test_a_fee_far_beyond_what_was_told_is_told_to_a_person(market: Market, fee: str) -> None:
    with_fee(market, fee)
    come_home(market)
    waits_for_person(market, f"withdrawing 0.1 BTC has cost {fee}, and the exchange had told 0.000015")
    assert BTC not in market.has(ANN)


def test_a_fee_that_has_doubled_is_believed(market: Market) -> None:
    with_fee(market, "0.00003")
    come_home(market)
    live_until(market, Status.RETURNED, minutes=15)
    live(market, 2)
    assert market.has(ANN)[BTC] == Decimal("0.09997")


def test_what_was_asked_for_comes_home_whatever_was_ruled_meanwhile(market: Market) -> None:
    """The answer is lost, and two operators say that what is at the exchange is the desk's: it is not there any
    more."""
    real = market.funds.withdraw

    def lost(*asked: Any) -> None:
        real(*asked)
        market.clock.forward(seconds=1)
        kept_by_two(market, "USDT", USDT)
        market.clock.forward(seconds=1)
        market.funds.withdraw = real  # type: ignore[method-assign]
        raise ExchangeUnavailable("the answer was lost", what="timeout")

    market.funds.withdraw = lost  # type: ignore[method-assign, assignment]
    come_home(market)
    is_returned(market)
