"""What each function may do, as data. Nothing else grants a function anything but its own log.

A `TransactWriteItems` needs the permission of each kind of statement in it: PutItem, UpdateItem, DeleteItem,
ConditionCheckItem. A function missing here can not be deployed; one that is granted too little fails on the
embedded AWS as it would on AWS, which enforces these policies too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from common.table.keys import OPEN_WORK, USER_ORDERS, USER_TIMELINE, Index

GET, QUERY, SCAN = "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"
PUT, UPDATE, DELETE = "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"
READ_SECRET = "secretsmanager:GetSecretValue"


class Secret(StrEnum):
    CURSOR_KEY = "CURSOR_KEY"  # signs the cursors of lists
    PRICE_ORACLE_KEY = "PRICE_ORACLE_KEY"  # exists only where the oracle asks for one


@dataclass(frozen=True)
class Grant:
    """Actions on the table itself; indexes that may be queried; secrets that may be read."""

    table: frozenset[str]
    indexes: tuple[Index, ...] = ()
    secrets: frozenset[Secret] = frozenset()


GRANTS: dict[str, Grant] = {
    "accounts.api": Grant(
        table=frozenset({GET, QUERY, SCAN, PUT, UPDATE}),  # the scan: GET /operations/users
        secrets=frozenset({Secret.CURSOR_KEY}),
    ),
    "orders.api": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE, DELETE}),  # a cancelled order leaves the book
        indexes=(USER_ORDERS, USER_TIMELINE),
        secrets=frozenset({Secret.CURSOR_KEY}),
    ),
    "orders.tend_market": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE, DELETE}),
        secrets=frozenset({Secret.PRICE_ORACLE_KEY}),
    ),
    "orders.expire_orders": Grant(
        table=frozenset({GET, PUT, UPDATE, DELETE}),
        indexes=(OPEN_WORK,),
    ),
    "operations.api": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE}),
        indexes=(OPEN_WORK,),
        secrets=frozenset({Secret.CURSOR_KEY}),
    ),
    "operations.reconcile": Grant(
        table=frozenset({GET, QUERY, SCAN, PUT}),
    ),
}
