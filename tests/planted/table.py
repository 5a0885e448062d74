"""All that is planted, and a fixed part of it."""

from __future__ import annotations

from tests.planted import billed, charged, exchanged, made_markets, money, outside, paid_out, siblings
from tests.planted.plants import Plant

PLANTS: list[Plant] = [
    *money.PLANTS,
    *exchanged.PLANTS,
    *paid_out.PLANTS,
    *made_markets.PLANTS,
    *billed.PLANTS,
    *outside.PLANTS,
    *siblings.PLANTS,
    *charged.PLANTS,
]


def part(n: int) -> list[Plant]:
    """Every n-th, always the same ones."""
    return PLANTS[::n]


def named(name: str) -> Plant:
    return next(one for one in PLANTS if one.name == name)
