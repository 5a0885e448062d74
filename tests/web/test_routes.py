"""Each route of the API has a user: a page of the console, or an integrator, as the clients' tests play one. A route
without a user is named here, with the reason. Operators' routes are left out: the command line asks them as well."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infra.bundle import ROOT
from tests import openapi

WEB, CLIENTS = ROOT / "web", ROOT / "tests" / "clients"
_ASKED = re.compile(r"\b(get|file|post|patch|del|put)\(\s*(?:\"(/[^\"]*)\"|`(/[^`]*)`)")
_BY_TYPESCRIPT = re.compile(r"\.(GET|POST|PATCH|PUT|DELETE)\(\s*\"(/[^\"]*)\"")
_BY_PYTHON = re.compile(r"from cryptodesk_client\.api\.\w+ import (?:\(([^)]*)\)|(.*))")

FOR_PROGRAMS = "for programs, which a page has no need of"
AS_A_FILE = "a file: a page can not open it without the token, and makes its own of what it shows"
DEALERS = "for the dealers' system, whose machine's token never comes to a browser"
NOT_YET = "there is no page of it yet"

UNUSED = {
    "GET /assets/{asset_id}": FOR_PROGRAMS,
    "GET /assets/{asset_id}/prices": "for programs: a page shows what a customer's own coins were worth",
    "GET /assets/{asset_id}/transactions": "the statements show the same",
    "GET /balance/holds": NOT_YET,
    "GET /balance/transactions": "the statements show the same",
    "GET /balances/{asset_id}": FOR_PROGRAMS,
    "POST /billing/dealers/{cme_dealer_id}/deposit-release": DEALERS,
    "GET /billing/dealers/{cme_dealer_id}/fast-buyout": DEALERS,
    "POST /billing/dealers/{cme_dealer_id}/fast-buyout": DEALERS,
    "PUT /billing/dealers/{cme_dealer_id}/requisites": DEALERS,
    "GET /billing/deals/{deal_id}": DEALERS,
    "PATCH /billing/deals/{deal_id}": DEALERS,
    "GET /billing/segments": DEALERS,
    "GET /market-making/orders/{order_id}/fills.csv": AS_A_FILE,
    "POST /orders/cancel-all": "for programs that have many orders; a page has few, and cancels one",
    "GET /sales/pools": "a sale tells itself how its pool stands",
    "GET /statements.csv": AS_A_FILE,
    "GET /statements/{month}": AS_A_FILE,
    "POST /webhooks/baas": "the bank asks it",
}


def all_routes() -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, operations in openapi.DOCUMENT["paths"].items()
        for method in operations
        if method in ("get", "post", "put", "patch", "delete")
    }


def of_pages() -> Iterator[str]:
    """A path whose last part is a verb (`…/${act}`) stands for all routes of that form."""
    for path in sorted(WEB.rglob("*.js")):
        if "vendor" in path.parts:
            continue
        for method, plain, template in _ASKED.findall(path.read_text()):
            verb = {"del": "DELETE", "file": "GET"}.get(method, method.upper())
            if plain:
                yield f"{verb} {plain}"
            elif "${" in template:
                form = re.compile(re.escape(re.sub(r"\$\{\w+\}", "\0", template)).replace("\0", r"[a-z-]+"))
                yield from (route for route in all_routes() if form.fullmatch(route.removeprefix(f"{verb} ")))


def of_integrators() -> Iterator[str]:
    by_name = {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, operations in openapi.DOCUMENT["paths"].items()
        for method, operation in operations.items()
        if "operationId" in operation
    }
    for told in _BY_PYTHON.finditer((CLIENTS / "story.py").read_text()):
        names = re.findall(r"\w+", told[1] or told[2])
        yield from (by_name[name] for name in names if name in by_name)
    for method, path in _BY_TYPESCRIPT.findall((CLIENTS / "story.mts").read_text()):
        yield f"{method} {path}"


def test_what_no_page_and_no_integrator_uses_is_named_with_its_reason() -> None:
    used = {*of_pages(), *of_integrators()}
    unused = {r for r in all_routes() - used if not r.partition(" ")[2].startswith("/operations/")}
    assert sorted(unused - UNUSED.keys()) == [], "name it with its reason, or use it"
    assert sorted(UNUSED.keys() - unused) == [], "it is used, or there is no such route"


def test_pages_ask_no_route_that_there_is_not() -> None:
    assert sorted({*of_pages(), *of_integrators()} - all_routes()) == []
