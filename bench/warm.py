"""A warm POST /orders, from the event to the answer, against the bare call that it makes: the same
`transact_write_items` of a botocore client as it is without any settings. Both to a wire that answers at once.

Run as a process of its own; prints JSON: median CPU microseconds of the bare call, and of the whole handler. They
alternate call by call, so that whatever else the machine does befalls both.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from statistics import median
from typing import Any

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from common import aws
from common.domain.catalogue.model import Asset, Execution, Listing, Quote
from common.money import Money, Price
from functions.orders import api
from functions.orders.api import door
from tests.harness.invocation import Invocation

CALLS = 1000
WARM_UP = 50


class _Raw(io.BytesIO):
    def stream(self) -> Any:
        yield self.read()


def _answered_at_once(request: Any, **_: Any) -> AWSResponse:
    body = _Raw(b"{}")
    return AWSResponse(request.url, 200, HTTPHeaders(), body)


def _cpu_microseconds(*acts: Callable[[int], object]) -> list[float]:
    """The median of each, called in turn."""
    taken: list[list[float]] = [[] for _ in acts]
    for n in range(-WARM_UP, CALLS):
        for act, times in zip(acts, taken, strict=True):
            began = time.process_time_ns()
            act(n)
            if n >= 0:
                times.append((time.process_time_ns() - began) / 1000)
    return list(map(median, taken))


def main() -> None:
    client: Any = aws.table().client
    bare: Any = botocore.session.get_session().create_client("dynamodb")
    for one in (client, bare):
        one.meta.events.register("before-send.dynamodb", _answered_at_once)
    seen: list[Any] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.TransactWriteItems", lambda params, **_: seen.append(params)
    )
    now = datetime.now(UTC)
    asset = Asset("BTC", "Bitcoin", 8, Money(1), Money(1_000_000), Execution.INSTANT, True, "bitcoin", "BTC", 86_400)
    catalogue = door.orders().catalogue
    catalogue._listings, catalogue._seen_at = {"BTC": Listing(asset, Quote(Price("67000.1"), "bench", now))}, now
    catalogue.now = lambda: now  # the view stays warm
    claims = {
        "iss": os.environ["TOKEN_ISSUER"],
        "token_use": "access",
        "client_id": "app",
        "exp": str(int(time.time()) + 3600),
        "sub": "47ae20c8-149d-42d2-8207-cf6a8aea7394",
        "username": "ann",
    }

    def event(n: int) -> dict[str, Any]:
        return {
            "version": "2.0",
            "routeKey": "POST /orders",
            "rawPath": "/orders",
            "rawQueryString": "",
            "headers": {"content-type": "application/json", "idempotency-key": f"k{n}"},
            "requestContext": {
                "requestId": f"r{n}",
                "stage": "$default",
                "http": {"method": "POST", "path": "/orders"},
                "authorizer": {"jwt": {"claims": claims, "scopes": None}},
            },
            "body": json.dumps({"asset_id": "BTC", "order_type": "BUY", "quantity": "0.01"}),
            "isBase64Encoded": False,
        }

    context = Invocation()

    def handle(n: int) -> None:
        answer = api.handler(event(n), context)
        assert answer["statusCode"] == 201, answer

    with redirect_stdout(io.StringIO()):
        handle(0)
        asked = dict(seen[-1])
        call, whole = _cpu_microseconds(lambda _: bare.transact_write_items(**asked), handle)
    json.dump({"transact_write_items": call, "POST /orders": whole}, sys.stdout)


if __name__ == "__main__":
    main()
