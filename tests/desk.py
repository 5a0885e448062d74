"""The order desk of one test: the real services on the in-memory table, with a clock and prices that tests turn."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from common.catalogue import store as catalogue
from common.catalogue.model import Asset, Execution, Quote
from common.catalogue.store import Market
from common.money import Money, Price
from common.owner import Owner
from common.table import keys
from common.table.table import Table
from common.table.transaction import Patience
from functions.accounts.service import Accounts, Rules
from functions.operations.service import Operations
from functions.orders.model import Order, Side, Terms
from functions.orders.service import Orders, Placed
from tests import books
from tests.harness.memory import InMemoryDynamoDB
from tests.harness.schema import IndexSpec, TableSpec

TABLE = TableSpec("desk", indexes=[IndexSpec(i.name, i.hash, i.range, i.holds or "ALL") for i in keys.INDEXES])
RULES = Rules(customer_deposits=True, deposit_limit=Money(1_000_000), withdrawal_limit=Money(10_000))
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A time that moves a millisecond with every look, and further when told; sleeping moves it too."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def monotonic(self) -> float:
        return (self.at - NOON).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def forward(self, **of: float) -> None:
        self.at += timedelta(**of)


@dataclass
class Desk:
    """`client` is what the services write through: the table itself, or something around it that fails."""

    dynamo: InMemoryDynamoDB = field(default_factory=lambda: InMemoryDynamoDB(TABLE))
    clock: Clock = field(default_factory=Clock)
    client: Any = None
    patience: Patience | None = None
    rules: Rules = RULES

    def __post_init__(self) -> None:
        self.keys = map("key-{}".format, itertools.count())
        self._market: Market | None = None

    def market_is_cached(self) -> None:
        """From now on one view of the market is kept, as in a warm function."""
        self._market = Market(self.table, self.clock)

    @property
    def table(self) -> Table:
        patience = self.patience or Patience(monotonic=self.clock.monotonic, sleep=self.clock.sleep, jitter=lambda: 0.5)
        client: Any = self.client or self.dynamo
        return Table(client, TABLE.name, patience)

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.table, self.rules, self.clock)

    @property
    def orders(self) -> Orders:
        return Orders(self.table, self._market or Market(self.table, self.clock), self.clock)

    @property
    def operations(self) -> Operations:
        return Operations(self.table, self.clock)

    def list_asset(self, asset_id: str = "BTC", price: str | None = "100", **rules: Any) -> Asset:
        """An asset of the catalogue, written straight to the table, with a fresh price unless None."""
        asset = Asset(
            asset_id=asset_id,
            name=rules.get("name", asset_id),
            precision=rules.get("precision", 8),
            min_notional=Money(rules.get("min_notional", "1")),
            max_notional=Money(rules.get("max_notional", "1000000")),
            execution=rules.get("execution", Execution.INSTANT),
            active=rules.get("active", True),
            price_source_id=asset_id.lower(),
            price_age_max_seconds=rules.get("price_age_max_seconds", 120),
        )
        with self._direct().transaction() as tx:
            tx.add(catalogue.save(asset, self.clock()))
        if price is not None:
            self.mark(asset_id, price)
        return asset

    def mark(self, asset_id: str, price: str) -> None:
        """The market is here now."""
        now = self.clock()
        with self._direct().transaction() as tx:
            tx.add(catalogue.mark(asset_id, Quote(Price(price), "test", now), now, notice=timedelta(0)))

    def _direct(self) -> Table:
        return Table(self.dynamo, TABLE.name)  # type: ignore[arg-type]

    def customer(self, username: str = "ann", usd: str | None = "1000.00") -> Owner:
        """Somebody with an account, and dollars in it unless None."""
        owner = Owner(username, f"sub-{username}")
        self.accounts.open(owner)
        if usd is not None:
            self.accounts.deposit(owner, f"first-{username}", Money(usd))
        return owner

    def place(self, owner: Owner, side: str, quantity: str, asset_id: str = "BTC", **more: Any) -> Placed:
        key = more.pop("key", None) or next(self.keys)
        if "order_price" in more:
            more["order_price"] = Price(more["order_price"])
        return self.orders.place(owner, key, Terms(asset_id, Side(side), quantity=Decimal(quantity), **more))

    def buy(self, owner: Owner, quantity: str, asset_id: str = "BTC", **more: Any) -> Order:
        return self.place(owner, "BUY", quantity, asset_id, **more).order

    def sell(self, owner: Owner, quantity: str, asset_id: str = "BTC", **more: Any) -> Order:
        return self.place(owner, "SELL", quantity, asset_id, **more).order

    def match(self, asset_id: str = "BTC") -> int:
        orders = self.orders
        return orders.match(orders.market.listing(asset_id), lambda: True)

    def expire(self) -> int:
        return self.orders.expire(lambda: True)

    def check(self) -> None:
        """Every invariant of the books holds."""
        books.check(self.dynamo.items())
