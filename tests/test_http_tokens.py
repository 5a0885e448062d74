"""No route does anything for whoever has no good token of ours."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from infra.contexts import Route
from tests import openapi
from tests.calls import BILLING, CALLS, OPERATIONS, WEBHOOK, World, called, every_route, named, routes_with_tokens
from tests.depth import sampled
from tests.desk import NOON, Clock, Desk
from tests.doors import Doors, Token, opened

ANN = Token("ann", "sub-ann")
OLGA = Token("olga", "sub-olga", ("operators", "approvers"))
CME = Token(sub="cme", changed={"scope": "cryptodesk/billing"})
MACHINE = {"username": None, "scope": "billing"}  # and not that of our resource server

# None of these is a token of ours that is good now.
REFUSED: dict[str, dict[str, str | None]] = {
    "an id token": {"token_use": "id", "aud": "app", "client_id": None},
    "an id token that names the client": {"token_use": "id"},
    "no use": {"token_use": None},
    "another issuer": {"iss": "https://cognito-idp.us-east-1.amazonaws.com/other"},
    "an issuer that begins like ours": {"iss": "https://cognito-idp.us-east-1.amazonaws.com/pool.evil.test"},
    "no issuer": {"iss": None},
    "another client": {"client_id": "other"},
    "no client": {"client_id": None},
    "expired": {"exp": "1795262400"},  # at noon of the test's day
    "expired long ago": {"exp": "0"},
    "an expiry that is no number": {"exp": "never"},
    "an expiry below zero": {"exp": "-1"},
    "an expiry in Arabic digits": {"exp": "٠"},
    "no expiry": {"exp": None},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
}

# These are, but they name nobody who could have an account here, or act for the desk.
NOBODY: dict[str, dict[str, str | None]] = {
    "a machine": MACHINE,
    "a machine with an empty username": {**MACHINE, "username": ""},
    **{
        f"the username {username!r}": {"username": username}
        for username in ("Ann", "an", "ann#", "ann bob", "1ann", "ann\n", "änn", "ａnn", "a" * 33, "TRANS#ann", "ann\0")
    },
}

# The catalogue is nobody's: whoever has a good token of ours may read it, a dealer's machine too.
FOR_ALL = {
    Route("GET", "/assets"),
    Route("GET", "/assets/{asset_id}"),
    Route("GET", "/assets/{asset_id}/prices"),
    Route("GET", "/market-making/pairs"),
    Route("GET", "/purchases/pools"),
    Route("GET", "/sales/pools"),
    Route("GET", "/status"),
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Of all tests here: each shows that it changes nothing."""
    world = World.made()
    yield world
    world.desk.check()


@pytest.fixture(scope="module")
def doors(world: World) -> Iterator[Doors]:
    with opened(world.desk) as doors:
        yield doors


def good(route: Route) -> Token:
    if route.path.startswith(BILLING):
        return CME
    return OLGA if route.path.startswith(OPERATIONS) else ANN


@sampled(10)
@pytest.mark.parametrize("route", routes_with_tokens(), ids=named)
def test_without_a_token_nothing_is_told_or_done(doors: Doors, world: World, route: Route) -> None:
    before = world.desk.dynamo.items()
    answer = called(doors, world, route, None)
    assert (answer.status in (401, 403), answer.problem) == (True, "TokenRefused")
    assert world.desk.dynamo.items() == before


@sampled(10)
@pytest.mark.parametrize("route", routes_with_tokens(), ids=named)
def test_a_token_that_is_not_ours_or_not_good_now_is_refused(doors: Doors, world: World, route: Route) -> None:
    before = world.desk.dynamo.items()
    for kind, changed in REFUSED.items():
        answer = called(doors, world, route, replace(good(route), changed=changed))
        assert (answer.status in (401, 403), answer.problem) == (True, "TokenRefused"), kind
        assert world.desk.dynamo.items() == before, kind


