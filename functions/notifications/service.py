"""What a customer can ask of notifications, what the table's stream tells them, and what the clock makes of it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from secrets import token_hex
from typing import Any, NamedTuple

from common.errors import Refusal, Unavailable
from common.gateways.receivers import AddressRefused, Receivers, ReceiverSilent
from common.idempotency import IdempotencyKeyReused, Replayable
from common.keys import PrimaryKey
from common.log import count, log
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
from functions.notifications.store import AlreadyRegistered, AlreadyThere, Due, WaitsNoMore


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


class _Why(NamedTuple):
    """Why a delivery is put off, in words for its owner; and why it is given up, if it has waited long."""

    now: str
    in_the_end: str


_OTHERS_IN_VAIN = _Why(
    "put off: others were sent there in vain", "not sent: the receiver has taken nothing for six days"
)
_CROWDED = _Why(
    "put off: more is due there than a round can send", "not sent: for six days more was due than its receiver takes"
)

Round = Callable[[], Delivered]


def _secret(master: bytes, endpoint: Endpoint, number: int) -> str:
    return signing.secret(master, endpoint.endpoint_id, endpoint.registration, number)


def one_after_another(rounds: Iterable[Round]) -> list[Delivered]:
    return [each() for each in rounds]


@dataclass(frozen=True)
class Endpoints:
    """What a customer asks for. `master`: the key that all secrets are made with."""

    table: Table
    receivers: Receivers
    master: Callable[[], bytes]
    now: Callable[[], datetime]
    chance: Callable[[], str] = lambda: token_hex(16)

    def register(self, owner: Owner, idempotency_key: str, url: str, events: Iterable[str]) -> Replayable[Told]:
        """A program listens there from now on. The same key with the same terms tells the same secret, as long as it
        was not rotated.

        Raises AddressRefused, UnknownEventType, TooManyEndpoints, IdempotencyKeyReused.
        """
        self.receivers.must_be_allowed(url)
        made = model.registered(owner, idempotency_key, url, events, self.now(), self.chance())
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

    def rotate(self, owner: Owner, endpoint_id: str, secret_number: int, *, at_once: bool = False) -> Replayable[Told]:
        """The secret after this one signs from now on, and for a day this one as well; at once: this one signs no more,
        also where it was replaced before. Asked again for the same one, the new one is told again and none is made:
        two rotations would leave the receiver without a secret that signs.

        Raises EndpointNotFound, EndpointMoved.
        """
        now, endpoint = self.now(), store.endpoint(self.table, owner, endpoint_id)
        replayed = endpoint.secret_number == secret_number + 1
        if not replayed:
            self.table.write(store.rotate(endpoint, secret_number, now, at_once=at_once))
        elif at_once and len(endpoint.secret_numbers(now)) > 1:
            self.table.write(store.retire(endpoint, now))
        return Replayable(self._told(store.endpoint(self.table, owner, endpoint_id)), replayed)

    def delete(self, owner: Owner, endpoint_id: str) -> Endpoint:
        """Nothing is sent there any more, also of what waits. Tells what there was. Raises EndpointNotFound."""
        endpoint = store.endpoint(self.table, owner, endpoint_id)
        self.table.write(store.delete(endpoint))
        return endpoint

    def change(self, owner: Owner, endpoint_id: str, url: str | None, events: Iterable[str] | None) -> Endpoint:
        """It is told there from now on, also what waits, and of these types; None: as before. One that its receiver
        wanted no more is told again.

        Raises AddressRefused, UnknownEventType, EndpointNotFound, EndpointMoved.
        """
        if url is not None:
            self.receivers.must_be_allowed(url)
        endpoint = store.endpoint(self.table, owner, endpoint_id)
        wanted = endpoint.events if events is None else model.event_types(owner, events)
        self.table.write(store.change_endpoint(endpoint, url or endpoint.url, wanted, self.now()))
        return store.endpoint(self.table, owner, endpoint_id)

    def test(self, owner: Owner, endpoint_id: str) -> Delivery:
        """A message about nothing is made for an endpoint, one in a minute: who asks again is told what became of it.
        Raises EndpointNotFound, EndpointDisabled."""
        made = model.test_message(self._active(owner, endpoint_id), self.now())
        with suppress(AlreadyThere):
            self.table.write(store.add(made))
        return store.get(self.table, owner, made.delivery_id)

    def _active(self, owner: Owner, endpoint_id: str) -> Endpoint:
        endpoint = store.endpoint(self.table, owner, endpoint_id)
        if endpoint.status is EndpointStatus.DISABLED:
            raise EndpointDisabled(
                "its receiver has answered 410 and is told nothing; PATCH the endpoint with its url, or another one, "
                "and ask again",
                id=endpoint.endpoint_id,
            )
        return endpoint

    def deliveries(
        self,
        owner: Owner,
        endpoint_id: str,
        *,
        status: DeliveryStatus | None = None,
        since: datetime | None = None,
        limit: int = 50,
        after: Position | None = None,
    ) -> Page[Delivery]:
        """Newest event first. Raises EndpointNotFound."""
        endpoint = store.endpoint(self.table, owner, endpoint_id)
        return store.deliveries(self.table, endpoint, limit=limit, after=after, status=status, since=since)

    def replay(self, owner: Owner, delivery_id: str) -> Delivery:
        """Make a delivery again that is over, under the same id and with the same words. Raises DeliveryNotFound,
        EndpointNotFound, EndpointDisabled, DeliveryPending."""
        delivery = store.get(self.table, owner, delivery_id)
        endpoint = self._active(owner, delivery.endpoint_id)
        self.table.write(store.replay(delivery, endpoint, self.now()))
        return store.get(self.table, owner, delivery_id)

    def _told(self, endpoint: Endpoint) -> Told:
        return Told(endpoint, _secret(self.master(), endpoint, endpoint.secret_number))


@dataclass(frozen=True)
class Deliveries:
    """What the stream tells, and what the clock makes of it. `side_by_side` plays the rounds of customers."""

    table: Table
    receivers: Receivers
    master: Callable[[], bytes]
    now: Callable[[], datetime]
    side_by_side: Callable[[Iterable[Round]], list[Delivered]] = one_after_another
    due_max: int = model.DUE_MAX
    of_endpoint_max: int = model.OF_ENDPOINT_MAX

    def receive(self, record: Mapping[str, Any]) -> int:
        """A record of the stream is taken; how many deliveries are new. One that no code of ours can read is kept, and
        is in nobody's way.

        Raises TableUnavailable, Busy: then it has to be told again.
        """
        try:
            return self._taken(record)
        except Unavailable:
            raise
        except Exception:
            self._unread(record)
        with suppress(AlreadyThere):
            self.table.write(store.keep(record, self.now()))
        return 0

    def _taken(self, record: Mapping[str, Any]) -> int:
        change = store.change(record)
        return 0 if change is None else self.take(change)

    def _unread(self, record: Mapping[str, Any]) -> None:
        """Called where that was raised which is wrong with it."""
        count("ChangesUnread")
        log.exception("change not read", extra={"event": record.get("eventID")})

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
        unread: list[Due] = []
        of_customers: dict[str, list[Due]] = {}
        for due in store.due(self.table, self.now(), at_most=self.due_max):
            (unread if due.is_change else of_customers.setdefault(due.username, [])).append(due)
        rounds: list[Round] = [partial(self._again, unread, more_time)] if unread else []
        rounds += [partial(self._of_customer, each, more_time) for each in sorted(of_customers.values(), key=len)]
        return sum(self.side_by_side(rounds), Delivered())

    def _again(self, unread: Sequence[Due], more_time: Callable[[], bool]) -> Delivered:
        """What the stream has told and nobody could read: perhaps this code can."""
        for due in unread:
            if not more_time():
                break
            self._one(due.key, partial(self._read_again, due.key))
        return Delivered()

    def _read_again(self, key: PrimaryKey) -> _Look:
        record = store.kept(self.table, key)
        if record is None:
            return _NOTHING
        try:
            made = self._taken(record)
        except Unavailable:
            raise
        except Exception:
            self._unread(record)
            self._delay(key, model.READ_AGAIN_AFTER)
            return _NOTHING
        self.table.write(store.forget(key))
        log.info("read at last", extra={"id": key.pk, "made": made})
        return _NOTHING

    def _of_customer(self, due: list[Due], more_time: Callable[[], bool]) -> Delivered:
        """Of one endpoint after the other. Where IN_VAIN_MAX more were sent in vain than were taken, the rest is put
        off: a receiver that is down has as much waiting as comes in days, which would be in front of everything for
        ever. One that takes most is asked on: it may have as much to catch up with; what is more than a round could
        send is put off, before anything is sent, lest a slow one leaves no time for that."""
        waiting: dict[str, deque[PrimaryKey]] = {}
        for each in due:
            waiting.setdefault(each.endpoint_id, deque()).append(each.key)
        done = Delivered()
        for queue in waiting.values():
            for key in self._beyond(queue):
                if more_time():
                    done += self._look(key, partial(self._put_off, why=_CROWDED)).counts
        queues, in_vain = deque(waiting.items()), Counter[str]()  # in vain: less what was taken
        while queues and more_time():
            endpoint_id, queue = queues.popleft()
            down = in_vain[endpoint_id] >= model.IN_VAIN_MAX
            look = self._look(queue.popleft(), self._put_off if down else self._attempt)
            in_vain[endpoint_id] += look.in_vain - look.counts.delivered
            done += look.counts
            if queue:
                queues.append((endpoint_id, queue))
        return done

    def _beyond(self, queue: deque[PrimaryKey]) -> list[PrimaryKey]:
        """Takes out of the queue what no round could send, and tells what of it this one puts off."""
        beyond = list(islice(queue, self.of_endpoint_max, None))
        for _ in beyond:
            queue.pop()
        return beyond[: self.of_endpoint_max]

    def _look(self, key: PrimaryKey, act: Callable[[Delivery], _Look]) -> _Look:
        def look() -> _Look:
            delivery = store.find(self.table, key.pk)
            if delivery is None or delivery.status is not DeliveryStatus.PENDING:
                return _NOTHING
            return act(delivery)

        return self._one(key, look)

    def _one(self, key: PrimaryKey, look: Callable[[], _Look]) -> _Look:
        """If one thing can not be looked at now, or a bug is in the way, the others go on."""
        try:
            return look()
        except (DeliveryMoved, WaitsNoMore):
            return _NOTHING
        except Refusal as refusal:
            log.warning("not seen to now", extra={"id": key.pk, "why": refusal.detail})
            return _NOTHING
        except Exception:
            count("Bugs")
            log.exception("bug", extra={"id": key.pk})
            self._delay(key, model.AFTER_A_BUG)
            return _NOTHING

    def _delay(self, key: PrimaryKey, after: timedelta) -> None:
        """What can not be dealt with at all moves behind the others, where the table will have it."""
        try:
            self.table.write(store.delay(key, self.now(), after))
        except Refusal as refusal:
            log.warning("not delayed", extra={"id": key.pk, "why": refusal.detail})

    def _put_off(self, delivery: Delivery, why: _Why = _OTHERS_IN_VAIN) -> _Look:
        """Raises DeliveryMoved."""
        now = self.now()
        if model.has_waited_long(delivery, now) and (
            why is _CROWDED or not self._took_since(now - model.SILENT_FOR, delivery)
        ):
            self._fail(delivery, delivery.attempts, why.in_the_end)
            return _IN_VAIN_TO_THE_LAST
        self.table.write(store.put_off(delivery, model.put_off(delivery, now), now, why.now))
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
        if endpoint.registration != delivery.registration:
            self._fail(delivery, delivery.attempts, "not sent: the endpoint was deleted, and registered anew")
            return _UNWANTED
        if endpoint.status is EndpointStatus.DISABLED:
            self._fail(delivery, delivery.attempts, "not sent: the endpoint is disabled")
            return _UNWANTED
        if delivery.attempts >= model.ATTEMPTS_MAX:  # the answer to the last one was never written
            self._fail(delivery, delivery.attempts, delivery.answer or "")
            return _IN_VAIN_TO_THE_LAST
        attempts, master = delivery.attempts + 1, self.master()  # without which nothing is sent, and no attempt used up
        self.table.write(store.attempt(delivery, self.now()))
        status, answer = self._send(endpoint, delivery, master)
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

    def _send(self, endpoint: Endpoint, delivery: Delivery, master: bytes) -> tuple[int | None, str]:
        """The status of the answer, and what came of it in words."""
        at = self.now()
        secrets = [_secret(master, endpoint, n) for n in endpoint.secret_numbers(at)]
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
