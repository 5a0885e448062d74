"""A user pool of operators in memory, shaped like botocore's client of Cognito. A test compares it with MiniStack's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from common.operator_pool import OperatorPool

POOL_ID = "us-east-1_operators"
BOTH = ["olga", "oleg"]  # operators, and approvers


class InMemoryUserPool:
    """`groups`: names by group. `down`: no call is answered; `lost`: what is asked is done, and the answer lost."""

    def __init__(self, groups: Mapping[str, list[str]]) -> None:
        self.groups = groups
        self.disabled: set[str] = set()
        self.signed_out: list[str] = []
        self.down = False
        self.lost = False

    def admin_get_user(self, *, UserPoolId: str, Username: str) -> dict[str, Any]:  # noqa: N803
        self._must_have("AdminGetUser", UserPoolId, Username)
        return {"Username": Username, "Enabled": Username not in self.disabled}

    def admin_user_global_sign_out(self, *, UserPoolId: str, Username: str) -> dict[str, Any]:  # noqa: N803
        self._must_have("AdminUserGlobalSignOut", UserPoolId, Username)
        self.signed_out.append(Username)
        return self._answered("AdminUserGlobalSignOut")

    def admin_disable_user(self, *, UserPoolId: str, Username: str) -> dict[str, Any]:  # noqa: N803
        self._must_have("AdminDisableUser", UserPoolId, Username)
        self.disabled.add(Username)
        return self._answered("AdminDisableUser")

    def list_users_in_group(self, **asked: Any) -> dict[str, Any]:
        """A page has one."""
        self._must_have("ListUsersInGroup", asked["UserPoolId"])
        names, at = self.groups[asked["GroupName"]], int(asked.get("NextToken", 0))
        users = [{"Username": name, "Enabled": name not in self.disabled} for name in names[at : at + 1]]
        return {"Users": users, **({"NextToken": str(at + 1)} if at + 1 < len(names) else {})}

    def _must_have(self, operation: str, pool_id: str, username: str | None = None) -> None:
        if self.down:
            raise _error(operation, "InternalErrorException")
        if pool_id != POOL_ID:
            raise _error(operation, "ResourceNotFoundException")
        if username is not None and not any(username in names for names in self.groups.values()):
            raise _error(operation, "UserNotFoundException")

    def _answered(self, operation: str) -> dict[str, Any]:
        if self.lost:
            raise _error(operation, "InternalErrorException")
        return {}


def in_memory() -> OperatorPool:
    return OperatorPool(InMemoryUserPool({"viewers": ["vera"], "operators": BOTH, "approvers": BOTH}), POOL_ID)


def _error(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)
