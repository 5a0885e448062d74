"""Dealers' payments that are parked, and accounts whose total at the billing system is not what has come: two operators
decide about them. One alone has a payment or a refund looked at again, and says that a dealer was reminded."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common.keys import BILLING_ACCOUNT_ID_PATTERN, ORDER_ID_PATTERN, REMINDER_ID_PATTERN
from common.roubles import PATTERN as SUM_PATTERN
from common.wire import OperatorAct, OperatorOutcomeView, Reference
from functions.operations.api.door import app, done, propose
from functions.operations.service.payment_kinds import REFUND
from functions.operations.wiring import asking_again

PaymentId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
RefundId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
ReminderId = Annotated[str, Path(pattern=REMINDER_ID_PATTERN)]
TotalId = Annotated[str, Path(pattern=BILLING_ACCOUNT_ID_PATTERN)]
CONTRACT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$"


class PaymentDismissal(OperatorAct):
    """Nothing is to be done about it."""

    reference: Annotated[Reference, Field(description="how it was found out that it is nobody's here")]


class PaymentAssignment(OperatorAct):
    """Which account it came for."""

    contract: Annotated[str, Field(pattern=CONTRACT_PATTERN, description="the billing system's id of the contract")]
    reference: Annotated[Reference, Field(description="how it was found out that it is that dealer's")]


class PaymentIdentification(OperatorAct):
    """Which payment an unreadable message tells of."""

    payment: Annotated[str, Field(pattern=CONTRACT_PATTERN, description="the billing system's id of the payment")]
    contract: Annotated[str, Field(pattern=CONTRACT_PATTERN, description="the billing system's id of its contract")]
    sum: Annotated[str, Field(pattern=SUM_PATTERN, description="roubles, with two decimals", examples=["100.00"])]
    reference: Annotated[Reference, Field(description="where the billing system shows it")]


class PaymentRecall(OperatorAct):
    """The bank has taken it back."""

    reference: Annotated[Reference, Field(description="where the bank, or the billing system, shows it")]
    message: Annotated[
        str | None,
        Field(pattern=ORDER_ID_PATTERN, description="the parked message that tells of it: it is done with then"),
    ] = None


class TotalAgreement(OperatorAct):
    """The total that is told of an account is right, though it is not what has come."""

    reference: Annotated[Reference, Field(description="how it was found out that nothing is missing")]


class AccountRefund(OperatorAct):
    """A sum that is on an account, and pays nothing there, goes back to its dealer."""

    sum: Annotated[str, Field(pattern=SUM_PATTERN, description="roubles, with two decimals", examples=["900000.00"])]
    reference: Annotated[Reference, Field(description="where he asked for it, or why it is his")]


@app.post("/operations/payments/<payment_id>/replay", tags=["operators"], summary="Look again whose payment it is")
def replay_payment(payment_id: PaymentId, body: OperatorAct) -> OperatorOutcomeView:
    """The dealer or the invoice that it names may be known by now."""
    return done(asking_again().replay_payment, payment_id, body)


@app.post("/operations/refunds/<refund_id>/retry", tags=["operators"], summary="Ask again what has become of it")
def retry_refund(refund_id: RefundId, body: OperatorAct) -> OperatorOutcomeView:
    """The billing system has contradicted itself about it."""
    return done(asking_again().retry_refund, refund_id, body)


@app.post("/operations/reminders/<reminder_id>/snooze", tags=["operators"], summary="Say that the dealer was reminded")
def snooze_reminder(reminder_id: ReminderId, body: OperatorAct) -> OperatorOutcomeView:
    """Of a bill that is overdue. It is asked for again in a week, if it is not paid by then."""
    return done(asking_again().snooze_reminder, reminder_id, body)


@app.post("/operations/payments/<payment_id>/dismiss", tags=["operators"], summary="Propose that it is nobody's")
def dismiss_payment(payment_id: PaymentId, body: PaymentDismissal) -> OperatorOutcomeView:
    """Another operator confirms it. Nothing is credited."""
    return propose("payments dismiss", payment_id, {}, body.reference, body)


@app.post("/operations/payments/<payment_id>/assign", tags=["operators"], summary="Propose which account it is for")
def assign_payment(payment_id: PaymentId, body: PaymentAssignment) -> OperatorOutcomeView:
    """Another operator confirms it. Then it is credited to the account of that contract."""
    return propose("payments assign", payment_id, {"contract": body.contract}, body.reference, body)


@app.post("/operations/payments/<payment_id>/identify", tags=["operators"], summary="Propose which payment it is")
def identify_payment(payment_id: PaymentId, body: PaymentIdentification) -> OperatorOutcomeView:
    """Its message can not be read, and two operators have looked up at the bank what it says."""
    told = {"payment": body.payment, "contract": body.contract, "sum": body.sum}
    return propose("payments identify", payment_id, told, body.reference, body)


@app.post("/operations/payments/<payment_id>/recall", tags=["operators"], summary="Propose that the bank took it back")
def recall_payment(payment_id: PaymentId, body: PaymentRecall) -> OperatorOutcomeView:
    """Another operator confirms it. What it had paid is open again. The parked message that tells of it, where it is
    named, is done with once the payment is off its account; until then nothing goes back to its dealer."""
    told = {} if body.message is None else {"message": body.message}
    return propose("payments recall", payment_id, told, body.reference, body)


@app.post("/operations/totals/<total_id>/agree", tags=["operators"], summary="Propose that a total is right as it is")
def agree_total(total_id: TotalId, body: TotalAgreement) -> OperatorOutcomeView:
    """The bank's total of an account differs from what has come, and that is right. Another operator confirms it."""
    return propose("payments agree-total", total_id, {}, body.reference, body)


@app.post("/operations/totals/<total_id>/refund", tags=["operators"], summary="Propose that a sum of it goes back")
def refund_of_account(total_id: TotalId, body: AccountRefund) -> OperatorOutcomeView:
    """It goes to the dealer's requisites. Another operator confirms it."""
    return propose(REFUND, total_id, {"sum": body.sum}, body.reference, body)
