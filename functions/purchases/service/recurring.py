"""What a customer can ask of recurring buys, and what the clock does about those whose date has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from common.clock import text
from common.domain.ledger import store as ledger
from common.domain.timeline import CLOCK, CUSTOMER
from common.domain.work import WaitingItem
from common.errors import Refusal, Unavailable
from common.idempotency import Replayable
from common.log import count, log
from common.owner import Owner
from common.table.table import Page, Position, Table
from common.table.transaction import Busy, Write
from functions.purchases import model, recurring, recurring_store
from functions.purchases.model import Terms
from functions.purchases.recurring import (
    Asked,
    Changes,
    DateTold,
    Outcome,
    RecurringBuy,
    Status,
)
from functions.purchases.recurring_store import AlreadyPlanned, PlanMoved
from functions.purchases.service.purchasing import Purchases

MOVE_TRIES_MAX = 5  # of one that the clock is moving at the same time
ORDERED, SKIPPED, POSTPONED = "ordered", "skipped", "postponed"  # what a round does about one that is due
Move = Callable[[RecurringBuy], RecurringBuy]


@dataclass(frozen=True)
class RecurringBuys:
    purchases: Purchases

    @property
    def table(self) -> Table:
        return self.purchases.table

    def plan(self, owner: Owner, idempotency_key: str, asked: Asked) -> Replayable[RecurringBuy]:
        """Buy again and again, from the first date on: within a minute, where that is now. The same key with the same
        terms gives the same recurring buy for ever.

        Raises, in this order:
            DateOutOfRange, AssetNotFound, AssetInactive, BoughtHere, PrecisionExceeded, AmountTooLarge, AmountTooSmall,
            AboveMaximum, BelowMinimum, AccountNotFound, IdempotencyKeyReused, TooManyRecurringBuys, Busy.
        """
        plan_id = recurring.plan_id(owner, idempotency_key)
        try:
            plan = recurring.recurring_buy(owner, plan_id, asked, self.purchases.now())
            self._rehearse(owner, asked.terms)
            ledger.balance(self.table, owner)
            self.table.write(
                recurring_store.insert(plan),
                recurring_store.counted(owner, plan.created_at),
                recurring_store.event(None, plan, f"{asked.every}, asked for", CUSTOMER),
            )
        except AlreadyPlanned as repeat:
            return Replayable(repeat.plan.repeated(asked), replayed=True)
        except Refusal:
            # Rules and the clock may refuse what they once accepted: a repeat comes first.
            known = recurring_store.find(self.table, plan_id)
            if known is None:
                raise
            return Replayable(known.repeated(asked), replayed=True)
        return Replayable(plan)

    def _rehearse(self, owner: Owner, terms: Terms) -> None:
        """Would it be bought today, at the latest price there is? A limit may be above or below it. Raises what a
        purchase does, but not PriceMoved; PriceUnavailable only where there was never a price."""
        listing, now = self.purchases.catalogue.listing(terms.asset_id), self.purchases.now()
        listing.must_be_active()
        quote = listing.quote_at(now) or listing.tradable_ask(now)
        model.purchase(owner, "rehearsed", replace(terms, max_price=None), listing.asset, quote, now)

    def recurring_buy(self, owner: Owner, plan_id: str) -> RecurringBuy:
        """Raises RecurringBuyNotFound."""
        return recurring_store.visible(self.table, owner, plan_id)

    def recurring_buys(self, owner: Owner, *, limit: int, after: Position | None) -> Page[RecurringBuy]:
        """The owner's, newest first, a moment old."""
        return recurring_store.page(self.table, owner, limit=limit, after=after)

    def dates(self, owner: Owner, plan_id: str, *, limit: int, after: Position | None) -> Page[DateTold]:
        """What became of its dates, the latest first. Raises RecurringBuyNotFound."""
        self.recurring_buy(owner, plan_id)
        return recurring_store.dates(self.table, plan_id, limit=limit, after=after)

    def change(self, owner: Owner, plan_id: str, version: int, changes: Changes) -> RecurringBuy:
        """From its next date on. A repeat changes nothing.

        Raises RecurringBuyNotFound; RecurringBuyOver; RecurringBuyChanged: it has another version by now;
        ContradictoryTerms, DateOutOfRange, and what `plan` raises of its terms; Busy.
        """

        def changed(plan: RecurringBuy) -> RecurringBuy:
            after = plan.changed(version, changes, self.purchases.now())
            if after.terms != plan.terms:
                self._rehearse(owner, after.terms)
            return after

        return self._move(owner, plan_id, changed, "changed by the customer")

    def pause(self, owner: Owner, plan_id: str) -> RecurringBuy:
        """Nothing is bought until it is resumed. A repeat gives the paused one. Raises RecurringBuyNotFound,
        RecurringBuyOver, Busy."""

        def paused(plan: RecurringBuy) -> RecurringBuy:
            return plan if plan.status is Status.PAUSED else plan.paused(self.purchases.now())

        return self._move(owner, plan_id, paused, "paused by the customer")

    def resume(self, owner: Owner, plan_id: str) -> RecurringBuy:
        """From its next date on; those that came meanwhile are not made good. Raises RecurringBuyNotFound,
        RecurringBuyOver, DateOutOfRange: it would be after the end; Busy."""

        def resumed(plan: RecurringBuy) -> RecurringBuy:
            return plan if plan.status is Status.ACTIVE else plan.resumed(self.purchases.now())

        return self._move(owner, plan_id, resumed, "resumed by the customer")

    def cancel(self, owner: Owner, plan_id: str) -> RecurringBuy:
        """Nothing is bought any more, from this answer on; what was bought before stays. A repeat gives the cancelled
        one. Raises RecurringBuyNotFound, RecurringBuyOver, Busy."""

        def cancelled(plan: RecurringBuy) -> RecurringBuy:
            return plan if plan.status is Status.CANCELLED else plan.cancelled(self.purchases.now())

        return self._move(owner, plan_id, cancelled, "cancelled by the customer")

    def _move(self, owner: Owner, plan_id: str, move: Move, why: str) -> RecurringBuy:
        """Write what `move` makes of it, again with the recurring buy as it is while the clock moves it. A date that
        had come, and that it does away with, is told as skipped."""
        for _ in range(MOVE_TRIES_MAX):
            plan = recurring_store.visible(self.table, owner, plan_id)
            after = move(plan)
            if after is plan:
                return plan
            writes = [*recurring_store.move(plan, after), recurring_store.event(plan, after, why, CUSTOMER)]
            if after.last_at is not None and after.last_at != plan.last_at:
                date = plan.tells(after.last_at, Outcome.SKIPPED, after.updated_at, reason=why)
                writes.append(recurring_store.tell(plan, date))
            try:
                self.table.write(*writes)
            except PlanMoved:
                continue
            return after
        raise Busy("it is being moved by others; send it again", retry_after_seconds=1)

    # The clock

    def buy_due(self, more_time: Callable[[], bool]) -> dict[str, int]:
        """Deal with what is due, the longest due first. Any round may be cut short; the next one does the rest, and
        what can not be dealt with now moves behind it. Counts what was `ordered`, `skipped` and `postponed`."""
        found = dict.fromkeys((ORDERED, SKIPPED, POSTPONED), 0)
        for waiting in recurring_store.due(self.table, self.purchases.now()):
            if not more_time():
                break
            try:
                outcome = self._deal(waiting.PK)
            except Refusal as refusal:
                log.warning("recurring buy not seen to now", extra={"id": waiting.PK, "why": refusal.detail})
                outcome = self._delay(waiting)
            except Exception:
                count("Bugs")
                log.exception("bug", extra={"id": waiting.PK})
                outcome = self._delay(waiting)
            if outcome is not None:
                found[outcome] += 1
        return found

    def _delay(self, waiting: WaitingItem) -> str | None:
        """What can not be dealt with at all moves behind the others too, where the table will have it."""
        try:
            self.table.write(recurring_store.delay(waiting, self.purchases.now() + recurring.RETRY_AFTER))
        except Refusal as refusal:
            log.warning("recurring buy stays at the head", extra={"id": waiting.PK, "why": refusal.detail})
            return None
        return POSTPONED

    def _deal(self, plan_id: str) -> str | None:
        plan, now = recurring_store.find(self.table, plan_id), self.purchases.now()
        if plan is None or plan.status is not Status.ACTIVE or plan.due_at is None or plan.due_at > now:
            return None  # the index is late
        try:
            date = plan.date_due(now)
            if plan.superseded(date):
                assert plan.tried is not None
                return self._skip(plan, plan.tried, plan.reason or "it was tried until the next date")
            if plan.ended_before(date, now):
                assert plan.ends_at is not None
                return self._skip(plan, date, f"its end, {text(plan.ends_at)}, has passed")
            try:
                return self._buy(plan, date, now)
            except PlanMoved:
                raise
            except Unavailable as unavailable:
                if plan.tried_long_enough(now):
                    return self._skip(plan, date, unavailable.detail)
                return self._postpone(plan, date, unavailable.detail)
            except Refusal as refusal:
                return self._skip(plan, date, refusal)
        except PlanMoved:  # by another round, or by its customer
            return None

    def _buy(self, plan: RecurringBuy, date: datetime, at: datetime) -> str:
        """The purchase, and that the date is dealt with, in one transaction."""
        order_id, after = plan.purchase_id(date), plan.ordered(date, at)
        told = plan.tells(date, Outcome.ORDERED, at, order_id=order_id)
        beside = [*recurring_store.move(plan, after), recurring_store.tell(plan, told), *_stopped(plan, after)]
        by = f"recurring buy {plan.plan_id}"
        if self.purchases.buy_beside(plan.owner, order_id, plan.terms, beside, by).replayed:
            self.table.write(*beside)  # it should have moved with its purchase
        return ORDERED

    def _skip(self, plan: RecurringBuy, date: datetime, why: Refusal | str) -> str:
        at = self.purchases.now()
        after, reason = plan.skips(date, why, at), why if isinstance(why, str) else why.detail
        told = plan.tells(date, Outcome.SKIPPED, at, reason=reason)
        self.table.write(*recurring_store.move(plan, after), recurring_store.tell(plan, told), *_stopped(plan, after))
        log.info("recurring buy skipped", extra={"id": plan.plan_id, "why": reason})
        return SKIPPED

    def _postpone(self, plan: RecurringBuy, date: datetime, why: str) -> str:
        self.table.write(*recurring_store.move(plan, plan.tries_again(date, why, self.purchases.now())))
        return POSTPONED


def _stopped(plan: RecurringBuy, after: RecurringBuy) -> list[Write]:
    """Its customer reads in its story why it goes on no more."""
    if after.status is plan.status:
        return []
    return [recurring_store.event(plan, after, after.reason or "", CLOCK, fails=after.status is Status.PAUSED)]
