"""Payouts in the table: the order as its payout sees it, its attempts, the bank's events, and what decides them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from common import keys
from common.domain import timeline, work
from common.domain.payouts.model import (
    ATTEMPTS_MAX,
    AWAIT_SECONDS,
    Approval,
    Attempt,
    AttemptStatus,
    EventOutcome,
    Kind,
    Payout,
    PayoutNotFound,
    PayoutUnsettled,
    kind_of,
    named,
)
from common.domain.timeline import BANK, TimelineEvent
from common.errors import Refusal
from common.gateways.bank import Adjustment, BankEvent, State
from common.money import Money
from common.owner import Owner
from common.sealed import Sealed, shortened
from common.table.items import AnyItem, DecimalAttribute, InstantAttribute, Item
from common.table.table import Table
from common.table.transaction import Write

STRANGE_MAX = 500  # characters
NO_ATTEMPT = "no attempt has this reference"  # it may appear yet
EVENT_KEPT = timedelta(days=90)  # far beyond the bank's retries, and its settlement of disputes
_SHOULD_MOVE = timedelta(seconds=AWAIT_SECONDS + 120)  # the bank was asked again by then


class PayableItem(work.OpenWork):
    """The attributes that an order has for its payout; the items of both kinds inherit them."""

    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    status = UnicodeAttribute()
    banking_client_id = UnicodeAttribute()
    crypto_client_id = UnicodeAttribute(null=True)
    total_amount = DecimalAttribute(null=True)  # dollars to pay, once known
    attempts = DecimalAttribute(null=True)
    attempts_max = DecimalAttribute(null=True)  # beyond the usual ones, when an operator asked for one more
    uncounted = DecimalAttribute(null=True)  # attempts that the bank refused because of the desk itself
    disputed = BooleanAttribute(null=True)
    disputed_attempts = UnicodeAttribute(null=True)  # their numbers, each after a space
    contradictions = DecimalAttribute(null=True)  # how often it has, ever
    said_paid = UnicodeAttribute(null=True)  # the proposal that it was paid
    said_unpaid_by = UnicodeAttribute(null=True)  # who has dismissed what another one has said so
    reason = UnicodeAttribute(null=True)
    awaits_approval = BooleanAttribute(null=True)
    approved_amount = DecimalAttribute(null=True)
    approved_account = UnicodeAttribute(null=True)  # sealed, as whatever is called an account here
    approved_by = UnicodeAttribute(null=True)
    approved_at = InstantAttribute(null=True)
    returned = BooleanAttribute(null=True)


class AnyPayableItem(PayableItem, AnyItem): ...


class AttemptItem(Item, discriminator=keys.PAYOUT_ATTEMPT.entity):
    amount = DecimalAttribute()
    username = UnicodeAttribute()
    account = UnicodeAttribute()
    status = UnicodeAttribute()
    token = UnicodeAttribute(null=True)
    decided_at = InstantAttribute(null=True)
    adjustment_id = UnicodeAttribute(null=True)
    failure_code = UnicodeAttribute(null=True)
    abandoned_at = InstantAttribute(null=True)
    repeats = DecimalAttribute(null=True)
    repeated_at = InstantAttribute(null=True)
    repeat_refused_at = InstantAttribute(null=True)
    missed_at = InstantAttribute(null=True)
    paid_amount = DecimalAttribute(null=True)  # where two operators say it
    listed_at = InstantAttribute(null=True)  # when the bank's list of a day has told of it


class BankEventItem(work.OpenWork, discriminator=keys.BANK_EVENT.entity):
    """An event of the bank, once for each webhook id: what deduplicates it, and what is parked."""

    outcome = UnicodeAttribute()
    why = UnicodeAttribute()
    strange = UnicodeAttribute(null=True)  # what may be told of what we do not understand; it has none of the rest
    reference_id = UnicodeAttribute(null=True)
    adjustment_id = UnicodeAttribute(null=True)
    whose = UnicodeAttribute(null=True)  # the username of whose payout it names
    account = UnicodeAttribute(null=True)  # that the bank tells of; not kept where nobody is named
    amount = DecimalAttribute(null=True)
    state = UnicodeAttribute(null=True)
    failure_code = UnicodeAttribute(null=True)
    at = InstantAttribute(null=True)
    expires = DecimalAttribute(null=True)  # epoch seconds, the table's time to live; what is parked stays

    @property
    def webhook_id(self) -> str:
        return keys.BANK_EVENT.read(keys.PrimaryKey(self.PK, self.SK))["webhook_id"]


class EventSeen(Refusal):
    """The event has been taken already."""


class EventDecided(Refusal):
    """The parked event has been replayed or dismissed already."""


class AttemptMoved(Refusal):
    """The attempt, or its order, is not as it was read: read again."""


# Reading


def payout(table: Table, order_id: str) -> Payout:
    """As of now. Raises PayoutNotFound."""
    kind = kind_of(order_id)
    item = None if kind is None else table.get(AnyPayableItem, _key(kind, order_id), consistent=True)
    if kind is None or item is None:
        raise PayoutNotFound("there is no order of this id that ends in a payout", id=order_id)
    unpaid = item.status in (kind.ready, kind.paying, kind.failed)
    assert item.total_amount is not None or not unpaid, f"{order_id} does not say what is to be paid"
    return Payout(
        order_id=order_id,
        kind=kind,
        owner=Owner(item.username, item.sub),
        amount=Money(item.total_amount or 0),
        banking_client_id=item.banking_client_id,
        crypto_client_id=item.crypto_client_id,
        status=item.status,
        attempts=int(item.attempts or 0),
        attempts_max=int(item.attempts_max or ATTEMPTS_MAX),
        disputed=bool(item.disputed),
        created_at=item.created_at,
        needs_person=item.needs_person,
        waits_for=item.waits_for,
        reason=item.reason,
        awaits_approval=bool(item.awaits_approval),
        approval=_approval(item),
        uncounted=int(item.uncounted or 0),
        returned=bool(item.returned),
        disputed_attempts=_disputed(item),
        contradictions=int(item.contradictions or 0),
        said_paid=item.said_paid,
        said_unpaid_by=item.said_unpaid_by,
    )


def _disputed(item: PayableItem) -> tuple[int, ...]:
    """A dispute from before their numbers were written is about the latest."""
    if not item.disputed:
        return ()
    return tuple(map(int, (item.disputed_attempts or str(item.attempts)).split()))


def _approval(item: PayableItem) -> Approval | None:
    """None also for an approval without an account, as they were written at first: it counts for nothing."""
    if item.approved_amount is None or item.approved_account is None:
        return None
    assert item.approved_by is not None
    assert item.approved_at is not None
    return Approval(Money(item.approved_amount), Sealed(item.approved_account), item.approved_by, item.approved_at)


def latest(table: Table, payout: Payout) -> Attempt | None:
    """The attempt that was begun last; None before the first."""
    return None if payout.attempts == 0 else attempt(table, payout.order_id, payout.attempts)


def attempt(table: Table, order_id: str, number: int) -> Attempt | None:
    item = table.get(AttemptItem, _attempt_key(order_id, number), consistent=True)
    return None if item is None else _attempt(item)


def by_reference(table: Table, reference_id: str) -> Attempt | None:
    """None for a reference that names no attempt of ours."""
    parts = named(reference_id)
    return None if parts is None else attempt(table, *parts)


# Attempts


def listed(attempt: Attempt, at: datetime) -> Write:
    """The bank's list of a day has the attempt's adjustment. Refused with AttemptMoved."""
    item = AttemptItem
    return Write.update(
        item(*_attempt_key(attempt.order_id, attempt.number)),
        item.listed_at.set(at),
        when=item.PK.exists(),
        otherwise=AttemptMoved("the attempt is gone"),
    )


def begin(payout: Payout, attempt: Attempt, payout_max: Money) -> list[Write]:
    """The next attempt, before the bank is called. Refused with AttemptMoved, also when it is of more than `payout_max`
    and not approved, of this amount and to this account."""
    item, kind, at = PayableItem, payout.kind, attempt.created_at
    approved = (item.approved_amount == item.total_amount) & (item.approved_account == attempt.account)
    order = Write.update(
        _order(payout),
        item.status.set(kind.paying),
        item.attempts.set(Decimal(attempt.number)),
        item.awaits_approval.remove(),
        item.said_unpaid_by.remove(),
        item.updated_at.set(at),
        *work.waits(
            kind.row,
            payout.order_id,
            now=at,
            due_at=at + _SHOULD_MOVE,
            waits_for=f"the bank to pay attempt {attempt.number}",
        ),
        when=item.status.is_in(kind.ready, kind.paying)
        & _as_read(payout)
        & ((item.total_amount <= payout_max.usd) | approved),
        otherwise=AttemptMoved("the order has moved"),
    )
    written = AttemptItem(
        *_attempt_key(attempt.order_id, attempt.number),
        amount=attempt.amount.usd,
        username=attempt.username,
        account=attempt.account,
        status=attempt.status,
        created_at=at,
        updated_at=at,
    )
    new = Write.insert(written, otherwise=AttemptMoved("the attempt is there"))
    return [order, new, *_still_rejected(payout)]


def store_token(attempt: Attempt, token: str, at: datetime) -> Write:
    """Keep the token of the machine that waits. Refused with AttemptMoved when the attempt is decided."""
    return Write.update(
        AttemptItem(*_attempt_key(attempt.order_id, attempt.number)),
        AttemptItem.token.set(token),
        AttemptItem.updated_at.set(at),
        when=AttemptItem.status == AttemptStatus.PENDING,
        otherwise=AttemptMoved("the attempt is decided"),
    )


def repeat(attempt: Attempt, at: datetime) -> Write:
    """The attempt is about to be sent once more. Refused with AttemptMoved when it is decided or abandoned, or somebody
    else has sent it since it was read."""
    item = AttemptItem
    return Write.update(
        AttemptItem(*_attempt_key(attempt.order_id, attempt.number)),
        item.repeats.set(Decimal(attempt.repeats + 1)),
        item.repeated_at.set(at),
        item.missed_at.remove(),
        item.updated_at.set(at),
        when=(item.status == AttemptStatus.PENDING) & item.abandoned_at.does_not_exist() & _sent_as_read(attempt),
        otherwise=AttemptMoved("the attempt is decided, abandoned, or sent by somebody else"),
    )


def refuse_repeat(attempt: Attempt, at: datetime) -> Write:
    """The bank has refused an attempt that may have been sent before. Refused with AttemptMoved when that is known, or
    the attempt is decided."""
    item = AttemptItem
    return Write.update(
        AttemptItem(*_attempt_key(attempt.order_id, attempt.number)),
        item.repeat_refused_at.set(at),
        item.updated_at.set(at),
        when=(item.status == AttemptStatus.PENDING) & item.repeat_refused_at.does_not_exist(),
        otherwise=AttemptMoved("the attempt is decided, or this is known"),
    )


def missed(attempt: Attempt, at: datetime) -> Write:
    """The bank, asked late enough, does not know an attempt: the first of the two looks that it takes. Refused with
    AttemptMoved when it is decided, or was sent since it was read."""
    item = AttemptItem
    return Write.update(
        AttemptItem(*_attempt_key(attempt.order_id, attempt.number)),
        item.missed_at.set(at),
        item.updated_at.set(at),
        when=(item.status == AttemptStatus.PENDING) & _sent_as_read(attempt),
        otherwise=AttemptMoved("the attempt is decided, or sent by somebody else"),
    )


def decide(
    attempt: Attempt,
    status: AttemptStatus,
    at: datetime,
    adjustment: Adjustment | None,
    why: str,
    *,
    paid: Money | None = None,
) -> Write:
    """End a pending attempt, as the bank's `adjustment` says. Without one, it ends only if nobody has sent it since it
    was read: that might have been booked. `paid` is what two operators say, if it is they who decide. Refused with
    AttemptMoved."""
    item = AttemptItem
    rule: Condition = item.status == AttemptStatus.PENDING
    if adjustment is None:
        rule &= _sent_as_read(attempt)
    actions: list[Action] = [item.status.set(status), item.decided_at.set(at), item.updated_at.set(at)]
    if adjustment is not None:
        actions.append(item.adjustment_id.set(adjustment.adjustment_id))
    if status is AttemptStatus.REJECTED:
        actions.append(item.failure_code.set(why))
    if paid is not None:
        actions.append(item.paid_amount.set(paid.usd))
    return Write.update(
        AttemptItem(*_attempt_key(attempt.order_id, attempt.number)),
        *actions,
        when=rule,
        otherwise=AttemptMoved("the attempt is decided, or sent by somebody else"),
    )


def _sent_as_read(attempt: Attempt) -> Condition:
    """Nobody has sent it, or was about to, since it was read."""
    repeats = AttemptItem.repeats
    rule: Condition = repeats == Decimal(attempt.repeats) if attempt.repeats else repeats.does_not_exist()
    return rule


def pay(payout: Payout, number: int, at: datetime) -> Write:
    """The order is paid by that attempt. Refused with AttemptMoved."""
    item, kind = PayableItem, payout.kind
    return Write.update(
        _order(payout),
        item.status.set(kind.paid),
        item.said_paid.remove(),
        item.said_unpaid_by.remove(),
        item.updated_at.set(at),
        *work.done(),
        when=(item.status == kind.paying) & _counted(number),
        otherwise=AttemptMoved("the order is not being paid"),
    )


def pause(
    payout: Payout, number: int, at: datetime, next_at: datetime | None, why: str, *, counts: bool = True
) -> Write:
    """Attempt `number` was rejected: the order waits for the next one, until `next_at`. It waits for a person instead
    if that is None, and if it did so before, since this rejection does not clear up what the person was asked about;
    and where somebody has said that the bank has paid it, be that dismissed by now. Unless it `counts`, an attempt uses
    up none of those that the customer has. Refused with AttemptMoved."""
    item, kind = PayableItem, payout.kind
    rejected = "rejected" if counts else "rejected and does not count, since the bank refuses the desk itself"
    waits_for = f"the attempt after {number}, which was {rejected}: {why}"
    if payout.disputed or payout.needs_person or payout.was_said_paid or next_at is None:
        actions = work.needs_person(kind.row, payout.order_id, now=at, waits_for=f"an operator, before {waits_for}")
        for_whom: Condition = item.open_work.exists()
    else:
        due_at = next_at + work.SOON
        actions = work.waits(kind.row, payout.order_id, now=at, due_at=due_at, waits_for=waits_for)
        for_whom = item.open_work == work.partition(kind.row, payout.order_id)  # nobody has asked for a person
    return Write.update(
        _order(payout),
        item.updated_at.set(at),
        *([] if counts else [item.uncounted.set(Decimal(payout.uncounted + 1))]),
        *actions,
        when=(item.status == kind.paying)
        & _counted(number)
        & _dispute_as_read(payout)
        & _said_as_read(payout)
        & _uncounted_as_read(payout)
        & for_whom,
        otherwise=AttemptMoved("the order is not being paid"),
    )


def fail(payout: Payout, at: datetime, why: str) -> list[Write]:
    """The last attempt was rejected: the order has failed and waits for a person. Refused with AttemptMoved."""
    item, kind = PayableItem, payout.kind
    order = Write.update(
        _order(payout),
        item.status.set(kind.failed),
        item.reason.set(why),
        item.updated_at.set(at),
        *_asks(payout, at, why),
        when=(item.status == kind.paying) & _as_read(payout) & _limit_as_read(payout),
        otherwise=AttemptMoved("the order has moved"),
    )
    return [order, *_still_rejected(payout)]


def stop(payout: Payout, at: datetime, why: str, *, for_approval: bool = False) -> Write:
    """Leave the order as it is and ask for a person; `for_approval` for two. Refused with AttemptMoved."""
    item = PayableItem
    return Write.update(
        _order(payout),
        item.updated_at.set(at),
        *_asks(payout, at, why),
        *([item.awaits_approval.set(True)] if for_approval else []),
        when=(item.status == payout.status) & _as_read(payout) & _limit_as_read(payout),
        otherwise=AttemptMoved("the order has moved"),
    )


def doubt(payout: Payout, attempt: Attempt, at: datetime, why: str) -> list[Write]:
    """What the bank tells of a pending attempt does not fit it: ask for a person. Refused with AttemptMoved."""
    item = AttemptItem
    pending = Write.check(
        AttemptItem(*_attempt_key(attempt.order_id, attempt.number)),
        when=item.status == AttemptStatus.PENDING,
        otherwise=AttemptMoved("the attempt is decided"),
    )
    return [stop(payout, at, why), pending, event(payout, payout.status, why, BANK, at)]


def dispute(payout: Payout, number: int, at: datetime, why: str) -> Write:
    """The bank has contradicted itself about attempt `number`: no further one until two operators have said what it has
    paid. What they have approved before, they have approved without knowing this. Refused with AttemptMoved."""
    item = PayableItem
    return Write.update(
        _order(payout),
        *_dispute(sorted({*payout.disputed_attempts, number})),
        item.contradictions.set(Decimal(payout.contradictions + 1)),
        item.approved_amount.remove(),
        item.approved_account.remove(),
        item.approved_by.remove(),
        item.approved_at.remove(),
        item.awaits_approval.remove(),
        item.updated_at.set(at),
        *_asks(payout, at, why),
        when=(item.status == payout.status) & _contradictions_as_read(payout),
        otherwise=AttemptMoved("the order has moved"),
    )


def _asks(payout: Payout, at: datetime, why: str) -> list[Action]:
    return work.needs_person(payout.kind.row, payout.order_id, now=at, waits_for=f"an operator: {why}")


# By hand


def approve(payout: Payout, account: Sealed, at: datetime, by: str) -> list[Write]:
    """Two operators (`by`) approve a payout that waits for it, of the amount that was read and to the account that
    they were shown: its machine may send it there. Refused with PayoutUnsettled."""
    item, kind = PayableItem, payout.kind
    order = Write.update(
        _order(payout),
        item.approved_amount.set(payout.amount.usd),
        item.approved_account.set(account),
        item.approved_by.set(by),
        item.approved_at.set(at),
        item.awaits_approval.remove(),
        item.updated_at.set(at),
        *work.waits(kind.row, payout.order_id, now=at, due_at=at + work.SOON, waits_for="the next attempt, approved"),
        when=item.status.is_in(kind.ready, kind.paying)
        & (item.total_amount == payout.amount.usd)
        & item.awaits_approval.exists()
        & _as_read(payout),
        otherwise=_unsettled(payout),
    )
    told = f"approved: ${payout.amount} may be paid to {shortened(account)}"
    return [order, event(payout, payout.status, told, by, at)]


def retry(payout: Payout, at: datetime, due_at: datetime) -> list[Write]:
    """Allow one more attempt. Refused with PayoutUnsettled."""
    item, kind = PayableItem, payout.kind
    order = Write.update(
        _order(payout),
        item.status.set(kind.paying if payout.attempts else kind.ready),
        item.attempts_max.set(Decimal(max(payout.counted + 1, payout.attempts_max))),
        item.reason.remove(),
        item.said_unpaid_by.remove(),
        item.updated_at.set(at),
        *work.waits(kind.row, payout.order_id, now=at, due_at=due_at, waits_for="one more attempt"),
        when=(item.status == payout.status) & _as_read(payout) & _limit_as_read(payout),
        otherwise=_unsettled(payout),
    )
    return [order, *_still_rejected(payout, _unsettled(payout))]


def abandon(attempt: Attempt, at: datetime, otherwise: Refusal) -> Write:
    """A person says that a pending attempt never reached the bank: nobody sends it any more. Refused with `otherwise`
    when it is decided, or abandoned already."""
    item = AttemptItem
    return Write.update(
        AttemptItem(*_attempt_key(attempt.order_id, attempt.number)),
        item.abandoned_at.set(at),
        item.updated_at.set(at),
        when=(item.status == AttemptStatus.PENDING) & item.abandoned_at.does_not_exist(),
        otherwise=otherwise,
    )


def go_on(payout: Payout, at: datetime, due_at: datetime, waits_for: str) -> Write:
    """The order's machine may move it again. Refused with PayoutUnsettled."""
    item, kind = PayableItem, payout.kind
    return Write.update(
        _order(payout),
        item.updated_at.set(at),
        *work.waits(kind.row, payout.order_id, now=at, due_at=due_at, waits_for=waits_for),
        when=(item.status == payout.status) & _as_read(payout),
        otherwise=_unsettled(payout),
    )


