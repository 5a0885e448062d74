"""Endpoints and deliveries in the table. A delivery waits in the index of open work until it is over; each of its
attempts is counted before it is made. A change that no code of ours can read waits there too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from common import keys
from common.clock import instant, text
from common.domain import work
from common.domain.work import OpenWork
from common.errors import Refusal
from common.idempotency import derived_id
from common.keys import PrimaryKey
from common.owner import Owner
from common.table.items import DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Write
from functions.notifications import model
from functions.notifications.model import (
    TOLD,
    TOLD_TO_SYSTEMS,
    Change,
    Delivery,
    DeliveryMoved,
    DeliveryNotFound,
    DeliveryPending,
    DeliveryStatus,
    Endpoint,
    EndpointMoved,
    EndpointNotFound,
    EndpointStatus,
)


class WebhookEndpointItem(Item, discriminator=keys.WEBHOOK_ENDPOINT.entity):
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    url = UnicodeAttribute()
    events = UnicodeAttribute()  # with spaces between them
    status = UnicodeAttribute()
    secret_number = DecimalAttribute()
    registration = UnicodeAttribute(null=True)
    asked = UnicodeAttribute(null=True)
    both_until = InstantAttribute(null=True)
    taken_at = InstantAttribute(null=True)


class DeliveryItem(OpenWork, discriminator=keys.DELIVERY.entity):
    ASSET_ID = UnicodeAttribute()  # for UserOrdersIndex
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    endpoint_id = UnicodeAttribute()
    event_type = UnicodeAttribute()
    thing_id = UnicodeAttribute()
    body = UnicodeAttribute()
    status = UnicodeAttribute()
    attempts = DecimalAttribute()
    answer = UnicodeAttribute(null=True)
    registration = UnicodeAttribute(null=True)
    tried_since = InstantAttribute()  # not `waits_since`: the index of what of a customer's is open would hold it
    expires = DecimalAttribute()  # epoch seconds, the table's time to live


class UnreadChangeItem(OpenWork, discriminator=keys.UNREAD_CHANGE.entity):
    record = UnicodeAttribute()  # of the stream, as JSON: what is read of it
    expires = DecimalAttribute()  # epoch seconds, the table's time to live


class Due(NamedTuple):
    """What is to be looked at, and whose it is: a delivery, or a change that could not be read and is nobody's yet."""

    key: PrimaryKey
    username: str
    endpoint_id: str

    @property
    def is_change(self) -> bool:
        return self.key.sk == keys.UNREAD_CHANGE.sk


