"""Every route of operators, asked by one of them alone, who may act and confirm: nobody has more or less for it, and
nothing goes to the bank. What moves money waits for a second one, who is not whose money it is."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from common import keys
from common.identity import APPROVERS, OPERATORS
from infra.contexts import Route
from tests import calls
from tests.calls import APART, World, called, every_route, named
from tests.depth import sampled
from tests.doors import Doors, Token, opened

pytestmark = APART

CONFIRM = Route("POST", "/operations/proposals/{proposal_id}/confirm")  # of what another has proposed: that is two
ROUTES = [r for r in every_route() if r.path.startswith(calls.OPERATIONS) and r.method != "GET"]
OLGA, ANN = (Token(name, f"sub-{name}", (OPERATORS, APPROVERS)) for name in ("olga", "ann"))


def money(world: World) -> dict[str, Any]:
    """What everybody has, free and held, by asset; and what the bank was asked to pay."""
    has: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for item in world.desk.dynamo.items():
        if item["entity_type"]["S"] == keys.BALANCE.entity:
            has[item["PK"]["S"], "USD"] += sum(Decimal(item[n]["N"]) for n in ("current_balance", "held_balance"))
        if item["entity_type"]["S"] == keys.ASSET_BALANCE.entity:
            has[item["PK"]["S"], item["SK"]["S"]] += sum(Decimal(item[n]["N"]) for n in ("quantity", "held_quantity"))
    return {"has": has, "paid": len(world.desk.world.simulated.records())}


def confirmed(doors: Doors, proposal_id: str, by: Token) -> str:
    refused = doors.as_(by).post(f"/operations/proposals/{proposal_id}/confirm", {"reason": "so it is"})
    return refused.problem if refused.status >= 400 else "done"


@sampled(8)
@pytest.mark.parametrize("route", [route for route in ROUTES if route != CONFIRM], ids=named)
def test_one_operator_alone_moves_no_money_and_confirms_nothing_of_his(route: Route) -> None:
    world = World.kept()
    with opened(world.desk) as doors:
        before = money(world)
        answer = called(doors, world, route, OLGA)
        assert answer.status == 200
        if answer.json.get("after") == "PROPOSED" and answer.json["done"]:
            assert confirmed(doors, answer.json["id"], OLGA) == "OwnProposal"
        assert money(world) == before


def test_dollars_that_came_for_ann_need_two_who_are_not_ann() -> None:
    world, at, wire = World.kept(), "/operations/users/ann/deposits", {"amount": "70.00", "reason": "wire 4711"}
    with opened(world.desk) as doors:
        before = money(world)
        assert doors.as_(ANN).post(at, wire, key="wire-1").problem == "BeneficiaryDecides"
        proposed = doors.as_(OLGA).post(at, wire, key="wire-1").json["id"]
        assert [confirmed(doors, proposed, by) for by in (OLGA, ANN)] == ["OwnProposal", "BeneficiaryDecides"]
        assert money(world) == before
        assert confirmed(doors, proposed, Token("otto", "sub-otto", (APPROVERS,))) == "done"
        assert money(world)["has"]["ann", "USD"] == before["has"]["ann", "USD"] + 70


def test_where_ann_is_paid_needs_two_who_are_not_ann() -> None:
    world, at = World.kept(), "/operations/clients/ann-bank/banking"
    moved = {"username": "ann", "account_id": "acc-of-a-friend", "reason": "he has moved"}
    with opened(world.desk) as doors:
        assert doors.as_(ANN).put(at, moved).problem == "BeneficiaryDecides"
        proposed = doors.as_(OLGA).put(at, moved).json["id"]
        assert [confirmed(doors, proposed, by) for by in (OLGA, ANN)] == ["OwnProposal", "BeneficiaryDecides"]
        assert doors.as_(OLGA).get(at).json["account_id"] == "acc-ann"
        assert confirmed(doors, proposed, Token("otto", "sub-otto", (APPROVERS,))) == "done"
        assert doors.as_(OLGA).get(at).json["account_id"] == "acc-of-a-friend"
