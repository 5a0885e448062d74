"""An exchange and a bank that do not tell what they have done. They stand between the services and whatever is behind
the port (the sandbox, through faults); what they tell is chosen by a life's own random numbers.

What really happened is in the sandbox: `tests/truth.py` holds the desk's books against it. Some lies can not be found
out by anybody who hears only them; each of those is written down here, so that the truth may allow just that:

    shaded     a price or a fee that can be: within the band of the market, and 2 % of what was executed
    overstated more executed than was, at a price that can be
    denied     a credit that the bank says has FAILED, and pays; or that it refused when it was sent first, or, sent
               again, after it had said ten minutes after the last sending that it did not know it
    claimed    a credit that the bank says it has paid, and has not, or not so much
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from common.gateways.bank import (
    Adjustment,
    Adjustments,
    AdjustmentUnknown,
    BankEvent,
    BankRefused,
    BankUnavailable,
    State,
)
from common.gateways.exchange import (
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    OrderReport,
    Side,
    Ticket,
)
from common.gateways.exchange import State as OrderState
from common.money import EXACT, ZERO, Money, Quantity
from sandbox.bank.bank import SimulatedBank

NEVER_BOOKED = timedelta(minutes=10)  # after which a bank that knows nothing says that it never will book it
FOR_EVER = timedelta(days=365)
UNWRITABLE = (Decimal("1E+25"), Decimal("1E-25"), Decimal("123456789012345678.1"), Decimal("0.1234567890123456789"))
STRANGE_MONEY = (Decimal("1E+20"), Decimal("0.001"), Decimal(-5), Decimal(0), Decimal("1E-20"))
Tell = Callable[[str], None]


@dataclass
class Habit:
    """A lie that is told to a share of all questions, from a moment on, and perhaps not for ever."""

    lie: str
    share: float
    since: datetime
    until: datetime

    @classmethod
    def of(cls, chance: Random, lie: str, now: datetime) -> Habit:
        since = now + timedelta(minutes=chance.choice([0, 0, 0, 1, 20]))
        lasts = chance.choice([timedelta(minutes=1), timedelta(minutes=45), FOR_EVER, FOR_EVER])
        return cls(lie, chance.choice([0.3, 1, 1]), since, since + lasts)

    def has(self, chance: Random, now: datetime) -> bool:
        return self.since <= now < self.until and chance.random() < self.share

    def __str__(self) -> str:
        ends = "for ever" if self.until - self.since == FOR_EVER else f"until {self.until:%d %H:%M:%S}"
        return f"{self.lie}, {self.share:.0%} of the time, from {self.since:%H:%M:%S}, {ends}"


# The exchange


def _times(report: OrderReport, factor: str) -> Money:
    return Money(EXACT.multiply(report.gross.usd, Decimal(factor)))


def _another_gross(report: OrderReport, chance: Random) -> OrderReport:
    gross = _times(report, chance.choice(["0", "0.5", "2", "10000", "-1"]))
    return replace(report, gross=gross if gross != report.gross else Money(100))


def _another_fee(report: OrderReport, chance: Random) -> OrderReport:
    fee = _times(report, chance.choice(["0.03", "0.99995", "2.5", "-90", "-0.05"]))
    return replace(report, fee=fee if fee != ZERO else Money(1))


def _a_fee_in_coins(report: OrderReport, chance: Random) -> OrderReport:
    fee = EXACT.multiply(report.quantity.amount, Decimal(chance.choice(["0.5", "-0.5", "3"])))
    return replace(report, fees_elsewhere={report.quantity.asset_id: fee})


def _the_other_side(report: OrderReport, _: Random) -> OrderReport:
    return replace(report, side=Side.SELL if report.side is Side.BUY else Side.BUY)


def _another_quantity(report: OrderReport, chance: Random) -> OrderReport:
    factor = Decimal(chance.choice(["0.5", "2"]))
    return replace(report, quantity=replace(report.quantity, amount=EXACT.multiply(report.quantity.amount, factor)))


def _too_much(report: OrderReport, chance: Random) -> OrderReport:
    more = EXACT.multiply(report.quantity.amount, Decimal(chance.choice(["2", "1.00001", "-1"])))
    gross = Money(EXACT.multiply(more, Decimal(100)))
    executed = Quantity(more, report.quantity.asset_id)
    return replace(report, state=OrderState.FULLY_EXECUTED, executed=executed, gross=gross)


def _unwritable(report: OrderReport, chance: Random) -> OrderReport:
    amount = chance.choice(UNWRITABLE)
    where = chance.randrange(4)
    if where == 0:
        return replace(report, gross=Money(amount))
    if where == 1:
        return replace(report, fee=Money(amount))
    if where == 2:
        return replace(report, executed=Quantity(amount, report.executed.asset_id))
    return replace(report, fees_elsewhere={"BNB": amount})


def _another_order_id(report: OrderReport, chance: Random) -> OrderReport:
    return replace(report, exchange_order_id=str(chance.randint(10_000_000, 99_999_999)))


def _another_client_order_id(report: OrderReport, _: Random) -> OrderReport:
    return replace(report, client_order_id="a" * 18)


def _working(report: OrderReport, _: Random) -> OrderReport:
    return replace(report, state=OrderState.WORKING)


REPORTS: dict[str, Callable[[OrderReport, Random], OrderReport]] = {
    "another gross": _another_gross,
    "another fee": _another_fee,
    "a fee in coins": _a_fee_in_coins,
    "the other side": _the_other_side,
    "another quantity": _another_quantity,
    "too much executed": _too_much,
    "amounts that can not be written": _unwritable,
    "another order id": _another_order_id,
    "another client order id": _another_client_order_id,
    "it is working for ever": _working,
}


def _shaded(report: OrderReport, chance: Random) -> OrderReport:
    gross = _times(report, chance.choice(["1.09", "0.985", "1.03"]))
    return replace(
        report, gross=gross, fee=Money(EXACT.multiply(gross.usd, Decimal(chance.choice(["0.0199", "-0.01"]))))
    )


def _overstated(report: OrderReport, _: Random) -> OrderReport:
    gross = Money(EXACT.multiply(report.quantity.amount, Decimal(100)))
    return replace(report, state=OrderState.FULLY_EXECUTED, executed=report.quantity, gross=gross, fee=ZERO)


def _nothing_executed(report: OrderReport, _: Random) -> OrderReport:
    nothing = replace(report.executed, amount=Decimal(0))
    return replace(report, state=OrderState.CANCELED, executed=nothing, gross=ZERO, fee=ZERO, fees_elsewhere={})


BELIEVABLE = {
    "a gross or fee that can be": _shaded,
    "all is executed": _overstated,
    "nothing is executed": _nothing_executed,
}
GONE = "it does not answer"
EXCHANGE_LIES = (
    *REPORTS,
    *BELIEVABLE,
    "another order",
    "it knows no order",
    "it refuses what it takes",
    "it takes and does not answer",
    "it takes what it does not have",
    "it takes it as another order",
    "it does not cancel",
    "it does not answer what is to be cancelled",
    GONE,
    GONE,
)


class LyingExchange:
    """The port `Exchange`. What is not a method of it is `of`'s own."""

    def __init__(self, of: Any, chance: Random, now: Callable[[], datetime], tell: Tell) -> None:
        self._of, self._chance, self._now, self._tell = of, chance, now, tell
        self.shaded: set[str] = set()  # client order ids
        self.overstated: set[str] = set()
        self._taken: list[str] = []  # the exchange's ids of our orders
        self.habits = _habits(chance, EXCHANGE_LIES, now(), "the exchange", tell)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)

    def rules(self, asset_id: str) -> Any:
        self._answers()
        return self._of.rules(asset_id)

    def place(self, ticket: Ticket) -> str:
        self._answers()
        if self._lies("it takes what it does not have"):
            return str(self._chance.randint(10_000_000, 99_999_999))
        told: str = self._of.place(ticket)
        if self._taken and self._lies("it takes it as another order"):
            return self._chance.choice(self._taken)
        self._taken.append(told)
        if self._lies("it refuses what it takes"):
            raise ExchangeRefused("the exchange refuses the order", reason="REFUSED")
        if self._lies("it takes and does not answer"):
            raise ExchangeUnavailable("no answer")
        return told

    def order(self, asset_id: str, exchange_order_id: str) -> OrderReport:
        return self._report(asset_id, partial(self._of.order, asset_id, exchange_order_id))

    def find(self, asset_id: str, client_order_id: str) -> OrderReport:
        return self._report(asset_id, partial(self._of.find, asset_id, client_order_id))

    def cancel(self, asset_id: str, exchange_order_id: str) -> None:
        self._answers()
        if self._lies("it does not answer what is to be cancelled"):
            raise ExchangeUnavailable("no answer")
        if not self._lies("it does not cancel"):
            self._of.cancel(asset_id, exchange_order_id)

    def _report(self, asset_id: str, ask: Callable[[], OrderReport]) -> OrderReport:
        self._answers()
        report = ask()
        if self._lies("it knows no order"):
            raise ExchangeOrderUnknown("the exchange does not know the order")
        if self._taken and self._lies("another order"):
            other = self._of.order(asset_id, self._chance.choice(self._taken))
            report = replace(other, client_order_id=self._chance.choice([report, other]).client_order_id)
        for lie, change in REPORTS.items():
            if self._lies(lie):
                return change(report, self._chance)
        for lie, change in BELIEVABLE.items():
            if self._lies(lie):
                return self._believably(report, change(report, self._chance))
        return report

    def _believably(self, true: OrderReport, told: OrderReport) -> OrderReport:
        if told.executed.amount > true.executed.amount:
            self.overstated.add(str(true.client_order_id))
        if (told.gross, told.fee) != (true.gross, true.fee):
            self.shaded.add(str(true.client_order_id))
        return told

    def _answers(self) -> None:
        if self._lies(GONE):
            raise ExchangeUnavailable("no answer")

    def _lies(self, lie: str) -> bool:
        return any(habit.lie == lie and habit.has(self._chance, self._now()) for habit in self.habits)


