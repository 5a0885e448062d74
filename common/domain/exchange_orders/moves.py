"""How a move of an exchange order is written: under its conditions, by whoever is first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common.domain.exchange_orders import store, strays
from common.domain.exchange_orders.answers import not_believed
from common.domain.exchange_orders.model import ExchangeOrder, ExchangeOrderMoved, is_given_up_for_good
from common.domain.exchange_orders.store import ExchangeOrderTaken
from common.domain.exchange_orders.strays import StrayMoved
from common.errors import NotFound
from common.log import count, log
from common.table.table import Table
from common.table.transaction import Write


class ExchangeOrderNotFound(NotFound):
    """An order has no exchange order where it should have one."""


@dataclass(frozen=True)
class Moves:
    table: Table
    now: Callable[[], datetime]

    def existing(self, order_id: str, number: int) -> ExchangeOrder:
        """Raises ExchangeOrderNotFound."""
        found = store.find(self.table, order_id, number)
        if found is None:
            raise ExchangeOrderNotFound(f"its exchange order {number} is missing", id=order_id)
        return found

    def write(self, after: ExchangeOrder, writes: Sequence[Write]) -> ExchangeOrder:
        """Write a move to `after`. The order as it is then: `after`, or what somebody else has made of it meanwhile."""
        try:
            self.table.write(*writes)
        except ExchangeOrderMoved:
            log.info("moved meanwhile", extra={"order_id": after.order_id})
            return self.existing(after.order_id, after.number)
        return after

    def claim(self, after: ExchangeOrder, writes: Sequence[Write]) -> ExchangeOrder:
        """As `write`, of a move by which the exchange's order becomes this one of ours. Raises NotBelieved: it is that
        of another one already."""
        try:
            return self.write(after, [store.claim(after), *writes])
        except ExchangeOrderTaken as taken:
            raise not_believed(after, taken.detail) from taken

    def record_if_stray(self, current: ExchangeOrder, exchange_order_id: str | None) -> ExchangeOrder:
        """The order as it is now, `current`. If it was given up for good, nobody looks any more for what the exchange
        has of it. Raises NotBelieved, as `record_stray`."""
        if exchange_order_id is not None and is_given_up_for_good(current):
            self.record_stray(current, exchange_order_id)
        return current

    def record_stray(self, order: ExchangeOrder, exchange_order_id: str) -> None:
        """The exchange has an order that was given up for good, or a second one under our id: it is nobody's, and waits
        for a person. Raises NotBelieved: it is another one of ours."""
        count_turned_up(order, exchange_order_id)
        stray = replace(order, exchange_order_id=exchange_order_id, updated_at=self.now())
        try:
            self.table.write(store.claim(stray), *strays.insert(order, exchange_order_id, stray.updated_at))
        except ExchangeOrderTaken as taken:
            raise not_believed(stray, taken.detail) from taken
        except StrayMoved:
            log.info("found before", extra={"order_id": order.order_id})


def count_turned_up(order: ExchangeOrder, exchange_order_id: str | None) -> None:
    count("OrdersTurnedUp")
    log.error("an order turned up", extra={"order_id": order.order_id, "exchange_order_id": exchange_order_id})
