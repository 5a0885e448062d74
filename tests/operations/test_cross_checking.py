"""Every item is checked with what must stand beside it, and nothing that goes wrong behind the ledger stays unseen."""

from __future__ import annotations

import pytest

from tests import books as independent
from tests.desk import Desk
from tests.operations.drifts import DRIFTS, Books


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
