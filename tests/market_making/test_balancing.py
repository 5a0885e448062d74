"""What an exchange has of an account is held against what its orders are owed; what is short stops quoting there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest

from common import keys
from common.domain import audit, halts, timeline, work
from common.domain.halts import HaltMoved, HaltOwn
from common.domain.pairs import store as pair_store
from common.gateways.exchange import ExchangeUnavailable
from common.gateways.exchange.maker import Balance, Market, OwnTrade
from common.money import Quantity
from common.owner import Owner
from common.table.transaction import Write
from functions.market_making import account_store, leg_store
from functions.market_making.model import (
    AccountStillShort,
    FeeCoinOwn,
    HaltNotFound,
    LegStatus,
    NoCapacity,
    Status,
    Terms,
    TradingAccount,
    TradingAccountFixed,
)
from functions.market_making.quotes_store import QuotesItem
from functions.market_making.service import balancing
from functions.market_making.service.balancing import KNOWN_WITHIN, LOOKS, NEW, Balancing
from sandbox.exchange.venue import BUY, SELL, Fees
from tests.market_making.audit import has_all_back, live, live_until, meanwhile
from tests.market_making.market import ACCOUNT, BOB, ETH, ORDER, PAIR, USDT
from tests.market_making.market import Market as Ours
from tests.market_making.test_quoting_faults import Faulty
from tests.market_making.test_withdrawing import BTC, OTHER, Two

CAROL = "33333333-3333-4333-8333-333333333333"
HALT = halts.halt_id_of(ACCOUNT)


@pytest.fixture
def two() -> Two:
    two = Two()
    two.ticks(2)
    return two


def lose(two: Faulty, amount: str, coin: str = "BTC") -> None:
    """Somebody takes it out of the account, out of what is in no order."""
    two.exchange.venue.withdraw(ACCOUNT, coin, Decimal(amount))


def compared(two: Faulty) -> int:
    return two.market.balancing.round(lambda: True)


def waiting(two: Faulty) -> list[str]:
    return [item.waits_for for item in work.for_people(two.market.table, keys.HALT.backlog)]


def test_an_account_that_has_all_of_it_is_quoted_on(two: Two) -> None:
    assert (compared(two), waiting(two)) == (1, [])
    assert two.market.balancing.short(ACCOUNT) == []


def test_the_last_digit_that_is_missing_halts_the_account(two: Two) -> None:
    lose(two, "0.00000001")
    compared(two)
    (why,) = waiting(two)
    assert why == f"an operator: {ACCOUNT} is halted: 0.19999999 BTC are there, and 0.2 are owed, 0.00000001 too few"
    for price in (60_000, 60_000, 60_300):
        two.move(price)
        two.tick()
        two.market.clock.at += timedelta(seconds=10)
    assert (two.market.order().status, two.open) == (Status.RUNNING, [])


def test_the_fills_of_a_halted_account_are_booked(two: Two) -> None:
    two.market.halting.halt(ACCOUNT, "a drill", "olga", dry_run=False)
    two.take(BUY, "0.001")
    two.tick()
    assert two.booked(ORDER) + two.booked(OTHER) == 1
    assert not two.open


def test_what_is_traded_and_not_booked_yet_is_not_missing(two: Two) -> None:
    two.take(BUY, "0.001")
    assert two.market.balancing.short(ACCOUNT) == []
    lose(two, "0.00000001")
    (short,) = two.market.balancing.short(ACCOUNT)
    assert (short.coin, short.by) == ("BTC", Decimal("0.00000001"))


def test_what_a_quote_that_is_new_has_sold_is_not_missing(two: Two) -> None:
    """All of it was taken: the exchange shows it no more, and nobody has booked its trade."""
    nearest = min((order for order in two.open if order.side == SELL), key=lambda order: order.price)
    two.take(BUY, str(nearest.quantity))
    assert nearest.client_order_id not in {order.client_order_id for order in two.open}
    assert two.market.balancing.short(ACCOUNT) == []


def test_a_ledger_below_nothing_is_owed_to_the_others(two: Two) -> None:
    """It is what one has had beyond its own, of the other's."""
    item, key = QuotesItem, keys.MARKET_MAKING_QUOTES(order_id=two.market.order().order_id)
    two.market.table.write(Write.update(item(*key), item.base_amount.set(Decimal("-0.05"))))
    lose(two, "0.15")
    (short,) = two.market.balancing.short(ACCOUNT)
    assert (short.by, short.owed) == (Decimal("0.05"), Decimal("0.1"))


