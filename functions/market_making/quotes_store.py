"""An order's quotes in the table: one item, at most ITEM_BYTES_MAX, written once a cycle under the fence of its number.
Beside it a line for each trade, with the write that puts it into the ledger, one for what two operators have decided
beside its trades, and what its days have brought. What the exchange has credited and these lines are its ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import reduce

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute

from common import keys
from common.errors import Conflict, Refusal
from common.gateways.exchange import Side
from common.gateways.exchange.maker import OwnTrade
from common.money import EXACT, Quantity
from common.table.items import DecimalAttribute, InstantAttribute, Item
from common.table.prepared import prepared
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Write
from functions.market_making import day_store, memory
from functions.market_making.days import of_cycle
from functions.market_making.model import AtExchange, MarketMakingOrderMoved, MarketMakingOrderNotFound, Order
from functions.market_making.quotes import Fill, Quotes
from functions.market_making.quotes_packing import packed, unpacked

ITEM_BYTES_MAX = 6_656  # twenty slots, four orders that are over, and a long life
BESIDE_BYTES = 450  # of an item, beside the quotes and the strategy's memory


class OvertakenCycle(Conflict):
    """Another ticker has written the order's quotes since they were read: nothing of this cycle is done."""


class QuotesItem(Item, discriminator=keys.MARKET_MAKING_QUOTES.entity):
    base_asset_id = UnicodeAttribute()
    quote_asset_id = UnicodeAttribute()
    base_amount = DecimalAttribute()
    quote_amount = DecimalAttribute()
    cycle = DecimalAttribute()
    cursor = DecimalAttribute()
    quotes = UnicodeAttribute()
    memory = UnicodeAttribute()


class TradeItem(Item, discriminator=keys.MARKET_MAKING_TRADE.entity):
    exchange_order_id = UnicodeAttribute()
    side = UnicodeAttribute()
    price = DecimalAttribute()
    quantity = DecimalAttribute()
    quote_quantity = DecimalAttribute()
    fee = DecimalAttribute()
    fee_asset = UnicodeAttribute()
    maker = BooleanAttribute()
    at = InstantAttribute()

    @property
    def trade_id(self) -> int:
        return int(self.SK.removeprefix(keys.MARKET_MAKING_TRADE.prefix))

    @property
    def trade(self) -> OwnTrade:
        return OwnTrade(
            self.trade_id,
            self.exchange_order_id,
            Side(self.side),
            self.price,
            self.quantity,
            self.quote_quantity,
            self.fee,
            self.fee_asset,
            self.maker,
            self.at,
        )


class DecidedItem(Item, discriminator=keys.MARKET_MAKING_DECIDED.entity):
    base_amount = DecimalAttribute()
    quote_amount = DecimalAttribute()
    reference = UnicodeAttribute()
    operators = UnicodeAttribute()


class ConfigItem(Item, discriminator=keys.MARKET_MAKING_CONFIG.entity):
    configuration = UnicodeAttribute()


class OrderRateItem(Item, discriminator=keys.ORDER_RATE.entity):
    window = UnicodeAttribute()
    placed = DecimalAttribute()
    day = UnicodeAttribute()
    placed_that_day = DecimalAttribute()
    by_order = UnicodeAttribute(null=True)


@dataclass(frozen=True)
class Placements:
    """How many an account has placed in a window of ten seconds, by when it began, and in a day; of that day also by
    order."""

    window: str
    placed: int
    day: str
    placed_that_day: int
    by_order: Mapping[str, int] = field(default_factory=dict)


class OrderRateMoved(Refusal):
    """Another ticker has counted meanwhile."""


def open_ledger(order: Order, there: AtExchange, at: datetime) -> Write:
    """What the exchange has credited is what the order may quote with. Refused with MarketMakingOrderMoved."""
    opening = (there.base.amount, there.quote.amount)
    item = QuotesItem(
        *keys.MARKET_MAKING_QUOTES(order_id=order.order_id),
        base_asset_id=there.base.asset_id,
        quote_asset_id=there.quote.asset_id,
        base_amount=there.base.amount,
        quote_amount=there.quote.amount,
        cycle=Decimal(0),
        cursor=Decimal(0),
        quotes=packed(Quotes(order.order_id, *opening, began=opening)),
        memory="",
        created_at=at,
        updated_at=at,
    )
    return Write.insert(item, otherwise=MarketMakingOrderMoved("its ledger is open", id=order.order_id))


