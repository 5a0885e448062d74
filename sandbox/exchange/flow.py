"""The market around the customers: somebody who always buys and sells, and others who come by.

The house quotes `LEVELS` prices on each side of a reference price, from 1 to 23 basis points away from it, where
there is a step between them. The first is worth about $4 and each about three times as much as the one before, over
$1,000,000 together: an order of any size trades at once, and in several parts. It trades with a customer's order
that its new quotes meet, as the market does that has moved there.

Now and then a taker comes: he takes up to some hundred dollars, from either side, not farther than 50 basis points. He
meets first the customer whose price is better than the house's, and often fills only a part of that order.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from threading import Event

from common.gateways.prices import usable_price
from common.money import EXACT, ROUNDING
from sandbox.exchange.orders import BUY, FREE, SELL, Kind, Symbol
from sandbox.exchange.venue import HOUSE, TimeInForce, Venue

TAKERS = "takers"
LEVELS = 12
FIRST_BPS = 1
BETWEEN_BPS = 2
FIRST_NOTIONAL = Decimal(4)
GROWTH = 3
TAKER_REACH_BPS = 50
TAKER_NOTIONALS = (5, 500)
TAKER_CHANCE = 0.3  # of each symbol at each step

# (price, quantity) of a quote or of a taker, in steps of the symbol
_Terms = tuple[Decimal, Decimal]


class Flow:
    """Moves the market of a venue, step by step. The same venue, references and seed give the same steps.

    reference: symbol name → the price to quote around; without one, or with one that is no price, the house does not
        quote. It must not raise.
    """

    def __init__(self, venue: Venue, reference: Callable[[str], Decimal | None], seed: int = 7) -> None:
        self._venue = venue
        self._reference = reference
        self._chance = random.Random(seed)
        if TAKERS not in venue.accounts:
            venue.open_account(TAKERS, {}, fees=FREE, endless=True)

    def step(self) -> None:
        """Let the takers come, then quote every symbol anew. Nothing happens while the venue is under maintenance."""
        references = {name: self._reference(name) for name in self._venue.symbols}
        for name, reference in references.items():
            with self._venue.lock:  # nobody finds the house away
                if not self._venue.maintenance:
                    price = None if reference is None else usable_price(reference)
                    self._step(self._venue.symbols[name], None if price is None else price.usd_per_unit)

    def run(self, stop: Event, seconds: float) -> None:
        """A step at once and then every so many seconds, until `stop` is set. For a thread of its own."""
        while not stop.is_set():
            self.step()
            stop.wait(seconds)

    def _step(self, symbol: Symbol, reference: Decimal | None) -> None:
        if reference is not None and self._chance.random() < TAKER_CHANCE:
            # Before the house quotes anew, so that who comes after finds it whole. A taker's price is on the far
            # side: he buys above the reference.
            side = self._chance.choice((BUY, SELL))
            worth = self._between(*TAKER_NOTIONALS)
            self._place(TAKERS, symbol, side, reference, -TAKER_REACH_BPS, worth, TimeInForce.IOC)
        self._venue.cancel_all(HOUSE, symbol.name)
        if reference is None:
            return
        for level in range(LEVELS):
            bps = FIRST_BPS + level * BETWEEN_BPS
            worth = FIRST_NOTIONAL * GROWTH**level * self._between(90, 110) / 100
            for side in (BUY, SELL):
                self._place(HOUSE, symbol, side, reference, bps, worth, TimeInForce.GTC)

    def _place(
        self, account: str, symbol: Symbol, side: str, reference: Decimal, bps: int, worth: Decimal, until: TimeInForce
    ) -> None:
        """Place at so many basis points from the reference, on the order's own side: a buyer's are below."""
        away = EXACT.multiply(reference, Decimal(-bps if side == BUY else bps).scaleb(-4))
        price = _stepped(EXACT.add(reference, away), symbol.price_step, up=side == SELL)
        quantity = max(_stepped(ROUNDING.divide(worth, price), symbol.quantity_step, up=False), symbol.min_quantity)
        quantity = _stepped(quantity, symbol.quantity_step, up=True)
        self._venue.place(account, symbol.name, side, Kind.LIMIT, quantity=quantity, price=price, time_in_force=until)

    def _between(self, least: int, most: int) -> Decimal:
        return Decimal(self._chance.randint(least, most))


def _stepped(value: Decimal, step: Decimal, *, up: bool) -> Decimal:
    """To a multiple of the step that is above 0."""
    count, rest = ROUNDING.divmod(value, step)
    return EXACT.multiply(max(count + bool(rest and up), Decimal(1)), step)
