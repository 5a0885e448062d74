"""What two operators decide about a customer: dollars that came for him are credited, his fee tier, which login has his
account, that an operator of his name is another person, and that his accounts at banks are forgotten."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field, StringConstraints

from common.domain.fees import Tier
from common.http import IdempotencyKey, caller
from common.keys import USERNAME_PATTERN
from common.money import Money
from common.wire import Dollars, OperatorAct, OperatorOutcomeView, Reference
from functions.operations.api.door import app, propose
from functions.operations.service.customer_kinds import APART, CREDIT, FORGET
from functions.operations.wiring import operators

Username = Annotated[str, Path(pattern=USERNAME_PATTERN)]
SUB_PATTERN = "^[A-Za-z0-9-]{1,64}$"


class Credit(OperatorAct):
    """Dollars that came to the bank for him; the Idempotency-Key is the bank's reference of them."""

    amount: Dollars


class TierRequest(OperatorAct):
    tier: Tier


class MoveRequest(OperatorAct):
    """Which login has an account from now on."""

    sub: Annotated[
        str, Field(pattern=SUB_PATTERN, description="of the user that was made anew, as the user pool has it")
    ]
    reference: Annotated[Reference, Field(description="how it was found out that it is the same person")]


class ApartRequest(OperatorAct):
    operator: Annotated[
        str, StringConstraints(pattern=USERNAME_PATTERN), Field(description="the operator who is not this customer")
    ]
    reference: Annotated[Reference, Field(description="how it was found out that they are two persons")]


@app.post("/operations/users/<username>/deposits", tags=["operators"], summary="Propose to credit dollars that came")
def credit(username: Username, body: Credit, idempotency_key: IdempotencyKey) -> OperatorOutcomeView:
    """They have come to the bank, and another operator confirms it. The Idempotency-Key is the bank's reference of
    them: what came once is credited once."""
    return propose(CREDIT, username, {"amount": str(Money(body.amount))}, idempotency_key, body)


@app.post("/operations/users/<username>/tier", tags=["operators"], summary="Propose a customer's fee tier")
def set_tier(username: Username, body: TierRequest) -> OperatorOutcomeView:
    """From the next order on; what is accepted or quoted already keeps its fee."""
    return propose("users tier", username, {"tier": body.tier}, None, body)


@app.post("/operations/users/<username>/forget", tags=["operators"], summary="Propose to forget his bank accounts")
def forget_user(username: Username, body: OperatorAct) -> OperatorOutcomeView:
    """Nobody can read them any more, nor pay to them. The books stay. Refused while anything of him is open."""
    return propose(FORGET, username, {}, None, body)


@app.post(
    "/operations/users/<username>/apart", tags=["operators"], summary="Propose that an operator is another person"
)
def apart_user(username: Username, body: ApartRequest) -> OperatorOutcomeView:
    """An operator has no part in what is about an account of his own name. Two others find that its customer is another
    person: that holds for the login that has the account now. They do the same where he said by mistake that an
    account is his."""
    caller(app).must_be_operator()
    operators().must_know(body.operator)
    return propose(APART, username, {"operator": body.operator}, body.reference, body)


@app.post("/operations/users/<username>/move", tags=["operators"], summary="Propose another login for an account")
def move_user(username: Username, body: MoveRequest) -> OperatorOutcomeView:
    """Its owner has a new login of the same name. Two operators make sure that it is the same person."""
    return propose("users move", username, {"sub": body.sub}, body.reference, body)
