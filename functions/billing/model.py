"""A dealer, his accounts at the billing system, his deals and bills, and the money that came for them. Pure.

Sums are whole kopecks.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from common import keys
from common.errors import Conflict, NotFound, Rejected, Unavailable
from common.idempotency import derived_id
from common.requisites import Requisites, violations
from functions.billing.commission import commission_kopecks

DUE_AFTER = timedelta(days=10)  # a bill is to be paid by then
CME_DEALER_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$"
DEAL_ID_PATTERN = CME_DEALER_ID_PATTERN


class DealerNotFound(NotFound):
    """No dealer is registered under this id."""


class DealNotFound(NotFound):
    """No deal of this id was told to us, or it is another dealer's."""


class BillNotFound(NotFound):
    """There is no such bill."""


class PaymentNotFound(NotFound):
    """No payment has come under this id."""


class AccountNotOpened(Conflict):
    """The dealer has no account of this type: fast buyout opens DEPOSIT and SETTLEMENT."""


class DealDiffers(Conflict):
    """The deal is known with another price or dealer."""


class BillDiffers(Conflict):
    """There is a bill for this deal already, of another sum."""


class DealerForgotten(Conflict):
    """The key of his requisites is forgotten, and so are they."""


class Moved(Conflict):
    """It is not as it was read: read again."""


class RequisitesWrong(Rejected):
    """Facts: `fields`, what is wrong by field."""


class NothingToBill(Rejected):
    """The commission of so low a price is less than half a kopeck."""


class AccountNotReady(Unavailable):
    """The billing system has no contract for the account yet; it is being made."""


class AccountType(StrEnum):
    COMMISSION = "COMMISSION"  # the desk's reward for a deal
    DEPOSIT = "DEPOSIT"  # security for fast buyout: never debited
    SETTLEMENT = "SETTLEMENT"  # what the desk paid for a car


class DealerStatus(StrEnum):
    REGISTERED = "REGISTERED"
    ONBOARDING = "ONBOARDING"
    ACTIVE = "ACTIVE"
    LEAVING = "LEAVING"
    LEFT = "LEFT"


class AccountStatus(StrEnum):
    """What the billing system has of an account, each on top of the one before."""

    NEW = "NEW"
    CLIENT = "CLIENT"
    PAYER = "PAYER"
    READY = "READY"  # a contract: it can be billed and paid


class BillStatus(StrEnum):
    NEW = "NEW"  # without an invoice yet
    PENDING = "PENDING"
    PARTIAL = "PARTIAL"
    PAID = "PAID"
    CANCELLED = "CANCELLED"


class Operation(StrEnum):
    """What a bill is asked for."""

    GET_REWARD = "GET_REWARD"
    GET_SETTLEMENT = "GET_SETTLEMENT"


ACCOUNT_OF = {
    Operation.GET_REWARD: AccountType.COMMISSION,
    Operation.GET_SETTLEMENT: AccountType.SETTLEMENT,
}


class PaymentStatus(StrEnum):
    EARLY = "EARLY"  # the invoice that it names is being made
    TAKEN = "TAKEN"  # a part of it is not spread yet
    SPREAD = "SPREAD"
    PARKED = "PARKED"  # a person has to look
    DISMISSED = "DISMISSED"  # a person has, and nothing is to be done about it


class Stage(StrEnum):
    """What the machine of a dealer does next."""

    CLIENT = "CLIENT"
    PAYER = "PAYER"
    CONTRACT = "CONTRACT"
    UPDATE = "UPDATE"  # a payer has not the latest requisites
    DONE = "DONE"
    STOPPED = "STOPPED"  # a person has to look


class BillStage(StrEnum):
    """What the machine of a bill does next."""

    INVOICE = "INVOICE"
    DONE = "DONE"
    STOPPED = "STOPPED"  # a person has to look


@dataclass(frozen=True)
class Offer:
    """That the dealer agreed to, before he was registered."""

    version: str
    accepted_at: datetime


@dataclass(frozen=True)
class Dealer:
    """commission_percent: of each deal that is closed from now on. requisites_version: the latest, from 1 on.
    taxpayer: the mark of his number."""

    dealer_id: str
    cme_dealer_id: str
    status: DealerStatus
    offer: Offer
    commission_percent: Decimal
    requisites_version: int
    taxpayer: str
    created_at: datetime
    needs_person: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Account:
    """For the billing system a client of its own, with a payer and a contract.

    requisites_version: those that its payer has, or is to be made with.
    balance_kopecks: what came for it and pays no bill. received_kopecks: all that ever came.
    told_kopecks: all that ever came, as the billing system tells it. aside_kopecks: what came for its contract and was
    not taken for it. told_at: when a payment came last. open_work: it waits for these to be compared.
    version: of its money. Whatever moves any reads it, and counts it up.
    """

    dealer_id: str
    type: AccountType
    status: AccountStatus
    requisites_version: int
    created_at: datetime
    balance_kopecks: int = 0
    received_kopecks: int = 0
    version: int = 0
    client_id: str | None = None
    payer_id: str | None = None
    contract_id: str | None = None
    contract_number: str | None = None
    told_kopecks: int = 0
    aside_kopecks: int = 0
    told_at: datetime | None = None
    open_work: str | None = None

    @property
    def external_id(self) -> str:
        """Under which its client, payer and contract are made: each once, however often they are asked for."""
        return f"{self.dealer_id}-{self.type}"


