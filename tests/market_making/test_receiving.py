"""Every snapshot is taken once, and something becomes of it: whatever ties, comes late, fails or is killed."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest

from common import keys
from common.domain.custody import store, ties
from common.domain.custody.model import Disposition, incoming_id, is_nobodys
from common.domain.custody.ties import Status as Tie
from common.errors import Unavailable
from common.gateways.custody import PAGE_MAX, CustodyUnavailable, Snapshot
from functions.market_making import cursor_store
from functions.market_making.model import Status as OrderStatus
from functions.market_making.service import receiving
from functions.operations.model import NotProposable
from sandbox.mixin import fake
from sandbox.mixin.fake import FakeCustody
from sandbox.mixin.timeline import Lie
from sandbox.mixin.times import in_full
from tests.desk import Desk
from tests.harness.faults import AnswerLost, Crash, CrashAfter, CrashBefore, Faults, planned
from tests.market_making.audit import people_told
from tests.market_making.market import ANN, BOB, BTC, ETH, US, USDT, Market


@pytest.fixture
def market() -> Market:
    market = Market()
    market.poll()
    return market


def dispositions(market: Market, *, known: bool = False) -> dict[str, Disposition]:
    """Of all that has come in, by the snapshots' ids. Raises IncomingNotFound for what was not taken; with `known`, it
    is left out."""
    told = [one.snapshot_id for one in market.safe.snapshots(US, None, None, 10**6) if one.units > 0]
    if known:
        told = [one for one in told if store.find_incoming(market.table, incoming_id(one)) is not None]
    return {one: store.incoming(market.table, incoming_id(one)).disposition for one in told}


def test_what_came_before_the_first_poll_is_not_the_desks() -> None:
    market = Market()
    old = market.pay(ANN, BTC, "1", b"of old")
    market.pass_time(hours=1)
    market.poll()
    assert store.find_incoming(market.table, incoming_id(old.snapshot_id)) is None


def outgoing(market: Market) -> set[str]:
    """The ids of all that was ever decided to leave."""
    return {item["PK"]["S"] for item in market.dynamo.items() if item["entity_type"]["S"] == keys.OUTGOING.entity}


def test_a_payment_that_has_gone_on_is_not_taken_again(market: Market) -> None:
    """A process that has just begun reads the last ten minutes anew: what paid by then is nobody's to have back."""
    market.list_pair()
    market.fund_all()
    market.poll()
    market.run(5, lambda: market.order().status is OrderStatus.WITHDRAWING)
    there, legs = dispositions(market), outgoing(market)
    assert len(legs) == 2
    market.known.clear()
    market.poll()
    assert dispositions(market) == there
    assert set(there.values()) == {Disposition.WITHDRAWN}
    assert outgoing(market) == legs


def test_a_snapshot_is_taken_once(market: Market) -> None:
    market.pay(ANN, BTC, "1", b"hello")
    for _ in range(3):
        market.known.clear()  # another process polls
        market.poll()
    assert list(dispositions(market).values()) == [Disposition.REFUNDED]
    assert len(market.due()) == 1


def test_what_comes_while_the_custody_was_down_is_taken_later(market: Market) -> None:
    market.custody.down = True
    market.pay(ANN, BTC, "1", b"hello")
    market.pass_time(hours=1)
    with pytest.raises(Exception, match="down"):
        market.poll()
    market.custody.down = False
    market.poll()
    assert list(dispositions(market).values()) == [Disposition.REFUNDED]


@pytest.mark.parametrize("number", [400, PAGE_MAX])
def test_snapshots_of_one_time_are_all_taken(market: Market, number: int) -> None:
    market.pay(BOB, ETH, "1", b"first")
    market.safe.timeline.same_next(number)
    for _ in range(number):
        market.pay(ANN, BTC, "0.001", b"hello")
    market.pay(BOB, ETH, "1", b"last")
    market.poll()
    assert len(dispositions(market)) == number + 2


