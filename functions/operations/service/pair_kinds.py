"""What two operators decide about a pair: what it trades, with how much at least, and for what fee. An order takes the
fee when it opens: one alone would set none for a friend, and set it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any
from uuid import UUID

from common.clock import text
from common.domain.pairs import store as pair_store
from common.domain.pairs.model import Pair, SavedPair, check_pair
from common.domain.proposals.model import Proposal, Terms
from common.money import exact, plain
from common.operator_outcome import changes
from common.table.transaction import Write
from functions.operations.model import NothingToDo, NotProposable
from functions.operations.service.subjects import Kind, Subject

SAVE = "mm save-pair"
SAVED, BEFORE = "saved", "_before"  # when it was written last; and behind the name of what changes: what it was
NEW = "new"
_AMOUNTS = ("base_min", "quote_min", "fee_bps")
_NAMES = tuple(each.name for each in fields(Pair) if each.name != "pair_id")
_READ: Mapping[str, Callable[[str], Any]] = {**dict.fromkeys(_AMOUNTS, exact), "enabled": "true".__eq__}


def written(pair: Pair) -> dict[str, str]:
    """All of it but its id, as a proposal has it: by the names in `Pair`."""
    told = {name: value for name, value in vars(pair).items() if name != "pair_id"}
    amounts = {name: plain(told[name]) for name in _AMOUNTS}
    return {**told, **amounts, "enabled": str(pair.enabled).lower()}


def traded(pair: Pair) -> str:
    """The status of a pair, as operators are told it."""
    return "ENABLED" if pair.enabled else "DISABLED"


def change_of(before: Pair | None, after: Pair) -> str:
    """Empty where nothing changes."""
    return changes(None if before is None else vars(before), vars(after))


class PairChange:
    """A pair with another fee or other least sums, one that is opened again, or a new one. It is about the pair as it
    was written last: whoever has changed it since, be it to and fro, is not overruled."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        """What changes, and what it was. Raises PairFixed, PairTaken."""
        saved = saved_of(subject)
        before = {} if saved is None else written(saved.pair)
        self._checked(subject, given)
        changed = {name: value for name, value in given.items() if before.get(name) != value}
        was = {f"{name}{BEFORE}": before[name] for name in changed if name in before}
        return {**changed, **was, SAVED: _saved(saved)}

    def says(self, subject: Subject, terms: Terms) -> str:
        saved = saved_of(subject)
        if _saved(saved) != terms[SAVED]:
            raise NotProposable("the pair was changed since: look at it, and propose it", id=subject.id)
        before, after = None if saved is None else saved.pair, self._checked(subject, terms)
        says = change_of(before, after)
        if not says:
            raise NothingToDo("is so already; nothing to do")
        return f"is {says}" if before is None else f"is quoted otherwise, in orders that open from then on: {says}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.decided_at is not None
        return [pair_store.save_pair(self._checked(subject, confirmed.terms), saved_of(subject), confirmed.decided_at)]

    @staticmethod
    def _checked(subject: Subject, terms: Terms) -> Pair:
        """The pair as it is to be. Raises PairFixed, PairTaken."""
        saved = saved_of(subject)
        told = {name: _READ.get(name, str)(terms[name]) for name in _NAMES if name in terms}
        after = Pair(pair_id=UUID(subject.id), **told) if saved is None else replace(saved.pair, **told)
        check_pair(after, None if saved is None else saved.pair, [each.pair for each in subject.pairs])
        return after


def saved_of(subject: Subject) -> SavedPair | None:
    """The pair that it is about; None where it is new."""
    return next((each for each in subject.pairs if str(each.pair.pair_id) == subject.id), None)


def _saved(saved: SavedPair | None) -> str:
    return NEW if saved is None else text(saved.saved_at)


KINDS: Mapping[str, Kind] = {SAVE: PairChange()}
