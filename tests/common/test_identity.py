"""Who is asking, by the claims of the token alone."""

from typing import Any

import pytest

from common.identity import Caller, NotACustomer, OperatorsOnly, TokenRefused, caller
from common.owner import Owner
from common.settings import settings
from tests.desk import NOON

GOOD = {
    "iss": "https://cognito-idp.us-east-1.amazonaws.com/pool",
    "token_use": "access",
    "client_id": "app",
    "exp": str(int(NOON.timestamp()) + 1),
    "sub": "sub-ann",
    "username": "ann",
}


def asking(**changed: Any) -> Caller:
    claims = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    return caller(claims, settings(), NOON)


def test_an_access_token_names_its_owner() -> None:
    assert asking().owner == Owner("ann", "sub-ann")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://cognito-idp.us-east-1.amazonaws.com/other"},
        {"iss": None},
        {"token_use": "id"},
        {"client_id": "another"},
        {"client_id": None},
        {"exp": str(int(NOON.timestamp()))},
        {"exp": None},
        {"exp": "soon"},
        {"sub": None},
        {"sub": ""},
    ],
)
def test_a_token_that_is_not_ours_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        asking(**changed)


@pytest.mark.parametrize("username", [None, "", "Ann", "an", "a" * 33, "ann#bob", "1ann", "änn", "ann\n"])
def test_a_username_is_checked_and_never_changed(username: str | None) -> None:
    with pytest.raises(NotACustomer):
        _ = asking(username=username).owner


@pytest.mark.parametrize("groups", ["[operators]", "[customers operators]", ["operators"]])
def test_an_operator_is_in_the_group(groups: object) -> None:
    assert asking(**{"cognito:groups": groups}).must_be_operator() == "ann"


@pytest.mark.parametrize("groups", [None, "", "[]", "[operators2]", "[not-operators]", "[Operators]", "[opera tors]"])
def test_a_group_is_compared_whole(groups: object) -> None:
    with pytest.raises(OperatorsOnly):
        asking(**{"cognito:groups": groups}).must_be_operator()


def test_scopes_are_parsed_exactly() -> None:
    assert asking(scope="desk/billing openid").scopes == {"desk/billing", "openid"}
