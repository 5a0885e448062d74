"""Market-making orders: what was paid for each, on which way it went, and what it has at the exchange."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from common import keys
from common.clock import text
from common.domain.custody.model import Disposition, Kind, incoming_id, outgoing_id
from common.domain.custody.model import Status as Sent
from common.money import EXACT, plain
from functions.operations.entries import ZERO, Entry, Reads, said_by
from functions.operations.service.checks.trading import waiting

OVER = ("refunded", "returned")
STOPPED, ARRIVED = "stopped", "ARRIVED"
MAY_QUOTE = ("created", "running", "paused", "stopping", STOPPED)
FUNDED = (*MAY_QUOTE, "deposit_confirming", "deposit_confirmed", "joining_campaign", "campaign_joined", "returning")
OUT, HOME = "OUT", "HOME"


def order(reads: Reads, order: Entry) -> Iterator[str]:
    if order.left_behind is None or not order.waits:  # operators have decided about its dust
        yield from waiting(
            order, unfinished=order.status not in OVER and (order.status != STOPPED or bool(order.goes_home))
        )
    paid = sum(1 for _ in reads.beside(order.PK, keys.MARKET_MAKING_TRANSFER))
    if paid != order.transfers:
        yield f"it counts {order.transfers} transfers that pay for it, there are {paid}"
    if order.status in MAY_QUOTE and order.quoted_by is not None:
        if reads.get(keys.MARKET_MAKING_QUOTES(order_id=order.PK)) is None:
            yield f"it is {order.status}, and has no ledger at the exchange"
        member = reads.get(keys.SHARD_MEMBER(shard=order.quoted_by, order_id=order.PK))
        if member is None or member.status != order.status:
            yield f"it is {order.status}, and shard {order.quoted_by} has it as {said_by(member, 'status', 'nothing')}"

    if order.status in FUNDED and not order.after_failure:
        yield from _divided(reads, order)


def _divided(reads: Reads, order: Entry) -> Iterator[str]:
    """What was paid for it and left the custody went to the exchange, was for its way there, went back as surplus, or
    is the desk's fee."""
    left, at = defaultdict[str, Decimal](Decimal), order.created_at

    def minus(asset_id: str | None, amount: Decimal | None) -> None:
        left[str(asset_id)] = EXACT.subtract(left[str(asset_id)], amount or ZERO)

    for transfer in reads.beside(order.PK, keys.MARKET_MAKING_TRANSFER):
        incoming = reads.get(keys.SNAPSHOT(snapshot_id=incoming_id(transfer.parts["snapshot_id"])))
        if incoming is not None and incoming.status == Disposition.WITHDRAWN:
            minus(transfer.asset_id, -(transfer.amount or ZERO))
    sends = [outgoing_id(Kind.SURPLUS, order.PK, asset_id) for asset_id in left]
    for leg in reads.beside(order.PK, keys.MARKET_MAKING_LEG):
        if leg.parts["way"] == OUT:
            sends.append(str(leg.sent_by))
            at = leg.created_at
    for each in sends:
        outgoing = _outgoing(reads, each)
        if outgoing is not None:
            minus(outgoing.asset_id, outgoing.amount)
            minus(outgoing.fee_asset_id, outgoing.fee_amount)
    for asset_id, amount in left.items():
        if amount:
            line = reads.get(keys.DESK_TRANSACTION(asset_id=asset_id, created_at=text(at), order_id=order.PK))
            if line is None or line.amount != amount:
                told = "nothing" if line is None else plain(line.amount or ZERO)
                yield f"{plain(amount)} of {asset_id} are not accounted for, the desk's fee is {told}"


def _order(reads: Reads, order_id: str | None) -> Entry | None:
    return None if order_id is None else reads.get(keys.MARKET_MAKING_ORDER(order_id=order_id))


def shard_member(reads: Reads, member: Entry) -> Iterator[str]:
    order = _order(reads, member.parts["order_id"])
    if order is None or order.quoted_by != member.parts["shard"]:
        yield f"shard {member.parts['shard']} quotes for it, and it does not know that"


# What was paid


def transfer(reads: Reads, transfer: Entry) -> Iterator[str]:
    snapshot_id = transfer.parts["snapshot_id"]
    incoming = reads.get(keys.SNAPSHOT(snapshot_id=incoming_id(snapshot_id)))
    told = (transfer.PK, transfer.asset_id, transfer.amount)
    if incoming is None or (incoming.order_id, incoming.asset_id, incoming.amount) != told:
        yield f"snapshot {snapshot_id} pays for it, and was not taken as that"


