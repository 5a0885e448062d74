"""From the first request of a new customer to the first order in the portfolio: real HTTP, real tokens, real IAM."""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

import local.__main__ as command_line
from console.browser import BrowserSignIn, challenge
from console.connection import UserPool
from console.user_pool import Refused, renewed, revoke
from local.seed import PASSWORD
from local.stack import Silent
from tests.depth import PROVED
from tests.journeys.conftest import Stack, eventually

pytestmark = PROVED  # to start the stack takes two minutes of CPU, and `make prove` starts it anyway
VERIFIER = "v" * 43


@pytest.fixture
def customer(stack: Stack) -> Iterator[httpx.Client]:
    with stack.customer() as http:
        yield http


def _post(http: httpx.Client, path: str, key: str, **body: str) -> httpx.Response:
    return http.post(path, json=body, headers={"Idempotency-Key": key})


def _funded(http: httpx.Client) -> None:
    assert http.post("/users").status_code == 201
    assert _post(http, "/balance/deposits", "first", amount="1000.00").status_code == 201


def test_a_new_customer_signs_up_deposits_buys_and_sees_it(customer: httpx.Client) -> None:
    assert customer.get("/balance").status_code == 404
    _funded(customer)
    bought = _post(customer, "/orders", "buy", asset_id="BTC", order_type="BUY", quote_amount="250.00")
    assert bought.status_code == 201, bought.text
    order = bought.json()
    assert (order["status"], order["total_amount"]) == ("COMPLETED", "250.00")

    portfolio = customer.get("/portfolio").json()
    assert portfolio["current_balance"] == "750.00"
    (position,) = portfolio["asset_balances"]
    assert (position["asset_id"], position["quantity"]) == ("BTC", order["quantity"])
    (listed,) = customer.get("/orders").json()["items"]
    assert listed["route"] == f"GET /orders/{order['order_id']}"
    alone = {"quote_id", "fee_bps"}  # are told of one order only
    assert {name: listed[name] for name in order if name not in alone} == {
        name: order[name] for name in order if name not in alone
    }
    assert customer.get(f"/orders/{order['order_id']}").json() == order


def test_every_function_may_do_what_it_has_to(stack: Stack, customer: httpx.Client) -> None:
    """IAM is enforced: a grant that is missing in infra/grants.py fails here as it would on AWS."""
    _funded(customer)
    username = customer.get("/me").json()["username"]
    assert _post(customer, "/orders", "b", asset_id="OP", order_type="BUY", quantity="10").status_code == 201
    assert _post(customer, "/orders", "s", asset_id="OP", order_type="SELL", quantity="4").status_code == 201
    resting = [
        _post(customer, "/orders", f"l{n}", asset_id="BTC", order_type="BUY", quantity="0.001", order_price="5000")
        for n in range(3)
    ]
    assert [order.status_code for order in resting] == [201] * 3
    first, second, _ = [order.json()["order_id"] for order in resting]
    assert customer.post(f"/orders/{first}/cancel").json()["status"] == "CANCELLED"
    stack.desk.clients(username)
    to_bank = {"amount": "5.53", "banking_client_id": f"{username}-bank"}  # cents with which the bank never decides
    asked = _post(customer, "/balance/withdrawals", "w", **to_bank).json()
    assert customer.get(f"/balance/withdrawals/{asked['transfer_id']}").json()["status"] == "PENDING"
    for path in (
        *("/balance/transactions?limit=1", "/balances", "/balances/OP", "/assets", "/assets/OP"),
        *("/assets/OP/transactions?limit=1", "/orders?limit=1", "/orders?asset_id=OP", "/portfolio"),
    ):
        assert customer.get(path).status_code == 200, path
    page = customer.get("/orders?limit=1").json()
    assert customer.get("/orders", params={"limit": 1, "cursor": page["cursor"]}).status_code == 200
    with stack.operator() as olga:
        reason = {"reason": "a journey"}
        assert olga.post(f"/operations/orders/{second}/fail", json=reason).json()["after"] == "FAILED"
        at_the_bank = f"/operations/work/{asked['transfer_id']}"
        eventually(lambda: bool(olga.get(at_the_bank).json()["calls"]))
        too_early = olga.post(f"/operations/withdrawals/{asked['transfer_id']}/reject", json=reason)
        assert (too_early.status_code, too_early.json()["type"]) == (409, "/problems/PayoutUnsettled")
        at, credit = f"/operations/users/{username}/deposits", {"amount": "1.00", **reason}
        proposed = _post(olga, at, f"for-{username}", **credit).json()
        assert proposed["after"] == "PROPOSED"
        own = olga.post(f"/operations/proposals/{proposed['id']}/confirm", json=reason)
        assert (own.status_code, own.json()["type"]) == (409, "/problems/OwnProposal")
        stack.desk.by_two("POST", at, credit, f"for-{username}")
        assert olga.get("/operations/users").status_code == 200
        assert olga.get("/operations/work").status_code == 200
        assert olga.get(f"/operations/work/{second}").json()["events"]
        assert olga.get("/operations/audit", params={"date": asked["updated_at"][:10]}).json()["items"]
        stack.desk.invoke("cryptodesk-operations-anchor-audit")
        chain = olga.get("/operations/audit/head").json()
        (anchor, *_) = olga.get("/operations/audit/anchors", params={"date": chain["anchored_since"]}).json()["items"]
        assert (chain["number"] > 0, chain["public_key"] != "", anchor["signature"] != "") == (True, True, True)
        assert olga.post("/operations/reconcile", json={"username": username}).json()["differences"] == []
    assert len(customer.post("/orders/cancel-all").json()["items"]) == 1
    for function in ("orders-tend-market", "orders-expire-orders", "operations-reconcile"):
        stack.desk.invoke(f"cryptodesk-{function}")