def test_more_ties_than_a_page_holds_are_taken_by_asset(market: Market) -> None:
    market.pay(BOB, ETH, "1", b"first")
    market.safe.timeline.same_next(700)
    for number in range(700):
        market.pay(ANN, BTC if number % 2 else ETH, "0.001", b"hello")
    market.pay(BOB, ETH, "1", b"last")
    for _ in range(2):
        market.poll()
    assert len(dispositions(market)) == 702


def test_ties_that_fill_a_page_hold_the_cursor(market: Market) -> None:
    """A page of ties may hide more of them, of assets that it does not show: nobody passes over those."""
    with patch.object(receiving, "PAGE_MAX", 4), patch.object(fake, "PAGE_MAX", 4):
        market.pay(ANN, BTC, "1", b"hello")
        market.safe.timeline.same_next(6)
        tied = [market.pay(ANN, asset_id, "1", b"hello") for asset_id in (BTC, BTC, ETH, ETH, ETH, USDT)]
        market.pass_time(minutes=5)
        market.pay(BOB, BTC, "1", b"later")
        market.poll()
        market.pass_time(minutes=5)
        market.poll()
    assert len(dispositions(market, known=True)) == 7, "one hides"
    assert cursor(market) <= in_full(tied[0].created_ns)
    market.poll()
    assert len(dispositions(market)) == 8


def flood(market: Market) -> str:
    """More of one time and asset than a page holds, and what is paid later. The time of those that tie."""
    market.pay(ANN, BTC, "1", b"hello")
    market.safe.timeline.same_next(7)
    tied = [market.pay(ANN, asset_id, "1", b"hello") for asset_id in (BTC, BTC, BTC, BTC, BTC, BTC, USDT)]
    market.pass_time(minutes=5)
    market.pay(BOB, BTC, "1", b"later")
    market.poll()
    return in_full(tied[0].created_ns)


def decide(market: Market, told_at: str, before: Tie, after: Tie) -> None:
    by = ties.move(ties.tie_id_of(told_at), before, after, "looked at", "olga, oleg", market.clock())
    market.table.write(*by)


def test_two_operators_let_the_poller_go_on_behind_a_tie(market: Market) -> None:
    """What was not seen of it is open work until it is settled, however often the poller passes by."""
    with patch.object(receiving, "PAGE_MAX", 4), patch.object(fake, "PAGE_MAX", 4):
        told_at = flood(market)
        market.pass_time(hours=1)
        market.poll()
        assert cursor(market) <= told_at
        (held,) = people_told(market)
        assert told_at in held
        decide(market, told_at, Tie.HELD, Tie.UNTAKEN)
        for _ in range(3):
            market.poll()
            market.pass_time(minutes=20)
        assert cursor(market) > told_at
        market.pay(BOB, BTC, "1", b"later still")
        market.poll()
    assert people_told(market) == ["an operator: what was not seen of many snapshots of one time is untaken"]
    assert len(dispositions(market, known=True)) == 7, "three hide"
    decide(market, told_at, Tie.UNTAKEN, Tie.SETTLED)
    assert people_told(market) == []


def test_what_is_seen_of_a_tie_later_than_an_hour_is_parked(market: Market) -> None:
    """A person may have refunded it by hand, since it was hidden."""
    with patch.object(receiving, "PAGE_MAX", 4), patch.object(fake, "PAGE_MAX", 4):
        flood(market)
        before = dispositions(market, known=True)
        market.pass_time(minutes=59)
        market.poll()
        assert dispositions(market, known=True) == before, "nothing more is shown"
        market.pass_time(minutes=2)
    with patch.object(receiving, "PAGE_MAX", 6), patch.object(fake, "PAGE_MAX", 6):
        market.poll()
    after = {disposition for one, disposition in dispositions(market, known=True).items() if one not in before}
    assert after == {Disposition.PARKED}


