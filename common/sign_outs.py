"""Which sign-ins of operators are no longer good: every request of one looks here.

A token is good until it expires, whatever has become of whose it is. So who is signed out stands in the table first,
and the user pool is told afterwards: what he has is refused from that moment on, and the pool gives him nothing new.

    OPERATORS    OUT#{username}    signed_out_at: who has signed in then, or before, is refused
                                   disabled_at: he was disabled then, for good
                                   barred: all sign-ins are refused, since the pool has not said yet that it has
                                   disabled him

A sign-in is told by the token's `auth_time`, which refreshed tokens keep. It has whole seconds: who signs in anew
within the second of the sign-out does it once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pynamodb.expressions.condition import Condition

from common import keys
from common.clock import text
from common.errors import Refusal
from common.identity import Caller, TokenRefused
from common.table.items import BooleanAttribute, InstantAttribute, Item
from common.table.table import Query, Table, partition
from common.table.transaction import Busy, Write


class SignOutItem(Item, discriminator=keys.SIGN_OUT.entity):
    signed_out_at = InstantAttribute()
    disabled_at = InstantAttribute(null=True)
    barred = BooleanAttribute()


@dataclass(frozen=True)
class SignOut:
    username: str
    at: datetime
    disabled_at: datetime | None
    barred: bool
    moved_at: datetime

    def refuses(self, signed_in_at: int) -> bool:
        """Seconds since 1970."""
        return self.barred or signed_in_at <= self.at.timestamp()


def must_be_signed_in(table: Table, caller: Caller) -> None:
    """By the table as it is now. Raises TokenRefused, TableUnavailable."""
    if not caller.operator or caller.username is None or "#" in caller.username:  # who may nothing
        return
    out = find(table, caller.username)
    if out is not None and out.refuses(caller.signed_in_at):
        raise TokenRefused(f"an operator has signed {out.username} out, at {text(out.at)}: sign in again")


def find(table: Table, username: str) -> SignOut | None:
    item = table.get(SignOutItem, keys.SIGN_OUT(username=username), consistent=True)
    return None if item is None else _read(item)


def every(table: Table) -> Sequence[SignOut]:
    """Of all who were ever signed out, by name."""
    of_operators = partition(keys.SIGN_OUT.pk) & SignOutItem.SK.startswith(keys.SIGN_OUT.prefix)
    return [_read(item) for item in table.all(SignOutItem, Query(of_operators, consistent=True))]


def sign_out(username: str, before: SignOut | None, at: datetime, *, disable: bool) -> Write:
    """What he has is refused from now on; where he is disabled, whatever he brings is. Refused with Busy: not as it was
    read."""
    busy = Busy(f"{username} is signed out by another at this moment; send it again", retry_after_seconds=1)
    disabled_at = at if disable else before and before.disabled_at
    barred = disable or (before is not None and before.barred)
    item = SignOutItem(
        *keys.SIGN_OUT(username=username),
        signed_out_at=at if before is None else max(at, before.at),  # the clocks of two functions differ
        disabled_at=disabled_at,
        barred=barred,
        created_at=at,
        updated_at=at,
    )
    if before is None:
        return Write.insert(item, otherwise=busy)
    return Write.put(item, when=SignOutItem.updated_at == before.moved_at, otherwise=busy)


def unbarred(username: str, disabled_at: datetime, at: datetime) -> Write:
    """The pool has disabled him, and knows from now on whether he may sign in. Refused with Busy: he was disabled once
    more meanwhile, and that is not told yet."""
    item = SignOutItem
    return Write.update(
        item(*keys.SIGN_OUT(username=username)),
        item.barred.set(False),
        item.signed_out_at.set(at),  # also who has signed in meanwhile, before the pool knew
        item.updated_at.set(at),
        when=item.disabled_at == disabled_at,
        otherwise=Busy(f"{username} is disabled by another at this moment; send it again", retry_after_seconds=1),
    )


def not_since(username: str, at: datetime, otherwise: Refusal) -> Write:
    """The condition that nobody has signed him out at this time, or later. Refused with `otherwise`."""
    item = SignOutItem
    never: Condition = item.PK.does_not_exist()
    return Write.check(
        item(*keys.SIGN_OUT(username=username)), when=never | (item.signed_out_at < at), otherwise=otherwise
    )


def _read(item: SignOutItem) -> SignOut:
    username = keys.SIGN_OUT.read(keys.PrimaryKey(item.PK, item.SK))["username"]
    return SignOut(username, item.signed_out_at, item.disabled_at, item.barred, item.updated_at)
