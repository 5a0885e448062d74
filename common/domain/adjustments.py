"""What the bank has booked, by its id (an adjustment): it counts for one payment of ours, to customers or from them.

Four kinds of payments claim one: a payout's attempt, the adjustment that decides it; two operators who say what the
bank has paid, the paper that they go by; a payout that was paid by another way, the reference of that payment; a
deposit that operators credit, the bank's reference of the wire. The claim is an item of its own, written in the
transaction that moves the dollars, so no booking is counted twice, however it is spelled.
"""

from __future__ import annotations

import re
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.errors import Conflict
from common.table.items import Item, RawItem
from common.table.table import Table
from common.table.transaction import Write

_NO_LETTER_NO_DIGIT = re.compile(r"[\W_]")


class AdjustmentTaken(Conflict):
    """What the bank has booked under this id has counted for another payment already."""


class AdjustmentIdItem(Item, discriminator=keys.ADJUSTMENT_ID.entity):
    # The payment that has claimed it: an attempt's reference, or the id of a deposit or a payout.
    ours = UnicodeAttribute()


def claim(adjustment_id: str, ours: str, at: datetime, *, of_attempts: bool = False) -> Write:
    """The bank's adjustment is that of this payment: `ours` is its attempt's reference, or the id of its deposit, or of
    the payout that no attempt has paid; `of_attempts`: that payout may have what one of its attempts has claimed.
    Refused with AdjustmentTaken; a repeat for the same payment is not. It goes before the writes that move the
    dollars, so that this refusal comes before theirs."""
    item = AdjustmentIdItem(*key_of(adjustment_id), ours=ours, created_at=at, updated_at=at)

    def refusal(old: RawItem | None) -> AdjustmentTaken:
        assert old is not None
        return _taken(adjustment_id, ours, AdjustmentIdItem.from_raw_data(dict(old)).ours)

    free = AdjustmentIdItem.PK.does_not_exist() | (AdjustmentIdItem.ours == ours)
    if of_attempts:
        free |= AdjustmentIdItem.ours.startswith(f"{ours}-")
    return Write.put(item, when=free, otherwise=refusal)


def release(adjustment_id: str, ours: str) -> Write:
    """It is not that of this payment after all. Refused with AdjustmentTaken."""
    item = AdjustmentIdItem(*key_of(adjustment_id))

    def refusal(old: RawItem | None) -> AdjustmentTaken:
        whose = "nobody" if old is None else AdjustmentIdItem.from_raw_data(dict(old)).ours
        return _taken(adjustment_id, ours, whose)

    return Write.delete(item, when=AdjustmentIdItem.ours == ours, otherwise=refusal)


def taken(table: Table, adjustment_id: str, ours: str) -> AdjustmentTaken | None:
    """What a claim would be refused with now; None if it would not."""
    item = table.get(AdjustmentIdItem, key_of(adjustment_id), consistent=True)
    return None if item is None or item.ours == ours else _taken(adjustment_id, ours, item.ours)


def _taken(adjustment_id: str, ours: str, whose: str) -> AdjustmentTaken:
    return AdjustmentTaken(f"the bank tells of adjustment {adjustment_id} for {ours}, and it is that of {whose}")


def claimed_by(table: Table, adjustment_id: str) -> str | None:
    """The payment of ours that has claimed it: an attempt's reference, or the id of a deposit or a payout; None: nobody
    has."""
    item = table.get(AdjustmentIdItem, key_of(adjustment_id), consistent=True)
    return None if item is None else item.ours


def key_of(adjustment_id: str) -> keys.PrimaryKey:
    """One key for all spellings. What has no letter and no digit is told apart as it is written: a key may hold no `#`,
    which is escaped, and so is `%`, as in a URL."""
    plain = spelled(adjustment_id) or adjustment_id.replace("%", "%25").replace("#", "%23")
    return keys.ADJUSTMENT_ID(adjustment_id=plain)


def spelled(adjustment_id: str) -> str:
    """Letters and digits of what the bank calls a booking, small: `Wire-4711`, `WIRE 47 11` and `wire_4711` are one. An
    operator writes off what a statement shows or a mail says, and two spellings would be two credits. `12-3` and `1-23`
    are one, too: whoever is refused for that adds what else the statement says, and nobody is paid twice."""
    return _NO_LETTER_NO_DIGIT.sub("", adjustment_id.casefold())
