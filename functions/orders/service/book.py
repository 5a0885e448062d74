"""The desk's own book: orders rest in it until the market crosses their price, they expire, or somebody ends them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from common import keys
from common.domain import work
from common.domain.catalogue.model import AmountTooLarge, Listing, Quote
from common.domain.ledger import store as ledger
from common.domain.timeline import CLOCK, MARKET
from common.errors import Refusal, Unavailable
from common.log import count, log
from common.table.table import Table
from common.table.transaction import Write
from functions.orders import model, store
from functions.orders.model import Order, OrderNotPending, Side, Status
from functions.orders.service.trading import trade


@dataclass(frozen=True)
class Book:
    table: Table
    now: Callable[[], datetime]

    def enter(self, order: Order, actor: str) -> None:
        """Place a limit order, and hold what it may cost or sell. Refused with AlreadyPlaced."""
        owner, at = order.owner, order.created_at
        if order.order_type is Side.SELL:
            hold = ledger.hold_asset(owner, order.quantity, at)
        else:
            assert order.hold is not None
            hold = ledger.hold(owner, order.hold, at)
        self.table.write(store.insert(order), hold, store.enter_book(order), store.event(order, None, "placed", actor))

    def close(self, order: Order, status: Status, reason: str, actor: str, *also: Write) -> Order:
        """End a resting order that has not filled, and give its hold back. Raises OrderNotPending, Busy."""
        closed = model.closed(order, status, reason, self.now())
        owner, at = closed.owner, closed.updated_at
        if closed.order_type is Side.SELL:
            back = ledger.release_asset(owner, closed.quantity, at)
        else:
            assert closed.hold is not None
            back = ledger.release(owner, closed.hold, at)
        event = store.event(closed, order.status, reason, actor)
        self.table.write(store.decide(closed), back, store.leave_book(closed), event, *also)
        return closed

    # What the clock asks

    def match(self, listing: Listing, more_time: Callable[[], bool]) -> int:
        """Fill the resting orders of one asset that the market has crossed; returns how many.

        Safe to run twice, at once, or to be cut short: an order that is decided meanwhile is left as it is, and one
        that could not be filled now is met again in the next round.

        Raises AssetInactive, BoughtElsewhere, PriceUnavailable: nothing is filled at a price that may not be traded on.
        """
        model.check_execution(listing.asset)
        quote, fills = listing.tradable_quote(self.now()), 0
        for order in store.crossed(self.table, listing.asset.asset_id, quote.price):
            if not more_time():
                log.warning("out of time while matching", extra={"asset_id": listing.asset.asset_id})
                break
            if quote != listing.quote_at(self.now()) or listing.stale(self.now()):
                break  # the price has changed or grown old meanwhile; the next round has another
            if order.expires_at is not None and order.expires_at <= self.now():
                continue
            try:
                self.fill(order, quote)
                fills += 1
            except OrderNotPending:
                continue
            except AmountTooLarge as refusal:
                log.error("not filled", extra={"order_id": order.order_id, "why": refusal.detail})
            except Unavailable as busy:
                log.warning("not filled now", extra={"order_id": order.order_id, "why": busy.detail})
            except Refusal as refusal:
                # The hold that stands behind every resting order is not there: never guess, wake a person.
                count("HoldMissing")
                log.error("not filled", extra={"order_id": order.order_id, "refusal": type(refusal).__name__})
            except Exception:  # one broken order must not stand in the way of the others
                count("Bugs")
                log.exception("bug", extra={"order_id": order.order_id})
        return fills

    def fill(self, order: Order, quote: Quote) -> None:
        """Trade a resting order in full at the quote, which has crossed its price."""
        filled = model.filled(order, quote, self.now())
        event = store.event(filled, order.status, f"filled at {quote.price}", MARKET)
        trade(self.table, filled, store.decide(filled), store.leave_book(filled), event)

    def expire(self, more_time: Callable[[], bool]) -> int:
        """Cancel the resting orders whose time is over; returns how many."""
        expired = 0
        for waiting in work.due(self.table, keys.ORDER.backlog, self.now()):
            if not more_time():
                log.warning("out of time while expiring orders")
                break
            order = store.find(self.table, waiting.PK)  # the index is late; the item decides
            if order is None or order.status is not Status.PENDING:
                continue
            try:
                self.close(order, Status.CANCELLED, "expired", CLOCK)
                expired += 1
            except OrderNotPending:
                continue
            except Refusal as refusal:
                log.error("not expired", extra={"order_id": order.order_id, "refusal": type(refusal).__name__})
            except Exception:
                count("Bugs")
                log.exception("bug", extra={"order_id": order.order_id})
        return expired