def close(payout: Payout, status: str, at: datetime, why: str, *, returned: bool = False) -> list[Write]:
    """End the order by hand; `returned` where its dollars go to the customer's balance. Refused with PayoutUnsettled,
    also while an attempt may still be paid."""
    item = PayableItem
    order = Write.update(
        _order(payout),
        item.status.set(status),
        item.reason.set(why),
        *_dispute([]),
        item.said_paid.remove(),
        item.updated_at.set(at),
        *([item.returned.set(True)] if returned else []),
        *work.done(),
        when=(item.status == payout.status) & _as_read(payout) & _limit_as_read(payout),
        otherwise=_unsettled(payout),
    )
    return [order, *_still_rejected(payout, _unsettled(payout))]


def say_paid(payout: Payout, proposal_id: str, at: datetime, why: str) -> list[Write]:
    """An operator says that it was paid by another way: nothing of it moves until that is decided. Refused with
    PayoutUnsettled."""
    said = _said_paid(payout, proposal_id, at, *_asks(payout, at, why))
    return [said, *_still_rejected(payout, _unsettled(payout))]


def say_pending_paid(payout: Payout, attempt: Attempt, proposal_id: str, at: datetime) -> list[Write]:
    """An operator says that the bank has paid the pending attempt. The bank is still asked for it, and what it tells
    counts; but it is neither sent again nor abandoned, and none follows it, until that is decided. Refused with
    PayoutUnsettled."""
    item = AttemptItem
    pending = Write.check(
        item(*_attempt_key(attempt.order_id, attempt.number)),
        when=(item.status == AttemptStatus.PENDING) & _sent_as_read(attempt),
        otherwise=_unsettled(payout),
    )
    return [_said_paid(payout, proposal_id, at), pending]


