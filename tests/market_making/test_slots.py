"""Quotes under two tickers, lost answers, stalls, deaths, lies: no slot has two orders, and nothing is lost or left."""

from __future__ import annotations

from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from common.domain import rulings
from common.gateways.exchange import NEVER_PLACED_SECONDS
from common.gateways.exchange.binance_maker import OPERATION_SECONDS_MAX, RECEIVE_WINDOW_MS
from functions.market_making import quotes
from functions.market_making.model import TICK_SECONDS_MAX
from functions.market_making.quotes import Quotes
from functions.market_making.service import cycling
from tests.depth import deep, sampled
from tests.lives import lived
from tests.market_making import slots
from tests.market_making.faulty_cycles import play, taken_out
from tests.market_making.slots import COMMAND, GUARDS, STRANGERS, Life, Violation

BLOCK = deep(everyday=1, full=10)
WITHOUT_MAX = 60  # lives, one of which goes wrong without a guard


@pytest.mark.parametrize("block", range(10))
def test_in_a_life_of_quotes_no_slot_has_two_orders(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        lived(Life, COMMAND, seed)


def goes_wrong() -> bool:
    for seed in range(WITHOUT_MAX):
        try:
            lived(Life, COMMAND, seed)
        except AssertionError:
            return True
    return False


@sampled(6)
@pytest.mark.parametrize("guard", GUARDS)
def test_without_a_guard_lives_go_wrong(guard: str) -> None:
    with taken_out(guard):
        assert goes_wrong()


def test_what_is_played_is_counted() -> None:
    played = play(1) + play(3)
    count = played.count
    assert not played.wrong
    assert count.lives == 2
    assert 20 < count.disturbed < count.cycles
    assert 20 < count.beside < count.cycles
    assert 0 < count.fills < count.placed


def test_who_touches_another_s_order_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the product takes it for its own."""
    owns = Quotes.owns
    monkeypatch.setattr(Quotes, "owns", lambda self, name: name in STRANGERS or owns(self, name))
    assert play(1).wrong == {Violation.TOUCHED: 1}


def nothing(*_: object) -> list[Any]:
    return []


@sampled(6)
@pytest.mark.parametrize(
    "lacking",
    [
        (quotes, "NEVER_PLACED", timedelta(0)),  # one that is seen and then unknown is given up at once
        (quotes, "REMEMBERED", timedelta(0)),  # a trade that is told late is nobody's
        (cycling, "astray", nothing),  # an open order in no slot is left alone
        (slots, "doubted", lambda read, _: cycling.Known(read, read, [])),  # what no list had told of stays open
        (rulings, "of", lambda *_: {}),  # nobody decides
    ],
    ids=["given-up", "forgotten", "astray", "doubted", "undecided"],
)
def test_without_what_a_lie_needs_lives_go_wrong(
    monkeypatch: pytest.MonkeyPatch, lacking: tuple[ModuleType, str, object]
) -> None:
    monkeypatch.setattr(*lacking)
    assert goes_wrong()


def test_what_is_decided_has_arrived_before_it_counts_as_never_placed() -> None:
    """A placement is sent SENT_WITHIN its intent, or by a function that is ended before; it is on its way for as long
    as a request may last, and valid for a while."""
    on_the_way = OPERATION_SECONDS_MAX + RECEIVE_WINDOW_MS / 1000
    assert quotes.SENT_WITHIN.total_seconds() + on_the_way < NEVER_PLACED_SECONDS
    again = quotes.MISSED_AGAIN.total_seconds()
    assert TICK_SECONDS_MAX < NEVER_PLACED_SECONDS
    assert TICK_SECONDS_MAX + on_the_way < NEVER_PLACED_SECONDS + again
