"""What an execution has been through, and the machine that it is an execution of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from common.machines import _states
from common.owner import Owner
from tests import openapi
from tests.desk import Desk
from tests.doors import Doors, opened
from tests.seen import awaiting


@pytest.fixture
def doors(desk: Desk) -> Iterator[Doors]:
    with opened(desk, openapi.check) as doors:
        yield doors


def test_the_ways_of_each_machine_lead_from_state_to_state(doors: Doors) -> None:
    for name in ("sell-order", "payout", "purchase"):
        told = doors.operator().get(f"/operations/machines/{name}").json
        states = [state["name"] for state in told["states"]]
        assert told["name"] == name
        assert {told["start"], *(way[end] for way in told["ways"] for end in ("before", "after"))} <= set(states)
        ends = {state["name"] for state in told["states"] if state["ends"]}
        assert {way["before"] for way in told["ways"]} == set(states) - ends
    assert doors.operator().get("/operations/machines/ticker").status == 422


def test_a_story_tells_in_which_states_its_execution_was_and_is(doors: Doors, desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    told = doors.operator().get(f"/operations/work/{order_id}").json["execution"]
    assert (told["machine"], told["status"]) == ("payout", "RUNNING")
    assert [(s["state"], s["left_at"] is None) for s in told["states"]] == [
        ("CreatePayout", False),
        ("AwaitPayout", True),
    ]


def test_a_state_tells_how_often_it_was_tried_and_what_went_wrong() -> None:
    """As Step Functions writes the history; the first state was entered too long ago to be told."""
    entered = {"stateEnteredEventDetails": {"name": "PollSellOrder"}}
    failed = {"taskFailedEventDetails": {"error": "ExchangeUnavailable", "cause": "it is silent"}}
    told = ("TaskStateExited", "TaskStateEntered", "TaskScheduled", "TaskFailed", "TaskScheduled", "TaskSucceeded")
    began = datetime(2026, 11, 1, tzinfo=UTC)
    events = [
        {"type": kind, "timestamp": began + timedelta(seconds=after)}
        for after, kind in enumerate((*told, "TaskStateExited"))
    ]
    events[1] |= entered
    events[3] |= failed
    (state,) = _states(events)
    assert (state.state, state.attempt) == ("PollSellOrder", 2)
    assert (state.entered_at, state.left_at) == (began + timedelta(seconds=1), began + timedelta(seconds=6))
    assert state.error == "TaskFailed: ExchangeUnavailable it is silent"
