"""A buy as seed 002 describes it, for comparison only: save the order as PENDING, lock the user, read his balance and
his asset, write all four items in one transaction, unlock. Six requests.

The lock is an item with a lease; its holder is whoever put it. Nothing of this is in the product, and it shows why.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

LEASE_SECONDS = 5.0


class LockTaken(Exception):
    """Somebody else holds the user's lock, for longer than a request may wait."""


@dataclass(frozen=True)
class LockThenWrite:
    client: Any
    table_name: str
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    jitter: Callable[[], float]
    budget_seconds: float = 6.0

    def buy(self, username: str, order_id: str, quantity: Decimal, total: Decimal) -> None:
        """Raises LockTaken; ValueError when the balance is too small."""
        at = datetime.now(UTC).isoformat()
        order = {"order_id": {"S": order_id}, "username": {"S": username}, "quantity": _n(quantity)}
        self._put(order_id, "ORDER", {**order, "status": {"S": "PENDING"}})
        owner = self._lock(username)
        try:
            balance = Decimal(self._get(username, "BALANCE")["current_balance"]["N"])
            if balance < total:
                raise ValueError("insufficient funds")
            held = self._get(username, "ASSET#BTC")
            before = Decimal(held["quantity"]["N"]) if held else Decimal(0)
            line = {"transaction_type": {"S": "BUY"}, "quantity": _n(quantity), "total_amount": _n(total)}
            journal = _key(f"TRANS#{username}#BTC", f"{at}#{order_id}") | line
            self._write(
                self._set(username, "BALANCE", "current_balance", balance - total),
                self._set(username, "ASSET#BTC", "quantity", before + quantity),
                {"Put": {"TableName": self.table_name, "Item": journal}},
                self._set(order_id, "ORDER", "status", "COMPLETED"),
            )
        finally:
            self._unlock(username, owner)

    def _lock(self, username: str) -> str:
        owner, deadline, longest = uuid.uuid4().hex, self.monotonic() + self.budget_seconds, 0.01
        while True:
            now = self.monotonic()
            try:
                self.client.put_item(
                    TableName=self.table_name,
                    Item={
                        **_key(username, "LOCK"),
                        "owner": {"S": owner},
                        "until": _n(Decimal(str(now + LEASE_SECONDS))),
                    },
                    ConditionExpression="attribute_not_exists(PK) OR #until < :now",
                    ExpressionAttributeNames={"#until": "until"},
                    ExpressionAttributeValues={":now": _n(Decimal(str(now)))},
                )
                return owner
            except ClientError:
                pause = longest * self.jitter()
                if now + pause > deadline:
                    raise LockTaken from None
                self.sleep(pause)
                longest = min(longest * 2, 0.25)

    def _unlock(self, username: str, owner: str) -> None:
        with suppress(ClientError):  # the lease had expired, and somebody else has it now: two have been inside
            self.client.delete_item(
                TableName=self.table_name,
                Key=_key(username, "LOCK"),
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}},
            )

    def _put(self, pk: str, sk: str, item: dict[str, Any]) -> None:
        self.client.put_item(TableName=self.table_name, Item=_key(pk, sk) | item)

    def _get(self, pk: str, sk: str) -> dict[str, Any]:
        answer = self.client.get_item(TableName=self.table_name, Key=_key(pk, sk), ConsistentRead=True)
        return dict(answer.get("Item", {}))

    def _set(self, pk: str, sk: str, name: str, value: Decimal | str) -> dict[str, Any]:
        """What was read decides what is written: there is no condition but the lock."""
        return {
            "Update": {
                "TableName": self.table_name,
                "Key": _key(pk, sk),
                "UpdateExpression": "SET #name = :value",
                "ExpressionAttributeNames": {"#name": name},
                "ExpressionAttributeValues": {":value": {"S": value} if isinstance(value, str) else _n(value)},
            }
        }

    def _write(self, *writes: dict[str, Any]) -> None:
        """Raises LockTaken where somebody writes the same items: the lease had expired, and he is inside, too."""
        try:
            self.client.transact_write_items(TransactItems=list(writes))
        except ClientError:
            raise LockTaken from None


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"PK": {"S": pk}, "SK": {"S": sk}}


def _n(number: Decimal) -> dict[str, str]:
    return {"N": format(number, "f")}