class AlreadyRegistered(Refusal):
    """Carries the endpoint as it is."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__("that endpoint id is taken")
        self.endpoint = endpoint


class AlreadyThere(Refusal):
    """A stream has told the change again: the delivery was made, or the record was kept, before."""


class WaitsNoMore(Refusal):
    """It is over, or another round has looked at it."""


_IDS = {keys.DEALER.entity: "cme_dealer_id"}  # by which they are asked for, if not by the key
_READ = ("entity_type", "PK", "status", "username", "sub", "updated_at", *_IDS.values())  # of an image


def change(record: Mapping[str, Any]) -> Change | None:
    """What a record of the stream tells. None for an item that was deleted, is nothing that is told, or has the status
    that it had. Raises whatever is wrong with it."""
    images = record["dynamodb"]
    new, old = images.get("NewImage", {}), images.get("OldImage", {})
    entity = _text(new, "entity_type")
    if entity not in TOLD or new["status"]["S"] == _text(old, "status"):
        return None
    return Change(
        owner=None if entity in TOLD_TO_SYSTEMS else Owner(new["username"]["S"], new["sub"]["S"]),
        entity=entity,
        thing_id=new[_IDS.get(entity, "PK")]["S"],
        status=new["status"]["S"],
        at=instant(new["updated_at"]["S"]),
    )


def _text(image: Mapping[str, Any], name: str) -> str | None:
    found: str | None = image.get(name, {}).get("S")
    return found


def keep(record: Mapping[str, Any], now: datetime) -> Write:
    """A record that could not be taken waits for code that can. Refused with AlreadyThere."""
    images = record.get("dynamodb") or {}
    read = {
        side: {name: image[name] for name in _READ if name in image}
        for side, image in images.items()
        if side in ("NewImage", "OldImage")
    }
    kept = json.dumps({"dynamodb": read}, sort_keys=True, default=str)
    item = UnreadChangeItem(
        *keys.UNREAD_CHANGE(record_id=derived_id(keys.UNREAD_CHANGE, kept)),
        record=kept,
        created_at=now,
        updated_at=now,
        expires=_expires(now),
    )
    work.wait(item, keys.UNREAD_CHANGE, due_at=now + model.READ_AGAIN_AFTER, waits_for=_UNREAD)
    return Write.insert(item, otherwise=AlreadyThere("the record was kept before"))


_UNREAD = "code that can read this change"


def kept(table: Table, key: PrimaryKey) -> Mapping[str, Any] | None:
    """The record that waits there."""
    item = table.get(UnreadChangeItem, key, consistent=True)
    found: Mapping[str, Any] | None = None if item is None else json.loads(item.record)
    return found


def forget(key: PrimaryKey) -> Write:
    """The record was taken. Refused with WaitsNoMore."""
    return Write.delete(
        UnreadChangeItem(*key),
        when=UnreadChangeItem.record.exists(),
        otherwise=WaitsNoMore("it was taken before", id=key.pk),
    )


def delay(key: PrimaryKey, now: datetime, after: timedelta) -> Write:
    """Whatever is wrong with what waits there, it is looked at again later. Refused with WaitsNoMore."""
    return Write.update(
        OpenWork(*key),
        OpenWork.due_at.set(now + after),
        OpenWork.updated_at.set(now),
        when=OpenWork.open_work.exists() & (OpenWork.due_at <= now),
        otherwise=WaitsNoMore("it is over, or another round looks at it", id=key.pk),
    )


def register(endpoint: Endpoint) -> Write:
    """Refused with AlreadyRegistered."""

    def taken(old: RawItem | None) -> Refusal:
        assert old is not None
        return AlreadyRegistered(_endpoint(WebhookEndpointItem.from_raw_data(old)))

    item = WebhookEndpointItem(
        *_endpoint_key(endpoint.owner, endpoint.endpoint_id),
        username=endpoint.owner.username,
        sub=endpoint.owner.sub,
        url=endpoint.url,
        events=" ".join(endpoint.events),
        status=endpoint.status,
        secret_number=Decimal(endpoint.secret_number),
        registration=endpoint.registration or None,
        asked=endpoint.asked or None,
        created_at=endpoint.created_at,
        updated_at=endpoint.created_at,
    )
    return Write.insert(item, otherwise=taken)


def endpoints(table: Table, username: str) -> list[Endpoint]:
    """All of a username, whichever login has made them, as of now."""
    query = Query(partition(keys.WEBHOOK_ENDPOINT.partition(username=username)), consistent=True)
    return [_endpoint(item) for item in table.all(WebhookEndpointItem, query)]


def endpoint(table: Table, owner: Owner, endpoint_id: str) -> Endpoint:
    """As of now. Raises EndpointNotFound, also for one of somebody else."""
    found = None
    if "#" not in endpoint_id and endpoint_id:
        found = table.get(WebhookEndpointItem, _endpoint_key(owner, endpoint_id), consistent=True)
    if found is None or found.sub != owner.sub:
        raise EndpointNotFound("there is no such endpoint", id=endpoint_id)
    return _endpoint(found)


def _is(endpoint: Endpoint) -> Condition:
    """Is it still the one that was looked at, and none that was registered since under its key?"""
    item = WebhookEndpointItem
    same = item.registration == endpoint.registration if endpoint.registration else item.registration.does_not_exist()
    is_it: Condition = (item.sub == endpoint.owner.sub) & same
    return is_it


def rotate(endpoint: Endpoint, secret_number: int, now: datetime, *, at_once: bool) -> Write:
    """The secret after this one signs, and for a day, if not at once, this one as well. Refused with EndpointMoved."""
    item = WebhookEndpointItem
    return Write.update(
        item(*_endpoint_key(endpoint.owner, endpoint.endpoint_id)),
        item.secret_number.set(Decimal(secret_number + 1)),
        item.both_until.set(now if at_once else now + model.BOTH_SIGN_FOR),
        item.updated_at.set(now),
        when=(item.secret_number == Decimal(secret_number)) & _is(endpoint),
        otherwise=EndpointMoved("another secret signs by now; look at the endpoint again", id=endpoint.endpoint_id),
    )


def retire(endpoint: Endpoint, now: datetime) -> Write:
    """The secret before the newest signs no more. Refused with EndpointMoved."""
    item = WebhookEndpointItem
    return Write.update(
        item(*_endpoint_key(endpoint.owner, endpoint.endpoint_id)),
        item.both_until.set(now),
        item.updated_at.set(now),
        when=(item.secret_number == Decimal(endpoint.secret_number)) & _is(endpoint),
        otherwise=EndpointMoved("another secret signs by now; look at the endpoint again", id=endpoint.endpoint_id),
    )


def change_endpoint(endpoint: Endpoint, url: str, events: tuple[str, ...], now: datetime) -> Write:
    """It is told there, and of these, and is told again if its receiver wanted no more. Refused with EndpointMoved."""
    item = WebhookEndpointItem
    return Write.update(
        item(*_endpoint_key(endpoint.owner, endpoint.endpoint_id)),
        item.url.set(url),
        item.events.set(" ".join(events)),
        item.status.set(EndpointStatus.ACTIVE),
        item.updated_at.set(now),
        when=_is(endpoint),
        otherwise=EndpointMoved("the endpoint is gone", id=endpoint.endpoint_id),
    )


def disable(endpoint: Endpoint, now: datetime) -> Write:
    """Its receiver wants no more. Refused with EndpointMoved, when it was deleted or moved elsewhere meanwhile."""
    item = WebhookEndpointItem
    return Write.update(
        item(*_endpoint_key(endpoint.owner, endpoint.endpoint_id)),
        item.status.set(EndpointStatus.DISABLED),
        item.updated_at.set(now),
        when=_is(endpoint) & (item.url == endpoint.url),
        otherwise=EndpointMoved("the endpoint is gone, or elsewhere", id=endpoint.endpoint_id),
    )


def taken(endpoint: Endpoint, now: datetime) -> Write:
    """Its receiver takes what it is sent. Refused with EndpointMoved, when it was deleted meanwhile."""
    item = WebhookEndpointItem
    return Write.update(
        item(*_endpoint_key(endpoint.owner, endpoint.endpoint_id)),
        item.taken_at.set(now),
        item.updated_at.set(now),
        when=_is(endpoint),
        otherwise=EndpointMoved("the endpoint is gone", id=endpoint.endpoint_id),
    )


def delete(endpoint: Endpoint) -> Write:
    """Refused with EndpointNotFound."""
    item = WebhookEndpointItem
    return Write.delete(
        item(*_endpoint_key(endpoint.owner, endpoint.endpoint_id)),
        when=_is(endpoint),
        otherwise=EndpointNotFound("there is no such endpoint", id=endpoint.endpoint_id),
    )


def add(delivery: Delivery) -> Write:
    """Refused with AlreadyThere."""
    assert delivery.next_attempt_at is not None
    item = DeliveryItem(
        *keys.DELIVERY(delivery_id=delivery.delivery_id),
        ASSET_ID=keys.USER_ORDERS(
            asset_id=_list_of(delivery.endpoint_id),
            created_at=text(delivery.created_at),
            order_id=delivery.delivery_id,
        ),
        username=delivery.owner.username,
        sub=delivery.owner.sub,
        endpoint_id=delivery.endpoint_id,
        event_type=delivery.event_type,
        thing_id=delivery.thing_id,
        body=delivery.body,
        status=delivery.status,
        attempts=Decimal(0),
        registration=delivery.registration or None,
        tried_since=delivery.tried_since,
        created_at=delivery.created_at,
        updated_at=delivery.updated_at,
        expires=_expires(delivery.tried_since),
    )
    work.wait(item, keys.DELIVERY, due_at=delivery.next_attempt_at, waits_for=_place(delivery))
    item.waits_since = None
    return Write.insert(item, otherwise=AlreadyThere("the delivery was made before"))


def due(table: Table, now: datetime, *, at_most: int) -> Iterator[Due]:
    """The longest overdue first."""
    for waiting in islice(work.due(table, keys.DELIVERY.backlog, now), at_most):
        due = Due(waiting.key, "", "")
        if not due.is_change:
            username, _, endpoint_id = waiting.waits_for.partition(" ")
            due = due._replace(username=username, endpoint_id=endpoint_id)
        yield due


def find(table: Table, delivery_id: str) -> Delivery | None:
    item = table.get(DeliveryItem, keys.DELIVERY(delivery_id=delivery_id), consistent=True)
    return None if item is None else _delivery(item)


def get(table: Table, owner: Owner, delivery_id: str) -> Delivery:
    """As of now. Raises DeliveryNotFound, also for one of somebody else."""
    found = find(table, delivery_id) if delivery_id and "#" not in delivery_id else None
    if found is None or found.owner != owner:
        raise DeliveryNotFound("there is no such delivery", id=delivery_id)
    return found


def deliveries(
    table: Table,
    endpoint: Endpoint,
    *,
    limit: int,
    after: Position | None,
    status: DeliveryStatus | None = None,
    since: datetime | None = None,
) -> Page[Delivery]:
    """Those of an endpoint, newest event first; a moment old, as any index is. since: of events from then on."""
    item = DeliveryItem
    prefix = f"{_list_of(endpoint.endpoint_id)}#"
    listed: Condition = item.ASSET_ID.startswith(prefix)
    if since is not None:
        listed = item.ASSET_ID.between(prefix + text(since), prefix + ":")  # ":" follows "9"
    only = item.sub == endpoint.owner.sub
    query = Query(
        (item.username == endpoint.owner.username) & listed,
        index=keys.USER_ORDERS,
        only=only if status is None else only & (item.status == status),
        newest_first=True,
    )
    return table.filled(DeliveryItem, query, limit=limit, after=after).of(_delivery)


def attempt(delivery: Delivery, now: datetime) -> Write:
    """One more attempt begins. Refused with DeliveryMoved, when another round has counted it."""
    item, number = DeliveryItem, delivery.attempts + 1
    return Write.update(
        item(*keys.DELIVERY(delivery_id=delivery.delivery_id)),
        item.attempts.set(Decimal(number)),
        item.answer.set("begun: what came of it is not known"),
        OpenWork.due_at.set(model.next_attempt(number, now)),
        item.updated_at.set(now),
        when=(item.status == DeliveryStatus.PENDING)
        & (item.attempts == Decimal(delivery.attempts))
        & (OpenWork.due_at <= now),
        otherwise=DeliveryMoved("another round tries it", id=delivery.delivery_id),
    )


def put_off(delivery: Delivery, until: datetime, now: datetime, why: str) -> Write:
    """It is not tried now, and that is no attempt. Refused with DeliveryMoved."""
    item = DeliveryItem
    return Write.update(
        item(*keys.DELIVERY(delivery_id=delivery.delivery_id)),
        item.answer.set(why),
        OpenWork.due_at.set(until),
        item.updated_at.set(now),
        when=(item.status == DeliveryStatus.PENDING)
        & (item.attempts == Decimal(delivery.attempts))
        & (OpenWork.due_at <= now),
        otherwise=DeliveryMoved("another round tries it", id=delivery.delivery_id),
    )


def answered(delivery: Delivery, attempts: int, answer: str, now: datetime) -> Write:
    """An attempt has come to nothing, and another one follows. Refused with DeliveryMoved."""
    item = DeliveryItem
    return Write.update(
        item(*keys.DELIVERY(delivery_id=delivery.delivery_id)),
        item.answer.set(answer),
        item.updated_at.set(now),
        when=(item.status == DeliveryStatus.PENDING) & (item.attempts == Decimal(attempts)),
        otherwise=DeliveryMoved("it has been tried again meanwhile", id=delivery.delivery_id),
    )


def end(delivery: Delivery, attempts: int, status: DeliveryStatus, answer: str, now: datetime) -> Write:
    """It is over, after so many attempts. Refused with DeliveryMoved."""
    item = DeliveryItem
    return Write.update(
        item(*keys.DELIVERY(delivery_id=delivery.delivery_id)),
        item.status.set(status),
        item.answer.set(answer),
        item.updated_at.set(now),
        *work.done(),
        when=(item.status == DeliveryStatus.PENDING) & (item.attempts == Decimal(attempts)),
        otherwise=DeliveryMoved("it has been tried again meanwhile", id=delivery.delivery_id),
    )


def replay(delivery: Delivery, endpoint: Endpoint, now: datetime) -> Write:
    """It is made again from the first attempt on, as soon as can be, for the endpoint as it is registered now: its
    owner asks for that. Refused with DeliveryPending."""
    item, pk = DeliveryItem, delivery.delivery_id
    registration = item.registration
    return Write.update(
        item(*keys.DELIVERY(delivery_id=pk)),
        item.status.set(DeliveryStatus.PENDING),
        item.attempts.set(Decimal(0)),
        item.tried_since.set(now),
        item.expires.set(_expires(now)),
        registration.set(endpoint.registration) if endpoint.registration else registration.remove(),
        OpenWork.open_work.set(work.partition(keys.DELIVERY, pk)),
        OpenWork.due_at.set(now),
        OpenWork.waits_for.set(_place(delivery)),
        item.updated_at.set(now),
        when=item.status.is_in(DeliveryStatus.DELIVERED, DeliveryStatus.FAILED) & (item.sub == delivery.owner.sub),
        otherwise=DeliveryPending("the delivery is being made already", id=pk),
    )


def _endpoint_key(owner: Owner, endpoint_id: str) -> keys.PrimaryKey:
    return keys.WEBHOOK_ENDPOINT(username=owner.username, endpoint_id=endpoint_id)


def _expires(since: datetime) -> Decimal:
    return Decimal(int((since + model.KEPT_FOR).timestamp()))


def _place(delivery: Delivery) -> str:
    return f"{delivery.owner.username} {delivery.endpoint_id}"


def _list_of(endpoint_id: str) -> str:
    return f"{keys.DELIVERIES}:{endpoint_id}"


def _endpoint(item: WebhookEndpointItem) -> Endpoint:
    return Endpoint(
        endpoint_id=item.SK,
        owner=Owner(item.username, item.sub),
        url=item.url,
        events=tuple(item.events.split()),
        created_at=item.created_at,
        status=EndpointStatus(item.status),
        registration=item.registration or "",
        asked=item.asked or "",
        secret_number=int(item.secret_number),
        both_until=item.both_until,
        taken_at=item.taken_at,
    )


def _delivery(item: DeliveryItem) -> Delivery:
    return Delivery(
        delivery_id=item.PK,
        owner=Owner(item.username, item.sub),
        endpoint_id=item.endpoint_id,
        event_type=item.event_type,
        thing_id=item.thing_id,
        body=item.body,
        created_at=item.created_at,
        updated_at=item.updated_at,
        status=DeliveryStatus(item.status),
        attempts=int(item.attempts),
        tried_since=item.tried_since,
        next_attempt_at=item.due_at,
        answer=item.answer,
        registration=item.registration or "",
    )
