"""The registry: every kind of item in the one table, a row each. Nothing else spells a key, a prefix or an index key.

A row tells an entity's keys and indexes, what its ids begin with, the backlog of open work that it waits in, and the
state machines that move it. From the rows are derived: the backlogs, the machines, the item that an id names, the
table of this page, and the table that is deployed.

| entity                 | PK                                              | SK                                 | ids                      | backlog       | machines           | indexes                                      |
|------------------------|-------------------------------------------------|------------------------------------|--------------------------|---------------|--------------------|----------------------------------------------|
| user                   | {username}                                      | USER                               |                          |               |                    | Listed                                       |
| balance                | {username}                                      | BALANCE                            |                          |               |                    |                                              |
| asset_balance          | {username}                                      | ASSET#{asset_id}                   |                          |               |                    |                                              |
| limit_counter          | {username}                                      | LIMIT#{kind}#{date}                |                          |               |                    |                                              |
| asset_transaction      | TRANS#{username}#{asset_id}                     | {created_at}#{order_id}            |                          |               |                    |                                              |
| desk_transaction       | DESK#{asset_id}                                 | {created_at}#{order_id}            |                          |               |                    |                                              |
| order                  | {order_id}                                      | ORDER                              | O…                       | orders        |                    | UserOrders, UserTimeline, OpenWork, UserOpen |
| quote                  | {quote_id}                                      | QUOTE                              | Q…                       |               |                    |                                              |
| quote_counter          | {username}                                      | QUOTES#{since}                     |                          |               |                    |                                              |
| deposit                | {order_id}                                      | DEPOSIT                            | D…                       |               |                    |                                              |
| withdrawal             | {order_id}                                      | WITHDRAWAL                         | W…                       | accounts      | payout             | UserOrders, OpenWork, UserOpen               |
| sell_order             | {order_id}                                      | SELL_ORDER                         | S…                       | offramp       | sell-order, payout | UserOrders, UserTimeline, OpenWork, UserOpen |
| purchase               | {order_id}                                      | PURCHASE                           | P…                       | purchases     |                    | UserOrders, UserTimeline, OpenWork, UserOpen |
| pool                   | POOL#{asset_id}#{shard}                         | HEAD                               | {asset_id}:{shard}       | purchases     |                    | OpenWork                                     |
| batch                  | {batch_id}                                      | BATCH                              | B…                       | batches       | purchase           | OpenWork                                     |
| member                 | {batch_id}                                      | MEMBER#{order_id}                  |                          |               |                    |                                              |
| sale                   | {order_id}                                      | SALE                               | V…                       | purchases     |                    | UserOrders, UserTimeline, OpenWork, UserOpen |
| sale_pool              | POOL#{asset_id}#{shard}                         | SALES                              | {asset_id}:{shard}:SALES | purchases     |                    | OpenWork                                     |
| seller                 | {batch_id}                                      | SELLER#{order_id}                  |                          |               |                    |                                              |
| recurring_buy          | {plan_id}                                       | RECURRING                          | R…                       | recurring     |                    | UserOrders, OpenWork                         |
| recurring_date         | {plan_id}                                       | DATE#{due_at}                      |                          |               |                    |                                              |
| recurring_count        | {username}                                      | RECURRING#{login}                  |                          |               |                    |                                              |
| desk_limit             | LIMIT#{asset_id}                                | {date}                             |                          |               |                    |                                              |
| exchange_order         | {order_id}                                      | VENUE#{n}                          |                          |               |                    |                                              |
| exchange_order_id      | VENUE#{exchange}#{asset_id}#{exchange_order_id} | OURS                               |                          |               |                    |                                              |
| stray_order            | {stray_id}                                      | STRAY                              | Z…                       | strays        |                    | OpenWork                                     |
| payout_attempt         | {order_id}                                      | PAYOUT#{attempt}                   |                          |               |                    |                                              |
| adjustment_id          | ADJUSTMENT#{adjustment_id}                      | OURS                               |                          |               |                    |                                              |
| bank_event             | HOOK#{webhook_id}                               | SEEN                               |                          | parked        |                    | OpenWork                                     |
| reconciliation         | {thing_id}                                      | RECONCILIATION                     |                          | books         |                    | OpenWork                                     |
| webhook_endpoint       | ENDPOINTS#{username}                            | {endpoint_id}                      |                          |               |                    |                                              |
| delivery               | {delivery_id}                                   | DELIVERY                           | G…                       | webhooks      |                    | UserOrders, OpenWork                         |
| unread_change          | {record_id}                                     | CHANGE                             | K…                       | webhooks      |                    | OpenWork                                     |
| event                  | {order_id}                                      | EVENT#{at}#{n}                     |                          |               |                    | Listed                                       |
| crypto_client          | CLIENT#{client_id}                              | CRYPTO                             | {client_id}:CRYPTO       | clients       |                    | UserOrders, OpenWork, UserOpen               |
| banking_client         | CLIENT#{client_id}                              | BANKING                            | {client_id}:BANKING      | clients       |                    | UserOrders, OpenWork, UserOpen               |
| person_key             | {username}                                      | KEY                                |                          |               |                    |                                              |
| asset                  | CATALOGUE                                       | ASSET#{asset_id}                   |                          |               |                    |                                              |
| flow_halt              | CATALOGUE                                       | HALT#{name}                        |                          |               |                    |                                              |
| price                  | PRICE                                           | {asset_id}                         |                          |               |                    |                                              |
| past_price             | PRICES#{asset_id}#{step}                        | {at}                               |                          |               |                    |                                              |
| book_entry             | BOOK#{asset_id}#{half}                          | {rank}#{created_at}#{order_id}     |                          |               |                    |                                              |
| audit_entry            | ACTS#{date}                                     | {number}                           |                          |               |                    |                                              |
| audit_head             | AUDIT                                           | LAST                               |                          |               |                    |                                              |
| sign_out               | OPERATORS                                       | OUT#{username}                     |                          |               |                    |                                              |
| own_accounts           | OPERATORS                                       | OWN#{username}                     |                          |               |                    |                                              |
| proposal               | {proposal_id}                                   | PROPOSAL                           | E…                       | proposals     |                    | OpenWork                                     |
| ruling                 | {order_id}                                      | RULING#{matter}#{about}            |                          |               |                    |                                              |
| snapshot               | {snapshot_id}                                   | SNAPSHOT                           | N…                       | snapshots     |                    | OpenWork                                     |
| snapshot_tie           | {tie_id}                                        | TIE                                | T…                       | snapshots     |                    | OpenWork                                     |
| outgoing               | {outgoing_id}                                   | OUTGOING                           | X…                       | outgoing      |                    | OpenWork                                     |
| custody_shortage       | {shortage_id}                                   | SHORTAGE                           | L…                       | outgoing      |                    | OpenWork                                     |
| output                 | OUTPUT#{output_id}                              | RESERVED                           |                          |               |                    |                                              |
| snapshot_cursor        | SNAPSHOTS                                       | CURSOR                             |                          |               |                    |                                              |
| market_making_order    | {order_id}                                      | MARKET_MAKING                      | M…                       | market-making | market-making      | UserOrders, UserTimeline, OpenWork, UserOpen |
| market_making_transfer | {order_id}                                      | TRANSFER#{snapshot_id}             |                          |               |                    |                                              |
| market_making_leg      | {order_id}                                      | LEG#{way}#{asset_id}               |                          |               |                    |                                              |
| market_making_quotes   | {order_id}                                      | QUOTES                             |                          |               |                    |                                              |
| market_making_trade    | {order_id}                                      | TRADE#{trade_id}                   |                          |               |                    |                                              |
| market_making_decided  | {order_id}                                      | DECIDED#{cycle}                    |                          |               |                    |                                              |
| market_making_config   | {order_id}                                      | CONFIG#{n}                         |                          |               |                    |                                              |
| market_making_campaign | {order_id}                                      | CAMPAIGN#{campaign_id}             |                          |               |                    |                                              |
| market_making_day      | {order_id}                                      | DAY#{date}                         |                          |               |                    |                                              |
| campaign_seeker        | CAMPAIGNS                                       | SEEKER#{order_id}                  |                          |               |                    |                                              |
| joined_campaign        | CAMPAIGNS                                       | JOINED#{account_id}#{campaign_id}  |                          |               |                    |                                              |
| campaign_member        | CAMPAIGN#{account_id}#{campaign_id}             | MEMBER#{order_id}                  |                          |               |                    |                                              |
| campaign_score         | CAMPAIGN#{account_id}#{campaign_id}             | SCORE#{date}                       |                          |               |                    |                                              |
| exchange_deposit       | DEPOSIT#{account_id}#{deposit_id}               | OURS                               |                          |               |                    |                                              |
| exchange_look          | LOOK#{account_id}                               | {list}                             |                          |               |                    |                                              |
| mixin_link             | MIXIN#{opponent_id}                             | LINK                               |                          |               |                    |                                              |
| pair                   | PAIRS                                           | PAIR#{pair_id}                     |                          |               |                    |                                              |
| trading_account        | ACCOUNTS                                        | ACCOUNT#{account_id}               |                          |               |                    |                                              |
| halt                   | {halt_id}                                       | HALT                               | H…                       | market-making |                    | OpenWork                                     |
| unledgered             | ACCOUNT#{account_id}                            | UNLEDGERED#{order_id}              |                          |               |                    |                                              |
| left_behind            | ACCOUNT#{account_id}                            | BEHIND#{symbol}                    |                          |               |                    |                                              |
| order_rate             | ACCOUNT#{account_id}                            | RATE                               |                          |               |                    |                                              |
| trades_cursor          | ACCOUNT#{account_id}                            | TRADES#{symbol}                    |                          |               |                    |                                              |
| shard_lease            | SHARD#{shard}                                   | LEASE                              |                          |               |                    |                                              |
| shard_member           | SHARD#{shard}                                   | MEMBER#{order_id}                  |                          |               |                    |                                              |
| dealer                 | {dealer_id}                                     | DEALER                             | C…                       | dealers       | onboarding         | OpenWork                                     |
| requisite              | {dealer_id}                                     | REQUISITE#{n}                      |                          |               |                    |                                              |
| data_key               | {dealer_id}                                     | KEY                                |                          |               |                    |                                              |
| taxpayer               | TAXPAYER#{mark}                                 | DEALER#{dealer_id}                 |                          |               |                    |                                              |
| billing_account        | {dealer_id}                                     | ACCOUNT#{type}                     | {dealer_id}:{type}       | totals        |                    | OpenWork                                     |
| contract               | CONTRACT#{contract_id}                          | OURS                               |                          |               |                    |                                              |
| invoice                | INVOICE#{invoice_id}                            | OURS                               |                          |               |                    |                                              |
| deal                   | DEAL#{deal_id}                                  | DEAL                               |                          |               |                    |                                              |
| deal_change            | DEAL#{deal_id}                                  | CHANGE#{change_id}                 |                          |               |                    |                                              |
| bill                   | {bill_id}                                       | BILL                               | I…                       | bills         | bill               | OpenWork                                     |
| open_bill              | {dealer_id}                                     | OPEN#{type}#{created_at}#{bill_id} |                          |               |                    |                                              |
| paid_bill              | {dealer_id}                                     | PAID#{type}#{created_at}#{bill_id} |                          |               |                    |                                              |
| cancelled_bill         | {dealer_id}                                     | PAST#{type}#{created_at}#{bill_id} |                          |               |                    |                                              |
| reminder               | {bill_id}                                       | REMINDER                           | {bill_id}:REMINDER       | bills         |                    | OpenWork                                     |
| credit_note            | {bill_id}                                       | CREDIT#{n}                         |                          |               |                    |                                              |
| payment                | {receipt_id}                                    | PAYMENT                            | Y…                       | payments      |                    | OpenWork                                     |
| application            | {receipt_id}                                    | BILL#{bill_id}                     |                          |               |                    |                                              |
| journal_entry          | {dealer_id}                                     | JOURNAL#{type}#{at}#{entry_id}     |                          |               |                    |                                              |
| release                | {dealer_id}                                     | RELEASE#{n}                        |                          |               |                    |                                              |
| refund                 | {refund_id}                                     | REFUND                             | F…                       | refunds       |                    | OpenWork                                     |
| segment                | SEGMENTS                                        | SEGMENT#{segment_id}               |                          |               |                    |                                              |
| cursor                 | CURSOR#{name}                                   | CURSOR                             |                          |               |                    |                                              |
| ban                    | OUTSIDE#{system}                                | BAN                                |                          |               |                    |                                              |
| comparison             | COMPARISON#{of}                                 | LATEST                             |                          |               |                    |                                              |
| comparison_pass        | COMPARISON#{of}                                 | PASS                               |                          |               |                    |                                              |

| index             | partition key | sort key    | holds                                   | for                                                                                     |
|-------------------|---------------|-------------|-----------------------------------------|-----------------------------------------------------------------------------------------|
| UserOrdersIndex   | username      | ASSET_ID    | the whole item                          | a user's orders of one asset, newest first; his withdrawals, clients and recurring buys |
| UserTimelineIndex | username      | timeline_at | the whole item                          | all of a user's orders, newest first                                                    |
| OpenWorkIndex     | open_work     | due_at      | keys, waits_for                         | unfinished work by the time it is due: the sweeper, expiry, the desk                    |
| UserOpenIndex     | username      | waits_since | the whole item                          | what of a user's is open: what his holds are for                                        |
| ListedIndex       | listed        | listed_at   | keys, sub, before, after, reason, actor | what operators list by time: all users, and what has failed on a day                    |
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

PK, SK = "PK", "SK"
USERNAME_PATTERN = r"^[a-z][a-z0-9_.-]{2,31}$"
ORDER_ID_PATTERN = r"^[A-Z][A-Z0-9]{20,31}$"
ASSET_ID_PATTERN = r"^[A-Z0-9]{1,20}$"
POOL_ID_PATTERN = r"^[A-Z0-9]{1,20}:[0-9]{1,2}$"
SALE_POOL_ID_PATTERN = r"^[A-Z0-9]{1,20}:[0-9]{1,2}:SALES$"
BILLING_ACCOUNT_ID_PATTERN = r"^C[A-Z0-9]{20,31}:[A-Z]{1,20}$"
REMINDER_ID_PATTERN = r"^I[A-Z0-9]{20,31}:REMINDER$"
CLIENT_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{2,39}:(CRYPTO|BANKING)$"
# Of what operators can ask for by its id.
THING_ID_PATTERN = "|".join(
    (
        CLIENT_ID_PATTERN,
        ORDER_ID_PATTERN,
        POOL_ID_PATTERN,
        SALE_POOL_ID_PATTERN,
        BILLING_ACCOUNT_ID_PATTERN,
        REMINDER_ID_PATTERN,
        USERNAME_PATTERN,
    )
)


class IllegalKeyPart(ValueError):
    """A key part is empty or holds '#', the separator: it could name another user's item."""


