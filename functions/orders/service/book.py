"""The desk's own book: orders rest in it until the market crosses their price, they expire, or somebody ends them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest

from common import keys
from common.domain import work
from common.domain.catalogue.model import AmountTooLarge, AssetInactive, PriceUnavailable, Quote
from common.domain.catalogue.store import Catalogue
from common.domain.fees import Tier
from common.domain.flow_halts import Flow, Halted
from common.domain.ledger import store as ledger
from common.domain.timeline import CLOCK, MARKET
from common.errors import Refusal, Unavailable
from common.log import count, log
from common.owner import Owner
from common.table.table import Table
from common.table.transaction import Write
from functions.orders import model, store
from functions.orders.model import Order, OrderNotPending, Side, Status
from functions.orders.service.trading import trade


@dataclass(frozen=True)
class Book:
    table: Table
    now: Callable[[], datetime]

    def enter(self, order: Order, actor: str, *, tier: Tier | None = None) -> None:
        """Place a limit order, and hold what it may cost or sell. tier: the one that its fee was reckoned for. Refused
        with AlreadyPlaced, InsufficientFunds, InsufficientAsset, TooManyOpenOrders; with TierMoved where its customer
        is of another tier."""
        owner, at = order.owner, order.created_at
        if order.order_type is Side.SELL:
            holds = [ledger.hold_asset(owner, order.quantity, at)]
            if tier is not None:
                holds.append(ledger.of_tier(owner, tier))
        else:
            assert order.hold is not None
            holds = [ledger.hold_for_order(owner, order.hold, at, tier=tier)]
        event = store.event(order, None, "placed", actor)
        self.table.write(store.insert(order), *holds, store.enter_book(order), event)

    def close(
        self, order: Order, status: Status, reason: str, actor: str, *also: Write, private: str | None = None
    ) -> Order:
        """End a resting order that has not filled, and give its hold back. Its customer reads the `reason`, and
        operators the `private` one where there is one. Raises OrderNotPending, Busy."""
        closed = model.closed(order, status, reason, self.now())
        owner, at = closed.owner, closed.updated_at
        if closed.order_type is Side.SELL:
            back = ledger.release_asset(owner, closed.quantity, at)
        else:
            assert closed.hold is not None
            back = ledger.release_of_order(owner, closed.hold, at)
        event = store.event(closed, order.status, private or reason, actor)
        self.table.write(store.decide(closed), back, store.leave_book(closed), event, *also)
        return closed

    # What the clock asks

    def match(self, catalogue: Catalogue, asset_id: str, more_time: Callable[[], bool]) -> int:
        """Fill the resting orders of one asset that the market has crossed; returns how many.

        Safe to run twice, at once, or to be cut short: an order that is decided meanwhile is left as it is, and one
        that could not be filled now is met again in the next round.

        Raises Halted, AssetInactive, BoughtElsewhere, PriceUnavailable: nothing is filled at a price that may not be
        traded on.
        """
        model.check_execution(catalogue.traded(asset_id, Flow.ORDERS).asset, Side.BUY)
        buyers, sellers = (self._crossed(catalogue, asset_id, side) for side in Side)
        orders = (order for both in zip_longest(buyers, sellers) for order in both if order is not None)
        return self._in_turn(orders, lambda book, order: book.meet(catalogue, order), more_time)

    def _crossed(self, catalogue: Catalogue, asset_id: str, side: Side) -> Iterator[Order]:
        quote = model.tradable_quote(catalogue.listing(asset_id), side, self.now())
        return store.crossed(self.table, asset_id, side, quote.price)

    def meet(self, catalogue: Catalogue, order: Order) -> bool:
        """Fill a resting order at the price of now, if it still can be; was it filled?

        Raises Busy, TableUnavailable.
        """
        try:
            listing = catalogue.traded(order.quantity.asset_id, Flow.ORDERS)
            quote = model.tradable_quote(listing, order.order_type, self.now())
        except (Halted, AssetInactive, PriceUnavailable):  # since the round began; the next one will see
            return False
        if not model.crosses(order, quote.price) or model.is_over(order, self.now()):
            return False
        try:
            self.fill(order, quote)
            return True
        except OrderNotPending:
            return False
        except AmountTooLarge as refusal:
            log.error("not filled", extra={"order_id": order.order_id, "why": refusal.detail})
        except Unavailable:
            raise
        except Refusal as refusal:
            # The hold that stands behind every resting order is not there: never guess, wake a person.
            count("HoldMissing")
            log.error("not filled", extra={"order_id": order.order_id, "refusal": type(refusal).__name__})
        return False

    def fill(self, order: Order, quote: Quote) -> None:
        """Trade a resting order in full at the quote, which has crossed its price."""
        filled = model.filled(order, quote, self.now())
        event = store.event(filled, order.status, f"filled at {quote.price}", MARKET)
        trade(self.table, filled, store.decide(filled), store.leave_book(filled), event)

    def expire(self, more_time: Callable[[], bool]) -> int:
        """Cancel the resting orders whose time is over; returns how many.

        A round begins somewhere else each minute: each order is read before it is known whose it is, so a busy account
        with thousands of them would stand before the others for ever.
        """
        now = self.now()
        due = list(work.due(self.table, keys.ORDER.backlog, now))
        first = len(due) * now.minute // 60
        orders = (store.find(self.table, item.PK) for item in due[first:] + due[:first])  # the index is late
        pending = (order for order in orders if order is not None and order.status is Status.PENDING)
        return self._in_turn(pending, lambda book, order: book.cancel_expired(order), more_time)

    def cancel_expired(self, order: Order) -> bool:
        """Cancel an order whose time is over, unless it has been decided; was it cancelled? Raises Busy."""
        try:
            self.close(order, Status.CANCELLED, "expired", CLOCK)
            return True
        except OrderNotPending:
            return False
        except Unavailable:
            raise
        except Refusal as refusal:
            log.error("not expired", extra={"order_id": order.order_id, "refusal": type(refusal).__name__})
            return False

    def _in_turn(
        self, orders: Iterable[Order], act: Callable[[Book, Order], bool], more_time: Callable[[], bool]
    ) -> int:
        """Act on each order, in their order, while there is time; returns how many acts were done.

        An account that others are writing costs the rest one request: it is not waited for, and neither are its further
        orders. They are tried again, with the table's own patience, when everybody else has had a turn, and then in the
        next round. So whoever keeps his balance busy keeps nobody waiting but himself.
        """
        done = 0
        for book in (replace(self, table=self.table.impatient), self):
            busy: set[Owner] = set()
            later: list[Order] = []
            for order in orders:
                if not more_time():
                    log.warning("out of time; the next round does the rest", extra={"order_id": order.order_id})
                    return done
                if order.owner in busy:
                    later.append(order)
                    continue
                try:
                    done += act(book, order)
                except Unavailable as refusal:
                    log.info("not now", extra={"order_id": order.order_id, "why": refusal.detail})
                    busy.add(order.owner)
                    later.append(order)
                except Exception:  # one broken order must not stand in the way of the others
                    count("Bugs")
                    log.exception("bug", extra={"order_id": order.order_id})
            orders = later
        return done