def test_the_money_of_a_stopped_order_is_owed_and_leaves_with_it(two: Two) -> None:
    two.market.quoting.stop(two.market.order().order_id)
    live_until(two.market, Status.STOPPED, minutes=5)
    lose(two, "0.05")
    (short,) = two.market.balancing.short(ACCOUNT)
    assert (short.by, short.owed) == (Decimal("0.05"), Decimal("0.2"))
    two.exchange.venue.deposit(ACCOUNT, "BTC", Decimal("0.05"))
    two.market.quoting.bring_home(two.market.order().order_id)
    live_until(two.market, Status.RETURNED, minutes=20)
    assert two.market.balancing.short(ACCOUNT) == []
    lose(two, "0.00000001")
    (short,) = two.market.balancing.short(ACCOUNT)
    assert short.owed == Decimal("0.1")


def going_home(two: Two) -> None:
    """One of the two orders."""
    two.market.quoting.stop(two.market.order().order_id)
    live_until(two.market, Status.STOPPED, minutes=5)
    two.market.quoting.bring_home(two.market.order().order_id)


def owed(two: Two) -> Decimal:
    """Of BTC, that together which the comparison counts."""
    return two.market.balancing._owed(ACCOUNT)["BTC"].together


def test_what_goes_home_and_is_not_withdrawn_yet_is_owed(two: Two) -> None:
    """It is held against what is there until the exchange has made the withdrawal; not twice, and never to nobody."""
    market = two.market
    going_home(two)
    order_id, real = market.order().order_id, market.funds.withdraw

    def refused(*_: Any) -> Any:
        raise ExchangeUnavailable("not now", what="exchange_error")

    market.funds.withdraw = refused  # type: ignore[assignment,method-assign]
    live(market, 2)
    assert market.order().status is Status.RETURNING
    legs = {leg.symbol: leg for leg in leg_store.homeward(market.table, order_id)}
    assert {leg.status for leg in legs.values()} == {LegStatus.INTENDED}
    assert owed(two) == Decimal("0.2")
    unasked = next(leg for leg in legs.values() if leg.asked_at is None)
    asked = next(leg for leg in legs.values() if leg.asked_at is not None)
    assert market.balancing.short(ACCOUNT) == []
    two.exchange.venue.withdraw(ACCOUNT, unasked.symbol, Decimal("0.00000001"))
    (short,) = market.balancing.short(ACCOUNT)
    assert (short.coin, short.by) == (unasked.symbol, Decimal("0.00000001"))
    two.exchange.venue.deposit(ACCOUNT, unasked.symbol, Decimal("0.00000001"))
    two.exchange.venue.withdraw(ACCOUNT, asked.symbol, asked.quantity.amount)
    assert market.balancing.short(ACCOUNT) == [], "the exchange may have made it"
    two.exchange.venue.withdraw(ACCOUNT, asked.symbol, Decimal("0.00000001"))
    (short,) = market.balancing.short(ACCOUNT)
    assert (short.coin, short.by) == (asked.symbol, Decimal("0.00000001"))
    two.exchange.venue.deposit(ACCOUNT, asked.symbol, asked.quantity.amount + Decimal("0.00000001"))
    market.funds.withdraw = real  # type: ignore[method-assign]
    live_until(market, Status.RETURNED, minutes=30)
    assert owed(two) == Decimal("0.1")
    assert market.balancing.short(ACCOUNT) == []