@pytest.mark.parametrize("skipped", [False, True])
def test_nobody_settles_a_tie_while_it_is_taken(*, skipped: bool) -> None:
    """Nor while what was passed over may be seen by a poll that reads behind it."""
    desk = Desk()
    with patch.object(receiving, "PAGE_MAX", 4), patch.object(fake, "PAGE_MAX", 4):
        desk.market.poll()
        tie_id = ties.tie_id_of(flood(desk.market))
    if skipped:
        desk.by_two("snapshots skip-tie", tie_id, {}, "console")
    for hours in (0, 1.5):
        desk.market.pass_time(hours=hours)
        with pytest.raises(NotProposable, match=r"is taken by itself|it is UNTAKEN"):
            desk.by_two("snapshots settle-tie", tie_id, {}, "console")
    desk.market.pass_time(hours=0.5)
    assert desk.by_two("snapshots settle-tie", tie_id, {}, "console").done


def test_a_tie_that_is_settled_lets_the_poller_go_on(market: Market) -> None:
    with patch.object(receiving, "PAGE_MAX", 4), patch.object(fake, "PAGE_MAX", 4):
        told_at = flood(market)
        market.pass_time(hours=2)
        market.poll()
        assert cursor(market) <= told_at
        decide(market, told_at, Tie.HELD, Tie.SETTLED)
        market.poll()
    assert cursor(market) > told_at
    assert people_told(market) == []


def test_a_tie_holds_whatever_was_decided_of_another(market: Market) -> None:
    with patch.object(receiving, "PAGE_MAX", 4), patch.object(fake, "PAGE_MAX", 4):
        first = flood(market)
        decide(market, first, Tie.HELD, Tie.UNTAKEN)
        market.pass_time(hours=1)
        market.poll()
        second = flood(market)
        market.pass_time(hours=1)
        market.poll()
    assert first < cursor(market) <= second
    assert len(people_told(market)) == 2


def test_pages_are_read_to_the_last(market: Market) -> None:
    for _ in range(2 * PAGE_MAX + 3):
        market.pay(ANN, BTC, "0.001", b"hello")
    market.poll()
    assert len(dispositions(market)) == 2 * PAGE_MAX + 3


def test_a_snapshot_that_appears_late_is_taken(market: Market) -> None:
    market.safe.timeline.late_next(590, 1)
    market.pay(ANN, BTC, "1", b"late")
    market.pay(BOB, BTC, "2", b"on time")
    market.poll()
    market.pass_time(seconds=295)
    market.pay(BOB, BTC, "3", b"on time")
    market.poll()
    market.pass_time(seconds=296)
    market.poll()
    assert len(dispositions(market)) == 3


def test_one_that_can_not_be_taken_holds_the_cursor_and_nobody_else(market: Market) -> None:
    market.pay(ANN, BTC, "1", b"hello")
    market.pay(BOB, BTC, "2", b"hello")
    market.safe.timeline.lie_next(Lie.WRONG_AMOUNT, 1)
    market.poll()
    assert sum(1 for _ in market.due()) == 1
    market.pass_time(hours=1)
    market.poll()
    assert len(dispositions(market)) == 2
    for _ in range(3):
        market.send()
        market.pass_time(minutes=1)
    assert market.has(ANN) == {BTC: Decimal(1)}


@pytest.mark.parametrize("lie", [Lie.WRONG_AMOUNT, Lie.OTHER_OPPONENT, Lie.TWICE])
def test_a_slip_of_the_custody_gives_nobody_too_much(market: Market, lie: Lie) -> None:
    market.pay(BOB, BTC, "5", b"others' money")
    market.poll()
    market.pay(ANN, BTC, "1", b"hello")
    market.safe.timeline.lie_next(lie, 1)
    for _ in range(4):
        with suppress(CustodyUnavailable):
            market.poll()
        market.send()
        market.pass_time(minutes=1)
    assert (market.has(ANN), market.has(BOB)) == ({BTC: Decimal(1)}, {BTC: Decimal(5)})


