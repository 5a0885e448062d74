"""A desk behind a real HTTP server on this machine, as a client that was made of the API's document meets it.

The token is the name of whoever asks: `ann`, a customer, `cme`, a dealers' system, or `olga`, an operator. Under
`/outside` is what is no part of the API: a customer's wallet, a dealer's bank, and time, which passes when it is asked
to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from infra.contexts import Route
from sandbox.mixin.assets import units_of
from sandbox.serving import Answer, Request, as_json, serve
from tests import openapi
from tests.desk import Desk
from tests.doors import Answer as Told
from tests.doors import Client, Doors, Token, opened
from tests.market_making.market import ANN as WALLET
from tests.market_making.market import US

Watch = Callable[[Route, Told], None]


@contextmanager
def served(desk: Desk, watch: Watch = openapi.check) -> Iterator[str]:
    """Within the block the desk answers at this URL. `watch` sees every answer; without one, each has to be as the
    document says."""
    with opened(desk, watch) as doors, serve(lambda request: _answer(doors, request), name="desk") as running:
        yield running.url


def tradable() -> Desk:
    """A desk that has what the stories need, and no customer yet: BTC on its own book, SOL at the exchange, a pair to
    make markets in, and a billing system."""
    desk = Desk()
    desk.list_asset("BTC", "100")
    desk.list_exchange_asset("SOL", "100")
    desk.market.list_pair()
    desk.market.poll()
    desk.world.bid("99.9", "1000", "SOLUSDT")
    assert desk.dealership
    return desk


def _answer(doors: Doors, request: Request) -> Answer:
    if request.path[:1] == ["outside"]:
        _OUTSIDE[request.path[1]](doors.desk, json.loads(request.body or b"{}"))
        return as_json({})
    name = request.headers.get("Authorization", "").removeprefix("Bearer ")
    token = _KNOWN[name](doors).token if name in _KNOWN else None
    path, _, query = request.target.partition("?")
    headers = [(name.lower(), value) for name, value in request.headers.items()]
    told = doors.ask(request.method, path, token=token, query=query, headers=headers, body=request.body or None)
    others = {name: value for name, value in told.headers.items() if name != "content-type"}
    body = told.text.encode("latin-1" if told.content_type == "application/pdf" else "utf-8")
    return Answer(told.status, body, others, told.content_type)


def _allow(desk: Desk, told: Mapping[str, Any]) -> None:
    """An operator lets a customer sell coins, and be paid at his bank."""
    desk.clients(desk.customer(told["username"], usd=None))


def _pay(desk: Desk, told: Mapping[str, Any]) -> None:
    """A customer pays at the custody, out of his wallet."""
    desk.market.safe.pay(WALLET, US, told["asset_id"], units_of(Decimal(told["quantity"])), told["memo"].encode())


def _pay_bill(desk: Desk, told: Mapping[str, Any]) -> None:
    """A dealer pays a bill at his bank."""
    bill = desk.bills.bill(told["bill_id"])
    desk.dealership.pay(bill.common_kopecks, bill)


def _wait(desk: Desk, told: Mapping[str, Any]) -> None:
    """Minutes pass, and the market stays where it is."""
    desk.run(sweep=False)
    desk.dealership.run()
    desk.market.run(told.get("minutes", 1))
    for asset_id in ("BTC", "SOL"):
        desk.mark(asset_id, "100")


_OUTSIDE: Mapping[str, Callable[[Desk, Mapping[str, Any]], None]] = {
    "allow": _allow,
    "pay": _pay,
    "pay-bill": _pay_bill,
    "wait": _wait,
}

# She signs in again after whoever has signed her out, be it herself.
OLGA = Token("olga", "sub-olga", ("operators", "approvers"), {"auth_time": "9999999999"})
_KNOWN: Mapping[str, Callable[[Doors], Client]] = {
    "ann": Doors.customer,
    "cme": Doors.dealer_system,
    "olga": lambda doors: doors.as_(OLGA),
}