def test_what_stays_at_the_exchange_is_owed_until_it_is_settled(two: Two) -> None:
    """Also while its order waits for operators."""
    market = two.market
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_step=Decimal("0.03"))
    going_home(two)
    live(market, 10, lambda: market.order().needs_person)
    assert market.order().needs_person
    assert owed(two) == Decimal("0.11")
    lose(two, "0.00000001")
    (short,) = market.balancing.short(ACCOUNT)
    assert short.by == Decimal("0.00000001")


def test_what_is_short_at_one_look_only_is_none(two: Two) -> None:
    real, looks = two.fake.balances, [0]

    def told() -> dict[str, Balance]:
        looks[0] += 1
        return {} if looks[0] < LOOKS else dict(real())

    two.fake.balances = told  # type: ignore[method-assign]
    assert (two.market.balancing.short(ACCOUNT), looks[0]) == ([], LOOKS)


def test_an_exchange_that_is_silent_halts_nothing(two: Two) -> None:
    two.fake.down = True
    assert (compared(two), waiting(two)) == (0, [])


THIRD = UUID("b0177350-ae29-43ec-a26e-d46f821e4170")


def test_what_was_just_credited_hides_nothing_that_is_missing(two: Two) -> None:
    """It passes through on its way to a ledger."""
    two.market.fund_all(BOB, THIRD)
    credited = lambda: two.market.has_order(THIRD) and two.market.order(THIRD).status is Status.DEPOSIT_CONFIRMED  # noqa: E731
    real = two.market.quoting
    with patch.object(
        type(real), "join", lambda _, __: (_ for _ in ()).throw(ExchangeUnavailable("no", what="timeout"))
    ):
        two.market.run(20, credited)
    assert two.market.order(THIRD).status is Status.DEPOSIT_CONFIRMED
    assert two.market.balancing.short(ACCOUNT) == []
    lose(two, "0.00000001")
    (short,) = two.market.balancing.short(ACCOUNT)
    assert (short.by, short.owed) == (Decimal("0.00000001"), Decimal("0.3"))


def doubted(two: Two) -> None:
    """Of one order a trade is told that can not be, for ever. Its quotes end, and stay in its slots in the table."""
    two.take(BUY, "0.001")
    real = two.fake.trades_after
    (told, *_) = real(BTC, 0)

    def lying(market: Market, after: int) -> list[OwnTrade]:
        bad = told.exchange_order_id
        return [replace(t, price=Decimal(1)) if t.exchange_order_id == bad else t for t in real(market, after)]

    two.fake.trades_after = lying  # type: ignore[assignment, method-assign]
    two.trade(3)


def test_a_doubted_order_hides_nothing_that_is_missing(two: Two) -> None:
    doubted(two)
    two.market.clock.at += NEW
    there = {short.coin: short.by for short in two.market.balancing.short(ACCOUNT)}
    lose(two, "0.00000001")
    after = {short.coin: short.by for short in two.market.balancing.short(ACCOUNT)}
    assert after["BTC"] - there.get("BTC", Decimal(0)) == Decimal("0.00000001")


def test_what_was_asked_for_and_not_withdrawn_hides_nothing_for_long(two: Two) -> None:
    """The exchange refuses it, and a person has to look."""
    two.market.funds.refuse_next(9)
    two.market.quoting.bring_home(two.market.order().order_id)
    live_until(two.market, Status.RETURNING)
    live(two.market, 1)
    assert two.market.order().needs_person
    lose(two, "5", "USDT")
    two.market.clock.at += KNOWN_WITHIN
    (short,) = two.market.balancing.short(ACCOUNT)
    assert (short.by, short.owed) == (Decimal(5), Decimal(9990))


# Rounds


