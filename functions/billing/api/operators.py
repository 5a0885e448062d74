"""HTTP for operators: dealers, their accounts and bills, and what the billing system has of them."""

from __future__ import annotations

from pydantic import Field

from common.domain.comparisons import Comparison
from common.domain.timeline import TimelineEvent
from common.http import caller
from common.money import plain
from common.pages import LIMIT_DEFAULT
from common.roubles import roubles
from common.time_left import more_time
from common.wire import InstantText, View
from functions.billing.api.door import AnyDealer, BillId, Limit, app, cursors
from functions.billing.model import Account, Bill, Dealer
from functions.billing.wiring import auditing, comparing_billing

ACCOUNT_MILLISECONDS = 20_000  # to compare an account that has more than most
CALL_MILLISECONDS = 11_000  # to ask the billing system once more, and to answer


class OperatedDealerView(View):
    dealer_id: str
    cme_dealer_id: str
    status: str
    commission_percent: str
    offer_version: str
    requisites_version: int
    forgotten_at: InstantText | None = Field(description="since when nobody can read his requisites")
    reason: str | None
    needs_person: bool
    created_at: InstantText


class OperatedDealerPage(View):
    items: list[OperatedDealerView]
    cursor: str | None


class OperatedAccountView(View):
    """With what the billing system calls it."""

    type: str
    status: str
    requisites_version: int = Field(description="which its payer has")
    current_balance: str
    received: str = Field(description="all that ever came for it")
    client_id: str | None
    payer_id: str | None
    contract_id: str | None
    contract_number: str | None


class MovedView(View):
    at: InstantText
    before: str | None
    after: str
    reason: str
    actor: str


class DealerLifeView(View):
    dealer: OperatedDealerView
    accounts: list[OperatedAccountView]
    waits_for: str | None
    events: list[MovedView]


class OperatedBillView(View):
    bill_id: str
    dealer_id: str
    account_type: str
    deal_id: str
    status: str
    common_sum: str
    paid_sum: str
    credited_sum: str = Field(description="taken back by credit notes")
    due_on: str
    overdue: bool
    number: str | None
    url: str | None
    reason: str | None
    needs_person: bool
    created_at: InstantText


class OperatedBillPage(View):
    items: list[OperatedBillView]
    cursor: str | None


class BillLifeView(View):
    bill: OperatedBillView
    waits_for: str | None
    events: list[MovedView]


class ComparedThingView(View):
    name: str
    there: str = Field(description="roubles, at the billing system")
    booked: str = Field(description="roubles, here")
    verdict: str = Field(description="OFF or UNKNOWN")
    why: str


class ComparedDayView(View):
    date: str
    verdict: str = Field(description="AGREES, OFF or UNKNOWN")
    compared_at: InstantText
    compared: int = Field(description="so many invoices and payments")
    says: str = Field(description="which of them do not agree, five of each verdict at most")


class BillingComparisonView(View):
    """What the billing system has, held against what is booked. `verdict` is the worst of its things."""

    of: str
    verdict: str = Field(description="AGREES, OFF or UNKNOWN")
    compared_at: InstantText
    compared_by: str = Field(description="an operator, or the clock")
    compared: int = Field(description="so many invoices and payments")
    things: list[ComparedThingView] = Field(description="those that do not agree, the worst first, 500 at most")
    cursor: str | None = Field(description="ask again with it: there are more accounts")
    days: list[ComparedDayView] = Field(
        description="what the clock has found day by day (UTC), the last first, 31 at most; one on which not every"
        " account could be compared is left out"
    )


