"""Market making of one test: the sandbox's custody and exchange in this process, virtual time, the services."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from common import keys
from common.custody import User
from common.domain import work
from common.domain.custody.service import OutgoingTransfers
from common.domain.pairs import store as pair_store
from common.domain.pairs.model import Pair
from common.domain.work import WaitingItem
from common.errors import Refusal
from common.gateways.custody import CustodyUnavailable, Sender
from common.gateways.custody import Sending as SendingOut
from common.gateways.exchange.funds import ExchangeFunds, NoTradingKey
from common.gateways.exchange.maker import Balance, Books, Maker, MakerOrder
from common.gateways.exchange.maker import Market as MakerMarket
from common.machines import Machines
from common.money import Quantity
from common.table.table import Table
from common.table.transaction import Patience
from functions.market_making import account_store, day_store, memo, store, tasks
from functions.market_making.memo import Memo
from functions.market_making.model import Order, TradingAccount, order_id
from functions.market_making.service import sending
from functions.market_making.service.balancing import Balancing
from functions.market_making.service.campaigning import Campaigning
from functions.market_making.service.closing import Closing
from functions.market_making.service.comparing import Comparing
from functions.market_making.service.halting import Halting
from functions.market_making.service.moving import Moving
from functions.market_making.service.opening import Opening
from functions.market_making.service.overseeing import Overseeing
from functions.market_making.service.paying import Paying
from functions.market_making.service.previewing import Previewing
from functions.market_making.service.quoting import Quoting
from functions.market_making.service.receiving import Receiving
from functions.market_making.service.refunding import Refunding
from functions.market_making.service.returning import Returning
from functions.market_making.service.routes import Routes
from functions.market_making.service.sending import Sending
from functions.market_making.service.shard import Kept
from functions.market_making.service.steering import Steering
from functions.market_making.service.ticking import Ticking
from sandbox.exchange.fake_funds import FakeFunds
from sandbox.exchange.fake_maker import FakeMaker
from sandbox.exchange.simulated import SimulatedExchange
from sandbox.mixin.assets import amount_of, units_of
from sandbox.mixin.chain import Chain, WalletSide
from sandbox.mixin.fake import FakeCustody
from sandbox.mixin.records import Snapshot
from sandbox.mixin.safe import Safe
from tests.desk import TABLE, Clock
from tests.harness import asl
from tests.harness.invocation import Invocation
from tests.harness.memory import InMemoryDynamoDB
from tests.harness.stepfunctions import PREFIX, InMemoryStepFunctions

GOLDEN = Path(__file__).parent.parent / "golden"
US = "67a87828-18f5-46a1-b6cc-c72a97a77c43"
ANN = "11111111-1111-4111-8111-111111111111"
BOB = "22222222-2222-4222-8222-222222222222"
BTC = "c6d0c728-2624-429b-8e0d-d9d19b6592fa"
ETH = "43d61dcd-e413-450d-80b8-101d5e903357"
USDT = "4d8c508b-91c5-375b-92b0-ee702ed2dac5"
PAIR = UUID("0776b00f-95c0-46f9-85e4-7b8e7ca51e94")
ORDER = UUID("b0177350-ae29-43ec-a26e-d46f821e416e")
ACCOUNT = "mm1"
TASKS = "market-making"
SERVICES = ("moving", "paying", "quoting", "refunding", "returning")


@cache
def _definition() -> asl.Definition:
    return asl.read(json.loads((GOLDEN / f"{TASKS}.asl.json").read_text()))


@dataclass
class Market:
    """`client` is what the services write through: the table itself, or something around it that fails. `states` are
    the machines as they ask them; `shared` are those that others use as well."""

    dynamo: InMemoryDynamoDB = field(default_factory=lambda: InMemoryDynamoDB(TABLE))
    clock: Clock = field(default_factory=Clock)
    client: Any = None
    states: Any = None
    shared: InMemoryStepFunctions | None = None

    def __post_init__(self) -> None:
        self.safe = Safe(self.clock)
        self.custody = FakeCustody(self.safe, US)
        self.sender: Sender = self.custody
        self.safe.join(ANN, BOB)
        self.exchange = SimulatedExchange(self.clock)
        self.exchange.furnish()
        self.exchange.venue.open_account(ACCOUNT, {}, magic=False)
        self.maker: Maker = FakeMaker(self.exchange.venue, ACCOUNT, name="binance")
        self.reader: Maker | None = None  # who tells balances, if another
        self.books: Books | None = None
        self.kept = Kept()
        self.keyless = False
        self.funds = FakeFunds(self.exchange.venue, self.exchange.wallet, ACCOUNT)
        self.withdrawing: ExchangeFunds = self.funds
        self.withdrawing_reader: Maker | None = None  # who tells what is still open, if another
        self.chain = Chain(self.safe, WalletSide(self.exchange.wallet))
        self.machine = self.shared or InMemoryStepFunctions(self.clock)
        self.machine.deploy(f"cryptodesk-{TASKS}", _definition(), self._tasks())
        self.known: dict[str, None] = {}
        self.bugs: list[str] = []

    def _tasks(self) -> dict[str, Callable[[Any, Any], Any]]:
        return {s.task: self._bound(s.task) for s in _definition().states.values() if isinstance(s, asl.Task)}

    def _bound(self, name: str) -> Callable[[Any, Any], Any]:
        """A task of the product, asking this test's services."""
        services = {s: lambda s=s: getattr(self, s) for s in SERVICES}
        named = vars(tasks)

        def asked(event: Any, _: Any) -> Any:
            products = {service: named[service] for service in services}
            named.update(services)
            try:
                return getattr(tasks, name)(event, Invocation())
            except Refusal:
                raise
            except Exception as bug:
                self.bugs.append(f"{name} {event}: {bug!r}")
                raise
            finally:
                named.update(products)

        return asked

    @property
    def table(self) -> Table:
        patience = Patience(monotonic=self.clock.monotonic, sleep=self.clock.sleep, jitter=lambda: 0.5)
        client: Any = self.client or self.dynamo
        return Table(client, TABLE.name, patience)

    @property
    def machines(self) -> Machines:
        client: Any = self.states or self.machine
        return Machines(client, f"{PREFIX}stateMachine:cryptodesk-")

    def funds_of(self, account_id: str) -> ExchangeFunds:
        if self.keyless:
            raise NoTradingKey(f"there is no key of trading account {account_id}", account_id=account_id)
        return self.funds

    def maker_of(self, account_id: str) -> Maker:
        self.funds_of(account_id)
        return self.maker

    def balances_of(self, account_id: str) -> Callable[[], Mapping[str, Balance]]:
        self.funds_of(account_id)
        return (self.reader or self.maker).balances

    def open_orders_of(self, account_id: str, market: MakerMarket) -> Sequence[MakerOrder]:
        self.funds_of(account_id)
        return (self.reader or self.maker).open_orders(market)

    def books_of(self, account_id: str) -> Books:
        self.funds_of(account_id)
        return self.books or self.maker

    def withdrawing_of(self, account_id: str) -> ExchangeFunds:
        self.funds_of(account_id)
        return self.withdrawing

    def still_open(self, account_id: str, market: MakerMarket) -> Sequence[MakerOrder]:
        self.funds_of(account_id)
        return (self.withdrawing_reader or self.maker).open_orders(market)

    @property
    def routes(self) -> Routes:
        return Routes(lambda: self.custody, self.funds_of)

    @property
    def paying(self) -> Paying:
        return Paying(self.table, self.routes, self.machines, self.clock)

    @property
    def opening(self) -> Opening:
        return Opening(self.table, self.paying, self.clock)

    @property
    def receiving(self) -> Receiving:
        return Receiving(self.table, lambda: self.custody, self.paying, self.clock, self.known)

    @property
    def moving(self) -> Moving:
        return Moving(self.table, self.routes, self.funds_of, self.clock)

    @property
    def refunding(self) -> Refunding:
        return Refunding(self.table, self.clock)

    @property
    def quoting(self) -> Quoting:
        return Quoting(self.table, self.machines, Closing(self.table, self.maker_of, self.clock), self.clock)

    @property
    def steering(self) -> Steering:
        return Steering(self.table, self.books_of, self.clock)

    @property
    def previewing(self) -> Previewing:
        return Previewing(self.table, self.books_of, self.clock)

    @property
    def ticking(self) -> Ticking:
        return Ticking(self.table, self.maker_of, self.clock, self.kept)

    @property
    def overseeing(self) -> Overseeing:
        return Overseeing(self.table, self.quoting, self.clock)

    @property
    def campaigning(self) -> Campaigning:
        """What operators ask of it. `tests/market_making/campaigns.py` has campaigns to join."""

        def nobody(*_: str) -> Any:
            raise AssertionError("nobody is to be asked here")

        days = partial(day_store.days, self.table)
        return Campaigning(self.table, nobody, nobody, nobody, days, self.clock)

    @property
    def returning(self) -> Returning:
        return Returning(
            self.table, lambda: self.custody, self.funds_of, self.withdrawing_of, self.still_open, self.clock
        )

    @property
    def transfers(self) -> OutgoingTransfers:
        conditions = partial(sending.conditions, self.table)
        return OutgoingTransfers(self.table, lambda: self.custody, lambda: self.sender, self.clock, conditions)

    @property
    def sending(self) -> Sending:
        return Sending(self.table, self.transfers, self.clock)

    @property
    def balancing(self) -> Balancing:
        return Balancing(self.table, self.balances_of, self.poll, self.clock, self.open_orders_of)

    @property
    def halting(self) -> Halting:
        return Halting(self.table, self.balancing, self.clock)

    @property
    def comparing(self) -> Comparing:
        return self.comparing_with(self.poll)

    def comparing_with(self, pause: Callable[[], None]) -> Comparing:
        return Comparing(self.table, lambda: self.custody, pause, self.clock)

    # What is there to begin with

    def list_pair(self, *, capacity: int = 3, **changed: Any) -> Pair:
        told: dict[str, Any] = {
            "pair_id": PAIR,
            "symbol": "BTC-USDT",
            "exchange": "binance",
            "base_asset_id": BTC,
            "quote_asset_id": USDT,
            "base_min": Decimal("0.01"),
            "quote_min": Decimal(100),
            "fee_bps": Decimal(10),
            "enabled": True,
        }
        pair = Pair(**{**told, **changed})
        pairs = {other.pair.pair_id: other for other in pair_store.saved_pairs(self.table)}
        accounts = {other.account_id: other for other in account_store.accounts(self.table)}
        account = accounts.get(ACCOUNT) or TradingAccount(ACCOUNT, pair.exchange, capacity, 0, enabled=True)
        account = replace(account, capacity=capacity)
        self.table.write(
            pair_store.save_pair(pair, pairs.get(pair.pair_id), self.clock()),
            account_store.save_account(account, accounts.get(account.account_id), self.clock()),
        )
        return pair

    # What happens

    def pay(self, sender: str, asset_id: str, amount: str, memo: bytes = b"") -> Snapshot:
        return self.safe.pay(sender, US, asset_id, units_of(Decimal(amount)), memo)

    def fund(self, sender: str, asset_id: str, amount: str, order: UUID = ORDER, pair: UUID = PAIR) -> Snapshot:
        """A transfer that says which order it pays for."""
        return self.pay(sender, asset_id, amount, memo.encode(Memo(pair, order)).encode())

    def fund_all(self, sender: str = ANN, order: UUID = ORDER) -> None:
        """All four transfers: principals, and what both withdrawals cost."""
        self.fund(sender, BTC, "0.1", order)
        self.fund(sender, USDT, "5000", order)
        fees = self.routes.fees(ACCOUNT, pair_store.pair(self.table, PAIR))
        for fee in (fees.base, fees.quote):
            self.fund(sender, fee.asset_id, str(fee.amount), order)

    def order(self, uuid: UUID = ORDER) -> Order:
        return store.existing(self.table, order_id(uuid))

    def has_order(self, uuid: UUID = ORDER) -> bool:
        return store.find(self.table, order_id(uuid)) is not None

    def steal(self, asset_id: str) -> None:
        """Somebody who has our key sends all of an asset to himself."""
        outputs = tuple(self.custody.outputs(asset_id))
        whole = Quantity(sum(output.quantity.amount for output in outputs), asset_id)
        stolen = SendingOut(str(uuid5(UUID(int=666), str(self.clock.at))), whole, User(BOB), outputs)
        self.custody.send(self.custody.draft(stolen))
        self.clock.forward(minutes=1)

    def has(self, user_id: str) -> dict[str, Decimal]:
        """What a user has been sent, by asset."""
        return {asset_id: amount_of(units) for asset_id, units in self.safe.balances(user_id).items() if units}

    def poll(self) -> None:
        self.receiving.poll(lambda: True)

    def send(self) -> None:
        self.sending.round(lambda: True)

    def due(self) -> list[WaitingItem]:
        """The outgoing transfers that wait for no person, whenever they are due."""
        return list(work.due(self.table, keys.OUTGOING.backlog, self.clock() + timedelta(days=1)))

    def ids_of_due(self) -> list[str]:
        return [item.PK for item in self.due()]

    def pass_time(self, **of: float) -> None:
        self.clock.forward(**of)

    def run(self, minutes: float, until: Callable[[], bool] = lambda: False) -> None:
        """Time passes: a poll every five seconds, a sending every minute, chains and machines all the while."""
        end, sent_at = self.clock.at + timedelta(minutes=minutes), self.clock.at - timedelta(minutes=1)
        while self.clock.at < end and not until():
            with suppress(CustodyUnavailable):
                self.poll()
            if self.clock.at >= sent_at + timedelta(minutes=1):
                sent_at = self.clock.at
                self.send()
            self.safe.settle()
            self.chain.step()
            self.machine.run()
            self.clock.forward(seconds=5)
