"""What is told to whom, and when it is tried again. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from common import keys
from common.clock import text
from common.errors import Conflict, NotFound, Rejected
from common.idempotency import derived_id, terms
from common.identity import BILLING
from common.owner import Owner

# The pauses after each attempt that came to nothing, in the steps that Standard Webhooks advise: three days and more.
# The first is longer than a call may take, so that one attempt is over before the next begins.
PAUSES = (
    *(timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
ATTEMPTS_MAX = len(PAUSES) + 1
TRIED_FOR = sum(PAUSES, timedelta())
IN_VAIN_MAX = 2  # of one endpoint in one round, beyond those it has taken: then what else is due there is put off
# A receiver that has taken nothing for so long is down for good. It is twice what an attempt waits for at most: who is
# back after three days is asked on three days more before anything is given up that was never sent.
SILENT_FOR = 2 * TRIED_FOR
TAKEN_AT_EVERY = timedelta(hours=1)  # how often it is written that a receiver takes something
BOTH_SIGN_FOR = timedelta(days=1)  # after a rotation
ENDPOINTS_MAX = 5  # of a customer, or a dealers' system
SYSTEMS = BILLING  # in the place of a username, which no customer can have: a dealers' system is known by its client
KEPT_FOR = timedelta(days=30)  # a delivery, since it was made, or made again by hand; a change that can not be read
READ_AGAIN_AFTER = timedelta(hours=1)  # what could not be read; then a bug of it rings again
AFTER_A_BUG = timedelta(minutes=10)  # a delivery is looked at again
# Of the index of what is due one round reads so much, of one endpoint it sends so many, and puts off as many of those
# behind them. So a receiver that is slow, and for whom more comes than it takes, is in nobody's way for long.
DUE_MAX, OF_ENDPOINT_MAX = 50_000, 2_000

# What is told to whom: of which kind of item, its statuses in which it has ended, or waits for its owner.
TOLD_TO_CUSTOMERS = {
    keys.ORDER.entity: ("COMPLETED", "CANCELLED", "FAILED"),
    keys.PURCHASE.entity: ("COMPLETED", "CANCELLED", "FAILED"),
    keys.SALE.entity: ("COMPLETED", "CANCELLED", "FAILED"),
    keys.SELL_ORDER.entity: ("BASE_TXN_FAILED", "BASE_TXN_COMPLETED", "FILLED", "SELL_PAYOUT_FAILED"),
    keys.WITHDRAWAL.entity: ("COMPLETED", "PAYOUT_FAILED", "REJECTED"),
}
TOLD_TO_SYSTEMS = {
    keys.DEALER.entity: ("ACTIVE", "LEFT"),
    keys.BILL.entity: ("PENDING", "PARTIAL", "PAID", "CANCELLED"),
}
TOLD = TOLD_TO_CUSTOMERS | TOLD_TO_SYSTEMS


def _types(told: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(f"{entity}.{status.lower()}" for entity, statuses in told.items() for status in statuses)


EVENT_TYPES, SYSTEM_EVENT_TYPES = _types(TOLD_TO_CUSTOMERS), _types(TOLD_TO_SYSTEMS)
TEST_TYPE = "webhook.test"


class EndpointNotFound(NotFound):
    """There is no such endpoint, or it is somebody else's."""


class DeliveryNotFound(NotFound):
    """There is no such delivery, or it is somebody else's. Deliveries are kept for 30 days."""


class UnknownEventType(Rejected):
    """Who asks is told no event of such a type. Facts: `event_types`, those that there are."""


class TooManyEndpoints(Conflict):
    """A customer has so many endpoints at most: delete one."""


class EndpointDisabled(Conflict):
    """The receiver has said, by a 410, that it wants no more. Change the endpoint, to the same address or another one:
    then it is told again, and what was not delivered can be replayed."""


class EndpointMoved(Conflict):
    """The endpoint was changed by another request at the same time: look at it again."""


class DeliveryPending(Conflict):
    """The delivery is being made already: it will be tried again by itself."""


class DeliveryMoved(Conflict):
    """Somebody else has tried it meanwhile."""


class EndpointStatus(StrEnum):
    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"  # by its receiver


class DeliveryStatus(StrEnum):
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Endpoint:
    """Where the program of a customer, or a dealers' system, listens, and for what.

    registration: by chance, another one at each registration: who deletes an endpoint and registers it again under the
        same key gets other secrets, and nothing that was meant for the one before. "" of one that is older than this.
    asked: the terms under which it was registered, whatever was changed since.
    secret_number: of the secret that signs. The one before it signs as well until `both_until`.
    taken_at: when its receiver has last taken something, to the hour.
    """

    endpoint_id: str
    owner: Owner
    url: str
    events: tuple[str, ...]
    created_at: datetime
    registration: str = ""
    asked: str = ""
    status: EndpointStatus = EndpointStatus.ACTIVE
    secret_number: int = 1
    both_until: datetime | None = None
    taken_at: datetime | None = None

    def secret_numbers(self, now: datetime) -> tuple[int, ...]:
        """Of the secrets that sign now, the newest first."""
        newest = self.secret_number
        return (newest, newest - 1) if self.both_until is not None and now < self.both_until else (newest,)

    def wants(self, change: Change) -> bool:
        return (
            self.status is EndpointStatus.ACTIVE
            and change.owner in (None, self.owner)
            and change.event_type in self.events
            and change.at >= self.created_at
        )

    def took_since(self, at: datetime) -> bool:
        """Has its receiver taken something since then?"""
        return self.taken_at is not None and self.taken_at > at

    @property
    def terms(self) -> str:
        return self.asked or terms(url=self.url, events=" ".join(self.events))


