"""A customer's clients: his standing as one who sells coins, and as one who is paid at a bank.

Operators write them, after whatever the law asks them to look at; a customer may ask for one, which then waits for an
operator and can not be used before. A cash-out names one of each; both belong to the
caller and are ACTIVE when it is asked for, and again before each payout.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from common import keys
from common.clock import text
from common.domain import persons, work
from common.errors import Conflict, NotFound, Refusal, Rejected
from common.idempotency import terms
from common.owner import Owner
from common.sealed import Sealed
from common.table.items import Item, RawItem
from common.table.table import Query, Table
from common.table.transaction import Write

ASKED_MAX = 5  # that a customer has asked for, and that wait for an operator


class ClientNotFound(NotFound):
    """There is no such client of this kind, or it is somebody else's."""


class ClientBlocked(Conflict):
    """The client may not be used at present."""


class ClientTaken(Conflict):
    """A client stays its owner's: make another one for another owner."""


class ClientMoved(Conflict):
    """Another operator has changed the client since it was read: look at it again."""


class AccountNeeded(Rejected):
    """A banking client is paid somewhere: a new one needs an account_id."""


class AccountNotNeeded(Rejected):
    """A crypto client has no account at a bank."""


class TooManyAsked(Conflict):
    """So many clients that a customer has asked for wait for an operator already."""


class ClientStatus(StrEnum):
    ASKED = "ASKED"  # by its customer; an operator decides
    ACTIVE = "ACTIVE"
    BLOCKED = "BLOCKED"
    REFUSED = "REFUSED"  # what was asked for


class ClientKind(StrEnum):
    CRYPTO = "CRYPTO"
    BANKING = "BANKING"


@dataclass(frozen=True)
class Client:
    """`account` is the customer's account at the bank, sealed; only a banking client has one."""

    client_id: str
    kind: ClientKind
    owner: Owner
    status: ClientStatus
    updated_at: datetime
    account: Sealed | None = None

    @property
    def is_paid(self) -> bool:
        """May dollars go to its account?"""
        return self.status is ClientStatus.ACTIVE and self.account is not None

    def must_be_active(self) -> Client:
        """Raises ClientBlocked."""
        if self.status is ClientStatus.ASKED:
            raise ClientBlocked(
                f"the {self.kind.lower()} client {self.client_id} waits for the desk to look at it",
                client_id=self.client_id,
            )
        if self.status is not ClientStatus.ACTIVE:
            raise ClientBlocked(
                f"the {self.kind.lower()} client {self.client_id} is {self.status}; ask an operator",
                client_id=self.client_id,
            )
        return self

    def must_be_payable(self) -> None:
        """Raises AccountNeeded."""
        if self.kind is ClientKind.BANKING and self.account is None:
            raise AccountNeeded(f"the banking client {self.client_id} is new, and needs an account_id")


def must_have(kind: ClientKind, account_id: str | None) -> None:
    """What a customer asks for has an account if it is to be paid. Raises AccountNeeded, AccountNotNeeded."""
    if kind is ClientKind.BANKING and account_id is None:
        raise AccountNeeded("a banking client is paid at a bank: it needs an account_id")
    if kind is ClientKind.CRYPTO and account_id is not None:
        raise AccountNotNeeded("a crypto client has no account_id")


def asked_for(owner: Owner, idempotency_key: str, kind: ClientKind, account: Sealed | None, now: datetime) -> Client:
    """What a customer asks for."""
    return Client(client_id(owner, idempotency_key), kind, owner, ClientStatus.ASKED, now, account)


def client_id(owner: Owner, idempotency_key: str) -> str:
    return f"client-{terms(username=owner.username, sub=owner.sub, key=idempotency_key)}"


def client_terms(kind: ClientKind, account: Sealed | None) -> str:
    return terms(kind=kind, account=account)


class AlreadyAsked(Refusal):
    """The id is taken: by a repeat, or by other terms. Carries the client as it is, and the terms it was asked by."""

    def __init__(self, client: Client, terms: str | None) -> None:
        super().__init__("that client id is taken")
        self.client, self.terms = client, terms


class CryptoClientItem(work.OpenWork, discriminator=keys.CRYPTO_CLIENT.entity):
    ASSET_ID = UnicodeAttribute(null=True)
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    status = UnicodeAttribute()
    terms = UnicodeAttribute(null=True)  # of one that its customer has asked for


class BankingClientItem(work.OpenWork, discriminator=keys.BANKING_CLIENT.entity):
    ASSET_ID = UnicodeAttribute(null=True)
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    status = UnicodeAttribute()
    terms = UnicodeAttribute(null=True)
    account = UnicodeAttribute()  # sealed


_ROWS: dict[ClientKind, tuple[keys.Key, type[CryptoClientItem] | type[BankingClientItem]]] = {
    ClientKind.CRYPTO: (keys.CRYPTO_CLIENT, CryptoClientItem),
    ClientKind.BANKING: (keys.BANKING_CLIENT, BankingClientItem),
}


def find(table: Table, kind: ClientKind, client_id: str) -> Client:
    """As of now. Raises ClientNotFound."""
    client = existing(table, kind, client_id)
    if client is None:
        raise _unknown(kind, client_id)
    return client


def existing(table: Table, kind: ClientKind, client_id: str) -> Client | None:
    """As of now; None when there is none."""
    row, item_class = _ROWS[kind]
    item = table.get(item_class, row(client_id=client_id), consistent=True)
    return None if item is None else _client(item)


