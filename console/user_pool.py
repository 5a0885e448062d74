"""The operators' user pool as `desk` asks it: who signs in with his password does it by SRP, and with a second factor
(TOTP), which whoever has none enrols; what he was given is renewed, and revoked.

Cognito's wire is a POST with the operation's name in a header; these operations ask for no signature. No code is made
here: that is the authenticator app's.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import httpx

from console.connection import UserPool, here, verify
from console.errors import NotSignedIn, Unreachable
from console.srp import Srp, timestamp

ISSUER = "Cryptodesk"  # as an authenticator app shows it
CODE_TRIES = 3
SECRET_BITS = 512  # RFC 5054 wants 256 at least
STEPS_MAX = 6  # a password, a new one, a second factor: a pool that asks for more is not ours
_WRONG_CODE = {"CodeMismatchException", "EnableSoftwareTokenMFAException"}
_SECONDS = 10.0

Told = Mapping[str, Any]


class Person(Protocol):
    """Who is asked, and shown what nobody else may see."""

    def password(self) -> str: ...
    def new_password(self) -> str:
        """In the place of the one that he was given."""

    def enrol(self, uri: str) -> None:
        """`uri` goes into an authenticator app."""

    def code(self, wrong: bool) -> str:
        """Of the app, now. `wrong`: the last one was."""


class Refused(NotSignedIn):
    """The user pool says no: `code` is its name for why."""

    def __init__(self, code: str, says: str) -> None:
        super().__init__(f"the user pool refuses it: {says} ({code})")
        self.code = code


@dataclass(frozen=True)
class Tokens:
    """`refresh` gets the next `access`, which is good for so many `seconds`."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    seconds: int


def renewed(pool: UserPool, refresh: str) -> Tokens:
    """Raises Refused: he was signed out or disabled, or it is too old. Raises Unreachable."""
    told = _ask(
        pool,
        "InitiateAuth",
        ClientId=pool.client_id,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": refresh},
    )
    with _as_a_user_pool(pool):
        return _tokens(told["AuthenticationResult"], refresh)


def revoke(pool: UserPool, refresh: str) -> None:
    """Nothing is got by it any more. It may be asked again. Raises Refused, Unreachable."""
    _ask(pool, "RevokeToken", ClientId=pool.client_id, Token=refresh)


