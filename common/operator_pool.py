"""The user pool of operators, as the desk asks it: who is there, and that somebody gets in no more. To let somebody in
is not the desk's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from common.errors import NotFound, Unavailable
from common.identity import APPROVERS, OPERATORS, VIEWERS


class OperatorPoolUnavailable(Unavailable):
    """The operators' user pool did not answer. Send the same request again: what is in the desk's own table is done."""


class OperatorNotFound(NotFound):
    """The operators' user pool has nobody of this name."""


class Cognito(Protocol):
    """What is asked of Cognito's client."""

    def admin_get_user(self, *, UserPoolId: str, Username: str) -> Any: ...  # noqa: N803
    def admin_user_global_sign_out(self, *, UserPoolId: str, Username: str) -> Any: ...  # noqa: N803
    def admin_disable_user(self, *, UserPoolId: str, Username: str) -> Any: ...  # noqa: N803
    def list_users_in_group(self, **asked: Any) -> Any: ...


@dataclass(frozen=True)
class Member:
    username: str
    groups: Sequence[str]
    enabled: bool


@dataclass(frozen=True)
class OperatorPool:
    client: Cognito
    pool_id: str

    def must_have(self, username: str) -> None:
        """Raises OperatorNotFound, OperatorPoolUnavailable."""
        self._asked(self.client.admin_get_user, UserPoolId=self.pool_id, Username=username)

    def sign_out(self, username: str) -> None:
        """No token of his is refreshed any more. Raises OperatorNotFound, OperatorPoolUnavailable."""
        self._asked(self.client.admin_user_global_sign_out, UserPoolId=self.pool_id, Username=username)

    def disable(self, username: str) -> None:
        """He signs in no more. Raises OperatorNotFound, OperatorPoolUnavailable."""
        self._asked(self.client.admin_disable_user, UserPoolId=self.pool_id, Username=username)

    def members(self) -> list[Member]:
        """Whoever is in a group of ours, by name: the others may nothing. Raises OperatorPoolUnavailable."""
        groups, enabled = defaultdict[str, list[str]](list), dict[str, bool]()
        for group in (VIEWERS, OPERATORS, APPROVERS):
            for user in self._in(group):
                groups[user["Username"]].append(group)
                enabled[user["Username"]] = user["Enabled"]
        return [Member(name, groups[name], enabled[name]) for name in sorted(groups)]

    def _in(self, group: str) -> Iterator[dict[str, Any]]:
        position: dict[str, str] = {}
        while True:
            page = self._asked(self.client.list_users_in_group, UserPoolId=self.pool_id, GroupName=group, **position)
            yield from page["Users"]
            if not page.get("NextToken"):
                return
            position = {"NextToken": page["NextToken"]}

    @staticmethod
    def _asked(operation: Any, **asked: Any) -> Any:
        try:
            return operation(**asked)
        except ClientError as error:
            why = error.response["Error"]["Code"]
        except BotoCoreError as error:
            why = type(error).__name__
        if why == "UserNotFoundException":
            name = asked["Username"]
            raise OperatorNotFound(f"the operators' user pool has nobody called {name}; `desk operators list` has all")
        raise OperatorPoolUnavailable(f"the operators' user pool did not answer: {why}", retry_after_seconds=5)
