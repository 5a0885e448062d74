"""What claims may look like besides those that `tests/test_http_tokens.py` sends to every route."""

import pytest

from common.identity import Caller, NotACustomer, OperatorsOnly, caller
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