def snapshot(reads: Reads, incoming: Entry) -> Iterator[str]:
    if incoming.status not in list(Disposition):
        yield f"nobody knows what is to become of it: it is {incoming.status}"
    comes_home = incoming.status == Disposition.EXPECTED and incoming.deposit_hash is not None
    yield from waiting(incoming, unfinished=incoming.status == Disposition.PARKED or comes_home)
    order = _order(reads, incoming.order_id)
    if incoming.status == Disposition.HELD and (order is None or order.status in OVER):
        yield f"it is held for {incoming.order_id}, which is {said_by(order, 'status', 'not there')}"
    if order is not None and not _is_of(reads, incoming, order):
        yield f"it came for {order.PK}, and is neither a transfer nor a leg of it"
    if incoming.status == Disposition.REFUNDED:
        yield from _refunded(reads, incoming)
    if incoming.status == Disposition.DESK:
        pk = keys.DESK_TRANSACTION.partition(asset_id=str(incoming.asset_id))
        kept = [line.amount for line in reads.lines(pk, incoming.PK, incoming.created_at)]
        if kept != [incoming.amount]:
            yield f"it is the desk's, whose account has {[plain(k or ZERO) for k in kept]} of it"


def _is_of(reads: Reads, incoming: Entry, order: Entry) -> bool:
    key = keys.MARKET_MAKING_TRANSFER(order_id=order.PK, snapshot_id=str(incoming.snapshot_id))
    if reads.get(key) is not None:
        return True
    leg = reads.get(keys.MARKET_MAKING_LEG(order_id=order.PK, way=HOME, asset_id=str(incoming.asset_id)))
    return leg is not None and leg.incoming_id == incoming.PK


def _refunded(reads: Reads, incoming: Entry) -> Iterator[str]:
    outgoing = None if incoming.outgoing_id is None else _outgoing(reads, incoming.outgoing_id)
    due = (Kind.REFUND, incoming.PK, incoming.asset_id, incoming.amount, incoming.opponent_id)
    if outgoing is None or _told(outgoing) != due:
        yield f"it is refunded, and what sends it back is {said_by(outgoing, 'PK', 'not there')}"


def _told(outgoing: Entry) -> tuple[str | None, str | None, str | None, Decimal | None, str | None]:
    return outgoing.kind, outgoing.cause, outgoing.asset_id, outgoing.amount, outgoing.user_id


# Ways


def _outgoing(reads: Reads, outgoing_id: str) -> Entry | None:
    return reads.get(keys.OUTGOING(outgoing_id=outgoing_id))


def leg(reads: Reads, leg: Entry) -> Iterator[str]:
    way, asset_id = leg.parts["way"], leg.parts["asset_id"]
    if way == OUT:
        sends = _outgoing(reads, str(leg.sent_by))
        due = (Kind.FUNDING, leg.PK, asset_id, leg.amount)
        if sends is None or _told(sends)[:4] != due:
            yield f"its leg out of {asset_id} is sent by {said_by(sends, 'PK', 'nothing')}"
        elif (leg.status == ARRIVED) != (sends.status == Sent.ARRIVED):
            yield f"its leg out of {asset_id} is {leg.status}, what sends it {sends.status}"
    elif way == HOME and leg.status == ARRIVED:
        came = reads.get(keys.SNAPSHOT(snapshot_id=str(leg.incoming_id)))
        if came is None or (came.asset_id, came.amount, came.order_id) != (asset_id, leg.arrived_amount, leg.PK):
            yield f"its leg home of {asset_id} has come as {said_by(came, 'PK', 'nothing')}"


def outgoing(reads: Reads, outgoing: Entry) -> Iterator[str]:
    owed = outgoing.status == Sent.REFUSED and outgoing.kind not in (Kind.FUNDING, Kind.MERGE)
    yield from waiting(outgoing, unfinished=outgoing.status in (Sent.INTENDED, Sent.SENT) or owed)
    cause = str(outgoing.cause)
    if outgoing.kind == Kind.FUNDING:
        leg = reads.get(keys.MARKET_MAKING_LEG(order_id=cause, way=OUT, asset_id=str(outgoing.asset_id)))
        if leg is None or leg.sent_by != outgoing.PK:
            yield f"it funds {cause}, which has no such leg"
    elif outgoing.kind == Kind.REFUND and cause.startswith(str(keys.SNAPSHOT.id_prefix)):
        incoming = reads.get(keys.SNAPSHOT(snapshot_id=cause))
        if incoming is None or incoming.outgoing_id != outgoing.PK:
            yield f"it refunds {cause}, which does not know it"
    if outgoing.status != Sent.REFUSED:
        for output_id in json.loads(outgoing.inputs or "[]"):
            reserved = reads.get(keys.OUTPUT(output_id=output_id))
            if reserved is None or reserved.outgoing_id != outgoing.PK:
                yield f"output {output_id} that it spends is reserved for {said_by(reserved, 'outgoing_id', 'nothing')}"


