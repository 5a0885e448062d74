"""The dealers' systems at the door: what they send and get, in roubles with two decimals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import pytest

from common.identity import BILLING
from tests import openapi
from tests.billing.dealership import CME_ID
from tests.common.test_requisites import COMPANY
from tests.desk import Desk
from tests.doors import Client, Token, opened

DEALER = {
    "cme_dealer_id": CME_ID,
    "requisites": {**asdict(COMPANY), "kind": "COMPANY"},
    "offer_version": "2026-11",
    "offer_accepted_at": "2026-11-20T12:00:00Z",
}
DEAL = {"deal_id": "deal", "cme_dealer_id": CME_ID, "price": "1000000.00"}
REWARD = {"operation": "GET_REWARD", "cme_dealer_id": CME_ID, "deal_id": "deal"}


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    assert desk.dealership
    yield desk
    desk.dealership.check()
    desk.check()


@pytest.fixture
def cme(desk: Desk) -> Iterator[Client]:
    with opened(desk, openapi.check) as doors:
        yield doors.dealer_system()


def test_a_dealer_is_registered_onboarded_billed_and_pays(desk: Desk, cme: Client) -> None:
    made = cme.post("/billing/dealers", DEALER)
    assert (made.status, made.json["status"], made.json["commission_percent"]) == (201, "REGISTERED", "2.5")
    deal = cme.post("/billing/deals", DEAL)
    assert (deal.status, deal.json["commission"]) == (201, "25000.00")
    desk.dealership.run()
    (account,) = cme.get(f"/billing/dealers/{CME_ID}").json["accounts"]
    assert (account["type"], account["status"], account["current_balance"]) == ("COMMISSION", "READY", "0.00")
    bill = cme.post("/billing/bills", REWARD)
    assert (bill.status, bill.json["status"], bill.json["common_sum"]) == (200, "PENDING", "25000.00")
    assert bill.json["url"].endswith(".pdf")
    desk.dealership.pay(25_100_00, desk.bills.bill(bill.json["bill_id"]))
    paid = cme.get(f"/billing/bills/{bill.json['bill_id']}").json
    assert (paid["status"], paid["paid_sum"]) == ("PAID", "25000.00")
    (account,) = cme.get(f"/billing/dealers/{CME_ID}").json["accounts"]
    assert account["current_balance"] == "100.00"


def test_a_registered_dealer_is_a_conflict_that_tells_him_as_he_is(cme: Client) -> None:
    first = cme.post("/billing/dealers", DEALER).json
    again = cme.post("/billing/dealers", {**DEALER, "offer_version": "2027-01"})
    assert (again.status, again.problem) == (409, "DealerExists")
    for told, name in (("dealer_id", "dealer_id"), ("offer_version", "offer_version"), ("dealer_status", "status")):
        assert again.json[told] == first[name]


def test_wrong_requisites_are_told_by_field_and_never_repeated(desk: Desk, cme: Client) -> None:
    wrong = {**DEALER["requisites"], "inn": "7707083894"}  # type: ignore[dict-item]
    answer = cme.post("/billing/dealers", {**DEALER, "requisites": wrong})
    assert (answer.status, answer.problem) == (422, "RequisitesWrong")
    assert answer.json["fields"].keys() == {"inn"}
    assert "7707083894" not in answer.text


@pytest.mark.parametrize(
    "sum_", ["0.00", "-1.00", "1", "1.0", "1.001", "1,00", "01.00", "1.00\n", "99999999999.00", 1, None]
)
def test_a_sum_is_text_of_roubles_with_two_decimals(cme: Client, sum_: object) -> None:
    answer = cme.post("/billing/deals", {**DEAL, "price": sum_})
    assert (answer.status, answer.problem) == (422, "InvalidRequest")


def test_the_key_of_one_caller_is_not_anothers(desk: Desk) -> None:
    desk.dealership.active()
    desk.dealership.billed()
    with opened(desk, openapi.check) as doors:
        cme, lotus = doors.dealer_system(), doors.as_(Token(sub="lotus", changed={"scope": BILLING}))
        cme.send("PATCH", "/billing/deals/deal-1", {"price": "800000.00"}, key="price-2")
        cme.send("PATCH", "/billing/deals/deal-1", {"price": "900000.00"}, key="price-3")
        changed = lotus.send("PATCH", "/billing/deals/deal-1", {"price": "800000.00"}, key="price-2")
    assert (changed.json["price"], changed.replayed) == ("800000.00", False)


def test_a_deal_changes_by_a_key_of_the_callers_own(desk: Desk, cme: Client) -> None:
    dealership = desk.dealership
    dealership.active()
    dealership.pay(25_000_00, dealership.billed())
    changed = cme.send("PATCH", "/billing/deals/deal-1", {"price": "800000.00"}, key="change-1")
    assert (changed.status, changed.json["price"], changed.json["commission"]) == (200, "800000.00", "20000.00")
    again = cme.send("PATCH", "/billing/deals/deal-1", {"price": "800000.00"}, key="change-1")
    assert (again.json, again.replayed) == (changed.json, True)
    other = cme.send("PATCH", "/billing/deals/deal-1", {"price": "1.00"}, key="change-1")
    assert (other.status, other.problem) == (409, "IdempotencyKeyReused")
    dealership.run()
    bill = cme.get(f"/billing/bills/{changed.json['commission_bills'][0]}").json
    assert (bill["status"], bill["paid_sum"], bill["credited_sum"]) == ("PAID", "20000.00", "5000.00")
    gone = cme.send("PATCH", "/billing/deals/deal-1", {"cancelled": True})
    assert (gone.status, gone.json["status"], gone.json["commission_bills"]) == (200, "CANCELLED", [])
    assert cme.get("/billing/deals/deal-1").json == gone.json
    dealership.run()


def test_a_settlement_of_a_wrong_sum_is_corrected_at_its_deal(desk: Desk, cme: Client) -> None:
    dealership = desk.dealership
    dealership.active()
    dealership.buying().billed()
    asked = {"operation": "GET_SETTLEMENT", "cme_dealer_id": CME_ID, "deal_id": "deal-1", "amount": "90000000.00"}
    typed = cme.post("/billing/bills", asked).json["bill_id"]
    dealership.run()
    changed = cme.send("PATCH", "/billing/deals/deal-1", {"settlement": "900000.00"}, key="typo").json
    assert (changed["settlement"], changed["price"]) == ("900000.00", "1000000.00")
    dealership.run()
    (new,) = changed["settlement_bills"]
    assert changed["settlement_bill"] == new != typed
    bill, old = (cme.get(f"/billing/bills/{bill_id}").json for bill_id in (new, typed))
    assert (bill["status"], bill["common_sum"]) == ("PENDING", "900000.00")
    assert (old["status"], old["credited_sum"]) == ("CANCELLED", "90000000.00")
    assert cme.post("/billing/bills", asked).json["bill_id"] == new, "a late repeat does not undo it"
    other = cme.post("/billing/bills", {**asked, "amount": "1.00"})
    assert (other.status, other.problem) == (409, "BillDiffers")


def test_late_repeats_of_requisites_and_releases_change_nothing(desk: Desk, cme: Client) -> None:
    dealership, path = desk.dealership, f"/billing/dealers/{CME_ID}"
    dealership.active()
    dealership.buying()
    first, second = ({**DEALER["requisites"], "bank_name": f"Банк {n}"} for n in (1, 2))  # type: ignore[dict-item]
    assert cme.send("PUT", f"{path}/requisites", {**first, "replaces": 1}).json["requisites_version"] == 2
    assert cme.send("PUT", f"{path}/requisites", second).json["requisites_version"] == 3
    for body in (first, {**first, "replaces": 1}):
        late = cme.send("PUT", f"{path}/requisites", body)
        assert (late.status, late.problem, late.json["requisites_version"]) == (409, "RequisitesMoved", 3)
    assert cme.send("PUT", f"{path}/requisites", {**first, "replaces": 0}).problem == "InvalidRequest"
    dealership.run()
    held, again = (cme.send("POST", f"{path}/deposit-release", key="leaves") for _ in range(2))
    assert (held.status, held.json["status"], again.status, again.json) == (202, "HELD", 200, held.json)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "NothingChanged"),
        ({"settlement": "1.00", "cme_dealer_id": CME_ID}, "NothingChanged"),
        ({"settlement": "1.00", "cancelled": True}, "NothingChanged"),
        *(({"settlement": sum_}, "InvalidRequest") for sum_ in ("0.00", "-1.00", "1.001", "99999999999.00", 1)),
        ({"price": "1.00", "cancelled": True}, "NothingChanged"),
        ({"cancelled": False}, "InvalidRequest"),
        *(({"price": price}, "InvalidRequest") for price in ("0.00", "-1.00", "1.001", "99999999999.00", 1)),
    ],
)
def test_what_is_no_change_of_a_deal_is_refused(desk: Desk, cme: Client, body: object, problem: str) -> None:
    desk.dealership.active()
    desk.dealership.billed()
    answer = cme.send("PATCH", "/billing/deals/deal-1", body)
    assert (answer.status, answer.problem) == (422, problem)


@pytest.mark.parametrize("amount", ["0.00", "-1.00", "1.001", "99999999999.00", "1", 1])
def test_a_settlement_of_no_sum_is_refused(desk: Desk, cme: Client, amount: object) -> None:
    desk.dealership.active()
    desk.dealership.buying().billed()
    asked = {"operation": "GET_SETTLEMENT", "cme_dealer_id": CME_ID, "deal_id": "deal-1", "amount": amount}
    answer = cme.post("/billing/bills", asked)
    assert (answer.status, answer.problem) == (422, "InvalidRequest")


def test_a_dealer_gets_fast_buyout_bids_and_leaves(desk: Desk, cme: Client) -> None:
    with opened(desk, openapi.check) as doors:
        olga, segment = doors.operator(), {"deposit_min": "100000.00", "price_max": "1000000.00"}
        body = {**segment, "reason": "as the board decided"}
        assert doors.confirmed(olga.send("PUT", "/operations/billing/segments/A", body)).json["done"]
        assert cme.send("PUT", "/operations/billing/segments/A", body).status == 403
    desk.dealership.active()
    path = f"/billing/dealers/{CME_ID}"
    assert cme.get(f"{path}/fast-buyout").json["eligible"] is False
    assert [cme.post(f"{path}/fast-buyout").status for _ in range(2)] == [201, 200]
    desk.dealership.run()
    desk.dealership.buying()
    told = cme.get(f"{path}/fast-buyout", segment="A").json
    assert (told["eligible"], told["deposit"]) == (True, "150000.00")
    assert told["segment"] == {"segment_id": "A", **segment}
    assert cme.get("/billing/segments").json == {"items": [told["segment"]]}
    assert cme.get(f"{path}/fast-buyout", segment="B").problem == "SegmentNotFound"
    released = [cme.post(f"{path}/deposit-release") for _ in range(2)]
    assert [(answer.status, answer.json["amount"]) for answer in released] == [(202, "150000.00"), (200, "150000.00")]
    assert cme.get(f"{path}/fast-buyout").json["status"] == "LEAVING"
    assert cme.get("/billing/dealers/nobody/fast-buyout").problem == "DealerNotFound"


def test_a_statement_is_json_csv_and_pdf(desk: Desk, cme: Client) -> None:
    desk.dealership.active()
    desk.dealership.pay(20_000_00, desk.dealership.billed())
    path = f"/billing/dealers/{CME_ID}/statements/2026-11"
    made = cme.get(path).json
    assert (made["final"], made["opening_balance"], made["closing_balance"]) == (False, "0.00", "-5000.00")
    (account,) = made["accounts"]
    assert [(line["what"], line["amount"], line["balance"]) for line in account["lines"]] == [
        ("BILL", "-25000.00", "-25000.00"),
        ("PAYMENT", "20000.00", "-5000.00"),
    ]
    assert cme.get(f"{path}/csv").text.splitlines()[-1].endswith("-5000.00")
    assert cme.get(f"{path}/pdf").text.startswith("%PDF-")
    for wrong in ("2026-13", "november", "2026-11-01"):
        assert cme.get(f"/billing/dealers/{CME_ID}/statements/{wrong}").status in (404, 422)
    assert cme.get(f"/billing/dealers/{CME_ID}/statements/2027-01").problem == "MonthNotBegun"


def test_bills_are_listed_unpaid_first_in_pages(desk: Desk, cme: Client) -> None:
    dealership = desk.dealership
    dealership.active()
    paid, *unpaid = [dealership.billed(100_00) for _ in range(5)]
    dealership.pay(100_00, paid)
    for limit in (1, 2, 100):
        listed = cme.every(f"/billing/dealers/{CME_ID}/bills", limit=limit)
        assert [bill["bill_id"] for bill in listed] == [bill.bill_id for bill in (*unpaid, paid)]


@pytest.mark.parametrize("scope", ["billing", "cryptodesk/billings", "cryptodesk", "Cryptodesk/billing", ""])
def test_another_scope_is_none(desk: Desk, scope: str) -> None:
    with opened(desk, openapi.check) as doors:
        answer = doors.as_(Token(sub="cme", changed={"scope": scope})).post("/billing/dealers", DEALER)
    assert (answer.status, answer.problem) == (403, "ScopeMissing")
    assert desk.dynamo.items() == []