@dataclass(frozen=True)
class Ahead:
    """A custody that says of one snapshot that it is of 2030."""

    custody: FakeCustody
    ahead: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.custody, name)

    def snapshots(self, since: str, asset_id: str | None = None) -> Sequence[Snapshot]:
        return sorted(map(self._changed, self.custody.snapshots(since, asset_id)), key=lambda told: told.created_at)

    def snapshot(self, snapshot_id: str) -> Snapshot:
        return self._changed(self.custody.snapshot(snapshot_id))

    def _changed(self, told: Snapshot) -> Snapshot:
        return replace(told, created_at="2030-01-01T00:00:00.000000000Z") if told.snapshot_id == self.ahead else told


def test_a_snapshot_of_the_future_takes_the_cursor_nowhere(market: Market) -> None:
    """What is paid meanwhile is taken, and the snapshot itself when its time is told rightly."""
    market.pay(ANN, BTC, "1", b"hello")
    market.poll()
    right, before = market.custody, cursor(market)
    ahead: Any = Ahead(right, market.pay(ANN, BTC, "1", b"hello").snapshot_id)
    market.pay(BOB, BTC, "1", b"hello")
    market.custody = ahead
    market.poll()
    assert (cursor(market), len(dispositions(market, known=True))) == (before, 2)
    market.custody = right
    market.pass_time(minutes=20)
    market.poll()
    assert len(dispositions(market)) == 3


def test_a_transfer_nobody_is_named_for_is_parked(market: Market) -> None:
    entry = market.safe.entry(US, BTC)
    market.safe.deposit(BTC, entry.destination, entry.tag, 1000, "hash-1")
    refund = market.pay(ANN, BTC, "1", b"Refund:5259cd21-7be9-409d-8e76-8ac419f7319c")
    market.poll()
    found = dispositions(market)
    assert found.pop(refund.snapshot_id) is Disposition.PARKED
    assert list(found.values()) == [Disposition.EXPECTED]
    assert not market.due()


def test_what_comes_from_a_chain_is_nobodys_after_half_an_hour_only(market: Market) -> None:
    """Until then the order that it comes home to has not claimed it: operators may not give it away."""
    entry = market.safe.entry(US, BTC)
    market.safe.deposit(BTC, entry.destination, entry.tag, 1000, "hash-1")
    market.poll()
    (snapshot_id,) = dispositions(market)
    taken = store.incoming(market.table, incoming_id(snapshot_id))
    late = [is_nobodys(taken, market.clock.at + timedelta(minutes=minutes)) for minutes in (0, 29, 31)]
    assert late == [False, False, True]


def test_our_own_transfer_is_no_ones_payment(market: Market) -> None:
    market.pay(US, BTC, "1", b"hello")
    market.poll()
    assert list(dispositions(market).values()) == [Disposition.EXPECTED]


def test_a_poller_that_is_killed_anywhere_loses_nothing() -> None:
    """At each call to the table the process dies once, or loses its answer; the next one takes the rest, once."""
    for fault in (CrashBefore, CrashAfter, AnswerLost):
        for call in range(1, 40):
            market = Market()
            market.poll()
            for number in range(3):
                market.pay(ANN, BTC, str(number + 1), b"hello")
            faults = Faults(planned({call: fault()}))
            market.client = faults.client(market.dynamo)
            with suppress(Crash, Unavailable):
                market.poll()
            market.client = None
            market.known.clear()
            market.poll()
            assert len(dispositions(market)) == len(market.due()) == 3


def test_the_cursor_only_moves_forward(market: Market) -> None:
    reached = []
    for _ in range(3):
        market.pay(ANN, BTC, "1", b"hello")
        market.poll()
        reached.append(cursor(market))
        market.clock.at -= timedelta(seconds=1)
    assert all(before <= after for before, after in pairwise(reached))


def cursor(market: Market) -> str:
    return cursor_store.cursor(market.table) or ""
