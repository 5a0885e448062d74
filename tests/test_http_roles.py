"""Every route of operators × each of their groups: who looks, who acts and proposes, who confirms."""

from collections.abc import Iterator

import pytest

from common.identity import APPROVERS, OPERATORS, VIEWERS
from infra.contexts import Route
from infra.user_pool import GROUPS
from tests import calls, openapi
from tests.calls import World, called, every_route, named
from tests.depth import sampled
from tests.doors import Doors, Token, opened

CONFIRM = Route("POST", "/operations/proposals/{proposal_id}/confirm")
DISMISS = Route("POST", "/operations/proposals/{proposal_id}/dismiss")
OWN = Route("POST", "/operations/users/{username}/own")
LIFTS = [Route("POST", f"/operations/{of}/lift") for of in ("flows/{flow}", "halts/{halt_id}")]
ROUTES = [route for route in every_route() if route.path.startswith(calls.OPERATIONS)]


def may(route: Route) -> set[str]:
    """A new route is for operators, if it is not to look."""
    if route.method == "GET":
        return {VIEWERS, OPERATORS, APPROVERS}
    either = {route: {OPERATORS, APPROVERS} for route in (DISMISS, OWN, *LIFTS)}
    return {CONFIRM: {APPROVERS}, **either}.get(route, {OPERATORS})


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Of all tests here: each shows that it changes nothing."""
    world = World.made()
    yield world
    world.desk.check()


@pytest.fixture(scope="module")
def doors(world: World) -> Iterator[Doors]:
    with opened(world.desk, openapi.check) as doors:
        yield doors


def of(*groups: str) -> Token:
    return Token("olga", "sub-olga", groups)


@sampled(8)
@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_a_route_is_for_just_those_groups_that_may_what_it_does(doors: Doors, world: World, route: Route) -> None:
    before = world.desk.dynamo.items()
    for group in GROUPS:
        if group not in may(route):
            refused = called(doors, world, route, of(group))
            assert (refused.status, refused.problem) == (403, "OperatorsOnly"), group
    assert world.desk.dynamo.items() == before
    if route.method == "GET":
        assert {called(doors, world, route, of(group)).status for group in GROUPS} == {200}


def test_who_only_looks_or_confirms_proposes_nothing(doors: Doors, world: World) -> None:
    before = world.desk.dynamo.items()
    asked = {"paid": "20.00", "reference": "line 11", "reason": "it is so"}
    at = f"/operations/work/{world.claimed}/decide-payout"
    for groups in ((VIEWERS,), (APPROVERS,), (VIEWERS, APPROVERS)):
        refused = doors.as_(of(*groups)).post(at, asked)
        assert (refused.problem, refused.json["detail"]) == ("OperatorsOnly", "this needs the group 'operators'")
    assert world.desk.dynamo.items() == before


def test_who_only_proposes_confirms_nothing(doors: Doors, world: World) -> None:
    before = world.desk.dynamo.items()
    refused = called(doors, world, CONFIRM, of(OPERATORS))
    assert (refused.problem, refused.json["detail"]) == ("OperatorsOnly", "this needs the group 'approvers'")
    assert world.desk.dynamo.items() == before
