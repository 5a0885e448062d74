"""Incidents of orders that make a market, and of their accounts at the exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from common import keys
from common.domain import halts, work
from common.gateways.exchange import Side
from common.gateways.exchange.funds import ExchangeDeposit
from common.gateways.exchange.maker import Market as MakerMarket
from common.gateways.exchange.maker import OwnTrade
from common.money import Quantity
from functions.market_making import quotes_store
from functions.market_making.campaigns import Choice
from functions.market_making.model import FIRST_SHARD, TICK_EVERY, Status
from functions.market_making.risk import REFUSALS_MAX
from sandbox.exchange.fake_maker import FakeMaker
from sandbox.exchange.faults import Fault, Operation
from sandbox.exchange.venue import BUY, SELL, Fees, Kind
from tests.market_making.audit import live_until
from tests.market_making.campaigns import NAMED, CampaignMarket
from tests.market_making.market import ACCOUNT, ANN, BTC
from tests.market_making.test_exchange_lies import stopped_with_one_hidden
from tests.market_making.test_operators import (
    CAROL,
    M,
    TestALegIsCalledOff,
    lies,
    quoting,
    stuck_leg,
    trades_that_can_not_be,
    until_a_person,
)
from tests.market_making.test_quoting_faults import BTC as PAIR
from tests.market_making.test_quoting_faults import Faulty, hide
from tests.runbooks.custody import ends, goes_on, market_of
from tests.runbooks.on_call import OnCall, Way
from tests.runbooks.page import read
from tests.runbooks.payouts import Facts


def outgoing_of(on_call: OnCall) -> str:
    """The transfer that waits for a person."""
    (waiting,) = work.for_people(on_call.desk.table, keys.OUTGOING.backlog)
    return waiting.PK


def a_leg_was_refused(on_call: OnCall) -> Facts:
    market = market_of(on_call)
    stuck_leg(market)
    until_a_person(market)
    return {"ID": M}


def credited_late(on_call: OnCall) -> Facts:
    """The exchange shows no deposit for half an hour, and then it does."""
    market = market_of(on_call)
    right = market.funds
    lies(market, deposits=lambda _: [])
    market.fund_all()
    until_a_person(market)
    market.funds = market.withdrawing = right
    return {"ID": M}


def credited_less(on_call: OnCall) -> Facts:
    """Of BTC."""
    market = market_of(on_call)

    def less(told: Sequence[ExchangeDeposit]) -> list[ExchangeDeposit]:
        return [
            replace(d, quantity=Quantity(Decimal("0.05"), "BTC")) if d.quantity.asset_id == "BTC" else d for d in told
        ]

    lies(market, deposits=less)
    market.fund_all()
    until_a_person(market)
    return {"ID": M, "--asset": "BTC", "--credited": "0.05"}


def its_refund_was_refused(on_call: OnCall) -> Facts:
    """Who has paid a part gets it back, and the custody has refused to send it."""
    market = market_of(on_call)
    market.fund(ANN, BTC, "0.1")
    market.run(9.9)
    market.custody.refuse_next()
    until_a_person(market, 5)
    return {"ID": M, "X…": outgoing_of(on_call), "--to": CAROL}


def a_leg_is_late(on_call: OnCall) -> Facts:
    market_of(on_call)
    return {"ID": M, "X…": TestALegIsCalledOff().late(on_call.desk)}


def at_home(on_call: OnCall) -> Any:
    """A market whose order quotes, and is wanted home."""
    market = market_of(on_call)
    quoting(market)
    return market


def come_home(on_call: OnCall) -> None:
    on_call.desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
    until_a_person(on_call.desk.market)


def not_withdrawn(on_call: OnCall) -> Facts:
    """The exchange refuses to withdraw for a while."""
    market = at_home(on_call)
    market.funds.refuse_next(1, ours=True)
    come_home(on_call)
    return {"ID": M}


def withdrawal_rejected(on_call: OnCall) -> Facts:
    market = at_home(on_call)
    market.exchange.wallet.withdrawals.mishaps.order("reject")
    come_home(on_call)
    return {"ID": M, "--asset": "USDT"}  # which is withdrawn first


def came_otherwise(on_call: OnCall) -> Facts:
    """The exchange does not tell the transaction by which BTC came home."""
    market = at_home(on_call)
    lies(
        market,
        withdrawal=lambda told: replace(told, transaction_hash=None) if told.quantity.asset_id == "BTC" else told,
    )
    come_home(on_call)
    (came,) = (s.incoming_id for s in on_call.desk.operations.snapshots(9) if s.snapshot.quantity.asset_id == BTC)
    on_call.facts["ORDER"] = M
    return {"ID": M, "--asset": "BTC", "--snapshot": came}


def too_fine(on_call: OnCall) -> Facts:
    """The exchange withdraws BTC in steps of 0.03 alone."""
    market = at_home(on_call)
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_step=Decimal("0.03"))
    come_home(on_call)
    return {"ID": M, "--asset": "BTC"}


def too_small(on_call: OnCall) -> Facts:
    """The exchange withdrew 0.11 BTC at least, and less by now."""
    market = at_home(on_call)
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_min=Decimal("0.11"))
    come_home(on_call)
    market.exchange.wallet.networks.change("BTC", "BTC", withdraw_min=Decimal("0.001"))
    return {"ID": M}


def quoted(on_call: OnCall) -> Faulty:
    """An order that quotes, and nobody comes by."""
    faulty = Faulty(on_call.desk.market)
    faulty.flow._chance.random = lambda: 1.0  # type: ignore[method-assign]
    faulty.ticks(2)
    return faulty


def account_short(on_call: OnCall) -> Facts:
    """Somebody has taken a part out of the account; it is put back."""
    faulty = quoted(on_call)
    faulty.exchange.venue.withdraw(ACCOUNT, "BTC", Decimal("0.01"))
    faulty.market.balancing.round(lambda: True)
    faulty.exchange.venue.deposit(ACCOUNT, "BTC", Decimal("0.01"))
    return {"ID": halts.halt_id_of(ACCOUNT)}


def lying_trades(on_call: OnCall) -> Facts:
    """A sale is told at a price that can not be, for ever, and its order is to be ended."""
    market = market_of(on_call)
    _, sold, worth = trades_that_can_not_be(market, price=Decimal(1))
    come_home(on_call)
    on_call.mended = lambda: market.run(3)  # time passes
    return {
        "ID": M,
        "H…": halts.halt_id_of(ACCOUNT),
        "--base": str(Decimal("0.1") - sold),
        "--quote": str(4995 + worth),
    }


def lying_for_a_while(on_call: OnCall) -> Facts:
    market = market_of(on_call)
    tell, *_ = trades_that_can_not_be(market, price=Decimal(1))
    come_home(on_call)
    on_call.rounds()  # which halt the account
    tell()
    on_call.mended = lambda: market.run(3)
    return {"ID": M, "H…": halts.halt_id_of(ACCOUNT)}


def refused_quotes(on_call: OnCall) -> Facts:
    """The exchange has refused five quotes in a row."""
    faulty = quoted_first(on_call)
    faulty.faults.fail_next(Fault.REFUSE, on=Operation.PLACE, times=100)
    faulty.ticks(REFUSALS_MAX)
    faulty.market.maker = FakeMaker(faulty.exchange.venue, ACCOUNT, name="binance")
    return {"ID": M}


def quoted_first(on_call: OnCall) -> Faulty:
    faulty = Faulty(on_call.desk.market)
    faulty.flow._chance.random = lambda: 1.0  # type: ignore[method-assign]
    return faulty


def traded_at_the_account(on_call: OnCall) -> Facts:
    """Somebody who has its key."""
    faulty = quoted(on_call)
    faulty.exchange.venue.place(ACCOUNT, "BTCUSDT", BUY, Kind.LIMIT, quantity=Decimal("0.001"), price=Decimal(70_000))
    faulty.ticks(2)
    return {"ID": M}


def late(on_call: OnCall) -> Facts:
    """The ticker has begun ten seconds after its time."""
    faulty = quoted(on_call)
    faulty.market.ticking.tick(FIRST_SHARD, faulty.market.clock.at - timedelta(seconds=10), lambda: True)
    return {"ID": M}


def doubted_while_it_quotes(on_call: OnCall) -> Facts:
    """A sale is told at a price that can not be, and a moment later rightly."""
    market = market_of(on_call)
    tell, *_ = trades_that_can_not_be(market, price=Decimal(1))
    for _ in range(3):
        market.ticking.tick(FIRST_SHARD, market.clock.at, lambda: True)
        market.clock.at += TICK_EVERY
    tell()
    return {"ID": M}


def ticking(on_call: OnCall) -> Faulty:
    """As `quoted`; its ticker goes on."""
    faulty = quoted(on_call)
    goes_round(on_call, faulty)
    return faulty


def goes_round(on_call: OnCall, faulty: Faulty) -> None:
    def tick() -> None:
        faulty.tick()
        faulty.market.clock.at += TICK_EVERY

    on_call.clocks.append(tick)


def fees_in_another_coin(on_call: OnCall) -> Facts:
    """Which is nobody's own there, and nobody has said it."""
    faulty = ticking(on_call)
    faulty.exchange.venue.deposit(ACCOUNT, "BNB", Decimal(1))
    faulty.exchange.venue.set_fees(Fees(Decimal(10), Decimal(8), "BNB", Decimal(600)), ACCOUNT)
    faulty.take(BUY, "0.001")
    return {"ID": halts.halt_id_of(ACCOUNT), "ACCOUNT": ACCOUNT}


