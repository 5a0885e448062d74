"""A customer asks for a client, and can use it when an operator has said so."""

from __future__ import annotations

import pytest

from common.domain.clients import (
    ASKED_MAX,
    AccountNeeded,
    AccountNotNeeded,
    ClientBlocked,
    ClientKind,
    ClientStatus,
    TooManyAsked,
)
from common.domain.ledger.model import AccountNotFound
from common.idempotency import IdempotencyKeyReused
from common.money import Money
from common.owner import Owner
from common.sealed import shortened
from tests.desk import Desk
from tests.seen import audited


@pytest.fixture
def ann(desk: Desk) -> Owner:
    return desk.customer()


def ask(desk: Desk, owner: Owner, key: str = "c", account: str | None = "acc-9") -> str:
    kind = ClientKind.CRYPTO if account is None else ClientKind.BANKING
    return desk.accounts.ask_for_client(owner, key, kind, account).made.client_id


def decided(desk: Desk, owner: Owner, client_id: str, status: ClientStatus) -> None:
    kind = ClientKind.BANKING
    save = desk.interventions.save_client
    desk.confirmed(save(kind, client_id, owner, "looked into", "olga", dry_run=False, status=status))


def listed(desk: Desk, owner: Owner) -> list[tuple[str, ClientStatus]]:
    return [(client.client_id, client.status) for client in desk.accounts.clients(owner)]


def test_what_is_asked_for_waits_for_an_operator_and_is_used_then(desk: Desk, ann: Owner) -> None:
    client_id = ask(desk, ann)
    with pytest.raises(ClientBlocked):
        desk.accounts.withdraw(ann, "w", Money(10), client_id)
    (waiting,) = desk.operations.work(("clients",), overdue_only=True, limit=9)
    assert (waiting.id, waiting.needs_person) == (f"{client_id}:BANKING", True)
    command = f"desk clients save {client_id} banking --username ann --status ACTIVE"
    assert command in waiting.waits_for
    assert desk.operations.story(waiting.id).waits_for == waiting.waits_for
    decided(desk, ann, client_id, ClientStatus.ACTIVE)
    assert desk.operations.work(("clients",), overdue_only=False, limit=9) == []
    assert listed(desk, ann) == [(client_id, ClientStatus.ACTIVE)]
    desk.accounts.withdraw(ann, "w", Money(10), client_id)
    desk.run()
    (credit,) = desk.world.simulated.credits()
    assert credit.account_id == "acc-9"


@pytest.mark.parametrize("status", [ClientStatus.REFUSED, ClientStatus.BLOCKED])
def test_one_that_an_operator_refuses_waits_no_more_and_is_not_used(
    desk: Desk, ann: Owner, status: ClientStatus
) -> None:
    client_id = ask(desk, ann)
    decided(desk, ann, client_id, status)
    assert desk.operations.work(("clients",), overdue_only=False, limit=9) == []
    with pytest.raises(ClientBlocked):
        desk.accounts.withdraw(ann, "w", Money(10), client_id)
    again = desk.accounts.ask_for_client(ann, "c", ClientKind.BANKING, "acc-9")
    assert (again.replayed, again.made.status) == (True, status), "asking again does not revive it"
    assert listed(desk, ann) == [(client_id, status)]


def test_an_operator_who_changes_another_thing_has_not_decided(desk: Desk, ann: Owner) -> None:
    client_id = ask(desk, ann)
    save = desk.interventions.save_client
    told = save(ClientKind.BANKING, client_id, ann, "a typing error", "olga", dry_run=False, account_id="acc-8")
    assert told.after == "PROPOSED", (
        "one who moves it alone has the other one confirm an account that he was never shown"
    )
    assert desk.account_id("ann", desk.operations.client(ClientKind.BANKING, client_id).account) == "acc-9"
    desk.confirmed(told)
    assert listed(desk, ann) == [(client_id, ClientStatus.ASKED)]
    (waiting,) = desk.operations.work(("clients",), overdue_only=True, limit=9)
    assert "acc-" not in waiting.waits_for, "the next one names no account, and does not put the error back"
    assert desk.accounts.ask_for_client(ann, "c", ClientKind.BANKING, "acc-9").replayed


def test_who_approves_a_client_is_told_where_it_is_paid(desk: Desk, ann: Owner) -> None:
    """Also when he does not name the account himself. Whoever reads the audit can tell the account from others, and
    what it is from the client and the proposal, as long as it is not forgotten."""
    client_id = ask(desk, ann)
    for dry_run in (True, False):
        proposed = desk.interventions.save_client(
            ClientKind.BANKING, client_id, ann, "ok", "olga", dry_run=dry_run, status=ClientStatus.ACTIVE
        )
        assert proposed.says.endswith("status from ASKED to ACTIVE; it is paid at acc-9")
    assert listed(desk, ann) == [(client_id, ClientStatus.ASKED)]
    done = desk.confirmed(proposed)
    assert done.says.endswith("status from ASKED to ACTIVE; it is paid at acc-9")
    account = desk.operations.client(ClientKind.BANKING, client_id).account
    assert account is not None
    assert f"account_id {shortened(account)}," in audited(desk)[0].detail


def test_a_key_stands_for_one_request(desk: Desk, ann: Owner) -> None:
    client_id = ask(desk, ann)
    assert ask(desk, ann) == client_id
    for account in ("acc-8", None):
        with pytest.raises(IdempotencyKeyReused):
            ask(desk, ann, account=account)
    assert ask(desk, desk.customer("bob")) != client_id
    assert len(listed(desk, ann)) == 1


def test_an_account_is_asked_of_who_is_paid_and_of_nobody_else(desk: Desk, ann: Owner) -> None:
    with pytest.raises(AccountNeeded):
        desk.accounts.ask_for_client(ann, "c", ClientKind.BANKING, None)
    with pytest.raises(AccountNotNeeded):
        desk.accounts.ask_for_client(ann, "c", ClientKind.CRYPTO, "acc-9")
    with pytest.raises(AccountNotFound):
        ask(desk, Owner("nobody", "sub"))
    assert listed(desk, ann) == []


def test_so_many_wait_and_no_more(desk: Desk, ann: Owner) -> None:
    made = [ask(desk, ann, f"c{n}", f"acc-{n}") for n in range(ASKED_MAX)]
    with pytest.raises(TooManyAsked):
        ask(desk, ann, "one more")
    assert ask(desk, ann, "c0", "acc-0") == made[0], "a repeat is a repeat"
    decided(desk, ann, made[0], ClientStatus.REFUSED)
    ask(desk, ann, "one more")
