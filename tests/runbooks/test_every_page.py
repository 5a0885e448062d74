"""Each runbook's commands are played against an incident, or it is said here why they are not."""

from __future__ import annotations

import pytest

from tests.runbooks import billing, books, custody, exchange, market_making, payouts
from tests.runbooks.page import CONFIRM, PAGES, Step, read

WAYS = [way for group in (billing, books, custody, exchange, market_making, payouts) for way in group.WAYS]
STEPS_PLAYED = {
    (way.page, read(way.page).step(words).text)
    for way in WAYS
    for words in ([way.steps] if isinstance(way.steps, str) else way.steps)
}
APART = {
    "campaign-joins-failed": "its commands only list what is joined, of campaigns that no desk of a test has",
    "quotes-orphaned": "its commands only look: what is found is cancelled by itself",
    "stray-trades": "its one act is played by tests/market_making/test_look_back.py, on a list that lacks a trade",
}
LOOKS, ELSEWHERE = "it only looks", "played elsewhere: the act is that of another page, or of another step"
LEFT = {
    ("accounts-off", "The exchange takes its fees"): "no fees in coins of an order's own at the exchange of a test",
    ("bank-contradictions", "and a later attempt PENDING"): ELSEWHERE,
    ("bank-contradictions", "paid twice | have"): ELSEWHERE,
    ("bank-mismatch", "The bank's event is parked"): ELSEWHERE,
    ("bank-mismatch", "More than one reference"): ELSEWHERE,
    ("exchange-off", "*A deposit*, *a withdrawal*"): "the account is halted, and what is withdrawn stays withdrawn",
    ("fill-not-written", "It is the amounts"): "tests/domain/test_exchange_orders.py has amounts of too many digits",
    ("halted", "It lasts"): ELSEWHERE,
    ("login-made-anew", "have to end first"): LOOKS,
    ("market-making-stopped", "and what was to be withdrawn is decided"): ELSEWHERE,
    ("needs-person", "members can not get their shares"): ELSEWHERE,
    ("parked-events", "`the order is …`"): "no order of a test is so that an event does not fit, and does later",
    ("payouts-to-approve", "and not as it was approved"): LOOKS,
    ("work-overdue", "a last look whether the exchange has"): ELSEWHERE,
    ("work-overdue", "its pool to reach"): LOOKS,
}


def acts(step: Step) -> bool:
    """Does it tell to type anything besides how a proposal is confirmed?"""
    return any(words[:3] != CONFIRM for words in step.commands)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_has_commands_is_played(name: str) -> None:
    page = read(name)
    has = any(acts(step) for step in (page.look, *page.steps))
    assert (name in {way.page for way in WAYS}) == (has and name not in APART)


def test_each_step_that_has_commands_is_played_or_said_why_not() -> None:
    steps = {(name, step.text) for name in PAGES if name not in APART for step in read(name).steps if acts(step)}
    assert steps - STEPS_PLAYED == {(name, read(name).step(words).text) for name, words in LEFT}


def test_what_is_not_played_does_not_grow() -> None:
    assert (len(APART), len(LEFT)) == (3, 15)
