"""What a customer's program is told by a local stack: how it registers, and how a story waits for what it hears."""

from __future__ import annotations

import uuid

import httpx

from local.seed import Desk
from local.telling import eventually, ok
from sandbox.receiver import Event, Receiver

DELIVER = "cryptodesk-notifications-deliver"
PATIENCE_SECONDS = 120.0


def hears(receiver: Receiver, http: httpx.Client, *events: str) -> str:
    """The receiver is told from now on what becomes of who asks: of all, or of events of these types. The id of its
    endpoint. Raises StoryFailed."""
    asked = {"url": receiver.url} | ({"events": list(events)} if events else {})
    made = ok(http.post("/webhooks/endpoints", json=asked, headers={"Idempotency-Key": uuid.uuid4().hex})).json()
    receiver.learn(made["secret"])
    return str(made["endpoint_id"])


def heard(desk: Desk, receiver: Receiver, type_: str, thing_id: str) -> Event:
    """The event, when it has come and is verified; the clock's round is not waited for. Raises StoryFailed."""
    found: list[Event] = []

    def has_come() -> bool:
        desk.invoke(DELIVER)
        found.extend(each for each in receiver.received() if (each.type, each.data["id"]) == (type_, thing_id))
        return bool(found)

    def otherwise() -> str:
        return f"{type_} of {thing_id} was not told, but {[(each.type, each.data) for each in receiver.received()]}"

    eventually(has_come, otherwise, patience_seconds=PATIENCE_SECONDS, every_seconds=1.0)
    return found[0]
