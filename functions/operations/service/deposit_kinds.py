"""What two operators decide about the deposit of a dealer who leaves. Each is a ruling on this one release: the machine
of the dealer goes on with it, and does it where the billing system's own sum fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common import keys
from common.domain import rulings, timeline, work
from common.domain.proposals.model import Proposal, Terms
from common.domain.rulings import Deposit, Matter, Ruling
from common.domain.timeline import TimelineEvent
from common.roubles import roubles
from common.table.transaction import Write
from functions.operations.model import NotProposable
from functions.operations.service.subjects import Kind, Subject


@dataclass(frozen=True)
class DepositDecision:
    """does: what becomes of a deposit of `{sum}`, to `{requisites}`."""

    do: Deposit
    does: str

    def terms(self, subject: Subject, given: Terms) -> Terms:
        item = subject.item
        return {
            **given,
            "do": self.do,
            "release": str(int(item.releases or 0)),
            "sum": roubles(int(item.leaves_with_kopecks or 0)),
            "requisites": str(int(item.leaves_to_version or 0)),
        }

    def says(self, subject: Subject, terms: Terms) -> str:
        for name, now in self.terms(subject, {}).items():
            if now != terms[name]:
                raise NotProposable(f"{name} was {terms[name]}, and now it is {now}", id=subject.id)
        return self.does.format(**terms)

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        item, at, by = subject.item, confirmed.decided_at, confirmed.operators
        assert at is not None
        assert item.status is not None
        told = f"{self.says(subject, confirmed.terms)}, reference {confirmed.reference}"
        about = confirmed.terms["release"]
        return [
            rulings.record(Ruling(subject.id, Matter.DEPOSIT, about, confirmed.terms, confirmed.reference, by, at)),
            work.asked_again(item, keys.DEALER, at, "what two operators have decided"),
            timeline.record(subject.id, TimelineEvent(at, item.status, item.status, told, by)),
        ]


KINDS: Mapping[str, Kind] = {  # by the command
    "deposits let-go": DepositDecision(Deposit.PAY, "gets his deposit of {sum} back, to requisites {requisites}"),
    "deposits keep": DepositDecision(Deposit.KEEP, "does not get his deposit of {sum} back, and stays"),
    "deposits paid": DepositDecision(Deposit.PAID, "has his deposit of {sum}, where the billing system's sum says so"),
}
