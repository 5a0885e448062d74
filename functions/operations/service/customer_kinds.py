"""What two operators do for a customer: dollars that came for him to the bank, his fee tier, his clients, and that an
operator who has his name is another person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from common.clock import text
from common.domain import clients, deposits, own_accounts, persons, timeline
from common.domain.clients import Client, ClientKind, ClientStatus
from common.domain.fees import Tier
from common.domain.ledger import store as ledger
from common.domain.ledger.model import Account
from common.domain.own_accounts import Namesake, OwnAccounts
from common.domain.proposals.model import Proposal, Terms
from common.domain.timeline import TimelineEvent
from common.money import ZERO, Money
from common.operator_outcome import changes
from common.owner import Owner, Ownership
from common.sealed import Sealed, shortened
from common.table.transaction import Write
from functions.operations import store
from functions.operations.model import NothingToDo, NotProposable
from functions.operations.service.subjects import Kind, Subject

APART, CREDIT, CLIENT, FORGET = "users apart", "deposit credit", "clients save", "users forget"


class Credit:
    """That dollars came to the bank for a customer, under the reference that the bank has for them."""

    def terms(self, subject: Subject, given: Terms) -> Terms:  # noqa: ARG002
        return given

    def says(self, subject: Subject, terms: Terms) -> str:
        return f"has ${Money(terms['amount'])} more than the ${_account(subject).balance.current} that are free now"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.reference is not None
        assert confirmed.decided_at is not None
        amount, reference = Money(confirmed.terms["amount"]), confirmed.reference
        told = f"${amount} came to the bank, reference {reference}"
        return [
            *deposits.credit(_account(subject).ownership, reference, amount, confirmed.decided_at),
            _event(subject, told, confirmed.operators, confirmed.decided_at),
        ]


class Tiering:
    """Whose fees a customer pays from then on. Whoever has set his tier since, be it to and fro, is not overruled."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        balance = _account(subject).balance
        set_at = {} if balance.tier_at is None else {"since": text(balance.tier_at)}
        return {"before": balance.tier, **set_at, **given}

    def says(self, subject: Subject, terms: Terms) -> str:
        now, tier = _account(subject).balance.tier, Tier(terms["tier"])
        if now != terms["before"]:
            raise NotProposable(f"he was {terms['before']}, and now he is {now}", id=subject.id)
        if self.terms(subject, {}).get("since") != terms.get("since"):
            raise NotProposable(f"his tier was set since, and is {now} again: look at it again", id=subject.id)
        if now is tier:
            raise NothingToDo(f"{subject.id} is {tier} already; nothing to do", id=subject.id)
        return f"pays the fees of {tier} from the next order on; open orders and quotes keep theirs"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.decided_at is not None
        account, before, tier = _account(subject), Tier(confirmed.terms["before"]), Tier(confirmed.terms["tier"])
        told = f"from {before} to {tier}"
        return [
            ledger.set_tier(account.ownership.owner, before, tier, confirmed.decided_at, account.balance.tier_at),
            _event(subject, told, confirmed.operators, confirmed.decided_at),
        ]


class Forgetting:
    """That nobody can read a customer's accounts at banks any more, wherever they are written: the key that he had when
    it was proposed is forgotten. What is open comes first: it may end in a payout."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        assert subject.person is not None
        return {"key": str(subject.person.key_number), **given}

    def says(self, subject: Subject, terms: Terms) -> str:
        if self.terms(subject, {}) != terms:
            raise NotProposable("he was forgotten since, and has given an account anew: look at him", id=subject.id)
        left = _account(subject).balance.current
        stays = f"; ${left} stay on the balance, and are paid to an account that he gives anew" if left != ZERO else ""
        return f"can be paid at none of the accounts that he has given, which nobody can read any more{stays}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.decided_at is not None
        at, number = confirmed.decided_at, int(confirmed.terms["key"])
        return [
            persons.forget(subject.id, number, at),
            ledger.nothing_held(_account(subject).ownership.owner),
            _event(subject, f"the accounts at banks under key {number} are forgotten", confirmed.operators, at),
        ]


class Apart:
    """That an operator is another person than the customer: he has only the same name, or has said by mistake that the
    account is his. It is of the login that has the account, and of what he has said by then."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        moved_at = self._own(subject).moved_at
        said_at = {} if moved_at is None else {"said": text(moved_at)}
        assert subject.item.sub is not None
        login = {"sub": subject.item.sub, "since": text(subject.item.updated_at)}
        return {"operator": given["operator"], **login, **said_at}

    def says(self, subject: Subject, terms: Terms) -> str:
        operator = terms["operator"]
        if self.terms(subject, terms) != terms:
            why = f"the account of {subject.id} has moved, or {operator} has said what is his, since: look at it again"
            raise NotProposable(why, id=subject.id)
        if self._after(subject) == self._own(subject):
            raise NothingToDo(f"{subject.id} is another person than {operator} already; nothing to do", id=subject.id)
        return (
            f"is another person than the operator {operator}, who may then propose and confirm what is about this "
            f"money, as long as the login {terms['sub']} has the account"
        )

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.decided_at is not None
        login = Namesake(confirmed.terms["sub"], subject.item.updated_at)
        told = f"is another person than the operator {confirmed.terms['operator']}, reference {confirmed.reference}"
        return [
            own_accounts.save(self._after(subject), confirmed.decided_at),
            store.same_login(subject.id, login),
            _event(subject, told, confirmed.operators, confirmed.decided_at),
        ]

    def _after(self, subject: Subject) -> OwnAccounts:
        own, item = self._own(subject), subject.item
        assert item.sub is not None
        namesake = Namesake(item.sub, item.updated_at) if own.operator == subject.id else own.namesake
        return replace(own, accounts=own.accounts - {subject.id}, namesake=namesake)

    @staticmethod
    def _own(subject: Subject) -> OwnAccounts:
        assert subject.own is not None
        return subject.own


