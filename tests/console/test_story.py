"""An order's life in one line of time, and what can be done about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from console import story
from console.story import Event, OutsideCall, Step, Story

SALE, WITHDRAWAL, ORDER = "SALE567890123456789012345", "WITHDRAWAL012345678901234", "ORDER67890123456789012345"


def told(thing_id: str = SALE, status: str | None = "SELL_PAYOUT_FAILED", **more: Any) -> Story:
    made: dict[str, Any] = {
        "id": thing_id,
        "status": status,
        "waits_for": "an operator",
        "waits_since": at(10),
        "due_at": at(10),
        "needs_person": True,
        "events": [],
        "calls": [],
        "execution": None,
    }
    made.update(more)
    read: Story = made  # type: ignore[assignment]
    return read


def at(second: int) -> str:
    return f"2026-11-21T12:00:{second:02}.000000Z"


def event(second: int, before: str | None, after: str, reason: str = "why") -> Event:
    return Event(at=at(second), before=before, after=after, reason=reason, actor="the bank")


def attempt(second: int, state: str | None, says: str | None = None) -> OutsideCall:
    return OutsideCall(at=at(second), of="bank", our_id=f"{SALE}-01", their_id="adj_1", state=state, says=says)


def ran(status: str, *steps: tuple[int, str]) -> dict[str, Any]:
    return {"name": SALE, "status": status, "steps": [Step(at=at(second), what=what) for second, what in steps]}


def words(of: Story) -> list[str]:
    return [" ".join(command.words.split()[1:3]) for command in story.commands(of)]


def test_what_happened_is_one_line_of_time_whoever_did_it() -> None:
    life = told(
        events=[event(1, None, "NEW"), event(5, "NEW", "DONE"), event(6, "DONE", "DONE", "again")],
        calls=[attempt(2, "REJECTED", "ACCOUNT_CLOSED"), attempt(4, None)],
        execution=ran(
            "FAILED", (3, "CreatePayout"), (3, "NextStep"), (3, "AwaitPayout"), (7, "BackOff"), (9, "Failed")
        ),
    )
    assert [(m.at.second, m.who, m.what) for m in story.moments(life)] == [
        (1, "the bank", "NEW: why"),
        (2, "asked bank", f"{SALE}-01, theirs adj_1: REJECTED, ACCOUNT_CLOSED"),
        (3, "execution", "CreatePayout, AwaitPayout"),
        (4, "asked bank", f"{SALE}-01, theirs adj_1: no answer yet"),
        (5, "the bank", "NEW → DONE: why"),
        (6, "the bank", "again"),
        (7, "execution", "BackOff"),
        (9, "execution", "Failed"),
    ]


def test_a_failure_that_is_met_again_and_again_is_told_once() -> None:
    failed = [(second, "TaskFailed: SellOrderNotFilled 0 of 1 BTC executed") for second in (2, 5, 9)]
    life = told(execution=ran("RUNNING", (1, "PollSellOrder"), *failed, (10, "NextStep"), (10, "CreatePayout")))
    assert [m.what for m in story.moments(life)] == [
        "PollSellOrder",
        "TaskFailed: SellOrderNotFilled 0 of 1 BTC executed (×3, until 12:00:09)",
        "CreatePayout",
    ]


def test_a_rejected_payout_can_be_retried_paid_otherwise_or_credited() -> None:
    moves = ["offramp retry-payout", "offramp mark-filled", "offramp credit-usd"]
    assert words(told(calls=[attempt(1, "REJECTED")])) == moves
    assert words(told(status="TARGET_TXN_PENDING", calls=[attempt(1, "REJECTED")])) == [*moves, "work redrive"]
    assert words(told(status="BASE_TXN_COMPLETED")) == [*moves, "work redrive"]
    assert story.commands(told())[0].words == f'desk offramp retry-payout {SALE} --reason "…"'


@pytest.mark.parametrize("state", ["PENDING", "COMPLETED", None])
def test_nothing_is_decided_by_hand_that_the_bank_may_still_pay(state: str | None) -> None:
    pending = told(status="TARGET_TXN_PENDING", calls=[attempt(1, "REJECTED"), attempt(2, state)])
    assert words(pending) == ["work redrive"]
    assert "the bank may still pay" in (story.payout_refusal(pending) or "")


def test_a_running_machine_is_not_redriven_and_what_no_machine_moves_neither() -> None:
    running = told(status="BASE_TXN_PENDING", execution=ran("RUNNING"))
    assert words(running) == ["offramp void"]
    assert "runs already" in (story.redrive_refusal(running) or "")
    resting = told(ORDER, "PENDING")
    assert words(resting) == ["orders fail"]
    assert "no machine" in (story.redrive_refusal(resting) or "")
    assert story.redrive_refusal(told(status="BASE_TXN_PENDING", execution=ran("FAILED"))) is None


def test_a_payout_that_was_given_up_is_not_redriven_to_no_end() -> None:
    assert "retry-payout" in (story.redrive_refusal(told()) or "")
    assert words(told(WITHDRAWAL, "PAYOUT_FAILED")) == [
        "withdrawals retry-payout",
        "withdrawals complete",
        "withdrawals reject",
    ]


def test_an_intent_is_voided_only_when_a_person_is_needed() -> None:
    assert words(told(status="NEW", needs_person=False)) == ["work redrive"]
    assert words(told(status="NEW")) == ["offramp void", "work redrive"]


def test_what_waits_for_nothing_needs_nothing() -> None:
    over = told(status="FILLED", waits_for=None, due_at=None, needs_person=False)
    assert story.commands(over) == []
    assert story.redrive_refusal(over) == "it waits for nothing"


def test_it_moves_by_itself_until_it_is_late_or_needs_a_person() -> None:
    before, after = datetime(2026, 11, 21, 12, tzinfo=UTC), datetime(2026, 11, 21, 13, tzinfo=UTC)
    waiting = told(needs_person=False)
    assert story.moves_by_itself(waiting, before)
    assert not story.moves_by_itself(waiting, after)
    assert not story.moves_by_itself(told(), before)


def test_an_id_that_the_desk_has_never_met_has_an_empty_story() -> None:
    assert story.unknown(told(status=None))
    assert not story.unknown(told(status=None, events=[event(1, None, "PENDING")]))
    assert not story.unknown(told(status="COMPLETED"))


def test_what_is_of_another_kind_or_over_is_not_decided_by_hand() -> None:
    assert story.withdrawal_refusal(told()) == "it is a cash-out, not a withdrawal"
    assert story.withdrawal_refusal(told(WITHDRAWAL, "COMPLETED", waits_for=None)) is not None
    assert story.withdrawal_refusal(told(WITHDRAWAL, "PAYOUT_FAILED")) is None
    assert story.order_refusal(told(WITHDRAWAL, "PENDING")) == "it is a withdrawal, not an order"
    assert story.order_refusal(told(ORDER, "COMPLETED", waits_for=None)) == "it is COMPLETED and not in the book"
    assert story.order_refusal(told(ORDER, "PENDING")) is None
