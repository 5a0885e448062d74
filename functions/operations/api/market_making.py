"""What two operators decide about market-making orders that wait for a person. What one operator does, and the list of
all orders, is in functions/market_making."""

from __future__ import annotations

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common.keys import ORDER_ID_PATTERN
from common.money import plain
from common.wire import AmountOrZero, OperatorAct, OperatorOutcomeView, Reference
from functions.operations.api.door import app, propose

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
Symbol = Annotated[str, Field(pattern="^[A-Z0-9]{1,20}$", examples=["USDT"], description="as the exchange calls it")]


class DepositDecisionRequest(OperatorAct):
    """What the exchange has credited of an asset that was sent to it."""

    asset: Symbol
    credited: Annotated[AmountOrZero, Field(description="by the exchange; 0: nothing, and it never will")]
    reference: Annotated[Reference, Field(description="where that can be looked up")]


class FillsDecisionRequest(OperatorAct):
    """What an order that is stopping has at the exchange."""

    base: Annotated[AmountOrZero, Field(description="of its base asset, by the exchange's own statement")]
    quote: Annotated[AmountOrZero, Field(description="of its quote asset")]
    reference: Annotated[Reference, Field(description="where that can be looked up")]


class ReturnDecisionRequest(OperatorAct):
    """The snapshot as which an asset has come home."""

    asset: Symbol
    snapshot: Annotated[str, Field(pattern=ORDER_ID_PATTERN, description="as `GET /operations/snapshots` tells it")]
    reference: Annotated[Reference, Field(description="where that can be looked up")]


class WithdrawalRequest(OperatorAct):
    """The asset that the exchange is asked for again."""

    asset: Symbol
    reference: Annotated[Reference, Field(description="where it can be looked up that the exchange has refused it")]


class RestRequest(OperatorAct):
    """What of an asset can not be withdrawn."""

    asset: Symbol
    payer: Annotated[Literal["paid", "unpaid"], Field(description="whether the payer has got it by another way")]
    reference: Annotated[Reference, Field(description="where that can be looked up")]


class LookBackRequest(OperatorAct):
    """From where on trades are looked at again."""

    after: Annotated[
        int, Field(ge=0, le=2**53, strict=True, description="the number of the last trade that is left out; 0: none is")
    ]
    reference: Annotated[Reference, Field(description="where the trade can be looked up that is missing")]


@app.post("/operations/market-making/<order_id>/home", tags=["operators"], summary="Propose that it comes home")
def bring_home(order_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    """What is at the exchange or at the custody goes back to who paid. Another operator confirms it."""
    return propose("mm home", order_id, {}, None, body)


@app.post("/operations/market-making/<order_id>/decide-deposit", tags=["operators"], summary="Propose the credit")
def decide_deposit(order_id: OrderId, body: DepositDecisionRequest) -> OperatorOutcomeView:
    """The exchange does not tell what it has credited, and two operators have looked it up there."""
    told = {"asset": body.asset, "credited": plain(body.credited)}
    return propose("mm decide-deposit", order_id, told, body.reference, body)


@app.post("/operations/market-making/<order_id>/decide-fills", tags=["operators"], summary="Propose what it has")
def decide_fills(order_id: OrderId, body: FillsDecisionRequest) -> OperatorOutcomeView:
    """The exchange does not tell what the order has there, and two operators have looked it up."""
    told = {"base": plain(body.base), "quote": plain(body.quote)}
    return propose("mm decide-fills", order_id, told, body.reference, body)


@app.post("/operations/market-making/<order_id>/decide-return", tags=["operators"], summary="Propose what came home")
def decide_return(order_id: OrderId, body: ReturnDecisionRequest) -> OperatorOutcomeView:
    """What came in at the custody is what the exchange has sent home of it. Another operator confirms it."""
    told = {"asset": body.asset, "snapshot": body.snapshot}
    return propose("mm decide-return", order_id, told, body.reference, body)


@app.post("/operations/market-making/<order_id>/withdraw-again", tags=["operators"], summary="Propose to ask once more")
def withdraw_again(order_id: OrderId, body: WithdrawalRequest) -> OperatorOutcomeView:
    """The exchange has not sent what it was asked for. Another operator confirms that it is asked again."""
    return propose("mm withdraw-again", order_id, {"asset": body.asset}, body.reference, body)


@app.post("/operations/market-making/<order_id>/keep-rest", tags=["operators"], summary="Propose that the rest is kept")
def keep_rest(order_id: OrderId, body: RestRequest) -> OperatorOutcomeView:
    """It is too little to be withdrawn. Another operator confirms it, and the payer may be paid by the desk."""
    return propose("mm keep-rest", order_id, {"asset": body.asset, "payer": body.payer}, body.reference, body)


@app.post(
    "/operations/market-making/<order_id>/look-back", tags=["operators"], summary="Propose to look at trades again"
)
def look_back(order_id: OrderId, body: LookBackRequest) -> OperatorOutcomeView:
    """Trades before the one that is named are read again. Another operator confirms it."""
    return propose("mm look-back", order_id, {"after": str(body.after)}, body.reference, body)
