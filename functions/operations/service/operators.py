"""Operators themselves: who there is, which customers they are, and that one of them gets in no more. To take it away
is one operator's act, since it stops; nobody here gives it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from common import sign_outs
from common.domain import audit, own_accounts
from common.domain.audit import AuditEntry
from common.domain.ledger import store as ledger
from common.domain.own_accounts import OwnAccounts
from common.errors import Conflict
from common.operator_outcome import OperatorOutcome
from common.operator_pool import OperatorNotFound, OperatorPool, OperatorPoolUnavailable
from common.sign_outs import SignOut
from common.table.table import Table

SIGNED_OUT, DISABLED, OWN = "SIGNED_OUT", "DISABLED", "OWN"
SIGN_OUT, DISABLE = "operators sign-out", "operators disable"  # as the audit tells them


OWN_MAX = 50  # accounts of one operator


class TooManyOwn(Conflict):
    """The operator says of more accounts than can be written down that they are his."""


@dataclass(frozen=True)
class Operator:
    """`enabled`: as the user pool has it; None for who is in no group there. `out`: None for who was never signed
    out. `own`: which customers he is."""

    username: str
    groups: Sequence[str]
    enabled: bool | None
    out: SignOut | None
    own: OwnAccounts


@dataclass(frozen=True)
class Operators:
    table: Table
    pool: Callable[[], OperatorPool]
    now: Callable[[], datetime]

    def operators(self) -> list[Operator]:
        """Whoever is in a group, or was signed out, by name. Raises OperatorPoolUnavailable."""
        members = {member.username: member for member in self.pool().members()}
        outs = {out.username: out for out in sign_outs.every(self.table)}
        owns = own_accounts.every(self.table)
        listed = []
        for name in sorted(members.keys() | outs.keys() | owns.keys()):
            member = members.get(name)
            groups, enabled = ((), None) if member is None else (member.groups, member.enabled)
            own = owns.get(name, OwnAccounts(name))
            listed.append(Operator(name, groups, enabled, outs.get(name), own))
        return listed

    def sign_out(self, username: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Whatever he has is refused at once. He may sign in anew.

        Raises OperatorNotFound: nothing was done; OperatorPoolUnavailable: it is refused all the same; Busy.
        """
        says = f"all sign-ins of {username} until now are refused; he may sign in anew"
        before = self._before(username)
        if not dry_run:
            self._out(before, username, reason, operator, self.now(), disable=False)
            self._tell(self.pool().sign_out, username, "no sign-in until now is good any more")
        return _outcome(before, username, SIGNED_OUT, says, done=not dry_run)

    def disable(self, username: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """He gets in no more. Until the user pool has said so, whatever he brings is refused, since it may still let
        him sign in. From then on the pool knows, and whoever administers it may enable him.

        Raises OperatorNotFound: nothing was done; OperatorPoolUnavailable: he is refused all the same; Busy.
        """
        says = f"{username} is refused, and signs in no more; only who administers the user pool lets him in again"
        before, at = self._before(username), self.now()
        if not dry_run:
            self._out(before, username, reason, operator, at, disable=True)
            self._tell(self.pool().disable, username, "whatever is brought is refused")
            self.table.write(sign_outs.unbarred(username, at, self.now()))
        return _outcome(before, username, DISABLED, says, done=not dry_run)

    def own(self, username: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """An operator says that a customer's account is his own: he decides nothing about its money from then on. Two
        others take that back. A repeat changes nothing.

        Raises AccountNotFound; TooManyOwn; Busy.
        """
        ledger.ownership(self.table, username)
        before = own_accounts.find(self.table, operator)
        if username in before.accounts:
            return OperatorOutcome.repeat(username, OWN, f"{operator} has said so already; nothing to do")
        if len(before.accounts) >= OWN_MAX:
            raise TooManyOwn(
                f"{operator} has {OWN_MAX} accounts of his own, the most that are written down", id=operator
            )
        if not dry_run:
            at = self.now()
            after = replace(before, accounts=before.accounts | {username})
            entry = AuditEntry(at, operator, "users own", username, reason)
            self.table.write(own_accounts.save(after, at), *audit.entry(self.table, entry))
        says = f"is an account of {operator}, who proposes and confirms nothing about its money from now on"
        return OperatorOutcome(username, None, OWN, done=not dry_run, says=says)

    def must_know(self, username: str) -> None:
        """Raises OperatorNotFound, OperatorPoolUnavailable."""
        self.pool().must_have(username)

    def _before(self, username: str) -> SignOut | None:
        """A name that is misspelt would stop nobody, and it would not be noticed; but where the pool is silent, an
        operator is stopped all the same. Raises OperatorNotFound."""
        with suppress(OperatorPoolUnavailable):
            self.pool().must_have(username)
        return sign_outs.find(self.table, username)

    def _out(
        self, before: SignOut | None, username: str, reason: str, operator: str, at: datetime, *, disable: bool
    ) -> None:
        done = AuditEntry(at, operator, DISABLE if disable else SIGN_OUT, username, reason)
        audit.write_stop(self.table, done, sign_outs.sign_out(username, before, at, disable=disable))

    def _tell(self, tell: Callable[[str], None], username: str, stands: str) -> None:
        """Raises OperatorPoolUnavailable. Who has been deleted meanwhile signs in no more either."""
        try:
            with suppress(OperatorNotFound):
                tell(username)
        except OperatorPoolUnavailable as silent:
            raise OperatorPoolUnavailable(
                f"{silent.detail}. Of {username} {stands} here; ask again", id=username, **silent.facts
            ) from None


def _outcome(before: SignOut | None, username: str, after: str, says: str, *, done: bool) -> OperatorOutcome:
    was = None if before is None else SIGNED_OUT if before.disabled_at is None else DISABLED
    return OperatorOutcome(username, was, after, done=done, says=says)