def _said_paid(payout: Payout, proposal_id: str, at: datetime, *asks: Action) -> Write:
    item = PayableItem
    return Write.update(
        _order(payout),
        item.said_paid.set(proposal_id),
        item.updated_at.set(at),
        *asks,
        when=(item.status == payout.status) & _as_read(payout),
        otherwise=_unsettled(payout),
    )


def not_said_paid(payout: Payout) -> Write:
    """The condition that nobody says that it was paid. Refused with AttemptMoved."""
    never: Condition = PayableItem.said_paid.does_not_exist()
    return Write.check(_order(payout), when=never, otherwise=AttemptMoved("somebody says that it was paid"))


def say_unpaid(payout: Payout, by: str | None, at: datetime, why: str, *, asks: bool) -> Write:
    """What was said of it is dismissed, `by` another one than has said it; None leaves whoever has dismissed such a
    thing before: he is not freed by what is said and taken back after. `asks`: a person says how it goes on. While an
    attempt is pending, its machine does. Refused with PayoutUnsettled."""
    item = PayableItem
    goes_on = work.waits(payout.kind.row, payout.order_id, now=at, due_at=at + work.SOON, waits_for=f"the bank; {why}")
    return Write.update(
        _order(payout),
        item.said_paid.remove(),
        *([] if by is None else [item.said_unpaid_by.set(by)]),
        item.updated_at.set(at),
        *(_asks(payout, at, why) if asks else goes_on),
        when=(item.status == payout.status) & _as_read(payout),
        otherwise=_unsettled(payout),
    )


