"""What comes to notifications by itself: the table's stream, a record of which is one item, as it was and as it is.

A record of something else is passed over. What can not be read is our own mistake: it is kept, an alarm rings, and a
round takes it as soon as there is code that can read it. A fault of the table is raised: Lambda gives the batch again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.log import count, flush, log, logged
from functions.notifications import store
from functions.notifications.model import TOLD, Change
from functions.notifications.wiring import deliveries

# The functions of this module, and the entities whose changes each takes from the table's stream.
ENTITIES = {"take_changes": tuple(TOLD)}


@logged
def take_changes(event: Mapping[str, Any], _: LambdaContext) -> dict[str, int]:
    """Raises what the table raises: then the batch comes again, whole, and what was taken of it makes nothing new."""
    made = sum(map(deliveries().receive, event["Records"]))
    count("WebhooksMade", made)
    log.info("taken", extra={"records": len(event["Records"]), "made": made})
    flush()
    return {"made": made}


def changes(records: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    """Of the `Records` of a stream whose records have both images. Raises whatever is wrong with one."""
    for record in records:
        change = store.change(record)
        if change is not None and change.is_told:
            yield change
