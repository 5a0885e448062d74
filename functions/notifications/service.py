"""What a customer can ask of notifications, what the table's stream tells them, and what the clock makes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from common.gateways.receivers import AddressRefused, Receivers, ReceiverSilent
from common.idempotency import IdempotencyKeyReused, Replayable
from common.log import log
from common.owner import Owner
from common.table.table import Page, Position, Table
from functions.notifications import model, signing, store
from functions.notifications.model import (
    Change,
    Delivery,
    DeliveryMoved,
    DeliveryStatus,
    Endpoint,
    EndpointDisabled,
    EndpointMoved,
    EndpointNotFound,
    EndpointStatus,
    TooManyEndpoints,
)
from functions.notifications.store import AlreadyRegistered, AlreadyThere

DUE_MAX = 10_000  # deliveries that one round looks at


@dataclass(frozen=True)
class Told:
    """An endpoint, and the secret that signs from now on: it is told here, and nowhere else."""

    endpoint: Endpoint
    secret: str


@dataclass(frozen=True)
class Delivered:
    """What a round came to. `failed`: attempts; `given_up`: deliveries."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0


@dataclass(frozen=True)
class Endpoints:
    """What a customer asks for. `master`: the key that all secrets are made with."""

    table: Table
    receivers: Receivers
    master: Callable[[], bytes]
    now: Callable[[], datetime]

    def register(self, owner: Owner, idempotency_key: str, url: str, events: Iterable[str]) -> Replayable[Told]:
        """A program listens there from now on. The same key with the same terms tells the same secret, as long as it
        was not rotated.

        Raises AddressRefused, UnknownEventType, TooManyEndpoints, IdempotencyKeyReused.
        """
        self.receivers.must_be_allowed(url)
        made = model.registered(owner, idempotency_key, url, events, self.now())
        others = [each for each in self.endpoints(owner) if each.endpoint_id != made.endpoint_id]
        if len(others) >= model.ENDPOINTS_MAX:
            raise TooManyEndpoints(f"a customer has {model.ENDPOINTS_MAX} endpoints at most; delete one")
        try:
            self.table.write(store.register(made))
        except AlreadyRegistered as there:
            if there.endpoint.owner != owner or there.endpoint.terms != made.terms:
                raise IdempotencyKeyReused(made.endpoint_id) from None
            return Replayable(self._told(there.endpoint), replayed=True)
        return Replayable(self._told(made))

    def endpoints(self, owner: Owner) -> list[Endpoint]:
        return [each for each in store.endpoints(self.table, owner.username) if each.owner == owner]

    def rotate(self, owner: Owner, endpoint_id: str, secret_number: int) -> Replayable[Told]:
        """The secret after this one signs from now on, and for a day this one as well. Asked again for the same one,
        it is told again and nothing changes: two rotations would leave the receiver without a secret that signs.

        Raises EndpointNotFound, EndpointMoved.
        """
        endpoint = store.endpoint(self.table, owner, endpoint_id)
        replayed = endpoint.secret_number == secret_number + 1
        if not replayed:
            self.table.write(store.rotate(endpoint, secret_number, self.now()))
        return Replayable(self._told(store.endpoint(self.table, owner, endpoint_id)), replayed)

    def delete(self, owner: Owner, endpoint_id: str) -> Endpoint:
        """Nothing is sent there any more, also of what waits. Tells what there was. Raises EndpointNotFound."""
        endpoint = store.endpoint(self.table, owner, endpoint_id)
        self.table.write(store.delete(endpoint))
        return endpoint

    def deliveries(
        self,
        owner: Owner,
        endpoint_id: str,
        *,
        status: DeliveryStatus | None = None,
        limit: int = 50,
        after: Position | None = None,
    ) -> Page[Delivery]:
        """Newest event first. Raises EndpointNotFound."""
        endpoint = store.endpoint(self.table, owner, endpoint_id)
        return store.deliveries(self.table, endpoint, limit=limit, after=after, status=status)

    def replay(self, owner: Owner, delivery_id: str) -> Delivery:
        """Make a delivery again that is over, under the same id and with the same words. Raises DeliveryNotFound,
        EndpointNotFound, EndpointDisabled, DeliveryPending."""
        delivery = store.get(self.table, owner, delivery_id)
        endpoint = store.endpoint(self.table, owner, delivery.endpoint_id)
        if endpoint.status is EndpointStatus.DISABLED:
            raise EndpointDisabled("its receiver wants no more; register the endpoint again", id=endpoint.endpoint_id)
        self.table.write(store.replay(delivery, self.now()))
        return store.get(self.table, owner, delivery_id)

    def _told(self, endpoint: Endpoint) -> Told:
        return Told(endpoint, signing.secret(self.master(), endpoint.endpoint_id, endpoint.secret_number))


