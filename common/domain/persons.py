"""A person's accounts at banks, sealed under a key of his own (`common.data_keys`). Who forgets the wrapped key has
forgotten the accounts, wherever they are written; the books stay, and so does the audit's chain.

    {username}    KEY    `wrapped`: his key, as KMS has wrapped it; none: it is forgotten. `number`: which of his it is

What is sealed is a text (`Sealed`) that goes as it is from a client to a proposal, an approval, an attempt to pay, an
event of the bank. It is bound to its person. The same account of the same person is the same text, as long as he has
the same key: so conditions, terms and ids compare texts, and only who shows an account or pays to it asks KMS.

Whoever gives an account after he was forgotten gets the next key: what the one before has sealed stays closed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.data_keys import DataKey, DataKeys, DataKeysUnavailable, Tampered
from common.errors import Conflict, Refusal
from common.sealed import Sealed, number_of, read, replaced, written
from common.table.items import DecimalAttribute, Item
from common.table.table import Table
from common.table.transaction import Write

FORGOTTEN, WRONG = "an account that is forgotten", "an account that does not open: somebody has changed it"


class AccountForgotten(Conflict):
    """The person's accounts at banks are forgotten: nothing can be paid there. Ask for another client."""


class PersonMoved(Refusal):
    """The person's key is not as it was read: read again."""


class AccountState(StrEnum):
    TOLD = "TOLD"
    FORGOTTEN = "FORGOTTEN"  # its person is
    UNAVAILABLE = "UNAVAILABLE"  # it can not be opened at this moment
    WRONG = "WRONG"  # it is not what was sealed: nothing is paid to it


@dataclass(frozen=True)
class ToldAccount:
    """`account_id` is None unless it is TOLD."""

    state: AccountState
    account_id: str | None = None


class PersonKeyItem(Item, discriminator=keys.PERSON_KEY.entity):
    wrapped = UnicodeAttribute(null=True)  # without it, all that it has sealed is forgotten
    number = DecimalAttribute()  # 1, and one more each time that he comes back


def must_be_known(table: Table, username: str, sealed: Sealed) -> None:
    """Raises AccountForgotten. KMS is not asked."""
    item = _key_of(table, username)
    if not _has_sealed(item, sealed):
        raise _forgotten(username)


def still_known(username: str, sealed: Sealed) -> Write:
    """The person has the key that has sealed this. Refused with AccountForgotten."""
    item = PersonKeyItem
    return Write.check(
        item(*keys.PERSON_KEY(username=username)),
        when=item.wrapped.exists() & (item.number == Decimal(number_of(sealed))),
        otherwise=_forgotten(username),
    )


def forget(username: str, number: int, at: datetime) -> Write:
    """The person's key, and with it all that it has sealed. Refused with PersonMoved."""
    item = PersonKeyItem
    return Write.update(
        item(*keys.PERSON_KEY(username=username)),
        item.wrapped.remove(),
        item.updated_at.set(at),
        when=item.wrapped.exists() & (item.number == Decimal(number)),
        otherwise=PersonMoved(f"the key of {username} is not the one that was read", id=username),
    )


@dataclass(frozen=True)
class Persons:
    table: Table
    data_keys: Callable[[], DataKeys]
    now: Callable[[], datetime]

    def of(self, username: str) -> Person:
        """For one call: his key is asked for when it is first needed, and once."""
        return Person(self, username)


