"""What a proposal is about, and what every kind of proposal tells and does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from common.domain.acts import Case
from common.domain.clients import Client
from common.domain.proposals.model import Proposal, Terms
from common.table.transaction import Write
from functions.operations.store import KnownItem


@dataclass(frozen=True)
class Subject:
    """What a proposal is about, as it was read; the act is possible for it."""

    item: KnownItem
    case: Case
    other: Subject | None = None  # what the terms name besides: an order, or a snapshot
    client: Client | None = None  # that the terms name; none: it is new

    @property
    def id(self) -> str:
        return self.item.PK


class Kind(Protocol):
    def terms(self, subject: Subject, given: Terms) -> Terms:
        """What an operator has given, and what of the subject it is about: if that is another one when the proposal is
        confirmed, nothing is done."""
        ...

    def says(self, subject: Subject, terms: Terms) -> str:
        """What the subject then does, as the end of a sentence that begins with it: `is FILLED: the bank has paid …`.
        Raises NotProposable: it is not possible any more, or not with these terms; EvidenceNotBelieved."""
        ...

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        """Each under the condition that the subject is as it was read; one of them is an event of its life."""
        ...