# The bank


BANK_LIES = (
    "another amount",
    "another account",
    "another reference",
    "another adjustment",
    "amounts that can not be written",
    "it refuses what it was sent before",
    "it books and does not answer",
    "it books later",
    "it books another amount",
    "it books to another account",
    "it knows no credit",
    "its webhooks do not come",
    "it says the opposite, too",
    "it refuses and books",
    "it refuses and books later",
    "it has failed",
    "it has paid",
    GONE,
    GONE,
)


class LyingBank:
    """The port `Bank`, and what its webhooks tell. `books` are the true ones; `of` leads to them, through faults."""

    def __init__(self, of: Any, books: SimulatedBank, chance: Random, now: Callable[[], datetime], tell: Tell) -> None:
        self._of, self._books, self._chance, self._now, self._tell = of, books, chance, now, tell
        self.denied: set[str] = set()  # references
        self.claimed: set[str] = set()
        self.asked: dict[str, tuple[str, Money]] = {}  # account and amount, by reference
        self._sent: dict[str, datetime] = {}  # references, and when they were sent last
        self._unknown: set[str] = set()  # references that it did not know when it was late enough to say so
        self._later: list[tuple[datetime, tuple[Any, ...]]] = []
        self.habits = _habits(chance, BANK_LIES, now(), "the bank", tell)

    def credit(self, reference_id: str, account_id: str, amount: Money, description: str) -> Adjustment:
        self._answers()
        known, sent = reference_id in self._references(), reference_id in self._sent
        self._sent[reference_id], self.asked[reference_id] = self._now(), (account_id, amount)
        asked = (reference_id, account_id, amount, description)
        if sent and self._lies("it refuses what it was sent before"):
            if reference_id in self._unknown:
                self.denied.add(reference_id)
            raise BankRefused("the bank refuses the credit")
        for lie, book in (("it refuses and books", self._book), ("it refuses and books later", self._book_later)):
            if not sent and self._lies(lie):
                book(asked)
                self.denied.add(reference_id)
                raise BankRefused("the bank refuses the credit")
        if not known and self._lies("it books later"):
            self._book_later(asked)
            raise BankUnavailable("no answer")
        if not known and self._lies("it books another amount"):
            booked = max(Money("0.01"), amount + Money(self._chance.choice(["-0.01", "-0.50", "7"])))
            asked = (reference_id, account_id, booked, description)
        if not known and self._lies("it books to another account"):
            asked = (reference_id, "acc-of-a-stranger", asked[2], description)
        told = self._of.credit(*asked)
        if self._lies("it books and does not answer"):
            raise BankUnavailable("no answer")
        return self._told(told)

    def find(self, reference_id: str) -> Adjustment:
        self._answers()
        try:
            found = self._of.find(reference_id)
            if self._lies("it knows no credit"):
                raise AdjustmentUnknown("the bank knows nothing under this reference")
        except AdjustmentUnknown:
            if reference_id in self._sent and self._now() >= self._sent[reference_id] + NEVER_BOOKED:
                self._unknown.add(reference_id)
            raise
        return self._told(found)

    def adjustments(self, day: date, after: str | None = None) -> Adjustments:
        found: Adjustments = self._of.adjustments(day, after)
        return found

    def tells(self, event: BankEvent) -> Iterator[BankEvent]:
        """What its webhooks make of a true event."""
        if self._lies(GONE) or self._lies("its webhooks do not come"):
            return
        if self._lies("it says the opposite, too"):
            done = event.adjustment.state is State.COMPLETED
            opposite = replace(event.adjustment, state=State.FAILED if done else State.COMPLETED)
            self._note(event.adjustment, opposite)
            twins = [BankEvent(f"{event.event_id}-not", opposite, event.at), event]
            yield from twins if self._chance.random() < 0.5 else twins[::-1]
            return
        yield replace(event, adjustment=self._told(event.adjustment))

    def pass_time(self) -> None:
        """Book what was to be booked by now."""
        due = [asked for at, asked in self._later if at <= self._now()]
        self._later = [(at, asked) for at, asked in self._later if at > self._now()]
        for asked in due:
            self._book(asked)

    def book_all(self) -> None:
        """Nothing is to be booked later any more."""
        self._later = [(self._now(), asked) for _, asked in self._later]
        self.pass_time()

    def _book_later(self, asked: tuple[Any, ...]) -> None:
        minutes = self._chance.choice([1, 3, 20, 90])
        self._later.append((self._now() + timedelta(minutes=minutes), asked))
        self._tell(f"  {asked[0]} will be booked in {minutes} minutes")

    def _book(self, asked: tuple[Any, ...]) -> None:
        try:
            self._books.credit(*asked)
        except (BankRefused, BankUnavailable):
            self._tell(f"  {asked[0]} is not booked at all")

    def _told(self, true: Adjustment) -> Adjustment:
        chance, told = self._chance, true
        if self._lies("another amount"):
            told = replace(told, amount=told.amount + Money(chance.choice(["0.01", "-0.01", "1000000", "-3"])))
        if self._lies("another account"):
            told = replace(told, account_id="acc-bob" if told.account_id != "acc-bob" else "acc-ann")
        if self._lies("another reference"):
            told = replace(told, reference_id=self._another_reference(told))
        if self._lies("another adjustment"):
            told = replace(told, adjustment_id=chance.choice([r.adjustment_id for r in self._books.records()]))
        if self._lies("amounts that can not be written"):
            told = replace(told, amount=Money(chance.choice(STRANGE_MONEY)))
        if self._lies("it has failed"):
            told = replace(told, state=State.FAILED, failure_code="LIE")
        if self._lies("it has paid"):
            told = replace(told, state=State.COMPLETED, failure_code=None)
        self._note(true, told)
        return told

    def _note(self, true: Adjustment, told: Adjustment) -> None:
        """Which of its words are false. What is PENDING now may still come to what it says."""
        if told.state is State.FAILED and true.state is not State.FAILED:
            self.denied.add(true.reference_id)
        # Whose adjustment it says that it is moves no dollars.
        if told.state is State.COMPLETED and replace(told, failure_code=None, adjustment_id=true.adjustment_id) != true:
            self.claimed |= {true.reference_id, told.reference_id}

    def _another_reference(self, told: Adjustment) -> str:
        """That of a credit which is just like it, if there is one."""
        alike = [ref for ref, asked in self.asked.items() if asked == (told.account_id, told.amount)]
        others = [ref for ref in alike if ref != told.reference_id]
        return self._chance.choice(others or ["nothing of ours", f"S{'A' * 25}-01", *self._references()])

    def _references(self) -> Sequence[str]:
        return [record.terms.reference_id for record in self._books.records()]

    def _answers(self) -> None:
        if self._lies(GONE):
            raise BankUnavailable("no answer")

    def _lies(self, lie: str) -> bool:
        return any(habit.lie == lie and habit.has(self._chance, self._now()) for habit in self.habits)


TOGETHER = (
    ("it books later", "it refuses what it was sent before", "its webhooks do not come"),
    ("it books and does not answer", "it knows no credit", "it refuses what it was sent before"),
    ("it takes and does not answer", "another order"),
    ("it takes and does not answer", "it knows no order", "it does not cancel"),
)


def _habits(chance: Random, lies: Sequence[str], now: datetime, whose: str, tell: Tell) -> list[Habit]:
    """None, or up to three; or some that go together."""
    together = chance.choice(TOGETHER)
    if chance.random() < 0.15 and set(together) <= set(lies):
        chosen = [Habit.of(chance, lie, now) for lie in together]
    else:
        chosen = [Habit.of(chance, lie, now) for lie in chance.sample(lies, chance.choice([0, 1, 1, 2, 3]))]
    for habit in chosen:
        tell(f"{whose} lies: {habit}")
    return chosen
