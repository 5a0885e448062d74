"""Users, transfers and daily counters in the table."""

from __future__ import annotations

from datetime import datetime

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from common import keys
from common.clock import text
from common.domain import timeline, work
from common.domain.deposits import DepositItem
from common.domain.ledger.model import AccountExists, AccountNotFound
from common.domain.payouts.store import PayableItem
from common.domain.timeline import TimelineEvent
from common.errors import Refusal
from common.money import Money
from common.owner import Owner
from common.table.items import InstantAttribute, Item, RawItem
from common.table.prepared import prepared
from common.table.table import Page, Position, Query, Table
from common.table.transaction import Write
from functions.accounts.model import (
    Status,
    Transfer,
    TransferKind,
    User,
    WithdrawalNotFound,
)


class UserItem(Item, discriminator=keys.USER.entity):
    sub = UnicodeAttribute()
    listed = UnicodeAttribute(null=True)
    listed_at = InstantAttribute(null=True)


class ListedUserItem(Item):
    """What the index tells of a user."""

    sub = UnicodeAttribute()
    listed_at = InstantAttribute()


class WithdrawalItem(PayableItem, discriminator=keys.WITHDRAWAL.entity):
    ASSET_ID = UnicodeAttribute(null=True)
    terms = UnicodeAttribute()


class UserKnown(Refusal):
    """The username has an account. Carries it."""

    def __init__(self, user: User) -> None:
        super().__init__("that username has an account")
        self.user = user


class AlreadyMade(Refusal):
    """The id is taken: by a repeat, or by other terms. Carries the transfer as it is."""

    def __init__(self, transfer: Transfer) -> None:
        super().__init__("that transfer id is taken")
        self.transfer = transfer


def insert_user(user: User) -> Write:
    """Refused with UserKnown."""

    def known(old: RawItem | None) -> Refusal:
        assert old is not None
        return UserKnown(_user(UserItem.from_raw_data(old)))

    item = UserItem(
        *keys.USER(username=user.owner.username),
        sub=user.owner.sub,
        created_at=user.created_at,
        updated_at=user.created_at,
        listed=keys.LISTED_USERS,
        listed_at=user.created_at,
    )
    return Write.insert(item, otherwise=known)


def me(table: Table, owner: Owner) -> User:
    """Raises AccountNotFound, also where the name belonged to somebody else."""
    item = table.get(UserItem, keys.USER(username=owner.username), consistent=True)
    if item is None or item.sub != owner.sub:
        raise AccountNotFound("you have no account yet: POST /users opens one")
    return _user(item)


def users(table: Table, *, limit: int, after: Position | None) -> Page[User]:
    """A page of all, the newest first; a moment old, as any index is."""
    return table.page(ListedUserItem, _listed(keys.LISTED_USERS), limit=limit, after=after).of(_listed_user)


@prepared
def _listed(listed: str) -> Query:
    return Query(UserItem.listed == listed, index=keys.LISTED, newest_first=True)


def _listed_user(item: ListedUserItem) -> User:
    return User(Owner(item.PK, item.sub), item.listed_at)


def taken_by_another() -> AccountExists:
    return AccountExists(
        "this username belongs to another account; sign up under another name, or ask an operator if it is yours"
    )


def insert(transfer: Transfer) -> Write:
    """Refused with AlreadyMade. Goes first, so that a repeat is answered as a repeat."""

    def taken(old: RawItem | None) -> Refusal:
        assert old is not None
        return AlreadyMade(_read(old))

    return Write.insert(_item(transfer), otherwise=taken)


def event(transfer: Transfer, before: Status | None, reason: str, actor: str) -> Write:
    return timeline.record(
        transfer.transfer_id, TimelineEvent(transfer.updated_at, before, transfer.status, reason, actor)
    )


def find(table: Table, transfer: Transfer) -> Transfer | None:
    """The transfer of the same id and kind, as it is in the table."""
    key = _key(transfer.kind, transfer.transfer_id)
    item = table.get(Item, key, consistent=True)
    return None if item is None else _transfer(item)


def withdrawal(table: Table, transfer_id: str) -> Transfer:
    """Raises WithdrawalNotFound."""
    item = table.get(Item, keys.WITHDRAWAL(order_id=transfer_id), consistent=True)
    if item is None:
        raise WithdrawalNotFound("there is no such withdrawal", id=transfer_id)
    return _transfer(item)


def withdrawals(
    table: Table,
    owner: Owner,
    status: Status | None,
    since: datetime | None,
    until: datetime | None,
    *,
    limit: int,
    after: Position | None,
) -> Page[Transfer]:
    """The owner's, newest first. Times are inclusive and exclusive."""
    first, last = text(since) if since else "0", text(until) if until else ":"  # ":" follows "9"
    first, last = (f"{keys.WITHDRAWALS}#{time}" for time in (first, max(first, last)))
    query = _withdrawals(owner.username, owner.sub, first, last, status)
    return table.filled(WithdrawalItem, query, limit=limit, after=after).of(_transfer)


@prepared
def _withdrawals(username: str, sub: str, first: str, last: str, status: Status | None) -> Query:
    item = WithdrawalItem
    only: Condition = item.sub == sub
    if status is not None:
        only &= item.status == status
    where = (item.username == username) & item.ASSET_ID.between(first, last)
    return Query(where, index=keys.USER_ORDERS, only=only, newest_first=True)


def _key(kind: TransferKind, transfer_id: str) -> keys.PrimaryKey:
    return (keys.DEPOSIT if kind is TransferKind.DEPOSIT else keys.WITHDRAWAL)(order_id=transfer_id)


def _item(transfer: Transfer) -> Item:
    item: DepositItem | WithdrawalItem
    if transfer.kind is TransferKind.DEPOSIT:
        item = DepositItem(*_key(transfer.kind, transfer.transfer_id))
    else:
        item = WithdrawalItem(*_key(transfer.kind, transfer.transfer_id))
        item.banking_client_id = transfer.banking_client_id
        created_at, order_id = text(transfer.created_at), transfer.transfer_id
        item.ASSET_ID = keys.USER_ORDERS(asset_id=keys.WITHDRAWALS, created_at=created_at, order_id=order_id)
        item.created_at = transfer.created_at
        due_at = transfer.created_at + work.SOON
        work.wait(item, keys.WITHDRAWAL, due_at=due_at, waits_for="its first payout attempt")
    item.username = transfer.owner.username
    item.sub = transfer.owner.sub
    if isinstance(item, DepositItem):
        item.amount = transfer.amount.usd
    else:
        item.total_amount = transfer.amount.usd
    item.status = transfer.status
    item.terms = transfer.terms
    item.created_at = transfer.created_at
    item.updated_at = transfer.updated_at
    return item


def _read(raw: RawItem) -> Transfer:
    return _transfer(Item.from_raw_data(raw))


def _transfer(item: Item) -> Transfer:
    assert isinstance(item, DepositItem | WithdrawalItem)
    return Transfer(
        transfer_id=item.PK,
        kind=TransferKind.DEPOSIT if isinstance(item, DepositItem) else TransferKind.WITHDRAWAL,
        owner=Owner(item.username, item.sub),
        amount=Money(item.amount if isinstance(item, DepositItem) else item.total_amount or 0),
        status=Status(item.status),
        terms=item.terms,
        created_at=item.created_at,
        updated_at=item.updated_at,
        reason=item.reason if isinstance(item, WithdrawalItem) else None,
        banking_client_id=item.banking_client_id if isinstance(item, WithdrawalItem) else None,
    )


def _user(item: UserItem) -> User:
    return User(Owner(item.PK, item.sub), item.created_at)
