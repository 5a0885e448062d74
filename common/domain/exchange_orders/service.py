"""The life of an order at the exchange: placed once, looked up, polled, cancelled, and looked for again if missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from common.domain.exchange_orders import store
from common.domain.exchange_orders.answers import (
    Answers,
    NotBelieved,
    NotWritten,
    contradiction,
    fill,
    id_told,
    not_believed,
)
from common.domain.exchange_orders.model import (
    FEE_MAX_BPS,
    FORGOTTEN,
    NOT_EXECUTED,
    POLL_LIMIT,
    Bounds,
    Evidence,
    ExchangeOrder,
    ExchangeOrderMoved,
    ExchangeOrderNotFilled,
    ExchangeOrderOverdue,
    ExchangeOrderUnresolved,
    Fill,
    Miss,
    Status,
    doubt,
    is_given_up_for_good,
    is_rounded,
    miss,
)
from common.domain.exchange_orders.moves import Moves, count_turned_up
from common.domain.exchange_orders.store import ExchangeOrderTaken
from common.errors import Refusal, Unavailable
from common.gateways.exchange import (
    NEVER_PLACED_SECONDS,
    Exchange,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    MarketUnknown,
    OrderReport,
    Side,
    Ticket,
    client_order_id,
)
from common.log import log
from common.market import MarketRules
from common.money import Price, Quantity
from common.table.table import Table
from common.table.transaction import Write

NOT_PLACED = "the desk could not place the order; nothing was charged"
Commit = Callable[[Sequence[Write]], None]


class ParentOrder(Protocol):
    """What an exchange order is placed for: a sell order, a batch. Each method is told the exchange order, the child,
    as it is after a move (`on_final` as it was before it, and the fill) and answers with what that means for the
    parent: the writes land together with the move, and are refused with ExchangeOrderMoved where the parent has moved
    on."""

    def on_accepted(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange has the order."""
        ...

    def on_refused(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange's definite no, which `child.reason` tells."""
        ...

    def on_never(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange does not have the order, or so `child.evidence` says; a last look follows at `child.look_at`."""
        ...

    def on_lost(self, child: ExchangeOrder, why: str, by: str) -> Sequence[Write]:
        """The exchange has forgotten an order that it had, as operators say, `by` whom; nothing of it is executed. A
        last look follows at `child.look_at`."""
        ...

    def on_final(self, child: ExchangeOrder, fill: Fill, at: datetime, commit: Commit) -> None:
        """The exchange has ended the order. `commit` the writes; a sale whose cost has moved computes and commits
        again."""
        ...

    def on_turned_up(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange has an order that it did not have: a person must look."""
        ...

    def on_absent(self, child: ExchangeOrder) -> Sequence[Write]:
        """The last look did not find it."""
        ...

    def on_stopped(self, child: ExchangeOrder, why: str) -> Sequence[Write]:
        """What the exchange says of the order can not be, or not be written down. It stays as it is: a person must
        look. Their redrive asks the exchange again."""
        ...


@dataclass(frozen=True)
class ExchangeOrders:
    """`exchange` is made when it is first needed: loading one takes time. A fee of more than `fee_max_bps` of what is
    executed is not believed."""

    table: Table
    exchange: Callable[[], Exchange]
    now: Callable[[], datetime]
    fee_max_bps: int = FEE_MAX_BPS

    @property
    def answers(self) -> Answers:
        return Answers(self.exchange)

    @property
    def moves(self) -> Moves:
        return Moves(self.table, self.now)

    def rules(self, asset_id: str) -> MarketRules:
        """May be minutes old. Raises MarketUnknown, ExchangeUnavailable."""
        return self.exchange().rules(asset_id)

    def draft(
        self, order_id: str, number: int, side: Side, quantity: Quantity, limit: Price, *, price: Price, band_bps: int
    ) -> ExchangeOrder:
        """An order to place, sent now. Its id at the exchange follows from `order_id` and `number`. It is believed to
        fill between its limit and the other end of the band around the asset's `price`."""
        at, buys = self.now(), side is Side.BUY
        return ExchangeOrder(
            order_id=order_id,
            number=number,
            client_order_id=client_order_id(order_id, str(number)),
            exchange=self.exchange().name,
            buys=buys,
            quantity=quantity,
            limit_price=limit,
            bounds=Bounds.of(limit, price, band_bps, self.fee_max_bps, buys=buys),
            sent_at=at,
            updated_at=at,
        )

    def existing(self, order_id: str, number: int) -> ExchangeOrder:
        """Raises ExchangeOrderNotFound."""
        return self.moves.existing(order_id, number)

    def place(self, order: ExchangeOrder, parent: ParentOrder, intent: Sequence[Write]) -> ExchangeOrder:
        """Write the intent and the order, then ask the exchange, once. The order as it is then: OPEN, REFUSED, or still
        SENT, when the exchange did not answer.

        Raises what `intent` is refused with; ExchangeOrderMoved: another has placed it; Busy.
        """
        self.table.write(*intent, store.insert(order))
        side = Side.BUY if order.buys else Side.SELL
        try:
            told = self.exchange().place(Ticket(side, order.quantity, order.limit_price, order.client_order_id))
        except (ExchangeRefused, MarketUnknown) as no:
            refused = self._given_up(order, Status.REFUSED, no.detail)
            shown = replace(refused, reason=_shown_to_customers(no))
            now = self._give_up(order, parent, refused, lambda _: parent.on_refused(shown))
            return shown if now is refused else now
        except ExchangeUnavailable as silent:
            log.warning("exchange did not answer", extra={"order_id": order.order_id, "why": silent.detail})
            return order
        try:
            return self._accepted(order, parent, id_told(order, told))
        except NotBelieved as lie:
            return self._stopped(order, parent, lie.why)

    def look(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Look once for a SENT order: the order as it is then, SENT still where what is told of it is not believed.

        Raises ExchangeOrderUnknown, ExchangeUnavailable, Busy.
        """
        return self._asked(order, parent, lambda seen: self._accepted(order, parent, seen.exchange_order_id))

    def resolve(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Find out whether the exchange has a SENT order. The order was never placed if two look-ups, at least 60 s
        after sending and 10 s apart, do not find it.

        Raises ExchangeOrderUnresolved: too early to tell; ExchangeUnavailable, Busy.
        """
        asked_at = self.now()
        try:
            return self.look(order, parent)
        except ExchangeOrderUnknown:
            missed = miss(order, asked_at, NEVER_PLACED_SECONDS)
        if missed is Miss.SECOND:
            never = self._given_up(order, Status.NEVER, "the exchange never had the order")
            return self._give_up(order, parent, never, parent.on_never)
        if missed is Miss.FIRST:
            self.moves.write(order, [store.miss(order, asked_at)])
        raise ExchangeOrderUnresolved("the exchange may still come to know the order", id=order.order_id)

    def poll(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Ask the exchange for the fill of an OPEN order, and write it down when it is final.

        Raises ExchangeOrderNotFilled; ExchangeOrderOverdue: not filled in time; ExchangeUnavailable, Busy.
        """

        def polled(seen: OrderReport) -> ExchangeOrder:
            if seen.final:
                return self._final(order, parent, fill(seen), seen.exchange_order_id)
            if self.now() >= order.overdue_at:
                raise ExchangeOrderOverdue(f"not filled within {POLL_LIMIT}", id=order.order_id)
            raise ExchangeOrderNotFilled(f"{seen.executed} of {seen.quantity} executed", id=order.order_id)

        return self._asked_of_open(order, parent, polled)

    def cancel(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Cancel what the exchange has not filled of an OPEN order, and write down what it had.

        Raises ExchangeOrderNotFilled: the exchange has not ended it yet; ExchangeUnavailable, Busy.
        """

        def cancelled(seen: OrderReport) -> ExchangeOrder:
            if not seen.final:
                self.answers.cancel(order, seen)
                seen = self.answers.report(order)
            if not seen.final:
                raise ExchangeOrderNotFilled("the exchange has not ended the order yet", id=order.order_id)
            return self._final(order, parent, fill(seen), seen.exchange_order_id)

        return self._asked_of_open(order, parent, cancelled)

    def look_again(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """The last look for a NEVER or LOST order. What turns up, or has TURNED_UP, is cancelled, and a person's.

        Raises ExchangeUnavailable, Busy.
        """

        def found(seen: OrderReport) -> ExchangeOrder:
            if not seen.final:
                self.moves.claim(replace(order, exchange_order_id=seen.exchange_order_id), [])
                self.answers.cancel(order, seen)
            if order.status is Status.TURNED_UP:
                return self._still_turned_up(order, parent)
            return self._turned_up(order, parent, seen.exchange_order_id)

        try:
            return self._asked(order, parent, found)
        except ExchangeOrderUnknown:
            if order.status is Status.TURNED_UP:
                return self._still_turned_up(order, parent)
            return self._absent(order, parent)

    def lost(self, order: ExchangeOrder, parent: ParentOrder, why: str, by: str) -> list[Write]:
        """The writes after which an OPEN order is LOST, as operators say."""
        lost = self._given_up(order, Status.LOST, FORGOTTEN)
        return [*parent.on_lost(lost, why, by), store.give_up(lost)]

    def _asked(
        self, order: ExchangeOrder, parent: ParentOrder, then: Callable[[OrderReport], ExchangeOrder]
    ) -> ExchangeOrder:
        """What `then` makes of what the exchange says of the order. Where that can not be believed or written down, it
        says nothing, or goes on with what it was to end, evidence decides; without any, what is not believed or not
        written is a person's to look at, and changes nothing. Raises ExchangeOrderUnknown, ExchangeUnavailable, and
        what `then` does."""
        seen, evidence = None, order.deciding_evidence
        try:
            seen = self.answers.report(order)
            return then(seen)
        except NotWritten as no:
            if evidence is None or no.fill is None:
                return self._stopped(order, parent, no.why)
            if not is_rounded(evidence.fill, no.fill):
                return self._stopped(order, parent, f"{no.why}; and {evidence}: that is more than rounding")
            return self._decided(order, parent, evidence)
        except (NotBelieved, ExchangeOrderUnknown, ExchangeUnavailable, ExchangeOrderNotFilled) as trouble:
            if evidence is not None and _is_no_answer(order, seen, trouble, self.now()):
                return self._decided(order, parent, evidence)
            if isinstance(trouble, NotBelieved):
                return self._stopped(order, parent, trouble.why)
            raise

    def _decided(self, order: ExchangeOrder, parent: ParentOrder, evidence: Evidence) -> ExchangeOrder:
        """What evidence makes of the order. What it says of one that was given up is the desk's: its hold is gone."""
        executed, told = bool(evidence.executed.amount), str(evidence)
        log.warning("decided by evidence", extra={"order_id": order.order_id, "evidence": told})
        why = doubt(order, evidence.fill, by_operators=True)
        if why is not None:
            return self._stopped(order, parent, f"what {evidence.operators} say of it is not believed: {why}")
        match order.status:
            case Status.SENT if executed:  # the poll that follows writes down the fill
                opened = replace(order, status=Status.OPEN, updated_at=self.now())
                return self.moves.write(opened, [*parent.on_accepted(opened), store.accept(opened)])
            case Status.SENT:
                never = self._given_up(order, Status.NEVER, NOT_EXECUTED)
                return self._give_up(order, parent, never, parent.on_never)
            case Status.OPEN if executed:
                self.answers.cancel_rest(order, order.exchange_order_id)
                try:
                    return self._final(order, parent, evidence.fill)
                except NotWritten as no:
                    return self._stopped(order, parent, no.why)
            case Status.OPEN:
                self.answers.cancel_rest(order, order.exchange_order_id)
                lost = self._given_up(order, Status.LOST, NOT_EXECUTED)
                return self._give_up(order, parent, lost, lambda child: parent.on_lost(child, told, evidence.operators))
            case _ if executed:
                return self._turned_up(order, parent, order.exchange_order_id)
            case _:
                return self._absent(order, parent)

    def _asked_of_open(
        self, order: ExchangeOrder, parent: ParentOrder, then: Callable[[OrderReport], ExchangeOrder]
    ) -> ExchangeOrder:
        """As `_asked`. The exchange has told us of the order: that is never taken back on its word alone. Raises
        ExchangeUnavailable."""
        try:
            return self._asked(order, parent, then)
        except ExchangeOrderUnknown as unknown:
            raise contradiction(order) from unknown

    def _accepted(self, order: ExchangeOrder, parent: ParentOrder, exchange_order_id: str) -> ExchangeOrder:
        """Raises NotBelieved: the exchange's order is another one of ours."""
        opened = replace(order, status=Status.OPEN, exchange_order_id=exchange_order_id, updated_at=self.now())
        now = self.moves.claim(opened, [*parent.on_accepted(opened), store.accept(opened)])
        if now.status is Status.NEVER:  # its parent was told that it is not there, and waits for the last look
            now = self._turned_up(now, parent, exchange_order_id)
        elif not is_given_up_for_good(now) and now.exchange_order_id in (None, exchange_order_id):
            return now  # None: evidence has opened it
        else:  # or it is another one, which somebody has found by our id
            self.moves.stray(now, exchange_order_id)
        self.answers.cancel_rest(now, exchange_order_id)
        if now.status is Status.REFUSED:  # in the exchange's words, which may be about the desk's account
            return replace(now, reason=NOT_PLACED)
        return now

    def _final(
        self, order: ExchangeOrder, parent: ParentOrder, fill: Fill, exchange_order_id: str | None = None
    ) -> ExchangeOrder:
        """`exchange_order_id`: how the exchange names it, if it does. Raises NotBelieved: it is another one of ours;
        NotWritten."""
        named = replace(order, exchange_order_id=order.exchange_order_id or exchange_order_id)
        claim = [] if named == order else [store.claim(named)]
        at = self.now()
        try:
            end = store.end(named, fill, at)
            parent.on_final(order, fill, at, lambda writes: self.table.write(*claim, *writes, end))
        except ExchangeOrderMoved:
            log.info("ended meanwhile", extra={"order_id": order.order_id})
            return self.moves.seen(self.existing(order.order_id, order.number), named.exchange_order_id)
        except ExchangeOrderTaken as taken:
            raise not_believed(named, taken.detail) from taken
        except Unavailable:
            raise
        except (Refusal, ArithmeticError) as no:
            raise _not_written(order, no, fill) from no
        return replace(named, status=Status.FINAL, state=fill.state, resolved_at=at, updated_at=at)

    def _give_up(
        self,
        order: ExchangeOrder,
        parent: ParentOrder,
        after: ExchangeOrder,
        means: Callable[[ExchangeOrder], Sequence[Write]],
    ) -> ExchangeOrder:
        try:
            return self.moves.write(after, [*means(after), store.give_up(after)])
        except Unavailable:
            raise
        except (Refusal, ArithmeticError) as no:
            return self._stopped(order, parent, _not_written(order, no).why)

    def _stopped(self, order: ExchangeOrder, parent: ParentOrder, why: str) -> ExchangeOrder:
        return self.moves.write(order, parent.on_stopped(replace(order, updated_at=self.now()), why))

    def _absent(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        absent = replace(order, status=Status.ABSENT, updated_at=self.now())
        return self.moves.write(absent, [*parent.on_absent(absent), store.follow_up(order, absent)])

    def _given_up(self, order: ExchangeOrder, status: Status, reason: str) -> ExchangeOrder:
        at = self.now()
        return replace(order, status=status, reason=reason, resolved_at=at, updated_at=at)

    def _turned_up(self, order: ExchangeOrder, parent: ParentOrder, exchange_order_id: str | None) -> ExchangeOrder:
        """`exchange_order_id` is None where only evidence knows of it."""
        after = replace(order, status=Status.TURNED_UP, exchange_order_id=exchange_order_id, updated_at=self.now())
        writes = [*parent.on_turned_up(after), store.follow_up(order, after)]
        now = self.moves.write(after, writes) if exchange_order_id is None else self.moves.claim(after, writes)
        if now is after:
            count_turned_up(order, exchange_order_id)
        return self.moves.seen(now, exchange_order_id)

    def _still_turned_up(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """A redrive took it off the operators' list: it goes back there."""
        again = replace(order, updated_at=self.now())
        return self.moves.write(again, [*parent.on_turned_up(again), store.still_turned_up(again)])


def _is_no_answer(order: ExchangeOrder, seen: OrderReport | None, trouble: Exception, now: datetime) -> bool:
    """Does the exchange say nothing that could be taken for its answer? So it is with what can not be believed, and
    with an order that it does not know. Of one that it has, silence and "it goes on" count once it should have ended.
    """
    if isinstance(trouble, (NotBelieved, ExchangeOrderUnknown)):
        return True
    if seen is None and order.status is not Status.OPEN:
        return True
    return (seen is None or not seen.final) and order.should_have_ended(now)


def _not_written(order: ExchangeOrder, no: Refusal | ArithmeticError, fill: Fill | None = None) -> NotWritten:
    why = no.detail if isinstance(no, Refusal) else f"{type(no).__name__} in its amounts"
    log.error("not written", extra={"order_id": order.order_id, "why": why})
    return NotWritten(why, fill)


def _shown_to_customers(no: ExchangeRefused | MarketUnknown) -> str:
    """The exchange's own words, unless they are about the desk's account: those are for operators, in the story."""
    if isinstance(no, ExchangeRefused) and no.ours:
        return NOT_PLACED
    return no.detail
