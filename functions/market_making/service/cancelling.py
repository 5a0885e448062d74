"""Quotes that are taken out without a decision of their order: its cycle has come to nothing, or nothing is told of its
market. They are cancelled by their client order ids, whatever the table says; what came of that the next cycle finds
out by looking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from common.errors import Refusal
from common.gateways.exchange.maker import Maker, MakerOrder, Market
from common.log import count, log
from functions.market_making.quotes import Quotes
from functions.market_making.service.shard import Crew, Silent, owns


@dataclass(frozen=True)
class Cancelling:
    """`may_send`: is there time in this tick for one more request?"""

    crew: Crew
    may_send: Callable[[], bool]

    def silent(self, silent: Silent, order_ids: Sequence[str]) -> None:
        """Those of a market of which something is not told: perhaps its list of open orders is."""
        if silent.maker is None or not order_ids:
            return
        market = silent.of.market
        try:
            listed = named(silent.maker.open_orders(market), order_ids)
        except Exception as no:  # whatever it is: of what is known the names are
            log.warning("open orders not told", extra={"account_id": silent.of.account_id, "why": str(no)})
            listed = [name for quotes in silent.quotes if quotes.order_id in order_ids for name in names(quotes)]
        self.cancel(silent.maker, market, listed)

    def cancel(self, maker: Maker, market: Market, client_order_ids: Iterable[str]) -> None:
        wanted = list(dict.fromkeys(client_order_ids))
        if wanted:
            count("QuotesCancelledUndecided", len(wanted))
            self.crew.requests(lambda name: self._cancel(maker, market, name), wanted)

    def _cancel(self, maker: Maker, market: Market, client_order_id: str) -> None:
        if not self.may_send():
            return
        try:
            maker.cancel(market, client_order_id)
        except Refusal as no:
            log.warning("not cancelled", extra={"quote": client_order_id, "why": no.detail})
        except Exception:
            log.exception("not cancelled", extra={"quote": client_order_id})
            count("Bugs")


def named(open_orders: Sequence[MakerOrder], order_ids: Sequence[str]) -> list[str]:
    """What of the exchange's list is these orders'."""
    return [order.client_order_id for order in open_orders if any(owns(one, order) for one in order_ids)]


def names(quotes: Quotes) -> list[str]:
    """All that may be open of an order, as the table has it."""
    return [
        quotes.client_order_id(name, placed)
        for name, slot in quotes.slots.items()
        for placed in (slot.live, slot.coming)
        if placed is not None
    ]
