"""The documents drawn from the code: `python -m docgen` writes them, `--check` says whether they are stale.

| document          | drawn from                                                                           |
|-------------------|--------------------------------------------------------------------------------------|
| docs/openapi.json | every `functions.*.api`, as one API; and `TOLD` below, which their types do not tell |
| docs/states.md    | TRANSITIONS and OPERATORS_ONLY of every `functions.*.model`, and payout attempts     |
| docs/table.md     | `common.keys`                                                                        |
| docs/machines/    | the definitions of the state machines, by `docgen.pictures`                          |
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import pkgutil
import re
import tomllib
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import functions
from common import http, keys
from common.domain.catalogue.model import (
    AboveMaximum,
    AmountTooLarge,
    AssetInactive,
    AssetNotFound,
    BelowMinimum,
    ContradictoryTerms,
    PrecisionExceeded,
    PrecisionLowered,
    PriceMoved,
    PriceUnavailable,
)
from common.domain.clients import ClientBlocked, ClientNotFound, ClientTaken
from common.domain.exchange_orders import model as exchange_orders
from common.domain.exchange_orders.model import ExchangeOrderNotFilled
from common.domain.ledger.model import AccountExists, AccountNotFound, InsufficientAsset, InsufficientFunds
from common.domain.limits import DailyLimitExceeded
from common.domain.payouts import model as payouts
from common.domain.payouts.events import EventNotFound
from common.domain.payouts.model import PayoutNotFound, PayoutUnclear, PayoutUnsettled
from common.domain.work import Redriven
from common.errors import Refusal
from common.gateways.bank import SignatureRefused
from common.gateways.exchange import ExchangeUnavailable, MarketUnknown
from common.http import BodyRefused, InvalidRequest, RouteNotFound
from common.idempotency import IdempotencyKeyReused
from common.identity import NotACustomer, OperatorsOnly, TokenRefused
from common.machines import MachinesUnavailable
from common.pages import CursorRefused
from common.table.table import TableUnavailable
from common.table.transaction import Busy
from docgen.pictures import pictures
from functions.accounts.model import DepositsByBankOnly, UserNotFound, WithdrawalNotFound
from functions.offramp.model import (
    EstimateOutOfBand,
    NotALot,
    SaleRefused,
    SaleUnresolved,
    SellOrderNotFound,
    SellOrderNotOpen,
)
from functions.operations.model import AccountBusy, ImpossibleAsset, NotDriven, NothingWaits, StillRunning
from functions.orders.model import BoughtElsewhere, ExpiryOutOfRange, HoldingNotFound, OrderNotFound, OrderNotPending
from functions.purchases import model as purchases
from functions.purchases.model import (
    AmountTooSmall,
    BatchNotFound,
    BatchNotStuck,
    BoughtHere,
    PurchaseNotFound,
    PurchaseNotPending,
)

ROOT = Path(__file__).resolve().parent.parent
DRAWN = "<!-- drawn by `make docs`: do not edit -->\n\n"
SCHEMAS = "#/components/schemas/"

Json = dict[str, Any]
StatusT = TypeVar("StatusT", bound=StrEnum)


@dataclass(frozen=True)
class Told:
    """What an operation answers, as far as its types do not tell.

    `refuses` need not name what follows from the form of a route: see `_common_refusals`. `examples` of its body.
    """

    done: Mapping[int, str]
    refuses: tuple[type[Refusal], ...] = ()
    repeats: bool = False  # a repeat is answered as the first time, under a header
    examples: Mapping[str, Json] | None = None
    media: str = "application/json"


class UntoldOperation(LookupError):
    """A route that `TOLD` does not know yet."""


_FOUND = {200: "as asked"}
_BY_HAND = {"reason": "wire 4711 received"}
_UNPAID = (PayoutNotFound, PayoutUnsettled)
_NEVER_CAME = {"lost": {"reason": "the bank says that it never came, ticket 4714"}}
_BANK_IS_BACK = {"the bank is back": {"reason": "the bank says the account is open again"}}

TOLD: Mapping[str, Told] = {
    # accounts
    "open_account": Told({201: "opened", 200: "it was open already"}, (AccountExists,), repeats=True),
    "me": Told(_FOUND, (AccountNotFound,)),
    "balance": Told(_FOUND, (AccountNotFound,)),
    "deposit": Told(
        {201: "credited"},
        (DepositsByBankOnly, DailyLimitExceeded, AccountNotFound),
        repeats=True,
        examples={"a thousand dollars": {"amount": "1000.00"}},
    ),
    "withdraw": Told(
        {202: "reserved, and on its way to the bank"},
        (ClientNotFound, ClientBlocked, DailyLimitExceeded, AccountNotFound, InsufficientFunds),
        repeats=True,
        examples={"fifty dollars": {"amount": "50.00", "banking_client_id": "ann-bank"}},
    ),
    "withdrawal": Told(_FOUND, (WithdrawalNotFound,)),
    "transactions": Told(_FOUND),
    "users": Told(_FOUND),
    "credit": Told(
        {200: "credited, or it was already"},
        (UserNotFound, AccountNotFound),
        repeats=True,
        examples={"a wire": {"amount": "1000.00", **_BY_HAND}},
    ),
    # orders
    "assets": Told(_FOUND),
    "asset": Told(_FOUND, (AssetNotFound,)),
    "asset_transactions": Told(_FOUND),
    "place": Told(
        {201: "done, or resting in the book until the market gets there"},
        (
            AssetNotFound,
            AssetInactive,
            PriceUnavailable,
            BoughtElsewhere,
            PriceMoved,
            ContradictoryTerms,
            ExpiryOutOfRange,
            PrecisionExceeded,
            BelowMinimum,
            AboveMaximum,
            AmountTooLarge,
            AccountNotFound,
            InsufficientFunds,
            InsufficientAsset,
        ),
        repeats=True,
        examples={
            "buy at the market": {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.001"},
            "spend fifty dollars": {"asset_id": "BTC", "order_type": "BUY", "quote_amount": "50.00"},
            "buy at a limit": {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.1", "order_price": "20.00"},
        },
    ),
    "list_orders": Told(_FOUND),
    "order": Told(_FOUND, (OrderNotFound,)),
    "cancel": Told({200: "cancelled, and the hold given back"}, (OrderNotFound, OrderNotPending), repeats=True),
    "cancel_all": Told({200: "the orders of this page that were cancelled"}),
    "balances": Told(_FOUND, (AccountNotFound,)),
    "asset_balance": Told(_FOUND, (HoldingNotFound,)),
    "portfolio": Told(_FOUND, (AccountNotFound,)),
    "statement": Told(_FOUND, (AccountNotFound,), media="text/csv"),
    "fail": Told(
        {200: "failed, and the hold given back, or it was already"},
        (OrderNotFound, OrderNotPending),
        examples={"a delisted asset": {"reason": "the asset is delisted"}},
    ),
    # offramp
    "sell": Told(
        {200: "the exchange has it, and it goes on by itself"},
        (
            ClientNotFound,
            ClientBlocked,
            AssetNotFound,
            AssetInactive,
            PriceUnavailable,
            MarketUnknown,
            PrecisionExceeded,
            AmountTooLarge,
            EstimateOutOfBand,
            BelowMinimum,
            AboveMaximum,
            NotALot,
            ExchangeUnavailable,
            InsufficientAsset,
            SaleRefused,
            SaleUnresolved,
        ),
        repeats=True,
        examples={
            "a hundredth of a bitcoin": {
                "asset_id": "BTC",
                "quantity": "0.01",
                "estimated_amount": "300.00",
                "crypto_client_id": "ann-crypto",
                "banking_client_id": "ann-bank",
            }
        },
    ),
    "sell_orders": Told(_FOUND),
    "sell_order": Told(_FOUND, (SellOrderNotFound,)),
    "void": Told(
        {200: "ended, and the coins given back"},
        (SellOrderNotFound, SellOrderNotOpen, ExchangeOrderNotFilled, ExchangeUnavailable),
        examples={"his wish": {"reason": "the customer asks for it, ticket 4713"}},
    ),
    # payouts
    "bank_event": Told({200: "taken, whatever it says: it need not be sent again"}, (SignatureRefused, PayoutUnclear)),
    **dict.fromkeys(
        ("retry_payout", "retry_withdrawal"),
        Told({200: "one more attempt may be made"}, _UNPAID, examples=_BANK_IS_BACK),
    ),
    **dict.fromkeys(
        ("abandon_attempt", "abandon_withdrawal"),
        Told({200: "nobody sends it any more; the bank is asked once more"}, _UNPAID, examples=_NEVER_CAME),
    ),
    **dict.fromkeys(
        ("mark_filled", "complete"),
        Told(
            {200: "paid, or it was already"},
            _UNPAID,
            examples={
                "paid": {"reason": "paid by transfer 4712"},
                "only say": {"reason": "a question", "dry_run": True},
            },
        ),
    ),
    **dict.fromkeys(
        ("credit_usd", "reject"),
        Told(
            {200: "the dollars are on the balance here, or they were already"},
            _UNPAID,
            examples={"his wish": {"reason": "the customer asks for it, ticket 4713"}},
        ),
    ),
    # purchases
    "buy": Told(
        {201: "the dollars are held, and the rest goes on by itself"},
        (
            AssetNotFound,
            AssetInactive,
            PriceUnavailable,
            BoughtHere,
            ContradictoryTerms,
            PrecisionExceeded,
            AmountTooLarge,
            AmountTooSmall,
            AboveMaximum,
            PriceMoved,
            AccountNotFound,
            InsufficientFunds,
        ),
        repeats=True,
        examples={
            "four dollars": {"asset_id": "SOL", "quote_amount": "4.00"},
            "one, if it is not above $160": {"asset_id": "SOL", "quantity": "1", "max_price": "160"},
        },
    ),
    "purchase": Told(_FOUND, (PurchaseNotFound,)),
    "cancel_purchase": Told({200: "cancelled, or it was already"}, (PurchaseNotFound, PurchaseNotPending)),
    "pools": Told(_FOUND),
    "void_batch": Told(
        {200: "its members are refunded"},
        (BatchNotFound, BatchNotStuck, ExchangeUnavailable),
        examples={"lost": {"reason": "the exchange says that it has lost the order, ticket 4715"}},
    ),
    # operations
    "save_asset": Told(
        {200: "written, or it was so already"},
        (ImpossibleAsset, PrecisionLowered),
        examples={
            "bitcoin": {
                "name": "Bitcoin",
                "precision": 8,
                "min_notional": "10.00",
                "max_notional": "100000.00",
                "price_source_id": "bitcoin",
                "reason": "smaller orders cost more than they bring",
            }
        },
    ),
    "work": Told(_FOUND),
    "story": Told(_FOUND, (MachinesUnavailable,)),
    "redrive": Told(
        {200: "its next execution has started"},
        (NothingWaits, NotDriven, StillRunning, Redriven, MachinesUnavailable),
        examples=_BANK_IS_BACK,
    ),
    "parked": Told(_FOUND),
    "replay": Told(
        {200: "placed, or told why it can not be"},
        (EventNotFound, PayoutUnclear),
        examples={"the order was repaired": {"reason": "the attempt is there by now"}},
    ),
    "dismiss": Told(
        {200: "dismissed, or what else became of it before"},
        (EventNotFound,),
        examples={"a test of the bank's": {"reason": "the bank says it was a test"}},
    ),
    "save_crypto_client": Told(
        {200: "written, or it was so already"},
        (AccountNotFound, ClientTaken),
        examples={"may sell": {"username": "ann", "reason": "his papers are complete"}},
    ),
    "save_banking_client": Told(
        {200: "written, or it was so already"},
        (AccountNotFound, ClientTaken),
        examples={
            "is paid": {"username": "ann", "account_id": "acc-ann", "reason": "his papers are complete"},
            "is not paid": {
                "username": "ann",
                "account_id": "acc-ann",
                "status": "BLOCKED",
                "reason": "his account is looked into, ticket 4716",
            },
        },
    ),
    "client": Told(_FOUND, (ClientNotFound,)),
    "audit": Told(_FOUND),
    "reconcile": Told(_FOUND, (AccountNotFound, AccountBusy), examples={"one account": {"username": "ann"}}),
}

# Of the answers, not of the Python that runs: a later one calls 422 otherwise.
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    422: "Unprocessable Entity",
    503: "Service Unavailable",
}


# The API


def openapi() -> Json:
    """One OpenAPI 3.1 document of all contexts."""
    drawn = {name: _drawn(name) for name in _http_functions()}
    schemas: dict[str, Json] = {}
    paths: dict[str, Json] = defaultdict(dict)
    for document in _apart(drawn).values():
        schemas |= document["components"]["schemas"]
        for path, operations in document["paths"].items():
            paths[path] |= {method: _operation(path, method, op) for method, op in operations.items()}
    used = _refusals_used(paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cryptodesk",
            "version": tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"],
            "description": "Orders for crypto against the desk's own book, purchases of it at an exchange, and "
            "cash-outs of it to a bank: accounts, orders, holdings, portfolio, purchases, sell orders. "
            "Amounts are decimals in strings, times are UTC with microseconds, lists are newest first. Every refusal "
            "is a problem (RFC 9457); its `type` never changes.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token of the user pool; not the id token.",
                }
            },
            "schemas": _reachable(schemas | _PROBLEM_SCHEMAS, [paths, _UNAUTHORIZED]),
            "examples": {kind.__name__: {"value": _problem(kind)} for kind in used},
            "headers": _HEADERS,
            "responses": {"Unauthorized": _UNAUTHORIZED},
        },
    }


def _http_functions() -> list[str]:
    """The modules of every HTTP function: `orders.api`, `payouts.webhook`."""
    return [f"{name}.{door}" for door in ("api", "webhook") for name in _contexts_with(door)]


def _drawn(module: str) -> Json:
    api = importlib.import_module(f"functions.{module}")
    document: Json = json.loads(api.app.get_openapi_schema().model_dump_json(by_alias=True, exclude_none=True))
    return document


def _apart(documents: Mapping[str, Json]) -> dict[str, Json]:
    """The same documents with schemas that have one name and are not the same called after their context, too."""
    shapes: dict[str, set[str]] = defaultdict(set)
    for document in documents.values():
        for name in document["components"]["schemas"]:
            shapes[name].add(json.dumps(_unfolded(name, document["components"]["schemas"]), sort_keys=True))
    several = {name for name, found in shapes.items() if len(found) > 1}
    return {
        context: _renamed(document, several, context.partition(".")[0].title())
        for context, document in documents.items()
    }


def _unfolded(name: str, schemas: Mapping[str, Json]) -> dict[str, Json]:
    """A schema with all that it refers to: by text alone, lists of different things look the same."""
    found: dict[str, Json] = {}
    left = [name]
    while left:
        name = left.pop()
        if name not in found:
            found[name] = schemas[name]
            left += _references(schemas[name])
    return found


def _references(node: Any) -> list[str]:
    return re.findall(f'"{re.escape(SCHEMAS)}([^"]+)"', json.dumps(node))


def _renamed(document: Json, names: set[str], prefix: str) -> Json:
    def called(name: str) -> str:
        return f"{prefix}{name}" if name in names else name

    text = re.sub(f'"{re.escape(SCHEMAS)}([^"]+)"', lambda m: f'"{SCHEMAS}{called(m[1])}"', json.dumps(document))
    renamed: Json = json.loads(text)
    schemas = renamed["components"]["schemas"]
    renamed["components"]["schemas"] = {called(name): schema for name, schema in schemas.items()}
    return renamed


def _reachable(schemas: dict[str, Json], used_by: Any) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name in _references(used_by):
        found |= _unfolded(name, schemas)
    return found


def _operation(path: str, method: str, drawn: Json) -> Json:
    name = drawn["operationId"].removesuffix(re.sub(r"\W", "_", path) + f"_{method}")  # it begins with the function's
    if name not in TOLD:
        raise UntoldOperation(f"{method.upper()} {path}: docgen.documents.TOLD has to know what {name} answers")
    told, signed = TOLD[name], f"{method.upper()} {path}" in _open_routes()
    operation = {**drawn, "operationId": name, "security": [] if signed else [{"bearer": []}]}
    if "parameters" in drawn:
        operation["parameters"] = [_parameter(parameter) for parameter in drawn["parameters"]]
    if signed:
        operation["parameters"] = [*operation.get("parameters", []), *_SIGNATURE]
    if told.examples is not None:
        body = drawn["requestBody"]["content"]["application/json"]
        examples = {"examples": {title: {"value": value} for title, value in told.examples.items()}}
        operation["requestBody"] = {"required": True, "content": {"application/json": {**body, **examples}}}
    done = {"content": {told.media: drawn["responses"]["200"]["content"]["application/json"]}}
    repeated = {"headers": {"Idempotent-Replayed": {"$ref": "#/components/headers/Idempotent-Replayed"}}}
    operation["responses"] = {
        **{
            str(s): {**done, "description": text, **(repeated if told.repeats else {})} for s, text in told.done.items()
        },
        **({} if signed else {"401": {"$ref": "#/components/responses/Unauthorized"}}),
        **_refused([*told.refuses, *_common_refusals(path, method, drawn, signed=signed)]),
    }
    return operation


@cache
def _open_routes() -> set[str]:
    """Those that are asked without a token, by whoever signs what he sends."""
    apis = (importlib.import_module(f"functions.{name}") for name in _http_functions())
    return set().union(*(getattr(api, "OPEN_ROUTES", set()) for api in apis))


def _parameter(drawn: Json) -> Json:
    """A parameter is absent rather than null."""
    schema = drawn["schema"]
    given = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(given) == 1:
        schema = {**{name: value for name, value in schema.items() if name != "anyOf"}, **given[0]}
    name = "Idempotency-Key" if drawn["name"] == "idempotency-key" else drawn["name"]
    return {**drawn, "name": name, "schema": {n: v for n, v in schema.items() if n != "description"}}


def _common_refusals(path: str, method: str, drawn: Json, *, signed: bool) -> Iterator[type[Refusal]]:
    """What follows from the form of a route."""
    names = {parameter["name"] for parameter in drawn.get("parameters", [])}
    yield from (BodyRefused, TableUnavailable)  # a body is looked at even where none is asked for
    if not signed:
        yield TokenRefused
    if path.startswith("/operations/"):
        yield OperatorsOnly
    if not signed and (not path.startswith("/assets") or path.endswith("/transactions")):
        yield NotACustomer
    if "{" in path:
        yield RouteNotFound
    if method != "get":
        yield Busy
    if names or "requestBody" in drawn:
        yield InvalidRequest
    if "cursor" in names:
        yield CursorRefused
    if "idempotency-key" in names:
        yield IdempotencyKeyReused


def _refused(refusals: Sequence[type[Refusal]]) -> Json:
    by_status: dict[int, list[type[Refusal]]] = defaultdict(list)
    for refusal in sorted(set(refusals), key=lambda kind: kind.__name__):
        by_status[_status(refusal)].append(refusal)
    return {str(status): _problems(status, kinds) for status, kinds in by_status.items()}


def _problems(status: int, kinds: Sequence[type[Refusal]]) -> Json:
    names = [kind.__name__ for kind in kinds]
    later = {"headers": {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}} if status == 503 else {}
    return {
        "description": "\n".join(f"- `{kind.__name__}`: {_says(kind)}" for kind in kinds),
        **later,
        "content": {
            "application/problem+json": {
                "schema": {"allOf": [{"$ref": f"{SCHEMAS}Problem"}, {"properties": {"type": {"enum": names}}}]},
                "examples": {name: {"$ref": f"#/components/examples/{name}"} for name in names},
            }
        },
    }


def _status(kind: type[Refusal]) -> int:
    return next((int(status) for parent, status in http.STATUS.items() if issubclass(kind, parent)), 400)


def _says(told: object) -> str:
    return " ".join((inspect.getdoc(told) or "").split())


def _problem(kind: type[Refusal]) -> Json:
    status = _status(kind)
    return {"type": kind.__name__, "title": TITLES[status], "status": status, "detail": _says(kind)}


def _refusals_used(paths: Mapping[str, Json]) -> list[type[Refusal]]:
    named = set(re.findall('"#/components/examples/([^"]+)"', json.dumps(paths)))
    return [kind for kind in _below(Refusal) if kind.__name__ in named]


def _below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


_SIGNATURE = [
    {"in": "header", "name": name, "required": True, "description": told, "schema": {"type": "string"}}
    for name, told in {
        "webhook-id": "The same at every retry (Standard Webhooks, as all three).",
        "webhook-timestamp": "Seconds since 1970, within 300 of now.",
        "webhook-signature": "`v1,` and base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{raw body}`; "
        "several with spaces between.",
    }.items()
]

_HEADERS = {
    "Idempotent-Replayed": {
        "description": "`true`: this was done before, and this is the answer of that time.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
}

_PROBLEM_SCHEMAS: dict[str, Json] = {
    "Problem": {
        "type": "object",
        "description": "Why a request was refused (RFC 9457). Further members are the facts, for a program.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "description": "Which refusal it is; it never changes."},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "For people."},
            "errors": {
                "type": "array",
                "description": "With `InvalidRequest`: what is wrong where.",
                "items": {
                    "type": "object",
                    "required": ["where", "what"],
                    "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
                },
            },
        },
    },
    "Unauthorized": {
        "type": "object",
        "required": ["message"],
        "properties": {"message": {"type": "string", "examples": ["Unauthorized"]}},
    },
}

_UNAUTHORIZED = {
    "description": "No token, or one that the authorizer does not take. API Gateway itself answers this.",
    "content": {"application/json": {"schema": {"$ref": f"{SCHEMAS}Unauthorized"}}},
}


# States


def states() -> str:
    """A diagram for each model that has statuses, and one for payout attempts, which are nobody's own."""
    models = {name: importlib.import_module(f"functions.{name}.model") for name in _contexts_with("model")}
    drawn = [
        _diagram(name, _says(model), model.TRANSITIONS, model.OPERATORS_ONLY)
        for name, model in models.items()
        if hasattr(model, "TRANSITIONS")
    ]
    drawn.append(
        _diagram(
            "exchange orders",
            _says(exchange_orders.ExchangeOrder),
            exchange_orders.TRANSITIONS,
            exchange_orders.OPERATORS_ONLY,
        )
    )
    drawn.append(_diagram("batches", _says(purchases.Batch), purchases.BATCH_TRANSITIONS, ()))
    drawn.append(_diagram("payout attempts", _says(payouts.Attempt), payouts.ATTEMPT_TRANSITIONS, ()))
    return "\n".join(["# Statuses", "", *drawn, _LEGEND])


