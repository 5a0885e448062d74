"""A dealer, his accounts at the billing system, his deals and bills, and the money that came for them. Pure.

Sums are whole kopecks.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from common import keys
from common.domain.segments.model import Segment
from common.errors import Conflict, NotFound, Rejected, Unavailable
from common.idempotency import derived_id, terms
from common.requisites import FORGOTTEN, Requisites, violations
from functions.billing import moscow
from functions.billing.commission import commission_kopecks

DUE_AFTER = timedelta(days=10)  # a bill is to be paid by the end of that day in Moscow
CME_DEALER_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$"
DEAL_ID_PATTERN = CME_DEALER_ID_PATTERN
CONTRACT_ID_PATTERN = CME_DEALER_ID_PATTERN


class DealerNotFound(NotFound):
    """No dealer is registered under this id, or he is not yours to read."""


class DealNotFound(NotFound):
    """No deal of this id was told to us, or it is another dealer's."""


class BillNotFound(NotFound):
    """There is no such bill, or it is another dealer's."""


class PaymentNotFound(NotFound):
    """No payment has come under this id."""


class AccountNotOpened(Conflict):
    """The dealer has no account of this type: fast buyout opens DEPOSIT and SETTLEMENT."""


class NotSettled(Conflict):
    """No settlement is billed for this deal: there is nothing to correct."""


class DealDiffers(Conflict):
    """The deal is known with another price or dealer."""


class BillDiffers(Conflict):
    """There is a bill for this deal already, of another sum."""


class DealerForgotten(Conflict):
    """The key of his requisites is forgotten, and so are they."""


class Moved(Conflict):
    """Somebody else has changed it meanwhile. Send the same request again."""


class RequisitesMoved(Conflict):
    """He has others by now than those that these are to replace. Facts: `requisites_version`, which he has."""


class RequisitesWrong(Rejected):
    """Facts: `fields`, what is wrong by field."""


class DealCancelled(Conflict):
    """The deal was cancelled: nothing is billed for it, and nothing of it changes any more."""


class DealerLeaves(Conflict):
    """The dealer's deposit is being paid back, or was: fast buyout is closed to him until it is added again."""


class ReleasedBefore(Conflict):
    """His deposit was paid back before, and he has come back since: to pay back the next one, name it by a key."""


class BuyoutOpen(Conflict):
    """A car that was bought for the dealer is not paid yet. Facts: `bill_id`."""


class PaymentRecalled(Conflict):
    """The bank has taken back a payment of the dealer, and that is not settled yet: nothing goes back to him."""


class DepositEmpty(Conflict):
    """There is nothing on the deposit that could be paid back."""


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


class PaymentStatus(StrEnum):
    EARLY = "EARLY"  # the invoice that it names is being made
    TAKEN = "TAKEN"  # a part of it is not spread yet
    SPREAD = "SPREAD"
    PARKED = "PARKED"  # a person has to look
    DISMISSED = "DISMISSED"  # a person has, and nothing is to be done about it
    RECALLING = "RECALLING"  # the bank has taken it back; a part of it counts here still
    RECALLED = "RECALLED"


class Stage(StrEnum):
    """What the machine of a dealer does next."""

    CLIENT = "CLIENT"
    PAYER = "PAYER"
    CONTRACT = "CONTRACT"
    UPDATE = "UPDATE"  # a payer has not the latest requisites
    RELEASE = "RELEASE"  # of the deposit
    DONE = "DONE"
    STOPPED = "STOPPED"  # a person has to look


