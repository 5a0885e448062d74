"""The life of an order at the exchange: placed once, looked up, polled, cancelled, and looked for again if missed.

Whenever the exchange is asked for an order (`_ask`), its answer counts before all else. Where it gives none that can
count, the evidence of two operators does, if the order has any that decides:

    the exchange                               with evidence                  without
    is not believed                            evidence counts                the order is a person's
    does not know the order                    evidence counts                ExchangeOrderUnknown is raised
    is silent, or has not ended the order      counts once `_is_no_answer`    that is raised
    is believed, but not to be written down    counts if it rounds that       the order is a person's

What is a person's stays as it is, and what it was placed for waits for an operator (`_stop`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from common.domain.catalogue.model import Symbols
from common.domain.exchange_orders import store
from common.domain.exchange_orders.answers import (
    Answers,
    NotBelieved,
    NotWritten,
    believed_id,
    contradiction,
    fill_of,
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
    Status,
    doubt,
    is_given_up_for_good,
    is_rounded,
)
from common.domain.exchange_orders.moves import Moves, count_turned_up
from common.domain.exchange_orders.store import ExchangeOrderTaken
from common.domain.looks import Miss, miss
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
    """What an exchange order, its `child`, is placed for: a sell order, a batch. Each method gets the child as a move
    will leave it, and returns what the move means for the parent: those writes land in the transaction of the move, and
    are refused with ExchangeOrderMoved where the parent has moved on. `on_final` alone gets the child as it was, with
    the fill, and writes by `commit`."""

    def on_accepted(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange has the order."""
        ...

    def on_refused(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange has refused the order; `child.reason` says why, in words that a customer may read."""
        ...

    def on_never(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange does not have the order, as two looks or `child.evidence` say; a last look follows at
        `child.look_at`."""
        ...

    def on_lost(self, child: ExchangeOrder, why: str, by: str) -> Sequence[Write]:
        """The exchange has forgotten an order that it had, and nothing of it was executed: `by` whom it is said. A
        last look follows at `child.look_at`."""
        ...

    def on_final(self, child: ExchangeOrder, fill: Fill, at: datetime, commit: Commit) -> None:
        """The exchange has ended the order. Give the writes to `commit`, which writes them with the move; a sale whose
        cost has moved meanwhile is refused, computes them anew, and commits again."""
        ...

    def on_turned_up(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange has an order that was NEVER or LOST: a person must look."""
        ...

    def on_absent(self, child: ExchangeOrder) -> Sequence[Write]:
        """The last look did not find it."""
        ...

    def on_stopped(self, child: ExchangeOrder, why: str) -> Sequence[Write]:
        """What the exchange says of the order is not believed, or can not be written down. The order stays as it is: a
        person must look. A redrive asks the exchange again."""
        ...


@dataclass(frozen=True)
class ExchangeOrders:
    """`exchange` is made when it is first needed, since loading one takes time; `symbols` are its names of coins. A fee
    of more than `fee_max_bps` basis points of what is executed is not believed."""

    table: Table
    exchange: Callable[[], Exchange]
    symbols: Callable[[], Symbols]
    now: Callable[[], datetime]
    fee_max_bps: int = FEE_MAX_BPS

    @property
    def answers(self) -> Answers:
        return Answers(self.exchange, self.symbols)

    @property
    def moves(self) -> Moves:
        return Moves(self.table, self.now)

    def rules(self, asset_id: str) -> MarketRules:
        """What the exchange asks of an order of this asset; may be minutes old. Raises MarketUnknown,
        ExchangeUnavailable."""
        return self.exchange().rules(self.symbols().there(asset_id))

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
            symbol=self.symbols().there(quantity.asset_id),
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
        """Write `intent`, the parent's writes that go with it, and the order; then ask the exchange, once. The order as
        it is then: OPEN, REFUSED, or still SENT, when the exchange did not answer or is not believed.

        Raises what `intent` is refused with; ExchangeOrderMoved: another has placed it; Busy.
        """
        self.table.write(*intent, store.insert(order))
        try:
            exchange_order_id = self.exchange().place(_ticket(order))
        except (ExchangeRefused, MarketUnknown) as no:
            return self._refuse(order, parent, no)
        except ExchangeUnavailable as silent:
            log.warning("exchange did not answer", extra={"order_id": order.order_id, "why": silent.detail})
            return order
        try:
            return self._accept(order, parent, believed_id(order, exchange_order_id))
        except NotBelieved as lie:
            return self._stop(order, parent, lie.why)

    def _refuse(self, order: ExchangeOrder, parent: ParentOrder, no: ExchangeRefused | MarketUnknown) -> ExchangeOrder:
        """The order keeps the exchange's own words, for operators; parent and caller get what a customer may read."""
        refused = order.given_up(Status.REFUSED, no.detail, self.now())
        shown = replace(refused, reason=_shown_to_customers(no))
        after = self._give_up(order, parent, refused, lambda _: parent.on_refused(shown))
        return shown if after is refused else after

    def look(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Look once for a SENT order. The order as it is then: still SENT where the exchange is not believed.

        Raises ExchangeOrderUnknown, ExchangeUnavailable, Busy.
        """
        return self._ask(order, parent, lambda report: self._accept(order, parent, report.exchange_order_id))

    def resolve(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Find out whether the exchange has a SENT order. The order was never placed if two look-ups, at least 60 s
        after sending and 10 s apart, do not find it.

        Raises ExchangeOrderUnresolved: too early to tell; ExchangeUnavailable, Busy.
        """
        asked_at = self.now()
        try:
            return self.look(order, parent)
        except ExchangeOrderUnknown:
            missed = miss(
                asked_at, sent_at=order.sent_at, settled_seconds=NEVER_PLACED_SECONDS, missed_at=order.missed_at
            )
        if missed is Miss.SECOND:
            never = order.given_up(Status.NEVER, "the exchange never had the order", self.now())
            return self._give_up(order, parent, never, parent.on_never)
        if missed is Miss.FIRST:
            self.moves.write(order, [store.miss(order, asked_at)])
        raise ExchangeOrderUnresolved("the exchange may still come to know the order", id=order.order_id)

    def poll(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Ask the exchange for the fill of an OPEN order, and write it down when it is final.

        Raises ExchangeOrderNotFilled; ExchangeOrderOverdue: not filled in time; ExchangeUnavailable, Busy.
        """

        def polled(report: OrderReport) -> ExchangeOrder:
            if report.final:
                return self._end(order, parent, fill_of(report), report.exchange_order_id)
            if self.now() >= order.overdue_at:
                raise ExchangeOrderOverdue(f"not filled within {POLL_LIMIT}", id=order.order_id)
            raise ExchangeOrderNotFilled(f"{report.executed} of {report.quantity} executed", id=order.order_id)

        return self._ask_of_open(order, parent, polled)

    def cancel(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Cancel what the exchange has not filled of an OPEN order, and write down what it had.

        Raises ExchangeOrderNotFilled: the exchange has not ended it yet; ExchangeUnavailable, Busy.
        """

        def cancelled(report: OrderReport) -> ExchangeOrder:
            if not report.final:
                self.answers.cancel(order, report)
                report = self.answers.report(order)
            if not report.final:
                raise ExchangeOrderNotFilled("the exchange has not ended the order yet", id=order.order_id)
            return self._end(order, parent, fill_of(report), report.exchange_order_id)

        return self._ask_of_open(order, parent, cancelled)

    def look_again(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Look once more for a NEVER, LOST or TURNED_UP order. If it is there, it is cancelled, and a person must look.

        Raises ExchangeUnavailable, Busy.
        """

        def found(report: OrderReport) -> ExchangeOrder:
            if not report.final:
                self.moves.claim(replace(order, exchange_order_id=report.exchange_order_id), [])
                self.answers.cancel(order, report)
            if order.status is Status.TURNED_UP:
                return self._list_again(order, parent)
            return self._turn_up(order, parent, report.exchange_order_id)

        try:
            return self._ask(order, parent, found)
        except ExchangeOrderUnknown:
            if order.status is Status.TURNED_UP:
                return self._list_again(order, parent)
            return self._miss_for_good(order, parent)

    def lost(self, order: ExchangeOrder, parent: ParentOrder, why: str, by: str) -> list[Write]:
        """The writes after which an OPEN order is LOST, as operators say."""
        lost = order.given_up(Status.LOST, FORGOTTEN, self.now())
        return [*parent.on_lost(lost, why, by), store.give_up(lost)]

    def _ask(
        self, order: ExchangeOrder, parent: ParentOrder, then: Callable[[OrderReport], ExchangeOrder]
    ) -> ExchangeOrder:
        """Ask the exchange, and return what `then` makes of its report, or `_decide` of the evidence, as told above.
        Raises ExchangeUnavailable, ExchangeOrderUnknown, and what `then` raises."""
        report, evidence = None, order.deciding_evidence
        try:
            report = self.answers.report(order)
            return then(report)
        except NotWritten as no:
            if evidence is None or no.fill is None:
                return self._stop(order, parent, no.why)
            if not is_rounded(evidence.fill, no.fill):
                return self._stop(order, parent, f"{no.why}; and {evidence}: that is more than rounding")
            return self._decide(order, parent, evidence)
        except (NotBelieved, ExchangeOrderUnknown, ExchangeUnavailable, ExchangeOrderNotFilled) as trouble:
            if evidence is not None and _is_no_answer(order, report, trouble, self.now()):
                return self._decide(order, parent, evidence)
            if isinstance(trouble, NotBelieved):
                return self._stop(order, parent, trouble.why)
            raise

    def _decide(self, order: ExchangeOrder, parent: ParentOrder, evidence: Evidence) -> ExchangeOrder:
        """Move the order as the evidence says. What that says was executed of a NEVER or LOST order is the desk's gain
        or loss: the parent has given its hold back."""
        executed, told = bool(evidence.executed.amount), str(evidence)
        log.warning("decided by evidence", extra={"order_id": order.order_id, "evidence": told})
        why = doubt(order, evidence.fill, by_operators=True)
        if why is not None:
            return self._stop(order, parent, f"what {evidence.operators} say of it is not believed: {why}")
        match order.status:
            case Status.SENT if executed:  # the poll that follows writes down the fill
                opened = replace(order, status=Status.OPEN, updated_at=self.now())
                return self.moves.write(opened, [*parent.on_accepted(opened), store.accept(opened)])
            case Status.SENT:
                never = order.given_up(Status.NEVER, NOT_EXECUTED, self.now())
                return self._give_up(order, parent, never, parent.on_never)
            case Status.OPEN if executed:
                self.answers.cancel_rest(order, order.exchange_order_id)
                try:
                    return self._end(order, parent, evidence.fill)
                except NotWritten as no:
                    return self._stop(order, parent, no.why)
            case Status.OPEN:
                self.answers.cancel_rest(order, order.exchange_order_id)
                lost = order.given_up(Status.LOST, NOT_EXECUTED, self.now())
                return self._give_up(order, parent, lost, lambda child: parent.on_lost(child, told, evidence.operators))
            case _ if executed:
                return self._turn_up(order, parent, order.exchange_order_id)
            case _:
                return self._miss_for_good(order, parent)

    def _ask_of_open(
        self, order: ExchangeOrder, parent: ParentOrder, then: Callable[[OrderReport], ExchangeOrder]
    ) -> ExchangeOrder:
        """As `_ask`, of an order that the exchange has accepted: that it knows none is then a contradiction, and no
        answer. Raises ExchangeUnavailable, and what `then` raises."""
        try:
            return self._ask(order, parent, then)
        except ExchangeOrderUnknown as unknown:
            raise contradiction(order) from unknown

    def _accept(self, order: ExchangeOrder, parent: ParentOrder, exchange_order_id: str) -> ExchangeOrder:
        """The exchange has the order: it is OPEN. Where somebody else has moved it meanwhile, perhaps nobody waits for
        it: then it is cancelled there, and a person's. Raises NotBelieved: it is another one of ours."""
        opened = replace(order, status=Status.OPEN, exchange_order_id=exchange_order_id, updated_at=self.now())
        current = self.moves.claim(opened, [*parent.on_accepted(opened), store.accept(opened)])
        # An OPEN order without an id of the exchange was opened by evidence: this is the order that it was about.
        is_ours = current.exchange_order_id in (None, exchange_order_id)
        if current.status is Status.NEVER:  # its parent was told that it is not there, and waits for the last look
            current = self._turn_up(current, parent, exchange_order_id)
        elif is_ours and not is_given_up_for_good(current):
            return current
        else:
            self.moves.record_stray(current, exchange_order_id)
        self.answers.cancel_rest(current, exchange_order_id)
        if current.status is Status.REFUSED:  # its reason is in the exchange's words, which may be about the desk
            return replace(current, reason=NOT_PLACED)
        return current

    def _end(
        self, order: ExchangeOrder, parent: ParentOrder, fill: Fill, exchange_order_id: str | None = None
    ) -> ExchangeOrder:
        """The order is FINAL, with this fill. `exchange_order_id` is the one that the exchange has just reported, None
        where evidence says what was filled. Raises NotBelieved: that is another one of ours; NotWritten, Busy."""
        named = replace(order, exchange_order_id=order.exchange_order_id or exchange_order_id)
        claim = [] if named == order else [store.claim(named)]
        at = self.now()
        try:
            end = store.end(named, fill, at)
            parent.on_final(order, fill, at, lambda writes: self.table.write(*claim, *writes, end))
        except ExchangeOrderMoved:
            log.info("ended meanwhile", extra={"order_id": order.order_id})
            return self.moves.record_if_stray(self.existing(order.order_id, order.number), named.exchange_order_id)
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
        """Write that the order is waited for no more, with what that means for its parent. Where it can not be written
        down, a person has to look."""
        try:
            return self.moves.write(after, [*means(after), store.give_up(after)])
        except Unavailable:
            raise
        except (Refusal, ArithmeticError) as no:
            return self._stop(order, parent, _not_written(order, no).why)

    def _stop(self, order: ExchangeOrder, parent: ParentOrder, why: str) -> ExchangeOrder:
        """Leave the order as it is, and ask for a person."""
        return self.moves.write(order, parent.on_stopped(replace(order, updated_at=self.now()), why))

    def _miss_for_good(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """The last look did not find the order."""
        absent = replace(order, status=Status.ABSENT, updated_at=self.now())
        return self.moves.write(absent, [*parent.on_absent(absent), store.follow_up(order, absent)])

    def _turn_up(self, order: ExchangeOrder, parent: ParentOrder, exchange_order_id: str | None) -> ExchangeOrder:
        """The exchange has an order that was given up: a person has to look. `exchange_order_id` is None where only
        evidence tells of it."""
        after = replace(order, status=Status.TURNED_UP, exchange_order_id=exchange_order_id, updated_at=self.now())
        writes = [*parent.on_turned_up(after), store.follow_up(order, after)]
        current = self.moves.write(after, writes) if exchange_order_id is None else self.moves.claim(after, writes)
        if current is after:
            count_turned_up(order, exchange_order_id)
        return self.moves.record_if_stray(current, exchange_order_id)

    def _list_again(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """A redrive took it off the operators' list: it goes back there."""
        again = replace(order, updated_at=self.now())
        return self.moves.write(again, [*parent.on_turned_up(again), store.still_turned_up(again)])


def _ticket(order: ExchangeOrder) -> Ticket:
    side, quantity = Side.BUY if order.buys else Side.SELL, replace(order.quantity, asset_id=order.symbol)
    return Ticket(side, quantity, order.limit_price, order.client_order_id)


def _is_no_answer(order: ExchangeOrder, report: OrderReport | None, trouble: Exception, now: datetime) -> bool:
    """Does evidence count, since the exchange gives no answer of its own? It gives none where it is not believed or
    does not know the order. Of an OPEN order, silence and "not final yet" are no answer only once it should have
    ended; of any other order, silence is none at once."""
    if isinstance(trouble, (NotBelieved, ExchangeOrderUnknown)):
        return True
    if report is None and order.status is not Status.OPEN:
        return True
    return (report is None or not report.final) and order.should_have_ended(now)


def _not_written(order: ExchangeOrder, no: Refusal | ArithmeticError, fill: Fill | None = None) -> NotWritten:
    why = no.detail if isinstance(no, Refusal) else f"{type(no).__name__} in its amounts"
    log.error("not written", extra={"order_id": order.order_id, "why": why})
    return NotWritten(why, fill)


def _shown_to_customers(no: ExchangeRefused | MarketUnknown) -> str:
    """The exchange's own words, unless they are about the desk's account: those are for operators, in the story."""
    if isinstance(no, ExchangeRefused) and no.ours:
        return NOT_PLACED
    return no.detail
