"""Whatever customers, the market and the clock do in whatever order, dollars and coins are conserved."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from common.errors import Refusal
from common.money import Money
from common.owner import Owner
from functions.orders.model import Status
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
        self.desk.list_asset("BTC", "100", min_notional="0.01")
        self.desk.list_asset("AI", "0.5", min_notional="0.01")
        self.owners = {name: self.desk.customer(name, "1000.00") for name in ("ann", "bob")}
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
            self._settle(self.owners[user], placed.order.order_id)

    @rule(
        target=orders, user=users, asset=assets, side=st.sampled_from(["BUY", "SELL"]), quantity=quantities, at=prices
    )
    def rest(self, user: str, asset: str, side: str, quantity: str, at: str) -> tuple[str, str | None]:
        placed = self._attempt(lambda: self.desk.place(self.owners[user], side, quantity, asset, order_price=at))
        return user, None if placed is None else placed.order.order_id

    @rule(order=consumes(orders))
    def cancel(self, order: tuple[str, str | None]) -> None:
        user, order_id = order
        if order_id is not None:
            self._attempt(lambda: self.desk.orders.cancel(self.owners[user], order_id))

    @rule(asset=assets, price=prices)
    def the_market_moves(self, asset: str, price: str) -> None:
        self.desk.mark(asset, price)
        self.desk.match(asset)

    @rule(days=st.sampled_from([1, 31]))
    def time_passes(self, days: int) -> None:
        self.desk.clock.forward(days=days)
        self.desk.expire()
        self.desk.mark("BTC", "100")
        self.desk.mark("AI", "0.5")

    @rule(target=withdrawals, user=users, amount=dollars)
    def withdraw(self, user: str, amount: Money) -> tuple[str, Money, str | None]:
        asked = self._attempt(lambda: self.desk.accounts.withdraw(self.owners[user], next(self.desk.keys), amount))
        return user, amount, None if asked is None else asked.transfer.transfer_id

    @rule(asked=consumes(withdrawals), paid=st.booleans())
    def decide(self, asked: tuple[str, Money, str | None], paid: bool) -> None:
        user, amount, transfer_id = asked
        if transfer_id is None:
            return
        if paid:
            self.desk.accounts.complete(transfer_id, "wire", "olga")
            self.usd[user] -= amount.usd
        else:
            self.desk.accounts.reject(transfer_id, "no such bank", "olga")

    @invariant()
    def everyone_owns_what_plain_reasoning_says(self) -> None:
        if not hasattr(self, "desk"):
            return
        self.desk.check()
        for name, owner in self.owners.items():
            for item in self.desk.dynamo.items():
                if item.get("entity_type") == {"S": "order"} and item["username"] == {"S": name}:
                    self._settle(owner, str(item["PK"]["S"]))
            balance, holdings = self.desk.orders.holdings(owner)
            assert balance.total.usd == self.usd[name]
            owned = {h.asset_id: h.whole.amount for h in holdings}
            assert {a: owned.get(a, Decimal(0)) for a in ("BTC", "AI")} == {
                a: self.coins[name, a] for a in ("BTC", "AI")
            }
            assert self.desk.operations.reconcile(owner).differences == []


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True)
