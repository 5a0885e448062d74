"""What the machines `onboarding` and `bill` call: one Lambda for each function. See `common.tasks`."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.log import logged
from common.tasks import Answer, LambdaEvent, step
from functions.billing.model import BillNotFound, BillStage, DealerNotFound, Stage
from functions.billing.wiring import invoicing, onboarding, releasing

NOBODY = (DealerNotFound,)
NOTHING = (BillNotFound,)


@logged
def read_dealer(event: LambdaEvent, _: LambdaContext) -> Answer:
    """The hub's: any generation may start at any time and does what is next, or nothing."""
    return step(event, onboarding().read, missing=NOBODY)


@logged
def create_client(event: LambdaEvent, _: LambdaContext) -> Answer:
    """The first of every execution."""
    return step(event, onboarding().create_client, missing=NOBODY, then=Stage.PAYER)


@logged
def create_payer(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, onboarding().create_payer, missing=NOBODY, then=Stage.CONTRACT)


@logged
def create_contract(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, onboarding().create_contract, missing=NOBODY, then=Stage.DONE)


@logged
def update_payers(event: LambdaEvent, _: LambdaContext) -> Answer:
    """One for each call: while another has older requisites, the hub leads here again."""
    return step(event, onboarding().update_payer, missing=NOBODY, then=Stage.DONE)


@logged
def release_deposit(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, releasing().release_deposit, missing=NOBODY, then=Stage.DONE)


@logged
def read_bill(event: LambdaEvent, _: LambdaContext) -> Answer:
    """The hub's."""
    return step(event, invoicing().read, missing=NOTHING)


@logged
def create_invoice(event: LambdaEvent, _: LambdaContext) -> Answer:
    """The first of every execution."""
    return step(event, invoicing().create_invoice, missing=NOTHING, then=BillStage.DONE)


@logged
def create_credit_note(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, invoicing().create_credit_note, missing=NOTHING, then=BillStage.DONE)
