"""How quotes are written into one attribute: an order is a list of few members, since there may be thirty of them in an
item. Of those that are over and have nothing untold there may be many more: each is one text, `s4711 60000.12 0.5 0.1`,
beside when it was over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain, groupby
from typing import Any

from common.gateways.exchange import Side
from common.money import plain
from functions.market_making.quotes import Ended, Marks, Placed, Quotes, Slot, SlotState
from functions.market_making.tally import Tally

_CODES = {
    SlotState.PENDING_CREATE: "c",
    SlotState.OPEN: "o",
    SlotState.PENDING_CANCEL: "x",
    SlotState.PENDING_REPLACE: "r",
}
_STATES = {code: state for state, code in _CODES.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_the_millisecond(at: datetime) -> datetime:
    """As it is when it is read again: never later."""
    return _EPOCH + (at - _EPOCH) // _MILLISECOND * _MILLISECOND


def packed(quotes: Quotes, bytes_max: int | None = None) -> str:
    """In at most so many bytes, if that can be by forgetting what is over and has nothing untold, the oldest first."""
    quiet = [gone for gone in quotes.ended if gone.is_settled]
    written = _packed(quotes, quiet)
    while quiet and bytes_max is not None and len(written) > bytes_max:
        beyond, found = len(written) - bytes_max, 0
        while quiet and found < beyond:
            found += len(_quiet(quiet.pop(0))) + len('"",')
        written = _packed(quotes, quiet)
    return written


def _packed(quotes: Quotes, quiet: Sequence[Ended]) -> str:
    told = {
        "slots": {name: _slot(slot) for name, slot in quotes.slots.items()},
        "ended": [_ended(gone) for gone in quotes.ended if not gone.is_settled],
        "over": [[_ms(at), *map(_quiet, some)] for at, some in groupby(quiet, key=lambda gone: gone.at)],
        "fees": {asset: plain(amount) for asset, amount in quotes.fees_elsewhere.items()},
        "would_take": {side.value: count for side, count in quotes.would_take.items()},
        "refusals": quotes.refusals,
        "tally": _tally(quotes.tally),
        "began": list(map(plain, quotes.began)),
        "marks": _marks(quotes.marks),
        "closed": quotes.closed,
        "placed_at": _ms(quotes.placed_at),
        "clear_at": _ms(quotes.clear_at),
        "degraded_at": _ms(quotes.degraded_at),
    }
    if quotes.set_backs:
        told["again"] = [quotes.set_backs, quotes.again_until]
    return json.dumps(told, separators=(",", ":"))


def unpacked(written: str, bare: Quotes) -> Quotes:
    """The quotes, of which `bare` has what is written beside."""
    told = json.loads(written)
    set_backs, again_until = told.get("again", (0, 0))
    return replace(
        bare,
        set_backs=set_backs,
        again_until=again_until,
        fees_elsewhere={asset: Decimal(amount) for asset, amount in told["fees"].items()},
        slots={name: _slot_of(slot) for name, slot in told["slots"].items()},
        ended=tuple(chain(map(_ended_of, told["ended"]), _quiet_of(told.get("over", [])))),
        would_take={Side(side): count for side, count in told["would_take"].items()},
        refusals=told["refusals"],
        tally=_tally_of(told["tally"]) if "tally" in told else Tally(),  # of a ledger just opened
        began=(Decimal(told["began"][0]), Decimal(told["began"][1])),
        marks=_marks_of(told["marks"]),
        closed=told["closed"],
        placed_at=_at(told["placed_at"]),
        clear_at=_at(told["clear_at"]),
        degraded_at=_at(told.get("degraded_at")),  # of quotes written before there was one
    )


def _tally(tally: Tally) -> list[Any]:
    sums = (tally.cost, tally.realised, *tally.bought, *tally.sold, *tally.fees, tally.taken)
    first = None if tally.first_price is None else plain(tally.first_price)
    times = _ms(tally.began_at), _ms(tally.both_since)
    return [first, *times, tally.both_seconds, tally.fills, *map(plain, sums)]


def _tally_of(told: list[Any]) -> Tally:
    first, began_at, both_since, both_seconds, fills, *texts = told
    sums = list(map(Decimal, texts))
    return Tally(
        first_price=None if first is None else Decimal(first),
        began_at=_at(began_at),
        cost=sums[0],
        realised=sums[1],
        bought=(sums[2], sums[3]),
        sold=(sums[4], sums[5]),
        fees=(sums[6], sums[7]),
        taken=sums[8],
        fills=fills,
        both_since=_at(both_since),
        both_seconds=both_seconds,
    )


def _marks(marks: Marks | None) -> list[str] | None:
    return None if marks is None else [plain(marks.best), marks.day, plain(marks.began)]


def _marks_of(told: list[str] | None) -> Marks | None:
    return None if told is None else Marks(Decimal(told[0]), told[1], Decimal(told[2]))


def _slot(slot: Slot) -> list[Any]:
    placed = [None if one is None else _placed(one) for one in (slot.live, slot.coming)]
    return [_CODES[slot.state], *placed, _ms(slot.missed_at)]


def _slot_of(told: list[Any]) -> Slot:
    state, live, coming, missed_at = told
    return Slot(
        _STATES[state],
        None if live is None else _placed_of(live),
        None if coming is None else _placed_of(coming),
        _at(missed_at),
    )


def _placed(placed: Placed) -> list[Any]:
    amounts = map(plain, (placed.price, placed.quantity, placed.settled))
    return [placed.cycle, *amounts, _ms(placed.at), placed.exchange_order_id, placed.key]


def _placed_of(told: list[Any]) -> Placed:
    cycle, price, quantity, settled, at, exchange_order_id, key = told
    return Placed(cycle, Decimal(price), Decimal(quantity), _instant(at), exchange_order_id, Decimal(settled), key)


def _ended(gone: Ended) -> list[Any]:
    amounts = map(plain, (gone.price, gone.quantity, gone.settled))
    executed = None if gone.executed is None else plain(gone.executed)
    named = [gone.client_order_id] if gone.client_order_id else []
    return [gone.exchange_order_id, gone.side.value, *amounts, executed, _ms(gone.at), gone.key, *named]


def _ended_of(told: list[Any]) -> Ended:
    exchange_order_id, side, price, quantity, settled, executed, at, key, *named = told
    return Ended(
        exchange_order_id,
        Side(side),
        Decimal(price),
        Decimal(quantity),
        Decimal(settled),
        None if executed is None else Decimal(executed),
        _instant(at),
        key,
        *named,
    )


def _quiet(gone: Ended) -> str:
    settled = f" {plain(gone.settled)}" if gone.settled else ""
    side = gone.side.value[0].lower()
    return f"{side}{gone.exchange_order_id} {plain(gone.price)} {plain(gone.quantity)}{settled}"


def _quiet_of(told: list[list[Any]]) -> Iterator[Ended]:
    sides = {side.value[0].lower(): side for side in Side}
    for at, *texts in told:
        for text in texts:
            exchange_order_id, *amounts = text[1:].split()
            price, quantity, settled = map(Decimal, [*amounts, "0"][:3])
            yield Ended(exchange_order_id, sides[text[0]], price, quantity, settled, settled, _instant(at))


def _ms(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MILLISECOND


def _at(told: int | None) -> datetime | None:
    return None if told is None else _instant(told)


def _instant(told: int) -> datetime:
    return _EPOCH + told * _MILLISECOND