@sampled(10)
@pytest.mark.parametrize("route", routes_with_tokens(), ids=named)
def test_a_token_that_names_no_customer_is_refused_wherever_a_name_is_needed(
    doors: Doors, world: World, route: Route
) -> None:
    before = world.desk.dynamo.items()
    for kind, changed in NOBODY.items():
        answer = called(doors, world, route, replace(good(route), changed=changed))
        openapi.check(route, answer)
        assert answer.status == (200 if route in FOR_ALL else 403), kind
        assert route in FOR_ALL or answer.problem in ("NotACustomer", "OperatorsOnly", "ScopeMissing"), kind
        assert world.desk.dynamo.items() == before, kind


@sampled(10)
@pytest.mark.parametrize("route", routes_with_tokens(), ids=named)
def test_a_bad_token_is_refused_before_the_request_is_looked_at(doors: Doors, route: Route) -> None:
    """Whoever is not let in learns nothing of the form that requests have."""
    answer = doors.ask(
        route.method,
        route.path.format(**dict.fromkeys(re.findall(r"{(\w+)}", route.path), "x")),
        query={"limit": "0", "status": "x", "context": "x", "asset_id": "x"},
        headers={"content-type": "application/json"},
        body="{}" if CALLS[route].body else None,
    )
    assert answer.problem == "TokenRefused"


def test_every_route_wants_a_token_but_the_one_where_the_bank_signs() -> None:
    assert [route for route in every_route() if route.open] == [WEBHOOK]


@sampled(10)
@pytest.mark.parametrize("route", [r for r in every_route() if r.path.startswith(OPERATIONS)], ids=named)
def test_a_group_that_is_called_nearly_like_the_operators_is_another(doors: Doors, world: World, route: Route) -> None:
    before = world.desk.dynamo.items()
    for groups in ("operator", "[operator]", "[operators-of-another]", "[Operators]", "[x.operators]", "[]", ""):
        answer = called(doors, world, route, Token("ann", "sub-ann", ("x",), {"cognito:groups": groups}))
        assert (answer.status, answer.problem) == (403, "OperatorsOnly"), groups
    assert world.desk.dynamo.items() == before


@sampled(10)
@pytest.mark.parametrize("route", routes_with_tokens(), ids=named)
def test_a_token_of_one_user_pool_opens_no_route_of_the_other(doors: Doors, world: World, route: Route) -> None:
    """Whatever else it says: its username, its groups and its scope are those that the route asks for."""
    before, right = world.desk.dynamo.items(), good(route)
    answer = called(doors, world, route, replace(right, operator=not right.groups))
    assert (answer.status, answer.problem) == (403, "TokenRefused")
    assert ("as an operator" if right.groups else "as a customer") in answer.json["detail"]
    assert world.desk.dynamo.items() == before


def test_issuer_and_client_of_a_token_are_both_of_the_routes_pool(doors: Doors) -> None:
    for path, token, right, wrong in (("/operations/work", OLGA, "desk", "app"), ("/me", ANN, "app", "desk")):
        assert doors.as_(token).get(path).status == 200
        for other in (
            replace(token, changed={"client_id": wrong}),
            replace(token, operator=not token.groups, changed={"client_id": right}),
        ):
            assert doors.as_(other).get(path).problem == "TokenRefused"


def test_an_operator_may_be_in_other_groups_too(doors: Doors) -> None:
    groups = {"cognito:groups": "[dealers operators night-shift]"}
    assert doors.as_(replace(OLGA, changed=groups)).get("/operations/work").status == 200


def test_a_token_is_good_until_the_second_of_its_expiry() -> None:
    class Stopped(Clock):
        def __call__(self) -> datetime:
            return self.at

    noon = int(NOON.timestamp())
    with opened(Desk(clock=Stopped())) as doors:
        over, just_good = (doors.as_(replace(ANN, changed={"exp": str(exp)})) for exp in (noon, noon + 1))
        assert over.get("/me").problem == "TokenRefused"
        assert just_good.get("/me").problem == "AccountNotFound"
