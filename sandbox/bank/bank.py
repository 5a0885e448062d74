"""The rules of the bank, and the fake of the port `Bank`.

A credit is booked once for each idempotency key and is PENDING at first. What becomes of it is settled
`settle_seconds` later, when somebody calls `settle()`:

1. as was ordered for its account with `set_outcome`, or else for every account;
2. or else by the cents of its amount, the bank's magic numbers, known nowhere else:

       .51   refused at once: nothing is booked
       .52   FAILED
       .53   PENDING for ever
       .54   COMPLETED, but its webhook is never sent

3. or else it is COMPLETED.

The bank keeps a refusal under its key as it keeps a booking, and answers a repeat with it: the port promises that
nothing will ever be booked under a refused reference, and two senders may use the same one. A credit that is COMPLETED
or FAILED stays so.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from threading import RLock
from typing import Any

from common.clock import instant, text
from common.errors import NotFound, Rejected
from common.gateways.bank import (
    Adjustment,
    Adjustments,
    AdjustmentUnknown,
    BankEvent,
    BankRefused,
    BankUnavailable,
    State,
)
from common.money import INTEGER_DIGITS_MAX, ZERO, Money

RETRY_AFTER_SECONDS = 30
MAINTENANCE_SECONDS = 120
FAULTS_MAX = 1000
PAGE = 100  # of a list of adjustments
SETTLE_SECONDS_MAX = 86_400.0
CURRENCY = "USD"
FAILURE_CODES = ("ACCOUNT_CLOSED", "ACCOUNT_BLOCKED", "LIMIT_EXCEEDED", "COMPLIANCE_HOLD")
ID = re.compile(r"[\x21-\x7e]{1,128}")
_AMOUNT = re.compile(rf"(0|[1-9][0-9]{{0,{INTEGER_DIGITS_MAX - 1}}})(\.[0-9]{{1,2}})?")


class Outcome(StrEnum):
    COMPLETE = "complete"
    FAIL = "fail"
    PENDING = "pending"  # for ever, or until `decide`
    REFUSE = "refuse"  # the definite no, at once


_MAGIC_CENTS = {"51": Outcome.REFUSE, "52": Outcome.FAIL, "53": Outcome.PENDING}
_SILENT_CENTS = "54"


class Operation(StrEnum):
    CREDIT = "credit"
    FIND = "find"  # look-ups by reference and by id
    ANY = "any"


class Fault(StrEnum):
    """What can go wrong with a call, as the port and as the wire show it."""

    REFUSE = "refuse"  # the next credit that is new is refused: 422
    NO_FUNDS = "no_funds"  # likewise, since the account that it would be paid from is empty
    RATE_LIMIT = "429"  # with Retry-After
    SERVER_ERROR = "500"
    TIMEOUT_BEFORE = "timeout_before"  # nothing is booked; the connection stays open and nothing comes
    TIMEOUT_AFTER = "timeout_after"  # booked; nothing comes
    DROP_BEFORE = "drop_before"  # nothing is booked; the connection is closed without an answer
    DROP_AFTER = "drop_after"  # booked; the connection is closed
    MAINTENANCE = "maintenance"  # 503, with Retry-After and a web page
    ANOTHER = "another"  # the answer tells of another adjustment than was asked for, where there is one; done it is


REFUSED = "the account does not take this credit"
NO_FUNDS = "insufficient funds in the account that it is paid from"
_REFUSALS = {Fault.REFUSE: REFUSED, Fault.NO_FUNDS: NO_FUNDS}
_AFTER = {Fault.TIMEOUT_AFTER, Fault.DROP_AFTER}


class Faulted(Exception):
    """The call met a fault that was ordered, or the bank is down."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class UnknownReference(NotFound): ...


class IllegalOrder(Rejected):
    """The bank was told to do something that it can not do."""