class BillStage(StrEnum):
    """What the machine of a bill does next."""

    INVOICE = "INVOICE"
    CREDIT = "CREDIT"  # a credit note
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
    taxpayer: the mark of his number. accounts: how many he has. releases: how often his deposit was to be paid back.
    forgotten_at: since when nobody can read his requisites; None: they can be read. Then he has no mark either."""

    dealer_id: str
    cme_dealer_id: str
    status: DealerStatus
    offer: Offer
    commission_percent: Decimal
    requisites_version: int
    taxpayer: str | None
    created_at: datetime
    accounts: int = 1
    releases: int = 0
    needs_person: bool = False
    reason: str | None = None
    forgotten_at: datetime | None = None

    @property
    def version_to_replace(self) -> int:
        """Of his requisites. To be forgotten counts as one: whoever had named the version before can not know of it."""
        return self.requisites_version + (self.forgotten_at is not None)

    def is_back_with(self, offer: Offer, at: datetime) -> bool:
        """Was he forgotten, and has he agreed to this offer since? What he had agreed to before is sent late, and what
        he will agree to may have been written before, too."""
        if self.forgotten_at is None:
            return False
        return max(self.forgotten_at, self.offer.accepted_at) < offer.accepted_at <= at

    def must_be_known(self) -> None:
        """Raises DealerForgotten."""
        if self.forgotten_at is not None:
            raise DealerForgotten(FORGOTTEN, id=self.dealer_id)


@dataclass(frozen=True)
class Account:
    """For the billing system a client of its own, with a payer and a contract.

    requisites_version: those that its payer has, or is to be made with.
    balance_kopecks: what was taken for it and pays no bill. received_kopecks: all that was ever taken for it, whatever
    contract it came for. aside_kopecks: what came for its contract and was not taken for it, less what was taken for it
    of other contracts; it may be below 0. told_kopecks: all that ever came for its contract, as the billing system
    tells it: so much have received and aside together to be. It is the largest total that was told; latest_kopecks the
    one that was told with the payment which was made last, at latest_at. agreed_kopecks: so much more is told than has
    come, as two operators say. told_at: when a payment came last. open_work: it waits for these to be compared.
    refunds: how many were agreed on, and have begun or come to nothing. refund_id: of the one that is on its way.
    recalls: how many messages of payments that the bank took back wait for two operators, and how many such payments
    count here still. Until there are none nothing goes back to its dealer.
    version: of its money. Whatever moves any reads it, and counts it up.
    """

    dealer_id: str
    type: AccountType
    status: AccountStatus
    requisites_version: int
    created_at: datetime
    balance_kopecks: int = 0
    received_kopecks: int = 0
    released_kopecks: int = 0
    version: int = 0
    client_id: str | None = None
    payer_id: str | None = None
    contract_id: str | None = None
    contract_number: str | None = None
    told_kopecks: int = 0
    aside_kopecks: int = 0
    agreed_kopecks: int = 0
    latest_kopecks: int = 0
    latest_at: datetime | None = None
    told_at: datetime | None = None
    refunds: int = 0
    refund_id: str | None = None
    recalls: int = 0
    open_work: str | None = None

    @property
    def external_id(self) -> str:
        """Under which its client, payer and contract are made: each once, however often they are asked for."""
        return f"{self.dealer_id}-{self.type}"


class DealStatus(StrEnum):
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class Deal:
    """A car that a dealer bought.

    percent: of the commission, as it was for this dealer when he became the winner.
    first_price_kopecks, first_dealer_id: as it was closed: who tells it so again repeats himself.
    version: from 1 on; whatever changes the deal, or bills it, counts it up.
    winners: how many dealers have won it, one after the other; the last is `dealer_id`. won_at: since when he has.
    commissions: how many bills its commission has had. commission_ids: those of them that are in force, the oldest
    first; together they are the commission. settlements, settlement_ids: likewise of what was paid for the car, which
    is settlement_kopecks; 0 where it is not billed. asked_kopecks: with what its winner was billed for it first.
    """

    deal_id: str
    dealer_id: str
    price_kopecks: int
    percent: Decimal
    closed_at: datetime
    won_at: datetime
    first_price_kopecks: int
    first_dealer_id: str
    status: DealStatus = DealStatus.CLOSED
    version: int = 1
    winners: int = 1
    commissions: int = 1
    commission_ids: tuple[str, ...] = ()
    settlements: int = 0
    settlement_ids: tuple[str, ...] = ()
    settlement_kopecks: int = 0
    asked_kopecks: int = 0

    @staticmethod
    def closed(deal_id: str, dealer: Dealer, price_kopecks: int, at: datetime) -> Deal:
        """A dealer has bought a car."""
        percent, dealer_id = dealer.commission_percent, dealer.dealer_id
        return Deal(deal_id, dealer_id, price_kopecks, percent, at, at, price_kopecks, dealer_id)

    def bill_ids(self, type_: AccountType) -> tuple[str, ...]:
        """Of those that are in force."""
        return self.commission_ids if type_ is AccountType.COMMISSION else self.settlement_ids

    def with_bills(self, type_: AccountType, ids: tuple[str, ...]) -> Deal:
        if type_ is AccountType.COMMISSION:
            return replace(self, commission_ids=ids)
        return replace(self, settlement_ids=ids)

    def counting(self, type_: AccountType) -> Deal:
        """One bill more of a type."""
        if type_ is AccountType.COMMISSION:
            return replace(self, commissions=self.commissions + 1)
        return replace(self, settlements=self.settlements + 1)

    def is_told_by(self, dealer_id: str, price_kopecks: int) -> bool:
        """As it is, or as it was when it was closed."""
        told = dealer_id, price_kopecks
        return told in ((self.dealer_id, self.price_kopecks), (self.first_dealer_id, self.first_price_kopecks))

    @property
    def reward_kopecks(self) -> int:
        """Raises NothingToBill."""
        found = commission_kopecks(self.price_kopecks, self.percent)
        if found == 0:
            raise NothingToBill("the commission of this price is less than half a kopeck", deal_id=self.deal_id)
        return found


@dataclass(frozen=True)
class Bill:
    """What a dealer owes. It is never edited: credit notes take back what of it is wrong.

    common_kopecks: its sum. credited_kopecks: of it, that was taken back. paid_kopecks: of what is left of its sum,
    never more. from_balance_kopecks: of what was paid, that was on the account before. returned_kopecks: of what was
    paid, that went back to the account. recalled_kopecks: of what was paid, that the bank took back.
    notes: how many credit notes it has; notes_sent: of them, that the billing system has made.
    An invoice, its number and the link to its PDF are there once it is NEW no more.
    missed_at: it is cancelled, and the billing system refused it and had no invoice of it then. It is not asked any
    more to make one; a request from before, whose answer was lost, may still be carried out for a while.
    """

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
    credited_kopecks: int = 0
    returned_kopecks: int = 0
    recalled_kopecks: int = 0
    notes: int = 0
    notes_sent: int = 0
    invoice_id: str | None = None
    number: str | None = None
    url: str | None = None
    needs_person: bool = False
    reason: str | None = None
    missed_at: datetime | None = None

    @property
    def in_force_kopecks(self) -> int:
        """What of its sum was not taken back."""
        return self.common_kopecks - self.credited_kopecks

    @property
    def left_kopecks(self) -> int:
        return self.in_force_kopecks - self.paid_kopecks

    def is_overdue(self, now: datetime) -> bool:
        return self.takes_money and self.due_on < moscow.day(now)

    @property
    def takes_money(self) -> bool:
        return self.status in (BillStatus.PENDING, BillStatus.PARTIAL)

    @property
    def owes_note(self) -> bool:
        """The billing system has to be told of a credit note."""
        return self.notes_sent < self.notes

    def paid(self, kopecks: int) -> BillStatus:
        """Its status with so much more of it paid, of what is left."""
        if kopecks == self.left_kopecks:
            return BillStatus.PAID
        return BillStatus.PARTIAL if self.paid_kopecks + kopecks else BillStatus.PENDING


class Because(StrEnum):
    """Why something of a bill was taken back."""

    PRICE_CHANGED = "PRICE_CHANGED"
    SETTLEMENT_CORRECTED = "SETTLEMENT_CORRECTED"
    WINNER_CHANGED = "WINNER_CHANGED"
    DEAL_CANCELLED = "DEAL_CANCELLED"


@dataclass(frozen=True)
class CreditNote:
    """The n-th that takes something back of a bill. returned_kopecks: of it, that was paid and went back to the
    account. made_id: the billing system's own id of it, once it has made it."""

    bill_id: str
    n: int
    kopecks: int
    returned_kopecks: int
    because: Because
    made_id: str | None = None

    @property
    def external_id(self) -> str:
        """Under which it is made: once, however often it is asked for."""
        return f"{self.bill_id}-{self.n}"


