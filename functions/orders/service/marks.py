"""The marks: the newest price of every asset, as the catalogue keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from common.domain.catalogue.model import PriceIsNewer, Quote
from common.domain.catalogue.store import Catalogue, mark
from common.errors import Unavailable
from common.gateways.prices import Prices, PriceSourceUnavailable
from common.log import count, log


def refresh(catalogue: Catalogue, source: Callable[[Mapping[str, str]], Prices]) -> int:
    """Write down the newest price of every asset; returns how many were newer than ours.

    `source` makes a price source of the catalogue's ids there, by asset id. A source that does not answer leaves the
    prices as they are, to grow old.
    """
    listings, marked = catalogue.fresh(), 0
    listed = {asset_id: listing.asset.price_source_id for asset_id, listing in listings.items()}
    try:
        latest = source(listed).latest(listed)
    except PriceSourceUnavailable as down:
        count("PriceSourceUnavailable")
        log.warning("no prices", extra={"why": down.detail, **down.facts})
        return 0
    for asset_id, found in latest.items():
        quote = Quote(found.price, found.source, found.as_of)
        if not listings[asset_id].believable(quote, catalogue.now()):
            count("PriceJump")
            log.error("price not believed", extra={"asset_id": asset_id, "price": str(quote.price)})
            continue
        try:
            catalogue.table.write(mark(asset_id, quote, catalogue.now()))
            marked += 1
        except (PriceIsNewer, Unavailable) as refusal:  # a round that overlaps has won, or the next one will
            log.info("not marked", extra={"asset_id": asset_id, "why": refusal.detail})
    return marked
