"""Requisites as the table holds them: sealed under the dealer's own key, each version for itself.

What is sealed is bound to the item that holds it: its dealer and its version. Of the taxpayer's number a keyed mark
stands beside it, by which two dealers of one taxpayer are found; without the key nobody can tell the number by it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from common import keys
from common.keys import PrimaryKey
from common.requisites import PayerKind, Requisites
from common.table.table import Table
from functions.billing import requisite_store as store

if TYPE_CHECKING:
    from common.data_keys import DataKey, DataKeys

MARK_CHARACTERS = 32


@dataclass(frozen=True)
class Sealing:
    """mark_key: secret, and never replaced: dealers would not be found any more."""

    table: Table
    data_keys: Callable[[], DataKeys]
    mark_key: Callable[[], bytes]

    def first(self, dealer_id: str, requisites: Requisites, version: int = 1) -> tuple[str, str]:
        """A new key of a dealer, wrapped, and his requisites under it: of one who is new, or was forgotten and is back.
        Raises DataKeysUnavailable."""
        key = self.data_keys().new(dealer_id)
        return key.wrapped, key.seal(_written(requisites), _about(dealer_id, version))

    def sealed(self, dealer_id: str, version: int, requisites: Requisites) -> str:
        """Raises DealerForgotten, DataKeysUnavailable."""
        return self._key(dealer_id)[0].seal(_written(requisites), _about(dealer_id, version))

    def requisites(self, dealer_id: str, version: int) -> Requisites:
        """Raises DealerForgotten, also of a version that a key of before has sealed; DataKeysUnavailable."""
        key, first = self._key(dealer_id)
        if version < first:
            raise store.forgotten(dealer_id)
        return _read(key.open(store.sealed(self.table, dealer_id, version), _about(dealer_id, version)))

    def had_before(self, dealer_id: str, version: int, requisites: Requisites) -> int | None:
        """The latest version before this one that was these; None where none was, of those that are not forgotten.
        Raises DealerForgotten, DataKeysUnavailable."""
        if version == 1:
            return None
        key, first = self._key(dealer_id)
        written = _written(requisites)
        for n in range(version - 1, first - 1, -1):
            if key.open(store.sealed(self.table, dealer_id, n), _about(dealer_id, n)) == written:
                return n
        return None

    def _key(self, dealer_id: str) -> tuple[DataKey, int]:
        """And the first version that it has sealed."""
        wrapped, first = store.wrapped_key(self.table, dealer_id)
        return self.data_keys().unwrapped(dealer_id, wrapped), first

    def mark(self, inn: str) -> str:
        """By which the dealers of one taxpayer are found."""
        return hmac.new(self.mark_key(), inn.encode(), hashlib.sha256).hexdigest()[:MARK_CHARACTERS]


def _about(dealer_id: str, version: int) -> str:
    key: PrimaryKey = store.key(dealer_id, version)
    return f"{keys.REQUISITE.entity} {key.pk} {key.sk}"


def _written(requisites: Requisites) -> bytes:
    return json.dumps(asdict(requisites), ensure_ascii=False, separators=(",", ":")).encode()


def _read(plain: bytes) -> Requisites:
    told = json.loads(plain)
    return Requisites(**{**told, "kind": PayerKind(told["kind"])})