@dataclass(frozen=True)
class Told:
    """A payment as the billing system tells it, or two operators. total_kopecks: all that had come for the contract
    then, with it; 0 where nobody has told that."""

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
    """A payment that was taken for an account. left_kopecks: of it, not spread yet. recalled_kopecks: of one that the
    bank has taken back, what is off the account; None as long as that was not begun. reason: why not all of it is."""

    receipt_id: str
    told: Told
    whose: Whose
    status: PaymentStatus
    left_kopecks: int
    created_at: datetime
    recalled_kopecks: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Aside:
    """What came, and was taken for no account. status: EARLY, PARKED or DISMISSED.

    told: None where the message is not understood, or tells of a payment that was taken back: takes_back, and how much
    of it was. body: of such a message, shortened. told_at: since when it is told so; what was decided before that is
    about other terms.
    """

    receipt_id: str
    why: Nobodys
    told: Told | None
    body: str | None
    created_at: datetime
    told_at: datetime
    waits_for_person: bool = False
    takes_back: str | None = None
    takes_back_kopecks: int | None = None

    @property
    def status(self) -> PaymentStatus:
        return self.why.status


Receipt = Taken | Aside


class ReleaseStatus(StrEnum):
    HELD = "HELD"  # for two operators: his requisites are not those that he was registered with
    ASKED = "ASKED"
    SENT = "SENT"  # the billing system pays it back
    DONE = "DONE"
    REFUSED = "REFUSED"  # the money is on the deposit again


