"""The front doors of a `Desk`: requests as API Gateway sends them (HTTP API, payload 2.0), answers as it gets them.

    with opened(desk) as doors:
        ann = doors.customer("ann")
        placed = ann.post("/orders", {"asset_id": "BTC", "order_type": "BUY", "quantity": "1"})
        assert (placed.status, placed.json["status"]) == (201, "COMPLETED")

The handlers are the real ones. Only what they are composed of is exchanged: the services and cursors of each `api`
are those of the desk, the bank signs its webhooks with `WEBHOOK_SECRETS`, and the one clock is the desk's.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import itertools
import json
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, cached_property, lru_cache, partial
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from standardwebhooks.webhooks import Webhook

from common import aws, clock
from common.gateways import configured
from common.gateways.bank import baas
from common.http import PROBLEMS, REQUESTS
from common.identity import BILLING
from common.pages import Cursors
from common.settings import settings
from infra.contexts import Route, contexts
from sandbox.bank.webhooks import WEBHOOK_SECRET, signed
from tests.desk import Desk
from tests.harness.invocation import Invocation

CURSORS = "cursors"
CURSOR_KEY = b"the key of the tests"
NEXT_SECRET = "whsec_dGhlIG5leHQgb25lLCB3aGlsZSB0aGUga2V5IGNoYW5nZXM="
WEBHOOK_SECRETS = [WEBHOOK_SECRET, NEXT_SECRET]  # both are good while the bank changes from one to the other
TOKEN_LIFE = timedelta(hours=1)
# The HTTP functions, by name: `orders.api`, `payouts.webhook`.
APIS: Mapping[str, Any] = {
    f"{context.name}.{door}": importlib.import_module(f"functions.{context.name}.{door}")
    for context in contexts()
    for door in context.routes
}


@cache
def modules_of(api: Any) -> list[Any]:
    """The modules of a function: a package tells its routes in several."""
    names = [module.name for module in pkgutil.iter_modules(getattr(api, "__path__", ()))]
    return [api, *(importlib.import_module(f"{api.__name__}.{name}") for name in names)]


@cache
def composed() -> list[tuple[Any, str]]:
    """What is exchanged, by module: looked for once, since thousands of tests open the doors."""
    modules = [module for api in APIS.values() for module in modules_of(api)]
    return [
        (module, name) for module in modules for name in (*SERVICES, CURSORS) if callable(getattr(module, name, None))
    ]


ROUTES: Mapping[Route, str] = {
    route: f"{context.name}.{door}"
    for context in contexts()
    for door, routes in context.routes.items()
    for route in routes
}
# What they ask for their services: each a property of the test's desk.
SERVICES = (
    *("accounts", "acts", "auditing", "batches", "bills", "comparing_billing", "dealers", "events", "interventions"),
    *("anchoring", "asking_again", "customers", "endpoints", "finding", "open_pools"),
    *("corrections", "fast_buyouts", "statements", "valuing"),
    *(
        "offramp",
        "operations",
        "orders",
        "flows",
        "operators",
        "proposals",
        "purchases",
        "recurring_buys",
        "reconciliation",
        "sales",
        "voiding",
    ),
    *("comparing_bank", "comparing_exchange", "cross_checking"),
    *("campaigning", "comparing", "halting", "opening", "overseeing", "previewing", "quoting", "steering"),
)

Query = Mapping[str, str] | Sequence[tuple[str, str]] | str  # a text is the query string as it is


@dataclass(frozen=True)
class Token:
    """What the authorizer finds in an access token of one of our user pools; `changed` makes it one of another kind.

    A claim that is changed to None is left out. Without a username it is a machine's token. Who is in groups is an
    operator, unless it is said.
    """

    username: str | None = None
    sub: str = "sub"
    groups: tuple[str, ...] = ()
    changed: Mapping[str, str | None] = field(default_factory=dict)
    operator: bool | None = None

    def claims(self, now: datetime) -> dict[str, str]:
        issued, here = int(now.timestamp()), settings()
        operator = bool(self.groups) if self.operator is None else self.operator
        claims: dict[str, str | None] = {
            "sub": self.sub,
            "iss": here.operator_issuer if operator else here.token_issuer,
            "client_id": min(here.operator_clients if operator else here.token_clients),
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "version": "2",
            "jti": f"jti-{self.sub}",
            "auth_time": str(issued),
            "iat": str(issued),
            "exp": str(int((now + TOKEN_LIFE).timestamp())),
            "username": self.username,
            "cognito:groups": f"[{' '.join(self.groups)}]" if self.groups else None,
        }
        return {name: value for name, value in (claims | dict(self.changed)).items() if value is not None}


@dataclass(frozen=True)
class Answer:
    """`headers` are lower-case. text: of a document, a character for each of its bytes."""

    status: int
    headers: Mapping[str, str]
    text: str

    @cached_property
    def json(self) -> Any:
        return json.loads(self.text, parse_constant=_not_json)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def replayed(self) -> bool:
        return self.headers.get("idempotent-replayed") == "true"

    @property
    def problem(self) -> str:
        """The last part of the `type` of the problem that this is, its form looked at."""
        assert self.content_type == "application/problem+json", (self.status, self.content_type, self.text)
        told = self.json
        assert 400 <= self.status < 600
        assert told["status"] == self.status
        for member in ("type", "title", "detail", "instance"):
            assert isinstance(told[member], str), told
            assert told[member], told
        assert told["instance"].startswith(REQUESTS), told
        assert told["type"].startswith(PROBLEMS), told
        return str(told["type"].removeprefix(PROBLEMS))


def _not_json(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


def event(
    method: str,
    path: str,
    *,
    claims: Mapping[str, str] | None = None,
    query: Query = (),
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: str | bytes | None = None,
    route: Route | None = None,
    now: datetime,
    request_id: str = "request",
) -> dict[str, Any]:
    """The event of one request. `path` is as on the wire. Bytes that are no text go as base64, as text of any other
    content type than a textual one does."""
    raw_query = query if isinstance(query, str) else _query_string(query)
    given = {"host": "api.test", "user-agent": "tests", "x-forwarded-for": "192.0.2.1", **_joined(_pairs(headers))}
    key = f"{route.method} {route.path}" if route else f"{method} {path}"
    raw_path = unquote(path)
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": raw_path,
        "rawQueryString": raw_query,
        "headers": given,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.test",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "tests",
            },
            "requestId": request_id,
            "routeKey": key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if claims is not None:
        made["requestContext"]["authorizer"] = {"jwt": {"claims": dict(claims), "scopes": None}}
    asked = [part.partition("=") for part in raw_query.split("&") if part]
    if asked:
        made["queryStringParameters"] = _joined([(unquote_plus(n), unquote_plus(v)) for n, _, v in asked])
    if route and "{" in route.path:
        made["pathParameters"] = _parameters(route, path)
    if body is not None:
        made["body"], made["isBase64Encoded"] = _encoded(body, given.get("content-type", ""))
    return made


def _pairs(given: Mapping[str, str] | Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    return list(given.items()) if isinstance(given, Mapping) else given


def _joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What comes more than once is one text with commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _query_string(query: Mapping[str, str] | Sequence[tuple[str, str]]) -> str:
    return "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in _pairs(query))


def _encoded(body: str | bytes, content_type: str) -> tuple[str, bool]:
    textual = content_type.startswith(("text/", "application/json", "application/xml", "application/javascript"))
    if isinstance(body, str) and textual:
        return body, False
    raw = body.encode() if isinstance(body, str) else body
    with contextlib.suppress(UnicodeDecodeError):
        if textual:
            return raw.decode(), False
    return base64.b64encode(raw).decode(), True


@lru_cache(100_000)
def routed(method: str, path: str) -> Route | None:
    """The route that API Gateway would choose: of those that fit, the one that is literal furthest to the left."""
    asked = path.split("/")
    fitting = [route for route in ROUTES if route.method == method and _fits(route.path.split("/"), asked)]
    return min(fitting, key=lambda route: [part.startswith("{") for part in route.path.split("/")], default=None)


def _fits(template: Sequence[str], asked: Sequence[str]) -> bool:
    return len(template) == len(asked) and all(
        there and there == part if not part.startswith("{") else there
        for part, there in zip(template[1:], asked[1:], strict=True)
    )


def _parameters(route: Route, path: str) -> dict[str, str]:
    parts = zip(route.path.split("/"), path.split("/"), strict=True)
    return {part[1:-1]: unquote(there) for part, there in parts if part.startswith("{")}


@dataclass
class Doors:
    """`watch` sees every answer."""

    desk: Desk
    watch: Callable[[Route, Answer], None] | None = None
    requests: Iterator[int] = field(default_factory=itertools.count)

    def ask(
        self,
        method: str,
        path: str,
        *,
        token: Token | None = None,
        query: Query = (),
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: str | bytes | None = None,
    ) -> Answer:
        """Send one request as it is. What has no route is answered by API Gateway itself."""
        route = routed(method, path)
        if route is None:
            return Answer(404, {"content-type": "application/json"}, '{"message":"Not Found"}')
        now = self.desk.clock.at
        claims = None if token is None else token.claims(now)
        request_id = f"request-{next(self.requests)}"
        sent = event(
            method,
            path,
            claims=claims,
            query=query,
            headers=headers,
            body=body,
            route=route,
            now=now,
            request_id=request_id,
        )
        answer = handled(ROUTES[route], sent, request_id)
        if self.watch is not None:
            self.watch(route, answer)
        return answer

    def signed(
        self,
        body: bytes,
        *,
        event_id: str = "evt_of_a_test",
        secret: str = WEBHOOK_SECRET,
        late: timedelta = timedelta(0),
    ) -> dict[str, str]:
        """The headers of a webhook of the bank, which it signed so long ago."""
        headers = signed([Webhook(secret)], event_id, self.desk.clock.at - late, body)
        return {name.lower(): value for name, value in headers.items()}

    def bank(self, body: bytes, **said: Any) -> Answer:
        """What the bank tells by its webhook; `said` is of `signed`."""
        return self.ask("POST", "/webhooks/baas", headers=self.signed(body, **said), body=body)

    def as_(self, token: Token | None) -> Client:
        return Client(self, token)

    def customer(self, username: str = "ann") -> Client:
        """The person that `Desk.customer` knows by that name, whether there is an account or not."""
        return self.as_(Token(username, f"sub-{username}"))

    def dealer_system(self) -> Client:
        """The machine of CME, or of Lotus."""
        return self.as_(Token(sub="cme", changed={"scope": BILLING}))

    def confirmed(self, proposed: Answer) -> Answer:
        """Another operator confirms what one has proposed; what one does alone is done already."""
        if proposed.json["after"] != "PROPOSED":
            return proposed
        return self.operator("oleg").post(f"/operations/proposals/{proposed.json['id']}/confirm", {"reason": "seen it"})

    def operator(self, username: str = "olga") -> Client:
        return self.as_(Token(username, f"sub-{username}", ("operators", "approvers")))


def handled(context: str, sent: dict[str, Any], request_id: str = "request") -> Answer:
    """The answer of a context's handler to an event."""
    json.dumps(sent)  # it came as JSON
    lambda_context: LambdaContext = Invocation(29, request_id)
    got = APIS[context].handler(sent, lambda_context)
    json.dumps(got)  # and goes as JSON
    headers = {name.lower(): value for name, value in got["headers"].items()}
    text = base64.b64decode(got["body"]).decode("latin-1") if got.get("isBase64Encoded") else got["body"]
    return Answer(int(got["statusCode"]), headers, text)


