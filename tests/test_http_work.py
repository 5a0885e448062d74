"""What operators filter the unfinished work by."""

from __future__ import annotations

from typing import Any

from common.owner import Owner
from tests import openapi
from tests.desk import Desk
from tests.doors import opened
from tests.seen import awaiting


def test_unfinished_work_is_filtered_by_customer_and_by_who_has_to_look(desk: Desk, ann: Owner) -> None:
    bob = desk.customer("bob")
    pending = desk.buy(bob, "0.5", order_price="50").order_id
    waiting = awaiting(desk, ann)

    with opened(desk, openapi.check) as doors:

        def told(**query: Any) -> list[str]:
            return [item["id"] for item in doors.operator().get("/operations/work", **query).json["items"]]

        assert set(told()) == {pending, waiting}
        assert (told(username="ann"), told(username="bob")) == ([waiting], [pending])
        assert told(username="bob", context="offramp") == []
        assert told(username="eve") == []
        assert told(needs_person="true") == []
        desk.clock.forward(days=40)
        assert waiting in told(needs_person="true")
        assert told(needs_person="true", username="ann") == [waiting]
        items = doors.operator().get("/operations/work", username="ann").json["items"]
        every = doors.operator().get("/operations/work", limit=1000).json["items"]
        assert items == [item for item in every if item["id"] == waiting]
        assert doors.operator().get("/operations/work", limit=1001).status == 422
        assert doors.operator().get("/operations/work", username="Ann").status == 422
