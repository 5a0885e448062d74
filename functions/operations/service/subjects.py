"""What a proposal is about, and what every kind of proposal tells and does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from common.domain.acts import Case
from common.domain.catalogue.model import Listing
from common.domain.catalogue.store import SavedAsset
from common.domain.clients import Client
from common.domain.dealers import Standing
from common.domain.own_accounts import OwnAccounts
from common.domain.pairs.model import SavedPair
from common.domain.payouts.store import BankEventItem
from common.domain.persons import Person
from common.domain.proposals.model import Proposal, Terms
from common.domain.segments.model import SavedSegment
from common.sealed import Sealed
from common.table.table import Table
from common.table.transaction import Write
from functions.operations.model import NotProposable
from functions.operations.store import KnownItem


@dataclass(frozen=True)
class Subject:
    """What a proposal is about, as it was read; the act is possible for it."""

    item: KnownItem
    case: Case
    other: Subject | None = None  # what it, or its terms, name besides: an order, or a snapshot
    client: Client | None = None  # that the terms name; none: it is new
    saved: SavedAsset | None = None  # of the catalogue; none: it is new
    event: BankEventItem | None = None  # of the bank, that it is
    listings: Mapping[str, Listing] = field(default_factory=dict)  # all of the catalogue, where it is about an asset
    pairs: Sequence[SavedPair] = ()  # all there are, where it is about one, which may be new
    segments: Sequence[SavedSegment] = ()  # as the pairs
    own: OwnAccounts | None = None  # of the operator whom the terms name
    dealer: Standing | None = None  # that it is, where he may be forgotten
    person: Person | None = None  # the customer whose it is; none where it is nobody's

    @property
    def id(self) -> str:
        if self.event is not None:
            return self.event.webhook_id
        return self.item.rule_id if self.is_rule else self.item.PK

    @property
    def is_rule(self) -> bool:
        """By which is traded: it has no machine, and no life beside the proposals about it."""
        return self.item.is_rule

    def shown(self, words: str) -> str:
        """With the accounts that are sealed in them, as operators see them. Raises DataKeysUnavailable."""
        return words if self.person is None else self.person.revealed(words)

    def must_know(self, account: Sealed) -> None:
        """Raises NotProposable: nobody can be shown it any more."""
        if self.person is None or not self.person.is_known(account):
            raise NotProposable("the account is forgotten: its customer gives one anew", id=self.id)


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


@runtime_checkable
class Stops(Kind, Protocol):
    """A kind of proposal by which money has left already, if it is true: while it waits, nothing of it moves. It is
    dismissed by nobody whose money it is."""

    def stopped(self, table: Table, subject: Subject, proposal: Proposal) -> list[Write]:
        """In the transaction that proposes it. Raises NotProposable: another one says so."""
        ...

    def freed(self, table: Table, dismissed: Proposal) -> list[Write]:
        """In the transaction that dismisses it."""
        ...