@dataclass(frozen=True)
class Deal:
    """A car that a dealer bought. percent: of the commission, as it was when the deal was closed."""

    deal_id: str
    dealer_id: str
    price_kopecks: int
    percent: Decimal
    closed_at: datetime

    @property
    def reward_kopecks(self) -> int:
        """Raises NothingToBill."""
        found = commission_kopecks(self.price_kopecks, self.percent)
        if found == 0:
            raise NothingToBill("the commission of this price is less than half a kopeck", deal_id=self.deal_id)
        return found


@dataclass(frozen=True)
class Bill:
    """common_kopecks: its sum. paid_kopecks: of it, never more. from_balance_kopecks: of what is paid, that was on the
    account before. An invoice, its number and the link to its PDF are there once it is NEW no more."""

    bill_id: str
    dealer_id: str
    type: AccountType
    deal_id: str
    status: BillStatus
    common_kopecks: int
    due_on: date
    created_at: datetime
    paid_kopecks: int = 0
    from_balance_kopecks: int = 0
    invoice_id: str | None = None
    number: str | None = None
    url: str | None = None
    needs_person: bool = False
    reason: str | None = None

    @property
    def left_kopecks(self) -> int:
        return self.common_kopecks - self.paid_kopecks

    @property
    def takes_money(self) -> bool:
        return self.status in (BillStatus.PENDING, BillStatus.PARTIAL)

    def paid(self, kopecks: int) -> BillStatus:
        """Its status with so much more of it paid, of what is left."""
        if kopecks == self.left_kopecks:
            return BillStatus.PAID
        return BillStatus.PARTIAL if self.paid_kopecks + kopecks else BillStatus.PENDING


@dataclass(frozen=True)
class Told:
    """A payment as the billing system tells it. total_kopecks: all that had come for the contract then, with it."""

    payment_id: str
    contract_id: str
    invoice_id: str | None
    kopecks: int
    total_kopecks: int
    paid_at: datetime


@dataclass(frozen=True)
class Whose:
    """The account that a payment came for, and the bill that it names."""

    dealer_id: str
    type: AccountType
    bill_id: str | None = None


@dataclass(frozen=True)
class Nobodys:
    """Which account a payment came for can not be told. status: EARLY or PARKED. account: that of its contract, where
    that is one of ours."""

    status: PaymentStatus
    why: str
    account: Whose | None = None


@dataclass(frozen=True)
class Taken:
    """A payment that was taken for an account. left_kopecks: of it, not spread yet."""

    receipt_id: str
    told: Told
    whose: Whose
    status: PaymentStatus
    left_kopecks: int
    created_at: datetime


@dataclass(frozen=True)
class Aside:
    """What came, and was taken for no account. status: EARLY, PARKED or DISMISSED.

    told: None where the message is not understood. body: of such a message, shortened.
    """

    receipt_id: str
    why: Nobodys
    told: Told | None
    body: str | None
    created_at: datetime

    @property
    def status(self) -> PaymentStatus:
        return self.why.status


Receipt = Taken | Aside


def dealer_id(cme_dealer_id: str) -> str:
    return derived_id(keys.DEALER, cme_dealer_id)


def bill_id(type_: AccountType, deal_id: str, dealer_id: str) -> str:
    """One of each type for a deal and dealer, whichever way it is asked for."""
    return derived_id(keys.BILL, type_, deal_id, dealer_id)


def receipt_id(payment_id: str) -> str:
    """Of a payment, under the billing system's id of it."""
    return derived_id(keys.PAYMENT, payment_id)


def receipt_id_of(body: bytes) -> str:
    """Of a message that is not understood: the same words are the same message. None is taken for a payment by it."""
    return derived_id(keys.PAYMENT, "message", hashlib.sha256(body).hexdigest())


def check_requisites(requisites: Requisites, before: Requisites | None = None) -> None:
    """before: those that they are to replace. Raises RequisitesWrong."""
    wrong = violations(requisites)
    if before is not None and before.kind is not requisites.kind:
        wrong = {"kind": f"is {before.kind} as long as he is this dealer: register another", **wrong}
    if wrong:
        raise RequisitesWrong(f"these requisites are wrong: {', '.join(wrong)}", fields=wrong)
