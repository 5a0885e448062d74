"""Holds each account's balances against its journal, which is added up again from the first line.

What it must hold is told by what of it is not over (`holds`).

Every line of the journal is written in the transaction that moves the balances. So lines and balances are of one moment
if the balances are the same before the lines are read and after. A short journal is read in this way at once. A long
one, which would take minutes, is added up in pieces, in as many rounds as it needs, up to `until`, a time before which
no further line comes:

                 since          until = now - 5 min                    now
      ───────────┼──────────────┼──────────────────────────────────────┤
      added up   being added,   read at the end, between two equal reads of the balances
                 page by page

A line bears the time of its transaction, which ends within a minute. So no line from before `until` comes any more, and
what is added up stays right while the account trades on. When everything up to `until` is added up and that is long ago
by now, the lines up to a later `until` follow, and so on, until the rest is short enough to be read at once.

The lines of an account that was moved to another login bear the subs of all who have had it. Whose it is, is read with
the balances each time: it may be moved while it is added up.

An account that could not be brought to an end in a round (its journal is long, it is traded on all the time, the table
did not answer) is put aside, with what is added up of it, and has its turns beside the others in the next rounds.
Whatever else is wrong with an account is a finding: the account waits for a person, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from common import keys
from common.domain.ledger import store as ledger
from common.domain.ledger.model import USD, Account, Books, UnreadableLine
from common.errors import Refusal, Unavailable
from common.log import count, log
from common.money import ZERO
from common.owner import Ownership
from common.table.table import Position, Table
from functions.operations import model, store
from functions.operations.model import AddedUp, Reconciled, RoundReconciled
from functions.operations.service import holds
from functions.operations.service.turns import Act, take_turns

PARTS_AT_ONCE = 10  # each a page of about 2,500 lines; then the next account has its turn. A request bears as much
ASIDE_MAX = 1_000  # accounts that are put aside at a time; a further one waits until the scan comes to it again
WHY_LENGTH_MAX = 500


@dataclass(frozen=True)
class Reconciliation:
    table: Table
    pause: Callable[[], None]  # between two looks at what an account holds
    now: Callable[[], datetime]

    def reconcile(self, username: str) -> Reconciled:
        """One account, for whoever asks. What is found is listed for operators, as by a round.

        Raises AccountNotFound; StillAddingUp: ask again; AccountBusy; UnreadableLine.
        """
        account = _Account(self, username)
        try:
            while account.parts < PARTS_AT_ONCE:
                found = account.go_on()
                if found is not None:
                    account.settle("; ".join(found.differences))
                    return found
        except UnreadableLine as fault:
            account.settle(fault.detail)
            raise
        account.put_aside()
        raise model.StillAddingUp(f"{account.lines} lines are added up; ask again to go on", retry_after_seconds=1)

    def round(self, more_time: Callable[[], bool]) -> RoundReconciled:
        """Account after account while there is time, beginning where the last round ended; those that were put aside
        have half of the time. What keeps all from going on is raised at the end."""
        this, seconds = _Round(self, *store.reconciled_so_far(self.table)), self.table.seconds
        failures = take_turns([this.those_put_aside(), this.others()], more_time, seconds)
        failures += take_turns([this.those_put_aside()], more_time, seconds)  # those of just now, too
        this.end()
        if failures:
            raise failures[0]
        return RoundReconciled(this.accounts, this.drift, this.unreadable)


@dataclass
class _Account:
    """One account, whose journal is being added up. It is `over` when nothing more is to be done in this round."""

    reconciliation: Reconciliation
    username: str
    parts: int = 0  # that were read, by us
    over: bool = False
    _added: AddedUp | None = None
    _before: store.ReconciliationItem | None = None  # what is written of it
    _whose: Ownership | None = None  # as it was read last
    _tries: int = 0

    @property
    def lines(self) -> int:
        """That are added up, by us and before."""
        return 0 if self._added is None else self._added.lines

    def go_on(self) -> Reconciled | None:
        """Read a part more; the outcome, when nothing is left. Raises AccountNotFound, UnreadableLine, AccountBusy."""
        self.parts += 1
        if self.parts == 1:
            self._added = self._added_up_before()
            if self._added is None:
                return self._at_once()
        settled_by_now = self.reconciliation.now() - model.SETTLED_AFTER
        if self._added is None:
            self._added = AddedUp(Books(ZERO, {}), 0, None, settled_by_now, self._assets(self._balances()))
        if self._added.assets:
            self._add_page(self._added)
        elif settled_by_now - self._added.until > model.SETTLED_AFTER:
            self._added = self._added.on_to(settled_by_now, self._assets(self._balances()))
        else:
            return self._between_two_looks(self._added)
        return None

    def _added_up_before(self) -> AddedUp | None:
        table = self.reconciliation.table
        self._before = store.reconciliation(table, self.username)
        if self._before is None or self._before.added_up is None:
            return None
        self._whose = ledger.ownership(table, self.username)
        return store.added_up(self._before, self._whose)

    def _at_once(self) -> Reconciled | None:
        """A journal that has no more than a page of each asset; None where it has."""
        before, books, lines = self._balances(), Books(ZERO, {}), 0
        for asset_id in self._assets(before):
            page = ledger.page_of_lines(self.reconciliation.table, before.ownership, asset_id)
            if page.after is not None:
                return None
            books, lines = books.plus(page.items), lines + len(page.items)
        return self._held_against(before, books, lines)

    def _add_page(self, added: AddedUp) -> None:
        assert self._whose is not None
        table, asset_id = self.reconciliation.table, added.assets[0]
        page = ledger.page_of_lines(table, self._whose, asset_id, added.since, added.until, after=added.position)
        self._added = added.plus(page.items, page.after)

    def _between_two_looks(self, added: AddedUp) -> Reconciled | None:
        before, books, lines = self._balances(), added.books, added.lines
        for asset_id in self._assets(before):
            rest = list(ledger.lines(self.reconciliation.table, before.ownership, asset_id, added.until))
            books, lines = books.plus(rest), lines + len(rest)
        return self._held_against(before, books, lines)

    def _held_against(self, before: Account, books: Books, lines: int) -> Reconciled | None:
        """Balances are read before and after the journal: only if they have not moved are the two of one moment."""
        differences = books.differences(Books.by_balances(before.balance, before.holdings))
        held = self._held(before)
        if self._balances() == before:
            return Reconciled(self.username, lines, [*differences, *held])
        self._tries += 1
        if self._tries == model.RECONCILE_TRIES_MAX:
            raise model.AccountBusy(
                f"the account of {self.username} is being traded on; ask again when it is quieter",
                retry_after_seconds=5,
            )
        return None

    def _held(self, account: Account) -> list[str]:
        """What is held though nothing holds it, or the other way round: the same at two looks, since no index is of
        one moment with the table."""
        first = holds.differences(self.reconciliation.table, account)
        if not first:
            return []
        self.reconciliation.pause()
        again = holds.differences(self.reconciliation.table, account)
        return [difference for difference in again if difference in first]

    def _balances(self) -> Account:
        account = ledger.account_of(self.reconciliation.table, self.username)
        self._whose = account.ownership
        return account

    def _assets(self, account: Account) -> list[str]:
        """Those that the journal has lines of: a holding is opened with its first line, and stays."""
        return [USD, *(holding.asset_id for holding in account.holdings)]

    def put_aside(self) -> None:
        """Keep what is added up, for whoever goes on."""
        if self._added is not None:
            assert self._whose is not None
            now = self.reconciliation.now()
            self.reconciliation.table.write(store.keep(self._whose, self._before, self._added, now))

    def settle(self, why: str) -> None:
        """List the account for operators, where anything is wrong with it; take it off the list, where nothing is."""
        table, now = self.reconciliation.table, self.reconciliation.now()
        if why:
            table.write(store.found(self.username, self._before, why[:WHY_LENGTH_MAX], now))
        elif self._before is not None and (self._before.open_work is not None or self._before.added_up is not None):
            table.write(store.balanced(self.username, self._before, now))
        self.over = True


@dataclass
class _Round:
    """One round: behind which account the scan is, who is put aside, and what was found."""

    reconciliation: Reconciliation
    behind: Position | None
    aside: list[str]  # usernames
    accounts: int = 0
    drift: int = 0
    unreadable: int = 0
    over: set[str] = field(default_factory=set)
    under_way: list[_Account] = field(default_factory=list)
    saved: tuple[Position | None, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.saved = self.behind, list(self.aside)

    def those_put_aside(self) -> Iterator[Act]:
        """One after the other, each a part at a time, until it is over."""
        waiting = list(self.aside)
        while waiting:
            username = waiting.pop(0)
            account = _Account(self.reconciliation, username)
            self.aside.remove(username)
            self.aside.append(username)  # the next round begins with another
            yield from self._a_part_of(account)
            if not account.over:
                waiting.append(username)

    def others(self) -> Iterator[Act]:
        while True:
            page = store.accounts(self.reconciliation.table, self.behind)
            for item in page.items:
                if item.is_unlisted:
                    yield partial(self._list, item.PK)
                if item.SK != keys.BALANCE.sk:
                    continue
                username = item.PK
                self.behind = store.behind(username)  # if time runs out in it, it is put aside
                if username not in self.aside and username not in self.over:
                    yield from self._a_part_of(_Account(self.reconciliation, username))
                self._save()
            self.behind = page.after
            self._save()
            if page.after is None:
                return

    def _list(self, username: str) -> None:
        """The round meets all users: one from before there was a list of them comes into it."""
        try:
            self.reconciliation.table.write(store.list_user(username))
        except Refusal as no:
            log.info("user not listed", extra={"username": username, "why": no.detail})

    def _a_part_of(self, account: _Account) -> Iterator[Act]:
        self.under_way.append(account)
        while not account.over and account.parts < PARTS_AT_ONCE:
            yield partial(self._go_on, account)
        if not account.over:
            yield partial(self._put_aside, account)
        self.under_way.remove(account)

    def _go_on(self, account: _Account) -> None:
        """Nothing that is wrong with an account keeps the others waiting."""
        try:
            found = account.go_on()
            if found is not None:
                self._told(account, found)
        except Unavailable as unavailable:
            log.info("not reconciled now", extra={"username": account.username, "why": unavailable.detail})
            self._put_aside(account)
            account.over = True
        except Exception as fault:
            self._found_fault(account, fault)

    def _told(self, account: _Account, found: Reconciled) -> None:
        if found.differences:
            log.error("drift", extra={"username": found.username, "differences": found.differences})
        account.settle("; ".join(found.differences))
        self.accounts += 1
        self.drift += len(found.differences)
        self._no_longer_aside(account)

    def _found_fault(self, account: _Account, fault: Exception) -> None:
        if not isinstance(fault, Refusal):
            count("Bugs")
        log.error("not reconciled", extra={"username": account.username}, exc_info=fault)
        self.unreadable += 1
        try:
            account.settle(fault.detail if isinstance(fault, Refusal) else f"{type(fault).__name__}: {fault}")
        except Exception:
            log.exception("not listed", extra={"username": account.username})
        self._no_longer_aside(account)

    def _put_aside(self, account: _Account) -> None:
        if account.username not in self.aside and len(self.aside) < ASIDE_MAX:
            self.aside.append(account.username)
        try:
            account.put_aside()
        except Unavailable as unavailable:
            log.info("not kept", extra={"username": account.username, "why": unavailable.detail})
        except Exception as fault:
            self._found_fault(account, fault)

    def _no_longer_aside(self, account: _Account) -> None:
        account.over = True
        self.over.add(account.username)
        if account.username in self.aside:
            self.aside.remove(account.username)

    def end(self) -> None:
        """What time has run out for is put aside, too."""
        for account in self.under_way:
            if not account.over:
                self._put_aside(account)
        self._save()

    def _save(self) -> None:
        now = self.behind, list(self.aside)
        if now != self.saved:
            self.reconciliation.table.write(store.move_on(self.behind, self.aside, self.reconciliation.now()))
            self.saved = now