def paid_after_all(payout: Payout, attempt: Attempt, at: datetime, told: Adjustment, why: str) -> list[Write]:
    """Two operators say that the bank has paid a rejected attempt: it is that which has paid the order. Refused with
    AttemptMoved, and as `close`."""
    item = AttemptItem
    decided = _rejected_as_read(
        attempt,
        item.status.set(AttemptStatus.COMPLETED),
        item.decided_at.set(at),
        item.adjustment_id.set(told.adjustment_id),
        item.paid_amount.set(told.amount.usd),
        item.updated_at.set(at),
    )
    order, *latest = close(payout, payout.kind.paid, at, why)
    return [decided, order, *_of_another(latest, payout, attempt)]


def never_paid(payout: Payout, attempt: Attempt, at: datetime, why: str) -> list[Write]:
    """Two operators say that the bank has paid nothing of a rejected attempt, whatever it has told: unless the bank has
    contradicted itself about another one, too, the order is disputed no more, and a person says where its dollars go.
    Refused with AttemptMoved, PayoutUnsettled."""
    item = PayableItem
    order = Write.update(
        _order(payout),
        *_dispute([each for each in payout.disputed_attempts if each != attempt.number]),
        item.updated_at.set(at),
        *_asks(payout, at, why),
        when=(item.status == payout.status) & _as_read(payout),
        otherwise=_unsettled(payout),
    )
    attempted = AttemptItem
    decided = _rejected_as_read(
        attempt, attempted.decided_at.set(at), attempted.paid_amount.set(Decimal(0)), attempted.updated_at.set(at)
    )
    return [decided, order, *_of_another(_still_rejected(payout, _unsettled(payout)), payout, attempt)]


