"""No item of the table, no execution, no webhook and no line that is logged has the number of a customer's account in
it, whatever happens to it and whoever repeats it.

Those of dealers are walked through in `tests/billing/test_requisites.py`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from common.domain.payouts.model import ATTEMPTS_MAX
from common.gateways.bank import BankUnavailable
from common.gateways.bank.baas import BaasBank
from common.money import Money
from common.owner import Owner
from tests.desk import Desk
from tests.doors import Doors, opened
from tests.gateways.wire import Wire, http
from tests.seen import around, status

NUMBER, OTHER = "40817810099910004312", "DE89370400440532013000"
BECAUSE = {"reason": "he showed his card"}


@pytest.fixture
def ann(desk: Desk) -> Owner:
    """She is paid at the account NUMBER."""
    desk.rules = replace(desk.rules, withdrawal_limit=Money(100_000))
    ann = desk.customer(usd="30000.00")
    desk.clients(ann)
    desk.buy(ann, "150")
    with opened(desk) as doors:
        moves(doors, NUMBER)
    return ann


def moves(doors: Doors, account_id: str, **more: str) -> None:
    body = {"username": "ann", "account_id": account_id, **BECAUSE, **more}
    assert doors.confirmed(doors.operator().put("/operations/clients/ann-bank/banking", body)).json["done"]


def asked(desk: Desk, ann: Owner, usd: str = "30.00") -> str:
    return desk.accounts.withdraw(ann, next(desk.keys), Money(usd), "ann-bank").made.transfer_id


def paid(desk: Desk, ann: Owner, doors: Doors) -> str:
    order = desk.cash_out(ann, "1").order_id
    desk.run()
    assert desk.world.simulated.credited(NUMBER) == Money("99.90")
    return order


def refused_by_name(desk: Desk, ann: Owner, doors: Doors) -> str:
    """The bank says no each time, and repeats the number, whole or in groups."""
    words = (f"account {NUMBER} is closed", f"no account 4081 7810 0999 1000 4312, sir: {NUMBER.lower()}")
    answers = [http({"error": {"message": words[n % 2]}}, "422 Unprocessable Entity") for n in range(ATTEMPTS_MAX)]
    with Wire(*answers) as wire:
        desk.world.bank = BaasBank(wire.url, "key")
        order = asked(desk, ann)
        desk.run(until=lambda: status(desk, order) == "PAYOUT_FAILED")
    desk.world.bank = desk.world.simulated
    assert status(desk, order) == "PAYOUT_FAILED"
    return order


def not_believed(desk: Desk, ann: Owner, doors: Doors) -> str:
    """The bank tells of another account, and of a number where an amount should be."""
    order = asked(desk, ann)
    fit: dict[str, Any] = {
        "id": "adj-1",
        "reference_id": f"{order}-1",
        "account_id": NUMBER,
        "direction": "CREDIT",
        "amount": "30.00",
    }
    fit |= {"currency": "USD", "status": "COMPLETED", "failure_code": None}
    told = [fit | {"account_id": OTHER}, fit | {"amount": NUMBER}, fit | {"status": NUMBER}, fit | {"currency": NUMBER}]
    with Wire(*(http(one, "201 Created") for one in told)) as wire:
        bank = BaasBank(wire.url, "key")
        for _ in told:
            with pytest.raises(BankUnavailable):
                bank.credit(f"{order}-1", NUMBER, Money(30), "a withdrawal")
        desk.world.bank = Silent(desk.world.simulated)
        desk.run(until=lambda: status(desk, order) == "PAYOUT_PENDING", sweep=False, days=0.01)
    desk.world.bank = desk.world.simulated
    for wrong in (
        {"account_id": OTHER},
        {"account_id": NUMBER, "status": "FAILED", "failure_code": f"closed: {NUMBER}"},
    ):
        data = fit | wrong
        kind = "adjustment.completed" if data["status"] == "COMPLETED" else "adjustment.failed"
        body = json.dumps({"type": kind, "timestamp": "2026-11-21T12:00:00Z", "data": data}).encode()
        assert doors.bank(body, event_id=f"evt-{data['status']}").status == 200
    return order


def failed_by_name(desk: Desk, ann: Owner, doors: Doors) -> str:
    """The bank takes it, and says later that it has failed, and with whom."""
    order = asked(desk, ann)
    desk.world.bank = Silent(desk.world.simulated)
    desk.world.machines.run()
    data: dict[str, Any] = {"id": "adj-1", "reference_id": f"{order}-1", "account_id": NUMBER, "direction": "CREDIT"}
    data |= {"amount": "30.00", "currency": "USD", "status": "FAILED", "failure_code": f"closed: {NUMBER}"}
    body = {"type": "adjustment.failed", "timestamp": "2026-11-21T12:00:00Z", "data": data}
    assert doors.bank(json.dumps(body).encode()).status == 200
    desk.world.bank = desk.world.simulated
    desk.run()
    assert status(desk, order) == "COMPLETED"
    return order


class Silent:
    """A bank that is out of reach, and says so with whatever it was asked."""

    def __init__(self, bank: Any) -> None:
        self._bank = bank

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bank, name)

    def credit(self, *_: object) -> Any:
        raise BankUnavailable("the bank did not answer in time", what="timeout")

    find = credit


def not_understood(desk: Desk, ann: Owner, doors: Doors) -> str:
    """Webhooks that nobody can place, or read."""
    order = asked(desk, ann)
    data: dict[str, Any] = {"id": "adj-9", "reference_id": f"{order}-09", "account_id": NUMBER, "direction": "CREDIT"}
    data |= {"amount": "30.00", "currency": "USD", "status": "COMPLETED", "failure_code": None}
    for n, wrong in enumerate(({}, {"amount": NUMBER}, {"account_id": f"{NUMBER} {OTHER}"}, {"direction": NUMBER})):
        body = {"type": "adjustment.completed", "timestamp": "2026-11-21T12:00:00Z", "data": data | wrong}
        assert doors.bank(json.dumps(body).encode(), event_id=f"evt-{n}").status == 200
    assert doors.bank(f"adjustment.completed {NUMBER}".encode(), event_id="evt-x").status == 200
    assert NUMBER in json.dumps(doors.operator().get("/operations/parked").json), "operators see it"
    for act in ("replay", "dismiss"):
        assert doors.operator().post(f"/operations/parked/evt-0/{act}", BECAUSE).status == 200
    return order


def approved_for_another(desk: Desk, ann: Owner, doors: Doors) -> str:
    order = desk.cash_out(ann, "120").order_id
    desk.run()
    proposed = doors.operator().post(f"/operations/work/{order}/approve-payout", BECAUSE)
    assert NUMBER in proposed.json["says"], "two operators see it"
    moves(doors, OTHER)
    confirmed = doors.operator("otto").post(f"/operations/proposals/{proposed.json['id']}/confirm", BECAUSE)
    assert confirmed.problem == "NotProposable"
    again = doors.operator().post(f"/operations/work/{order}/approve-payout", BECAUSE)
    assert doors.operator("otto").post(f"/operations/proposals/{again.json['id']}/confirm", BECAUSE).status == 200
    desk.run()
    assert desk.world.simulated.credited(OTHER) == Money("11988.00")
    return order


def blocked(desk: Desk, ann: Owner, doors: Doors) -> str:
    order = desk.cash_out(ann, "1").order_id
    moves(doors, OTHER, status="BLOCKED")
    desk.run()
    for bad in (f"{NUMBER} {OTHER}", [NUMBER], {"iban": OTHER}):
        body = {"username": "ann", "account_id": bad, **BECAUSE}
        assert doors.operator().put("/operations/clients/ann-bank/banking", body).problem == "InvalidRequest"
    cut = json.dumps({"account_id": NUMBER})[:-1].encode()
    doors.ask("PUT", "/operations/clients/ann-bank/banking", headers={"content-type": "application/json"}, body=cut)
    return order


def decided_by_evidence(desk: Desk, ann: Owner, doors: Doors) -> str:
    desk.world.simulated.set_outcome("pending")
    order = asked(desk, ann)
    desk.clock.forward(seconds=1)
    desk.world.machines.run()
    desk.clock.forward(hours=5)
    desk.run(until=lambda: False, days=0.2)
    told = {"paid": "20.00", "reference": "statement 47, line 11", **BECAUSE}
    proposed = doors.operator().post(f"/operations/work/{order}/decide-payout", told)
    assert proposed.status == 200
    doors.operator("otto").post(f"/operations/proposals/{proposed.json['id']}/confirm", BECAUSE)
    desk.run()
    return order


def asked_for(desk: Desk, ann: Owner, doors: Doors) -> str:
    """She asks for another client, twice, and is paid there; operators look at it, and the bank's day is compared."""
    asked = {"kind": "BANKING", "account_id": OTHER}
    made = [doors.customer().post("/clients", asked, key="c").json for _ in range(2)]
    client_id = made[0]["client_id"]
    assert [each["account_id"] for each in made] == [OTHER] * 2
    save = {"username": "ann", "status": "ACTIVE", **BECAUSE}
    proposed = doors.operator().put(f"/operations/clients/{client_id}/banking", save)
    terms = doors.operator().get(f"/operations/work/{proposed.json['id']}").json["proposal"]["terms"]
    assert (terms["account_id"], OTHER in terms["was"]) == (OTHER, True), "who decides it sees it"
    assert doors.confirmed(proposed).json["says"].endswith(f"it is paid at {OTHER}")
    order: str = desk.accounts.withdraw(ann, "w", Money(30), client_id).made.transfer_id
    desk.run()
    desk.clock.forward(days=1, hours=1)
    (found,) = desk.comparing_bank.round(lambda: True)
    assert (found.verdict, desk.world.simulated.credited(OTHER)) == ("AGREES", Money(30))
    assert OTHER in json.dumps(doors.customer().get("/clients").json)
    assert OTHER in json.dumps(doors.operator().get("/operations/customers/ann").json)
    return order


