"""Where an order stands, for the hub of its machine."""

from __future__ import annotations

from common.machines import Standing
from functions.market_making.model import Order, facts, stage


def standing(order: Order) -> Standing:
    return Standing(stage(order), facts=facts(order))
