"""What claims may look like besides those that `tests/test_http_tokens.py` sends to every route."""

import base64
import re
from dataclasses import replace
from uuid import UUID

import pytest

from common.identity import Caller, NotACustomer, OperatorsOnly, caller
from common.keys import USERNAME_PATTERN
from common.settings import settings
from tests.desk import NOON
from tests.doors import Token


def asking(**changed: object) -> Caller:
    """An operator, whose groups are said."""
    return caller(
        {**Token("ann", "sub-ann", operator=True).claims(NOON), **changed}, settings(), NOON, "/operations/work"
    )


@pytest.mark.parametrize("groups", ["[operators]", "[customers operators]", ["operators"]])
def test_an_operator_is_in_the_group(groups: object) -> None:
    assert asking(**{"cognito:groups": groups}).must_be_operator() == "ann"


@pytest.mark.parametrize(
    "groups",
    [
        *("x operators", "operators", "operators2", "[operators2]", "[operators", "operators]", "[[operators]]"),
        *("[ operators]", "[operators ]", "[x  operators]", "[x\toperators]", "[x] operators", "[x] [operators]"),
        *("[operators]\n", "[x,operators]", '["operators"]', "", "[]", None, {"operators": 1}, 7),
        *(["x operators"], ["operators2"], ["[operators]"], ["operators\n"], [["operators"]], [None]),
    ],
    ids=repr,
)
def test_a_group_is_its_whole_name_in_the_one_form(groups: object) -> None:
    with pytest.raises(OperatorsOnly):
        asking(**{"cognito:groups": groups}).must_be_operator()


def test_scopes_are_parsed_exactly() -> None:
    assert asking(scope="desk/billing openid").scopes == {"desk/billing", "openid"}


def test_who_asks_as_an_operator_owns_nothing() -> None:
    with pytest.raises(NotACustomer):
        _ = asking(**{"cognito:groups": "[operators]"}).owner


def test_groups_of_the_customers_pool_say_nothing() -> None:
    ann = caller(Token("ann", "sub-ann", ("operators",), operator=False).claims(NOON), settings(), NOON, "/orders")
    assert (ann.groups, ann.owner.username) == (frozenset(), "ann")
    with pytest.raises(OperatorsOnly):
        ann.must_be_operator()


def customer(username: str, sub: str, provider: str | None = "Staff") -> Caller:
    claims = Token(username, sub).claims(NOON)
    return caller(claims, replace(settings(), identity_provider=provider), NOON, "/orders")


SUBS = ("5f4c2a34-0f3b-4f2e-9d53-6a0d8fdc1f11", "5f4c2a34-0f3b-4f2e-9d53-6a0d8fdc1f12")


def test_who_comes_from_a_provider_has_a_name_that_is_the_desks() -> None:
    """Made of his subject alone: what the provider calls him has letters that no name here has, and is no limit to."""
    first, second = (customer("Staff_Ann@Corp.example", sub).owner for sub in SUBS)
    assert first == customer("Staff_another-id-of-hers", SUBS[0]).owner
    assert (first.sub, len(first.username), first.username != second.username) == (SUBS[0], 28, True)
    assert re.fullmatch(USERNAME_PATTERN, first.username)
    padded = f"{first.username.removeprefix('f.').upper()}======"
    assert str(UUID(bytes=base64.b32decode(padded))) == SUBS[0], "an operator finds him in the pool by it"


def test_nobody_signs_up_under_a_name_that_is_the_desks_to_give() -> None:
    theirs = customer("Staff_ann", SUBS[0]).owner.username
    for provider in ("Staff", None):  # nor before there is a provider
        with pytest.raises(NotACustomer, match="the desk's to give"):
            customer(theirs, SUBS[1], provider)


def test_a_name_of_a_provider_that_is_not_ours_is_nobodys() -> None:
    for username, provider in (("Other_ann", "Staff"), ("Staff_ann", None), ("Staff", "Staff")):
        with pytest.raises(NotACustomer):
            _ = customer(username, SUBS[0], provider).owner
    with pytest.raises(NotACustomer, match="subject"):
        customer("Staff_ann", "no-uuid")


def test_an_operator_is_never_somebody_of_a_provider() -> None:
    claims = {**Token("Staff_olga", SUBS[0], ("operators",)).claims(NOON)}
    with pytest.raises(NotACustomer):
        caller(claims, replace(settings(), identity_provider="Staff"), NOON, "/operations/work").must_be_operator()
