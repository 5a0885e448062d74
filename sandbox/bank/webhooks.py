"""The bank's webhooks. The sender signs and sends them as Standard Webhooks says, or as badly as it is ordered to.

    POST {target_url}
    webhook-id: evt_…                  the same at every retry
    webhook-timestamp: 1795253400      seconds since 1970, of this attempt
    webhook-signature: v1,…            one for each secret, with a space between
    {"type": "adjustment.completed" | "adjustment.failed", "timestamp": "…", "data": adjustment}

Any 2xx is success. 410 switches the webhooks off until a target is set again; what was not delivered waits. Anything
else, and silence for 15 s, is tried again after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h, each divided by
`compress`; then it is given up. Without jitter: two runs are the same. One delivery at a time.

Source: standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from threading import RLock
from typing import Any

import urllib3
from standardwebhooks.webhooks import Webhook
from urllib3.exceptions import HTTPError

from common.clock import instant, text
from common.gateways.bank import BankEvent, State
from sandbox.bank.bank import IllegalOrder, SimulatedBank

# Of the sandbox only, known to all the world. Elsewhere the secret comes from the bank.
WEBHOOK_SECRET = "whsec_c2FuZGJveC1iYW5rLXdlYmhvb2stc2VjcmV0"
RETRY_SECONDS = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
TIMEOUT_SECONDS = 15.0
OLD_SECONDS = 600
DELAY_SECONDS_MAX = 86_400.0
COMPRESS_MAX = 10_000.0
TIMES_MAX = 1000
HISTORY_MAX = 200
_STRANGER = Webhook(b"not the secret that they share")

Post = Callable[[str, Mapping[str, str], bytes], int]  # url, headers, body → status; raises OSError, HTTPError


class Mode(StrEnum):
    """What goes wrong, with the next events or (the last two) with the next attempts."""

    NORMAL = "normal"
    DUPLICATE = "duplicate"  # each event is delivered twice
    REORDER = "reorder"  # an event waits until the one after it was delivered, or for `delay_seconds`
    DELAY = "delay"  # by `delay_seconds`
    LOSE = "lose"  # never sent
    WRONG_SIGNATURE = "wrong_signature"  # signed with a secret that nobody knows
    OLD_TIMESTAMP = "old_timestamp"  # signed well, ten minutes ago


_OF_ATTEMPTS = {Mode.WRONG_SIGNATURE, Mode.OLD_TIMESTAMP}


@dataclass
class Delivery:
    """One event on its way."""

    event_id: str
    reference_id: str
    number: int  # among those due, the lowest goes first
    due_at: datetime
    attempts: int = 0
    behind: bool = False  # waits for the event after it


class Sender:
    """Takes the bank's events and delivers them. Safe to use from several threads.

    secrets: each signs; two while a secret is changed.
    now: the clock; by default the bank's.
    post: sends one request and tells the status.

    Without a target nothing is taken: events wait in the bank.
    """

    def __init__(
        self,
        bank: SimulatedBank,
        secrets: Sequence[str] = (WEBHOOK_SECRET,),
        *,
        target_url: str | None = None,
        compress: float = 1.0,
        now: Callable[[], datetime] | None = None,
        post: Post | None = None,
    ) -> None:
        self._bank = bank
        self._webhooks = [Webhook(secret) for secret in secrets]
        self._now = now or bank.now
        self._post = post or _post
        self._lock = RLock()
        self._sending = RLock()  # one delivery at a time
        self._queue: list[Delivery] = []
        self._number = 0
        self._history: deque[dict[str, Any]] = deque(maxlen=HISTORY_MAX)
        self._target: str | None = None
        self._disabled = False
        self._compress = 1.0
        self._mode = Mode.NORMAL
        self._times: int | None = None  # for how many events or attempts more; None: all
        self._delay_seconds = 5.0
        self.set(target_url=target_url, compress=compress)

    # Sending

    def run(self, wait: Callable[[float], bool], *, every_seconds: float = 0.1) -> None:
        """Deliver until `wait(seconds)` is true: `Event().wait` in a process, a test's own elsewhere."""
        while not wait(every_seconds):
            self.step()

    def step(self) -> int:
        """Take the bank's new events, deliver what is due; answer how much happened (0: nothing)."""
        with self._sending:
            with self._lock:
                if self._target is None or self._disabled:
                    return 0
                events = self._bank.take_events()
                for event in events:
                    self._accept(event)
            happened = len(events)
            while (delivery := self._next()) is not None:
                self._attempt(delivery)
                happened += 1
            return happened

    def send(self, reference_id: str) -> dict[str, Any]:
        """Send the event of a credit now and once, whatever became of it before; answer the entry for the history.

        Raises UnknownReference, IllegalOrder when it is PENDING or there is no target.
        """
        with self._sending:
            return self._post_once(self._bank.event_of(reference_id), attempt=1)

    def _accept(self, event: BankEvent) -> None:
        now = self._now()
        mode = self._take_mode(of_attempts=False)
        waiting = [delivery for delivery in self._queue if delivery.behind]
        if mode is Mode.LOSE:
            self._remember(event, 0, "lost")
        elif mode is Mode.REORDER and not waiting:
            self._add(event, now + timedelta(seconds=self._delay_seconds), behind=True)
        else:
            late = timedelta(seconds=self._delay_seconds if mode is Mode.DELAY else 0)
            for _ in range(2 if mode is Mode.DUPLICATE else 1):
                self._add(event, now + late)
            for delivery in waiting:
                delivery.behind, delivery.due_at, delivery.number = False, now + late, self._next_number()

    def _add(self, event: BankEvent, due_at: datetime, *, behind: bool = False) -> None:
        reference_id = event.adjustment.reference_id
        self._queue.append(Delivery(event.event_id, reference_id, self._next_number(), due_at, behind=behind))

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _next(self) -> Delivery | None:
        with self._lock:
            if self._target is None or self._disabled:
                return None
            now = self._now()
            due = (delivery for delivery in self._queue if delivery.due_at <= now)
            return min(due, key=lambda delivery: (delivery.due_at, delivery.number), default=None)

    def _attempt(self, delivery: Delivery) -> None:
        event = self._bank.event_of(delivery.reference_id)
        result = self._post_once(event, delivery.attempts + 1)["result"]
        with self._lock:
            delivery.attempts += 1
            if result == 410:
                self._disabled = True
            elif isinstance(result, int) and 200 <= result < 300:
                self._queue.remove(delivery)
            elif delivery.attempts == len(RETRY_SECONDS):
                self._queue.remove(delivery)
                self._remember(event, delivery.attempts, "given up")
            else:
                late = timedelta(seconds=RETRY_SECONDS[delivery.attempts] / self._compress)
                delivery.behind, delivery.due_at = False, self._now() + late

    def _post_once(self, event: BankEvent, attempt: int) -> dict[str, Any]:
        """Post it once and write down what came of it: a status, or why there is none."""
        with self._lock:
            target, mode = self._target, self._take_mode(of_attempts=True)
        if target is None:
            raise IllegalOrder("there is no target; PUT /sandbox/webhooks with a target_url first")
        body = body_of(event, self._bank.record(event.adjustment.reference_id).resource())
        at = self._now() - timedelta(seconds=OLD_SECONDS if mode is Mode.OLD_TIMESTAMP else 0)
        webhooks = [_STRANGER] if mode is Mode.WRONG_SIGNATURE else self._webhooks
        result: int | str
        try:
            result = self._post(target, signed(webhooks, event.event_id, at, body), body)
        except (OSError, HTTPError) as failed:
            result = f"no answer: {type(failed).__name__}"
        return self._remember(event, attempt, result)

    def _remember(self, event: BankEvent, attempt: int, result: int | str) -> dict[str, Any]:
        entry = {
            "at": text(self._now()),
            "event_id": event.event_id,
            "reference_id": event.adjustment.reference_id,
            "attempt": attempt,
            "result": result,
        }
        with self._lock:
            self._history.append(entry)
        return entry

    def _take_mode(self, *, of_attempts: bool) -> Mode:
        if self._mode is Mode.NORMAL or (self._mode in _OF_ATTEMPTS) is not of_attempts:
            return Mode.NORMAL
        mode = self._mode
        if self._times is not None:
            self._times -= 1
            if self._times == 0:
                self._mode, self._times = Mode.NORMAL, None
        return mode

    # Controls

    def set(
        self,
        *,
        target_url: str | None = None,
        mode: Mode | str | None = None,
        times: int | None = None,
        delay_seconds: float | None = None,
        compress: float | None = None,
    ) -> None:
        """What is not told stays as it is. Raises IllegalOrder, and then nothing has changed.

        target_url: where to send; setting it lifts a 410. times: for how many events or attempts the mode is in
        force; until another is set when it is not told.
        """
        try:
            wanted = None if mode is None else Mode(mode)
        except ValueError:
            raise IllegalOrder(f"mode is {mode!r}; there are {', '.join(Mode)}") from None
        if times is not None and (wanted is None or not 1 <= times <= TIMES_MAX):
            raise IllegalOrder(f"times is {times}; it must be from 1 to {TIMES_MAX}, and goes with a mode")
        if delay_seconds is not None and not 0 <= delay_seconds <= DELAY_SECONDS_MAX:
            raise IllegalOrder(f"delay_seconds is {delay_seconds}; it must be from 0 to {DELAY_SECONDS_MAX:g}")
        if compress is not None and not 1 <= compress <= COMPRESS_MAX:
            raise IllegalOrder(f"compress is {compress}; it must be from 1 to {COMPRESS_MAX:g}")
        if target_url is not None and not _is_target(target_url):
            raise IllegalOrder(f"target_url is {target_url!r}; it must be one such as http://127.0.0.1:4566/webhooks")
        with self._lock:
            if target_url is not None:
                self._target, self._disabled = target_url, False
            if wanted is not None:
                self._mode, self._times = wanted, times if wanted is not Mode.NORMAL else None
            if delay_seconds is not None:
                self._delay_seconds = delay_seconds
            if compress is not None:
                self._compress = compress

    # What a person sees, and what outlives a restart

    def seen(self) -> dict[str, Any]:
        """Settings, what is on its way, and the last of what was sent."""
        with self._lock:
            return {
                "target_url": self._target,
                "disabled": self._disabled,
                "mode": self._mode,
                "times": self._times,
                "delay_seconds": self._delay_seconds,
                "compress": self._compress,
                "waiting": self.state()["waiting"],
                "history": list(self._history),
            }

    def state(self) -> dict[str, Any]:
        """What is on its way, and whether the target wants no more, as JSON can hold it.

        Ask the bank for its state before, never after: an event between the two is then delivered twice, not lost.
        """
        with self._lock:
            waiting = [{**asdict(delivery), "due_at": text(delivery.due_at)} for delivery in self._queue]
            return {"waiting": waiting, "disabled": self._target if self._disabled else None}

    def restore(self, state: Any) -> None:
        """Become what `state()` told. A target that wants no more stays switched off; another one is not.

        Raises IllegalOrder when it did not; UnknownReference when it knows other credits than the bank.
        """
        try:
            waiting = [
                Delivery(
                    event_id=str(told["event_id"]),
                    reference_id=str(told["reference_id"]),
                    number=int(told["number"]),
                    due_at=instant(told["due_at"]),
                    attempts=int(told["attempts"]),
                    behind=bool(told["behind"]),
                )
                for told in state["waiting"]
            ]
            disabled = state["disabled"]
        except (LookupError, TypeError, ValueError) as unreadable:
            raise IllegalOrder(f"this is not the state of the bank's webhooks: {unreadable!r}") from unreadable
        for delivery in waiting:
            if self._bank.record(delivery.reference_id).state is State.PENDING:
                raise IllegalOrder(f"a webhook waits for {delivery.reference_id}, which has no outcome")
        with self._lock:
            self._queue = waiting
            self._number = max((delivery.number for delivery in waiting), default=0)
            self._disabled = disabled is not None and disabled == self._target


def body_of(event: BankEvent, resource: Mapping[str, Any]) -> bytes:
    kind = "adjustment.completed" if event.adjustment.state is State.COMPLETED else "adjustment.failed"
    return json.dumps({"type": kind, "timestamp": text(event.at), "data": resource}).encode()


def signed(webhooks: Sequence[Webhook], event_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of one attempt."""
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(webhook.sign(event_id, at, body.decode()) for webhook in webhooks),
    }


def _is_target(url: str) -> bool:
    if not (url.isascii() and url.isprintable()):
        return False
    try:
        address = urllib3.util.parse_url(url)
    except HTTPError:
        return False
    return address.scheme in {"http", "https"} and bool(address.host)


def _post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    with urllib3.PoolManager(num_pools=1) as pool:
        response = pool.request(
            "POST",
            url,
            body=body,
            headers={**headers, "User-Agent": "sandbox-bank", "Connection": "close"},
            timeout=TIMEOUT_SECONDS,
            retries=False,
            preload_content=False,
        )
        response.close()
        return response.status
