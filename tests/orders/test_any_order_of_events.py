"""Whatever customers, operators, the bank, the exchange, the market and the clock do in whatever order, dollars and
coins are conserved."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from common.domain.catalogue.model import PriceUnavailable
from common.domain.catalogue.store import NOTICE
from common.domain.fees import Tier
from common.domain.payouts.model import PayoutUnsettled
from common.errors import Refusal
from common.money import ZERO, Money, Price
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from functions.accounts.model import Status as Paid
from functions.operations.model import NotProposable
from functions.orders.model import Order, Side, Status
from tests.depth import deep
from tests.desk import Desk

users = st.sampled_from(["ann", "bob"])
assets = st.sampled_from(["BTC", "AI"])
quantities = st.decimals("0.00000001", "20", places=8).map(str)
prices = st.decimals("0.01", "300", places=4).filter(bool).map(str)
dollars = st.decimals("0.01", "500", places=2).map(Money)


class AnyOrderOfEvents(RuleBasedStateMachine):
    """`usd` and `coins` are what each user must own by plain reasoning: free and held together."""

    orders = Bundle("orders")
    withdrawals = Bundle("withdrawals")

    @initialize()
    def open(self) -> None:
        self.desk = Desk()
        fees = {Tier.STANDARD: 40, Tier.SILVER: 25, Tier.GOLD: 0}
        self.desk.list_asset("BTC", "100", min_notional="0.01", fees_bps=fees)
        self.desk.list_asset("AI", "0.5", min_notional="0.01")
        self.owners = {name: self.desk.customer(name, "1000.00") for name in ("ann", "bob")}
        for owner in self.owners.values():
            self.desk.clients(owner)
        self.leaving: dict[str, tuple[Owner, Money]] = {}  # withdrawals that are not known to be over
        self.selling: dict[str, Owner] = {}  # cash-outs of which nothing is known to be sold
        self.paying: dict[str, Owner] = {}  # and those whose dollars are not known to have left
        self.usd = dict.fromkeys(self.owners, Decimal(1000))
        self.coins = {(name, asset): Decimal(0) for name in self.owners for asset in ("BTC", "AI")}
        self.seen: dict[str, Status] = {}

    def _attempt(self, act: Any) -> Any:
        """What a refusal leaves is exactly what was there."""
        before = self.desk.dynamo.items()
        try:
            return act()
        except Refusal:
            assert self.desk.dynamo.items() == before
            return None

    def _settle(self, owner: Owner, order_id: str) -> None:
        """Reason about an order that has just come to its end."""
        order = self.desk.orders.order(owner, order_id)
        if order.status is self.seen.get(order_id):
            return
        self.seen[order_id] = order.status
        if order.status is not Status.COMPLETED:
            return
        assert order.total_amount is not None
        sign = 1 if order.order_type == "BUY" else -1
        self.usd[owner.username] -= sign * order.total_amount.usd
        self.coins[owner.username, order.quantity.asset_id] += sign * order.quantity.amount

    @rule(user=users, amount=dollars)
    def deposit(self, user: str, amount: Money) -> None:
        if self._attempt(lambda: self.desk.accounts.deposit(self.owners[user], next(self.desk.keys), amount)):
            self.usd[user] += amount.usd

    @rule(user=users, asset=assets, side=st.sampled_from(["BUY", "SELL"]), quantity=quantities)
    def trade(self, user: str, asset: str, side: str, quantity: str) -> None:
        placed = self._attempt(lambda: self.desk.place(self.owners[user], side, quantity, asset))
        if placed is not None:
            self._settle(self.owners[user], placed.made.order_id)

    @rule(
        target=orders, user=users, asset=assets, side=st.sampled_from(["BUY", "SELL"]), quantity=quantities, at=prices
    )
    def rest(self, user: str, asset: str, side: str, quantity: str, at: str) -> tuple[str, str | None]:
        placed = self._attempt(lambda: self.desk.place(self.owners[user], side, quantity, asset, order_price=at))
        return user, None if placed is None else placed.made.order_id

    @rule(user=users, tier=st.sampled_from(Tier))
    def an_operator_says_whose_fees_a_customer_pays(self, user: str, tier: Tier) -> None:
        self.desk.set_tier(user, tier)

    @rule(order=consumes(orders))
    def cancel(self, order: tuple[str, str | None]) -> None:
        user, order_id = order
        if order_id is not None:
            self._attempt(lambda: self.desk.orders.cancel(self.owners[user], order_id))

    @rule(asset=assets, price=prices)
    def the_market_moves(self, asset: str, price: str) -> None:
        self.desk.clock.forward(seconds=6)
        self.desk.mark(asset, price)
        self.desk.match(asset)

    @rule(asset=assets, price=prices)
    def a_price_is_about_to_count(self, asset: str, price: str) -> None:
        """What is filled before it does is filled at the worse one."""
        self.desk.clock.forward(seconds=6)
        now = self.desk.catalogue.listing(asset).quote
        assert now is not None
        known, before = (Price(price), now.price), self._completed()
        self.desk.mark(asset, price, NOTICE)
        with suppress(PriceUnavailable):  # the one before is too old
            self.desk.match(asset)
        for order in self._completed().values():
            if order.order_id not in before:
                worse = max(known) if order.order_type is Side.BUY else min(known)
                assert order.price_per_unit == worse

    @rule(asset=assets, price=prices, user=users, side=st.sampled_from(["BUY", "SELL"]))
    def a_price_jumps(self, asset: str, price: str, user: str, side: str) -> None:
        """Nothing is traded any more, until the market moves."""
        self.desk.jump(asset, price)
        before = self._completed()
        with pytest.raises(PriceUnavailable):
            self.desk.match(asset)
        assert self._attempt(lambda: self.desk.place(self.owners[user], side, "1", asset)) is None
        assert self._completed() == before

    def _completed(self) -> dict[str, Order]:
        """Every order that is, by its id."""
        items = [item for item in self.desk.dynamo.items() if item.get("entity_type") == {"S": "order"}]
        named = {str(item["PK"]["S"]): _owner(item) for item in items}
        orders = (self.desk.orders.order(owner, order_id) for order_id, owner in named.items())
        return {order.order_id: order for order in orders if order.status is Status.COMPLETED}

    @rule(days=st.sampled_from([1, 31]))
    def time_passes(self, days: int) -> None:
        self.desk.clock.forward(days=days)
        self.desk.expire()
        self.desk.mark("BTC", "100")
        self.desk.mark("AI", "0.5")

    @rule(target=withdrawals, user=users, amount=dollars)
    def withdraw(self, user: str, amount: Money) -> str | None:
        owner = self.owners[user]
        asked = self._attempt(
            lambda: self.desk.accounts.withdraw(owner, next(self.desk.keys), amount, f"{user}-bank").made
        )
        if asked is None:
            return None
        self.leaving[asked.transfer_id] = (owner, amount)
        return str(asked.transfer_id)

    @rule(transfer_id=consumes(withdrawals), act=st.sampled_from(["mark_paid", "give_back", "retry"]))
    def decide(self, transfer_id: str | None, act: str) -> None:
        """An operator may do it exactly while nothing of it is at the bank and it is not over."""
        if transfer_id is None:
            return
        story = self.desk.operations.story(transfer_id)
        open_ = story.waits_for is not None and all(call.state == "REJECTED" for call in story.calls)
        try:
            self.desk.by_hand(act, transfer_id)
        except (PayoutUnsettled, NotProposable):
            assert not open_
        else:
            assert open_ or (act, story.status) == ("give_back", "REJECTED")

    @rule(user=users, amount=dollars, more=st.sampled_from(["-0.01", "0.00", "1.10"]))
    def two_operators_say_what_the_bank_has_paid(self, user: str, amount: Money, more: str) -> None:
        """Of what it has pending, whatever it says later. A cent less than asked is the customer's again."""
        transfer_id = str(self.withdraw(user, amount) or "")
        if not transfer_id:
            return
        self.desk.world.simulated.set_outcome("pending")
        self.desk.world.machines.run()
        paid = max(Money("0.01"), min(amount + Money(more), amount + amount))
        act = self.desk.proposals
        told = {"paid": str(paid)}
        said = act.propose(
            "work decide-payout", transfer_id, told, f"line of {transfer_id}", "its books", "olga", dry_run=False
        )
        act.confirm(said.id, "line 11 says so", "otto", dry_run=False)
        self.leaving[transfer_id] = (self.owners[user], min(paid, amount))

    @rule(user=users, login=st.sampled_from(["", "-anew", "-once-more"]))
    def two_operators_move_an_account(self, user: str, login: str) -> None:
        """To another login of its username, exactly while nothing of it is held."""
        owner, anew = self.owners[user], Owner(user, f"sub-{user}{login}")
        balance, holdings = self.desk.orders.holdings(owner)
        held = balance.held != ZERO or any(holding.held_quantity.amount for holding in holdings)
        act, told = self.desk.proposals, {"sub": anew.sub}

        def move() -> OperatorOutcome:
            said = act.propose("users move", user, told, "ticket 4719", "passport seen", "olga", dry_run=False)
            return act.confirm(said.id, "seen it, too", "otto", dry_run=False)

        done = self._attempt(move)
        assert (done is not None) is (not held and anew != owner)
        if done is not None:
            self.owners[user] = anew
            self.desk.clients(anew)

    @rule(user=users, quantity=st.sampled_from(["1", "0.33333", "2.444", "1.666"]), limit=st.integers(80, 120))
    def cash_out(self, user: str, quantity: str, limit: int) -> None:
        estimate = str((Decimal(quantity) * limit).quantize(Decimal("0.01")))
        order = self._attempt(lambda: self.desk.cash_out(self.owners[user], quantity, estimate))
        if order is not None:
            self.selling[order.order_id] = self.owners[user]

    @rule(outcome=st.sampled_from(["complete", "fail", "refuse", "pending"]), hours=st.sampled_from([0, 1]))
    def the_bank_and_the_exchange_do_their_part(self, outcome: str, hours: int) -> None:
        bank = self.desk.world.simulated
        bank.set_outcome(outcome)
        self.desk.run(days=hours / 24 or 0.0001)
        for record in bank.records():
            if record.outcome == "pending" and hours:
                bank.decide(record.terms.reference_id, "complete")

    def _moved(self) -> None:
        """What left by machines, or by hand, as the bank and the exchange have it and no item tells."""
        for transfer_id, (owner, amount) in list(self.leaving.items()):
            status = self.desk.accounts.withdrawal(owner, transfer_id).status
            if status in (Paid.COMPLETED, Paid.REJECTED):
                del self.leaving[transfer_id]
                self.usd[owner.username] -= amount.usd if status is Paid.COMPLETED else 0
        for order_id, owner in list(self.selling.items()):
            order = self.desk.offramp.order(owner, order_id)
            if order.executed is not None:
                self.coins[owner.username, "BTC"] -= order.executed.amount
            if order.total_amount is not None:
                self.usd[owner.username] += order.total_amount.usd
            if order.executed is not None:
                del self.selling[order_id]
                if order.total_amount is not None:
                    self.paying[order_id] = owner
        for order_id, owner in list(self.paying.items()):
            order = self.desk.offramp.order(owner, order_id)
            if order.status == "FILLED":
                assert order.total_amount is not None
                del self.paying[order_id]
                self.usd[owner.username] -= order.total_amount.usd

    @invariant()
    def everyone_owns_what_plain_reasoning_says(self) -> None:
        if not hasattr(self, "desk"):
            return
        self.desk.check()
        self._moved()
        for name, owner in self.owners.items():
            for item in self.desk.dynamo.items():
                if item.get("entity_type") == {"S": "order"} and item["username"] == {"S": name}:
                    self._settle(_owner(item), str(item["PK"]["S"]))
            balance, holdings = self.desk.orders.holdings(owner)
            assert balance.total.usd == self.usd[name]
            owned = {h.asset_id: h.whole.amount for h in holdings}
            assert {a: owned.get(a, Decimal(0)) for a in ("BTC", "AI")} == {
                a: self.coins[name, a] for a in ("BTC", "AI")
            }
            assert self.desk.reconciliation.reconcile(owner.username).differences == []


def _owner(order: Any) -> Owner:
    """Who has placed it, be the account another login's by now."""
    return Owner(order["username"]["S"], order["sub"]["S"])


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=deep(everyday=12, full=60), stateful_step_count=30)
