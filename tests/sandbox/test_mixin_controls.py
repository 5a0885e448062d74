"""What a person or a test can tell the custody to do; and what is kept when its process ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from common.gateways.custody import Sending, State, User
from common.gateways.custody.mixin import MixinCustody, MixinSender
from sandbox.mixin.assets import BITCOIN, BTC, ETH
from sandbox.mixin.controls import Controls
from sandbox.mixin.desk import DESK
from sandbox.mixin.faults import Faults
from sandbox.mixin.records import CASHIER, Payment, Withdrawal
from sandbox.serving import serve
from tests.sandbox.custody import ANN, BOB, ONE, US, World, address, quantity
from tests.sandbox.faces import Process, Said, call


class ControlledWorld(World):
    def __init__(self) -> None:
        super().__init__()
        self.changes = 0
        self.faults = Faults(lambda: self.at)
        self.url = ""

    def changed(self) -> None:
        self.changes += 1

    def do(self, method: str, name: str, body: object = None) -> Said:
        return call(f"{self.url}/sandbox/{name}", method, body)


@pytest.fixture
def world() -> Iterator[ControlledWorld]:
    world = ControlledWorld()
    controls = Controls(world.safe, world.faults, US, on_change=world.changed)
    with serve(controls.decide, name="x") as running:
        world.url = running.url
        yield world
    world.check()


def test_a_member_pays_the_desk_or_whom_he_names(world: ControlledWorld) -> None:
    paid = {"sender": BOB, "asset_id": BTC.asset_id, "amount": "0.5"}
    told = world.do("POST", "payments", paid | {"memo": "hello"}).json
    assert (told["user_id"], told["opponent_id"], told["amount"]) == (US, BOB, "0.5")
    assert told["memo"] == b"hello".hex()
    assert world.do("POST", "payments", paid | {"memo_hex": "ff00"}).json["memo"] == "ff00"
    assert world.do("POST", "payments", paid | {"receiver": ANN}).json["user_id"] == ANN
    assert world.changes == 3
    for unfit in (
        {"amount": 1},
        {"amount": "0.000000001"},
        {"amount": "-1"},
        {"amount": "NaN"},
        {"memo_hex": "x"},
        {"memo": "a", "memo_hex": "00"},
        {"colour": "red"},
    ):
        assert world.do("POST", "payments", paid | unfit).status == 400, unfit
    assert world.do("POST", "payments", paid | {"asset_id": ANN}).status == 404
    assert world.changes == 3


def test_a_chain_brings_a_deposit_once(world: ControlledWorld) -> None:
    destination = world.safe.entry(US, BITCOIN.chain_id).destination
    brought = {"asset_id": BTC.asset_id, "destination": destination, "amount": "0.5", "deposit_hash": "0xabc"}
    first = world.do("POST", "deposits", brought).json
    assert (first["deposit"]["deposit_hash"], first["amount"]) == ("0xabc", "0.5")
    assert world.do("POST", "deposits", brought).json == first
    assert world.do("POST", "deposits", brought | {"amount": "0.6"}).status == 400
    assert world.do("POST", "deposits", brought | {"destination": "elsewhere"}).status == 404
    assert len(world.told()) == 1


def test_what_was_sent_is_listed_and_a_stuck_withdrawal_is_confirmed(world: ControlledWorld) -> None:
    world.do("POST", "mishaps", {"kind": "stuck"})
    to, spent = address(BTC.chain_id), world.paid(BTC.asset_id, ONE)
    withdrawal = world.draft(BTC.asset_id, [spent], Withdrawal(ONE - 2_000, to), Payment(CASHIER, 2_000))
    world.send(withdrawal)
    world.send(world.draft(BTC.asset_id, [world.paid(BTC.asset_id, ONE)], Payment(ANN, ONE), extra=b"refund"))
    leaving, fee, refund = world.do("GET", "sent").json["sent"]
    assert (leaving["destination"], leaving["amount"], leaving["stuck"]) == (to, "0.99998", True)
    assert (fee["receiver"], fee["amount"], fee["stuck"]) == (CASHIER, "0.00002", False)
    assert (refund["receiver"], refund["amount"], refund["memo_hex"]) == (ANN, "1", b"refund".hex())
    assert world.do("GET", "outbox").json == {"withdrawals": []}
    assert world.do("POST", "confirm", {"request_id": withdrawal.request_id}).json["state"] == "spent"
    (gone,) = world.do("GET", "outbox?after=0").json["withdrawals"]
    assert (gone["number"], gone["destination"], gone["amount"]) == (1, to, "0.99998")
    assert gone["at"] == "2026-11-28T12:00:00Z"
    assert world.do("GET", "outbox?after=1").json == {"withdrawals": []}
    assert world.do("GET", "outbox?after=x").status == 400
    assert world.do("POST", "confirm", {"request_id": ANN}).status == 404


def test_delays_and_fees_are_changed_and_shown(world: ControlledWorld) -> None:
    assert world.do("PUT", "delays", {"chain_seconds": 60}).json == {"kernel_seconds": 0.0, "chain_seconds": 60}
    changed = world.do("PUT", "fees", {"asset_id": BTC.asset_id, "costs": {BTC.asset_id: "0.001"}}).json
    assert changed[BTC.asset_id] == {BTC.asset_id: "0.001"}
    state = world.do("GET", "state").json
    assert (state["fees"], state["delays"]["chain_seconds"]) == (changed, 60)
    assert world.do("PUT", "delays", {"kernel_seconds": -1}).status == 400
    for costs in ({}, {ETH.asset_id: "1"}, {BTC.asset_id: "0"}, {BTC.asset_id: 1}):
        assert world.do("PUT", "fees", {"asset_id": BTC.asset_id, "costs": costs}).status == 400, costs


def test_mishaps_are_ordered_seen_and_called_off(world: ControlledWorld) -> None:
    for mishap in (
        {"kind": "refuse", "code": 10404, "times": 2},
        {"kind": "stuck"},
        {"kind": "late", "seconds": 30},
        {"kind": "same_time"},
        {"kind": "wrong_amount"},
        {"kind": "twice"},
    ):
        assert world.do("POST", "mishaps", mishap).status == 200
    ordered = {
        "refusals": [10404, 10404],
        "stuck": 1,
        "same_time": 1,
        "late_seconds": [30.0],
        "lies": ["wrong_amount", "twice"],
    }
    assert world.do("GET", "state").json["mishaps"] == ordered
    unfit: list[dict[str, Any]] = [
        {"kind": "explode"},
        {"kind": "refuse", "code": 7},
        {"kind": "stuck", "times": 0},
        {"kind": "late", "seconds": -1},
    ]
    for wrong in unfit:
        assert world.do("POST", "mishaps", wrong).status == 400
    nothing = {"refusals": [], "stuck": 0, "same_time": 0, "late_seconds": [], "lies": []}
    assert world.do("DELETE", "mishaps").json == nothing


def test_calls_are_banned_and_nobody_is_answered_when_so_ordered(world: ControlledWorld) -> None:
    assert world.do("PUT", "ban", {"seconds": 30}).json == {"banned_seconds": 30}
    assert world.do("PUT", "down", {"down": True}).json == {"down": True}
    state = world.do("GET", "state").json
    assert (state["banned_seconds"], state["down"], state["now"]) == (30, True, "2026-11-28T12:00:00.000000Z")
    assert world.do("DELETE", "faults").json == {"faults": []}
    assert world.do("GET", "state").json["banned_seconds"] == 0
    assert world.do("PUT", "ban", {"seconds": -1}).status == 400
    assert world.do("PATCH", "state").status == 404
    assert world.do("GET", "nothing").status == 404


def test_the_process_goes_on_with_what_it_kept(tmp_path: Path) -> None:
    kept = str(tmp_path / "mixin.json")
    process = Process("mixin", "--state", kept)
    paid = {"sender": ANN, "asset_id": BTC.asset_id, "amount": "1"}
    assert call(f"{process.url}/sandbox/payments", "POST", paid).status == 200
    custody, sender = _ports(process.url)
    spent = tuple(custody.outputs(BTC.asset_id))
    drafts = sender.draft(Sending(ANN, quantity(BTC.asset_id, ONE // 2), User(ANN), spent))
    (sent,) = sender.send(drafts)
    assert process.stop() == (0, "")
    again = Process("mixin", "--state", kept)
    custody, sender = _ports(again.url)
    (found,) = sender.send(drafts)
    assert (found.transaction_hash, sent.state) == (sent.transaction_hash, State.SIGNED)
    assert call(f"{again.url}/nowhere").status == 404
    assert again.stop() == (0, "")


def _ports(url: str) -> tuple[MixinCustody, MixinSender]:
    keys = asdict(DESK)
    spend_private_key = keys.pop("spend_private_key")
    return MixinCustody(url, **keys), MixinSender(url, **keys, spend_private_key=spend_private_key)
