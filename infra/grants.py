"""What each function may do, as data. Nothing else grants a function anything but its own log.

A `TransactWriteItems` needs the permission of each kind of statement in it: PutItem, UpdateItem, DeleteItem,
ConditionCheckItem. A function missing here can not be deployed; one that is granted too little fails on the
embedded AWS as it would on AWS, which enforces these policies too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from common.keys import OPEN_WORK, USER_ORDERS, USER_TIMELINE, Index

GET, QUERY, SCAN = "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"
PUT, UPDATE, DELETE = "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"
CHECK = "dynamodb:ConditionCheckItem"
START, DESCRIBE = "states:StartExecution", "states:DescribeExecution"
LIST, HISTORY = "states:ListExecutions", "states:GetExecutionHistory"
TOKEN, TOKEN_FAILS = "states:SendTaskSuccess", "states:SendTaskFailure"
ON_EXECUTIONS = {DESCRIBE, HISTORY}  # the others are asked of the machine
READ_SECRET = "secretsmanager:GetSecretValue"


class Secret(StrEnum):
    CURSOR_KEY = "CURSOR_KEY"  # signs the cursors of lists
    PRICE_ORACLE_KEY = "PRICE_ORACLE_KEY"  # exists only where the oracle asks for one
    EXCHANGE_KEY = "EXCHANGE_KEY"  # filled by hand: docs/deploy.md
    BANK_KEY = "BANK_KEY"
    BANK_WEBHOOK = "BANK_WEBHOOK"  # what the bank signs with


@dataclass(frozen=True)
class Grant:
    """Actions on the table itself; indexes that may be queried; secrets that may be read; what may be asked of which
    machines."""

    table: frozenset[str]
    indexes: tuple[Index, ...] = ()
    secrets: frozenset[Secret] = frozenset()
    machines: Mapping[str, frozenset[str]] = field(default_factory=dict)


SELL_ORDER, PAYOUT, PURCHASE = "sell-order", "payout", "purchase"


def _each(*actions: str, of: tuple[str, ...] = (SELL_ORDER, PAYOUT)) -> dict[str, frozenset[str]]:
    return dict.fromkeys(of, frozenset(actions))


_SALE = Grant(  # of the tasks that ask the exchange and settle what it did
    table=frozenset({GET, PUT, UPDATE}),
    secrets=frozenset({Secret.EXCHANGE_KEY}),
)
_PAYING = Grant(  # of those that ask the bank
    table=frozenset({GET, PUT, UPDATE, CHECK}),
    secrets=frozenset({Secret.BANK_KEY}),
)


GRANTS: dict[str, Grant] = {
    "accounts.api": Grant(
        table=frozenset({GET, QUERY, SCAN, PUT, UPDATE, CHECK}),  # the scan: GET /operations/users
        secrets=frozenset({Secret.CURSOR_KEY}),
        machines={PAYOUT: frozenset({START, DESCRIBE})},
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
        machines=_each(START, DESCRIBE, HISTORY, TOKEN) | _each(START, DESCRIBE, HISTORY, of=(PURCHASE,)),
    ),
    "operations.sweep": Grant(
        table=frozenset({GET, PUT, UPDATE}),
        indexes=(OPEN_WORK,),
        machines=_each(START, DESCRIBE, LIST, TOKEN) | _each(START, DESCRIBE, LIST, of=(PURCHASE,)),
    ),
    "operations.reconcile": Grant(
        table=frozenset({GET, QUERY, SCAN, PUT}),
    ),
    "offramp.api": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE, CHECK}),
        indexes=(USER_TIMELINE,),
        secrets=frozenset({Secret.CURSOR_KEY, Secret.EXCHANGE_KEY, Secret.BANK_WEBHOOK}),
        machines={SELL_ORDER: frozenset({START, DESCRIBE, TOKEN}), PAYOUT: frozenset({TOKEN})},
    ),
    "offramp.read_order": Grant(table=frozenset({GET, UPDATE})),
    "offramp.resolve_sell_order": replace(_SALE, machines={SELL_ORDER: frozenset({START, DESCRIBE})}),
    "offramp.look_for_late_fill": Grant(table=frozenset({GET, UPDATE}), secrets=_SALE.secrets),
    "offramp.poll_sell_order": _SALE,
    "offramp.cancel_sell_order": _SALE,
    "offramp.create_payout": _PAYING,
    "offramp.check_payout": replace(_PAYING, table=frozenset({GET, PUT, UPDATE})),
    "purchases.api": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE, DELETE}),  # who leaves a pool is no member of it any more
        machines={PURCHASE: frozenset({START, DESCRIBE})},
        secrets=frozenset({Secret.EXCHANGE_KEY}),
    ),
    "purchases.close_pools": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE}),
        indexes=(OPEN_WORK,),
        machines={PURCHASE: frozenset({START})},
    ),
    "purchases.read_batch": Grant(table=frozenset({GET})),
    "purchases.place_batch": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE}), secrets=frozenset({Secret.EXCHANGE_KEY})
    ),
    "purchases.resolve_batch": _SALE,
    "purchases.poll_batch": _SALE,
    "purchases.cancel_batch": _SALE,
    "purchases.allocate_batch": Grant(table=frozenset({GET, QUERY, PUT, UPDATE})),
    "purchases.look_for_late_order": Grant(table=frozenset({GET, UPDATE}), secrets=_SALE.secrets),
    "offramp.await_payout": Grant(table=frozenset({GET, UPDATE}), machines=_each(TOKEN, TOKEN_FAILS)),
}