def compared(desk: Desk, ann: Owner, doors: Doors) -> str:
    """The bank has paid another account than it was told, and one that is nobody's."""
    order = asked(desk, ann)
    desk.run()
    desk.world.simulated.credit("by-hand", OTHER, Money(77), "who knows")
    desk.world.simulated.settle()
    listed = [
        replace(each, account_id=OTHER) for each in desk.world.simulated.adjustments(desk.clock.at.date(), None).items
    ]
    day = replace(desk.world.simulated.adjustments(desk.clock.at.date(), None), items=listed)
    of = {each.reference_id: each for each in listed}
    desk.world.bank = around(
        desk.world.simulated, adjustments=lambda *_: day, find=lambda _, reference_id: of[reference_id]
    )
    desk.clock.forward(days=1, hours=1)
    (found,) = desk.comparing_bank.round(lambda: True)
    assert sum("another account" in line.why for line in found.lines) == 1
    return order


WALKS = [
    asked_for,
    compared,
    paid,
    refused_by_name,
    failed_by_name,
    not_believed,
    not_understood,
    approved_for_another,
    blocked,
    decided_by_evidence,
]


@pytest.mark.parametrize("walk", WALKS)
def test_no_item_and_no_line_has_the_number_of_an_account(
    desk: Desk, ann: Owner, lines: io.BytesIO, walk: Callable[[Desk, Owner, Doors], str]
) -> None:
    with opened(desk) as doors:
        thing_id = walk(desk, ann, doors)
        operator = doors.operator()
        operator.get(f"/operations/work/{thing_id}")
        operator.post(f"/operations/work/{thing_id}/redrive", BECAUSE)
        operator.get("/operations/clients/ann-bank/banking")
        operator.post("/operations/reconcile", {"username": "ann"})
        desk.run(days=1)
    logged = lines.getvalue().decode()
    assert logged.count("\n") > 1, "something was logged"
    ran = [(each.input, each.output, each.error, each.cause) for each in desk.world.machines.executions]
    for what in (logged, json.dumps(list(desk.dynamo.items())), repr(ran)):
        plain = what.replace(" ", "").replace("-", "").upper()
        for number in (NUMBER, OTHER):
            assert number not in plain
