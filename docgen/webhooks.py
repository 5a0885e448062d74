"""What is told to programs of customers and to dealers' systems, as OpenAPI's `webhooks`: an entry for each type."""

from __future__ import annotations

from typing import Any

from functions.notifications.model import TEST_TYPE, TOLD, EndpointStatus

Json = dict[str, Any]

PAGE = "docs/webhooks.md"
_BEGINS, _ENDS = "<!-- types: drawn by `make docs` -->\n", "<!-- end -->"

# What has become of the thing, and the route that tells more.
MEANINGS: dict[str, tuple[str, str]] = {
    "order.completed": ("an order at the desk is filled, all of it", "GET /orders/{order_id}"),
    "order.cancelled": (
        "an order was cancelled, or its time is over; nothing is held for it",
        "GET /orders/{order_id}",
    ),
    "order.failed": ("an order came to nothing; nothing is held for it", "GET /orders/{order_id}"),
    "purchase.completed": ("coins were bought at an exchange, and are yours", "GET /purchases/{order_id}"),
    "purchase.cancelled": (
        "a purchase was cancelled before it was placed; it is refunded",
        "GET /purchases/{order_id}",
    ),
    "purchase.failed": ("a purchase came to nothing at the exchange; it is refunded", "GET /purchases/{order_id}"),
    "sale.completed": ("coins were sold at an exchange, and the dollars are yours", "GET /sales/{order_id}"),
    "sale.cancelled": ("a sale was cancelled before it was placed; the coins are free", "GET /sales/{order_id}"),
    "sale.failed": ("a sale came to nothing at the exchange; the coins are free", "GET /sales/{order_id}"),
    "sell_order.base_txn_failed": (
        "a cash-out could not be sold; it is over, and its coins are free",
        "GET /crypto/order/sell/{order_id}",
    ),
    "sell_order.base_txn_completed": (
        "a cash-out is sold; its payout to the bank follows",
        "GET /crypto/order/sell/{order_id}",
    ),
    "sell_order.filled": ("the bank has paid a cash-out", "GET /crypto/order/sell/{order_id}"),
    "sell_order.sell_payout_failed": (
        "the bank has refused the payout of a cash-out; the desk sees to it, and it may still be filled",
        "GET /crypto/order/sell/{order_id}",
    ),
    "withdrawal.completed": ("the bank has paid a withdrawal", "GET /balance/withdrawals/{transfer_id}"),
    "withdrawal.payout_failed": (
        "the bank has refused a withdrawal; the desk sees to it, and it may still be paid",
        "GET /balance/withdrawals/{transfer_id}",
    ),
    "withdrawal.rejected": (
        "the desk has rejected a withdrawal; its dollars are yours again",
        "GET /balance/withdrawals/{transfer_id}",
    ),
    "dealer.active": ("a dealer may deal", "GET /billing/dealers/{cme_dealer_id}"),
    "dealer.left": ("a dealer has left", "GET /billing/dealers/{cme_dealer_id}"),
    "bill.pending": ("a bill has its invoice, and is to be paid", "GET /billing/bills/{bill_id}"),
    "bill.partial": ("a bill is paid in part", "GET /billing/bills/{bill_id}"),
    "bill.paid": ("a bill is paid", "GET /billing/bills/{bill_id}"),
    "bill.cancelled": ("a bill is cancelled", "GET /billing/bills/{bill_id}"),
    TEST_TYPE: ("you have asked for a test; `id` is that of the endpoint", "GET /webhooks/endpoints"),
}


def webhooks() -> Json:
    """By type."""
    return {type_: {"post": _message(type_)} for type_ in MEANINGS}


def drawn(page: str) -> str:
    """The page with its table of types."""
    before, rest = page.split(_BEGINS)
    after = rest.split(_ENDS)[1]
    rows = [f"| `{type_}` | {means} | `{route}` |" for type_, (means, route) in MEANINGS.items()]
    table = "\n".join(["| type | means | more |", "|---|---|---|", *rows])
    return f"{before}{_BEGINS}\n{table}\n\n{_ENDS}{after}"


HEADERS = {
    "webhook-id": "The same at every attempt: a repeat is known by it.",
    "webhook-timestamp": "Seconds since 1970, of this attempt.",
    "webhook-signature": "`v1,` and base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`; with a "
    "space between them where two secrets are in force.",
}
_TEXT = {"type": "string"}


def status(type_: str) -> str:
    """Of the thing that a message of this type is about."""
    entity, _, name = type_.partition(".")
    return EndpointStatus.ACTIVE if type_ == TEST_TYPE else next(s for s in TOLD[entity] if s.lower() == name)


def payload(type_: str) -> Json:
    """The schema of a message's body."""
    said = {
        "type": {**_TEXT, "const": type_},
        "timestamp": {**_TEXT, "format": "date-time", "description": "when it has become so"},
        "data": _all_of({"id": _TEXT, "status": {**_TEXT, "const": status(type_)}}),
    }
    return _all_of(said)


def _message(type_: str) -> Json:
    means, route = MEANINGS[type_]
    return {
        "operationId": f"told_{type_.replace('.', '_')}",
        "tags": ["webhooks"],
        "summary": type_,
        "description": f"{means[0].upper()}{means[1:]}. `{route}` tells more.",
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": about, "schema": _TEXT}
            for name, about in HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": payload(type_)}}},
        "responses": {
            "2XX": {"description": "taken: it is not sent again"},
            "410": {"description": "nothing more is wanted: the endpoint is disabled"},
            "default": {"description": "not taken: it is sent again, for three days"},
        },
    }


def _all_of(properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}