def ledger(table: Table, order: Order) -> AtExchange | None:
    """What of the order is at the exchange; None until it is opened."""
    item = table.get(QuotesItem, keys.MARKET_MAKING_QUOTES(order_id=order.order_id), consistent=True)
    if item is None:
        return None
    return AtExchange(Quantity(item.base_amount, item.base_asset_id), Quantity(item.quote_amount, item.quote_asset_id))


def find(table: Table, order_id: str, *, consistent: bool = True) -> Quotes | None:
    """None before its ledger is open. What is read late is refused when it is written."""
    item = table.get(QuotesItem, keys.MARKET_MAKING_QUOTES(order_id=order_id), consistent=consistent)
    return None if item is None else quotes_of(item)


def write(before: Quotes, after: Quotes, fills: Iterable[Fill], at: datetime) -> list[Write]:
    """The quotes, a line for each trade, and what is added to the order's days. Refused with OvertakenCycle."""
    assert after.cycle == before.cycle + 1
    key = keys.MARKET_MAKING_QUOTES(order_id=after.order_id)
    overtaken = OvertakenCycle("another ticker was faster", id=after.order_id)
    carried = memory.packed(after.memory)
    written = _write(
        key,
        after.base,
        after.quote,
        Decimal(after.cycle),
        Decimal(before.cycle),
        Decimal(after.cursor),
        packed(after, ITEM_BYTES_MAX - BESIDE_BYTES - len(carried)),
        carried,
        at,
    ).refused_with(overtaken)
    fills = list(fills)
    lines = [Write.insert(_trade_item(after, fill, at), otherwise=overtaken) for fill in fills]
    return [written, *lines, *(day_store.add(after.order_id, day, at) for day in of_cycle(before, after, fills, at))]


def decided(before: Quotes, after: Quotes, reference: str, operators: str, at: datetime) -> Write:
    """A line for what two operators have found beside the trades, to be written with `write`: the ledger is the sum of
    its lines. Refused with OvertakenCycle."""
    line = DecidedItem(
        *keys.MARKET_MAKING_DECIDED(order_id=after.order_id, cycle=f"{after.cycle:020}"),
        base_amount=EXACT.subtract(after.base, before.base),
        quote_amount=EXACT.subtract(after.quote, before.quote),
        reference=reference,
        operators=operators,
        created_at=at,
        updated_at=at,
    )
    return Write.insert(line, otherwise=OvertakenCycle("another ticker was faster", id=after.order_id))


@prepared
def _write(
    key: keys.PrimaryKey,
    base: Decimal,
    quote: Decimal,
    cycle: Decimal,
    read: Decimal,
    cursor: Decimal,
    quotes: str,
    memory: str,
    at: datetime,
) -> Write:
    item = QuotesItem
    return Write.update(
        item(*key),
        item.base_amount.set(base),
        item.quote_amount.set(quote),
        item.cycle.set(cycle),
        item.cursor.set(cursor),
        item.quotes.set(quotes),
        item.memory.set(memory),
        item.updated_at.set(at),
        when=item.cycle == read,
    )


def trades(table: Table, order_id: str) -> list[TradeItem]:
    """In the order of their ids."""
    query = Query(partition(order_id) & Item.SK.startswith(keys.MARKET_MAKING_TRADE.prefix), consistent=True)
    return list(table.all(TradeItem, query))


def is_booked(table: Table, order_id: str, trade_id: int) -> bool:
    key = keys.MARKET_MAKING_TRADE(order_id=order_id, trade_id=f"{trade_id:020}")
    return table.get(TradeItem, key, consistent=True) is not None


def booked_between(table: Table, order_id: str, first: int, last: int) -> set[int]:
    """The ids of its trades from one to another."""
    least, most = (keys.MARKET_MAKING_TRADE(order_id=order_id, trade_id=f"{one:020}") for one in (first, last))
    query = Query(partition(order_id) & Item.SK.between(least.sk, most.sk), consistent=True)
    return {trade.trade_id for trade in table.all(TradeItem, query)}


def booked(table: Table, order_id: str, exchange_order_id: str) -> Decimal:
    """How much of an order at the exchange its trades have brought into the ledger."""
    lines = (trade for trade in trades(table, order_id) if trade.exchange_order_id == exchange_order_id)
    return reduce(EXACT.add, (line.quantity for line in lines), Decimal(0))


