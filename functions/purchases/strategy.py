"""How a purchase is made: the seed's strategies and their factory, without the classes."""

from __future__ import annotations

from enum import StrEnum

from common.money import Money


class Strategy(StrEnum):
    DIRECT = "DIRECT"  # an order of its own at the exchange
    POOLED = "POOLED"  # too small for that: with others


def strategy(worth: Money, minimum: Money) -> Strategy:
    """Exactly the minimum goes direct."""
    return Strategy.DIRECT if worth >= minimum else Strategy.POOLED
