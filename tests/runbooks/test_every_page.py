"""Each runbook's commands are played against an incident."""

from __future__ import annotations

import pytest

from tests.runbooks import billing, books, custody, exchange, market_making, payouts
from tests.runbooks.page import CONFIRM, PAGES, Words, read

WAYS = [way for group in (billing, books, custody, exchange, market_making, payouts) for way in group.WAYS]


@pytest.mark.parametrize("name", PAGES)
def test_each_command_of_a_page_is_typed_in_some_incident(name: str) -> None:
    """How a proposal is confirmed is typed wherever something is proposed."""
    typed = set[Words]().union(*(way.commands for way in WAYS if way.page == name))
    untyped = [words for words in read(name).everywhere if words[:3] != CONFIRM and words not in typed]
    assert not untyped, untyped


def test_each_step_that_has_commands_is_played() -> None:
    """Also where another step of its page has the same."""
    steps = {
        (name, step.text)
        for name in PAGES
        for step in read(name).steps
        if any(words[:3] != CONFIRM for words in step.commands)
    }
    played = {(way.page, step.text) for way in WAYS for step in way.parts}
    assert steps <= played, steps - played