@dataclass(frozen=True)
class Release:
    """The n-th time that a dealer's deposit is paid back, all that was on it.

    requisites_version: to whom, also where he has others since. asked_by: under which keys of callers, hashed.
    tried_at: when the billing system was last asked for it and has not answered that, which may be carried out yet."""

    dealer_id: str
    n: int
    status: ReleaseStatus
    kopecks: int
    asked_at: datetime
    requisites_version: int
    asked_by: tuple[str, ...] = ()
    reason: str | None = None
    tried_at: datetime | None = None

    def is_asked_by(self, key: str) -> bool:
        return key_of(key) in self.asked_by

    @property
    def type(self) -> AccountType:
        return AccountType.DEPOSIT

    @property
    def external_id(self) -> str:
        """Under which the billing system is asked for it: it pays once, however often it is asked."""
        return f"{self.dealer_id}-release-{self.n}"


@dataclass(frozen=True)
class FastBuyout:
    """Whether a dealer may take part, and up to what price. owed_kopecks: for cars that he has, and has not paid.
    reason: why he may not."""

    dealer: Dealer
    deposit_kopecks: int
    segment: Segment | None
    owed_kopecks: int = 0
    reason: str | None = None

    @property
    def price_max_kopecks(self) -> int:
        """What his deposit still allows: it is there once, however many cars he has."""
        limit = 0 if self.segment is None else self.segment.price_max_kopecks
        return max(0, limit - self.owed_kopecks)


def dealer_id(cme_dealer_id: str) -> str:
    return derived_id(keys.DEALER, cme_dealer_id)


def bill_id(type_: AccountType, deal_id: str, dealer_id: str, n: int = 1) -> str:
    """The n-th of its type for a deal and dealer, whichever way it is asked for."""
    return derived_id(keys.BILL, type_, deal_id, dealer_id, *([str(n)] if n > 1 else []))


def issued(deal: Deal, type_: AccountType, kopecks: int, at: datetime) -> Bill:
    """The latest bill of a deal, of those that it counts."""
    n = deal.commissions if type_ is AccountType.COMMISSION else deal.settlements
    return Bill(
        bill_id=bill_id(type_, deal.deal_id, deal.dealer_id, n),
        dealer_id=deal.dealer_id,
        type=type_,
        deal_id=deal.deal_id,
        status=BillStatus.NEW,
        common_kopecks=kopecks,
        due_on=moscow.day(at + DUE_AFTER),
        created_at=at,
    )


def key_of(key: str) -> str:
    """A caller's key, hashed."""
    return terms(key=key)


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
