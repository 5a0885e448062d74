"""Dealer billing of one test: the real services on the in-memory table, and a billing system in this process."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from common.data_keys import DataKeys
from common.domain import dealer_refunds
from common.domain.segments import store as segment_store
from common.domain.segments.model import Segment
from common.gateways.billing import (
    Billing,
    BillingUnavailable,
    Contract,
    CreditNote,
    Invoice,
    PaymentMessage,
    Refund,
    Requisites,
    Service,
    said_no,
)
from common.gateways.billing.messages import read
from common.gateways.gate import Ban, gated
from common.machines import Machines
from common.table.table import Table
from common.table.transaction import Patience
from functions.billing import model, payment_store, store, tasks
from functions.billing.model import AccountType, Bill, Dealer, Offer, PaymentStatus, Stage
from functions.billing.sealing import Sealing
from functions.billing.service.auditing import Auditing
from functions.billing.service.bills import Bills, Invoicing
from functions.billing.service.comparing import Comparing
from functions.billing.service.corrections import Corrections
from functions.billing.service.dealers import Dealers, Onboarding
from functions.billing.service.fast_buyout import FastBuyouts, Releasing
from functions.billing.service.payments import Payments
from functions.billing.service.refunding import Refunding
from functions.billing.service.rounds import Rounds
from functions.billing.service.statements import Statements
from sandbox.billing.fake import FakeBilling, Trouble
from sandbox.billing.faults import Operation
from sandbox.billing.system import BillingSystem
from tests.billing import books
from tests.common.test_requisites import COMPANY
from tests.desk import TABLE, Clock
from tests.harness.kms import KEY_ID, InMemoryKms
from tests.harness.memory import InMemoryDynamoDB
from tests.outside import ARN_PREFIX, Outside

CME_ID = "cme-7"
OFFER = Offer("2026-11", datetime(2026, 11, 20, tzinfo=UTC))
PERCENT = Decimal("2.5")
PRICE = 1_000_000_00  # a car of a million roubles: its commission is 25,000.00
REWARD = 25_000_00
CHEAP, DEAR = Segment("A", 100_000_00, 1_000_000_00), Segment("B", 300_000_00, 3_000_000_00)  # of fast buyout


class Unwilling(FakeBilling):
    """A billing system that refuses, or calls contracts as it likes."""

    def __init__(self, of: Dealership) -> None:
        super().__init__(of.system, of.trouble)
        self._of = of

    def create_payer(self, external_id: str, client_id: str, requisites: Requisites) -> str:
        self._may("create_payer")
        return super().create_payer(external_id, client_id, requisites)

    def update_payer(self, payer_id: str, requisites: Requisites) -> None:
        self._may("update_payer")
        super().update_payer(payer_id, requisites)

    def create_contract(
        self, external_id: str, client_id: str, payer_id: str, service: Service, starts_on: date
    ) -> Contract:
        made = super().create_contract(external_id, client_id, payer_id, service, starts_on)
        return made if self._of.contract_told is None else replace(made, contract_id=self._of.contract_told)

    def create_invoice(
        self, external_id: str, contract_id: str, amount_kopecks: int, description: str, due_on: date
    ) -> Invoice:
        self._may("create_invoice")
        self._of.while_invoicing()
        return super().create_invoice(external_id, contract_id, amount_kopecks, description, due_on)

    def create_credit_note(self, external_id: str, invoice_id: str, amount_kopecks: int, reason: str) -> CreditNote:
        self._may("create_credit_note")
        return super().create_credit_note(external_id, invoice_id, amount_kopecks, reason)

    def refund(self, external_id: str, contract_id: str, amount_kopecks: int, reason: str) -> Refund:
        self._of.while_refunding()
        self._may("refund")
        return super().refund(external_id, contract_id, amount_kopecks, reason)

    def _may(self, what: str) -> None:
        if what in self._of.refuses:
            raise said_no("he is on a stop list")


class Dealership:
    """`client`: what the services write through, the table itself or something around it that fails."""

    def __init__(
        self, dynamo: InMemoryDynamoDB | None = None, clock: Clock | None = None, world: Outside | None = None
    ) -> None:
        self.dynamo = dynamo or InMemoryDynamoDB(TABLE)
        self.clock = clock or Clock()
        self.client: Any = None
        self.world = world or Outside(self.clock)
        self.world.deploy("onboarding", tasks, "onboarding", lambda: self.onboarding, releasing=lambda: self.releasing)
        self.world.deploy("bill", tasks, "invoicing", lambda: self.invoicing)
        self.system = BillingSystem(self.clock)
        self.trouble = Trouble()
        self.refuses: set[str] = set()  # what the billing system says a definite no to
        self.contract_told: str | None = None  # what it calls every contract
        self.while_invoicing: Callable[[], object] = lambda: None  # what happens when an invoice is asked for
        self.while_refunding: Callable[[], object] = lambda: None
        self.goes_down_after: Operation | None = None  # once it was asked for this
        self.kms = InMemoryKms()
        self.kms_client: Any = None
        self.mark_key: Callable[[], bytes] = lambda: b"marks taxpayers"
        self.asked_through: Callable[[Any], Any] = lambda billing: billing
        self._numbers = itertools.count(1)

    @property
    def table(self) -> Table:
        client: Any = self.client or self.dynamo
        return Table(client, TABLE.name, self.patience)

    @property
    def patience(self) -> Patience:
        return Patience(monotonic=self.clock.monotonic, sleep=self.clock.sleep, jitter=lambda: 0.5)

    @property
    def machines(self) -> Machines:
        return Machines(self.world.client, ARN_PREFIX)

    @property
    def billing(self) -> Billing:
        if self.goes_down_after is not None and self.trouble.calls[self.goes_down_after]:
            self.trouble.down = True
        asked: Billing = self.asked_through(Unwilling(self))
        return gated(asked, BillingUnavailable, Ban(self.table, "billing", self.clock))

    def run(self, *, seconds: float = 60) -> None:
        """All machines, for so long."""
        until = self.clock.at + timedelta(seconds=seconds)
        machines = self.world.machines
        machines.run()
        while (at := machines.next_at()) is not None and at <= until:
            self.clock.at = max(self.clock.at, at)
            machines.run()

    @property
    def dealers(self) -> Dealers:
        return Dealers(self.table, self.machines, self.clock, PERCENT, self.sealing)

    @property
    def onboarding(self) -> Onboarding:
        return Onboarding(self.table, lambda: self.billing, self.clock, self.sealing)

    @property
    def auditing(self) -> Auditing:
        return Auditing(self.table, self.clock)

    @property
    def comparing(self) -> Comparing:
        return Comparing(self.table, lambda: self.billing, self.clock)

    @property
    def sealing(self) -> Sealing:
        data_keys = DataKeys(self.kms_client or self.kms, KEY_ID)
        return Sealing(self.table, lambda: data_keys, lambda: self.mark_key())

    @property
    def bills(self) -> Bills:
        return Bills(self.table, self.machines, self.clock)

    @property
    def corrections(self) -> Corrections:
        return Corrections(self.table, self.machines, self.clock)

    @property
    def fast_buyouts(self) -> FastBuyouts:
        return FastBuyouts(self.table, self.machines, self.clock)

    def lists(self, *segments: Segment) -> None:
        """These are there, as if two operators had agreed on them."""
        saved = {each.segment.segment_id: each for each in segment_store.saved_segments(self.table)}
        for segment in segments:
            self.table.write(segment_store.save_segment(segment, saved.get(segment.segment_id), self.clock()))

    @property
    def releasing(self) -> Releasing:
        return Releasing(self.table, lambda: self.billing, self.clock, self.onboarding.read)

    @property
    def refunding(self) -> Refunding:
        return Refunding(self.table, lambda: self.billing, self.clock)

    @property
    def statements(self) -> Statements:
        return Statements(self.table, self.clock)

    @property
    def invoicing(self) -> Invoicing:
        return Invoicing(self.table, lambda: self.billing, self.clock)

    @property
    def payments(self) -> Payments:
        return Payments(self.table, self.clock)

    @property
    def rounds(self) -> Rounds:
        return Rounds(self.payments)

    # What tests begin with

    def registered(self, cme_dealer_id: str = CME_ID) -> Dealer:
        return self.dealers.register(cme_dealer_id, COMPANY, OFFER)

    def onboard(self, dealer_id: str) -> str:
        """To where its machine would end. Raises what a step raises."""
        steps = {
            Stage.CLIENT: self.onboarding.create_client,
            Stage.PAYER: self.onboarding.create_payer,
            Stage.CONTRACT: self.onboarding.create_contract,
            Stage.UPDATE: self.onboarding.update_payer,
        }
        stage = self.onboarding.read(dealer_id).stage
        while stage in steps:
            stage = steps[Stage(stage)](dealer_id).stage
        return stage

    def active(self, cme_dealer_id: str = CME_ID) -> Dealer:
        dealer_id = self.registered(cme_dealer_id).dealer_id
        assert self.onboard(dealer_id) == Stage.DONE
        return store.dealer(self.table, dealer_id)

    def buying(self, deposit_kopecks: int = 150_000_00, cme_dealer_id: str = CME_ID) -> Dealership:
        """This one, whose dealer has fast buyout and so much on his deposit."""
        dealer_id = model.dealer_id(cme_dealer_id)
        self.fast_buyouts.add(cme_dealer_id)
        assert self.onboard(dealer_id) == Stage.DONE
        deposit = store.account(self.table, dealer_id, AccountType.DEPOSIT)
        self.payments.take(self.message(deposit_kopecks, contract_id=deposit.contract_id))
        return self

    def leaving(self, cme_dealer_id: str = "cme-7", *, moved: bool = False) -> str:
        """The id of a dealer who wants his deposit back; moved: his bank is another than when he was registered."""
        dealer_id = self.active(cme_dealer_id).dealer_id
        self.buying(cme_dealer_id=cme_dealer_id)
        if moved:
            self.dealers.update_requisites(cme_dealer_id, replace(COMPANY, bank_name="Банк «Другой»"))
            self.onboard(dealer_id)
        self.fast_buyouts.release(cme_dealer_id)
        return dealer_id

    def billed(self, kopecks: int = REWARD, cme_dealer_id: str = CME_ID, *, invoice: bool = True) -> Bill:
        """The next deal, closed for a commission of so much."""
        deal_id = f"deal-{next(self._numbers)}"
        deal = self.bills.close_deal(deal_id, cme_dealer_id, kopecks * 40).made
        bill_id = model.bill_id(AccountType.COMMISSION, deal_id, deal.dealer_id)
        if invoice:
            self.invoicing.create_invoice(bill_id)
        return self.bills.bill(bill_id)

    def account(self, cme_dealer_id: str = CME_ID) -> model.Account:
        return store.account(self.table, model.dealer_id(cme_dealer_id), AccountType.COMMISSION)

    def message(self, kopecks: int, *, bill: Bill | None = None, contract_id: str | None = None) -> PaymentMessage:
        """Of a payment that the billing system has taken."""
        if bill is None and contract_id is None:
            contract_id = self.account().contract_id
        payment = self.system.pay(kopecks, contract_id, bill.invoice_id if bill else None, "за автомобиль")
        found = next(m for m in self.system.outbox.messages() if payment.payment_id in m.value)
        return read(found.value.encode())

    def receipt(self, message: PaymentMessage) -> model.Receipt | None:
        return payment_store.find(self.table, model.receipt_id(message.payment.payment_id))

    def pay(self, kopecks: int, bill: Bill | None = None) -> PaymentStatus:
        return self.payments.take(self.message(kopecks, bill=bill))

    def waits_everywhere(self) -> None:
        """A dealer, a bill, a payment and a refund that nobody has moved yet, and an account whose total nobody has
        compared."""
        self.active("cme-paid")
        self.payments.take(self.message(1_00, contract_id=self.account("cme-paid").contract_id))
        self.registered()
        self.billed(invoice=False)
        self.payments.park(b"no JSON", "a message of a payment is not understood: not JSON")
        dealer_id = model.dealer_id("cme-paid")
        agreed = dealer_refunds.Refund(
            dealer_id, AccountType.COMMISSION, 1, 1_00, 1, "line 12", "olga, otto", self.clock()
        )
        self.table.write(*dealer_refunds.agree(agreed))

    # What always holds

    def check(self) -> None:
        """See `tests.billing.books`."""
        books.check(self.dynamo.items())
