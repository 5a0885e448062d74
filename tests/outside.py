"""The outside world of one test: the sandbox's exchange and bank in this process, state machines in virtual time."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from common.domain.payouts.events import BankEvents
from common.errors import Refusal
from common.gateways.bank import Bank, BankEvent, State
from common.gateways.exchange import Exchange
from sandbox.bank.bank import Outcome, SimulatedBank
from sandbox.exchange.desk import NETWORKS
from sandbox.exchange.fake import FakeExchange
from sandbox.exchange.fake_funds import FakeFunds
from sandbox.exchange.orders import Order, Symbol
from sandbox.exchange.venue import Venue
from sandbox.exchange.wallet import Wallet
from tests.harness import asl
from tests.harness.invocation import Invocation
from tests.harness.stepfunctions import PREFIX, InMemoryStepFunctions

GOLDEN = Path(__file__).parent / "golden"
ARN_PREFIX = f"{PREFIX}stateMachine:cryptodesk-"
ACCOUNT = "desk"
SETTLE_SECONDS = 2  # of the bank


@cache
def _definition(machine: str) -> asl.Definition:
    """As synthesised; a test compares the file with the stack."""
    return asl.read(json.loads((GOLDEN / f"{machine}.asl.json").read_text()))


class Outside:
    """`exchange`, `bank` and `client` are what the services use: the sandbox's own, or something around them that
    fails. At $100 somebody buys all BTC that is offered, and sells all SOL that is wanted; a magic quantity chooses
    another fate."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.venue = Venue(now, magic=True)
        self.venue.list_symbol(
            Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(1), 1)
        )
        self.venue.list_symbol(
            Symbol("SOLUSDT", "SOL", "USDT", Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(5), 2)
        )
        rich = {"BTC": Decimal(10_000), "SOL": Decimal(1_000_000), "USDT": Decimal(10_000_000)}
        self.venue.open_account(ACCOUNT, rich)
        self.venue.open_account("others", rich)
        self.bid("100", "1000")
        self.ask("100", "100000")
        self.fake = FakeExchange(self.venue, ACCOUNT)
        self.wallet = Wallet(self.venue, NETWORKS, now)
        self.funds = FakeFunds(self.venue, self.wallet, ACCOUNT)
        self.simulated = SimulatedBank(now, seed=7, settle_seconds=SETTLE_SECONDS)
        self.machines = InMemoryStepFunctions(now)
        self.exchange: Exchange = self.fake
        self.bank: Bank = self.simulated
        self.client: Any = self.machines
        self.process: Callable[[], None] = lambda: None  # called before each task: it is a process of its own
        self.remaining_time: Callable[[], int] = lambda: 60_000  # of a task, in milliseconds
        self.bugs: list[str] = []  # what tasks have failed with that is no refusal
        self.passes: Callable[[], None] = lambda: None  # called before the bank decides: what it does besides
        self.deliver_event: Callable[[BankEvents, BankEvent], object] = lambda events, event: events.receive(event)

    def bid(self, price: str, quantity: str, symbol: str = "BTCUSDT") -> None:
        """Somebody buys at this price."""
        from sandbox.exchange.orders import Kind

        self.venue.place("others", symbol, "BUY", Kind.LIMIT, price=Decimal(price), quantity=Decimal(quantity))

    def ask(self, price: str, quantity: str, symbol: str = "SOLUSDT") -> None:
        """Somebody sells at this price."""
        from sandbox.exchange.orders import Kind

        self.venue.place("others", symbol, "SELL", Kind.LIMIT, price=Decimal(price), quantity=Decimal(quantity))

    def nobody_buys(self) -> None:
        self.venue.cancel_all("others", "BTCUSDT")

    def nobody_sells(self) -> None:
        self.venue.cancel_all("others", "SOLUSDT")

    def deploy(
        self, machine: str, tasks: ModuleType, name: str, service: Callable[[], object], **others: Callable[[], object]
    ) -> None:
        """A machine whose tasks, those of the module, ask for their service by `name`, or by the names of others."""
        definition = _definition(machine)
        states = definition.states.values()
        bound = {
            s.task: self._bound(tasks, s.task, {name: service, **others}) for s in states if isinstance(s, asl.Task)
        }
        self.machines.deploy(f"cryptodesk-{machine}", definition, bound)

    def _bound(
        self, tasks: ModuleType, of: str, services: Mapping[str, Callable[[], object]]
    ) -> Callable[[Any, Any], Any]:
        """A task of the product, asking this test's desk."""
        task, exchanged = getattr(tasks, of), dict[str, Any](services)

        def asked(event: Any, _: Any) -> Any:
            self.process()
            try:
                with patch.multiple(tasks, **exchanged):
                    return task(event, Invocation(left=self.remaining_time))
            except Refusal:
                raise
            except Exception as bug:
                self.bugs.append(f"{of} {event}: {bug!r}")
                raise

        return asked

    def deliver(self, events: BankEvents) -> None:
        """The bank decides what is due, and its webhooks come."""
        self.passes()
        self.simulated.settle()
        for event in self.simulated.take_events():
            self.deliver_event(events, event)

    def next_at(self) -> datetime | None:
        """When something happens here by itself."""
        records = self.simulated.records()
        moments = [r.due_at for r in records if r.state is State.PENDING and r.outcome is not Outcome.PENDING]
        machine = self.machines.next_at()
        return min([*moments, *([machine] if machine else [])], default=None)

    def violations(self, items: Collection[Mapping[str, Mapping[str, Any]]]) -> list[str]:
        """What the exchange and the bank have done is what the desk has booked, and for each order at most once."""
        found: list[str] = []
        booked: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for item in items:
            kind = item["entity_type"]["S"]
            if kind in ("sell_order", "withdrawal"):
                order_id = item["PK"]["S"]
                paid = [c for c in self.simulated.credits(f"{order_id}-") if c.state is State.COMPLETED]
                if len(paid) > 1:
                    found.append(f"the bank has paid {order_id} {len(paid)} times")
                if any(credit.amount.usd != Decimal(item["total_amount"]["N"]) for credit in paid):
                    found.append(f"the bank has paid {paid} for {order_id}")
                settled = ("FILLED", "COMPLETED", "TARGET_TXN_PENDING", "PENDING")
                if paid and item["status"]["S"] not in settled:
                    found.append(f"the bank has paid {order_id}, which is {item['status']['S']}")
            if kind == "sell_order" and "executed_quantity" in item:
                by_desk = Decimal(item.get("desk_quantity", {"N": "0"})["N"])
                booked["SELL", item["asset_id"]["S"]] += Decimal(item["executed_quantity"]["N"]) - by_desk
            if kind == "batch" and "executed_quantity" in item:
                side = "SELL" if "side" in item else "BUY"
                booked[side, item["asset_id"]["S"]] += Decimal(item["executed_quantity"]["N"])
        executed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        orders = self.venue.history(ACCOUNT)
        found += self._booked_otherwise(items, {order.client_order_id: order for order in orders})
        for order in orders:
            if order.status.over:
                executed[order.side, order.symbol.removesuffix("USDT")] += order.executed
        for (side, asset_id), quantity in booked.items():
            if quantity > executed[side, asset_id]:
                done = executed[side, asset_id]
                found.append(f"{side} {asset_id}: the exchange has executed {done}, the desk has booked {quantity}")
        return found

    def _booked_otherwise(
        self, items: Iterable[Mapping[str, Mapping[str, Any]]], there: Mapping[str, Order]
    ) -> Iterable[str]:
        """Every order at the exchange has executed what is booked of it, for as much."""
        for item in items:
            if item["entity_type"]["S"] != "exchange_order" or item["status"]["S"] != "FINAL":
                continue
            booked = Decimal(item["executed_quantity"]["N"]), Decimal(item["gross_amount"]["N"])
            order = there.get(item["client_order_id"]["S"])
            done = None if order is None else (order.executed, order.gross)
            if booked != done:
                yield f"{item['PK']['S']}: the exchange has executed {done}, the desk has booked {booked}"