@dataclass
class Rounds:
    """Three accounts, each with something left behind that is owed; `slow` are those that take time, `short` those that
    have nothing. A round lasts 55 s, and begins no look after 19."""

    slow: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    short: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.market, self.left, self.looks, self.pauses = Ours(), 55.0, list[str](), 0
        self.market.list_pair()
        for name in ("mm2", "mm3"):
            account = TradingAccount(name, "binance", 3, 0, enabled=True)
            self.market.table.write(account_store.save_account(account, None, self.market.clock()))
        for name in (ACCOUNT, "mm2", "mm3"):
            item = account_store.LeftBehindItem
            key, at = keys.LEFT_BEHIND(account_id=name, symbol="BTC"), self.market.clock()
            self.market.table.write(Write.put(item(*key, amount=Decimal(1), created_at=at, updated_at=at)))

    def balances(self, account_id: str) -> Callable[[], Mapping[str, Balance]]:
        def told() -> Mapping[str, Balance]:
            self.looks.append(account_id)
            self.left -= 12 if account_id in self.slow or account_id in self.silent else 0.5
            if account_id in self.silent:
                raise ExchangeUnavailable("no answer", what="timeout")
            has = Decimal(0) if account_id in self.short else Decimal(1)
            return {"BTC": Balance(has, Decimal(0))}

        return told

    def pause(self) -> None:
        self.left -= 6
        self.pauses += 1

    def round(self) -> int:
        self.left = 55.0
        self.market.clock.at += timedelta(minutes=15)
        balancing = Balancing(self.market.table, self.balances, self.pause, self.market.clock)
        return balancing.round(lambda: self.left > 36)

    def halted(self) -> set[str]:
        names = (ACCOUNT, "mm2", "mm3")
        return {name for name in names if halts.of(self.market.table, name) is not None}


def test_all_accounts_that_are_short_are_found_in_one_round() -> None:
    """And waited for together."""
    rounds = Rounds(short=(ACCOUNT, "mm3"))
    assert (rounds.round(), rounds.halted(), rounds.pauses) == (3, {ACCOUNT, "mm3"}, LOOKS - 1)
    assert rounds.looks.count("mm2") == 1


def test_an_account_that_is_slow_or_silent_hides_no_account_after_it() -> None:
    rounds = Rounds(silent=(ACCOUNT,), slow=("mm2",), short=("mm3",))
    assert (rounds.round(), rounds.halted()) == (1, set())
    assert (rounds.round(), rounds.halted()) == (2, {"mm3"})


def test_an_account_that_was_not_compared_for_an_hour_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds, counted = Rounds(silent=(ACCOUNT,)), list[str]()
    monkeypatch.setattr(balancing, "count", lambda name, _=1: counted.append(name))
    for _ in range(3):
        rounds.round()
    assert "AccountsUnwatched" not in counted
    rounds.round()
    assert counted.count("AccountsUnwatched") == 1
    rounds.silent = ()
    rounds.round()
    assert counted.count("AccountsUnwatched") == 1


# Lifting


def test_an_account_that_is_short_is_not_let_go(two: Two) -> None:
    lose(two, "0.01")
    compared(two)
    with pytest.raises(AccountStillShort):
        two.market.halting.lift(HALT, "looked at", "olga", dry_run=False)
    two.exchange.venue.deposit(ACCOUNT, "BTC", Decimal("0.01"))
    assert two.market.halting.lift(HALT, "put back", "olga", dry_run=False).done
    assert waiting(two) == []
    two.ticks(8)
    assert len(two.open) == 4
    assert [event.after for event in timeline.of(two.market.table, HALT)] == ["HALTED", "LIFTED"]


def test_what_one_operator_has_halted_another_lifts(two: Two) -> None:
    halting = two.market.halting
    assert halting.halt(ACCOUNT, "a drill", "olga", dry_run=False).done
    assert not halting.halt(ACCOUNT, "a drill", "olga", dry_run=False).done
    with pytest.raises(HaltOwn):
        halting.lift(HALT, "over", "olga", dry_run=False)
    assert halting.lift(HALT, "over", "oleg", dry_run=False).done
    assert not halting.lift(HALT, "over", "oleg", dry_run=False).done
    entries = audit.entries(two.market.table, "2026-11-21", limit=9, after=None).items
    assert [(e.action, e.operator) for e in entries][:2] == [("mm lift", "oleg"), ("mm halt", "olga")]