@app.get("/operations/billing/dealers", tags=["operators"], summary="All dealers, in no order")
def operated_dealers(limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> OperatedDealerPage:
    """A page may be short, even empty, and still not be the last."""
    listed = f"GET /operations/billing/dealers {caller(app).must_be_viewer()}"
    page = auditing().dealers(limit=limit, after=cursors().read(listed, cursor))
    return OperatedDealerPage(items=[_dealer(each) for each in page.items], cursor=cursors().write(listed, page.after))


@app.get("/operations/billing/dealers/<dealer>", tags=["operators"], summary="All there is of a dealer")
def operated_dealer(dealer: AnyDealer) -> DealerLifeView:
    """But for his requisites, which are told to nobody."""
    caller(app).must_be_viewer()
    life = auditing().dealer(dealer)
    return DealerLifeView(
        dealer=_dealer(life.dealer),
        accounts=[_account(account) for account in life.accounts],
        waits_for=life.waits_for,
        events=[_moved(event) for event in life.events],
    )


@app.get("/operations/billing/dealers/<dealer>/bills", tags=["operators"], summary="A dealer's bills, unpaid first")
def operated_bills(dealer: AnyDealer, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> OperatedBillPage:
    """Those that are overdue are told so, as those that wait for a person."""
    listed = f"GET /operations/billing/dealers {dealer} {caller(app).must_be_viewer()}"
    page = auditing().bills(dealer, limit=limit, after=cursors().read(listed, cursor))
    return OperatedBillPage(items=[_bill(bill) for bill in page.items], cursor=cursors().write(listed, page.after))


@app.get("/operations/billing/bills/<bill_id>", tags=["operators"], summary="All there is of a bill")
def operated_bill(bill_id: BillId) -> BillLifeView:
    """With all that has become of it, and what it waits for."""
    caller(app).must_be_viewer()
    life = auditing().bill(bill_id)
    events = [_moved(event) for event in life.events]
    return BillLifeView(bill=_bill(life.bill), waits_for=life.waits_for, events=events)


@app.get(
    "/operations/compare/billing", tags=["operators"], summary="What the last look at the billing system has found"
)
def last_comparison_of_billing() -> BillingComparisonView:
    """It is held against the books once a day."""
    caller(app).must_be_viewer()
    return _compared(comparing_billing().latest(), None)


@app.post("/operations/compare/billing", tags=["operators"], summary="Hold the billing system against the books")
def compare_billing(cursor: str | None = None) -> BillingComparisonView:
    """As many accounts as there is time for; `cursor` leads to the next ones."""
    operator = caller(app).must_be_operator()
    listed = f"POST /operations/compare/billing {operator}"
    context, after = app.lambda_context, cursors().read(listed, cursor)
    more = more_time(context, reserve_milliseconds=ACCOUNT_MILLISECONDS)
    in_time = more_time(context, reserve_milliseconds=CALL_MILLISECONDS)
    found, after = comparing_billing().part(operator, after, more, in_time)
    return _compared(found, cursors().write(listed, after))


def _dealer(found: Dealer) -> OperatedDealerView:
    return OperatedDealerView(
        dealer_id=found.dealer_id,
        cme_dealer_id=found.cme_dealer_id,
        status=found.status,
        commission_percent=str(found.commission_percent),
        offer_version=found.offer.version,
        requisites_version=found.version_to_replace,
        forgotten_at=found.forgotten_at,
        reason=found.reason,
        needs_person=found.needs_person,
        created_at=found.created_at,
    )


def _account(found: Account) -> OperatedAccountView:
    return OperatedAccountView(
        type=found.type,
        status=found.status,
        requisites_version=found.requisites_version,
        current_balance=roubles(found.balance_kopecks),
        received=roubles(found.received_kopecks),
        client_id=found.client_id,
        payer_id=found.payer_id,
        contract_id=found.contract_id,
        contract_number=found.contract_number,
    )


def _bill(found: Bill) -> OperatedBillView:
    return OperatedBillView(
        bill_id=found.bill_id,
        dealer_id=found.dealer_id,
        account_type=found.type,
        deal_id=found.deal_id,
        status=found.status,
        common_sum=roubles(found.common_kopecks),
        credited_sum=roubles(found.credited_kopecks),
        paid_sum=roubles(found.paid_kopecks),
        due_on=found.due_on.isoformat(),
        overdue=auditing().is_overdue(found),
        number=found.number,
        url=found.url,
        reason=found.reason,
        needs_person=found.needs_person,
        created_at=found.created_at,
    )


def _moved(event: TimelineEvent) -> MovedView:
    return MovedView(at=event.at, before=event.before, after=event.after, reason=event.reason, actor=event.actor)


def _compared(found: Comparison, cursor: str | None) -> BillingComparisonView:
    things = [
        ComparedThingView(
            name=line.name or line.asset_id,
            there=plain(line.there),
            booked=plain(line.booked_together),
            verdict=line.verdict,
            why=line.why,
        )
        for line in found.lines
    ]
    days = [
        ComparedDayView(
            date=day.day.isoformat(), verdict=day.verdict, compared_at=day.at, compared=day.things, says=day.says
        )
        for day in comparing_billing().days()
    ]
    return BillingComparisonView(
        of=found.of,
        verdict=found.verdict,
        compared_at=found.at,
        compared_by=found.by,
        compared=found.assets,
        things=things,
        cursor=cursor,
        days=days,
    )
