"""The marks: the newest price of every asset, as the catalogue keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from common.domain.catalogue import past_prices
from common.domain.catalogue.model import Listing, PriceIsNewer, Quote, is_confirmed, is_from_future
from common.domain.catalogue.store import Catalogue, mark, stop
from common.errors import Unavailable
from common.gateways.exchange import ExchangeUnavailable, MarketUnknown, Tickers
from common.gateways.prices import Prices, PriceSourceUnavailable
from common.log import count, log
from common.table.transaction import Write


@dataclass(frozen=True)
class Refreshed:
    """What a look at the source has brought: how many prices were written, and the quotes that have jumped, or are the
    first of their assets."""

    marked: int
    jumped: Mapping[str, Quote]


def refresh(catalogue: Catalogue, source: Callable[[Mapping[str, str]], Prices]) -> Refreshed:
    """Write down the newest price of every asset; where it has jumped, or is the first, stop trading instead.

    `source` makes a price source of the catalogue's ids there, by asset id. A source that does not answer leaves the
    prices as they are, to grow old.
    """
    listings, marked, jumped = catalogue.fresh(), 0, {}
    listed = {asset_id: listing.asset.price_source_id for asset_id, listing in listings.items()}
    try:
        latest = source(listed).latest(listed)
    except PriceSourceUnavailable as down:
        count("PriceSourceUnavailable")
        log.warning("no prices", extra={"why": down.detail, **down.facts})
        return Refreshed(0, {})
    for asset_id, found in latest.items():
        quote = Quote(found.price, found.source, found.as_of)
        if is_from_future(quote, catalogue.now()):
            count("PriceJump")
            log.error("price from the future", extra={"asset_id": asset_id, "price": str(quote.price)})
        elif listings[asset_id].is_jump(quote):
            if _stopped(catalogue, listings[asset_id], quote):
                jumped[asset_id] = quote
        else:
            marked += _marked(catalogue, asset_id, quote)
    return Refreshed(marked, jumped)


def confirm(
    catalogue: Catalogue, jumped: Mapping[str, Quote], tickers: Callable[[], Tickers], more_time: Callable[[], bool]
) -> int:
    """Ask the exchange about prices that have jumped, or are the first, and write down those where its market is, too;
    returns how many.

    Until then nothing is traded. An exchange that does not answer is asked again in the next round; an operator may
    confirm a price, too.
    """
    confirmed = 0
    for asset_id, quote in jumped.items():
        if not more_time():
            break
        try:
            ticker = tickers().ticker(catalogue.listing(asset_id).asset.exchange_symbol)
        except MarketUnknown as unknown:
            log.warning("not confirmed", extra={"asset_id": asset_id, "why": unknown.detail})
            continue
        except ExchangeUnavailable as down:
            log.warning("not confirmed", extra={"asset_id": asset_id, "why": down.detail, **down.facts})
            break
        seen = {"asset_id": asset_id, "price": str(quote.price), "bid": str(ticker.bid), "ask": str(ticker.ask)}
        if is_confirmed(quote.price, bid=ticker.bid, ask=ticker.ask):
            log.warning("confirmed by the exchange", extra=seen)
            confirmed += _marked(catalogue, asset_id, quote)
        else:
            log.error("not confirmed: the exchange is elsewhere", extra=seen)
    return confirmed


def _stopped(catalogue: Catalogue, listing: Listing, quote: Quote) -> bool:
    """Stop trading, if it has not been stopped for this jump already. The quote that waits stays as it was seen first,
    so that an operator confirms what he has looked at."""
    asset_id, latest = listing.asset.asset_id, listing.quote
    count("PriceJump")
    what = "price has jumped" if latest is not None else "first price"
    log.error(what, extra={"asset_id": asset_id, "price": str(quote.price), "latest": str(latest)})
    if not listing.is_another_jump(quote):
        return True
    try:
        catalogue.table.write(stop(asset_id, quote, catalogue.now()))
        return True
    except (PriceIsNewer, Unavailable) as refusal:
        log.warning("not stopped", extra={"asset_id": asset_id, "why": refusal.detail})
        return False


def _marked(catalogue: Catalogue, asset_id: str, quote: Quote) -> bool:
    try:
        catalogue.table.write(*_next(catalogue.listing(asset_id), quote, catalogue.now()))
        return True
    except (PriceIsNewer, Unavailable) as refusal:  # a round that overlaps has won, or the next one will
        log.info("not marked", extra={"asset_id": asset_id, "why": refusal.detail})
        return False


def _next(listing: Listing, quote: Quote, at: datetime) -> list[Write]:
    """The next price; and where the latest was the price at a full hour, that is kept in the same write, which is
    refused if another price has come between the two: so an hour has the last price before it, or none."""
    asset_id, latest, hour = listing.asset.asset_id, listing.quote, listing.full_hour(quote)
    if latest is None or hour is None:
        return [mark(asset_id, quote, at)]
    return [mark(asset_id, quote, at, follows=latest.as_of), *past_prices.keep(asset_id, latest, hour, at)]