class Person:
    """Raises DataKeysUnavailable and Tampered in whatever asks KMS."""

    def __init__(self, persons: Persons, username: str) -> None:
        self.username = username
        self._persons = persons
        self._item: PersonKeyItem | None = None
        self._key: DataKey | None = None
        self._unavailable: DataKeysUnavailable | None = None  # what was said once is not waited for again

    def sealed(self, account_id: str, *, kept: bool = True) -> Sealed:
        """A person without a key gets one, which is kept, unless it is only to be told what would be. Raises
        TableUnavailable."""
        known = self.sealed_if_known(account_id)
        if known is not None:
            return known
        self._make(kept=kept)
        return self._seal(account_id)

    def sealed_if_known(self, account_id: str) -> Sealed | None:
        """None for a person who has no key, or none any more."""
        item = self._read()
        if item is None or item.wrapped is None:
            return None
        self._unwrap(item.wrapped)
        return self._seal(account_id)

    def opened(self, sealed: Sealed) -> str:
        """Raises AccountForgotten."""
        item, parts = self._read(), read(sealed)
        if parts is None:
            raise Tampered(f"what stands for an account of {self.username} was never sealed")
        number, closed = parts
        if item is None or item.wrapped is None or item.number != number:
            raise _forgotten(self.username)
        return self._unwrap(item.wrapped).open(closed, self._about).decode()

    @property
    def key_number(self) -> int | None:
        """Of the key that he has; None where he has none, or none any more."""
        item = self._read()
        return None if item is None or item.wrapped is None else int(item.number)

    def is_known(self, sealed: Sealed) -> bool:
        """Has he the key that has sealed this? KMS is not asked."""
        return _has_sealed(self._read(), sealed)

    def told(self, sealed: Sealed | None) -> ToldAccount | None:
        """For who may see it. It never raises: what else there is to tell is told."""
        if sealed is None:
            return None
        try:
            return ToldAccount(AccountState.TOLD, self.opened(sealed))
        except AccountForgotten:
            return ToldAccount(AccountState.FORGOTTEN)
        except DataKeysUnavailable:
            return ToldAccount(AccountState.UNAVAILABLE)
        except Tampered:
            return ToldAccount(AccountState.WRONG)

    def revealed(self, words: str) -> str:
        """The words with the account in the place of each sealed text. Raises DataKeysUnavailable."""
        return replaced(words, self._in_words)

    def _in_words(self, sealed: Sealed) -> str:
        try:
            return self.opened(sealed)
        except AccountForgotten:
            return FORGOTTEN
        except Tampered:
            return WRONG

    @property
    def _about(self) -> str:
        return f"account of {self.username}"

    def _seal(self, account_id: str) -> Sealed:
        assert self._key is not None
        assert self._item is not None
        return written(int(self._item.number), self._key.seal_alike(account_id.encode(), self._about))

    def _read(self) -> PersonKeyItem | None:
        if self._item is None:
            self._item = _key_of(self._persons.table, self.username)
        return self._item

    def _unwrap(self, wrapped: str) -> DataKey:
        if self._unavailable is not None:
            raise self._unavailable
        if self._key is None:
            try:
                self._key = self._persons.data_keys().unwrapped(self.username, wrapped)
            except DataKeysUnavailable as unavailable:
                self._unavailable = unavailable
                raise
        return self._key

    def _make(self, *, kept: bool) -> None:
        before, at = self._item, self._persons.now()
        number = 1 if before is None else int(before.number) + 1
        key = self._persons.data_keys().new(self.username)
        item = PersonKeyItem(
            *keys.PERSON_KEY(username=self.username),
            wrapped=key.wrapped,
            number=Decimal(number),
            created_at=at if before is None else before.created_at,
            updated_at=at,
        )
        known = PersonKeyItem
        free = known.PK.does_not_exist()
        if before is not None:
            free = known.wrapped.does_not_exist() & (known.number == before.number)
        self._item, self._key = item, key
        if not kept:
            return
        try:
            self._persons.table.write(Write.put(item, when=free, otherwise=PersonMoved("he has a key")))
        except PersonMoved:  # by somebody else, a moment ago: that one is his
            self._item = self._key = None
            made = self._read()
            if made is None or made.wrapped is None:
                raise _forgotten(self.username) from None
            self._unwrap(made.wrapped)


def _key_of(table: Table, username: str) -> PersonKeyItem | None:
    return table.get(PersonKeyItem, keys.PERSON_KEY(username=username), consistent=True)


def _has_sealed(item: PersonKeyItem | None, sealed: Sealed) -> bool:
    return item is not None and item.wrapped is not None and item.number == number_of(sealed)


def _forgotten(username: str) -> AccountForgotten:
    return AccountForgotten(
        f"the accounts of {username} at banks are forgotten: ask for another banking client", id=username
    )
