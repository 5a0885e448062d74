"""An order's cycles on a tape, and what is measured of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.log import metrics
from functions.market_making.strategy import COMPAT
from sandbox.backtest.cases import Case, drawn, measured, played, several
from sandbox.backtest.measuring import performance
from sandbox.backtest.running import Ours, Setting, run
from sandbox.backtest.tape import Flow, Tape
from tests.backtest.playing import best, bought, case, rules, sold, tape

SETTING = Setting(base=Decimal(10), quote=Decimal(1000), fee=Decimal(0), latency=0)


def ran(on: Tape, setting: Setting = SETTING, **changed: Any) -> Any:
    quoting = rules(**changed)
    return run(on, setting, lambda paper: Ours(quoting, setting, paper), planned=2)


def test_a_round_trip_earns_what_lies_between_the_two_prices() -> None:
    """One bought at 99 and one sold at 101; the middle is 100 all the time."""
    found = performance(ran(tape(sold(5_000, "98.90", "1"), bought(15_000, "101.10", "1"))))
    assert (found.fills, found.volume, found.against_hold) == (2, Decimal("200.00"), Decimal("2.00"))
    assert found.spread_captured == Decimal("100.0")
    assert found.realised + found.unrealised == Decimal("2.00")
    assert found.uptime == pytest.approx(
        Decimal(50) / 60, abs=Decimal("0.001")
    )  # of the bid 5 s are missing, of the ask 5


def test_fees_are_taken_off_and_told_in_quote() -> None:
    setting = replace(SETTING, fee=Decimal("0.01"))
    found = performance(ran(tape(sold(5_000, "98.90", "1"), bought(15_000, "101.10", "1")), setting))
    assert found.fees == Decimal("2.00")
    assert found.against_hold == Decimal("-0.01")  # 2 - 0.01 BASE at 100 - 1.01


def test_a_drawdown_is_from_the_best_there_was() -> None:
    """Bought at 99 and marked at 100, then the market falls to 95 and comes back."""
    found = performance(
        ran(
            tape(sold(5_000, "98.90", "1"), best(12_000, "94.90", "95.10"), ends=40_000),
            order_refresh_time=1000,
            filled_order_delay=1000,
        )
    )
    assert found.fills == 1
    assert found.drawdown == Decimal("5.00")


def test_the_ledger_of_the_slots_is_the_account_s_to_the_last_digit() -> None:
    played_out = played(case(told={"order_levels": "2", "order_level_spread": "0.1"}))
    assert isinstance(played_out.loop, Ours)
    assert len(played_out.paper.traded) > 10
    assert (played_out.loop.quotes.base, played_out.loop.quotes.quote) == (
        played_out.paper.base,
        played_out.paper.quote,
    )
    assert (played_out.beyond, played_out.left) == (0, 0)


def test_lost_answers_leave_nothing_beyond_the_plan_and_nothing_behind() -> None:
    on, quoting = played(case()).paper, case().rules
    setting = Setting(base=on.base, quote=on.quote, lost=0.1, fee=Decimal("0.0002"))
    outcome = run(case().tape, setting, lambda paper: Ours(quoting, setting, paper), planned=2)
    assert isinstance(outcome.loop, Ours)
    assert (outcome.beyond, outcome.left, outcome.touched) == (0, 0, 0)
    assert (outcome.loop.quotes.base, outcome.loop.quotes.quote) == (outcome.paper.base, outcome.paper.quote)


def test_nothing_of_it_is_logged_or_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Powertools prints what is counted a hundred times."""
    on, quoting = case().tape, case().rules
    setting = Setting(base=Decimal(1), quote=Decimal(60_000), lost=0.5)
    run(on, setting, lambda paper: Ours(quoting, setting, paper), planned=2)
    assert capsys.readouterr().out == ""
    assert metrics.metric_set == {}


def test_the_same_case_gives_the_same_figures_and_another_seed_others() -> None:
    assert measured(case()) == measured(case())
    assert measured(case()) != measured(case(flow=Flow(hours=0.5, seed=2)))


def test_with_a_tolerance_a_flat_book_is_asked_for_nearly_nothing() -> None:
    """Cancel and replace: two orders each ten seconds. With a tolerance they are placed once."""
    flat = Flow(hours=0.5, volatility=0, takers_per_minute=0)
    told = {"order_refresh_tolerance_pct": "-1"}
    replaced, tolerated = measured(case(flow=flat, told=told)), measured(case(flow=flat))
    assert replaced.changes > 300
    assert tolerated.changes == 2


def test_what_loses_too_much_is_paused_with_its_reason() -> None:
    falls = [best(1_000 * n, f"{100 - n}.00", f"{100 - n}.20") for n in range(1, 50)]
    outcome = ran(tape(*falls), replace(SETTING, base=Decimal(1), quote=Decimal(500)), bid_spread=Decimal("0.001"))
    assert "lost" in (outcome.loop.paused or "")


def test_hummingbot_s_rules_run_in_the_same_cycles_and_wait_a_tick_more() -> None:
    """After the fill the other side is cancelled in one tick and placed in the next: the second print finds nobody."""
    found = ran(tape(sold(5_000, "98.90", "1"), bought(15_000, "101.10", "1")), compat=COMPAT)
    assert performance(found).fills == 1


def test_a_sweep_is_every_value_with_every_other() -> None:
    cases = several(case(), {"bid_spread": ["0.1", "0.2"], "order_levels": ["1", "2", "3"]})
    assert [tuple(each.swept.values()) for each in cases] == [(b, n) for b in ("0.1", "0.2") for n in ("1", "2", "3")]
    assert [each.rules.order_levels for each in cases] == [1, 2, 3, 1, 2, 3]


def test_a_picture_is_drawn_and_small(tmp_path: Path) -> None:
    picture = tmp_path / "there" / "run.png"
    asked: Case = case(flow=Flow(hours=1.5))
    assert drawn(asked, picture) == measured(asked)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert 10_000 < picture.stat().st_size < 150_000
