"""HTTP for operators: the catalogue, clients, events of the bank, audit and books; in `work` what is unfinished."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field, StringConstraints

from common import aws, http
from common.domain.catalogue.model import (
    DESK_BUYS_MAX,
    ESTIMATE_BAND_BPS,
    FILL_BAND_BPS,
    MIN_POOLED,
    POOL_DEADLINE_SECONDS,
    PRECISION_MAX,
    PRICE_AGE_MAX_SECONDS,
    PRICE_STEP,
    SLIPPAGE_BOUND_BPS,
    SLIPPAGE_MAX_BPS,
    Asset,
    Execution,
    Listing,
)
from common.domain.clients import Client, ClientKind, ClientStatus
from common.domain.fees import FEE_BPS_MAX, Tier
from common.domain.payouts.store import BankEventItem, payee_of
from common.domain.persons import AccountState, Person
from common.domain.story_versions import acted
from common.http import caller
from common.keys import ASSET_ID_PATTERN, USERNAME_PATTERN
from common.money import Money, Price, plain
from common.pages import LIMIT_DEFAULT
from common.wire import (
    CLIENT_ID_PATTERN,
    Amount,
    AssetId,
    BankAccount,
    Day,
    Dollars,
    DollarsOrZero,
    InstantText,
    OperatorAct,
    OperatorOutcomeView,
    RequestBody,
    View,
)
from functions.operations.api import (  # noqa: F401  # their routes
    accounts,
    comparisons,
    custody,
    customers,
    deposits,
    finding,
    halts,
    machines,
    market_making,
    operators,
    pairs,
    payments,
    payouts,
    work,
)
from functions.operations.api.door import ActView, Limit, act_views, app, cursors, done, propose
from functions.operations.service.catalogue_kinds import CONFIRM
from functions.operations.wiring import anchoring, interventions, operations, reconciliation

AssetInPath = Annotated[str, Path(pattern=ASSET_ID_PATTERN)]
ClientInPath = Annotated[str, Path(pattern=CLIENT_ID_PATTERN)]
WebhookId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
FeeBps = Annotated[int, Field(ge=0, le=FEE_BPS_MAX, strict=True)]


class FeesRequest(RequestBody):
    """A tier that is left out pays what it did; one that was never given pays what STANDARD does, or nothing."""

    STANDARD: FeeBps | None = None
    SILVER: FeeBps | None = None
    GOLD: FeeBps | None = None


class AssetRequest(OperatorAct):
    """The rules of an asset. What is left out stays as it is; a new asset needs the rules that have no default."""

    name: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,40}$")] | None = None
    precision: Annotated[int, Field(ge=0, le=PRECISION_MAX, strict=True)] | None = Field(
        default=None, description="decimals of a quantity"
    )
    min_notional: Dollars | None = None
    max_notional: Dollars | None = None
    execution: Execution | None = Field(default=None, description=f"of a new asset {Execution.INSTANT}")
    active: Annotated[bool, Field(strict=True)] | None = Field(default=None, description="a new one is traded")
    price_source_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}$")] | None = None
    price_age_max_seconds: Annotated[int, Field(ge=10, le=86_400, strict=True)] | None = Field(
        default=None, description=f"of a new asset {PRICE_AGE_MAX_SECONDS}"
    )
    estimate_band_bps: Annotated[int, Field(ge=1, le=5_000, strict=True)] | None = Field(
        default=None, description=f"how far an estimate may be from the price; of a new asset {ESTIMATE_BAND_BPS}"
    )
    slippage_max_bps: Annotated[int, Field(ge=0, le=SLIPPAGE_BOUND_BPS, strict=True)] | None = Field(
        default=None,
        description=f"how far above the price it may be bought, below it sold; of a new asset {SLIPPAGE_MAX_BPS}",
    )
    fill_band_bps: Annotated[int, Field(ge=1, le=5_000, strict=True)] | None = Field(
        default=None,
        description=f"a fill that is better than the price by more is not believed; of a new asset {FILL_BAND_BPS}",
    )
    pool_shards: Annotated[int, Field(ge=1, le=64, strict=True)] | None = Field(
        default=None, description="more where its pool is hot; of a new asset 1"
    )
    pool_deadline_seconds: Annotated[int, Field(ge=60, le=2_592_000, strict=True)] | None = Field(
        default=None, description=f"how long small purchases wait for others; of a new asset {POOL_DEADLINE_SECONDS}"
    )
    pool_top_up: Annotated[bool, Field(strict=True)] | None = Field(
        default=None,
        description="true: the desk adds what a pool lacks, and does not give the dollars back; of a new asset false",
    )

    min_pooled: Dollars | None = Field(
        default=None, description=f"the smallest purchase that may wait for others; of a new asset {MIN_POOLED}"
    )
    desk_buys_max: DollarsOrZero | None = Field(
        default=None,
        description="how much the desk itself buys a day (UTC), in dollars, of what customers sell in less than a lot "
        f"of the exchange; of a new asset {DESK_BUYS_MAX}",
    )
    spread_bps: Annotated[int, Field(ge=0, le=5_000, strict=True)] | None = Field(
        default=None,
        description="of instant trades: customers buy half of it above the price and sell half of it below; of a new "
        "asset 0",
    )
    fees_bps: FeesRequest | None = Field(
        default=None,
        description="of instant trades, beside the spread: the desk's part of the amount, in basis points, by tier; "
        "of a new asset none",
    )
    price_step: Amount | None = Field(
        default=None, description=f"the price of a limit order is a multiple of it; of a new asset {PRICE_STEP}"
    )
    exchange_symbol: AssetId | None = Field(
        default=None, description="what the exchange calls it, where it was renamed; of a new asset its own name"
    )

    def given(self) -> dict[str, Any]:
        """The rules that are said, as `Asset` has them; of fees by tier, only those tiers."""
        said = self.model_dump(exclude=set(OperatorAct.model_fields), exclude_none=True)
        dollars = ("min_notional", "max_notional", "min_pooled", "desk_buys_max")
        if self.fees_bps is not None:
            said["fees_bps"] = {Tier(tier): bps for tier, bps in said["fees_bps"].items()}
        if self.price_step is not None:
            said["price_step"] = Price(self.price_step)
        return {name: Money(value) if name in dollars else value for name, value in said.items()}


class OperatedAssetView(View):
    """As `AssetRequest` writes it."""

    asset_id: str
    name: str
    precision: int
    min_notional: str
    max_notional: str
    execution: Execution
    active: bool
    price_source_id: str
    exchange_symbol: str
    price_age_max_seconds: int
    estimate_band_bps: int
    slippage_max_bps: int
    fill_band_bps: int
    pool_shards: int
    pool_deadline_seconds: int
    pool_top_up: bool
    min_pooled: str
    desk_buys_max: str
    spread_bps: int
    price_step: str
    fees_bps: dict[Tier, int] = Field(description="of the tiers that were given; others pay what STANDARD does")


class OperatedAssetList(View):
    items: list[OperatedAssetView]


class ReconcileRequest(RequestBody):
    username: Annotated[str, StringConstraints(pattern=USERNAME_PATTERN)]


class ReconciledView(View):
    """`differences` is empty when the balances are what the journal adds up to."""

    username: str
    lines: int
    differences: list[str]


class ParkedView(View):
    """An event of the bank that could not be placed. What we do not understand is told as it begins, in `strange`."""

    webhook_id: str
    why: str
    strange: str | None
    reference_id: str | None
    adjustment_id: str | None
    account_id: str | None
    account_state: AccountState | None
    amount: str | None
    state: str | None
    failure_code: str | None
    at: InstantText | None
    parked_at: InstantText
    acts: list[ActView]


class ParkedList(View):
    items: list[ParkedView]


class StoppedPriceView(View):
    """The price of an asset that is not traded: its source tells another one suddenly, or its first."""

    asset_id: str
    stopped_at: InstantText
    price: str | None = Field(description="the latest that was believed; null: none was yet")
    price_source: str | None
    price_as_of: InstantText | None
    unconfirmed_price: str = Field(description="what the source has told since, or told first")
    unconfirmed_source: str
    unconfirmed_as_of: InstantText
    acts: list[ActView]


class StoppedPriceList(View):
    items: list[StoppedPriceView]


class PriceConfirmation(OperatorAct):
    price: Amount = Field(description="the `unconfirmed_price`, when it was found elsewhere, too")


class CryptoClientRequest(OperatorAct):
    username: Annotated[str, StringConstraints(pattern=USERNAME_PATTERN)]
    status: ClientStatus | None = Field(default=None, description="left out, it stays as it is; a new client is ACTIVE")


class BankingClientRequest(CryptoClientRequest):
    account_id: BankAccount | None = Field(
        default=None, description="left out, it stays as it is; a new client needs one"
    )


class ClientView(View):
    client_id: str
    kind: str = Field(description="CRYPTO or BANKING")
    username: str
    status: str
    account_id: str | None
    account_state: AccountState | None
    updated_at: InstantText


class AuditEntryView(View):
    """`digest` is the SHA-256, in hex, of the JSON array of the texts `number`, `previous`, `at`, `operator`, `action`,
    `subject`, `detail`, ASCII without white space. `previous` is the digest of the entry before."""

    number: int
    at: InstantText
    operator: str
    action: str
    subject: str
    detail: str
    previous: str
    digest: str


class AuditHeadView(View):
    """Of a chain without entries `number` is 0, and whatever is of an entry null. `first_date` is the day of the
    first entry, `anchored_since` that of the first anchor. `public_key` is base64 of a
    SubjectPublicKeyInfo (DER): with it the anchors are verified."""

    number: int
    digest: str | None
    at: InstantText | None
    first_date: str | None
    anchored_since: str | None
    public_key: str


class AuditAnchorView(View):
    """`signature` is base64 of ECDSA on P-256 with SHA-256 (DER) over the ASCII text `{number} {digest} {at}`."""

    number: str
    digest: str
    at: str
    signature: str


class AuditAnchors(View):
    items: list[AuditAnchorView]


class AuditPage(View):
    items: list[AuditEntryView]
    cursor: str | None


@app.get("/operations/catalogue", tags=["operators"], summary="All assets with their rules")
def operated_assets() -> OperatedAssetList:
    """Those that are not traded as well."""
    caller(app).must_be_viewer()
    return OperatedAssetList(items=[_operated(asset) for asset in operations().assets()])


@app.get("/operations/catalogue/<asset_id>", tags=["operators"], summary="An asset with its rules")
def operated_asset(asset_id: AssetInPath) -> OperatedAssetView:
    """As they stand now, whoever has set them."""
    caller(app).must_be_viewer()
    return _operated(operations().listing(asset_id).asset)


@app.put("/operations/catalogue/<asset_id>", tags=["operators"], summary="Propose a new asset of the catalogue")
def list_asset(asset_id: AssetInPath, body: AssetRequest) -> OperatorOutcomeView:
    """Another operator confirms it. The first price of an asset is confirmed as well, before it is traded."""
    operator = caller(app).must_be_operator()
    act, given = interventions().list_asset, body.given()
    return acted(aws.table(), None, body, lambda tried: act(asset_id, given, body.reason, operator, dry_run=tried))


@app.patch("/operations/catalogue/<asset_id>", tags=["operators"], summary="Propose other rules of an asset")
def change_asset(asset_id: AssetInPath, body: AssetRequest) -> OperatorOutcomeView:
    """Another operator confirms it; one alone may stop its trading: `active` false, and nothing else."""
    operator = caller(app).must_be_operator()
    act, given = interventions().change_asset, body.given()
    return acted(aws.table(), None, body, lambda tried: act(asset_id, given, body.reason, operator, dry_run=tried))


@app.get("/operations/parked", tags=["operators"], summary="Events of the bank that could not be placed, oldest first")
def parked(limit: Limit = LIMIT_DEFAULT) -> ParkedList:
    """The bank has told them, and they fit nothing that the desk has sent. They move no money before a person has
    looked."""
    caller(app).must_be_viewer()
    persons: dict[str, Person] = {}
    return ParkedList(items=[_parked(item, persons) for item in operations().parked(limit)])


@app.post("/operations/parked/<webhook_id>/replay", tags=["operators"], summary="Try to place an event again")
def replay(webhook_id: WebhookId, body: OperatorAct) -> OperatorOutcomeView:
    """What it belongs to may be there by now."""
    return done(interventions().replay, webhook_id, body)


@app.post(
    "/operations/parked/<webhook_id>/dismiss", tags=["operators"], summary="Dismiss an event: nothing is to be done"
)
def dismiss(webhook_id: WebhookId, body: OperatorAct) -> OperatorOutcomeView:
    """It leaves the list. The bank's event stays on record."""
    return done(interventions().dismiss, webhook_id, body)


