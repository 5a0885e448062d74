"""The rules of the price source, and the fake of the port `Prices`.

It quotes nothing until it is told to. A listing either stands still at the price it was given, or walks: every
10 s one step of 2 basis points (of the price it wanders around) up or down. Each UTC day has as many steps up
as down, shuffled by seed, listing and day; so a walking price depends on nothing but seed and time, is back at
its start every midnight, and can not run away to zero.

A price is `age_seconds` old whenever one asks: the source is alive, and late. Nonsense (zero, a negative price,
twelve digits, no price at all) is published as told: real sources do that too.
"""

import random
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from threading import RLock
from typing import NotRequired, TypedDict

from common.errors import NotFound, Rejected
from common.gateways.prices import PriceSourceUnavailable, Quotation, usable_price
from common.money import EXACT, FRACTION_DIGITS_MAX, ROUNDING, exact, fraction_digits, plain

RETRY_AFTER_SECONDS = 60
FAULTS_MAX = 1000
AGE_SECONDS_MAX = 10**9
DIGITS_MAX = 30  # on each side of the point: more than any price has, and a walk around it stays within 80
STEP_SECONDS = 10
STEPS_A_DAY = 86_400 // STEP_SECONDS
STEP = Decimal("0.0002")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fault(StrEnum):
    """What can go wrong with a question, as the port and as the wire show it."""

    RATE_LIMIT = "429"  # with Retry-After
    SERVER_ERROR = "500"
    TIMEOUT = "timeout"  # the connection stays open and nothing comes
    GARBAGE = "garbage"  # status 200 and a web page
    DROP = "drop"  # the connection is closed without an answer


