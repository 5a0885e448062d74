"""What a customer or an operator can ask about an account and its dollars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from common import keys
from common.domain import audit, clients
from common.domain.audit import AuditEntry
from common.domain.clients import ClientKind
from common.domain.ledger import store as ledger
from common.domain.ledger.model import USD, AssetTransaction, Balance, TransactionType
from common.domain.payouts.model import Payout, PayoutUnsettled
from common.domain.payouts.service import Payouts
from common.log import log
from common.machines import Machines, MachinesUnavailable
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
    payouts: Payouts
    machines: Machines
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

    def withdraw(self, owner: Owner, idempotency_key: str, amount: Money, banking_client_id: str) -> Made:
        """Reserve dollars, to be paid to the caller's bank by the machine `payout`.

        Raises, in this order: ClientNotFound, ClientBlocked; DailyLimitExceeded (by this amount alone);
        IdempotencyKeyReused; AccountNotFound, InsufficientFunds; DailyLimitExceeded (with the day's others); Busy.
        """
        asked = model.withdrawal(owner, idempotency_key, amount, banking_client_id, self.now())
        try:
            clients.usable(self.table, ClientKind.BANKING, banking_client_id, owner)
        except (clients.ClientNotFound, clients.ClientBlocked):
            known = store.find(self.table, asked)  # what was accepted while it was active is a repeat for ever
            if known is None:
                raise
            return Made(known.repeated(asked.terms), replayed=True)
        made = self._move(
            asked,
            self.rules.withdrawal_limit,
            ledger.hold(owner, amount, asked.created_at),
            store.event(asked, None, "asked for", CUSTOMER),
        )
        if not made.replayed:
            try:
                self.machines.start(keys.WITHDRAWAL.machines[0], asked.transfer_id, asked.transfer_id)
            except MachinesUnavailable as unavailable:  # the sweeper will
                log.warning("machine not started", extra={"order_id": asked.transfer_id, "why": unavailable.detail})
        return made

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
        """The customer has the dollars by another way, after the bank rejected a payout: the hold is spent. A repeat
        gives the completed withdrawal.

        Raises WithdrawalNotFound; PayoutUnsettled: an attempt may still be paid, or it is over; Busy.
        """
        return self._decide(transfer_id, Status.COMPLETED, lambda p: self.payouts.mark_paid(p, reason, operator))

    def reject(self, transfer_id: str, reason: str, operator: str) -> Transfer:
        """An operator refuses a withdrawal of which nothing is under way at the bank: the hold goes back, and so does
        the day's limit. A repeat gives the rejected withdrawal.

        Raises WithdrawalNotFound; PayoutUnsettled: an attempt may still be paid, or it is over; Busy.
        """

        def give_back(payout: Payout) -> None:
            transfer = store.withdrawal(self.table, transfer_id)
            self.payouts.give_back(payout, reason, operator, store.give_back(transfer, self.now()))

        return self._decide(transfer_id, Status.REJECTED, give_back)

    def retry(self, transfer_id: str, reason: str, operator: str) -> Transfer:
        """One more payout attempt. Raises WithdrawalNotFound, PayoutUnsettled, Busy."""
        store.withdrawal(self.table, transfer_id)
        self.payouts.retry(self.payouts.settled(transfer_id), reason, operator)
        return store.withdrawal(self.table, transfer_id)

    def abandon_attempt(self, transfer_id: str, reason: str, operator: str) -> Transfer:
        """The pending payout attempt never reached the bank. Raises WithdrawalNotFound, PayoutUnsettled, Busy."""
        store.withdrawal(self.table, transfer_id)
        self.payouts.abandon(self.payouts.pending(transfer_id), reason, operator)
        return store.withdrawal(self.table, transfer_id)

    def _decide(self, transfer_id: str, status: Status, act: Callable[[Payout], None]) -> Transfer:
        if store.withdrawal(self.table, transfer_id).status is not status:
            try:
                act(self.payouts.settled(transfer_id))
            except PayoutUnsettled:
                if store.withdrawal(self.table, transfer_id).status is not status:
                    raise  # otherwise another operator has done the same in between
        return store.withdrawal(self.table, transfer_id)

    def users(self, *, limit: int, after: Position | None) -> Page[User]:
        return store.users(self.table, limit=limit, after=after)

    def _commit(self, *writes: Write) -> None:
        with self.table.transaction() as tx:
            tx.add(*writes)


def _line(transfer: Transfer) -> Write:
    kind = TransactionType.DEPOSIT
    line = ledger.dollars(transfer.owner, kind, transfer.amount, transfer.transfer_id, transfer.updated_at)
    return ledger.journal(line)
