"""HTTP: a dealer's month, for the dealers' own systems, for his people and for operators. Its PDF is
`functions.billing.documents`'."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common.http import caller
from common.roubles import roubles
from common.wire import InstantText, View
from functions.billing.api.door import AnyDealer, app
from functions.billing.model import CME_DEALER_ID_PATTERN
from functions.billing.reading import Reader
from functions.billing.statement import MONTH_PATTERN, AccountStatement, Statement, as_csv, document
from functions.billing.wiring import auditing, statements

DealerId = Annotated[str, Path(pattern=CME_DEALER_ID_PATTERN)]
MonthInPath = Annotated[str, Path(pattern=MONTH_PATTERN, examples=["2026-11"])]


class StatementLine(View):
    at: InstantText = Field(description="UTC, as all times here; the month is Moscow's")
    what: str = Field(description="BILL, PAYMENT, CREDIT_NOTE, REFUND or REFUND_REFUSED")
    document: str
    deal_id: str | None
    amount: str = Field(description="above zero for the dealer, below zero against him")
    balance: str


class StatementOfAccount(View):
    account_type: str
    contract_number: str | None
    opening_balance: str
    lines: list[StatementLine]
    closing_balance: str


class StatementView(View):
    cme_dealer_id: str
    month: str
    final: bool = Field(description="the month is over; until then this is a preview")
    opening_balance: str
    accounts: list[StatementOfAccount]
    closing_balance: str
    made_at: InstantText


@app.get("/billing/dealers/<cme_dealer_id>/statements/<month>", tags=["billing"], summary="A month of a dealer")
def dealer_statement(cme_dealer_id: DealerId, month: MonthInPath) -> StatementView:
    """Of a month that is not over, a preview. Months are Moscow's."""
    read = Reader.of(caller(app)).dealer(cme_dealer_id)
    return _statement(statements().of(read, month))


@app.get("/billing/dealers/<cme_dealer_id>/statements/<month>/csv", tags=["billing"], summary="The same, as CSV")
def dealer_statement_as_csv(cme_dealer_id: DealerId, month: MonthInPath) -> Response[str]:
    """Its times are Moscow's, as its month is."""
    made = statements().of(Reader.of(caller(app)).dealer(cme_dealer_id), month)
    return Response(status_code=HTTPStatus.OK, content_type="text/csv", body=as_csv(made))


@app.get("/operations/billing/dealers/<dealer>/statements/<month>", tags=["operators"], summary="A month of a dealer")
def operated_statement(dealer: AnyDealer, month: MonthInPath) -> StatementView:
    """As his own system is told it. Of a month that is not over, a preview."""
    caller(app).must_be_viewer()
    return _statement(statements().of(auditing().cme_dealer_id(dealer), month))


def _statement(made: Statement) -> StatementView:
    return StatementView(
        cme_dealer_id=made.cme_dealer_id,
        month=made.month.written,
        final=made.final,
        opening_balance=roubles(made.opening_kopecks),
        accounts=[_of_account(account) for account in made.accounts],
        closing_balance=roubles(made.closing_kopecks),
        made_at=made.made_at,
    )


def _of_account(account: AccountStatement) -> StatementOfAccount:
    return StatementOfAccount(
        account_type=account.type,
        contract_number=account.contract_number,
        opening_balance=roubles(account.opening_kopecks),
        lines=[
            StatementLine(
                at=line.entry.at,
                what=line.entry.kind,
                document=document(line),
                deal_id=line.entry.deal_id,
                amount=roubles(line.entry.kopecks),
                balance=roubles(line.balance_kopecks),
            )
            for line in account.lines
        ],
        closing_balance=roubles(account.closing_kopecks),
    )
