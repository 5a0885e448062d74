"""Money that came for an account, spread over what is owed there.

The bill that a payment names comes first, then the oldest that is open, and so on; what is left when nothing is open
becomes the account's balance, which is spread in the same way over the bills that come later.

What all bills of an account got together, and its balance, do not depend on the order in which payments and bills came.
What each single bill got does, where bills come between payments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class OpenBill:
    """left_kopecks: what is still owed of it, above 0."""

    bill_id: str
    left_kopecks: int


@dataclass(frozen=True)
class Application:
    """What a bill gets of a payment, above 0 and never more than is owed of it."""

    bill_id: str
    kopecks: int


@dataclass(frozen=True)
class Spread:
    applications: tuple[Application, ...]  # in this order, one a bill
    rest_kopecks: int  # for the balance


def spread(kopecks: int, bills: Sequence[OpenBill], named: str | None = None) -> Spread:
    """
    kopecks: what is to be spread, 0 or more.
    bills: the account's open ones, the oldest first, each once.
    named: the bill that the payment is for; one that is not among the open ones makes no difference.

    Raises ValueError for an amount below 0.
    """
    if kopecks < 0:
        raise ValueError(f"{kopecks} kopecks can not be spread")
    applications = tuple(_applied(kopecks, sorted(bills, key=lambda bill: bill.bill_id != named)))
    return Spread(applications, kopecks - sum(each.kopecks for each in applications))


def _applied(kopecks: int, bills: Sequence[OpenBill]) -> Iterator[Application]:
    for bill in bills:
        taken = min(kopecks, bill.left_kopecks)
        if taken > 0:
            kopecks -= taken
            yield Application(bill.bill_id, taken)
