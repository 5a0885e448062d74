"""The dealers' systems at the door, with what they should not send: another's token, unknown things, impossible sums,
requisites wrong by a digit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest

from common.requisites import Requisites, violations
from tests import openapi
from tests.billing.dealership import CME_ID, OFFER
from tests.billing.test_api import DEAL, DEALER, REWARD
from tests.common.test_requisites import BOTH, COMPANY, slips
from tests.desk import Desk
from tests.doors import Client, Token, opened

SCOPE = "cryptodesk/billing"
REQUISITES = {**asdict(COMPANY), "kind": "COMPANY"}
DEALERS = f"/billing/dealers/{CME_ID}"
ASKED: list[tuple[str, str, Any]] = [
    ("POST", "/billing/dealers", DEALER),
    ("PUT", f"{DEALERS}/requisites", REQUISITES),
    ("GET", DEALERS, None),
    ("GET", f"{DEALERS}/bills", None),
    ("POST", "/billing/deals", DEAL),
    ("POST", "/billing/bills", REWARD),
    ("GET", "/billing/bills/IAAAAAAAAAAAAAAAAAAAAAAAAA", None),
]
OPERATED = (
    "/operations/billing/dealers",
    f"/operations/billing/dealers/{CME_ID}",
    f"/operations/billing/dealers/{CME_ID}/bills",
    "/operations/billing/bills/IAAAAAAAAAAAAAAAAAAAAAAAAA",
    "/operations/compare/billing",
)


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


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"scope": None}, "ScopeMissing"),
        ({"scope": "cryptodesk/billings cryptodesk"}, "ScopeMissing"),
        ({"scope": SCOPE, "client_id": "of-another-pool"}, "TokenRefused"),
        ({"scope": SCOPE, "client_id": None}, "TokenRefused"),
        ({"scope": SCOPE, "iss": "https://cognito-idp.eu-central-1.amazonaws.com/another"}, "TokenRefused"),
        ({"scope": SCOPE, "token_use": "id"}, "TokenRefused"),
        ({"scope": SCOPE, "exp": "1"}, "TokenRefused"),
    ],
)
@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_a_token_without_the_scope_or_of_another_client_opens_nothing(
    desk: Desk, method: str, path: str, body: Any, changed: dict[str, str | None], problem: str
) -> None:
    """Looked at in the function, too: whatever an authorizer has let in."""
    with opened(desk, openapi.check) as doors:
        answer = doors.as_(Token(sub="cme", changed=changed)).send(method, path, body)
    assert (answer.status, answer.problem) == (403, problem)
    assert desk.dynamo.items() == []


@pytest.mark.parametrize("path", OPERATED)
def test_a_dealers_system_is_no_operator(cme: Client, path: str) -> None:
    assert (cme.get(path).status, cme.get(path).problem) == (403, "TokenRefused")


def test_a_customer_and_an_operator_are_no_dealers_system(desk: Desk) -> None:
    with opened(desk, openapi.check) as doors:
        for who, problem in ((doors.customer(), "ScopeMissing"), (doors.operator(), "TokenRefused")):
            for method, path, body in ASKED:
                assert who.send(method, path, body).problem == problem


@pytest.mark.parametrize(
    ("method", "path", "body", "problem"),
    [
        ("GET", "/billing/dealers/nobody", None, "DealerNotFound"),
        ("GET", "/billing/dealers/nobody/bills", None, "DealerNotFound"),
        ("PUT", "/billing/dealers/nobody/requisites", REQUISITES, "DealerNotFound"),
        ("POST", "/billing/deals", {**DEAL, "cme_dealer_id": "nobody"}, "DealerNotFound"),
        ("POST", "/billing/bills", {**REWARD, "cme_dealer_id": "nobody"}, "DealerNotFound"),
        ("POST", "/billing/bills", {**REWARD, "deal_id": "unknown"}, "DealNotFound"),
        ("GET", "/billing/bills/IAAAAAAAAAAAAAAAAAAAAAAAAA", None, "BillNotFound"),
    ],
)
def test_what_is_unknown_is_not_found(desk: Desk, cme: Client, method: str, path: str, body: Any, problem: str) -> None:
    desk.dealership.registered()
    answer = cme.send(method, path, body)
    assert (answer.status, answer.problem) == (404, problem)


def test_an_unknown_account_type_is_none_of_ours(desk: Desk, cme: Client) -> None:
    """The operation names it; a settlement needs an account that fast buyout opens."""
    desk.dealership.registered()
    assert cme.post("/billing/deals", DEAL).status == 201
    assert cme.post("/billing/bills", {**REWARD, "operation": "GET_DEPOSIT"}).problem == "InvalidRequest"
    settlement = {**REWARD, "operation": "GET_SETTLEMENT", "amount": "5.00"}
    assert (cme.post("/billing/bills", settlement).status, cme.post("/billing/bills", settlement).problem) == (
        409,
        "AccountNotOpened",
    )


@pytest.mark.parametrize("sum_", ["0.00", "-1.00", "1", "1.001", "1e3", "NaN", "99999999999.00", 1, 1.5, None])
def test_an_impossible_sum_is_refused(desk: Desk, cme: Client, sum_: Any) -> None:
    desk.dealership.registered()
    assert cme.post("/billing/deals", {**DEAL, "price": sum_}).problem == "InvalidRequest"
    assert cme.post("/billing/deals", DEAL).status == 201
    settled = {**REWARD, "operation": "GET_SETTLEMENT", "amount": sum_}
    assert cme.post("/billing/bills", settled).status == 422


@pytest.mark.parametrize("missing", ["offer_version", "offer_accepted_at", "requisites", "cme_dealer_id"])
def test_nobody_is_registered_without_his_consent(desk: Desk, cme: Client, missing: str) -> None:
    answer = cme.post("/billing/dealers", {name: value for name, value in DEALER.items() if name != missing})
    assert (answer.status, answer.problem) == (422, "InvalidRequest")
    assert desk.dynamo.items() == []


CHECKED = ("inn", "ogrn", "account", "correspondent_account")


@BOTH
@pytest.mark.parametrize("field", CHECKED)
def test_requisites_wrong_in_any_digit_that_a_check_sees_are_refused(
    desk: Desk, cme: Client, good: Requisites, field: str
) -> None:
    """By registering and by an update; the field is told, what it held is not."""
    desk.dealership.dealers.register(CME_ID, good, OFFER)
    seen = 0
    for slip in list(slips(getattr(good, field)))[::7]:
        changed: dict[str, Any] = {field: slip}
        wrong = replace(good, **changed)
        if field not in violations(wrong):
            continue  # no check can see this one
        seen += 1
        body = {**asdict(wrong), "kind": str(good.kind)}
        for answer in (
            cme.post("/billing/dealers", {**DEALER, "cme_dealer_id": "another", "requisites": body}),
            cme.put(f"{DEALERS}/requisites", body),
        ):
            assert (answer.status, answer.problem) == (422, "RequisitesWrong")
            assert answer.json["fields"].keys() == {field}
            assert slip not in answer.text
    assert seen >= 10


def test_every_wrong_field_is_told_at_once(cme: Client) -> None:
    wrong = {
        "kind": "COMPANY",
        "name": "",
        "inn": "1",
        "kpp": None,
        "ogrn": "x",
        "legal_address": " x",
        "post_address": "x\n",
        "bank_name": "",
        "bik": "54",
        "account": "1",
        "correspondent_account": "",
    }
    answer = cme.post("/billing/dealers", {**DEALER, "requisites": wrong})
    assert answer.problem == "RequisitesWrong"
    assert answer.json["fields"].keys() == wrong.keys() - {"kind"}


def test_a_second_dealer_of_one_taxpayer_is_registered_and_told(cme: Client) -> None:
    first = cme.post("/billing/dealers", DEALER)
    second = cme.post("/billing/dealers", {**DEALER, "cme_dealer_id": "cme-8"})
    assert (first.status, first.json["same_inn"]) == (201, [])
    assert (second.status, second.json["same_inn"]) == (201, [CME_ID])
    assert cme.get(DEALERS).json["same_inn"] == ["cme-8"]


def test_changed_requisites_are_told_by_their_version_alone(desk: Desk, cme: Client) -> None:
    cme.post("/billing/dealers", DEALER)
    desk.dealership.run()
    moved = {**REQUISITES, "bank_name": "Банк «Другой»"}
    changed = cme.put(f"{DEALERS}/requisites", moved)
    assert (changed.status, changed.json["requisites_version"]) == (200, 2)
    assert [account["requisites_version"] for account in changed.json["accounts"]] == [1]
    desk.dealership.run()
    after = cme.get(DEALERS)
    assert [account["requisites_version"] for account in after.json["accounts"]] == [2]
    for answer in (changed, after):
        assert not [
            value for value in (*asdict(COMPANY).values(), "Другой") if value != "COMPANY" and value in answer.text
        ]


def test_operators_see_dealers_and_bills_and_no_requisite(desk: Desk) -> None:
    dealership = desk.dealership
    dealer_id = dealership.active().dealer_id
    paid, late = dealership.billed(100_00), dealership.billed(200_00)
    dealership.pay(100_00, paid)
    desk.clock.forward(days=11)
    with opened(desk, openapi.check) as doors:
        olga = doors.operator()
        listed = olga.get("/operations/billing/dealers").json["items"]
        assert [each["dealer_id"] for each in listed] == [dealer_id]
        for named in (dealer_id, CME_ID):
            told = olga.get(f"/operations/billing/dealers/{named}")
            (account,) = told.json["accounts"]
            assert (account["status"], account["received"], account["current_balance"]) == ("READY", "100.00", "0.00")
            assert COMPANY.inn not in told.text
            assert COMPANY.name not in told.text
        bills = olga.get(f"/operations/billing/dealers/{CME_ID}/bills").json["items"]
        assert [(bill["bill_id"], bill["overdue"]) for bill in bills] == [(late.bill_id, True), (paid.bill_id, False)]
        bill = olga.get(f"/operations/billing/bills/{late.bill_id}").json
        assert (bill["bill"]["status"], bill["events"][0]["after"]) == ("PENDING", "NEW")
        compared = olga.post("/operations/compare/billing").json
        assert (compared["verdict"], compared["compared"], compared["cursor"]) == ("AGREES", 3, None)
