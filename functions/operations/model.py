"""What operators ask for and are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from common.domain.ledger.model import AssetTransaction, Books
from common.errors import Conflict, NotFound, Refusal, Rejected, Unavailable

OVERDUE_AFTER = timedelta(minutes=2)  # what is due is seen to within a minute; after two nobody has
DIED_WITHIN = timedelta(minutes=10)  # executions that the sweeper looks for; it comes every minute
FAILED_WITHIN = timedelta(days=1)  # executions that operators are told of
FAR = timedelta(days=3650)  # whatever waits is due by then
COUNTED_MAX = 1_000  # of what waits in a list: to count a hundred thousand would take the time of a round
RECONCILE_TRIES_MAX = 5  # to read a journal between two equal reads of the balances
# A line is written within a minute after the time it bears: of what is older than this, no line comes any more.
SETTLED_AFTER = timedelta(minutes=5)


class ImpossibleAsset(Rejected):
    """The rules of an asset contradict each other."""


class AccountBusy(Unavailable):
    """The account was written while its books were read, each time. Ask again when it is quieter."""


class StillAddingUp(Unavailable):
    """The journal is too long for one request. What is added up is kept: ask again, and it goes on from there."""


class NothingKnown(NotFound):
    """The desk knows nothing of this id."""


class NothingWaits(NotFound):
    """What this id names waits for nothing."""


class NotDriven(Conflict):
    """No state machine moves it."""


class StillRunning(Conflict):
    """Its machine runs: there is nothing to redrive."""


class EvidenceNotBelieved(Rejected):
    """No order of ours can have come to this at the exchange: not to more than was asked, nor beyond its limit, nor at
    such a fee."""


class NotProposable(Conflict):
    """It is not where two operators could decide this about it, or has moved since it was proposed."""


class NothingToDo(Refusal):
    """What is proposed is so already."""


@dataclass(frozen=True)
class Waiting:
    """Something unfinished: what it waits for, and since when it should have moved."""

    backlog: str
    id: str
    waits_for: str
    due_at: datetime
    overdue: bool
    needs_person: bool = False


@dataclass(frozen=True)
class OutsideCall:
    """Something that was asked of an outside system: under our id and theirs, and what it has said. It is written down
    before it is asked: what has no answer was perhaps never sent."""

    at: datetime
    of: str  # the exchange's name, or the bank
    our_id: str
    their_id: str | None
    state: str | None
    says: str | None


@dataclass(frozen=True)
class Swept:
    """What a round of the sweeper has found and done. What waits for a person is not counted as overdue. A round that
    was cut short has counted what it came to, and no list is counted further than COUNTED_MAX: there may be more."""

    overdue: int
    started: int
    parked: int
    replayed: int
    needs_person: int = 0
    halted: int = 0  # flows of the desk


@dataclass(frozen=True)
class Reconciled:
    """One account, its balances held against its journal, of which so many lines were added up again. Without
    differences the two are the same, to the last digit."""

    username: str
    lines: int
    differences: Sequence[str]


@dataclass(frozen=True)
class AddedUp:
    """How far the journal of an account is added up. `books` has every line before `since` (None: there is none
    before), and the `lines` from then to `until` of all assets but those in `assets`. These follow in order; of the
    first one the lines up to `position` are in."""

    books: Books
    lines: int
    since: datetime | None
    until: datetime
    assets: Sequence[str]
    position: dict[str, dict[str, str]] | None = None  # a key of the table

    def plus(self, lines: Sequence[AssetTransaction], after: dict[str, dict[str, str]] | None) -> AddedUp:
        """With the next lines of the first asset, up to the position `after`; None: these were its last."""
        return replace(
            self,
            books=self.books.plus(lines),
            lines=self.lines + len(lines),
            assets=self.assets if after is not None else self.assets[1:],
            position=after,
        )

    def on_to(self, until: datetime, assets: Sequence[str]) -> AddedUp:
        """Up to a later `until`: the lines from the present one to there, of all these assets, are still to be
        added."""
        return replace(self, since=self.until, until=until, assets=assets)


@dataclass(frozen=True)
class RoundReconciled:
    """How many accounts were held against their journals; how many differences were found; how many accounts can not
    be added up, each for a reason that a person must see."""

    accounts: int
    drift: int
    unreadable: int


@dataclass(frozen=True)
class RoundChecked:
    """How many items were checked with what stands beside them; how many faults were found; of how many things nothing
    is wrong any more."""

    items: int
    faults: int
    mended: int


class TooManyDays(Conflict):
    """So many days are to be compared already: ask when some of them are."""


class DayNotOver(Rejected):
    """Only days that are over can be compared."""


class NeverChecked(NotFound):
    """No pass over the books has come to its end yet."""