@dataclass(frozen=True)
class SignIn:
    """By a password, asked for at the terminal."""

    pool: UserPool
    username: str
    person: Person
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def tokens(self) -> Tokens:
        """Raises NotSignedIn, Unreachable."""
        with _as_a_user_pool(self.pool):
            return self._tokens()

    def _tokens(self) -> Tokens:
        srp = Srp(self.pool.pool_id, secrets.randbits(SECRET_BITS))
        given = {"USERNAME": self.username, "SRP_A": srp.public}
        told = self._ask("InitiateAuth", ClientId=self.pool.client_id, AuthFlow="USER_SRP_AUTH", AuthParameters=given)
        for _ in range(STEPS_MAX):
            if "AuthenticationResult" in told:
                return _tokens(told["AuthenticationResult"])
            told = self._answer(told, srp)
        raise NotSignedIn("the user pool asks for more and more; is DESK_POOL the operators'?")

    def _answer(self, told: Told, srp: Srp) -> Told:
        match told.get("ChallengeName"):
            case "PASSWORD_VERIFIER":
                return self._prove(told["ChallengeParameters"], srp)
            case "NEW_PASSWORD_REQUIRED":
                return self._respond(told, NEW_PASSWORD=self.person.new_password())
            case "MFA_SETUP":
                return self._respond({**told, "Session": self._enrolled(told["Session"])})
            case "SOFTWARE_TOKEN_MFA":
                return self._with_code(lambda code: self._respond(told, SOFTWARE_TOKEN_MFA_CODE=code))
            case other:
                raise NotSignedIn(f"the user pool asks for {other}, which `desk` does not know")

    def _prove(self, asked: Mapping[str, str], srp: Srp) -> Told:
        """That he knows the password. What names the challenge is in what is sent back."""
        user_id, password, at = asked["USER_ID_FOR_SRP"], self.person.password(), self.now()
        proof = srp.proof(user_id, password, asked["SALT"], asked["SRP_B"], asked["SECRET_BLOCK"], at)
        return self._respond(
            {"ChallengeName": "PASSWORD_VERIFIER"},
            PASSWORD_CLAIM_SECRET_BLOCK=asked["SECRET_BLOCK"],
            PASSWORD_CLAIM_SIGNATURE=proof,
            TIMESTAMP=timestamp(at),
        )

    def _enrolled(self, session: str) -> str:
        """The session in which a second factor is verified."""
        made = self._ask("AssociateSoftwareToken", Session=session)
        self.person.enrol(_uri(self.username, made["SecretCode"]))
        told = self._with_code(lambda code: self._ask("VerifySoftwareToken", Session=made["Session"], UserCode=code))
        return str(told["Session"])

    def _with_code(self, ask: Callable[[str], Told]) -> Told:
        """Raises NotSignedIn after some codes that were wrong."""
        tries = CODE_TRIES
        while True:
            try:
                return ask(self.person.code(tries < CODE_TRIES))
            except Refused as refused:
                tries -= 1
                if refused.code not in _WRONG_CODE or not tries:
                    raise

    def _respond(self, told: Told, **responses: str) -> Told:
        session = {"Session": told["Session"]} if told.get("Session") else {}
        return self._ask(
            "RespondToAuthChallenge",
            ClientId=self.pool.client_id,
            ChallengeName=told["ChallengeName"],
            ChallengeResponses={"USERNAME": self.username, **responses},
            **session,
        )

    def _ask(self, operation: str, **body: Any) -> Told:
        return _ask(self.pool, operation, **body)


def _ask(pool: UserPool, operation: str, **body: Any) -> Told:
    headers = {"x-amz-target": f"AWSCognitoIdentityProviderService.{operation}"}
    headers["content-type"] = "application/x-amz-json-1.1"
    try:
        with http(pool.url) as asking:
            answer = asking.post(pool.url, json=body, headers=headers)
        told = answer.json() if answer.content or not answer.is_success else {}
    except (httpx.RequestError, ValueError) as silent:
        raise Unreachable(
            f"no user pool answers at {pool.url} ({type(silent).__name__}). Is DESK_POOL right?"
        ) from None
    if not isinstance(told, dict) or not answer.is_success:
        kind = str(told.get("__type", "")) if isinstance(told, dict) else ""
        says = told.get("message") if isinstance(told, dict) else None
        raise Refused(kind.rpartition("#")[2] or str(answer.status_code), str(says or "no reason given"))
    return told


def http(url: str) -> httpx.Client:
    """Whoever asks a user pool, or its pages, asks by this."""
    return httpx.Client(timeout=_SECONDS, verify=verify(url), trust_env=not here(url))


def _tokens(told: Mapping[str, Any], refresh: str | None = None) -> Tokens:
    return Tokens(str(told["AccessToken"]), str(refresh or told["RefreshToken"]), int(told["ExpiresIn"]))


@contextmanager
def _as_a_user_pool(pool: UserPool) -> Iterator[None]:
    """Raises NotSignedIn where it is none that answers."""
    try:
        yield
    except (LookupError, TypeError, ValueError):  # NoProof among them
        raise NotSignedIn(f"what answers at {pool.url} does not speak as a user pool does") from None


def _uri(username: str, secret: str) -> str:
    """What authenticator apps take (Key Uri Format): six digits, every 30 seconds, as all of them mean it."""
    return f"otpauth://totp/{quote(f'{ISSUER}:{username}')}?{urlencode({'secret': secret, 'issuer': ISSUER})}"
