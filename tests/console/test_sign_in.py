"""`desk login NAME --password` against the embedded AWS's user pool: the password by SRP, then the second factor."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import typer

from console import connection
from console.connection import UserPool
from console.errors import CommandFailed, DeskNotFound, NotAnAddress, NotSignedIn, Unreachable
from console.srp import N, NoProof, Srp, timestamp
from console.user_pool import Refused, SignIn
from tests.console.run import Said, desk
from tests.harness import cognito
from tests.harness.cognito import PASSWORD, code_of

if TYPE_CHECKING:
    from types_boto3_cognito_idp import CognitoIdentityProviderClient

OWN = "Chosen-by-olga-herself-1"
AT = "http://127.0.0.1:4566"


@dataclass
class Olga:
    """With an authenticator app, unless it is another's."""

    secret: str | None = None
    own_password: str = PASSWORD
    slips: int = 0  # codes that she mistypes
    uri: str = ""
    asked: list[str] = field(default_factory=list)

    def password(self) -> str:
        self.asked.append("password")
        return self.own_password

    def new_password(self) -> str:
        self.asked.append("new password")
        return OWN

    def enrol(self, uri: str) -> None:
        self.asked.append("enrol")
        self.uri, self.secret = uri, parse_qs(urlsplit(uri).query)["secret"][0]

    def code(self, wrong: bool) -> str:
        self.asked.append("wrong code" if wrong else "code")
        assert self.secret is not None
        right = code_of(self.secret, time.time())
        if self.slips:
            self.slips -= 1
            return f"{(int(right) + 500_000) % 10**6:06}"
        return right


@pytest.fixture
def client() -> Iterator[CognitoIdentityProviderClient]:
    with cognito.embedded() as client:
        yield client


@pytest.fixture
def pool(client: CognitoIdentityProviderClient) -> UserPool:
    return UserPool(AT, *cognito.pool_of_operators(client, olga=("operators",)))


Ask = Callable[[httpx.Request], httpx.Response]


