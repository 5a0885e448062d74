"""What comes in at the custody: each snapshot is taken once, and something becomes of it.

Snapshots are read from the cursor on, in the custody's order, and the cursor is moved only over what is taken. Ten
minutes before it are read again each time, since a snapshot may appear late; what was taken before is known by its id.
One that can not be taken holds the cursor, and nobody else's snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from common.domain.custody import model as custody_model
from common.domain.custody import store as custody_store
from common.domain.custody import ties
from common.domain.custody.model import OVERLAP, Disposition, Incoming, incoming_id, is_refund_memo
from common.domain.custody.store import AlreadyTaken
from common.domain.custody.ties import Tie, TieMoved
from common.domain.timeline import CUSTODY, TimelineEvent, record
from common.gateways.custody import PAGE_MAX, Custody, Snapshot, User, not_believed, times
from common.log import count, log
from common.money import Quantity
from common.table.table import Table, TableUnavailable
from common.table.transaction import Busy, Write
from functions.market_making import cursor_store, memo, model
from functions.market_making.cursor_store import CursorMoved
from functions.market_making.memo import BadMemo
from functions.market_making.model import MarketMakingOrderMoved, NoCapacity
from functions.market_making.service.paying import NotTaken, Paying
from functions.market_making.service.routes import CLOCKS_DIFFER
from functions.market_making.store import AlreadyOpened

HOME_DUE = timedelta(minutes=30)  # by then the order that a deposit comes home to has claimed it
DIGITS_MAX = 28  # before the point: anybody can make an asset of which he has more
TRIES = 5  # to take a snapshot whose order moves meanwhile
REMEMBERED_MAX = 20_000  # snapshots that this process knows to be taken


Taken = tuple[Incoming, list[Write]]  # what becomes of a snapshot, and what says so


@dataclass
class Polled:
    """What became of the snapshots of one poll that had not been taken before. One that has `failed` holds the
    cursor."""

    taken: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Receiving:
    table: Table
    custody: Callable[[], Custody]
    paying: Paying
    now: Callable[[], datetime]
    _known: dict[str, None] = field(default_factory=dict)  # by their ids, oldest first

    def poll(self, more_time: Callable[[], bool]) -> Polled:
        """Take every snapshot that the custody tells of, as far as there is time.

        Raises CustodyUnavailable, Busy, TableUnavailable: what was taken is taken, and the cursor is where it was.
        """
        polled = Polled()
        reached = self._cursor()
        since = times.before(reached, OVERLAP)
        while more_time():
            told = self.custody().snapshots(since)
            page = self._of_now(told, polled)
            if not page:
                break
            first, last = page[0].created_at, page[-1].created_at
            full = len(page) == PAGE_MAX
            tie = ties.find(self.table, last) if full else None  # what ties fills a page, or ends one
            late = tie is not None and tie.is_late(self.now())
            self._take_all(page, polled, more_time, late_at=last if late else None)
            if full and first == last and self._take_ties(page, tie, polled, more_time):
                polled.failed += 1
            if not polled.failed and last > reached:  # at rest there is nothing to write
                self._move_cursor(last)
            if not full:
                break
            since = times.after(last) if first == last else last
        return polled

    def _of_now(self, told: Sequence[Snapshot], polled: Polled) -> Sequence[Snapshot]:
        """Without those of times that are still to come: a cursor that had gone there would see nothing before it any
        more. They hold it."""
        latest = times.told(self.now() + CLOCKS_DIFFER)
        page = [snapshot for snapshot in told if snapshot.created_at <= latest]
        if len(page) < len(told):
            log.error("snapshots of the future", extra={"told_at": told[-1].created_at})
            count("CustodyNotBelieved")
            polled.failed += len(told) - len(page)
        return page

    def _cursor(self) -> str:
        """What had come before the first poll is not the desk's."""
        reached = cursor_store.cursor(self.table)
        if reached is None:
            reached = times.told(self.now())
            self._move_cursor(reached)
        return reached

    def _take_ties(
        self, page: Sequence[Snapshot], tie: Tie | None, polled: Polled, more_time: Callable[[], bool]
    ) -> bool:
        """More snapshots may have one time than a page holds: each asset has a page of its own. An asset that the page
        does not show can not be asked for: True where that holds the cursor, until two operators let it go on."""
        at = page[0].created_at
        late_at = at if tie is not None and tie.is_late(self.now()) else None
        holds = tie is None or tie.holds
        if tie is None:
            with suppress(TieMoved):  # another poller has found it
                self.table.write(*ties.hold(at, len(page), self.now()))
        if holds:
            log.error("snapshots tie", extra={"told_at": at, "number": len(page)})
            count("SnapshotTies")
        for asset_id in sorted({snapshot.quantity.asset_id for snapshot in page}):
            own = self.custody().snapshots(at, asset_id) if more_time() else ()
            self._take_all(own, polled, more_time, late_at)
            if not own or (len(own) == PAGE_MAX and own[-1].created_at == at):
                log.error("too many snapshots tie", extra={"told_at": at, "asset_id": asset_id})
        return holds

    def _take_all(
        self, page: Sequence[Snapshot], polled: Polled, more_time: Callable[[], bool], late_at: str | None
    ) -> None:
        """Each that is not known to be taken. What is left for want of time counts as not taken. late_at: the time of a
        tie of which nothing is taken by itself any more."""
        for snapshot in page:
            if snapshot.snapshot_id in self._known:
                continue
            if not more_time():
                polled.failed += 1
                return
            try:
                polled.taken += self._take(snapshot, is_late=snapshot.created_at == late_at)
            except (Busy, TableUnavailable):
                raise
            except Exception as fault:  # whatever is wrong with one is not the next one's fault
                log.exception("snapshot not taken", extra={"snapshot_id": snapshot.snapshot_id})
                count(getattr(fault, "alarm", None) or "SnapshotsFailed")
                polled.failed += 1
                continue
            self._known[snapshot.snapshot_id] = None
            if len(self._known) > REMEMBERED_MAX:
                del self._known[next(iter(self._known))]

    def _take(self, snapshot: Snapshot, *, is_late: bool) -> bool:
        """False when it needs not be taken, or was taken before."""
        if snapshot.quantity.amount <= 0:
            return False
        # A slip would give away others' money: what is told of it alone has to be the same.
        if self.custody().snapshot(snapshot.snapshot_id) != snapshot:
            raise not_believed(f"snapshot {snapshot.snapshot_id} is another one when it is asked for alone")
        for _ in range(TRIES):
            try:
                taken, writes = self._disposed(snapshot, is_late=is_late)
                self.table.write(*writes)
            except AlreadyTaken:
                return False
            except (MarketMakingOrderMoved, AlreadyOpened, NoCapacity) as moved:
                log.info("decided anew", extra={"snapshot_id": snapshot.snapshot_id, "why": moved.detail})
                continue
            if taken.order_id is not None:
                self.paying.begin(taken.order_id)
            return True
        raise MarketMakingOrderMoved("its order moves all the time; it is taken at the next poll")

    def _disposed(self, snapshot: Snapshot, *, is_late: bool) -> Taken:
        """What is to become of a snapshot, as far as it is seen from the snapshot alone."""
        if snapshot.quantity.amount.adjusted() >= DIGITS_MAX:
            whole = replace(snapshot, quantity=Quantity(0, snapshot.quantity.asset_id))
            return self._parked(whole, f"{snapshot.quantity} are more than can be written down")
        if snapshot.opponent_id == self.custody().user_id:
            return self._expected(snapshot, "our own transfer", waits_for=None)
        if is_late:
            return self._parked(snapshot, "it was hidden among many of its time: it may have been refunded by hand")
        if snapshot.deposit_hash is not None:
            return self._expected(snapshot, "a deposit from a chain", waits_for="the order that it comes home to")
        if snapshot.opponent_id is None:
            return self._parked(snapshot, "nobody is named who has sent it")
        if is_refund_memo(snapshot.memo):
            return self._parked(snapshot, "somebody gives back what we have sent")
        try:
            said = memo.decode(snapshot.memo)
            held = self._incoming(snapshot, Disposition.HELD, "a payment", order_id=model.order_id(said.order_id))
            accepted = self.paying.accept(held, said)
        except (BadMemo, NotTaken) as no:
            return self._refunded(snapshot, str(no))
        return held, [custody_store.take(held), *accepted, _event(held)]

    def _expected(self, snapshot: Snapshot, why: str, *, waits_for: str | None) -> Taken:
        taken = self._incoming(snapshot, Disposition.EXPECTED, why)
        due_at = None if waits_for is None else taken.created_at + HOME_DUE
        return taken, [custody_store.take(taken, waits_for=waits_for, due_at=due_at), _event(taken)]

    def _parked(self, snapshot: Snapshot, why: str) -> Taken:
        count("SnapshotsParked")
        taken = self._incoming(snapshot, Disposition.PARKED, why)
        return taken, [custody_store.take(taken), _event(taken)]

    def _refunded(self, snapshot: Snapshot, why: str) -> Taken:
        assert snapshot.opponent_id is not None
        taken = self._incoming(snapshot, Disposition.REFUNDED, why)
        refund = custody_model.refund(taken, User(snapshot.opponent_id), taken.created_at)
        taken = custody_model.taken_by(taken, refund)
        return taken, [custody_store.take(taken), custody_store.intend(refund), _event(taken)]

    def _incoming(
        self, snapshot: Snapshot, disposition: Disposition, why: str, order_id: str | None = None
    ) -> Incoming:
        at = self.now()
        return Incoming(
            incoming_id=incoming_id(snapshot.snapshot_id),
            snapshot=snapshot,
            disposition=disposition,
            created_at=at,
            updated_at=at,
            reason=why,
            order_id=order_id,
        )

    def _move_cursor(self, told_at: str) -> None:
        try:
            self.table.write(cursor_store.move_cursor(told_at, self.now()))
        except CursorMoved:
            return


def _event(taken: Incoming) -> Write:
    moved = TimelineEvent(taken.created_at, None, taken.disposition, taken.reason, CUSTODY)
    return record(taken.incoming_id, moved)