def astray(on_call: OnCall) -> Facts:
    """The exchange did not know a quote for minutes, and somebody has bought of it; it is there again."""
    faulty = quoted(on_call)
    sell = next(order for order in faulty.open if order.side == SELL)
    show = hide(faulty, sell.client_order_id)
    for _ in range(13):
        faulty.tick()
        faulty.market.clock.at += timedelta(seconds=10)
    nearer = sum(order.quantity for order in faulty.open if order.side == SELL and order.price < sell.price)
    faulty.take(BUY, str(nearer + Decimal("0.005")))
    trades = faulty.exchange.venue.trades(ACCOUNT, "BTCUSDT")
    show()
    goes_round(on_call, faulty)
    on_call.mended = lambda: faulty.ticks(3, flow=False)
    return {"ID": M, "TRADE": str(next(trade.trade_id for trade in trades if trade.order_id == sell.order_id))}


def open_though_stopped(on_call: OnCall) -> Facts:
    """As above, of an order that was stopped meanwhile, and is wanted home."""
    faulty = quoted(on_call)
    hidden, _ = stopped_with_one_hidden(faulty)
    faulty.take(BUY, "0.001", str(hidden.price))
    (trade,) = faulty.exchange.venue.trades(ACCOUNT, "BTCUSDT")
    faulty.market.quoting.bring_home(M)
    faulty.market.run(0.5)
    on_call.mended = lambda: live_until(faulty.market, Status.RETURNED, minutes=30)
    return {"ID": M, "TRADE": str(trade.trade_id)}