@dataclass(frozen=True)
class Terms:
    """What is asked for, as it was written. A repeat under the same key must be the same to the letter."""

    account_id: str
    reference_id: str
    direction: str
    amount: str
    currency: str
    reason: str
    description: str
    metadata: Mapping[str, str] | None = None

    def violation(self) -> str | None:
        """Why this can not be booked."""
        for name in ("account_id", "reference_id"):
            if not ID.fullmatch(getattr(self, name)):
                return f"{name} must be 1 to 128 visible characters of ASCII"
        if self.direction != "CREDIT":
            return "direction must be CREDIT"
        if not _AMOUNT.fullmatch(self.amount) or Decimal(self.amount) == 0:
            return f'amount must be text such as "123.45": above zero, at most {INTEGER_DIGITS_MAX} digits and 2 cents'
        if self.currency != CURRENCY:
            return f"currency must be {CURRENCY}"
        for name in ("reason", "description"):
            if not _is_printable(getattr(self, name)):
                return f"{name} must be 1 to 255 printable characters"
        if self.metadata is not None and not all(_is_printable(w) for pair in self.metadata.items() for w in pair):
            return "metadata must be names and values of 1 to 255 printable characters"
        return None


@dataclass(frozen=True)
class Record:
    """An adjustment in the bank's books."""

    adjustment_id: str
    terms: Terms
    state: State
    failure_code: str | None
    outcome: Outcome  # what it will become
    due_at: datetime
    silent: bool  # no webhook tells of it
    created_at: datetime
    updated_at: datetime

    def adjustment(self) -> Adjustment:
        amount = Money(self.terms.amount)
        return Adjustment(
            self.adjustment_id, self.terms.reference_id, self.terms.account_id, amount, self.state, self.failure_code
        )

    def resource(self) -> dict[str, Any]:
        """The adjustment as it crosses the wire, in answers and in webhooks."""
        return {
            "id": self.adjustment_id,
            "reference_id": self.terms.reference_id,
            "account_id": self.terms.account_id,
            "direction": self.terms.direction,
            "amount": str(Money(self.terms.amount)),
            "currency": self.terms.currency,
            "reason": self.terms.reason,
            "description": self.terms.description,
            "metadata": self.terms.metadata,
            "status": self.state,
            "failure_code": self.failure_code,
            "created_at": text(self.created_at),
            "updated_at": text(self.updated_at),
        }


@dataclass(frozen=True)
class Booked:
    record: Record
    replayed: bool


@dataclass(frozen=True)
class Refused:
    words: str
    replayed: bool


@dataclass(frozen=True)
class KeyTaken:
    words: str


@dataclass(frozen=True)
class _Refusal:
    """A refusal in the bank's books."""

    terms: Terms
    words: str


@dataclass
class _Rule:
    outcome: Outcome
    times: int | None  # how many credits it is still for; None: all


