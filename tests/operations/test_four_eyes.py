"""Every route of operators, asked by one of them alone, who may act and confirm: nobody has more or less for it, and
nothing goes to the bank. What moves money waits for a second one, who is not whose money it is."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from common import keys
from common.domain.proposals import store as proposals
from common.identity import APPROVERS, OPERATORS
from common.keys import Key
from common.money import Money
from infra.contexts import Route
from tests import calls
from tests.calls import APART, World, called, every_route, named
from tests.depth import sampled
from tests.desk import Desk
from tests.doors import Doors, Token, opened
from tests.seen import contradicting, decided, dollars

pytestmark = APART

CONFIRM = Route("POST", "/operations/proposals/{proposal_id}/confirm")  # of what another has proposed: that is two
ROUTES = [r for r in every_route() if r.path.startswith(calls.OPERATIONS) and r.method != "GET"]
OLGA, ANN, OMAR = (Token(name, f"sub-{name}", (OPERATORS, APPROVERS)) for name in ("olga", "ann", "omar"))
PAYOUTS = ("sell-orders/{order_id}", "withdrawals/{transfer_id}")
# What one does alone, and why that is no way to money: decision 55 has the same table. A route that is new is for two.
ALONE = {
    "it stops, or shows": (
        *("POST flows/{flow}/halt", "POST trading-accounts/{account_id}/halt", "POST market-making/{order_id}/halt"),
        *("POST compare/bank", "POST compare/billing", "POST compare/custody", "POST compare/exchange"),
        "POST desk",  # adds the books up
        *("POST reconcile", "PUT clients/{client_id}/crypto"),  # which blocks him
        *("POST operators/{username}/sign-out", "POST operators/{username}/disable", "POST users/{username}/own"),
    ),
    "another one has stopped it, or the clock, which the exchange has to contradict": (
        *("POST flows/{flow}/lift", "POST halts/{halt_id}/lift"),
    ),
    "it goes where two have said, of the sum that is held": (
        *("POST work/{thing_id}/redrive", "POST outgoing/{outgoing_id}/retry", "POST refunds/{refund_id}/retry"),
        *(f"POST {of}/{act}" for of in PAYOUTS for act in ("retry-payout", "abandon-attempt")),
    ),
    "the owner's own becomes free on his own balance, or goes back to who paid": (
        *("POST sell-orders/{order_id}/credit-usd", "POST withdrawals/{transfer_id}/reject"),
        *("POST sell-orders/{order_id}/void", "POST batches/{batch_id}/void", "POST orders/{order_id}/fail"),
        *("POST market-making/{order_id}/stop", "POST market-making/{order_id}/withdraw"),
    ),
    "nothing moves": (
        *("POST parked/{webhook_id}/dismiss", "POST parked/{webhook_id}/replay", "POST strays/{stray_id}/close"),
        *("POST payments/{payment_id}/replay", "POST reminders/{reminder_id}/snooze"),
        "POST proposals/{proposal_id}/dismiss",
    ),
    "limits of risk: where coins go is the exchange's and the payer's own": ("PUT trading-accounts/{account_id}",),
}
# What takes two and is no customer's of ours: it is a dealer's, a stranger's, the desk's own, or everybody's.
NOBODYS = (
    *(
        "catalogue/",
        "prices/",
        "pairs/",
        "billing/segments/",
        "dealers/",
        "deposits/",
        "payments/",
        "totals/",
        "ties/",
        "shortages/",
    ),
    *("outgoing/{outgoing_id}/decide", "outgoing/{outgoing_id}/resend"),
    *("snapshots/{snapshot_id}/refund", "snapshots/{snapshot_id}/take"),
)
REFUND = Route("POST", "/operations/totals/{total_id}/refund")  # of this world's one is on its way


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
def test_no_route_moves_money_for_one_nor_for_whose_money_it_is(route: Route) -> None:
    """What one asks for is done at once only where nobody has more for it; the rest waits for a second one, who is
    neither the same nor the customer, and then it is done."""
    world = World.kept()
    with opened(world.desk) as doors:
        before = money(world)
        answer = called(doors, world, route, OLGA)
        assert answer.status == 200
        proposed = answer.json["id"] if answer.json.get("after") == "PROPOSED" and answer.json["done"] else None
        name = route.path.removeprefix(calls.OPERATIONS)
        assert (proposed is None) is any(f"{route.method} {name}" in routes for routes in ALONE.values())
        if proposed is None:
            assert money(world) == before
            return
        proposal = proposals.existing(world.desk.table, proposed)
        assert not proposal.beneficiaries or not name.startswith(NOBODYS)
        assert proposal.beneficiaries or name.startswith(NOBODYS)
        for whose in sorted(proposal.beneficiaries):
            assert confirmed(doors, proposed, Token(whose, f"sub-{whose}", (APPROVERS,))) == "BeneficiaryDecides"
        assert confirmed(doors, proposed, OLGA) == "OwnProposal"
        assert money(world) == before
        assert confirmed(doors, proposed, OMAR) == ("NotProposable" if route == REFUND else "done")


@pytest.mark.parametrize("failed", [False, True], ids=["rejected once", "failed"])
@pytest.mark.parametrize("row", [keys.SELL_ORDER, keys.WITHDRAWAL], ids=lambda row: row.entity)
def test_nor_does_one_alone_where_the_bank_has_paid_and_says_it_has_not(row: Key, failed: bool) -> None:
    """All that one does alone about a payout and the bank's events of it, in a world in which the bank contradicts
    itself: whatever is asked for, and however long one waits, nothing more is paid, and nothing of it is free."""
    desk = Desk()
    desk.list_asset("BTC", "100")
    desk.clients(ann := desk.customer("ann"))
    desk.buy(ann, "3")
    desk.world.simulated.set_outcome("fail", times=5)
    sells = row is keys.SELL_ORDER
    order_id = (
        desk.cash_out(ann).order_id
        if sells
        else desk.accounts.withdraw(ann, "w", Money(50), "ann-bank").made.transfer_id
    )
    desk.run(until=lambda: not failed and bool(decided(desk, order_id)) and "PENDING" not in decided(desk, order_id))
    event = contradicting(desk.world.simulated.event_of(f"{order_id}-01"))
    desk.events.receive(event)
    desk.run()
    of = "sell-orders" if sells else "withdrawals"
    acts = ("retry-payout", "credit-usd" if sells else "reject", "abandon-attempt")
    paths = [f"{of}/{order_id}/{act}" for act in acts]
    paths += [f"work/{order_id}/redrive", *(f"parked/{event.event_id}/{act}" for act in ("dismiss", "replay"))]
    has, asked = dollars(desk, ann), len(desk.world.simulated.records())
    with opened(desk) as doors:
        for _ in range(2):  # what one has done alone may make another possible
            for path in paths:
                doors.as_(OLGA).post(f"/operations/{path}", {"reason": "alone"})
            desk.run(days=0.1)
    assert (dollars(desk, ann), len(desk.world.simulated.records())) == (has, asked)
    assert event.event_id in [parked.webhook_id for parked in desk.operations.parked(9)]


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
