"""What two operators decide about what is traded: the rules of an asset, which say what a customer pays or gets, and
the price after a jump. Nobody's balance changes by it, but a friend might trade at what one alone had set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from common.clock import instant, text
from common.domain.catalogue import past_prices
from common.domain.catalogue import store as catalogue
from common.domain.catalogue.model import (
    FEE_PRECISION,
    PRICE_AGE_MAX_SECONDS,
    Asset,
    Execution,
    Listing,
    NothingToConfirm,
    Quote,
    SymbolTaken,
)
from common.domain.fees import NONE, Tier
from common.domain.ledger.model import USD
from common.domain.proposals.model import Proposal, Terms
from common.money import Money, Price
from common.operator_outcome import changes
from common.table.transaction import Write
from functions.operations.model import ImpossibleAsset, NothingToDo, NotProposable
from functions.operations.service.subjects import Kind, Subject

SET, CONFIRM = "catalogue set", "prices confirm"
COMMANDS = (SET, CONFIRM)  # about an asset: none of them is about something that waits
NEEDED = ("name", "precision", "min_notional", "max_notional", "price_source_id")  # of a new asset
# What a new asset has unless it is given, besides the defaults of `Asset`.
NEW: Mapping[str, Any] = {
    "execution": Execution.INSTANT,
    "active": True,
    "price_age_max_seconds": PRICE_AGE_MAX_SECONDS,
}
FEES, WAS = "fees_bps", "was"
_DOLLARS = ("min_notional", "max_notional", "min_pooled", "desk_buys_max")
_WORDS = ("name", "price_source_id", "exchange_symbol")
_READ: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(_DOLLARS, Money),
    **dict.fromkeys(_WORDS, str),
    **dict.fromkeys(("active", "pool_top_up"), "true".__eq__),
    "execution": Execution,
    "price_step": Price,
}  # whole numbers are the rest


def written(given: Mapping[str, Any]) -> Terms:
    """Rules by their names in `Asset`, as a proposal has them: in the words of the command line."""
    told = {name: str(rule).lower() if isinstance(rule, bool) else str(rule) for name, rule in given.items()}
    fees = told.pop(FEES, None) and given[FEES]
    return told | {f"{FEES}.{tier}": str(bps) for tier, bps in (fees or {}).items()}


def _given(terms: Terms) -> dict[str, Any]:
    """What `written` has told."""
    fees = {Tier(name.partition(".")[2]): int(bps) for name, bps in terms.items() if name.startswith(f"{FEES}.")}
    rules = {name: _READ.get(name, int)(rule) for name, rule in terms.items() if "." not in name and name != WAS}
    return rules | ({FEES: fees} if fees else {})


def changed(asset_id: str, before: Asset | None, given: Mapping[str, Any]) -> Asset:
    """The asset as it is to be: what is not given stays as it was; of fees, the tiers. Raises ImpossibleAsset,
    PrecisionLowered."""
    asset = _new(asset_id, given) if before is None else _but(before, given)
    if asset.asset_id == USD:
        raise ImpossibleAsset("USD is what assets are priced in, and can not be one of them")
    if asset.min_notional > asset.max_notional:
        low, high = asset.min_notional, asset.max_notional
        raise ImpossibleAsset(f"min_notional is above max_notional: ${low} and ${high}; change both together")
    if asset.active and asset.too_coarse:  # it may always be switched off
        raise ImpossibleAsset(
            f"{asset.asset_id} is bought at the exchange, whose fee in coins has up to {FEE_PRECISION} decimals: "
            f"its precision is to be {FEE_PRECISION} or more"
        )
    if before is not None:
        asset.check_keeps_decimals(before)
    return asset


def change_of(before: Asset | None, after: Asset) -> str:
    """Empty where nothing changes."""
    return changes(None if before is None else vars(before), vars(after))


def is_switched_off(before: Asset | None, after: Asset) -> bool:
    """Does nothing else change but that it is not traded any more?"""
    return before is not None and before.active and after == replace(before, active=False)


def traded(asset: Asset) -> str:
    """The status of an asset, as operators are told it."""
    return "ACTIVE" if asset.active else "INACTIVE"


def must_be_the_only_one(asset: Asset, before: Asset | None, listings: Mapping[str, Listing]) -> None:
    """That the exchange calls so. Raises SymbolTaken."""
    if before is not None and asset.exchange_symbol == before.exchange_symbol:
        return
    for other in (listing.asset for listing in listings.values() if listing.asset.asset_id != asset.asset_id):
        if other.exchange_symbol == asset.exchange_symbol:
            raise SymbolTaken(
                f"{asset.exchange_symbol} is what the exchange calls {other.asset_id}; give another "
                "exchange_symbol, or change that one first"
            )


class RulesChange:
    """An asset with other rules, or a new one. It is about the asset as it was written last: whoever has changed it
    since, be it to and fro, is not overruled."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, WAS: "new" if subject.saved is None else text(subject.saved.saved_at)}

    def says(self, subject: Subject, terms: Terms) -> str:
        was = self.terms(subject, {})[WAS]
        if was != terms[WAS]:
            raise NotProposable(f"{subject.id} was changed since: look at it, and propose it", id=subject.id)
        before = None if subject.saved is None else subject.saved.asset
        after = changed(subject.id, before, _given(terms))
        must_be_the_only_one(after, before, subject.listings)
        says = change_of(before, after)
        if not says:
            raise NothingToDo("is so already; nothing to do")
        return f"is traded by other rules: {says}" if before is not None else f"is {says}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.decided_at is not None
        before = None if subject.saved is None else subject.saved.asset
        after = changed(subject.id, before, _given(confirmed.terms))
        return [catalogue.save(after, confirmed.decided_at, subject.saved)]