class ClientChange:
    """A client that may be used from then on: who may sell coins, or who is paid, and where. What it was, and since
    when, is among the terms: whoever has changed it since, be it to and fro, is not overruled."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        before = subject.client
        after = self._after(subject, given)
        account = {} if after.account is None else {"account_id": after.account}
        was = "new" if before is None else f"{changes(None, told_of(before))}, of {text(before.updated_at)}"
        return {"client": after.client_id, "kind": after.kind, "status": after.status, **account, "was": was}

    def says(self, subject: Subject, terms: Terms) -> str:
        if self.terms(subject, terms) != terms:  # not told here: an account is no matter of the log
            client = f"the {terms['kind'].lower()} client {terms['client']}"
            raise NotProposable(f"{client} is not what it was any more: look at it, and propose it", id=subject.id)
        after = self._after(subject, terms)
        if after.is_paid and after.account is not None:
            subject.must_know(after.account)
        change = subject.shown(change_of(subject.client, after))
        return f"has the {terms['kind'].lower()} client {terms['client']}: {change}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.decided_at is not None
        after = replace(self._after(subject, confirmed.terms), updated_at=confirmed.decided_at)
        told = f"{after.kind} client {after.client_id}, {shortened(change_of(subject.client, after))}"
        return [
            *clients.save(after, subject.client),
            _event(subject, told, confirmed.operators, confirmed.decided_at),
        ]

    @staticmethod
    def _after(subject: Subject, terms: Terms) -> Client:
        """Raises ClientTaken, AccountNeeded."""
        whose, given = _account(subject).ownership, terms.get("status")
        kind, client_id, at = ClientKind(terms["kind"]), terms["client"], subject.case.now
        status, account = None if given is None else ClientStatus(given), terms.get("account_id")
        sealed = None if account is None else Sealed(account)
        return changed(subject.client, kind, client_id, whose.owner, lambda: whose, status, sealed, at)


def changed(
    before: Client | None,
    kind: ClientKind,
    client_id: str,
    owner: Owner,
    whose: Callable[[], Ownership],
    status: ClientStatus | None,
    account: Sealed | None,
    at: datetime,
) -> Client:
    """A client as it is to be: what is not given stays as it was `before`. After its owner's account was moved, it is
    that of the account's present login. Raises ClientTaken, AccountNeeded."""
    must_have(owner, before, whose)
    client = before or Client(client_id, kind, owner, ClientStatus.ACTIVE, at)
    after = replace(
        client,
        owner=owner,
        status=status or client.status,
        account=account or client.account,
        updated_at=at,
    )
    after.must_be_payable()
    return after


def must_have(owner: Owner, before: Client | None, whose: Callable[[], Ownership]) -> None:
    """Raises ClientTaken: the client is another owner's."""
    if before is not None and not _may_have(owner, before, whose):
        raise clients.taken(before)


def change_of(before: Client | None, after: Client) -> str:
    """What changes of a client, and where it is paid, that sealed; empty where nothing does."""
    says = changes(None if before is None else told_of(before), told_of(after))
    if says and before is not None and before.account == after.account and after.is_paid:
        says += f"; it is paid at {after.account}"
    return says


def told_of(client: Client) -> dict[str, object]:
    account = {} if client.account is None else {"account_id": client.account}
    return {"username": client.owner.username, "sub": client.owner.sub, "status": client.status, **account}


def _may_have(owner: Owner, client: Client, whose: Callable[[], Ownership]) -> bool:
    """Is the client the owner's, or was it when another login had his account?"""
    if client.owner == owner or client.owner.username != owner.username:
        return client.owner == owner
    return whose().owner == owner and client.owner.sub in whose().former_subs


def _account(subject: Subject) -> Account:
    assert subject.case.account is not None
    return subject.case.account


def _event(subject: Subject, told: str, by: str, at: datetime) -> Write:
    assert subject.item.status is not None
    return timeline.record(subject.id, TimelineEvent(at, subject.item.status, subject.item.status, told, by))


KINDS: Mapping[str, Kind] = {  # by the command
    APART: Apart(),
    CREDIT: Credit(),
    CLIENT: ClientChange(),
    FORGET: Forgetting(),
    "users tier": Tiering(),
}
