"""HTTP: opening an account, dollars in and out, and what operators do about them."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from common import aws, clock, http
from common.domain.clients import Client, ClientKind, ClientStatus
from common.domain.fees import Tier
from common.domain.ledger.moves import Move
from common.domain.persons import AccountState, Persons, ToldAccount
from common.http import IdempotencyKey, answer, caller
from common.idempotency import Replayable
from common.keys import ORDER_ID_PATTERN
from common.money import Money
from common.pages import LIMIT_DEFAULT, LIMIT_MAX, Cursors, why_short
from common.settings import settings
from common.wire import (
    BankAccount,
    ClientId,
    Dollars,
    Instant,
    InstantText,
    RequestBody,
    View,
    WhyShort,
)
from functions.accounts.model import Status, Transfer, User
from functions.accounts.service import Accounts, Rules

app = http.api()

TransferId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Since = Annotated[Instant | None, Query(alias="from", description="inclusive")]
Until = Annotated[Instant | None, Query(alias="to", description="exclusive")]


class Amount(RequestBody):
    amount: Dollars


class Withdrawal(RequestBody):
    amount: Dollars
    banking_client_id: ClientId


class LimitLeftView(View):
    kind: str = Field(description="DEPOSIT; or PAYOUT, withdrawals and cash-outs together")
    limit: str = Field(description="in dollars, a day (UTC)")
    used: str = Field(description="of it, today")
    left: str = Field(description="what may still be done today")


class UserView(View):
    username: str
    created_at: InstantText
    scopes: list[str] | None = Field(default=None, description="that your token has; told by `GET /me`")
    dealers: list[str] | None = Field(
        default=None, description="whose bills you may read, as CME calls them; told by `GET /me`"
    )
    limits: list[LimitLeftView] | None = Field(
        default=None, description="of today, told by `GET /me`; what is not there is not for you to do"
    )


class BalanceView(View):
    """`current_balance` is free to spend, `held_balance` reserved for open orders and withdrawals. US dollars."""

    username: str
    current_balance: str
    held_balance: str
    tier: Tier = Field(description="the tier whose fees you pay at `POST /orders`: `fees_bps` of `GET /assets`")
    updated_at: InstantText


class TransferView(View):
    """A deposit or a withdrawal of US dollars."""

    transfer_id: str
    username: str
    transaction_type: str = Field(description="DEPOSIT or WITHDRAWAL")
    amount: str
    status: str = Field(description="PENDING, COMPLETED, PAYOUT_FAILED or REJECTED")
    banking_client_id: str | None
    reason: str | None
    created_at: InstantText
    updated_at: InstantText


class TransferPage(View):
    items: list[TransferView]
    short: WhyShort
    cursor: str | None


class TransactionView(View):
    """Dollars that came or went. `amount` is without a sign: DEPOSIT and SELL add to them, WITHDRAW and BUY take from
    them."""

    transaction_type: str = Field(description="DEPOSIT, WITHDRAW, BUY or SELL")
    amount: str
    asset_id: str = Field(description="what was bought or sold for them; USD: they came from outside or went there")
    order_id: str
    status: str
    created_at: InstantText
    balance_after: str | None = Field(
        description="the dollars that you had after it, free and held; null: too much has moved since to tell"
    )


class TransactionPage(View):
    pending: list[TransferView] = Field(
        description="withdrawals that are not over: their dollars are held, and still yours. On the first page only"
    )
    items: list[TransactionView]
    cursor: str | None


class ClientRequest(RequestBody):
    """Ask for a client: CRYPTO, to sell coins; BANKING, to be paid at `account_id`, your account at a bank."""

    kind: ClientKind
    account_id: BankAccount | None = None


class OwnClientView(View):
    """What you name in a cash-out or a withdrawal: CRYPTO, you as one who sells coins; BANKING, your account at a
    bank. Only an ACTIVE one can be used: we look at one that
    is ASKED."""

    client_id: str
    kind: ClientKind
    status: ClientStatus
    account_id: str | None = Field(description="of a BANKING one, where it is paid; only if that is TOLD")
    account_state: AccountState | None = Field(
        description="of a BANKING one: TOLD; FORGOTTEN, so that nothing is paid there; UNAVAILABLE, at this moment; or "
        "WRONG, so that nothing is paid there until the desk has looked"
    )
    updated_at: InstantText


class OwnClientList(View):
    items: list[OwnClientView]


class UserPage(View):
    items: list[UserView]
    cursor: str | None


@app.post("/users", tags=["accounts"], summary="Open your account")
def open_account() -> Response[UserView]:
    """Once, before anything else: what you have and do here belongs to it. Asking again changes nothing."""
    user, known = accounts().open(caller(app).owner)
    return answer(_user(user), HTTPStatus.OK if known else HTTPStatus.CREATED, replayed=known)


@app.get("/me", tags=["accounts"], summary="Who you are here")
def me() -> UserView:
    """Under which name you have an account here, and since when; and what you may do today."""
    who = caller(app)
    user = accounts().me(who.owner)
    limits = [
        LimitLeftView(kind=one.kind, limit=str(one.limit), used=str(one.used), left=str(one.left))
        for one in accounts().limits(who.owner)
    ]
    return UserView(
        username=user.owner.username,
        created_at=user.created_at,
        scopes=sorted(who.scopes),
        dealers=sorted(who.dealers),
        limits=limits,
    )


@app.get("/balance", tags=["accounts"], summary="Your dollars")
def balance() -> BalanceView:
    """What is free to spend, and what is reserved for orders and withdrawals that are open."""
    found = accounts().balance(caller(app).owner)
    return BalanceView(
        username=found.username,
        current_balance=str(found.current),
        held_balance=str(found.held),
        tier=found.tier,
        updated_at=found.updated_at,
    )


@app.post("/balance/deposits", tags=["accounts"], summary="Credit dollars, where customers may")
def deposit(body: Amount, idempotency_key: IdempotencyKey) -> Response[TransferView]:
    """Only where the desk runs for trying it out; elsewhere dollars come through the bank. They are free at once, up
    to a limit a day."""
    return _made(accounts().deposit(caller(app).owner, idempotency_key, Money(body.amount)), HTTPStatus.CREATED)


@app.post("/balance/withdrawals", tags=["accounts"], summary="Ask for dollars to be paid to your bank")
def withdraw(body: Withdrawal, idempotency_key: IdempotencyKey) -> Response[TransferView]:
    """The dollars are reserved at once and paid by the bank, to the account of a banking client of yours. What the
    bank rejects comes back, after an operator has looked at it."""
    owner, amount = caller(app).owner, Money(body.amount)
    return _made(accounts().withdraw(owner, idempotency_key, amount, body.banking_client_id), HTTPStatus.ACCEPTED)


@app.get("/balance/withdrawals", tags=["accounts"], summary="Your withdrawals, pending and over, newest first")
def withdrawals(
    status: Status | None = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> TransferPage:
    """Those of one status, or all."""
    owner = caller(app).owner
    listed = f"GET /balance/withdrawals {owner} {status} {since} {until}"
    after = cursors().read(listed, cursor)
    page = accounts().withdrawals(owner, status=status, since=since, until=until, limit=limit, after=after)
    return TransferPage(
        items=[_transfer(item) for item in page.items],
        short=why_short(page, limit),
        cursor=cursors().write(listed, page.after),
    )


@app.get("/balance/withdrawals/<transfer_id>", tags=["accounts"], summary="What became of a withdrawal")
def withdrawal(transfer_id: TransferId) -> TransferView:
    """It is PENDING until the bank has paid it, or an operator has given the dollars back."""
    return _transfer(accounts().withdrawal(caller(app).owner, transfer_id))


@app.get("/balance/transactions", tags=["accounts"], summary="All that moved your dollars, newest first")
def transactions(
    since: Since = None,
    until: Until = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> TransactionPage:
    """Deposits, withdrawals, buys and sales, each with the balance after it. What is not over yet is in `pending`."""
    owner = caller(app).owner
    listed = f"GET /balance/transactions {owner} {since} {until}"
    page = accounts().transactions(owner, since=since, until=until, limit=limit, after=cursors().read(listed, cursor))
    return TransactionPage(
        pending=[_transfer(item) for item in accounts().pending(owner)] if cursor is None else [],
        items=[_line(item) for item in page.items],
        cursor=cursors().write(listed, page.after),
    )


@app.get("/clients", tags=["accounts"], summary="Your clients: what a cash-out or a withdrawal names")
def own_clients() -> OwnClientList:
    """A crypto client may sell coins, a banking client is paid. One that you have asked for is ASKED until an operator
    has looked at it."""
    owner = caller(app).owner
    person = accounts().persons.of(owner.username)
    return OwnClientList(items=[_client(client, person.told(client.account)) for client in accounts().clients(owner)])


@app.post("/clients", tags=["accounts"], summary="Ask for a client")
def ask_for_client(body: ClientRequest, idempotency_key: IdempotencyKey) -> Response[OwnClientView]:
    """An operator looks at it, and another one confirms; until then it can not be used."""
    owner = caller(app).owner
    made = accounts().ask_for_client(owner, idempotency_key, body.kind, body.account_id)
    told = None if body.account_id is None else ToldAccount(AccountState.TOLD, body.account_id)
    return answer(_client(made.made, told), HTTPStatus.ACCEPTED, replayed=made.replayed)


@app.get("/operations/users", tags=["operators"], summary="All accounts, newest first")
def users(limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> UserPage:
    """Those whose login was made anew are told under the login of today."""
    operator = caller(app).must_be_viewer()
    listed = f"GET /operations/users {operator}"
    page = accounts().users(limit=limit, after=cursors().read(listed, cursor))
    return UserPage(items=[_user(item) for item in page.items], cursor=cursors().write(listed, page.after))


def _user(user: User) -> UserView:
    return UserView(username=user.owner.username, created_at=user.created_at)


def _made(result: Replayable[Transfer], status: HTTPStatus) -> Response[TransferView]:
    return answer(_transfer(result.made), status, replayed=result.replayed)


def _transfer(transfer: Transfer) -> TransferView:
    return TransferView(
        transfer_id=transfer.transfer_id,
        username=transfer.owner.username,
        transaction_type=transfer.kind,
        amount=str(transfer.amount),
        status=transfer.status,
        banking_client_id=transfer.banking_client_id,
        reason=transfer.reason,
        created_at=transfer.created_at,
        updated_at=transfer.updated_at,
    )


def _client(client: Client, told: ToldAccount | None) -> OwnClientView:
    return OwnClientView(
        client_id=client.client_id,
        kind=client.kind,
        status=client.status,
        account_id=None if told is None else told.account_id,
        account_state=None if told is None else told.state,
        updated_at=client.updated_at,
    )


def _line(move: Move) -> TransactionView:
    line = move.line
    return TransactionView(
        transaction_type=line.transaction_type,
        amount=str(line.total_amount),
        asset_id=line.quantity.asset_id,
        order_id=line.order_id,
        status="COMPLETED",
        created_at=line.created_at,
        balance_after=None if move.after is None else str(Money(move.after)),
    )


@cache
def accounts() -> Accounts:
    here = settings()
    rules = Rules(here.customer_deposits, Money(here.deposit_limit_usd), Money(here.withdrawal_limit_usd))
    table, machines = aws.table(), aws.machines()
    return Accounts(table, rules, machines, Persons(table, aws.data_keys, clock.now), clock.now)


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)


handler = http.serve(app, accounts)