@dataclass(frozen=True)
class Change:
    """A thing has another status since `at`. owner: whose it is; None: a dealer's, which all dealers' systems hear."""

    owner: Owner | None
    entity: str
    thing_id: str
    status: str
    at: datetime

    @property
    def event_type(self) -> str:
        return f"{self.entity}.{self.status.lower()}"

    @property
    def told_under(self) -> str:
        """The username under which those have their endpoints who may hear it."""
        return SYSTEMS if self.owner is None else self.owner.username

    @property
    def is_told(self) -> bool:
        return self.status in TOLD.get(self.entity, ())


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one endpoint.

    body: what is sent, the same at every attempt. attempts: those that were begun, since it was made or made again by
    hand. answer: what the last of them came to, in a few words.
    """

    delivery_id: str
    owner: Owner
    endpoint_id: str
    event_type: str
    thing_id: str
    body: str
    created_at: datetime  # when the event was
    updated_at: datetime
    tried_since: datetime  # since it was made, or made again by hand
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    next_attempt_at: datetime | None = None
    answer: str | None = None
    registration: str = ""  # of its endpoint: it goes to no other


def system(sub: str) -> Owner:
    """A dealers' system, as the owner of its endpoints. sub: of its token."""
    return Owner(SYSTEMS, sub)


def endpoint_id(owner: Owner, idempotency_key: str) -> str:
    return f"endpoint-{terms(username=owner.username, sub=owner.sub, key=idempotency_key)}"


def registered(
    owner: Owner, idempotency_key: str, url: str, events: Iterable[str], now: datetime, registration: str
) -> Endpoint:
    """events: which types; none means all. Raises UnknownEventType."""
    wanted = event_types(owner, events)
    made = Endpoint(endpoint_id(owner, idempotency_key), owner, url, wanted, now, registration)
    return replace(made, asked=made.terms)


def event_types(owner: Owner, events: Iterable[str]) -> tuple[str, ...]:
    """Those of an endpoint, in order; none means all. Raises UnknownEventType."""
    types = SYSTEM_EVENT_TYPES if owner.username == SYSTEMS else EVENT_TYPES
    wanted = set(events) or set(types)
    if unknown := wanted - set(types):
        raise UnknownEventType(
            f"no event is of the type {min(unknown)!r}; there are {', '.join(types)}", event_types=list(types)
        )
    return tuple(sorted(wanted))


def delivery(endpoint: Endpoint, change: Change, now: datetime) -> Delivery:
    """Of one change to one endpoint: the same, however often it is made."""
    at = text(change.at)
    told = {"id": change.thing_id, "status": change.status}
    return Delivery(
        delivery_id=derived_id(keys.DELIVERY, endpoint.endpoint_id, change.thing_id, change.status, at),
        owner=endpoint.owner,
        endpoint_id=endpoint.endpoint_id,
        event_type=change.event_type,
        thing_id=change.thing_id,
        body=json.dumps({"type": change.event_type, "timestamp": at, "data": told}),
        created_at=change.at,
        updated_at=now,
        tried_since=now,
        next_attempt_at=now,
        registration=endpoint.registration,
    )


def test_message(endpoint: Endpoint, now: datetime) -> Delivery:
    """A message about nothing, to see that it arrives and is verified, the same for a minute. It is told whatever the
    endpoint asked for."""
    minute = text(now.replace(second=0, microsecond=0))
    told = {"id": endpoint.endpoint_id, "status": endpoint.status}
    return Delivery(
        delivery_id=derived_id(keys.DELIVERY, endpoint.endpoint_id, endpoint.registration, TEST_TYPE, minute),
        owner=endpoint.owner,
        endpoint_id=endpoint.endpoint_id,
        event_type=TEST_TYPE,
        thing_id=endpoint.endpoint_id,
        body=json.dumps({"type": TEST_TYPE, "timestamp": text(now), "data": told}),
        created_at=now,
        updated_at=now,
        tried_since=now,
        next_attempt_at=now,
        registration=endpoint.registration,
    )


def next_attempt(attempts: int, now: datetime) -> datetime:
    """When a delivery is looked at again whose attempt of this number began now: tried or, after the last, given up."""
    return now + PAUSES[min(attempts, len(PAUSES)) - 1]


def put_off(delivery: Delivery, now: datetime) -> datetime:
    """When a delivery is looked at again that was not tried, since others were just sent there in vain: later, the
    longer it waits, and within a day."""
    return now + min(max(PAUSES[0], (now - delivery.tried_since) / 2), PAUSES[-1])


def has_waited_long(delivery: Delivery, now: datetime) -> bool:
    """Is it given up, unless its receiver takes others?"""
    return now - delivery.tried_since > SILENT_FOR
