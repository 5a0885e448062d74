"""What of the table's stream is told: a record is a change of one item, as it was and as it is.

A record of something else is passed over. What can not be read is our own mistake and is raised: Lambda gives the batch
again, and an alarm rings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common.clock import instant
from common.owner import Owner
from functions.notifications.model import TOLD, Change


def changes(records: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    """Of the `Records` of a stream whose records have both images."""
    for record in records:
        change = _change(record["dynamodb"])
        if change is not None and change.is_told:
            yield change


def _change(told: Mapping[str, Any]) -> Change | None:
    """None for an item that was deleted, is of no customer's order, or has the status that it had."""
    new, old = told.get("NewImage", {}), told.get("OldImage", {})
    if _text(new, "entity_type") not in TOLD or _text(new, "status") == _text(old, "status"):
        return None
    return Change(
        owner=Owner(new["username"]["S"], new["sub"]["S"]),
        entity=new["entity_type"]["S"],
        thing_id=new["PK"]["S"],
        status=new["status"]["S"],
        at=instant(new["updated_at"]["S"]),
    )


def _text(image: Mapping[str, Any], name: str) -> str | None:
    found: str | None = image.get(name, {}).get("S")
    return found
