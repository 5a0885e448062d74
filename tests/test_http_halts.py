"""What operators halt, customers read of; and operators read the rules that they write."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.domain.catalogue.store import VIEW_SECONDS
from tests import openapi
from tests.calls import APART, World
from tests.doors import Doors, opened

pytestmark = APART
BECAUSE = {"reason": "its network has split"}


@pytest.fixture
def world() -> World:
    return World.kept()


@pytest.fixture
def doors(world: World) -> Iterator[Doors]:
    with opened(world.desk, openapi.check) as doors:
        yield doors


def test_a_halt_is_a_503_that_says_when_to_come_again_and_ends(doors: Doors, world: World) -> None:
    """A second operator lifts it; the same one does not."""
    olga, ann = doors.operator(), doors.customer()
    buy = {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.1"}
    assert olga.post("/operations/flows/orders/halt", BECAUSE).json["after"] == "HALTED"
    world.desk.clock.forward(seconds=VIEW_SECONDS)
    refused = ann.post("/orders", buy)
    assert (refused.status, refused.problem, refused.headers["retry-after"]) == (503, "Halted", "60")
    assert "network" not in refused.text
    assert olga.post("/operations/flows/orders/lift", BECAUSE).problem == "HaltOwn"
    world.desk.lift("orders", operator="oleg")
    world.desk.clock.forward(seconds=VIEW_SECONDS)
    assert ann.post("/orders", buy).status == 201


def test_the_status_says_what_is_halted_in_words_for_customers(doors: Doors, world: World) -> None:
    olga, ann = doors.operator(), doors.customer()
    for flow, asset in (("all", "BTC"), ("payouts", None)):
        body = BECAUSE if asset is None else {**BECAUSE, "asset_id": asset}
        assert olga.post(f"/operations/flows/{flow}/halt", body).json["done"]
    world.desk.clock.forward(seconds=VIEW_SECONDS)
    told = ann.get("/status")
    assert "network" not in told.text
    flows = {flow["flow"]: (flow["status"], flow["assets"]) for flow in told.json["flows"]}
    assert flows == {
        "orders": ("PARTLY_HALTED", ["BTC"]),
        "purchases": ("PARTLY_HALTED", ["BTC"]),
        "cash-outs": ("PARTLY_HALTED", ["BTC"]),
        "payouts": ("HALTED", []),
        "market-making": ("PARTLY_HALTED", ["BTC", "ETH"]),
    }
    assert all(flow["says"] and flow["since"] for flow in told.json["flows"])
    halts = olga.get("/operations/halts").json["items"]
    assert [(halt["flow"], halt["asset_id"], halt["halted_by"], halt["reason"]) for halt in halts[1:]] == [
        ("all", "BTC", ["olga"], BECAUSE["reason"]),
        ("payouts", None, ["olga"], BECAUSE["reason"]),
    ]


@pytest.mark.parametrize("flow", ["deposits", "ALL", "orders "])
def test_a_flow_that_is_none_is_refused(doors: Doors, flow: str) -> None:
    assert doors.operator().send("POST", f"/operations/flows/{flow}/halt", BECAUSE).status in (404, 422)


def test_operators_read_the_rules_of_an_asset_as_they_write_them(doors: Doors, world: World) -> None:
    olga, path = doors.operator(), "/operations/catalogue/BTC"
    before = olga.get(path).json
    rules = {name: rule for name, rule in before.items() if name != "asset_id"}
    assert not olga.patch(path, {**rules, **BECAUSE}).json["done"]
    assert not olga.put(path, {**rules, **BECAUSE}).json["done"]
    assert olga.put(path, {**rules, "active": False, **BECAUSE}).problem == "AssetExists"
    assert olga.patch(path, {"active": False, "min_notional": "9.00", **BECAUSE}).json["after"] == "PROPOSED"
    assert olga.patch(path, {"active": False, **BECAUSE}).json["after"] == "INACTIVE"
    assert olga.get(path).json == {**before, "active": False}
    assert {**before, "active": False} in olga.get("/operations/catalogue").json["items"]
    assert olga.patch("/operations/catalogue/NONE", {"active": False, **BECAUSE}).problem == "AssetNotFound"
