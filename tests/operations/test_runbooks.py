"""Which page tells of what waits: as the tables of the runbooks themselves say. The incidents are in tests/runbooks."""

from __future__ import annotations

import re

import pytest

from common import keys
from functions.operations.service.runbooks import DIED, OVERDUE, PAGES, PERSON, RULES, Rule, page_of
from tests.runbooks import page
from tests.runbooks.untold import UNTOLD


def test_each_page_is_named_by_some_rule_or_is_listed_with_why_not() -> None:
    """Also a page of which some incidents are told."""
    assert set(page.PAGES) >= PAGES
    assert set(page.PAGES) - PAGES <= {name for name, why in UNTOLD.items() if () in why.values()}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.page)
def test_each_rule_is_of_a_list_that_there_is(rule: Rule) -> None:
    assert rule.backlog is None or rule.backlog in keys.BACKLOGS
    re.compile(rule.words)


@pytest.mark.parametrize(
    ("backlog", "waits_for", "named"),
    [
        ("books", "USD 700.00 is 705.00", "drift"),
        ("books", "BTC quantity 3 is 2.5; BTC held 1 is 0.5", "drift"),
        ("books", "the line 2026#O1 of TRANS#ann#BTC can not be read", "books-unreadable"),
        ("books", "billing system: payment p1 is missing", "billing-off"),
        ("payouts", "an operator, before the attempt after 1, whose payout is disputed", "bank-contradictions"),
        ("offramp", "an operator: attempt 1 was never paid, as olga and otto say", "payout-pending"),
        ("proposals", "another operator than olga: users move ann: her login", "login-made-anew"),
        ("offramp", "an operator: the banking client ann-bank is BLOCKED; ask an operator", PERSON),
        ("payments", "an operator: not JSON", PERSON),
        ("strays", "an operator: bank tells of adj_1: $77.00", "bank-off"),
    ],
)
def test_what_waits_for_somebody_has_the_page_of_its_words(backlog: str, waits_for: str, named: str) -> None:
    assert page_of(backlog, waits_for, overdue=False, execution_status="RUNNING") == named


def test_what_waits_as_it_should_has_no_page() -> None:
    told = page_of("offramp", "the bank to pay attempt 1", overdue=False, execution_status="RUNNING")
    assert told is None
    assert page_of("offramp", None, overdue=True, execution_status="FAILED") is None


def test_what_is_late_has_the_page_of_that_or_of_its_dead_execution() -> None:
    late = "the exchange to execute the sale"
    assert page_of("offramp", late, overdue=True, execution_status="RUNNING") == OVERDUE
    assert page_of("offramp", late, overdue=True, execution_status="TIMED_OUT") == DIED
    assert page_of("offramp", late, overdue=False, execution_status="FAILED") == DIED
