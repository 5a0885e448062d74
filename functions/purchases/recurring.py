"""Recurring buys: what is bought again and again, and when. Pure.

A date is an instant of UTC, and the n-th date of a rhythm is reckoned from its first, never from the one before:

    daily     first + n days
    weekly    first + 7n days
    monthly   the same day and time n months later; the last day of a month that has no such day, so
              31 January, 28 February, 31 March

A date is dealt with once: bought, or skipped with its reason. Of several that the clock was too late for, the latest is
bought and the others are told with it, since nobody who wants $10 a day wants $300 on the day after an outage.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from common import keys
from common.clock import text
from common.domain.catalogue.model import PriceMoved
from common.domain.ledger.model import AccountNotFound
from common.errors import Conflict, NotFound, Refusal, Rejected
from common.idempotency import IdempotencyKeyReused, derived_id, terms
from common.money import Money, Price
from common.owner import Owner
from functions.purchases.model import Terms

LIVE_MAX = 20  # recurring buys of one login that are not over
SKIPPED_MAX = 3  # dates in a row that are skipped for a reason of the customer's or the asset's; then it pauses
RETRY_AFTER = timedelta(minutes=10)
TRIED_FOR = timedelta(hours=24)  # a date that can not be bought now is tried so long, and no longer than to the next
LATE_MAX = timedelta(minutes=5)  # a first date may be so long ago: clocks differ, and requests take a while
AHEAD_MAX = timedelta(days=366)  # and so far ahead


class RecurringBuyNotFound(NotFound):
    """There is no such recurring buy, or it is somebody else's."""


class RecurringBuyOver(Conflict):
    """The recurring buy is cancelled, or has ended: it does not change any more."""


class RecurringBuyChanged(Conflict):
    """The recurring buy has another version by now: look at it again."""


class TooManyRecurringBuys(Conflict):
    """So many of yours are active or paused already. Cancel one first."""


class DateOutOfRange(Rejected):
    """The first date is past or too far ahead, or the end is before the next date."""


class Every(StrEnum):
    """How often."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Status(StrEnum):
    """Of a recurring buy."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"  # by its customer, or after SKIPPED_MAX dates in a row
    CANCELLED = "CANCELLED"
    ENDED = "ENDED"  # it has no further date, or its account is another login's


TRANSITIONS: dict[Status, set[Status]] = {
    Status.ACTIVE: {Status.PAUSED, Status.CANCELLED, Status.ENDED},
    Status.PAUSED: {Status.ACTIVE, Status.CANCELLED},
    Status.CANCELLED: set(),
    Status.ENDED: set(),
}


class Outcome(StrEnum):
    """Of a date."""

    BOUGHT = "BOUGHT"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True)
class Rhythm:
    every: Every
    starts_at: datetime  # its first date

    def date(self, n: int) -> datetime:
        """The n-th, from 0."""
        first = self.starts_at
        if self.every is Every.DAILY:
            return first + timedelta(days=n)
        if self.every is Every.WEEKLY:
            return first + timedelta(weeks=n)
        years, month = divmod(first.month - 1 + n, 12)
        year, month = first.year + years, month + 1
        return first.replace(year=year, month=month, day=min(first.day, monthrange(year, month)[1]))

    def number(self, at: datetime) -> int:
        """Of the latest date that is not after `at`; -1 before the first."""
        if at < self.starts_at:
            return -1
        if self.every is not Every.MONTHLY:
            return (at - self.starts_at) // (self.date(1) - self.starts_at)
        n = (at.year - self.starts_at.year) * 12 + at.month - self.starts_at.month
        return n if self.date(n) <= at else n - 1

    def after(self, at: datetime) -> datetime:
        """The first date after `at`."""
        return self.date(self.number(at) + 1)


@dataclass(frozen=True)
class Asked:
    """What a customer asks for: the terms of each purchase, how often, from when (None: now), until when."""

    terms: Terms
    every: Every
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        return terms(
            buys=self.terms.fingerprint,
            every=self.every,
            starts_at=None if self.starts_at is None else text(self.starts_at),
            ends_at=None if self.ends_at is None else text(self.ends_at),
        )


@dataclass(frozen=True)
class Changes:
    """What of a recurring buy is to be another; what is not in it stays. `quantity` takes the place of `quote_amount`
    and the other way round; `max_price` and `ends_at` may be None, for none."""

    given: dict[str, Any]

    def terms(self, before: Terms) -> Terms:
        """Raises ContradictoryTerms."""
        if not self.given.keys() & {"quantity", "quote_amount", "max_price"}:
            return before
        amounts: dict[str, Any] = {"quantity": before.quantity, "quote_amount": before.quote_amount}
        if self.given.keys() & amounts.keys():
            amounts = {name: self.given.get(name) for name in amounts}
        return Terms(before.asset_id, **amounts, max_price=self.given.get("max_price", before.max_price))


