"""A dealer's life with the billing system: every call of registering, onboarding, billing and changing requisites × all
that can go wrong at it. In the end he is active, billed, his payer has his latest requisites, and the billing system
has nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from common import keys
from common.domain import work
from common.errors import Unavailable
from common.gateways.billing import BillingUnavailable
from functions.billing.model import AccountStatus, BillStatus, DealerStatus
from functions.billing.service.dealers import DealerExists
from sandbox.billing import records
from tests.billing.dealership import CME_ID, PRICE, Dealership
from tests.common.test_requisites import COMPANY
from tests.depth import points
from tests.faulty import Faulty, FaultyDesk
from tests.harness.crash_matrix import FAULTS, Scene, crash_matrix
from tests.harness.faults import AnswerLost, Crash, Faults

MOVED = replace(COMPANY, bank_name="Банк «Другой»")
KMS = "https://kms.test/"
ASKED = ("create_client", "create_payer", "update_payer", "create_contract", "create_invoice")
MADE = (records.Client, records.Person, records.Contract, records.Invoice)
DEAL = "deal"
T = TypeVar("T")


def faulty(faults: Faults) -> tuple[FaultyDesk, Dealership]:
    """Every way out may fail, to the billing system and to KMS, too."""
    desk = FaultyDesk(faults)
    dealership = desk.dealership
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
class Story:
    """What CME asks for it asks again until it is answered."""

    desk: FaultyDesk
    dealership: Dealership
    asked: list[str] = field(default_factory=list)

    def act(self) -> str:
        self._once("register", self._register)
        self._once("deal", lambda: self._insist(lambda: self.desk.bills.close_deal(DEAL, CME_ID, PRICE)))
        self._live(lambda: self.is_active and self.bill_status == BillStatus.PENDING)
        self._once("change", lambda: self._insist(lambda: self.desk.dealers.update_requisites(CME_ID, MOVED)))
        self._live(lambda: self.requisites_version == 2 and not self._waits())
        return "over" if not self._waits() else "waits"

    def check(self) -> None:
        self.dealership.check()
        for kind in MADE:
            assert len(self.dealership.system.all(kind)) <= 1, f"{kind.__name__} is there twice"

    def settled(self) -> None:
        assert [len(self.dealership.system.all(kind)) for kind in MADE] == [1, 1, 1, 1]
        (payer,) = self.dealership.system.all(records.Person)
        assert payer.details["bank_name"] == MOVED.bank_name
        assert (self.is_active, self.bill_status, self.requisites_version) == (True, BillStatus.PENDING, 2)
        assert not self._waits()
        assert not self.desk.world.bugs

    def recover(self) -> None:
        self._pass_minutes(5)

    @property
    def is_active(self) -> bool:
        return self._read("dealer", "status") == DealerStatus.ACTIVE and (
            self._read("billing_account", "status") == AccountStatus.READY
        )

    @property
    def bill_status(self) -> str | None:
        return self._read("bill", "status")

    @property
    def requisites_version(self) -> int:
        return int(self._read("billing_account", "requisites_version") or 0)

    def _read(self, kind: str, name: str) -> str | None:
        """Of the only item of its kind, in the table itself."""
        for item in self.desk.dynamo.items():
            if item["entity_type"]["S"] == kind:
                (value,) = item[name].values()
                return str(value)
        return None

    def _waits(self) -> bool:
        return any("open_work" in item for item in self.desk.dynamo.items())

    def _register(self) -> None:
        with suppress(DealerExists):  # it was we, whose answer was lost
            self._insist(self.dealership.registered)

    def _once(self, name: str, ask: Callable[[], object]) -> None:
        if name not in self.asked:
            ask()
            self.asked.append(name)

    def _insist(self, ask: Callable[[], T]) -> T:
        for _ in range(60):
            try:
                return ask()
            except Unavailable:
                self._pass_minutes(1)
        raise AssertionError("never answered")

    def _live(self, until: Callable[[], bool]) -> None:
        for _ in range(180):
            if until():
                return
            self._pass_minutes(1)

    def _pass_minutes(self, minutes: int) -> None:
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


def scene(faults: Faults) -> Scene:
    story = Story(*faulty(faults))
    return Scene(story.act, story.check, story.recover, story.settled)


def test_a_fault_at_any_call_makes_nothing_twice_and_all_is_done_in_the_end() -> None:
    report = crash_matrix(scene, faults=FAULTS, points=points("a dealer is registered, billed and pays", everyday=8))
    assert report.runs > len(report.calls) > 20
    for asked in ("billing.create_client", "billing.update_payer", "kms.decrypt"):
        assert any(asked in str(call) for call in report.calls)
    assert not report.violations, report


def test_something_that_is_made_twice_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix can fail: a client under another id each time it is asked for."""
    from functions.billing import model

    numbers = iter(range(1_000_000))
    monkeypatch.setattr(model.Account, "external_id", property(lambda _: f"client-{next(numbers)}"))
    report = crash_matrix(scene, faults=(AnswerLost(),), points=points("made twice", everyday=2))
    assert any("is there twice" in violation.problem for violation in report.violations), report


def test_a_dealer_waits_visibly_for_a_billing_system_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, dealership = faulty(Faults())
    story = Story(desk, dealership)
    dealership.trouble.down = True
    dealer_id = dealership.registered().dealer_id
    story.recover()
    waiting = work.find(dealership.table, keys.DEALER(dealer_id=dealer_id))
    assert waiting is not None
    assert waiting.waits_for == "his account at the billing system"
    dealership.trouble.down = False
    assert story.act() == "over"
    story.settled()
