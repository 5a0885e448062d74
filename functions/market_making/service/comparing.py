"""What the custody has of ours, held against what the table says: of each asset, to the last digit.

The custody's unspent outputs are what is held, expected and parked, what was decided and has not left, and the desk's
own. Both sides move while they are read, so a difference counts that is there, the same, at a second look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from common import keys
from common.domain.custody import store as custody_store
from common.domain.custody.model import Disposition, Incoming, Kind, Outgoing, Status
from common.domain.custody.service import unspent
from common.domain.ledger import store as ledger
from common.gateways.custody import Custody, State, TransactionUnknown
from common.log import count, log
from common.money import EXACT, Quantity, plain
from common.table.table import Position, Table
from functions.market_making import store
from functions.market_making.model import Status as OrderStatus

LOOKS = 3
THERE = (Disposition.HELD, Disposition.EXPECTED, Disposition.PARKED)
Sums = dict[str, Decimal]


@dataclass(frozen=True)
class Difference:
    """`there` is what the custody has of an asset, `booked` what the table says."""

    there: Quantity
    booked: Quantity

    def __str__(self) -> str:
        return f"the custody has {self.there}, and {plain(self.booked.amount)} are booked"


@dataclass(frozen=True)
class Compared:
    """What of each asset is there, and what is off. `moving` are assets of which something is just being spent."""

    there: dict[str, Decimal]
    differences: list[Difference]
    moving: list[str]


@dataclass(frozen=True)
class Comparing:
    table: Table
    custody: Callable[[], Custody]
    pause: Callable[[], None]  # between two looks

    def compare(self) -> Compared:
        """Raises CustodyUnavailable, TableUnavailable."""
        compared = self._look()
        for _ in range(LOOKS - 1):
            if not compared.differences:
                break
            self.pause()
            again = self._look()
            still = [difference for difference in again.differences if difference in compared.differences]
            compared = Compared(again.there, still, again.moving)
        for difference in compared.differences:
            log.error("custody off", extra={"why": str(difference)})
            count("CustodyOff")
        return compared

    def _look(self) -> Compared:
        incoming, outgoing = list(self._incoming()), list(self._outgoing())
        booked: Sums = defaultdict(Decimal)
        moving: set[str] = set()
        for taken in incoming:
            if taken.disposition in THERE and taken.snapshot.opponent_id != self.custody().user_id:
                _add(booked, taken.snapshot.quantity)
        for sent in outgoing:
            state = self._state(sent)
            if state is State.SIGNED:
                moving |= {part.asset_id for part in _parts(sent)}
            elif state is None and sent.kind is Kind.FUNDING and sent.status is Status.REFUSED:
                moving |= self._undecided(sent)
            elif state is None:
                for part in _parts(sent):
                    _add(booked, part)
        assets = {taken.snapshot.quantity.asset_id for taken in incoming} | set(booked)
        for asset_id in assets:
            _add(booked, ledger.desk_sum(self.table, asset_id))
        there = {asset_id: unspent(self.custody(), asset_id).amount for asset_id in sorted(assets)}
        differences = [
            Difference(Quantity(amount, asset_id), Quantity(booked[asset_id], asset_id))
            for asset_id, amount in there.items()
            if asset_id not in moving and amount != booked[asset_id]
        ]
        return Compared(there, differences, sorted(moving))

    def _state(self, sent: Outgoing) -> State | None:
        """How far an outgoing has left the custody; None when it has not."""
        if sent.status in (Status.CONFIRMED, Status.ARRIVED):
            return State.SPENT
        if sent.status is Status.SENT:
            try:
                return self.custody().transaction(sent.request_id).state
            except TransactionUnknown:
                return None
        return None

    def _undecided(self, refused: Outgoing) -> set[str]:
        """The assets of an order whose leg was refused, until what is left of it is on its way back."""
        order = store.existing(self.table, refused.cause)
        decided = order.status is not OrderStatus.WITHDRAWING
        if decided and (order.status is not OrderStatus.FAILED or order.needs_person):
            return set()
        return set(order.required)

    def _incoming(self) -> Iterator[Incoming]:
        after: Position | None = None
        while True:
            page = self.table.scan(custody_store.IncomingItem, keys.SNAPSHOT, after=after).of(custody_store.incoming_of)
            yield from page.items
            after = page.after
            if after is None:
                return

    def _outgoing(self) -> Iterator[Outgoing]:
        """Those that may still take something; of what was refused and is sent another way, the last."""
        after: Position | None = None
        last: dict[tuple[Kind, str, str], Outgoing] = {}
        while True:
            page = self.table.scan(custody_store.OutgoingItem, keys.OUTGOING, after=after).of(custody_store.outgoing_of)
            for sent in page.items:
                key = (sent.kind, sent.cause, sent.quantity.asset_id)
                if sent.kind is not Kind.MERGE and (key not in last or last[key].created_at < sent.created_at):
                    last[key] = sent
            after = page.after
            if after is None:
                break
        yield from last.values()


def _parts(sent: Outgoing) -> list[Quantity]:
    return [sent.quantity, *([] if sent.fee is None else [sent.fee])]


def _add(sums: Sums, part: Quantity) -> None:
    sums[part.asset_id] = EXACT.add(sums.get(part.asset_id, Decimal(0)), part.amount)
