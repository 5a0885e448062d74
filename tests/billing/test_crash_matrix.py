"""A dealer's life with the billing system: every call of registering, onboarding, billing and changing requisites × all
that can go wrong at it. In the end he is active, billed, his payer has his latest requisites, and the billing system
has nothing twice."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from common import keys
from common.domain import work
from functions.billing.model import AccountStatus, BillStatus, DealerStatus
from functions.billing.service.dealers import DealerExists
from sandbox.billing import records
from tests.billing.dealership import CME_ID, PRICE
from tests.billing.faulty import DEALT, Life, faulty
from tests.common.test_requisites import COMPANY
from tests.depth import deep, points
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import AnswerLost, Faults

MOVED = replace(COMPANY, bank_name="Банк «Другой»")
MADE = (records.Client, records.Person, records.Contract, records.Invoice)
DEAL = "deal"


@dataclass
class Story(Life):
    def act(self) -> str:
        self.once("register", self._register)
        self.once("deal", lambda: self.desk.bills.close_deal(DEAL, CME_ID, PRICE))
        self.live(lambda: self.is_active and self.bill_status == BillStatus.PENDING)
        self.once("change", lambda: self.desk.dealers.update_requisites(CME_ID, MOVED))
        self.live(lambda: self.requisites_version == 2 and not self.waits())
        return "over" if not self.waits() else "waits"

    def check(self) -> None:
        self.dealership.check()
        for kind in MADE:
            assert len(self.dealership.system.all(kind)) <= 1, f"{kind.__name__} is there twice"

    def settled(self) -> None:
        assert [len(self.dealership.system.all(kind)) for kind in MADE] == [1, 1, 1, 1]
        (payer,) = self.dealership.system.all(records.Person)
        assert payer.details["bank_name"] == MOVED.bank_name
        assert (self.is_active, self.bill_status, self.requisites_version) == (True, BillStatus.PENDING, 2)
        assert not self.waits()
        assert not self.desk.world.bugs

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

    def _register(self) -> None:
        with suppress(DealerExists):  # it was we, whose answer was lost
            self.dealership.registered()


def scene(faults: Faults) -> Scene:
    story = Story(*faulty(faults))
    return Scene(story.act, story.check, story.recover, story.settled)


def test_a_fault_at_any_call_makes_nothing_twice_and_all_is_done_in_the_end() -> None:
    report = crash_matrix(scene, faults=DEALT, points=points("onboarding"))
    assert report.runs > deep(len(report.calls) // 2, full=len(report.calls)) > 10
    for asked in ("billing.create_client", "billing.update_payer", "kms.decrypt"):
        assert any(asked in str(call) for call in report.calls)
    assert not report.violations, report


def test_something_that_is_made_twice_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix can fail: a client under another id each time it is asked for."""
    from functions.billing import model

    numbers = iter(range(1_000_000))
    monkeypatch.setattr(model.Account, "external_id", property(lambda _: f"client-{next(numbers)}"))
    report = crash_matrix(scene, faults=(AnswerLost(),), violations_max=1)
    assert any("is there twice" in violation.problem for violation in report.violations), report


def test_a_dealer_waits_visibly_for_a_billing_system_that_is_down() -> None:
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
