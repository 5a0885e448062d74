"""What an execution has been through, and the machine that it is an execution of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from common.domain.work import execution_name, thing_of
from common.machines import LAST_EVENTS, _states
from common.owner import Owner
from tests import openapi
from tests.desk import Desk
from tests.doors import Doors, opened
from tests.seen import around, awaiting


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


@pytest.fixture
def every(desk: Desk) -> None:
    """Each machine is deployed."""
    assert desk.market
    assert desk.dealership


def killed(desk: Desk, order_id: str) -> None:
    (execution,) = [e for e in desk.world.machines.executions if e.name == order_id and e.running]
    desk.world.machines.kill(execution.arn)


@pytest.mark.usefixtures("every")
def test_executions_are_listed_by_status_with_the_state_each_is_in(doors: Doors, desk: Desk, ann: Owner) -> None:
    """One that is stuck, and one that was ended; the list of machines counts them."""
    order_id, ended_id = awaiting(desk, ann), awaiting(desk, ann)
    killed(desk, ended_id)
    told = doors.operator().get("/operations/machines/payout/executions").json
    (running,) = told["items"]
    assert told["cursor"] is None
    assert (running["id"], running["state"], running["attempt"]) == (order_id, "AwaitPayout", 1)
    assert (running["stopped_at"], running["error"], running["says"]) == (None, None, None)
    story = doors.operator().get(f"/operations/work/{order_id}").json["execution"]
    assert running["since"] == story["states"][-1]["entered_at"]
    (ended,) = doors.operator().get("/operations/machines/payout/executions", status="FAILED").json["items"]
    assert (ended["id"], ended["state"], ended["status"]) == (ended_id, "AwaitPayout", "FAILED")
    counts = {
        m["name"]: (m["running"], m["failed"]) for m in doors.operator().get("/operations/machines").json["items"]
    }
    assert counts["payout"] == ({"number": 1, "at_least": False}, {"number": 1, "at_least": False})
    desk.clock.forward(days=1, minutes=1)
    later = {m["name"]: m["failed"]["number"] for m in doors.operator().get("/operations/machines").json["items"]}
    assert later["payout"] == 0


def test_executions_are_paged_by_a_cursor_of_one_list(doors: Doors, desk: Desk, ann: Owner) -> None:
    orders = [awaiting(desk, ann), awaiting(desk, ann)]
    olga, at = doors.operator(), "/operations/machines/payout/executions"
    first = olga.get(at, limit=1).json
    cursor = first["cursor"]
    second = olga.get(at, limit=1, cursor=cursor).json
    assert [item["id"] for page in (second, first) for item in page["items"]] == orders
    assert olga.get(at, status="FAILED", cursor=cursor).problem == "CursorRefused"
    assert olga.get(at.replace("payout", "purchase"), cursor=cursor).problem == "CursorRefused"
    assert doors.operator("vera").get(at, cursor=cursor).problem == "CursorRefused"
    assert olga.get(at, cursor="A" * 2049).status == 422
    assert olga.get(at, limit=21).status == 422


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "ListExecutions")


def test_an_execution_without_its_history_says_so(doors: Doors, desk: Desk, ann: Owner) -> None:
    gone_id, begun_id, untold_id = (awaiting(desk, ann, "0.5") for _ in range(3))

    def history(_: object, **asked: Any) -> dict[str, Any]:
        if asked["executionArn"].endswith(gone_id):
            raise refused("ExecutionDoesNotExist")
        if asked["executionArn"].endswith(begun_id):
            return {"events": []}
        return {"events": [{"type": "TaskScheduled", "timestamp": desk.clock()}] * asked["maxResults"]}

    desk.world.client = around(desk.world.machines, get_execution_history=history)
    told = doors.operator().get("/operations/machines/payout/executions").json["items"]
    assert [(each["id"], each["state"], each["since"], each["says"]) for each in told] == [
        (untold_id, None, None, f"its last {LAST_EVENTS} events do not tell to which state it came"),
        (begun_id, None, None, "it has come to no state yet"),
        (gone_id, None, None, "its history is gone"),
    ]


def test_a_place_that_step_functions_has_forgotten_is_refused(doors: Doors, desk: Desk, ann: Owner) -> None:
    def listed(real: Callable[..., Any], **asked: Any) -> Any:
        if "nextToken" in asked:
            raise refused("InvalidToken")
        return real(**asked)

    for _ in range(2):
        awaiting(desk, ann)
    desk.world.client = around(desk.world.machines, list_executions=listed)
    at = "/operations/machines/payout/executions"
    cursor = doors.operator().get(at, limit=1).json["cursor"]
    assert doors.operator().get(at, cursor=cursor).problem == "CursorRefused"


@pytest.mark.usefixtures("every")
def test_more_executions_than_are_counted_are_told_as_at_least(doors: Doors, desk: Desk, ann: Owner) -> None:
    awaiting(desk, ann)
    listed = desk.world.machines.list_executions
    desk.world.client = around(desk.world.machines, list_executions=lambda _, **a: listed(**a) | {"nextToken": "more"})
    told = {m["name"]: m["running"] for m in doors.operator().get("/operations/machines").json["items"]}
    assert told["payout"] == {"number": 1, "at_least": True}


def test_an_execution_is_named_by_what_it_moves() -> None:
    assert {thing_of(execution_name("SZ27", generation)) for generation in (1, 2, 31)} == {"SZ27"}