def test_what_the_clock_has_halted_an_operator_may_take_over(two: Two) -> None:
    lose(two, "0.01")
    compared(two)
    assert two.market.halting.halt(ACCOUNT, "the keys are known to others", "olga", dry_run=False).done
    two.exchange.venue.deposit(ACCOUNT, "BTC", Decimal("0.01"))
    with pytest.raises(HaltOwn):
        two.market.halting.lift(HALT, "put back", "olga", dry_run=False)


def test_none_of_those_who_have_halted_it_lifts_it(two: Two) -> None:
    halting = two.market.halting
    for operator in ("olga", "oleg", "olga"):
        halting.halt(ACCOUNT, "the keys are known to others", operator, dry_run=False)
    for operator in ("olga", "oleg"):
        with pytest.raises(HaltOwn):
            halting.lift(HALT, "over", operator, dry_run=False)
    assert halting.lift(HALT, "over", "omar", dry_run=False).done
    assert halting.halt(ACCOUNT, "again", "omar", dry_run=False).done
    assert halting.lift(HALT, "over", "olga", dry_run=False).done


def test_what_was_never_halted_is_not_lifted(two: Two) -> None:
    with pytest.raises(HaltNotFound):
        two.market.halting.lift(HALT, "over", "olga", dry_run=False)


def test_a_dry_run_halts_nothing(two: Two) -> None:
    assert not two.market.halting.halt(ACCOUNT, "a drill", "olga", dry_run=True).done
    assert waiting(two) == []


# Fees in another coin


def with_bnb(two: Two) -> None:
    venue = two.exchange.venue
    venue.deposit(ACCOUNT, "BNB", Decimal(1))
    venue.set_fees(Fees(Decimal(10), Decimal(8), "BNB", Decimal(600)), ACCOUNT)


def told_fee_coin(two: Two) -> None:
    (account,) = account_store.accounts(two.market.table)
    item, key = account_store.TradingAccountItem, keys.TRADING_ACCOUNT(account_id=account.account_id)
    two.market.table.write(Write.update(item(*key), item.fee_coin.set("BNB")))


def test_a_coin_of_fees_that_nobody_has_said_halts_the_account(two: Two) -> None:
    """It may be what another's order has for its own."""
    with_bnb(two)
    two.take(BUY, "0.001")
    two.tick()
    (why,) = waiting(two)
    assert why.endswith("the exchange takes fees in BNB there, which nobody has said")
    two.market.clock.at += timedelta(seconds=10)
    two.tick()
    assert not two.open


def test_fees_in_the_coin_that_was_said_are_the_accounts(two: Two) -> None:
    told_fee_coin(two)
    with_bnb(two)
    two.take(BUY, "0.001")
    two.tick()
    assert (waiting(two), two.booked(ORDER) + two.booked(OTHER)) == ([], 1)


def test_an_order_of_the_coin_of_fees_is_not_opened_on_the_account(two: Two) -> None:
    """Another owner's fees would be paid of it."""
    told_fee_coin(two)
    pair = two.market.list_pair(pair_id=UUID(int=7), symbol="BNB-USDT", capacity=9)
    assert two.market.paying.rooms(pair) == []
    assert len(two.market.paying.rooms(pair_store.pair(two.market.table, PAIR))) == 1


def save(two: Two, coin: str) -> bool:
    oversee = two.market.overseeing
    return oversee.save_account(ACCOUNT, "binance", 3, None, "fees", "olga", dry_run=False, fee_coin=coin).done


def test_a_halt_over_fees_that_nobody_had_said_ends(two: Two) -> None:
    """Its orders are there, and none has that coin for its own."""
    with pytest.raises(TradingAccountFixed):
        save(two, "BNB")
    with_bnb(two)
    two.take(BUY, "0.001")
    two.tick()
    assert len(waiting(two)) == 1
    with pytest.raises(FeeCoinOwn):
        save(two, "USDT")
    assert save(two, "BNB")
    assert two.market.halting.lift(HALT, "it is said now", "olga", dry_run=False).done
    for _ in range(8):
        two.market.clock.at += timedelta(seconds=10)
        two.move(60_000)
        two.tick()
    two.take(BUY, "0.001")
    two.market.clock.at += timedelta(seconds=10)
    two.tick()
    assert (waiting(two), two.booked(ORDER) + two.booked(OTHER)) == ([], 2)


