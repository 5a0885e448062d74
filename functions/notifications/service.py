"""What a customer can ask of notifications, what the table's stream tells them, and what the clock makes of it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial

from common.gateways.receivers import AddressRefused, Receivers, ReceiverSilent
from common.idempotency import IdempotencyKeyReused, Replayable
from common.log import log
from common.owner import Owner
from common.table.table import Page, Position, Table
from common.table.transaction import Write
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
from functions.notifications.store import AlreadyRegistered, AlreadyThere, Due

DUE_MAX = 10_000  # deliveries that one round looks at


@dataclass(frozen=True)
class Told:
    """An endpoint, and the secret that signs from now on: it is told here, and nowhere else."""

    endpoint: Endpoint
    secret: str


@dataclass(frozen=True)
class Delivered:
    """What a round came to. `failed`: attempts; `given_up`, `put_off`: deliveries."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0
    put_off: int = 0

    def __add__(self, other: Delivered) -> Delivered:
        return Delivered(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True)
class _Look:
    """What one look at a delivery came to. in_vain: its receiver was asked, and has not taken it."""

    counts: Delivered
    in_vain: bool = False


_NOTHING, _TAKEN = _Look(Delivered()), _Look(Delivered(delivered=1))
_IN_VAIN, _IN_VAIN_TO_THE_LAST = _Look(Delivered(failed=1), True), _Look(Delivered(given_up=1), True)
_UNWANTED, _PUT_OFF = _Look(Delivered(given_up=1)), _Look(Delivered(put_off=1))

Round = Callable[[], Delivered]


