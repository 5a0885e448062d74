"""What each function may do, as data. Nothing else grants a function anything but its own log.

A `TransactWriteItems` needs the permission of each kind of statement in it: PutItem, UpdateItem, DeleteItem,
ConditionCheckItem. A function missing here can not be deployed; one that is granted too little fails on the
embedded AWS as it would on AWS, which enforces these policies too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from common import keys
from common.keys import LISTED, OPEN_WORK, USER_OPEN, USER_ORDERS, USER_TIMELINE, Index

GET, QUERY, SCAN = "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"
PUT, UPDATE, DELETE = "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"
CHECK = "dynamodb:ConditionCheckItem"
START, DESCRIBE = "states:StartExecution", "states:DescribeExecution"
LIST, HISTORY = "states:ListExecutions", "states:GetExecutionHistory"
DEFINITION = "states:DescribeStateMachine"
TOKEN, TOKEN_FAILS = "states:SendTaskSuccess", "states:SendTaskFailure"
ON_EXECUTIONS = {DESCRIBE, HISTORY}  # the others are asked of the machine
READ_SECRET = "secretsmanager:GetSecretValue"
NEW_KEY, UNWRAP = "kms:GenerateDataKey", "kms:Decrypt"
SIGN, PUBLIC_KEY = "kms:Sign", "kms:GetPublicKey"  # of the key that signs the audit
PUT_ANCHOR, READ_ANCHOR, LIST_ANCHORS = "s3:PutObject", "s3:GetObjectVersion", "s3:ListBucketVersions"
END_SIGN_INS, DISABLE = (
    "cognito-idp:AdminUserGlobalSignOut",
    "cognito-idp:AdminDisableUser",
)  # of operators; no other way
FIND_MEMBER, LIST_MEMBERS = "cognito-idp:AdminGetUser", "cognito-idp:ListUsersInGroup"
RECEIVE, DONE, MEASURE = "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"  # what Lambda does for it


class Secret(StrEnum):
    CURSOR_KEY = "CURSOR_KEY"  # signs the cursors of lists
    PRICE_ORACLE_KEY = "PRICE_ORACLE_KEY"  # exists only where the oracle asks for one
    EXCHANGE_KEY = "EXCHANGE_KEY"  # filled by hand: docs/deploy.md
    BANK_KEY = "BANK_KEY"
    BILLING_KEY = "BILLING_KEY"
    TAXPAYER_KEY = "TAXPAYER_KEY"  # marks taxpayers, so that those of two dealers are found the same; never replaced
    KAFKA_KEY = "KAFKA_KEY"  # exists only where payments come from brokers of somebody else; Lambda's poller reads it
    WEBHOOK_KEY = "WEBHOOK_KEY"  # with which the secrets of customers' webhooks are made; never replaced
    BANK_WEBHOOK = "BANK_WEBHOOK"  # what the bank signs with
    CUSTODY_READ = "CUSTODY_READ"  # the session's key: who has it may look
    CUSTODY_SPEND = "CUSTODY_SPEND"  # with the spend key besides: for those functions only that send money
    READING_KEYS = "READING_KEYS"  # of market making's accounts: to read, and nothing else; handed to campaigns
    TRADING_KEYS = "TRADING_KEYS"  # to read and trade: for those functions only that place and cancel
    CAMPAIGN_KEYS = "CAMPAIGN_KEYS"  # with which the accounts log in there
    WITHDRAWING_KEYS = "WITHDRAWING_KEYS"  # to read and withdraw: for the function only that brings money home


EXCHANGE_KEYS = frozenset({Secret.EXCHANGE_KEY, Secret.READING_KEYS, Secret.TRADING_KEYS, Secret.WITHDRAWING_KEYS})
CUSTODY_KEYS = frozenset({Secret.CUSTODY_READ, Secret.CUSTODY_SPEND})
LOGIN_KEYS = frozenset({Secret.CAMPAIGN_KEYS})


@dataclass(frozen=True)
class Grant:
    """Actions on the table itself; indexes that may be queried; secrets that may be read; what may be asked of which
    machines; what of the key that wraps those of dealers, and those of customers; what of the audit's anchors, and of
    the key that signs them; what of the user pool of operators.
    `receives`: Lambda may take messages for it from the sources of its stream (`infra/streams.py`)."""

    table: frozenset[str]
    indexes: tuple[Index, ...] = ()
    secrets: frozenset[Secret] = frozenset()
    machines: Mapping[str, frozenset[str]] = field(default_factory=dict)
    data_keys: frozenset[str] = frozenset()  # of dealers
    person_keys: frozenset[str] = frozenset()  # of customers
    anchors: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    receives: bool = False
    documents: bool = False  # it writes documents, and is loaded with what that takes


SELL_ORDER, PAYOUT = keys.SELL_ORDER.machines
(PURCHASE,) = keys.BATCH.machines
(ONBOARDING,), (BILL,) = keys.DEALER.machines, keys.BILL.machines
(MARKET_MAKING,) = keys.MARKET_MAKING_ORDER.machines


def _each(*actions: str, of: tuple[str, ...] = keys.MACHINES) -> dict[str, frozenset[str]]:
    return dict.fromkeys(of, frozenset(actions))


_EXCHANGE = frozenset({Secret.EXCHANGE_KEY})
_ASKS_EXCHANGE = Grant(  # the tasks that ask the exchange and book what it did
    table=frozenset({GET, PUT, UPDATE}),
    secrets=_EXCHANGE,
)
_SELLS = replace(_ASKS_EXCHANGE, machines={PAYOUT: frozenset({START, DESCRIBE})})  # what is sold is paid out
_PAYS = Grant(  # those that ask the bank
    table=frozenset({GET, QUERY, PUT, UPDATE, CHECK}),  # the query: are payouts halted?
    secrets=frozenset({Secret.BANK_KEY}),
    person_keys=frozenset({UNWRAP}),  # whose account it is
)
_MOVES = Grant(table=frozenset({GET, QUERY, PUT, UPDATE}))  # a market-making order, its transfers and legs
_TO_AN_ACCOUNT = replace(_MOVES, table=_MOVES.table | {CHECK})  # that nobody has halted
_TO_THE_EXCHANGE = frozenset({Secret.CUSTODY_READ, Secret.READING_KEYS})  # they look at both of its ends


_BILLS = Grant(  # those that ask the billing system
    table=frozenset({GET, QUERY, PUT, UPDATE}),
    secrets=frozenset({Secret.BILLING_KEY}),
)


_PAYMENTS = Grant(table=frozenset({GET, QUERY, PUT, UPDATE, DELETE}))  # what is paid is open no more


GRANTS: dict[str, Grant] = {
    "billing.api": Grant(
        # a taxpayer's mark goes with his number; operators list and compare by scans
        table=frozenset({GET, QUERY, SCAN, PUT, UPDATE, DELETE, CHECK}),
        indexes=(OPEN_WORK,),  # what came for a dealer and was taken for no account yet
        secrets=frozenset({Secret.CURSOR_KEY, Secret.TAXPAYER_KEY, Secret.BILLING_KEY}),
        machines={ONBOARDING: frozenset({START, DESCRIBE}), BILL: frozenset({START, DESCRIBE})},
        data_keys=frozenset({NEW_KEY, UNWRAP}),
    ),
    "billing.documents": Grant(table=frozenset({GET, QUERY}), documents=True),
    "billing.read_dealer": Grant(table=frozenset({GET, QUERY})),
    "billing.create_client": replace(_BILLS, data_keys=frozenset({UNWRAP})),
    "billing.create_payer": replace(_BILLS, table=frozenset({GET, QUERY, UPDATE}), data_keys=frozenset({UNWRAP})),
    "billing.update_payers": replace(_BILLS, data_keys=frozenset({UNWRAP})),
    "billing.create_contract": _BILLS,
    # asked for by what is on the dealer's accounts, which the write checks
    "billing.release_deposit": replace(_BILLS, table=_BILLS.table | {CHECK}),
    "billing.read_bill": Grant(table=frozenset({GET})),
    "billing.create_invoice": replace(
        _BILLS, table=frozenset({GET, PUT, UPDATE, DELETE})
    ),  # paid at once: open no more
    "billing.create_credit_note": replace(  # what went back pays others
        _BILLS, table=frozenset({GET, QUERY, PUT, UPDATE, DELETE})
    ),
    "billing.compare_billing": replace(_BILLS, table=frozenset({GET, QUERY, SCAN, PUT})),
    "billing.pay_refunds": replace(_BILLS, indexes=(OPEN_WORK,)),
    "billing.take_payments": replace(_PAYMENTS, receives=True),
    "billing.spread_payments": replace(_PAYMENTS, indexes=(OPEN_WORK,)),
    "notifications.api": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE, DELETE}),
        indexes=(USER_ORDERS,),
        secrets=frozenset({Secret.CURSOR_KEY, Secret.WEBHOOK_KEY}),
    ),
    "notifications.deliver": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE, DELETE}),  # it takes the changes that nobody could read
        indexes=(OPEN_WORK,),
        secrets=frozenset({Secret.WEBHOOK_KEY}),
    ),
    "notifications.take_changes": Grant(table=frozenset({QUERY, PUT})),
    "accounts.api": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE, CHECK}),  # an account is sealed under the key that its person has
        indexes=(USER_ORDERS, USER_OPEN, LISTED),
        secrets=frozenset({Secret.CURSOR_KEY}),
        machines={PAYOUT: frozenset({START})},
        person_keys=frozenset({NEW_KEY, UNWRAP}),
    ),
    "orders.api": Grant(
        # a cancelled order leaves the book; a quote is of its customer's tier
        table=frozenset({GET, QUERY, PUT, UPDATE, DELETE, CHECK}),
        indexes=(USER_ORDERS, USER_TIMELINE, USER_OPEN),
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
        # the outputs of a transfer that was never sent are free; what was paid by another way no attempt may pay
        table=frozenset({GET, QUERY, PUT, UPDATE, DELETE, CHECK}),
        indexes=(OPEN_WORK, USER_OPEN, USER_ORDERS, LISTED),
        secrets=frozenset({Secret.CURSOR_KEY}),
        machines=_each(START, DESCRIBE, HISTORY, DEFINITION, LIST)
        | {PAYOUT: frozenset({START, DESCRIBE, HISTORY, DEFINITION, LIST, TOKEN, TOKEN_FAILS})},
        person_keys=frozenset({NEW_KEY, UNWRAP}),
        anchors=frozenset({PUBLIC_KEY, READ_ANCHOR, LIST_ANCHORS}),
        operators=frozenset({END_SIGN_INS, DISABLE, FIND_MEMBER, LIST_MEMBERS}),
    ),
    "operations.sweep": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE}),  # the query: what is halted is counted
        indexes=(OPEN_WORK,),
        machines=_each(START, DESCRIBE, LIST) | {PAYOUT: frozenset({START, DESCRIBE, LIST, TOKEN, TOKEN_FAILS})},
    ),
    "operations.reconcile": Grant(
        table=frozenset({GET, QUERY, SCAN, PUT, UPDATE}),  # a user from before there was a list of them is listed
        indexes=(USER_OPEN,),
    ),
    "operations.compare_bank": Grant(
        table=frozenset({GET, PUT, UPDATE}),
        secrets=frozenset({Secret.BANK_KEY}),
        person_keys=frozenset({UNWRAP}),
    ),
    "operations.compare_exchange": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE}),
        secrets=_EXCHANGE | {Secret.READING_KEYS},
    ),
    "operations.anchor_audit": Grant(table=frozenset({GET}), anchors=frozenset({SIGN, PUT_ANCHOR})),
    "operations.cross_check": Grant(
        table=frozenset({GET, QUERY, SCAN, PUT}),
        indexes=(OPEN_WORK,),
    ),
    "offramp.api": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE}),
        indexes=(USER_TIMELINE,),
        secrets=frozenset({Secret.CURSOR_KEY, Secret.EXCHANGE_KEY}),
        machines=_each(START, DESCRIBE, of=(SELL_ORDER, PAYOUT)),
    ),
    "offramp.read_sell_order": Grant(table=frozenset({GET})),
    "offramp.resolve_sell_order": _ASKS_EXCHANGE,
    "offramp.look_again": _ASKS_EXCHANGE,
    "offramp.poll_sell_order": _SELLS,
    "offramp.cancel_sell_order": _SELLS,
    "payouts.api": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE, CHECK}),  # the query: the version of a story
        machines={PAYOUT: frozenset({START, DESCRIBE})},
    ),
    "payouts.webhook": Grant(
        table=frozenset({GET, PUT, UPDATE}),
        secrets=frozenset({Secret.BANK_WEBHOOK}),
        person_keys=frozenset({UNWRAP}),
        machines={PAYOUT: frozenset({TOKEN, TOKEN_FAILS})},
    ),
    "payouts.read_payout": Grant(table=frozenset({GET, UPDATE})),
    "payouts.create_payout": _PAYS,
    "payouts.check_payout": _PAYS,
    "payouts.await_payout": Grant(table=frozenset({GET, UPDATE}), machines={PAYOUT: frozenset({TOKEN, TOKEN_FAILS})}),
    "market_making.api": Grant(
        table=frozenset({GET, QUERY, SCAN, PUT, UPDATE, CHECK}),  # the scan: GET /operations/market-making
        indexes=(OPEN_WORK, USER_TIMELINE),  # who lifts a halt lets go on what has waited for that
        secrets=_TO_THE_EXCHANGE | {Secret.CURSOR_KEY},  # what it costs is told when an order is opened
        machines={MARKET_MAKING: frozenset({START, DESCRIBE, TOKEN_FAILS})},
    ),
    "market_making.poll_snapshots": replace(
        _TO_AN_ACCOUNT,  # a first transfer opens an order on the emptiest trading account
        secrets=_TO_THE_EXCHANGE,
        machines={MARKET_MAKING: frozenset({START, DESCRIBE})},
    ),
    "market_making.read_order": Grant(table=frozenset({GET, QUERY})),
    "market_making.check_payment": _MOVES,
    "market_making.refund_transfers": _MOVES,
    "market_making.withdraw_to_exchange": replace(_TO_AN_ACCOUNT, secrets=_TO_THE_EXCHANGE),
    "market_making.confirm_deposits": replace(_MOVES, secrets=frozenset({Secret.READING_KEYS})),
    "market_making.join_campaign": Grant(table=frozenset({GET, PUT, UPDATE})),
    "market_making.start_quoting": replace(_TO_AN_ACCOUNT, table=_TO_AN_ACCOUNT.table | {DELETE}),
    "market_making.await_end": Grant(
        table=frozenset({GET, UPDATE}), machines={MARKET_MAKING: frozenset({TOKEN_FAILS})}
    ),
    "market_making.cancel_quotes": Grant(
        table=frozenset({GET, PUT, UPDATE}),
        secrets=frozenset({Secret.TRADING_KEYS}),
    ),
    "market_making.tick": replace(_MOVES, secrets=frozenset({Secret.TRADING_KEYS})),
    "market_making.withdraw_from_exchange": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE, DELETE, CHECK}),  # an order whose money leaves is none of its shard's
        secrets=frozenset({Secret.CUSTODY_READ, Secret.WITHDRAWING_KEYS}),
    ),
    "market_making.confirm_return": replace(
        _MOVES,
        table=_MOVES.table | {DELETE, CHECK},  # what has left is on its way no more; nobody says that it was paid
        secrets=_TO_THE_EXCHANGE,
    ),
    "market_making.compare_accounts": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE}), secrets=frozenset({Secret.READING_KEYS})
    ),
    "market_making.compare_custody": Grant(
        table=frozenset({GET, QUERY, SCAN, PUT, UPDATE}),
        indexes=(OPEN_WORK,),  # what was short, and is no more
        secrets=frozenset({Secret.CUSTODY_READ}),
    ),
    "market_making.join_campaigns": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE, DELETE}),  # an order that is over seeks no more
        secrets=frozenset({Secret.READING_KEYS, Secret.CAMPAIGN_KEYS}),
    ),
    "market_making.send_transfers": Grant(
        # the outputs of what was refused are free again; nothing goes where market making is halted
        table=frozenset({GET, QUERY, PUT, UPDATE, DELETE, CHECK}),
        indexes=(OPEN_WORK,),
        secrets=frozenset({Secret.CUSTODY_READ, Secret.CUSTODY_SPEND}),
    ),
    "purchases.api": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE, DELETE}),  # who leaves a pool is no member of it any more
        indexes=(USER_ORDERS,),
        machines={PURCHASE: frozenset({START, DESCRIBE})},
        secrets=_EXCHANGE | {Secret.CURSOR_KEY},
    ),
    "purchases.close_pools": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE}),
        indexes=(OPEN_WORK,),
        machines={PURCHASE: frozenset({START})},
    ),
    "purchases.buy_recurring": Grant(
        table=frozenset({GET, QUERY, PUT, UPDATE}),
        indexes=(OPEN_WORK,),
        machines={PURCHASE: frozenset({START})},
    ),
    "purchases.read_batch": Grant(table=frozenset({GET})),
    "purchases.place_batch": Grant(table=frozenset({GET, QUERY, PUT, UPDATE}), secrets=_EXCHANGE),
    "purchases.resolve_batch": _ASKS_EXCHANGE,
    "purchases.poll_batch": _ASKS_EXCHANGE,
    "purchases.cancel_batch": _ASKS_EXCHANGE,
    "purchases.allocate_batch": Grant(table=frozenset({GET, QUERY, PUT, UPDATE})),
    "purchases.look_again": _ASKS_EXCHANGE,
}
