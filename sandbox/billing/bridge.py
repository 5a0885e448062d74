"""What AWS does between Kafka and a function, where AWS is embedded and polls nothing.

It takes batches, shapes the event of a self-managed Kafka, invokes the function, and commits what the function took:

    {"eventSource": "SelfManagedKafka", "bootstrapServers": "host:port",
     "records": {"{topic}-{partition}": [{"topic", "partition", "offset", "timestamp": milliseconds, "timestampType":
      "CREATE_TIME", "key": base64, "value": base64, "headers": [{name: [bytes]}]}, …]}}

A batch whose function fails is given to it again, whole, after a pause; nothing behind it is taken meanwhile. After
`retries_max` times it goes to the on-failure destination, and the next one is taken. A function that can not be asked
at all costs no attempt. Every message is given at least once, and those of a batch that failed more than once.

Source: AWS's documentation of Lambda with self-managed Kafka; partial answers and the bisection of batches need its
provisioned mode, so they are not done here.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from sandbox.billing.kafka import ANSWER_SECONDS, GROUP, TOPIC, consumer, partitions

BATCH_MAX = 100
RETRIES_MAX = 10  # AWS's own, where there is an on-failure destination
PAUSE_SECONDS_MAX = 60.0
UNREACHED_SECONDS = 2.0
NO_TOPIC_SECONDS = 0.5

Event = Mapping[str, Any]


class FunctionFailed(Exception):
    """It was invoked and said that it failed, or ended without a word."""


class NotInvoked(Exception):
    """It is not there, or AWS is not."""


class Broken(Exception):
    """The broker does not answer: a new bridge goes on where the last one has committed."""


class Bridge:
    """
    invoke: gives the function an event, and waits for its end. Raises FunctionFailed, NotInvoked.
    on_failure: gets the events that are given up.

    Raises Broken.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        invoke: Callable[[Event], None],
        on_failure: Callable[[Event], None],
        *,
        topic: str = TOPIC,
        group: str = GROUP,
        batch_max: int = BATCH_MAX,
        retries_max: int = RETRIES_MAX,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.servers = bootstrap_servers
        self._invoke = invoke
        self._on_failure = on_failure
        self._topic = topic
        self._batch_max = batch_max
        self._retries_max = retries_max
        self._answer_seconds = answer_seconds
        self._failures = 0
        self._reached = True
        self._batch: list[Message] = []
        self._consumer: Consumer = consumer(bootstrap_servers, group, answer_seconds)
        self._assigned = False

    def step(self, seconds: float) -> int:
        """Give the function the next batch, or again the one that it failed at. How many messages were taken, which is
        0 where none came in so many seconds, or the function failed. Raises Broken."""
        try:
            if not self._assigned and not self._assign():
                return 0
            if not self._batch:
                self._batch = self._consumed(seconds)
            return self._given() if self._batch else 0
        except KafkaException as trouble:
            raise Broken(str(trouble)) from trouble

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the next step: nothing, unless the function has failed, or it or the topic is not
        there."""
        if not self._assigned:
            return NO_TOPIC_SECONDS
        if not self._reached:
            return UNREACHED_SECONDS
        return min(2.0 ** (self._failures - 1), PAUSE_SECONDS_MAX) if self._failures else 0.0

    def close(self) -> None:
        self._consumer.close()

    def _assign(self) -> bool:
        """All partitions, each from where the group has committed: nobody shares them with this bridge."""
        found = partitions(self._consumer, self._topic, self._answer_seconds)
        if not found:
            return False
        committed = self._consumer.committed(found, timeout=self._answer_seconds)
        self._consumer.assign([TopicPartition(p.topic, p.partition, max(p.offset, 0)) for p in committed])
        self._assigned = True
        return True

    def _consumed(self, seconds: float) -> list[Message]:
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        found = [first, *self._consumer.consume(self._batch_max - 1, timeout=0.01)] if self._batch_max > 1 else [first]
        for message in found:
            error = message.error()
            if error is not None:
                raise KafkaException(error)
        return found

    def _given(self) -> int:
        event = event_of(self._batch, self.servers)
        self._reached = True
        try:
            self._invoke(event)
        except NotInvoked:
            self._reached = False
            return 0
        except FunctionFailed:
            self._failures += 1
            if self._failures <= self._retries_max:
                return 0
            self._on_failure(event)
        taken = len(self._batch)
        next_offsets = {m.partition(): m.offset() for m in self._batch}  # the last of each
        committed = [TopicPartition(self._topic, p or 0, (offset or 0) + 1) for p, offset in next_offsets.items()]
        self._consumer.commit(offsets=committed, asynchronous=False)
        self._batch, self._failures = [], 0
        return taken


def event_of(messages: list[Message], bootstrap_servers: str) -> Event:
    """The batch as AWS gives it to a function."""
    records: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for message in messages:
        headers: Any = message.headers() or []
        records[f"{message.topic()}-{message.partition()}"].append(
            {
                "topic": message.topic(),
                "partition": message.partition(),
                "offset": message.offset(),
                "timestamp": message.timestamp()[1],
                "timestampType": "CREATE_TIME",
                "key": _base64(message.key()),
                "value": _base64(message.value()),
                "headers": [{name: list(_bytes(value))} for name, value in headers],
            }
        )
    return {"eventSource": "SelfManagedKafka", "bootstrapServers": bootstrap_servers, "records": dict(records)}


def _base64(value: Any) -> str:
    return base64.b64encode(_bytes(value)).decode()


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value or b"")


class LambdaFunction:
    """A function of an AWS at an address, invoked with the credentials that every embedded one takes."""

    def __init__(self, name: str, aws_url: str, region: str, *, read_seconds: float = 65.0) -> None:
        import boto3
        from botocore.config import Config

        config = Config(connect_timeout=2, read_timeout=read_seconds, retries={"total_max_attempts": 1})
        session: Any = boto3.Session("test", "test", region_name=region)
        self._client = session.client("lambda", endpoint_url=aws_url, config=config)
        self._name = name

    def __call__(self, event: Event) -> None:
        """Raises FunctionFailed, NotInvoked."""
        from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

        try:
            answer = self._client.invoke(FunctionName=self._name, Payload=json.dumps(event).encode())
        except ReadTimeoutError as silent:
            raise FunctionFailed("it is slower than anybody waits") from silent
        except (BotoCoreError, ClientError) as trouble:
            raise NotInvoked(str(trouble)) from trouble
        if answer.get("FunctionError"):
            raise FunctionFailed(answer["Payload"].read().decode(errors="replace")[:500])
