"""Quotes in the table. An order is placed at a quote in the write that uses the quote up."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.clock import text
from common.errors import Refusal
from common.money import Money, Price, Quantity
from common.owner import Owner
from common.table.items import DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.table import Table
from common.table.transaction import Write
from functions.orders import quotes
from functions.orders.model import Order, Side
from functions.orders.quotes import FirmQuote, QuoteNotFound

COUNTED_FOR = timedelta(days=1)
KEPT_FOR = timedelta(days=30)  # a repeat is known for so long; what was bought at it is the order's


class QuoteItem(Item, discriminator=keys.QUOTE.entity):
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    order_type = UnicodeAttribute()
    quantity = DecimalAttribute()
    price_per_unit = DecimalAttribute()
    price_source = UnicodeAttribute()
    price_as_of = InstantAttribute()
    total_amount = DecimalAttribute()
    terms = UnicodeAttribute()
    expires_at = InstantAttribute()
    order_id = UnicodeAttribute(null=True)
    fee_bps = DecimalAttribute(null=True)
    fee_amount = DecimalAttribute(null=True)
    expires = DecimalAttribute()  # epoch seconds, the table's time to live


class QuoteCounterItem(Item, discriminator=keys.QUOTE_COUNTER.entity):
    asked = DecimalAttribute()
    expires = DecimalAttribute()  # epoch seconds, the table's time to live


class AlreadyQuoted(Refusal):
    """Carries the quote as it is."""

    def __init__(self, quote: FirmQuote) -> None:
        super().__init__("that quote id is taken")
        self.quote = quote


def insert(quote: FirmQuote) -> Write:
    """Refused with AlreadyQuoted."""

    def taken(old: RawItem | None) -> Refusal:
        assert old is not None
        return AlreadyQuoted(_quote(QuoteItem.from_raw_data(old)))

    item = QuoteItem(
        *keys.QUOTE(quote_id=quote.quote_id),
        username=quote.owner.username,
        sub=quote.owner.sub,
        asset_id=quote.quantity.asset_id,
        order_type=quote.order_type,
        quantity=quote.quantity.amount,
        price_per_unit=quote.price_per_unit.usd_per_unit,
        price_source=quote.price_source,
        price_as_of=quote.price_as_of,
        total_amount=quote.total_amount.usd,
        terms=quote.terms,
        fee_bps=Decimal(quote.fee_bps) or None,
        fee_amount=quote.fee.usd or None,
        created_at=quote.created_at,
        updated_at=quote.created_at,
        expires_at=quote.expires_at,
        expires=Decimal(int((quote.created_at + KEPT_FOR).timestamp())),
    )
    return Write.insert(item, otherwise=taken)


def count(quote: FirmQuote) -> Write:
    """One more was asked for by its owner. Refused with TooManyQuotes."""
    at, item = quote.created_at, QuoteCounterItem
    counter = item(*keys.QUOTE_COUNTER(username=quote.owner.username, since=text(quotes.span_of(at))))
    return Write.update(
        counter,
        item.entity_type.set(item),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
        item.expires.set(Decimal(int((at + COUNTED_FOR).timestamp()))),
        item.asked.add(Decimal(1)),
        when=item.asked.does_not_exist() | (item.asked < Decimal(quotes.ASKED_MAX)),
        otherwise=quotes.too_many(),
    )


def use(order: Order) -> Write:
    """The order is placed at its quote. Refused with QuoteNotFound, QuoteUsed, QuoteExpired."""
    assert order.quote_id is not None
    quote_id, item = order.quote_id, QuoteItem

    def refused(old: RawItem | None) -> Refusal:
        if old is None:
            return _missing(quote_id)
        quote = _quote(QuoteItem.from_raw_data(old))
        if quote.order_id is not None:
            return quotes.used(quote_id, quote.order_id)
        return quotes.expired(quote_id, quote.expires_at)

    return Write.update(
        item(*keys.QUOTE(quote_id=quote_id)),
        item.order_id.set(order.order_id),
        item.updated_at.set(order.created_at),
        when=item.order_id.does_not_exist() & (item.expires_at > order.created_at),
    ).refused_with(refused)


def find(table: Table, quote_id: str) -> FirmQuote | None:
    item = table.get(QuoteItem, keys.QUOTE(quote_id=quote_id), consistent=True)
    return None if item is None else _quote(item)


def get(table: Table, owner: Owner, quote_id: str) -> FirmQuote:
    """Raises QuoteNotFound, also for a quote of somebody else."""
    quote = find(table, quote_id)
    if quote is None or quote.owner != owner:
        raise _missing(quote_id)
    return quote


def _missing(quote_id: str) -> QuoteNotFound:
    return QuoteNotFound("there is no such quote", id=quote_id)


def _quote(item: QuoteItem) -> FirmQuote:
    return FirmQuote(
        quote_id=item.PK,
        owner=Owner(item.username, item.sub),
        order_type=Side(item.order_type),
        quantity=Quantity(item.quantity, item.asset_id),
        price_per_unit=Price(item.price_per_unit),
        price_source=item.price_source,
        price_as_of=item.price_as_of,
        total_amount=Money(item.total_amount),
        terms=item.terms,
        created_at=item.created_at,
        expires_at=item.expires_at,
        order_id=item.order_id,
        fee_bps=int(item.fee_bps or 0),
        fee=Money(item.fee_amount or 0),
    )
