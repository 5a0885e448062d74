"""What an operator leaves out of a request stays as it is, also what stops a customer or an asset."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from common.domain.catalogue.model import Asset
from tests import openapi
from tests.calls import APART, World
from tests.doors import opened

pytestmark = APART


@pytest.mark.parametrize(("kind", "more"), [("crypto", {}), ("banking", {"account_id": "acc-9"})])
def test_a_blocked_client_stays_blocked_and_a_new_one_is_active(kind: str, more: dict[str, str]) -> None:
    world = World.kept()
    with opened(world.desk, openapi.check) as doors:
        olga, path = doors.operator(), f"/operations/clients/c-9/{kind}"
        asked = {"username": "ann", "reason": "ticket 4716", **more}
        statuses = []
        for given in ({}, {"status": "BLOCKED"}, {}, {"status": None}, {"status": "ACTIVE"}):
            assert doors.confirmed(olga.put(path, {**asked, **given})).status == 200
            statuses.append(olga.get(path).json["status"])
        assert statuses == ["ACTIVE", "BLOCKED", "BLOCKED", "BLOCKED", "ACTIVE"]


ASKED = {"name": "Doge", "precision": 8, "min_notional": "1", "max_notional": "9", "price_source_id": "doge"}
CHANGED: dict[str, Any] = {  # none of it is what a new asset has
    "name": "Doge 2",
    "precision": 9,
    "min_notional": "2",
    "max_notional": "8",
    "execution": "EXCHANGE",
    "active": False,
    "price_source_id": "doge-2",
    "price_age_max_seconds": 60,
    "estimate_band_bps": 50,
    "slippage_max_bps": 51,
    "fill_band_bps": 52,
    "pool_shards": 3,
    "pool_deadline_seconds": 61,
    "pool_top_up": True,
    "exchange_symbol": "DOGEX",
    "min_pooled": "3",
    "desk_buys_max": "4",
    "spread_bps": 54,
    "price_step": "0.05",
    "fees_bps": {"STANDARD": 57, "SILVER": 56, "GOLD": 55},
}


@pytest.mark.parametrize("said", CHANGED)
def test_of_an_asset_only_the_rule_that_is_said_is_changed(said: str) -> None:
    """And it is switched off in a word."""
    assert CHANGED.keys() == {field.name for field in fields(Asset)} - {"asset_id"}
    world = World.kept()
    with opened(world.desk, openapi.check) as doors:
        olga, path = doors.operator(), "/operations/catalogue/DOGE9"
        assert doors.confirmed(olga.put(path, {**ASKED, "reason": "ticket 4716"})).json["done"]
        new = asset(world)
        changed = doors.confirmed(olga.patch(path, {said: CHANGED[said], "reason": "ticket 4716"})).json
        assert changed["done"]
        assert (changed["after"] == "INACTIVE") is (said == "active")
        assert {name for name, rule in vars(asset(world)).items() if rule != vars(new)[name]} == {said}
        rest = {name: rule for name, rule in CHANGED.items() if name != said}
        assert doors.confirmed(olga.patch(path, {**rest, "reason": "ticket 4716"})).json["done"]
        assert {name for name, rule in vars(asset(world)).items() if rule == vars(new)[name]} == {"asset_id"}


def test_a_new_asset_needs_the_rules_that_have_no_default() -> None:
    with opened(World.kept().desk, openapi.check) as doors:
        for left_out in ASKED:
            asked = {name: rule for name, rule in ASKED.items() if name != left_out}
            refused = doors.operator().put("/operations/catalogue/DOGE9", {**asked, "reason": "ticket 4716"})
            assert (refused.problem, left_out in refused.json["detail"]) == ("ImpossibleAsset", True)


def test_a_new_banking_client_needs_an_account() -> None:
    with opened(World.kept().desk, openapi.check) as doors:
        refused = doors.operator().put("/operations/clients/c-9/banking", {"username": "ann", "reason": "ticket 4716"})
        assert refused.problem == "AccountNeeded"


def test_who_blocks_a_client_says_nothing_of_its_account() -> None:
    with opened(World.kept().desk, openapi.check) as doors:
        olga, path = doors.operator(), "/operations/clients/c-9/banking"
        for given in ({"account_id": "acc-1"}, {"account_id": "acc-2"}, {"status": "BLOCKED"}):
            saved = olga.put(path, {"username": "ann", "reason": "ticket 4716", **given})
            assert doors.confirmed(saved).json["done"]
        client = olga.get(path).json
        assert (client["account_id"], client["status"]) == ("acc-2", "BLOCKED")


def asset(world: World) -> Asset:
    world.desk.clock.forward(seconds=6)
    return world.desk.orders.catalogue.listing("DOGE9").asset
