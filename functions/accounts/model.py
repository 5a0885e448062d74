"""Users, deposits, withdrawals and the daily limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from common import keys
from common.errors import Denied, NotFound
from common.idempotency import IdempotencyKeyReused, derived_id, terms
from common.money import Money
from common.owner import Owner


class WithdrawalNotFound(NotFound):
    """There is no such withdrawal, or it is somebody else's."""


class DepositsByBankOnly(Denied):
    """Here a customer does not credit himself: dollars come through the bank, or by an operator."""


class TransferKind(StrEnum):
    DEPOSIT = "DEPOSIT"
    WITHDRAWAL = "WITHDRAWAL"


class Status(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    PAYOUT_FAILED = "PAYOUT_FAILED"  # the bank rejected the last attempt; an operator decides
    REJECTED = "REJECTED"


TRANSITIONS: dict[Status, set[Status]] = {
    Status.PENDING: {Status.COMPLETED, Status.PAYOUT_FAILED, Status.REJECTED},
    Status.COMPLETED: set(),
    Status.PAYOUT_FAILED: {Status.PENDING, Status.COMPLETED, Status.REJECTED},
    Status.REJECTED: set(),
}
UNPAID = (Status.PENDING, Status.PAYOUT_FAILED)  # a withdrawal whose dollars are held
OPERATORS_ONLY: set[tuple[Status, Status]] = {
    (Status.PENDING, Status.REJECTED),
    (Status.PAYOUT_FAILED, Status.PENDING),
    (Status.PAYOUT_FAILED, Status.COMPLETED),
    (Status.PAYOUT_FAILED, Status.REJECTED),
}


@dataclass(frozen=True)
class User:
    owner: Owner
    created_at: datetime


@dataclass(frozen=True)
class Transfer:
    """Dollars on their way in or out."""

    transfer_id: str
    kind: TransferKind
    owner: Owner
    amount: Money
    status: Status
    terms: str
    created_at: datetime
    updated_at: datetime
    reason: str | None = None
    banking_client_id: str | None = None  # of a withdrawal: who is paid

    def repeated(self, asked_terms: str) -> Transfer:
        """This transfer, as the answer to a repeat. Raises IdempotencyKeyReused."""
        if self.terms != asked_terms:
            raise IdempotencyKeyReused(self.transfer_id)
        return self


def deposit(owner: Owner, idempotency_key: str, amount: Money, now: datetime) -> Transfer:
    """What a customer credits himself."""
    transfer_id = derived_id(keys.DEPOSIT, owner.username, owner.sub, "POST /balance/deposits", idempotency_key)
    return _transfer(transfer_id, TransferKind.DEPOSIT, owner, amount, Status.COMPLETED, now)


def withdrawal(owner: Owner, idempotency_key: str, amount: Money, banking_client_id: str, now: datetime) -> Transfer:
    transfer_id = derived_id(keys.WITHDRAWAL, owner.username, owner.sub, "withdrawals", idempotency_key)
    made = _transfer(transfer_id, TransferKind.WITHDRAWAL, owner, amount, Status.PENDING, now)
    asked = terms(amount=amount.usd, banking_client_id=banking_client_id)
    return replace(made, terms=asked, banking_client_id=banking_client_id)


def _transfer(
    transfer_id: str, kind: TransferKind, owner: Owner, amount: Money, status: Status, now: datetime
) -> Transfer:
    return Transfer(
        transfer_id=transfer_id,
        kind=kind,
        owner=owner,
        amount=amount,
        status=status,
        terms=terms(amount=amount.usd),
        created_at=now,
        updated_at=now,
    )
