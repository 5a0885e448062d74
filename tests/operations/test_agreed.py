"""Pairs and segments, on which two operators agree: nobody sets a fee, or what a deposit allows, alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from common import keys
from common.domain.catalogue.model import Execution
from common.domain.pairs import store as pair_store
from common.domain.pairs.model import Pair, PairFixed, PairMoved, PairTaken
from common.domain.proposals import store as proposals
from common.domain.proposals.model import OwnProposal
from common.domain.segments import store as segment_store
from common.domain.segments.model import Segment, SegmentMoved, SegmentWrong
from common.money import Money
from common.operator_outcome import OperatorOutcome
from common.table.transaction import Busy
from functions.operations.model import NotProposable
from functions.operations.service import segment_kinds
from tests.billing.dealership import CHEAP, DEAR
from tests.desk import Desk
from tests.market_making.market import ANN, BTC, ORDER, PAIR, USDT
from tests.seen import around


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.market.list_pair()
    desk.dealership.lists(CHEAP, DEAR)
    return desk


def pair(desk: Desk) -> Pair:
    return pair_store.pair(desk.table, PAIR)


def save(desk: Desk, saved: Pair | None = None, *, dry_run: bool = False, **changed: Any) -> OperatorOutcome:
    asked = replace(saved or pair(desk), **changed)
    return desk.interventions.save_pair(asked, "4716", "olga", dry_run=dry_run)


def allow(desk: Desk, segment: Segment, *, dry_run: bool = False) -> OperatorOutcome:
    given = segment_kinds.written(segment.deposit_min_kopecks, segment.price_max_kopecks)
    of = segment_kinds.SAVE, segment.segment_id, given
    return desk.proposals.propose(*of, None, "as the board decided", "olga", dry_run=dry_run)


def segment(desk: Desk) -> Segment:
    return segment_store.segment(desk.table, CHEAP.segment_id)


DEARER = replace(CHEAP, price_max_kopecks=CHEAP.price_max_kopecks + 1)
STRICTER = replace(CHEAP, deposit_min_kopecks=CHEAP.deposit_min_kopecks + 1)


def test_one_operator_alone_sets_no_fee_and_another_one_sees_which(desk: Desk) -> None:
    before = pair(desk)
    proposed = save(desk, fee_bps=Decimal(0))
    assert (proposed.after, pair(desk)) == ("PROPOSED", before)
    terms = proposals.existing(desk.table, proposed.id).terms
    assert (terms["fee_bps_before"], terms["fee_bps"], set(terms)) == (
        "10",
        "0",
        {"fee_bps", "fee_bps_before", "saved"},
    )
    with pytest.raises(OwnProposal):
        desk.confirmed(proposed, "olga")
    told = "is quoted otherwise, in orders that open from then on: fee_bps from 10 to 0"
    assert desk.confirmed(proposed).says == told
    assert pair(desk) == replace(before, fee_bps=Decimal(0))
    assert not save(desk).done  # it is so


def test_an_order_keeps_the_fee_that_it_was_opened_with(desk: Desk) -> None:
    market = desk.market
    market.poll()
    market.fund(ANN, BTC, "0.1")
    market.poll()
    desk.confirmed(save(desk, fee_bps=Decimal(0)))
    assert market.order().fee_bps == 10


def test_one_operator_alone_disables_a_pair_and_does_nothing_else(desk: Desk) -> None:
    before, cheaper = pair(desk), save(desk, fee_bps=Decimal(0))
    assert save(desk, enabled=False, fee_bps=Decimal(9)).after == "PROPOSED"
    assert (save(desk, enabled=False, dry_run=True).done, pair(desk)) == (False, before)
    off = save(desk, enabled=False)
    assert (off.before, off.after, off.done, pair(desk).enabled) == ("ENABLED", "DISABLED", True, False)
    entry, *_ = desk.operations.audit("2026-11-21", limit=10, after=None).items
    assert (entry.operator, entry.detail) == ("olga", "enabled from True to False: 4716")
    with pytest.raises(NotProposable, match="the pair was changed since"):  # who proposed it has not seen it off
        desk.confirmed(cheaper)
    on = save(desk, enabled=True)
    assert (on.after, pair(desk).enabled) == ("PROPOSED", False)
    desk.confirmed(on)
    assert pair(desk) == before


def test_a_pair_that_was_changed_to_and_fro_is_looked_at_again(desk: Desk) -> None:
    proposed, (read,) = save(desk, fee_bps=Decimal(0)), pair_store.saved_pairs(desk.table)
    for fee_bps in (20, 10):
        desk.confirmed(save(desk, fee_bps=Decimal(fee_bps)))
    with pytest.raises(NotProposable, match="the pair was changed since"):
        desk.confirmed(proposed)
    with pytest.raises(PairMoved):  # nor does the write that had read it before
        desk.table.write(pair_store.save_pair(replace(read.pair, fee_bps=Decimal(0)), read, desk.clock()))


def test_a_new_pair_is_confirmed_as_it_was_proposed(desk: Desk) -> None:
    """A proposal has it as texts."""
    new = replace(pair(desk), pair_id=ORDER, symbol="ETH-USDT", base_min=Decimal("0.001"), enabled=False)
    proposed = save(desk, new)
    assert proposed.after == "PROPOSED"
    desk.confirmed(proposed)
    assert pair_store.pair(desk.table, ORDER) == new


def test_what_a_pair_trades_never_changes(desk: Desk) -> None:
    is_now = pair(desk)
    for changed in (
        replace(is_now, symbol="ETH-USDT"),
        replace(is_now, base_asset_id=USDT),
        replace(is_now, exchange="other"),
    ):
        with pytest.raises(PairFixed):
            save(desk, changed, dry_run=True)
    with pytest.raises(PairTaken):
        save(desk, dry_run=True, pair_id=ORDER)


def test_of_two_new_pairs_that_trade_the_same_one_is_confirmed(desk: Desk) -> None:
    of = replace(pair(desk), symbol="ETH-USDT")
    first, second = (save(desk, of, pair_id=pair_id) for pair_id in (ORDER, UUID(int=7)))
    desk.confirmed(first)
    with pytest.raises(NotProposable, match="is ETH-USDT at"):
        desk.confirmed(second)


def two_pairs(desk: Desk, n: int) -> Sequence[OperatorOutcome]:
    """Both new, and of the same coins at the same exchange."""
    of = replace(pair(desk), symbol=f"E{n}-USDT")
    return [save(desk, of, pair_id=UUID(int=2 * n + each)) for each in (8, 9)]


def two_segments(desk: Desk, n: int) -> Sequence[OperatorOutcome]:
    """Both new, and each good alone: of the two the larger deposit would allow less."""
    deposit, price = (each + 10 * n for each in (DEAR.deposit_min_kopecks, DEAR.price_max_kopecks))
    return [
        allow(desk, Segment(f"C{n}", deposit + 1, price + 6)),
        allow(desk, Segment(f"D{n}", deposit + 5, price + 2)),
    ]


def two_assets(desk: Desk, n: int) -> Sequence[OperatorOutcome]:
    """Both new, and called the same by the exchange."""
    rules: dict[str, Any] = {
        "name": "Dogecoin",
        "precision": 8,
        "exchange_symbol": f"DOGE{n}",
        "execution": Execution.INSTANT,
        "min_notional": Money(10),
        "max_notional": Money(1000),
        "price_source_id": f"dogecoin-{n}",
        "price_age_max_seconds": 120,
        "active": True,
    }
    names = f"DOGE{n}", f"DOGX{n}"
    return [desk.interventions.list_asset(name, rules, "4716", "olga", dry_run=False) for name in names]


def rules_of(desk: Desk) -> int:
    rows = (keys.PAIR.entity, keys.SEGMENT.entity, keys.ASSET.entity)
    return sum(item["entity_type"]["S"] in rows for item in desk.dynamo.items())


@pytest.mark.parametrize("both", [two_pairs, two_segments, two_assets])
def test_of_two_that_exclude_each_other_one_is_confirmed_at_once(
    desk: Desk, both: Callable[[Desk, int], Sequence[OperatorOutcome]]
) -> None:
    """Two other operators confirm the one before any request of those who confirm the other, in both orders: nothing of
    that one's own write sees what is new beside it."""
    meanwhile = []
    for n in range(16):
        mine, theirs = both(desk, n)[:: 1 if n % 2 else -1]
        before, waiting = rules_of(desk), [n // 2]
        desk.client = at_request(desk, waiting, partial(desk.confirmed, theirs, "nina"))
        with suppress(Busy, NotProposable):
            desk.confirmed(mine, "otto")
        desk.client = None
        meanwhile += [] if waiting else [n]
        for late, by in ((mine, "otto"), (theirs, "nina")):  # told to send it again, he is told why not
            with suppress(NotProposable):
                assert not desk.confirmed(late, by).done
        assert rules_of(desk) == before + 1
    assert len(meanwhile) >= 10


def at_request(desk: Desk, waiting: list[int], act: Callable[[], object]) -> Any:
    """`act` happens before the request of this number."""

    def asked(real: Callable[..., Any], **request: Any) -> Any:
        if waiting and not waiting[0]:
            waiting.pop()
            desk.client = None
            act()
        elif waiting:
            waiting[0] -= 1
        return real(**request)

    return around(desk.dynamo, **dict.fromkeys(("get_item", "query", "transact_write_items"), asked))


@pytest.mark.parametrize("changed", [DEARER, STRICTER], ids=["dearer cars", "more deposit"])
def test_one_operator_alone_changes_nothing_of_a_segment(desk: Desk, changed: Segment) -> None:
    proposed = allow(desk, changed)
    assert (proposed.after, segment(desk)) == ("PROPOSED", CHEAP)
    with pytest.raises(OwnProposal):
        desk.confirmed(proposed, "olga")
    assert desk.confirmed(proposed).says.startswith(
        "counts for the next bid: deposit 100000.00, cars up to 1000000.00 → "
    )
    assert segment(desk) == changed
    assert not allow(desk, changed).done  # it is so


def test_a_segment_that_was_changed_to_and_fro_is_looked_at_again(desk: Desk) -> None:
    proposed, (read, _) = allow(desk, DEARER), segment_store.saved_segments(desk.table)
    for changed in (STRICTER, CHEAP):
        desk.confirmed(allow(desk, changed))
    with pytest.raises(NotProposable, match="the segment was changed since"):
        desk.confirmed(proposed)
    with pytest.raises(SegmentMoved):  # nor does the write that had read it before
        desk.table.write(segment_store.save_segment(DEARER, read, desk.clock()))


def test_a_segment_is_not_saved_over_what_another_has_changed(desk: Desk) -> None:
    (read, _), now = segment_store.saved_segments(desk.table), desk.clock()
    desk.table.write(segment_store.save_segment(DEARER, read, now))
    for before in (read, None):
        with pytest.raises(SegmentMoved):
            desk.table.write(segment_store.save_segment(CHEAP, before, now))
    assert segment(desk) == DEARER


def test_a_larger_deposit_never_allows_less(desk: Desk) -> None:
    """Nor by two proposals, of which each alone would be good."""
    for wrong in (replace(CHEAP, deposit_min_kopecks=DEAR.deposit_min_kopecks + 1), Segment("C", 1, 9_000_000_00)):
        with pytest.raises(SegmentWrong):
            allow(desk, wrong, dry_run=True)
    middle = DEAR.price_max_kopecks - 2
    raised = allow(desk, replace(CHEAP, price_max_kopecks=middle + 1))
    desk.confirmed(allow(desk, replace(DEAR, price_max_kopecks=middle)))
    with pytest.raises(NotProposable, match="beside segment B it would not"):
        desk.confirmed(raised)