def one_after_another(rounds: Iterable[Round]) -> list[Delivered]:
    return [each() for each in rounds]


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
        self._must_leave_room_for(made)
        try:
            self.table.write(store.register(made))
        except AlreadyRegistered as there:
            if there.endpoint.owner != owner or there.endpoint.terms != made.terms:
                raise IdempotencyKeyReused(made.endpoint_id) from None
            return Replayable(self._told(there.endpoint), replayed=True)
        try:
            self._must_leave_room_for(made)
        except TooManyEndpoints:  # others were registered at the same time
            self.table.write(store.delete(made))
            raise
        return Replayable(self._told(made))

    def _must_leave_room_for(self, made: Endpoint) -> None:
        """Raises TooManyEndpoints."""
        others = [each for each in self.endpoints(made.owner) if each.endpoint_id != made.endpoint_id]
        if len(others) >= model.ENDPOINTS_MAX:
            raise TooManyEndpoints(f"there are {model.ENDPOINTS_MAX} endpoints at most; delete one")

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
    """What the stream tells, and what the clock makes of it. `side_by_side` plays the rounds of customers."""

    table: Table
    receivers: Receivers
    master: Callable[[], bytes]
    now: Callable[[], datetime]
    side_by_side: Callable[[Iterable[Round]], list[Delivered]] = one_after_another

    def take(self, change: Change) -> int:
        """A change becomes a delivery for each endpoint that asked for it; how many are new. Told again it makes none.

        Raises TableUnavailable, Busy: then it has to be told again.
        """
        if not change.is_told:
            return 0
        wanting = [each for each in store.endpoints(self.table, change.told_under) if each.wants(change)]
        return sum(self._add(model.delivery(each, change, self.now())) for each in wanting)

    def _add(self, delivery: Delivery) -> bool:
        try:
            self.table.write(store.add(delivery))
        except AlreadyThere:
            return False
        return True

    def deliver(self, more_time: Callable[[], bool]) -> Delivered:
        """Try what is due, customers side by side, so that nobody waits for the slow receiver of another; who has the
        least waiting first. A round may be cut short: the next one does the rest."""
        of_customers: dict[str, list[Due]] = {}
        for due in store.due(self.table, self.now(), at_most=DUE_MAX):
            of_customers.setdefault(due.username, []).append(due)
        rounds = [partial(self._of_customer, each, more_time) for each in sorted(of_customers.values(), key=len)]
        return sum(self.side_by_side(rounds), Delivered())

    def _of_customer(self, due: list[Due], more_time: Callable[[], bool]) -> Delivered:
        """Of one endpoint after the other. Where IN_VAIN_MAX more were sent in vain than were taken, the rest is put
        off: a receiver that is down has as much waiting as comes in days, which would be in front of everything for
        ever. One that takes most is asked on: it may have as much to catch up with."""
        waiting: dict[str, deque[str]] = {}
        for each in due:
            waiting.setdefault(each.endpoint_id, deque()).append(each.delivery_id)
        queues, in_vain, done = deque(waiting.items()), Counter[str](), Delivered()  # in vain: less what was taken
        while queues and more_time():
            endpoint_id, queue = queues.popleft()
            down = in_vain[endpoint_id] >= model.IN_VAIN_MAX
            look = self._look(queue.popleft(), self._put_off if down else self._attempt)
            in_vain[endpoint_id] += look.in_vain - look.counts.delivered
            done += look.counts
            if queue:
                queues.append((endpoint_id, queue))
        return done

    def _look(self, delivery_id: str, act: Callable[[Delivery], _Look]) -> _Look:
        delivery = store.find(self.table, delivery_id)
        if delivery is None or delivery.status is not DeliveryStatus.PENDING:
            return _NOTHING
        try:
            return act(delivery)
        except DeliveryMoved:
            return _NOTHING

    def _put_off(self, delivery: Delivery) -> _Look:
        """Raises DeliveryMoved."""
        now = self.now()
        if model.has_waited_long(delivery, now) and not self._took_since(now - model.SILENT_FOR, delivery):
            self._fail(delivery, delivery.attempts, "not sent: the receiver has taken nothing for six days")
            return _IN_VAIN_TO_THE_LAST
        self.table.write(store.put_off(delivery, model.put_off(delivery, now), now))
        return _PUT_OFF

    def _took_since(self, at: datetime, delivery: Delivery) -> bool:
        try:
            return store.endpoint(self.table, delivery.owner, delivery.endpoint_id).took_since(at)
        except EndpointNotFound:
            return False

    def _attempt(self, delivery: Delivery) -> _Look:
        """Raises DeliveryMoved."""
        try:
            endpoint = store.endpoint(self.table, delivery.owner, delivery.endpoint_id)
        except EndpointNotFound:
            self._fail(delivery, delivery.attempts, "not sent: the endpoint was deleted")
            return _UNWANTED
        if endpoint.status is EndpointStatus.DISABLED:
            self._fail(delivery, delivery.attempts, "not sent: the endpoint is disabled")
            return _UNWANTED
        if delivery.attempts >= model.ATTEMPTS_MAX:  # the answer to the last one was never written
            self._fail(delivery, delivery.attempts, delivery.answer or "")
            return _IN_VAIN_TO_THE_LAST
        attempts = delivery.attempts + 1
        self.table.write(store.attempt(delivery, self.now()))
        status, answer = self._send(endpoint, delivery)
        if status is not None and 200 <= status < 300:
            self.table.write(store.end(delivery, attempts, DeliveryStatus.DELIVERED, answer, self.now()))
            self._note_taken(endpoint)
            return _TAKEN
        if status == 410:
            self._disable(endpoint)
            self._fail(delivery, attempts, f"{answer}: the endpoint was disabled")
            return _UNWANTED
        if attempts == model.ATTEMPTS_MAX:
            self._fail(delivery, attempts, answer)
            return _IN_VAIN_TO_THE_LAST
        self.table.write(store.answered(delivery, attempts, answer, self.now()))
        return _IN_VAIN

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

    def _fail(self, delivery: Delivery, attempts: int, why: str) -> None:
        self.table.write(store.end(delivery, attempts, DeliveryStatus.FAILED, why, self.now()))

    def _note_taken(self, endpoint: Endpoint) -> None:
        now = self.now()
        if not endpoint.took_since(now - model.TAKEN_AT_EVERY):
            self._write(endpoint, store.taken(endpoint, now))

    def _disable(self, endpoint: Endpoint) -> None:
        self._write(endpoint, store.disable(endpoint, self.now()))

    def _write(self, endpoint: Endpoint, write: Write) -> None:
        try:
            self.table.write(write)
        except EndpointMoved as gone:
            log.info("endpoint gone", extra={"id": endpoint.endpoint_id, "why": gone.detail})