def test_customers_and_operators_do_not_reach_each_others_doors(stack: Stack, customer: httpx.Client) -> None:
    """API Gateway itself refuses them: each route takes the tokens of one user pool."""
    assert customer.get("/operations/users").status_code == 401
    with stack.operator() as olga:
        assert olga.get("/assets").status_code == 401


def test_who_logs_in_at_the_page_is_let_in_by_the_desk_until_he_is_revoked(stack: Stack) -> None:
    """Real pages, a real client, real authorizers: what `desk login` gets, API Gateway takes."""
    deployed = stack.desk.deployment
    pool = UserPool(stack.local.environment.aws_url, deployed.operator_pool_id, deployed.operator_client_id)

    def fill_in(page: str) -> None:
        form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', httpx.get(page).text))
        typed = {name: html.unescape(value) for name, value in form.items()} | {
            "username": "olga",
            "password": PASSWORD,
        }
        back = httpx.post(f"{pool.url}/login", data=typed).headers["location"]
        assert httpx.get(back).status_code == 200

    tokens = BrowserSignIn(pool, fill_in).tokens()
    for token in (tokens.access, renewed(pool, tokens.refresh).access):
        asked = httpx.get(f"{stack.desk.api_url}/operations/halts", headers={"Authorization": f"Bearer {token}"})
        assert asked.status_code == 200, asked.text
    revoke(pool, tokens.refresh)
    with pytest.raises(Refused, match="revoked"):
        renewed(pool, tokens.refresh)


def test_an_operator_who_is_signed_out_or_disabled_is_out_at_once(stack: Stack) -> None:
    name, tokens = f"oskar-{os.getpid()}", [""]
    stack.desk.add(name, operator=True)

    def asked(token: str) -> httpx.Response:
        return httpx.get(f"{stack.desk.api_url}/operations/halts", headers={"Authorization": f"Bearer {token}"})

    def let_in() -> bool:
        """By a new sign-in; it is none within the second of a sign-out."""
        tokens.append(stack.desk.token(name))
        return asked(tokens[-1]).status_code == 200

    with stack.operator() as olga:
        for verb in ("sign-out", "disable"):
            eventually(let_in)
            told = olga.post(f"/operations/operators/{name}/{verb}", json={"reason": "his laptop was stolen"})
            assert told.status_code == 200, told.text
            refused = asked(tokens[-1])
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/TokenRefused")
        listed = {each["username"]: each for each in olga.get("/operations/operators").json()["items"]}
    assert (listed["olga"]["enabled"], listed[name]["enabled"], listed[name]["barred"]) == (True, False, False)
    with pytest.raises(ClientError, match="disabled"):
        stack.desk.tokens(name)


