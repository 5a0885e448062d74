"""An order's life in one line of time."""

from __future__ import annotations

from typing import Any

from console import story

SALE = "SALE567890123456789012345"


def told(**more: Any) -> dict[str, Any]:
    return {"id": SALE, "events": [], "calls": [], "execution": None, "execution_before": None, **more}


def at(second: int) -> str:
    return f"2026-11-21T12:00:{second:02}.000000Z"


def event(second: int, before: str | None, after: str, reason: str = "why") -> dict[str, Any]:
    return {"at": at(second), "before": before, "after": after, "reason": reason, "actor": "the bank"}


def attempt(second: int, state: str, says: str | None = None) -> dict[str, Any]:
    return {
        "at": at(second),
        "of": "bank",
        "our_id": f"{SALE}-01",
        "their_id": "adj_1" if says is None else None,
        "state": state,
        "says": says,
    }


def ran(*steps: tuple[int, str]) -> dict[str, Any]:
    return {"name": SALE, "status": "FAILED", "steps": [{"at": at(second), "what": what} for second, what in steps]}


def test_what_happened_is_one_line_of_time_whoever_did_it() -> None:
    life = told(
        events=[event(1, None, "NEW"), event(5, "NEW", "DONE"), event(6, "DONE", "DONE", "again")],
        calls=[attempt(2, "REJECTED", "ACCOUNT_CLOSED"), attempt(4, "COMPLETED")],
        execution_before=ran((0, "PollSellOrder"), (0, "Sold")),
        execution=ran((3, "CreatePayout"), (3, "AwaitPayout"), (7, "BackOff"), (9, "Failed")),
    )
    assert [(m.at.second, m.who, m.what) for m in story.moments(life)] == [
        (0, "execution", "PollSellOrder, Sold"),
        (1, "the bank", "NEW: why"),
        (2, "bank", f"{SALE}-01: REJECTED, ACCOUNT_CLOSED"),
        (3, "execution", "CreatePayout, AwaitPayout"),
        (4, "bank", f"{SALE}-01, theirs adj_1: COMPLETED"),
        (5, "the bank", "NEW → DONE: why"),
        (6, "the bank", "again"),
        (7, "execution", "BackOff"),
        (9, "execution", "Failed"),
    ]


def test_a_failure_that_is_met_again_and_again_is_told_once() -> None:
    failed = [(second, "TaskFailed: ExchangeOrderNotFilled 0 of 1 BTC executed") for second in (2, 5, 9)]
    life = told(execution=ran((0, "PollSellOrder"), *failed, (10, "NextStep"), (10, "CreatePayout")))
    assert [(m.what, m.again, m.until and m.until.second) for m in story.moments(life)] == [
        ("PollSellOrder", 0, None),
        ("TaskFailed: ExchangeOrderNotFilled 0 of 1 BTC executed", 2, 9),
        ("NextStep, CreatePayout", 0, None),
    ]


def test_of_a_life_without_a_moment_nothing_is_told() -> None:
    assert story.moments(told()) == []


def test_moves_of_one_time_stay_in_their_order_and_are_two() -> None:
    life = told(events=[event(1, "A", "A", "same"), event(1, "A", "A", "same")])
    assert [m.what for m in story.moments(life)] == ["same", "same"]
