"""Tapes: by chance, and recorded."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from common.gateways.exchange import Side
from sandbox.backtest.tape import BadTape, Best, Flow, Print, recorded, seeded

HEAD = "time,price,quantity,side\n"


def written(at: Path, text: str) -> Path:
    path = at / "trades.csv"
    path.write_text(text)
    return path


def test_the_same_seed_gives_the_same_tape_and_another_one_another() -> None:
    flow = Flow(hours=0.2)
    assert seeded(flow) == seeded(flow)
    assert seeded(flow) != seeded(Flow(hours=0.2, seed=2))


def test_a_tape_by_chance_is_in_order_and_its_takers_take() -> None:
    tape = seeded(Flow(hours=1))
    assert [event.at for event in tape.events] == sorted(event.at for event in tape.events)
    best = tape.events[0]
    assert isinstance(best, Best)
    prints = 0
    for event in tape.events:
        if isinstance(event, Best):
            best = event
            assert best.bid < best.ask
        else:
            prints += 1
            assert event.price >= best.ask if event.side is Side.BUY else event.price <= best.bid
    assert 250 < prints < 480  # 360 are expected


def test_a_record_is_read_with_its_steps_and_the_quotes_that_it_tells_of(tmp_path: Path) -> None:
    lines = "2026-05-02T12:00:00Z,100.05,0.5,buy\n1777723201,99.95,2,SELL\n1777723202500,100.1,0.25,b\n"
    tape = recorded(written(tmp_path, HEAD + lines))
    assert (tape.steps.price, tape.steps.quantity) == (Decimal("0.01"), Decimal("0.01"))
    assert [event for event in tape.events if isinstance(event, Print)] == [
        Print(1777723200000, Decimal("100.05"), Decimal("0.5"), Side.BUY),
        Print(1777723201000, Decimal("99.95"), Decimal(2), Side.SELL),
        Print(1777723202500, Decimal("100.1"), Decimal("0.25"), Side.BUY),
    ]
    quotes = [event for event in tape.events if isinstance(event, Best)]
    assert [(one.bid, one.ask) for one in quotes[1:]] == [
        (Decimal("100.02"), Decimal("100.05")),
        (Decimal("99.95"), Decimal("99.97")),
        (Decimal("100.07"), Decimal("100.1")),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("time,price,side\n", "no column quantity"),
        (HEAD + "1,100,1,buy\n", "has 1 trades"),
        (HEAD + "1,100,1,buy\n2,dear,1,buy\n", "line 3"),
        (HEAD + "1,100,1,buy\n2,-1,1,buy\n", "line 3"),
        (HEAD + "1,100,1,buy\n2,NaN,1,buy\n", "line 3"),
        (HEAD + "1,100,1,buy\n2,100,1,both\n", "line 3"),
        (HEAD + "1,100,1,buy\nyesterday,100,1,buy\n", "line 3"),
        (HEAD + "1,100,1,buy\n2,100\n", "line 3"),
        (HEAD + "1,100,1,buy\n1e19,100,1,buy\n", "line 3"),
        (HEAD + "1,100,1,buy\n90000000,100,1,buy\n", "longer than 92 days"),
    ],
)
def test_what_is_no_record_of_trades_is_refused_and_says_where(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadTape, match=why):
        recorded(written(tmp_path, text))
