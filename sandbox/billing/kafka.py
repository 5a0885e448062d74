"""Kafka, spoken with confluent-kafka: a broker in memory for who has none, and a topic as the outbox sees it.

The broker in memory is librdkafka's mock cluster: it listens on a free port of this machine, makes topics when they are
asked for, and forgets everything when it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from sandbox.billing.outbox import NotPublished, Place

TOPIC = "billing.payments"
GROUP = "cryptodesk-billing"  # the function's: a real mapping has one as well
ANSWER_SECONDS = 5.0
_QUIET: dict[str, Any] = {"log_level": 0}  # a broker that is down is told by what fails


class MemoryBroker:
    """address: host:port, of this machine. As long as this object is there."""

    def __init__(self) -> None:
        self._cluster: Producer | None = Producer(
            {"bootstrap.servers": "in-memory:1", "test.mock.num.brokers": 1, **_QUIET}
        )
        found = next(iter(self._cluster.list_topics(timeout=ANSWER_SECONDS).brokers.values()))
        self.address = f"{found.host}:{found.port}"

    def close(self) -> None:
        """Closing again does nothing."""
        self._cluster = None


class KafkaTopic:
    """The topic of an outbox.

    group: who takes from it; what it has committed was taken.
    keeps: does the broker keep what it was given, also when it ends?
    answer_seconds: for which it is waited for.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        keeps: bool,
        topic: str = TOPIC,
        group: str = GROUP,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.keeps = keeps
        self._topic = topic
        self._answer_seconds = answer_seconds
        milliseconds = int(answer_seconds * 1000)
        self._producer = Producer(
            {"bootstrap.servers": bootstrap_servers, "acks": "all", "message.timeout.ms": milliseconds, **_QUIET}
        )
        self._reader = Consumer(
            {"bootstrap.servers": bootstrap_servers, "group.id": group, "enable.auto.commit": False, **_QUIET}
        )

    def publish(self, key: str, value: str) -> Place:
        """See `Topic.publish`."""
        told: list[tuple[KafkaError | None, Message]] = []
        try:
            self._producer.produce(
                self._topic, key=key, value=value, on_delivery=lambda error, message: told.append((error, message))
            )
            self._producer.flush(2 * self._answer_seconds)
        except (KafkaException, BufferError) as trouble:
            raise NotPublished(str(trouble)) from trouble
        if not told or told[0][0] is not None:
            raise NotPublished(str(told[0][0]) if told else "the broker says nothing")
        partition, offset = told[0][1].partition(), told[0][1].offset()
        if partition is None or offset is None:
            raise NotPublished("the broker does not say where it has it")
        return Place(partition, offset)

    def taken(self) -> Mapping[int, int]:
        """See `Topic.taken`."""
        try:
            committed = self._reader.committed(
                partitions(self._reader, self._topic, self._answer_seconds), timeout=self._answer_seconds
            )
        except KafkaException as trouble:
            raise NotPublished(str(trouble)) from trouble
        return {each.partition: each.offset for each in committed if each.offset >= 0}

    def close(self) -> None:
        self._reader.close()


def partitions(client: Consumer, topic: str, answer_seconds: float) -> list[TopicPartition]:
    """All of a topic; none where it is not there yet. Raises KafkaException."""
    found = client.list_topics(topic, timeout=answer_seconds).topics[topic]
    return [TopicPartition(topic, number) for number in found.partitions]


def consumer(bootstrap_servers: str, group: str, answer_seconds: float) -> Consumer:
    """One that commits when it is told to, and begins with what was not taken yet. It joins no group's rounds, so that
    its session is nothing but how long a commit waits for a broker that is gone."""
    milliseconds = max(1000, int(answer_seconds * 1000))
    return Consumer(
        {
            "session.timeout.ms": milliseconds,
            "heartbeat.interval.ms": milliseconds // 3,
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            **_QUIET,
        }
    )
