"""Messages from the outbox to the function: broker, publisher and bridge, made anew when they break."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

from sandbox.billing.bridge import Bridge, Broken, Event
from sandbox.billing.kafka import ANSWER_SECONDS, KafkaTopic, MemoryBroker
from sandbox.billing.outbox import NotPublished, Outbox

BROKEN_SECONDS = 0.5
GIVEN_UP_MAX = 1000


class Delivery:
    """
    servers: of a broker that is there, `host:port,host:port`; None: one in memory, which can be ended and begun here.
    invoke: the function that takes the payments; None: nobody takes them, and they wait at the broker.
    answer_seconds: for which the broker is waited for.
    given_up: the last events that the function failed at too often. The on-failure destination, so to speak.
    """

    def __init__(
        self,
        outbox: Outbox,
        servers: str | None,
        invoke: Callable[[Event], None] | None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._answer_seconds = answer_seconds
        self._outbox = outbox
        self._real = servers
        self._invoke = invoke
        self._lock = RLock()  # of what follows
        self._memory: MemoryBroker | None = None
        self._topic: KafkaTopic | None = None
        self._bridge: Bridge | None = None
        self.given_up: list[Event] = []
        if servers is None:
            self.begin_broker()

    @property
    def servers(self) -> str | None:
        """Where the broker is; None while there is none."""
        with self._lock:
            return self._real or (self._memory.address if self._memory else None)

    def begin_broker(self) -> None:
        """In memory, empty, at a new address, in place of one that was. Raises ValueError where a real one is used."""
        self.end_broker()
        with self._lock:
            self._memory = MemoryBroker()

    def end_broker(self) -> None:
        """Everything is forgotten there. What nobody took is published again at the next one. Raises ValueError."""
        if self._real is not None:
            raise ValueError("the broker is a real one, and nothing of ours")
        with self._lock:
            self._drop_topic()
            if self._memory is not None:
                self._memory.close()
            self._memory = None
            self._outbox.broker_ended()

    def publish(self) -> int:
        """Everything that waits, as far as the broker answers; how many messages."""
        with self._lock:
            if (servers := self.servers) is None:
                return 0
            if self._topic is None:
                self._topic = KafkaTopic(servers, keeps=self._real is not None, answer_seconds=self._answer_seconds)
            try:
                return self._outbox.publish(self._topic)
            except NotPublished:
                self._drop_topic()
                return 0

    def give(self, seconds: float) -> float:
        """Give the function what has come in so many seconds. How long to wait before the next time.

        For one thread; nothing but this one's own is waited for meanwhile.
        """
        servers = self.servers
        if self._invoke is None or servers is None:
            return BROKEN_SECONDS
        if self._bridge is not None and self._bridge.servers != servers:
            self._drop_bridge()
        if self._bridge is None:
            self._bridge = Bridge(servers, self._invoke, self._give_up, answer_seconds=self._answer_seconds)
        try:
            self._bridge.step(seconds)
            return self._bridge.pause_seconds
        except Broken:
            self._drop_bridge()
            return BROKEN_SECONDS

    def close(self) -> None:
        with self._lock:
            self._drop_topic()
        self._drop_bridge()

    def _give_up(self, event: Event) -> None:
        self.given_up = [*self.given_up, event][-GIVEN_UP_MAX:]

    def _drop_topic(self) -> None:
        if self._topic is not None:
            self._topic.close()
            self._topic = None

    def _drop_bridge(self) -> None:
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None
