"""Payments of dealers on the real local stack: by the queue, and by Kafka, whose broker ends and begins anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import httpx
import pytest

from tests.common.test_requisites import COMPANY
from tests.depth import PROVED
from tests.journeys.conftest import Stack, eventually


@pytest.fixture(scope="module")
def system(stack: Stack) -> Iterator[httpx.Client]:
    """CME's."""
    with stack.desk.system() as http:
        yield http


@pytest.fixture(scope="module")
def billing(stack: Stack) -> Iterator[httpx.Client]:
    """What people do to the simulated billing system."""
    with httpx.Client(base_url=f"{stack.desk.environment.billing_url}/sandbox", timeout=10) as http:
        yield http


def _billed(system: httpx.Client, name: str, price: str) -> dict[str, Any]:
    """A new dealer's first bill, with its invoice."""
    offer = {"offer_version": "2026-11", "offer_accepted_at": "2026-11-20T12:00:00Z"}
    dealer = {"cme_dealer_id": name, "requisites": {**asdict(COMPANY), "kind": "COMPANY"}, **offer}
    assert system.post("/billing/dealers", json=dealer).status_code == 201
    deal = {"deal_id": f"deal-of-{name}", "cme_dealer_id": name, "price": price}
    assert system.post("/billing/deals", json=deal).status_code == 201

    def bills() -> list[dict[str, Any]]:
        return [b for b in system.get(f"/billing/dealers/{name}/bills").json()["items"] if b["status"] != "NEW"]

    eventually(lambda: bool(bills()), every=1.0)
    return bills()[0]


def _invoice(billing: httpx.Client, bill: dict[str, Any]) -> str:
    invoices = billing.get("/state").json()["invoices"]
    (found,) = [i["invoice_id"] for i in invoices if i["external_id"] == bill["bill_id"]]
    return str(found)


def _pay(billing: httpx.Client, bill: dict[str, Any], *amounts: str) -> None:
    invoice = _invoice(billing, bill)
    for amount in amounts:
        billing.post("/payments", json={"amount": amount, "invoice_id": invoice}).raise_for_status()


def _outbox(billing: httpx.Client) -> list[str]:
    return [message["value"] for message in billing.get("/state").json()["outbox"]]


def _broker(billing: httpx.Client, *, up: bool) -> None:
    billing.put("/broker", json={"up": up}).raise_for_status()


@PROVED
def test_a_bill_is_paid_in_two_parts_by_the_queue(stack: Stack, system: httpx.Client, billing: httpx.Client) -> None:
    """Kafka is down; when it is back, the same messages come by it as well, and change nothing."""
    bill = _billed(system, "by-queue", "400000.00")
    assert (bill["status"], bill["common_sum"]) == ("PENDING", "10000.00")
    queue, url = stack.desk.environment.client("sqs"), stack.desk.deployment.payments_queue_url
    _broker(billing, up=False)
    try:
        _pay(billing, bill, "4000.00", "7000.00")
        first, second = _outbox(billing)
        for message in (second, first, first):
            queue.send_message(QueueUrl=url, MessageBody=message)
        eventually(lambda: _bill(system, bill)["status"] == "PAID", every=0.5)
    finally:
        _broker(billing, up=True)
    eventually(lambda: _outbox(billing) == [], every=0.5)
    eventually(lambda: _waiting(queue, url) == 0, every=0.5)
    dealer = system.get("/billing/dealers/by-queue").json()
    assert [account["current_balance"] for account in dealer["accounts"]] == ["1000.00"]


@PROVED
def test_when_the_broker_ends_nothing_is_lost_or_comes_twice(system: httpx.Client, billing: httpx.Client) -> None:
    bill = _billed(system, "by-kafka", "4000000.00")
    for _ in range(4):
        _pay(billing, bill, "100.00", "100.00")
        _broker(billing, up=False)
        _pay(billing, bill, "100.00", "100.00")
        _broker(billing, up=True)
        _pay(billing, bill, "100.00")
    eventually(lambda: _bill(system, bill)["paid_sum"] == "2000.00", every=0.5)
    eventually(lambda: _outbox(billing) == [], every=0.5)
    assert _bill(system, bill)["paid_sum"] == "2000.00"


@PROVED
def test_a_poison_message_is_parked_found_and_dismissed(stack: Stack, billing: httpx.Client) -> None:
    billing.post("/messages", json={"value": "no JSON, only poison"}).raise_for_status()
    with stack.operator() as olga, stack.desk.http("otto") as otto:

        def parked() -> list[dict[str, Any]]:
            found = olga.get("/operations/work", params={"context": "payments"}).json()["items"]
            return [each for each in found if "not JSON" in each["waits_for"]]

        eventually(lambda: bool(parked()), every=0.5)
        (waiting,) = parked()
        work = f"/operations/work/{waiting['id']}"
        assert "only poison" in olga.get(work).json()["calls"][0]["says"]
        told = {"reference": "ticket 4713", "reason": "somebody has tried something"}
        proposed = olga.post(f"/operations/payments/{waiting['id']}/dismiss", json=told)
        assert proposed.status_code == 200, proposed.text
        confirmed = otto.post(f"/operations/proposals/{proposed.json()['id']}/confirm", json={"reason": "seen"})
        assert confirmed.status_code == 200, confirmed.text
        stack.desk.invoke("cryptodesk-billing-spread-payments")
        assert olga.get(work).json()["status"] == "DISMISSED"
        assert parked() == []


def _bill(system: httpx.Client, bill: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = system.get(f"/billing/bills/{bill['bill_id']}").json()
    return found


def _waiting(queue: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = queue.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(told[name]) for name in names)
