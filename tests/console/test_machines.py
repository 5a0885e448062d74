"""`desk machines`: what is stuck, machine by machine."""

from __future__ import annotations

import pytest

from common.owner import Owner
from tests.console.test_stuck import Ask, ask
from tests.desk import Desk
from tests.seen import awaiting

__all__ = ["ask"]


@pytest.fixture(autouse=True)
def every(desk: Desk) -> None:
    """Each machine is deployed."""
    assert desk.market
    assert desk.dealership


def test_what_is_stuck_is_shown_by_state(desk: Desk, ask: Ask, ann: Owner) -> None:
    orders = [awaiting(desk, ann), awaiting(desk, ann)]
    listed = ask("machines", "list")
    (line,) = [line for line in listed.out.splitlines() if line.startswith("payout ")]
    assert line.split()[:3] == ["payout", "2", "0"]
    told = ask("machines", "show", "payout")
    assert any(line.split()[:2] == ["AwaitPayout", "2"] for line in told.out.splitlines())
    assert all(order_id in told.out for order_id in orders)
    assert ask("machines", "show", "payout", "--status", "FAILED").out == "No execution of payout is FAILED.\n"
    one = ask("machines", "show", "payout", "--limit", "1")
    assert orders[1] in one.out
    assert orders[0] not in one.out
    assert "There are more: --limit." in one.out


def test_programs_read_executions_as_the_api_tells_them(desk: Desk, ask: Ask, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    told = ask("machines", "show", "payout", "--json").json
    assert [(item["id"], item["state"]) for item in told["items"]] == [(order_id, "AwaitPayout")]
    assert told["cursor"] is None
    assert {item["name"] for item in ask("machines", "list", "--json").json["items"]} >= {"payout", "sell-order"}


def test_a_machine_that_there_is_not_or_a_wrong_status_is_misuse(ask: Ask) -> None:
    assert ask("machines", "show", "ticker").code == 2
    assert ask("machines", "show", "payout", "--status", "STUCK").code == 2