@app.get("/operations/prices", tags=["operators"], summary="Prices that have jumped, longest ago first")
def stopped_prices() -> StoppedPriceList:
    """While a price has jumped its asset is not traded: until the exchange's market or an operator confirms the new
    price, or the source comes back. The first price of an asset is confirmed as well, before it is traded."""
    caller(app).must_be_viewer()
    return StoppedPriceList(items=[_stopped(listing) for listing in operations().stopped()])


@app.post("/operations/prices/<asset_id>/confirm", tags=["operators"], summary="Propose a price that has jumped")
def confirm_price(asset_id: AssetInPath, body: PriceConfirmation) -> OperatorOutcomeView:
    """Another operator confirms that the market is there; what the source tells by then has to be near it."""
    return propose(CONFIRM, asset_id, {"price": plain(body.price)}, None, body)


@app.put("/operations/clients/<client_id>/crypto", tags=["operators"], summary="Write a client that may sell coins")
def save_crypto_client(client_id: ClientInPath, body: CryptoClientRequest) -> OperatorOutcomeView:
    """One operator alone may take from a client; whatever gives takes two."""
    return _save(ClientKind.CRYPTO, client_id, body, None)


@app.put("/operations/clients/<client_id>/banking", tags=["operators"], summary="Write a client that is paid at a bank")
def save_banking_client(client_id: ClientInPath, body: BankingClientRequest) -> OperatorOutcomeView:
    """One operator alone may take from a client; whatever gives takes two."""
    return _save(ClientKind.BANKING, client_id, body, body.account_id)


