"""Quantities by which a test or a person chooses what becomes of an order.

The last three significant digits of it decide (0.00777, 1.777 and 7770 are all …777), where the account that places it
has magic:

    …777  fills at once and in full, at its own price, against the house
    …666  is accepted and at once CANCELED, with nothing filled
    …555  stays open and never fills: nobody trades with it, and it does not show in the depth
    …444  half of it, rounded down to a lot, fills at once as above, and the rest is CANCELED
    …333  is accepted and at once EXPIRED, with nothing filled
    …222  is accepted as NEW, and REJECTED by the time its account looks again

They are refused as others are: the account must have what they need.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from common.money import EXACT, plain
from sandbox.exchange.accounts import Entry
from sandbox.exchange.book import TimeInForce
from sandbox.exchange.filters import Market
from sandbox.exchange.floor import HOUSE, Floor
from sandbox.exchange.orders import BUY, SELL, Kind, Status


class Spell(StrEnum):
    FILL = "777"
    CANCEL = "666"
    REST_UNSEEN = "555"
    FILL_HALF = "444"
    EXPIRE = "333"
    REJECT_LATER = "222"


def spell_of(quantity: Decimal) -> Spell | None:
    digits = plain(quantity).replace(".", "").rstrip("0")[-3:]
    return Spell(digits) if digits in list(Spell) else None


def conjure(floor: Floor, market: Market, entry: Entry, lots: int, spell: Spell) -> None:
    """What becomes of an order that was accepted, instead of meeting the book."""
    match spell:
        case Spell.FILL:
            _trade_with_the_house(floor, market, entry, lots)
            floor.close(entry, Status.FILLED)
        case Spell.CANCEL:
            floor.close(entry, Status.CANCELED, "magic")
        case Spell.REST_UNSEEN:
            entry.aside = True
        case Spell.FILL_HALF:
            _trade_with_the_house(floor, market, entry, lots // 2)
            floor.close(entry, Status.CANCELED, "magic")
        case Spell.EXPIRE:
            floor.close(entry, Status.EXPIRED, "magic")
        case Spell.REJECT_LATER:
            entry.aside = entry.doomed = True
            floor.accounts[entry.account].doomed.append(entry)


def _trade_with_the_house(floor: Floor, market: Market, taker: Entry, lots: int) -> None:
    """Past the book, at the taker's own price. The market's last price does not change."""
    if not lots:
        return
    quantity = market.quantity(lots)
    side, needs = (SELL, quantity) if taker.side == BUY else (BUY, EXACT.multiply(taker.price, quantity))
    now = floor.now()
    maker = Entry(
        floor.next_order_id(),
        "",
        HOUSE,
        market.symbol,
        side,
        Kind.LIMIT,
        TimeInForce.GTC,
        taker.price,
        quantity,
        now,
        now,
        needs,
    )
    floor.accounts[HOUSE].lock(maker.pays_with, needs)
    floor.record(maker)
    floor.trade(taker, maker, taker.price, quantity)