class PrimaryKey(NamedTuple):
    pk: str
    sk: str


def _filled(template: str, parts: dict[str, str]) -> str:
    for name, part in parts.items():
        if not part or "#" in part:
            raise IllegalKeyPart(f"{name} of {template} = {part!r}")
    return template.format(**parts)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^#]+)", re.escape(template)))


def _parts(template: str, written: str) -> dict[str, str] | None:
    match = _pattern(template).fullmatch(written)
    return None if match is None else match.groupdict()


@dataclass(frozen=True)
class Index:
    """A global secondary index. `holds` lists its projected attributes besides the keys; none means all.

    Call it with the parts of `sort_key` to get the value of its `range` attribute.
    """

    name: str
    hash: str
    range: str
    holds: tuple[str, ...]
    purpose: str
    sort_key: str

    def __call__(self, **parts: str) -> str:
        return _filled(self.sort_key, parts)


@dataclass(frozen=True)
class Key:
    """One row of the key schema. Call it with its parts to get a primary key."""

    entity: str
    pk: str
    sk: str
    indexes: tuple[Index, ...] = ()
    id_prefix: str | None = None  # the upper-case letter that its ids begin with
    id: str | None = None  # how an operator names it, where that is no part of the key
    backlog: str = ""  # of open work, that its items wait in; "" for what never waits
    machines: tuple[str, ...] = ()  # those that move it, in their order

    def __call__(self, **parts: str) -> PrimaryKey:
        filled = _filled(self.pk, parts), _filled(self.sk, parts)
        return PrimaryKey(*filled)

    def partition(self, **parts: str) -> str:
        """The partition key alone."""
        return _filled(self.pk, parts)

    @property
    def prefix(self) -> str:
        """What every sort key of this row begins with."""
        return self.sk.partition("{")[0]

    def read(self, key: PrimaryKey) -> dict[str, str]:
        """The parts of a primary key of this row: the inverse of calling it. Raises ValueError."""
        pk, sk = _parts(self.pk, key.pk), _parts(self.sk, key.sk)
        if pk is None or sk is None:
            raise ValueError(f"{key} is no {self.entity}")
        return pk | sk

    def id_of(self, key: PrimaryKey) -> str:
        """What an operator calls the item at this key of this row."""
        return (self.id or self.pk.partition("#")[2] or self.pk).format(**self.read(key))


