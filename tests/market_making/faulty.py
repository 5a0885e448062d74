"""Market making whose every way out may fail: the table, the machines, the custody and the exchange, through one
`Faults`; and the clocks of a cloud, which go on whatever has died.

Each task, poll, round of sending and round of the sweeper is a process of its own, as in Lambda: one that crashed does
not keep the next from running. An outage ends after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from common import keys
from common.clock import instant
from common.domain import work
from common.domain.custody import model as custody_model
from common.errors import Refusal, Unavailable
from common.gateways.custody import CustodyUnavailable
from common.gateways.exchange import ExchangeUnavailable
from common.log import metrics
from common.money import plain
from common.table.table import Table
from common.table.transaction import Patience
from functions.market_making.model import Status, order_id
from sandbox.exchange.wallet.withdrawals import WithdrawalStatus
from sandbox.mixin.assets import amount_of
from tests.desk import TABLE
from tests.faulty import ENDPOINT, MACHINES_READ, OUTAGE, Faulty
from tests.harness.faults import Crash, Faults
from tests.market_making import outside
from tests.market_making.market import ANN, BTC, ETH, ORDER, TASKS, US, USDT, Market

POLLED, SENT, SWEPT = timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=1)
POLLED_AGAIN = timedelta(minutes=1)  # what could not be taken: to try each five seconds would take a life's time
DIED_WITHIN = timedelta(minutes=10)  # as the sweeper's
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ASKED = ("snapshots", "snapshot", "outputs", "asset", "withdrawal_fee", "deposit_address", "transaction")
FUNDS = ("networks", "deposit_address", "deposits", "withdraw", "withdrawal")
MACHINES = ("start_execution", "describe_execution", "send_task_success", "send_task_failure", "list_executions")


class FaultyMarket(Market):
    """`Market`, with every way out through `faults`, and what the clock does in a cloud."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.outage_at: datetime | None = None
        super().__init__()
        self.client = faults.client(self.dynamo)
        silent = lambda: CustodyUnavailable("no answer", what="timeout")  # noqa: E731
        lost = lambda: ExchangeUnavailable("no answer", what="timeout")  # noqa: E731
        self.fake_custody, self.fake_funds = self.custody, self.funds
        custody: Any = Faulty(faults, "custody", self.fake_custody, ASKED, silent, silent, reads=ASKED)
        sender: Any = Faulty(faults, "sender", self.fake_custody, ("draft", "send"), silent, silent)
        funds: Any = Faulty(faults, "funds", self.fake_funds, FUNDS, lost, lost, reads=set(FUNDS) - {"withdraw"})
        self.custody, self.sender, self.funds, self.withdrawing = custody, sender, funds, funds
        asked = ("open_orders",)
        reader: Any = Faulty(faults, "maker", self.maker, asked, lost, lost, reads=asked)
        self.withdrawing_reader = reader
        self.states = Faulty(
            faults,
            "states",
            self.machine,
            MACHINES,
            lambda: EndpointConnectionError(endpoint_url=ENDPOINT),
            lambda: ReadTimeoutError(endpoint_url=ENDPOINT),
            reads=MACHINES_READ,
        )
        self.polls_at = self.sent_at = self.swept_at = self.clock.at
        self.taken: set[str] = set()
        self.watch: Callable[[], None] = lambda: None  # called whenever something has happened

    def _bound(self, name: str) -> Callable[[Any, Any], Any]:
        task = super()._bound(name)

        def asked(event: Any, context: Any) -> Any:
            self.process()
            return task(event, context)

        return asked

    @property
    def table(self) -> Table:
        patience = Patience(
            budget_seconds=0.2, monotonic=self.clock.monotonic, sleep=self.clock.sleep, jitter=lambda: 0.5
        )
        client: Any = self.client
        return Table(client, TABLE.name, patience)

    @property
    def quiet(self) -> Table:
        """The table itself, for whoever only looks."""
        client: Any = self.dynamo
        return Table(client, TABLE.name)

    def process(self) -> None:
        """Another process begins: a crash was the last one's, an outage ends in its time."""
        if self.faults.crashed:
            self.known.clear()
        self.faults.begin()
        if self.faults.outage is None:
            self.outage_at = None
        elif self.outage_at is None:
            self.outage_at = self.clock.at
        elif self.clock.at - self.outage_at > OUTAGE:
            self.faults.outage = self.outage_at = None

    def check(self) -> None:
        outside.check(self)

    def parts(self) -> list[tuple[str, str]]:
        """The transfers that pay for an order: assets and amounts."""
        fees = [(paid_with, self.safe.costs(asset_id)[paid_with]) for asset_id, paid_with in ((BTC, BTC), (USDT, ETH))]
        return [(BTC, "0.1"), (USDT, "5000"), *((asset_id, plain(amount_of(units))) for asset_id, units in fees)]

    def fund_all(self, sender: str = ANN, order: UUID = ORDER) -> None:
        """Paid from outside: nothing of it can fail."""
        for asset_id, amount in self.parts():
            self.fund(sender, asset_id, amount, order)

    def status(self, order_id: str = order_id(ORDER)) -> Status | None:
        """None before the order's first transfer is taken."""
        key = keys.MARKET_MAKING_ORDER(order_id=order_id)
        found = self.dynamo.get_item(TableName=TABLE.name, Key={"PK": {"S": key.pk}, "SK": {"S": key.sk}})
        return Status(found["Item"]["status"]["S"]) if "Item" in found else None

    def waits_for_person(self, order_id: str) -> bool:
        item = work.find(self.quiet, keys.MARKET_MAKING_ORDER(order_id=order_id))
        return item is not None and item.needs_person

    def let_go_on(self, order_id: str) -> str | None:
        """An operator says that the order's machine may go on. Answers what the order waited for; None when it did not
        wait for a person."""
        key = keys.MARKET_MAKING_ORDER(order_id=order_id)
        item = work.find(self.quiet, key)
        if item is None or not item.needs_person:
            return None
        self.quiet.write(work.redriven(item, self.clock()))
        work.drive_now(self.quiet, self.machines, key, self.clock())
        return item.waits_for

    # What the clock does

    def poll(self) -> None:
        self.once(super().poll)

    def send(self) -> None:
        self.once(super().send)

    def sweep(self) -> None:
        """As the sweeper: what is due, and what has died lately."""
        self.once(self._sweep)

    def once(self, act: Callable[[], object]) -> None:
        """A process of its own, which may fail or die."""
        self.process()
        with suppress(Unavailable, Crash):
            act()
        metrics.clear_metrics()  # no invocation ends here that would print them

    def _sweep(self) -> None:
        table, machines, now = self.table, self.machines, self.clock()
        due = [waiting.key for waiting in work.due(table, keys.MARKET_MAKING_ORDER.backlog, now)]
        died = (keys.item_named(name.partition("-")[0]) for name in machines.died(TASKS, now - DIED_WITHIN))
        for key in dict.fromkeys([*due, *died]):
            item = None if key is None else work.find(table, key)
            if item is not None:
                with suppress(Refusal):
                    work.drive(table, machines, item, now)

    def go_on(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, until: Callable[[], bool] = lambda: False
    ) -> None:
        """Everything goes on by itself: from one moment at which something happens to the next."""
        end = self.clock.at + timedelta(seconds=seconds, minutes=minutes, hours=hours)
        while True:
            self._happen()
            if until():
                return
            soon = min(self._moments(), default=end)
            if soon >= end:
                break
            self.clock.at = max(self.clock.at, soon)
        self.clock.at = max(self.clock.at, end)
        self.process()

    def _happen(self) -> None:
        at = self.clock.at
        self.safe.settle()
        self.chain.step()
        if at >= self.polls_at and self.untaken(at):
            self.poll()
            self.polls_at = at + (POLLED_AGAIN if self.untaken(at) else POLLED)
        if at >= self.sent_at + SENT and any(due_at <= at for due_at in self._outgoing_due()):
            self.sent_at = at
            self.send()
        if at >= self.swept_at + SWEPT and any(due_at <= at for due_at in self._sweeps_due()):
            self.swept_at = at
            self.sweep()
        self.machine.run()
        self.safe.settle()
        self.chain.step()
        self.watch()

    def _moments(self) -> Iterator[datetime]:
        """When something happens by itself."""
        soon = self.machine.next_at()
        if soon is not None:
            yield soon
        for request in self.safe.requests():
            if request.due_ns is not None:
                yield _instant(request.due_ns)
        for withdrawal in self.exchange.wallet.withdrawals.all():
            if withdrawal.status is WithdrawalStatus.AWAITING_APPROVAL:
                yield withdrawal.due_at
        yield from (max(self.polls_at, told_at) for told_at in self.untaken())
        yield from (max(self.sent_at + SENT, due_at) for due_at in self._outgoing_due())
        yield from (max(self.swept_at + SWEPT, due_at) for due_at in self._sweeps_due())

    def untaken(self, by: datetime | None = None) -> list[datetime]:
        """From when on what was not taken is told; without what is told later than `by`."""
        found = []
        for snapshot in self.safe.timeline.all():
            if snapshot.user_id != US or snapshot.units <= 0 or snapshot.snapshot_id in self.taken:
                continue
            told_at = _instant(snapshot.visible_ns)
            if self._is_taken(snapshot.snapshot_id):
                self.taken.add(snapshot.snapshot_id)
            elif by is None or told_at <= by:
                found.append(told_at)
        return found

    def _is_taken(self, snapshot_id: str) -> bool:
        key = keys.SNAPSHOT(snapshot_id=custody_model.incoming_id(snapshot_id))
        return "Item" in self.dynamo.get_item(TableName=TABLE.name, Key={"PK": {"S": key.pk}, "SK": {"S": key.sk}})

    def _outgoing_due(self) -> list[datetime]:
        return [instant(item["due_at"]["S"]) for item in self.waiting("outgoing")]

    def _sweeps_due(self) -> list[datetime]:
        """Of orders whose machine has died, or that are due and whose machine does not run."""
        ended = {e.name: e.status for e in self.machine.executions if not e.running}
        running = {e.name for e in self.machine.executions if e.running}
        found = []
        for item in self.waiting("market_making_order"):
            name = work.execution_name(item["PK"]["S"], int(item["generation"]["N"]))
            if name not in running:
                dead = ended.get(name, "SUCCEEDED") != "SUCCEEDED"
                found.append(LONG_AGO if dead else instant(item["due_at"]["S"]))
        return found

    def waiting(self, kind: str) -> Iterator[dict[str, Any]]:
        """What waits for no person."""
        for item in self.dynamo.items(having="open_work"):
            if item["entity_type"]["S"] == kind and "person-" not in item["open_work"]["S"]:
                yield item


def _instant(ns: int) -> datetime:
    """To the microsecond, rounded up."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=-(-ns // 1000))
