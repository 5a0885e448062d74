"""Who is asking: read from the claims of a verified token, never from a body or a path.

API Gateway has verified the token's signature, issuer, client and expiry. What an authorizer of an emulator may
take more lightly is looked at once more here; a Cognito access token carries
`iss, sub, client_id, token_use, exp, username, cognito:groups, scope`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.errors import Denied
from common.keys import USERNAME_PATTERN
from common.owner import Owner
from common.settings import Settings


class TokenRefused(Denied):
    """The token is not one of ours, not an access token, or has expired."""


class NotACustomer(Denied):
    """The token names no user that could own an account here."""


class OperatorsOnly(Denied):
    """The route is for those who run the desk, and who are in one of the groups that it names."""


class ScopeMissing(Denied):
    """The route is for machines whose tokens have another scope."""


# Groups of the user pool. Whoever is in one has just what that may; a person may be in two.
VIEWERS = "viewers"  # look
OPERATORS = "operators"  # look, act, and propose what takes two
APPROVERS = "approvers"  # look, and confirm what another has proposed
BILLING = "cryptodesk/billing"  # as the claim writes it: the resource server, and its scope


@dataclass(frozen=True)
class Caller:
    sub: str
    username: str | None  # None for a machine's token
    groups: frozenset[str]
    scopes: frozenset[str]

    @property
    def owner(self) -> Owner:
        """Raises NotACustomer. The username is checked, never changed: `Ann` is not `ann`."""
        if self.username is None or re.fullmatch(USERNAME_PATTERN, self.username) is None:
            raise NotACustomer(
                "this token names no customer: a username is 3 to 32 of a-z 0-9 _ . - and begins with a letter"
            )
        return Owner(self.username, self.sub)

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
        if self.username is None or self.groups.isdisjoint(groups):
            raise OperatorsOnly(f"this needs the group {' or '.join(map(repr, groups))}")
        return self.owner.username

    def must_have(self, scope: str) -> None:
        """Raises ScopeMissing."""
        if scope not in self.scopes:
            raise ScopeMissing(f"this needs a machine's token with the scope {scope!r}")


def caller(claims: Mapping[str, Any], settings: Settings, now: datetime) -> Caller:
    """Raises TokenRefused, when a claim is not as an access token of our pool has it."""
    if claims.get("iss") != settings.token_issuer:
        raise TokenRefused("this token was issued elsewhere")
    if claims.get("token_use") != "access":
        raise TokenRefused("send the access token, not the id token")
    if claims.get("client_id") not in settings.token_clients:
        raise TokenRefused("this token was issued to another application")
    if not str(claims.get("exp", "")).isdecimal() or int(claims["exp"]) <= now.timestamp():
        raise TokenRefused("this token has expired; sign in again")
    sub, username = claims.get("sub"), claims.get("username")
    if not sub:
        raise TokenRefused("this token has no subject")
    return Caller(
        sub=str(sub),
        username=str(username) if username else None,
        groups=groups(claims.get("cognito:groups")),
        scopes=frozenset(str(claims.get("scope", "")).split()),
    )


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