@dataclass(frozen=True)
class Client:
    """Somebody with a token, or with none. Posts carry a fresh Idempotency-Key unless told otherwise."""

    doors: Doors
    token: Token | None

    def get(self, path: str, **query: str | int) -> Answer:
        """`from_` is `from`, which is a word of Python."""
        pairs = [(name.rstrip("_"), str(value)) for name, value in query.items()]
        return self.doors.ask("GET", path, token=self.token, query=pairs)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **query: str) -> Answer:
        return self.send("POST", path, body, key=key, query=query)

    def patch(self, path: str, body: Any = None) -> Answer:
        return self.send("PATCH", path, body)

    def put(self, path: str, body: Any = None) -> Answer:
        return self.send("PUT", path, body)

    def send(self, method: str, path: str, body: Any = None, *, key: str | None = None, query: Query = ()) -> Answer:
        """Anything, its body as JSON."""
        headers = {"idempotency-key": key or next(self.doors.desk.keys)}
        if body is None:
            return self.doors.ask(method, path, token=self.token, query=query, headers=headers)
        headers["content-type"] = "application/json"
        return self.doors.ask(method, path, token=self.token, query=query, headers=headers, body=json.dumps(body))

    def pages(self, path: str, **query: str | int) -> Iterator[Answer]:
        """A list from its first page to its last."""
        while True:
            page = self.get(path, **query)
            yield page
            if page.json["cursor"] is None:
                return
            query["cursor"] = page.json["cursor"]

    def every(self, path: str, **query: str | int) -> list[Any]:
        """The items of all pages of a list."""
        return [item for page in self.pages(path, **query) for item in page.json["items"]]


@contextlib.contextmanager
def opened(desk: Desk, watch: Callable[[Route, Answer], None] | None = None) -> Iterator[Doors]:
    """Within the block the handlers serve this desk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", desk.clock)
        patch.setattr(aws, "table", lambda: desk.table)  # in which every request of operators looks
        kept = baas.event.__kwdefaults__
        assert kept is not None
        patch.setitem(kept, "now", desk.clock)
        patch.setattr(configured, "webhook_secrets", lambda: WEBHOOK_SECRETS)
        for module, name in composed():
            given = (
                partial(getattr, desk, name) if name != CURSORS else partial(Cursors, lambda: CURSOR_KEY, desk.clock)
            )
            patch.setitem(vars(module), name, cache(given))
        yield Doors(desk, watch)
