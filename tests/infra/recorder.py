"""Writes down what each function asks of AWS, in the words of its grant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.grants import (
    CHECK,
    DEFINITION,
    DELETE,
    DESCRIBE,
    DISABLE,
    END_SIGN_INS,
    FIND_MEMBER,
    GET,
    HISTORY,
    LIST,
    LIST_ANCHORS,
    LIST_MEMBERS,
    NEW_KEY,
    PAYOUT,
    PUBLIC_KEY,
    PUT,
    PUT_ANCHOR,
    QUERY,
    READ_ANCHOR,
    SCAN,
    SIGN,
    START,
    TOKEN,
    TOKEN_FAILS,
    UNWRAP,
    UPDATE,
    Secret,
)

_OF_KMS = {"generate_data_key": NEW_KEY, "decrypt": UNWRAP, "sign": SIGN, "get_public_key": PUBLIC_KEY}
_OF_S3 = {"put_object": PUT_ANCHOR, "get_object": READ_ANCHOR, "list_object_versions": LIST_ANCHORS}
_OF_THE_POOL = {
    "admin_user_global_sign_out": END_SIGN_INS,
    "admin_disable_user": DISABLE,
    "admin_get_user": FIND_MEMBER,
    "list_users_in_group": LIST_MEMBERS,
}
_OF_TABLE = {"get_item": GET, "query": QUERY, "scan": SCAN}
_OF_STATEMENT = {"Put": PUT, "Update": UPDATE, "Delete": DELETE, "ConditionCheck": CHECK}
_OF_MACHINES = {
    "start_execution": START,
    "describe_execution": DESCRIBE,
    "describe_state_machine": DEFINITION,
    "list_executions": LIST,
    "get_execution_history": HISTORY,
    "send_task_success": TOKEN,
    "send_task_failure": TOKEN_FAILS,
}


@dataclass
class Recorder:
    """`function` is the grant's name of who is asking; what nobody of them asks is the test's own."""

    asked: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # as `granted` says it
    function: str | None = None

    def table(self, client: Any) -> Any:
        return _Watched(client, self._of_table)

    def states(self, client: Any, waits: str = PAYOUT) -> Any:
        """waits: the machine that waits for tokens."""

        def watch(operation: str, asked: Mapping[str, Any]) -> None:
            arn = str(asked.get("stateMachineArn") or asked.get("executionArn") or f":cryptodesk-{waits}")
            machine = arn.partition(":cryptodesk-")[2].partition(":")[0]
            self._now.add(f"{_OF_MACHINES[operation]} of {machine}")

        return _Watched(client, watch)

    def reads(self, secret: Secret, of: Any) -> Any:
        """The outside system, whose every call needs its secret."""
        return _Watched(of, lambda *_: self._now.add(secret))

    def kms(self, client: Any, whose: str = "") -> Any:
        return _Watched(client, lambda operation, _: self._now.add(f"{_OF_KMS[operation]}{whose}"))

    def s3(self, client: Any) -> Any:
        return _Watched(client, lambda operation, _: self._now.add(_OF_S3[operation]))

    def user_pool(self, client: Any) -> Any:
        return _Watched(client, lambda operation, _: self._now.add(_OF_THE_POOL[operation]))

    def secret(self, secret: Secret) -> None:
        self._now.add(secret)

    def as_(self, function: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def acting(*given: Any, **named: Any) -> Any:
            before, self.function = self.function, function
            try:
                return act(*given, **named)
            finally:
                self.function = before

        return acting

    @property
    def _now(self) -> set[str]:
        return set() if self.function is None else self.asked[self.function]

    def _of_table(self, operation: str, asked: Mapping[str, Any]) -> None:
        if operation == "transact_write_items":
            self._now.update(_OF_STATEMENT[kind] for item in asked["TransactItems"] for kind in item)
        else:
            self._now.add(asked.get("IndexName") or _OF_TABLE[operation])


class _Watched:
    def __init__(self, of: Any, watch: Callable[[str, Mapping[str, Any]], object]) -> None:
        self._of, self._watch = of, watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if not callable(found):
            self._watch(name, {})
            return found

        def call(*given: Any, **asked: Any) -> Any:
            self._watch(name, asked)
            return found(*given, **asked)

        return call