def test_the_coin_of_fees_is_not_said_of_an_account_that_is_let_go_meanwhile(two: Two) -> None:
    """An order in just that coin may be opened then."""
    halting = two.market.halting
    halting.halt(ACCOUNT, "a drill", "olga", dry_run=False)
    meanwhile(two.market, lambda: halting.lift(HALT, "over", "oleg", dry_run=False))
    with pytest.raises(HaltMoved):
        save(two, "BNB")
    assert account_store.account(two.market.table, ACCOUNT).fee_coin is None


def test_no_order_is_opened_in_a_coin_that_is_said_meanwhile() -> None:
    market = Ours()
    market.list_pair()
    oversee = market.overseeing
    say = lambda: oversee.save_account(ACCOUNT, "binance", 3, None, "", "olga", dry_run=False, fee_coin="BTC")  # noqa: E731
    meanwhile(market, say)
    with pytest.raises(NoCapacity):
        market.opening.open(Owner("ann", "sub"), "key", Terms(PAIR, Decimal("0.1"), Decimal(5000)))
    assert account_store.account(market.table, ACCOUNT).orders == 0


def test_what_was_paid_in_a_coin_that_is_said_meanwhile_goes_back() -> None:
    """It was opened before; then the account was halted, and let go."""
    market = Ours()
    market.list_pair()
    market.poll()
    market.fund_all()
    market.poll()
    market.halting.halt(ACCOUNT, "fees", "olga", dry_run=False)
    market.overseeing.save_account(ACCOUNT, "binance", 3, None, "", "olga", dry_run=False, fee_coin="BTC")
    market.halting.lift(HALT, "over", "oleg", dry_run=False)
    live_until(market, Status.REFUNDED)
    assert has_all_back(market)


ETHS = UUID(int=7)


def beside_eth(two: Two) -> UUID:
    """A third owner's order of ETH on the account of the other two, which quote BTC; its id."""
    market, uuid = two.market, UUID(int=9, version=4)
    market.safe.join(CAROL)
    pair = market.list_pair(pair_id=ETHS, symbol="ETH-USDT", base_asset_id=ETH, base_min=Decimal("0.1"))
    fees = market.routes.fees(ACCOUNT, pair)
    for paid in (Quantity(2, ETH), Quantity(5000, USDT), fees.base, fees.quote):
        market.fund(CAROL, paid.asset_id, str(paid.amount), uuid, ETHS)
    market.run(20, lambda: market.has_order(uuid) and market.order(uuid).status is Status.CREATED)
    assert market.order(uuid).status is Status.CREATED
    return uuid


def test_nobodys_own_coin_pays_anothers_fees(two: Two) -> None:
    """Of two owners on one account one has what the exchange takes its fees in, and nobody has said so: after the first
    trade nothing more is placed there for either, and what it has taken is missing by the last digit."""
    market = two.market
    uuid = beside_eth(two)
    before = two.quotes_of(uuid)
    two.exchange.venue.set_fees(Fees(Decimal(10), Decimal(8), "ETH", Decimal(3000)), ACCOUNT)
    two.take(BUY, "0.001")
    two.tick()
    (trade,) = two.exchange.venue.trades(ACCOUNT, "BTCUSDT")
    assert (trade.fee_asset, trade.fee > 0) == ("ETH", True)
    (why,) = waiting(two)
    assert why.endswith("the exchange takes fees in ETH there, which nobody has said")
    market.clock.at += timedelta(seconds=10)
    two.move(60_300)
    two.tick()
    assert not two.open
    assert (two.quotes_of(uuid).base, two.quotes_of(uuid).quote) == (before.base, before.quote)
    (short,) = market.balancing.short(ACCOUNT)
    assert (short.coin, short.by) == ("ETH", trade.fee)
    with pytest.raises(AccountStillShort):
        market.halting.lift(HALT, "never mind", "olga", dry_run=False)
    two.exchange.venue.deposit(ACCOUNT, "ETH", trade.fee)
    assert market.halting.lift(HALT, "the desk has put it back", "olga", dry_run=False).done