class SimulatedBank:
    """A bank with controls. Safe to use from several threads.

    now: the clock (`common.clock.now`, or a test's own); aware UTC.
    seed: chooses ids and the words for failures.
    settle_seconds: from the booking to its outcome, which `settle()` brings about.
    down: while it is true, every call meets a closed connection.
    calls: how many credits and look-ups were asked for, those that met a fault included.
    """

    def __init__(self, now: Callable[[], datetime], seed: int, *, settle_seconds: float = 0.0) -> None:
        self.seed = seed
        self.down = False
        self.calls = {Operation.CREDIT: 0, Operation.FIND: 0}
        self._now = now
        self._settle_seconds = 0.0
        self.set_settle_seconds(settle_seconds)
        self._lock = RLock()
        self._books: dict[str, Record | _Refusal] = {}  # by idempotency key
        self._keys: dict[str, str] = {}  # reference → the key of its record
        self._rules: dict[str | None, _Rule] = {}  # by account; None is for every account
        self._faults: list[tuple[Fault, Operation]] = []
        self._told: list[str] = []  # references that have had their outcome, in this order, the silent ones left out
        self._taken = 0  # how many of them `take_events` gave away

    # The port

    def credit(self, reference_id: str, account_id: str, amount: Money, description: str) -> Adjustment:
        """See `common.gateways.bank.Bank.credit`. A time-out fault is raised at once, nobody waits."""
        terms = Terms(account_id, reference_id, "CREDIT", str(amount), CURRENCY, "PAYOUT", description)
        try:
            decided = self.book(reference_id, terms)
        except Faulted as met:
            raise _in_our_words(met.fault) from met
        match decided:
            case Booked(record) if record.terms != terms:
                raise BankUnavailable("told of another adjustment", what="not_believed")
            case Booked(record):
                return record.adjustment()
            case Refused(words):
                ours = words == NO_FUNDS
                raise BankRefused(f"the bank refuses the credit: {words}", ours=ours, bank_said=words)
            case KeyTaken(words):
                raise BankUnavailable(words, what="conflict")

    def find(self, reference_id: str) -> Adjustment:
        """See `common.gateways.bank.Bank.find`."""
        try:
            record = self.look_up(reference_id)
        except Faulted as met:
            raise _in_our_words(met.fault) from met
        if record is None:
            raise AdjustmentUnknown("the bank knows nothing under this reference", reference_id=reference_id)
        if record.terms.reference_id != reference_id:
            raise BankUnavailable("told of another adjustment", what="not_believed")
        return record.adjustment()

    # The bank, as the face asks it

    def adjustments(self, day: date, after: str | None = None) -> Adjustments:
        """See `common.gateways.bank.Bank.adjustments`."""
        try:
            records, next_ = self.made_on(day, after)
        except Faulted as met:
            raise _in_our_words(met.fault) from met
        return Adjustments([record.adjustment() for record in records], next_)

    def made_on(self, day: date, after: str | None, limit: int = PAGE) -> tuple[list[Record], str | None]:
        """Those of a day behind an id, oldest first, and the id of the last one where there are more. Raises
        Faulted."""
        with self._lock:
            fault = self._meet(Operation.FIND, new=False)
            if fault not in (None, Fault.ANOTHER):
                raise Faulted(fault)
            records = [record for record in self.records() if record.created_at.date() == day]
            ids = [record.adjustment_id for record in records]
            begin = ids.index(after) + 1 if after in ids else 0
            part = records[begin : begin + limit]
            return part, part[-1].adjustment_id if begin + limit < len(records) else None

    def book(self, key: str, terms: Terms) -> Booked | Refused | KeyTaken:
        """One request for a credit under an idempotency key. Raises Faulted."""
        with self._lock:
            fault = self._meet(Operation.CREDIT, new=key not in self._books)
            decided = self._decide(key, terms, refusal=_REFUSALS.get(fault) if fault else None)
            if fault in _AFTER:
                raise Faulted(fault)
            if fault is Fault.ANOTHER and isinstance(decided, Booked):
                return replace(decided, record=self._another(decided.record))
            return decided

    def look_up(self, reference_id: str) -> Record | None:
        """Raises Faulted."""
        with self._lock:
            fault, found = self._meet(Operation.FIND, new=False), self._record(reference_id)
            if fault is Fault.ANOTHER:
                return None if found is None else self._another(found)
            if fault is not None:
                raise Faulted(fault)
            return found

    def _another(self, record: Record) -> Record:
        return next((other for other in self.records() if other != record), record)

    def look_up_id(self, adjustment_id: str) -> Record | None:
        """Raises Faulted."""
        with self._lock:
            fault = self._meet(Operation.FIND, new=False)
            if fault is not None:
                raise Faulted(fault)
            return next((record for record in self.records() if record.adjustment_id == adjustment_id), None)

    def _meet(self, operation: Operation, *, new: bool) -> Fault | None:
        """The first fault that waits for such a call. Raises Faulted for those that come before anything happens."""
        self.calls[operation] += 1
        if self.down:
            raise Faulted(Fault.DROP_BEFORE)
        for n, (fault, on) in enumerate(self._faults):
            if on in {operation, Operation.ANY} and (new or fault not in _REFUSALS):
                del self._faults[n]
                if fault in {*_AFTER, *_REFUSALS, Fault.ANOTHER}:
                    return fault
                raise Faulted(fault)
        return None

    def _decide(self, key: str, terms: Terms, *, refusal: str | None) -> Booked | Refused | KeyTaken:
        kept = self._books.get(key)
        if kept is not None and kept.terms != terms:
            return KeyTaken(f"the key {key} was used with other terms")
        match kept:
            case Record():
                return Booked(kept, replayed=True)
            case _Refusal():
                return Refused(kept.words, replayed=True)
        if terms.reference_id in self._keys:
            return KeyTaken(f"the reference {terms.reference_id} was used under another key")
        words = terms.violation()
        if words is None:
            silent, outcome = (False, Outcome.REFUSE) if refusal else self._outcome(terms)
            if outcome is not Outcome.REFUSE:
                return Booked(self._book(key, terms, outcome, silent), replayed=False)
            words = refusal or REFUSED
        self._books[key] = _Refusal(terms, words)
        return Refused(words, replayed=False)

    def _outcome(self, terms: Terms) -> tuple[bool, Outcome]:
        """Whether it is silent, and what becomes of it."""
        for whose in (terms.account_id, None):
            rule = self._rules.get(whose)
            if rule is not None:
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times == 0:
                        del self._rules[whose]
                        if rule.outcome is not Outcome.COMPLETE:
                            self._rules[whose] = _Rule(Outcome.COMPLETE, times=1)
                return False, rule.outcome
        cents = str(Money(terms.amount)).partition(".")[2]
        return cents == _SILENT_CENTS, _MAGIC_CENTS.get(cents, Outcome.COMPLETE)

    def _book(self, key: str, terms: Terms, outcome: Outcome, silent: bool) -> Record:
        now = self._now()
        record = Record(
            adjustment_id=self._id("adj", terms.reference_id),
            terms=terms,
            state=State.PENDING,
            failure_code=None,
            outcome=outcome,
            due_at=now + timedelta(seconds=self._settle_seconds),
            silent=silent,
            created_at=now,
            updated_at=now,
        )
        self._books[key] = record
        self._keys[terms.reference_id] = key
        return record

    def _id(self, kind: str, reference_id: str) -> str:
        return f"{kind}_{self._digest(kind, reference_id)[:24]}"

    def _digest(self, *parts: str) -> str:
        return hashlib.sha256("\x1f".join([str(self.seed), *parts]).encode()).hexdigest()

    # What becomes of a credit

    def settle(self) -> list[Adjustment]:
        """Bring about every outcome that is due, in the order in which they are; answer with those."""
        with self._lock:
            now = self._now()
            due = sorted(
                (r for r in self.records() if _waits(r) and r.outcome is not Outcome.PENDING and r.due_at <= now),
                key=lambda record: record.due_at,
            )
            return [self._settled(record, record.outcome).adjustment() for record in due]

    def decide(self, reference_id: str, outcome: Outcome | str) -> Adjustment:
        """Bring about this outcome now, whatever was to become of it.

        Raises UnknownReference; IllegalOrder for an outcome other than complete and fail, or when it has another.
        """
        wanted = _outcome(outcome)
        if wanted not in {Outcome.COMPLETE, Outcome.FAIL}:
            raise IllegalOrder(f"a booked credit can complete or fail; it can not {wanted}")
        with self._lock:
            record = self._known(reference_id)
            if _waits(record):
                record = self._settled(record, wanted)
            elif record.state is not _STATES[wanted]:
                raise IllegalOrder(f"{reference_id} is {record.state}, and stays so")
            return record.adjustment()

    def _settled(self, record: Record, outcome: Outcome) -> Record:
        reference_id = record.terms.reference_id
        code = FAILURE_CODES[int(self._digest("failure", reference_id), 16) % len(FAILURE_CODES)]
        settled = replace(
            record,
            state=_STATES[outcome],
            failure_code=code if outcome is Outcome.FAIL else None,
            outcome=outcome,
            updated_at=self._now(),
        )
        self._books[self._keys[reference_id]] = settled
        if not record.silent:
            self._told.append(reference_id)
        return settled

    # The webhooks it would send

    def events(self) -> list[BankEvent]:
        """All of them, from the beginning."""
        with self._lock:
            return [self.event_of(reference_id) for reference_id in self._told]

    def take_events(self) -> list[BankEvent]:
        """Those that were not taken yet. Whoever takes them delivers them, or loses or repeats them."""
        with self._lock:
            fresh = self.events()[self._taken :]
            self._taken = len(self._told)
            return fresh

    def event_of(self, reference_id: str) -> BankEvent:
        """The event of one credit, the same whenever one asks, also of a silent one.

        Raises UnknownReference; IllegalOrder while it is PENDING.
        """
        record = self.record(reference_id)
        if _waits(record):
            raise IllegalOrder(f"{reference_id} is PENDING: there is nothing to tell")
        return BankEvent(self._id("evt", reference_id), record.adjustment(), record.updated_at)

    # Controls

    def set_outcome(self, outcome: Outcome | str, *, account_id: str | None = None, times: int | None = None) -> None:
        """What is to become of the next `times` new credits, or of all, of an account or of every account.

        It replaces what was ordered for the same before. `set_outcome("fail", account_id="a-1", times=2)`: two
        attempts fail, and the third is paid, whatever its cents. Raises IllegalOrder.
        """
        wanted = _outcome(outcome)
        if times is not None and not 1 <= times <= FAULTS_MAX:
            raise IllegalOrder(f"times is {times}; it must be from 1 to {FAULTS_MAX}")
        if account_id is not None and not ID.fullmatch(account_id):
            raise IllegalOrder("account_id must be 1 to 128 visible characters of ASCII")
        with self._lock:
            self._rules[account_id] = _Rule(wanted, times)

    def forget_outcomes(self) -> None:
        """Let the amounts' cents decide again."""
        with self._lock:
            self._rules.clear()

    def set_settle_seconds(self, seconds: float) -> None:
        """For credits booked from now on. Raises IllegalOrder."""
        if not 0 <= seconds <= SETTLE_SECONDS_MAX:
            raise IllegalOrder(f"seconds is {seconds}; it must be from 0 to {SETTLE_SECONDS_MAX:g}")
        self._settle_seconds = seconds

    def refuse_next(self, times: int = 1) -> None:
        """The definite no for the next `times` new credits."""
        self.fail_next(Fault.REFUSE, Operation.CREDIT, times)

    def fail_before_next(self, operation: Operation | str, times: int = 1) -> None:
        """The next such call meets a closed connection, and nothing is booked."""
        self.fail_next(Fault.DROP_BEFORE, operation, times)

    def drop_answer_next(self, operation: Operation | str, times: int = 1) -> None:
        """The next such call does what it should, and its answer is lost."""
        self.fail_next(Fault.DROP_AFTER, operation, times)

    def fail_next(self, kind: Fault | str, on: Operation | str = Operation.ANY, times: int = 1) -> None:
        """Let the next `times` such calls meet a fault, after those already ordered. Raises IllegalOrder."""
        try:
            fault, operation = Fault(kind), Operation(on)
        except ValueError:
            raise IllegalOrder(
                f"kind is {kind!r}, of {', '.join(Fault)}; on is {on!r}, of {', '.join(Operation)}"
            ) from None
        if fault in _REFUSALS and operation is Operation.FIND:
            raise IllegalOrder(f"a look-up can not be refused; {fault} is for credit")
        if not 1 <= times <= FAULTS_MAX:
            raise IllegalOrder(f"times is {times}; it must be from 1 to {FAULTS_MAX}")
        with self._lock:
            if len(self._faults) + times > FAULTS_MAX:
                raise IllegalOrder(f"{len(self._faults)} faults already wait; at most {FAULTS_MAX} can")
            self._faults.extend([(fault, operation)] * times)

    def heal(self) -> None:
        """Forget the faults that were ordered and have not happened yet."""
        with self._lock:
            self._faults.clear()

    # What a person or a test sees

    def now(self) -> datetime:
        return self._now()

    def records(self) -> list[Record]:
        """All that was booked, in this order. Not a question: no fault is met, nothing is counted."""
        with self._lock:
            return [kept for kept in self._books.values() if isinstance(kept, Record)]

    def record(self, reference_id: str) -> Record:
        """One that was booked. Raises UnknownReference."""
        with self._lock:
            return self._known(reference_id)

    def credits(self, reference_prefix: str = "") -> list[Adjustment]:
        """The COMPLETED ones whose reference begins so."""
        booked = [record.adjustment() for record in self.records() if record.state is State.COMPLETED]
        return [adjustment for adjustment in booked if adjustment.reference_id.startswith(reference_prefix)]

    def credited(self, account_id: str) -> Money:
        """What the account has got: its COMPLETED credits together."""
        return sum((c.amount for c in self.credits() if c.account_id == account_id), ZERO)

    def faults(self) -> list[tuple[Fault, Operation]]:
        """Those still to come, in order."""
        with self._lock:
            return list(self._faults)

    def state(self) -> dict[str, Any]:
        """All of it as JSON can hold it, so that `restore` can go on from there."""
        with self._lock:
            return {
                "settle_seconds": self._settle_seconds,
                "outcomes": [
                    {"account_id": whose, "outcome": rule.outcome, "times": rule.times}
                    for whose, rule in self._rules.items()
                ],
                "faults": [{"kind": fault, "on": on} for fault, on in self._faults],
                "books": [{"key": key, **_written(kept)} for key, kept in self._books.items()],
                "told": list(self._told),
                "taken": self._taken,
            }

    def restore(self, state: Any) -> None:
        """Become what `state()` told. Raises IllegalOrder when it did not."""
        try:
            books = {kept["key"]: _read(kept) for kept in state["books"]}
            keys = {kept.terms.reference_id: key for key, kept in books.items() if isinstance(kept, Record)}
            rules = {r["account_id"]: _Rule(Outcome(r["outcome"]), r["times"]) for r in state["outcomes"]}
            faults = [(Fault(fault["kind"]), Operation(fault["on"])) for fault in state["faults"]]
            told, taken, seconds = list(state["told"]), int(state["taken"]), float(state["settle_seconds"])
            if not keys.keys() >= set(told) or not 0 <= taken <= len(told):
                raise ValueError("told and taken do not fit the books")
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as unreadable:
            raise IllegalOrder(f"this is not the state of a bank: {unreadable!r}") from unreadable
        with self._lock:
            self.set_settle_seconds(seconds)
            self._books, self._keys, self._rules, self._faults = books, keys, rules, faults
            self._told, self._taken = told, taken

    def _record(self, reference_id: str) -> Record | None:
        kept = self._books[self._keys[reference_id]] if reference_id in self._keys else None
        return kept if isinstance(kept, Record) else None

    def _known(self, reference_id: str) -> Record:
        record = self._record(reference_id)
        if record is None:
            raise UnknownReference(f"nothing is booked under {reference_id!r}")
        return record