def test_without_a_good_token_nobody_gets_in(stack: Stack) -> None:
    tokens = stack.desk.tokens("ann")
    head, claims, signature = tokens["AccessToken"].split(".")
    richer = _base64({**_read(claims), "username": "bob"})
    unsigned = _base64({"alg": "none", "kid": _read(head)["kid"]})
    for token in (
        *("Bearer", "nonsense", f"{head}.{claims}.{'A' * len(signature)}", f"{head}.{richer}.{signature}"),
        f"{unsigned}.{claims}.",
    ):
        answer = httpx.get(f"{stack.desk.api_url}/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, token
    assert httpx.get(f"{stack.desk.api_url}/me").status_code == 401


def test_an_id_token_and_another_apps_token_are_refused(stack: Stack) -> None:
    """The function looks once more: API Gateway takes an id token for what it is, ours is an API for access tokens."""
    id_token = httpx.get(
        f"{stack.desk.api_url}/me", headers={"Authorization": f"Bearer {stack.desk.tokens('ann')['IdToken']}"}
    )
    assert (id_token.status_code, id_token.json()["type"]) == (403, "/problems/TokenRefused")
    pool = stack.desk.deployment.user_pool_id
    other = stack.desk.environment.users.create_user_pool_client(
        UserPoolId=pool,
        ClientName="another",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    foreign = stack.desk.tokens("ann", client_id=other)["AccessToken"]
    answer = httpx.get(f"{stack.desk.api_url}/me", headers={"Authorization": f"Bearer {foreign}"})
    assert answer.status_code == 401


def test_a_limit_order_fills_when_the_simulated_market_gets_there(stack: Stack, customer: httpx.Client) -> None:
    _funded(customer)
    market = Decimal(customer.get("/assets/OP").json()["price"])
    limit = str((market * Decimal("0.95")).quantize(Decimal("0.01")))
    placed = _post(customer, "/orders", "l", asset_id="OP", order_type="BUY", quantity="10", order_price=limit).json()
    assert placed["status"] == "PENDING", placed
    with _moved(stack, "optimism", "0.9"):

        def filled() -> bool:
            stack.desk.tend_market()  # a price counts some seconds after it was written, and fills in the next round
            return bool(customer.get(f"/orders/{placed['order_id']}").json()["status"] != "PENDING")

        eventually(filled, every=1.0)
    order = customer.get(f"/orders/{placed['order_id']}").json()
    assert order["status"] == "COMPLETED"
    assert Decimal(order["price_per_unit"]) <= Decimal(limit)


@contextmanager
def _moved(stack: Stack, listing: str, factor: str) -> Iterator[None]:
    """The market at another price, and back again."""
    prices = stack.desk.environment.prices_url
    before = httpx.get(f"{prices}/sandbox/state").json()["prices"][listing]
    httpx.post(f"{prices}/sandbox/move/{listing}", json={"factor": factor}).raise_for_status()
    try:
        yield
    finally:
        again = {name: before[name] for name in ("usd", "walk")}
        httpx.put(f"{prices}/sandbox/prices/{listing}", json=again).raise_for_status()


def test_going_up_again_changes_nothing(stack: Stack) -> None:
    before = stack.local.running()
    assert stack.local.up(Silent()).deployment == stack.desk.deployment
    assert stack.local.running() == before


def test_a_customer_is_added_by_one_command_and_logs_are_found_by_one(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_line, "_running_desk", lambda: stack.desk)

    def said(*words: str) -> str:
        answer = CliRunner().invoke(command_line.app, words)
        assert answer.exit_code == 0, answer.output
        return answer.output

    carol = f"carol-{os.getpid()}"
    assert said("user", "add", carol).startswith(f"{carol} is added")
    assert said("user", "add", carol).startswith(f"{carol} is there")
    with stack.desk.http(carol) as http:
        assert http.get("/balance").json()["current_balance"] == "0.00"
        clients = http.get("/clients").json()["items"]
    assert {client["client_id"] for client in clients} == {f"{carol}-crypto", f"{carol}-bank"}
    assert "accounts-api" in said("logs").splitlines()
    lines = said("logs", "accounts-api", "-n", "20").splitlines()
    assert len(lines) == 20
    assert any(carol in line or "START RequestId" in line for line in lines)


def test_the_swagger_page_shows_our_api_and_has_it_under_its_address(stack: Stack) -> None:
    page = httpx.get(stack.desk.environment.docs_url)
    assert page.status_code == 200
    base = stack.desk.environment.docs_url.removesuffix("/docs")
    for part in ("swagger-ui-bundle.min.js", "swagger-ui.min.css"):
        assert f"/docs/{part}" in page.text
        assert httpx.get(f"{base}/docs/{part}").status_code == 200
    document = httpx.get(f"{base}/docs/openapi.json").json()
    assert document["servers"][0]["url"] == "/api"
    by_ann = {"Authorization": f"Bearer {stack.desk.token('ann')}"}
    assert httpx.get(f"{base}/api/assets", headers=by_ann).json()["items"]
    assert httpx.get(f"{base}/api/assets").status_code == 401


@pytest.mark.parametrize("username", ["ann", "olga"])
def test_the_console_signs_people_in_at_the_pool_that_it_tells_of(stack: Stack, username: str) -> None:
    """As web/session.js does: a code for who knows its verifier, and the next token by what came with the first."""
    at = stack.desk.environment.console_url
    page = httpx.get(f"{at}orders/one")
    assert (page.status_code, "/app.js" in page.text) == (200, True)
    pool = httpx.get(f"{at}config.json").json()["pools"]["operators" if username == "olga" else "customers"]
    assert pool["pages"] in page.headers["Content-Security-Policy"]
    asked = {"response_type": "code", "client_id": pool["client_id"], "redirect_uri": f"{at}signed-in"}
    asked |= {"scope": "openid", "state": "s", "code_challenge": challenge(VERIFIER), "code_challenge_method": "S256"}
    form = {**asked, "username": username, "password": PASSWORD}
    assert "<form" in httpx.get(f"{pool['pages']}/oauth2/authorize", params=asked).text
    led = httpx.post(f"{pool['pages']}/login", data=form).headers["location"]
    given = {"grant_type": "authorization_code", "client_id": pool["client_id"], "redirect_uri": f"{at}signed-in"}
    given |= {"code": parse_qs(urlsplit(led).query)["code"][0], "code_verifier": VERIFIER}
    tokens = httpx.post(f"{pool['pages']}/oauth2/token", data=given).json()
    target = {"X-Amz-Target": "AWSCognitoIdentityProviderService.GetTokensFromRefreshToken"}
    body = {"ClientId": pool["client_id"], "RefreshToken": tokens["refresh_token"]}
    next_one = httpx.post(pool["tokens"], json=body, headers=target).json()["AuthenticationResult"]
    path = "operations/work" if username == "olga" else "portfolio"
    for token in (tokens["access_token"], next_one["AccessToken"]):
        assert httpx.get(f"{at}api/{path}", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_what_was_traded_is_there_after_a_restart_and_after_a_power_cut(stack: Stack, customer: httpx.Client) -> None:
    _funded(customer)
    bought = _post(customer, "/orders", "before", asset_id="BTC", order_type="BUY", quote_amount="10.00").json()
    stack.restart()
    assert customer.get(f"/orders/{bought['order_id']}").json() == bought
    again = _post(customer, "/orders", "after", asset_id="BTC", order_type="BUY", quote_amount="20.00").json()
    stack.lose_power()
    assert customer.get(f"/orders/{again['order_id']}").json() == again
    assert customer.get("/balance").json()["current_balance"] == "970.00"


def _read(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _base64(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
