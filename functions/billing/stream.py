"""What comes to dealer billing by itself: payments, from a queue or from Kafka.

Both bring the same message (`common.gateways.billing.messages`), each at least once, in any order. One that is not
understood, or whose account can not be told, is put aside for a person and is done with here. Where the table or our
own code fails it comes again: of a queue alone, of Kafka with its whole batch, of which the others change nothing.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.errors import Refusal, Unavailable
from common.log import count, flush, log, logged
from common.time_left import more_time
from functions.billing.wiring import payments

TOPICS = {"take_payments": "billing.payments"}  # the functions of this module, and the topic that each takes from
SPREAD_RESERVE_MILLISECONDS = 15_000  # with less than this left, what is left of a payment waits for the clock
TAKE_RESERVE_MILLISECONDS = 8_000  # with less than this left, a message comes again


class NotInTime(Unavailable):
    """There was no time left for it in this call."""


@dataclass(frozen=True)
class Message:
    """name: the queue's id of it, or its place at the broker."""

    name: str
    body: bytes


@logged
def take_payments(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """{"batchItemFailures": [{"itemIdentifier": message id}, …]}, of a queue. Raises the first failure, of Kafka."""
    spread_on = more_time(context, reserve_milliseconds=SPREAD_RESERVE_MILLISECONDS)
    in_time = more_time(context, reserve_milliseconds=TAKE_RESERVE_MILLISECONDS)
    taken, failed = Counter[str](), dict[str, Exception]()
    for message in _messages(event):
        try:
            if not in_time():
                raise NotInTime("no time is left in this call; send it again")
            taken[payments().receive(message.body, spread_on)] += 1
        except Refusal as refusal:
            log.warning("not taken now", extra={"message_name": message.name, "why": refusal.detail})
            failed[message.name] = refusal
        except Exception as bug:
            count("Bugs")
            log.exception("bug", extra={"message_name": message.name})
            failed[message.name] = bug
    count("PaymentsTaken", taken.total())
    log.info("taken", extra={**taken, "failed": len(failed)})
    flush()
    if failed and "Records" not in event:
        raise next(iter(failed.values()))
    return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}


def _messages(event: Mapping[str, Any]) -> Iterator[Message]:
    """Of a queue, or of Kafka in the order of each partition."""
    if "Records" in event:
        for record in event["Records"]:
            yield Message(record["messageId"], record["body"].encode())
        return
    for of_partition in event["records"].values():
        for record in of_partition:
            name = f"{record['topic']}-{record['partition']}-{record['offset']}"
            yield Message(name, base64.b64decode(record.get("value") or ""))
