"""What two operators decide about a payment of a dealer that is parked, and about an account of which other sums are
told than have come. Each is a ruling: the clock of dealer billing goes on with it and does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common import keys
from common.domain import rulings, timeline, work
from common.domain.proposals.model import Proposal, Terms
from common.domain.rulings import WHOLE, Matter, Ruling
from common.domain.timeline import TimelineEvent
from common.keys import PrimaryKey
from common.roubles import roubles
from common.table.transaction import Write
from functions.operations.model import NotProposable
from functions.operations.service.subjects import Kind, Subject


@dataclass(frozen=True)
class Decision:
    """does: what happens to a payment of `{sum}`, with `{contract}` where the terms name one."""

    matter: Matter
    does: str

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {**given, "sum": _sum(subject), "why": str(subject.item.reason)}

    def says(self, subject: Subject, terms: Terms) -> str:
        for name, now in self.terms(subject, {}).items():
            if now != terms[name]:
                raise NotProposable(f"{name} was {terms[name]!r}, and now it is {now!r}", id=subject.id)
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


def _sum(subject: Subject) -> str:
    kopecks = subject.item.kopecks
    return "nothing that can be read" if kopecks is None else f"{roubles(int(kopecks))} roubles"


KINDS: Mapping[str, Kind] = {  # by the command
    "payments assign": Decision(Matter.ACCOUNT, "is of the contract {contract}: {sum}, for its oldest open bill"),
    "payments dismiss": Decision(Matter.NOTHING, "is nobody's here: {sum}, and nothing is done about it"),
    "payments agree-total": TotalAgreement(),
}
