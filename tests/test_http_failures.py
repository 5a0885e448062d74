"""When it is not the caller's doing: an outage is a 503 that says when to come back, a bug a 500 that tells nothing."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from common.errors import Unavailable
from common.http import problem
from common.log import log
from functions.billing.model import dealer_id
from functions.orders.api import catalogue
from infra.contexts import Route
from tests import openapi
from tests.billing.dealership import CME_ID
from tests.calls import APART, CALLS, HERE, OPERATIONS, PARKED, World, called, entitled, every_route, named
from tests.depth import sampled
from tests.doors import opened

pytestmark = APART


class Dead:
    """A table that nobody reaches."""

    def __getattr__(self, operation: str) -> Any:
        def call(**_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="https://dynamodb.test")

        return call


class Forbidden:
    """A table that the function was never granted: a mistake of ours."""

    def __getattr__(self, operation: str) -> Any:
        def call(**_: Any) -> Any:
            error = {"Code": "AccessDeniedException", "Message": "arn:aws:iam::123456789012:role/secret"}
            raise ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}, operation)  # type: ignore[typeddict-item]

        return call


@dataclass(frozen=True)
class Refusing:
    """A table that refuses all, and numbers what it is asked, as AWS does."""

    code: str

    def __getattr__(self, operation: str) -> Any:
        def call(**_: Any) -> Any:
            error = {"Code": self.code, "Message": "no"}
            numbered = {"HTTPStatusCode": 400, "RequestId": f"AWS-{operation}"}
            raise ClientError({"Error": error, "ResponseMetadata": numbered}, operation)  # type: ignore[typeddict-item]

        return call


@pytest.fixture
def world() -> Iterator[World]:
    world = World.kept()
    before, client = world.desk.dynamo.items(), world.desk.client
    yield world
    world.desk.client, world.desk.world.fake.down = client, False
    assert world.desk.market.client is world.desk.dealership.client is client, "they get it when they are asked for"
    assert world.desk.dynamo.items() == before


ANCHORS = Route("GET", "/operations/audit/anchors")  # S3 has them
OF_THE_TABLE = [route for route in every_route() if route != ANCHORS]


@HERE
@sampled(10)
@pytest.mark.parametrize("route", OF_THE_TABLE, ids=named)
def test_a_table_that_does_not_answer_is_a_503_that_says_when_to_come_back(world: World, route: Route) -> None:
    world.desk.client = Dead()
    with opened(world.desk, openapi.check) as doors:
        answer = called(doors, world, route, entitled(doors, route).token)
    assert (answer.status, answer.problem in ("TableUnavailable", "Busy")) == (503, True)
    assert answer.headers["retry-after"] == "1"


TELLS_OF_MACHINES = {
    Route("GET", "/operations/machines"),
    Route("GET", "/operations/machines/{machine}"),
    Route("GET", "/operations/machines/{machine}/executions"),
    Route("GET", "/operations/work/{thing_id}"),
    Route("POST", "/operations/work/{thing_id}/redrive"),
}


@sampled(50)
@pytest.mark.parametrize("route", every_route(), ids=named)
def test_what_step_functions_does_not_start_now_is_started_by_the_sweeper(route: Route) -> None:
    """Only what tells of an execution needs it."""
    world = World.kept()
    world.desk.world.client = Dead()
    with opened(world.desk, openapi.check) as doors:
        answer = called(doors, world, route, entitled(doors, route).token)
    if route in TELLS_OF_MACHINES:
        assert (answer.status, answer.problem) == (503, "MachinesUnavailable")
        assert answer.headers["retry-after"] == "5"
    else:
        assert answer.status == CALLS[route].status
    if route.method == "POST":
        world.desk.world.client = world.desk.world.machines
        for order_id in (world.unanswered, world.stuck, world.claimed):
            world.desk.world.simulated.decide(f"{order_id}-01", "complete")
        world.desk.interventions.dismiss(PARKED, "tried at each round for ever", "olga", dry_run=False)
        left = {world.quoting, world.running, world.paused}  # they quote until stopped
        left |= {world.held, world.leaving}  # two operators look first; the refund is made
        left |= {dealer_id(CME_ID)} if route.path.endswith("/deposit-release") else set()  # until the refund is made
        world.desk.run(until=lambda: set(world.desk.waiting()) <= left)
        world.desk.check()
        assert set(world.desk.waiting()) <= left


@HERE
def test_an_exchange_that_does_not_answer_is_a_503_and_nothing_is_held(world: World) -> None:
    world.desk.world.fake.down = True
    sell = Route("POST", "/crypto/order/sell")
    with opened(world.desk, openapi.check) as doors:
        answer = called(doors, world, sell, entitled(doors, sell).token)
    assert (answer.status, answer.problem) == (503, "ExchangeUnavailable")
    assert answer.headers["retry-after"] == "1"


def test_a_bank_that_does_not_answer_is_no_customers_concern() -> None:
    """It is asked by machines alone, which ask again."""
    world = World.kept()
    world.desk.world.simulated.down = True
    with opened(world.desk, openapi.check) as doors:
        for route in every_route():
            if not route.path.startswith((OPERATIONS, "/billing", "/webhooks")):  # of these the bank knows nothing
                answer = called(doors, world, route, entitled(doors, route).token)
                assert answer.status in (CALLS[route].status, 200), route


@HERE
@pytest.mark.parametrize("kind", Unavailable.__subclasses__())
def test_whatever_is_not_there_now_says_when_to_come_back(kind: type[Unavailable]) -> None:
    assert int(str(problem(kind("not now"), "request-0").headers["Retry-After"])) > 0


@HERE
@sampled(10)
@pytest.mark.parametrize("route", OF_THE_TABLE, ids=named)
def test_a_bug_is_a_500_with_the_request_to_look_for_and_nothing_else(world: World, route: Route) -> None:
    world.desk.client = Forbidden()
    with opened(world.desk) as doors:
        answer = called(doors, world, route, entitled(doors, route).token)
    assert (answer.status, answer.problem) == (500, "InternalError")
    assert answer.json["instance"] == "/requests/request-0"
    for word in ("AccessDenied", "arn:", "Traceback", "botocore"):
        assert word not in answer.text


@HERE
def test_an_answer_that_has_not_its_form_is_our_bug_and_not_the_callers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "_asset", lambda _: {"asset_id": "BTC"})
    with opened(world.desk) as doors:
        answer = doors.customer().get("/assets/BTC")
    assert (answer.status, answer.problem) == (500, "InternalError")


@HERE
@pytest.mark.parametrize(
    "body",
    [
        {"amount": "-1"},
        {"amount": "1\ud800"},
        {"amount": "1", "\ud800": "1"},
        {"amount": "1", "level": "x", "message": "x", "name": "x"},
        {"amount": "1", "a\n{}": 1},
        {f"field{n}": n for n in range(500)},
        {"amount": "1" * 17_000},
    ],
    ids=lambda body: repr(body)[:40],
)
def test_every_refusal_leaves_a_line_in_the_log_whatever_was_sent(
    world: World, lines: io.BytesIO, body: dict[str, Any]
) -> None:
    with opened(world.desk) as doors:
        answer = doors.customer().post("/balance/deposits", body)
    told = [json.loads(line) for line in lines.getvalue().decode().splitlines()]
    assert [line["message"] for line in told] == ["refused", "answered"]
    assert {line["request_id"] for line in told} == {"request-0"}
    assert {line["route"] for line in told} == {"POST /balance/deposits"}
    assert (told[0]["refusal"], told[1]["status"]) == (answer.problem, answer.status)
    assert len(lines.getvalue()) < 8_000


@HERE
def test_what_is_down_is_told_also_where_only_warnings_are(world: World, lines: io.BytesIO) -> None:
    """As production is set up: a caller's mistake is in the access log, an outage in the function's as well."""
    log.setLevel("WARNING")
    with opened(world.desk) as doors:
        assert doors.customer().get("/assets/NONE").status == 404
        assert lines.getvalue() == b""
        world.desk.client = Dead()
        answer = doors.customer().get("/balance")
    (told,) = [json.loads(line) for line in lines.getvalue().decode().splitlines()]
    assert (told["level"], told["message"], told["refusal"]) == ("WARNING", "refused", answer.problem)


@HERE
@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 503), ("AccessDeniedException", 500)])
@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [("GET", "/balance", "get_item"), ("POST", "/balance/deposits", "transact_write_items")],
)
def test_a_call_that_the_table_refused_is_told_by_its_id_and_the_requests(
    world: World, lines: io.BytesIO, method: str, path: str, operation: str, code: str, status: int
) -> None:
    """Also where only warnings are told."""
    log.setLevel("WARNING")
    world.desk.client = Refusing(code)
    with opened(world.desk) as doors:
        answer = doors.customer().send(method, path, None if method == "GET" else {"amount": "1.00"})
    assert answer.status == status
    told = [json.loads(line) for line in lines.getvalue().decode().splitlines()]
    (failed,) = [line for line in told if line["message"] == "table call failed"]
    assert (failed["operation"], failed["table_request_id"]) == (operation, f"AWS-{operation}")
    assert {f"/requests/{line['request_id']}" for line in told} == {answer.json["instance"]}
