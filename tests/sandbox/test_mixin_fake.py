"""What the fake custody's controls do; that it keeps the ports is the contract suite's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest

from common.gateways.custody import (
    Address,
    Custody,
    CustodyRefused,
    CustodyUnavailable,
    Draft,
    Output,
    Sender,
    Sending,
    SnapshotUnknown,
    State,
    TransactionUnknown,
    User,
)
from sandbox.mixin.assets import BTC, ETH, ETHEREUM, USDT_ERC20
from sandbox.mixin.fake import FakeCustody, Operation
from sandbox.mixin.movements import sent
from sandbox.mixin.timeline import Lie
from tests.sandbox.custody import ANN, ONE, US, World, address, quantity

NOON = "2026-11-28T12:00:00Z"


class FakeWorld(World):
    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeCustody(self.safe, US)
        self.custody: Custody = self.fake
        self.sender: Sender = self.fake

    def has(self, asset_id: str, units: int) -> tuple[Output, ...]:
        """All outputs of the asset, after Ann has paid."""
        self.paid(asset_id, units)
        return tuple(self.custody.outputs(asset_id))

    def transfer(self) -> list[Draft]:
        spent = self.has(BTC.asset_id, ONE)[-1:]
        return list(self.sender.draft(Sending(self.new_id(), quantity(BTC.asset_id, 60), User(ANN), spent)))


@pytest.fixture
def world() -> Iterator[FakeWorld]:
    world = FakeWorld()
    yield world
    world.check()


def calls(world: FakeWorld) -> dict[Operation, Callable[[], Any]]:
    """One of each, all of which would be answered."""
    snapshot_id = world.safe.pay(ANN, US, BTC.asset_id, ONE).snapshot_id
    drafts, spent = world.transfer(), world.has(BTC.asset_id, ONE)[-1:]
    world.sender.send(drafts)
    sending = Sending(world.new_id(), quantity(BTC.asset_id, 60), User(ANN), spent)
    custody = world.custody
    return {
        "snapshots": lambda: custody.snapshots(NOON),
        "snapshot": lambda: custody.snapshot(snapshot_id),
        "outputs": lambda: custody.outputs(BTC.asset_id),
        "asset": lambda: custody.asset(BTC.asset_id),
        "withdrawal_fee": lambda: custody.withdrawal_fee(ETH.asset_id, address(ETHEREUM.chain_id)),
        "deposit_address": lambda: custody.deposit_address(ETHEREUM.chain_id),
        "transaction": lambda: custody.transaction(drafts[0].request_id),
        "draft": lambda: world.sender.draft(sending),
        "send": lambda: world.sender.send(drafts),
    }


@pytest.mark.parametrize("operation", get_args(Operation))
def test_every_call_can_fail_before_lose_its_answer_or_meet_a_ban(world: FakeWorld, operation: Operation) -> None:
    call = calls(world)[operation]
    expected = call()
    before = world.fake.calls[operation]

    def unavailable() -> dict[str, Any]:
        with pytest.raises(CustodyUnavailable) as met:
            call()
        return met.value.facts

    world.fake.fail_before_next(operation)
    assert unavailable() == {"what": "connection"}
    world.fake.drop_answer_next(operation)
    assert unavailable() == {"what": "timeout"}
    world.fake.ban(30)
    world.later(10.5)
    assert unavailable() == {"what": "rate_limit", "retry_after_seconds": 20}
    world.later(19.5)
    world.fake.down = True
    assert unavailable() == {"what": "connection"}
    world.fake.down = False
    assert call() == expected
    assert world.fake.calls[operation] == before + 5


def test_what_fails_before_sends_nothing_and_a_lost_answer_has_sent(world: FakeWorld) -> None:
    world.safe.set_delays(kernel_seconds=1)
    drafts = world.transfer()
    world.fake.fail_before_next("send")
    with pytest.raises(CustodyUnavailable):
        world.sender.send(drafts)
    with pytest.raises(TransactionUnknown, match="no transaction"):
        world.custody.transaction(drafts[0].request_id)
    world.fake.fail_half_way_next()
    with pytest.raises(CustodyUnavailable):
        world.sender.send(drafts)
    with pytest.raises(TransactionUnknown, match="was not sent"):
        world.custody.transaction(drafts[0].request_id)
    world.fake.drop_answer_next("send")
    with pytest.raises(CustodyUnavailable):
        world.sender.send(drafts)
    assert world.custody.transaction(drafts[0].request_id).state is State.SIGNED
    (sent_again,) = world.sender.send(drafts)
    assert sent_again.transaction_hash == drafts[0].transaction_hash
    world.later(1)
    assert world.custody.transaction(drafts[0].request_id).state is State.SPENT
    assert len(sent(world.safe)) == 1


def test_a_withdrawal_with_its_fee_in_another_asset_is_two_drafts(world: FakeWorld) -> None:
    destination = address(ETHEREUM.chain_id)
    fee = world.custody.withdrawal_fee(USDT_ERC20.asset_id, destination)
    assert fee.asset_id == ETH.asset_id
    inputs, fee_inputs = world.has(USDT_ERC20.asset_id, 100 * ONE), world.has(ETH.asset_id, ONE)
    amount = quantity(USDT_ERC20.asset_id, 99 * ONE)
    sending = Sending(world.new_id(), amount, Address(destination), inputs, b"memo", fee, fee_inputs)
    drafts = world.sender.draft(sending)
    assert drafts == world.sender.draft(sending)
    transactions = world.sender.send(drafts)
    assert [t.request_id for t in transactions] == [d.request_id for d in drafts]
    assert len(transactions) == 2
    (leaving,) = world.custody.snapshots(NOON, USDT_ERC20.asset_id)[1:]
    assert leaving.withdrawal_hash == world.custody.transaction(drafts[0].request_id).withdrawal_hash is not None
    assert (leaving.opponent_id, leaving.memo, leaving.request_id) == (None, b"memo", sending.request_id)


def test_a_fee_that_has_risen_is_a_refusal_of_this_sending(world: FakeWorld) -> None:
    destination = address(BTC.chain_id)
    fee = world.custody.withdrawal_fee(BTC.asset_id, destination)
    amount, spent = quantity(BTC.asset_id, ONE // 2), world.has(BTC.asset_id, ONE)
    drafts = world.sender.draft(Sending(world.new_id(), amount, Address(destination), spent, fee=fee))
    world.safe.set_fees(BTC.asset_id, {BTC.asset_id: 3_000})
    with pytest.raises(CustodyRefused, match="20124") as refusal:
        world.sender.send(drafts)
    assert not refusal.value.ours
    assert sent(world.safe) == []


@pytest.mark.parametrize("ours", [False, True])
def test_sendings_are_refused_as_ordered(world: FakeWorld, ours: bool) -> None:
    drafts = world.transfer()
    world.fake.refuse_next(ours=ours)
    with pytest.raises(CustodyRefused) as refusal:
        world.sender.send(drafts)
    assert refusal.value.ours is ours
    with pytest.raises(TransactionUnknown):
        world.custody.transaction(drafts[0].request_id)


def test_other_terms_under_a_request_id_are_no_refusal(world: FakeWorld) -> None:
    """Something is there: it would be wrong to say that it was not sent."""
    drafts = world.transfer()
    world.sender.send(drafts)
    (spent,) = world.has(BTC.asset_id, ONE)[-1:]
    other = Sending(drafts[0].request_id, quantity(BTC.asset_id, 7), User(ANN), (spent,))
    with pytest.raises(CustodyUnavailable) as conflict:
        world.sender.send(world.sender.draft(other))
    assert conflict.value.facts["what"] == "conflict"


def test_times_are_told_with_nine_digits_so_that_they_sort_as_texts(world: FakeWorld) -> None:
    for _ in range(12):
        world.paid(BTC.asset_id, 1)
    times = [told.created_at for told in world.custody.snapshots(NOON)]
    assert times == sorted(times)
    assert {len(time) for time in times} == {30}
    assert [told.created_at for told in world.custody.snapshots(times[5])] == times[5:]


def test_an_answer_about_another_snapshot_or_one_twice_is_not_believed(world: FakeWorld) -> None:
    world.paid(BTC.asset_id, 1)
    id_ = world.safe.pay(ANN, US, BTC.asset_id, 2).snapshot_id
    for lie, ask in (
        (Lie.ANOTHER, lambda: world.custody.snapshot(id_)),
        (Lie.TWICE, lambda: world.custody.snapshots(NOON)),
    ):
        world.safe.timeline.lie_next(lie, 1)
        with pytest.raises(CustodyUnavailable) as lied:
            ask()
        assert lied.value.facts["what"] == "not_believed"
        ask()
    with pytest.raises(SnapshotUnknown):
        world.custody.snapshot(ANN)


def test_what_no_transaction_can_be_is_not_drafted(world: FakeWorld) -> None:
    (spent,), (eth,) = world.has(BTC.asset_id, ONE), world.has(ETH.asset_id, ONE)
    whole, part, fee = (quantity(BTC.asset_id, units) for units in (ONE, ONE // 2, 2_000))
    to, id_ = Address(address(BTC.chain_id)), world.new_id()
    unfit = [
        Sending(id_, quantity(BTC.asset_id, ONE + 1), User(ANN), (spent,)),
        Sending(id_, whole, User(ANN), (spent, spent)),
        Sending(id_, whole, User(ANN), (eth,)),
        Sending(id_, whole, User(ANN), ()),
        Sending(id_, part, User(ANN), (spent,), bytes(257)),
        Sending(id_, part, User(ANN), (spent,), fee=fee),
        Sending(id_, whole, to, (spent,), fee=fee),
        Sending(id_, part, to, (spent,)),
        Sending(id_, part, to, (spent,), fee=fee, fee_inputs=(spent,)),
        Sending(id_, part, to, (spent,), fee=quantity(ETH.asset_id, 1)),
        Sending("7", part, User(ANN), (spent,)),
    ]
    for sending in unfit:
        with pytest.raises(ValueError, match=r".+"):
            world.sender.draft(sending)
    (draft,) = world.sender.draft(Sending(id_, part, User(ANN), (spent,)))
    for drafts in ([], [draft, draft], [replace(draft, transaction_hash="ab" * 32)]):
        with pytest.raises(ValueError, match=r"draft"):
            world.sender.send(drafts)
    stranger = User("00000000-0000-4000-8000-000000000000")
    with pytest.raises(CustodyRefused, match="10404"):
        world.sender.draft(Sending(id_, part, stranger, (spent,)))
