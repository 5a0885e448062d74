"""Who asks too often waits; who stops something never does, nor the bank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from common import fair_use, http
from common.fair_use import MINUTE, Asking, Buckets, TooManyRequests
from common.settings import settings
from tests import openapi
from tests.desk import NOON, Desk
from tests.doors import APIS, ROUTES, Doors, opened
from tests.test_http_failures import Dead

BECAUSE = {"reason": "its network has split"}
UNLIMITED = {of for api in APIS.values() for name in ("STOPS", "OPEN_ROUTES") for of in getattr(api, name, ())}


@pytest.fixture
def buckets() -> Buckets:
    return Buckets()


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch, buckets: Buckets) -> Iterator[Doors]:
    """A customer reads six times a minute and writes three times; others ask twice."""
    few = replace(
        settings(),
        customer_reads_per_minute=6,
        customer_writes_per_minute=3,
        operator_requests_per_minute=2,
        system_requests_per_minute=2,
    )
    monkeypatch.setattr(http, "settings", lambda: few)
    monkeypatch.setattr(fair_use, "buckets", lambda: buckets)
    with opened(Desk(), openapi.check) as doors:
        yield doors


def test_a_customer_who_reads_too_often_waits_and_nobody_else_does(doors: Doors) -> None:
    ann, bob = doors.customer("ann"), doors.customer("bob")
    assert {ann.get("/assets").status for _ in range(6)} == {200}
    refused = ann.get("/assets")
    assert (refused.status, refused.problem) == (429, "TooManyRequests")
    assert (refused.headers["retry-after"], refused.json["requests_per_minute"]) == ("10", 6)
    assert bob.get("/assets").status == 200
    assert ann.post("/balance/deposits", {"amount": "1.00"}).status != 429, "what he reads uses up no order"
    doors.desk.clock.forward(seconds=9)
    assert ann.get("/assets").headers["retry-after"] == "1"
    doors.desk.clock.forward(seconds=1)
    assert [ann.get("/assets").status for _ in range(2)] == [200, 429]


def test_a_customer_who_writes_too_often_changes_nothing(doors: Doors) -> None:
    doors.desk.customer("ann", usd="100.00")
    ann = doors.customer("ann")
    answers = [ann.post("/balance/deposits", {"amount": "1.00"}) for _ in range(4)]
    assert [answer.status for answer in answers] == [201, 201, 201, 429]
    assert ann.get("/balance").json["current_balance"] == "103.00"


def test_an_operator_waits_without_a_look_at_the_table_and_halts_anyway(doors: Doors) -> None:
    olga = doors.operator()
    assert [olga.get("/operations/work").status for _ in range(2)] == [200, 200]
    doors.desk.client, there = Dead(), doors.desk.client
    assert olga.get("/operations/work").status == 429
    doors.desk.client = there
    halted = olga.post("/operations/flows/orders/halt", BECAUSE)
    assert (halted.status, halted.json["after"]) == (200, "HALTED")


def test_a_dealers_system_that_asks_too_often_waits(doors: Doors) -> None:
    cme = doors.dealer_system()
    assert [cme.get("/billing/dealers/dlr-none").status for _ in range(3)] == [404, 404, 429]


def test_the_bank_is_never_told_to_wait(doors: Doors, buckets: Buckets) -> None:
    assert {doors.bank(b"{}").status for _ in range(20)} == {200}
    assert len(buckets) == 0


def test_whatever_stops_something_for_an_operator_is_not_limited() -> None:
    named = {f"{route.method} {route.path}" for route in ROUTES}
    ends = ("/halt", "/stop", "/sign-out", "/disable")
    assert {of for of in named if of.startswith("POST /operations/") and of.endswith(ends)} | {
        "POST /webhooks/baas"
    } == UNLIMITED


def test_a_bucket_that_is_full_again_is_forgotten(buckets: Buckets) -> None:
    for number in range(1_000):
        buckets.take(Asking.CUSTOMER_READS, f"sub-{number}", 60, NOON)
    buckets.take(Asking.CUSTOMER_READS, "sub-ann", 60, NOON + timedelta(seconds=1))
    assert len(buckets) == 1


def test_one_who_has_used_up_a_minute_is_remembered_no_longer(buckets: Buckets) -> None:
    for _ in range(60):
        buckets.take(Asking.SYSTEM, "cme", 60, NOON)
    buckets.take(Asking.SYSTEM, "lotus", 60, NOON + timedelta(seconds=59))
    assert len(buckets) == 2
    buckets.take(Asking.SYSTEM, "lotus", 60, NOON + MINUTE)
    assert len(buckets) == 1


def test_a_clock_that_was_set_back_keeps_nobody_out(buckets: Buckets) -> None:
    for _ in range(60):
        buckets.take(Asking.OPERATOR, "olga", 60, NOON)
    with pytest.raises(TooManyRequests):
        buckets.take(Asking.OPERATOR, "olga", 60, NOON)
    buckets.take(Asking.OPERATOR, "olga", 60, NOON - timedelta(hours=1))


def test_behind_a_bucket_that_may_be_true_a_clock_set_back_is_seen_too(buckets: Buckets) -> None:
    buckets.take(Asking.OPERATOR, "oleg", 60, NOON)
    for _ in range(60):
        buckets.take(Asking.OPERATOR, "olga", 60, NOON)
    buckets.take(Asking.OPERATOR, "olga", 60, NOON - timedelta(seconds=30))