USER_ORDERS = Index(
    "UserOrdersIndex",
    hash="username",
    range="ASSET_ID",
    holds=(),
    purpose="a user's orders of one asset, newest first; his withdrawals, clients and recurring buys",
    sort_key="{asset_id}#{created_at}#{order_id}",  # by asset alone, orders would come in no order
)
# In the place of an asset: its ids are upper-case, so nobody who asks for orders of an asset meets them.
WITHDRAWALS, CLIENTS, RECURRING, DELIVERIES = "withdrawal", "client", "recurring", "delivery"
USER_TIMELINE = Index(
    "UserTimelineIndex",
    hash="username",
    range="timeline_at",
    holds=(),
    purpose="all of a user's orders, newest first",
    sort_key="{created_at}#{order_id}",
)
OPEN_WORK = Index(
    "OpenWorkIndex",
    hash="open_work",
    range="due_at",
    holds=("waits_for",),
    purpose="unfinished work by the time it is due: the sweeper, expiry, the desk",
    sort_key="{due_at}",
)
# Of what waits, and is a user's: that needs no attribute of its own.
USER_OPEN = Index(
    "UserOpenIndex",
    hash="username",
    range="waits_since",
    holds=(),
    purpose="what of a user's is open: what his holds are for",
    sort_key="{waits_since}",
)
# Of what waits for nothing, and that an operator looks for all the same. It is written once and hardly ever changed, so
# that what everybody does (a buy, a payout) costs what it did.
LISTED = Index(
    "ListedIndex",
    hash="listed",
    range="listed_at",
    holds=("sub", "before", "after", "reason", "actor"),
    purpose="what operators list by time: all users, and what has failed on a day",
    sort_key="{listed_at}",
)
LISTED_USERS = "users"
LISTED_FAILURES = "failures#{date}"
INDEXES = [USER_ORDERS, USER_TIMELINE, OPEN_WORK, USER_OPEN, LISTED]
ORDER_INDEXES = (USER_ORDERS, USER_TIMELINE, OPEN_WORK, USER_OPEN)

