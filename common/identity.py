"""Who is asking: read from the claims of a verified token, never from a body or a path.

Operators are in a user pool of their own, and a route takes the tokens of one pool: under `/operations/` those of
operators, everywhere else those of customers, of dealers' systems and of dealers' people, who are users of the
customers' pool (docs/decisions/0058, 0072). API Gateway has verified
the token's signature, issuer, client and expiry. What an authorizer of an emulator may take more lightly is looked at
once more here; a Cognito access token carries
`iss, sub, client_id, token_use, auth_time, exp, username, cognito:groups, scope`.
"""

import base64
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.errors import Denied
from common.keys import USERNAME_PATTERN
from common.owner import Owner
from common.settings import Settings


class TokenRefused(Denied):
    """The token is not one that this route takes, or no access token, or it has expired; or its operator was signed
    out."""


class NotACustomer(Denied):
    """The token names no user that could own an account here."""


class OperatorsOnly(Denied):
    """The route is for those who run the desk, and who are in one of the groups that it names."""


class ScopeMissing(Denied):
    """The route is for machines whose tokens have another scope; some that tell what a dealer has, also for people of
    his."""


OPERATIONS = "/operations/"  # what every path of operators begins with, and no other one
# Groups of the operators' user pool. Whoever is in one has just what that may; a person may be in two.
VIEWERS = "viewers"  # look
OPERATORS = "operators"  # look, act, and propose what takes two
APPROVERS = "approvers"  # look, and confirm what another has proposed
BILLING = "cryptodesk/billing"  # as the claim writes it: the resource server, and its scope
# A group of the customers' pool, and CME's id of the dealer behind it: whoever is in it may read what that dealer has.
# Only the pool's administrator makes groups and puts people into them.
DEALER_GROUP = "dealer-"


# The desk's own name of whom an identity provider knows. Nobody can sign up under such a name, so nobody waits there.
FEDERATED = re.compile(r"f\.[a-z2-7]{26}")


@dataclass(frozen=True)
class Caller:
    """`groups` and `signed_in_at` (seconds since 1970) are an operator's. Of the customers' pool a group says one
    thing: which `dealers` (by CME's ids of them) its people are with."""

    sub: str
    username: str | None  # None for a machine's token
    groups: frozenset[str]
    scopes: frozenset[str]
    operator: bool = False
    signed_in_at: int = 0
    dealers: frozenset[str] = frozenset()

    @property
    def owner(self) -> Owner:
        """Raises NotACustomer. The username is checked, never changed: `Ann` is not `ann`."""
        if self.operator:
            raise NotACustomer("this token is an operator's, who has no account: sign in as a customer")
        return Owner(self._named, self.sub)

    @property
    def _named(self) -> str:
        if self.username is None or re.fullmatch(USERNAME_PATTERN, self.username) is None:
            raise NotACustomer(
                "this token names no customer: a username is 3 to 32 of a-z 0-9 _ . - and begins with a letter"
            )
        return self.username

    def must_be_viewer(self) -> str:
        """Whoever acts or confirms may look, too. Raises OperatorsOnly."""
        return self._must_be_in(VIEWERS, OPERATORS, APPROVERS)

    def must_be_operator(self) -> str:
        """The operator's name, for the audit. Raises OperatorsOnly."""
        return self._must_be_in(OPERATORS)

    def must_be_approver(self) -> str:
        """Who confirms what another has proposed: his name, for the audit. Raises OperatorsOnly."""
        return self._must_be_in(APPROVERS)

    def must_be_either(self) -> str:
        """Who may say that nothing is to be done about what was proposed, and lift what others have halted. Raises
        OperatorsOnly."""
        return self._must_be_in(OPERATORS, APPROVERS)

    def _must_be_in(self, *groups: str) -> str:
        if not self.operator or self.username is None or self.groups.isdisjoint(groups):
            raise OperatorsOnly(f"this needs the group {' or '.join(map(repr, groups))}")
        return self._named

    def must_have(self, scope: str) -> None:
        """Raises ScopeMissing."""
        if scope not in self.scopes:
            raise ScopeMissing(f"this needs a machine's token with the scope {scope!r}")


