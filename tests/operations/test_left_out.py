"""What an operator leaves out of a request stays as it is, also what stops a customer or an asset."""

from __future__ import annotations

import pytest

from tests import openapi
from tests.calls import World
from tests.doors import opened


@pytest.mark.parametrize(("kind", "more"), [("crypto", {}), ("banking", {"account_id": "acc-9"})])
def test_a_blocked_client_stays_blocked_and_a_new_one_is_active(kind: str, more: dict[str, str]) -> None:
    world = World.made()
    with opened(world.desk, openapi.check) as doors:
        olga, path = doors.operator(), f"/operations/clients/c-9/{kind}"
        asked = {"username": "ann", "reason": "ticket 4716", **more}
        statuses = [
            olga.put(path, {**asked, **given}).json["after"]
            for given in ({}, {"status": "BLOCKED"}, {}, {"status": None})
        ]
        assert statuses == ["ACTIVE", "BLOCKED", "BLOCKED", "BLOCKED"]
        assert olga.put(path, {**asked, "status": "ACTIVE"}).json["after"] == "ACTIVE"


def test_an_asset_that_is_switched_off_stays_so_and_a_new_one_is_traded() -> None:
    world = World.made()
    asked = {"name": "Doge", "precision": 8, "min_notional": "1", "max_notional": "9", "price_source_id": "doge"}
    with opened(world.desk, openapi.check) as doors:
        olga, path = doors.operator(), "/operations/catalogue/DOGE9"
        statuses = [
            olga.put(path, {**asked, "reason": "ticket 4716", **given}).json["after"]
            for given in ({}, {"active": False}, {"max_notional": "10"}, {"active": True})
        ]
        assert statuses == ["ACTIVE", "INACTIVE", "INACTIVE", "ACTIVE"]
