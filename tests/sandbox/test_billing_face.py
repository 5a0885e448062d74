"""The billing system by hand: its documents, its controls, what it keeps over a restart, and its process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from common.gateways.billing.messages import read
from sandbox.billing.controls import Controls
from sandbox.billing.delivery import Delivery
from sandbox.billing.face import API_KEY, BillingFace
from sandbox.billing.faults import Faults, IllegalOrder
from sandbox.billing.invoice_pdf import invoice_pdf
from sandbox.billing.records import BillingRuleBroken, Contract, Invoice, Payment, Person, UnknownThing
from sandbox.billing.system import BillingSystem
from sandbox.serving import Answer, Request, serve
from tests.gateways.test_billing_contract import NOON
from tests.sandbox.billing import contract_of, invoice_of
from tests.sandbox.faces import Process, Said, call


@dataclass
class World:
    system: BillingSystem
    faults: Faults
    url: str
    contract_id: str
    invoice_id: str

    def ask(self, method: str, path: str, body: object = None) -> Said:
        return call(f"{self.url}/sandbox/{path}", method, body)

    def published(self) -> list[str]:
        return [message.value for message in self.system.outbox.messages()]


@pytest.fixture
def world() -> Iterator[World]:
    system, faults = BillingSystem(lambda: NOON), Faults()
    contract_id = contract_of(system)
    invoice_id = invoice_of(system, contract_id, 100_000)
    face, controls = BillingFace(system, faults), Controls(system, faults)

    def decide(request: Request) -> Answer:
        return (controls if request.path[0] == "sandbox" else face).decide(request)

    with serve(decide, name="sandbox-billing") as running:
        yield World(system, faults, running.url, contract_id, invoice_id)


# Documents


def pdf_of(world: World) -> bytes:
    invoice = world.system.find(Invoice, world.invoice_id)
    contract = world.system.find(Contract, invoice.contract_id)
    return invoice_pdf(invoice, contract, world.system.find(Person, contract.person_id))


def test_an_invoice_is_a_small_pdf_whose_letters_are_in_it(world: World) -> None:
    pdf = pdf_of(world)
    assert pdf.startswith(b"%PDF-1.")
    assert pdf.rstrip().endswith(b"%%EOF")
    assert b"DejaVuSans" in pdf
    assert b"/FontFile2" in pdf
    assert 5_000 < len(pdf) < 60_000
    assert pdf_of(world) == pdf


def test_another_sum_is_another_document(world: World) -> None:
    first = pdf_of(world)
    world.invoice_id = invoice_of(world.system, world.contract_id, 100_001, "bill-2")
    assert pdf_of(world) != first


def test_the_link_of_an_invoice_leads_to_it_without_a_key(world: World) -> None:
    told = call(f"{world.url}/v1/invoices/{world.invoice_id}", headers={"Authorization": f"Bearer {API_KEY}"}).json
    assert told["pdf_url"].startswith(world.url)
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", told["pdf_url"])
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.data == pdf_of(world)
    assert call(f"{world.url}/documents/invoice-1.pdf").status == 404


def test_what_is_not_a_document_needs_a_key(world: World) -> None:
    assert call(f"{world.url}/v1/invoices/{world.invoice_id}").status == 401
    assert call(f"{world.url}/v2/anything").status == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'{"external_id": 7}', b'{"external_id": "x"}', b'{"external_id": "other", "name": "a"}'],
)
def test_what_is_asked_in_no_shape_at_all_is_refused(world: World, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": "x"}
    assert call(f"{world.url}/v1/clients", "POST", body, headers=headers).status == 422


# Controls


def test_a_payment_by_hand_is_published_once_and_again_when_asked(world: World) -> None:
    paid = world.ask("POST", "payments", {"amount": "250.00", "invoice_id": world.invoice_id}).json
    assert (paid["contract_id"], paid["amount"]) == (world.contract_id, "250.00")
    world.ask("POST", "messages/again", {"payment_id": paid["payment_id"]})
    first, again = world.published()
    assert first == again
    message = read(first.encode())
    assert (message.payment.payment_id, message.payment.amount_kopecks) == (paid["payment_id"], 25_000)
    assert [p.kopecks for p in world.system.all(Payment)] == [25_000]


def test_money_without_an_invoice_is_for_a_contract(world: World) -> None:
    paid = world.ask("POST", "payments", {"amount": "1.00", "contract_id": world.contract_id}).json
    assert paid["invoice_id"] is None
    assert world.system.outbox.messages()[0].key == world.contract_id


def test_poison_is_published_as_it_is(world: World) -> None:
    world.ask("POST", "messages", {"value": "no JSON"})
    assert world.published() == ["no JSON"]


REFUSED: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "payments", {"amount": "0.00", "contract_id": "CONTRACT"}, 400),
    ("POST", "payments", {"amount": "1", "contract_id": "CONTRACT"}, 400),
    ("POST", "payments", {"amount": "-1.00", "contract_id": "CONTRACT"}, 400),
    ("POST", "payments", {"amount": 1.0, "contract_id": "CONTRACT"}, 400),
    ("POST", "payments", {"amount": "1.00"}, 400),
    ("POST", "payments", {"amount": "1.00", "contract_id": "nobody"}, 404),
    ("POST", "payments", {"amount": "1.00", "invoice_id": "nobody"}, 404),
    ("POST", "messages/again", {"payment_id": "nobody"}, 404),
    ("PUT", "refunds/nobody", {"state": "DONE"}, 404),
    ("PUT", "latency", {"seconds": -1}, 400),
    ("PUT", "latency", {"seconds": 61}, 400),
    ("POST", "faults", {"kind": "bad"}, 400),
    ("POST", "faults", {"kind": "500", "on": "bad"}, 400),
    ("POST", "faults", {"kind": "500", "times": 0}, 400),
    ("PUT", "broker", {"up": True}, 400),
    ("PUT", "nothing", {}, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), REFUSED)
def test_an_order_that_can_not_be_is_refused_with_a_word(
    world: World, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    given = {name: world.contract_id if value == "CONTRACT" else value for name, value in body.items()}
    said = world.ask(method, path, given)
    assert (said.status, bool(said.error)) == (status, True)
    assert world.published() == []


def test_an_invoice_of_another_contract_is_not_paid_by_mistake(world: World) -> None:
    other = contract_of(world.system, "dealer-2")
    with pytest.raises(BillingRuleBroken):
        world.system.pay(100, other, world.invoice_id, "оплата")


def test_a_refund_is_settled_once(world: World) -> None:
    world.system.pay(100, world.contract_id, None, "оплата")
    refund, _ = world.system.create_refund("r", world.contract_id, 100, {"reason": "уходит", "currency": "RUB"})
    assert world.ask("PUT", f"refunds/{refund.refund_id}", {"state": "PENDING"}).status == 400
    assert world.ask("PUT", f"refunds/{refund.refund_id}", {"state": "DONE"}).json["state"] == "DONE"
    assert world.ask("PUT", f"refunds/{refund.refund_id}", {"state": "REFUSED"}).status == 400


def test_a_slow_answer_is_of_what_was_done_at_once() -> None:
    slept: list[float] = []
    system, faults = BillingSystem(lambda: NOON), Faults()
    faults.slow_down(7)
    with serve(BillingFace(system, faults, slept.append).decide, name="sandbox-billing") as running:
        headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": "x"}
        said = call(f"{running.url}/v1/clients", "POST", {"external_id": "x", "name": "a"}, headers=headers)
    assert (said.status, slept) == (201, [7])


def test_a_latency_that_is_none_is_refused() -> None:
    with pytest.raises(IllegalOrder):
        Faults().slow_down(-1)


# Over a restart


def test_everything_is_there_again_after_a_restart(world: World) -> None:
    world.system.pay(100, world.contract_id, world.invoice_id, "оплата")
    world.system.create_refund("r", world.contract_id, 50, {"reason": "уходит", "currency": "RUB"})
    restored = BillingSystem(lambda: NOON)
    restored.restore(json.loads(json.dumps(world.system.state())))
    assert restored.state() == world.system.state()
    assert restored.standing(world.contract_id) == world.system.standing(world.contract_id)
    known, again = restored.create_invoice(
        "bill-1",
        100_000,
        {
            "contract_id": world.contract_id,
            "description": "Вознаграждение по сделке 1",
            "due_date": "2026-12-29",
            "currency": "RUB",
        },
    )
    assert (known.invoice_id, again) == (world.invoice_id, True)
    new, _ = restored.create_client("dealer-3", "Новый")
    with pytest.raises(UnknownThing):
        world.system.find(type(new), new.client_id)


def test_the_process_keeps_its_books_and_publishes_what_waits(tmp_path: Path) -> None:
    kept = tmp_path / "billing.json"
    first = Process("billing", "--state", str(kept))
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": "dealer-1"}
    made = call(f"{first.url}/v1/clients", "POST", {"external_id": "dealer-1", "name": "Автосалон"}, headers=headers)
    call(f"{first.url}/sandbox/messages", "POST", {"value": "waits"})
    wait(lambda: bool(state(first.url)["outbox"][0]["published"]))
    assert first.stop() == (0, "")
    second = Process("billing", "--state", str(kept))
    again = call(f"{second.url}/v1/clients", "POST", {"external_id": "dealer-1", "name": "Автосалон"}, headers=headers)
    assert (made.status, again.status) == (201, 200)
    assert again.json == made.json
    wait(lambda: bool(state(second.url)["outbox"][0]["published"]))
    before = state(second.url)["broker"]
    assert call(f"{second.url}/sandbox/broker", "PUT", {"up": False}).json == {"broker": None}
    assert call(f"{second.url}/sandbox/broker", "PUT", {"up": True}).json["broker"] not in (None, before)
    wait(lambda: bool(state(second.url)["outbox"][0]["published"]))
    assert second.stop() == (0, "")


def state(url: str) -> Any:
    return call(f"{url}/sandbox/state").json


def wait(until: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not until():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_without_a_function_payments_wait_at_the_broker() -> None:
    system = BillingSystem(lambda: NOON)
    delivery = Delivery(system.outbox, None, None)
    try:
        system.pay(100, contract_of(system), None, "оплата")
        assert delivery.publish() == 1
        assert delivery.give(0.01) > 0
        assert len(system.outbox.unsettled()) == 1
    finally:
        delivery.close()
