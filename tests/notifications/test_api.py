"""Who asks at the door, and what he is told there: a customer, a dealers' system, and a machine of another kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.identity import BILLING
from tests import openapi
from tests.desk import Desk
from tests.doors import Doors, Token, opened
from tests.notifications.hooks import URL, Hooks


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def doors(desk: Desk) -> Iterator[Doors]:
    with opened(desk, openapi.check) as doors:
        yield doors


def test_a_dealers_system_registers_and_is_told_of_bills(desk: Desk, doors: Doors) -> None:
    hooks, cme = Hooks(desk), doors.dealer_system()
    made = cme.post("/webhooks/endpoints", {"url": URL, "events": ["bill.pending"]})
    assert (made.status, made.json["events"]) == (201, ["bill.pending"])
    desk.dealership.active()
    bill = desk.dealership.billed()
    hooks.take()
    hooks.round()
    (message,) = hooks.received()
    assert message.verified(made.json["secret"])
    (listed,) = cme.get(f"/webhooks/endpoints/{made.json['endpoint_id']}/deliveries").json["items"]
    assert (listed["thing_id"], listed["status"]) == (bill.bill_id, "DELIVERED")
    assert cme.post(f"/webhooks/deliveries/{listed['id']}/replay").status == 200
    again = cme.post(f"/webhooks/endpoints/{made.json['endpoint_id']}/rotate-secret", {"secret_number": 1})
    assert again.json["secret_number"] == 2


def test_one_dealers_system_has_no_endpoint_of_anothers_or_of_a_customers(doors: Doors) -> None:
    lotus = doors.as_(Token(sub="lotus", changed={"scope": BILLING}))
    for who in (doors.dealer_system(), doors.customer("ann")):
        endpoint_id = who.post("/webhooks/endpoints", {"url": URL}).json["endpoint_id"]
        assert lotus.get("/webhooks/endpoints").json["items"] == []
        assert lotus.get(f"/webhooks/endpoints/{endpoint_id}/deliveries").problem == "EndpointNotFound"
        assert lotus.send("DELETE", f"/webhooks/endpoints/{endpoint_id}").problem == "EndpointNotFound"


def test_a_machine_of_another_kind_is_nobody_who_is_told(doors: Doors) -> None:
    other = doors.as_(Token(sub="other", changed={"scope": "cryptodesk/reports"}))
    assert other.post("/webhooks/endpoints", {"url": URL}).problem == "NotACustomer"


def test_a_customer_hears_of_no_bills_whatever_his_token_says(doors: Doors) -> None:
    """A user's token never has the scope; with it he is a customer still."""
    ann = doors.as_(Token("ann", "sub-ann", changed={"scope": BILLING}))
    assert ann.post("/webhooks/endpoints", {"url": URL, "events": ["bill.paid"]}).problem == "UnknownEventType"
    made = ann.post("/webhooks/endpoints", {"url": URL}).json
    assert not any(each.startswith(("bill.", "dealer.")) for each in made["events"])
