"""What claims may look like besides those that `tests/test_http_tokens.py` sends to every route."""

import pytest

from common.identity import Caller, caller
from common.settings import settings
from tests.desk import NOON
from tests.doors import Token


def asking(**changed: object) -> Caller:
    return caller({**Token("ann", "sub-ann").claims(NOON), **changed}, settings(), NOON)


@pytest.mark.parametrize("groups", ["[operators]", "[customers operators]", ["operators"]])
def test_an_operator_is_in_the_group(groups: object) -> None:
    assert asking(**{"cognito:groups": groups}).must_be_operator() == "ann"


def test_scopes_are_parsed_exactly() -> None:
    assert asking(scope="desk/billing openid").scopes == {"desk/billing", "openid"}
