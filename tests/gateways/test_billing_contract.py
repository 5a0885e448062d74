"""What the port `Billing` promises, asked of the fake in process and of the adapter over its wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from common.gateways.billing import (
    PAGE_MAX,
    Billing,
    BillingRefused,
    BillingUnavailable,
    BillingUnknown,
    Contract,
    CreditNote,
    Invoice,
    Refund,
    RefundState,
    Service,
    Standing,
)
from common.gateways.billing.rest import RestBilling
from common.requisites import Requisites
from common.roubles import KOPECKS_MAX
from sandbox.billing import records
from sandbox.billing.face import API_KEY, BillingFace
from sandbox.billing.fake import FakeBilling, Trouble
from sandbox.billing.faults import Fault, Faults, Operation
from sandbox.billing.system import BillingSystem
from sandbox.serving import serve
from tests.common.test_requisites import COMPANY, ENTREPRENEUR

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
TODAY, LATER = date(2026, 11, 29), date(2026, 12, 29)


class World:
    billing: Billing
    fail_before: Callable[[Operation], None]  # nothing is done
    lose_answer: Callable[[Operation], None]  # it is done, and nobody told
    limit_rate: Callable[[Operation], None]
    take_down: Callable[[bool], None]

    def __init__(self) -> None:
        self.system = BillingSystem(lambda: NOON)

    def payer(self, requisites: Requisites = COMPANY, name: str = "dealer-1") -> tuple[str, str]:
        """client_id, payer_id"""
        client_id = self.billing.create_client(name, "Автосалон")
        return client_id, self.billing.create_payer(name, client_id, requisites)

    def contract(self, name: str = "dealer-1", service: Service = Service.COMMISSION) -> Contract:
        client_id, payer_id = self.payer(name=name)
        return self.billing.create_contract(name, client_id, payer_id, service, TODAY)

    def bill(self, kopecks: int = 100_000, name: str = "bill-1", contract: Contract | None = None) -> Invoice:
        contract_id = (contract or self.contract()).contract_id
        return self.billing.create_invoice(name, contract_id, kopecks, "Вознаграждение по сделке 1", LATER)

    def first(self, kind: type[records.Thing]) -> str:
        """Its id."""
        return str(next(iter(vars(self.system.all(kind)[0]).values())))

    def pay(self, kopecks: int, contract_id: str | None = None, invoice_id: str | None = None) -> records.Payment:
        return self.system.pay(kopecks, contract_id, invoice_id, "Оплата по счёту")


class _Fake(World):
    def __init__(self) -> None:
        super().__init__()
        trouble = Trouble()
        self.billing = FakeBilling(self.system, trouble)
        self.fail_before = trouble.fail_before_next
        self.lose_answer = trouble.drop_answer_next
        self.limit_rate = lambda on: trouble.fail_before_next(on, what="rate_limit", retry_after_seconds=10)
        self.take_down = lambda down: setattr(trouble, "down", down)


class _Wired(World):
    def __init__(self) -> None:
        super().__init__()
        faults = self.faults = Faults()
        self.fail_before = lambda on: faults.fail_next(Fault.SERVER_ERROR, on)
        self.lose_answer = lambda on: faults.fail_next(Fault.DROP_AFTER, on)
        self.limit_rate = lambda on: faults.fail_next(Fault.RATE_LIMIT, on)
        self.take_down = lambda down: setattr(faults, "down", down)


@pytest.fixture(params=["fake", "rest"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield _Fake()
        return
    wired = _Wired()
    with serve(BillingFace(wired.system, wired.faults).decide, name="sandbox-billing") as running:
        wired.billing = RestBilling(running.url, API_KEY)
        yield wired


# From a client to an invoice


@pytest.mark.parametrize("requisites", [COMPANY, ENTREPRENEUR], ids=lambda each: each.kind)
def test_a_payer_has_the_requisites_that_were_written(world: World, requisites: Requisites) -> None:
    client_id, payer_id = world.payer(requisites)
    person = world.system.find(records.Person, payer_id)
    assert person.client_id == client_id
    assert (person.details["inn"], person.details["kpp"]) == (requisites.inn, requisites.kpp)
    assert person.details["corr_account"] == requisites.correspondent_account
    assert world.system.find(records.Client, client_id).name == "Автосалон"


@pytest.mark.parametrize("service", Service)
def test_a_contract_is_for_a_service_and_has_a_number(world: World, service: Service) -> None:
    contract = world.contract(service=service)
    kept = world.system.find(records.Contract, contract.contract_id)
    assert (kept.service, kept.number, kept.start_date) == (service, contract.number, "2026-11-29")
    assert kept.payment_type == ("prepay" if service is Service.DEPOSIT else "postpay")


def test_an_invoice_has_what_was_asked_for_and_a_link(world: World) -> None:
    contract = world.contract()
    invoice = world.bill(123_456, contract=contract)
    assert invoice.external_id == "bill-1"
    assert invoice.contract_id == contract.contract_id
    assert (invoice.amount_kopecks, invoice.paid_kopecks, invoice.credited_kopecks) == (123_456, 0, 0)
    assert invoice.pdf_url.startswith("http")
    assert invoice.pdf_url.endswith(".pdf")
    assert world.billing.invoice(invoice.invoice_id) == invoice
    kept = world.system.find(records.Invoice, invoice.invoice_id)
    assert (kept.description, kept.due_date) == ("Вознаграждение по сделке 1", "2026-12-29")


@pytest.mark.parametrize("kopecks", [1, 99, 100, 101, 10**9 + 7, KOPECKS_MAX])
def test_every_sum_arrives_to_the_kopeck(world: World, kopecks: int) -> None:
    assert world.bill(kopecks).amount_kopecks == kopecks
    assert [invoice.kopecks for invoice in world.system.all(records.Invoice)] == [kopecks]


def test_requisites_are_updated_as_often_as_it_takes(world: World) -> None:
    _, payer_id = world.payer()
    moved = replace(COMPANY, post_address="Казань, а/я 7")
    for _ in range(2):
        world.billing.update_payer(payer_id, moved)
    assert world.system.find(records.Person, payer_id).details["post_address"] == "Казань, а/я 7"


# Once

MAKING: dict[Operation, Callable[[World], object]] = {
    Operation.CLIENT: lambda world: world.billing.create_client("again", "Автосалон"),
    Operation.PERSON: lambda world: world.billing.create_payer("again", world.first(records.Client), COMPANY),
    Operation.CONTRACT: lambda world: world.billing.create_contract(
        "again", world.first(records.Client), world.first(records.Person), Service.DEPOSIT, TODAY
    ),
    Operation.INVOICE: lambda world: world.billing.create_invoice(
        "again", world.first(records.Contract), 100, "ещё раз", LATER
    ),
    Operation.CREDIT: lambda world: world.billing.create_credit_note(
        "again", world.first(records.Invoice), 100, "дешевле"
    ),
    Operation.REFUND: lambda world: world.billing.refund("again", world.first(records.Contract), 100, "уходит"),
}
LOOKING: dict[str, Callable[[World, Invoice], object]] = {
    "invoice": lambda world, invoice: world.billing.invoice(invoice.invoice_id),
    "invoices": lambda world, invoice: world.billing.invoices(invoice.contract_id),
    "payments": lambda world, invoice: world.billing.payments(invoice.contract_id),
    "standing": lambda world, invoice: world.billing.standing(invoice.contract_id),
}
each_made = pytest.mark.parametrize("operation", MAKING)
each_look = pytest.mark.parametrize("look", LOOKING)


def furnished(world: World) -> Invoice:
    """With money on the contract."""
    invoice = world.bill()
    world.pay(5_000, invoice.contract_id)
    return invoice


def made(world: World) -> int:
    kinds: tuple[type[records.Thing], ...] = (
        records.Client,
        records.Person,
        records.Contract,
        records.Invoice,
        records.CreditNote,
        records.Refund,
    )
    return sum(len(world.system.all(kind)) for kind in kinds)


@each_made
def test_what_is_asked_again_is_made_once(world: World, operation: Operation) -> None:
    furnished(world)
    before = made(world)
    first = MAKING[operation](world)
    assert made(world) == before + 1
    assert MAKING[operation](world) == first
    assert made(world) == before + 1


@each_made
def test_what_is_made_and_not_told_is_found_by_asking_again(world: World, operation: Operation) -> None:
    furnished(world)
    before = made(world)
    world.lose_answer(operation)
    with pytest.raises(BillingUnavailable):
        MAKING[operation](world)
    assert made(world) == before + 1
    assert MAKING[operation](world)
    assert made(world) == before + 1


@each_made
def test_of_a_call_that_fails_nothing_is_made_until_it_is_asked_again(world: World, operation: Operation) -> None:
    furnished(world)
    before = made(world)
    for order in (world.fail_before, world.limit_rate):
        order(operation)
        with pytest.raises(BillingUnavailable):
            MAKING[operation](world)
        assert made(world) == before
    MAKING[operation](world)
    assert made(world) == before + 1


OTHER_TERMS: dict[str, Callable[[World, Invoice], object]] = {
    "client": lambda world, _: world.billing.create_client("dealer-1", "Другой"),
    "payer": lambda world, _: world.billing.create_payer(
        "dealer-1", world.first(records.Client), replace(COMPANY, name="Другой")
    ),
    "amount": lambda world, invoice: world.billing.create_invoice(
        "bill-1", invoice.contract_id, 1, "Вознаграждение по сделке 1", LATER
    ),
    "day": lambda world, invoice: world.billing.create_invoice(
        "bill-1", invoice.contract_id, 100_000, "Вознаграждение по сделке 1", TODAY
    ),
}


@pytest.mark.parametrize("what", OTHER_TERMS)
def test_other_terms_under_the_same_id_are_for_a_person_to_look_at(world: World, what: str) -> None:
    invoice = furnished(world)
    before = made(world)
    with pytest.raises(BillingUnavailable) as conflict:
        OTHER_TERMS[what](world, invoice)
    assert conflict.value.facts["what"] == "conflict"
    assert made(world) == before


# Taking back


def test_credit_notes_take_back_at_most_what_was_billed(world: World) -> None:
    invoice = world.bill(1_000)
    note = world.billing.create_credit_note("credit-1", invoice.invoice_id, 600, "цена изменилась")
    assert note == CreditNote(note.credit_note_id, "credit-1", invoice.invoice_id, 600)
    assert world.billing.invoice(invoice.invoice_id).credited_kopecks == 600
    with pytest.raises(BillingRefused) as refused:
        world.billing.create_credit_note("credit-2", invoice.invoice_id, 401, "слишком")
    assert "4.00" in str(refused.value.facts["billing_said"])
    world.billing.create_credit_note("credit-3", invoice.invoice_id, 400, "победил другой")
    assert world.billing.invoice(invoice.invoice_id).credited_kopecks == 1_000


def test_an_invoice_that_was_paid_can_be_taken_back(world: World) -> None:
    invoice = world.bill(1_000)
    world.pay(1_000, invoice_id=invoice.invoice_id)
    world.billing.create_credit_note("credit-1", invoice.invoice_id, 1_000, "победил другой")
    found = world.billing.invoice(invoice.invoice_id)
    assert (found.paid_kopecks, found.credited_kopecks) == (1_000, 1_000)


def test_a_refund_is_of_what_has_come_and_tells_what_became_of_it(world: World) -> None:
    contract = world.contract(service=Service.DEPOSIT)
    world.pay(5_000, contract.contract_id)
    with pytest.raises(BillingRefused):
        world.billing.refund("refund-1", contract.contract_id, 5_001, "слишком")
    refund = world.billing.refund("refund-2", contract.contract_id, 5_000, "уходит")
    assert refund == Refund(refund.refund_id, "refund-2", contract.contract_id, 5_000, RefundState.PENDING)
    assert world.billing.standing(contract.contract_id) == Standing(5_000, 5_000)
    with pytest.raises(BillingRefused):
        world.billing.refund("refund-3", contract.contract_id, 1, "ещё")
    world.system.settle_refund(refund.refund_id, "DONE")
    assert world.billing.refund("refund-2", contract.contract_id, 5_000, "уходит").state is RefundState.DONE


def test_a_refund_that_was_refused_is_the_contracts_money_again(world: World) -> None:
    contract = world.contract(service=Service.DEPOSIT)
    world.pay(5_000, contract.contract_id)
    refund = world.billing.refund("refund-1", contract.contract_id, 5_000, "уходит")
    world.system.settle_refund(refund.refund_id, "REFUSED")
    assert world.billing.refund("refund-1", contract.contract_id, 5_000, "уходит").state is RefundState.REFUSED
    assert world.billing.standing(contract.contract_id) == Standing(5_000, 0)
    assert world.billing.refund("refund-2", contract.contract_id, 5_000, "уходит").state is RefundState.PENDING


# Looking


def test_payments_are_told_with_what_the_payer_named(world: World) -> None:
    invoice = world.bill(1_000)
    named = world.pay(600, invoice_id=invoice.invoice_id)
    unnamed = world.pay(500, invoice.contract_id)
    page = world.billing.payments(invoice.contract_id)
    assert [(p.payment_id, p.invoice_id, p.amount_kopecks) for p in page.entries] == [
        (named.payment_id, invoice.invoice_id, 600),
        (unnamed.payment_id, None, 500),
    ]
    assert {p.at for p in page.entries} == {NOON}
    assert page.after is None
    assert world.billing.standing(invoice.contract_id) == Standing(1_100, 0)
    assert world.billing.invoice(invoice.invoice_id).paid_kopecks == 600


def test_every_invoice_and_payment_of_a_contract_is_reached_once(world: World) -> None:
    contract, other = world.contract(), world.contract("dealer-2")
    count = PAGE_MAX + 2
    for n in range(count):
        invoice = world.bill(100, f"bill-{n}", contract)
        world.pay(100, invoice_id=invoice.invoice_id)
    world.bill(100, "bill-other", other)
    invoices = world.billing.invoices(contract.contract_id)
    assert len(invoices.entries) == PAGE_MAX
    rest = world.billing.invoices(contract.contract_id, invoices.after)
    assert [i.external_id for i in [*invoices.entries, *rest.entries]] == [f"bill-{n}" for n in range(count)]
    assert rest.after is None
    payments = world.billing.payments(contract.contract_id)
    more = world.billing.payments(contract.contract_id, payments.after)
    assert len({p.payment_id for p in [*payments.entries, *more.entries]}) == count
    assert more.after is None


def test_what_was_never_made_is_unknown(world: World) -> None:
    invoice = furnished(world)
    for strange in ("invoice-1", invoice.contract_id):
        with pytest.raises(BillingUnknown):
            world.billing.invoice(strange)
    for look in (world.billing.invoices, world.billing.payments, world.billing.standing):
        with pytest.raises(BillingUnknown):
            look("contract-1")
    with pytest.raises(BillingUnknown):
        world.billing.invoices(invoice.contract_id, "invoice-1")


def test_what_we_name_and_it_has_not_is_for_a_person_to_look_at(world: World) -> None:
    for ask in (
        lambda: world.billing.create_payer("x", "client-1", COMPANY),
        lambda: world.billing.create_invoice("x", "contract-1", 100, "за что-то", LATER),
        lambda: world.billing.create_credit_note("x", "invoice-1", 100, "за что-то"),
        lambda: world.billing.update_payer("person-1", COMPANY),
    ):
        with pytest.raises(BillingUnavailable) as missing:
            ask()
        assert missing.value.facts["what"] == "missing"
    assert made(world) == 0


# The definite no


@pytest.mark.parametrize("kopecks", [0, -1, KOPECKS_MAX + 1])
def test_a_sum_that_is_none_is_refused(world: World, kopecks: int) -> None:
    invoice = furnished(world)
    before = made(world)
    for ask in (
        lambda: world.bill(kopecks, "bill-2"),
        lambda: world.billing.create_credit_note("credit-1", invoice.invoice_id, kopecks, "дешевле"),
        lambda: world.billing.refund("refund-1", invoice.contract_id, kopecks, "уходит"),
    ):
        with pytest.raises(BillingRefused):
            ask()
    assert made(world) == before


def test_requisites_that_are_wrong_are_refused(world: World) -> None:
    client_id, payer_id = world.payer()
    wrong = replace(COMPANY, inn="7707083894")
    for ask in (
        lambda: world.billing.create_payer("x", client_id, wrong),
        lambda: world.billing.update_payer(payer_id, wrong),
        lambda: world.billing.update_payer(payer_id, ENTREPRENEUR),  # the kind does not change
    ):
        with pytest.raises(BillingRefused) as refused:
            ask()
        assert COMPANY.account not in str(refused.value)
    assert world.system.find(records.Person, payer_id).details["inn"] == COMPANY.inn


def test_a_payer_of_another_client_gets_no_contract(world: World) -> None:
    client_id, _ = world.payer()
    _, payer_id = world.payer(name="dealer-2")
    with pytest.raises(BillingRefused):
        world.billing.create_contract("x", client_id, payer_id, Service.DEPOSIT, TODAY)


# When it fails


@each_look
def test_a_look_that_fails_says_neither_yes_nor_no(world: World, look: str) -> None:
    invoice = furnished(world)
    for order in (world.fail_before, world.limit_rate, world.lose_answer):
        order(Operation.FIND)
        with pytest.raises(BillingUnavailable):
            LOOKING[look](world, invoice)
    assert LOOKING[look](world, invoice)


def test_nothing_is_answered_while_it_is_down(world: World) -> None:
    invoice = furnished(world)
    before = made(world)
    world.take_down(True)
    asks: list[Callable[[], object]] = [
        lambda: world.billing.create_client("again", "Автосалон"),
        lambda: world.billing.update_payer("person-1", COMPANY),
        lambda: world.bill(name="again"),
        *(lambda look=look: LOOKING[look](world, invoice) for look in LOOKING),
    ]
    for ask in asks:
        with pytest.raises(BillingUnavailable) as silent:
            ask()
        assert silent.value.facts["what"] == "connection"
    world.take_down(False)
    assert made(world) == before


def test_who_asks_too_often_is_told_how_long_to_wait(world: World) -> None:
    world.limit_rate(Operation.CLIENT)
    with pytest.raises(BillingUnavailable) as limited:
        world.billing.create_client("dealer-1", "Автосалон")
    assert (limited.value.facts["what"], limited.value.facts["retry_after_seconds"]) == ("rate_limit", 10)