def _diagram(
    title: str,
    told: str,
    transitions: Mapping[StatusT, set[StatusT]],
    by_operators: Container[tuple[StatusT, StatusT]],
) -> str:
    """`transitions` begins where a life begins."""
    lines = [f"    [*] --> {next(iter(transitions))}"]
    for before, after in transitions.items():
        for status in sorted(after):
            mark = " : by an operator" if (before, status) in by_operators else ""
            lines.append(f"    {before} --> {status}{mark}")
        if not after:
            lines.append(f"    {before} --> [*]")
    return "\n".join([f"## {title}", "", told, "", "```mermaid", "stateDiagram-v2", *lines, "```", ""])


_LEGEND = (
    "What has no transition out of it is final. A market order and a deposit are written once, as COMPLETED: they "
    "are done in the request that asks for them.\n"
)


# All of them


def documents() -> dict[str, str]:
    """By path below the root."""
    return {
        "docs/openapi.json": json.dumps(_tidy(openapi()), indent=2, sort_keys=True, ensure_ascii=False) + "\n",
        "docs/states.md": DRAWN + states(),
        "docs/table.md": f"{DRAWN}# The table\n\n{keys.as_markdown()}\n",
        **pictures(),
    }


def _tidy(node: Any) -> Any:
    """Whole numbers written as such."""
    match node:
        case dict():
            return {name: _tidy(value) for name, value in node.items()}
        case list():
            return [_tidy(value) for value in node]
        case float() if node.is_integer():
            return int(node)
        case _:
            return node


def stale() -> list[str]:
    """The documents that are not as the code has them."""
    return [
        path for path, text in documents().items() if not (ROOT / path).exists() or (ROOT / path).read_text() != text
    ]


def _contexts_with(module: str) -> list[str]:
    names = [found.name for found in pkgutil.iter_modules(functions.__path__) if found.ispkg]
    return [name for name in names if importlib.util.find_spec(f"functions.{name}.{module}")]
