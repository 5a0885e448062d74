"""What comes to notifications by itself: the table's stream, a record of which is one item, as it was and as it is.

A record of something else is passed over. What can not be read is our own mistake and is raised: Lambda gives the batch
again, and an alarm rings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common import keys
from common.clock import instant
from common.log import count, flush, log
from common.owner import Owner
from functions.notifications.model import TOLD, TOLD_TO_SYSTEMS, Change
from functions.notifications.wiring import deliveries

# The functions of this module, and the entities whose changes each takes from the table's stream.
ENTITIES = {"take_changes": tuple(TOLD)}
_IDS = {keys.DEALER.entity: "cme_dealer_id"}  # by which they are asked for, if not by the key


def take_changes(event: Mapping[str, Any], _: LambdaContext) -> dict[str, int]:
    """Raises what the table raises: then the batch comes again, whole, and what was taken of it makes nothing new."""
    made = sum(deliveries().take(change) for change in changes(event["Records"]))
    count("WebhooksMade", made)
    log.info("taken", extra={"records": len(event["Records"]), "made": made})
    flush()
    return {"made": made}


def changes(records: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    """Of the `Records` of a stream whose records have both images."""
    for record in records:
        change = _change(record["dynamodb"])
        if change is not None and change.is_told:
            yield change


def _change(told: Mapping[str, Any]) -> Change | None:
    """None for an item that was deleted, is nothing that is told, or has the status that it had."""
    new, old = told.get("NewImage", {}), told.get("OldImage", {})
    entity = _text(new, "entity_type")
    if entity not in TOLD or _text(new, "status") == _text(old, "status"):
        return None
    return Change(
        owner=None if entity in TOLD_TO_SYSTEMS else Owner(new["username"]["S"], new["sub"]["S"]),
        entity=entity,
        thing_id=new[_IDS.get(entity, "PK")]["S"],
        status=new["status"]["S"],
        at=instant(new["updated_at"]["S"]),
    )


def _text(image: Mapping[str, Any], name: str) -> str | None:
    found: str | None = image.get(name, {}).get("S")
    return found
