"""What the clock sees to: payments that were not spread to their end, those that are early, totals, and bills that are
overdue.

The billing system tells with each payment all that has come for its contract. Messages come in any order, so that is
compared with what was taken once none has come for a while: the largest total, or that of the payment which was made
last, whatever was told before. A difference waits for a person, and until the next message: that may be the missing
one. Two operators may say that it is right as it is, of the difference as it is then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count as count_from
from itertools import product

from common.domain import rulings, timeline
from common.domain.rulings import Matter, Ruling
from common.domain.timeline import CLOCK, TimelineEvent
from common.errors import Refusal
from common.log import count, log
from common.roubles import roubles
from functions.billing import payment_store, reminder_store, store
from functions.billing.model import AccountType, PaymentStatus
from functions.billing.payment_store import QUIET
from functions.billing.service.payments import Payments

WRITES_A_TURN = 20  # of one payment: it has not the time of all others
_WAITS = (PaymentStatus.EARLY, PaymentStatus.TAKEN, PaymentStatus.RECALLING)


@dataclass(frozen=True)
class Found:
    """How many payments were brought to their end; how many totals were compared; how many of these differ; of how many
    bills that are overdue a person was told."""

    spread: int
    compared: int
    differ: int
    overdue: int


@dataclass(frozen=True)
class Rounds:
    payments: Payments

    def round(self, more_time: Callable[[], bool]) -> Found:
        """Any may be cut short; the next one does the rest. What can not be seen to now does not hold up the others."""
        found = Counter[str]()
        for thing, act in self._acts(found, more_time):
            if not more_time():
                break
            try:
                act()
            except Refusal as refusal:
                log.warning("not seen to now", extra={"thing": thing, "why": refusal.detail})
            except Exception:
                count("Bugs")
                log.exception("bug", extra={"thing": thing})
        return Found(found["spread"], found["compared"], found["differ"], found["overdue"])

    def _acts(self, found: Counter[str], more_time: Callable[[], bool]) -> Iterator[tuple[str, Callable[[], None]]]:
        table = self.payments.table
        for waiting in payment_store.on_their_way(table):
            yield waiting.PK, partial(self._go_on, waiting.PK, found, more_time)
        for dealer_id, type_ in payment_store.to_be_compared(table, self.payments.now()):
            yield f"{dealer_id}:{type_}", partial(self._compare, dealer_id, type_, found)
        for waiting in reminder_store.due(table, self.payments.now()):
            yield waiting.PK, partial(self._tell, waiting.PK, found)

    def _go_on(self, receipt_id: str, found: Counter[str], more_time: Callable[[], bool]) -> None:
        writes = count_from(1)
        status = self.payments.go_on(receipt_id, lambda: more_time() and next(writes) <= WRITES_A_TURN)
        found["spread"] += status not in _WAITS

    def _tell(self, bill_id: str, found: Counter[str]) -> None:
        """Raises Moved: it was paid in between."""
        table, now = self.payments.table, self.payments.now()
        bill = store.bill(table, bill_id)
        if not bill.takes_money:
            return  # the index is late
        owes = store.dealer(table, bill.dealer_id).cme_dealer_id
        what = f"{roubles(bill.left_kopecks)} of bill {bill.number} were to be paid by {bill.due_on}"
        told = TimelineEvent(now, bill.status, bill.status, f"overdue: {what}", CLOCK)
        table.write(reminder_store.tell(bill, f"remind dealer {owes}: {what}", now), timeline.record(bill_id, told))
        found["overdue"] += 1

    def _compare(self, dealer_id: str, type_: AccountType, found: Counter[str]) -> None:
        """Raises Moved: a payment came in between."""
        table, now = self.payments.table, self.payments.now()
        account = store.account(table, dealer_id, type_)
        if not payment_store.waits_to_be_compared(account):
            return  # the index is late
        if account.told_at is not None and account.told_at + QUIET > now:
            table.write(payment_store.compare_later(account, now))
            return
        taken = account.received_kopecks + account.aside_kopecks
        found["compared"] += 1
        totals = [account.told_kopecks] + ([] if account.latest_at is None else [account.latest_kopecks])
        for told, agreed in product(totals, (0, account.agreed_kopecks)):
            if taken + agreed == told:
                table.write(payment_store.is_equal(account, told, agreed, now))
                return
        ruling = rulings.of(table, dealer_id).get((Matter.TOTAL, type_))
        if ruling is not None and _is_about(ruling, account.told_kopecks, taken):
            why = f"{roubles(account.told_kopecks)} are told, and {roubles(taken)} have come: that is right"
            difference = account.told_kopecks - taken
            table.write(*payment_store.agree(account, difference, why, ruling.operators, now))
            return
        found["differ"] += 1
        latest = "" if totals[-1] == totals[0] else f", with the latest payment of {roubles(totals[-1])}"
        why = f"the billing system tells of {roubles(account.told_kopecks)}{latest}, and {roubles(taken)} have come"
        table.write(payment_store.differs(account, why, now))


def _is_about(ruling: Ruling, told_kopecks: int, taken_kopecks: int) -> bool:
    """Is it what two operators have looked at?"""
    return (ruling.terms["told"], ruling.terms["came"]) == (roubles(told_kopecks), roubles(taken_kopecks))
