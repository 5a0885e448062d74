"""The items of every context, as whoever checks the books reads them: by their rows of the key schema, each with what
the checks need of it.

What is read first is a moment old, for half the price: it only tells where to look. `Reads` that are consistent tell
what is so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Self

from pynamodb.attributes import JSONAttribute, UnicodeAttribute

from common import keys
from common.clock import text
from common.domain.work import OpenWork
from common.keys import Key, PrimaryKey
from common.table.items import AnyItem, BooleanAttribute, DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.table import Page, Position, Query, Table, partition

_ROWS = {row.entity: row for row in keys.SCHEMA}
ZERO = Decimal(0)


class Entry(OpenWork, AnyItem):
    """Any item, whichever context wrote it."""

    entity = UnicodeAttribute()  # its row's
    unreadable = UnicodeAttribute(null=True)  # why, where it has only its key and kind
    username = UnicodeAttribute(null=True)
    sub = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    asset_id = UnicodeAttribute(null=True)
    order_type = UnicodeAttribute(null=True)
    order_id = UnicodeAttribute(null=True)
    quote_id = UnicodeAttribute(null=True)
    order_price = DecimalAttribute(null=True)
    price_per_unit = DecimalAttribute(null=True)
    quantity = DecimalAttribute(null=True)
    hold = DecimalAttribute(null=True)
    held_amount = DecimalAttribute(null=True)
    amount = DecimalAttribute(null=True)
    total_amount = DecimalAttribute(null=True)
    executed_quantity = DecimalAttribute(null=True)
    gross_amount = DecimalAttribute(null=True)
    fee_amount = DecimalAttribute(null=True)
    fee_bps = DecimalAttribute(null=True)
    fee_in_asset = DecimalAttribute(null=True)
    fees_elsewhere = UnicodeAttribute(null=True)
    # The journal
    transaction_type = UnicodeAttribute(null=True)
    cost = DecimalAttribute(null=True)
    realised_gain = DecimalAttribute(null=True)
    # Payouts
    attempts = DecimalAttribute(null=True)
    returned = BooleanAttribute(null=True)
    resolved_at = InstantAttribute(null=True)
    decided_at = InstantAttribute(null=True)
    paid_amount = DecimalAttribute(null=True)
    adjustment_id = UnicodeAttribute(null=True)
    listed_at = InstantAttribute(null=True)
    position = JSONAttribute(null=True)  # of a cursor
    ours = UnicodeAttribute(null=True)
    # Purchases and sales
    desk_quantity = DecimalAttribute(null=True)
    desk_price = DecimalAttribute(null=True)
    batch_id = UnicodeAttribute(null=True)
    shard = DecimalAttribute(null=True)
    pool_generation = DecimalAttribute(null=True)
    total = DecimalAttribute(null=True)
    members = DecimalAttribute(null=True)
    allocated_at = InstantAttribute(null=True)
    # At the exchange
    exchange = UnicodeAttribute(null=True)
    exchange_symbol = UnicodeAttribute(null=True)
    exchange_orders = DecimalAttribute(null=True)
    exchange_order_id = UnicodeAttribute(null=True)
    number = DecimalAttribute(null=True)
    buys = BooleanAttribute(null=True)
    lowest_price = DecimalAttribute(null=True)
    highest_price = DecimalAttribute(null=True)
    fee_max_bps = DecimalAttribute(null=True)
    order_state = UnicodeAttribute(null=True)
    # Market making
    snapshot_id = UnicodeAttribute(null=True)
    opponent_id = UnicodeAttribute(null=True)
    user_id = UnicodeAttribute(null=True)
    incoming_id = UnicodeAttribute(null=True)
    outgoing_id = UnicodeAttribute(null=True)
    sent_by = UnicodeAttribute(null=True)
    deposit_hash = UnicodeAttribute(null=True)
    transaction_hash = UnicodeAttribute(null=True)
    arrived_amount = DecimalAttribute(null=True)
    kind = UnicodeAttribute(null=True)  # of an outgoing, or of an entry of a dealer's journal
    cause = UnicodeAttribute(null=True)
    after_failure = BooleanAttribute(null=True)
    fee_asset_id = UnicodeAttribute(null=True)
    inputs = UnicodeAttribute(null=True)
    transfers = DecimalAttribute(null=True)
    quoted_by = UnicodeAttribute(null=True)
    goes_home = BooleanAttribute(null=True)
    left_behind = JSONAttribute(null=True)
    symbol = UnicodeAttribute(null=True)
    base_asset_id = UnicodeAttribute(null=True)
    quote_asset_id = UnicodeAttribute(null=True)
    base_amount = DecimalAttribute(null=True)
    quote_amount = DecimalAttribute(null=True)
    side = UnicodeAttribute(null=True)
    quote_quantity = DecimalAttribute(null=True)
    fee = DecimalAttribute(null=True)
    fee_asset = UnicodeAttribute(null=True)
    fills = DecimalAttribute(null=True)
    maker_volume = DecimalAttribute(null=True)
    taker_volume = DecimalAttribute(null=True)
    # Dealer billing
    dealer_id = UnicodeAttribute(null=True)
    type = UnicodeAttribute(null=True)
    about = UnicodeAttribute(null=True)
    bill_id = UnicodeAttribute(null=True)
    invoice_id = UnicodeAttribute(null=True)
    contract_id = UnicodeAttribute(null=True)
    kopecks = DecimalAttribute(null=True)
    left_kopecks = DecimalAttribute(null=True)
    common_kopecks = DecimalAttribute(null=True)
    credited_kopecks = DecimalAttribute(null=True)
    paid_kopecks = DecimalAttribute(null=True)
    from_balance_kopecks = DecimalAttribute(null=True)
    balance_kopecks = DecimalAttribute(null=True)
    returned_kopecks = DecimalAttribute(null=True)
    recalled_kopecks = DecimalAttribute(null=True)
    released_kopecks = DecimalAttribute(null=True)
    refund_id = UnicodeAttribute(null=True)
    refunds = DecimalAttribute(null=True)
    recalls = DecimalAttribute(null=True)
    n = DecimalAttribute(null=True)  # of a refund
    lines = UnicodeAttribute(null=True)  # of a comparison
    notes = DecimalAttribute(null=True)
    version = DecimalAttribute(null=True)

    @classmethod
    def from_raw_data(cls, data: RawItem) -> Self:
        """One that can not be read keeps nobody from the others. Kinds of items have attributes of one name and
        different types: of those this one's are read."""
        attributes = cls.get_attributes()
        mine = {
            name: value for name, value in data.items() if name not in attributes or attributes[name].attr_type in value
        }
        try:
            return super().from_raw_data({**mine, "entity": data["entity_type"]})
        except Exception as fault:
            why = {"S": f"{type(fault).__name__}: {fault}"[:300]}
            known = {"PK": data["PK"], "SK": data["SK"], "entity": data["entity_type"], "unreadable": why}
            return super().from_raw_data(known)

    @property
    def row(self) -> Key:
        return _ROWS[self.entity]

    @property
    def key(self) -> PrimaryKey:
        return PrimaryKey(self.PK, self.SK)

    @property
    def parts(self) -> dict[str, str]:
        """Of its key."""
        return self.row.read(self.key)

    @property
    def waits(self) -> bool:
        return self.open_work is not None


