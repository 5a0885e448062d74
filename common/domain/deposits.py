"""Dollars that came to the bank for a customer, and that two operators credit.

The bank's reference is the key, however it is spelled: one booking there is one credit here, of one customer, whoever
of the operators enters it, and also where the account was moved to another login in between.
"""

from __future__ import annotations

from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain import adjustments
from common.domain.ledger import store as ledger
from common.domain.ledger.model import TransactionType
from common.errors import Conflict
from common.idempotency import derived_id, terms
from common.money import Money
from common.owner import Ownership
from common.table.items import DecimalAttribute, Item
from common.table.transaction import Write

COMPLETED = "COMPLETED"  # the status of every deposit


class CreditedAlready(Conflict):
    """What the bank has booked under this reference was credited to the customer before."""


class DepositItem(Item, discriminator=keys.DEPOSIT.entity):
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    amount = DecimalAttribute()
    status = UnicodeAttribute()
    terms = UnicodeAttribute()


def credit_id(whose: Ownership, reference: str) -> str:
    """It says neither by whom it is credited nor to which of the account's logins."""
    by = "POST /operations/users/deposits"  # a customer's key is never an operator's
    return derived_id(keys.DEPOSIT, whose.username, whose.first_sub, by, adjustments.spelled(reference))


def credit(whose: Ownership, reference: str, amount: Money, at: datetime) -> list[Write]:
    """Beside the daily limit. Refused with CreditedAlready, AdjustmentTaken, AccountNotFound."""
    deposit_id, owner = credit_id(whose, reference), whose.owner
    item = DepositItem(
        *keys.DEPOSIT(order_id=deposit_id),
        username=owner.username,
        sub=owner.sub,
        amount=amount.usd,
        status=COMPLETED,
        terms=terms(amount=amount.usd),
        created_at=at,
        updated_at=at,
    )
    line = ledger.dollars(owner, TransactionType.DEPOSIT, amount, deposit_id, at)
    return [
        Write.insert(item, otherwise=CreditedAlready(f"{reference} was credited to {owner.username} already")),
        adjustments.claim(reference, deposit_id, at),
        ledger.credit(owner, amount, at),
        ledger.journal(line),
    ]
