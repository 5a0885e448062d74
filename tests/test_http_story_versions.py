"""What was tried is done to what was seen, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.domain.story_versions import StoryMoved, acted
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from common.wire import OperatorAct
from tests import openapi
from tests.desk import Desk
from tests.doors import Doors, opened
from tests.seen import payout_failed, status

TICKET = {"reason": "ticket 4711"}


@pytest.fixture
def doors(desk: Desk) -> Iterator[Doors]:
    with opened(desk, openapi.check) as doors:
        yield doors


@pytest.fixture
def stuck(desk: Desk, ann: Owner) -> str:
    return payout_failed(desk, ann)


def tried(doors: Doors, path: str, operator: str = "olga", **told: str) -> dict[str, str]:
    """The body that does what was tried, and no more."""
    answer = doors.operator(operator).post(path, {**TICKET, **told, "dry_run": True})
    assert answer.status == 200, answer.text
    return {**TICKET, **told, "version": answer.json["version"]}


def test_what_stands_as_it_was_tried_is_done(doors: Doors, desk: Desk, stuck: str) -> None:
    retry = f"/operations/sell-orders/{stuck}/retry-payout"
    done = doors.operator().post(retry, tried(doors, retry)).json
    assert (done["done"], done["version"]) == (True, None)
    desk.run()
    assert status(desk, stuck) == "FILLED"


def test_what_has_moved_since_it_was_tried_is_not_done_and_says_how(doors: Doors, desk: Desk, stuck: str) -> None:
    """Another operator had it tried once more, and the bank refuses again: it stands as it stood, and is another."""
    credit = f"/operations/sell-orders/{stuck}/credit-usd"
    seen = tried(doors, credit)
    desk.world.simulated.set_outcome("fail", times=5)
    doors.operator("oleg").post(f"/operations/sell-orders/{stuck}/retry-payout", {"reason": "the bank is well again"})
    desk.run()
    assert status(desk, stuck) == "SELL_PAYOUT_FAILED"
    refused = doors.operator().post(credit, seen)
    assert (refused.status, refused.problem, refused.json["id"]) == (409, "StoryMoved", stuck)
    assert f"{stuck} has moved since this was tried: " in refused.json["detail"]
    assert "SELL_PAYOUT_FAILED, " in refused.json["detail"]
    assert status(desk, stuck) == "SELL_PAYOUT_FAILED"
    assert doors.operator().post(credit, tried(doors, credit)).json["after"] == "FILLED"


def test_what_moves_while_it_is_tried_was_not_seen(desk: Desk, stuck: str) -> None:
    """Another operator has it paid once more, in vain, when the trial has read what it tells of."""
    desk.world.simulated.set_outcome("fail", times=5)

    def give_back(tried: bool) -> OperatorOutcome:
        outcome = desk.by_hand("give_back", stuck, dry_run=tried)
        if tried:
            desk.by_hand("retry", stuck, operator="oleg")
            desk.run()
        return outcome

    seen = acted(desk.table, stuck, OperatorAct(reason="ticket 4711", dry_run=True), give_back).version
    with pytest.raises(StoryMoved):
        acted(desk.table, stuck, OperatorAct(reason="ticket 4711", version=seen), give_back)


def test_that_somebody_has_looked_is_no_move(doors: Doors, desk: Desk, stuck: str) -> None:
    credit = f"/operations/sell-orders/{stuck}/credit-usd"
    seen = tried(doors, credit)
    desk.clock.forward(minutes=5)
    desk.run()
    assert tried(doors, credit) == seen


def test_who_asks_again_since_no_answer_came_is_told_that_it_is_done(doors: Doors, stuck: str) -> None:
    credit = f"/operations/sell-orders/{stuck}/credit-usd"
    seen = tried(doors, credit)
    assert doors.operator().post(credit, seen).json["done"]
    again = doors.operator().post(credit, seen)
    assert (again.status, again.json["done"], again.json["after"]) == (200, False, "FILLED")


def test_what_a_proposal_is_about_has_not_moved_when_it_is_confirmed(doors: Doors, ann: Owner) -> None:
    """A second person was shown another story than the one that he would decide."""
    tier = "/operations/users/ann/tier"
    proposed = doors.operator().post(tier, {"tier": "GOLD", **TICKET}).json["id"]
    confirm = f"/operations/proposals/{proposed}/confirm"
    seen = tried(doors, confirm, "oleg")
    assert doors.operator("otto").post(tier, {"tier": "SILVER", **TICKET}).json["done"]
    refused = doors.operator("oleg").post(confirm, seen)
    assert (refused.status, refused.problem) == (409, "StoryMoved")
    assert "what it is about, or has asked others for, stands otherwise now" in refused.json["detail"]
    assert doors.operator("oleg").post(confirm, tried(doors, confirm, "oleg")).json["after"] == "CONFIRMED"


def test_what_has_no_story_has_no_version(doors: Doors) -> None:
    path = "/operations/flows/orders/halt"
    assert doors.operator().post(path, {**TICKET, "dry_run": True}).json["version"] is None
    refused = doors.operator().post(path, {**TICKET, "version": "0-0123456789abcdef"})
    assert (refused.status, refused.problem) == (409, "StoryMoved")
