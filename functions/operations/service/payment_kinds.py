"""What two operators decide about a payment of a dealer that is parked, and about an account of which other sums are
told than have come: each is a ruling, and the clock of dealer billing goes on with it and does it. And what of an
account goes back to its dealer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from common import keys
from common.domain import acts, dealer_refunds, rulings, timeline, work
from common.domain.proposals.model import Proposal, Terms
from common.domain.rulings import WHOLE, Matter, Ruling
from common.domain.timeline import TimelineEvent
from common.keys import PrimaryKey
from common.roubles import kopecks, roubles
from common.table.transaction import Write
from functions.operations.model import NotProposable
from functions.operations.service.subjects import Kind, Subject
from functions.operations.store import KnownItem

DISMISS, REFUND = "payments dismiss", "payments refund"
RECALLING = "RECALLING"  # the status of a payment that the bank took back, as long as some of it counts here
PARKED = "PARKED"  # the status of a payment that waits for a person, or for what two have decided


@dataclass(frozen=True)
class Decision:
    """does: what happens to a payment of `{sum}`, with `{contract}` where the terms name one."""

    matter: Matter
    does: str

    def terms(self, subject: Subject, given: Terms) -> Terms:
        item = subject.item
        return {**given, "sum": _sum(subject), "came_for": str(item.contract_id), "why": str(item.reason)}

    def says(self, subject: Subject, terms: Terms) -> str:
        for name, now in self.terms(subject, {}).items():
            if now != terms.get(name):
                raise NotProposable(f"{name} was {terms.get(name)!r}, and now it is {now!r}", id=subject.id)
        return self.does.format(**terms)

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        item, at, by = subject.item, confirmed.decided_at, confirmed.operators
        assert at is not None
        assert item.status is not None
        told = f"{self.says(subject, confirmed.terms)}, reference {confirmed.reference}"
        return [
            rulings.record(Ruling(subject.id, self.matter, WHOLE, confirmed.terms, confirmed.reference, by, at)),
            work.asked_again(item, keys.PAYMENT, at, "what two operators have decided"),
            timeline.record(subject.id, TimelineEvent(at, item.status, item.status, told, by)),
        ]


class Identification:
    """Which payment a message tells of that can not be read. It is taken as if its message said so, once."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "why": str(subject.item.reason)}

    def says(self, subject: Subject, terms: Terms) -> str:
        now = str(subject.item.reason)
        if now != terms["why"]:
            raise NotProposable(f"why was {terms['why']!r}, and now it is {now!r}", id=subject.id)
        _kopecks(terms["sum"], subject)
        told = "tells of payment {payment}, {sum} roubles for contract {contract}".format(**terms)
        return f"{told}: that is taken once, as if it could be read"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        item, at, by = subject.item, confirmed.decided_at, confirmed.operators
        assert at is not None
        assert item.status is not None
        told = f"{self.says(subject, confirmed.terms)}, reference {confirmed.reference}"
        return [
            rulings.record(Ruling(subject.id, Matter.PAYMENT, WHOLE, confirmed.terms, confirmed.reference, by, at)),
            work.taken_up(item, keys.PAYMENT, at, PARKED, "what two operators have decided"),
            timeline.record(subject.id, TimelineEvent(at, item.status, PARKED, told, by)),
        ]