USER = Key("user", pk="{username}", sk="USER", indexes=(LISTED,))
BALANCE = Key("balance", pk="{username}", sk="BALANCE")
ASSET_BALANCE = Key("asset_balance", pk="{username}", sk="ASSET#{asset_id}")
LIMIT_COUNTER = Key("limit_counter", pk="{username}", sk="LIMIT#{kind}#{date}")
ASSET_TRANSACTION = Key("asset_transaction", pk="TRANS#{username}#{asset_id}", sk="{created_at}#{order_id}")
DESK_TRANSACTION = Key("desk_transaction", pk="DESK#{asset_id}", sk="{created_at}#{order_id}")
ORDER = Key("order", pk="{order_id}", sk="ORDER", indexes=ORDER_INDEXES, id_prefix="O", backlog="orders")
# A price that the desk has promised for a few seconds.
QUOTE = Key("quote", pk="{quote_id}", sk="QUOTE", id_prefix="Q")
# How many a customer has asked for, in the seconds from then that a quote is good for.
QUOTE_COUNTER = Key("quote_counter", pk="{username}", sk="QUOTES#{since}")
DEPOSIT = Key("deposit", pk="{order_id}", sk="DEPOSIT", id_prefix="D")
WITHDRAWAL = Key(
    "withdrawal",
    pk="{order_id}",
    sk="WITHDRAWAL",
    indexes=(USER_ORDERS, OPEN_WORK, USER_OPEN),
    id_prefix="W",
    backlog="accounts",
    machines=("payout",),
)
SELL_ORDER = Key(
    "sell_order",
    pk="{order_id}",
    sk="SELL_ORDER",
    indexes=ORDER_INDEXES,
    id_prefix="S",
    backlog="offramp",
    machines=("sell-order", "payout"),
)
PURCHASE = Key("purchase", pk="{order_id}", sk="PURCHASE", indexes=ORDER_INDEXES, id_prefix="P", backlog="purchases")
POOL = Key(
    "pool", pk="POOL#{asset_id}#{shard}", sk="HEAD", indexes=(OPEN_WORK,), id="{asset_id}:{shard}", backlog="purchases"
)
BATCH = Key(
    "batch",
    pk="{batch_id}",
    sk="BATCH",
    indexes=(OPEN_WORK,),
    id_prefix="B",
    backlog="batches",
    machines=("purchase",),
)
MEMBER = Key("member", pk="{batch_id}", sk="MEMBER#{order_id}")
# Coins that are sold at the exchange: the same the other way round, in batches of the same row.
SALE = Key("sale", pk="{order_id}", sk="SALE", indexes=ORDER_INDEXES, id_prefix="V", backlog="purchases")
SALE_POOL = Key(
    "sale_pool",
    pk="POOL#{asset_id}#{shard}",
    sk="SALES",
    indexes=(OPEN_WORK,),
    id="{asset_id}:{shard}:SALES",
    backlog="purchases",
)
SELLER = Key("seller", pk="{batch_id}", sk="SELLER#{order_id}")
# What is to be bought again and again. It waits for its next date, and is no user's open order: it holds nothing.
RECURRING_BUY = Key(
    "recurring_buy",
    pk="{plan_id}",
    sk="RECURRING",
    indexes=(USER_ORDERS, OPEN_WORK),
    id_prefix="R",
    backlog="recurring",
)
# What became of one of its dates.
RECURRING_DATE = Key("recurring_date", pk="{plan_id}", sk="DATE#{due_at}")
# How many a login has that are not over.
RECURRING_COUNT = Key("recurring_count", pk="{username}", sk="RECURRING#{login}")
# What the desk's own book has bought of an asset on a day, in dollars.
DESK_LIMIT = Key("desk_limit", pk="LIMIT#{asset_id}", sk="{date}")
# VENUE and HOOK are older words for an order at the exchange and an event of the bank; stored keys stay.
EXCHANGE_ORDER = Key("exchange_order", pk="{order_id}", sk="VENUE#{n}")
# An order at the exchange is one of ours. Exchanges count their orders by market, so the asset belongs to the id.
EXCHANGE_ORDER_ID = Key("exchange_order_id", pk="VENUE#{exchange}#{asset_id}#{exchange_order_id}", sk="OURS")
STRAY_ORDER = Key("stray_order", pk="{stray_id}", sk="STRAY", indexes=(OPEN_WORK,), id_prefix="Z", backlog="strays")
PAYOUT_ATTEMPT = Key("payout_attempt", pk="{order_id}", sk="PAYOUT#{attempt}")
# An adjustment of the bank is that of one payment of ours.
ADJUSTMENT_ID = Key("adjustment_id", pk="ADJUSTMENT#{adjustment_id}", sk="OURS")
BANK_EVENT = Key("bank_event", pk="HOOK#{webhook_id}", sk="SEEN", indexes=(OPEN_WORK,), backlog="parked")
# What is wrong with the books of an account, or with what else an id names.
RECONCILIATION = Key("reconciliation", pk="{thing_id}", sk="RECONCILIATION", indexes=(OPEN_WORK,), backlog="books")
# What the table's stream has told, and no code could read.
UNREAD_CHANGE = Key(
    "unread_change", pk="{record_id}", sk="CHANGE", indexes=(OPEN_WORK,), id_prefix="K", backlog="webhooks"
)
# Where a customer's program is told what became of his orders; and each message for it, made until it is taken.
WEBHOOK_ENDPOINT = Key("webhook_endpoint", pk="ENDPOINTS#{username}", sk="{endpoint_id}")
DELIVERY = Key(
    "delivery", pk="{delivery_id}", sk="DELIVERY", indexes=(USER_ORDERS, OPEN_WORK), id_prefix="G", backlog="webhooks"
)
EVENT = Key("event", pk="{order_id}", sk="EVENT#{at}#{n}", indexes=(LISTED,))
CRYPTO_CLIENT = Key(
    "crypto_client",
    pk="CLIENT#{client_id}",
    sk="CRYPTO",
    indexes=(USER_ORDERS, OPEN_WORK, USER_OPEN),
    id="{client_id}:CRYPTO",
    backlog="clients",
)
BANKING_CLIENT = Key(
    "banking_client",
    pk="CLIENT#{client_id}",
    sk="BANKING",
    indexes=(USER_ORDERS, OPEN_WORK, USER_OPEN),
    id="{client_id}:BANKING",
    backlog="clients",
)
# Under which his accounts at banks are sealed, wrapped by KMS; who forgets it has forgotten them.
PERSON_KEY = Key("person_key", pk="{username}", sk="KEY")
ASSET = Key("asset", pk="CATALOGUE", sk="ASSET#{asset_id}")
# A flow of the desk that operators have halted, or a flow of one asset: as the catalogue, it is looked at by all.
FLOW_HALT = Key("flow_halt", pk="CATALOGUE", sk="HALT#{name}")
PRICE = Key("price", pk="PRICE", sk="{asset_id}")
# What an asset was worth at a full hour, and at the beginning of a day of UTC: for what is drawn over time.
PAST_PRICE = Key("past_price", pk="PRICES#{asset_id}#{step}", sk="{at}")
BOOK_ENTRY = Key("book_entry", pk="BOOK#{asset_id}#{half}", sk="{rank}#{created_at}#{order_id}")
# Entries of before the chain lie under AUDIT#{date}, and are not read.
AUDIT_ENTRY = Key("audit_entry", pk="ACTS#{date}", sk="{number}")
AUDIT_HEAD = Key("audit_head", pk="AUDIT", sk="LAST")
# Since when no earlier sign-in of an operator is good.
SIGN_OUT = Key("sign_out", pk="OPERATORS", sk="OUT#{username}")
# Which customers an operator is: of their money he decides nothing.
OWN_ACCOUNTS = Key("own_accounts", pk="OPERATORS", sk="OWN#{username}")
PROPOSAL = Key("proposal", pk="{proposal_id}", sk="PROPOSAL", indexes=(OPEN_WORK,), id_prefix="E", backlog="proposals")
# What two operators have decided of something that its own context carries out.
RULING = Key("ruling", pk="{order_id}", sk="RULING#{matter}#{about}")
SNAPSHOT = Key("snapshot", pk="{snapshot_id}", sk="SNAPSHOT", indexes=(OPEN_WORK,), id_prefix="N", backlog="snapshots")
# More snapshots of one time than a page holds.
SNAPSHOT_TIE = Key("snapshot_tie", pk="{tie_id}", sk="TIE", indexes=(OPEN_WORK,), id_prefix="T", backlog="snapshots")
OUTGOING = Key("outgoing", pk="{outgoing_id}", sk="OUTGOING", indexes=(OPEN_WORK,), id_prefix="X", backlog="outgoing")
# Of an asset the custody has less than is booked.
CUSTODY_SHORTAGE = Key(
    "custody_shortage", pk="{shortage_id}", sk="SHORTAGE", indexes=(OPEN_WORK,), id_prefix="L", backlog="outgoing"
)
# An output of the custody is spent by one of our outgoing transfers.
OUTPUT = Key("output", pk="OUTPUT#{output_id}", sk="RESERVED")
SNAPSHOT_CURSOR = Key("snapshot_cursor", pk="SNAPSHOTS", sk="CURSOR")
MARKET_MAKING_ORDER = Key(
    "market_making_order",
    pk="{order_id}",
    sk="MARKET_MAKING",
    indexes=ORDER_INDEXES,
    id_prefix="M",
    backlog="market-making",
    machines=("market-making",),
)
MARKET_MAKING_TRANSFER = Key("market_making_transfer", pk="{order_id}", sk="TRANSFER#{snapshot_id}")
MARKET_MAKING_LEG = Key("market_making_leg", pk="{order_id}", sk="LEG#{way}#{asset_id}")
MARKET_MAKING_QUOTES = Key("market_making_quotes", pk="{order_id}", sk="QUOTES")
MARKET_MAKING_TRADE = Key("market_making_trade", pk="{order_id}", sk="TRADE#{trade_id}")
MARKET_MAKING_DECIDED = Key("market_making_decided", pk="{order_id}", sk="DECIDED#{cycle}")
MARKET_MAKING_CONFIG = Key("market_making_config", pk="{order_id}", sk="CONFIG#{n}")
MARKET_MAKING_CAMPAIGN = Key("market_making_campaign", pk="{order_id}", sk="CAMPAIGN#{campaign_id}")
# What an order has done on a day: its volume as a maker is what campaigns pay for.
MARKET_MAKING_DAY = Key("market_making_day", pk="{order_id}", sk="DAY#{date}")
# An order whose volume may count in a campaign of its trading account; in which the account takes part; whose volume
# does count; and what was told of each period.
CAMPAIGN_SEEKER = Key("campaign_seeker", pk="CAMPAIGNS", sk="SEEKER#{order_id}")
JOINED_CAMPAIGN = Key("joined_campaign", pk="CAMPAIGNS", sk="JOINED#{account_id}#{campaign_id}")
CAMPAIGN_MEMBER = Key("campaign_member", pk="CAMPAIGN#{account_id}#{campaign_id}", sk="MEMBER#{order_id}")
CAMPAIGN_SCORE = Key("campaign_score", pk="CAMPAIGN#{account_id}#{campaign_id}", sk="SCORE#{date}")
# A deposit at a trading account, by the exchange's own id of it, is one leg's.
EXCHANGE_DEPOSIT = Key("exchange_deposit", pk="DEPOSIT#{account_id}#{deposit_id}", sk="OURS")
# What an exchange has told of a trading account, remembered for a while.
EXCHANGE_LOOK = Key("exchange_look", pk="LOOK#{account_id}", sk="{list}")
MIXIN_LINK = Key("mixin_link", pk="MIXIN#{opponent_id}", sk="LINK")
PAIR = Key("pair", pk="PAIRS", sk="PAIR#{pair_id}")
TRADING_ACCOUNT = Key("trading_account", pk="ACCOUNTS", sk="ACCOUNT#{account_id}")
# On an account nothing is placed, until a person has looked.
HALT = Key("halt", pk="{halt_id}", sk="HALT", indexes=(OPEN_WORK,), id_prefix="H", backlog="market-making")
# Of a trading account: the orders whose money is there in no ledger, and the dust of those that are over.
UNLEDGERED = Key("unledgered", pk="ACCOUNT#{account_id}", sk="UNLEDGERED#{order_id}")
LEFT_BEHIND = Key("left_behind", pk="ACCOUNT#{account_id}", sk="BEHIND#{symbol}")
# What an account has placed of late: an exchange counts that.
ORDER_RATE = Key("order_rate", pk="ACCOUNT#{account_id}", sk="RATE")
# Up to which trade of an account in a market all are somebody's.
TRADES_CURSOR = Key("trades_cursor", pk="ACCOUNT#{account_id}", sk="TRADES#{symbol}")
# A shard's orders are quoted by one ticker at a time.
SHARD_LEASE = Key("shard_lease", pk="SHARD#{shard}", sk="LEASE")
SHARD_MEMBER = Key("shard_member", pk="SHARD#{shard}", sk="MEMBER#{order_id}")
# What a dealer owes for the cars that he bought, and what he has paid of it.
DEALER = Key(
    "dealer",
    pk="{dealer_id}",
    sk="DEALER",
    indexes=(OPEN_WORK,),
    id_prefix="C",
    backlog="dealers",
    machines=("onboarding",),
)
REQUISITE = Key("requisite", pk="{dealer_id}", sk="REQUISITE#{n}")
# Under which a dealer's requisites are sealed, wrapped by KMS; who forgets it has forgotten them.
DATA_KEY = Key("data_key", pk="{dealer_id}", sk="KEY")
# The dealers of one taxpayer, whose number nobody can tell by the mark.
TAXPAYER = Key("taxpayer", pk="TAXPAYER#{mark}", sk="DEALER#{dealer_id}")
BILLING_ACCOUNT = Key(
    "billing_account",
    pk="{dealer_id}",
    sk="ACCOUNT#{type}",
    indexes=(OPEN_WORK,),
    id="{dealer_id}:{type}",
    backlog="totals",
)
# A contract at the billing system is that of one account of ours; an invoice there, of one bill.
CONTRACT = Key("contract", pk="CONTRACT#{contract_id}", sk="OURS")
INVOICE = Key("invoice", pk="INVOICE#{invoice_id}", sk="OURS")
DEAL = Key("deal", pk="DEAL#{deal_id}", sk="DEAL")
# What was changed of a deal after it was closed, by the caller's own key.
DEAL_CHANGE = Key("deal_change", pk="DEAL#{deal_id}", sk="CHANGE#{change_id}")
BILL = Key(
    "bill",
    pk="{bill_id}",
    sk="BILL",
    indexes=(OPEN_WORK,),
    id_prefix="I",
    backlog="bills",
    machines=("bill",),
)
# The bills of an account, the oldest first: those that can still be paid, those that are, and those that were taken
# back. A dealer's bills are listed by these in the order of their names.
OPEN_BILL = Key("open_bill", pk="{dealer_id}", sk="OPEN#{type}#{created_at}#{bill_id}")
PAID_BILL = Key("paid_bill", pk="{dealer_id}", sk="PAID#{type}#{created_at}#{bill_id}")
CANCELLED_BILL = Key("cancelled_bill", pk="{dealer_id}", sk="PAST#{type}#{created_at}#{bill_id}")
# As long as a bill can be paid, and is not: from the day on when it should have been, its dealer is to be reminded.
REMINDER = Key(
    "reminder", pk="{bill_id}", sk="REMINDER", indexes=(OPEN_WORK,), id="{bill_id}:REMINDER", backlog="bills"
)
# What was taken back of a bill, which the billing system has to be told.
CREDIT_NOTE = Key("credit_note", pk="{bill_id}", sk="CREDIT#{n}")
# What came for an account, under an id that is derived from the billing system's.
PAYMENT = Key("payment", pk="{receipt_id}", sk="PAYMENT", indexes=(OPEN_WORK,), id_prefix="Y", backlog="payments")
# What a bill got of a payment.
APPLICATION = Key("application", pk="{receipt_id}", sk="BILL#{bill_id}")
# What a dealer's account is to be told in its statement, in the order of time.
JOURNAL_ENTRY = Key("journal_entry", pk="{dealer_id}", sk="JOURNAL#{type}#{at}#{entry_id}")
# A dealer's deposit that is paid back.
RELEASE = Key("release", pk="{dealer_id}", sk="RELEASE#{n}")
# What else of a dealer's account is paid back: it pays nothing there, and two operators have agreed on it.
REFUND = Key("refund", pk="{refund_id}", sk="REFUND", indexes=(OPEN_WORK,), id_prefix="F", backlog="refunds")
# Which cars a dealer may bid for, by what his deposit is.
SEGMENT = Key("segment", pk="SEGMENTS", sk="SEGMENT#{segment_id}")
CURSOR = Key("cursor", pk="CURSOR#{name}", sk="CURSOR")
BAN = Key("ban", pk="OUTSIDE#{system}", sk="BAN")
# What the desk has outside was held against the table.
COMPARISON = Key("comparison", pk="COMPARISON#{of}", sk="LATEST")
# How far one has come that takes many rounds.
COMPARISON_PASS = Key("comparison_pass", pk="COMPARISON#{of}", sk="PASS")