def _rejected_as_read(attempt: Attempt, *actions: Action) -> Write:
    paid = AttemptItem.paid_amount
    as_read: Condition = paid.does_not_exist() if attempt.paid is None else paid == attempt.paid.usd
    return Write.update(
        AttemptItem(*_attempt_key(attempt.order_id, attempt.number)),
        *actions,
        when=(AttemptItem.status == AttemptStatus.REJECTED) & as_read,
        otherwise=AttemptMoved("the attempt is not as it was read"),
    )


def _of_another(checks: list[Write], payout: Payout, attempt: Attempt) -> list[Write]:
    """Those of the latest attempt, unless it is this one, which has its own condition."""
    return [] if attempt.number == payout.attempts else checks


def _dispute(attempts: list[int]) -> list[Action]:
    """The actions after which the bank's word is disputed about these."""
    disputed, numbers = PayableItem.disputed, PayableItem.disputed_attempts
    if not attempts:
        return [disputed.remove(), numbers.remove()]
    return [disputed.set(True), numbers.set(" ".join(map(str, attempts)))]


def event(payout: Payout, after: str, reason: str, actor: str, at: datetime) -> Write:
    return timeline.record(payout.order_id, TimelineEvent(at, payout.status, after, reason, actor))


def _unsettled(payout: Payout) -> PayoutUnsettled:
    return PayoutUnsettled(
        "the order has moved, or an attempt may still be paid; look at it again",
        id=payout.order_id,
        order_status=payout.status,
    )


