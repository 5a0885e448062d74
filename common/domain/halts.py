"""Trading accounts on which nothing is placed, which nothing leaves, and where nothing goes; and single orders: what is
open there is cancelled, and a person looks.

The clock halts an account of which the exchange has less than its orders are owed; an operator halts one for whatever
reason. An operator lets it trade again once the exchange has all that is owed; what operators have halted, one
who has not. The orders of what an operator has halted are paused besides: their owners resume them, once it is lifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from common import keys
from common.domain import timeline, work
from common.domain.timeline import CLOCK, TimelineEvent
from common.errors import Conflict, Refusal
from common.idempotency import derived_id
from common.log import log
from common.table.table import Table
from common.table.transaction import Write


class HaltMoved(Conflict):
    """Somebody has halted it, or has lifted that, meanwhile. Look again."""


class HaltOwn(Conflict):
    """An operator's halt is lifted by another operator."""


class AccountHalted(Conflict):
    """The trading account is halted: nothing goes there, and nothing leaves it, until it is lifted."""


class Status(StrEnum):
    HALTED = "HALTED"
    LIFTED = "LIFTED"


TRANSITIONS: dict[Status, set[Status]] = {Status.HALTED: {Status.LIFTED}, Status.LIFTED: {Status.HALTED}}
OPERATORS_ONLY = {(Status.HALTED, Status.LIFTED)}


@dataclass(frozen=True)
class Halt:
    """Of an account, or of an order, the one there is: `account_id` is its id. `by` has halted it last: an operator, or
    the clock. `operators` are all who have: none of them lifts it."""

    halt_id: str
    account_id: str
    status: Status
    why: str
    by: str
    at: datetime
    operators: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        return self.status is Status.HALTED


class HaltItem(work.OpenWork, discriminator=keys.HALT.entity):
    account_id = UnicodeAttribute()
    status = UnicodeAttribute()
    why = UnicodeAttribute()
    by = UnicodeAttribute()
    operators = JSONAttribute()


def halt_id_of(account_id: str) -> str:
    return derived_id(keys.HALT, account_id)


def find(table: Table, halt_id: str, *, consistent: bool = True) -> Halt | None:
    """None: it was never halted."""
    item = table.get(HaltItem, keys.HALT(halt_id=halt_id), consistent=consistent)
    if item is None:
        return None
    status, operators = Status(item.status), tuple(item.operators)
    return Halt(item.PK, item.account_id, status, item.why, item.by, item.updated_at, operators)


def of(table: Table, account_id: str, *, consistent: bool = True) -> Halt | None:
    """The halt of an account, if it holds."""
    found = find(table, halt_id_of(account_id), consistent=consistent)
    return found if found is not None and found.holds else None


def none_of(account_id: str, otherwise: Refusal) -> Write:
    """What it is written with stands or falls with it: no halt of the account, or the order, holds."""
    key = HaltItem(*keys.HALT(halt_id=halt_id_of(account_id)))
    return Write.check(key, when=HaltItem.PK.does_not_exist() | (HaltItem.status == Status.LIFTED), otherwise=otherwise)


def not_halted(account_id: str) -> Write:
    """As `none_of`, of what moves money to a trading account, or from it. Refused with AccountHalted."""
    return none_of(account_id, halted(account_id))


def halted(account_id: str) -> AccountHalted:
    halt_id = halt_id_of(account_id)
    return AccountHalted(f"{account_id} is halted, see {halt_id}", id=halt_id)


def still(account_id: str) -> Write:
    """What it is written with waits for the end of a halt that holds. Refused with HaltMoved: it is over."""
    halt_id = halt_id_of(account_id)
    over = HaltMoved(f"{account_id} is not halted any more", id=halt_id)
    return Write.check(HaltItem(*keys.HALT(halt_id=halt_id)), when=HaltItem.status == Status.HALTED, otherwise=over)


def halt(account_id: str, why: str, by: str, at: datetime, before: Halt | None) -> list[Write]:
    """From its next tick on nothing is placed there. `before` is what `find` tells. Refused with HaltMoved, where it is
    halted already."""
    halt_id = halt_id_of(account_id)
    item = HaltItem(
        *keys.HALT(halt_id=halt_id),
        account_id=account_id,
        status=Status.HALTED,
        why=why,
        by=by,
        operators=[] if by == CLOCK else [by],
        created_at=at,
        updated_at=at,
    )
    work.wait_for_person(item, keys.HALT, waits_for=f"an operator: {account_id} is halted: {why}")
    trades = HaltItem.PK.does_not_exist() | (HaltItem.status == Status.LIFTED)
    event = TimelineEvent(at, None if before is None else before.status, Status.HALTED, why, by)
    return [
        Write.put(item, when=trades, otherwise=HaltMoved(f"{account_id} is halted already", id=halt_id)),
        timeline.record(halt_id, event),
    ]


def ensure(table: Table, account_id: str, why: str, by: str, at: datetime) -> None:
    """It is halted, if it is not yet."""
    before = find(table, halt_id_of(account_id))
    if before is None or not before.holds:
        try:
            table.write(*halt(account_id, why, by, at, before))
        except HaltMoved:
            log.info("halted meanwhile", extra={"account_id": account_id})


def taken_over(halted: Halt, why: str, operator: str, at: datetime) -> list[Write]:
    """An operator halts what is halted already: one has to lift it who has not. Refused with HaltMoved."""
    item = HaltItem
    moved = HaltMoved("it has moved meanwhile", id=halted.halt_id)
    operators = [*halted.operators, operator]
    marked = (item.why.set(why), item.by.set(operator), item.operators.set(operators), item.updated_at.set(at))
    event = TimelineEvent(at, Status.HALTED, Status.HALTED, why, operator)
    return [
        Write.update(item(*keys.HALT(halt_id=halted.halt_id)), *marked, when=_as_read(halted), otherwise=moved),
        timeline.record(halted.halt_id, event),
    ]


def lift(halted: Halt, why: str, operator: str, at: datetime) -> list[Write]:
    """The account may trade again. Refused with HaltMoved."""
    item = HaltItem
    lifted = Write.update(
        item(*keys.HALT(halt_id=halted.halt_id)),
        item.status.set(Status.LIFTED),
        item.updated_at.set(at),
        *work.done(),
        when=_as_read(halted),
        otherwise=HaltMoved("it has moved meanwhile", id=halted.halt_id),
    )
    event = TimelineEvent(at, Status.HALTED, Status.LIFTED, why, operator)
    return [lifted, timeline.record(halted.halt_id, event)]


def _as_read(halted: Halt) -> Condition:
    as_read: Condition = (
        (HaltItem.status == Status.HALTED) & (HaltItem.by == halted.by) & (HaltItem.updated_at == halted.at)
    )
    return as_read