SCHEMA = [
    USER,
    BALANCE,
    ASSET_BALANCE,
    LIMIT_COUNTER,
    ASSET_TRANSACTION,
    DESK_TRANSACTION,
    ORDER,
    QUOTE,
    QUOTE_COUNTER,
    DEPOSIT,
    WITHDRAWAL,
    SELL_ORDER,
    PURCHASE,
    POOL,
    BATCH,
    MEMBER,
    SALE,
    SALE_POOL,
    SELLER,
    RECURRING_BUY,
    RECURRING_DATE,
    RECURRING_COUNT,
    DESK_LIMIT,
    EXCHANGE_ORDER,
    EXCHANGE_ORDER_ID,
    STRAY_ORDER,
    PAYOUT_ATTEMPT,
    ADJUSTMENT_ID,
    BANK_EVENT,
    RECONCILIATION,
    WEBHOOK_ENDPOINT,
    DELIVERY,
    UNREAD_CHANGE,
    EVENT,
    CRYPTO_CLIENT,
    BANKING_CLIENT,
    PERSON_KEY,
    ASSET,
    FLOW_HALT,
    PRICE,
    PAST_PRICE,
    BOOK_ENTRY,
    AUDIT_ENTRY,
    AUDIT_HEAD,
    SIGN_OUT,
    OWN_ACCOUNTS,
    PROPOSAL,
    RULING,
    SNAPSHOT,
    SNAPSHOT_TIE,
    OUTGOING,
    CUSTODY_SHORTAGE,
    OUTPUT,
    SNAPSHOT_CURSOR,
    MARKET_MAKING_ORDER,
    MARKET_MAKING_TRANSFER,
    MARKET_MAKING_LEG,
    MARKET_MAKING_QUOTES,
    MARKET_MAKING_TRADE,
    MARKET_MAKING_DECIDED,
    MARKET_MAKING_CONFIG,
    MARKET_MAKING_CAMPAIGN,
    MARKET_MAKING_DAY,
    CAMPAIGN_SEEKER,
    JOINED_CAMPAIGN,
    CAMPAIGN_MEMBER,
    CAMPAIGN_SCORE,
    EXCHANGE_DEPOSIT,
    EXCHANGE_LOOK,
    MIXIN_LINK,
    PAIR,
    TRADING_ACCOUNT,
    HALT,
    UNLEDGERED,
    LEFT_BEHIND,
    ORDER_RATE,
    TRADES_CURSOR,
    SHARD_LEASE,
    SHARD_MEMBER,
    DEALER,
    REQUISITE,
    DATA_KEY,
    TAXPAYER,
    BILLING_ACCOUNT,
    CONTRACT,
    INVOICE,
    DEAL,
    DEAL_CHANGE,
    BILL,
    OPEN_BILL,
    PAID_BILL,
    CANCELLED_BILL,
    REMINDER,
    CREDIT_NOTE,
    PAYMENT,
    APPLICATION,
    JOURNAL_ENTRY,
    RELEASE,
    REFUND,
    SEGMENT,
    CURSOR,
    BAN,
    COMPARISON,
    COMPARISON_PASS,
]

