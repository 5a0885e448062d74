"""One AsyncAPI 3.0 document of the events that the desk tells and takes: webhooks out, and payments in by Kafka.

The examples are made by the code that makes the messages, or read by the code that reads them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from common import keys
from common.gateways.billing.messages import MESSAGE_BYTES_MAX, REVERSED, TYPE
from common.gateways.billing.reading import CURRENCY, ID
from common.owner import Owner
from common.roubles import PATTERN
from docgen.openapi import version
from docgen.webhooks import HEADERS, MEANINGS, payload, status
from functions.billing.stream import TOPICS
from functions.notifications import signing
from functions.notifications.model import TEST_TYPE, Change, Endpoint, delivery, test_message

Json = dict[str, Any]

PAGE = "docs/asyncapi.json"
TOPIC = TOPICS["take_payments"]

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)  # when the examples were told
_PREFIXES = {row.entity: row.id_prefix for row in keys.SCHEMA}
_SECRETS = [signing.secret(b"of examples", "endpoint-00112233aabbccdd", "", 1)]

_DESCRIPTION = (
    "What the desk tells by itself, and what it is told. Each message comes at least once: its receiver knows a repeat "
    "by its id. What is asked and answered is in the OpenAPI document; docs/webhooks.md says how to register, verify "
    "and to catch up. Members may be added: ignore what you do not know."
)


def asyncapi() -> Json:
    """Without servers: a webhook goes to the address that its endpoint has registered, and the brokers are the billing
    system's."""
    told = {type_: _webhook(type_) for type_ in MEANINGS}
    taken = {TYPE: _payment(TYPE), REVERSED: _payment(REVERSED)}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Cryptodesk's events", "version": version(), "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "webhooks": {
                "address": None,
                "title": "Webhooks",
                "description": "POSTed to each endpoint that has registered for the type, signed as Standard Webhooks "
                "say.",
                "messages": _named(told),
            },
            "payments": {
                "address": TOPIC,
                "title": "Payments of dealers",
                "description": "Published by the billing system, with the invoice's id for a key, or the contract's "
                "where none is named. The same message may come by a queue instead.",
                "messages": _named(taken),
                "bindings": {"kafka": {"topic": TOPIC, "bindingVersion": "0.5.0"}},
            },
        },
        "operations": {
            "tell": {
                "action": "send",
                "channel": {"$ref": "#/channels/webhooks"},
                "title": "Tell a program",
                "description": "Any 2xx takes it. 410 says that nothing more is wanted. Anything else, and silence, is "
                "answered by the same message again, for three days.",
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            },
            "takePayments": {
                "action": "receive",
                "channel": {"$ref": "#/channels/payments"},
                "title": "Take a payment",
                "description": "In any order. What is not understood, or of a contract that nobody knows, waits for a "
                "person, and nothing behind it waits.",
            },
        },
        "components": {"messages": {**told, **taken}},
    }


def change(type_: str, owner: Owner | None) -> Change:
    """What a message of this type tells, in its example."""
    entity = type_.partition(".")[0]
    return Change(owner, entity, f"{_PREFIXES[entity]}ABCDEFGHIJKLMNOPQRSTUVWX2", status(type_), AT)


def _named(messages: Json) -> Json:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in messages}


def _webhook(type_: str) -> Json:
    means, route = MEANINGS[type_]
    owner = Owner("ann", "sub-ann")
    endpoint = Endpoint("endpoint-00112233aabbccdd", owner, "https://hooks.example.com/desk", (type_,), AT)
    made = test_message(endpoint, AT) if type_ == TEST_TYPE else delivery(endpoint, change(type_, owner), AT)
    signed = signing.headers(_SECRETS, made.delivery_id, AT, made.body)
    text = {"type": "string"}
    return {
        "name": type_,
        "title": type_,
        "summary": means,
        "description": f"`{route}` tells more.",
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": [*HEADERS],
            "properties": {name: {**text, "description": about} for name, about in HEADERS.items()},
        },
        "payload": payload(type_),
        "examples": [
            {"headers": {name: signed[name] for name in HEADERS}, "payload": json.loads(made.body)},
        ],
    }


def _payment(type_: str) -> Json:
    means = {
        TYPE: "a payment has come: `amount` counts, once for each payment_id",
        REVERSED: "the bank has taken a payment back: a person decides what becomes of what it has paid",
    }
    return {
        "name": type_,
        "title": type_,
        "summary": means[type_],
        "description": f"At most {MESSAGE_BYTES_MAX} bytes. A sum is read, too, that is a number, or has other zeros.",
        "contentType": "application/json",
        "payload": _payment_schema(type_),
        "examples": [
            {
                "payload": {
                    "event_id": f"event-{1 if type_ == TYPE else 2}",
                    "event_type": type_,
                    "occurred_at": "2026-11-29T09:30:00Z",
                    "payment_id": "payment-1",
                    "client_id": "client-1",
                    "contract_id": "contract-1",
                    "invoice_id": "invoice-1",
                    "amount": "100.00",
                    "paid_total": "300.00" if type_ == TYPE else "200.00",
                    "currency": CURRENCY,
                    "payment_order": {"number": "7", "date": "2026-11-29", "purpose": "оплата по счёту"},
                }
            }
        ],
    }


def _payment_schema(type_: str) -> Json:
    id_: Json = {"type": "string", "pattern": f"^{ID.pattern}$"}
    sum_: Json = {"type": "string", "pattern": PATTERN}
    said: Json = {
        "event_id": {**id_, "description": "of the message: the same when it comes again"},
        "event_type": {"type": "string", "const": type_},
        "occurred_at": {"type": "string", "format": "date-time", "description": "not before 2000"},
        "payment_id": {**id_, "description": "of the payment, which counts once"},
        "client_id": {**id_, "description": "of the dealer at the billing system; not read"},
        "contract_id": id_,
        "invoice_id": {"type": ["string", "null"], "pattern": id_["pattern"], "description": "what it is paid for"},
        "amount": {**sum_, "description": "above zero, in roubles"},
        "paid_total": {
            "type": "string",
            "pattern": r"^(0|[1-9][0-9]{0,12})\.[0-9]{2}$",
            "description": "all that had come for the contract, with this; what the sum of them is compared with",
        },
        "currency": {"type": "string", "const": CURRENCY},
        "payment_order": {"type": "object", "description": "of the bank, for people; not read"},
    }
    left_out = {"client_id", "invoice_id", "payment_order", *(() if type_ == TYPE else ("event_id", "paid_total"))}
    return {"type": "object", "required": [name for name in said if name not in left_out], "properties": said}
