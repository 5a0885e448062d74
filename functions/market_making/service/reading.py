"""Where an order stands, for the hub of its machine."""

from __future__ import annotations

from dataclasses import dataclass

from common.machines import Standing
from common.table.table import Table
from functions.market_making import store
from functions.market_making.service.returning import Returning


@dataclass(frozen=True)
class Reading:
    table: Table
    returning: Returning

    def read(self, order_id: str) -> Standing:
        """Raises MarketMakingOrderNotFound."""
        return self.returning.read(store.existing(self.table, order_id))
