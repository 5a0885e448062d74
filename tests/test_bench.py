"""What `make bench` does still runs. What it measures is its own to say: a test that times things would lie."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bench import __main__ as bench
from bench import at_rest, backtests, contention, growth, lives, prices, processes, quoting
from bench.lives import Cpu
from functions.market_making.strategy import Decision, Proposal, Rules
from infra.contexts import contexts
from tests.depth import PROVED
from tests.test_budget import GOLDEN

QUIET: Any = lambda _: None  # noqa: E731
CPU = Cpu(of_an_invocation_ms=1.0, of_a_call_ms=1.0)


@PROVED
def test_every_function_is_started_and_answers_from_the_asset_that_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "RUNS", 1)
    started = processes.starts(QUIET)
    apis = {f"{context.name}.api" for context in contexts() if context.routes}
    tasks = {f"{context.name}.tasks" for context in contexts() if context.tasks}
    schedules = {f"{context.name}.schedule" for context in contexts() if context.every_minutes}
    assert {start.function for start in started} == {*apis, *tasks, *schedules, processes.BARE}
    assert all(0 < start.composed_ms < start.answered_ms for start in started)


@PROVED
def test_a_warm_request_is_answered() -> None:
    assert set(processes.warm()) >= {"transact_write_items", "POST /orders"}


@pytest.mark.parametrize("name", lives.LIVES)
def test_a_life_is_lived_to_its_end_and_its_bill_has_no_gap(name: str) -> None:
    life = lives.LIVES[name]
    used = lives.used(life)
    assert used.requests >= life.requests
    assert (used.transitions > 0) == (used.tasks > 0) == (used.executions > 0) == (used.machine_log_bytes > 0)
    bill = used.dollars(CPU)
    assert all(bill[kind] > 0 for kind in ("DynamoDB", "API", "Lambda", "logs"))
    assert (bill["machines"] > 0) == (used.tasks > 0)


def test_a_buy_is_billed_by_what_it_may_cost_at_most() -> None:
    """Ten write units, one request, one call of a function that works 2 ms and waits for one transaction."""
    golden = json.loads(GOLDEN.read_text())["buy"]
    used = lives.used(lives.LIVES["buy"])
    assert [used.calls, used.write_units, used.read_units] == [int(golden["requests"]), Decimal(10), Decimal(0)]
    assert used.lambda_ms(CPU) == pytest.approx(4 + 8 + 2 * 1769 / 512)
    bill = {kind: dollars * prices.MILLION for kind, dollars in used.dollars(CPU).items()}
    assert bill["DynamoDB"] == Decimal("6.25")
    assert bill["API"] == Decimal("1.00")
    assert bill["Lambda"] == pytest.approx(Decimal("0.3261"), abs=Decimal("0.0001"))
    assert bill["machines"] == bill["traces"] == 0
    assert sum(bill.values()) < Decimal("7.65")


def test_the_lock_of_the_seed_takes_its_six_requests_and_we_take_one() -> None:
    locked, ours = contention.locked(1, 0), contention.ours(1, 0)
    assert locked.requests_per_order == 6
    assert ours.requests == ours.orders + 2  # the catalogue and the prices, once
    assert locked.drift_usd == ours.drift_usd == 0


@pytest.mark.parametrize("of", growth.GROWTHS, ids=[growth.of for growth in growth.GROWTHS])
def test_what_grows_is_measured_at_its_smallest(of: growth.Growth) -> None:
    desk, act = of.prepare(of.sizes[0])
    act()
    desk.check()
    assert list(of.sizes) == sorted(of.sizes)


def test_a_round_of_every_rule_is_billed_and_tells_its_metrics() -> None:
    rounds = dict(at_rest.rounds())
    assert {name: r.times for name, r in rounds.items()} == {
        f"{context.name}.{name}": 43_200 // minutes
        for context in contexts()
        for name, minutes in context.every_minutes.items()
    }
    tended = rounds["orders.tend_market"]
    assert "PriceLeftSeconds" in tended.metrics
    assert tended.usage.write_units > 0
    assert all(r.usage.calls for r in rounds.values())
    silent = {"market_making.join_campaigns", "purchases.buy_recurring"}  # where there is nothing to join, or to buy
    assert {name for name, r in rounds.items() if not r.metrics} == silent


@pytest.mark.parametrize("more", [{}, quoting.EVERYTHING], ids=["plain", "everything on"])
def test_what_is_measured_of_quotes_is_three_levels_and_their_replacement(more: dict[str, Any]) -> None:
    proposal, live, replacing, waiting = (act() for act in quoting.acts(Rules(**quoting.PLAIN, **more)).values())
    for proposed in (proposal, live):
        assert isinstance(proposed, Proposal)
        assert (len(proposed.buys), len(proposed.sells)) == (quoting.LEVELS, quoting.LEVELS)
    assert isinstance(replacing, Decision)
    assert isinstance(waiting, Decision)
    assert len(replacing.cancels) == len(replacing.creations) == 2 * quoting.LEVELS
    assert (waiting.cancels, waiting.creations) == ((), ())


def test_the_loop_of_january_does_what_ours_never_does() -> None:
    """It touches others, and leaves its orders behind."""
    january, hummingbot, ours = backtests.side_by_side(QUIET, hours=0.3)
    assert (january.touched, january.left) == (2, 4)
    assert [(row.beyond, row.left, row.touched) for row in (hummingbot, ours)] == [(0, 0, 0)] * 2
    assert all(row.fills > 0 and row.uptime > 0 for row in (january, hummingbot, ours))


def test_a_backtest_is_timed_and_a_tolerance_saves_most_requests() -> None:
    timed, flat = backtests.speed(orders=1, hours=0.1), backtests.flat(hours=0.2)
    assert timed.cycle_us > 0
    assert flat.tolerant < flat.replacing * 0.3


def test_one_section_is_measured_alone_and_the_page_keeps_the_others() -> None:
    before = bench.page("", {"Cold start": "slow", "Warm request": "quick"})
    after = bench.page(before, {"Warm request": "quicker"})
    assert after == before.replace("quick", "quicker")
    assert after.index("## Cold start\n\nslow\n") < after.index("## Warm request\n\nquicker\n")


def test_results_can_be_read_by_a_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(contention, "WRITERS", (1,))
    bench.main(["--json", "contention"])
    printed = json.loads(capsys.readouterr().out)
    assert [how for how, _ in printed["contention"]] == ["one transaction", "lock, then write"] * 2


def test_a_section_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["speed"])
    assert "there is no section speed; there are calls, lives" in capsys.readouterr().err
