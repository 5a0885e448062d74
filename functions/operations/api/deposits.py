"""What two operators decide about dealers who leave: whether a deposit is paid back, that it was, and that a dealer is
forgotten."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common.keys import ORDER_ID_PATTERN
from common.wire import OperatorAct, OperatorOutcomeView, Reference
from functions.operations.api.door import app, propose
from functions.operations.service.dealer_kinds import FORGET

DealerId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]


class DepositLetGo(OperatorAct):
    """It may go to the requisites that the dealer has."""

    reference: Annotated[Reference, Field(description="how it was found out that they are his")]


class DepositKept(OperatorAct):
    """It is not paid back."""

    reference: Annotated[Reference, Field(description="how it was found out that it is not to go there")]


class DepositPaid(OperatorAct):
    """The dealer has it, which the billing system does not tell."""

    reference: Annotated[Reference, Field(description="the bank's, of the payment")]


@app.post("/operations/deposits/<dealer_id>/let-go", tags=["operators"], summary="Propose that it is paid back")
def let_deposit_go(dealer_id: DealerId, body: DepositLetGo) -> OperatorOutcomeView:
    """It was held back, as his requisites are not those that he was registered with. Another operator confirms it."""
    return propose("deposits let-go", dealer_id, {}, body.reference, body)


@app.post("/operations/deposits/<dealer_id>/keep", tags=["operators"], summary="Propose that it is not paid back")
def keep_deposit(dealer_id: DealerId, body: DepositKept) -> OperatorOutcomeView:
    """Another operator confirms it. He may ask for it again."""
    return propose("deposits keep", dealer_id, {}, body.reference, body)


@app.post("/operations/deposits/<dealer_id>/paid", tags=["operators"], summary="Propose that it was paid back")
def book_deposit_paid(dealer_id: DealerId, body: DepositPaid) -> OperatorOutcomeView:
    """The billing system does not say so, and the bank does. Another operator confirms it."""
    return propose("deposits paid", dealer_id, {}, body.reference, body)


@app.post("/operations/dealers/<dealer_id>/forget", tags=["operators"], summary="Propose to forget his requisites")
def forget_dealer(dealer_id: DealerId, body: OperatorAct) -> OperatorOutcomeView:
    """Nobody can read them any more, nor find him by his taxpayer's number. The books stay. Another operator confirms
    it. Refused while anything is owed, held or under way for him."""
    return propose(FORGET, dealer_id, {}, None, body)
