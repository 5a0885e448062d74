"""Snapshots that were taken, outgoing transfers, and the outputs that these spend, in the table.

Every write carries its condition, and goes with the writes of what it is done for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from common import keys
from common.custody import Address, Draft, Output, Snapshot, User
from common.domain import timeline, work
from common.domain.custody.model import (
    DISPOSITIONS,
    TRANSITIONS,
    Disposition,
    Incoming,
    IncomingMoved,
    IncomingNotFound,
    Kind,
    Outgoing,
    OutgoingMoved,
    OutgoingNotFound,
    Status,
)
from common.domain.timeline import TimelineEvent
from common.errors import Refusal
from common.money import Quantity
from common.table.items import DecimalAttribute, InstantAttribute, Item
from common.table.table import Table
from common.table.transaction import Write


class IncomingItem(work.OpenWork, discriminator=keys.SNAPSHOT.entity):
    snapshot_id = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    amount = DecimalAttribute()
    opponent_id = UnicodeAttribute(null=True)
    memo = UnicodeAttribute(null=True)  # hexadecimal, as the custody tells it
    told_at = UnicodeAttribute()  # when, by the custody's clock
    transaction_hash = UnicodeAttribute()
    request_id = UnicodeAttribute(null=True)
    deposit_hash = UnicodeAttribute(null=True)
    status = UnicodeAttribute()
    reason = UnicodeAttribute()
    order_id = UnicodeAttribute(null=True)
    outgoing_id = UnicodeAttribute(null=True)


class OutgoingItem(work.OpenWork, discriminator=keys.OUTGOING.entity):
    kind = UnicodeAttribute()
    cause = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    amount = DecimalAttribute()
    user_id = UnicodeAttribute(null=True)
    destination = UnicodeAttribute(null=True)
    tag = UnicodeAttribute(null=True)
    memo = UnicodeAttribute(null=True)
    fee_asset_id = UnicodeAttribute(null=True)
    fee_amount = DecimalAttribute(null=True)
    status = UnicodeAttribute()
    attempt = DecimalAttribute()
    drafts = UnicodeAttribute(null=True)
    inputs = UnicodeAttribute(null=True)
    contested = UnicodeAttribute(null=True)
    sent_at = InstantAttribute(null=True)
    short_since = InstantAttribute(null=True)
    refused_at = InstantAttribute(null=True)
    withdrawal_hash = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)


class OutputItem(Item, discriminator=keys.OUTPUT.entity):
    outgoing_id = UnicodeAttribute()


class AlreadyTaken(Refusal):
    """The snapshot was taken before: once is enough."""


class OutputReserved(Refusal):
    """Another outgoing spends the output. Choose again, without it."""

    def __init__(self, output_id: str) -> None:
        super().__init__(f"output {output_id} is spent by another outgoing transfer")
        self.output_id = output_id


# Snapshots


def incoming(table: Table, incoming_id: str) -> Incoming:
    """Raises IncomingNotFound."""
    found = find_incoming(table, incoming_id)
    if found is None:
        raise IncomingNotFound(f"there is no snapshot {incoming_id}", id=incoming_id)
    return found


def find_incoming(table: Table, incoming_id: str) -> Incoming | None:
    item = table.get(IncomingItem, keys.SNAPSHOT(snapshot_id=incoming_id), consistent=True)
    return None if item is None else incoming_of(item)


def take(taken: Incoming, *, waits_for: str | None = None, due_at: datetime | None = None) -> Write:
    """A snapshot and what is to become of it. One that is PARKED waits for a person; with `waits_for`, another one
    waits until `due_at`. Refused with AlreadyTaken; goes first."""
    snapshot = taken.snapshot
    item = IncomingItem(
        *keys.SNAPSHOT(snapshot_id=taken.incoming_id),
        snapshot_id=snapshot.snapshot_id,
        asset_id=snapshot.quantity.asset_id,
        amount=snapshot.quantity.amount,
        opponent_id=snapshot.opponent_id,
        memo=snapshot.memo.hex() or None,
        told_at=snapshot.created_at,
        transaction_hash=snapshot.transaction_hash,
        request_id=snapshot.request_id,
        deposit_hash=snapshot.deposit_hash,
        status=taken.disposition,
        reason=taken.reason,
        order_id=taken.order_id,
        outgoing_id=taken.outgoing_id,
        created_at=taken.created_at,
        updated_at=taken.updated_at,
    )
    if taken.disposition is Disposition.PARKED:
        work.wait_for_person(item, keys.SNAPSHOT, waits_for=f"an operator: {taken.reason}")
    elif waits_for is not None:
        assert due_at is not None
        work.wait(item, keys.SNAPSHOT, due_at=due_at, waits_for=waits_for)
    return Write.insert(item, otherwise=AlreadyTaken(f"snapshot {snapshot.snapshot_id} was taken before"))


def dispose(before: Incoming, after: Disposition, at: datetime, why: str, **known: str) -> Write:
    """A snapshot goes on. `known` are an `order_id` or an `outgoing_id`. Refused with IncomingMoved."""
    assert after in DISPOSITIONS[before.disposition], f"no snapshot goes from {before.disposition} to {after}"
    item = IncomingItem
    actions: list[Action] = [item.status.set(after), item.reason.set(why), item.updated_at.set(at)]
    if "order_id" in known:
        actions.append(item.order_id.set(known["order_id"]))
    if "outgoing_id" in known:
        actions.append(item.outgoing_id.set(known["outgoing_id"]))
    if after is Disposition.PARKED:
        waits_for = f"an operator: {why}"
        actions += work.needs_person(keys.SNAPSHOT, before.incoming_id, now=at, waits_for=waits_for)
    else:
        actions += work.done()
    return Write.update(
        item(*keys.SNAPSHOT(snapshot_id=before.incoming_id)),
        *actions,
        when=item.status == before.disposition,
        otherwise=IncomingMoved(f"snapshot {before.incoming_id} has moved", id=before.incoming_id),
    )


# Outgoing transfers


def outgoing(table: Table, outgoing_id: str) -> Outgoing:
    """Raises OutgoingNotFound."""
    found = find_outgoing(table, outgoing_id)
    if found is None:
        raise OutgoingNotFound(f"there is no outgoing transfer {outgoing_id}", id=outgoing_id)
    return found


def find_outgoing(table: Table, outgoing_id: str) -> Outgoing | None:
    item = table.get(OutgoingItem, keys.OUTGOING(outgoing_id=outgoing_id), consistent=True)
    return None if item is None else outgoing_of(item)


def intend(intended: Outgoing) -> Write:
    """The decision to send. Refused with OutgoingMoved, when it was taken before."""
    fee, to = intended.fee, intended.to
    item = OutgoingItem(
        *keys.OUTGOING(outgoing_id=intended.outgoing_id),
        kind=intended.kind,
        cause=intended.cause,
        asset_id=intended.quantity.asset_id,
        amount=intended.quantity.amount,
        user_id=to.user_id if isinstance(to, User) else None,
        destination=to.destination if isinstance(to, Address) else None,
        tag=(to.tag or None) if isinstance(to, Address) else None,
        memo=intended.memo.hex() or None,
        fee_asset_id=None if fee is None else fee.asset_id,
        fee_amount=None if fee is None else fee.amount,
        status=intended.status,
        attempt=Decimal(intended.attempt),
        created_at=intended.created_at,
        updated_at=intended.updated_at,
    )
    work.wait(item, keys.OUTGOING, due_at=intended.created_at, waits_for="to be sent")
    there = OutgoingMoved("it is to be sent already", id=intended.outgoing_id)
    return Write.insert(item, otherwise=there)


def send(before: Outgoing, drafts: Sequence[Draft], inputs: Sequence[Output], at: datetime) -> list[Write]:
    """It is about to be sent: its drafts are stored and its outputs are nobody else's.

    Refused with OutputReserved; OutgoingMoved.
    """
    item = OutgoingItem
    moved = _move(
        before,
        Status.SENT,
        at,
        item.drafts.set(json.dumps([asdict(draft) for draft in drafts])),
        item.inputs.set(json.dumps([output.output_id for output in inputs])),
        item.sent_at.set(at),
        item.short_since.remove(),
        item.refused_at.remove(),
        *_looked_at(before, at, "the custody to have it"),
        also=item.attempt == Decimal(before.attempt),
    )
    return [moved, *(_reserve(before, output, at) for output in inputs)]


def repeat(before: Outgoing, at: datetime) -> Write:
    """The same drafts are about to be sent again, by nobody else. Refused with OutgoingMoved."""
    item = OutgoingItem
    waiting = _looked_at(before, at, "the custody to have it")
    return _same(before, at, item.sent_at.set(at), *waiting, also=_as_sent(before))


def wait_for_outputs(before: Outgoing, due_at: datetime, why: str, at: datetime) -> Write:
    """There are too few now: it is looked at again later. Refused with OutgoingMoved."""
    waiting = work.waits(keys.OUTGOING, before.outgoing_id, now=at, due_at=due_at, waits_for=f"outputs: {why}")
    short_since = OutgoingItem.short_since
    return _same(before, at, short_since.set(short_since | at), *waiting)


def look_later(before: Outgoing, due_at: datetime, at: datetime) -> Write:
    """Nothing has become of it: others are looked at first. Refused with OutgoingMoved."""
    return _same(before, at, OutgoingItem.due_at.set(due_at), also=OutgoingItem.open_work.exists())


def refuse_repeat(before: Outgoing, why: str, at: datetime) -> Write:
    """The custody has refused what may have been sent before: from now on it is only asked. Refused with
    OutgoingMoved."""
    item = OutgoingItem
    due_at = replace(before, refused_at=at).never_sent_at
    waits_for = f"the custody, which may have it, and has refused to have it again: {why}"
    waiting = work.waits(keys.OUTGOING, before.outgoing_id, now=at, due_at=due_at, waits_for=waits_for)
    never = item.refused_at.does_not_exist()
    return _same(before, at, item.refused_at.set(at), item.reason.set(why), *waiting, also=never)


def confirm(before: Outgoing, withdrawal_hash: str, at: datetime) -> Write:
    """Its chain has it: who wanted it sent waits for it to arrive. Refused with OutgoingMoved."""
    item = OutgoingItem
    return _move(before, Status.CONFIRMED, at, item.withdrawal_hash.set(withdrawal_hash), *work.done())


def arrive(before: Outgoing, at: datetime) -> Write:
    """Refused with OutgoingMoved."""
    return _move(before, Status.ARRIVED, at, *work.done())


def refuse(before: Outgoing, why: str, at: datetime) -> list[Write]:
    """It will never be sent, and its outputs are free again. Of an order's funding the order decides; small outputs
    are merged another time; what else was to be paid waits for a person. Refused with OutgoingMoved."""
    item = OutgoingItem
    if before.kind in (Kind.FUNDING, Kind.MERGE):
        waiting = work.done()
    else:
        waits_for = f"an operator: {why}"
        waiting = work.needs_person(keys.OUTGOING, before.outgoing_id, now=at, waits_for=waits_for)
    moved = _move(before, Status.REFUSED, at, item.reason.set(why), *waiting, also=_as_sent(before))
    return [moved, *_release(before)]


def try_again(before: Outgoing, why: str, due_at: datetime, at: datetime) -> Write:
    """A definite no whose cause is ours: the next attempt is sent later, and spends the same outputs, so that no two
    attempts can ever be spent. Refused with OutgoingMoved."""
    item = OutgoingItem
    waiting = work.waits(keys.OUTGOING, before.outgoing_id, now=at, due_at=due_at, waits_for=f"the desk: {why}")
    actions: list[Action] = [item.attempt.set(Decimal(before.attempt + 1)), item.reason.set(why)]
    actions += [attribute.remove() for attribute in (item.drafts, item.sent_at, item.refused_at)]
    return _move(before, Status.INTENDED, at, *actions, *waiting, also=_as_sent(before))


def stop(before: Outgoing, why: str, at: datetime) -> Write:
    """A person must look. Refused with OutgoingMoved."""
    waits_for = f"an operator: {why}"
    return _same(before, at, *work.needs_person(keys.OUTGOING, before.outgoing_id, now=at, waits_for=waits_for))


# What operators decide


def ask_again(before: Outgoing, at: datetime) -> Write:
    """A person lets it be sent, or asked for, once more: the next attempt of what was refused, and otherwise just
    where it stands. Refused with OutgoingMoved."""
    if before.status is Status.REFUSED:
        return _begin_again(before, at)
    waiting = work.waits(keys.OUTGOING, before.outgoing_id, now=at, due_at=at, waits_for="to be looked at again")
    return _same(before, at, *waiting, also=_waits_for_person(before))


def send_to(before: Outgoing, to: User, at: datetime) -> Write:
    """What was refused goes to another user of the custody. Refused with OutgoingMoved."""
    assert before.status is Status.REFUSED, "somebody may get it yet"
    return _begin_again(before, at, OutgoingItem.user_id.set(to.user_id))


def was_sent(before: Outgoing, withdrawal_hash: str | None, at: datetime) -> Write:
    """Two operators have found that it was sent, to an address with this transaction of its chain. Refused with
    OutgoingMoved."""
    also = _waits_for_person(before)
    if withdrawal_hash is None:
        return _move(before, Status.ARRIVED, at, *work.done(), also=also)
    hash_ = OutgoingItem.withdrawal_hash.set(withdrawal_hash)
    return _move(before, Status.CONFIRMED, at, hash_, *work.done(), also=also)


def was_never_sent(before: Outgoing, at: datetime) -> list[Write]:
    """Two operators have found that no attempt was sent: the next one spends what outputs there are. Where the custody
    has denied it before, they knew what had become of its outputs. Refused with OutgoingMoved."""
    return [_begin_again(before, at, believed=before.status is Status.INTENDED), *_release(before)]


def _begin_again(before: Outgoing, at: datetime, *actions: Action, believed: bool = False) -> Write:
    """The next attempt, with outputs that are chosen anew. A refusal that was a slip or a lie pays nobody twice: unless
    it is `believed`, the next attempt spends an output of each one before."""
    item = OutgoingItem
    waiting = work.waits(keys.OUTGOING, before.outgoing_id, now=at, due_at=at, waits_for="to be sent")
    forgotten: list[Action] = [
        attribute.remove() for attribute in (item.drafts, item.inputs, item.sent_at, item.refused_at)
    ]
    number = item.attempt.set(Decimal(before.attempt + 1))
    contested = [] if believed else list(dict.fromkeys((*before.contested, *before.inputs[:1])))
    forgotten.append(item.contested.set(json.dumps(contested)) if contested else item.contested.remove())
    also = _waits_for_person(before)
    return _move(before, Status.INTENDED, at, number, *forgotten, *actions, *waiting, also=also)


def _waits_for_person(before: Outgoing) -> Condition:
    """As it was read: nobody has moved it meanwhile."""
    item = OutgoingItem
    waits: Condition = item.open_work == work.partition_of_person(keys.OUTGOING, before.outgoing_id)
    same: Condition = waits & (item.attempt == Decimal(before.attempt)) & _as_sent(before)
    return same


def spender(table: Table, output_id: str) -> str | None:
    """The outgoing transfer that has reserved an output, or has spent it."""
    item = table.get(OutputItem, keys.OUTPUT(output_id=output_id), consistent=True)
    return None if item is None else item.outgoing_id


def told(incoming: Incoming, after: Disposition, why: str, actor: str, at: datetime) -> Write:
    """An event of a snapshot's life."""
    return timeline.record(incoming.incoming_id, TimelineEvent(at, incoming.disposition, after, why, actor))


