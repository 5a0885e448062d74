"""What must stand beside an item for the books to be right, kind by kind, and in words what does not.

A check begins with one item, reads the few that belong to it, and compares; nothing is added up over the whole table.
Each relation is checked from both of its ends, so that it is found whichever of them is missing:

    order       ⇄ line of the journal      ⇄ book entry, quote
    payout      ⇄ its attempts             ⇄ the bank's adjustment
    purchase, sale ⇄ member of a batch     ⇄ the pool's total
    sale, batch ⇄ order at the exchange    ⇄ the exchange's own id ⇄ line of the desk
    snapshot    ⇄ transfer or leg of an order ⇄ outgoing ⇄ output
    dealer's account ⇄ bill ⇄ invoice      ⇄ payment ⇄ refund ⇄ release

What an account holds, and what its journal adds up to, is another matter: `reconciliation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from common import keys
from common.errors import Unavailable
from common.keys import Key
from functions.operations.entries import Entry, Reads
from functions.operations.service.checks import at_exchange, billing, desk, market_making, payouts, pooling, trading

Check = Callable[[Reads, Entry], Iterator[str]]

_CHECKS: Mapping[Key, Check] = {
    keys.USER: trading.user,
    keys.ASSET_BALANCE: trading.holding,
    keys.ORDER: trading.order,
    keys.QUOTE: trading.quote,
    keys.BOOK_ENTRY: trading.book_entry,
    keys.ASSET_TRANSACTION: trading.line,
    keys.DEPOSIT: trading.deposit,
    keys.WITHDRAWAL: payouts.withdrawal,
    keys.SELL_ORDER: payouts.sale,
    keys.PAYOUT_ATTEMPT: payouts.attempt,
    keys.ADJUSTMENT_ID: payouts.adjustment,
    keys.PURCHASE: pooling.purchase,
    keys.MEMBER: pooling.member,
    keys.SALE: pooling.sale,
    keys.SELLER: pooling.member,
    keys.POOL: pooling.pool,
    keys.SALE_POOL: pooling.pool,
    keys.BATCH: pooling.batch,
    keys.EXCHANGE_ORDER: at_exchange.order,
    keys.EXCHANGE_ORDER_ID: at_exchange.claim,
    keys.DESK_TRANSACTION: desk.line,
    keys.SNAPSHOT: market_making.snapshot,
    keys.OUTGOING: market_making.outgoing,
    keys.OUTPUT: market_making.output,
    keys.MARKET_MAKING_ORDER: market_making.order,
    keys.MARKET_MAKING_TRANSFER: market_making.transfer,
    keys.MARKET_MAKING_LEG: market_making.leg,
    keys.MARKET_MAKING_QUOTES: market_making.quotes,
    keys.EXCHANGE_DEPOSIT: market_making.deposit,
    keys.SHARD_MEMBER: market_making.shard_member,
    keys.UNLEDGERED: market_making.unledgered,
    keys.CAMPAIGN_MEMBER: market_making.campaign_member,
    keys.CAMPAIGN_SEEKER: market_making.seeker,
    keys.BILL: billing.bill,
    keys.OPEN_BILL: billing.pointer,
    keys.PAID_BILL: billing.pointer,
    keys.CANCELLED_BILL: billing.pointer,
    keys.INVOICE: billing.invoice,
    keys.CONTRACT: billing.contract,
    keys.PAYMENT: billing.payment,
    keys.APPLICATION: billing.application,
    keys.BILLING_ACCOUNT: billing.account,
    keys.REFUND: billing.refund,
    keys.COMPARISON: billing.comparison,
}
ROWS = tuple(_CHECKS)


def faults(reads: Reads, entry: Entry) -> list[str]:
    """What does not stand beside this item, or is not as it should be; empty where all is well. Raises Unavailable."""
    if entry.unreadable is not None:
        return [f"the {entry.entity} can not be read: {entry.unreadable}"]
    try:
        return list(_CHECKS[entry.row](reads, entry))
    except Unavailable:
        raise
    except Exception as fault:
        return [f"the {entry.entity} can not be checked: {type(fault).__name__}: {fault}"[:300]]


def thing(entry: Entry) -> str:
    """The id under which an operator is told of the item: that of the order, purchase, batch, pool or account that it
    belongs to."""
    if entry.row in (keys.SNAPSHOT, keys.OUTGOING):
        return str(entry.PK)
    whose = entry.order_id or entry.outgoing_id or entry.bill_id
    if whose is not None:
        return str(whose)
    if entry.row in (
        keys.MEMBER,
        keys.SELLER,
        keys.SHARD_MEMBER,
        keys.UNLEDGERED,
        keys.CAMPAIGN_MEMBER,
        keys.CAMPAIGN_SEEKER,
    ):
        return entry.parts["order_id"]
    if entry.row is keys.CONTRACT and entry.dealer_id is not None:
        return str(entry.dealer_id)
    if entry.row in (keys.POOL, keys.SALE_POOL, keys.BILLING_ACCOUNT):
        return entry.row.id_of(entry.key)
    if entry.row is keys.ADJUSTMENT_ID and entry.ours is not None:
        return str(entry.ours).partition("-")[0]
    return str(entry.PK).replace("#", ".")
