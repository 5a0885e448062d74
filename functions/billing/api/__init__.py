"""HTTP: what the dealers' own systems (CME, Lotus) ask, each with a token of its client that has the scope `billing`;
and of it what a dealer's own people may read (`functions.billing.reading`).

Ids are the caller's: a repeat is answered with what was made first, under 200 instead of 201; a dealer who is
registered already is a conflict, which tells him as he is. Sums are roubles with two decimals.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BeforeValidator, Field

from common import clock, http
from common.domain.segments.model import SEGMENT_ID_PATTERN, Segment
from common.http import IdempotencyKey, OptionalKey, answer, caller
from common.idempotency import Replayable
from common.identity import BILLING
from common.pages import LIMIT_DEFAULT
from common.requisites import TEXT_MAX, PayerKind, Requisites
from common.roubles import roubles
from common.wire import Instant, InstantText, RequestBody, Roubles, View
from functions.billing.api import months, operators, received  # noqa: F401  # their routes
from functions.billing.api.door import BillId, Limit, app, cursors
from functions.billing.model import (
    CME_DEALER_ID_PATTERN,
    DEAL_ID_PATTERN,
    Account,
    Bill,
    Deal,
    Dealer,
    Offer,
    Operation,
)
from functions.billing.reading import Reader
from functions.billing.service.corrections import Change
from functions.billing.wiring import bills, corrections, dealers, fast_buyouts

DealerId = Annotated[str, Path(pattern=CME_DEALER_ID_PATTERN)]
DealInPath = Annotated[str, Path(pattern=DEAL_ID_PATTERN)]
SegmentInPath = Annotated[str, Path(pattern=SEGMENT_ID_PATTERN)]
SegmentInQuery = Annotated[str, Query(pattern=SEGMENT_ID_PATTERN)]
CmeDealerId = Annotated[str, Field(pattern=CME_DEALER_ID_PATTERN, examples=["cme-7"])]
DealId = Annotated[str, Field(pattern=DEAL_ID_PATTERN, examples=["deal-4711"])]
# What is wrong with requisites is told for all their fields at once: not here.
Written = Annotated[str, Field(max_length=TEXT_MAX)]
Number = Annotated[str, Field(max_length=TEXT_MAX)]


def _true(given: object) -> bool:
    """1 equals True, and is not what was documented."""
    if given is not True:
        raise ValueError("must be true")
    return True


class RequisitesBody(RequestBody):
    """Of a company or a sole entrepreneur; its numbers have to fit their checks."""

    kind: PayerKind
    name: Written
    inn: Number
    kpp: Number | None = Field(default=None, description="of companies only")
    ogrn: Number = Field(description="of an entrepreneur, the OGRNIP")
    legal_address: Written
    post_address: Written
    bank_name: Written
    bik: Number
    account: Number
    correspondent_account: Number


class RequisitesUpdate(RequisitesBody):
    """All of them, as they are from now on."""

    replaces: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = Field(
        default=None,
        description="the version that he has, by `requisites_version`: refused where it is another by now. Without it, "
        "requisites that he had before are taken for a late repeat, and refused, as are any of who was forgotten",
    )


class Registration(RequestBody):
    cme_dealer_id: CmeDealerId
    requisites: RequisitesBody
    offer_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$", examples=["2026-11"])]
    offer_accepted_at: Instant


class ClosedDeal(RequestBody):
    deal_id: DealId
    cme_dealer_id: CmeDealerId
    price: Roubles


class ChangedDeal(RequestBody):
    """A price, a winner, or both; what was paid for the car; or that there is no deal any more."""

    price: Roubles | None = None
    settlement: Roubles | None = Field(
        default=None, description="what was paid for the car, where its bill has another sum; without a dealer"
    )
    cme_dealer_id: CmeDealerId | None = Field(default=None, description="who has the car now")
    cancelled: Annotated[Literal[True], BeforeValidator(_true)] | None = None


class BillAsked(RequestBody):
    operation: Operation
    cme_dealer_id: CmeDealerId
    deal_id: DealId
    amount: Roubles | None = Field(default=None, description="of GET_SETTLEMENT; of GET_REWARD the deal has it")


class AccountView(View):
    type: str = Field(description="COMMISSION, DEPOSIT or SETTLEMENT")
    status: str = Field(description="NEW, CLIENT, PAYER or READY")
    requisites_version: int = Field(description="which its payer has at the billing system, or is made with")
    current_balance: str = Field(description="roubles that came and pay no bill yet")
    contract_number: str | None


class DealerView(View):
    dealer_id: str
    cme_dealer_id: str
    status: str = Field(description="REGISTERED, ONBOARDING, ACTIVE, LEAVING or LEFT")
    commission_percent: str
    offer_version: str
    offer_accepted_at: InstantText
    requisites_version: int = Field(
        description="the latest, to be forgotten counting as one; an account whose version is older is being updated"
    )
    forgotten_at: InstantText | None = Field(
        description="since when nobody can read his requisites: he gives them anew, or registers anew"
    )
    same_inn: list[str] = Field(description="other dealers with this number, ten at most: allowed, and told to systems")
    reason: str | None
    accounts: list[AccountView]
    created_at: InstantText


class DealView(View):
    deal_id: str
    dealer_id: str
    price: str
    commission_percent: str
    commission: str
    status: str = Field(description="CLOSED or CANCELLED")
    commission_bills: list[str] = Field(description="the bills that are in force, the oldest first")
    settlement: str | None = Field(description="what was paid for the car, where it is billed")
    settlement_bill: str | None = Field(description="the newest of those")
    settlement_bills: list[str] = Field(description="the bills of it that are in force, the oldest first")
    closed_at: InstantText


class BillView(View):
    bill_id: str
    account_type: str
    deal_id: str
    status: str = Field(description="NEW, PENDING, PARTIAL, PAID or CANCELLED")
    common_sum: str
    paid_sum: str
    credited_sum: str = Field(description="taken back by credit notes")
    left_sum: str = Field(description="of it, that is neither paid nor taken back")
    due_on: str
    overdue: bool = Field(description="it can be paid, and should have been")
    number: str | None
    url: str | None = Field(description="of the invoice's PDF")
    reason: str | None
    created_at: InstantText


class SegmentView(View):
    segment_id: str
    deposit_min: str
    price_max: str


class SegmentList(View):
    items: list[SegmentView]


class FastBuyoutView(View):
    cme_dealer_id: str
    status: str = Field(description="the dealer's")
    eligible: bool
    deposit: str
    segment: SegmentView | None = Field(description="the dearest cars that his deposit allows")
    owed: str = Field(description="for cars that were bought for him and are not paid")
    price_max: str = Field(description="of the next car: what his deposit allows, less what he owes")
    reason: str | None = Field(description="why he is not")


class ReleaseView(View):
    status: str = Field(description="HELD for two operators, ASKED, SENT, DONE or REFUSED")
    amount: str
    reason: str | None
    asked_at: InstantText


class BillPage(View):
    items: list[BillView]
    cursor: str | None


@app.post("/billing/dealers", tags=["billing"], summary="Register a dealer who has accepted the offer")
def register(body: Registration) -> Response[DealerView]:
    """With his requisites, which are checked and kept sealed. His accounts are then opened at the billing system,
    which takes minutes. Who was forgotten, and has accepted the offer since, is back, with the accounts that he had."""
    caller(app).must_have(BILLING)
    offer = Offer(body.offer_version, body.offer_accepted_at)
    dealer = dealers().register(body.cme_dealer_id, _requisites(body.requisites), offer)
    return answer(_dealer(dealer), HTTPStatus.CREATED)


@app.put("/billing/dealers/<cme_dealer_id>/requisites", tags=["billing"], summary="Change a dealer's requisites")
def update_requisites(cme_dealer_id: DealerId, body: RequisitesUpdate) -> DealerView:
    """All of them: what a machine brings to the billing system then is what his next invoices have. While a deposit is
    on its way back they wait."""
    caller(app).must_have(BILLING)
    return _dealer(dealers().update_requisites(cme_dealer_id, _requisites(body), body.replaces))


@app.get("/billing/dealers/<cme_dealer_id>", tags=["billing"], summary="A dealer and his accounts")
def dealer(cme_dealer_id: DealerId) -> DealerView:
    """Each account is told with its contract and with what is on it."""
    reader = Reader.of(caller(app))
    found = _dealer(dealers().dealer(reader.dealer(cme_dealer_id)))
    return found if reader.dealers is None else found.model_copy(update={"same_inn": []})  # who else there is


@app.get("/billing/dealers/<cme_dealer_id>/bills", tags=["billing"], summary="A dealer's bills, unpaid first")
def bills_of_dealer(cme_dealer_id: DealerId, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> BillPage:
    """A page may be short and still not be the last."""
    asking = caller(app)
    read = Reader.of(asking).dealer(cme_dealer_id)
    listed = f"GET /billing/dealers {read} {asking.sub}"
    page = bills().of_dealer(read, limit=limit, after=cursors().read(listed, cursor))
    return BillPage(items=[_bill(bill) for bill in page.items], cursor=cursors().write(listed, page.after))


@app.post("/billing/deals", tags=["billing"], summary="A dealer has bought a car: bill the commission")
def close_deal(body: ClosedDeal) -> Response[DealView]:
    """The commission is of the price of the car, by the percentage that is agreed with the dealer. The same deal again
    changes nothing."""
    caller(app).must_have(BILLING)
    closed = bills().close_deal(body.deal_id, body.cme_dealer_id, body.price)
    return answer(_deal(closed.made), HTTPStatus.OK if closed.replayed else HTTPStatus.CREATED)


@app.post("/billing/bills", tags=["billing"], summary="Bill a deal: its commission, or what was paid for the car")
def create_bill(body: BillAsked) -> Response[BillView]:
    """GET_REWARD bills the commission of a deal, GET_SETTLEMENT what the dealer owes for the car. The same bill again
    changes nothing."""
    caller(app).must_have(BILLING)
    return _made(bills().create(body.operation, body.cme_dealer_id, body.deal_id, body.amount))


@app.get("/billing/bills/<bill_id>", tags=["billing"], summary="A bill and what is paid of it")
def bill(bill_id: BillId) -> BillView:
    """Its number and its PDF are there once the billing system has made the invoice."""
    reader = Reader.of(caller(app))
    return _bill(reader.bill(bills().bill(bill_id)))


@app.get("/billing/deals/<deal_id>", tags=["billing"], summary="A deal, and the bills that are in force of it")
def deal(deal_id: DealInPath) -> DealView:
    """A deal that was corrected has several bills; those that were taken back are not among them."""
    caller(app).must_have(BILLING)
    return _deal(bills().deal(deal_id))


@app.patch(
    "/billing/deals/<deal_id>", tags=["billing"], summary="Its price, settlement or winner is another, or it is off"
)
def change_deal(deal_id: DealInPath, body: ChangedDeal, idempotency_key: IdempotencyKey) -> Response[DealView]:
    """What was billed is taken back by credit notes and billed anew; what was paid too much pays his next bills."""
    system = caller(app)
    system.must_have(BILLING)
    cancelled = body.cancelled is True
    change = Change(body.price, body.cme_dealer_id, cancelled=cancelled, settlement_kopecks=body.settlement)
    changed = corrections().change(deal_id, f"{system.sub} {idempotency_key}", change)
    return answer(_deal(changed.made), HTTPStatus.OK, replayed=changed.replayed)


@app.post("/billing/dealers/<cme_dealer_id>/fast-buyout", tags=["billing"], summary="Open his accounts for it")
def add_fast_buyout(cme_dealer_id: DealerId) -> Response[DealerView]:
    """Besides the account of commissions he gets one for a deposit and one for what he owes for cars."""
    caller(app).must_have(BILLING)
    added = fast_buyouts().add(cme_dealer_id)
    return answer(_dealer(added.made), HTTPStatus.OK if added.replayed else HTTPStatus.CREATED)


@app.get("/billing/dealers/<cme_dealer_id>/fast-buyout", tags=["billing"], summary="May he bid, and up to what price")
def fast_buyout(cme_dealer_id: DealerId, segment: SegmentInQuery | None = None) -> FastBuyoutView:
    """With a segment: may he in that one."""
    caller(app).must_have(BILLING)
    found = fast_buyouts().of(cme_dealer_id, segment)
    return FastBuyoutView(
        cme_dealer_id=found.dealer.cme_dealer_id,
        status=found.dealer.status,
        eligible=found.reason is None,
        deposit=roubles(found.deposit_kopecks),
        segment=None if found.segment is None else _segment(found.segment),
        owed=roubles(found.owed_kopecks),
        price_max=roubles(found.price_max_kopecks),
        reason=found.reason,
    )


@app.post(
    "/billing/dealers/<cme_dealer_id>/deposit-release", tags=["billing"], summary="He leaves: pay his deposit back"
)
def release_deposit(cme_dealer_id: DealerId, idempotency_key: OptionalKey = None) -> Response[ReleaseView]:
    """To the requisites that he has now; two operators look first where those are not the ones that he was registered
    with. Without a key all are repeats of one; who came back and leaves again needs one."""
    system = caller(app)
    system.must_have(BILLING)
    key = None if idempotency_key is None else f"{system.sub} {idempotency_key}"
    released = fast_buyouts().release(cme_dealer_id, key)
    view = ReleaseView(
        status=released.made.status,
        amount=roubles(released.made.kopecks),
        reason=released.made.reason,
        asked_at=released.made.asked_at,
    )
    return answer(view, HTTPStatus.OK if released.replayed else HTTPStatus.ACCEPTED)


@app.get("/billing/segments", tags=["billing"], summary="Which cars a deposit allows")
def segments() -> SegmentList:
    """The more a dealer has on his deposit, the dearer the cars that he may bid on."""
    caller(app).must_have(BILLING)
    return SegmentList(items=[_segment(each) for each in fast_buyouts().segments()])


def _made(made: Replayable[Bill]) -> Response[BillView]:
    return answer(_bill(made.made), HTTPStatus.OK if made.replayed else HTTPStatus.CREATED)


def _requisites(asked: RequisitesBody) -> Requisites:
    return Requisites(**{name: getattr(asked, name) for name in RequisitesBody.model_fields})


def _dealer(found: Dealer) -> DealerView:
    return DealerView(
        dealer_id=found.dealer_id,
        cme_dealer_id=found.cme_dealer_id,
        status=found.status,
        commission_percent=str(found.commission_percent),
        offer_version=found.offer.version,
        offer_accepted_at=found.offer.accepted_at,
        requisites_version=found.version_to_replace,
        forgotten_at=found.forgotten_at,
        same_inn=list(dealers().of_same_taxpayer(found)),
        reason=found.reason,
        accounts=[_account(account) for account in dealers().accounts(found)],
        created_at=found.created_at,
    )


def _account(found: Account) -> AccountView:
    return AccountView(
        type=found.type,
        status=found.status,
        requisites_version=found.requisites_version,
        current_balance=roubles(found.balance_kopecks),
        contract_number=found.contract_number,
    )


def _deal(found: Deal) -> DealView:
    return DealView(
        deal_id=found.deal_id,
        dealer_id=found.dealer_id,
        price=roubles(found.price_kopecks),
        commission_percent=str(found.percent),
        commission=roubles(found.reward_kopecks),
        status=found.status,
        commission_bills=[*found.commission_ids],
        settlement=roubles(found.settlement_kopecks) if found.settlement_ids else None,
        settlement_bill=found.settlement_ids[-1] if found.settlement_ids else None,
        settlement_bills=[*found.settlement_ids],
        closed_at=found.closed_at,
    )


def _bill(found: Bill) -> BillView:
    return BillView(
        bill_id=found.bill_id,
        account_type=found.type,
        deal_id=found.deal_id,
        status=found.status,
        common_sum=roubles(found.common_kopecks),
        paid_sum=roubles(found.paid_kopecks),
        credited_sum=roubles(found.credited_kopecks),
        left_sum=roubles(found.left_kopecks),
        due_on=found.due_on.isoformat(),
        overdue=found.is_overdue(clock.now()),
        number=found.number,
        url=found.url,
        reason=found.reason,
        created_at=found.created_at,
    )


def _segment(found: Segment) -> SegmentView:
    return SegmentView(
        segment_id=found.segment_id,
        deposit_min=roubles(found.deposit_min_kopecks),
        price_max=roubles(found.price_max_kopecks),
    )


handler = http.serve(app, dealers)
