"""Frozen dataclasses are changed as `dataclasses.replace` changes them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest

from common.frozen import dataclass as made_often
from common.frozen import replace


@dataclass(frozen=True)
class Plain:
    one: int
    other: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    one: int

    def __post_init__(self) -> None:
        if self.one < 0:
            raise ValueError("below 0")


@dataclass(frozen=True, slots=True)
class Slotted:
    one: int
    other: int = 2


@dataclass(frozen=True)
class Working(Plain):
    twice: int = field(init=False, default=2)


@pytest.mark.parametrize("before", [Plain(1, {"a": 1}), Checked(1), Slotted(1), Working(1)])
def test_what_is_replaced_is_what_dataclasses_replace(before: Any) -> None:
    after = replace(before, one=5)
    assert after == dataclasses.replace(before, one=5)
    assert type(after) is type(before)
    assert before.one == 1
    assert hash(Slotted(5)) == hash(replace(Slotted(1), one=5))


def test_what_a_class_checks_is_checked() -> None:
    with pytest.raises(ValueError, match="below 0"):
        replace(Checked(1), one=-1)


@pytest.mark.parametrize("before", [Plain(1), Slotted(1)])
def test_what_is_no_field_is_refused(before: Any) -> None:
    with pytest.raises(TypeError):
        replace(before, two=2)


@made_often(frozen=True)
class Often:
    one: int
    other: int = 2

    @cached_property
    def sum(self) -> int:
        return self.one + self.other


def test_what_is_found_of_the_old_one_is_not_told_of_the_new_one() -> None:
    before = Often(1)
    assert before.sum == 3
    after = replace(before, one=5)
    assert (after, after.sum, before.sum) == (Often(5), 7, 3)
    with pytest.raises(TypeError, match="no field two"):
        replace(before, two=2)  # type: ignore[call-arg]


def test_what_is_made_often_is_equal_and_hashed_as_what_is_frozen() -> None:
    assert Often(1) == Often(1, 2) != Often(2)
    assert {Often(1): "there"}[Often(1)] == "there"
    assert repr(Often(1)).endswith("Often(one=1, other=2)")
