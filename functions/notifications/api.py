"""HTTP: where the program of a customer, or a dealers' system, listens, what it was told, and telling it again."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from common import aws, clock, http
from common.gateways.receivers.http import URL_LENGTH_MAX
from common.http import IdempotencyKey, answer, caller
from common.identity import BILLING
from common.keys import ORDER_ID_PATTERN
from common.owner import Owner
from common.pages import LIMIT_DEFAULT, LIMIT_MAX, Cursors, why_short
from common.settings import settings
from common.wire import Instant, InstantText, RequestBody, View, WhyShort
from functions.notifications.model import (
    EVENT_TYPES,
    SYSTEM_EVENT_TYPES,
    Delivery,
    DeliveryStatus,
    Endpoint,
    EndpointStatus,
    system,
)
from functions.notifications.service import Told
from functions.notifications.wiring import endpoints

app = http.api()

EndpointId = Annotated[str, Path(pattern=r"^endpoint-[0-9a-f]{16}$")]
DeliveryId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
# Not an enum of the document: released clients know none, and another type is an UnknownEventType that names all.
EventType = Annotated[str, Field(max_length=64, examples=[*EVENT_TYPES, *SYSTEM_EVENT_TYPES])]
Since = Annotated[Instant | None, Query(description="of events since then, inclusive")]


class Registration(RequestBody):
    """url: https, on the public internet. events: which types; without it all that there are."""

    url: str = Field(max_length=URL_LENGTH_MAX, examples=["https://hooks.example.com/desk"])
    events: list[EventType] = Field(default_factory=list, min_length=1, max_length=len(EVENT_TYPES))


class EndpointChange(RequestBody):
    """What is left out stays as it is. A DISABLED endpoint is told again, whatever is changed."""

    url: str | None = Field(
        None, max_length=URL_LENGTH_MAX, examples=["https://hooks.example.com/desk"], description="where you are told"
    )
    events: list[EventType] | None = Field(
        None, min_length=1, max_length=len(EVENT_TYPES), description="what you are told of"
    )


class Rotation(RequestBody):
    """The number of the secret that is to be replaced, so that a repeat replaces none more. `at_once`: it signs no
    more from now on, since somebody has heard of it; else it signs for a day beside the new one."""

    secret_number: int = Field(ge=1, le=1_000_000, strict=True, examples=[1])
    at_once: bool = Field(False, strict=True, description="the secret before ends now, and not in a day")


class EndpointView(View):
    """Webhooks are signed as Standard Webhooks say. `both_until`: until then the secret before signs as well. A
    DISABLED one has answered 410, and is told nothing until it is changed (`PATCH`), to the same address or another."""

    endpoint_id: str
    url: str
    events: list[str]
    status: EndpointStatus
    secret_number: int
    both_until: InstantText | None
    created_at: InstantText


class ToldEndpointView(EndpointView):
    """`secret` is told here and nowhere else: keep it, and verify each webhook with it."""

    secret: str


class EndpointList(View):
    items: list[EndpointView]


class DeliveryView(View):
    """`id` is the header `webhook-id`, the same at every attempt. `answer` says what the last attempt came to."""

    id: str
    endpoint_id: str
    event_type: str
    thing_id: str
    status: DeliveryStatus
    attempts: int
    answer: str | None
    next_attempt_at: InstantText | None
    created_at: InstantText
    updated_at: InstantText


class DeliveryPage(View):
    items: list[DeliveryView]
    short: WhyShort = None
    cursor: str | None


@app.post("/webhooks/endpoints", tags=["webhooks"], summary="Be told what becomes of your orders")
def register_endpoint(body: Registration, idempotency_key: IdempotencyKey) -> Response[ToldEndpointView]:
    """Your program gets a signed webhook for each event, as Standard Webhooks say, and again until it answers with a
    2xx. The secret is told here and nowhere else."""
    made = endpoints().register(_listener(), idempotency_key, body.url, body.events)
    return answer(_told(made.made), HTTPStatus.CREATED, replayed=made.replayed)


@app.get("/webhooks/endpoints", tags=["webhooks"], summary="Where you are told")
def own_endpoints() -> EndpointList:
    """Without their secrets. A DISABLED one has answered 410 and is told nothing more."""
    return EndpointList(items=[_endpoint(each) for each in endpoints().endpoints(_listener())])


@app.patch("/webhooks/endpoints/<endpoint_id>", tags=["webhooks"], summary="Be told elsewhere, or of other things")
def change_endpoint(endpoint_id: EndpointId, body: EndpointChange) -> EndpointView:
    """Its secret stays, and what waits goes to the new address. One that has answered 410 is told again."""
    return _endpoint(endpoints().change(_listener(), endpoint_id, body.url, body.events))


@app.post("/webhooks/endpoints/<endpoint_id>/test", tags=["webhooks"], summary="Be sent a message of a test")
def send_test(endpoint_id: EndpointId) -> Response[DeliveryView]:
    """A signed message of the type `webhook.test`, within a minute, whatever types the endpoint asked for. One is made
    in a minute; who asks again is told what became of it."""
    return answer(_delivery(endpoints().test(_listener(), endpoint_id)), HTTPStatus.CREATED)


@app.delete("/webhooks/endpoints/<endpoint_id>", tags=["webhooks"], summary="Be told nothing there any more")
def delete_endpoint(endpoint_id: EndpointId) -> EndpointView:
    """What was on its way to it is not delivered any more."""
    return _endpoint(endpoints().delete(_listener(), endpoint_id))


@app.post("/webhooks/endpoints/<endpoint_id>/rotate-secret", tags=["webhooks"], summary="Get another secret")
def rotate_secret(endpoint_id: EndpointId, body: Rotation) -> Response[ToldEndpointView]:
    """For a day the one before signs as well, so that your program can change in peace; `at_once` ends it now."""
    done = endpoints().rotate(_listener(), endpoint_id, body.secret_number, at_once=body.at_once)
    return answer(_told(done.made), HTTPStatus.OK, replayed=done.replayed)


@app.get("/webhooks/endpoints/<endpoint_id>/deliveries", tags=["webhooks"], summary="What you were told, newest first")
def deliveries_of_endpoint(
    endpoint_id: EndpointId,
    status: DeliveryStatus | None = None,
    since: Since = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> DeliveryPage:
    """With what became of each. They are kept for 30 days: what an outage of yours has lost is told by `since`."""
    owner = _listener()
    listed = f"GET /webhooks/endpoints/{endpoint_id}/deliveries {owner} {status} {since}"
    after = cursors().read(listed, cursor)
    page = endpoints().deliveries(owner, endpoint_id, status=status, since=since, limit=limit, after=after)
    return DeliveryPage(
        items=[_delivery(each) for each in page.items],
        short=why_short(page, limit),
        cursor=cursors().write(listed, page.after),
    )


@app.post("/webhooks/deliveries/<delivery_id>/replay", tags=["webhooks"], summary="Be told again")
def replay_delivery(delivery_id: DeliveryId) -> DeliveryView:
    """A delivery that has failed, or that you have lost, is made once more, under the same `webhook-id`."""
    return _delivery(endpoints().replay(_listener(), delivery_id))


def _listener() -> Owner:
    """Whose endpoints they are: a customer's or, asked with a machine's token, that dealers' system's."""
    asking = caller(app)
    return system(asking.sub) if asking.username is None and BILLING in asking.scopes else asking.owner


def _endpoint(endpoint: Endpoint) -> EndpointView:
    return EndpointView(**_seen(endpoint))


def _told(told: Told) -> ToldEndpointView:
    return ToldEndpointView(**_seen(told.endpoint), secret=told.secret)


def _seen(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint.endpoint_id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "status": endpoint.status,
        "secret_number": endpoint.secret_number,
        "both_until": endpoint.both_until,
        "created_at": endpoint.created_at,
    }


def _delivery(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        id=delivery.delivery_id,
        endpoint_id=delivery.endpoint_id,
        event_type=delivery.event_type,
        thing_id=delivery.thing_id,
        status=delivery.status,
        attempts=delivery.attempts,
        answer=delivery.answer,
        next_attempt_at=delivery.next_attempt_at,
        created_at=delivery.created_at,
        updated_at=delivery.updated_at,
    )


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)


handler = http.serve(app, endpoints)
