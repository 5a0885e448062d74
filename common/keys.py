"""The key schema: every kind of item in the one table, a row each. Nothing else spells a key.

| entity            | PK                          | SK                      | indexes                                           |
|-------------------|-----------------------------|-------------------------|---------------------------------------------------|
| user              | {username}                  | USER                    |                                                   |
| balance           | {username}                  | BALANCE                 |                                                   |
| asset_balance     | {username}                  | ASSET#{asset_id}        |                                                   |
| limit_counter     | {username}                  | LIMIT#{kind}#{date}     |                                                   |
| asset_transaction | TRANS#{username}#{asset_id} | {created_at}#{order_id} |                                                   |
| desk_transaction  | DESK#{asset_id}             | {created_at}#{order_id} |                                                   |
| order             | {order_id}                  | ORDER                   | UserOrdersIndex, UserTimelineIndex, OpenWorkIndex |
| deposit           | {order_id}                  | DEPOSIT                 |                                                   |
| withdrawal        | {order_id}                  | WITHDRAWAL              | OpenWorkIndex                                     |
| sell_order        | {order_id}                  | SELL_ORDER              | UserOrdersIndex, UserTimelineIndex, OpenWorkIndex |
| purchase          | {order_id}                  | PURCHASE                | UserOrdersIndex, UserTimelineIndex, OpenWorkIndex |
| pool              | POOL#{asset_id}#{shard}     | HEAD                    | OpenWorkIndex                                     |
| batch             | {batch_id}                  | BATCH                   | OpenWorkIndex                                     |
| member            | {batch_id}                  | MEMBER#{order_id}       |                                                   |
| exchange_order    | {order_id}                  | VENUE#{n}               |                                                   |
| payout_attempt    | {order_id}                  | PAYOUT#{attempt}        |                                                   |
| bank_event        | HOOK#{webhook_id}           | SEEN                    | OpenWorkIndex                                     |
| event             | {order_id}                  | EVENT#{at}#{n}          |                                                   |
| crypto_client     | CLIENT#{client_id}          | CRYPTO                  |                                                   |
| banking_client    | CLIENT#{client_id}          | BANKING                 |                                                   |
| asset             | CATALOGUE                   | ASSET#{asset_id}        |                                                   |
| price             | PRICE                       | {asset_id}              |                                                   |
| book_entry        | BOOK#{asset_id}#{side}      | {price}#{order_id}      |                                                   |
| audit_entry       | AUDIT#{date}                | {at}#{audit_id}         |                                                   |
| cursor            | CURSOR#{name}               | CURSOR                  |                                                   |

| index             | partition key | sort key    | holds           | for                                                                  |
|-------------------|---------------|-------------|-----------------|----------------------------------------------------------------------|
| UserOrdersIndex   | username      | ASSET_ID    | the whole item  | a user's orders of one asset, newest first; of all assets, by asset  |
| UserTimelineIndex | username      | timeline_at | the whole item  | all of a user's orders, newest first                                 |
| OpenWorkIndex     | open_work     | due_at      | keys, waits_for | unfinished work by the time it is due: the sweeper, expiry, the desk |

A username is `[a-z][a-z0-9_.-]{2,31}`. Every other partition key holds an upper-case letter or a `#`, so no
username can name another kind of item.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

PK, SK = "PK", "SK"
USERNAME_PATTERN = r"^[a-z][a-z0-9_.-]{2,31}$"
ORDER_ID_PATTERN = r"^[A-Z][A-Z0-9]{20,31}$"
ASSET_ID_PATTERN = r"^[A-Z0-9]{2,10}$"


class IllegalKeyPart(ValueError):
    """A key part is empty or holds '#', the separator: it could name another user's item."""


class PrimaryKey(NamedTuple):
    pk: str
    sk: str


@dataclass(frozen=True)
class Index:
    """A global secondary index. `holds` lists its projected attributes besides the keys; none means all."""

    name: str
    hash: str
    range: str
    holds: tuple[str, ...]
    purpose: str


@dataclass(frozen=True)
class Key:
    """One row of the key schema. Call it with its parts to get a primary key."""

    entity: str
    pk: str
    sk: str
    indexes: tuple[Index, ...] = ()

    def __call__(self, **parts: str) -> PrimaryKey:
        for name, part in parts.items():
            if not part or "#" in part:
                raise IllegalKeyPart(f"{self.entity}.{name} = {part!r}")
        return PrimaryKey(self.pk.format(**parts), self.sk.format(**parts))

    def read(self, key: PrimaryKey) -> dict[str, str]:
        """The parts of a primary key of this row: the inverse of calling it."""
        return _parts(self.pk, key.pk) | _parts(self.sk, key.sk)


def _parts(template: str, written: str) -> dict[str, str]:
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^#]+)", re.escape(template))
    match = re.fullmatch(pattern, written)
    if match is None:
        raise ValueError(f"{written!r} is not {template!r}")
    return match.groupdict()


