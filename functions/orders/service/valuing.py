"""What a customer's account was worth over time, and what assets were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.domain.catalogue import past_prices
from common.domain.catalogue.model import PastPrice, Step
from common.domain.catalogue.store import Catalogue
from common.domain.ledger import moves
from common.money import Price
from common.owner import Owner
from common.table.table import Table
from functions.orders import history
from functions.orders.history import Worth
from functions.orders.model import STATEMENT_LINES_MAX


@dataclass(frozen=True)
class Valuing:
    table: Table
    catalogue: Catalogue
    now: Callable[[], datetime]

    def history(self, owner: Owner, since: datetime | None, until: datetime | None, step: Step) -> list[Worth]:
        """What the owner's account was worth at each step of a span, both ends in it; where no end is told, at last
        what it is worth now: `history.steps`.

        Raises TooManySteps, AccountNotFound, StatementTooLong, Busy.
        """
        now = self.now()
        moments = history.steps(since, until, now, step)
        ends = [now] if until is None and (since is None or since <= now) else []
        told = [*moments, *ends]
        if not told:
            return []
        stated = moves.statement(self.table, owner, told[0], told[-1], now=now, lines_max=STATEMENT_LINES_MAX)
        lines = [move.line for move in stated.moves]
        books = list(history.books_at(stated.opening, lines, moments))
        held = sorted({asset_id for each in books for asset_id, sums in each.assets.items() if sums[0]})
        prices = self._prices(held, step, moments)
        worth = [history.worth(at, there, prices[at]) for at, there in zip(moments, books, strict=True)]
        return worth + [history.worth(at, stated.closing, self._latest(at)) for at in ends]

    def prices(self, asset_id: str, since: datetime | None, until: datetime | None, step: Step) -> list[PastPrice]:
        """What an asset was worth at the steps of a span, both ends in it: those of which the price is known. Raises
        AssetNotFound, TooManySteps."""
        self.catalogue.listing(asset_id)
        return self._known(asset_id, step, history.steps(since, until, self.now(), step))

    def _prices(
        self, assets: Sequence[str], step: Step, moments: Sequence[datetime]
    ) -> dict[datetime, dict[str, Price]]:
        found: dict[datetime, dict[str, Price]] = defaultdict(dict)
        for asset_id in assets:
            for known in self._known(asset_id, step, moments):
                found[known.at][asset_id] = known.quote.price
        return found

    def _known(self, asset_id: str, step: Step, moments: Sequence[datetime]) -> list[PastPrice]:
        return list(past_prices.between(self.table, asset_id, step, moments[0], moments[-1])) if moments else []

    def _latest(self, at: datetime) -> dict[str, Price]:
        """By asset; without those that are too old, or have jumped."""
        quotes = {
            asset_id: listing.quote_at(at)
            for asset_id, listing in self.catalogue.listings().items()
            if not listing.stale(at)
        }
        return {asset_id: quote.price for asset_id, quote in quotes.items() if quote is not None}
