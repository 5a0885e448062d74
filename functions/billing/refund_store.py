"""What of accounts is paid back, in the table: off the account before the billing system is asked for it.

An account has one at a time that is on its way, which it names: what the billing system has paid back of its contract
then is what is booked, with that one or without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from pynamodb.expressions.update import Action

from common import keys
from common.domain import timeline, work
from common.domain.dealer_refunds import Refund, RefundItem, Status, refund_of
from common.domain.timeline import CLOCK, TimelineEvent
from common.domain.work import WaitingItem
from common.errors import NotFound
from common.table.table import Table
from common.table.transaction import Write
from functions.billing import journal, journal_store, store
from functions.billing.journal import EntryKind
from functions.billing.model import Account, Moved
from functions.billing.store import AccountItem

ASKED_AGAIN_AFTER = timedelta(minutes=15)
PAID_BACK_BY = timedelta(days=3)  # of a bank; it is asked about meanwhile


class RefundNotFound(NotFound):
    """There is no such refund."""


def refund(table: Table, refund_id: str) -> Refund:
    """As of now. Raises RefundNotFound."""
    item = table.get(RefundItem, keys.REFUND(refund_id=refund_id), consistent=True)
    if item is None:
        raise RefundNotFound("there is no such refund", id=refund_id)
    return refund_of(item)


def on_their_way(table: Table, until: datetime) -> Iterator[WaitingItem]:
    """What the clock is to see to, the oldest first."""
    return work.due(table, keys.REFUND.backlog, until)


def take_off(account: Account, refund: Refund, at: datetime) -> list[Write]:
    """The sum leaves the account. Refused with Moved."""
    return [
        _becomes(refund, Status.ASKED, at, *_waits(refund, at, at, "the billing system to pay it back")),
        store.money_moves(
            account,
            -refund.kopecks,
            0,
            at,
            AccountItem.released_kopecks.add(Decimal(refund.kopecks)),
            AccountItem.refunds.set(Decimal(refund.n)),
            AccountItem.refund_id.set(refund.refund_id),
        ),
        journal_store.book(journal.refunded(refund, EntryKind.REFUND, at)),
        *_told(account, refund, Status.ASKED, "it is off the account", at),
    ]


def not_now(account: Account, refund: Refund, why: str, at: datetime) -> list[Write]:
    """It comes to nothing, before anything has moved: another one can be agreed on. Refused with Moved."""
    return [
        _becomes(refund, Status.REFUSED, at, RefundItem.reason.set(why), *work.done()),
        store.account_moves(account, at, AccountItem.refunds.set(Decimal(refund.n))),
        *_told(account, refund, Status.REFUSED, why, at),
    ]


def sent(refund: Refund, at: datetime) -> list[Write]:
    """The billing system pays it back, and is asked again whether it has. Refused with Moved."""
    again = _waits(refund, at, at + ASKED_AGAIN_AFTER, f"the bank to pay it back, by {at + PAID_BACK_BY:%Y-%m-%d}")
    events = [] if refund.status is Status.SENT else [_event(refund, Status.SENT, "the billing system pays it", at)]
    return [_becomes(refund, Status.SENT, at, *again), *events]


def tries(refund: Refund, at: datetime) -> Write:
    """The billing system is about to be asked for it. Refused with Moved."""
    return _becomes(refund, refund.status, at, RefundItem.tried_at.set(at))


def waits(refund: Refund, tried_at: datetime, why: str, at: datetime, due_at: datetime) -> Write:
    """The request that was noted last is answered, the one of `tried_at` may still come. Refused with Moved."""
    last = RefundItem.tried_at.set(tried_at)
    return _becomes(refund, refund.status, at, last, *_waits(refund, at, due_at, why))


def paid(account: Account, refund: Refund, at: datetime) -> list[Write]:
    """He has it. Refused with Moved."""
    return [
        _becomes(refund, Status.DONE, at, RefundItem.reason.remove(), *work.done()),
        store.account_moves(account, at, AccountItem.refund_id.remove()),
        *_told(account, refund, Status.DONE, "it was paid back", at),
    ]


def put_back(account: Account, refund: Refund, why: str, at: datetime) -> list[Write]:
    """The sum is on the account again. Refused with Moved."""
    return [
        _becomes(refund, Status.REFUSED, at, RefundItem.reason.set(why), *work.done()),
        store.money_moves(
            account,
            refund.kopecks,
            0,
            at,
            AccountItem.released_kopecks.add(Decimal(-refund.kopecks)),
            AccountItem.refund_id.remove(),
        ),
        journal_store.book(journal.refunded(refund, EntryKind.REFUND_REFUSED, at)),
        *_told(account, refund, Status.REFUSED, why, at),
    ]


def stops(refund: Refund, why: str, at: datetime) -> list[Write]:
    """A person has to look. Refused with Moved."""
    waits = work.needs_person(keys.REFUND, refund.refund_id, now=at, waits_for=f"an operator: {why}")
    return [
        _becomes(refund, refund.status, at, RefundItem.reason.set(why), *waits),
        _event(refund, refund.status, why, at),
    ]


def _becomes(refund: Refund, status: Status, at: datetime, *more: Action) -> Write:
    item, tried_at = RefundItem, refund.tried_at
    as_tried = item.tried_at.does_not_exist() if tried_at is None else item.tried_at == tried_at
    return Write.update(
        item(*keys.REFUND(refund_id=refund.refund_id)),
        item.status.set(status),
        item.updated_at.set(at),
        *more,
        when=(item.status == refund.status) & as_tried,
        otherwise=Moved("the refund has moved", id=refund.refund_id),
    )


def _waits(refund: Refund, at: datetime, due_at: datetime, what: str) -> list[Action]:
    return work.waits(keys.REFUND, refund.refund_id, now=at, due_at=due_at, waits_for=what)


def _told(account: Account, refund: Refund, status: Status, why: str, at: datetime) -> list[Write]:
    """In its own life and in that of the account."""
    of_it = TimelineEvent(at, account.status, account.status, f"refund {refund.refund_id} is {status}: {why}", CLOCK)
    return [_event(refund, status, why, at), timeline.record(store.account_id(account), of_it)]


def _event(refund: Refund, status: Status, why: str, at: datetime) -> Write:
    return timeline.record(refund.refund_id, TimelineEvent(at, refund.status, status, why, CLOCK))
