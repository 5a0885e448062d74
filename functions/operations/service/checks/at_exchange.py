"""Orders at the exchange: whose they are, and that they were booked within the bounds that they were placed with."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from common import keys
from common.domain.comparisons import EXCHANGE
from common.domain.exchange_orders.model import BY_EVIDENCE
from common.domain.exchange_orders.model import Status as AtExchange
from common.money import EXACT, plain
from functions.operations.entries import ZERO, Entry, Reads
from functions.operations.service.checks import comparing

CENT = Decimal("0.01")
INFINITE = Decimal("Infinity")


def order(reads: Reads, placed: Entry) -> Iterator[str]:
    row = keys.row_of_id(placed.PK)
    if row is None or reads.get(keys.PrimaryKey(placed.PK, row.sk)) is None:
        yield f"order {placed.parts['n']} at the exchange is of something that is not there"
    if placed.exchange_order_id is not None:
        yield from _claimed(reads, placed, placed.exchange_order_id)
    if placed.status == AtExchange.FINAL:
        yield from _believable(placed)
        yield from _listed(reads, placed)


def _listed(reads: Reads, placed: Entry) -> Iterator[str]:
    """The exchange's list of a day has told of it. Only markets are compared that are the catalogue's now."""
    if placed.exchange_order_id is None or placed.listed_at is not None or placed.order_state == BY_EVIDENCE:
        return
    asset = reads.get(keys.ASSET(asset_id=str(placed.asset_id)))
    if asset is not None and (asset.exchange_symbol or placed.asset_id) == (placed.symbol or placed.asset_id):
        name = f"order {placed.exchange_order_id}"
        yield from comparing.missed(reads, EXCHANGE, placed.created_at, name)


def _claimed(reads: Reads, placed: Entry, theirs: str) -> Iterator[str]:
    traded_as = str(placed.symbol or placed.asset_id)
    key = keys.EXCHANGE_ORDER_ID(exchange=str(placed.exchange), asset_id=traded_as, exchange_order_id=theirs)
    claim = reads.get(key)
    if claim is None or (claim.order_id, str(claim.number)) != (placed.PK, placed.parts["n"]):
        whose = "nobody" if claim is None else claim.order_id
        yield f"order {theirs} at the exchange is claimed by {whose}"


def _believable(placed: Entry) -> Iterator[str]:
    """Only operators are believed beyond the band, and nobody beyond the limit of the order."""
    executed, gross = placed.executed_quantity or ZERO, placed.gross_amount or ZERO
    if not 0 <= executed <= (placed.quantity or ZERO):
        yield f"{plain(executed)} of {plain(placed.quantity or ZERO)} are booked as executed"
    if placed.lowest_price is not None and placed.highest_price is not None:
        low, high = EXACT.multiply(placed.lowest_price, executed), EXACT.multiply(placed.highest_price, executed)
        if placed.order_state == BY_EVIDENCE:
            low, high = (ZERO, high) if placed.buys else (low, INFINITE)
        if not low - CENT <= gross <= high + CENT or (not executed and gross):
            yield f"${plain(gross)} are booked, which no fill within its bounds can have come to"
    if placed.fee_max_bps is not None:
        fee_max = EXACT.multiply(gross, placed.fee_max_bps) / 10_000 + CENT
        if abs(placed.fee_amount or ZERO) > fee_max:
            yield f"a fee of {plain(placed.fee_amount or ZERO)} on ${plain(gross)} is booked"


def claim(reads: Reads, claim: Entry) -> Iterator[str]:
    """An order of the exchange that is one of ours is known to that one."""
    theirs = claim.parts["exchange_order_id"]
    placed = reads.get(keys.EXCHANGE_ORDER(order_id=str(claim.order_id), n=str(claim.number)))
    # One that was answered too late is a stray's, and its order stays without.
    if placed is None or placed.exchange_order_id not in (None, theirs):
        yield f"order {theirs} at the exchange is claimed by it, which does not know that"
