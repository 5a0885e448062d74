"""The market around the customers: somebody who always buys and sells, and others who come by.

The house quotes some prices on each side of a reference price; how many, how far and how much is its `Profile`. It
trades with a customer's order that its new quotes meet, as the market does that has moved there. Now and then a taker
comes, takes from either side, and meets first the customer whose price is better than the house's.

    deep    from 1 to 23 basis points away, over $1,000,000 together on both sides: an order of any size trades at once,
            and in several parts. Takers are few, and often fill only a part of the order in front
    thin    nobody nearer than 30 basis points: who quotes nearer is the first whom everybody meets, on both sides, and
            is traded with all the time. An order of any size still trades, within 100 basis points
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from threading import Event

from common.gateways.prices import usable_price
from common.money import EXACT, ROUNDING
from sandbox.exchange.faults import IllegalOrder
from sandbox.exchange.orders import BUY, FREE, SELL, Kind, Symbol
from sandbox.exchange.venue import HOUSE, TimeInForce, Venue

TAKERS = "takers"


@dataclass(frozen=True)
class Profile:
    """How the house quotes, and how takers come. The first quote is worth so many dollars, each further one `growth`
    times as much as the one before, where there is a price step between them."""

    levels: int
    first_bps: int
    between_bps: int
    first_notional: Decimal
    growth: int
    taker_chance: float  # of each symbol at each step
    taker_notionals: tuple[int, int]
    taker_reach_bps: int  # beyond the reference


DEEP = Profile(12, 1, 2, Decimal(4), 3, taker_chance=0.3, taker_notionals=(5, 500), taker_reach_bps=50)
THIN = Profile(8, 30, 10, Decimal(50), 4, taker_chance=0.9, taker_notionals=(20, 400), taker_reach_bps=60)
PROFILES = {"deep": DEEP, "thin": THIN}


class Profiles:
    """Which profile the house has in each market: deep, where nobody has chosen."""

    def __init__(self) -> None:
        self._chosen: dict[str, str] = {}

    def of(self, symbol: str) -> Profile:
        return PROFILES[self._chosen.get(symbol, "deep")]

    def choose(self, name: str, symbols: Iterable[str]) -> None:
        """From the next step on. Raises IllegalOrder."""
        if name not in PROFILES:
            raise IllegalOrder(f"profile is {name!r}; there are {', '.join(PROFILES)}")
        self._chosen |= dict.fromkeys(symbols, name)

    def chosen(self) -> dict[str, str]:
        """By symbol."""
        return dict(self._chosen)


class Flow:
    """Moves the market of a venue, step by step. The same venue, references and seed give the same steps.

    reference: symbol name → the price to quote around; without one, or with one that is no price, the house does not
        quote. It must not raise.
    """

    def __init__(
        self,
        venue: Venue,
        reference: Callable[[str], Decimal | None],
        seed: int = 7,
        profiles: Profiles | None = None,
    ) -> None:
        self._venue = venue
        self._reference = reference
        self._profiles = profiles or Profiles()
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
        profile = self._profiles.of(symbol.name)
        if reference is not None and self._chance.random() < profile.taker_chance:
            # Before the house quotes anew, so that who comes after finds it whole. A taker's price is on the far
            # side: he buys above the reference.
            side = self._chance.choice((BUY, SELL))
            worth = self._between(*profile.taker_notionals)
            self._place(TAKERS, symbol, side, reference, -profile.taker_reach_bps, worth, TimeInForce.IOC)
        self._venue.cancel_all(HOUSE, symbol.name)
        if reference is None:
            return
        for level in range(profile.levels):
            bps = profile.first_bps + level * profile.between_bps
            worth = profile.first_notional * profile.growth**level * self._between(90, 110) / 100
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
