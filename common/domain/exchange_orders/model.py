"""One order at the exchange: its states, how long it is waited for, and what it has come to. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from common.errors import Refusal, Unavailable
from common.money import CENT, EXACT, ZERO, Money, Price, Quantity, plain

LAST_LOOK_SECONDS = 600  # from when an order is NEVER or LOST to its last look
POLL_INTERVAL_SECONDS = 5
POLL_BACK_OFF_RATE = 1.5
POLL_DELAY_SECONDS_MAX = 60
POLLS_MAX = 60
CANCEL_SECONDS = 60  # from when operators say that an order is over until the exchange must have cancelled it
POLL_LIMIT = timedelta(minutes=30)  # then what is not filled is cancelled
FEE_MAX_BPS = 200  # of what is executed; unless a setting says otherwise
BPS = Decimal(10_000)
# Why an order is LOST, or NEVER, in words that a customer may read.
FORGOTTEN = "the exchange does not know the order any more"
NOT_EXECUTED = "nothing of it was executed"
ROUNDED_MAX = Decimal("0.00000001")  # of coins: how far evidence that only rounds may be from what the exchange says
BY_EVIDENCE = "BY_EVIDENCE"  # the `state` of an order that evidence has ended, where the exchange has no word for it


class ExchangeOrderUnresolved(Unavailable):
    """The exchange has not said whether it has the order, and may still come to have it. The machine asks again on
    this name."""


class ExchangeOrderNotFilled(Unavailable):
    """The exchange has not finished the order.

    The machine asks again on this name.
    """


class ExchangeOrderOverdue(Unavailable):
    """The exchange has not finished the order in time. On this name the machine cancels it."""


class ExchangeOrderMoved(Refusal):
    """The exchange order, or its parent, is not as it was read: read again."""


class Status(StrEnum):
    SENT = "SENT"  # or about to be sent: the exchange has not answered yet
    OPEN = "OPEN"  # the exchange has accepted it
    FINAL = "FINAL"  # the exchange has ended it, whatever it executed
    REFUSED = "REFUSED"  # the exchange has said no, and never had it
    NEVER = "NEVER"  # two looks did not find it; a last look follows
    LOST = "LOST"  # the exchange had it and does not know it any more; a last look follows
    ABSENT = "ABSENT"  # the last look did not find it
    TURNED_UP = "TURNED_UP"  # the exchange has it after all; a person has to look
    DEALT_WITH = "DEALT_WITH"  # a person has


TRANSITIONS: dict[Status, set[Status]] = {
    Status.SENT: {Status.OPEN, Status.REFUSED, Status.NEVER},
    Status.OPEN: {Status.FINAL, Status.LOST},
    Status.FINAL: set(),
    Status.REFUSED: set(),
    Status.NEVER: {Status.ABSENT, Status.TURNED_UP},
    Status.LOST: {Status.ABSENT, Status.TURNED_UP},
    Status.ABSENT: set(),
    Status.TURNED_UP: {Status.DEALT_WITH},
    Status.DEALT_WITH: set(),
}
OPERATORS_ONLY: set[tuple[Status, Status]] = {
    (Status.OPEN, Status.LOST),
    (Status.TURNED_UP, Status.DEALT_WITH),
}


@dataclass(frozen=True)
class Bounds:
    """What is believed of a fill, as it was decided when the order was placed: an average price from `lowest` to
    `highest`, and fees, paid or got back, of up to `fee_max_bps` basis points of what was executed."""

    lowest: Price
    highest: Price
    fee_max_bps: int

    @classmethod
    def of(cls, limit: Price, price: Price, band_bps: int, fee_max_bps: int, *, buys: bool) -> Bounds:
        """On one side the limit, which the exchange has to keep. On the other the asset's `price` at placement, with
        `band_bps` basis points to spare: the exchange may fill better than the limit, but not at any price."""
        band = -band_bps if buys else band_bps
        edge = Price(EXACT.multiply(price.usd_per_unit, (BPS + band) / BPS))
        return cls(min(edge, limit), limit, fee_max_bps) if buys else cls(limit, max(edge, limit), fee_max_bps)


@dataclass(frozen=True)
class Fill:
    """What was executed of an order. `gross` is what that came to in dollars, before any fee; `fee` is in dollars,
    `fees_elsewhere` in coins, by asset; a fee that was got back is negative. `state` is the exchange's word for where
    the order stands. `by` names the operators who say all this, where the exchange does not."""

    state: str
    executed: Quantity
    gross: Money
    fee: Money
    fees_elsewhere: Mapping[str, Decimal] = field(default_factory=dict)
    by: str | None = None


@dataclass(frozen=True)
class Evidence:
    """What two operators say became of an order, in the fields of a `Fill`. It decides where the exchange gives no
    answer that can be believed and written down."""

    executed: Quantity
    gross: Money
    fee: Money
    reference: str  # a statement's number, a letter: what it is taken from
    operators: str
    at: datetime
    fees_elsewhere: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def fill(self) -> Fill:
        return Fill(BY_EVIDENCE, self.executed, self.gross, self.fee, self.fees_elsewhere, by=self.operators)

    def __str__(self) -> str:
        return f"{self.executed} executed, as {self.operators} say by {self.reference}"


@dataclass(frozen=True)
class ExchangeOrder:
    """One order at the exchange. `order_id` is its parent's: the order or batch that it is placed for. A parent may
    have several, one after another, which `number` counts from 1; the next one is placed when the exchange does not
    have the one before.

    `symbol` is what the exchange called the asset when it was placed, and it is asked for under that name for ever: an
    exchange that has taken a new name up may not know the orders of the old one, which proves nothing.
    `client_order_id` is our id of it there, `exchange_order_id` the exchange's own, None until that is known. `state`
    is the exchange's word for where it stands, None until it is FINAL.
    """

    order_id: str
    number: int
    client_order_id: str
    exchange: str
    symbol: str
    buys: bool
    quantity: Quantity
    limit_price: Price
    bounds: Bounds
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
    def name(self) -> str:
        """What a sentence calls it: by the exchange's id, or by the evidence for it where there is no such id."""
        return f"order {self.exchange_order_id}" if self.exchange_order_id else f"an order ({self.evidence})"

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

    def given_up(self, status: Status, reason: str, at: datetime) -> ExchangeOrder:
        """The order when it is waited for no more: REFUSED, NEVER or LOST."""
        return replace(self, status=status, reason=reason, resolved_at=at, updated_at=at)

    @property
    def deciding_evidence(self) -> Evidence | None:
        """The evidence that decides if the exchange does not. Evidence that has made the order NEVER or LOST is used
        up: the last look needs newer one."""
        given = self.evidence
        if given is None or not is_decidable_by_evidence(self):
            return None
        return given if self.resolved_at is None or given.at > self.resolved_at else None

    def should_have_ended(self, now: datetime) -> bool:
        """Has the exchange had time enough to cancel it, since operators have said that it is over?"""
        given = self.deciding_evidence
        if self.status is not Status.OPEN or given is None:
            return False
        return now >= max(self.overdue_at, given.at + timedelta(seconds=CANCEL_SECONDS))


