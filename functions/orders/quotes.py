"""A firm quote: a price that the desk has promised to one customer, for so much and for a few seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from common import keys
from common.domain.catalogue.model import Asset, ContradictoryTerms, Quote
from common.domain.fees import Tier
from common.errors import Conflict, NotFound
from common.idempotency import IdempotencyKeyReused, derived_id
from common.money import ZERO, Money, Price, Quantity
from common.owner import Owner
from functions.orders import model
from functions.orders.model import Order, Side, Status, Terms

SPAN_SECONDS = 15
GOOD_FOR = timedelta(seconds=SPAN_SECONDS)
ASKED_MAX = 5  # by a customer in each span of so many seconds: so never more than twice as many are good at a time


class QuoteNotFound(NotFound):
    """There is no such quote, or it is somebody else's."""


class QuoteExpired(Conflict):
    """The quote was good until then, and not any more. Ask for another one. Facts: `expires_at`."""


class QuoteUsed(Conflict):
    """Another order was placed at this quote: it is good for one. Facts: `order_id`."""


class TooManyQuotes(Conflict):
    """As many quotes as may be were asked for in these seconds: use one of them, or ask again when they are over."""


class QuoteOfOtherTerms(Conflict):
    """The order is not for what the quote is for."""


@dataclass(frozen=True)
class FirmQuote:
    """What an order comes to if it is placed before `expires_at`, wherever the market is by then.

    terms: the fingerprint of what was asked. order_id: of the order that was placed at it. The fee is promised with the
    price: it is in the total of a buy, and is taken off that of a sale.
    """

    quote_id: str
    owner: Owner
    order_type: Side
    quantity: Quantity
    price_per_unit: Price
    price_source: str
    price_as_of: datetime
    total_amount: Money
    terms: str
    created_at: datetime
    expires_at: datetime
    order_id: str | None = None
    fee_bps: int = 0
    fee: Money = ZERO

    def repeated(self, asked: Terms) -> FirmQuote:
        """This quote, as the answer to a repeat. Raises IdempotencyKeyReused when other terms are asked."""
        if self.terms != asked.fingerprint:
            raise IdempotencyKeyReused(self.quote_id)
        return self


def quote_id(owner: Owner, idempotency_key: str) -> str:
    return derived_id(keys.QUOTE, owner.username, owner.sub, "POST /quotes", idempotency_key)


def quoted(
    owner: Owner, quote_id: str, asked: Terms, asset: Asset, price: Quote, now: datetime, tier: Tier
) -> FirmQuote:
    """What an order of these terms, of a customer of this tier, comes to at `price`.

    Raises ContradictoryTerms: a limit order has its own price; and as `model.market_order`.
    """
    if asked.is_limit:
        raise ContradictoryTerms("a quote is for an order at the market: give no order_price")
    order = model.market_order(owner, quote_id, asked, asset, price, now, tier)
    assert order.total_amount is not None
    assert order.fee is not None
    return FirmQuote(
        quote_id=quote_id,
        owner=owner,
        order_type=order.order_type,
        quantity=order.quantity,
        price_per_unit=price.price,
        price_source=price.source,
        price_as_of=price.as_of,
        total_amount=order.total_amount,
        terms=asked.fingerprint,
        created_at=now,
        expires_at=now + GOOD_FOR,
        fee_bps=order.fee_bps,
        fee=order.fee,
    )


def order_at(quote: FirmQuote, order_id: str, asked: Terms, now: datetime) -> Order:
    """The order that `asked` becomes at the quote, completed. What counts is when the request was taken up.

    Raises QuoteOfOtherTerms, QuoteUsed, QuoteExpired.
    """
    if replace(asked, quote_id=None).fingerprint != quote.terms:
        raise QuoteOfOtherTerms("the quote is for other terms: send those that it was asked for", id=quote.quote_id)
    if quote.order_id not in (None, order_id):
        raise used(quote.quote_id, quote.order_id or "")
    if now >= quote.expires_at:
        raise expired(quote.quote_id, quote.expires_at)
    return Order(
        order_id=order_id,
        owner=quote.owner,
        order_type=quote.order_type,
        quantity=quote.quantity,
        status=Status.COMPLETED,
        terms=asked.fingerprint,
        created_at=now,
        updated_at=now,
        price_per_unit=quote.price_per_unit,
        price_source=quote.price_source,
        price_as_of=quote.price_as_of,
        total_amount=quote.total_amount,
        quote_id=quote.quote_id,
        fee_bps=quote.fee_bps,
        fee=quote.fee,
    )


def span_of(at: datetime) -> datetime:
    """When that span of time began, of those in which quotes are counted."""
    return datetime.fromtimestamp(int(at.timestamp()) // SPAN_SECONDS * SPAN_SECONDS, UTC)


def too_many() -> TooManyQuotes:
    return TooManyQuotes(
        f"{ASKED_MAX} quotes may be asked for in {SPAN_SECONDS} seconds: use one of yours, or ask again in a moment",
        asked_max=ASKED_MAX,
        seconds=SPAN_SECONDS,
    )


def used(quote_id: str, order_id: str) -> QuoteUsed:
    return QuoteUsed("a quote is good for one order, and another one was placed at it", id=quote_id, order_id=order_id)


def expired(quote_id: str, expires_at: datetime) -> QuoteExpired:
    return QuoteExpired(
        f"the quote was good until {expires_at.isoformat(timespec='milliseconds')}; ask for another one",
        id=quote_id,
        expires_at=expires_at.isoformat(timespec="milliseconds"),
    )