def _still_rejected(payout: Payout, otherwise: Refusal | None = None) -> list[Write]:
    """The condition that the latest attempt, if there is one, is rejected; a write of its own, as the attempt is an
    item of its own."""
    if payout.attempts == 0:
        return []
    return [
        Write.check(
            AttemptItem(*_attempt_key(payout.order_id, payout.attempts)),
            when=AttemptItem.status == AttemptStatus.REJECTED,
            otherwise=otherwise or AttemptMoved("the latest attempt is not rejected"),
        )
    ]


def _as_read(payout: Payout) -> Condition:
    """Nobody has begun an attempt, nor has the bank contradicted itself, nor has an operator said that it was paid,
    since the order was read."""
    rule: Condition = _counted(payout.attempts) & _dispute_as_read(payout) & _said_as_read(payout)
    return rule


def _said_as_read(payout: Payout) -> Condition:
    """Nobody has said that it was paid, nor dismissed that, both of which may have been since."""
    said, unsaid = PayableItem.said_paid, PayableItem.said_unpaid_by
    rule: Condition = said.does_not_exist() if payout.said_paid is None else said == payout.said_paid
    by = payout.said_unpaid_by
    rule &= unsaid.does_not_exist() if by is None else unsaid == by
    return rule


def _dispute_as_read(payout: Payout) -> Condition:
    disputed = PayableItem.disputed
    rule: Condition = disputed.exists() if payout.disputed else disputed.does_not_exist()
    rule &= _contradictions_as_read(payout)
    return rule


