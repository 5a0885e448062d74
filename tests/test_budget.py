"""What each call asks of the table, word for word (`golden/statements.json`), and what that costs
(`golden/budget.json`): one byte or one unit more fails. What the poller and an order of market making cost besides is
in `golden/custody.json`.

`python -m tests.test_budget` writes the files anew; a person reads the difference.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bench import custody
from common import keys, sign_outs
from common.domain.catalogue.model import Step
from common.domain.fees import Tier
from common.domain.payouts.model import WITHDRAWAL
from common.errors import Refusal
from common.gateways.bank import Adjustment, BankEvent, State
from common.identity import Caller
from common.money import Money
from common.owner import Owner
from functions.market_making.model import FIRST_SHARD
from functions.notifications.model import Change
from functions.orders import store
from functions.orders.model import Side, Status, Terms
from functions.orders.service import marks
from sandbox.exchange.flow import TAKERS
from sandbox.exchange.orders import Kind
from sandbox.exchange.venue import HOUSE, TimeInForce
from sandbox.prices.oracle import Oracle
from tests.billing import scenarios as billing
from tests.desk import NOON, TABLE, Desk
from tests.harness.memory import InMemoryDynamoDB
from tests.harness.meter import Meter
from tests.market_making.market import ACCOUNT, BOB, BTC
from tests.market_making.written import Written

GOLDEN = Path(__file__).parent / "golden" / "budget.json"
CUSTODY = Path(__file__).parent / "golden" / "custody.json"
STATEMENTS = Path(__file__).parent / "golden" / "statements.json"

# requests, write units, read units: what is promised of a call, which the golden file must stay inside.
PROMISES: dict[str, tuple[int, float, float]] = {
    "buy": (1, 10, 0),
    "buy, of one whose program listens": (1, 10, 0),
    "buy, first of an asset": (1, 10, 0),
    "buy, refused for lack of funds": (1, 10, 0),
    "buy, by an unknown user": (1, 10, 0),
    "buy, repeated": (1, 10, 0),
    "buy, standard fee": (1, 10, 0),
    "buy, another tier's fee": (2, 20, 0),
    "sell, standard fee": (2, 10, 0.5),
    "sell": (2, 10, 0.5),
    "sell, all of it": (2, 10, 0.5),
    "limit order, placed": (1, 12, 0),
    "limit sale, placed": (1, 12, 0),
    "limit order, filled": (2, 16, 1),
    "limit sale, filled": (2, 16, 1),
    "limit order, cancelled": (2, 12, 1),
    "limit sale, cancelled": (2, 12, 1),
    "portfolio of ten assets": (1, 0, 0.5),
    "a page of ten orders": (1, 0, 1),
    "a page of ten orders of one asset": (1, 0, 1),
    "a page of ten transactions": (3, 0, 3),
    "what an account's holds are for": (2, 0, 2),
    "a page of ten moves of dollars": (4, 0, 4),
    "a round of recurring buys that finds nothing": (4, 0, 2),
    "33 users, listed": (1, 0, 1),
    "a day's failures, of which there are none": (1, 0, 0.5),
    "an operator, let in": (1, 0, 1),
    "a customer, let in": (0, 0, 0),
}


def _scenarios() -> dict[str, Callable[[Desk, Owner], Callable[[], Any]]]:
    """Each prepares a desk and returns the call to be metered."""

    def refused(call: Callable[[], Any]) -> Callable[[], None]:
        def act() -> None:
            with suppress(Refusal):
                call()

        return act

    def buy(desk: Desk, ann: Owner) -> Callable[[], Any]:
        desk.buy(ann, "1")
        return lambda: desk.buy(ann, "1")

    def let_in(desk: Desk, username: str, *, operator: bool) -> Callable[[], Any]:
        """What every request of theirs costs before it is looked at."""
        desk.operators.sign_out("olga", "a drill", "oleg", dry_run=False)
        asking = Caller(username, username, frozenset(), frozenset(), operator, int(NOON.timestamp()) + 3600)
        return lambda: sign_outs.must_be_signed_in(desk.table, asking)

    asked = Terms("BTC", Side.BUY, quantity=Decimal(1))

    def quote(desk: Desk, ann: Owner) -> Callable[[], Any]:
        return lambda: desk.orders.quote(ann, "q", asked)

    def promote(desk: Desk, tier: Tier) -> Any:
        return desk.set_tier("ann", tier)

    def with_fees(
        prepare: Callable[[Desk, Owner], Callable[[], Any]], tier: Tier
    ) -> Callable[[Desk, Owner], Callable[[], Any]]:
        """Of a customer of this tier, where tiers pay different fees."""

        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            desk.list_asset("BTC", "100", fees_bps={Tier.STANDARD: 50, Tier.GOLD: 20})
            promote(desk, tier)
            call = prepare(desk, ann)
            desk.orders.catalogue.fresh()
            return call

        return prepared

    def at_quote(desk: Desk, ann: Owner) -> Callable[[], Any]:
        desk.buy(ann, "1")
        terms = replace(asked, quote_id=desk.orders.quote(ann, "q", asked).made.quote_id)
        return lambda: desk.orders.place(ann, "k", terms)

    def repeated(desk: Desk, ann: Owner) -> Callable[[], Any]:
        desk.place(ann, "BUY", "1", key="k")
        return lambda: desk.place(ann, "BUY", "1", key="k")

    def listening(act: Callable[[Desk, Owner], Any], *before: Callable[[Desk, Owner], Any], status: int = 200) -> Any:
        """Of a customer whose program listens, and what was done before."""

        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            url = "https://hooks.example.com/desk"
            desk.endpoints.register(ann, "e", url, [])
            desk.receivers.at[url].says(status)
            desk.buy(ann, "1")
            for done in before:
                done(desk, ann)
            return lambda: act(desk, ann)

        return prepared

    def change(desk: Desk, owner: Owner) -> int:
        """An order's, as the table's stream tells it."""
        return desk.deliveries.take(Change(owner, keys.ORDER.entity, "O1", "COMPLETED", desk.clock()))

    def told_to_nobody(desk: Desk, ann: Owner) -> Callable[[], Any]:
        return lambda: change(desk, ann)

    def round_(desk: Desk, _: Owner) -> Any:
        return desk.deliveries.deliver(lambda: True)

    def sell(quantity: str) -> Callable[[Desk, Owner], Callable[[], Any]]:
        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            desk.buy(ann, "2")
            return lambda: desk.sell(ann, quantity)

        return prepared

    def place(side: str) -> Callable[[Desk, Owner], Callable[[], Any]]:
        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            desk.buy(ann, "2")
            price = "90" if side == "BUY" else "110"
            return lambda: desk.place(ann, side, "1", order_price=price)

        return prepared

    def fill(side: str) -> Callable[[Desk, Owner], Callable[[], Any]]:
        """Without the two queries of the book, which all fills of an asset share."""

        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            desk.buy(ann, "2")
            desk.place(ann, side, "1", order_price="90" if side == "BUY" else "110")
            desk.mark("BTC", "90" if side == "BUY" else "110")
            book, quote = desk.book, desk.catalogue.fresh()["BTC"].quote
            assert quote is not None
            (resting,) = list(store.crossed(desk.table, "BTC", Side(side), quote.price))
            return lambda: book.fill(resting, quote)

        return prepared

    def cancel(side: str) -> Callable[[Desk, Owner], Callable[[], Any]]:
        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            desk.buy(ann, "2")
            order = desk.place(ann, side, "1", order_price="90" if side == "BUY" else "110").made
            return lambda: desk.orders.cancel(ann, order.order_id)

        return prepared

    def portfolio(desk: Desk, ann: Owner) -> Callable[[], Any]:
        for n in range(10):
            desk.list_asset(f"A{n}", "1234.123456789", precision=18)
            desk.orders.catalogue.fresh()
            desk.buy(ann, "1.123456789012345678", f"A{n}")
            desk.sell(ann, "0.023456789012345678", f"A{n}")
            desk.sell(ann, "0.1", f"A{n}", order_price="2000")
        orders = desk.orders
        orders.catalogue.listings()  # prices are cached
        return lambda: orders.portfolio(ann)

    def page(
        read: Callable[[Desk, Owner], Any], then: Callable[[Desk], None] = lambda _: None
    ) -> Callable[[Desk, Owner], Callable[[], Any]]:
        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            for _ in range(20):
                desk.buy(ann, "1")
            then(desk)
            return lambda: read(desk, ann)

        return prepared

    def place_and(read: Callable[[Desk, Owner], Any]) -> Callable[[Desk, Owner], Callable[[], Any]]:
        """With twenty orders open, and twenty that are over."""

        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            for _ in range(20):
                desk.buy(ann, "1")
                desk.buy(ann, "0.1", order_price="90")
            return lambda: read(desk, ann)

        return prepared

    def users(desk: Desk, _: Owner) -> Callable[[], Any]:
        for n in range(32):
            desk.customer(f"user{n}")
        return lambda: desk.accounts.users(limit=100, after=None)

    def cash_outs(desk: Desk, ann: Owner) -> Callable[[], Any]:
        desk.buy(ann, "20")
        for _ in range(20):
            desk.cash_out(ann, "0.1")
        return lambda: desk.offramp.orders(ann, limit=10, after=None)

    def deposit(desk: Desk, ann: Owner) -> Callable[[], Any]:
        return lambda: desk.accounts.deposit(ann, "k", Money(1))

    def withdrawal(desk: Desk, ann: Owner) -> Callable[[], Any]:
        return lambda: desk.accounts.withdraw(ann, "k", Money(1), "ann-bank")

    def withdrawn(act: Callable[[Desk, str], Any]) -> Callable[[Desk, Owner], Callable[[], Any]]:
        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            asked = desk.accounts.withdraw(ann, "k", Money(1), "ann-bank").made.transfer_id
            return lambda: act(desk, asked)

        return prepared

    def paid_otherwise(desk: Desk, ann: Owner) -> Callable[[], Any]:
        asked, act = desk.accounts.withdraw(ann, "k", Money(1), "ann-bank").made.transfer_id, desk.proposals.propose
        proposal_id = act("withdrawals complete", asked, {}, "wire 42", "by hand", "olga", dry_run=False).id
        return lambda: desk.proposals.confirm(proposal_id, "wire 42 says so", "otto", dry_run=False)

    def sold(
        act: Callable[[Desk, str], Any], *before: Callable[[Desk, str], Any], quantity: str = "1"
    ) -> Callable[[Desk, Owner], Callable[[], Any]]:
        """A cash-out after its request, and what was done about it before."""

        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            desk.buy(ann, "2")
            order_id = desk.cash_out(ann, quantity, key="k").order_id
            for done in before:
                done(desk, order_id)
            return lambda: act(desk, order_id)

        return prepared

    def read(desk: Desk, order_id: str) -> object:
        return desk.offramp.read(order_id)

    def read_payout(desk: Desk, order_id: str) -> object:
        return desk.payouts.read(order_id)

    def poll(desk: Desk, order_id: str) -> object:
        return desk.offramp.poll(order_id)

    def poll_in_vain(desk: Desk, order_id: str) -> None:
        refused(lambda: poll(desk, order_id))()

    def create(desk: Desk, order_id: str) -> object:
        return desk.payouts.create(order_id)

    def wait(desk: Desk, order_id: str) -> None:
        desk.payouts.wait(order_id, "a token")

    def check(desk: Desk, order_id: str) -> object:
        return desk.payouts.check(order_id)

    def told(outcome: str, event_id: str = "evt_1") -> Callable[[Desk, str], object]:
        def hear(desk: Desk, order_id: str) -> object:
            adjustment = desk.world.simulated.decide(f"{order_id}-01", outcome)
            return desk.events.receive(BankEvent(event_id, adjustment, desk.clock.at))

        return hear

    def cash_out(desk: Desk, ann: Owner) -> Callable[[], Any]:
        desk.buy(ann, "2")
        return lambda: desk.cash_out(ann, "1")

    def everything(
        act: Callable[[Desk, str], Any] | None = None,
    ) -> Callable[[Desk, Owner], Callable[[], Any]]:
        """A cash-out of all, which is more than lots."""

        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            desk.buy(ann, "1.00000777")
            if act is None:
                return lambda: desk.cash_out(ann, "all")
            order_id = desk.cash_out(ann, "all").order_id
            return lambda: act(desk, order_id)

        return prepared

    def refused_by_the_exchange(desk: Desk, ann: Owner) -> Callable[[], Any]:
        desk.world.fake.refuse_next()
        return refused(cash_out(desk, ann))

    def whole_life(desk: Desk, ann: Owner) -> Callable[[], Any]:
        """From the request to FILLED, with all that its machine and the bank's webhook do."""
        desk.buy(ann, "2")

        def live() -> None:
            order_id = desk.cash_out(ann, "1").order_id
            desk.run(sweep=False)
            assert desk.offramp.order(ann, order_id).status == "FILLED"

        return live

    def buys(usd: str, *, waiting: int = 0, key: str | None = None) -> Callable[[Desk, Owner], Callable[[], Any]]:
        """A purchase, with so many already in the pool."""

        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            desk.list_exchange_asset()
            for _ in range(waiting):
                desk.purchase(ann, "3")
            if key is not None:
                desk.purchase(ann, usd, key=key)
            return lambda: desk.purchase(ann, usd, **({"key": key} if key else {}))

        return prepared

    def sells(quantity: str, *, waiting: int = 0, key: str | None = None) -> Callable[[Desk, Owner], Callable[[], Any]]:
        """A sale at the exchange, with so many already in the pool."""

        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            desk.list_exchange_asset()
            desk.bring(ann, "1")
            for _ in range(waiting):
                desk.sale(ann, "0.03")
            if key is not None:
                desk.sale(ann, quantity, key=key)
            return lambda: desk.sale(ann, quantity, **({"key": key} if key else {}))

        return prepared

    def proposed(desk: Desk, ann: Owner) -> Callable[[], Any]:
        """One operator says what the bank has paid of a withdrawal that it has pending."""
        desk.world.simulated.set_outcome("pending")
        asked = desk.accounts.withdraw(ann, "k", Money(5), "ann-bank").made.transfer_id
        desk.world.machines.run()
        act, told = desk.proposals.propose, {"paid": "4.50"}
        return lambda: act("work decide-payout", asked, told, "line 11", "its fee", "olga", dry_run=False)

    def proposal(decide: str) -> Callable[[Desk, Owner], Callable[[], Any]]:
        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            proposal_id = proposed(desk, ann)().id
            return lambda: getattr(desk.proposals, decide)(proposal_id, "line 11 says so", "otto", dry_run=False)

        return prepared

    def proposed_move(desk: Desk, ann: Owner) -> Callable[[], Any]:
        """Of an account with one asset."""
        desk.buy(ann, "1")
        act, told = desk.proposals.propose, {"sub": "sub-anew"}
        return lambda: act("users move", "ann", told, "ticket 4719", "passport seen", "olga", dry_run=False)

    def move(desk: Desk, ann: Owner) -> Callable[[], Any]:
        proposal_id = proposed_move(desk, ann)().id
        return lambda: desk.proposals.confirm(proposal_id, "seen it, too", "otto", dry_run=False)

    def ruled(name: str, command: str, told: dict[str, str]) -> Callable[[Desk, Owner], Callable[[], Any]]:
        """Of market making, what a second operator confirms."""

        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            thing, reference = getattr(Written(desk.market, ann), name), None if command == "mm home" else "line 11"
            proposal_id = desk.proposals.propose(command, thing, told, reference, "seen", "olga", dry_run=False).id
            return lambda: desk.proposals.confirm(proposal_id, "seen it, too", "otto", dry_run=False)

        return prepared

    def retried_transfer(desk: Desk, ann: Owner) -> Callable[[], Any]:
        thing = Written(desk.market, ann).refused
        return lambda: desk.asking_again.retry_outgoing(thing, "it is open again", "olga", dry_run=False)

    def overseen(desk: Desk, ann: Owner) -> Callable[[], Any]:
        thing = Written(desk.market, ann).failed
        return lambda: desk.overseeing.life(thing)

    def quoted(
        act: Callable[[Desk, str], Any], before: Callable[[Desk, str], Any] = lambda *_: None
    ) -> Callable[[Desk, Owner], Callable[[], Any]]:
        """Of an order that quotes one level on each side, every ten seconds; beside it one is paused."""

        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            thing = Written(desk.market, ann).running
            for coin, amount in (("BTC", "1"), ("USDT", "50000")):
                desk.market.exchange.venue.deposit(ACCOUNT, coin, Decimal(amount))
            for _ in range(2):
                tick(desk)
            before(desk, thing)
            return lambda: act(desk, thing)

        return prepared

    def tick(desk: Desk, seconds: float = 10) -> None:
        """So many seconds after the last."""
        desk.clock.forward(seconds=seconds)
        assert not desk.market.ticking.tick(FIRST_SHARD, desk.clock(), lambda: True).failed

    def taken(desk: Desk, _: str) -> None:
        """Somebody buys a part of what one quote offers."""
        venue = desk.market.exchange.venue
        venue.cancel_all(HOUSE, "BTCUSDT")
        price, until = Decimal(70_000), TimeInForce.IOC
        venue.place(TAKERS, "BTCUSDT", "BUY", Kind.LIMIT, quantity=Decimal("0.005"), price=price, time_in_force=until)

    def moved(desk: Desk, _: str) -> None:
        """The market is somewhere else."""
        venue = desk.market.exchange.venue
        venue.cancel_all(HOUSE, "BTCUSDT")
        for side, price in (("BUY", 60_050), ("SELL", 60_950)):
            venue.place(HOUSE, "BTCUSDT", side, Kind.LIMIT, quantity=Decimal(1), price=Decimal(price))

    def traded(desk: Desk, thing: str) -> None:
        taken(desk, thing)
        tick(desk, 2)

    def paused(desk: Desk, thing: str) -> None:
        desk.market.steering.pause(thing)
        tick(desk, 2)

    def credit(desk: Desk, _: Owner) -> Callable[[], Any]:
        act = desk.proposals.propose
        proposal_id = act("deposit credit", "ann", {"amount": "1.00"}, "k", "wire 4711", "olga", dry_run=False).id
        return lambda: desk.proposals.confirm(proposal_id, "seen it, too", "otto", dry_run=False)

    def reconciled(desk: Desk, ann: Owner) -> Callable[[], Any]:
        desk.buy(ann, "1")
        return lambda: desk.reconciliation.reconcile("ann")

    def checked(desk: Desk, ann: Owner) -> Callable[[], Any]:
        """Ten orders, a cash-out and a withdrawal, all over."""
        for _ in range(10):
            desk.buy(ann, "1")
        desk.cash_out(ann, "1")
        desk.accounts.withdraw(ann, "w", Money(10), "ann-bank")
        desk.run()
        return lambda: desk.cross_checking.round(lambda: True)

    def days_compared(desk: Desk, ann: Owner) -> Callable[[], Any]:
        """Of ten payouts."""
        for number in range(10):
            desk.accounts.withdraw(ann, f"w{number}", Money(1), "ann-bank")
        desk.run()
        desk.clock.forward(days=1)
        return lambda: desk.comparing_bank.round(lambda: True)

    def exchange_days_compared(desk: Desk, ann: Owner) -> Callable[[], Any]:
        """Of ten cash-outs."""
        desk.buy(ann, "10")
        for _ in range(10):
            desk.cash_out(ann, "0.10012")
        desk.run()
        desk.clock.forward(days=1)
        return lambda: desk.comparing_exchange.round(lambda: True)

    def compared(desk: Desk, ann: Owner) -> Callable[[], Any]:
        """Of two assets, with one order."""
        desk.market.list_pair()
        desk.market.fund(BOB, BTC, "0.1")
        desk.market.poll()
        return lambda: desk.comparing.compare("olga")

    def confirmed(desk: Desk) -> Callable[[], Any]:
        desk.jump("BTC", "75")
        act = desk.proposals.propose
        proposal_id = act("prices confirm", "BTC", {"price": "75"}, None, "seen", "olga", dry_run=False).id
        return lambda: desk.proposals.confirm(proposal_id, "seen elsewhere", "otto", dry_run=False)

    def kept(desk: Desk, hours: int) -> Callable[[], Any]:
        """A round of prices a moment after a full hour."""
        source = Oracle(desk.clock, seed=1, ids={"BTC": "btc"})
        source.set_price("btc", "100")
        desk.clock.forward(hours=hours, seconds=-30)
        desk.mark("BTC", "100")
        desk.clock.forward(seconds=60)
        return lambda: marks.refresh(desk.orders.catalogue, lambda _: source)

    def leaves(desk: Desk, ann: Owner) -> Callable[[], Any]:
        desk.list_exchange_asset()
        purchase = desk.purchase(ann, "3")
        return lambda: desk.purchases.cancel(ann, purchase.order_id)

    def bought_together(desk: Desk, ann: Owner) -> Callable[[], Any]:
        """Three small purchases, from the first request to the last share."""
        desk.list_exchange_asset()

        def live() -> None:
            asked = [desk.purchase(ann, usd) for usd in ("4", "3", "5")]
            desk.run(sweep=False)
            assert {desk.purchases.purchase(ann, p.order_id).status for p in asked} == {"COMPLETED"}

        return live

    def recurs(usd: str, waiting: int = 0, **more: Any) -> Callable[[Desk, Owner], Callable[[], Any]]:
        """Its date, dealt with by a round of the clock; with so many already in the pool."""

        def prepared(desk: Desk, ann: Owner) -> Callable[[], Any]:
            desk.list_exchange_asset()
            for _ in range(waiting):
                desk.purchase(ann, "3")
            desk.recurring_buy(ann, usd, **more)
            desk.catalogue_is_cached()
            desk.catalogue.listings()
            return desk.buy_recurring

        return prepared

    def planned(desk: Desk, ann: Owner) -> Callable[[], Any]:
        desk.list_exchange_asset()
        desk.catalogue_is_cached()
        desk.catalogue.listings()
        return lambda: desk.recurring_buy(ann, "3")

    def plan_cancelled(desk: Desk, ann: Owner) -> Callable[[], Any]:
        desk.list_exchange_asset()
        plan = desk.recurring_buy(ann, "3")
        return lambda: desk.recurring_buys.cancel(ann, plan.plan_id)

    def leaves_sellers(desk: Desk, ann: Owner) -> Callable[[], Any]:
        sells("0.03")(desk, ann)
        sale = desk.sale(ann, "0.03")
        return lambda: desk.sales.cancel(ann, sale.order_id)

    def sold_together(desk: Desk, ann: Owner) -> Callable[[], Any]:
        """Three small sales, from the first request to the last share."""
        sells("0.03")(desk, ann)
        desk.world.nobody_sells()
        desk.world.bid("100", "1000", "SOLUSDT")

        def live() -> None:
            asked = [desk.sale(ann, quantity) for quantity in ("0.04", "0.03", "0.0501")]
            desk.run(sweep=False)
            assert {desk.sales.sale(ann, sale.order_id).status for sale in asked} == {"COMPLETED"}

        return live

    return {
        "sale, direct": sells("0.1"),
        "sale of everything, direct": sells("all"),
        "sale, the first of a pool": sells("0.03"),
        "sale, joining a pool": sells("0.03", waiting=1),
        "sale, filling a pool": sells("0.05", waiting=2),
        "sale, repeated": sells("0.03", key="k"),
        "sale, cancelled": leaves_sellers,
        "three sales together, from the request to COMPLETED": sold_together,
        "purchase, direct": buys("10"),
        "purchase, the first of a pool": buys("3"),
        "purchase, joining a pool": buys("3", waiting=1),
        "purchase, filling a pool": buys("5", waiting=2),
        "purchase, repeated": buys("3", key="k"),
        "purchase, cancelled": leaves,
        "three purchases together, from the request to COMPLETED": bought_together,
        "a round of closing pools that finds nothing": lambda desk, _: desk.close_pools,
        "recurring buy, asked for": planned,
        "recurring buy, its date bought on its own": recurs("10"),
        "recurring buy, its date bought in a pool": recurs("3", waiting=1),
        "recurring buy, its date skipped": recurs("3", max_price="90"),
        "recurring buy, cancelled": plan_cancelled,
        "a round of recurring buys that finds nothing": lambda desk, _: desk.buy_recurring,
        "open an account": lambda desk, _: lambda: desk.accounts.open(Owner("new", "sub-new")),
        "deposit": deposit,
        "withdrawal, asked for": withdrawal,
        "withdrawal, paid by another way, confirmed": paid_otherwise,
        "withdrawal, rejected by hand": withdrawn(
            lambda desk, asked: desk.acts.give_back(WITHDRAWAL, asked, "no bank", "olga", dry_run=False)
        ),
        "proposal, made": proposed,
        "proposal, confirmed": proposal("confirm"),
        "proposal, dismissed": proposal("dismiss"),
        "an account, proposed to be moved": proposed_move,
        "an account, moved to another login": move,
        "a market-making order, ruled to come home": ruled("failed", "mm home", {}),
        "a snapshot, refunded by two": ruled("parked", "snapshots refund", {"to": BOB}),
        "a transfer, retried": retried_transfer,
        "a market-making order, looked at by an operator": overseen,
        "a tick at rest": quoted(lambda desk, _: tick(desk, 2)),
        "a tick that replaces both quotes": quoted(lambda desk, _: tick(desk), moved),
        "a tick with a fill": quoted(lambda desk, _: tick(desk, 2), taken),
        "a market-making order, paused": quoted(lambda desk, thing: desk.steering.pause(thing)),
        "a market-making order, resumed": quoted(lambda desk, thing: desk.steering.resume(thing), paused),
        "a market-making order, configured": quoted(
            lambda desk, thing: desk.steering.configure(thing, 1, {"bid_spread": "0.3"})
        ),
        "a market-making order, its performance": quoted(lambda desk, thing: desk.steering.performance(thing)),
        "a market-making order, its performance over time": quoted(
            lambda desk, thing: desk.steering.history(thing), traded
        ),
        "a market-making order, its fills": quoted(
            lambda desk, thing: desk.steering.fills(thing, limit=20, after=None), traded
        ),
        "an account, held against its journal": reconciled,
        "the books of ten orders and two payouts, checked": checked,
        "a day with ten payouts, held against the bank's": days_compared,
        "a day with ten orders, held against the exchange's": exchange_days_compared,
        "the custody, held against the books by an operator": compared,
        "credit of a wire": credit,
        "cash-out, asked for": cash_out,
        "cash-out, asked for again": lambda desk, ann: sold(lambda d, _: d.cash_out(ann, "1", key="k"))(desk, ann),
        "cash-out of everything, asked for": everything(),
        "poll_sell_order, filled, and the desk buys the rest": everything(poll),
        "cash-out, refused by the exchange": refused_by_the_exchange,
        "cash-out, looked at": lambda desk, ann: sold(lambda d, order_id: d.offramp.order(ann, order_id))(desk, ann),
        "read_sell_order, to be polled": sold(read),
        "poll_sell_order, not filled": sold(poll_in_vain, quantity="0.0555"),
        "poll_sell_order, filled": sold(poll),
        "poll_sell_order, nothing executed": sold(poll, quantity="1.666"),
        "read_payout, to be paid": sold(read_payout, poll),
        "create_payout": sold(create, poll),
        "create_payout, of a withdrawal": withdrawn(create),
        "create_payout, again": sold(create, poll, create),
        "await_payout": sold(wait, poll, create),
        "check_payout, still pending": sold(check, poll, create),
        "check_payout, paid": sold(
            check, poll, create, lambda desk, order_id: desk.world.simulated.decide(f"{order_id}-01", "complete")
        ),
        "webhook, paid": sold(told("complete"), poll, create, wait),
        "webhook, rejected": sold(told("fail"), poll, create, wait),
        "webhook, repeated": sold(told("complete"), poll, create, wait, told("complete")),
        "webhook, after the decision": sold(told("complete", "evt_2"), poll, create, wait, told("complete")),
        "webhook, of nothing": sold(
            lambda desk, _: desk.events.receive(
                BankEvent("evt_1", Adjustment("adj_1", f"S{'A' * 25}-01", "acc-ann", Money(1), State.FAILED), NOON)
            )
        ),
        "a cash-out from the request to FILLED": whole_life,
        "a round of the sweeper that finds nothing": lambda desk, _: lambda: desk.sweeper.sweep(lambda: True),
        "a price, confirmed by hand": lambda desk, _: confirmed(desk),
        "balance": lambda desk, ann: lambda: desk.accounts.balance(ann),
        "buy": buy,
        "buy, of one whose program listens": listening(lambda desk, ann: desk.buy(ann, "1")),
        "change of an order, told to nobody": told_to_nobody,
        "change of an order, told to one endpoint": listening(change),
        "outgoing webhook, taken": listening(round_, change),
        "outgoing webhook, not taken": listening(round_, change, status=500),
        "outgoing webhooks, none due": listening(round_),
        "buy, first of an asset": lambda desk, ann: lambda: desk.buy(ann, "1"),
        "buy, refused for lack of funds": lambda desk, ann: refused(lambda: desk.buy(ann, "5000")),
        "buy, by an unknown user": lambda desk, _: refused(lambda: desk.buy(Owner("eve", "sub-eve"), "1")),
        "buy, repeated": repeated,
        "quote": quote,
        "buy at a quote": at_quote,
        "sell": sell("1"),
        "sell, all of it": sell("2"),
        "sell, refused": lambda desk, ann: refused(lambda: desk.sell(ann, "1")),
        "buy, standard fee": with_fees(buy, Tier.STANDARD),
        "buy, another tier's fee": with_fees(buy, Tier.GOLD),
        "sell, standard fee": with_fees(sell("1"), Tier.STANDARD),
        "sell, another tier's fee": with_fees(sell("1"), Tier.GOLD),
        "quote, standard fee": with_fees(quote, Tier.STANDARD),
        "quote, another tier's fee": with_fees(quote, Tier.GOLD),
        "limit order, placed with a fee": with_fees(place("BUY"), Tier.STANDARD),
        "limit sale, placed with a fee": with_fees(place("SELL"), Tier.STANDARD),
        "limit order, filled with a fee": with_fees(fill("BUY"), Tier.GOLD),
        "a tier, set": lambda desk, _: lambda: promote(desk, Tier.GOLD),
        "limit order, placed": place("BUY"),
        "limit sale, placed": place("SELL"),
        "limit order, filled": fill("BUY"),
        "limit sale, filled": fill("SELL"),
        "limit order, cancelled": cancel("BUY"),
        "limit sale, cancelled": cancel("SELL"),
        "one order": lambda desk, ann: _one(desk, ann),
        "portfolio of ten assets": portfolio,
        "a page of ten orders": page(lambda desk, ann: desk.orders.orders(ann, limit=10, after=None)),
        "a page of ten orders of one asset": page(
            lambda desk, ann: desk.orders.orders(ann, asset_id="BTC", limit=10, after=None)
        ),
        "a page of ten completed orders": page(
            lambda desk, ann: desk.orders.orders(ann, status=Status.COMPLETED, limit=10, after=None)
        ),
        "a page of ten transactions": page(lambda desk, ann: desk.orders.history(ann, "BTC", limit=10, after=None)),
        "a page of ten moves of dollars": page(
            lambda desk, ann: desk.accounts.transactions(ann, since=None, until=None, limit=10, after=None)
        ),
        "what an account's holds are for": place_and(lambda desk, ann: desk.orders.explained(ann)),
        "a page of ten withdrawals": withdrawn(
            lambda desk, _: desk.accounts.withdrawals(Owner("ann", "sub-ann"), limit=10, after=None)
        ),
        "a month's days, of an account with one asset": page(
            lambda desk, ann: desk.valuing.history(ann, NOON - timedelta(days=30), NOON + timedelta(days=1), Step.DAY),
            then=lambda desk: desk.clock.forward(days=2),
        ),
        "a price, the first of its hour": lambda desk, _: kept(desk, hours=1),
        "a price, the first of its day": lambda desk, _: kept(desk, hours=12),
        "a statement of twenty trades": page(
            lambda desk, ann: desk.orders.statement(ann, NOON, desk.clock.at + timedelta(days=1))
        ),
        "a page of ten cash-outs": cash_outs,
        "33 users, listed": users,
        "an operator, let in": lambda desk, _: let_in(desk, "olga", operator=True),
        "a customer, let in": lambda desk, _: let_in(desk, "ann", operator=False),
        "all of a customer, with twenty orders open": place_and(lambda desk, _: desk.customers.customer("ann")),
        "an order id of the exchange, looked for": sold(lambda desk, _: desk.finding.find("17")),
        "a day's failures, of which there are none": lambda desk, _: (
            lambda: desk.operations.failures("2026-11-21", limit=20, after=None)
        ),
        "the open pools, which is one": lambda desk, ann: _pooled(desk, ann),
        **billing.SCENARIOS,
    }


