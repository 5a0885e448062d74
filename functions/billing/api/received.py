"""HTTP for operators: what came for dealers, and what of it was taken for no account yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common.http import caller
from common.pages import LIMIT_DEFAULT
from common.roubles import roubles
from common.table.table import Page
from common.wire import InstantText, View
from functions.billing.api.door import AnyDealer, Limit, app, cursors
from functions.billing.model import CONTRACT_ID_PATTERN, Aside, PaymentStatus, Taken
from functions.billing.wiring import auditing

ContractId = Annotated[str, Path(pattern=CONTRACT_ID_PATTERN, description="the billing system's id of a contract")]


class ReceivedView(View):
    id: str = Field(description="ours, as the list of unfinished work shows it")
    payment_id: str = Field(description="the billing system's, as those of contract and invoice")
    contract_id: str
    invoice_id: str | None
    status: str = Field(description="TAKEN, SPREAD, RECALLING, RECALLED; aside: EARLY, PARKED")
    account_type: str | None
    amount: str
    left: str = Field(description="of it, that is not spread yet")
    reason: str | None = Field(description="why it is aside, or not all of it is taken back")
    needs_person: bool
    paid_at: InstantText
    created_at: InstantText = Field(description="when we were told of it")


class ReceivedPage(View):
    items: list[ReceivedView]
    aside: list[ReceivedView] = Field(description="with the first page: what was taken for no account yet")
    cursor: str | None


@app.get("/operations/billing/dealers/<dealer>/payments", tags=["operators"], summary="What came for a dealer")
def payments_of_dealer(dealer: AnyDealer, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> ReceivedPage:
    """Of each account the newest first. A page may be short, even empty, and still not be the last."""
    listed = f"GET /operations/billing/dealers payments {dealer} {caller(app).must_be_viewer()}"
    page = auditing().payments(dealer, limit=limit, after=cursors().read(listed, cursor))
    return _page(listed, page, [] if cursor else auditing().aside(dealer))


@app.get("/operations/billing/contracts/<contract_id>/payments", tags=["operators"], summary="What came for a contract")
def payments_of_contract(
    contract_id: ContractId, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None
) -> ReceivedPage:
    """The newest first; of a contract that no account has, what waits for a person. A page may be short, even empty,
    and still not be the last."""
    listed = f"GET /operations/billing/contracts payments {contract_id} {caller(app).must_be_viewer()}"
    page = auditing().payments_of_contract(contract_id, limit=limit, after=cursors().read(listed, cursor))
    return _page(listed, page, [] if cursor else auditing().aside_of_contract(contract_id))


def _page(listed: str, page: Page[Taken], aside: Sequence[Aside]) -> ReceivedPage:
    return ReceivedPage(
        items=[_taken(each) for each in page.items],
        aside=[_aside(each) for each in aside],
        cursor=cursors().write(listed, page.after),
    )


def _taken(found: Taken) -> ReceivedView:
    return ReceivedView(
        id=found.receipt_id,
        payment_id=found.told.payment_id,
        contract_id=found.told.contract_id,
        invoice_id=found.told.invoice_id,
        status=found.status,
        account_type=found.whose.type,
        amount=roubles(found.told.kopecks),
        left=roubles(found.left_kopecks),
        reason=found.reason if found.status is PaymentStatus.RECALLING else None,
        needs_person=False,
        paid_at=found.told.paid_at,
        created_at=found.created_at,
    )


def _aside(found: Aside) -> ReceivedView:
    told = found.told
    assert told is not None, "what names no contract is nobody's"
    return ReceivedView(
        id=found.receipt_id,
        payment_id=told.payment_id,
        contract_id=told.contract_id,
        invoice_id=told.invoice_id,
        status=found.status,
        account_type=None if found.why.account is None else found.why.account.type,
        amount=roubles(told.kopecks),
        left=roubles(told.kopecks),
        reason=found.why.why,
        needs_person=found.waits_for_person,
        paid_at=told.paid_at,
        created_at=found.created_at,
    )
