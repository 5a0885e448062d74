"""Which customers an operator is: anybody may sign up under his name, and he may be a customer under another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from common.domain import own_accounts
from common.identity import APPROVERS, OPERATORS
from common.money import Money
from common.owner import Owner
from functions.operations.service import operators
from tests.desk import Desk
from tests.doors import Answer, Client, Doors, Token, opened
from tests.operations.test_proposals import gone
from tests.seen import audited, before_next_write

APART, OWN = "/operations/users/olga/apart", "/operations/users/{}/own"
SEEN = {"operator": "olga", "reference": "passports of both seen", "reason": "she has only the same name"}
WIRE = {"amount": "70.00", "reason": "it came"}
BECAUSE = {"reason": "so it is"}


@pytest.fixture
def doors(desk: Desk) -> Iterator[Doors]:
    """A stranger has signed up as olga; vera and oleg are operators, too."""
    desk.customer("olga")
    with opened(desk) as doors:
        yield doors


def as_(doors: Doors, name: str) -> Client:
    return doors.as_(Token(name, f"operators-{name}", (OPERATORS, APPROVERS)))


def credited(doors: Doors, whose: str, first: str, second: str, wire: str = "wire-1") -> str:
    """The refusal, if there is one."""
    proposed = as_(doors, first).post(f"/operations/users/{whose}/deposits", WIRE, key=wire)
    return proposed.problem if proposed.status != 200 else confirmed(doors, proposed, second)


def confirmed(doors: Doors, proposed: Answer, by: str) -> str:
    assert (proposed.status, proposed.json["after"], proposed.json["done"]) == (200, "PROPOSED", True), proposed.json
    answer = as_(doors, by).post(f"/operations/proposals/{proposed.json['id']}/confirm", BECAUSE)
    return answer.problem if answer.status != 200 else "done"


def apart(doors: Doors, operator: str = "olga", whose: str = "olga") -> str:
    asked = {**SEEN, "operator": operator}
    return confirmed(doors, as_(doors, "vera").post(f"/operations/users/{whose}/apart", asked), "oleg")


def test_who_has_an_operators_name_is_taken_for_him(doors: Doors) -> None:
    assert credited(doors, "olga", "olga", "oleg") == "BeneficiaryDecides"
    assert credited(doors, "olga", "vera", "olga") == "BeneficiaryDecides"


def test_what_two_others_have_found_lets_him_decide(desk: Desk, doors: Doors) -> None:
    assert apart(doors) == "done"
    assert credited(doors, "olga", "olga", "oleg") == "done"
    assert credited(doors, "olga", "vera", "olga", "wire-2") == "done"
    (told,) = [each for each in as_(doors, "vera").get("/operations/operators").json["items"] if each["namesake"]]
    assert (told["username"], told["namesake"], told["own_accounts"]) == ("olga", "sub-olga", [])
    again = as_(doors, "vera").post(APART, SEEN)
    assert (again.json["done"], "another person than olga already" in again.json["says"]) == (False, True)
    desk.check()


def test_nobody_says_of_himself_that_he_is_another(doors: Doors) -> None:
    assert as_(doors, "olga").post(APART, SEEN).problem == "BeneficiaryDecides"
    proposed = as_(doors, "vera").post(APART, SEEN)
    assert [confirmed(doors, proposed, by) for by in ("vera", "olga")] == ["OwnProposal", "BeneficiaryDecides"]
    assert credited(doors, "olga", "vera", "olga") == "BeneficiaryDecides"
    assert confirmed(doors, proposed, "oleg") == "done"
    assert as_(doors, "olga").post(APART, SEEN).json["done"] is False, "it is so already"


def test_it_is_of_one_login_and_no_later_one_of_that_name(desk: Desk, doors: Doors) -> None:
    """Nor is it of that login once another one had the account in between."""
    assert apart(doors) == "done"
    for sub in ("sub-anew", "sub-olga"):
        assert desk.by_two("users move", "olga", {"sub": sub}, "ticket", operators=("vera", "oleg")).done
        assert credited(doors, "olga", "vera", "olga", f"wire-of-{sub}") == "BeneficiaryDecides"
    assert apart(doors) == "done"
    assert credited(doors, "olga", "vera", "olga", "wire-3") == "done"


def test_which_login_has_the_account_of_his_name_he_never_decides(doors: Doors) -> None:
    assert apart(doors) == "done"
    moves = {"sub": "operators-olga", "reference": "ticket", **BECAUSE}
    assert as_(doors, "olga").post("/operations/users/olga/move", moves).problem == "BeneficiaryDecides"
    proposed = as_(doors, "vera").post("/operations/users/olga/move", moves)
    assert confirmed(doors, proposed, "olga") == "BeneficiaryDecides"


def test_an_account_that_moves_in_that_moment_is_looked_at_again(desk: Desk, doors: Doors) -> None:
    """Also where what is confirmed does not touch the account itself, as a client."""
    assert apart(doors) == "done"
    proposed = as_(doors, "vera").put("/operations/clients/olgas/crypto", {"username": "olga", **BECAUSE})
    move = desk.proposals.propose("users move", "olga", {"sub": "s2"}, "t", "made anew", "vera", dry_run=False)
    before_next_write(desk, lambda: desk.confirmed(move, "oleg"))
    with opened(desk) as beside:
        assert confirmed(beside, proposed, "olga") == "NotProposable"
    assert confirmed(doors, proposed, "olga") == "BeneficiaryDecides"


def test_what_was_found_before_it_moved_is_not_confirmed(desk: Desk, doors: Doors) -> None:
    proposed = as_(doors, "vera").post(APART, SEEN)
    assert desk.by_two("users move", "olga", {"sub": "sub-anew"}, "ticket", operators=("vera", "oleg")).done
    assert confirmed(doors, proposed, "oleg") == "NotProposable"


def test_who_says_that_an_account_is_his_decides_nothing_there(desk: Desk, doors: Doors) -> None:
    """Alone, of himself, and what he has proposed before is not confirmed by others either."""
    desk.customer("olga2")
    before = as_(doors, "olga").post("/operations/users/olga2/deposits", WIRE, key="wire-0")
    said = as_(doors, "olga").post(OWN.format("olga2"), BECAUSE)
    assert (said.json["after"], said.json["done"]) == ("OWN", True)
    assert as_(doors, "olga").post(OWN.format("olga2"), BECAUSE).json["done"] is False
    assert confirmed(doors, before, "oleg") == "BeneficiaryDecides"
    assert credited(doors, "olga2", "olga", "oleg") == "BeneficiaryDecides"
    assert credited(doors, "olga2", "vera", "olga") == "BeneficiaryDecides"
    assert credited(doors, "olga2", "vera", "oleg", "wire-2") == "done"
    assert desk.accounts.balance(Owner("olga2", "sub-olga2")).current == Money(1070)
    assert [(e.action, e.operator) for e in audited(desk) if e.action == "users own"] == [("users own", "olga")]


def test_what_he_says_of_his_name_counts_more_than_what_was_found(desk: Desk, doors: Doors) -> None:
    assert apart(doors) == "done"
    assert as_(doors, "olga").post(OWN.format("olga"), BECAUSE).json["done"]
    assert credited(doors, "olga", "vera", "olga") == "BeneficiaryDecides"


def test_what_he_has_said_by_mistake_two_others_take_back(desk: Desk, doors: Doors) -> None:
    desk.customer("olga2")
    proposed = as_(doors, "vera").post("/operations/users/olga2/apart", SEEN)
    assert proposed.json["done"] is False, "nobody has said so yet"
    as_(doors, "olga").post(OWN.format("olga2"), BECAUSE)
    assert as_(doors, "olga").post("/operations/users/olga2/apart", SEEN).problem == "BeneficiaryDecides"
    assert apart(doors, whose="olga2") == "done"
    assert credited(doors, "olga2", "vera", "olga") == "done"
    assert credited(doors, "olga", "vera", "olga", "wire-2") == "BeneficiaryDecides", "that is her name still"


def test_what_he_says_after_it_was_proposed_is_not_overruled(desk: Desk, doors: Doors) -> None:
    proposed = as_(doors, "vera").post(APART, SEEN)
    as_(doors, "olga").post(OWN.format("olga"), BECAUSE)
    assert confirmed(doors, proposed, "oleg") == "NotProposable"
    assert credited(doors, "olga", "vera", "olga") == "BeneficiaryDecides"


def test_who_says_it_in_the_moment_of_his_confirmation_has_no_part(desk: Desk, doors: Doors) -> None:
    desk.customer("olga2")
    proposed = as_(doors, "vera").post("/operations/users/olga2/deposits", WIRE, key="wire-1")
    his = replace(own_accounts.find(desk.table, "olga"), accounts=frozenset({"olga2"}))
    before_next_write(desk, lambda: desk.table.write(own_accounts.save(his, desk.clock())))  # no act, which is audited
    assert confirmed(doors, proposed, "olga") == "Busy"
    assert confirmed(doors, proposed, "olga") == "BeneficiaryDecides"


def test_strangers_under_all_names_hold_up_no_batch_for_ever(desk: Desk, doors: Doors) -> None:
    """Each of the operators has a namesake in it: nobody decides, until it is found that one is no more than that."""
    desk.list_exchange_asset()
    desk.world.nobody_sells()
    for name in ("vera", "oleg"):
        desk.customer(name)
    batch_id = [desk.purchase(Owner(name, f"sub-{name}"), "4").batch_id for name in ("olga", "vera", "oleg")][-1]
    desk.run(days=0.001)
    desk.world.exchange = gone(desk)
    desk.run(days=0.1)
    path, told = f"/operations/work/{batch_id}/decide-order", {"executed": "0", "gross": "0.00", "reference": "letter"}
    for name in ("olga", "vera", "oleg"):
        assert as_(doors, name).post(path, {**told, **BECAUSE}).problem == "BeneficiaryDecides"
    assert apart(doors) == "done"
    proposed = as_(doors, "olga").post(path, {**told, **BECAUSE})
    assert confirmed(doors, proposed, "vera") == "BeneficiaryDecides"
    asked = {**SEEN, "operator": "vera"}
    found = as_(doors, "olga").post("/operations/users/vera/apart", asked)
    assert confirmed(doors, found, "oleg") == "done"
    assert confirmed(doors, proposed, "vera") == "done"


def test_so_many_accounts_of_one_operator_are_written_down(
    desk: Desk, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operators, "OWN_MAX", 1)
    assert as_(doors, "olga").post(OWN.format("olga"), BECAUSE).status == 200
    desk.customer("bob")
    assert as_(doors, "olga").post(OWN.format("bob"), BECAUSE).problem == "TooManyOwn"
    assert as_(doors, "olga").post(OWN.format("nobody"), BECAUSE).problem == "AccountNotFound"
