"""People of a dealer's: in a group of the customers' pool, they read what he has, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.identity import caller
from common.settings import settings
from infra.contexts import Route
from tests import openapi
from tests.billing.dealership import CME_ID, REWARD
from tests.billing.test_api import DEAL, DEALER
from tests.billing.test_api import REWARD as ASKED
from tests.desk import NOON, Desk
from tests.doors import ROUTES, Answer, Client, Doors, Token, opened

LONGER, OTHER = f"{CME_ID}0", CME_ID.upper()  # dealers of their own
NOBODY = "cme-nobody"
MONTH = f"{NOON:%Y-%m}"
OF_A_DEALER = (
    "/billing/dealers/{}",
    "/billing/dealers/{}/bills",
    f"/billing/dealers/{{}}/statements/{MONTH}",
    f"/billing/dealers/{{}}/statements/{MONTH}/csv",
    f"/billing/dealers/{{}}/statements/{MONTH}/pdf",
)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    for dealer in (CME_ID, LONGER, OTHER):
        desk.dealership.active(dealer)
    yield desk
    desk.dealership.check()
    desk.check()


@pytest.fixture
def doors(desk: Desk) -> Iterator[Doors]:
    with opened(desk, openapi.check) as doors:
        yield doors


def person(doors: Doors, *groups: str) -> Client:
    return doors.as_(Token("dora", "sub-dora", groups, operator=False))


def but_for_its_instance(answer: Answer) -> str:
    return answer.text.replace(answer.json["instance"], "")


def test_a_dealers_person_reads_his_bills_accounts_and_months(desk: Desk, doors: Doors) -> None:
    bill = desk.dealership.billed()
    desk.dealership.pay(1_000_00, bill)
    dora = person(doors, f"dealer-{CME_ID}")
    (listed,) = dora.every(f"/billing/dealers/{CME_ID}/bills")
    assert listed == dora.get(f"/billing/bills/{bill.bill_id}").json
    assert (listed["status"], listed["paid_sum"], listed["left_sum"]) == ("PARTIAL", "1000.00", "24000.00")
    (account,) = dora.get(f"/billing/dealers/{CME_ID}").json["accounts"]
    assert account["contract_number"] is not None
    month = dora.get(f"/billing/dealers/{CME_ID}/statements/{MONTH}").json
    assert [line["amount"] for line in month["accounts"][0]["lines"]] == [f"-{REWARD // 100}.00", "1000.00"]
    for form, kind in (("csv", "text/csv"), ("pdf", "application/pdf")):
        assert dora.get(f"/billing/dealers/{CME_ID}/statements/{MONTH}/{form}").content_type == kind


def test_another_dealers_things_are_answered_as_what_never_was(desk: Desk, doors: Doors) -> None:
    """An id that begins like his, or has other letters, is another's."""
    bill = desk.dealership.billed(cme_dealer_id=LONGER)
    dora, never = person(doors, f"dealer-{CME_ID}"), "B" + "A" * 25
    for path in OF_A_DEALER:
        for other in (LONGER, OTHER):
            there, not_there = dora.get(path.format(other)), dora.get(path.format(NOBODY))
            assert (there.status, there.problem) == (404, "DealerNotFound")
            assert but_for_its_instance(there) == but_for_its_instance(not_there)
    there, not_there = dora.get(f"/billing/bills/{bill.bill_id}"), dora.get(f"/billing/bills/{never}")
    assert (there.status, there.problem) == (404, "BillNotFound")
    assert but_for_its_instance(there).replace(bill.bill_id, never) == but_for_its_instance(not_there)
    unknown = person(doors, f"dealer-{NOBODY}").get(f"/billing/dealers/{NOBODY}")
    assert but_for_its_instance(unknown) == but_for_its_instance(dora.get(f"/billing/dealers/{LONGER}"))


def test_who_is_in_two_groups_reads_of_both_and_of_no_third(desk: Desk, doors: Doors) -> None:
    bill = desk.dealership.billed(cme_dealer_id=LONGER)
    dora = person(doors, f"dealer-{CME_ID}", f"dealer-{LONGER}")
    assert dora.get(f"/billing/bills/{bill.bill_id}").status == 200
    for path in OF_A_DEALER:
        told = [dora.get(path.format(dealer)).status for dealer in (CME_ID, LONGER, OTHER)]
        assert told == [200, 200, 404]


def test_who_is_in_no_dealers_group_reads_nothing(desk: Desk, doors: Doors) -> None:
    """Nor is a name that looks like such a group one."""
    bill = desk.dealership.billed()
    for groups in ((), ("dealer-",), ("dealers-cme-7",), ("x-dealer-cme-7",), ("Dealer-cme-7",), ("cme-7",)):
        nobody = person(doors, *groups)
        for path in (*OF_A_DEALER, f"/billing/bills/{bill.bill_id}"):
            answer = nobody.get(path.format(CME_ID))
            assert (answer.status, answer.problem) == (403, "ScopeMissing"), groups


def test_a_dealers_person_writes_nothing(desk: Desk, doors: Doors) -> None:
    deal = desk.dealership.billed().deal_id
    dora, before = person(doors, f"dealer-{CME_ID}"), desk.dynamo.items()
    bodies = {
        Route("POST", "/billing/dealers"): DEALER,
        Route("PUT", "/billing/dealers/{cme_dealer_id}/requisites"): DEALER["requisites"],
        Route("POST", "/billing/deals"): DEAL,
        Route("POST", "/billing/bills"): ASKED,
        Route("PATCH", "/billing/deals/{deal_id}"): {"price": "1.00"},
        Route("POST", "/billing/dealers/{cme_dealer_id}/fast-buyout"): None,
        Route("POST", "/billing/dealers/{cme_dealer_id}/deposit-release"): None,
    }
    writes = {route for route in ROUTES if route.path.startswith("/billing/") and route.method != "GET"}
    assert writes == bodies.keys()
    for route, body in bodies.items():
        answer = dora.send(route.method, route.path.format(cme_dealer_id=CME_ID, deal_id=deal), body)
        assert (answer.status, answer.problem) == (403, "ScopeMissing"), route
    assert desk.dynamo.items() == before


def test_who_else_has_his_number_a_dealers_person_is_not_told(doors: Doors) -> None:
    told = [who.get(f"/billing/dealers/{CME_ID}") for who in (doors.dealer_system(), person(doors, f"dealer-{CME_ID}"))]
    assert [sorted(answer.json["same_inn"]) for answer in told] == [[OTHER, LONGER], []]


def test_he_is_told_whose_bills_he_may_read(doors: Doors) -> None:
    dora = person(doors, f"dealer-{LONGER}", "staff", f"dealer-{CME_ID}")
    assert dora.post("/users").status == 201
    assert dora.get("/me").json["dealers"] == [CME_ID, LONGER]


def test_groups_of_operators_and_of_machines_are_no_dealers() -> None:
    group = f"dealer-{CME_ID}"
    for token, path in (
        (Token("olga", groups=(group,)), "/operations/work"),
        (Token(groups=(group,), operator=False), "/me"),
    ):
        assert caller(token.claims(NOON), settings(), NOON, path).dealers == frozenset()
