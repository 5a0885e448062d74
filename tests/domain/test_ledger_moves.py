"""Histories with what was there after each move, and statements: exact to the last digit, whatever moves meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from common.domain.ledger import moves
from common.domain.ledger import store as ledger
from common.domain.ledger.model import USD, AccountNotFound, AssetTransaction, Books, TransactionType
from common.domain.ledger.moves import Move, StatementTooLong
from common.money import Money, Price, Quantity
from common.owner import Owner
from common.table.table import Table
from common.table.transaction import Busy
from tests.depth import deep
from tests.desk import NOON, TABLE, Desk
from tests.orders.test_faulty_lives import live


@pytest.fixture
def ann(desk: Desk) -> Owner:
    return desk.customer(usd="1000.00")


def every(table: Table, owner: Owner, of: str, now: datetime, limit: int = 3, **span: Any) -> list[Move]:
    """All pages of a history, in one."""
    found, after = [], None
    while True:
        page = moves.of_asset(table, owner, of, now=now, limit=limit, after=after, **span)
        found += page.items
        assert len(page.items) == limit or page.after is None
        after = page.after
        if after is None:
            return found


def chained(found: list[Move], of: str) -> bool:
    """What was there after each move is what was there before it, and the move."""
    change = moves.dollars_of if of == USD else moves.quantity_of
    each = pairwise(found)
    return all(newer.after == (older.after or 0) + change(newer.line) for newer, older in each)


def traded(desk: Desk, owner: Owner) -> None:
    desk.list_asset("AI", "1")
    desk.buy(owner, "3")
    desk.buy(owner, "20", "AI")
    desk.sell(owner, "1.5")
    desk.accounts.deposit(owner, "d", Money("0.01"))
    desk.sell(owner, "20", "AI")
    desk.buy(owner, "0.12345678")


def test_after_each_move_is_told_what_was_there(desk: Desk, ann: Owner) -> None:
    traded(desk, ann)
    told = [(move.line.transaction_type, move.after) for move in every(desk.table, ann, USD, desk.clock())]
    assert told == [
        ("BUY", Decimal("837.66")),
        ("SELL", Decimal("850.01")),
        ("DEPOSIT", Decimal("830.01")),
        ("SELL", Decimal(830)),
        ("BUY", Decimal(680)),
        ("BUY", Decimal(700)),
        ("DEPOSIT", Decimal(1000)),
    ]
    coins = [move.after for move in every(desk.table, ann, "BTC", desk.clock())]
    assert coins == [Decimal("1.62345678"), Decimal("1.5"), Decimal(3)]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_the_length_of_pages_changes_nothing(desk: Desk, ann: Owner, limit: int) -> None:
    traded(desk, ann)
    whole = every(desk.table, ann, USD, desk.clock(), 100)
    assert every(desk.table, ann, USD, desk.clock(), limit) == whole
    desk.clock.forward(days=1)  # all of it is settled: cursors carry what was there
    assert every(desk.table, ann, USD, desk.clock(), limit) == whole


def test_a_part_of_a_history_says_the_same_of_each_move(desk: Desk, ann: Owner) -> None:
    traded(desk, ann)
    whole = every(desk.table, ann, USD, desk.clock())
    for first in range(len(whole)):
        for last in range(first, len(whole)):
            since, until = whole[last].line.created_at, whole[first].line.created_at
            part = every(desk.table, ann, USD, desk.clock(), 2, since=since, until=until)
            assert part == whole[first + 1 : last + 1]


def test_a_history_leaves_out_what_came_after_its_end_while_it_was_read(desk: Desk, ann: Owner) -> None:
    asked_at, until = desk.clock(), desk.clock() + timedelta(seconds=1)
    desk.accounts.deposit(ann, "before", Money(5))
    desk.clock.forward(seconds=1)
    desk.accounts.deposit(ann, "after", Money(7))
    found = every(desk.table, ann, USD, asked_at, until=until)
    assert [move.after for move in found] == [1005, 1000]


@pytest.fixture
def bare() -> Desk:
    """A desk whose journal has lines of no order."""
    desk = Desk()
    desk.list_asset("BTC", "100")
    return desk


def booked(desk: Desk, owner: Owner, asset_id: str, order_id: str, at: datetime) -> None:
    """A unit for a dollar, decided then."""
    unit = Quantity(1, asset_id)
    line = AssetTransaction(owner.username, owner.sub, unit, TransactionType.BUY, Price(1), Money(1), order_id, at)
    now = desk.clock()
    desk.table.write(
        ledger.credit_asset(owner, unit, Money(1), now), ledger.debit(owner, Money(1), now), ledger.journal(line)
    )


@pytest.mark.parametrize("limit", [1, 2, 4, 9])
def test_lines_of_one_instant_and_order_are_all_told_once(bare: Desk, limit: int) -> None:
    ann, at = bare.customer(), bare.clock()
    for asset_id in ("AA", "BB", "CC"):
        for n in range(3):
            booked(bare, ann, asset_id, f"O{n}", at)
    found = every(bare.table, ann, USD, bare.clock(), limit)
    assert len({(move.line.order_id, move.line.quantity.asset_id) for move in found}) == len(found) == 10
    assert chained(found, USD)


class Interrupted:
    """The table, of which somebody else does something before the n-th call."""

    def __init__(self, desk: Desk, before: int, act: Callable[[], object]) -> None:
        self.desk, self.before, self.act, self.calls = desk, before, act, 0

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**asked: Any) -> Any:
            self.calls += 1
            if self.calls == self.before:
                self.act()
            return getattr(self.desk.dynamo, operation)(**asked)

        return call


def interrupted(desk: Desk, before: int, act: Callable[[], object]) -> tuple[Table, Interrupted]:
    between = Interrupted(desk, before, act)
    return Table(between, TABLE.name), between  # type: ignore[arg-type]


@pytest.mark.parametrize("of", [USD, "BTC"])
def test_what_moves_between_any_two_reads_makes_no_sum_wrong(of: str) -> None:
    """A page is of one moment: before what has come in between, or after it."""
    before, calls = 0, 1
    while before <= calls:
        desk = Desk()
        desk.list_asset("BTC", "100")
        ann = desk.customer()
        traded(desk, ann)
        table, between = interrupted(desk, before, lambda: desk.buy(ann, "1"))  # noqa: B023  called at once
        found = every(table, ann, of, desk.clock(), 2)
        assert chained(found, of), before
        oldest = found[-1]
        assert oldest.after == (moves.dollars_of if of == USD else moves.quantity_of)(oldest.line), before
        before, calls = before + 1, between.calls


@pytest.mark.parametrize("of", [USD, "BTC"])
def test_a_line_that_comes_late_behind_a_cursor_is_counted(of: str, bare: Desk) -> None:
    """It was decided before the page was read, and written after it, between two older ones."""
    ann = bare.customer()
    traded(bare, ann)
    late = bare.clock()
    for _ in range(4):
        bare.buy(ann, "0.1")
    first = moves.of_asset(bare.table, ann, of, now=bare.clock(), limit=2, after=None)
    booked(bare, ann, "BTC", "OLATE", late)
    bare.clock.forward(hours=2)
    rest: list[Move] = []
    after = first.after
    while after is not None:
        page = moves.of_asset(bare.table, ann, of, now=bare.clock(), limit=2, after=after)
        rest, after = rest + page.items, page.after
    assert late in {move.line.created_at for move in rest}
    assert chained(rest, of)
    assert rest[-1].after == (moves.dollars_of if of == USD else moves.quantity_of)(rest[-1].line)


def test_where_too_much_has_moved_since_nothing_is_told(
    desk: Desk, ann: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moves, "NEWER_MAX", 5)
    traded(desk, ann)
    first = every(desk.table, ann, USD, desk.clock())[-1].line.created_at
    (move,) = every(desk.table, ann, USD, desk.clock(), until=first + timedelta(microseconds=1))
    assert move.after is None
    with pytest.raises(StatementTooLong):
        stated(desk, ann, first - timedelta(days=1), first)


def test_who_never_rests_is_told_to_ask_again(desk: Desk, ann: Owner) -> None:
    """Each look meets another move."""
    traded(desk, ann)
    table, between = interrupted(desk, 0, lambda: None)

    def trade() -> None:
        between.before = between.calls + 1
        desk.buy(ann, "0.01")

    between.act, between.before = trade, 1
    with pytest.raises(Busy):
        moves.of_dollars(table, ann, now=desk.clock(), limit=2, after=None)


def test_of_no_account_there_is_no_history_and_no_statement(desk: Desk) -> None:
    nobody = Owner("nobody", "sub")
    assert every(desk.table, nobody, USD, desk.clock()) == []
    with pytest.raises(AccountNotFound):
        stated(desk, nobody, NOON, desk.clock())


def stated(desk: Desk, owner: Owner, since: datetime, until: datetime) -> moves.Statement:
    return moves.statement(desk.table, owner, since, until, now=desk.clock(), lines_max=1000)


def test_a_statement_begins_with_what_was_there_and_ends_with_what_is(desk: Desk, ann: Owner) -> None:
    begun = desk.clock()
    traded(desk, ann)
    middle = desk.clock()
    desk.clock.forward(days=3)
    desk.mark("BTC", "100")
    desk.sell(ann, "0.5")
    first, second = stated(desk, ann, begun, middle), stated(desk, ann, middle, desk.clock())
    assert (first.opening.usd, first.opening.assets) == (Money(1000), {})
    assert first.closing == second.opening
    assert (first.settled, second.settled) == (True, False)
    balance, holdings = desk.orders.holdings(ann)
    assert second.closing == Books.by_balances(balance, [h for h in holdings if h.total_bought.amount])
    assert second.closing.usd == second.moves[-1].usd_after
    assert [str(move.quantity_after) for move in second.moves] == ["1.12345678"]


def test_a_statement_of_more_than_there_is_room_for_is_refused(desk: Desk, ann: Owner) -> None:
    traded(desk, ann)
    with pytest.raises(StatementTooLong):
        moves.statement(desk.table, ann, NOON, desk.clock(), now=desk.clock(), lines_max=6)
    assert len(moves.statement(desk.table, ann, NOON, desk.clock(), now=desk.clock(), lines_max=7).moves) == 7


@pytest.mark.parametrize("seed", range(deep(everyday=3, full=60)))
def test_in_any_life_all_sums_are_right(seed: int) -> None:
    """Histories end at nothing and begin at what is there; any two statements meet."""
    desk = live(seed)
    table, now = Table(desk.dynamo, TABLE.name), desk.clock()  # type: ignore[arg-type]
    for name in ("ann", "bob"):
        owner = Owner(name, f"sub-{name}")
        balance, holdings = ledger.account(table, owner)
        there = {USD: balance.total.usd, **{h.asset_id: h.whole.amount for h in holdings}}
        for of, amount in there.items():
            found = every(table, owner, of, now)
            assert chained(found, of)
            assert (found[0].after, found[-1].after) == (
                amount,
                (moves.dollars_of if of == USD else moves.quantity_of)(found[-1].line),
            )
        times = sorted({move.line.created_at for move in every(table, owner, USD, now)})
        cuts = [NOON - timedelta(days=1), *times[:: max(1, len(times) // 5)], now + timedelta(days=1)]
        statements = [stated(desk, owner, a, b) for a, b in pairwise(cuts)]
        assert statements[0].opening == Books.by_journal(())
        assert statements[-1].closing == Books.by_balances(balance, holdings)
        assert all(a.closing == b.opening for a, b in pairwise(statements))
        for made in statements:
            assert made.closing == made.opening.plus(move.line for move in made.moves)
