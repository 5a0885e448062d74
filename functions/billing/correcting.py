"""What is taken back of the bills of a deal, and what is billed anew, when the deal is another than it was.

A bill is never edited. One that is not paid is taken back as a whole, and what was paid of it is the account's again;
one that is paid stays, and what it is too much is taken back. What then is missing is a new bill.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from functions.billing.model import Bill, BillStatus


@dataclass(frozen=True)
class Credit:
    """So much is taken back of a bill, above 0 and never more than is in force of it."""

    bill: Bill
    kopecks: int

    @property
    def returned_kopecks(self) -> int:
        """Of what was paid, that is the account's again."""
        return max(0, self.bill.paid_kopecks - self.bill.in_force_kopecks + self.kopecks)

    @property
    def status(self) -> BillStatus:
        """The bill's, afterwards."""
        return BillStatus.CANCELLED if self.kopecks == self.bill.in_force_kopecks else self.bill.status


@dataclass(frozen=True)
class Correction:
    """new_kopecks: the sum of a new bill; 0 where there is none."""

    credits: tuple[Credit, ...]
    new_kopecks: int


def corrected(bills: Sequence[Bill], owed_kopecks: int) -> Correction:
    """So that as much is owed.

    bills: those in force, the oldest first; owed_kopecks: 0 or more.
    """
    if sum(bill.in_force_kopecks for bill in bills) == owed_kopecks:
        return Correction((), 0)
    paid = [bill for bill in bills if bill.status is BillStatus.PAID]
    unpaid = [Credit(bill, bill.in_force_kopecks) for bill in bills if bill.status is not BillStatus.PAID]
    missing = owed_kopecks - sum(bill.in_force_kopecks for bill in paid)
    return Correction((*unpaid, *_taken_back(paid, -missing)), max(0, missing))


def _taken_back(paid: Sequence[Bill], kopecks: int) -> Iterator[Credit]:
    """The newest first."""
    for bill in reversed(paid):
        taken = min(kopecks, bill.in_force_kopecks)
        if taken > 0:
            kopecks -= taken
            yield Credit(bill, taken)
