"""A desk whose every way out may fail: the table, the machines, the exchange and the bank, all through one `Faults`.

Each task of a machine, each webhook and each round of the sweeper is a process of its own, as in Lambda: one that
crashed does not keep the next from running. An outage ends after an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Self

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from common.domain.payouts.events import BankEvents
from common.errors import Unavailable
from common.gateways.bank import BankEvent, BankUnavailable
from common.gateways.exchange import ExchangeUnavailable
from common.table.transaction import Patience
from tests.desk import TABLE, Desk
from tests.harness.faults import Crash, Faults
from tests.harness.memory import InMemoryDynamoDB

ENDPOINT = "https://states.us-east-1.amazonaws.com/"
OUTAGE = timedelta(minutes=20)
MACHINES_READ = ("describe_execution", "list_executions")


class Faulty:
    """Some methods of `of`, each a boundary; everything else is its own. `reads` are those that change nothing."""

    def __init__(
        self,
        faults: Faults,
        name: str,
        of: Any,
        methods: tuple[str, ...],
        unreachable: Callable[[], BaseException],
        unanswered: Callable[[], BaseException],
        reads: Collection[str] = (),
    ) -> None:
        self._of = of
        self._bounded = {
            method: faults.boundary(
                f"{name}.{method}",
                getattr(of, method),
                unreachable=unreachable,
                unanswered=unanswered,
                reads=method in reads,
            )
            for method in methods
        }

    def __getattr__(self, name: str) -> Any:
        bounded = self._bounded.get(name)
        return bounded if bounded is not None else getattr(self._of, name)


class FaultyDesk(Desk):
    """`Desk`, with every way out through `faults`, and the processes of a cloud around it."""

    def __init__(self, faults: Faults, dynamo: InMemoryDynamoDB | None = None) -> None:
        self.faults = faults
        self.outage_at: datetime | None = None
        dynamo = dynamo or InMemoryDynamoDB(TABLE)
        super().__init__(dynamo, client=faults.client(dynamo))
        self.patience = Patience(
            budget_seconds=0.2, monotonic=self.clock.monotonic, sleep=self.clock.sleep, jitter=lambda: 0.5
        )
        world = self.world
        world.client = Faulty(
            faults,
            "states",
            world.machines,
            ("start_execution", "describe_execution", "send_task_success", "send_task_failure", "list_executions"),
            lambda: EndpointConnectionError(endpoint_url=ENDPOINT),
            lambda: ReadTimeoutError(endpoint_url=ENDPOINT),
            reads=MACHINES_READ,
        )
        lost = lambda: ExchangeUnavailable("no answer")  # noqa: E731
        asked = ("ticker", "rules", "place", "order", "find", "cancel")
        exchange = Faulty(faults, "exchange", world.fake, asked, lost, lost, reads=("ticker", "rules", "order", "find"))
        silent = lambda: BankUnavailable("no answer")  # noqa: E731
        bank = Faulty(
            faults,
            "bank",
            world.simulated,
            ("credit", "find", "adjustments"),
            silent,
            silent,
            reads=("find", "adjustments"),
        )
        world.exchange, world.bank = exchange, bank
        world.process = self.process
        world.deliver_event = self._deliver

    @classmethod
    def after(cls, beginning: Desk, faults: Faults) -> Self:
        """A desk of its own that goes on from there. To prepare one over and over takes a quarter of a life's time."""
        desk = cls(faults, beginning.dynamo.copy())
        desk.clock.at = beginning.clock.at
        return desk

    def process(self) -> None:
        """Another process begins: a crash was the last one's, an outage ends in its time."""
        self.faults.begin()
        if self.faults.outage is None:
            self.outage_at = None
        elif self.outage_at is None:
            self.outage_at = self.clock.at
        elif self.clock.at - self.outage_at > OUTAGE:
            self.faults.outage = self.outage_at = None

    def _deliver(self, events: BankEvents, event: BankEvent) -> None:
        """The bank sends an event until it is taken, as its retries do."""
        for _ in range(20):
            self.process()
            with suppress(Unavailable, Crash):
                events.receive(event)
                return
            self.clock.forward(minutes=5)

    def sweep(self) -> None:
        self.process()
        with suppress(Unavailable, Crash):
            super().sweep()
