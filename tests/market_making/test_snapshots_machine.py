"""The machine `snapshots` on the harness: it polls by the clock's times, whatever the polls before have done."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from functions.market_making.model import POLL_EVERY, POLLS_LAST
from tests.desk import NOON
from tests.harness.faults import Crash
from tests.market_making.market import ANN, BTC
from tests.market_making.poller import Poller

MINUTE = [float(second) for second in range(0, 60, 5)]  # when it is polled


@pytest.fixture
def poller() -> Poller:
    return Poller()


def test_in_a_minute_the_custody_is_polled_twelve_times(poller: Poller) -> None:
    execution = poller.minute()
    assert poller.custody.asked == MINUTE
    assert (execution.status, execution.stopped) == ("SUCCEEDED", NOON + timedelta(seconds=55))
    assert execution.visited == [
        "PollSnapshots",
        "NextStep",
        *["UntilNextPoll", "PollSnapshots", "NextStep"] * 11,
        "Over",
    ]


def test_the_next_minute_goes_on_with_no_gap(poller: Poller) -> None:
    for number in range(3):
        poller.minute(number)
    assert poller.custody.asked == [float(second) for second in range(0, 180, 5)]


@pytest.mark.parametrize(
    ("seconds", "skipped"),
    [(0.5, []), (4.999, []), (5.0, [15.0]), (7.0, [15.0]), (12.5, [15.0, 20.0]), (100.0, MINUTE[3:])],
)
def test_a_slow_poll_does_not_move_the_next(poller: Poller, seconds: float, skipped: list[float]) -> None:
    """A time of a poll that has passed meanwhile is left out."""
    poller.custody.seconds[3] = seconds
    assert poller.minute().status == "SUCCEEDED"
    assert poller.custody.asked == [at for at in MINUTE if at not in skipped]


def test_a_minute_that_starts_late_keeps_the_times_of_its_polls(poller: Poller) -> None:
    poller.minute(late_seconds=2.75)
    assert poller.custody.asked == [2.75, *MINUTE[1:]]


def test_a_minute_that_starts_when_it_is_over_polls_once(poller: Poller) -> None:
    execution = poller.minute(late_seconds=POLLS_LAST.total_seconds())
    assert (poller.custody.asked, execution.status) == ([60.0], "SUCCEEDED")


def test_a_silent_custody_is_asked_again_at_the_next_poll(poller: Poller) -> None:
    def silent(number: int) -> None:
        poller.custody.down = 3 <= number <= 6
        if number == 4:
            poller.market.pay(ANN, BTC, "0.5")

    poller.before = silent
    execution = poller.minute()
    assert (execution.status, poller.custody.asked) == ("SUCCEEDED", MINUTE)
    assert poller.taken() == 1


def test_an_answer_says_what_was_taken_or_why_nothing_was(poller: Poller) -> None:
    told: list[dict[str, Any]] = []
    poller.custody.down = True
    poller.minute()
    poller.custody.down = False
    poller.minute(1)
    poller.market.pay(ANN, BTC, "0.5")
    poller.minute(2)
    for execution in poller.machines.executions:
        exits = (
            d for _, _, key, d in execution.events if key == "stateExitedEventDetails" and d["name"] == "PollSnapshots"
        )
        told += [json.loads(str(details["output"])) for details in exits][:1]
    assert [(answer["taken"], answer["failed"]) for answer in told] == [(0, 0), (0, 0), (1, 0)]
    assert [bool(answer["reason"]) for answer in told] == [True, False, False]


def test_a_function_that_fails_ends_the_minute_and_not_the_polling(poller: Poller) -> None:
    def dies(number: int) -> None:
        if number == 4:
            poller.market.pay(ANN, BTC, "0.5")
            raise Crash("out of memory")

    poller.before = dies
    failed = poller.minute()
    assert (failed.status, failed.error) == ("FAILED", "Runtime.ExitError")
    assert (poller.custody.asked, poller.taken()) == (MINUTE[:3], 0)
    assert poller.minute(1).status == "SUCCEEDED"
    assert poller.taken() == 1


def test_a_minute_that_is_started_twice_takes_each_snapshot_once(poller: Poller) -> None:
    poller.market.poll()
    poller.custody.asked.clear()
    poller.market.pay(ANN, BTC, "0.5")
    both = [poller.begin(), poller.begin()]
    poller.run()
    assert [execution.status for execution in both] == ["SUCCEEDED", "SUCCEEDED"]
    assert poller.custody.asked == sorted(MINUTE * 2)
    assert poller.taken() == 1


def test_the_minute_is_divided_by_the_interval_without_a_rest() -> None:
    assert POLLS_LAST % POLL_EVERY == timedelta()
