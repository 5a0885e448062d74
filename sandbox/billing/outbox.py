"""Messages on their way to Kafka: none is forgotten before the broker keeps it for good.

A broker that keeps what it was given (any real one) keeps it for good when it says so. One that lives in memory forgets
everything when it ends, so what was published there waits until it was taken, and is published again at the next one:
who takes it sees the same message twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Protocol


class NotPublished(Exception):
    """The broker did not say that it has it."""


@dataclass(frozen=True)
class Place:
    """Where a broker has a message."""

    partition: int
    offset: int


@dataclass
class Message:
    """value: JSON, or what somebody wanted published as it is. settled: nobody has to publish it any more."""

    number: int
    key: str
    value: str
    settled: bool = False
    place: Place | None = field(default=None)  # at the broker of now


class Topic(Protocol):
    """A broker's topic, as who publishes sees it."""

    @property
    def keeps(self) -> bool:
        """Does the broker keep what it was given, also when it ends?"""
        ...

    def publish(self, key: str, value: str) -> Place:
        """Raises NotPublished."""
        ...

    def taken(self) -> Mapping[int, int]:
        """By partition: the offset of the first message that was not taken yet. Raises NotPublished."""
        ...


class Outbox:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._messages: list[Message] = []

    def add(self, key: str, value: Mapping[str, Any] | str) -> Message:
        with self._lock:
            written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            message = Message(len(self._messages) + 1, key, written)
            self._messages.append(message)
            return message

    def messages(self) -> Sequence[Message]:
        """All that there ever were, the oldest first."""
        with self._lock:
            return list(self._messages)

    def unsettled(self) -> Sequence[Message]:
        return [message for message in self.messages() if not message.settled]

    def publish(self, topic: Topic) -> int:
        """Everything that is not at this broker yet; how many. Raises NotPublished, and then goes on next time."""
        published = 0
        for message in self.unsettled():
            if message.place is None:
                message.place = topic.publish(message.key, message.value)
                message.settled = topic.keeps
                published += 1
        waiting = [message for message in self.unsettled() if message.place is not None]
        if waiting:
            taken = topic.taken()
            for message in waiting:
                place = message.place
                message.settled = place is not None and taken.get(place.partition, 0) > place.offset
        return published

    def broker_ended(self) -> None:
        """What was not taken there is published again at the next."""
        with self._lock:
            for message in self._messages:
                message.place = None

    def state(self) -> list[list[Any]]:
        with self._lock:
            return [[message.key, message.value, message.settled] for message in self._messages]

    def restore(self, told: Sequence[Any]) -> None:
        """Raises TypeError, ValueError."""
        with self._lock:
            self._messages = [Message(n, str(k), str(v), bool(s)) for n, (k, v, s) in enumerate(told, 1)]
