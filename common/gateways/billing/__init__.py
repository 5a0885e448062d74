"""The billing system: has clients with payers and contracts, bills them, and takes their payments.

A dealer is three clients there, one for each kind of account; each has one payer and one contract. Invoices are made
for contracts. An invoice is never changed: what it was too much is taken back by credit notes. What has come for a
contract, and is not owed, can be refunded.

Sums are roubles, in whole kopecks. Ids that are called external are ours: whatever is made is made once for each, and a
repeat answers with what was made first, as it is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from common.errors import Conflict, NotFound, Rejected, Unavailable
from common.requisites import PayerKind as PayerKind
from common.requisites import Requisites as Requisites

TEXT_MAX = 255  # characters of a name, a description or a reason
PAGE_MAX = 100

# A request whose answer was lost is carried out by then, or never: our time-outs (under 9 s together), and whatever
# queues of theirs, or between us, may hold it.
REQUEST_OVER_SECONDS = 3600

T = TypeVar("T")


class BillingUnavailable(Unavailable):
    """The billing system gives no answer now that could be used. Send the same request again.

    What it did is unknown: ask the same again under the same external id.
    """

    @property
    def alarm(self) -> str | None:
        """The metric that wakes a person: it does not let us in."""
        return "DeskRefused" if self.facts.get("what") == "denied" else None


class BillingRefused(Conflict):
    """The billing system's definite no: nothing was made under this external id, and nothing was changed.

    Facts: `billing_said`, at most 200 characters.
    """


class BillingUnknown(NotFound):
    """The billing system has nothing under the id that was looked up."""


class MessageNotUnderstood(Rejected):
    """What came as a payment is none that we can read: it will never be."""


class PaymentTakenBack(MessageNotUnderstood):
    """The bank has taken back what it had paid. Nothing of that is booked by itself: a person has to look. The detail
    says which payment it is."""


class Service(StrEnum):
    """What a contract is for."""

    COMMISSION = "COMMISSION"
    DEPOSIT = "DEPOSIT"
    SETTLEMENT = "SETTLEMENT"


class RefundState(StrEnum):
    PENDING = "PENDING"
    DONE = "DONE"
    REFUSED = "REFUSED"  # the money is the contract's again


@dataclass(frozen=True)
class Contract:
    """number: as people write it."""

    contract_id: str
    number: str


@dataclass(frozen=True)
class Invoice:
    """paid_kopecks: all that has come for it, which may be more than its amount. credited_kopecks: what credit notes
    took back, never more than its amount. pdf_url: where everybody who knows it may read the invoice."""

    invoice_id: str
    external_id: str
    contract_id: str
    number: str
    amount_kopecks: int
    paid_kopecks: int
    credited_kopecks: int
    pdf_url: str


@dataclass(frozen=True)
class CreditNote:
    credit_note_id: str
    external_id: str
    invoice_id: str
    amount_kopecks: int


@dataclass(frozen=True)
class Refund:
    refund_id: str
    external_id: str
    contract_id: str
    amount_kopecks: int
    state: RefundState


@dataclass(frozen=True)
class Payment:
    """Money that came for a contract. invoice_id: what the payer named; None where he named none."""

    payment_id: str
    contract_id: str
    invoice_id: str | None
    amount_kopecks: int
    at: datetime


@dataclass(frozen=True)
class PaymentMessage:
    """What the billing system publishes of a payment. The same may come again, late, and in another order.

    event_id: of the message; a repeat has the same.
    paid_total_kopecks: all that had come for the contract, with this payment.
    """

    event_id: str
    payment: Payment
    paid_total_kopecks: int


@dataclass(frozen=True)
class Standing:
    """Of a contract: what has come, and what was or is being refunded of it."""

    paid_kopecks: int
    refunded_kopecks: int


@dataclass(frozen=True)
class Page(Generic[T]):
    """At most PAGE_MAX, the oldest first. after: where the next page begins; None where this is the last."""

    entries: Sequence[T]
    after: str | None


class Billing(Protocol):
    """Every method may raise BillingUnavailable and is then safe to call again. What makes something may raise
    BillingRefused, what looks something up BillingUnknown."""

    def create_client(self, external_id: str, name: str) -> str:
        """Its client_id."""
        ...

    def create_payer(self, external_id: str, client_id: str, requisites: Requisites) -> str:
        """Its payer_id."""
        ...

    def update_payer(self, payer_id: str, requisites: Requisites) -> None:
        """From now on invoices have these. The kind of a payer does not change. Doing it again changes nothing."""
        ...

    def create_contract(
        self, external_id: str, client_id: str, payer_id: str, service: Service, starts_on: date
    ) -> Contract: ...

    def create_invoice(
        self, external_id: str, contract_id: str, amount_kopecks: int, description: str, due_on: date
    ) -> Invoice: ...

    def create_credit_note(self, external_id: str, invoice_id: str, amount_kopecks: int, reason: str) -> CreditNote:
        """Takes back a part of an invoice, or what is left of it, be it paid or not."""
        ...

    def refund(self, external_id: str, contract_id: str, amount_kopecks: int, reason: str) -> Refund:
        """Pays back what has come for a contract. Asking again tells what has become of it."""
        ...

    def invoice(self, invoice_id: str) -> Invoice: ...

    def invoices(self, contract_id: str, after: str | None = None) -> Page[Invoice]: ...

    def payments(self, contract_id: str, after: str | None = None) -> Page[Payment]: ...

    def standing(self, contract_id: str) -> Standing: ...


def not_sent(why: str) -> BillingRefused:
    """It is refused before anything is asked."""
    return BillingRefused(f"it was not sent to the billing system: {why}", billing_said="")


def said_no(words: str, **facts: Any) -> BillingRefused:
    """words: the billing system's own, bounded."""
    detail = f"the billing system refuses: {words or 'it does not say why'}"
    return BillingRefused(detail, billing_said=words, **facts)