@dataclass(frozen=True)
class Deliveries:
    """What the stream tells, and what the clock makes of it."""

    table: Table
    receivers: Receivers
    master: Callable[[], bytes]
    now: Callable[[], datetime]

    def take(self, change: Change) -> int:
        """A change becomes a delivery for each endpoint that asked for it; how many are new. Told again it makes none.

        Raises TableUnavailable, Busy: then it has to be told again.
        """
        if not change.is_told:
            return 0
        wanting = [each for each in store.endpoints(self.table, change.owner.username) if each.wants(change)]
        return sum(self._add(model.delivery(each, change, self.now())) for each in wanting)

    def _add(self, delivery: Delivery) -> bool:
        try:
            self.table.write(store.add(delivery))
        except AlreadyThere:
            return False
        return True

    def deliver(self, more_time: Callable[[], bool]) -> Delivered:
        """Try what is due, of one endpoint after the other. One that fails is left to the next round with the rest of
        its own, so that nobody waits for the slow of another. A round may be cut short: the next one does the rest."""
        waiting: dict[str, deque[str]] = {}
        for delivery_id, endpoint_id in store.due(self.table, self.now(), at_most=DUE_MAX):
            waiting.setdefault(endpoint_id, deque()).append(delivery_id)
        queues = deque(waiting.values())
        delivered = failed = given_up = 0
        while queues and more_time():
            queue = queues.popleft()
            outcome = self._try(queue.popleft())
            delivered += outcome is DeliveryStatus.DELIVERED
            given_up += outcome is DeliveryStatus.FAILED
            failed += outcome is DeliveryStatus.PENDING
            if queue and outcome is not DeliveryStatus.PENDING:
                queues.append(queue)
        return Delivered(delivered, failed, given_up)

    def _try(self, delivery_id: str) -> DeliveryStatus | None:
        """What a delivery is after this look at it: PENDING when an attempt came to nothing; None where there was
        nothing to do."""
        delivery = store.find(self.table, delivery_id)
        if delivery is None or delivery.status is not DeliveryStatus.PENDING:
            return None
        try:
            return self._attempt(delivery)
        except DeliveryMoved:
            return None

    def _attempt(self, delivery: Delivery) -> DeliveryStatus:
        """Raises DeliveryMoved."""
        try:
            endpoint = store.endpoint(self.table, delivery.owner, delivery.endpoint_id)
        except EndpointNotFound:
            return self._end(delivery, delivery.attempts, DeliveryStatus.FAILED, "not sent: the endpoint was deleted")
        if endpoint.status is EndpointStatus.DISABLED:
            return self._end(delivery, delivery.attempts, DeliveryStatus.FAILED, "not sent: the endpoint is disabled")
        if delivery.attempts >= model.ATTEMPTS_MAX:  # the answer to the last one was never written
            return self._end(delivery, delivery.attempts, DeliveryStatus.FAILED, delivery.answer or "")
        attempts = delivery.attempts + 1
        self.table.write(store.attempt(delivery, self.now()))
        status, answer = self._send(endpoint, delivery)
        if status is not None and 200 <= status < 300:
            return self._end(delivery, attempts, DeliveryStatus.DELIVERED, answer)
        if status == 410:
            self._disable(endpoint)
            return self._end(delivery, attempts, DeliveryStatus.FAILED, f"{answer}: the endpoint was disabled")
        if attempts == model.ATTEMPTS_MAX:
            return self._end(delivery, attempts, DeliveryStatus.FAILED, answer)
        self.table.write(store.answered(delivery, attempts, answer, self.now()))
        return DeliveryStatus.PENDING

    def _send(self, endpoint: Endpoint, delivery: Delivery) -> tuple[int | None, str]:
        """The status of the answer, and what came of it in words."""
        at, master = self.now(), self.master()
        secrets = [signing.secret(master, endpoint.endpoint_id, n) for n in endpoint.secret_numbers(at)]
        headers = signing.headers(secrets, delivery.delivery_id, at, delivery.body)
        try:
            status = self.receivers.post(endpoint.url, headers, delivery.body.encode())
        except AddressRefused as refused:
            return None, f"not sent: {refused.detail}"
        except ReceiverSilent as silent:
            return None, f"no answer: {silent.facts['what']}"
        return status, f"answered {status}"

    def _end(self, delivery: Delivery, attempts: int, status: DeliveryStatus, answer: str) -> DeliveryStatus:
        self.table.write(store.end(delivery, attempts, status, answer, self.now()))
        return status

    def _disable(self, endpoint: Endpoint) -> None:
        try:
            self.table.write(store.disable(endpoint, self.now()))
        except EndpointMoved as gone:
            log.info("endpoint gone", extra={"id": endpoint.endpoint_id, "why": gone.detail})