@dataclass(frozen=True)
class Reads:
    """Looks at the table, as of now or, for half the price, a moment old."""

    table: Table
    consistent: bool

    def get(self, key: PrimaryKey) -> Entry | None:
        return self.table.get(Entry, key, consistent=self.consistent)

    def beside(self, pk: str, row: Key) -> Iterator[Entry]:
        """The items of one row in one partition, in order."""
        return self.under(pk, row.prefix)

    def under(self, pk: str, prefix: str) -> Iterator[Entry]:
        """The items of one partition whose sort keys begin so, in order."""
        where = partition(pk) & Item.SK.startswith(prefix)
        return self.table.all(Entry, Query(where, consistent=self.consistent))

    def lines(self, pk: str, order_id: str, since: datetime) -> Iterator[Entry]:
        """Those of a journal since then that are of one order: it reads all lines since then."""
        where = partition(pk) & Item.SK.between(text(since), ":")
        query = Query(where, only=Entry.order_id == order_id, consistent=self.consistent)
        return self.table.all(Entry, query)


def said_by(entry: Entry | None, name: str, absent: str) -> str:
    """What an item that should be there has under a name, for a finding; `absent` where there is no such thing."""
    value = getattr(entry, name, None)
    return absent if value is None else str(value)


def page(table: Table, rows: Sequence[Key], after: Position | None) -> Page[Entry]:
    """A page of a scan of these rows, a moment old."""
    return table.scan(Entry, *rows, after=after)