def _is_printable(said: str) -> bool:
    return 1 <= len(said) <= 255 and said.isprintable()  # which a lone surrogate is not


_STATES = {Outcome.COMPLETE: State.COMPLETED, Outcome.FAIL: State.FAILED}


def _waits(record: Record) -> bool:
    return record.state is State.PENDING


def _outcome(given: Outcome | str) -> Outcome:
    try:
        return Outcome(given)
    except ValueError:
        raise IllegalOrder(f"outcome is {given!r}; there are {', '.join(Outcome)}") from None


def _written(kept: Record | _Refusal) -> dict[str, Any]:
    members = asdict(kept)
    return {name: text(value) if isinstance(value, datetime) else value for name, value in members.items()}


def _read(given: Mapping[str, Any]) -> Record | _Refusal:
    terms = Terms(**given["terms"])
    if "words" in given:
        return _Refusal(terms, given["words"])
    return Record(
        adjustment_id=given["adjustment_id"],
        terms=terms,
        state=State(given["state"]),
        failure_code=given["failure_code"],
        outcome=Outcome(given["outcome"]),
        due_at=instant(given["due_at"]),
        silent=given["silent"],
        created_at=instant(given["created_at"]),
        updated_at=instant(given["updated_at"]),
    )


def _in_our_words(fault: Fault) -> BankUnavailable:
    """The port's error for each fault; the contract suite holds it against what the adapter makes of the wire."""
    match fault:
        case Fault.RATE_LIMIT:
            return BankUnavailable("asked too often", what="rate_limit", retry_after_seconds=RETRY_AFTER_SECONDS)
        case Fault.MAINTENANCE:
            return BankUnavailable("closed for now", what="bank_error", retry_after_seconds=MAINTENANCE_SECONDS)
        case Fault.TIMEOUT_BEFORE | Fault.TIMEOUT_AFTER:
            return BankUnavailable("no answer in time", what="timeout")
        case Fault.DROP_BEFORE | Fault.DROP_AFTER:
            return BankUnavailable("the connection broke", what="connection")
        case _:
            return BankUnavailable("the bank has a fault", what="bank_error")
