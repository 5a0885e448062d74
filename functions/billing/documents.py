"""HTTP: documents for dealers. A function of its own, so that no other one is loaded with what makes them."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from common import http
from common.http import caller, document
from functions.billing.model import CME_DEALER_ID_PATTERN
from functions.billing.pdf.statement_pdf import statement_pdf
from functions.billing.reading import Reader
from functions.billing.statement import MONTH_PATTERN
from functions.billing.wiring import auditing, statements

app = http.api()

DealerId = Annotated[str, Path(pattern=CME_DEALER_ID_PATTERN)]
AnyDealer = Annotated[str, Path(pattern=CME_DEALER_ID_PATTERN, description="our id of a dealer, or CME's")]
MonthInPath = Annotated[str, Path(pattern=MONTH_PATTERN, examples=["2026-11"])]


@app.get(
    "/billing/dealers/<cme_dealer_id>/statements/<month>/pdf",
    tags=["billing"],
    summary="A month of a dealer, as PDF",
)
def dealer_statement_as_pdf(cme_dealer_id: DealerId, month: MonthInPath) -> Response[str]:
    """Of a month that is not over, a preview."""
    read = Reader.of(caller(app)).dealer(cme_dealer_id)
    return document(statement_pdf(statements().of(read, month)), "application/pdf")


@app.get(
    "/operations/billing/dealers/<dealer>/statements/<month>/pdf",
    tags=["operators"],
    summary="A month of a dealer, as PDF",
)
def operated_statement_as_pdf(dealer: AnyDealer, month: MonthInPath) -> Response[str]:
    """As his own system is told it. Of a month that is not over, a preview."""
    caller(app).must_be_viewer()
    return document(statement_pdf(statements().of(auditing().cme_dealer_id(dealer), month)), "application/pdf")


handler = http.serve(app, statements)