def asked(table: Table, client_id: str) -> AlreadyAsked | None:
    """The client of this id, of either kind, and by which terms it was asked for; None when there is none."""
    for row, item_class in _ROWS.values():
        item = table.get(item_class, row(client_id=client_id), consistent=True)
        if item is not None:
            return AlreadyAsked(_client(item), item.terms)
    return None


def of_user(table: Table, owner: Owner) -> list[Client]:
    """All of the owner's, of both kinds, the oldest first; a moment old, as any index is."""
    item = CryptoClientItem
    first, last = f"{keys.CLIENTS}#0", f"{keys.CLIENTS}#:"  # ":" follows "9"
    where = (item.username == owner.username) & item.ASSET_ID.between(first, last)
    found = table.all(Item, Query(where, index=keys.USER_ORDERS, only=item.sub == owner.sub))
    return [_client(each) for each in found if isinstance(each, CryptoClientItem | BankingClientItem)]


def _client(item: CryptoClientItem | BankingClientItem) -> Client:
    banking = isinstance(item, BankingClientItem)
    kind = ClientKind.BANKING if banking else ClientKind.CRYPTO
    row, _ = _ROWS[kind]
    return Client(
        client_id=row.read(keys.PrimaryKey(item.PK, item.SK))["client_id"],
        kind=kind,
        owner=Owner(item.username, item.sub),
        status=ClientStatus(item.status),
        updated_at=item.updated_at,
        account=Sealed(item.account) if isinstance(item, BankingClientItem) else None,
    )


def usable(table: Table, kind: ClientKind, client_id: str, owner: Owner) -> Client:
    """The owner's client, if it may be used. Raises ClientNotFound, also for somebody else's; ClientBlocked;
    AccountForgotten."""
    client = find(table, kind, client_id)
    if client.owner != owner:
        raise _unknown(kind, client_id)
    client.must_be_active()
    if client.account is not None:
        persons.must_be_known(table, owner.username, client.account)
    return client


def ask(client: Client, terms: str) -> list[Write]:
    """A client that its customer asks for waits for an operator. Refused with AlreadyAsked, AccountForgotten."""
    row, item_class = _ROWS[client.kind]
    at, owner = client.updated_at, client.owner
    item = item_class(
        *row(client_id=client.client_id),
        ASSET_ID=_listed(client),
        username=owner.username,
        sub=owner.sub,
        status=client.status,
        terms=terms,
        created_at=at,
        updated_at=at,
    )
    if isinstance(item, BankingClientItem):
        item.account = client.account
    work.wait_for_person(item, row, waits_for=_what_is_asked(client))

    def taken(old: RawItem | None) -> Refusal:
        assert old is not None
        known = item_class.from_raw_data(old)
        return AlreadyAsked(_client(known), known.terms)

    return [Write.insert(item, otherwise=taken), *_still_known(client, None)]


def _what_is_asked(client: Client) -> str:
    """Of an operator, with the command that does it."""
    username = client.owner.username
    save = f"desk clients save {client.client_id} {client.kind.lower()} --username {username}"
    return f"an operator: {username} asks for it; `{save} --status ACTIVE`, or REFUSED"


def _listed(client: Client) -> str:
    created_at = text(client.updated_at)
    return keys.USER_ORDERS(asset_id=keys.CLIENTS, created_at=created_at, order_id=client.client_id)


def save(client: Client, before: Client | None) -> list[Write]:
    """Write a client as a whole, new or changed. Refused with ClientMoved when it is not as it was read, `before`;
    AccountForgotten, when its owner was forgotten since its account was sealed."""
    row, item = _ROWS[client.kind]
    key, at, owner = row(client_id=client.client_id), client.updated_at, client.owner
    actions: list[Action] = [
        item.entity_type.set(item),
        item.ASSET_ID.set(item.ASSET_ID | _listed(client)),
        item.username.set(owner.username),
        item.sub.set(owner.sub),
        item.status.set(client.status),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
    ]
    if client.status is not ClientStatus.ASKED:
        actions += work.done()
    elif before is not None and before.status is ClientStatus.ASKED:
        actions.append(item.waits_for.set(_what_is_asked(client)))
    if client.account is not None:
        actions.append(BankingClientItem.account.set(client.account))
    saved = Write.update(
        item(*key),
        *actions,
        when=item.PK.does_not_exist() if before is None else _as_read(item, before),
        otherwise=ClientMoved(
            f"another operator has changed the client {client.client_id}; look at it again", client_id=client.client_id
        ),
    )
    return [saved, *_still_known(client, before)]


def _still_known(client: Client, before: Client | None) -> list[Write]:
    """What is sealed anew is sealed under the key that its owner has. An account that stays may be forgotten: whoever
    blocks a client need not know it."""
    if client.account is None or (before is not None and before.account == client.account):
        return []
    return [persons.still_known(client.owner.username, client.account)]


def _as_read(item: type[CryptoClientItem] | type[BankingClientItem], before: Client) -> Condition:
    """Also where it was changed to and fro since."""
    rule: Condition = (
        (item.username == before.owner.username)
        & (item.sub == before.owner.sub)
        & (item.status == before.status)
        & (item.updated_at == before.updated_at)
    )
    return rule if before.account is None else rule & (BankingClientItem.account == before.account)


def taken(client: Client) -> ClientTaken:
    return ClientTaken(f"the client {client.client_id} is another customer's", client_id=client.client_id)


def _unknown(kind: ClientKind, client_id: str) -> ClientNotFound:
    return ClientNotFound(f"there is no {kind.lower()} client {client_id}", client_id=client_id)
