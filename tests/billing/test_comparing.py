"""The billing system's invoices and payments, held against what is booked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from common import keys
from common.domain.comparisons import BILLING, Comparison, NeverCompared, Verdict
from common.gateways.billing import BillingUnavailable, PaymentMessage
from common.table.transaction import Write
from functions.billing import store
from functions.billing.comparison_store import DAYS_MAX, PassItem
from functions.billing.model import Bill
from functions.billing.service.comparing import SETTLING, Comparing
from functions.billing.service.corrections import Change
from sandbox.billing import records
from tests.billing.dealership import CME_ID, Dealership

ALWAYS = lambda: True  # noqa: E731


@pytest.fixture
def comparing(dealership: Dealership) -> Comparing:
    return dealership.comparing


def lived(dealership: Dealership, cme_dealer_id: str = CME_ID) -> tuple[Bill, Bill]:
    """Two bills, of which one is paid, with more than it is of."""
    dealership.active(cme_dealer_id)
    paid, due = dealership.billed(100_00, cme_dealer_id), dealership.billed(200_00, cme_dealer_id)
    dealership.payments.take(dealership.message(150_00, bill=paid))
    return paid, due


def told(found: Comparison) -> dict[str, tuple[Verdict, str]]:
    return {line.asset_id.split()[0]: (line.verdict, line.why) for line in found.lines}


def compared(comparing: Comparing) -> Comparison:
    found, after = comparing.part("olga", None, ALWAYS)
    assert after is None
    return found


def test_what_is_the_same_on_both_sides_agrees(dealership: Dealership, comparing: Comparing) -> None:
    lived(dealership)
    found = compared(comparing)
    assert (found.verdict, found.assets, found.lines) == (Verdict.AGREES, 3, [])
    assert str(found) == "3 invoices and payments; all agree"


def without(dealership: Dealership, thing_id: str | None) -> None:
    """The billing system has it no more."""
    assert thing_id is not None
    del dealership.system._made[thing_id]


def changed(dealership: Dealership, thing: Any, kopecks: int) -> None:
    """It is of another sum there than it was."""
    first = next(iter(vars(thing).values()))
    dealership.system._made[first] = replace(thing, kopecks=kopecks)


def of(dealership: Dealership, kind: type[Any]) -> Any:
    return dealership.system.all(kind)[0]


def ahead(dealership: Dealership, message: PaymentMessage) -> None:
    payment = dealership.system.find(records.Payment, message.payment.payment_id)
    dealership.system._made[payment.payment_id] = replace(payment, at="2099-01-01T00:00:00Z")


def credited(dealership: Dealership, bill: Bill) -> str:
    dealership.corrections.change(bill.deal_id, "key", Change(cancelled=True))
    dealership.run()
    return str(of(dealership, records.CreditNote).credit_note_id)


BY_HAND = {"reason": "by hand", "currency": "RUB"}
PLANTED: dict[str, tuple[Callable[[Dealership, Bill], object], set[str], str]] = {
    "an invoice that is gone": (lambda d, due: without(d, due.invoice_id), {"invoice"}, "no more"),
    "an invoice of another sum": (
        lambda d, _: changed(d, of(d, records.Invoice), 100_01),
        {"invoice"},
        "the sums differ",
    ),
    "an invoice that is no bill's": (
        lambda d, _: d.system.create_invoice(
            "of-nobody",
            5_00,
            {
                "contract_id": str(d.account().contract_id),
                "currency": "RUB",
                "description": "x",
                "due_date": "2026-12-01",
            },
        ),
        {"invoice"},
        "no bill",
    ),
    "an invoice of a bill that has one": (
        lambda d, due: d.system._made.update(
            second=replace(of(d, records.Invoice), invoice_id="second", external_id=due.bill_id)
        ),
        {"invoice"},
        "its bill has the invoice",
    ),
    "a payment that was never told to us": (lambda d, _: d.message(7_00), {"payment"}, "never told"),
    "a payment of another sum": (
        lambda d, _: changed(d, of(d, records.Payment), 149_99),
        {"payment"},
        "the sums differ",
    ),
    "a payment that they have no more": (
        lambda d, _: without(d, of(d, records.Payment).payment_id),
        {"payments"},
        "not all that has come",
    ),
    "a payment of the year 2099, told to nobody": (
        lambda d, _: ahead(d, d.message(7_00)),
        {"payment"},
        "never told",
    ),
    "an invoice that somebody has taken back there": (
        lambda d, due: d.system.create_credit_note("by-hand", str(due.invoice_id), 50_00, BY_HAND),
        {"credit"},
        "taken back",
    ),
    "a credit note that they have no more": (lambda d, due: without(d, credited(d, due)), {"credit"}, "taken back"),
    "money that somebody has paid back there": (
        lambda d, _: d.system.create_refund("by-hand", str(d.account().contract_id), 10_00, BY_HAND),
        {"refunds"},
        "paid back",
    ),
    "a contract that they have no more": (
        lambda d, _: without(d, d.account().contract_id),
        {"contract"},
        "contract",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_difference_is_found(dealership: Dealership, comparing: Comparing, name: str) -> None:
    plant, things, why = PLANTED[name]
    _, due = lived(dealership)
    plant(dealership, due)
    dealership.clock.forward(minutes=30)
    found = compared(comparing)
    off = {what: words for what, (verdict, words) in told(found).items() if verdict is Verdict.OFF}
    assert off.keys() == things
    assert any(why in words for words in off.values())
    assert found.verdict is Verdict.OFF


def test_a_payment_on_its_way_is_unknown_until_it_has_had_its_time(
    dealership: Dealership, comparing: Comparing
) -> None:
    lived(dealership)
    message = dealership.message(7_00)
    assert told(compared(comparing)) == {"payment": (Verdict.UNKNOWN, "it may be on its way to us")}
    dealership.clock.at += SETTLING + timedelta(seconds=1)
    assert told(compared(comparing)) == {"payment": (Verdict.OFF, "it was never told to us")}
    dealership.payments.take(message)
    assert compared(comparing).verdict is Verdict.AGREES


def test_an_invoice_whose_answer_was_lost_is_unknown(dealership: Dealership, comparing: Comparing) -> None:
    dealership.active()
    bill = dealership.billed(invoice=False)
    dealership.trouble.drop_answer_next("invoice")
    with pytest.raises(BillingUnavailable):
        dealership.invoicing.create_invoice(bill.bill_id)
    assert told(compared(comparing)) == {"invoice": (Verdict.UNKNOWN, "its number is not here yet")}
    dealership.invoicing.create_invoice(bill.bill_id)
    assert compared(comparing).verdict is Verdict.AGREES


def test_what_two_looks_do_not_find_the_same_is_unknown(dealership: Dealership, comparing: Comparing) -> None:
    """A payment is taken between them."""
    lived(dealership)
    message = dealership.message(7_00)
    dealership.clock.forward(minutes=30)
    looks: list[Callable[[], object]] = [lambda: dealership.payments.take(message), lambda: None]

    class Moving:
        def __init__(self, billing: Any) -> None:
            self._billing = billing

        def invoices(self, *asked: Any) -> Any:
            if looks:
                looks.pop()()
            return self._billing.invoices(*asked)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._billing, name)

    dealership.asked_through = Moving
    assert compared(comparing).verdict is Verdict.AGREES


def test_an_account_without_a_contract_has_nothing_to_compare(dealership: Dealership, comparing: Comparing) -> None:
    dealership.registered()
    assert compared(comparing).assets == 0
    assert not dealership.trouble.calls


def test_accounts_are_compared_in_rounds_once_a_day(dealership: Dealership, comparing: Comparing) -> None:
    for n in range(3):
        lived(dealership, f"cme-{n}")
    _, due = lived(dealership, "cme-3")
    without(dealership, due.invoice_id)
    with pytest.raises(NeverCompared):
        comparing.latest()
    rounds = [comparing.round(lambda: False) for _ in range(6)]
    (found,) = [each for each in rounds if each is not None]
    assert (found.assets, [line.verdict for line in found.lines]) == (12, [Verdict.OFF])
    assert comparing.latest() == found
    assert comparing.round(ALWAYS) is None  # today's is over
    dealership.clock.forward(hours=24)
    again = comparing.round(ALWAYS)
    assert again is not None
    assert (again.at.date(), again.assets) == (dealership.clock().date(), 12)


def test_what_each_day_has_found_is_told_the_last_first(dealership: Dealership, comparing: Comparing) -> None:
    """For a month, and of days on which all was compared: on the second the billing system is down."""
    _, due = lived(dealership)
    assert comparing.days() == []
    first = dealership.clock().date()
    comparing.round(ALWAYS)
    for down in (True, False):
        dealership.clock.forward(hours=24)
        dealership.trouble.down = down
        if not down:
            without(dealership, due.invoice_id)
        comparing.round(ALWAYS)
    last, before = comparing.days()
    assert (before.day, before.verdict, before.says) == (first, Verdict.AGREES, "3 invoices and payments; all agree")
    assert (last.day - first, last.things, last.verdict) == (timedelta(days=2), 3, Verdict.OFF)
    assert f"invoice {due.invoice_id}" in last.says
    for _ in range(DAYS_MAX):
        dealership.clock.forward(hours=24)
        comparing.round(ALWAYS)
    days = comparing.days()
    assert (len(days), days[0].day, days[0].day - days[-1].day) == (31, dealership.clock().date(), timedelta(days=30))


def test_a_comparison_that_ends_after_midnight_is_of_the_day_before(
    dealership: Dealership, comparing: Comparing
) -> None:
    """And one that was kept by a version that knew no days has none."""
    for n in range(2):
        lived(dealership, f"cme-{n}")
    began = dealership.clock().date()
    comparing.round(lambda: False)
    item = dealership.table.get(PassItem, keys.COMPARISON_PASS(of=BILLING))
    assert item is not None
    del item.position["days"]
    dealership.table.write(Write.put(item))

    def until_midnight() -> bool:
        if dealership.clock().date() == began:
            dealership.clock.forward(hours=24)
        return True

    assert comparing.round(until_midnight) is not None
    assert [day.day for day in comparing.days()] == [began]
    comparing.round(ALWAYS)
    assert [day.day - began for day in comparing.days()] == [timedelta(days=1), timedelta(0)]


def test_a_round_goes_on_after_the_billing_system_was_down(dealership: Dealership, comparing: Comparing) -> None:
    for n in range(2):
        lived(dealership, f"cme-{n}")
    dealership.trouble.down = True
    assert comparing.round(ALWAYS) is None
    dealership.trouble.down = False
    found = comparing.round(ALWAYS)
    assert found is not None
    assert (found.assets, found.verdict) == (6, Verdict.AGREES)


class CutOff(BaseException):
    """The function has lived for as long as it may."""


class Endless:
    """A billing system that has so much of one contract that nobody can look through it; of whom it was asked."""

    def __init__(self, contract_id: str | None, then: Callable[[], object]) -> None:
        self.contract_id, self.then, self.asked = contract_id, then, set[str]()

    def __call__(self, billing: Any) -> Any:
        outer = self

        class Asked:
            def __getattr__(self, name: str) -> Any:
                return getattr(billing, name)

            def invoices(self, contract_id: str, after: str | None = None) -> Any:
                outer.asked.add(contract_id)
                if contract_id == outer.contract_id:
                    outer.then()
                return billing.invoices(contract_id, after)

        return Asked()


def cut_off() -> None:
    raise CutOff


def contracts_of(dealership: Dealership) -> set[str]:
    return {
        item["contract_id"]["S"] for item in dealership.dynamo.items() if item["entity_type"]["S"] == "billing_account"
    }


@pytest.mark.parametrize("which", [0, 2, 3])
def test_an_account_at_which_rounds_are_cut_off_is_passed_over_and_told(
    dealership: Dealership, comparing: Comparing, which: int
) -> None:
    for n in range(4):
        lived(dealership, f"cme-{n}")
    accounts = store.accounts_page(dealership.table, after=None).items
    dealership.asked_through = endless = Endless(accounts[which].contract_id, cut_off)
    found, rounds = None, 0
    while found is None and rounds < 10:
        rounds += 1
        with suppress(CutOff):
            found = comparing.round(ALWAYS)
    assert rounds == 3, "two are cut off, the third one passes over it"
    assert endless.asked == contracts_of(dealership)
    assert found is not None
    (line,) = found.lines
    assert (line.verdict, line.asset_id) == (Verdict.UNKNOWN, f"account {accounts[which].external_id}")
    dealership.asked_through = lambda billing: billing
    dealership.clock.forward(hours=24)
    again = comparing.round(ALWAYS)
    assert again is not None
    assert again.verdict is Verdict.AGREES, "the next day begins anew"


@pytest.mark.parametrize("which", [0, 2])
def test_an_account_that_has_more_than_a_round_has_time_for_is_told(
    dealership: Dealership, comparing: Comparing, which: int
) -> None:
    """It is begun again by the next round, which has all its time for it; no more is tried today."""
    for n in range(4):
        lived(dealership, f"cme-{n}")
    accounts = store.accounts_page(dealership.table, after=None).items
    late: list[bool] = []
    dealership.asked_through = Endless(accounts[which].contract_id, lambda: late.append(True))
    found = None
    for _ in range(3):
        late.clear()
        found = found or comparing.round(ALWAYS, lambda: not late)
    assert found is not None
    (line,) = found.lines
    assert (line.verdict, line.asset_id) == (Verdict.UNKNOWN, f"account {accounts[which].external_id}")
    assert found.assets == 3 * 3 + 1
    late.clear()
    part, after = comparing.part("olga", None, ALWAYS, lambda: not late)
    things = part.assets
    while after is not None:
        late.clear()
        part, after = comparing.part("olga", after, ALWAYS, lambda: not late)
        things += part.assets
    assert things == 3 * 3 + 1


def test_an_account_that_was_begun_late_has_the_whole_next_round(dealership: Dealership, comparing: Comparing) -> None:
    for n in range(4):
        lived(dealership, f"cme-{n}")
    accounts, late = store.accounts_page(dealership.table, after=None).items, list[bool]()

    def takes_long() -> None:
        if len(endless.asked) > 1:  # others were compared before it
            late.append(True)

    dealership.asked_through = endless = Endless(accounts[2].contract_id, takes_long)
    assert comparing.round(ALWAYS, lambda: not late) is None
    late.clear()
    endless.asked.clear()
    found = comparing.round(ALWAYS, lambda: not late)
    assert found is not None
    assert (found.assets, found.verdict) == (12, Verdict.AGREES)


def test_a_round_that_was_cut_off_by_something_else_passes_over_nothing(
    dealership: Dealership, comparing: Comparing
) -> None:
    for n in range(3):
        lived(dealership, f"cme-{n}")
    (first, *_) = store.accounts_page(dealership.table, after=None).items
    dealership.asked_through = Endless(first.contract_id, cut_off)
    with pytest.raises(CutOff):
        comparing.round(ALWAYS)
    dealership.asked_through = lambda billing: billing
    found = comparing.round(ALWAYS)
    assert found is not None
    assert (found.assets, found.verdict) == (9, Verdict.AGREES)


def test_an_operators_comparison_is_in_parts_and_in_the_audit(dealership: Dealership, comparing: Comparing) -> None:
    for n in range(3):
        lived(dealership, f"cme-{n}")
    things, after, parts = 0, None, 0
    while True:
        found, after = comparing.part("olga", after, lambda: False)
        things, parts = things + found.assets, parts + 1
        if after is None:
            break
    assert things == 9
    assert parts >= 3
    (entry,) = [item for item in dealership.dynamo.items() if item["entity_type"]["S"] == "audit_entry"]
    assert entry["operator"]["S"] == "olga"


def test_sums_are_told_in_roubles(dealership: Dealership, comparing: Comparing) -> None:
    _, due = lived(dealership)
    without(dealership, due.invoice_id)
    (line,) = compared(comparing).lines
    assert (line.there, line.booked_together) == (Decimal(0), Decimal(200))
    assert isinstance(compared(comparing).at, datetime)


@pytest.mark.parametrize(
    ("name", "kopecks", "verdict"),
    [
        ("balance_kopecks", 1, Verdict.OFF),
        ("received_kopecks", -1, Verdict.OFF),
        ("released_kopecks", 1, Verdict.OFF),
        ("balance_kopecks", -1, Verdict.UNKNOWN),  # it might be a payment that is not spread yet
    ],
)
def test_an_account_that_is_not_what_its_journal_adds_up_to_is_found(name: str, kopecks: int, verdict: Verdict) -> None:
    dealership = Dealership()
    lived(dealership)
    dealership.pay(1_000_00)
    assert not [what for what in told(dealership.comparing.part("olga", None, lambda: True)[0]) if "books" in what]
    (account,) = [i for i in dealership.dynamo.items() if i["SK"]["S"] == "ACCOUNT#COMMISSION"]
    moved = {name: {"N": str(int(account[name]["N"]) + kopecks)}}
    dealership.dynamo.put_item(TableName="desk", Item=account | moved)
    found = told(dealership.comparing.part("olga", None, lambda: True)[0])
    assert [verdict for what, (verdict, _) in found.items() if "books" in what] == [verdict]