def test_fees_of_several_owners_are_paid_of_the_coin_that_was_said(two: Two) -> None:
    """Each has in its ledger what its trades have brought, whole; the account has paid for all of them."""
    told_fee_coin(two)
    with_bnb(two)
    for side in (BUY, SELL, BUY, SELL):
        two.take(side, "0.03")
        for _ in range(2):
            two.tick()
            two.market.clock.at += timedelta(seconds=10)
        two.move(60_000)
    trades = two.exchange.venue.trades(ACCOUNT, "BTCUSDT")
    ledgers = [two.quotes_of(uuid) for uuid in (ORDER, OTHER)]
    assert {trade.fee_asset for trade in trades} == {"BNB"}
    assert all(two.booked(uuid) for uuid in (ORDER, OTHER))
    assert sum(ledger.fees_elsewhere["BNB"] for ledger in ledgers) == sum(trade.fee for trade in trades)
    held = {coin: sum(of) for coin, of in two.exchange.venue.balances(ACCOUNT).items()}
    assert sum(ledger.base for ledger in ledgers) == held["BTC"]
    assert sum(ledger.quote for ledger in ledgers) == held["USDT"]
    assert held["BNB"] == 1 - sum(trade.fee for trade in trades)
    assert market_is_whole(two)


def test_an_order_of_the_coin_of_fees_goes_to_another_account(two: Two) -> None:
    """What an owner pays for goes there, or back to him where there is none."""
    item, key = account_store.TradingAccountItem, keys.TRADING_ACCOUNT(account_id=ACCOUNT)
    two.market.table.write(Write.update(item(*key), item.fee_coin.set("ETH")))
    pair = two.market.list_pair(pair_id=ETHS, symbol="ETH-USDT", base_asset_id=ETH, base_min=Decimal("0.1"))
    assert two.market.paying.rooms(pair) == []
    other = TradingAccount("mm2", "binance", 3, 0, enabled=True)
    two.market.table.write(account_store.save_account(other, None, two.market.clock()))
    assert [account.account_id for account in two.market.paying.rooms(pair)] == ["mm2"]


def market_is_whole(two: Two) -> bool:
    return two.market.balancing.short(ACCOUNT) == [] and waiting(two) == []


# Silence


def test_an_account_of_which_nothing_was_told_is_settled_with_first(two: Two) -> None:
    two.fake.down = True
    for _ in range(4):
        two.tick()
        two.market.clock.at += timedelta(seconds=10)
    two.fake.down = False
    two.exchange.venue.cancel_all(ACCOUNT, "BTCUSDT")
    two.move(60_300)
    assert two.tick().placements == 0


def degraded(two: Two) -> list[bool]:
    return [two.quotes_of(uuid).degraded_at is not None for uuid in (ORDER, OTHER)]


def test_a_silence_is_noted_once_with_the_quotes(two: Two) -> None:
    two.fake.down = True
    two.tick()
    assert degraded(two) == [False, False]
    two.market.clock.at += timedelta(seconds=40)
    two.tick()
    assert degraded(two) == [True, True]
    before = two.quotes_of(ORDER)
    two.market.clock.at += timedelta(seconds=10)
    two.tick()
    assert two.quotes_of(ORDER) == before


def test_another_process_settles_first_after_a_silence(two: Two) -> None:
    """It has not been there when the exchange told nothing."""
    two.fake.down = True
    two.market.clock.at += timedelta(seconds=40)
    two.tick()
    two.fake.down = False
    two.market.ticking.kept.looks.clear()
    two.market.clock.at += timedelta(seconds=10)
    two.exchange.venue.cancel_all(ACCOUNT, "BTCUSDT")
    two.move(60_300)
    assert (two.tick().placements, degraded(two)) == (0, [False, False])
    two.market.clock.at += timedelta(seconds=10)
    two.move(60_000)
    assert two.tick().placements == 4