def _contradictions_as_read(payout: Payout) -> Condition:
    """The bank has not contradicted itself once more."""
    times = PayableItem.contradictions
    rule: Condition = times == Decimal(payout.contradictions) if payout.contradictions else times.does_not_exist()
    return rule


def _limit_as_read(payout: Payout) -> Condition:
    """Nobody has asked for one more attempt since the order was read, nor has one turned out not to count."""
    limit = PayableItem.attempts_max
    rule: Condition = limit == Decimal(payout.attempts_max)
    if payout.attempts_max == ATTEMPTS_MAX:
        rule |= limit.does_not_exist()
    rule &= _uncounted_as_read(payout)
    return rule


def _uncounted_as_read(payout: Payout) -> Condition:
    uncounted = PayableItem.uncounted
    rule: Condition = uncounted == Decimal(payout.uncounted) if payout.uncounted else uncounted.does_not_exist()
    return rule


def _counted(attempts: int) -> Condition:
    if attempts == 0:
        return PayableItem.attempts.does_not_exist()
    return PayableItem.attempts == Decimal(attempts)


# The bank's events


@dataclass(frozen=True)
class Payee:
    """Whose payout an event names, and the account that the bank tells of, sealed under his key; None: he has none any
    more."""

    username: str
    account: Sealed | None


def take(event: BankEvent, payee: Payee | None, outcome: str, why: str, now: datetime) -> Write:
    """Keep an event as taken. Refused with EventSeen: goes first, so that a repeat changes nothing."""
    item = _event_item(event, payee, outcome, why, now)
    item.expires = _expiry(now)
    return Write.insert(item, otherwise=EventSeen("the event was taken before"))


def park(event: BankEvent, payee: Payee | None, why: str, now: datetime) -> Write:
    """Keep an event that can not be placed, for a person or the sweeper. Refused with EventSeen."""
    item = _event_item(event, payee, EventOutcome.PARKED, why, now)
    work.wait(item, keys.BANK_EVENT, due_at=now, waits_for=why)
    return Write.insert(item, otherwise=EventSeen("the event was taken before"))


def park_strange(webhook_id: str, told: str, why: str, now: datetime) -> Write:
    """Keep what the bank has signed and we do not understand, for a person. Refused with EventSeen."""
    item = BankEventItem(
        *keys.BANK_EVENT(webhook_id=webhook_id),
        outcome=EventOutcome.PARKED,
        why=why,
        strange=told[:STRANGE_MAX],
        created_at=now,
        updated_at=now,
    )
    work.wait(item, keys.BANK_EVENT, due_at=now, waits_for=why)
    return Write.insert(item, otherwise=EventSeen("the event was taken before"))