def caller(claims: Mapping[str, Any], settings: Settings, now: datetime, path: str) -> Caller:
    """Who asks for this path. Raises TokenRefused, when a claim is not as an access token of the path's pool has it;
    NotACustomer, of a username that the pool should not have."""
    operator = path.startswith(OPERATIONS)
    issuer, clients = settings.token_issuer, settings.token_clients
    if operator:
        issuer, clients = settings.operator_issuer, settings.operator_clients
    if claims.get("iss") != issuer:
        raise TokenRefused(_issued_elsewhere(claims.get("iss"), settings))
    if claims.get("token_use") != "access":
        raise TokenRefused("send the access token, not the id token")
    if claims.get("client_id") not in clients:
        raise TokenRefused("this token was issued to another application")
    if not str(claims.get("exp", "")).isdecimal() or int(claims["exp"]) <= now.timestamp():
        raise TokenRefused("this token has expired; sign in again")
    sub, username = claims.get("sub"), claims.get("username")
    if not sub:
        raise TokenRefused("this token has no subject")
    if username and FEDERATED.fullmatch(str(username)):
        raise NotACustomer("such a username is the desk's to give: sign up under another one")
    if username and not operator and settings.identity_provider is not None:
        username = _desks_own(str(username), str(sub), settings.identity_provider)
    signed_in_at = str(claims.get("auth_time", ""))
    if operator and not signed_in_at.isdecimal():
        raise TokenRefused("this token does not say when its owner has signed in")
    named = groups(claims.get("cognito:groups"))
    return Caller(
        sub=str(sub),
        username=str(username) if username else None,
        groups=named if operator else frozenset(),
        scopes=frozenset(str(claims.get("scope", "")).split()),
        operator=operator,
        signed_in_at=int(signed_in_at) if operator else 0,
        dealers=frozenset() if operator or not username else _dealers(named),
    )


def _dealers(named: frozenset[str]) -> frozenset[str]:
    """Whole ids, each letter as it is: `1` is not `10`, and `Cme` not `cme`."""
    return frozenset(name.removeprefix(DEALER_GROUP) for name in named if name.startswith(DEALER_GROUP)) - {""}


def _desks_own(username: str, sub: str, provider: str) -> str:
    """What the desk calls a customer. Cognito calls whoever comes from a provider `Provider_id`, in letters of the
    provider's choosing: he is named after his subject here, so no two are one (docs/decisions/0069). A provider's name
    begins with a capital letter, which no username does. Raises NotACustomer."""
    if not username.startswith(f"{provider}_"):
        return username
    try:
        return f"f.{base64.b32encode(uuid.UUID(sub).bytes).decode().rstrip('=').lower()}"
    except ValueError:
        raise NotACustomer("this token names no customer: its subject is none of the user pool's") from None


def _issued_elsewhere(issuer: object, settings: Settings) -> str:
    if issuer == settings.token_issuer:
        return "this is for operators, and the token is not one of theirs: sign in as an operator"
    if issuer == settings.operator_issuer:
        return "this token is an operator's, and good for /operations alone: sign in as a customer"
    return "this token was issued elsewhere"


_GROUP = r"[^\s\[\]]{1,128}"  # Cognito's names have no white space
_GROUPS = re.compile(rf"\[{_GROUP}(?: {_GROUP})*\]")


def groups(written: object) -> frozenset[str]:
    """The groups of a token, by their whole names. API Gateway writes a list claim as the text `[one two]`; whatever
    else is written is none, since nobody knows where in it a name begins."""
    if isinstance(written, list):
        return frozenset(name for name in written if isinstance(name, str))
    if isinstance(written, str) and _GROUPS.fullmatch(written):
        return frozenset(written[1:-1].split(" "))
    return frozenset()
