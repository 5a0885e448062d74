"""What the custody has is what is booked, at every stage of an order's life; and what is off is found, and never what
may be none."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from common import keys
from common.domain import audit, comparisons, timeline, work
from common.domain.comparisons import Comparison, Line, NeverCompared, Verdict
from common.domain.custody import shortages
from common.domain.custody import store as custody_store
from common.domain.custody.model import INPUTS_MAX, incoming_id
from common.domain.custody.model import Status as Sent
from common.domain.custody.shortages import Shortage, ShortageMoved
from common.domain.custody.shortages import Status as Short
from common.domain.timeline import CLOCK
from common.gateways.custody import CustodyUnavailable, TransactionUnknown, not_believed
from common.money import Quantity
from common.table.transaction import Busy
from functions.market_making.model import Status
from functions.market_making.service.booked import DESK, HELD, UNSENT, WAITING
from functions.market_making.service.comparing import LOOKS
from functions.operations.model import NotProposable
from sandbox.mixin import income
from tests.desk import Desk
from tests.market_making.books import Books
from tests.market_making.market import ANN, BOB, BTC, ETH, US, USDT, Market


@pytest.fixture
def market() -> Market:
    market = Market()
    market.list_pair()
    market.poll()
    return market


def line(found: Comparison, asset_id: str) -> Line:
    (told,) = (each for each in found.lines if each.asset_id == asset_id)
    return told


def agrees(market: Market) -> bool:
    found = market.comparing.compare()
    assert found.verdict is Verdict.AGREES, found.lines
    return False


def test_nothing_is_off_at_any_stage_of_a_life(market: Market) -> None:
    """Looked at every five seconds: paid, sent, credited, stopped, home again, with refunds beside it."""
    seen: set[Status] = set()

    def look() -> bool:
        found = market.comparing.compare()
        assert not found.those(Verdict.OFF), found.lines
        if market.has_order():
            seen.add(market.order().status)
        return False

    market.fund_all()
    market.pay(BOB, ETH, "3", b"hello")
    market.run(6, until=look)
    market.quoting.bring_home(market.order().order_id)
    market.run(10, until=look)
    assert market.order().status is Status.RETURNED
    assert {Status.WITHDRAWING, Status.CREATED, Status.RETURNING} <= seen
    usdt = line(market.comparing.compare(), USDT)
    assert (usdt.there, usdt.booked[DESK], usdt.verdict) == (Decimal(5), Decimal(5), Verdict.AGREES)
    assert usdt.name == "USDT"


def test_each_part_of_what_is_booked_is_told(market: Market) -> None:
    """Held for the order; nobody's yet; decided and not sent; and that is all."""
    market.fund(ANN, BTC, "0.1")
    market.pay(BOB, BTC, "0.02", b"Refund: what we had sent")
    market.pay(BOB, BTC, "0.003", b"hello")
    market.poll()
    btc = line(market.comparing.compare(), BTC)
    assert btc.booked == {HELD: Decimal("0.1"), WAITING: Decimal("0.02"), UNSENT: Decimal("0.003"), DESK: Decimal(0)}
    assert btc.there == Decimal("0.123")


def test_a_leg_called_off_is_its_payers_again_at_once(market: Market) -> None:
    """While nobody has decided yet how it goes back it is held, and neither off nor unknown."""
    seen: set[Status] = set()

    def look() -> bool:
        seen.add(market.order().status)
        return agrees(market)

    market.fund_all()
    market.poll()
    market.custody.refuse_next()
    market.run(8, until=look)
    assert market.order().status is Status.FAILED
    assert {Status.WITHDRAWING, Status.FAILED} <= seen


@pytest.mark.parametrize("units", [1, 10**8])
def test_an_output_that_nobody_has_booked_is_found(market: Market, units: int) -> None:
    market.pay(ANN, BTC, "0.5", b"hello")
    market.poll()
    market.safe.timeline.late_next(3600, 1)
    market.safe.pay(BOB, US, BTC, units, b"")
    (off,) = market.comparing.compare().those(Verdict.OFF)
    assert (off.asset_id, off.difference) == (BTC, Decimal(units) / 10**8)


def test_an_asset_of_which_nothing_is_booked_is_looked_at(market: Market) -> None:
    market.safe.timeline.late_next(3600, 1)
    market.safe.pay(BOB, US, USDT, 7, b"")
    (off,) = market.comparing.compare().those(Verdict.OFF)
    assert (off.asset_id, off.there, off.booked_together) == (USDT, Decimal("0.00000007"), Decimal(0))


def test_what_is_gone_without_a_word_is_found(market: Market) -> None:
    market.pay(ANN, BTC, "0.5", b"Refund: what we had sent")
    market.poll()
    agrees(market)
    market.steal(BTC)
    (off,) = market.comparing.compare().those(Verdict.OFF)
    assert (off.there, off.booked_together, off.difference) == (Decimal(0), Decimal("0.5"), Decimal("-0.5"))
    assert str(off) == "0 of BTC are there, and 0.5 are booked"


