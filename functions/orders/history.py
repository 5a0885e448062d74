"""What an account was worth over time, at full hours or at the beginnings of days: pure arithmetic.

The books say what there was at each moment, to the last digit. What it was worth is known where a price is: a step
without one says so, and names the assets; nothing is taken from the price before or after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.domain.catalogue.model import Step, full_hour_after
from common.domain.ledger.model import AssetTransaction, Books
from common.errors import Rejected
from common.money import ZERO, Money, Price, Quantity

STEPS_MAX = 400  # a year of days and more, two weeks of hours and more
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # of what is asked for, anything may be
STEPS_DEFAULT = {Step.DAY: timedelta(days=30), Step.HOUR: timedelta(hours=48)}


class TooManySteps(Rejected):
    """The span of time has more steps than one answer tells: ask for a shorter one, or for days instead of hours."""


@dataclass(frozen=True)
class Worth:
    """What there was at a moment, before anything that moved at it. `value` is that of all of it, `unrealised_gain`
    what the coins are worth above their `cost`: None where `without_price` names assets of which there was something.
    """

    at: datetime
    usd: Money
    cost: Money
    value: Money | None
    unrealised_gain: Money | None
    realised_gain: Money
    without_price: Sequence[str]


def steps(since: datetime | None, until: datetime | None, now: datetime, step: Step) -> list[datetime]:
    """The full hours, or beginnings of days, of this span; both ends are in it, and nothing of the future. Without a
    beginning, it is `STEPS_DEFAULT` long. Raises TooManySteps."""
    last = now if until is None else min(until, now)
    first = max(last, _EARLIEST) - STEPS_DEFAULT[step] if since is None else since
    if first > last:
        return []
    begin, apart = full_hour_after(first), timedelta(hours=1)
    if step is Step.DAY:
        begin, apart = begin + timedelta(hours=-begin.hour % 24), timedelta(days=1)
    number = (last - begin) // apart + 1
    if number > STEPS_MAX:
        raise TooManySteps(
            f"this span has {number} steps ({step}), and one answer tells {STEPS_MAX}: ask for a shorter "
            "span, or for days instead of hours",
            steps=number,
            steps_max=STEPS_MAX,
        )
    return [begin + n * apart for n in range(number)]


def books_at(opening: Books, lines: Sequence[AssetTransaction], at: Sequence[datetime]) -> Iterator[Books]:
    """What there was at each of these moments, which rise, by the lines since the first of them, oldest first."""
    books, done = opening, 0
    for moment in at:
        before = done
        while done < len(lines) and lines[done].created_at < moment:
            done += 1
        books = books.plus(lines[before:done])
        yield books


def worth(at: datetime, books: Books, prices: Mapping[str, Price]) -> Worth:
    """At these prices, by asset: those that are known."""
    held = {asset_id: Quantity(sums[0], asset_id) for asset_id, sums in sorted(books.assets.items()) if sums[0]}
    cost = sum((Money(books.assets[asset_id][1]) for asset_id in held), ZERO)
    unknown = [asset_id for asset_id in held if asset_id not in prices]
    coins = sum((prices[asset_id].value_of(there) for asset_id, there in held.items() if asset_id in prices), ZERO)
    return Worth(
        at=at,
        usd=books.usd,
        cost=cost,
        value=None if unknown else books.usd + coins,
        unrealised_gain=None if unknown else coins - cost,
        realised_gain=sum((Money(gain) for _, _, gain, *_ in books.assets.values()), ZERO),
        without_price=unknown,
    )