class Faulted(Exception):
    """The question met a fault that was ordered with `fail_next`."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class NotListed(NotFound): ...


class IllegalOrder(Rejected):
    """The oracle was told to do something that it can not do."""


@dataclass(frozen=True)
class Listing:
    usd: Decimal | None  # None: listed, but without a price
    age_seconds: int = 0
    walks: bool = False


@dataclass(frozen=True)
class Tick:
    """What the source says of one listing at one moment."""

    usd: Decimal | None
    updated_at: datetime  # aware UTC, whole seconds


class ListingState(TypedDict):
    """A listing in the state file and on the control wire."""

    usd: str | None
    age_seconds: NotRequired[int]
    walk: NotRequired[bool]


class Oracle:
    """A price source with controls. Safe to use from several threads.

    now: the clock (`common.clock.now`, or a test's own); aware UTC.
    seed: chooses the walk of every listing.
    ids: asset id → listing id for `latest`; without it they are the same.
    calls: how many questions were asked, those that met a fault included.
    """

    def __init__(self, now: Callable[[], datetime], seed: int, *, ids: Mapping[str, str] | None = None) -> None:
        self.seed = seed
        self.calls = 0
        self._now = now
        self._ids = ids
        self._listings: dict[str, Listing] = {}
        self._faults: deque[Fault] = deque()
        self._lock = RLock()

    # The port

    def latest(self, asset_ids: Collection[str]) -> dict[str, Quotation]:
        """See `common.gateways.prices.Prices.latest`. A time-out fault is raised at once, nobody waits."""
        ids = self._ids if self._ids is not None else {asset_id: asset_id for asset_id in asset_ids}
        wanted = {asset_id: ids[asset_id] for asset_id in asset_ids if asset_id in ids}
        if not wanted:
            return {}
        try:
            ticks = self.ask(wanted.values())
        except Faulted as met:
            raise _in_our_words(met.fault) from met
        quotations = {}
        for asset_id, listing_id in wanted.items():
            tick = ticks.get(listing_id)
            price = usable_price(tick.usd) if tick and tick.usd is not None else None
            if tick and price is not None:
                quotations[asset_id] = Quotation(asset_id, price, tick.updated_at, source="sandbox")
        return quotations

    # The source, as the face asks it

    def ask(self, listing_ids: Iterable[str]) -> dict[str, Tick]:
        """One question: a tick for each listing that is known. Raises Faulted."""
        with self._lock:
            self.calls += 1
            if self._faults:
                raise Faulted(self._faults.popleft())
            now = self._now()
            return {i: self._tick(i, self._listings[i], now) for i in listing_ids if i in self._listings}

    def _tick(self, listing_id: str, listing: Listing, now: datetime) -> Tick:
        usd, at = listing.usd, now.replace(microsecond=0)
        if listing.walks and usd is not None:
            day, second = divmod((now - _EPOCH) // timedelta(seconds=1), 86_400)
            step = second // STEP_SECONDS
            distance = EXACT.multiply(STEP, _day(self.seed, listing_id, day)[step])
            usd = EXACT.multiply(usd, EXACT.add(1, distance))
            at = _EPOCH + timedelta(days=day, seconds=step * STEP_SECONDS)
        return Tick(usd, at - timedelta(seconds=listing.age_seconds))

    # Controls

    def set_price(
        self,
        listing_id: str,
        usd: Decimal | str | int | None,
        *,
        age_seconds: int = 0,
        walk: bool = False,
    ) -> None:
        """List it, or replace it. With `walk` the price wanders around `usd`, otherwise it is `usd`.

        Raises IllegalOrder for what is no number that JSON can hold, TypeError for a float.
        """
        number = None if usd is None else _decimal(usd, "usd")
        if not 0 <= age_seconds <= AGE_SECONDS_MAX:
            raise IllegalOrder(f"age_seconds is {age_seconds}; it must be from 0 to {AGE_SECONDS_MAX}")
        with self._lock:
            self._listings[listing_id] = Listing(number, age_seconds, walk)

    def move(self, listing_id: str, factor: Decimal | str | int) -> Decimal:
        """Multiply the price, to 18 fraction digits, and answer the new one; a walking price wanders on around it.

        Raises NotListed, and IllegalOrder for a factor that is not above 0 or a listing without a price.
        """
        by = _decimal(factor, "factor")
        if by <= 0:
            raise IllegalOrder(f"factor is {by}; it must be above 0: 1.05 is five per cent up")
        with self._lock:
            listing = self._listed(listing_id)
            if listing.usd is None:
                raise IllegalOrder(f"{listing_id} has no price that could move; set one first")
            usd = ROUNDING.multiply(listing.usd, by)
            if fraction_digits(usd) > FRACTION_DIGITS_MAX:
                usd = usd.quantize(Decimal(1).scaleb(-FRACTION_DIGITS_MAX), ROUND_HALF_EVEN, ROUNDING)
            self._listings[listing_id] = replace(listing, usd=_decimal(usd, "usd"))
            return usd

    def forget(self, listing_id: str) -> None:
        """Delist it. Raises NotListed."""
        with self._lock:
            self._listed(listing_id)
            del self._listings[listing_id]

    def fail_next(self, kind: Fault | str, times: int = 1) -> None:
        """Let the next `times` questions meet a fault, after those already ordered. Raises IllegalOrder."""
        try:
            fault = Fault(kind)
        except ValueError:
            raise IllegalOrder(f"kind is {kind!r}; there are {', '.join(Fault)}") from None
        if not 1 <= times <= FAULTS_MAX:
            raise IllegalOrder(f"times is {times}; it must be from 1 to {FAULTS_MAX}")
        with self._lock:
            if len(self._faults) + times > FAULTS_MAX:
                raise IllegalOrder(f"{len(self._faults)} faults already wait; at most {FAULTS_MAX} can")
            self._faults.extend([fault] * times)

    def heal(self) -> None:
        """Forget the faults that were ordered and have not happened yet."""
        with self._lock:
            self._faults.clear()

    # What a person sees, and what outlives a restart

    def now(self) -> datetime:
        return self._now()

    def seen(self) -> dict[str, tuple[ListingState, Tick]]:
        """Each listing as it was set and as it is quoted now. Not a question: no fault is met, nothing is counted."""
        with self._lock:
            now = self._now()
            return {i: (state, self._tick(i, self._listings[i], now)) for i, state in self.listings().items()}

    def faults(self) -> list[Fault]:
        """Those still to come, in order."""
        with self._lock:
            return list(self._faults)

    def listings(self) -> dict[str, ListingState]:
        """All that was set, so that `restore` can set it again."""
        with self._lock:
            return {
                listing_id: {
                    "usd": None if listing.usd is None else plain(listing.usd),
                    "age_seconds": listing.age_seconds,
                    "walk": listing.walks,
                }
                for listing_id, listing in sorted(self._listings.items())
            }

    def restore(self, listings: Mapping[str, ListingState]) -> None:
        """Set each as `listings()` told it. Raises IllegalOrder."""
        for listing_id, state in listings.items():
            self.set_price(
                listing_id, state["usd"], age_seconds=state.get("age_seconds", 0), walk=state.get("walk", False)
            )

    def _listed(self, listing_id: str) -> Listing:
        try:
            return self._listings[listing_id]
        except KeyError:
            known = ", ".join(sorted(self._listings)) or "nothing"
            raise NotListed(f"{listing_id} is not listed; listed: {known}") from None


@lru_cache(maxsize=64)
def _day(seed: int, listing_id: str, day: int) -> tuple[int, ...]:
    """Where a walk stands in each ten seconds of one day, counted in steps up (+) or down (-) from its start."""
    chance = random.Random(f"{seed}/{listing_id}/{day}")
    half = STEPS_A_DAY // 2
    steps = sorted([1] * half + [-1] * half, key=lambda _: chance.random())
    return 0, *accumulate(steps[:-1])


def _decimal(value: Decimal | str | int, name: str) -> Decimal:
    try:
        number = exact(value)
    except (ValueError, InvalidOperation):
        raise IllegalOrder(f'{name} is {value!r}; it must be a decimal number such as "67000.10"') from None
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # it is finite
    if number.adjusted() >= DIGITS_MAX or -exponent > DIGITS_MAX:
        raise IllegalOrder(f"{name} has more than {DIGITS_MAX} digits on one side of the point")
    return number


def _in_our_words(fault: Fault) -> PriceSourceUnavailable:
    """The port's error for each fault; the contract suite holds it against what the adapter makes of the wire."""
    match fault:
        case Fault.RATE_LIMIT:
            return PriceSourceUnavailable("asked too often", what="rate_limit", retry_after_seconds=RETRY_AFTER_SECONDS)
        case Fault.SERVER_ERROR:
            return PriceSourceUnavailable("the source has a fault", what="source_error")
        case Fault.TIMEOUT:
            return PriceSourceUnavailable("no answer in time", what="timeout")
        case Fault.GARBAGE:
            return PriceSourceUnavailable("the answer can not be read", what="garbage")
        case Fault.DROP:
            return PriceSourceUnavailable("the connection broke", what="connection")
