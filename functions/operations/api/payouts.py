"""What two operators say of a payout that the bank can not make any more: the customer was paid by another way."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common.domain.payouts.model import CASH_OUT, WITHDRAWAL, Kind
from common.keys import ORDER_ID_PATTERN
from common.wire import CustomersAct, OperatorOutcomeView, Reference
from functions.operations.api.door import app, propose
from functions.operations.service.payout_kinds import PUBLIC_REASON

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]


class OtherPayment(CustomersAct):
    """How the customer was paid instead."""

    reference: Annotated[Reference, Field(description="of that payment alone, where others can look it up")]


@app.post("/operations/sell-orders/<order_id>/mark-filled", tags=["operators"], summary="Propose that it was paid")
def mark_filled(order_id: OrderId, body: OtherPayment) -> OperatorOutcomeView:
    """By another way than the bank's attempts."""
    return _paid_otherwise(CASH_OUT, order_id, body)


@app.post("/operations/withdrawals/<transfer_id>/complete", tags=["operators"], summary="Propose that it was paid")
def complete(transfer_id: OrderId, body: OtherPayment) -> OperatorOutcomeView:
    """By another way than the bank's attempts."""
    return _paid_otherwise(WITHDRAWAL, transfer_id, body)


def _paid_otherwise(kind: Kind, order_id: str, body: OtherPayment) -> OperatorOutcomeView:
    told = {} if body.public_reason is None else {PUBLIC_REASON: body.public_reason}
    return propose(f"{kind.command} {kind.mark_paid}", order_id, told, body.reference, body)
