"""All that is planted, and a fixed part of it."""

from __future__ import annotations

import zlib

from tests.planted import (
    billed,
    charged,
    exchanged,
    kept,
    let_in,
    made_markets,
    money,
    outside,
    paid_out,
    siblings,
    told,
)
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
    *kept.PLANTS,
    *let_in.PLANTS,
    *told.PLANTS,
]


def part(n: int) -> list[Plant]:
    """About one in n, by their names: the same ones whichever others there are."""
    return [one for one in PLANTS if zlib.crc32(one.name.encode()) % n == 0]


def named(name: str) -> Plant:
    return next(one for one in PLANTS if one.name == name)
