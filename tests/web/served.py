"""The console as a browser meets it: its files and headers as on a laptop (local/front.py), the real handlers of a desk
behind `/api`, and the embedded AWS's user pools at another address.

Stand-ins are small: `_token` for API Gateway's look at a token, and `wrong` and `lost` for what a test has go wrong
between a browser and the desk.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from hashlib import sha256
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from ministack.services import cognito as ministack

from infra.bundle import ROOT
from infra.user_pool import CONSOLE_SIGNED_IN, CONSOLE_TOKEN_MINUTES
from local.front import Front, pools
from sandbox.serving import Answer, Drop, Request, as_json, serve
from tests import doors, openapi
from tests.billing.dealership import CME_ID
from tests.desk import Desk
from tests.doors import Doors, Token, opened
from tests.harness import cognito
from tests.harness.cognito import PASSWORD
from tests.ports import free_ports

T = TypeVar("T")
CUSTOMERS = {"ann": (), "bob": (), "eve": (), "dora": (f"dealer-{CME_ID}",)}
OPERATORS = {"olga": ("operators", "approvers"), "oleg": ("operators", "approvers"), "vera": ("viewers",)}
_TOKENS = re.compile(r'"(?:AccessToken|access_token)": ?"([^"]+)"')
_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*", "Access-Control-Allow-Methods": "*"}


@dataclass
class OneAtATime(Doors):
    """Doors that answer one request after the other, as a Lambda process does: pages ask while a test asks, too."""

    _turn: Lock = field(default_factory=Lock)

    def ask(self, method: str, path: str, **asked: Any) -> doors.Answer:
        with self._turn:
            return super().ask(method, path, **asked)


@dataclass
class Console:
    """`doors` are those of the running test's desk. `wrong` sees each request before the desk, and may answer instead;
    `lost` sees it afterwards, and may lose the desk's answer."""

    url: str
    pool_url: str
    clients: dict[str, str]  # of the console, by pool
    doors: Doors | None = None
    wrong: Callable[[Request], Answer | None] = lambda _: None
    lost: Callable[[Request], bool] = lambda _: False
    pool_ids: dict[str, str] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)  # tokens for the API
    kept: dict[str, str] = field(default_factory=dict)  # refresh tokens of tabs, each with its pool
    refused: set[str] = field(default_factory=set)  # tokens that API Gateway takes no more
    asked: list[str] = field(default_factory=list)  # method and path of what came to the desk
    renewals: int = 0

    @contextmanager
    def of(self, desk: Desk) -> Iterator[Desk]:
        """Within the block the console stands before this desk."""
        self.wrong, self.lost = lambda _: None, lambda _: False
        self.asked.clear()
        self.renewals = 0
        with opened(desk):
            self.doors = OneAtATime(desk, openapi.check)
            yield desk
        self.doors = None

    def api(self, request: Request, target: str) -> Answer:
        wrong = self.wrong(request)
        if wrong is not None:
            return wrong
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.doors is None or not bearer or bearer in self.refused:
            return as_json({"message": "Unauthorized"}, 401)
        path, _, query = target.partition("?")
        self.asked.append(f"{request.method} {path}")
        told = self.doors.ask(
            request.method,
            path,
            token=_token(bearer),
            query=query,
            headers=[(name.lower(), value) for name, value in request.headers.items()],
            body=request.body or None,
        )
        if self.lost(request):
            raise Drop
        others = {name: value for name, value in told.headers.items() if name != "content-type"}
        return Answer(told.status, told.text, others, told.content_type)

    def pool(self, request: Request) -> Answer:
        """The embedded AWS's user pools, with the headers (CORS) by which its gateway lets pages ask."""
        if request.method == "OPTIONS":
            return Answer(204, b"", _CORS)
        if request.path == ["logout"]:
            query = parse_qs(request.query)
            status, told, body = ministack.handle_logout("GET", "/logout", {}, query)
            return Answer(status, body, {"Location": told["Location"]})
        if "GetTokensFromRefreshToken" in request.headers.get("X-Amz-Target", ""):
            self.renewals += 1
        asked = httpx.Request(
            request.method, f"{self.pool_url}{request.target}", headers=dict(request.headers), content=request.body
        )
        answer = cognito.over_http(asked)
        self.given |= set(_TOKENS.findall(answer.text))
        headers = {name: value for name, value in answer.headers.items() if name.lower() == "location"}
        return Answer(answer.status_code, answer.content, {**headers, **_CORS}, answer.headers.get("Content-Type", ""))

    def end_sessions(self) -> None:
        """Everybody's sessions end: no token is good any more, and none is renewed."""
        for pool, users in (("customers", CUSTOMERS), ("operators", OPERATORS)):
            for name in users:
                ends = cognito.client().admin_user_global_sign_out
                in_own_thread(partial(ends, UserPoolId=self.pool_ids[pool], Username=name))
        for token, pool in self.kept.items():  # the embedded pool signs out by whole seconds: these are of this one
            in_own_thread(partial(cognito.client().revoke_token, ClientId=self.clients[pool], Token=token))
        self.kept.clear()
        self.refused |= self.given

    @contextmanager
    def out_of_group(self, username: str, group: str) -> Iterator[None]:
        """Within the block this customer is out of the group; tokens that he has still name it."""
        asked = {"UserPoolId": self.pool_ids["customers"], "Username": username, "GroupName": group}
        in_own_thread(lambda: cognito.client().admin_remove_user_from_group(**asked))
        try:
            yield
        finally:
            in_own_thread(lambda: cognito.client().admin_add_user_to_group(**asked))

    def orders_of(self, username: str) -> list[dict[str, Any]]:
        """Newest first."""
        assert self.doors is not None
        return list(self.doors.customer(username).get("/orders").json["items"])

    def session(self, username: str) -> str:
        """What the console keeps of who has signed in, in its tab's storage."""
        pool = "operators" if username in OPERATORS else "customers"
        refresh = self._refresh(username, pool)
        self.kept[refresh] = pool
        return json.dumps({"pool": pool, "refresh": refresh})

    def _refresh(self, username: str, pool: str) -> str:
        """He signs in at the pool's page, with the requests that a browser would send."""
        verifier = "v" * 43
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        back = f"{self.url}{CONSOLE_SIGNED_IN}"
        asked = {"response_type": "code", "client_id": self.clients[pool], "redirect_uri": back, "scope": "openid"}
        asked |= {"state": "s", "code_challenge": challenge, "code_challenge_method": "S256"}
        page = self._at_pool("GET", f"/oauth2/authorize?{urlencode(asked)}")
        filled = {n: html.unescape(v) for n, v in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)}
        led = self._at_pool("POST", "/login", {**filled, "username": username, "password": PASSWORD})
        (code,) = parse_qs(urlsplit(led.headers["location"]).query)["code"]
        given = {"grant_type": "authorization_code", "client_id": self.clients[pool], "redirect_uri": back}
        told = self._at_pool("POST", "/oauth2/token", {**given, "code": code, "code_verifier": verifier})
        return str(told.json()["refresh_token"])

    def _at_pool(self, method: str, path: str, form: dict[str, str] | None = None) -> httpx.Response:
        asked = httpx.Request(method, f"{self.pool_url}{path}", data=form)
        return in_own_thread(lambda: cognito.over_http(asked))