@dataclass(frozen=True)
class RecurringBuy:
    """A purchase that is made again and again. While it is active it has a date, `next_at`, that is to be dealt with;
    `due_at` is when the clock looks at it: then, or later where it is `tried` again. `version` counts what its customer
    has changed. `skipped` counts the dates in a row that were, for a reason of the customer's or the asset's."""

    plan_id: str
    owner: Owner
    terms: Terms
    rhythm: Rhythm
    ends_at: datetime | None
    status: Status
    asked: str  # the fingerprint
    created_at: datetime
    updated_at: datetime
    next_at: datetime | None = None
    due_at: datetime | None = None
    version: int = 1
    last_at: datetime | None = None  # the latest date that is dealt with
    tried: datetime | None = None  # the date that could not be bought so far
    tried_since: datetime | None = None
    skipped: int = 0
    reason: str | None = None  # why it is paused or over, or is being tried again

    def repeated(self, asked: Asked) -> RecurringBuy:
        """This one, as the answer to a repeat. Raises IdempotencyKeyReused."""
        if self.asked != asked.fingerprint:
            raise IdempotencyKeyReused(self.plan_id)
        return self

    @property
    def over(self) -> bool:
        return self.status in (Status.CANCELLED, Status.ENDED)

    def date_due(self, now: datetime) -> datetime:
        """The date to be bought now: the latest that has come."""
        assert self.next_at is not None
        last = now if self.ends_at is None else min(now, self.ends_at)
        return max(self.next_at, self.rhythm.date(self.rhythm.number(last)))

    def missed(self, date: datetime) -> int:
        """How many dates before this one nobody has dealt with."""
        assert self.next_at is not None
        return self.rhythm.number(date) - self.rhythm.number(self.next_at)

    def gives_up(self, now: datetime) -> bool:
        """Was a date tried long enough, or has another one come?"""
        if self.tried is None or self.tried_since is None:
            return False
        return now >= self.tried_since + TRIED_FOR or self.date_due(now) > self.tried

    def following(self, date: datetime) -> datetime | None:
        """The date after this one, if it has one."""
        after = self.rhythm.after(date)
        return None if self.ends_at is not None and after > self.ends_at else after

    def purchase_id(self, date: datetime) -> str:
        """Of the purchase of a date: whoever makes it makes the same one."""
        return derived_id(keys.PURCHASE, self.plan_id, "recurring buy", text(date))

    def bought(self, date: datetime, at: datetime) -> RecurringBuy:
        return self._dealt(date, at, skipped=0)

    def skips(self, date: datetime, why: Refusal | str, at: datetime) -> RecurringBuy:
        """The date is not bought. What is no doing of the customer's or the asset's (a price that is not to be had), or
        is what he wants (his `max_price`), does not count towards pausing."""
        if isinstance(why, AccountNotFound):
            return replace(self._dealt(date, at, skipped=self.skipped + 1), **_over("its account is not this login's"))
        if isinstance(why, str | PriceMoved):
            return self._dealt(date, at, skipped=self.skipped)
        after = self._dealt(date, at, skipped=self.skipped + 1)
        if after.over or after.skipped < SKIPPED_MAX:
            return after
        told = f"{after.skipped} dates in a row were skipped; of the last one: {why.detail}"
        return replace(after, status=Status.PAUSED, next_at=None, due_at=None, reason=told)

    def _dealt(self, date: datetime, at: datetime, *, skipped: int) -> RecurringBuy:
        following = self.following(date)
        after = replace(self, last_at=date, tried=None, tried_since=None, skipped=skipped, reason=None, updated_at=at)
        if following is None:
            return replace(after, **_over("it has no further date"))
        return replace(after, next_at=following, due_at=following)

    def tries_again(self, date: datetime, why: str, at: datetime) -> RecurringBuy:
        since = at if self.tried_since is None else self.tried_since
        due_at = min(at + RETRY_AFTER, since + TRIED_FOR)
        return replace(self, tried=date, tried_since=since, due_at=due_at, reason=why, updated_at=at)

    def changed(self, changes: Changes, now: datetime) -> RecurringBuy:
        """Raises RecurringBuyOver, ContradictoryTerms, DateOutOfRange."""
        self.must_not_be_over()
        given = changes.given
        after = replace(
            self,
            terms=changes.terms(self.terms),
            ends_at=given.get("ends_at", self.ends_at),
            version=self.version + 1,
            tried=None,
            tried_since=None,
            reason=self.reason if self.status is Status.PAUSED else None,
            updated_at=now,
        )
        if given.keys() & {"every", "starts_at"}:
            starts_at = given.get("starts_at", self.next_at or self._next(self.rhythm, now))
            if "starts_at" in given:
                check_start(starts_at, now)
            after = replace(after, rhythm=Rhythm(given.get("every", self.rhythm.every), starts_at))
        if self.status is Status.ACTIVE:
            after = after.with_next(self.next_at if after.rhythm == self.rhythm else after.rhythm.starts_at)
        return after

    def paused(self, now: datetime) -> RecurringBuy:
        """Raises RecurringBuyOver."""
        self.must_not_be_over()
        told = replace(self, status=Status.PAUSED, reason="paused by the customer", next_at=None, due_at=None)
        return replace(told, version=self.version + 1, tried=None, tried_since=None, updated_at=now)

    def resumed(self, now: datetime) -> RecurringBuy:
        """From its next date on: those that came meanwhile are not made good. Raises RecurringBuyOver,
        DateOutOfRange."""
        self.must_not_be_over()
        after = replace(self, status=Status.ACTIVE, reason=None, skipped=0, version=self.version + 1, updated_at=now)
        return after.with_next(self._next(self.rhythm, now))

    def cancelled(self, now: datetime) -> RecurringBuy:
        """Raises RecurringBuyOver."""
        self.must_not_be_over()
        told = {**_over("cancelled by the customer"), "status": Status.CANCELLED}
        return replace(self, **told, version=self.version + 1, tried=None, tried_since=None, updated_at=now)

    def must_not_be_over(self) -> None:
        """Raises RecurringBuyOver."""
        if self.over:
            raise RecurringBuyOver(f"the recurring buy is {self.status}", id=self.plan_id, recurring_status=self.status)

    def _next(self, rhythm: Rhythm, now: datetime) -> datetime:
        return rhythm.after(now if self.last_at is None else max(now, self.last_at))

    def with_next(self, date: datetime | None) -> RecurringBuy:
        """With this as its next date, or a later one of its rhythm where that is dealt with already. Raises
        DateOutOfRange."""
        assert date is not None
        if self.last_at is not None and date <= self.last_at:
            date = self.rhythm.after(self.last_at)
        if self.ends_at is not None and date > self.ends_at:
            raise DateOutOfRange(f"its next date, {text(date)}, would be after its end, {text(self.ends_at)}")
        return replace(self, next_at=date, due_at=date)

    def differs(self, other: RecurringBuy) -> bool:
        """In what a customer may change."""
        named = ("terms", "rhythm", "ends_at")
        return any(getattr(self, f.name) != getattr(other, f.name) for f in fields(self) if f.name in named)