def open_though_decided(on_call: OnCall) -> Facts:
    """And one that turns up when its way home is decided. It is cancelled at the exchange by hand."""
    faulty = quoted(on_call)
    market = faulty.market
    hidden, _ = stopped_with_one_hidden(faulty)
    listing = faulty.fake.open_orders
    faulty.fake.open_orders = lambda _: []  # type: ignore[method-assign, assignment]
    market.funds.fail_before_next("withdraw", 1)
    market.quoting.bring_home(M)
    live_until(market, Status.RETURNING, minutes=2)
    faulty.fake.open_orders = listing  # type: ignore[method-assign]
    until_a_person(market)
    on_call.mended = lambda: market.maker.cancel(PAIR, hidden.client_order_id)
    return {"ID": M, "QUOTE": hidden.client_order_id}


def lacking(on_call: OnCall) -> Facts:
    """A list of trades has lacked one, and those behind it are booked."""
    faulty = ticking(on_call)
    faulty.take(BUY, "0.001")
    faulty.move(60_000)
    faulty.ticks(1)
    real, lacks = faulty.fake.trades_after, list[int]()

    def told(market: MakerMarket, after: int) -> list[OwnTrade]:
        return [trade for trade in real(market, after) if trade.trade_id not in lacks]

    faulty.fake.trades_after = told  # type: ignore[method-assign, assignment]
    faulty.take(BUY, "0.001")
    lacks.append(faulty.exchange.venue.trades(ACCOUNT, "BTCUSDT")[-1].trade_id)
    faulty.take(SELL, "0.001")
    faulty.ticks(1)
    (first, _) = faulty.lines
    lacks.clear()
    faulty.ticks(1)
    return {"ID": M, "--after": str(first)}


def blinded(on_call: OnCall) -> Facts:
    """The exchange has told a trade by a number that is far beyond all others."""
    faulty = ticking(on_call)
    faulty.take(BUY, "0.001")
    faulty.move(60_000)
    faulty.ticks(1)
    (booked,) = faulty.lines
    real, at = faulty.fake.trades_after, faulty.market.clock.at
    far = OwnTrade(9 * 10**18, "42", Side.SELL, Decimal(6), Decimal(1), Decimal(6), Decimal(0), "USDT", True, at)
    faulty.fake.trades_after = lambda market, after: [*real(market, after), far]  # type: ignore[method-assign, assignment]
    faulty.ticks(1)
    faulty.fake.trades_after = real  # type: ignore[method-assign]
    faulty.take(BUY, "0.001")
    return {"ID": M, "--after": str(booked)}


