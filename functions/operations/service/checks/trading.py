"""Accounts, orders on the desk's own book, and the journal."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from common import keys
from common.clock import text
from common.domain import book
from common.domain.ledger.model import USD, TransactionType
from common.domain.payouts.model import CASH_OUT
from common.money import EXACT, Money, Price, Quantity, plain
from functions.operations.entries import ZERO, Entry, Reads

PENDING, COMPLETED = "PENDING", "COMPLETED"
BUY, SELL, DEPOSIT, WITHDRAW = TransactionType
TRADED_OR_PAID = (keys.ORDER, keys.DEPOSIT, keys.WITHDRAWAL, keys.PURCHASE, keys.SALE)  # one line each when COMPLETED


def user(reads: Reads, user: Entry) -> Iterator[str]:
    balance = reads.get(keys.BALANCE(username=user.PK))
    if balance is None:
        yield "the user has no balance"
    elif balance.sub != user.sub:
        yield "the balance is another login's"


def holding(reads: Reads, holding: Entry) -> Iterator[str]:
    balance = reads.get(keys.BALANCE(username=holding.PK))
    if balance is None:
        yield f"the holding of {holding.asset_id} has no balance beside it"
    elif balance.sub != holding.sub:
        yield f"the holding of {holding.asset_id} is another login's"


def waiting(entry: Entry, *, unfinished: bool) -> Iterator[str]:
    if unfinished and not entry.waits:
        yield f"it is {entry.status}, and nobody looks after it: it is not in the index of open work"
    if not unfinished and entry.waits:
        yield f"it is {entry.status}, and still in the index of open work"


def order(reads: Reads, order: Entry) -> Iterator[str]:
    yield from waiting(order, unfinished=order.status == PENDING)
    if order.status == PENDING:
        yield from _in_book(reads, order)
        yield from _holds(order)
    elif order.status == COMPLETED:
        assert order.order_type is not None
        yield from _charged(order)
        yield from journaled(reads, order, str(order.asset_id), TransactionType(order.order_type), order.quantity)
    if order.quote_id is not None:
        yield from _quoted(order, reads.get(keys.QUOTE(quote_id=order.quote_id)))


def quote(reads: Reads, quote: Entry) -> Iterator[str]:
    if quote.order_id is None:
        return
    order = reads.get(keys.ORDER(order_id=quote.order_id))
    if order is None:
        yield f"it is used by order {quote.order_id}, which is not there"
    else:
        yield from _quoted(order, quote)


def _quoted(order: Entry, quote: Entry | None) -> Iterator[str]:
    """A quote is forgotten after a while; the order stays."""
    if quote is None:
        return
    if quote.order_id != order.PK or order.quote_id != quote.PK:
        yield f"order {order.PK} is at quote {order.quote_id}, and quote {quote.PK} was used by {quote.order_id}"
    told, promised = ((each.sub, each.quantity, each.total_amount, each.fee_amount) for each in (order, quote))
    if told != promised:
        yield f"order {order.PK} is not for what quote {quote.PK} has promised"


def _in_book(reads: Reads, order: Entry) -> Iterator[str]:
    assert order.order_price is not None
    at, price, buys = order.created_at, Price(order.order_price), order.order_type == BUY
    entry = reads.get(book.key(str(order.asset_id), price, at, order.PK, buys=buys))
    if entry is None:
        yield "it is PENDING and not in the book"
    elif _kept(entry) != _kept(order):
        yield f"it is for {_units(order)}, its entry in the book for {_units(entry)}"


def _kept(entry: Entry) -> tuple[Decimal | None, Decimal | None, Decimal | None, str | None]:
    return entry.quantity, entry.hold, entry.fee_bps, entry.sub


def _units(entry: Entry) -> str:
    held = "" if entry.hold is None else f" and holds ${plain(entry.hold)}"
    return f"{plain(entry.quantity or ZERO)}{held} with {plain(entry.fee_bps or ZERO)} basis points"


def _holds(order: Entry) -> Iterator[str]:
    """A pending buy holds what it may cost, with its fee."""
    if order.order_type == BUY:
        assert order.order_price is not None
        total, _ = _comes_to(order, Price(order.order_price))
        if order.hold != total.usd:
            yield f"it holds ${plain(order.hold or ZERO)}, and may cost ${total}"


def _charged(order: Entry) -> Iterator[str]:
    """Its total and its fee are what its price and its basis points make of it."""
    assert order.price_per_unit is not None
    total, fee = _comes_to(order, Price(order.price_per_unit))
    told = order.total_amount or ZERO, order.fee_amount or ZERO
    if told != (total.usd, fee.usd):
        yield f"it came to ${plain(told[0])} with a fee of ${plain(told[1])}, its terms are ${total} with ${fee}"


def _comes_to(order: Entry, price: Price) -> tuple[Money, Money]:
    """What is paid for it with the fee, or got after it; and the fee."""
    quantity, bps = Quantity(order.quantity or ZERO, str(order.asset_id)), int(order.fee_bps or 0)
    gross = price.cost_of(quantity) if order.order_type == BUY else price.proceeds_of(quantity)
    fee = gross.fee(bps)
    return (gross + fee if order.order_type == BUY else gross - fee), fee


def book_entry(reads: Reads, entry: Entry) -> Iterator[str]:
    order = reads.get(keys.ORDER(order_id=str(entry.order_id)))
    if order is None:
        yield "the book has an entry of an order that is not there"
    elif order.status != PENDING:
        yield f"it is {order.status} and in the book"


def deposit(reads: Reads, deposit: Entry) -> Iterator[str]:
    if deposit.status == COMPLETED:
        yield from journaled(reads, deposit, USD, DEPOSIT, deposit.amount)


def journaled(
    reads: Reads, entry: Entry, asset_id: str, kind: TransactionType, quantity: Decimal | None
) -> Iterator[str]:
    """The journal has one line of it of this kind, for so many units: at the time when it ended, or, where that is
    another one, since it began."""
    assert entry.username is not None
    pk = keys.ASSET_TRANSACTION.partition(username=entry.username, asset_id=asset_id)
    ended = entry.updated_at if kind is not SELL or entry.resolved_at is None else entry.resolved_at
    line = reads.get(keys.PrimaryKey(pk, f"{text(ended)}#{entry.PK}"))
    lines = [line] if line is not None else list(reads.lines(pk, entry.PK, entry.created_at))
    found = [line for line in lines if line.transaction_type == kind]
    if len(found) != 1:
        yield f"it is {entry.status}, and the journal has {len(found)} lines of its {kind}"
    elif quantity is not None and found[0].quantity != quantity:
        yield f"it came to {plain(quantity)} {asset_id}, the journal has {plain(found[0].quantity or ZERO)}"


def line(reads: Reads, line: Entry) -> Iterator[str]:
    """A line of the journal is of something that has come to it."""
    row = next((row for row in (*TRADED_OR_PAID, keys.SELL_ORDER) if str(line.order_id)[:1] == row.id_prefix), None)
    entry = None if row is None else reads.get(keys.PrimaryKey(str(line.order_id), row.sk))
    if row is None or entry is None:
        yield "the journal has a line of something that is not there"
        return
    if entry.username != line.username:
        yield f"it is {entry.username}'s, and {line.username}'s journal has a line of it"
    if row is keys.SELL_ORDER:
        yield from _line_of_sale(line, entry)
    elif entry.status != COMPLETED:
        yield f"it is {entry.status}, and the journal has a line of it"
    if line.transaction_type == SELL and EXACT.add(line.cost or ZERO, line.realised_gain or ZERO) != line.total_amount:
        yield "its gain is not what it brought less what it cost"
    if row in (keys.ORDER, keys.PURCHASE, keys.SALE, keys.SELL_ORDER) and line.transaction_type != WITHDRAW:
        came_to = entry.quantity if row is keys.ORDER else entry.executed_quantity
        if (came_to, entry.total_amount) != (line.quantity, line.total_amount):
            told = _came_to(line.quantity, line.total_amount)
            yield f"it came to {_came_to(came_to, entry.total_amount)}, the journal has {told}"
    if row is keys.ORDER and entry.fee_amount != line.fee_amount:
        fees = entry.fee_amount or ZERO, line.fee_amount or ZERO
        yield f"it has paid a fee of ${plain(fees[0])}, the journal has ${plain(fees[1])}"
    if row is keys.DEPOSIT and entry.amount != line.total_amount:
        yield f"${plain(entry.amount or ZERO)} came in, the journal has ${plain(line.total_amount or ZERO)}"


def _line_of_sale(line: Entry, sale: Entry) -> Iterator[str]:
    if sale.status not in (CASH_OUT.ready, CASH_OUT.paying, CASH_OUT.failed, CASH_OUT.paid):
        yield f"it is {sale.status}, and the journal has a line of it"
    elif line.transaction_type == WITHDRAW and sale.status != CASH_OUT.paid:
        yield f"it is {sale.status}, and the journal has its dollars gone"


def _came_to(quantity: Decimal | None, total: Decimal | None) -> str:
    return f"{plain(quantity or ZERO)} for ${plain(total or ZERO)}"
