"""What the table says the custody has of ours, of each asset: by as what it is booked, and what may be otherwise now.

Own transfers (merged outputs) are nobody's. Of an order one of whose legs was called off, what is neither on its way
nor the desk's is its payer's again, though nobody has decided yet how it goes back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from typing import assert_never

from common import keys
from common.domain.custody import store as custody_store
from common.domain.custody.model import Disposition, Incoming, Kind, Outgoing, Status
from common.domain.ledger import store as ledger
from common.gateways.custody import Custody, CustodyUnavailable, State, TransactionUnknown
from common.money import EXACT, Quantity
from common.table.items import Item
from common.table.table import Position, Table

HELD, WAITING, UNSENT, DESK = "held", "waiting", "unsent", "desk"
PARTS = (HELD, WAITING, UNSENT, DESK)  # as what it is booked: for orders; nobody's yet; to be sent; the desk's own
BOOKED_AS = {Disposition.HELD: HELD, Disposition.EXPECTED: WAITING, Disposition.PARKED: WAITING}


def nothing() -> dict[str, Decimal]:
    return dict.fromkeys(PARTS, Decimal(0))


class Fate(Enum):
    """Of an outgoing transfer."""

    THERE = auto()  # decided, and not sent; or refused, and still owed
    LEFT = auto()
    CALLED_OFF = auto()  # it takes nothing, and nothing is owed
    UNKNOWN = auto()


@dataclass
class Booked:
    """`sums` by asset and part. Of the assets in `less` something may have left, of those in `unwritten` something came
    that no number of the table can hold; each with why. `snapshots` are the ids of those that were taken."""

    snapshots: set[str] = field(default_factory=set)
    sums: dict[str, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(nothing))
    less: dict[str, str] = field(default_factory=dict)
    unwritten: dict[str, str] = field(default_factory=dict)

    def add(self, quantity: Quantity, part: str) -> None:
        sums = self.sums[quantity.asset_id]
        sums[part] = EXACT.add(sums[part], quantity.amount)

    def take(self, quantity: Quantity, part: str) -> None:
        self.add(Quantity(EXACT.minus(quantity.amount), quantity.asset_id), part)


@dataclass(frozen=True)
class Booking:
    table: Table
    custody: Callable[[], Custody]

    def add_up(self) -> Booked:
        """Raises CustodyUnavailable, TableUnavailable."""
        booked = Booked()
        incoming, outgoing = self._all()
        called_off: set[str] = set()
        for taken in incoming:
            self._take(booked, taken)
        fates = [(sent, self._fate(sent)) for sent in outgoing]
        for sent, fate in fates:
            if fate is Fate.UNKNOWN:
                booked.less |= {part.asset_id: f"{sent.outgoing_id} may have left" for part in _parts(sent)}
            if fate is Fate.CALLED_OFF and sent.kind is Kind.FUNDING:
                called_off.add(sent.cause)
            if fate in (Fate.THERE, Fate.UNKNOWN) and sent.kind is not Kind.MERGE:
                for part in _parts(sent):
                    booked.add(part, UNSENT)
        self._come_back(booked, called_off, incoming, [sent for sent, fate in fates if fate is not Fate.CALLED_OFF])
        return booked

    def _take(self, booked: Booked, taken: Incoming) -> None:
        snapshot = taken.snapshot
        booked.snapshots.add(snapshot.snapshot_id)
        as_what = BOOKED_AS.get(taken.disposition)
        if not snapshot.quantity.amount:
            booked.unwritten[snapshot.quantity.asset_id] = f"{taken.incoming_id} is more than can be written down"
        sums = booked.sums[snapshot.quantity.asset_id]  # also of what has left: the asset is looked at
        if as_what is not None and snapshot.opponent_id != self.custody().user_id:
            sums[as_what] = EXACT.add(sums[as_what], snapshot.quantity.amount)

    def _come_back(
        self, booked: Booked, orders: set[str], incoming: Sequence[Incoming], outgoing: Sequence[Outgoing]
    ) -> None:
        """What of the orders whose leg was called off is on no way, and not the desk's. Nobody else has desk lines."""
        for taken in incoming:
            if taken.order_id in orders and taken.disposition is Disposition.WITHDRAWN:
                booked.add(taken.snapshot.quantity, HELD)
        for sent in outgoing:
            if sent.cause in orders:
                for part in _parts(sent):
                    booked.take(part, HELD)
        for asset_id in list(booked.sums):
            for of, line in ledger.desk_lines(self.table, asset_id):
                booked.add(line, DESK)
                if of in orders:
                    booked.take(line, HELD)

    def _fate(self, sent: Outgoing) -> Fate:
        match sent.status:
            case Status.CONFIRMED | Status.ARRIVED:
                return Fate.LEFT
            case Status.REFUSED:
                return Fate.CALLED_OFF if sent.kind in (Kind.FUNDING, Kind.MERGE) else Fate.THERE
            case Status.INTENDED:  # the custody has denied an attempt that had outputs: it may be a slip, or a lie
                return Fate.UNKNOWN if sent.inputs or sent.contested else Fate.THERE
            case Status.SENT:
                return self._told(sent)
        assert_never(sent.status)

    def _told(self, sent: Outgoing) -> Fate:
        """By the custody: of all its transactions, where the fee has one of its own."""
        for draft in sent.drafts:
            try:
                told = self.custody().transaction(draft.request_id)
            except TransactionUnknown:
                return Fate.UNKNOWN
            except CustodyUnavailable as no:
                if no.facts.get("what") != "not_believed":
                    raise
                return Fate.UNKNOWN
            if told.state is not State.SPENT or told.transaction_hash != draft.transaction_hash:
                return Fate.UNKNOWN
        return Fate.LEFT

    def _all(self) -> tuple[list[Incoming], list[Outgoing]]:
        """Of one pass through the table: what came in; and what goes out, of what was refused and is sent another way
        the last, and each merging."""
        incoming, last = list[Incoming](), dict[tuple[Kind, str, str], Outgoing]()
        after: Position | None = None
        while True:
            page = self.table.scan(Item, keys.SNAPSHOT, keys.OUTGOING, after=after)
            for item in page.items:
                if isinstance(item, custody_store.IncomingItem):
                    incoming.append(custody_store.incoming_of(item))
                    continue
                assert isinstance(item, custody_store.OutgoingItem)
                sent = custody_store.outgoing_of(item)
                own = sent.outgoing_id if sent.kind is Kind.MERGE else sent.cause
                key = (sent.kind, own, sent.quantity.asset_id)
                if key not in last or last[key].created_at < sent.created_at:
                    last[key] = sent
            after = page.after
            if after is None:
                return incoming, list(last.values())


def _parts(sent: Outgoing) -> list[Quantity]:
    return [sent.quantity, *([] if sent.fee is None else [sent.fee])]