def let_go(on_call: OnCall) -> None:
    """Its owner has understood, and wants it home; another operator lifts what has kept him from resuming it."""
    on_call.desk.halting.lift(halts.halt_id_of(M), "he knows", "otto", dry_run=False)
    goes_on(on_call)


def all_is_booked(on_call: OnCall) -> None:
    """Half a minute later, whatever the exchange shows of the account."""
    market = on_call.desk.market
    market.pass_time(seconds=10)
    for _ in range(4):
        on_call.clocks[0]()
    there = [trade.trade_id for trade in market.exchange.venue.trades(ACCOUNT, "BTCUSDT")]
    assert [line.trade_id for line in quotes_store.trades(market.table, M)] == there


def hufi_is_down(on_call: OnCall) -> Facts:
    """For half an hour."""
    here = CampaignMarket(on_call.desk.market)
    here.launch()
    here.seek(Choice(named=NAMED))
    here.trouble.down = True
    on_call.clocks.append(lambda: here.round())
    for _ in range(6):
        on_call.clocks[0]()
        here.pass_time(minutes=5)
    on_call.mended = lambda: setattr(here.trouble, "down", False)
    return {"ACCOUNT": ACCOUNT, "CAMPAIGN": NAMED}


def joined(on_call: OnCall) -> None:
    """With the next round."""
    on_call.clocks[0]()
    (look,) = read("campaign-joins-failed").look.commands
    assert NAMED in on_call.types(look).words
    goes_on(on_call)


WAYS = [
    Way("leg-refused", "bring it home", a_leg_was_refused, ends, rings=("MarketMakingStopped",)),
    Way("market-making-stopped", "it is there by now", credited_late, goes_on),
    Way("market-making-stopped", "and it is to be sent", its_refund_was_refused, ends),
    Way("market-making-stopped", "is not to be sent any more", a_leg_is_late, ends, rings=("TransfersDenied",)),
    Way("market-making-stopped", "account at Mixin is closed", its_refund_was_refused, ends),
    Way("market-making-stopped", "tells of deposit", credited_less, ends),
    Way("market-making-stopped", "does not withdraw", not_withdrawn, ends),
    Way("market-making-stopped", "a part of it is at the exchange", a_leg_was_refused, ends),
    Way("snapshots-parked", "what an order waits for", came_otherwise, ends, rings=("MarketMakingStopped",)),
    Way("market-making-stopped", "the exchange has not withdrawn", withdrawal_rejected, ends),
    Way("market-making-stopped", "came home`", came_otherwise, ends),
    Way("market-making-stopped", "withdraws less by now", too_small, ends),
    Way("market-making-stopped", "are finer than", too_fine, ends),
    Way("accounts-off", "What was missing is there again", account_short, goes_on),
    Way(
        "quotes-not-believed",
        ("reports them rightly by now", "was halted meanwhile"),
        lying_for_a_while,
        ends,
        rings=("MarketMakingStopped",),
    ),
    Way(
        "quotes-not-believed",
        ("does not report them rightly", "was halted meanwhile"),
        lying_trades,
        ends,
        rings=("MarketMakingStopped",),
    ),
    Way("quotes-not-believed", "The order still quotes", doubted_while_it_quotes, ends),
    Way(
        "accounts-off",
        ("The exchange takes its fees", "What was missing is there again"),
        fees_in_another_coin,
        goes_on,
        rings=("AccountsOff",),
        tells=("the exchange takes fees in BNB there, which nobody has said",),
    ),
    Way(
        "campaign-joins-failed",
        "HuFi can not be reached",
        hufi_is_down,
        joined,
        tells=("There are none.",),
        afterwards=True,
    ),
    Way("quotes-orphaned", "See at the exchange that it is gone", astray, goes_on, tells=("{TRADE}",)),
    Way("quotes-orphaned", "See at the exchange that it is gone", open_though_stopped, goes_on, tells=("{TRADE}",)),
    Way(
        "market-making-stopped",
        "and what was to be withdrawn is decided",
        open_though_decided,
        ends,
        rings=("QuotesOrphaned",),
        tells=("{QUOTE} open of it",),
    ),
    Way("stray-trades", "Trades are missing in", lacking, all_is_booked, rings=()),
    Way("stray-trades", "Trades are missing in", blinded, all_is_booked),
    Way("ticks-late", "It does not end", late, ends, rings=("TicksLate",)),
    Way("quotes-paused", "It has lost", refused_quotes, goes_on, leaves=("mm halt",)),
    Way("quotes-paused", "It has lost", refused_quotes, let_go, leaves=("mm stop",)),
]