def still_parked(webhook_id: str, why: str, now: datetime) -> Write:
    """A parked event was tried again and could not be placed. Refused with EventDecided."""
    item = BankEventItem
    return Write.update(
        BankEventItem(*keys.BANK_EVENT(webhook_id=webhook_id)),
        item.why.set(why),
        item.waits_for.set(why),
        item.updated_at.set(now),
        when=item.outcome == EventOutcome.PARKED,
        otherwise=EventDecided("the event is not parked any more"),
    )


def unpark(webhook_id: str, outcome: str, why: str, now: datetime) -> Write:
    """A parked event is placed, or dismissed. Refused with EventDecided."""
    item = BankEventItem
    return Write.update(
        BankEventItem(*keys.BANK_EVENT(webhook_id=webhook_id)),
        item.outcome.set(outcome),
        item.why.set(why),
        item.expires.set(_expiry(now)),
        item.updated_at.set(now),
        *work.done(),
        when=item.outcome == EventOutcome.PARKED,
        otherwise=EventDecided("the event is not parked any more"),
    )


def parked(table: Table, now: datetime) -> Iterator[BankEventItem]:
    """The parked events, oldest first."""
    for waiting in work.due(table, keys.BANK_EVENT.backlog, now):
        item = parked_event(table, waiting.key)
        if item is not None:
            yield item


def parked_event(table: Table, key: keys.PrimaryKey) -> BankEventItem | None:
    """The event here, which the index says is parked; None when it is parked no more."""
    item = table.get(BankEventItem, key, consistent=True)
    return item if item is not None and item.outcome == EventOutcome.PARKED else None


def bank_event(table: Table, webhook_id: str) -> BankEventItem | None:
    return table.get(BankEventItem, keys.BANK_EVENT(webhook_id=webhook_id), consistent=True)


def event_of(item: BankEventItem) -> BankEvent | None:
    """The event as the bank sent it, without its account; None when we did not understand it."""
    if item.reference_id is None or item.amount is None or item.state is None or item.at is None:
        return None
    adjustment = Adjustment(
        adjustment_id=item.adjustment_id or "",
        reference_id=item.reference_id,
        account_id="",
        amount=Money(item.amount),
        state=State(item.state),
        failure_code=item.failure_code,
    )
    return BankEvent(item.webhook_id, adjustment, item.at)


def payee_of(item: BankEventItem) -> Payee | None:
    """None: it names nobody's payout."""
    return None if item.whose is None else Payee(item.whose, None if item.account is None else Sealed(item.account))


def _event_item(event: BankEvent, payee: Payee | None, outcome: str, why: str, now: datetime) -> BankEventItem:
    told = event.adjustment
    return BankEventItem(
        *keys.BANK_EVENT(webhook_id=event.event_id),
        outcome=outcome,
        why=why,
        reference_id=told.reference_id,
        adjustment_id=told.adjustment_id,
        whose=None if payee is None else payee.username,
        account=None if payee is None else payee.account,
        amount=told.amount.usd,
        state=told.state,
        failure_code=told.failure_code,
        at=event.at,
        created_at=now,
        updated_at=now,
    )


def _expiry(now: datetime) -> Decimal:
    return Decimal(int((now + EVENT_KEPT).timestamp()))


# Mapping


def _key(kind: Kind, order_id: str) -> keys.PrimaryKey:
    return kind.row(order_id=order_id)


def _order(payout: Payout) -> PayableItem:
    return AnyPayableItem(*_key(payout.kind, payout.order_id))


def _attempt_key(order_id: str, number: int) -> keys.PrimaryKey:
    return keys.PAYOUT_ATTEMPT(order_id=order_id, attempt=f"{number:02d}")


def _attempt(item: AttemptItem) -> Attempt:
    return Attempt(
        order_id=item.PK,
        number=int(item.SK.rpartition("#")[2]),
        amount=Money(item.amount),
        username=item.username,
        account=Sealed(item.account),
        status=AttemptStatus(item.status),
        created_at=item.created_at,
        decided_at=item.decided_at,
        adjustment_id=item.adjustment_id,
        failure_code=item.failure_code,
        token=item.token,
        abandoned_at=item.abandoned_at,
        repeats=int(item.repeats or 0),
        repeated_at=item.repeated_at,
        repeat_refused_at=item.repeat_refused_at,
        missed_at=item.missed_at,
        paid=None if item.paid_amount is None else Money(item.paid_amount),
    )
