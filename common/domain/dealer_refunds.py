"""What of a dealer's account is to be paid back: it pays nothing there, and two operators have agreed on it.

    AGREED ─▶ ASKED ─▶ SENT ─▶ DONE        or REFUSED, from each but the last

No money moves when it is agreed. The clock of dealer billing takes the sum off the account, if it is still there and
nothing is owed, before it asks the billing system; and puts it back only where that has certainly not paid it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain import timeline, work
from common.domain.timeline import TimelineEvent
from common.errors import Conflict
from common.idempotency import derived_id
from common.table.items import DecimalAttribute, InstantAttribute
from common.table.transaction import Write


class Status(StrEnum):
    AGREED = "AGREED"
    ASKED = "ASKED"  # the sum is off the account
    SENT = "SENT"  # the billing system pays it back
    DONE = "DONE"
    REFUSED = "REFUSED"  # nothing is paid back: the sum is on the account


TRANSITIONS: dict[Status, set[Status]] = {
    Status.AGREED: {Status.ASKED, Status.REFUSED},
    Status.ASKED: {Status.SENT, Status.DONE, Status.REFUSED},
    Status.SENT: {Status.DONE, Status.REFUSED},
    Status.DONE: set(),
    Status.REFUSED: set(),
}


class RefundKnown(Conflict):
    """The next refund of this account was agreed on meanwhile."""


@dataclass(frozen=True)
class Refund:
    """The n-th of a dealer's account: a sum of it that pays no bill there goes back to him. requisites_version: of
    those that he had when it was agreed; it goes to no other ones. operators: the two. tried_at: when the billing
    system was last asked for it and has not answered that, which may be carried out yet."""

    dealer_id: str
    type: str
    n: int
    kopecks: int
    requisites_version: int
    reference: str
    operators: str
    agreed_at: datetime
    status: Status = Status.AGREED
    reason: str | None = None
    needs_person: bool = False
    tried_at: datetime | None = None

    @property
    def refund_id(self) -> str:
        return derived_id(keys.REFUND, self.dealer_id, self.type, str(self.n))

    @property
    def external_id(self) -> str:
        """Under which the billing system is asked for it: it pays once, however often it is asked."""
        return self.refund_id


class RefundItem(work.OpenWork, discriminator=keys.REFUND.entity):
    dealer_id = UnicodeAttribute()
    type = UnicodeAttribute()
    n = DecimalAttribute()
    status = UnicodeAttribute()
    kopecks = DecimalAttribute()
    requisites_version = DecimalAttribute()
    reference = UnicodeAttribute()
    operators = UnicodeAttribute()
    reason = UnicodeAttribute(null=True)
    tried_at = InstantAttribute(null=True)


def agree(refund: Refund) -> list[Write]:
    """Refused with RefundKnown."""
    at = refund.agreed_at
    item = RefundItem(
        *keys.REFUND(refund_id=refund.refund_id),
        dealer_id=refund.dealer_id,
        type=refund.type,
        n=Decimal(refund.n),
        status=refund.status,
        kopecks=Decimal(refund.kopecks),
        requisites_version=Decimal(refund.requisites_version),
        reference=refund.reference,
        operators=refund.operators,
        created_at=at,
        updated_at=at,
    )
    work.wait(item, keys.REFUND, due_at=at, waits_for="its sum to be taken off the account")
    told = f"reference {refund.reference}"
    return [
        Write.insert(item, otherwise=RefundKnown("another refund of this account was agreed on", id=refund.refund_id)),
        timeline.record(refund.refund_id, TimelineEvent(at, None, refund.status, told, refund.operators)),
    ]


def refund_of(item: RefundItem) -> Refund:
    return Refund(
        dealer_id=item.dealer_id,
        type=item.type,
        n=int(item.n),
        kopecks=int(item.kopecks),
        requisites_version=int(item.requisites_version),
        reference=item.reference,
        operators=item.operators,
        agreed_at=item.created_at,
        status=Status(item.status),
        reason=item.reason,
        needs_person=item.needs_person,
        tried_at=item.tried_at,
    )
