"""Who may ask the exchange, for which account, and for what: API keys and their rights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any


class Right(StrEnum):
    READ = "read"
    TRADE = "trade"
    WITHDRAW = "withdraw"


@dataclass(frozen=True)
class Credential:
    """An account's key. `account` is the venue's name of it."""

    account: str
    api_key: str
    secret: str
    rights: frozenset[Right] = frozenset({Right.READ, Right.TRADE})


class Keyring:
    """All keys that are good. Safe to use from several threads."""

    def __init__(self, credentials: Iterable[Credential] = ()) -> None:
        self._credentials = {credential.api_key: credential for credential in credentials}
        self._issued = 0
        self._lock = Lock()

    def find(self, api_key: str) -> Credential | None:
        return self._credentials.get(api_key)

    def of(self, account: str) -> list[Credential]:
        """As they were issued."""
        with self._lock:
            return [credential for credential in self._credentials.values() if credential.account == account]

    def issue(
        self, account: str, rights: Iterable[Right], api_key: str | None = None, secret: str | None = None
    ) -> Credential:
        """A new key, with 64 letters and digits where the caller chooses none. The same again does nothing.

        Raises ValueError for a key that is another's, or of other rights.
        """
        with self._lock:
            self._issued += 1
            drawn = f"{account}/{self._issued}"
            credential = Credential(
                account, api_key or _drawn(f"key {drawn}"), secret or _drawn(f"secret {drawn}"), frozenset(rights)
            )
            if self._credentials.setdefault(credential.api_key, credential) != credential:
                raise ValueError(f"the key {credential.api_key} is issued already; revoke it, or choose another")
            return credential

    def revoke(self, account: str, api_key: str) -> bool:
        """Nobody is let in with it any more; False when it is no key of the account."""
        with self._lock:
            found = self._credentials.get(api_key)
            if found is None or found.account != account:
                return False
            del self._credentials[api_key]
            return True

    def state(self) -> dict[str, Any]:
        """In what JSON can hold, so that `restore` can read it."""
        with self._lock:
            keys = [
                {
                    "account": credential.account,
                    "api_key": credential.api_key,
                    "secret": credential.secret,
                    "rights": sorted(credential.rights),
                }
                for credential in self._credentials.values()
            ]
            return {"issued": self._issued, "keys": keys}

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `state` told, beside those that there are. Raises ValueError, KeyError, TypeError."""
        kept: Sequence[Mapping[str, Any]] = state["keys"]
        told = [Credential(k["account"], k["api_key"], k["secret"], frozenset(map(Right, k["rights"]))) for k in kept]
        issued = int(state["issued"])
        with self._lock:
            self._issued = issued
            self._credentials |= {credential.api_key: credential for credential in told}


def _drawn(lot: str) -> str:
    """Not to be guessed by chance, and the same in each sandbox."""
    return hashlib.sha256(lot.encode()).hexdigest()
