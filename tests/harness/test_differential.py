"""The in-memory table answers as moto does.

What moto 5.2.5 does otherwise than AWS, `operations` does not ask: what is absent in a comparison, undefined names and
values, 39 digits, a key and more, `Limit=0`, tokens, UPDATED_NEW, the projection of a transactional read, a refused
update where there is no item. There the table does as AWS documents: `test_memory`, `test_expressions`.
"""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from tests.depth import deep
from tests.harness import storage, updates, writes
from tests.harness.differential import Comparison, compare, moto

OPERATIONS = deep(everyday=600, full=10_000)
SEEDS = (20260101, 20260102)


def half(seed: int) -> Comparison:
    return compare(seed, OPERATIONS // len(SEEDS), reference=moto())


def test_random_operations_have_the_answers_and_errors_that_moto_gives() -> None:
    with ProcessPoolExecutor(len(SEEDS), mp_context=get_context("spawn")) as processes:
        runs = list(processes.map(half, SEEDS))
    assert not [str(difference) for run in runs for difference in run.differences]
    assert sum(run.operations for run in runs) == OPERATIONS
    kinds, outcomes = sum((run.kinds for run in runs), Counter()), sum((run.outcomes for run in runs), Counter())
    assert min(kinds.values()) > deep(everyday=7, full=200), kinds
    for outcome in (
        "transact_write_items answer",
        "transact_write_items TransactionCanceledException",
        "transact_write_items ValidationException",
        "update_item answer",
        "update_item ConditionalCheckFailedException",
        "update_item ValidationException",
        "query answer",
        "query ValidationException",
        "get_item ResourceNotFoundException",
    ):
        assert outcomes[outcome] > deep(everyday=1, full=20), outcomes


# A rule broken on purpose is seen: each of these is a mistake that somebody could make in the table.


def subtraction_forgets_its_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "EXACT", Keep())


class Keep:
    def minus(self, amount: Any) -> Any:
        return amount


def indexes_hold_items_that_lost_their_key(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = storage.Index.move

    def move(self: storage.Index, key: Any, before: Any, after: Any) -> None:
        if self.position(after, key) or not after:
            whole(self, key, before, after)

    monkeypatch.setattr(storage.Index, "move", move)


def all_old_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes.Statement, "returns_old", property(lambda _: False, lambda *_: None))


def conditions_always_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes.Statement, "allowed", lambda *_: True)


def indexes_show_the_whole_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.Index, "projection", lambda _, item: item)


@pytest.mark.parametrize(
    "break_a_rule",
    [
        subtraction_forgets_its_sign,
        indexes_hold_items_that_lost_their_key,
        all_old_shows_nothing,
        conditions_always_hold,
        indexes_show_the_whole_item,
    ],
)
def test_the_comparison_notices_a_broken_rule(break_a_rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    break_a_rule(monkeypatch)
    try:
        found = compare(SEEDS[0], 1_500, reference=moto(), differences_max=1).differences
    except (AssertionError, ArithmeticError, LookupError):
        return  # the table fell over its own broken rule: that is noticed as well
    assert found
