"""The version of a story: what an operator has seen of a thing before he acts upon it.

A trial (`dry_run`) tells the version that it was made of; who sends it back with the act has it done to no other. What
one sees of a thing is the thing itself, how many moves it has made, who is in it, and how the orders at an exchange,
the payouts and the legs stand that it has asked for; of a proposal, what it is about as well. That somebody has looked
(`updated_at`) is no move.

Versions are compared before the act reads for itself; from there on the condition of its write holds what it has read.
Who asks once more, because an answer was lost, is told that it is so already, as he would be without a version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Self

from common import keys
from common.domain import timeline
from common.domain.proposals import store as proposals
from common.errors import Conflict, Refusal
from common.keys import PrimaryKey
from common.operator_outcome import OperatorOutcome
from common.table.items import AnyItem, Item, RawItem
from common.table.table import Query, Table, partition
from common.wire import OperatorAct, OperatorOutcomeView

BESIDE = (keys.EXCHANGE_ORDER, keys.PAYOUT_ATTEMPT, keys.MARKET_MAKING_LEG, keys.MEMBER, keys.SELLER)
DIGITS = 16  # of the digest
TOLD_MAX = 3  # of what has moved meanwhile
NOTHING = "nothing"
AGAIN = "Look at it again, and try this once more"


class StoryMoved(Conflict):
    """It has moved since the trial that showed what this act would do; `detail` tells how. Nothing was done. Look at
    it, and try the act again."""


class SeenItem(AnyItem):
    """Any item, with all that it says."""

    said: str

    @classmethod
    def from_raw_data(cls, data: RawItem) -> Self:
        item = super().from_raw_data({name: data[name] for name in ("PK", "SK")})
        item.said = json.dumps({name: value for name, value in data.items() if name != "updated_at"}, sort_keys=True)
        return item


def version_of(table: Table, thing_id: str | None) -> str | None:
    """None of what has no story: a flow, a rule, an event of the bank, what is new."""
    key = None if thing_id is None else keys.item_named(thing_id)
    if thing_id is None or key is None:
        return None
    told = list(_seen(table, thing_id, key))
    if not told:
        return None
    if key.sk == keys.PROPOSAL.sk:
        proposal = proposals.find(table, thing_id)
        about = None if proposal is None else keys.item_named(proposal.subject)
        if proposal is not None and about is not None:
            told += _seen(table, proposal.subject, about)
    moves = sum(1 for _ in timeline.of(table, thing_id))
    return f"{moves}-{sha256(json.dumps(told).encode()).hexdigest()[:DIGITS]}"


def acted(
    table: Table, thing_id: str | None, body: OperatorAct, act: Callable[[bool], OperatorOutcome]
) -> OperatorOutcomeView:
    """What `act` (whose argument is: is it only tried?) has done, or would do, about what this id names. Raises
    StoryMoved, and what the act raises."""
    is_compared = body.dry_run or body.version is not None
    version = version_of(table, thing_id) if is_compared else None  # before the act looks: never younger than its trial
    if body.dry_run or body.version in (None, version):
        return OperatorOutcomeView.of(act(body.dry_run), version if body.dry_run else None)
    if thing_id is None:
        raise StoryMoved("this has no story, and no version of one: send it without `version`")
    try:
        again = act(True)
    except Refusal:
        again = None  # which is no word about what was seen
    if again is None or not again.is_repeat:
        raise StoryMoved(
            f"{thing_id} has moved since this was tried: {_moves_since(table, thing_id, body)}", id=thing_id
        )
    return OperatorOutcomeView.of(again)


def _seen(table: Table, thing_id: str, key: PrimaryKey) -> Iterator[str]:
    item = table.get(SeenItem, key, consistent=True)
    if item is not None:
        yield item.said
    for row in (keys.EVENT, *BESIDE):
        for each in table.all(SeenItem, Query(partition(thing_id) & Item.SK.startswith(row.prefix), consistent=True)):
            yield each.said


def _moves_since(table: Table, thing_id: str, body: OperatorAct) -> str:
    """In words: the moves that are told since then, the last ones of many."""
    assert body.version is not None
    seen = int(body.version.partition("-")[0])
    moves = list(timeline.of(table, thing_id))[seen:]
    told = [
        f"{e.actor}: {e.after if e.before == e.after else f'{e.before or NOTHING} → {e.after}'}, {e.reason}"
        for e in moves
    ]
    if not told:
        return f"what it is about, or has asked others for, stands otherwise now. {AGAIN}"
    more = f"{len(told) - TOLD_MAX} moves, and " if len(told) > TOLD_MAX else ""
    return f"{more}{'; '.join(told[-TOLD_MAX:])}. {AGAIN}"
