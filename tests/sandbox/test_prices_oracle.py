"""The price source's rules: what stands still, what walks, what can be ordered."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.prices.oracle import (
    STEP_SECONDS,
    Fault,
    Faulted,
    IllegalOrder,
    Oracle,
    Tick,
)

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
STEP = timedelta(seconds=STEP_SECONDS)


class Clock:
    def __init__(self, at: datetime = MIDNIGHT) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def walked(seed: int, listing_id: str, moments: Iterator[datetime], usd: str = "67000") -> list[Tick]:
    clock = Clock()
    oracle = Oracle(clock, seed)
    oracle.set_price(listing_id, usd, walk=True)
    ticks = []
    for moment in moments:
        clock.at = moment
        ticks.append(oracle.ask([listing_id])[listing_id])
    return ticks


def steps(count: int, since: datetime = MIDNIGHT) -> Iterator[datetime]:
    return (since + n * STEP for n in range(count))


def test_a_price_that_was_set_stands_still_and_stays_as_old_as_it_was() -> None:
    clock = Clock()
    oracle = Oracle(clock, 7)
    oracle.set_price("bitcoin", "67000.10", age_seconds=30)
    clock.at += timedelta(days=3, microseconds=5)
    assert oracle.ask(["bitcoin"]) == {
        "bitcoin": Tick(Decimal("67000.10"), MIDNIGHT + timedelta(days=3) - timedelta(seconds=30))
    }


def test_a_walk_depends_on_seed_listing_and_time_only() -> None:
    asked_often = walked(7, "bitcoin", steps(500))
    asked_once = walked(7, "bitcoin", iter([MIDNIGHT + 499 * STEP]))
    assert asked_often[-1] == asked_once[0]
    assert asked_often != walked(8, "bitcoin", steps(500))
    assert asked_often != walked(7, "ethereum", steps(500))


def test_a_walk_is_the_same_on_every_machine() -> None:
    (tick,) = walked(7, "bitcoin", iter([datetime(2026, 11, 21, 9, 30, 7, 654321, tzinfo=UTC)]))
    assert tick == Tick(Decimal("66785.6"), datetime(2026, 11, 21, 9, 30, tzinfo=UTC))


def test_a_walk_takes_one_step_of_two_basis_points_in_ten_seconds() -> None:
    ticks = walked(7, "bitcoin", steps(1000, MIDNIGHT - 500 * STEP))
    assert {abs(one.usd - other.usd) for one, other in pairwise(ticks) if one.usd and other.usd} == {Decimal("13.4")}
    assert [tick.updated_at for tick in ticks] == list(steps(1000, MIDNIGHT - 500 * STEP))
    between = walked(7, "bitcoin", iter([MIDNIGHT + 5 * STEP, MIDNIGHT + 6 * STEP - timedelta(microseconds=1)]))
    assert between[0] == between[1]


def test_a_walk_is_back_at_its_start_at_midnight() -> None:
    midnights = (MIDNIGHT + timedelta(days=n) for n in range(30))
    assert {tick.usd for tick in walked(7, "bitcoin", midnights)} == {Decimal(67000)}


def test_a_walk_that_is_moved_wanders_on_around_the_new_price() -> None:
    clock = Clock(MIDNIGHT + 777 * STEP)
    oracle = Oracle(clock, 7)
    oracle.set_price("bitcoin", "67000", walk=True)
    before = oracle.ask(["bitcoin"])["bitcoin"].usd
    assert oracle.move("bitcoin", "0.5") == 33500
    after = oracle.ask(["bitcoin"])["bitcoin"].usd
    assert before
    assert after
    assert after * 2 == before


@given(st.lists(st.sampled_from(["1.05", "0.95", "3", "0.333333333333333333"]), max_size=100))
def test_a_price_has_eighteen_fraction_digits_after_any_moves(factors: list[str]) -> None:
    """At most."""
    oracle = Oracle(Clock(), 7)
    oracle.set_price("bitcoin", "1")
    for factor in factors:
        try:
            moved = oracle.move("bitcoin", factor)
        except IllegalOrder:
            return  # more than thirty digits
        assert moved == round(moved, 18)


def test_a_float_is_refused() -> None:
    oracle = Oracle(Clock(), 7)
    with pytest.raises(TypeError, match=r"refusing 0\.1"):
        oracle.set_price("bitcoin", 0.1)  # type: ignore[arg-type]
    oracle.set_price("bitcoin", "1")
    with pytest.raises(TypeError, match=r"refusing 1\.05"):
        oracle.move("bitcoin", 1.05)  # type: ignore[arg-type]


@pytest.mark.parametrize("usd", ["", "a lot", "NaN", "Infinity", "1e31", "1e-31", "1e999999999"])
def test_what_json_can_not_hold_is_no_price(usd: str) -> None:
    with pytest.raises(IllegalOrder, match="usd"):
        Oracle(Clock(), 7).set_price("bitcoin", usd)


def test_a_price_is_moved_by_a_factor_above_zero() -> None:
    oracle = Oracle(Clock(), 7)
    oracle.set_price("bitcoin", "1")
    for factor in ("0", "-1", "NaN", "much"):
        with pytest.raises(IllegalOrder, match="factor"):
            oracle.move("bitcoin", factor)
    oracle.set_price("bitcoin", None)
    with pytest.raises(IllegalOrder, match="no price"):
        oracle.move("bitcoin", "2")


def test_faults_come_in_the_order_in_which_they_were_ordered() -> None:

    oracle = Oracle(Clock(), 7)
    oracle.fail_next(Fault.DROP)
    oracle.fail_next("429", times=2)
    met = []
    for _ in range(3):
        with pytest.raises(Faulted) as faulted:
            oracle.ask([])
        met.append(faulted.value.fault)
    assert met == [Fault.DROP, Fault.RATE_LIMIT, Fault.RATE_LIMIT]
    assert oracle.ask([]) == {}


def test_questions_from_many_threads_meet_each_fault_once() -> None:
    """And all of them are counted."""
    oracle = Oracle(Clock(), 7)
    oracle.fail_next("500", times=100)
    met: list[Fault] = []

    def ask() -> None:
        for _ in range(50):
            try:
                oracle.ask(["bitcoin"])
            except Faulted as faulted:
                met.append(faulted.fault)

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (oracle.calls, len(met)) == (400, 100)
