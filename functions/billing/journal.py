"""What happens to a dealer's accounts, entry by entry: what a monthly statement is made of.

A bill, a refund and a recall count against the dealer, a payment and a credit note for him. So the sum of an account's
entries is what is on it, less what is owed there.

    sum of entries = balance + what is not spread yet − what is left of its bills
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from common.domain.dealer_refunds import Refund
from functions.billing.model import AccountType, Bill, CreditNote, Release, Taken


class EntryKind(StrEnum):
    BILL = "BILL"
    PAYMENT = "PAYMENT"
    CREDIT_NOTE = "CREDIT_NOTE"
    REFUND = "REFUND"
    REFUND_REFUSED = "REFUND_REFUSED"  # it is there again
    RECALL = "RECALL"  # of a payment, by the bank


@dataclass(frozen=True)
class Entry:
    """kopecks: above 0 for the dealer, below 0 against him. at: when it was booked, which decides its month. about: the
    id of the bill, the payment, the release or the
    refund. deal_id: of a bill and its credit notes."""

    dealer_id: str
    type: AccountType
    entry_id: str
    kind: EntryKind
    kopecks: int
    at: datetime
    about: str
    deal_id: str | None = None


def billed(bill: Bill) -> Entry:
    return Entry(
        dealer_id=bill.dealer_id,
        type=bill.type,
        entry_id=bill.bill_id,
        kind=EntryKind.BILL,
        kopecks=-bill.common_kopecks,
        at=bill.created_at,
        about=bill.bill_id,
        deal_id=bill.deal_id,
    )


def credited(bill: Bill, note: CreditNote, at: datetime) -> Entry:
    return Entry(
        dealer_id=bill.dealer_id,
        type=bill.type,
        entry_id=note.external_id,
        kind=EntryKind.CREDIT_NOTE,
        kopecks=note.kopecks,
        at=at,
        about=bill.bill_id,
        deal_id=bill.deal_id,
    )


def received(dealer_id: str, type_: AccountType, payment_id: str, kopecks: int, at: datetime) -> Entry:
    return Entry(dealer_id, type_, payment_id, EntryKind.PAYMENT, kopecks, at, payment_id)


def recalled(taken: Taken, kopecks: int, at: datetime) -> Entry:
    """So much more of a payment is off its account."""
    whose, payment_id = taken.whose, taken.told.payment_id
    named = f"{payment_id}-{taken.recalled_kopecks or 0}"
    return Entry(whose.dealer_id, whose.type, named, EntryKind.RECALL, -kopecks, at, payment_id)


def refunded(refund: Release | Refund, kind: EntryKind, at: datetime) -> Entry:
    """kind: REFUND, or REFUND_REFUSED."""
    kopecks, named = -refund.kopecks if kind is EntryKind.REFUND else refund.kopecks, refund.external_id
    return Entry(refund.dealer_id, AccountType(refund.type), named, kind, kopecks, at, named)
