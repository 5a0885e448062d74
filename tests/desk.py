"""The desk of one test: the real services on the in-memory table, with an exchange, a bank and state machines in
this process, and a clock and prices that tests turn."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from common import keys
from common.anchors import Anchors
from common.clock import text
from common.data_keys import DataKeys
from common.domain import clients, work
from common.domain.catalogue import store as catalogue
from common.domain.catalogue.model import PRICE_STEP, Asset, Execution, Quote
from common.domain.catalogue.store import Catalogue
from common.domain.clients import Client, ClientKind, ClientStatus
from common.domain.exchange_orders.service import ExchangeOrders
from common.domain.fees import Fees, Tier
from common.domain.flow_halts import Flow
from common.domain.ledger.model import ALL
from common.domain.payouts.events import BankEvents
from common.domain.payouts.model import kind_of
from common.domain.payouts.service import Payouts
from common.domain.payouts.store import NO_ATTEMPT
from common.domain.persons import Persons
from common.domain.proposals.model import Status as Proposed
from common.gateways.bank import BankUnavailable
from common.gateways.exchange import ExchangeUnavailable
from common.gateways.gate import Ban, gated
from common.idempotency import Replayable
from common.machines import Machines
from common.money import Money, Price
from common.operator_outcome import OperatorOutcome
from common.operator_pool import OperatorPool
from common.owner import Owner
from common.sealed import Sealed, shortened
from common.table.table import Table
from common.table.transaction import Patience
from functions.accounts.service import Accounts, Rules
from functions.billing.service.auditing import Auditing
from functions.billing.service.bills import Bills
from functions.billing.service.comparing import Comparing as ComparingBilling
from functions.billing.service.corrections import Corrections
from functions.billing.service.dealers import Dealers
from functions.billing.service.fast_buyout import FastBuyouts
from functions.billing.service.statements import Statements
from functions.market_making.service.campaigning import Campaigning
from functions.market_making.service.comparing import Comparing
from functions.market_making.service.halting import Halting
from functions.market_making.service.opening import Opening
from functions.market_making.service.overseeing import Overseeing
from functions.market_making.service.previewing import Previewing
from functions.market_making.service.quoting import Quoting
from functions.market_making.service.steering import Steering
from functions.notifications.service import Deliveries, Endpoints
from functions.offramp import tasks as offramp_tasks
from functions.offramp.model import SellOrder
from functions.offramp.model import Terms as SaleTerms
from functions.offramp.service import Offramp
from functions.offramp.service.voiding import Voiding
from functions.operations.service import Operations
from functions.operations.service.anchoring import Anchoring
from functions.operations.service.asking_again import AskingAgain
from functions.operations.service.comparing_bank import BankSide
from functions.operations.service.comparing_days import ComparingDays
from functions.operations.service.comparing_exchange import ExchangeSide
from functions.operations.service.comparing_funds import ComparingFunds
from functions.operations.service.cross_checking import CrossChecking
from functions.operations.service.customers import Customers
from functions.operations.service.finding import Finding
from functions.operations.service.halting import Halting as HaltingFlows
from functions.operations.service.interventions import Interventions
from functions.operations.service.operators import Operators
from functions.operations.service.pools import OpenPools
from functions.operations.service.proposals import Proposals
from functions.operations.service.reconciliation import Reconciliation
from functions.operations.service.sweeper import Sweeper
from functions.orders.model import Order, Side, Terms
from functions.orders.service import Orders
from functions.orders.service.book import Book
from functions.orders.service.valuing import Valuing
from functions.payouts import tasks as payouts_tasks
from functions.payouts.service import PayoutActs
from functions.purchases import tasks as purchases_tasks
from functions.purchases.model import Purchase
from functions.purchases.model import Terms as PurchaseTerms
from functions.purchases.recurring import Asked, Every, RecurringBuy, amounts
from functions.purchases.sale_model import Sale
from functions.purchases.sale_model import Terms as CoinTerms
from functions.purchases.service.batches import Batches
from functions.purchases.service.pooling import Pooling
from functions.purchases.service.purchasing import Purchases
from functions.purchases.service.recurring import RecurringBuys
from functions.purchases.service.sales import Sales
from sandbox.receivers import SimulatedReceivers
from tests import books, counters
from tests.billing import books as billing_books
from tests.harness import user_pool
from tests.harness.anchors import in_memory
from tests.harness.kms import KEY_ID, InMemoryKms
from tests.harness.memory import InMemoryDynamoDB
from tests.harness.schema import IndexSpec, TableSpec
from tests.outside import ARN_PREFIX, Outside
from tests.purchases import recurring_books

if TYPE_CHECKING:
    from tests.billing.dealership import Dealership
    from tests.market_making.market import Market

TABLE = TableSpec("desk", indexes=[IndexSpec(i.name, i.hash, i.range, i.holds or "ALL") for i in keys.INDEXES])
STUCK_AFTER = timedelta(hours=4)
BACK_OFF = timedelta(minutes=1)  # after the first payout that the bank rejects
PAYOUT_MAX = Money(10_000)  # a payout beyond it waits for two operators
OPERATOR_LIMIT = Money(100_000_000)  # one operator, a day
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
    payout_max: Money = PAYOUT_MAX
    operator_limit: Money = OPERATOR_LIMIT
    webhook_key: Callable[[], bytes] = lambda: b"with which the secrets of webhooks are made"
    outside: Outside | None = None  # made when it is first asked for: most tests need none
    kms: Any = field(default_factory=lambda: InMemoryKms(seed=b"of all desks: a copy opens what the first has sealed"))

    def __post_init__(self) -> None:
        self.keys = map("key-{}".format, itertools.count())
        self.receivers = SimulatedReceivers(self.clock)
        self.registrations = itertools.count()
        self._catalogue: Catalogue | None = None
        self._market: Market | None = None
        self._dealership: Dealership | None = None

    def catalogue_is_cached(self) -> None:
        """From now on one view of the catalogue is kept, as in a warm function."""
        self._catalogue = Catalogue(self.table, self.clock)

    @property
    def table(self) -> Table:
        patience = self.patience or Patience(monotonic=self.clock.monotonic, sleep=self.clock.sleep, jitter=lambda: 0.5)
        client: Any = self.client or self.dynamo
        return Table(client, TABLE.name, patience)

    @property
    def world(self) -> Outside:
        if self.outside is None:
            self.outside = Outside(self.clock)
            self.outside.deploy("sell-order", offramp_tasks, "offramp", lambda: self.offramp)
            self.outside.deploy("payout", payouts_tasks, "payouts", lambda: self.payouts)
            self.outside.deploy("purchase", purchases_tasks, "batches", lambda: self.batches)
        return self.outside

    @property
    def market(self) -> Market:
        """Its custody, and the exchange where it makes markets, which is not that of cash-outs; made when it is first
        asked for."""
        if self._market is None:
            from tests.market_making.market import Market

            self._market = Market(self.dynamo, self.clock, shared=self.world.machines)
        self._market.client, self._market.states = self.client, self.world.client
        return self._market

    @property
    def dealership(self) -> Dealership:
        """Its billing system; made when it is first asked for."""
        if self._dealership is None:
            from tests.billing.dealership import Dealership

            self._dealership = Dealership(self.dynamo, self.clock, self.world)
        self._dealership.client = self.client
        return self._dealership

    @cached_property
    def anchors(self) -> Anchors:
        return in_memory()

    @cached_property
    def operator_pool(self) -> OperatorPool:
        return user_pool.in_memory()

    @property
    def operators(self) -> Operators:
        return Operators(self.table, lambda: self.operator_pool, self.clock)

    @property
    def anchoring(self) -> Anchoring:
        return Anchoring(self.table, lambda: self.anchors, self.clock)

    @property
    def dealers(self) -> Dealers:
        return self.dealership.dealers

    @property
    def auditing(self) -> Auditing:
        return self.dealership.auditing

    @property
    def comparing_billing(self) -> ComparingBilling:
        return self.dealership.comparing

    @property
    def bills(self) -> Bills:
        return self.dealership.bills

    @property
    def corrections(self) -> Corrections:
        return self.dealership.corrections

    @property
    def fast_buyouts(self) -> FastBuyouts:
        return self.dealership.fast_buyouts

    @property
    def statements(self) -> Statements:
        return self.dealership.statements

    @property
    def opening(self) -> Opening:
        return self.market.opening

    @property
    def quoting(self) -> Quoting:
        return self.market.quoting

    @property
    def halting(self) -> Halting:
        return self.market.halting

    @property
    def comparing(self) -> Comparing:
        return self.market.comparing

    @property
    def steering(self) -> Steering:
        return self.market.steering

    @property
    def previewing(self) -> Previewing:
        return self.market.previewing

    @property
    def overseeing(self) -> Overseeing:
        return self.market.overseeing

    @property
    def campaigning(self) -> Campaigning:
        return self.market.campaigning

    @property
    def machines(self) -> Machines:
        return Machines(self.world.client, ARN_PREFIX)

    @property
    def payouts(self) -> Payouts:
        ban = Ban(self.table, "bank", self.clock)
        return Payouts(
            self.table,
            lambda: gated(self.world.bank, BankUnavailable, ban),
            self.machines,
            self.persons,
            self.clock,
            BACK_OFF,
            self.payout_max,
        )

    @property
    def persons(self) -> Persons:
        return self._persons(self.table)

    def _persons(self, table: Table) -> Persons:
        return Persons(table, lambda: DataKeys(self.kms, KEY_ID), self.clock)

    @property
    def events(self) -> BankEvents:
        return BankEvents(self.payouts)

    @property
    def acts(self) -> PayoutActs:
        return PayoutActs(self.payouts)

    @property
    def catalogue(self) -> Catalogue:
        return self._catalogue or Catalogue(self.table, self.clock)

    @property
    def at_exchange(self) -> ExchangeOrders:
        return self._at_exchange(self.catalogue)

    def _at_exchange(self, view: Catalogue) -> ExchangeOrders:
        ban = Ban(self.table, "fake", self.clock)
        exchange = lambda: gated(self.world.exchange, ExchangeUnavailable, ban)  # noqa: E731
        return ExchangeOrders(self.table, exchange, view.symbols, self.clock)

    @property
    def offramp(self) -> Offramp:
        view = self.catalogue
        exchange, limit = self._at_exchange(view), self.rules.withdrawal_limit
        return Offramp(self.table, view, exchange, self.machines, self.clock, limit)

    @property
    def voiding(self) -> Voiding:
        return Voiding(self.offramp)

    @property
    def purchases(self) -> Purchases:
        return Purchases(self.table, self.catalogue, self.machines, self.clock)

    @property
    def recurring_buys(self) -> RecurringBuys:
        return RecurringBuys(self.purchases)

    @property
    def sales(self) -> Sales:
        return Sales(self.pooling)

    @property
    def pooling(self) -> Pooling:
        return self.purchases.pooling

    @property
    def batches(self) -> Batches:
        view = self.catalogue
        return Batches(self.table, view, self._at_exchange(view), self.machines, self.clock)

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.table, self.rules, self.machines, self.persons, self.clock)

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(
            self.table, self.receivers, self.webhook_key, self.clock, lambda: f"{next(self.registrations):032x}"
        )

    @property
    def deliveries(self) -> Deliveries:
        return Deliveries(self.table, self.receivers, self.webhook_key, self.clock)

    @property
    def orders(self) -> Orders:
        return Orders(self.table, self.catalogue, self.clock)

    @property
    def book(self) -> Book:
        return Book(self.table, self.clock)

    @property
    def operations(self) -> Operations:
        return Operations(self.table, self.machines, self.persons, self.clock, STUCK_AFTER)

    @property
    def customers(self) -> Customers:
        return Customers(self.table, self.rules.deposit_limit, self.rules.withdrawal_limit, self.clock)

    @property
    def valuing(self) -> Valuing:
        return Valuing(self.table, self.catalogue, self.clock)

    @property
    def finding(self) -> Finding:
        return Finding(self.table, (self.world.fake.name,), self.clock)

    @property
    def open_pools(self) -> OpenPools:
        return OpenPools(self.table, self.clock)

    @property
    def interventions(self) -> Interventions:
        return Interventions(self.operations, self.events, self.proposals)

    @property
    def flows(self) -> HaltingFlows:
        return HaltingFlows(self.table, self.clock)

    @property
    def asking_again(self) -> AskingAgain:
        return AskingAgain(self.operations)

    @property
    def proposals(self) -> Proposals:
        return Proposals(self.operations, self.events, self.operator_limit)

    @property
    def reconciliation(self) -> Reconciliation:
        return Reconciliation(self.table, self._pause, self.clock)

    @property
    def cross_checking(self) -> CrossChecking:
        return CrossChecking(self.table, self._pause, self.clock)

    @property
    def comparing_bank(self) -> ComparingDays:
        ban = Ban(self.table, "bank", self.clock)
        bank = lambda: gated(self.world.bank, BankUnavailable, ban)  # noqa: E731
        side = BankSide(self.table, bank, self.persons, self._pause, self.clock)
        return ComparingDays(self.table, side, self.clock)

    @property
    def comparing_exchange(self) -> ComparingDays:
        ban = Ban(self.table, "exchange", self.clock)
        exchange = lambda: gated(self.world.exchange, ExchangeUnavailable, ban)  # noqa: E731
        pace = lambda: self.clock.sleep(1)  # noqa: E731
        account = lambda _: self.market.funds  # noqa: E731
        funds = ComparingFunds(self.table, lambda: self.world.funds, account, self._pause)
        side = ExchangeSide(self.table, exchange, self.catalogue.symbols, self._pause, pace, self.clock, funds)
        return ComparingDays(self.table, side, self.clock)

    def _pause(self) -> None:
        self.clock.sleep(2)

    @property
    def sweeper(self) -> Sweeper:
        return Sweeper(self.table, self.machines, self.events, self.clock, STUCK_AFTER)

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
            exchange_symbol=rules.get("exchange_symbol", asset_id),
            price_age_max_seconds=rules.get("price_age_max_seconds", 120),
            slippage_max_bps=rules.get("slippage_max_bps", 100),
            fill_band_bps=rules.get("fill_band_bps", 1_000),
            pool_shards=rules.get("pool_shards", 1),
            pool_deadline_seconds=rules.get("pool_deadline_seconds", 86_400),
            pool_top_up=rules.get("pool_top_up", False),
            min_pooled=Money(rules.get("min_pooled", "1")),
            desk_buys_max=Money(rules.get("desk_buys_max", "100")),
            spread_bps=rules.get("spread_bps", 0),
            fees_bps=Fees(rules.get("fees_bps", {})),
            price_step=Price(rules["price_step"]) if "price_step" in rules else PRICE_STEP,
        )
        with self._direct().transaction() as tx:
            tx.add(catalogue.save(asset, self.clock(), catalogue.find(self._direct(), asset_id)))
        if price is not None:
            self.mark(asset_id, price)
        return asset

    def mark(self, asset_id: str, price: str, notice: timedelta = timedelta(0)) -> None:
        """The market is here now, or is known to be when the notice is over."""
        now = self.clock()
        with self._direct().transaction() as tx:
            tx.add(catalogue.mark(asset_id, Quote(Price(price), "test", now), now, notice))

    def halt(self, flow: str, asset_id: str | None = None, operator: str = "olga") -> None:
        """An operator halts a flow, with the table that does not fail."""
        HaltingFlows(self._direct(), self.clock).halt(Flow(flow), asset_id, "a drill", operator, dry_run=False)

    def lift(self, flow: str, asset_id: str | None = None, operator: str = "oleg") -> None:
        """Another one lifts it."""
        HaltingFlows(self._direct(), self.clock).lift(Flow(flow), asset_id, "it is over", operator, dry_run=False)

    def jump(self, asset_id: str, price: str) -> None:
        """The source has jumped to this price."""
        now = self.clock()
        with self._direct().transaction() as tx:
            tx.add(catalogue.stop(asset_id, Quote(Price(price), "test", now), now))

    def _direct(self) -> Table:
        return Table(self.dynamo, TABLE.name)  # type: ignore[arg-type]

    def customer(self, username: str = "ann", usd: str | None = "1000.00") -> Owner:
        """Somebody with an account, and dollars in it unless None."""
        owner = Owner(username, f"sub-{username}")
        self.accounts.open(owner)
        if usd is not None:
            self.accounts.deposit(owner, f"first-{username}", Money(usd))
        return owner

    def clients(self, owner: Owner, status: ClientStatus = ClientStatus.ACTIVE) -> None:
        """The owner may sell coins (client `{username}-crypto`) and be paid (`{username}-bank`), at the account
        `acc-{username}`."""
        name, table = owner.username, self._direct()
        account = self.account(name, f"acc-{name}")
        for client in (
            Client(f"{name}-crypto", ClientKind.CRYPTO, owner, status, self.clock()),
            Client(f"{name}-bank", ClientKind.BANKING, owner, status, self.clock(), account),
        ):
            table.write(*clients.save(client, clients.existing(table, client.kind, client.client_id)))

    def account(self, username: str, account_id: str) -> Sealed:
        """What stands for an account of a customer in the table."""
        return self._persons(self._direct()).of(username).sealed(account_id)

    def mark_of(self, username: str, account_id: str) -> str:
        """By which timelines tell an account of his from others."""
        sealed = self._persons(self._direct()).of(username).sealed_if_known(account_id)
        assert sealed is not None
        return shortened(sealed)

    def account_id(self, username: str, account: Sealed | None) -> str | None:
        """The account that this stands for."""
        return None if account is None else self._persons(self._direct()).of(username).opened(account)

    def cash_out(self, owner: Owner, quantity: str = "1", estimate: str | None = None, **more: Any) -> SellOrder:
        """Sell at the exchange; the estimate is at $100 a unit unless said, and of everything the desk's."""
        key, everything = more.pop("key", None) or next(self.keys), quantity == ALL
        if estimate is None and not everything:
            estimate = str(Decimal(quantity) * 100)
        asked = SaleTerms(
            asset_id=more.pop("asset_id", "BTC"),
            quantity=None if everything else Decimal(quantity),
            estimated_amount=None if estimate is None else Money(estimate),
            crypto_client_id=more.pop("crypto_client_id", f"{owner.username}-crypto"),
            banking_client_id=more.pop("banking_client_id", f"{owner.username}-bank"),
        )
        return self.offramp.sell(owner, key, asked).made

    def list_exchange_asset(self, asset_id: str = "SOL", price: str | None = "100", **rules: Any) -> Asset:
        """One that is bought at the exchange, from $10 on its own."""
        given = {"precision": 9, "min_notional": "10", "execution": Execution.EXCHANGE, **rules}
        return self.list_asset(asset_id, price, **given)

    def purchase(self, owner: Owner, usd: str | None = None, quantity: str | None = None, **more: Any) -> Purchase:
        """Buy SOL at the exchange, for dollars or a quantity."""
        key = more.pop("key", None) or next(self.keys)
        asked = PurchaseTerms(
            asset_id=more.pop("asset_id", "SOL"),
            quantity=None if quantity is None else Decimal(quantity),
            quote_amount=None if usd is None else Money(usd),
            max_price=None if "max_price" not in more else Price(more.pop("max_price")),
        )
        return self.purchases.buy(owner, key, asked).made

    def recurring_buy(self, owner: Owner, usd: str | None = None, every: str = "daily", **more: Any) -> RecurringBuy:
        """Buy SOL again and again, for dollars or a `quantity`."""
        key = more.pop("key", None) or next(self.keys)
        quantity, max_price = (
            None if name not in more else Decimal(more.pop(name)) for name in ("quantity", "max_price")
        )
        buys = amounts(more.pop("asset_id", "SOL"), quantity, None if usd is None else Decimal(usd), max_price)
        return self.recurring_buys.plan(owner, key, Asked(buys, Every(every), **more)).made

    def buy_recurring(self) -> dict[str, int]:
        return self.recurring_buys.buy_due(lambda: True)

    def sale(self, owner: Owner, quantity: str = ALL, **more: Any) -> Sale:
        """Sell SOL at the exchange, a quantity or all."""
        key = more.pop("key", None) or next(self.keys)
        asked = CoinTerms(
            asset_id=more.pop("asset_id", "SOL"),
            quantity=None if quantity == ALL else Decimal(quantity),
            min_price=None if "min_price" not in more else Price(more.pop("min_price")),
        )
        return self.sales.sell(owner, key, asked).made

    def bring(self, owner: Owner, quantity: str, asset_id: str = "SOL") -> None:
        """Let somebody have coins: for a moment the desk's own book sells the asset."""
        table = self._direct()
        saved = catalogue.find(table, asset_id)
        assert saved is not None
        instant = replace(saved.asset, execution=Execution.INSTANT, active=True, min_notional=Money("0.01"))
        table.write(catalogue.save(instant, self.clock(), saved))
        Orders(table, Catalogue(table, self.clock), self.clock).place(
            owner, next(self.keys), Terms(asset_id, Side.BUY, quantity=Decimal(quantity))
        )
        table.write(catalogue.save(saved.asset, self.clock(), catalogue.find(table, asset_id)))

    def by_hand(
        self, act: str, thing_id: str, reason: str = "by hand", operator: str = "olga", *, dry_run: bool = False
    ) -> OperatorOutcome:
        """What an operator does about a payout: `retry`, `give_back` or `abandon`; or `mark_paid`, with another one."""
        kind = kind_of(thing_id)
        assert kind is not None
        if act == "mark_paid":
            command, reference = f"{kind.command} {kind.mark_paid}", f"wire for {thing_id}"
            told = self.proposals.propose(command, thing_id, {}, reference, reason, operator, dry_run=dry_run)
            return told if dry_run else self.confirmed(told)
        done: OperatorOutcome = getattr(self.acts, act)(kind, thing_id, reason, operator, dry_run=dry_run)
        return done

    def by_two(
        self,
        command: str,
        thing_id: str,
        terms: Mapping[str, str],
        reference: str | None = None,
        *,
        reason: str = "by hand",
        operators: tuple[str, str] = ("olga", "oleg"),
    ) -> OperatorOutcome:
        """What takes two operators: the first proposes it, the second confirms it. What is done already stays so."""
        first, second = operators
        proposed = self.proposals.propose(command, thing_id, terms, reference, reason, first, dry_run=False)
        return self.confirmed(proposed, second)

    def confirmed(self, proposed: OperatorOutcome, operator: str = "otto") -> OperatorOutcome:
        """Another operator confirms it, if it is proposed; what one does alone is done already."""
        if proposed.after != Proposed.PROPOSED:
            return proposed
        return self.proposals.confirm(proposed.id, "seen it", operator, dry_run=False)

    def credit(self, username: str, reference: str, amount: str) -> OperatorOutcome:
        """Dollars came for somebody to the bank, under this reference of its."""
        return self.by_two("deposit credit", username, {"amount": str(Money(amount))}, reference)

    def set_tier(self, username: str, tier: Tier) -> OperatorOutcome:
        return self.by_two("users tier", username, {"tier": tier})

    def close_pools(self) -> int:
        return self.pooling.close_overdue_pools(lambda: True)

    def run(self, *, until: Callable[[], bool] = lambda: False, days: float = 2, sweep: bool = True) -> None:
        """Let time pass: machines move, the bank decides and its webhooks come, the sweeper comes every minute; until
        nothing is left that moves by itself, or `until` is true."""
        end, swept_at = self.clock.at + timedelta(days=days), self.clock.at
        while self.clock.at < end:
            self.world.machines.run()
            self.world.deliver(self.events)
            self.world.machines.run()
            soon, waits = self.world.next_at(), sweep and bool(self.waiting(until=end))
            if soon is not None and soon > end:
                soon = None
            if until() or (soon is None and not waits):
                return
            sweep_at = swept_at + timedelta(minutes=1)
            self.clock.at = max(self.clock.at, min(t for t in (soon, sweep_at if waits else None) if t is not None))
            if waits and self.clock.at >= sweep_at:
                swept_at = self.clock.at
                if self.would_sweep():
                    self.sweep()

    def sweep(self) -> None:
        self.sweeper.sweep(lambda: True)

    def would_sweep(self) -> bool:
        """Whether a round of the sweeper has anything to do: most find nothing, and take most of a test's time. What
        waits for a person, and what is due while its execution runs, a round only counts."""
        ended = {e.name: e.status for e in self.world.machines.executions if not e.running}
        running = {e.name for e in self.world.machines.executions if e.running}
        now = text(self.clock.at)
        for item in self.dynamo.items(having="open_work"):
            if item.get("why", {}).get("S") == NO_ATTEMPT:
                return True
            if "machine" not in item or "person" in item["open_work"]["S"]:
                continue
            name = work.execution_name(item["PK"]["S"], int(item["generation"]["N"]))
            dead = ended.get(name, "SUCCEEDED") != "SUCCEEDED"
            if name not in running and (dead or item["due_at"]["S"] <= now):
                return True
        return False

    def waiting(self, until: datetime | None = None) -> list[str]:
        """The ids of unfinished items that a machine moves, and should have `until` then."""
        last = text(until or datetime.max.replace(tzinfo=UTC))
        return [
            item["PK"]["S"]
            for item in self.dynamo.items(having="open_work")
            if "machine" in item and "person" not in item["open_work"]["S"] and item["due_at"]["S"] <= last
        ]

    def place(self, owner: Owner, side: str, quantity: str, asset_id: str = "BTC", **more: Any) -> Replayable[Order]:
        key = more.pop("key", None) or next(self.keys)
        if "order_price" in more:
            more["order_price"] = Price(more["order_price"])
        return self.orders.place(owner, key, Terms(asset_id, Side(side), quantity=Decimal(quantity), **more))

    def buy(self, owner: Owner, quantity: str, asset_id: str = "BTC", **more: Any) -> Order:
        return self.place(owner, "BUY", quantity, asset_id, **more).made

    def sell(self, owner: Owner, quantity: str, asset_id: str = "BTC", **more: Any) -> Order:
        return self.place(owner, "SELL", quantity, asset_id, **more).made

    def match(self, asset_id: str = "BTC") -> int:
        return self.book.match(self.catalogue, asset_id, lambda: True)

    def expire(self) -> int:
        return self.book.expire(lambda: True)

    def check_as_the_product_does(self) -> None:
        """The rounds of the clock that see to the books find nothing."""
        rounds = (self.reconciliation.round(lambda: True), self.cross_checking.round(lambda: True))
        found = [(w.id, w.waits_for) for w in self.operations.work(("books",), overdue_only=False, limit=10)]
        assert (rounds[0].drift, rounds[0].unreadable, rounds[1].faults) == (0, 0, 0), found

    def check(self) -> None:
        """Every invariant of the books holds."""
        items = list(self.dynamo.items())
        books.check(items)
        billing_books.check(items)
        miscounted = [*counters.miscounted(items), *recurring_books.violations(items)]
        assert not miscounted, "\n".join(miscounted)
        if self.outside is not None:
            found = self.outside.violations(items)
            assert not found, "\n".join(found)
