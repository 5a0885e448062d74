"""Which customers an operator is, who so decides nothing about their money.

He is taken for the customer of his own name, until two others have found that this one is somebody else: anybody may
sign up under an operator's name, and would bar him. What is found is of one login of that account: it ends when the
account moves to another one, be it to and fro. Under which other names he is a customer he says himself; two others
take it back, if it is not so.

    OPERATORS    OWN#{username}    accounts: the customers that he says he is; namesake: the sub of the customer of his
                                   name who is another person; namesake_since: since when that login has the account
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.table.items import InstantAttribute, Item
from common.table.table import Query, Table, partition
from common.table.transaction import Busy, Write


class OwnAccountsItem(Item, discriminator=keys.OWN_ACCOUNTS.entity):
    accounts = UnicodeAttribute(null=True)  # their usernames, each after a space
    namesake = UnicodeAttribute(null=True)
    namesake_since = InstantAttribute(null=True)


@dataclass(frozen=True)
class Namesake:
    """Another person who has an operator's name as a customer: his login, and since when it has the account."""

    sub: str
    since: datetime


@dataclass(frozen=True)
class OwnAccounts:
    """`moved_at` is None as long as nothing was ever said."""

    operator: str
    accounts: frozenset[str] = frozenset()
    namesake: Namesake | None = None
    moved_at: datetime | None = None

    def of(self, his_name: Namesake | None) -> frozenset[str]:
        """The customers that he is. his_name: who has the account of his own name now, if anybody."""
        is_another = his_name is not None and his_name == self.namesake
        return self.accounts if is_another else self.accounts | {self.operator}


def find(table: Table, operator: str) -> OwnAccounts:
    item = table.get(OwnAccountsItem, keys.OWN_ACCOUNTS(username=operator), consistent=True)
    return OwnAccounts(operator) if item is None else _read(item)


def every(table: Table) -> Mapping[str, OwnAccounts]:
    """By the operators of whom something is said."""
    of_operators = partition(keys.OWN_ACCOUNTS.pk) & OwnAccountsItem.SK.startswith(keys.OWN_ACCOUNTS.prefix)
    found = map(_read, table.all(OwnAccountsItem, Query(of_operators, consistent=True)))
    return {own.operator: own for own in found}


def save(after: OwnAccounts, at: datetime) -> Write:
    """Refused with Busy: not as it was read."""
    item = OwnAccountsItem(
        *keys.OWN_ACCOUNTS(username=after.operator),
        accounts=" ".join(sorted(after.accounts)) or None,
        namesake=after.namesake and after.namesake.sub,
        namesake_since=after.namesake and after.namesake.since,
        created_at=at,
        updated_at=at,
    )
    if after.moved_at is None:
        return Write.insert(item, otherwise=_busy(after.operator))
    return Write.put(item, when=OwnAccountsItem.updated_at == after.moved_at, otherwise=_busy(after.operator))


def as_read(own: OwnAccounts) -> Write:
    """The condition that nothing else is said of him by now. Refused with Busy."""
    item = OwnAccountsItem
    same = item.PK.does_not_exist() if own.moved_at is None else item.updated_at == own.moved_at
    return Write.check(item(*keys.OWN_ACCOUNTS(username=own.operator)), when=same, otherwise=_busy(own.operator))


def _busy(operator: str) -> Busy:
    return Busy(f"what accounts {operator} has is being written at this moment; send it again", retry_after_seconds=1)


def _read(item: OwnAccountsItem) -> OwnAccounts:
    namesake = None
    if item.namesake is not None:
        assert item.namesake_since is not None
        namesake = Namesake(item.namesake, item.namesake_since)
    return OwnAccounts(
        keys.OWN_ACCOUNTS.read(keys.PrimaryKey(item.PK, item.SK))["username"],
        frozenset((item.accounts or "").split()),
        namesake,
        item.updated_at,
    )