BACKLOGS = tuple(sorted({row.backlog for row in SCHEMA if row.backlog}))
DRIVEN = tuple(sorted({row.backlog for row in SCHEMA if row.backlog and row.machines}))  # those that machines move
# Those in which something may wait for a person: what its machine leaves to one, proposals, books that differ, strays,
# money at the custody that is nobody's, or that can not be sent, or is missing there, payments of dealers that are
# nobody's, accounts of dealers for which less or more has come than the billing system tells, and refunds of these of
# which it contradicts itself.
_PEOPLES = (
    CRYPTO_CLIENT,
    PROPOSAL,
    RECONCILIATION,
    STRAY_ORDER,
    SNAPSHOT,
    OUTGOING,
    HALT,
    PAYMENT,
    BILLING_ACCOUNT,
    REFUND,
)
FOR_PEOPLE = tuple(sorted({*DRIVEN, *(row.backlog for row in _PEOPLES)}))
# What waits there for the clock, and is late where the clock does not come.
_CLOCKS = {row.backlog for row in (PAYMENT, BILLING_ACCOUNT, REFUND)}
# A receiver that is down is its owner's to mend, not ours.
COUNTED = tuple(sorted({*BACKLOGS} - {*FOR_PEOPLE, BANK_EVENT.backlog, DELIVERY.backlog} | _CLOCKS))
MACHINES = tuple(dict.fromkeys(machine for row in SCHEMA for machine in row.machines))
_BY_PREFIX = {row.id_prefix: row for row in SCHEMA if row.id_prefix}


