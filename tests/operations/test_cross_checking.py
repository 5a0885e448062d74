"""Every item is checked with what must stand beside it, and nothing that goes wrong behind the ledger stays unseen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from common.domain.dealer_refunds import Refund, agree
from common.owner import Owner
from functions.billing import model
from functions.operations.model import NeverChecked
from sandbox.billing import records
from tests import books as independent
from tests.billing.dealership import REWARD, Dealership
from tests.desk import Desk
from tests.market_making.test_ticking import Quoted
from tests.operations.drifts import DRIFTS, OF_BILLING, OF_MARKET_MAKING, Books, Copied, first, forget, get, lose, put
from tests.seen import around


def listed(desk: Desk) -> dict[str, str]:
    """Why things wait for an operator because of the books, by id."""
    return {w.id: w.waits_for for w in desk.operations.work(("books",), overdue_only=False, limit=100)}


def all_checked(desk: Desk) -> int:
    """Both rounds, to their ends: how much was found."""
    reconciled, checked = desk.reconciliation.round(lambda: True), desk.cross_checking.round(lambda: True)
    return reconciled.drift + reconciled.unreadable + checked.faults


@pytest.fixture
def own_desk() -> Desk:
    """One whose books need not be right in the end."""
    return Desk()


def test_books_that_are_right_are_not_told(own_desk: Desk) -> None:
    books = Books.opened(own_desk)
    independent.check(own_desk.dynamo.items())
    assert all_checked(own_desk) == 0, listed(own_desk)
    assert own_desk.reconciliation.reconcile(books.ann.username).differences == []
    own_desk.run()
    assert all_checked(own_desk) == 0, listed(own_desk)


@pytest.mark.parametrize("drift", DRIFTS)
def test_what_goes_wrong_behind_the_ledger_is_found(own_desk: Desk, drift: str) -> None:
    books = Books.opened(own_desk)
    DRIFTS[drift](books)
    assert all_checked(own_desk) > 0
    assert listed(own_desk)


def test_what_is_wrong_is_shown_under_its_id_be_it_there_or_not(own_desk: Desk) -> None:
    books = Books.opened(own_desk)
    DRIFTS["an attempt that is counted and not there"](books)
    DRIFTS["no order in the book's entry"](books)
    all_checked(own_desk)
    there, gone = (
        own_desk.operations.story(books.bid),
        own_desk.operations.work(("books",), overdue_only=False, limit=9),
    )
    assert "an order that is not there" in (there.waits_for or "")
    assert there.needs_person
    assert {"ann", books.bid, books.withdrawal} == {each.id for each in gone}
    DRIFTS["a pool with five dollars more"](books)
    own_desk.clock.forward(hours=12)
    all_checked(own_desk)
    assert "its total is $8 of 1" in listed(own_desk)["SOL:0"]
    assert own_desk.operations.story("SOL:0").waits_for  # it waits for something itself


def test_what_is_mended_is_not_listed_any_more(own_desk: Desk) -> None:
    books = Books.opened(own_desk)
    entry = get(own_desk, *first(own_desk, "book_entry", order_id=books.bid))
    DRIFTS["no entry in the book"](books)
    all_checked(own_desk)
    assert list(listed(own_desk)) == [books.bid]
    put(own_desk, entry)
    assert own_desk.cross_checking.round(lambda: True).mended == 1
    assert listed(own_desk) == {}


def test_what_is_written_meanwhile_is_no_fault(own_desk: Desk) -> None:
    """The order ends between the scan and the look at its entry in the book."""
    books = Books.opened(own_desk)
    ended = False

    def get_item(ask: Callable[..., Any], **asked: Any) -> Any:
        nonlocal ended
        if not ended and asked["Key"]["PK"]["S"].startswith("BOOK#"):
            ended = True
            client, own_desk.client = own_desk.client, None
            for order_id in (books.bid, books.ask):
                own_desk.orders.cancel(books.ann, order_id)
            own_desk.client = client
        return ask(**asked)

    own_desk.client = around(own_desk.dynamo, get_item=get_item)
    assert own_desk.cross_checking.round(lambda: True).faults == 0, listed(own_desk)
    assert ended


def test_a_pass_goes_on_where_its_last_round_stopped_and_comes_twice_a_day(own_desk: Desk) -> None:
    Books.opened(own_desk)
    whole, seen = own_desk.cross_checking.round(lambda: True).items, 0
    assert own_desk.cross_checking.round(lambda: True).items == 0
    own_desk.clock.forward(hours=12)
    for _ in range(whole):
        times = iter([True] * 3)
        seen += own_desk.cross_checking.round(lambda: next(times, False)).items  # noqa: B023
    assert seen == whole


@cache
def quoted() -> Sequence[Mapping[str, Any]]:
    """A market-making order that has traded."""
    made = Quoted()
    made.ticks(12)
    return list(made.market.dynamo.items())


@cache
def billed() -> Sequence[Mapping[str, Any]]:
    """A dealer with a bill that is paid, one that is in part and one that is not, and something on his account."""
    made = Dealership()
    made.active()
    made.pay(REWARD + 500, made.billed())
    made.pay(REWARD // 2, made.billed())
    made.billed()
    made.active("cme-8")
    made.buying(cme_dealer_id="cme-8")
    contract_id = made.account("cme-8").contract_id
    back, gone = (made.message(kopecks, contract_id=contract_id) for kopecks in (300_00, 50_00))
    for message in (back, gone):
        made.payments.take(message)
    for n, kopecks in enumerate((100_00, 70_00), start=1):
        refund = Refund(model.dealer_id("cme-8"), "COMMISSION", n, kopecks, 1, "line 12", "olga, otto", made.clock())
        made.table.write(*agree(refund))
        made.refunding.go_on(refund.refund_id)
        if n == 1:
            made.system.settle_refund(made.system.all(records.Refund)[-1].refund_id, "DONE")
            made.refunding.go_on(refund.refund_id)
    made.fast_buyouts.release("cme-8")
    made.run()
    made.check()
    return list(made.dynamo.items())


def checked(copied: Copied) -> tuple[int, list[str]]:
    """A whole pass over a table: how much was found, and of what."""
    desk = Desk(dynamo=copied.dynamo)
    return desk.cross_checking.round(lambda: True).faults, sorted(listed(desk))


@pytest.mark.parametrize("items", [quoted, billed], ids=["market making", "billing"])
def test_a_table_that_is_right_is_not_told(items: Callable[[], Sequence[Mapping[str, Any]]]) -> None:
    assert checked(Copied.of(items())) == (0, [])


@pytest.mark.parametrize("drift", OF_MARKET_MAKING)
def test_what_goes_wrong_in_market_making_is_found(drift: str) -> None:
    copied = Copied.of(quoted())
    OF_MARKET_MAKING[drift](copied)
    faults, things = checked(copied)
    assert faults > 0
    assert things


@pytest.mark.parametrize("drift", OF_BILLING)
def test_what_goes_wrong_in_billing_is_found(drift: str) -> None:
    copied = Copied.of(billed())
    OF_BILLING[drift](copied)
    faults, things = checked(copied)
    assert faults > 0
    assert things


def sums(desk: Desk) -> dict[str, Decimal]:
    """What the accounts of the books add up to, of each asset."""
    return {asset_id: sum(of.values(), Decimal(0)) for asset_id, of in desk.cross_checking.balance().sums.items()}


def test_operators_have_the_books_added_up_before_their_time(own_desk: Desk) -> None:
    Books.opened(own_desk)
    own_desk.clock.forward(hours=1)
    own_desk.cross_checking.round(lambda: True)
    before = own_desk.cross_checking.balance()
    own_desk.mark("BTC", "100")
    own_desk.buy(own_desk.customer("later"), "1")
    own_desk.clock.forward(hours=1)
    own_desk.cross_checking.round(lambda: True)
    assert own_desk.cross_checking.balance() == before, "it is made twice a day"
    own_desk.cross_checking.ask("olga")
    own_desk.clock.forward(minutes=1)
    own_desk.cross_checking.round(lambda: True)
    after = own_desk.cross_checking.balance()
    assert after.until - before.until > timedelta(hours=1, minutes=1)
    assert after.sums["USD"]["customers"] > before.sums["USD"]["customers"]
    assert set(sums(own_desk).values()) == {Decimal(0)}
    own_desk.clock.forward(hours=1)
    own_desk.cross_checking.round(lambda: True)
    assert own_desk.cross_checking.balance() == after, "once for each time that it is asked for"


def test_the_trial_balance_is_zero_while_everything_is_open(own_desk: Desk) -> None:
    Books.opened(own_desk)
    with pytest.raises(NeverChecked):
        own_desk.cross_checking.balance()
    own_desk.clock.forward(hours=1)
    own_desk.cross_checking.round(lambda: True)
    trial = own_desk.cross_checking.balance()
    assert set(sums(own_desk).values()) == {Decimal(0)}
    balance = own_desk.accounts.balance(Owner("ann", "sub-ann"))
    assert trial.sums["USD"]["customers"] == balance.total.usd
    assert {"customers", "desk", "own book", "exchange", "bank"} <= trial.sums["USD"].keys()
    assert trial.sums["USD"]["fees"] == Decimal("3.00")  # 30 basis points of ten coins at $100
    assert sum(trial.why["USD"].values()) == trial.sums["USD"]["desk"]


def test_a_fee_that_the_journal_does_not_know_keeps_it_from_zero(own_desk: Desk) -> None:
    books = Books.opened(own_desk)
    lose(own_desk, *books.line("BTC", "BUY"), "fee_amount")
    own_desk.clock.forward(hours=1)
    own_desk.cross_checking.round(lambda: True)
    assert sums(own_desk)["USD"] == Decimal("-2.70")


@pytest.mark.parametrize(
    ("entity", "having", "asset_id"),
    [
        ("deposit", {}, "USD"),
        ("desk_transaction", {"PK": "DESK#USD"}, "USD"),
        ("exchange_order", {"asset_id": "BTC", "status": "FINAL"}, "BTC"),
        ("asset_transaction", {"asset_id": "SOL"}, "SOL"),
    ],
)
def test_a_side_that_is_missing_keeps_the_trial_balance_from_zero(
    own_desk: Desk, entity: str, having: dict[str, str], asset_id: str
) -> None:
    Books.opened(own_desk)
    forget(own_desk, *first(own_desk, entity, **having))
    own_desk.clock.forward(hours=1)
    own_desk.cross_checking.round(lambda: True)
    assert sums(own_desk)[asset_id] != 0