def event(outgoing: Outgoing, after: Status, why: str, actor: str, at: datetime) -> Write:
    return timeline.record(outgoing.outgoing_id, TimelineEvent(at, outgoing.status, after, why, actor))


def _as_sent(before: Outgoing) -> Condition:
    """Nobody has begun to send it since it was read."""
    sent_at = OutgoingItem.sent_at
    same: Condition = sent_at.does_not_exist() if before.sent_at is None else sent_at == before.sent_at
    return same


def _looked_at(outgoing: Outgoing, at: datetime, waits_for: str) -> list[Action]:
    due_at = replace(outgoing, sent_at=at).looked_at
    return work.waits(keys.OUTGOING, outgoing.outgoing_id, now=at, due_at=due_at, waits_for=waits_for)


def _move(before: Outgoing, after: Status, at: datetime, *actions: Action, also: Condition | None = None) -> Write:
    assert after in TRANSITIONS[before.status], f"no outgoing goes from {before.status} to {after}"
    return _same(before, at, OutgoingItem.status.set(after), *actions, also=also)


def _same(before: Outgoing, at: datetime, *actions: Action, also: Condition | None = None) -> Write:
    item = OutgoingItem
    rule = item.status == before.status
    return Write.update(
        item(*keys.OUTGOING(outgoing_id=before.outgoing_id)),
        item.updated_at.set(at),
        *actions,
        when=rule if also is None else rule & also,
        otherwise=OutgoingMoved(f"outgoing transfer {before.outgoing_id} has moved", id=before.outgoing_id),
    )


