"""What must stand beside an item for the books to be right, kind by kind, and in words what does not.

A check begins with one item, reads the few that belong to it, and compares; nothing is added up over the whole table.
Each relation is checked from both of its ends, so that it is found whichever of them is missing:

    order       ⇄ line of the journal      ⇄ book entry
    payout      ⇄ its attempts             ⇄ the bank's adjustment
    purchase    ⇄ member of a batch        ⇄ the pool's total
    sale, batch ⇄ order at the exchange    ⇄ the exchange's own id ⇄ line of the desk

What an account holds, and what its journal adds up to, is another matter: `reconciliation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from common import keys
from common.errors import Unavailable
from common.keys import Key
from functions.operations.entries import Entry, Reads
from functions.operations.service.checks import at_exchange, desk, payouts, pooling, trading

Check = Callable[[Reads, Entry], Iterator[str]]

_CHECKS: Mapping[Key, Check] = {
    keys.USER: trading.user,
    keys.ASSET_BALANCE: trading.holding,
    keys.ORDER: trading.order,
    keys.BOOK_ENTRY: trading.book_entry,
    keys.ASSET_TRANSACTION: trading.line,
    keys.DEPOSIT: trading.deposit,
    keys.WITHDRAWAL: payouts.withdrawal,
    keys.SELL_ORDER: payouts.sale,
    keys.PAYOUT_ATTEMPT: payouts.attempt,
    keys.ADJUSTMENT_ID: payouts.adjustment,
    keys.PURCHASE: pooling.purchase,
    keys.MEMBER: pooling.member,
    keys.POOL: pooling.pool,
    keys.BATCH: pooling.batch,
    keys.EXCHANGE_ORDER: at_exchange.order,
    keys.EXCHANGE_ORDER_ID: at_exchange.claim,
    keys.DESK_TRANSACTION: desk.line,
}
ROWS = tuple(_CHECKS)


def faults(reads: Reads, entry: Entry) -> list[str]:
    """What does not stand beside this item, or is not as it should be; empty where all is well. Raises Unavailable."""
    if entry.unreadable is not None:
        return [f"the {entry.kind} can not be read: {entry.unreadable}"]
    try:
        return list(_CHECKS[entry.row](reads, entry))
    except Unavailable:
        raise
    except Exception as fault:
        return [f"the {entry.kind} can not be checked: {type(fault).__name__}: {fault}"[:300]]


def thing(entry: Entry) -> str:
    """The id under which an operator is told of the item: that of the order, purchase, batch, pool or account that it
    belongs to."""
    if entry.order_id is not None:
        return str(entry.order_id)
    if entry.row is keys.MEMBER:
        return entry.parts["order_id"]
    if entry.row is keys.POOL:
        return entry.row.id_of(entry.key)
    if entry.row is keys.ADJUSTMENT_ID and entry.ours is not None:
        return str(entry.ours).partition("-")[0]
    return str(entry.PK).replace("#", ".")