def test_a_theft_is_found_whatever_has_just_come(market: Market) -> None:
    """A snapshot that is not taken explains that more is there, and never that less is."""
    market.pay(ANN, BTC, "0.5", b"Refund: what we had sent")
    market.poll()
    market.steal(BTC)
    market.pay(BOB, BTC, "0.1", b"hello")
    (off,) = market.comparing_with(lambda: None).compare().those(Verdict.OFF)
    assert off.difference == Decimal("-0.4")


def test_what_is_taken_between_two_looks_is_not_off(market: Market) -> None:
    market.pay(ANN, BTC, "0.5", b"hello")
    market.poll()
    market.pay(BOB, BTC, "0.25", b"hello")
    agrees(market)


def test_more_than_is_booked_is_unknown_until_all_is_taken(market: Market) -> None:
    """The poller is dead: what has come since is not booked, and nobody has taken too little."""
    market.pay(BOB, BTC, "0.25", b"hello")
    found = market.comparing_with(lambda: None).compare()
    assert found.verdict is Verdict.UNKNOWN
    assert line(found, BTC).why == "a snapshot of it is not taken yet"
    agrees(market)


def test_one_snapshot_that_can_not_be_taken_keeps_it_unknown(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the cursor, and is seen however long ago it came."""
    market.pay(BOB, BTC, "0.25", b"hello")

    def other(snapshot_id: str) -> object:
        raise not_believed(f"{snapshot_id} is another one")

    monkeypatch.setattr(market.custody, "snapshot", other)
    market.run(30)
    assert market.comparing.compare().verdict is Verdict.UNKNOWN


def test_snapshots_that_can_not_be_read_make_more_unknown(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not less: that is certain."""
    market.pay(ANN, BTC, "0.5", b"Refund: what we had sent")
    market.pay(ANN, ETH, "2", b"Refund: what we had sent")
    market.poll()
    market.steal(ETH)
    market.safe.timeline.late_next(3600, 1)
    market.safe.pay(BOB, US, BTC, 1, b"")

    def unreadable(*_: object) -> object:
        raise not_believed("a page twice")

    monkeypatch.setattr(market.custody, "snapshots", unreadable)
    found = market.comparing_with(lambda: None).compare()
    assert [off.asset_id for off in found.those(Verdict.OFF)] == [ETH]
    assert "a page twice" in line(found, BTC).why


def test_outputs_that_can_not_be_read_are_unknown(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this asset; the others are compared."""
    market.pay(ANN, ETH, "2", b"Refund: what we had sent")
    market.poll()
    outputs = market.custody.outputs

    def told(asset_id: str, after: int = 0) -> object:
        if asset_id == BTC:
            raise not_believed("an output twice")
        return outputs(asset_id, after)

    monkeypatch.setattr(market.custody, "outputs", told)
    found = market.comparing.compare()
    assert [unknown.asset_id for unknown in found.those(Verdict.UNKNOWN)] == [BTC]
    assert line(found, ETH).verdict is Verdict.AGREES


def test_a_silent_custody_is_no_verdict(market: Market) -> None:
    market.custody.down = True
    with pytest.raises(CustodyUnavailable):
        market.comparing.compare()
    with pytest.raises(NeverCompared):
        market.comparing.latest()


Tells = Callable[[str], Any]


def _never_had(_: str) -> Any:
    raise TransactionUnknown("never heard of it")


def _can_not_be(_: str) -> Any:
    raise not_believed("it stands there twice")


@pytest.mark.parametrize("tells", [_never_had, _can_not_be])
def test_less_is_unknown_while_an_outgoing_may_have_left(
    market: Market, monkeypatch: pytest.MonkeyPatch, tells: Tells
) -> None:
    """It has left, and the custody denies it, or tells of it what can not be. Once it tells, it agrees."""
    market.pay(BOB, BTC, "0.25", b"hello")
    market.poll()
    with monkeypatch.context() as lying:
        lying.setattr(market.custody, "transaction", tells)
        (refund,) = market.ids_of_due()
        _sent_and_lost(market, monkeypatch, refund)
        found = market.comparing.compare()
        assert found.verdict is Verdict.UNKNOWN
        assert line(found, BTC).why == f"{refund} may have left"
    agrees(market)


def _sent_and_lost(market: Market, monkeypatch: pytest.MonkeyPatch, outgoing_id: str) -> None:
    """It is sent, and the answer is lost."""
    send = market.sender.send

    def lost(drafts: Any) -> Any:
        send(drafts)
        raise CustodyUnavailable("no answer")

    with monkeypatch.context() as losing:
        losing.setattr(market.sender, "send", lost)
        with pytest.raises(CustodyUnavailable):
            market.transfers.send(outgoing_id)
    assert custody_store.outgoing(market.table, outgoing_id).status is Sent.SENT
    market.pass_time(minutes=1)
    market.safe.settle()


def test_more_is_off_though_an_outgoing_may_have_left(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """That can not have brought anything."""
    market.pay(BOB, BTC, "0.25", b"hello")
    market.poll()
    market.safe.timeline.late_next(3600, 1)
    market.safe.pay(BOB, US, BTC, 10**8, b"")
    (refund,) = market.ids_of_due()

    def unsent(_: Any) -> Any:
        raise CustodyUnavailable("it was never asked")

    monkeypatch.setattr(market.sender, "send", unsent)
    with pytest.raises(CustodyUnavailable):
        market.transfers.send(refund)
    (off,) = market.comparing.compare().those(Verdict.OFF)
    assert off.difference == Decimal(1)


def test_merged_outputs_are_what_they_were(market: Market) -> None:
    for _ in range(INPUTS_MAX + 5):
        market.fund(ANN, BTC, "0.001")
    market.poll()
    market.run(5, until=lambda: agrees(market))


def test_what_is_told_of_our_own_transfers_is_booked_once(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a merge: the outputs are ours before and after."""
    market.pay(BOB, BTC, "0.25", b"Refund: what we had sent")
    ordinary, of_one = market.custody.snapshots, market.custody.snapshot
    (paid,) = (told for told in ordinary("2020-01-01T00:00:00Z") if told.quantity.asset_id == BTC)
    own = replace(paid, snapshot_id="ffffffff-ffff-4fff-bfff-ffffffffffff", opponent_id=US)
    monkeypatch.setattr(market.custody, "snapshots", lambda since, *of: [*ordinary(since, *of), own])
    monkeypatch.setattr(market.custody, "snapshot", lambda id_: own if id_ == own.snapshot_id else of_one(id_))
    market.poll()
    assert custody_store.incoming(market.table, incoming_id(own.snapshot_id)).reason == "our own transfer"
    agrees(market)
    assert line(market.comparing.latest(), BTC).booked[WAITING] == Decimal("0.25")


def test_what_moves_at_every_look_is_unknown(market: Market) -> None:
    """Each time one unit more is there that nobody has booked."""

    def another() -> None:
        market.safe.timeline.late_next(3600, 1)
        market.safe.pay(BOB, US, BTC, 1, b"")

    another()
    found = market.comparing_with(another).compare()
    assert line(found, BTC).there == Decimal(LOOKS) / 10**8
    assert (line(found, BTC).verdict, line(found, BTC).why) == (Verdict.UNKNOWN, "it moves while it is looked at")


def test_more_than_can_be_written_down_is_never_off(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody can make an asset of which he has that much."""
    monkeypatch.setattr(income, "UNITS_MAX", 10**40)
    market.safe.pay(BOB, US, ETH, 10**40, b"hello")
    market.poll()
    found = market.comparing.compare()
    assert line(found, ETH).verdict is Verdict.UNKNOWN
    assert "more than can be written down" in line(found, ETH).why


def test_what_was_found_last_is_kept_and_an_act_is_told(market: Market) -> None:
    market.pay(ANN, BTC, "0.5", b"Refund: what we had sent")
    market.poll()
    by_the_clock = market.comparing.compare()
    assert market.comparing.latest() == by_the_clock
    market.pass_time(minutes=1)
    market.steal(BTC)
    found = market.comparing.compare("olga")
    assert market.comparing.latest() == found
    assert (found.by, found.verdict) == ("olga", Verdict.OFF)
    (entry,) = audit.entries(market.table, f"{market.clock():%Y-%m-%d}", limit=10, after=None).items
    assert (entry.operator, entry.action, entry.subject) == ("olga", "compare custody", "custody")
    assert entry.detail == "2 assets; off: BTC"


def test_an_older_comparison_does_not_replace_a_later_one(market: Market) -> None:
    later = market.comparing.compare()
    earlier = replace(later, by="olga")
    with pytest.raises(Busy):
        market.table.write(comparisons.keep(earlier))


def test_the_worst_lines_are_kept_of_any_number_of_assets(market: Market) -> None:
    lines = [
        Line(f"asset-{number}", Decimal(number), {HELD: Decimal(0)}, Verdict.OFF if number == 700 else Verdict.AGREES)
        for number in range(701)
    ]
    found = comparisons.compared("custody", market.clock(), "the clock", lines)
    assert (found.assets, len(found.lines)) == (701, comparisons.LINES_MAX)
    assert found.lines[0].asset_id == "asset-700"
    assert found.verdict is Verdict.OFF


# What is missing


def missing(market: Market) -> Shortage:
    found = shortages.find(market.table, shortages.shortage_id_of(BTC))
    assert found is not None
    return found


def robbed(market: Market) -> str:
    """Half a bitcoin is gone, which is somebody's; the id of what waits."""
    market.pay(ANN, BTC, "0.5", b"Refund: what we had sent")
    market.poll()
    agrees(market)
    market.steal(BTC)
    assert market.comparing.compare().verdict is Verdict.OFF
    return missing(market).shortage_id


def book(market: Market, thing_id: str, reference: str = "incident 4711") -> None:
    desk = Desk(market.dynamo, market.clock)
    assert [act.command for act in desk.operations.story(thing_id).acts] == ["outgoing book-loss"]
    proposed = desk.proposals.propose("outgoing book-loss", thing_id, {}, reference, "gone", "olga", dry_run=False)
    desk.proposals.confirm(proposed.id, "so it is", "oleg", dry_run=True)
    assert line(market.comparing.compare(), BTC).verdict is Verdict.OFF, "nothing is done yet"
    desk.proposals.confirm(proposed.id, "so it is", "oleg", dry_run=False)


def test_what_is_missing_is_a_loss_of_the_desks_once_two_say_so(market: Market) -> None:
    """What others have there is owed to them as before."""
    thing_id = robbed(market)
    waits = [waiting.waits_for for waiting in work.for_people(market.table, keys.OUTGOING.backlog)]
    assert waits == ["an operator: 0 of BTC are there, and 0.5 are booked"]
    book(market, thing_id)
    btc = line(market.comparing.compare(), BTC)
    assert (btc.verdict, btc.booked[WAITING], btc.booked[DESK]) == (Verdict.AGREES, Decimal("0.5"), Decimal("-0.5"))
    assert (missing(market).status, list(work.for_people(market.table, keys.OUTGOING.backlog))) == (Short.BOOKED, [])
    assert not Books(market.dynamo.items()).violations()
    told = [(event.after, event.actor) for event in timeline.of(market.table, thing_id)]
    assert (told[0], told[-1]) == (("SHORT", CLOCK), ("BOOKED", "olga and oleg"))
    with pytest.raises(ShortageMoved):
        market.table.write(
            *shortages.book(replace(missing(market), status=Short.SHORT), "again", "olga, oleg", market.clock())
        )


def test_more_that_is_lost_later_is_another_loss(market: Market) -> None:
    """What was proposed of the first sum is not booked of another."""
    thing_id = robbed(market)
    desk = Desk(market.dynamo, market.clock)
    proposed = desk.proposals.propose("outgoing book-loss", thing_id, {}, "one", "gone", "olga", dry_run=False)
    market.pay(BOB, BTC, "0.25", b"Refund: what we had sent")
    market.poll()
    market.steal(BTC)
    assert market.comparing.compare().verdict is Verdict.OFF
    assert missing(market).missing == Quantity(Decimal("0.75"), BTC)
    with pytest.raises(NotProposable):
        desk.proposals.confirm(proposed.id, "so it is", "oleg", dry_run=False)
    book(market, thing_id, "two")
    assert line(market.comparing.compare(), BTC).booked[DESK] == Decimal("-0.75")
    market.pay(BOB, BTC, "0.1", b"Refund: what we had sent")
    market.poll()
    market.steal(BTC)
    market.comparing.compare()
    assert (missing(market).status, missing(market).missing) == (Short.SHORT, Quantity(Decimal("0.1"), BTC))


class Silent:
    """A custody that tells of no output."""

    def __init__(self, custody: Any) -> None:
        self._custody = custody

    def __getattr__(self, name: str) -> Any:
        return getattr(self._custody, name)

    def outputs(self, *_: Any) -> list[Any]:
        return []


def test_what_is_found_again_waits_for_nobody(market: Market) -> None:
    """The custody has told too little, twice. What is unknown meanwhile changes nothing."""
    market.pay(ANN, BTC, "0.5", b"Refund: what we had sent")
    market.poll()
    real: Any = market.custody
    silent: Any = Silent(real)
    market.custody = silent
    market.comparing.compare()
    assert missing(market).status is Short.SHORT
    before = [event.at for event in timeline.of(market.table, missing(market).shortage_id)]
    market.comparing.compare()
    assert [event.at for event in timeline.of(market.table, missing(market).shortage_id)] == before, "told once"
    market.custody = real
    agrees(market)
    assert (missing(market).status, list(work.for_people(market.table, keys.OUTGOING.backlog))) == (Short.COVERED, [])


def test_more_than_is_booked_is_no_shortage(market: Market) -> None:
    market.safe.timeline.late_next(3600, 1)
    market.safe.pay(BOB, US, BTC, 7, b"")
    assert market.comparing.compare().verdict is Verdict.OFF
    assert shortages.find(market.table, shortages.shortage_id_of(BTC)) is None