@contextmanager
def console() -> Iterator[Console]:
    front_port, pool_port = free_ports(2)
    at = Console(f"http://127.0.0.1:{front_port}", f"http://127.0.0.1:{pool_port}", {})
    with cognito.embedded():
        for name, users in (("customers", CUSTOMERS), ("operators", OPERATORS)):
            at.pool_ids[name], at.clients[name] = in_own_thread(partial(_pool, at.url, users))
        told = pools(at.pool_url, at.clients["customers"], at.clients["operators"])
        front = Front(ROOT / "web", ROOT / "docs" / "openapi.json", at.api, told)
        with serve(front, front_port, name="front"), serve(at.pool, pool_port, name="pool"):
            yield at


def _pool(url: str, users: Any) -> tuple[str, str]:
    """Its id, and its client's, which is like the console's client in the stack."""
    client = cognito.client()
    pool = client.create_user_pool(PoolName="people")["UserPool"]["Id"]
    made = client.create_user_pool_client(
        UserPoolId=pool,
        ClientName="console",
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid"],
        AllowedOAuthFlowsUserPoolClient=True,
        CallbackURLs=[f"{url}{CONSOLE_SIGNED_IN}"],
        LogoutURLs=[f"{url}/"],
        AccessTokenValidity=CONSOLE_TOKEN_MINUTES,
        TokenValidityUnits={"AccessToken": "minutes"},
    )
    for group in {group for groups in users.values() for group in groups}:
        client.create_group(UserPoolId=pool, GroupName=group)
    for name, groups in users.items():
        client.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
        client.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
        for group in groups:
            client.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
    return pool, made["UserPoolClient"]["ClientId"]


def in_own_thread(what: Callable[[], T]) -> T:
    """In another thread: that of a browser's test has an event loop already."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(what).result()


def refusal(status_code: int, kind: str, detail: str) -> Answer:
    """As the desk says it."""
    problem = {
        "type": f"/problems/{kind}",
        "title": kind,
        "status": status_code,
        "detail": detail,
        "instance": "/requests/r-1",
    }
    return Answer(status_code, json.dumps(problem), {"Retry-After": "1"}, "application/problem+json")


@cache
def _token(bearer: str) -> Token:
    """As API Gateway's authorizer would tell it; `sub` is the one that the desk's tests use."""
    claims = cognito.claims(bearer)
    username = claims["username"]
    groups = tuple(claims.get("cognito:groups", ()))
    return Token(username, f"sub-{username}", groups, operator=username in OPERATORS)
