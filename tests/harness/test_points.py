"""A fraction of the crash points is always the same one, and leaves out no kind of call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from tests.harness.crash_matrix import FAULTS, Scene, crash_matrix
from tests.harness.faults import AnswerLost, CrashAfter, CrashBefore, FailBefore, Faults
from tests.harness.points import Points, every_nth

DEATHS = (CrashBefore(), CrashAfter())


def polling(faults: Faults, met: Counter[tuple[int, str]] | None = None) -> Scene:
    """A life that asks four things over and over, as many as the fraction is, and pays once, in the middle."""
    ways = {name: faults.boundary(name, lambda: None) for name in ("look", "ask", "read", "write", "pay")}
    asked = ("look", "ask", "read", "write")
    calls = [*asked * 5, "pay", *asked * 5]

    def act() -> str:
        for name in calls:
            ways[name]()
        return "done"

    def check() -> None:
        for call in faults.calls:
            if met is not None and call.fault is not None:
                met[call.number, call.operation] += 1

    return Scene(act, lambda: None, settled=check)


def met(points: Callable[[], Points] | None, *faults: object, pairs: bool = False) -> Counter[tuple[int, str]]:
    """At which calls something went wrong, and how often."""
    seen = Counter[tuple[int, str]]()
    named = {} if points is None else {"points": points}
    crash_matrix(partial(polling, met=seen), faults or FAULTS, pairs=pairs, **named)  # type: ignore[arg-type]
    return seen


def test_a_fourth_is_a_fourth_of_each_kind_of_call_and_its_first() -> None:
    calls = met(partial(every_nth, 4, "a life"), FailBefore())
    each = Counter(operation for _, operation in calls)
    assert each.pop("pay") == 1
    assert set(each) == {"look", "ask", "read", "write"}
    assert all(3 <= times <= 4 for times in each.values()), each
    assert {(number, name) for number, name in enumerate(["look", "ask", "read", "write"])} < set(calls)


def test_the_same_life_has_the_same_points_and_another_one_others() -> None:
    one, again, other = (met(partial(every_nth, 4, name), FailBefore()) for name in ("one", "one", "another life"))
    assert one == again != other


def test_the_whole_is_every_call() -> None:
    assert met(partial(every_nth, 1, "a life")) == met(None)


def test_at_a_point_all_is_dealt_that_is_dealt_at_it_among_all() -> None:
    """But for the death after the call before it, which is none any more: the one before this is dealt instead."""
    some, whole = met(partial(every_nth, 4, "a life"), AnswerLost(), *DEATHS), met(None, AnswerLost(), *DEATHS)
    assert set(some) < set(whole)
    for point, times in some.items():
        assert times >= whole[point]
    lonely = [(number, name) for number, name in some if number and not any(n == number - 1 for n, _ in some)]
    assert lonely
    assert all(some[point] == whole[point] + 1 for point in lonely)


@pytest.mark.parametrize("pairs", [False, True])
def test_split_off_or_played_anew_the_points_are_the_same(pairs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = []
    for long in (10**9, 0):
        monkeypatch.setattr("tests.harness.crash_matrix.LONG", long)
        points = partial(every_nth, 20 if pairs else 4, "a life")
        reports.append(
            crash_matrix(
                polling, [AnswerLost()] if pairs else [AnswerLost(), CrashBefore()], pairs=pairs, points=points
            )
        )
    played, split = reports
    assert played.runs == split.runs > 12