def configuration(table: Table, order_id: str, version: int) -> str:
    """As `configuration.written` has written it. It never changes. Raises MarketMakingOrderNotFound."""
    item = table.get(ConfigItem, keys.MARKET_MAKING_CONFIG(order_id=order_id, n=str(version)), consistent=True)
    if item is None:
        raise MarketMakingOrderNotFound(f"the order has no configuration {version}", id=order_id)
    return item.configuration


def fills(
    table: Table, order_id: str, *, limit: int, after: Position | None = None, consistent: bool = False
) -> Page[TradeItem]:
    """A page of its trades, the newest first."""
    trades = Item.SK.startswith(keys.MARKET_MAKING_TRADE.prefix)
    query = Query(partition(order_id) & trades, newest_first=True, consistent=consistent)
    return table.page(TradeItem, query, limit=limit, after=after)


def beside_trades(table: Table, order_id: str) -> tuple[Decimal, Decimal]:
    """What two operators have decided of base and of quote (`decided`), as it was added."""
    query = Query(partition(order_id) & Item.SK.startswith(keys.MARKET_MAKING_DECIDED.prefix), consistent=True)
    lines = list(table.all(DecidedItem, query))
    nothing = Decimal(0)
    base = reduce(EXACT.add, (line.base_amount for line in lines), nothing)
    return base, reduce(EXACT.add, (line.quote_amount for line in lines), nothing)


def fills_after(table: Table, order_id: str, trade_id: int, limit: int) -> list[TradeItem]:
    """Its trades after one, the oldest first."""
    first = keys.MARKET_MAKING_TRADE(order_id=order_id, trade_id=f"{trade_id + 1:020}")
    last = keys.MARKET_MAKING_TRADE(order_id=order_id, trade_id="9" * 20)
    query = Query(partition(order_id) & Item.SK.between(first.sk, last.sk))
    return table.page(TradeItem, query, limit=limit, after=None).items


def is_configured(table: Table, order_id: str) -> bool:
    """Did its owner configure it when he opened it?"""
    key = keys.MARKET_MAKING_CONFIG(order_id=order_id, n="1")
    return table.get(ConfigItem, key, consistent=True) is not None


def configure(order_id: str, version: int, written: str, at: datetime) -> Write:
    """Refused with MarketMakingOrderMoved."""
    key = keys.MARKET_MAKING_CONFIG(order_id=order_id, n=str(version))
    item = ConfigItem(*key, configuration=written, created_at=at, updated_at=at)
    return Write.insert(item, otherwise=MarketMakingOrderMoved("it is configured anew already", id=order_id))


def placements(table: Table, account_id: str) -> Placements | None:
    item = table.get(OrderRateItem, keys.ORDER_RATE(account_id=account_id), consistent=True)
    if item is None:
        return None
    by_order = json.loads(item.by_order or "{}")
    return Placements(item.window, int(item.placed), item.day, int(item.placed_that_day), by_order)


def count_placements(account_id: str, before: Placements | None, after: Placements, at: datetime) -> Write:
    """Refused with OrderRateMoved, where it is not as it was read."""
    item = OrderRateItem
    counted = item(
        *keys.ORDER_RATE(account_id=account_id),
        window=after.window,
        placed=Decimal(after.placed),
        day=after.day,
        placed_that_day=Decimal(after.placed_that_day),
        by_order=json.dumps(after.by_order, separators=(",", ":")),
        created_at=at,
        updated_at=at,
    )
    moved = OrderRateMoved("another ticker was faster")
    if before is None:
        return Write.insert(counted, otherwise=moved)
    same = (item.placed_that_day == Decimal(before.placed_that_day)) & (item.day == before.day)
    return Write.put(counted, when=same, otherwise=moved)


def _trade_item(quotes: Quotes, fill: Fill, at: datetime) -> TradeItem:
    trade = fill.trade
    return TradeItem(
        *keys.MARKET_MAKING_TRADE(order_id=quotes.order_id, trade_id=f"{trade.trade_id:020}"),
        exchange_order_id=trade.exchange_order_id,
        side=trade.side,
        price=trade.price,
        quantity=trade.quantity,
        quote_quantity=trade.quote_quantity,
        fee=trade.fee,
        fee_asset=trade.fee_asset,
        maker=trade.maker,
        at=trade.at,
        created_at=at,
        updated_at=at,
    )


def quotes_of(item: QuotesItem) -> Quotes:
    bare = Quotes(
        order_id=item.PK,
        base=item.base_amount,
        quote=item.quote_amount,
        cycle=int(item.cycle),
        cursor=int(item.cursor),
        memory=memory.unpacked(item.memory),
    )
    return unpacked(item.quotes, bare)
