"""Programs of customers that listen for our webhooks, each at an address of its own, as Standard Webhooks has them.

A program answers 200 unless it is told otherwise, and remembers what it was sent. `verified` tells by its secret
whether a message is signed, and by its own clock whether that was now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from common.gateways.receivers import AddressRefused, ReceiverSilent

WINDOW_SECONDS = 300


@dataclass(frozen=True)
class Message:
    """What came, and when."""

    headers: Mapping[str, str]
    body: bytes
    at: datetime

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> bool:
        """Is it signed with this secret, at the time at which it came?"""
        signed_at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        if abs((self.at - signed_at).total_seconds()) > WINDOW_SECONDS:
            return False
        expected = Webhook(secret).sign(self.webhook_id, signed_at, self.body.decode())
        return expected in self.headers["webhook-signature"].split(" ")


@dataclass
class Program:
    """answer: what it says to a message, a status; it may raise ReceiverSilent, and has then got the message or not."""

    answer: Callable[[Message], int] = lambda _: 200
    received: list[Message] = field(default_factory=list)

    def is_silent(self, what: str = "timeout") -> None:
        """From now on it takes messages, and does not answer."""

        def silent(_: Message) -> int:
            raise ReceiverSilent(f"the receiver did not answer: {what}", what=what)

        self.answer = silent

    def says(self, status: int) -> None:
        self.answer = lambda _: status


class SimulatedReceivers:
    """The port `Receivers`. At an address that begins with https:// there is a program; others are refused."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.at: dict[str, Program] = defaultdict(Program)

    def must_be_allowed(self, url: str) -> None:
        """See `Receivers`."""
        if not url.startswith("https://"):
            raise AddressRefused("webhooks can not be sent there: it is to begin with https://")

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """See `Receivers`."""
        self.must_be_allowed(url)
        program, message = self.at[url], Message(headers, body, self._now())
        program.received.append(message)
        return program.answer(message)
