"""The id of a thing is derived from what the caller gave, so asking twice names the same thing.

    order_id = derived_id(keys.ORDER, username, "POST /orders", idempotency_key)

`terms` tell a repeat from another request under the same key: a hash of what was asked, never of the price or time
at which it was done. Equal numbers are equal terms, however they are written.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Generic, TypeVar
from uuid import UUID

from common.errors import Conflict
from common.keys import Key
from common.money import plain

T = TypeVar("T")


class IdempotencyKeyReused(Conflict):
    """The key was used for other terms. Send the first terms again, or a new key."""

    def __init__(self, thing_id: str) -> None:
        super().__init__(
            "this Idempotency-Key was used for a request with other terms; send those again, or use a new key",
            id=thing_id,
        )


@dataclass(frozen=True)
class Replayable(Generic[T]):
    """The answer to a request under an idempotency key: what it made, or, `replayed`, what the first one had made."""

    made: T
    replayed: bool = False


def derived_id(row: Key, *parts: str) -> str:
    """The row's `id_prefix` (an upper-case letter) and 25 characters of A-Z and 2-7: 125 bits of SHA-256 over the
    parts."""
    assert row.id_prefix is not None, f"a {row.entity} has no ids of its own"
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return row.id_prefix + base64.b32encode(digest).decode()[:25]


def terms(**asked: str | Decimal | None) -> str:
    """16 hexadecimal digits; fields that were not given do not count."""
    given = {
        name: plain(value) if isinstance(value, Decimal) else value
        for name, value in sorted(asked.items())
        if value is not None
    }
    return hashlib.sha256(json.dumps(given).encode()).hexdigest()[:16]


def id_of(row: Key, uuid: UUID) -> str:
    """The row's `id_prefix` and the 26 characters of base32 that spell a uuid: `uuid_of` gives it back."""
    assert row.id_prefix is not None, f"a {row.entity} has no ids of its own"
    return row.id_prefix + _spelled(uuid)


def uuid_of(thing_id: str) -> UUID:
    """The uuid that an id of `id_of` spells. Raises ValueError for an id that spells none."""
    try:
        uuid = UUID(bytes=base64.b32decode(thing_id[1:] + "=" * 6))
    except ValueError:
        raise ValueError(f"{thing_id} spells no uuid") from None
    if _spelled(uuid) != thing_id[1:]:  # the last two bits of the letters are no part of a uuid
        raise ValueError(f"{thing_id} spells no uuid")
    return uuid


def derived_uuid(*parts: str) -> UUID:
    """122 bits of SHA-256 over the parts, as a uuid: for outside systems that want one."""
    return UUID(bytes=hashlib.sha256("\x1f".join(parts).encode()).digest()[:16], version=5)


@lru_cache(maxsize=1024)  # the library spells letter by letter, and a request spells the same ones again and again
def _spelled(uuid: UUID) -> str:
    return base64.b32encode(uuid.bytes).decode().rstrip("=")
