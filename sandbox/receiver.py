"""A customer's program that listens for webhooks on this machine, and verifies each as Standard Webhooks' own library
does.

    with Receiver() as receiver:
        made = http.post("/webhooks/endpoints", json={"url": receiver.url}, …).json()
        receiver.learn(made["secret"])
        …
        receiver.received()         [Event(webhook_id="G…", type="order.completed", data={"id": "O…", …}), …]
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Self

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from sandbox.serving import Answer, Drop, Request, as_json, serve


@dataclass(frozen=True)
class Event:
    """What a webhook has told. data: `id` and `status` of the thing that has changed."""

    webhook_id: str
    type: str
    timestamp: datetime  # when it happened
    data: dict[str, Any]


class Receiver:
    """url: where it listens, from the start on. `refused`: how many came that were not signed with the secret, or not
    now; they are answered 401."""

    def __init__(self, port: int = 0) -> None:
        self._turn = Lock()
        self._secret: str | None = None
        self._events: dict[str, Event] = {}
        self._is_down = False
        self.refused = 0
        self._running = serve(self._decide, port, name="receiver")
        self.url = f"{self._running.url}/desk"

    def learn(self, secret: str) -> None:
        """What webhooks are signed with from now on. Until it knows one, it answers 503 and is told again."""
        self._secret = secret

    def received(self) -> list[Event]:
        """Those that were verified, each once however often it came, as they came first."""
        with self._turn:
            return list(self._events.values())

    def goes_down(self) -> None:
        """It hangs up on whoever asks."""
        self._is_down = True

    def comes_back(self) -> None:
        self._is_down = False

    def forget(self) -> None:
        """What it has received."""
        with self._turn:
            self._events.clear()

    def _decide(self, request: Request) -> Answer:
        if self._is_down:
            raise Drop
        if self._secret is None:
            return as_json({"error": "no secret is known yet"}, 503)
        try:
            told = Webhook(self._secret).verify(request.body, dict(request.headers))
        except (WebhookVerificationError, ValueError) as wrong:  # the library reads what it does not expect
            with self._turn:
                self.refused += 1
            return as_json({"error": str(wrong)}, 401)
        webhook_id = request.headers["webhook-id"]
        event = Event(webhook_id, told["type"], datetime.fromisoformat(told["timestamp"]), told["data"])
        with self._turn:
            self._events.setdefault(webhook_id, event)
        return as_json({})

    def close(self) -> None:
        self._running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