def output(reads: Reads, output: Entry) -> Iterator[str]:
    sends, output_id = _outgoing(reads, str(output.outgoing_id)), output.parts["output_id"]
    spends = sends is not None and sends.status != Sent.REFUSED and output_id in json.loads(sends.inputs or "[]")
    if not spends:
        yield f"output {output_id} is reserved for it, and it does not spend that"


def deposit(reads: Reads, deposit: Entry) -> Iterator[str]:
    leg = reads.get(keys.MARKET_MAKING_LEG(order_id=str(deposit.order_id), way=OUT, asset_id=str(deposit.asset_id)))
    there = (deposit.transaction_hash, deposit.amount)
    if leg is None or (leg.transaction_hash, leg.arrived_amount) != there:
        yield f"deposit {deposit.parts['deposit_id']} of {plain(deposit.amount or ZERO)} is no leg's of it"


def unledgered(reads: Reads, there: Entry) -> Iterator[str]:
    if _order(reads, there.parts["order_id"]) is None:
        yield f"account {there.parts['account_id']} has money of it, and it is not there"


# At the exchange


def quotes(reads: Reads, quotes: Entry) -> Iterator[str]:
    """Its ledger is what the exchange has credited, its trades, and what operators have decided; its days are its
    trades. It moves with each of them: they are of its moment if it has not moved meanwhile."""
    order = _order(reads, quotes.PK)
    if order is None:
        yield "there are quotes of an order that is not there"
        return
    assets = (str(order.base_asset_id), str(order.quote_asset_id))
    coins = dict(zip(str(order.symbol).split("-"), assets, strict=True))
    sums, fills, volume = defaultdict[str, Decimal](Decimal), 0, ZERO

    def plus(asset_id: str, amount: Decimal | None) -> None:
        sums[asset_id] = EXACT.add(sums[asset_id], amount or ZERO)

    for leg in reads.beside(quotes.PK, keys.MARKET_MAKING_LEG):
        if leg.parts["way"] == OUT:
            plus(leg.parts["asset_id"], leg.arrived_amount)
    for trade in reads.beside(quotes.PK, keys.MARKET_MAKING_TRADE):
        sign = 1 if trade.side == "BUY" else -1
        plus(assets[0], sign * (trade.quantity or ZERO))
        plus(assets[1], -sign * (trade.quote_quantity or ZERO))
        if trade.fee_asset in coins:
            plus(coins[str(trade.fee_asset)], -(trade.fee or ZERO))
        fills, volume = fills + 1, EXACT.add(volume, trade.quote_quantity or ZERO)
    for decided in reads.beside(quotes.PK, keys.MARKET_MAKING_DECIDED):
        plus(assets[0], decided.base_amount)
        plus(assets[1], decided.quote_amount)
    days = list(reads.beside(quotes.PK, keys.MARKET_MAKING_DAY))
    of_days = sum((EXACT.add(day.maker_volume or ZERO, day.taker_volume or ZERO) for day in days), ZERO)
    in_days = sum(int(day.fills or 0) for day in days)
    now = reads.get(quotes.key)
    if now is None or now.updated_at != quotes.updated_at:
        return
    for name, asset_id, there in zip(["base", "quote"], assets, (now.base_amount, now.quote_amount), strict=True):
        if there != sums[asset_id]:
            yield f"its ledger has {plain(there or ZERO)} {name}, its lines make {plain(sums[asset_id])}"
    if (in_days, of_days) != (fills, volume):
        yield f"its days have {in_days} trades for {plain(of_days)}, its lines are {fills} for {plain(volume)}"


def campaign_member(reads: Reads, member: Entry) -> Iterator[str]:
    parts = member.parts
    campaign = {name: parts[name] for name in ("account_id", "campaign_id")}
    if reads.get(keys.JOINED_CAMPAIGN(**campaign)) is None:
        yield f"it counts in campaign {parts['campaign_id']}, which nobody has joined"
    known = keys.MARKET_MAKING_CAMPAIGN(order_id=parts["order_id"], campaign_id=parts["campaign_id"])
    if reads.get(known) is None:
        yield f"it counts in campaign {parts['campaign_id']}, and does not know that"


def seeker(reads: Reads, seeker: Entry) -> Iterator[str]:
    if _order(reads, seeker.parts["order_id"]) is None:
        yield "it seeks campaigns, and is not there"
