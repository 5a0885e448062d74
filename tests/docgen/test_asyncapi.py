"""The document of the events is one of AsyncAPI 3.0, and each of its messages is what is sent, or what is read."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from common.gateways.billing import PaymentTakenBack
from common.gateways.billing.messages import REVERSED, TYPE, read
from docgen import asyncapi
from docgen.webhooks import MEANINGS
from functions.billing.stream import TOPICS
from functions.notifications.model import TEST_TYPE, system
from infra.bundle import ROOT
from sandbox.billing.system import BillingSystem
from tests.desk import Desk
from tests.gateways.test_billing_messages import AT, GOOD
from tests.notifications.hooks import Hooks
from tests.sandbox.billing import contract_of

DOCUMENT: dict[str, Any] = json.loads((ROOT / asyncapi.PAGE).read_text())
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]


def is_of(type_: str, message: dict[str, Any]) -> bool:
    return bool(Draft7Validator(MESSAGES[type_]["payload"]).is_valid(message))


def test_the_document_is_one_of_asyncapi_3() -> None:
    """By the specification's own schema."""
    specification = ROOT / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    errors = Draft7Validator(json.loads(specification.read_text())).iter_errors(DOCUMENT)
    assert [error.message for error in errors] == []


def test_all_that_is_told_and_taken_is_in_it() -> None:
    assert {*MESSAGES} == {*MEANINGS, TYPE, REVERSED}
    channels = {name: [*channel["messages"]] for name, channel in DOCUMENT["channels"].items()}
    assert channels == {"webhooks": sorted(MEANINGS), "payments": [TYPE, REVERSED]}
    assert [DOCUMENT["channels"]["payments"]["address"]] == [*TOPICS.values()]


def test_each_webhook_is_sent_as_its_example(desk: Desk) -> None:
    """To a customer's program, or to that of a dealers' system."""
    hooks, at = Hooks(desk), asyncapi.AT
    ann, cme = desk.customer(), system("cme")
    desk.clock.at = at - timedelta(hours=1)
    endpoint = {owner.username: hooks.register(owner).endpoint for owner in (ann, cme)}
    for type_ in MEANINGS:
        (example,) = MESSAGES[type_]["examples"]
        desk.clock.at = at
        received = hooks.received()
        received.clear()
        owner = cme if type_.startswith(("dealer.", "bill.")) else ann
        if type_ == TEST_TYPE:
            hooks.endpoints.test(owner, endpoint[owner.username].endpoint_id)
            example["payload"]["data"]["id"] = endpoint[owner.username].endpoint_id
        else:
            desk.deliveries.take(asyncapi.change(type_, None if owner is cme else ann))
        hooks.round()
        (message,) = received
        told = json.loads(message.body)
        assert told | {"timestamp": ""} == example["payload"] | {"timestamp": ""}
        assert datetime.fromisoformat(told["timestamp"]) >= at
        assert {name.lower() for name in example["headers"]} <= {name.lower() for name in message.headers}
        assert is_of(type_, told)


def test_the_examples_of_payments_are_read() -> None:
    (payment,) = MESSAGES[TYPE]["examples"]
    found = read(json.dumps(payment["payload"]).encode())
    assert (found.payment.amount_kopecks, found.paid_total_kopecks) == (10_000, 30_000)
    (back,) = MESSAGES[REVERSED]["examples"]
    with pytest.raises(PaymentTakenBack):
        read(json.dumps(back["payload"]).encode())
    assert is_of(TYPE, payment["payload"])
    assert is_of(REVERSED, back["payload"])


def test_what_the_billing_system_publishes_is_as_it_says() -> None:
    published = BillingSystem(lambda: AT)
    payment = published.pay(10_001, contract_of(published), None, "аванс")
    published.take_back(payment.payment_id)
    messages = [json.loads(message.value) for message in published.outbox.messages()]
    assert [message["event_type"] for message in messages] == [TYPE, REVERSED]
    assert all(is_of(message["event_type"], message) for message in messages)


@pytest.mark.parametrize("type_", [TYPE, REVERSED])
def test_what_a_payment_has_to_say_is_what_is_read_of_it(type_: str) -> None:
    """What the document lets be left out can be left out, and nothing else."""
    good = GOOD | {"event_type": type_}
    for name in MESSAGES[type_]["payload"]["properties"]:
        without = {other: value for other, value in good.items() if other != name}
        assert is_of(type_, without) is _is_read(without), name


def _is_read(message: dict[str, Any]) -> bool:
    try:
        read(json.dumps(message).encode())
    except PaymentTakenBack:
        return True
    except Exception:
        return False
    return True
