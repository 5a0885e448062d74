"""Daily limits: a counter for each user, kind and day (UTC), moved in the transaction that moves the money.

Withdrawals and cash-outs take from one: by either way dollars leave the desk for the customer's bank. A cash-out takes
what it is estimated to bring; what it has brought in the end counts instead. What has come to nothing goes back to the
counter of the day that it was taken from.

What one operator proposes on a day, and what he confirms, has a limit each: nothing of that goes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from common import keys
from common.clock import text
from common.errors import Refusal, Rejected
from common.money import Money
from common.owner import Owner
from common.table.items import DecimalAttribute, Item, RawItem
from common.table.prepared import prepared
from common.table.table import Table
from common.table.transaction import Write

KEPT = timedelta(days=3)  # a day's counter is deleted after this


class DailyLimitExceeded(Rejected):
    """The day's deposits, what leaves for the customer's bank on one day, or what one operator proposes or confirms on
    one, would go over the limit. A day is one of UTC."""


class Limited(StrEnum):
    """What has a limit."""

    DEPOSIT = "DEPOSIT"
    PAYOUT = "PAYOUT"  # withdrawals and cash-outs
    PROPOSED = "PROPOSED"  # by one operator
    CONFIRMED = "CONFIRMED"


_USED_FOR = {
    Limited.DEPOSIT: "deposits",
    Limited.PAYOUT: "withdrawals and cash-outs together",
    Limited.PROPOSED: "what one operator proposes",
    Limited.CONFIRMED: "what one operator confirms",
}


@dataclass(frozen=True)
class LimitToday:
    """What of a daily limit is used, on a day of UTC."""

    kind: Limited
    limit: Money
    used: Money

    @property
    def left(self) -> Money:
        """Nothing, where the limit has been lowered below what was used."""
        return max(Money(0), self.limit - self.used)


class LimitCounterItem(Item, discriminator=keys.LIMIT_COUNTER.entity):
    used = DecimalAttribute()
    expires = DecimalAttribute()  # epoch seconds, the table's time to live


def count_towards(limit: Money, owner: Owner, kind: Limited, amount: Money, at: datetime) -> Write:
    """Add to the counter of the day of `at`: two at once can not slip under the limit. `amount` alone must be within
    it. Refused with DailyLimitExceeded."""
    return _count_towards(limit, owner.username, kind, amount, at)


def count_by_operator(limit: Money, operator: str, kind: Limited, amount: Money, at: datetime) -> Write:
    """The same, of what an operator proposes or confirms."""
    return _count_towards(limit, operator, kind, amount, at)


def _count_towards(limit: Money, username: str, kind: Limited, amount: Money, at: datetime) -> Write:
    def exceeded(old: RawItem | None) -> Refusal:
        return over(limit, kind, amount, Money(0 if old is None else old["used"]["N"]))

    room = limit - amount
    return _count(_counter(username, kind, at), at, _expiry(at), amount.usd, room.usd).refused_with(exceeded)


def give_back(owner: Owner, kind: Limited, amount: Money, counted_at: datetime, at: datetime) -> Write:
    """Take what came to nothing out of the counter of its day; less than nothing is added to it, whatever the limit. A
    counter that is gone already comes back below zero: harmless, since its day is over."""
    return _count(_counter(owner.username, kind, counted_at), at, _expiry(at), -amount.usd, None)


@prepared
def _count(key: keys.PrimaryKey, at: datetime, expires: Decimal, amount: Decimal, used_max: Decimal | None) -> Write:
    """Add to a day's counter, of which no more than `used_max` may be used before."""
    item = LimitCounterItem
    return Write.update(
        item(*key),
        item.entity_type.set(item),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
        item.expires.set(expires),
        item.used.add(amount),
        when=None if used_max is None else item.used.does_not_exist() | (item.used <= used_max),
    )


def used(table: Table, owner: Owner, kind: Limited, at: datetime) -> Money:
    """What has counted on the day of `at`, as of now: for a refusal that is made before anything is written."""
    return _used(table, owner.username, kind, at)


def used_by_operator(table: Table, operator: str, kind: Limited, at: datetime) -> Money:
    return _used(table, operator, kind, at)


def _used(table: Table, username: str, kind: Limited, at: datetime) -> Money:
    item = table.get(LimitCounterItem, _counter(username, kind, at), consistent=True)
    return Money(0 if item is None else item.used)


def over(limit: Money, kind: Limited, asked: Money, used: Money) -> DailyLimitExceeded:
    never = kind in (Limited.PROPOSED, Limited.CONFIRMED) and asked > limit
    way = "; this is more than that alone, so `operator_limit_usd` has to be deployed higher first" if never else ""
    return DailyLimitExceeded(
        f"at most ${limit} a day (UTC) may be used for {_USED_FOR[kind]}; ${used} of it is used{way}",
        limit_usd=str(limit),
        used_usd=str(used),
        asked_usd=str(asked),
    )


def _counter(username: str, kind: Limited, at: datetime) -> keys.PrimaryKey:
    return keys.LIMIT_COUNTER(username=username, kind=kind, date=text(at)[:10])


def _expiry(at: datetime) -> Decimal:
    return Decimal(int((at + KEPT).timestamp()))
