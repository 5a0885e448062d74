"""HTTP: what an operator does about payouts that the bank rejected, or never had; of cash-outs and withdrawals alike.
What takes two is in `functions/operations/api/payouts.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from common import aws, http
from common.domain.payouts.model import CASH_OUT, WITHDRAWAL, Kind
from common.domain.story_versions import acted
from common.http import caller
from common.keys import ORDER_ID_PATTERN
from common.operator_outcome import OperatorOutcome
from common.wire import CustomersAct, OperatorAct, OperatorOutcomeView
from functions.payouts.wiring import acts

app = http.api()

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]


@app.post("/operations/sell-orders/<order_id>/retry-payout", tags=["operators"], summary="One more payout attempt")
def retry_payout(order_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    """The bank has rejected all attempts so far, for a reason that is gone by now."""
    return _done(acts().retry, CASH_OUT, order_id, body)


@app.post("/operations/sell-orders/<order_id>/credit-usd", tags=["operators"], summary="Pay to the balance here")
def credit_usd(order_id: OrderId, body: CustomersAct) -> OperatorOutcomeView:
    """The bank can not pay it: the dollars go to the customer's balance instead."""
    return _ended(acts().give_back, CASH_OUT, order_id, body)


@app.post("/operations/sell-orders/<order_id>/abandon-attempt", tags=["operators"], summary="It never reached the bank")
def abandon_attempt(order_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    """The bank says that it knows nothing of the attempt: the next one may be made."""
    return _done(acts().abandon, CASH_OUT, order_id, body)


@app.post("/operations/withdrawals/<transfer_id>/retry-payout", tags=["operators"], summary="One more payout attempt")
def retry_withdrawal(transfer_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    """The bank has rejected all attempts so far, for a reason that is gone by now."""
    return _done(acts().retry, WITHDRAWAL, transfer_id, body)


@app.post("/operations/withdrawals/<transfer_id>/reject", tags=["operators"], summary="Give the hold back")
def reject(transfer_id: OrderId, body: CustomersAct) -> OperatorOutcomeView:
    """It can not be paid: the dollars are free again, and its customer reads why."""
    return _ended(acts().give_back, WITHDRAWAL, transfer_id, body)


@app.post(
    "/operations/withdrawals/<transfer_id>/abandon-attempt", tags=["operators"], summary="It never reached the bank"
)
def abandon_withdrawal(transfer_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    """The bank says that it knows nothing of the attempt: the next one may be made."""
    return _done(acts().abandon, WITHDRAWAL, transfer_id, body)


def _done(act: Callable[..., OperatorOutcome], kind: Kind, order_id: str, body: OperatorAct) -> OperatorOutcomeView:
    operator = caller(app).must_be_operator()
    return acted(aws.table(), order_id, body, lambda tried: act(kind, order_id, body.reason, operator, dry_run=tried))


def _ended(act: Callable[..., OperatorOutcome], kind: Kind, order_id: str, body: CustomersAct) -> OperatorOutcomeView:
    """By an act that the customer is told of."""
    operator, told = caller(app).must_be_operator(), body.public_reason
    return acted(
        aws.table(),
        order_id,
        body,
        lambda tried: act(kind, order_id, body.reason, operator, public_reason=told, dry_run=tried),
    )


handler = http.serve(app, acts)