def _pooled(desk: Desk, ann: Owner) -> Callable[[], Any]:
    desk.list_exchange_asset()
    desk.purchase(ann, "3")
    return desk.open_pools.all


def _one(desk: Desk, ann: Owner) -> Callable[[], Any]:
    order = desk.buy(ann, "1")
    return lambda: desk.orders.order(ann, order.order_id)


@dataclass
class Recorder:
    """A client that writes down what it is asked, in the form in which it goes over the wire."""

    client: Any
    asked: list[str] = field(default_factory=list)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            told = {k: v for k, v in parameters.items() if k != "ClientRequestToken"}  # a new one each time
            self.asked.append(f"{operation} {json.dumps(told, sort_keys=True)}")
            return getattr(self.client, operation)(**parameters)

        return call


@dataclass
class Measured:
    """Of every scenario: its cost, and its statements in their order."""

    costs: dict[str, dict[str, str]] = field(default_factory=dict)
    statements: dict[str, list[str]] = field(default_factory=dict)


@cache
def measured() -> Measured:
    """Every scenario on a desk of its own, whose table lets botocore's validator look at each request: the product's
    clients do not ask it. The view of the catalogue is fresh: assets and prices are cached in a warm
    function, and their two queries are shared by all requests of five seconds."""
    found = Measured()
    for name, prepare in _scenarios().items():
        desk = Desk(InMemoryDynamoDB(TABLE, validate=True))
        recorder = Recorder(desk.dynamo)
        desk.client = recorder
        desk.list_asset("BTC", "100")
        desk.catalogue_is_cached()
        ann = desk.customer(usd="100000.00")
        desk.clients(ann)
        act = prepare(desk, ann)
        desk.orders.catalogue.listings()
        recorder.asked.clear()
        with Meter(desk.dynamo).measure() as cost:
            act()
        found.statements[name] = list(recorder.asked)
        desk.check()
        found.costs[name] = {
            "requests": str(cost.requests),
            "write_units": f"{cost.write_units.normalize():f}",
            "read_units": f"{cost.read_units.normalize():f}",
        }
    return found


