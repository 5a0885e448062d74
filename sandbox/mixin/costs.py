"""What withdrawals cost now, of each asset, by what that may be paid with."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.mixin.assets import FEES, UNITS_MAX
from sandbox.mixin.rules import asset_of


class Costs(dict[str, Mapping[str, int]]):
    """By asset. They begin as `assets.FEES`."""

    def __init__(self) -> None:
        super().__init__(FEES)

    def change(self, asset_id: str, costs: Mapping[str, int]) -> None:
        """From now on; each is of the asset itself or of its chain's. Raises SafeRefused, ValueError."""
        asset = asset_of(asset_id)
        for paid_with, units in costs.items():
            if paid_with not in (asset_id, asset.chain_id) or not 1 <= units <= UNITS_MAX:
                raise ValueError(f"a withdrawal of {asset.symbol} can not cost {units} units of {paid_with}")
        if not costs:
            raise ValueError(f"a withdrawal of {asset.symbol} costs something")
        self[asset_id] = dict(costs)
