"""A payment as the billing system publishes it, on Kafka or by a queue.

    topic billing.payments, key: the invoice's id, or the contract's where none is named
    {"event_id": "…", "event_type": "invoice.payment", "occurred_at": "2026-11-29T09:30:00Z",
     "payment_id": "…", "client_id": "…", "contract_id": "…", "invoice_id": "…" | null,
     "amount": "100.00", "paid_total": "300.00", "currency": "RUB",
     "payment_order": {"number": "…", "date": "2026-11-29", "purpose": "…"}}

The same message may come more than once, late, and in another order than the payments came in. `amount` counts, once
for each payment_id; `paid_total`, all that had come for the contract, is what the sum of them is compared with once no
more are on their way. More members than these are ignored.

Source of the format: our contract with the billing system.
"""

from __future__ import annotations

from contextlib import suppress

from common.gateways.billing import MessageNotUnderstood, Payment, PaymentMessage, PaymentTakenBack
from common.gateways.billing.reading import Garbage, NotBelieved, json_object, payment, text, total
from common.roubles import roubles

TYPE = "invoice.payment"
REVERSED = "invoice.payment_reversed"  # the bank has taken a payment back: the same members
MESSAGE_BYTES_MAX = 16 * 1024


def read(message: bytes) -> PaymentMessage:
    """Raises PaymentTakenBack; MessageNotUnderstood, with the fact `payment_id` where that at least can be read."""
    facts: dict[str, str] = {}
    try:
        if len(message) > MESSAGE_BYTES_MAX:
            raise Garbage(f"longer than {MESSAGE_BYTES_MAX} bytes")
        said = json_object(message)
        with suppress(Garbage):
            facts["payment_id"] = text(said, "payment_id")
        if said.get("event_type") == REVERSED:
            back = payment(said)
            raise PaymentTakenBack(_taken_back(back), back, **facts)
        if said.get("event_type") != TYPE:
            raise Garbage(f"event_type is not {TYPE}")
        found = PaymentMessage(text(said, "event_id"), payment(said), total(said, "paid_total"))
        if found.paid_total_kopecks < found.payment.amount_kopecks:
            raise NotBelieved("less has come for the contract than this payment")
        return found
    except Garbage as trouble:
        raise MessageNotUnderstood(f"a message of a payment is not understood: {trouble}", **facts) from trouble


def _taken_back(payment: Payment) -> str:
    return (
        f"the bank took back payment {payment.payment_id}, {roubles(payment.amount_kopecks)} of contract "
        f"{payment.contract_id}, which counts here still: runbooks/payment-taken-back.md"
    )
