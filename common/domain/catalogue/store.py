"""The catalogue in the table, and a view of it that is at most five seconds old."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from common import keys
from common.domain import flow_halts
from common.domain.catalogue.model import (
    DESK_BUYS_MAX,
    ESTIMATE_BAND_BPS,
    FILL_BAND_BPS,
    MIN_POOLED,
    POOL_DEADLINE_SECONDS,
    PRICE_STEP,
    SLIPPAGE_MAX_BPS,
    Asset,
    AssetMoved,
    AssetNotFound,
    Execution,
    Jump,
    Listing,
    NothingToConfirm,
    PriceIsNewer,
    Quote,
    Symbols,
)
from common.domain.fees import Fees, Tier
from common.domain.flow_halts import Flow, FlowHaltItem, FlowHalts
from common.money import Money, Price
from common.table.items import BooleanAttribute, DecimalAttribute, InstantAttribute, Item
from common.table.prepared import prepared
from common.table.table import Query, Table, partition
from common.table.transaction import Write

VIEW_SECONDS = 5
NOTICE = timedelta(seconds=VIEW_SECONDS + 1)  # from writing a price to using it: every view has it by then


class AssetItem(Item, discriminator=keys.ASSET.entity):
    asset_id = UnicodeAttribute()
    name = UnicodeAttribute()
    precision = DecimalAttribute()
    min_notional = DecimalAttribute()
    max_notional = DecimalAttribute()
    execution = UnicodeAttribute()
    active = BooleanAttribute()
    price_source_id = UnicodeAttribute()
    price_age_max_seconds = DecimalAttribute()
    estimate_band_bps = DecimalAttribute(null=True)  # these came later: assets written before have the defaults
    slippage_max_bps = DecimalAttribute(null=True)
    fill_band_bps = DecimalAttribute(null=True)
    pool_shards = DecimalAttribute(null=True)
    pool_deadline_seconds = DecimalAttribute(null=True)
    pool_top_up = BooleanAttribute(null=True)
    min_pooled = DecimalAttribute(null=True)
    desk_buys_max = DecimalAttribute(null=True)
    spread_bps = DecimalAttribute(null=True)
    fees_bps = JSONAttribute(null=True)  # by tier
    price_step = DecimalAttribute(null=True)
    exchange_symbol = UnicodeAttribute(null=True)


class PriceItem(Item, discriminator=keys.PRICE.entity):
    asset_id = UnicodeAttribute()
    price = DecimalAttribute(null=True)  # none of these before the first price is confirmed
    source = UnicodeAttribute(null=True)
    as_of = InstantAttribute(null=True)
    effective_at = InstantAttribute(null=True)
    price_before = DecimalAttribute(null=True)
    source_before = UnicodeAttribute(null=True)
    as_of_before = InstantAttribute(null=True)
    jumped_price = DecimalAttribute(null=True)  # while one waits to be confirmed
    jumped_source = UnicodeAttribute(null=True)
    jumped_as_of = InstantAttribute(null=True)
    stopped_at = InstantAttribute(null=True)


@dataclass
class Catalogue:
    """The whole catalogue with prices, and with what is halted, read in two queries and then kept for `VIEW_SECONDS`
    (the process's view)."""

    table: Table
    now: Callable[[], datetime]
    _listings: Mapping[str, Listing] = field(default_factory=dict)
    _seen_at: datetime | None = None
    _halts: FlowHalts = field(default_factory=FlowHalts)

    def listings(self) -> Mapping[str, Listing]:
        """By asset id."""
        self._look()
        return self._listings

    def halts(self) -> FlowHalts:
        """What is halted."""
        self._look()
        return self._halts

    def _look(self) -> None:
        now = self.now()
        if self._seen_at is None or not 0 <= (now - self._seen_at).total_seconds() < VIEW_SECONDS:
            (self._listings, self._halts), self._seen_at = _read(self.table), now

    def fresh(self) -> Mapping[str, Listing]:
        """As `listings`, read now and consistently; kept from now on."""
        (self._listings, self._halts), self._seen_at = _read(self.table, consistent=True), self.now()
        return self._listings

    def symbols(self) -> Symbols:
        """What the exchange calls the assets."""
        return Symbols.of(listing.asset for listing in self.listings().values())

    def listing(self, asset_id: str) -> Listing:
        """Raises AssetNotFound."""
        try:
            return self.listings()[asset_id]
        except KeyError:
            raise AssetNotFound(f"there is no asset {asset_id}; GET /assets lists them") from None

    def traded(self, asset_id: str, flow: Flow) -> Listing:
        """As `listing`, of what is about to be traded by this flow. Raises AssetNotFound, Halted."""
        listing = self.listing(asset_id)
        self.halts().must_run(flow, asset_id)
        return listing


def _read(table: Table, *, consistent: bool = False) -> tuple[dict[str, Listing], FlowHalts]:
    prices = {
        item.asset_id: item for item in table.all(PriceItem, Query(partition(keys.PRICE.pk), consistent=consistent))
    }
    # Always as it is now: a view of what was, kept for five seconds, would know of a halt after more than that.
    there = list(table.all(Item, Query(partition(keys.ASSET.pk), consistent=True)))
    assets = [_asset(item) for item in there if isinstance(item, AssetItem)]
    halts = FlowHalts([flow_halts.halt_of(item) for item in there if isinstance(item, FlowHaltItem)])
    return {asset.asset_id: _listing(asset, prices.get(asset.asset_id)) for asset in assets}, halts


def _listing(asset: Asset, item: PriceItem | None) -> Listing:
    if item is None:
        return Listing(asset, None)
    return Listing(
        asset,
        quote=_quote(item.price, item.source, item.as_of),
        before=_quote(item.price_before, item.source_before, item.as_of_before),
        effective_at=item.effective_at,
        jump=_jump(item),
    )


def _quote(price: Decimal | None, source: str | None, as_of: datetime | None) -> Quote | None:
    if price is None:
        return None
    assert source is not None
    assert as_of is not None
    return Quote(Price(price), source, as_of)


def _jump(item: PriceItem) -> Jump | None:
    quote = _quote(item.jumped_price, item.jumped_source, item.jumped_as_of)
    if quote is None:
        return None
    assert item.stopped_at is not None
    return Jump(quote, item.stopped_at)


def find(table: Table, asset_id: str) -> SavedAsset | None:
    """The asset as it is now; None when there is none."""
    item = table.get(AssetItem, keys.ASSET(asset_id=asset_id), consistent=True)
    return None if item is None else SavedAsset(_asset(item), item.updated_at)


@dataclass(frozen=True)
class SavedAsset:
    """An asset as an operator has written it, and when."""

    asset: Asset
    saved_at: datetime


def save(asset: Asset, at: datetime, before: SavedAsset | None) -> Write:
    """Write an asset as a whole, new or changed; it keeps the decimals of the one before. Refused with AssetMoved when
    it is not as it was read, `before`."""
    item = AssetItem
    return Write.update(
        AssetItem(*keys.ASSET(asset_id=asset.asset_id)),
        item.entity_type.set(item),
        item.asset_id.set(asset.asset_id),
        item.name.set(asset.name),
        item.precision.set(Decimal(asset.precision)),
        item.min_notional.set(asset.min_notional.usd),
        item.max_notional.set(asset.max_notional.usd),
        item.execution.set(asset.execution),
        item.active.set(asset.active),
        item.price_source_id.set(asset.price_source_id),
        item.price_age_max_seconds.set(Decimal(asset.price_age_max_seconds)),
        item.estimate_band_bps.set(Decimal(asset.estimate_band_bps)),
        item.slippage_max_bps.set(Decimal(asset.slippage_max_bps)),
        item.fill_band_bps.set(Decimal(asset.fill_band_bps)),
        item.pool_shards.set(Decimal(asset.pool_shards)),
        item.pool_deadline_seconds.set(Decimal(asset.pool_deadline_seconds)),
        item.pool_top_up.set(asset.pool_top_up),
        item.min_pooled.set(asset.min_pooled.usd),
        item.desk_buys_max.set(asset.desk_buys_max.usd),
        item.spread_bps.set(Decimal(asset.spread_bps)),
        item.fees_bps.set(dict(asset.fees_bps.named)),
        item.price_step.set(asset.price_step.usd_per_unit),
        item.exchange_symbol.set(asset.exchange_symbol),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
        when=item.PK.does_not_exist() if before is None else item.updated_at == before.saved_at,
        otherwise=AssetMoved(f"another operator has changed {asset.asset_id}; look at it again", id=asset.asset_id),
    )


def mark(
    asset_id: str, quote: Quote, at: datetime, notice: timedelta = NOTICE, *, follows: datetime | None = None
) -> Write:
    """Set the next price, `quote`, which counts from `notice` after `at`; trading goes on if a jump had stopped it. A
    price follows an older one only (by `as_of`), and only once that counts; where `follows` is given, the one of that
    `as_of` and no other.

    Refused with PriceIsNewer: the table has a younger quote, be it one that waits to be confirmed; or a price that does
    not count yet, or not the one that it is to follow.
    """
    key = keys.PRICE(asset_id=asset_id)
    return _mark(
        key,
        asset_id,
        quote.price.usd_per_unit,
        quote.source,
        quote.as_of,
        at,
        effective_at=at + notice,
        follows=follows,
    ).refused_with(PriceIsNewer(f"the table has a younger price of {asset_id}"))


@prepared
def _mark(
    key: keys.PrimaryKey,
    asset_id: str,
    price: Decimal,
    source: str,
    as_of: datetime,
    at: datetime,
    *,
    effective_at: datetime,
    follows: datetime | None,
) -> Write:
    item = PriceItem
    counts = item.as_of.does_not_exist() | ((item.as_of <= as_of) & (item.effective_at <= at))
    if follows is not None:
        counts = (item.as_of == follows) & (item.effective_at <= at)
    return Write.update(
        item(*key),
        *_next(asset_id, price, source, as_of, at, effective_at),
        when=counts & (item.jumped_as_of.does_not_exist() | (item.jumped_as_of <= as_of)),
    )


def _next(
    asset_id: str, price: Decimal, source: str, as_of: datetime, at: datetime, effective_at: datetime
) -> list[Action]:
    item = PriceItem
    return [
        item.entity_type.set(item),
        item.asset_id.set(asset_id),
        item.price_before.set(item.price | price),
        item.source_before.set(item.source | source),
        item.as_of_before.set(item.as_of | as_of),
        item.effective_at.set(effective_at),
        item.price.set(price),
        item.source.set(source),
        item.as_of.set(as_of),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
        item.jumped_price.remove(),
        item.jumped_source.remove(),
        item.jumped_as_of.remove(),
        item.stopped_at.remove(),
    ]


def stop(asset_id: str, jumped: Quote, at: datetime) -> Write:
    """Stop trading the asset, or do not begin, until the quote that has jumped is confirmed or the source has come
    back.

    Refused with PriceIsNewer: the table has a younger quote.
    """
    item = PriceItem
    youngest = item.as_of.does_not_exist() | (item.as_of <= jumped.as_of)
    return Write.update(
        item(*keys.PRICE(asset_id=asset_id)),
        item.entity_type.set(item),
        item.asset_id.set(asset_id),
        item.created_at.set(item.created_at | at),
        item.jumped_price.set(jumped.price.usd_per_unit),
        item.jumped_source.set(jumped.source),
        item.jumped_as_of.set(jumped.as_of),
        item.stopped_at.set(item.stopped_at | at),
        item.updated_at.set(at),
        when=youngest & (item.jumped_as_of.does_not_exist() | (item.jumped_as_of <= jumped.as_of)),
        otherwise=PriceIsNewer(f"the table has a younger price of {asset_id}"),
    )


def confirm(asset_id: str, jumped: Quote, at: datetime) -> Write:
    """The quote that waits to be confirmed becomes the price; trading goes on from there.

    Refused with NothingToConfirm: another one waits, or none; or a price is set that does not count yet.
    """
    item, price = PriceItem, jumped.price.usd_per_unit
    counts = item.effective_at.does_not_exist() | (item.effective_at <= at)
    return Write.update(
        item(*keys.PRICE(asset_id=asset_id)),
        *_next(asset_id, price, jumped.source, jumped.as_of, at, at + NOTICE),
        when=(item.jumped_price == price) & (item.jumped_as_of == jumped.as_of) & counts,
        otherwise=NothingToConfirm(
            f"${jumped.price} waits no more, or another price is about to count; look again", id=asset_id
        ),
    )


def _asset(item: AssetItem) -> Asset:
    return Asset(
        asset_id=item.asset_id,
        name=item.name,
        precision=int(item.precision),
        min_notional=Money(item.min_notional),
        max_notional=Money(item.max_notional),
        execution=Execution(item.execution),
        active=item.active,
        price_source_id=item.price_source_id,
        exchange_symbol=item.exchange_symbol or item.asset_id,
        price_age_max_seconds=int(item.price_age_max_seconds),
        estimate_band_bps=_whole(item.estimate_band_bps, ESTIMATE_BAND_BPS),
        slippage_max_bps=_whole(item.slippage_max_bps, SLIPPAGE_MAX_BPS),
        fill_band_bps=_whole(item.fill_band_bps, FILL_BAND_BPS),
        pool_shards=_whole(item.pool_shards, 1),
        pool_deadline_seconds=_whole(item.pool_deadline_seconds, POOL_DEADLINE_SECONDS),
        pool_top_up=bool(item.pool_top_up),
        min_pooled=MIN_POOLED if item.min_pooled is None else Money(item.min_pooled),
        desk_buys_max=DESK_BUYS_MAX if item.desk_buys_max is None else Money(item.desk_buys_max),
        spread_bps=_whole(item.spread_bps, 0),
        fees_bps=Fees({Tier(tier): int(bps) for tier, bps in (item.fees_bps or {}).items()}),
        price_step=PRICE_STEP if item.price_step is None else Price(item.price_step),
    )


def _whole(number: Decimal | None, default: int) -> int:
    return default if number is None else int(number)
