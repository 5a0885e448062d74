"""What the desk asks of the user pool of operators: of the one of the tests, and of the embedded AWS's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from common.operator_pool import Member, OperatorNotFound, OperatorPool, OperatorPoolUnavailable
from tests.harness import cognito, user_pool
from tests.harness.user_pool import InMemoryUserPool

BOTH = ("operators", "approvers")


@pytest.fixture(params=["in memory", "embedded"])
def pool(request: pytest.FixtureRequest) -> Iterator[OperatorPool]:
    if request.param == "in memory":
        yield user_pool.in_memory()
        return
    with cognito.embedded() as client:
        pool_id, _ = cognito.pool_of_operators(client, olga=BOTH, oleg=BOTH, vera=("viewers",), nina=())
        there: Any = client
        yield OperatorPool(there, pool_id)


def test_members_are_those_of_our_groups_with_what_they_may(pool: OperatorPool) -> None:
    pool.disable("vera")
    assert pool.members() == [
        Member("oleg", list(BOTH), enabled=True),
        Member("olga", list(BOTH), enabled=True),
        Member("vera", ["viewers"], enabled=False),
    ]


def test_who_is_signed_out_and_disabled_is_so_however_often_it_is_asked(pool: OperatorPool) -> None:
    for _ in range(2):
        pool.must_have("olga")
        pool.sign_out("olga")
        pool.disable("olga")
    assert [member.enabled for member in pool.members()] == [True, False, True]


def test_nobody_of_that_name_is_told_so(pool: OperatorPool) -> None:
    for ask in (pool.must_have, pool.sign_out, pool.disable):
        with pytest.raises(OperatorNotFound, match="nobody called otto; `desk operators list`"):
            ask("otto")


def test_a_pool_that_does_not_answer_is_unavailable() -> None:
    client = InMemoryUserPool({})
    client.down = True
    with pytest.raises(OperatorPoolUnavailable, match="InternalErrorException") as silent:
        OperatorPool(client, user_pool.POOL_ID).members()
    assert silent.value.facts == {"retry_after_seconds": 5}
    with pytest.raises(OperatorPoolUnavailable, match="ResourceNotFoundException"):
        OperatorPool(InMemoryUserPool({}), "another").disable("olga")


def test_the_embedded_pool_lets_nobody_sign_in_who_is_disabled() -> None:
    with cognito.embedded() as client:
        pool_id, client_id = cognito.pool_of_operators(client, olga=BOTH)
        given = {"USERNAME": "olga", "PASSWORD": cognito.PASSWORD}
        got = client.initiate_auth(ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
        assert cognito.claims(got["AuthenticationResult"]["AccessToken"])["auth_time"] > 0
        there: Any = client
        OperatorPool(there, pool_id).disable("olga")
        with pytest.raises(client.exceptions.NotAuthorizedException):
            client.initiate_auth(ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)


def test_the_embedded_pool_asks_for_a_second_factor_who_has_enrolled_one() -> None:
    """And lets in who has not, though it is required: AWS has him enrol one. That the operators' pool requires it is
    seen on the template."""
    with cognito.embedded() as client:
        _, client_id = cognito.pool_of_operators(client, olga=BOTH)
        given = {"USERNAME": "olga", "PASSWORD": cognito.PASSWORD}
        got = client.initiate_auth(ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
        token = got["AuthenticationResult"]["AccessToken"]
        secret = client.associate_software_token(AccessToken=token)["SecretCode"]
        client.verify_software_token(AccessToken=token, UserCode=cognito.code_of(secret, time.time()))
        asked = client.initiate_auth(ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
        assert (asked["ChallengeName"], "AuthenticationResult" in asked) == ("SOFTWARE_TOKEN_MFA", False)

        def answered(code: str) -> Any:
            responses = {"USERNAME": "olga", "SOFTWARE_TOKEN_MFA_CODE": code}
            return client.respond_to_auth_challenge(
                ClientId=client_id,
                ChallengeName="SOFTWARE_TOKEN_MFA",
                Session=asked["Session"],
                ChallengeResponses=responses,
            )

        right = cognito.code_of(secret, time.time())
        with pytest.raises(client.exceptions.CodeMismatchException):
            answered(f"{(int(right) + 500_000) % 10**6:06}")
        assert answered(right)["AuthenticationResult"]["AccessToken"]