def listed_failures(date: str) -> str:
    """The partition of `LISTED` with what has failed on a day of UTC."""
    return _filled(LISTED_FAILURES, {"date": date})


def row_of(key: PrimaryKey) -> Key:
    """The row of something that may wait. Raises ValueError."""
    for row in SCHEMA:
        if row.backlog and _parts(row.pk, key.pk) is not None and _parts(row.sk, key.sk) is not None:
            return row
    raise ValueError(f"{key} is nothing that waits")


def row_of_id(thing_id: str) -> Key | None:
    """The row whose ids begin so; None for an id of nothing."""
    return _BY_PREFIX.get(thing_id[:1]) if re.fullmatch(ORDER_ID_PATTERN, thing_id) else None


def item_named(thing_id: str) -> PrimaryKey | None:
    """Where the item of this id is; None for an id of nothing."""
    if re.fullmatch(POOL_ID_PATTERN, thing_id):
        asset_id, _, shard = thing_id.partition(":")
        return POOL(asset_id=asset_id, shard=shard)
    if re.fullmatch(SALE_POOL_ID_PATTERN, thing_id):
        asset_id, shard, _ = thing_id.split(":")
        return SALE_POOL(asset_id=asset_id, shard=shard)
    if re.fullmatch(CLIENT_ID_PATTERN, thing_id):
        client_id, _, kind = thing_id.partition(":")
        return {row.sk: row for row in (CRYPTO_CLIENT, BANKING_CLIENT)}[kind](client_id=client_id)
    if re.fullmatch(BILLING_ACCOUNT_ID_PATTERN, thing_id):
        dealer_id, _, type_ = thing_id.partition(":")
        return BILLING_ACCOUNT(dealer_id=dealer_id, type=type_)
    if re.fullmatch(REMINDER_ID_PATTERN, thing_id):
        return REMINDER(bill_id=thing_id.partition(":")[0])
    if re.fullmatch(USERNAME_PATTERN, thing_id):
        return USER(username=thing_id)
    row = row_of_id(thing_id)
    return None if row is None else PrimaryKey(thing_id, row.sk)


def as_markdown() -> str:
    """The two tables at the top of this module, drawn from SCHEMA and INDEXES: a test compares them."""
    entities = [("entity", PK, SK, "ids", "backlog", "machines", "indexes")]
    entities += [
        (
            k.entity,
            k.pk,
            k.sk,
            k.id or (f"{k.id_prefix}…" if k.id_prefix else ""),
            k.backlog,
            ", ".join(k.machines),
            ", ".join(i.name.removesuffix("Index") for i in k.indexes),
        )
        for k in SCHEMA
    ]
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