@contextmanager
def answered(ask: Ask) -> Iterator[None]:
    """Whoever asks over the network is answered so."""

    def handle(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        request.read()
        return ask(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.HTTPTransport, "handle_request", handle)
        yield


def signed_in(pool: UserPool, olga: Olga, ask: Ask = cognito.over_http) -> dict[str, Any]:
    """What her token says."""
    with answered(ask):
        return cognito.claims(SignIn(pool, "olga", olga).tokens().access)


def enrolled(client: CognitoIdentityProviderClient, pool: UserPool) -> Olga:
    given = {"USERNAME": "olga", "PASSWORD": PASSWORD}
    got = client.initiate_auth(ClientId=pool.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
    token = got["AuthenticationResult"]["AccessToken"]
    secret = client.associate_software_token(AccessToken=token)["SecretCode"]
    client.verify_software_token(AccessToken=token, UserCode=code_of(secret, time.time()))
    return Olga(secret)


@dataclass
class AsAws:
    """The embedded pool lets in who has no second factor; AWS has them enrol one (MFA_SETUP), where a pool wants it."""

    sent: list[str] = field(default_factory=list)
    verified: set[str] = field(default_factory=set)
    secret: str = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        operation, asked = request.headers["x-amz-target"].partition(".")[2], json.loads(request.content)
        self.sent.append(request.content.decode())
        if asked.get("ChallengeName") == "MFA_SETUP" and asked["Session"] not in self.verified:
            return httpx.Response(400, json={"__type": "NotAuthorizedException", "message": "no factor is enrolled"})
        answer = cognito.over_http(request)
        if operation == "AssociateSoftwareToken":
            self.secret = answer.json()["SecretCode"]
        if operation == "VerifySoftwareToken" and answer.is_success:
            self.verified.add(answer.json()["Session"])
        if "AuthenticationResult" in answer.text and asked.get("ChallengeName") != "MFA_SETUP":
            return httpx.Response(200, json={"ChallengeName": "MFA_SETUP", "Session": "s", "ChallengeParameters": {}})
        return answer


def test_who_has_enrolled_is_asked_for_the_code_and_gets_a_token(
    client: CognitoIdentityProviderClient, pool: UserPool
) -> None:
    olga = enrolled(client, pool)
    claims = signed_in(pool, olga)
    assert (claims["username"], claims["token_use"], claims["client_id"]) == ("olga", "access", pool.client_id)
    assert claims["cognito:groups"] == ["operators"]
    assert olga.asked == ["password", "code"]


def test_a_code_that_was_mistyped_is_asked_for_again_and_not_for_ever(
    client: CognitoIdentityProviderClient, pool: UserPool
) -> None:
    olga = enrolled(client, pool)
    olga.slips = 2
    assert signed_in(pool, olga)["username"] == "olga"
    assert olga.asked == ["password", "code", "wrong code", "wrong code"]
    olga.slips = 3
    with pytest.raises(Refused, match="CodeMismatchException"):
        signed_in(pool, olga)


def test_a_wrong_password_is_refused_and_never_sent(pool: UserPool) -> None:
    asked = AsAws()
    with pytest.raises(NotSignedIn, match="Incorrect username or password"):
        signed_in(pool, Olga(own_password="Another-one-1234567"), asked)
    assert "Another-one" not in "".join(asked.sent)


def test_who_has_no_second_factor_enrols_one_and_is_in(pool: UserPool) -> None:
    olga, asked = Olga(slips=1), AsAws()
    assert signed_in(pool, olga, asked)["username"] == "olga"
    assert olga.asked == ["password", "enrol", "code", "wrong code"]
    assert PASSWORD not in "".join(asked.sent)
    address = urlsplit(olga.uri)
    assert (address.scheme, address.netloc, address.path) == ("otpauth", "totp", "/Cryptodesk%3Aolga")
    assert parse_qs(address.query) == {"secret": [olga.secret], "issuer": ["Cryptodesk"]}


def test_who_was_given_a_password_chooses_his_own_first(client: CognitoIdentityProviderClient, pool: UserPool) -> None:
    client.admin_set_user_password(UserPoolId=pool.pool_id, Username="olga", Password=PASSWORD, Permanent=False)
    olga = Olga()
    signed_in(pool, olga, AsAws())
    assert olga.asked == ["password", "new password", "enrol", "code"]
    assert signed_in(pool, Olga(own_password=OWN))["username"] == "olga"


def test_who_is_disabled_does_not_get_in(client: CognitoIdentityProviderClient, pool: UserPool) -> None:
    client.admin_disable_user(UserPoolId=pool.pool_id, Username="olga")
    with pytest.raises(NotSignedIn, match="disabled"):
        signed_in(pool, Olga())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(502, text="<html>"), "no user pool answers"),
        (httpx.Response(200, json=[]), "refuses it"),
        (httpx.Response(200, json={"ChallengeName": "MFA_SETUP"}), "does not speak as a user pool does"),
        (httpx.Response(200, json={"ChallengeName": "PASSWORD_VERIFIER"}), "does not speak as a user pool does"),
        (httpx.Response(200, json={"AuthenticationResult": 7}), "does not speak as a user pool does"),
        (httpx.Response(200, json={"ChallengeName": "SMS_MFA"}), "SMS_MFA, which `desk` does not know"),
        (httpx.Response(200, json={"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "s"}), "more and more"),
    ],
)
def test_whatever_else_answers_gives_no_token(pool: UserPool, answer: httpx.Response, says: str) -> None:
    with pytest.raises(CommandFailed, match=says):
        signed_in(pool, Olga(), lambda _: answer)


def test_where_nothing_answers_it_is_said(pool: UserPool) -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(Unreachable, match="Is DESK_POOL right"):
        signed_in(pool, Olga(), silent)


@pytest.mark.parametrize("theirs", ["0", f"{N:x}", f"{2 * N:x}"])
def test_a_part_of_the_proof_that_anybody_could_send_is_none(theirs: str) -> None:
    """It would make a key that whoever answers knows without the password."""
    with pytest.raises(NoProof):
        Srp("us-east-1_a", 7).proof("olga", PASSWORD, "a1", theirs, "AAAA", datetime(2026, 11, 2, tzinfo=UTC))


def test_the_time_in_a_proof_is_as_cognito_reads_it() -> None:
    assert timestamp(datetime(2026, 11, 2, 4, 5, 6, tzinfo=UTC)) == "Mon Nov 2 04:05:06 UTC 2026"


def typed(pool: UserPool, aws: AsAws, *lines: Callable[[], str]) -> Said:
    """As from a terminal, with what is typed there."""
    left = iter(lines)
    with pytest.MonkeyPatch.context() as patch, answered(aws):
        patch.setattr(typer, "prompt", lambda *_, **__: next(left)())
        patch.setenv("DESK_CLIENT", pool.client_id)
        return desk("login", "olga", "--password", "--print", "--pool", pool.pool_id)


def test_the_command_prints_the_token_and_nothing_else(pool: UserPool) -> None:
    """So that a shell may take it: the rest is on stderr."""
    aws = AsAws()
    said = typed(pool, aws, lambda: PASSWORD, lambda: "000 000", lambda: code_of(aws.secret, time.time()))
    assert said.code == 0, said.err
    assert cognito.claims(said.out.strip())["username"] == "olga"
    assert re.fullmatch(r"[\w.-]+\n", said.out)
    assert f"otpauth://totp/Cryptodesk%3Aolga?secret={aws.secret}" in said.err
    assert "not the code of now" in said.err


def test_a_refusal_of_the_pool_ends_the_command_with_it(pool: UserPool) -> None:
    said = typed(pool, AsAws(), lambda: "Another-one-1234567")
    assert (said.code, said.out) == (1, "")
    assert "Incorrect username or password" in said.err


def test_where_to_sign_in_is_said_whole_or_it_is_the_local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_local_desk", lambda: None)
    assert connection.user_pool("eu-central-1_aBc1", "client").url == "https://cognito-idp.eu-central-1.amazonaws.com"
    assert replace(connection.user_pool(" us-gov-west-1_a ", "c"), url="") == UserPool("", "us-gov-west-1_a", "c")
    for given in ((None, None), ("eu-central-1_aBc1", None), (None, "client")):
        with pytest.raises(DeskNotFound):
            connection.user_pool(*given)
    for wrong in ("aBc1", "eu-central-1", "evil.example/_a", "eu-central-1_a/../x", "eu-central-1_a@evil.example"):
        with pytest.raises(NotAnAddress):
            connection.user_pool(wrong, "client")
