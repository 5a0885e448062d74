"""A warm POST /orders, from the event to the answer, through the real botocore client to a wire that answers at once.

Run as a process of its own; prints JSON: median CPU microseconds of the bare call, and of the whole handler.
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

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from common import aws
from common.domain.catalogue.model import Asset, Execution, Listing, Quote
from common.money import Money, Price
from functions.orders import api

CALLS = 400


class _Raw(io.BytesIO):
    def stream(self) -> Any:
        yield self.read()


def _answered_at_once(request: Any, **_: Any) -> AWSResponse:
    body = _Raw(b"{}")
    return AWSResponse(request.url, 200, HTTPHeaders(), body)


def _cpu_microseconds(act: Callable[[int], object]) -> float:
    for n in range(50):
        act(-n)
    taken = []
    for n in range(CALLS):
        began = time.process_time_ns()
        act(n)
        taken.append((time.process_time_ns() - began) / 1000)
    return median(taken)


def main() -> None:
    table = aws.table()
    client: Any = table.client
    client.meta.events.register("before-send.dynamodb", _answered_at_once)
    seen: list[Any] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.TransactWriteItems", lambda params, **_: seen.append(params)
    )
    now = datetime.now(UTC)
    asset = Asset("BTC", "Bitcoin", 8, Money(1), Money(1_000_000), Execution.INSTANT, True, "bitcoin", 86_400)
    market = api.orders().market
    market._listings, market._seen_at = {"BTC": Listing(asset, Quote(Price("67000.1"), "bench", now))}, now
    market.now = lambda: now  # the view stays warm
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

    context: Any = None

    def handle(n: int) -> None:
        answer = api.handler(event(n), context)
        assert answer["statusCode"] == 201, answer

    with redirect_stdout(io.StringIO()):
        handle(0)
        asked = dict(seen[-1])
        bare = _cpu_microseconds(lambda _: client.transact_write_items(**asked))
        whole = _cpu_microseconds(handle)
    json.dump({"transact_write_items": bare, "POST /orders": whole}, sys.stdout)


if __name__ == "__main__":
    main()