def _reserve(outgoing: Outgoing, output: Output, at: datetime) -> Write:
    item = OutputItem(
        *keys.OUTPUT(output_id=output.output_id),
        outgoing_id=outgoing.outgoing_id,
        created_at=at,
        updated_at=at,
    )
    free = OutputItem.PK.does_not_exist() | (OutputItem.outgoing_id == outgoing.outgoing_id)
    return Write.put(item, when=free, otherwise=OutputReserved(output.output_id))


def _release(outgoing: Outgoing) -> list[Write]:
    return [Write.delete(OutputItem(*keys.OUTPUT(output_id=output_id))) for output_id in outgoing.inputs]


# Mapping


def incoming_of(item: IncomingItem) -> Incoming:
    return Incoming(
        incoming_id=item.PK,
        snapshot=Snapshot(
            snapshot_id=item.snapshot_id,
            quantity=Quantity(item.amount, item.asset_id),
            created_at=item.told_at,
            transaction_hash=item.transaction_hash,
            opponent_id=item.opponent_id,
            memo=bytes.fromhex(item.memo or ""),
            request_id=item.request_id,
            deposit_hash=item.deposit_hash,
        ),
        disposition=Disposition(item.status),
        created_at=item.created_at,
        updated_at=item.updated_at,
        reason=item.reason,
        order_id=item.order_id,
        outgoing_id=item.outgoing_id,
        due_at=item.due_at,
        needs_person=item.needs_person,
    )


def outgoing_of(item: OutgoingItem) -> Outgoing:
    told: list[dict[str, Any]] = json.loads(item.drafts or "[]")
    to = User(item.user_id) if item.user_id is not None else Address(item.destination, item.tag or "")
    return Outgoing(
        outgoing_id=item.PK,
        kind=Kind(item.kind),
        cause=item.cause,
        quantity=Quantity(item.amount, item.asset_id),
        to=to,
        status=Status(item.status),
        created_at=item.created_at,
        updated_at=item.updated_at,
        memo=bytes.fromhex(item.memo or ""),
        fee=None if item.fee_asset_id is None else Quantity(item.fee_amount, item.fee_asset_id),
        attempt=int(item.attempt),
        drafts=tuple(Draft(**draft) for draft in told),
        inputs=tuple(json.loads(item.inputs or "[]")),
        contested=tuple(json.loads(item.contested or "[]")),
        sent_at=item.sent_at,
        short_since=item.short_since,
        refused_at=item.refused_at,
        withdrawal_hash=item.withdrawal_hash,
        reason=item.reason,
        needs_person=item.needs_person,
    )
