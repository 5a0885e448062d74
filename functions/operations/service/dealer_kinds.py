"""What two operators do for a dealer: his requisites are forgotten."""

from __future__ import annotations

from collections.abc import Mapping

from common.domain import dealers, timeline
from common.domain.dealers import Standing
from common.domain.proposals.model import Proposal, Terms
from common.domain.timeline import TimelineEvent
from common.table.transaction import Write
from functions.operations.model import NotProposable
from functions.operations.service.subjects import Kind, Subject

FORGET = "dealers forget"


class Forgetting:
    """That nobody can read a dealer's requisites any more, nor find him by his taxpayer's number: those that he had
    when it was proposed. Whatever is owed, held or under way comes first. The billing system keeps its own copy."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {"requisites": str(_standing(subject).requisites_version), **given}

    def says(self, subject: Subject, terms: Terms) -> str:
        if self.terms(subject, {}) != terms:
            raise NotProposable("he has given requisites since: look at him", id=subject.id)
        return (
            "has no requisites that anybody here can read, nor a number to be found by; what comes for him later stays "
            "on his account until he gives requisites anew"
        )

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        at, status, by = confirmed.decided_at, subject.item.status, confirmed.operators
        assert at is not None
        assert status is not None
        told = f"his requisites, up to {confirmed.terms['requisites']}, are forgotten"
        return [
            *dealers.forget(_standing(subject), at),
            timeline.record(subject.id, TimelineEvent(at, status, status, told, by)),
        ]


def _standing(subject: Subject) -> Standing:
    assert subject.dealer is not None
    return subject.dealer


KINDS: Mapping[str, Kind] = {FORGET: Forgetting()}  # by the command
