"""What a customer or an operator can ask about an account and its dollars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from common import keys
from common.domain import clients, flow_halts, holds, limits
from common.domain.clients import Client, ClientKind, ClientStatus
from common.domain.flow_halts import Flow, Halted
from common.domain.holds import Kind
from common.domain.ledger import moves
from common.domain.ledger import store as ledger
from common.domain.ledger.model import Balance, TransactionType
from common.domain.ledger.moves import Move
from common.domain.limits import Limited, LimitToday
from common.domain.persons import AccountForgotten, Persons
from common.domain.timeline import CUSTOMER
from common.idempotency import IdempotencyKeyReused, Replayable
from common.machines import Machines
from common.money import Money
from common.owner import Owner
from common.table.table import Page, Position, Table
from common.table.transaction import Write
from functions.accounts import model, store
from functions.accounts.model import DepositsByBankOnly, Status, Transfer, TransferKind, User


@dataclass(frozen=True)
class Rules:
    """What the place we run in allows."""

    customer_deposits: bool
    deposit_limit: Money  # a user, a day of UTC
    withdrawal_limit: Money  # the same; cash-outs take from it as well


@dataclass(frozen=True)
class Accounts:
    table: Table
    rules: Rules
    machines: Machines
    persons: Persons
    now: Callable[[], datetime]

    def open(self, owner: Owner) -> tuple[User, bool]:
        """Open the caller's account with a balance of zero; True when it was open already.

        Raises AccountExists: the username belongs to another person's account.
        """
        user = User(owner, self.now())
        try:
            self.table.write(store.insert_user(user), ledger.open_balance(owner, user.created_at))
        except store.UserKnown as known:
            if known.user.owner != owner:
                raise store.taken_by_another() from None
            return known.user, True
        return user, False

    def me(self, owner: Owner) -> User:
        """Raises AccountNotFound."""
        return store.me(self.table, owner)

    def limits(self, owner: Owner) -> list[LimitToday]:
        """What he may do today (UTC), and what of it he has done; deposits only where customers may."""
        now = self.now()
        all_ = {Limited.DEPOSIT: self.rules.deposit_limit, Limited.PAYOUT: self.rules.withdrawal_limit}
        return [
            LimitToday(kind, limit, limits.used(self.table, owner, kind, now))
            for kind, limit in all_.items()
            if kind is not Limited.DEPOSIT or self.rules.customer_deposits
        ]

    def balance(self, owner: Owner) -> Balance:
        """As of now. Raises AccountNotFound."""
        return ledger.balance(self.table, owner)

    def transactions(
        self, owner: Owner, *, since: datetime | None, until: datetime | None, limit: int, after: Position | None
    ) -> Page[Move]:
        """A page of all that has moved the owner's dollars, newest first, with what was there after each. Raises
        Busy."""
        now = self.now()
        return moves.of_dollars(self.table, owner, now=now, since=since, until=until, limit=limit, after=after)

    def pending(self, owner: Owner) -> list[Transfer]:
        """The owner's withdrawals that are not over, newest first."""
        open_ = [thing for thing in holds.open_of(self.table, owner) if thing.kind is Kind.WITHDRAWAL]
        found = [store.withdrawal(self.table, thing.thing_id) for thing in reversed(open_)]
        return [transfer for transfer in found if transfer.status in model.UNPAID]

    def deposit(self, owner: Owner, idempotency_key: str, amount: Money) -> Replayable[Transfer]:
        """Credit the caller's own dollars, where the place allows that.

        Raises, in this order: DepositsByBankOnly; DailyLimitExceeded (by this amount alone); IdempotencyKeyReused;
        AccountNotFound; DailyLimitExceeded (with the day's others); Busy.
        """
        if not self.rules.customer_deposits:
            raise DepositsByBankOnly("deposits come through your bank; ask an operator")
        made = model.deposit(owner, idempotency_key, amount, self.now())
        return self._move(made, self.rules.deposit_limit, ledger.credit(owner, amount, made.created_at), _line(made))

    def clients(self, owner: Owner) -> list[Client]:
        """The owner's clients: who he is as one who sells coins, and who is paid for him, and where."""
        return clients.of_user(self.table, owner)

    def ask_for_client(
        self, owner: Owner, idempotency_key: str, kind: ClientKind, account_id: str | None
    ) -> Replayable[Client]:
        """Ask for a client, that an operator looks at: until then it can not be used.

        How many of a customer's wait is looked up in an index, a moment old: the bound is for the operators' work.

        Raises, in this order: DataKeysUnavailable, of a repeat; IdempotencyKeyReused; AccountNeeded, AccountNotNeeded;
        AccountNotFound; TooManyAsked; DataKeysUnavailable; AccountForgotten; Busy.
        """
        person = self.persons.of(owner.username)
        known = clients.asked(self.table, clients.client_id(owner, idempotency_key))
        if known is not None:
            repeated = None if account_id is None else person.sealed_if_known(account_id)
            return _asked_again(known, owner, clients.client_terms(kind, repeated))
        clients.must_have(kind, account_id)
        ledger.balance(self.table, owner)
        waiting = [each for each in self.clients(owner) if each.status is ClientStatus.ASKED]
        if len(waiting) >= clients.ASKED_MAX:
            raise clients.TooManyAsked(f"{len(waiting)} clients that you have asked for wait already")
        account = None if account_id is None else person.sealed(account_id)
        terms = clients.client_terms(kind, account)
        made = clients.asked_for(owner, idempotency_key, kind, account, self.now())
        try:
            self.table.write(*clients.ask(made, terms))
        except clients.AlreadyAsked as repeat:
            return _asked_again(repeat, owner, terms)
        return Replayable(made)

    def withdraw(
        self, owner: Owner, idempotency_key: str, amount: Money, banking_client_id: str
    ) -> Replayable[Transfer]:
        """Reserve dollars, to be paid to the caller's bank by the machine `payout`.

        Raises, in this order: Halted; ClientNotFound, ClientBlocked, AccountForgotten; DailyLimitExceeded (by this
        amount alone); IdempotencyKeyReused; AccountNotFound, InsufficientFunds; DailyLimitExceeded (with the day's
        others); Busy.
        """
        asked = model.withdrawal(owner, idempotency_key, amount, banking_client_id, self.now())
        try:
            flow_halts.must_run(self.table, Flow.PAYOUTS)
            clients.usable(self.table, ClientKind.BANKING, banking_client_id, owner)
        except (Halted, clients.ClientNotFound, clients.ClientBlocked, AccountForgotten):
            known = store.find(self.table, asked)  # what was accepted while it was active is a repeat for ever
            if known is None:
                raise
            return Replayable(known.repeated(asked.terms), replayed=True)
        made = self._move(
            asked,
            self.rules.withdrawal_limit,
            ledger.hold(owner, amount, asked.created_at),
            store.event(asked, None, "asked for", CUSTOMER),
        )
        if not made.replayed:
            self.machines.begin(keys.WITHDRAWAL.machines[0], asked.transfer_id)
        return made

    def _move(self, transfer: Transfer, limit: Money, *writes: Write) -> Replayable[Transfer]:
        if transfer.amount > limit:
            # The limit may have been higher when it was accepted: a repeat comes first.
            made = store.find(self.table, transfer)
            if made is None:
                kind, amount = _limited(transfer), transfer.amount
                used = limits.used(self.table, transfer.owner, kind, transfer.created_at)
                raise limits.over(limit, kind, amount, used)
            return Replayable(made.repeated(transfer.terms), replayed=True)
        try:
            self.table.write(store.insert(transfer), *writes, _counted(limit, transfer))
        except store.AlreadyMade as repeat:
            return Replayable(repeat.transfer.repeated(transfer.terms), replayed=True)
        return Replayable(transfer)

    def withdrawal(self, owner: Owner, transfer_id: str) -> Transfer:
        """Raises WithdrawalNotFound, also for somebody else's."""
        transfer = store.withdrawal(self.table, transfer_id)
        if transfer.owner != owner:
            raise model.WithdrawalNotFound("there is no such withdrawal", id=transfer_id)
        return transfer

    def withdrawals(
        self,
        owner: Owner,
        *,
        status: Status | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
        after: Position | None,
    ) -> Page[Transfer]:
        """A page of the owner's withdrawals, pending and over, newest first; a moment old, as any index is."""
        return store.withdrawals(self.table, owner, status, since, until, limit=limit, after=after)

    def users(self, *, limit: int, after: Position | None) -> Page[User]:
        """A page of all accounts, the newest first; a moment old, as any index is."""
        return store.users(self.table, limit=limit, after=after)


def _line(transfer: Transfer) -> Write:
    kind = TransactionType.DEPOSIT
    line = ledger.dollars(transfer.owner, kind, transfer.amount, transfer.transfer_id, transfer.updated_at)
    return ledger.journal(line)


def _counted(limit: Money, transfer: Transfer) -> Write:
    return limits.count_towards(limit, transfer.owner, _limited(transfer), transfer.amount, transfer.created_at)


def _limited(transfer: Transfer) -> Limited:
    return Limited.DEPOSIT if transfer.kind is TransferKind.DEPOSIT else Limited.PAYOUT


def _asked_again(known: clients.AlreadyAsked, owner: Owner, terms: str) -> Replayable[Client]:
    """The client as it is by now. Raises IdempotencyKeyReused."""
    if known.client.owner != owner or known.terms != terms:
        raise IdempotencyKeyReused(known.client.client_id)
    return Replayable(known.client, replayed=True)
