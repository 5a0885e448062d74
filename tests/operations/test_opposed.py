"""While what one operator proposes waits, another one acts alone on the same thing, over the real handlers, by every
act that one does alone. Where it moves money that may have left already by what is proposed, he is refused
(`functions/operations/service/subjects.py:Stops`); anywhere else the confirmation is, by what its own write looks at.
"""

from __future__ import annotations

import pytest

from infra.contexts import Route
from tests import calls
from tests.calls import APART, CALLS, World, called
from tests.depth import sampled
from tests.doors import Answer, Doors, Token, opened
from tests.operations.test_four_eyes import ALONE, CONFIRM, OLGA, OMAR, REFUND, ROUTES, money
from tests.seen import before_next_write

pytestmark = APART

OLEG = Token("oleg", "sub-oleg", OLGA.groups)
BECAUSE = {"reason": "so it is"}
ENDS = ("/credit-usd", "/reject", "/void", "/abandon-attempt")  # by which its dollars or coins go elsewhere
DRIVEN = ("deposits", "market-making", "sell-orders", "withdrawals", "work")  # what a machine moves


def is_ones(route: Route) -> bool:
    name = f"{route.method} {route.path.removeprefix(calls.OPERATIONS)}"
    return any(name in routes for routes in ALONE.values())


def are_of_one_thing(two: Route, one: Route) -> bool:
    about, his = two.path.split("/")[2], one.path.split("/")[2]
    return about == his or (his, about) == ("sell-orders", "work") or (his == "work" and about in DRIVEN)


OF_PERSONS = (f"{calls.OPERATIONS}clients/", f"{calls.OPERATIONS}users/")  # nothing that moves is about these
ONES = [route for route in ROUTES if is_ones(route) and route.path.count("{") == 1 and "proposals" not in route.path]
TWOS = [route for route in ROUTES if not is_ones(route) and route not in (CONFIRM, REFUND)]
PAIRS = [
    (two, one) for two in TWOS for one in ONES if are_of_one_thing(two, one) and not one.path.startswith(OF_PERSONS)
]


def alone(doors: Doors, world: World, two: Route, one: Route) -> Answer:
    """What one does by himself to what the proposal is about."""
    before, rest = one.path.split("{")
    path = before + getattr(world, CALLS[two].thing) + rest.partition("}")[2]
    return doors.as_(OLEG).send(one.method, path, BECAUSE)


def is_done(answer: Answer) -> bool:
    assert answer.status in (200, 404, 409, 503), answer.json
    return answer.status == 200 and bool(answer.json["done"])


def told(route: object) -> str:
    assert isinstance(route, Route)
    return "-".join(route.path.split("/")[2::2])


@sampled(8)
@pytest.mark.parametrize(("two", "one"), PAIRS, ids=told)
def test_of_what_two_and_one_do_at_once_to_one_thing_one_is_done(two: Route, one: Route) -> None:
    """In the moment of the confirmation one acts alone. Then both try once more: what was confirmed he undoes no more,
    nothing has become more, nor has the bank been asked for more, and the books balance, item by item."""
    world = World.kept()
    with opened(world.desk) as doors:
        proposal_id = called(doors, world, two, OLGA).json["id"]
        path, before, his = f"/operations/proposals/{proposal_id}/confirm", money(world), list[Answer]()
        before_next_write(world.desk, lambda: his.append(alone(doors, world, two, one)))
        both = doors.as_(OMAR).post(path, BECAUSE)
        (ones,) = his
        assert not (is_done(both) and is_done(ones))
        after = money(world)
        assert after["paid"] == before["paid"]
        if is_done(both):
            alone(doors, world, two, one)
        else:
            again = is_done(doors.as_(OMAR).post(path, BECAUSE))
            assert not (again and is_done(ones) and one.path.endswith(ENDS))
        assert money(world) == after
    world.desk.check()
