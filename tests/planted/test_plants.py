"""Bugs that are planted on purpose are found; and the table of them says what is in the sources.

`make test` checks the table, `make prove` plants a tenth, `make simulate` (`python -m tests.planted`) all of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.depth import PROVED
from tests.planted.plants import ROOT, Change, Kind, NotPlanted, Plant, plant
from tests.planted.table import PLANTS, named, part
from tests.planted.trying import Outcome, tried

A_PART = 10


@pytest.mark.parametrize("planted", PLANTS, ids=lambda one: one.name)
def test_each_plant_says_what_is_in_the_sources(planted: Plant) -> None:
    assert planted.planted()


@pytest.mark.parametrize("planted", PLANTS, ids=lambda one: one.name)
def test_each_plant_names_tests_that_there_are(planted: Plant) -> None:
    assert planted.tests
    for test in planted.tests:
        file, *names = test.split("::")
        text = (ROOT / file).read_text()
        assert all(f" {name}(" in text or f"class {name}:" in text for name in names), test


def test_no_two_plants_have_one_name_and_each_says_what_it_does() -> None:
    assert [name for name, times in Counter(one.name for one in PLANTS).items() if times > 1] == []
    assert [one.name for one in PLANTS if not one.harm.endswith(".") or len(one.harm) < 20] == []
    assert [one.name for one in PLANTS if one.explained is not None and len(one.explained) < 40] == []


def test_a_hundred_and_more_are_planted_of_every_kind_and_context() -> None:
    assert len(PLANTS) >= 100
    assert {one.kind for one in PLANTS} == {*Kind}
    rooms = Counter(one.room for one in PLANTS)
    assert min(rooms["functions/market_making"], rooms["functions/billing"]) >= len(PLANTS) / 10
    assert {"functions/orders", "functions/purchases", "functions/offramp", "common/domain/payouts"} < rooms.keys()


def test_nearly_all_plants_are_to_be_found_and_not_explained() -> None:
    assert len([one for one in PLANTS if one.explained is not None]) <= 0.03 * len(PLANTS)


def test_a_text_that_is_there_no_more_or_twice_is_told_by_its_name() -> None:
    at = "tests/planted/plants.py:plant"
    for old, new, why in (("not there", "", "0 times"), ("name", "", "2 times"), ("Plant(", "Plant( ", "nothing")):
        with pytest.raises(NotPlanted, match=f"the one that is wrong: .*{why}"):
            plant("the one that is wrong", Kind.LIMIT, at, old, new, "").planted()


def test_what_is_changed_is_in_the_function_that_is_named() -> None:
    source = "def one():\n    return 1\n\n\ndef other():\n    return 1\n"
    assert Change("x.py:other", "return 1", "return 2").planted(source) == source[:-2] + "2\n"


@PROVED
@pytest.mark.parametrize("planted", part(A_PART), ids=lambda one: one.name)
def test_a_planted_bug_is_found_by_the_tests_that_it_names(planted: Plant) -> None:
    found = tried(planted, wider=False)
    assert found.outcome in (Outcome.FOUND, Outcome.EXPLAINED), found.by


@PROVED
@pytest.mark.parametrize(
    ("tests", "explained", "outcome", "why"),
    [
        (("tests/common/test_roubles.py",), None, Outcome.SURVIVED, ""),
        (("tests/billing/test_bills.py::test_none",), None, Outcome.WRONG, "pytest ended with 4"),
        (("tests/billing/test_commission.py",), "It is said to be the same.", Outcome.WRONG, "explained, and found"),
        (("tests/common/test_roubles.py",), "It is said to be the same.", Outcome.EXPLAINED, "the same"),
    ],
    ids=["green", "no such test", "explained, and found", "explained"],
)
def test_what_is_not_found_is_told(tests: tuple[str, ...], explained: str | None, outcome: Outcome, why: str) -> None:
    changed = replace(named("billing-half-a-kopeck-down"), tests=tests, explained=explained)
    found = tried(changed, wider=False)
    assert (found.outcome, why in found.by) == (outcome, True), found.by