def test_no_call_costs_more_than_its_golden_budget() -> None:
    assert measured().costs == json.loads(GOLDEN.read_text())


def test_every_call_asks_the_table_in_its_golden_words() -> None:
    assert measured().statements == json.loads(STATEMENTS.read_text())


@pytest.mark.parametrize("name", PROMISES)
def test_the_golden_budget_is_within_what_is_promised(name: str) -> None:
    promised = dict(zip(("requests", "write_units", "read_units"), PROMISES[name], strict=True))
    kept = json.loads(GOLDEN.read_text())[name]
    assert all(float(kept[what]) <= limit for what, limit in promised.items()), (kept, promised)


def test_watching_the_custody_costs_its_golden_budget() -> None:
    """And no more than $4 a month; an order takes no more than 30 transitions from its last transfer to `created`,
    with confirmations four minutes after the sending."""
    kept = json.loads(CUSTODY.read_text())
    assert custody.golden() == kept
    assert float(kept["the poller, a month at rest, in US$"]["together"]) <= 4
    assert int(kept["an order, from the last transfer to created"]["transitions"]) <= 30


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(measured().costs, indent=2) + "\n")
    CUSTODY.write_text(json.dumps(custody.golden(), indent=2) + "\n")
    STATEMENTS.write_text(json.dumps(measured().statements, indent=2) + "\n")