class PriceConfirmation:
    """That the market is at a price to which an asset's source has jumped, or with which it begins: the very quote that
    both have looked at, which waits until it is confirmed, or the source has jumped again."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        """Raises NothingToDo, NothingToConfirm."""
        asset_id, price, listing = subject.id, Price(given["price"]), subject.listings[subject.id]
        if listing.jump is None and listing.quote is not None and listing.quote.price == price:
            raise NothingToDo(f"${price} is the price already; nothing to do")
        if listing.jump is None:
            told = "`desk prices list` has those that have"
            raise NothingToConfirm(f"the price of {asset_id} has not jumped, nor is it ${price}; {told}", id=asset_id)
        if listing.jump.quote.price != price:
            waits = listing.jump.quote.price
            raise NothingToConfirm(f"${waits} waits to be confirmed, not ${price}", id=asset_id, price=str(waits))
        return {"price": str(price), "as_of": text(listing.jump.quote.as_of)}

    def says(self, subject: Subject, terms: Terms) -> str:
        quote, before = self._waiting(subject, terms), subject.listings[subject.id].quote
        which = "first price" if before is None else f"price after ${before.price}"
        return f"is traded again: ${quote.price} is the {which}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        """The price before it may have been that of a full hour, which is kept with the one that follows: no other
        can have come since this one waits, for that would have taken it away."""
        assert confirmed.decided_at is not None
        at, listing, quote = confirmed.decided_at, subject.listings[subject.id], self._waiting(subject, confirmed.terms)
        hour, kept = listing.full_hour(quote), list[Write]()
        if listing.quote is not None and hour is not None:
            kept = past_prices.keep(subject.id, listing.quote, hour, at)
        return [catalogue.confirm(subject.id, quote, at), *kept]

    @staticmethod
    def _waiting(subject: Subject, terms: Terms) -> Quote:
        """Raises NotProposable."""
        jump, asked = subject.listings[subject.id].jump, (Price(terms["price"]), instant(terms["as_of"]))
        if jump is None or (jump.quote.price, jump.quote.as_of) != asked:
            now = "no price of it waits" if jump is None else f"${jump.quote.price} waits"
            raise NotProposable(f"it was about ${terms['price']}, and now {now} to be confirmed", id=subject.id)
        return jump.quote


def _new(asset_id: str, given: Mapping[str, Any]) -> Asset:
    """Raises ImpossibleAsset: a rule is not given that a new asset needs."""
    missing = [name for name in NEEDED if name not in given]
    if missing:
        raise ImpossibleAsset(f"{asset_id} is new, and needs {', '.join(missing)}", id=asset_id)
    fees = {FEES: NONE.but(given[FEES])} if FEES in given else {}
    return Asset(asset_id=asset_id, **{**NEW, "exchange_symbol": asset_id, **given, **fees})


def _but(before: Asset, given: Mapping[str, Any]) -> Asset:
    """The asset with the rules that are given; of fees, of the tiers that are."""
    fees = {FEES: before.fees_bps.but(given[FEES])} if FEES in given else {}
    return replace(before, **{**given, **fees})


KINDS: Mapping[str, Kind] = {SET: RulesChange(), CONFIRM: PriceConfirmation()}  # by the command