class Recall:
    """That the bank has taken a payment back, which is on its account, or has paid its bills. The clock of dealer
    billing takes it off: what it has paid is owed again. The message that tells of it, where the terms name that, is
    done with then, and not before: until then it keeps the dealer's money here."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        item = subject.item
        return {**given, "sum": _sum(subject), "contract": str(item.contract_id), "payment": str(item.payment_id)}

    def says(self, subject: Subject, terms: Terms) -> str:
        for name, now in self.terms(subject, {}).items():
            if now != terms[name]:
                raise NotProposable(f"{name} was {terms[name]}, and now it is {now}", id=subject.id)
        told = "was taken back by the bank, as payment {payment} of contract {contract}".format(**terms)
        message = self._message(subject)
        then = "" if message is None else f"; then the message {message.PK} is done with"
        return f"{told}: {terms['sum']} go off its account, and what they have paid is owed again{then}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        item, at, message = subject.item, confirmed.decided_at, self._message(subject)
        assert at is not None
        assert item.status is not None
        told = f"{self.says(subject, confirmed.terms)}, reference {confirmed.reference}"
        return [
            work.taken_up(item, keys.PAYMENT, at, RECALLING, "it to go off its account, as two operators have decided"),
            timeline.record(subject.id, TimelineEvent(at, item.status, RECALLING, told, confirmed.operators)),
            *([] if message is None else self._done_with(message, subject, confirmed, at)),
        ]

    @staticmethod
    def _message(subject: Subject) -> KnownItem | None:
        """Raises NotProposable."""
        if subject.other is None:
            return None
        message = subject.other.item
        if message.takes_back != subject.id or not acts.is_possible(DISMISS, subject.other.case):
            why = f"{message.PK} is no message that waits for a person, by which {subject.id} was taken back"
            raise NotProposable(why, id=subject.id)
        back = message.takes_back_kopecks
        if back is not None and back != subject.item.kopecks:
            why = f"{message.PK} tells of {roubles(int(back))}, and {subject.id} is of {_sum(subject)}"
            raise NotProposable(f"{why}, all of which would go off: ask the billing system", id=subject.id)
        return message

    @staticmethod
    def _done_with(message: KnownItem, subject: Subject, confirmed: Proposal, at: datetime) -> list[Write]:
        by, reference = confirmed.operators, confirmed.reference
        waits, told = f"payment {subject.id} to go off its account", f"payment {subject.id} goes off its account"
        assert message.status is not None
        event = TimelineEvent(at, message.status, message.status, f"{told}, reference {reference}", by)
        return [
            rulings.record(Ruling(message.PK, Matter.NOTHING, WHOLE, confirmed.terms, reference, by, at)),
            work.asked_again(message, keys.PAYMENT, at, waits),
            timeline.record(message.PK, event),
        ]


@dataclass(frozen=True)
class TotalAgreement:
    """That what the billing system tells of an account is rightly not what has come. Of the difference as it is now: if
    more is told, or more has come, when it is confirmed, nothing is done; and later another difference is told."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        item = subject.item
        came = int(item.received_kopecks or 0) + int(item.aside_kopecks or 0)
        return {**given, "told": roubles(int(item.told_kopecks or 0)), "came": roubles(came)}

    def says(self, subject: Subject, terms: Terms) -> str:
        for name, now in self.terms(subject, {}).items():
            if now != terms[name]:
                raise NotProposable(f"{name} was {terms[name]}, and now it is {now}", id=subject.id)
        return "is right as it is: the billing system tells of {told}, and {came} have come".format(**terms)

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        item, at, by = subject.item, confirmed.decided_at, confirmed.operators
        assert at is not None
        assert item.status is not None
        type_ = keys.BILLING_ACCOUNT.read(PrimaryKey(item.PK, item.SK))["type"]
        told = f"{self.says(subject, confirmed.terms)}, reference {confirmed.reference}"
        return [
            rulings.record(Ruling(item.PK, Matter.TOTAL, type_, confirmed.terms, confirmed.reference, by, at)),
            work.asked_again(item, keys.BILLING_ACCOUNT, at, "what two operators have decided"),
            timeline.record(confirmed.subject, TimelineEvent(at, item.status, item.status, told, by)),
        ]


class Refund:
    """That so much of what is on an account, and pays nothing, goes back to its dealer: to the requisites that he has
    now. It is the clock of dealer billing that takes it off, if it is there still and nothing is owed then."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        item = subject.item
        return {
            **given,
            "refund": str(int(item.refunds or 0) + 1),
            "requisites": str(int(item.requisites_version or 0)),
        }

    def says(self, subject: Subject, terms: Terms) -> str:
        for name, now in self.terms(subject, {}).items():
            if now != terms[name]:
                raise NotProposable(f"it was about {name} {terms[name]}, and now it is {now}", id=subject.id)
        kopecks, there = _kopecks(terms["sum"], subject), int(subject.item.balance_kopecks or 0)
        if kopecks > there:
            raise NotProposable(f"{roubles(there)} are on it, and no more can go back", id=subject.id)
        told = "gives back {sum} roubles, to the requisites {requisites} of its dealer".format(**terms)
        return f"{told}, of the {roubles(there)} that are on it, if nothing is owed there then"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        item, terms, at, by = subject.item, confirmed.terms, confirmed.decided_at, confirmed.operators
        assert at is not None
        assert item.status is not None
        assert confirmed.reference is not None
        refund = dealer_refunds.Refund(
            dealer_id=item.PK,
            type=keys.BILLING_ACCOUNT.read(PrimaryKey(item.PK, item.SK))["type"],
            n=int(terms["refund"]),
            kopecks=_kopecks(terms["sum"], subject),
            requisites_version=int(terms["requisites"]),
            reference=confirmed.reference,
            operators=by,
            agreed_at=at,
        )
        told = f"refund {refund.refund_id}: {self.says(subject, terms)}, reference {confirmed.reference}"
        return [
            *dealer_refunds.agree(refund),
            timeline.record(confirmed.subject, TimelineEvent(at, item.status, item.status, told, by)),
        ]


def _kopecks(written: str, subject: Subject) -> int:
    """Raises NotProposable."""
    try:
        found = kopecks(written)
    except ValueError as no_sum:
        raise NotProposable(str(no_sum), id=subject.id) from None
    if not found:
        raise NotProposable("a sum is above 0", id=subject.id)
    return found


def _sum(subject: Subject) -> str:
    kopecks = subject.item.kopecks
    return "nothing that can be read" if kopecks is None else f"{roubles(int(kopecks))} roubles"


KINDS: Mapping[str, Kind] = {  # by the command
    "payments assign": Decision(Matter.ACCOUNT, "is of the contract {contract}: {sum}, for its oldest open bill"),
    DISMISS: Decision(Matter.NOTHING, "of {sum}, is done with: nothing more is done about it"),
    "payments identify": Identification(),
    "payments recall": Recall(),
    "payments agree-total": TotalAgreement(),
    REFUND: Refund(),
}
