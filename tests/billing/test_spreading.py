"""Payments over bills: every kopeck is somewhere, no bill gets more than it is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from random import Random

import pytest

from functions.billing.spreading import Application, OpenBill, Spread, spread
from tests.depth import SIMULATED, deep

STREAMS = 100_000 if SIMULATED else deep(300, 10_000)


@dataclass
class Life:
    """An account, as payments and bills come to it."""

    owed: dict[str, int] = field(default_factory=dict)  # by bill, the oldest first
    paid: dict[str, int] = field(default_factory=dict)
    balance: int = 0
    received: int = 0
    seen: set[str] = field(default_factory=set)

    def bill(self, bill_id: str, kopecks: int) -> None:
        self.owed[bill_id], self.paid[bill_id] = kopecks, 0
        self.balance = self._poured(self.balance)

    def pay(self, payment_id: str, kopecks: int, named: str | None = None) -> None:
        if payment_id not in self.seen:
            self.seen.add(payment_id)
            self.received += kopecks
            self.balance += self._poured(kopecks, named)

    def _poured(self, kopecks: int, named: str | None = None) -> int:
        open_bills = [OpenBill(b, self.owed[b] - self.paid[b]) for b in self.owed if self.paid[b] < self.owed[b]]
        done = spread(kopecks, open_bills, named)
        for each in done.applications:
            self.paid[each.bill_id] += each.kopecks
        return done.rest_kopecks

    def violations(self) -> list[str]:
        found = []
        if sum(self.paid.values()) + self.balance != self.received:
            found.append("a kopeck is lost or made")
        if any(self.paid[each] > self.owed[each] for each in self.owed):
            found.append("a bill got more than it is for")
        if self.balance and any(self.paid[each] < self.owed[each] for each in self.owed):
            found.append("there is a balance, and a bill that it could pay")
        return found


Payment = tuple[str, int, str | None]


def stream_of(random: Random) -> tuple[list[tuple[str, int]], list[Payment]]:
    bills = [(f"bill-{n}", random.randint(1, 100_000)) for n in range(random.randint(1, 8))]
    payments: list[Payment] = []
    for bill_id, kopecks in bills:
        parts = random.randint(0, 3)  # unpaid, whole, in parts
        cuts = sorted(random.randint(0, kopecks) for _ in range(parts - 1)) if parts else []
        for start, end in zip([0, *cuts], [*cuts, kopecks], strict=True) if parts else []:
            more = random.choice([0, 0, 0, random.randint(1, 50_000)])  # too much
            named = random.choice([bill_id, bill_id, None, "unknown"])
            payments.append((f"pay-{len(payments)}", end - start + more, named))
    payments += random.choices(payments, k=random.randint(0, 3)) if payments else []  # again
    random.shuffle(payments)
    return bills, payments


def test_in_a_hundred_thousand_streams_every_kopeck_is_somewhere() -> None:
    """With bills made in between. A tenth of them in `make prove`, a few in `make test`."""
    for number in range(STREAMS):
        random = Random(number)
        bills, payments = stream_of(random)
        life = Life()
        coming: list[tuple[str, int] | Payment] = [*payments]
        at = sorted(random.randint(0, len(coming)) for _ in bills)
        for place, bill in reversed([*zip(at, bills, strict=True)]):
            coming.insert(place, bill)
        for event in coming:
            if len(event) == 2:
                life.bill(*event)
            else:
                life.pay(*event)
            assert life.violations() == [], f"stream {number}"
        assert life.received == sum({payment[0]: payment[1] for payment in payments}.values())


def outcome(bills: Sequence[tuple[str, int]], payments: Sequence[Payment]) -> tuple[dict[str, int], int]:
    life = Life()
    for bill in bills:
        life.bill(*bill)
    for payment in payments:
        life.pay(*payment)
    return life.paid, life.balance


def test_what_bills_got_together_does_not_depend_on_any_order() -> None:
    for number in range(STREAMS // 10):
        bills, payments = stream_of(Random(number))
        totals = []
        for order in range(4):
            random = Random(order)
            events: list[tuple[str, int] | Payment] = random.sample([*bills, *payments], len(bills) + len(payments))
            life = Life()
            for event in events:
                life.bill(*event) if len(event) == 2 else life.pay(*event)
            totals.append((sum(life.paid.values()), life.balance))
        assert len(set(totals)) == 1, f"stream {number}"


def test_where_bills_are_fixed_and_none_is_named_each_gets_the_same() -> None:
    for number in range(deep(50, 500)):
        random = Random(number)
        bills = [(f"bill-{n}", random.randint(1, 9)) for n in range(random.randint(1, 4))]
        payments: list[Payment] = [(f"pay-{n}", random.randint(1, 14), None) for n in range(random.randint(2, 4))]
        first = outcome(bills, payments)
        assert all(outcome(bills, order) == first for order in permutations(payments))


def test_what_is_paid_first_may_matter_where_a_bill_comes_in_between() -> None:
    """So nobody is promised that it does not."""
    early, late = Life(), Life()
    early.bill("old", 5)
    early.bill("new", 5)
    early.pay("pay-1", 5, "new")
    late.bill("old", 5)
    late.pay("pay-1", 5, "new")
    late.bill("new", 5)
    assert (early.paid, late.paid) == ({"old": 0, "new": 5}, {"old": 5, "new": 0})


# By example

BILLS = [OpenBill("old", 300), OpenBill("middle", 200), OpenBill("new", 100)]


@pytest.mark.parametrize(
    ("kopecks", "named", "applied", "rest"),
    [
        (0, None, [], 0),
        (1, None, [("old", 1)], 0),
        (300, None, [("old", 300)], 0),
        (301, None, [("old", 300), ("middle", 1)], 0),
        (600, None, [("old", 300), ("middle", 200), ("new", 100)], 0),
        (601, None, [("old", 300), ("middle", 200), ("new", 100)], 1),
        (100, "new", [("new", 100)], 0),
        (250, "middle", [("middle", 200), ("old", 50)], 0),
        (450, "new", [("new", 100), ("old", 300), ("middle", 50)], 0),
        (301, "unknown", [("old", 300), ("middle", 1)], 0),
    ],
)
def test_the_named_bill_is_paid_first_and_then_the_oldest(
    kopecks: int, named: str | None, applied: list[tuple[str, int]], rest: int
) -> None:
    assert spread(kopecks, BILLS, named) == Spread(tuple(Application(*each) for each in applied), rest)


def test_what_nothing_is_owed_of_is_left_for_the_balance() -> None:
    assert spread(100_000, []) == Spread((), 100_000)


def test_an_amount_below_nothing_is_not_spread() -> None:
    with pytest.raises(ValueError, match="can not be spread"):
        spread(-1, BILLS)
