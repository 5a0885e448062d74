"""A customer's accounts at banks, sealed under a key of his own, which two operators forget."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from common.data_keys import DataKeysUnavailable
from common.domain import audit, persons
from common.domain.clients import ClientKind, ClientStatus
from common.domain.payouts.model import EventOutcome
from common.domain.persons import AccountForgotten, AccountState
from common.money import Money
from common.owner import Owner
from functions.operations.model import NotProposable
from tests.desk import Desk
from tests.doors import opened
from tests.harness.kms import InMemoryKms
from tests.operations.drifts import get, put
from tests.seen import audited, before_next_write, contradicting, decided, raw, status, told, waits_for_person

FORGET = "users forget"
BECAUSE = {"reason": "he has left, ticket 4720"}
NO_ACCOUNT = "ann has no account at a bank that could be forgotten"


@pytest.fixture
def ann(desk: Desk) -> Owner:
    desk.kms = InMemoryKms()
    ann = desk.customer()
    desk.clients(ann)
    return ann


def paid(desk: Desk, ann: Owner, usd: str = "30.00") -> str:
    order_id = desk.accounts.withdraw(ann, next(desk.keys), Money(usd), "ann-bank").made.transfer_id
    desk.run()
    assert status(desk, order_id) == "COMPLETED"
    return order_id


def forgotten(desk: Desk) -> None:
    assert desk.by_two(FORGET, "ann", {}).done


def state(desk: Desk, client_id: str = "ann-bank") -> AccountState | None:
    account = desk.persons.of("ann").told(desk.operations.client(ClientKind.BANKING, client_id).account)
    return None if account is None else account.state


def test_what_two_have_forgotten_nobody_can_read_nor_pay_to(desk: Desk, ann: Owner) -> None:
    paid(desk, ann)
    with opened(desk) as doors:
        proposed = doors.operator().post("/operations/users/ann/forget", BECAUSE)
        assert "$970.00 stay on the balance" in proposed.json["says"]
        assert state(desk) is AccountState.TOLD
        assert doors.confirmed(proposed).json["done"]
        again = doors.operator().post("/operations/users/ann/forget", BECAUSE)
        assert (again.problem, again.json["detail"]) == ("NotProposable", NO_ACCOUNT)
        for listed in (doors.customer().get("/clients").json["items"], doors.operator().get(CUSTOMER).json["clients"]):
            (bank,) = [each for each in listed if each["kind"] == "BANKING"]
            assert (bank["account_id"], bank["account_state"]) == (None, "FORGOTTEN")
        refused = doors.customer().post(
            "/balance/withdrawals", {"amount": "1", "banking_client_id": "ann-bank"}, key="w"
        )
        assert (refused.status, refused.problem) == (409, "AccountForgotten")
        buys = {"asset_id": "BTC", "order_type": "BUY", "quantity": "1"}
        desk.list_asset("BTC", "100")
        assert doors.customer().post("/orders", buys, key="b").status == 201
    with pytest.raises(AccountForgotten):
        desk.cash_out(ann, "1")
    desk.check()
    desk.check_as_the_product_does()


CUSTOMER = "/operations/customers/ann"


def test_books_and_audit_are_verified_after_somebody_is_forgotten(desk: Desk, ann: Owner) -> None:
    paid(desk, ann)
    before = audited(desk)
    forgotten(desk)
    entries = audited(desk)
    assert [entry.action for entry in entries[:2]] == ["proposals confirm", FORGET]
    assert entries[2:] == before
    for link in entries:
        assert isinstance(link, audit.Link)
        assert link.digest == audit.digest_of(link.number, link.previous, link.at, link)
    desk.clock.forward(days=1, hours=1)
    (compared,) = desk.comparing_bank.round(lambda: True)
    assert compared.verdict == "AGREES", "what nobody can compare any more is not wrong"


@pytest.mark.parametrize("what", ["withdrawal", "cash-out", "order"])
def test_nobody_is_forgotten_while_something_of_him_is_open(desk: Desk, ann: Owner, what: str) -> None:
    desk.list_asset("BTC", "100")
    desk.buy(ann, "1")
    open_: dict[str, Callable[[], str]] = {
        "withdrawal": lambda: desk.accounts.withdraw(ann, "w", Money(10), "ann-bank").made.transfer_id,
        "cash-out": lambda: desk.cash_out(ann, "1").order_id,
        "order": lambda: desk.buy(ann, "1", order_price="50").order_id,
    }
    proposed = desk.proposals.propose(FORGET, "ann", {}, None, "he has left", "olga", dry_run=False)
    order_id = open_[what]()
    again = partial(desk.proposals.propose, FORGET, "ann", {}, None, "he has left", "oleg", dry_run=True)
    for act in (partial(desk.confirmed, proposed), again):
        with pytest.raises(NotProposable, match=f"has to end first: [A-Z_]+ {order_id}"):
            act()
    assert state(desk) is AccountState.TOLD
    desk.run()


def test_nobody_is_forgotten_while_dollars_of_him_are_being_held(desk: Desk, ann: Owner) -> None:
    """The index is a moment late: the write looks at the balance itself."""
    proposed = desk.proposals.propose(FORGET, "ann", {}, None, "he has left", "olga", dry_run=False)
    before_next_write(desk, lambda: desk.accounts.withdraw(ann, "w", Money(10), "ann-bank"))
    with pytest.raises(NotProposable, match="it has moved meanwhile"):
        desk.confirmed(proposed)
    desk.run()
    assert desk.world.simulated.credited("acc-ann") == Money(10)


def test_an_account_that_is_given_anew_is_sealed_under_the_next_key(desk: Desk, ann: Owner) -> None:
    first = desk.account("ann", "acc-ann")
    forgotten(desk)
    with opened(desk) as doors:
        asked = {"kind": "BANKING", "account_id": "acc-ann"}
        new = doors.customer().post("/clients", asked, key="c").json["client_id"]
        save = {"username": "ann", "status": "ACTIVE", **BECAUSE}
        assert doors.confirmed(doors.operator().put(f"/operations/clients/{new}/banking", save)).json["done"]
    assert (state(desk), state(desk, new)) == (AccountState.FORGOTTEN, AccountState.TOLD)
    assert desk.account("ann", "acc-ann") != first
    desk.accounts.withdraw(ann, "w", Money(10), new)
    desk.run()
    assert desk.world.simulated.credited("acc-ann") == Money(10)
    with pytest.raises(AccountForgotten):
        desk.accounts.withdraw(ann, "x", Money(10), "ann-bank")


def test_what_was_proposed_of_a_key_is_not_done_to_the_next(desk: Desk, ann: Owner) -> None:
    proposed = desk.proposals.propose(FORGET, "ann", {}, None, "he has left", "olga", dry_run=False)
    before_next_write(desk, lambda: forgotten_and_back(desk))
    with pytest.raises(NotProposable, match="it has moved meanwhile"):
        desk.confirmed(proposed)
    assert desk.persons.of("ann").key_number == 2


def forgotten_and_back(desk: Desk) -> None:
    """As it is written; its own proposal is that of the test."""
    desk.table.write(persons.forget("ann", 1, desk.clock()))
    desk.account("ann", "acc-ann")


def test_a_payout_to_somebody_forgotten_waits_for_a_person_and_goes_back(desk: Desk, ann: Owner) -> None:
    """Somebody has taken the key out of the table."""
    order_id = desk.accounts.withdraw(ann, "w", Money(10), "ann-bank").made.transfer_id
    key = get(desk, "ann", "KEY")
    put(desk, {name: value for name, value in key.items() if name != "wrapped"})
    desk.run()
    assert (decided(desk, order_id), desk.world.simulated.records()) == ([], [])
    assert "accounts of ann at banks are forgotten" in (waits_for_person(desk, order_id) or "")
    assert desk.by_hand("give_back", order_id).done
    assert desk.accounts.balance(ann).current == Money(1000)


def test_while_kms_is_down_nothing_is_paid_and_nothing_else_stops(desk: Desk, ann: Owner) -> None:
    order_id = desk.accounts.withdraw(ann, "w", Money(10), "ann-bank").made.transfer_id
    desk.kms.down = True
    desk.run(until=lambda: False, days=0.05, sweep=False)
    assert (decided(desk, order_id), desk.world.simulated.records()) == ([], [])
    with opened(desk) as doors:
        (bank,) = [each for each in doors.customer().get("/clients").json["items"] if each["kind"] == "BANKING"]
        assert (bank["account_id"], bank["account_state"]) == (None, "UNAVAILABLE")
        asked = doors.customer().post("/clients", {"kind": "BANKING", "account_id": "acc-2"}, key="c")
        assert (asked.status, asked.problem) == (503, "DataKeysUnavailable")
        save = {"username": "ann", "account_id": "acc-2", **BECAUSE}
        assert doors.operator().put("/operations/clients/ann-bank/banking", save).problem == "DataKeysUnavailable"
    desk.kms.down = False
    desk.run()
    assert (decided(desk, order_id), desk.world.simulated.credited("acc-ann")) == (["COMPLETED"], Money(10))


def test_a_webhook_while_kms_is_down_comes_again(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.set_outcome("pending")
    order_id = desk.accounts.withdraw(ann, "w", Money(10), "ann-bank").made.transfer_id
    desk.world.machines.run()
    event = told(desk, f"{order_id}-01", "complete")
    desk.kms.down = True
    with pytest.raises(DataKeysUnavailable):
        desk.events.receive(event)
    desk.kms.down = False
    assert desk.events.receive(event) is EventOutcome.APPLIED
    desk.run()


@pytest.mark.parametrize("text", ["sealed:1:AAAAAAAAAAAAAAAAAAAAAAAA", "acc-of-a-thief", "bob's"])
def test_an_account_that_somebody_has_changed_is_never_paid(desk: Desk, ann: Owner, text: str) -> None:
    if text == "bob's":
        text = desk.account("bob", "acc-bob")
    put(desk, get(desk, "CLIENT#ann-bank", "BANKING") | {"account": {"S": text}})
    with opened(desk) as doors:
        (bank,) = [each for each in doors.customer().get("/clients").json["items"] if each["kind"] == "BANKING"]
        assert (bank["account_id"], bank["account_state"]) == (None, "WRONG")
    put(desk, get(desk, "CLIENT#ann-bank", "BANKING") | {"account": {"S": desk.account("ann", "acc-ann")}})
    order_id = desk.accounts.withdraw(ann, "w", Money(10), "ann-bank").made.transfer_id
    put(desk, get(desk, "CLIENT#ann-bank", "BANKING") | {"account": {"S": text}})
    desk.run()
    assert (decided(desk, order_id), desk.world.simulated.records()) == ([], [])
    assert waits_for_person(desk, order_id) is not None


def test_an_event_of_before_agrees_and_another_one_is_parked(desk: Desk, ann: Owner) -> None:
    """Of somebody forgotten; none keeps an account."""
    order_id = paid(desk, ann)
    event = desk.world.simulated.event_of(f"{order_id}-01")
    forgotten(desk)
    late = contradicting(event)
    assert desk.events.receive(late) is EventOutcome.PARKED
    assert "account" not in raw(desk, f"HOOK#{late.event_id}", "SEEN")
    seen = type(event)("evt-late", event.adjustment, event.at)
    assert desk.events.receive(seen) is EventOutcome.AGREES


def test_of_two_first_accounts_at_once_both_open(desk: Desk) -> None:
    desk.kms = InMemoryKms()
    desk.customer("bob")
    mine: list[Any] = []
    before_next_write(desk, lambda: mine.append(desk.account("bob", "acc-1")))
    other = desk.persons.of("bob").sealed("acc-2")
    assert [desk.account_id("bob", each) for each in (*mine, other)] == ["acc-1", "acc-2"]


def test_an_account_is_one_text_of_one_person_and_no_others(desk: Desk) -> None:
    desk.kms = InMemoryKms()
    once, again, bobs = (desk.account(who, "acc-1") for who in ("ann", "ann", "bob"))
    assert once == again
    assert once.partition(":1:")[2] != bobs.partition(":1:")[2]
    assert once != desk.account("ann", "acc-2")


def test_a_client_is_not_saved_under_a_key_that_is_forgotten(desk: Desk, ann: Owner) -> None:
    save = desk.interventions.save_client
    proposed = save(ClientKind.BANKING, "ann-bank", ann, "moved", "olga", dry_run=False, account_id="acc-2")
    before_next_write(desk, lambda: desk.table.write(persons.forget("ann", 1, desk.clock())))
    with pytest.raises(NotProposable, match="it has moved meanwhile"):
        desk.confirmed(proposed)
    with pytest.raises(NotProposable, match="the account is forgotten"):
        desk.confirmed(proposed)
    blocked = save(ClientKind.BANKING, "ann-bank", ann, "gone", "olga", dry_run=False, status=ClientStatus.BLOCKED)
    assert blocked.done, "who blocks a client need not know where it is paid"


def test_one_alone_forgets_nobody(desk: Desk, ann: Owner) -> None:
    proposed = desk.proposals.propose(FORGET, "ann", {}, None, "he has left", "olga", dry_run=False)
    desk.clock.forward(seconds=timedelta(hours=1).total_seconds())
    with pytest.raises(Exception, match="another operator confirms it"):
        desk.proposals.confirm(proposed.id, "so it is", "olga", dry_run=False)
    assert state(desk) is AccountState.TOLD