@app.get("/operations/clients/<client_id>/<kind>", tags=["operators"], summary="A client")
def operated_client(client_id: ClientInPath, kind: Literal["crypto", "banking"]) -> ClientView:
    """Of either kind: crypto or banking."""
    caller(app).must_be_viewer()
    return _client(operations().client(ClientKind(kind.upper()), client_id))


@app.get("/operations/audit", tags=["operators"], summary="What operators did on one day (UTC), newest first")
def audit(date: Day, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> AuditPage:
    """Each entry holds the digest of the one before, so that none can be changed or left out unseen."""
    operator = caller(app).must_be_viewer()
    listed = f"GET /operations/audit {operator} {date}"
    page = operations().audit(date, limit=limit, after=cursors().read(listed, cursor))
    items = [AuditEntryView(**vars(link)) for link in page.items]
    return AuditPage(items=items, cursor=cursors().write(listed, page.after))


@app.get("/operations/audit/head", tags=["operators"], summary="Where the audit's chain ends, and who signs it")
def audit_head() -> AuditHeadView:
    """Whoever has kept an earlier head can prove that nothing before it was changed since."""
    caller(app).must_be_viewer()
    head = operations().audit_head()
    return AuditHeadView(
        number=0 if head is None else head.number,
        digest=None if head is None else head.digest,
        at=None if head is None else head.at,
        first_date=None if head is None else head.first_date,
        anchored_since=anchoring().first_date(),
        public_key=anchoring().public_key(),
    )


@app.get("/operations/audit/anchors", tags=["operators"], summary="Where the chain stood on one day (UTC), signed")
def audit_anchors(date: Day) -> AuditAnchors:
    """They are signed each hour, and kept where operators can not write."""
    caller(app).must_be_viewer()
    return AuditAnchors(items=[AuditAnchorView(**vars(anchor)) for anchor in anchoring().of_day(date)])


@app.post("/operations/reconcile", tags=["operators"], summary="Check an account against its journal")
def reconcile(body: ReconcileRequest) -> ReconciledView:
    """Its lines are added up anew, and held against the balances."""
    caller(app).must_be_operator()
    found = reconciliation().reconcile(body.username)
    return ReconciledView(username=found.username, lines=found.lines, differences=list(found.differences))


def _operated(asset: Asset) -> OperatedAssetView:
    rules: dict[str, Any] = {
        k: str(rule) if isinstance(rule, Money | Price) else rule for k, rule in vars(asset).items()
    }
    return OperatedAssetView(**{**rules, "fees_bps": asset.fees_bps.named})


def _parked(item: BankEventItem, persons: dict[str, Person]) -> ParkedView:
    """`persons`: those of the events before, so that the key of each is asked for once."""
    payee, account = payee_of(item), None
    if payee is not None:
        person = persons.setdefault(payee.username, operations().persons.of(payee.username))
        account = person.told(payee.account)
    return ParkedView(
        webhook_id=item.webhook_id,
        why=item.why,
        strange=item.strange,
        reference_id=item.reference_id,
        adjustment_id=item.adjustment_id,
        account_id=None if account is None else account.account_id,
        account_state=None if account is None else account.state,
        amount=None if item.amount is None else str(Money(item.amount)),
        state=item.state,
        failure_code=item.failure_code,
        at=item.at,
        parked_at=item.created_at,
        acts=act_views(operations().acts_on(item)),
    )


def _stopped(listing: Listing) -> StoppedPriceView:
    assert listing.jump is not None
    latest, jumped = listing.quote, listing.jump.quote
    return StoppedPriceView(
        asset_id=listing.asset.asset_id,
        stopped_at=listing.jump.since,
        price=None if latest is None else str(latest.price),
        price_source=None if latest is None else latest.source,
        price_as_of=None if latest is None else latest.as_of,
        unconfirmed_price=str(jumped.price),
        unconfirmed_source=jumped.source,
        unconfirmed_as_of=jumped.as_of,
        acts=act_views(operations().acts_on_price(listing)),
    )


def _save(kind: ClientKind, client_id: str, body: CryptoClientRequest, account_id: str | None) -> OperatorOutcomeView:
    operator = caller(app).must_be_operator()
    owner = operations().owner(body.username)
    act = interventions().save_client
    return acted(
        aws.table(),
        None,  # it may be new
        body,
        lambda tried: act(
            kind, client_id, owner, body.reason, operator, dry_run=tried, status=body.status, account_id=account_id
        ),
    )


def _client(client: Client) -> ClientView:
    account = operations().persons.of(client.owner.username).told(client.account)
    return ClientView(
        client_id=client.client_id,
        kind=client.kind,
        username=client.owner.username,
        status=client.status,
        account_id=None if account is None else account.account_id,
        account_state=None if account is None else account.state,
        updated_at=client.updated_at,
    )


STOPS = {  # fair use never refuses these
    "POST /operations/flows/{flow}/halt",
    "POST /operations/operators/{username}/disable",
    "POST /operations/operators/{username}/sign-out",
}

handler = http.serve(app, interventions, stops=STOPS)