USER_ORDERS = Index(
    "UserOrdersIndex",
    hash="username",
    range="ASSET_ID",  # {asset_id}#{created_at}#{order_id}: by asset alone, orders would come in no order
    holds=(),
    purpose="a user's orders of one asset, newest first; of all assets, by asset",
)
USER_TIMELINE = Index(
    "UserTimelineIndex",
    hash="username",
    range="timeline_at",
    holds=(),
    purpose="all of a user's orders, newest first",
)
OPEN_WORK = Index(
    "OpenWorkIndex",
    hash="open_work",
    range="due_at",
    holds=("waits_for",),
    purpose="unfinished work by the time it is due: the sweeper, expiry, the desk",
)
INDEXES = [USER_ORDERS, USER_TIMELINE, OPEN_WORK]

USER = Key("user", pk="{username}", sk="USER")
BALANCE = Key("balance", pk="{username}", sk="BALANCE")
ASSET_BALANCE = Key("asset_balance", pk="{username}", sk="ASSET#{asset_id}")
LIMIT_COUNTER = Key("limit_counter", pk="{username}", sk="LIMIT#{kind}#{date}")
ASSET_TRANSACTION = Key("asset_transaction", pk="TRANS#{username}#{asset_id}", sk="{created_at}#{order_id}")
DESK_TRANSACTION = Key("desk_transaction", pk="DESK#{asset_id}", sk="{created_at}#{order_id}")
ORDER = Key("order", pk="{order_id}", sk="ORDER", indexes=(USER_ORDERS, USER_TIMELINE, OPEN_WORK))
DEPOSIT = Key("deposit", pk="{order_id}", sk="DEPOSIT")
WITHDRAWAL = Key("withdrawal", pk="{order_id}", sk="WITHDRAWAL", indexes=(OPEN_WORK,))
SELL_ORDER = Key("sell_order", pk="{order_id}", sk="SELL_ORDER", indexes=(USER_ORDERS, USER_TIMELINE, OPEN_WORK))
PURCHASE = Key("purchase", pk="{order_id}", sk="PURCHASE", indexes=(USER_ORDERS, USER_TIMELINE, OPEN_WORK))
POOL = Key("pool", pk="POOL#{asset_id}#{shard}", sk="HEAD", indexes=(OPEN_WORK,))
BATCH = Key("batch", pk="{batch_id}", sk="BATCH", indexes=(OPEN_WORK,))
MEMBER = Key("member", pk="{batch_id}", sk="MEMBER#{order_id}")
EXCHANGE_ORDER = Key("exchange_order", pk="{order_id}", sk="VENUE#{n}")
PAYOUT_ATTEMPT = Key("payout_attempt", pk="{order_id}", sk="PAYOUT#{attempt}")
BANK_EVENT = Key("bank_event", pk="HOOK#{webhook_id}", sk="SEEN", indexes=(OPEN_WORK,))
EVENT = Key("event", pk="{order_id}", sk="EVENT#{at}#{n}")
CRYPTO_CLIENT = Key("crypto_client", pk="CLIENT#{client_id}", sk="CRYPTO")
BANKING_CLIENT = Key("banking_client", pk="CLIENT#{client_id}", sk="BANKING")
ASSET = Key("asset", pk="CATALOGUE", sk="ASSET#{asset_id}")
PRICE = Key("price", pk="PRICE", sk="{asset_id}")
BOOK_ENTRY = Key("book_entry", pk="BOOK#{asset_id}#{side}", sk="{price}#{order_id}")
AUDIT_ENTRY = Key("audit_entry", pk="AUDIT#{date}", sk="{at}#{audit_id}")
CURSOR = Key("cursor", pk="CURSOR#{name}", sk="CURSOR")

SCHEMA = [
    USER,
    BALANCE,
    ASSET_BALANCE,
    LIMIT_COUNTER,
    ASSET_TRANSACTION,
    DESK_TRANSACTION,
    ORDER,
    DEPOSIT,
    WITHDRAWAL,
    SELL_ORDER,
    PURCHASE,
    POOL,
    BATCH,
    MEMBER,
    EXCHANGE_ORDER,
    PAYOUT_ATTEMPT,
    BANK_EVENT,
    EVENT,
    CRYPTO_CLIENT,
    BANKING_CLIENT,
    ASSET,
    PRICE,
    BOOK_ENTRY,
    AUDIT_ENTRY,
    CURSOR,
]


def as_markdown() -> str:
    """The two tables at the top of this module, drawn from SCHEMA and INDEXES: a test compares them."""
    entities = [("entity", PK, SK, "indexes")]
    entities += [(k.entity, k.pk, k.sk, ", ".join(i.name for i in k.indexes)) for k in SCHEMA]
    indexes = [("index", "partition key", "sort key", "holds", "for")]
    indexes += [
        (i.name, i.hash, i.range, "keys, " + ", ".join(i.holds) if i.holds else "the whole item", i.purpose)
        for i in INDEXES
    ]
    return f"{_table(entities)}\n\n{_table(indexes)}"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *body = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([head, rule, *body])
