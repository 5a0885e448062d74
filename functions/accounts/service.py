"""What a customer or an operator can ask about an account and its dollars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from common import audit
from common.audit import AuditEntry
from common.ledger import store as ledger
from common.ledger.model import USD, AssetTransaction, Balance, TransactionType
from common.money import ZERO, Money
from common.owner import Owner
from common.table.table import Page, Position, Table
from common.table.transaction import Write
from functions.accounts import model, store
from functions.accounts.model import DepositsByBankOnly, Status, Transfer, User

CUSTOMER = "customer"


@dataclass(frozen=True)
class Rules:
    """What the place we run in allows."""

    customer_deposits: bool
    deposit_limit: Money  # a user, a day of UTC
    withdrawal_limit: Money


@dataclass(frozen=True)
class Made:
    transfer: Transfer
    replayed: bool = False


@dataclass(frozen=True)
class Accounts:
    table: Table
    rules: Rules
    now: Callable[[], datetime]

    def open(self, owner: Owner) -> tuple[User, bool]:
        """Open the caller's account with a balance of zero; True when it was open already.

        Raises AccountExists: the username belongs to another person's account.
        """
        user = User(owner, self.now())
        try:
            self._commit(store.insert_user(user), ledger.open_balance(owner, user.created_at))
        except store.UserKnown as known:
            if known.user.owner != owner:
                raise store.taken_by_another() from None
            return known.user, True
        return user, False

    def me(self, owner: Owner) -> User:
        """Raises AccountNotFound."""
        return store.me(self.table, owner)

    def balance(self, owner: Owner) -> Balance:
        """As of now. Raises AccountNotFound."""
        return ledger.balance(self.table, owner)

    def transactions(
        self, owner: Owner, *, since: datetime | None, until: datetime | None, limit: int, after: Position | None
    ) -> Page[AssetTransaction]:
        """A page of deposits and withdrawals, newest first."""
        return ledger.history(self.table, owner, USD, since, until, limit=limit, after=after)

    def deposit(self, owner: Owner, idempotency_key: str, amount: Money) -> Made:
        """Credit the caller's own dollars, where the place allows that.

        Raises, in this order: DepositsByBankOnly; DailyLimitExceeded (by this amount alone); IdempotencyKeyReused;
        AccountNotFound; DailyLimitExceeded (with the day's others); Busy.
        """
        if not self.rules.customer_deposits:
            raise DepositsByBankOnly("deposits come through your bank; ask an operator")
        made = model.deposit(owner, idempotency_key, amount, self.now(), by="POST /balance/deposits")
        return self._move(made, self.rules.deposit_limit, ledger.credit(owner, amount, made.created_at), _line(made))

    def credit(self, username: str, idempotency_key: str, amount: Money, reason: str, operator: str) -> Made:
        """An operator credits dollars that came to the bank, beside the daily limit. Audited.

        Raises UserNotFound, IdempotencyKeyReused, AccountNotFound, Busy.
        """
        owner = store.user(self.table, username).owner
        # Not by whom: two operators who enter the same wire under its reference credit it once.
        by = "POST /operations/users/deposits"
        made = model.deposit(owner, idempotency_key, amount, self.now(), by=by, reason=reason)
        entry = AuditEntry(made.created_at, operator, "credit", made.transfer_id, f"${amount} to {username}: {reason}")
        return self._move(made, None, ledger.credit(owner, amount, made.created_at), _line(made), audit.entry(entry))

    def withdraw(self, owner: Owner, idempotency_key: str, amount: Money) -> Made:
        """Reserve dollars to be paid to the caller's bank; an operator completes or rejects it.

        Raises, in this order: DailyLimitExceeded (by this amount alone); IdempotencyKeyReused; AccountNotFound,
        InsufficientFunds; DailyLimitExceeded (with the day's others); Busy.
        """
        made = model.withdrawal(owner, idempotency_key, amount, self.now())
        return self._move(
            made,
            self.rules.withdrawal_limit,
            ledger.hold(owner, amount, made.created_at),
            store.event(made, None, "asked for", CUSTOMER),
        )

    def _move(self, transfer: Transfer, limit: Money | None, *writes: Write) -> Made:
        if limit is not None and transfer.amount > limit:
            # The limit may have been higher when it was accepted: a repeat comes first.
            made = store.find(self.table, transfer)
            if made is None:
                raise store.over(limit, transfer, ZERO)
            return Made(made.repeated(transfer.terms), replayed=True)
        counted = () if limit is None else (store.count_towards(limit, transfer),)
        try:
            self._commit(store.insert(transfer), *writes, *counted)
        except store.AlreadyMade as repeat:
            return Made(repeat.transfer.repeated(transfer.terms), replayed=True)
        return Made(transfer)

    def withdrawal(self, owner: Owner, transfer_id: str) -> Transfer:
        """Raises WithdrawalNotFound, also for somebody else's."""
        transfer = store.withdrawal(self.table, transfer_id)
        if transfer.owner != owner:
            raise model.WithdrawalNotFound("there is no such withdrawal", id=transfer_id)
        return transfer

    def complete(self, transfer_id: str, reason: str, operator: str) -> Transfer:
        """An operator says that the bank has paid: the hold is spent. A repeat gives the completed withdrawal.

        Raises WithdrawalNotFound, WithdrawalNotPending (it was rejected), Busy.
        """
        pending = store.withdrawal(self.table, transfer_id)
        if pending.status is Status.COMPLETED:
            return pending
        paid = pending.to(Status.COMPLETED, reason, self.now())
        return self._decide(
            pending, paid, operator, ledger.settle(paid.owner, paid.amount, paid.amount, paid.updated_at), _line(paid)
        )

    def reject(self, transfer_id: str, reason: str, operator: str) -> Transfer:
        """An operator refuses a withdrawal: the hold goes back, and so does the day's limit. A repeat gives the
        rejected withdrawal.

        Raises WithdrawalNotFound, WithdrawalNotPending (it was paid), Busy.
        """
        pending = store.withdrawal(self.table, transfer_id)
        if pending.status is Status.REJECTED:
            return pending
        rejected = pending.to(Status.REJECTED, reason, self.now())
        return self._decide(
            pending,
            rejected,
            operator,
            ledger.release(rejected.owner, rejected.amount, rejected.updated_at),
            store.give_back(rejected, rejected.updated_at),
        )

    def _decide(self, before: Transfer, after: Transfer, operator: str, *writes: Write) -> Transfer:
        reason = after.reason or ""
        entry = AuditEntry(after.updated_at, operator, after.status.lower(), after.transfer_id, reason)
        try:
            self._commit(
                store.decide(after), *writes, store.event(after, before.status, reason, operator), audit.entry(entry)
            )
        except model.WithdrawalNotPending:
            decided = store.withdrawal(self.table, after.transfer_id)
            if decided.status is not after.status:
                raise
            return decided  # another operator has done the same in between
        return after

    def users(self, *, limit: int, after: Position | None) -> Page[User]:
        return store.users(self.table, limit=limit, after=after)

    def _commit(self, *writes: Write) -> None:
        with self.table.transaction() as tx:
            tx.add(*writes)


def _line(transfer: Transfer) -> Write:
    kind = TransactionType.DEPOSIT if transfer.kind is model.TransferKind.DEPOSIT else TransactionType.WITHDRAW
    line = ledger.dollars(transfer.owner, kind, transfer.amount, transfer.transfer_id, transfer.updated_at)
    return ledger.journal(line)