def _over(why: str) -> dict[str, Any]:
    return {"status": Status.ENDED, "next_at": None, "due_at": None, "reason": why}


def plan_id(owner: Owner, idempotency_key: str) -> str:
    return derived_id(keys.RECURRING_BUY, owner.username, owner.sub, "POST /recurring-buys", idempotency_key)


def login(owner: Owner) -> str:
    """What the recurring buys of a login are counted under."""
    return terms(sub=owner.sub)


def recurring_buy(owner: Owner, plan_id: str, asked: Asked, now: datetime) -> RecurringBuy:
    """Raises DateOutOfRange."""
    starts_at = now if asked.starts_at is None else asked.starts_at
    check_start(starts_at, now)
    made = RecurringBuy(
        plan_id=plan_id,
        owner=owner,
        terms=asked.terms,
        rhythm=Rhythm(asked.every, starts_at),
        ends_at=asked.ends_at,
        status=Status.ACTIVE,
        asked=asked.fingerprint,
        created_at=now,
        updated_at=now,
    )
    return made.with_next(starts_at)


def check_start(starts_at: datetime, now: datetime) -> None:
    """Raises DateOutOfRange."""
    if not now - LATE_MAX <= starts_at <= now + AHEAD_MAX:
        raise DateOutOfRange(
            f"the first date is from now on and within a year, not {text(starts_at)}", starts_at=text(starts_at)
        )


@dataclass(frozen=True)
class DateTold:
    """What became of a date. `missed` dates before it, from `missed_from` on, found nobody at work."""

    due_at: datetime
    outcome: Outcome
    at: datetime
    order_id: str | None = None  # of the purchase
    reason: str | None = None
    missed: int = 0
    missed_from: datetime | None = None


def told(
    plan: RecurringBuy,
    date: datetime,
    outcome: Outcome,
    at: datetime,
    *,
    order_id: str | None = None,
    reason: str | None = None,
) -> DateTold:
    missed = plan.missed(date)
    return DateTold(date, outcome, at, order_id, reason, missed, plan.next_at if missed else None)


def amounts(asset_id: str, quantity: Decimal | None, usd: Decimal | None, max_price: Decimal | None) -> Terms:
    """Raises ContradictoryTerms."""
    quote_amount = None if usd is None else Money(usd)
    return Terms(asset_id, quantity, quote_amount, None if max_price is None else Price(max_price))