def is_decidable_by_evidence(order: ExchangeOrder) -> bool:
    """May two operators say what has become of it? Only while the exchange is still asked for it."""
    return order.status in (Status.SENT, Status.OPEN, Status.NEVER, Status.LOST)


def is_given_up_for_good(order: ExchangeOrder) -> bool:
    """Was its parent told that the exchange does not have it, with no look to come?"""
    return order.status in (Status.REFUSED, Status.ABSENT)


def doubt(order: ExchangeOrder, told: Fill, *, by_operators: bool = False) -> str | None:
    """Why an order of ours can not have been filled so; None when it can. It can not be filled for more than was asked,
    at an average price outside its bounds, or with a fee beyond them, and what was not executed has neither a price nor
    a fee. A cent of rounding is allowed. A fee in a third asset is believed: nobody here knows its price.

    What two operators say is held to the limit, and to a price above zero, but not to the band on the other side: they
    have looked, and the market may have gone further.
    """
    executed, gross, bounds = told.executed.amount, told.gross.usd, order.bounds
    if not all(map(_ASSET.fullmatch, told.fees_elsewhere)):
        return "a fee is in something that is no asset"
    if not 0 <= executed <= order.quantity.amount:
        return f"{told.executed} were executed, of {order.quantity}"
    if not executed:
        free = told.gross == ZERO and told.fee == ZERO and not any(told.fees_elsewhere.values())
        return None if free else f"${told.gross} or a fee for nothing executed"
    low, high = (EXACT.multiply(edge.usd_per_unit, executed) for edge in (bounds.lowest, bounds.highest))
    above, below = gross >= low - CENT, gross <= high + CENT
    if not (below if order.buys else above):
        return f"${told.gross} for {told.executed} is beyond its limit of ${order.limit_price} a unit"
    if not (above and below) and not (by_operators and gross):
        return f"${told.gross} for {told.executed} is not within ${bounds.lowest} and ${bounds.highest} a unit"
    share = bounds.fee_max_bps / BPS
    if abs(told.fee.usd) > EXACT.multiply(gross, share) + CENT:
        return f"a fee of ${told.fee} on ${told.gross} is more than {bounds.fee_max_bps} basis points"
    in_kind = told.fees_elsewhere.get(order.quantity.asset_id, Decimal(0))
    if abs(in_kind) > EXACT.multiply(executed, share):
        return f"a fee of {plain(in_kind)} on {told.executed} is more than {bounds.fee_max_bps} basis points"
    return None


_ASSET = re.compile(r"[A-Za-z0-9._-]{1,20}")


def is_rounded(given: Fill, told: Fill) -> bool:
    """Is what operators have given the same as what the exchange tells, to a cent and ROUNDED_MAX of coins?"""
    assets = {*given.fees_elsewhere, *told.fees_elsewhere}
    coins = [(given.executed.amount, told.executed.amount)]
    coins += [(given.fees_elsewhere.get(a, Decimal(0)), told.fees_elsewhere.get(a, Decimal(0))) for a in assets]
    dollars = [(given.gross.usd, told.gross.usd), (given.fee.usd, told.fee.usd)]
    return all(
        abs(EXACT.subtract(a, b)) <= most for pairs, most in ((coins, ROUNDED_MAX), (dollars, CENT)) for a, b in pairs
    )


def fees_text(fees: Mapping[str, Decimal]) -> str:
    """Fees in coins as they are kept and shown, by asset: `0.0002 BNB, 0.001 SOL`."""
    return ", ".join(f"{plain(amount)} {asset_id}" for asset_id, amount in sorted(fees.items()))


def fees_of(text: str) -> dict[str, Decimal]:
    """The fees that `fees_text` has written."""
    told = (fee.split(" ") for fee in text.split(", ") if fee)
    return {asset_id: Decimal(amount) for amount, asset_id in told}
