"""Dealer billing whose every way out may fail: the table, the machines, the billing system and KMS. What a dealer's
partner asks for he asks again until it is answered; the machines and the sweeper go on in their time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from common import keys
from common.domain import work
from common.errors import Unavailable
from common.gateways.billing import BillingUnavailable
from tests.billing.dealership import Dealership
from tests.depth import FULL
from tests.desk import Desk
from tests.faulty import Faulty, FaultyDesk
from tests.harness.crash_matrix import FAULTS
from tests.harness.faults import AnswerLost, Crash, CrashAfter, CrashBefore, FailBefore, Fault, Faults

KMS = "https://kms.test/"
ASKED = (
    "create_client",
    "create_payer",
    "update_payer",
    "create_contract",
    "create_invoice",
    "create_credit_note",
    "refund",
)
# What is dealt every day: the others are these at other words of the table (docs/decisions/0021).
DAILY: tuple[Fault, ...] = (FailBefore(), AnswerLost(), CrashBefore(), CrashAfter())
DEALT = FAULTS if FULL else DAILY
MINUTES_MAX = 180  # until all is done
T = TypeVar("T")


def faulty(faults: Faults, beginning: Desk | None = None) -> tuple[FaultyDesk, Dealership]:
    """As a desk is in the beginning, or as that one is."""
    desk = FaultyDesk(faults) if beginning is None else FaultyDesk.after(beginning, faults)
    dealership = desk.dealership
    if beginning is not None:
        dealership.system, dealership.kms = beginning.dealership.system.copy(desk.clock), beginning.dealership.kms
    lost = lambda: BillingUnavailable("no answer", what="timeout")  # noqa: E731
    dealership.asked_through = lambda billing: Faulty(faults, "billing", billing, ASKED, lost, lost)
    dealership.kms_client = Faulty(
        faults,
        "kms",
        dealership.kms,
        ("generate_data_key", "decrypt"),
        lambda: EndpointConnectionError(endpoint_url=KMS),
        lambda: ReadTimeoutError(endpoint_url=KMS),
        reads=("generate_data_key", "decrypt"),
    )
    return desk, dealership


@dataclass
class Life:
    """asked: what was answered already."""

    desk: FaultyDesk
    dealership: Dealership
    asked: list[str] = field(default_factory=list)

    def recover(self) -> None:
        self.pass_minutes(5)

    def once(self, name: str, ask: Callable[[], object]) -> None:
        if name not in self.asked:
            self.insist(ask)
            self.asked.append(name)

    def insist(self, ask: Callable[[], T]) -> T:
        for _ in range(60):
            try:
                return ask()
            except Unavailable:
                self.pass_minutes(1)
        raise AssertionError("never answered")

    def live(self, until: Callable[[], bool]) -> None:
        for _ in range(MINUTES_MAX):
            if until():
                return
            self.pass_minutes(1)

    def waits(self) -> bool:
        """What a machine moves."""
        return any("open_work" in item and "machine" in item for item in self.desk.dynamo.items())

    def pass_minutes(self, minutes: int) -> None:
        """The machines go on, the sweeper goes round."""
        for _ in range(minutes):
            self.desk.process()
            before = self.desk.clock.at
            self.dealership.run(seconds=60)
            self.desk.clock.at = max(self.desk.clock.at, before + timedelta(minutes=1))
            self._sweep()

    def _sweep(self) -> None:
        """As the sweeper, of these backlogs alone: what is due."""
        self.desk.process()
        table, machines, now = self.dealership.table, self.dealership.machines, self.desk.clock()
        with suppress(Unavailable, Crash):
            for backlog in (keys.DEALER.backlog, keys.BILL.backlog):
                for waiting in list(work.due(table, backlog, now)):
                    item = work.find(table, waiting.key)
                    if item is not None:
                        work.drive(table, machines, item, now)
