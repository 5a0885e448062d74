"""Notifications of one desk: what it writes comes as the table's stream has it, and programs of customers listen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from common.owner import Owner
from functions.notifications.changes import changes
from functions.notifications.model import Delivery
from functions.notifications.service import Delivered, Deliveries, Endpoints, Told
from sandbox.receivers import Message, Program
from tests.desk import Desk

URL = "https://hooks.example.com/desk"
Record = dict[str, Any]


@dataclass
class Hooks:
    """`records` are those of the stream that nobody has taken yet."""

    desk: Desk
    records: list[Record] = field(default_factory=list)
    seen: dict[tuple[str, str], Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.look()
        self.records.clear()

    @property
    def endpoints(self) -> Endpoints:
        return self.desk.endpoints

    @property
    def deliveries(self) -> Deliveries:
        return self.desk.deliveries

    def register(self, owner: Owner, *events: str, url: str = URL, key: str = "e") -> Told:
        return self.endpoints.register(owner, key, url, events).made

    def program(self, url: str = URL) -> Program:
        return self.desk.receivers.at[url]

    def received(self, url: str = URL) -> list[Message]:
        return self.program(url).received

    def look(self) -> None:
        """What has changed since the last look is in the stream, with both images."""
        now = {(item["PK"]["S"], item["SK"]["S"]): dict(item) for item in self.desk.dynamo.items()}
        for key in now.keys() | self.seen.keys():
            old, new = self.seen.get(key), now.get(key)
            if old != new:
                images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
                self.records.append({"dynamodb": {"StreamViewType": "NEW_AND_OLD_IMAGES", **images}})
        self.seen = now

    def take(self) -> int:
        """The stream's function takes what has changed; how many deliveries are new."""
        self.look()
        taken = sum(self.deliveries.take(change) for change in changes(self.records))
        self.records.clear()
        self.look()
        self.records.clear()
        return taken

    def round(self) -> Delivered:
        return self.deliveries.deliver(lambda: True)

    def rounds(self, wait: timedelta, every: timedelta = timedelta(minutes=1)) -> list[Delivered]:
        """Those of a while, as often as told."""
        until, done = self.desk.clock.at + wait, []
        while self.desk.clock.at < until:
            done.append(self.round())
            self.desk.clock.at += every
        return done

    def listed(self, owner: Owner, told: Told) -> list[Delivery]:
        return self.endpoints.deliveries(owner, told.endpoint.endpoint_id).items


def change_of(n: int, owner: Owner, at: str, status: str = "COMPLETED") -> Record:
    """The record of an order that has ended."""
    new = {"entity_type": "order", "PK": f"O{n}", "SK": "ORDER", "username": owner.username, "sub": owner.sub}
    image = {name: {"S": value} for name, value in {**new, "status": status, "updated_at": at}.items()}
    return {"dynamodb": {"NewImage": image}}
