"""One order at the exchange: its states, how long it is waited for, and what it has come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from common.errors import Refusal, Unavailable
from common.money import CENT, EXACT, ZERO, Money, Price, Quantity

SECOND_LOOK_SECONDS = 10  # between the two looks after which the exchange does not have an order
LAST_LOOK_SECONDS = 600  # after which an order that was not there is looked for once more
POLL_INTERVAL_SECONDS = 5
POLL_BACK_OFF_RATE = 1.5
POLL_DELAY_SECONDS_MAX = 60
POLLS_MAX = 60
POLL_LIMIT = timedelta(minutes=30)  # then what is not filled is cancelled


class ExchangeOrderUnresolved(Unavailable):
    """The exchange has not said whether it has the order, and may still come to have it. The machine asks again on
    this name."""


class ExchangeOrderNotFilled(Unavailable):
    """The exchange has not finished the order. The machine asks again on this name."""


class ExchangeOrderOverdue(Unavailable):
    """The exchange has not finished the order in time. On this name the machine cancels it."""


class ExchangeOrderMoved(Refusal):
    """The exchange order, or its parent, is not as it was read: read again."""


class Status(StrEnum):
    SENT = "SENT"  # or about to be sent: the exchange has not answered yet
    OPEN = "OPEN"  # the exchange has it
    FINAL = "FINAL"  # the exchange has ended it, whatever it executed
    REFUSED = "REFUSED"
    NEVER = "NEVER"  # two looks did not find it; a last look follows
    LOST = "LOST"  # the exchange had it and does not know it any more; a last look follows
    ABSENT = "ABSENT"  # the last look did not find it
    TURNED_UP = "TURNED_UP"
    DEALT_WITH = "DEALT_WITH"


TRANSITIONS: dict[Status, set[Status]] = {
    Status.SENT: {Status.OPEN, Status.REFUSED, Status.NEVER},
    Status.OPEN: {Status.FINAL, Status.LOST},
    Status.FINAL: set(),
    Status.REFUSED: {Status.TURNED_UP},
    Status.NEVER: {Status.ABSENT, Status.TURNED_UP},
    Status.LOST: {Status.ABSENT, Status.TURNED_UP},
    Status.ABSENT: {Status.TURNED_UP},
    Status.TURNED_UP: {Status.DEALT_WITH},
    Status.DEALT_WITH: set(),
}
OPERATORS_ONLY: set[tuple[Status, Status]] = {
    (Status.OPEN, Status.LOST),
    (Status.TURNED_UP, Status.DEALT_WITH),
}


@dataclass(frozen=True)
class Evidence:
    """What two operators say that an order has come to, as the exchange has told them in what `reference` names. It is
    taken where the exchange itself gives no answer that can be believed."""

    executed: Quantity
    gross: Money
    fee: Money
    reference: str
    operators: str
    at: datetime


@dataclass(frozen=True)
class ExchangeOrder:
    """One order at the exchange, of `order_id`, the order or batch that it is placed for. An order may have several,
    one after another (`number`), of which at most one exists at the exchange.

    `state` is the exchange's word for where it stands, None until it was seen.
    """

    order_id: str
    number: int
    client_order_id: str
    exchange: str
    buys: bool
    quantity: Quantity
    limit_price: Price
    sent_at: datetime
    updated_at: datetime
    status: Status = Status.SENT
    exchange_order_id: str | None = None
    state: str | None = None
    missed_at: datetime | None = None  # when the exchange, asked late enough, first did not have it
    resolved_at: datetime | None = None  # when it stopped being waited for
    reason: str | None = None  # why it is REFUSED, NEVER or LOST
    evidence: Evidence | None = None

    @property
    def overdue_at(self) -> datetime:
        return self.sent_at + POLL_LIMIT

    def may_be_lost(self, now: datetime) -> bool:
        """Is it late enough to ask whether the exchange has forgotten it?"""
        return self.status is Status.OPEN and now >= self.overdue_at

    @property
    def look_at(self) -> datetime:
        """When to look once more for an order that was not there."""
        return (self.resolved_at or self.sent_at) + timedelta(seconds=LAST_LOOK_SECONDS)


@dataclass(frozen=True)
class Fill:
    """What the exchange has finally executed of an order, and its fees."""

    state: str
    executed: Quantity
    gross: Money
    fee: Money
    fees_elsewhere: Mapping[str, Decimal] = field(default_factory=dict)


def believable(order: ExchangeOrder, executed: Quantity, gross: Money) -> bool:
    """Can an order of ours have been filled so? Not for more than was asked, nor beyond its limit."""
    at_limit = EXACT.multiply(order.limit_price.usd_per_unit, executed.amount)
    within = gross.usd <= at_limit + CENT if order.buys else gross.usd >= at_limit - CENT
    return executed.amount <= order.quantity.amount and within


def is_decidable_by_evidence(order: ExchangeOrder) -> bool:
    """May two operators say what has become of it? Only while the exchange is still asked for it."""
    return order.status in (Status.SENT, Status.OPEN, Status.NEVER, Status.LOST)


def is_evidence_believable(order: ExchangeOrder, given: Evidence) -> bool:
    """As what the exchange itself says: with nothing executed there is neither a gross amount nor a fee."""
    if not given.executed.amount:
        return given.gross == given.fee == ZERO
    return believable(order, given.executed, given.gross) and given.fee <= given.gross


class Miss(StrEnum):
    """What it means that a look did not find an order at the exchange."""

    TOO_EARLY = "TOO_EARLY"  # the exchange may still come to know it
    FIRST = "FIRST"  # late enough: to be written down
    SECOND = "SECOND"  # the order was never placed


def miss(order: ExchangeOrder, asked_at: datetime, never_placed_seconds: int) -> Miss:
    """What it means that the exchange, asked at `asked_at`, did not know the order. An order that it does not know
    `never_placed_seconds` after sending was not placed, if a second look agrees."""
    if asked_at < order.sent_at + timedelta(seconds=never_placed_seconds):
        return Miss.TOO_EARLY
    if order.missed_at is None:
        return Miss.FIRST
    if asked_at < order.missed_at + timedelta(seconds=SECOND_LOOK_SECONDS):
        return Miss.TOO_EARLY
    return Miss.SECOND
