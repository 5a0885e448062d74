"""Operators halt trading accounts, and single orders, and let them trade again: what is open there ends with the next
tick, and their orders are paused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from common import keys
from common.domain import audit, halts, work
from common.domain.audit import AuditEntry
from common.domain.halts import HaltOwn, Status
from common.domain.work import Redriven
from common.operator_outcome import OperatorOutcome
from common.table.table import Table
from functions.market_making import account_store, shard_store, store
from functions.market_making.model import AccountStillShort, HaltNotFound, NotPausable
from functions.market_making.model import Status as OrderStatus
from functions.market_making.service.balancing import Balancing
from functions.market_making.service.quoting import HALTED, STILL_THERE

ORDER_PREFIX = keys.MARKET_MAKING_ORDER.id_prefix or ""  # no account's id begins so


@dataclass(frozen=True)
class Halting:
    table: Table
    balancing: Balancing
    now: Callable[[], datetime]

    def halt(self, account_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Nothing is placed on a trading account any more, and all that is open there is cancelled, by its next ticks.
        A repeat changes nothing; what another has halted, or the clock, is the operator's as well.

        Raises TradingAccountNotFound; HaltMoved, Busy.
        """
        account_store.account(self.table, account_id)
        halt_id, at = halts.halt_id_of(account_id), self.now()
        before = halts.find(self.table, halt_id)
        holds = before is not None and before.holds
        if before is not None and holds and operator in before.operators:
            return OperatorOutcome.repeat(halt_id, Status.HALTED, f"{account_id} is halted already; nothing to do")
        if not dry_run:
            written = (
                halts.taken_over(before, reason, operator, at)
                if before is not None and holds
                else halts.halt(account_id, reason, operator, at, before)
            )
            audit.write_stop(self.table, AuditEntry(at, operator, "mm halt", account_id, reason), *written)
        says = f"nothing is placed on {account_id}, and all quotes there are cancelled, until another operator lifts it"
        return OperatorOutcome(
            halt_id, None if before is None else before.status, Status.HALTED, done=not dry_run, says=says
        )

    def halt_order(self, order_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """An order is paused, and all that is open of it is cancelled, by its next tick. Its owner resumes it once
        another operator has lifted that. A repeat changes nothing.

        Raises MarketMakingOrderNotFound; NotPausable; MarketMakingOrderMoved, HaltMoved, Busy.
        """
        order, at = store.existing(self.table, order_id), self.now()
        before = halts.find(self.table, halts.halt_id_of(order_id))
        done = AuditEntry(at, operator, "mm halt", order_id, reason)
        if before is not None and before.holds:
            if operator in before.operators:
                return OperatorOutcome.repeat(order_id, order.status, "it is halted already; nothing to do")
            if not dry_run:
                audit.write_stop(self.table, done, *halts.taken_over(before, reason, operator, at))
            says = "it is halted already; neither of you lifts it"
            return OperatorOutcome(order_id, order.status, order.status, done=not dry_run, says=says)
        if order.status not in (OrderStatus.RUNNING, OrderStatus.PAUSED):
            raise NotPausable(f"the order is {order.status}: it is not running", id=order_id)
        if not dry_run:
            waits_for = "its owner, and another operator who lifts its halt"
            due_at = at + STILL_THERE
            moved = [store.wait(order, at, due_at, waits_for)]
            if order.status is OrderStatus.RUNNING:
                move = store.move(order, OrderStatus.PAUSED, at, store.why(HALTED), waits_for=waits_for, due_at=due_at)
                moved = [move, *shard_store.tell_shard(order, OrderStatus.PAUSED, at)]
            audit.write_stop(
                self.table,
                done,
                *halts.halt(order_id, reason, operator, at, before),
                *moved,
                store.event(order, OrderStatus.PAUSED, f"halted: {reason}", operator, at),
            )
        says = (
            "its quotes are cancelled, and it stays paused until another operator lifts that and its owner resumes it"
        )
        return OperatorOutcome(order_id, order.status, OrderStatus.PAUSED, done=not dry_run, says=says)

    def lift(self, halt_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """A trading account may trade again, and what was to be withdrawn there goes on: the exchange has now all that
        is owed. Or an order may be resumed. A repeat changes nothing.

        Raises HaltNotFound; HaltOwn; AccountStillShort; ExchangeUnavailable, NoTradingKey; HaltMoved, Busy.
        """
        before = halts.find(self.table, halt_id)
        if before is None:
            raise HaltNotFound(f"{halt_id} is no halt of a trading account", id=halt_id)
        if not before.holds:
            if not dry_run:
                self._let_go(before.account_id)
            return OperatorOutcome.repeat(halt_id, Status.LIFTED, "it is lifted already; nothing to do")
        if operator in before.operators:
            raise HaltOwn("who has halted it does not lift it: ask another operator", id=halt_id)
        is_order = before.account_id.startswith(ORDER_PREFIX)
        if not is_order and (short := self.balancing.short(before.account_id)):
            raise AccountStillShort("; ".join(map(str, short)), id=halt_id)
        if not dry_run:
            entry = audit.entry(self.table, AuditEntry(self.now(), operator, "mm lift", halt_id, reason))
            self.table.write(*halts.lift(before, reason, operator, self.now()), *entry)
            self._let_go(before.account_id)
        says = f"{before.account_id} is quoted on again from its next tick on; what is paused its owners may resume"
        if is_order:
            says = f"the owner of {before.account_id} may resume it"
        return OperatorOutcome(halt_id, before.status, Status.LIFTED, done=not dry_run, says=says)

    def _let_go(self, account_id: str) -> None:
        """Orders that wait for just this are driven again by the sweeper. One that the index does not show yet is let
        go by a repeat."""
        waits_for = f"an operator: {halts.halted(account_id).detail}"
        for waiting in list(work.for_people(self.table, keys.MARKET_MAKING_ORDER.backlog)):
            item = work.find(self.table, waiting.key)
            if item is not None and item.needs_person and item.waits_for == waits_for:
                with suppress(Redriven):
                    self.table.write(work.redriven(item, self.now()))
