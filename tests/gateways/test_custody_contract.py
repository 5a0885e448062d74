"""What the ports `Custody` and `Sender` promise, asked of the fake in process and of the adapters over their wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.gateways.custody import (
    PAGE_MAX,
    Address,
    Custody,
    CustodyAsset,
    CustodyAssetUnknown,
    CustodyRefused,
    CustodyUnavailable,
    Draft,
    Output,
    Sender,
    Sending,
    Snapshot,
    SnapshotUnknown,
    State,
    Transaction,
    TransactionUnknown,
    User,
)
from common.gateways.custody.mixin import CASHIER, MixinCustody, MixinSender
from common.money import Quantity
from sandbox.mixin import faults
from sandbox.mixin.assets import (
    BITCOIN,
    BTC,
    ETH,
    ETHEREUM,
    RIPPLE,
    USDT_BEP20,
    USDT_ERC20,
    XRP,
    amount_of,
    units_of,
)
from sandbox.mixin.desk import DESK
from sandbox.mixin.face import MixinFace
from sandbox.mixin.fake import FakeCustody
from sandbox.mixin.faults import Fault, Faults
from sandbox.mixin.refusals import Code
from sandbox.mixin.signatures import Member
from sandbox.mixin.timeline import Lie
from sandbox.serving import serve
from tests.sandbox.custody import ANN, ONE, US, World, address, quantity

NOON = "2026-11-28T12:00:00Z"
NOBODY = "11111111-2222-4333-8444-555555555555"


class CustodyWorld(World):
    """A custody behind both ports, and what can be ordered to happen to a call of `send`."""

    custody: Custody
    sender: Sender
    fail_before: Callable[[], None]  # nothing is done
    fail_half_way: Callable[[], None]  # registered, and not sent
    lose_answer: Callable[[], None]  # sent, and nobody told
    ban: Callable[[float], None]
    take_down: Callable[[bool], None]

    def has(self, asset_id: str, amount: str) -> Output:
        """The output that Ann has just paid us."""
        place = self.paid(asset_id, units_of(Decimal(amount)))
        return next(o for o in self.custody.outputs(asset_id) if (o.transaction_hash, o.index) == place)

    def transfer(self, amount: str = "0.3", of: str = "0.5", to: str = ANN, extra: bytes = b"") -> Sending:
        spent = self.has(BTC.asset_id, of)
        return Sending(self.new_id(), Quantity(amount, BTC.asset_id), User(to), (spent,), extra)

    def send_all(self, sending: Sending) -> list[Transaction]:
        return list(self.sender.send(self.sender.draft(sending)))

    def balance(self, user_id: str, asset_id: str) -> Decimal:
        return amount_of(self.safe.balances(user_id).get(asset_id, 0))

    def known(self) -> str:
        """Everything that the custody knows, but the keys that it was asked for."""
        self.safe.settle()
        return json.dumps({**self.safe.state(), "keys": None})


class _Fake(CustodyWorld):
    def __init__(self) -> None:
        super().__init__()
        fake = FakeCustody(self.safe, US, name="mixin")
        self.custody = self.sender = fake
        self.fail_before = lambda: fake.fail_before_next("send")
        self.fail_half_way = fake.fail_half_way_next
        self.lose_answer = lambda: fake.drop_answer_next("send")
        self.ban = fake.ban
        self.take_down = lambda down: setattr(fake, "down", down)


class _Wired(CustodyWorld):
    def __init__(self) -> None:
        super().__init__()
        ordered = self.faults = Faults(lambda: self.at)
        on = faults.Operation
        self.fail_before = lambda: ordered.fail_next(Fault.SERVER_ERROR, on.REGISTER)
        self.fail_half_way = lambda: ordered.fail_next(Fault.SERVER_ERROR, on.SEND)
        self.lose_answer = lambda: ordered.fail_next(Fault.DROP_AFTER, on.SEND)
        self.ban = ordered.ban
        self.take_down = lambda down: setattr(ordered, "down", down)

    def wire(self, url: str) -> None:
        keystore = asdict(DESK)
        self.sender = MixinSender(url, **keystore, clock=lambda: self.at)
        del keystore["spend_private_key"]
        self.custody = MixinCustody(url, **keystore, clock=lambda: self.at)


@pytest.fixture(params=["fake", "mixin"])
def world(request: pytest.FixtureRequest) -> Iterator[CustodyWorld]:
    if request.param == "fake":
        world: CustodyWorld = _Fake()
        yield world
        world.check()
        return
    wired = _Wired()
    face = MixinFace(wired.safe, [Member.of(DESK)], wired.faults, lambda: wired.at)
    with serve(face.decide, name="mixin") as running:
        wired.wire(running.url)
        yield wired
    wired.check()


def test_the_custody_says_who_it_is_and_who_we_are(world: CustodyWorld) -> None:
    assert (world.custody.name, world.custody.user_id) == ("mixin", US)


# What comes in


def test_money_from_a_member_is_a_snapshot_and_an_output(world: CustodyWorld) -> None:
    paid = world.safe.pay(ANN, US, BTC.asset_id, 12_345_678, b"\x00memo\xff")
    (told,) = world.custody.snapshots(NOON)
    assert told == Snapshot(
        snapshot_id=paid.snapshot_id,
        quantity=Quantity("0.12345678", BTC.asset_id),
        created_at=told.created_at,
        transaction_hash=paid.transaction_hash,
        opponent_id=ANN,
        memo=b"\x00memo\xff",
    )
    assert len(told.created_at) == len("2026-11-28T12:00:00.000000000Z")
    assert world.custody.snapshot(paid.snapshot_id) == told
    (output,) = world.custody.outputs(BTC.asset_id)
    assert (output.quantity, output.transaction_hash, output.index) == (
        told.quantity,
        paid.transaction_hash,
        paid.index,
    )


def test_money_from_a_chain_has_the_chains_hash_and_no_opponent(world: CustodyWorld) -> None:
    at = world.custody.deposit_address(RIPPLE.chain_id)
    assert at == world.custody.deposit_address(RIPPLE.chain_id)
    world.safe.deposit(XRP.asset_id, at.destination, at.tag, 5 * ONE, "0xabcdef")
    (told,) = world.custody.snapshots(NOON)
    assert (told.quantity, told.deposit_hash) == (quantity(XRP.asset_id, 5 * ONE), "0xabcdef")
    assert (told.opponent_id, told.withdrawal_hash, told.request_id, told.memo) == (None, None, None, b"")


def test_snapshots_are_told_from_a_time_on_in_their_order(world: CustodyWorld) -> None:
    for asset in (BTC, ETH, BTC):
        world.paid(asset.asset_id, ONE)
        world.later(1)
    first, second, third = world.custody.snapshots(NOON)
    assert first.created_at < second.created_at < third.created_at
    assert world.custody.snapshots(second.created_at) == [second, third]
    assert world.custody.snapshots(second.created_at, BTC.asset_id) == [third]
    assert world.custody.snapshots("2026-11-28T12:00:59Z") == []
    with pytest.raises(ValueError, match="time"):
        world.custody.snapshots("")


def test_more_snapshots_than_a_page_holds_are_read_in_pages(world: CustodyWorld) -> None:
    for _ in range(PAGE_MAX + 2):
        world.paid(BTC.asset_id, 1)
    page = world.custody.snapshots(NOON)
    assert len(page) == PAGE_MAX
    rest = world.custody.snapshots(page[-1].created_at)
    ids = [told.snapshot_id for told in (*page, *rest)]
    assert len(set(ids)) == PAGE_MAX + 2


def test_more_outputs_than_a_page_holds_are_read_in_pages(world: CustodyWorld) -> None:
    for _ in range(PAGE_MAX + 2):
        world.paid(BTC.asset_id, 1)
    seen: list[Output] = []
    after = 0
    while page := world.custody.outputs(BTC.asset_id, after):
        seen += page
        after = page[-1].sequence
    assert len(seen) == len({output.output_id for output in seen}) == PAGE_MAX + 2
    assert [output.sequence for output in seen] == sorted(output.sequence for output in seen)


def test_outputs_are_of_one_asset(world: CustodyWorld) -> None:
    world.paid(BTC.asset_id, ONE)
    world.paid(ETH.asset_id, ONE)
    assert [output.quantity for output in world.custody.outputs(ETH.asset_id)] == [quantity(ETH.asset_id, ONE)]
    assert world.custody.outputs(XRP.asset_id) == []


def test_what_the_custody_does_not_have_is_unknown(world: CustodyWorld) -> None:
    for one in (NOBODY, "one", ""):
        with pytest.raises(SnapshotUnknown):
            world.custody.snapshot(one)
        with pytest.raises(TransactionUnknown):
            world.custody.transaction(one)
        with pytest.raises(CustodyAssetUnknown):
            world.custody.asset(one)
        with pytest.raises(CustodyAssetUnknown):
            world.custody.withdrawal_fee(one, address(BITCOIN.chain_id))
        with pytest.raises(CustodyAssetUnknown):
            world.custody.deposit_address(one)


def test_a_snapshot_of_somebody_else_is_unknown(world: CustodyWorld) -> None:
    theirs = world.safe.pay(US, ANN, BTC.asset_id, ONE)
    with pytest.raises(SnapshotUnknown):
        world.custody.snapshot(theirs.snapshot_id)


@pytest.mark.parametrize("lie", [Lie.TWICE, Lie.ANOTHER])
def test_a_snapshot_that_can_not_be_is_not_believed(world: CustodyWorld, lie: Lie) -> None:
    paid = world.safe.pay(ANN, US, BTC.asset_id, ONE)
    world.safe.pay(ANN, US, BTC.asset_id, ONE)
    world.safe.timeline.lie_next(lie, 1)
    with pytest.raises(CustodyUnavailable) as refusal:
        world.custody.snapshots(NOON) if lie is Lie.TWICE else world.custody.snapshot(paid.snapshot_id)
    assert refusal.value.facts == {"what": "not_believed"}
    assert world.custody.snapshot(paid.snapshot_id).quantity == quantity(BTC.asset_id, ONE)


# Assets, fees


def test_an_asset_has_its_chain_its_precision_and_perhaps_tags(world: CustodyWorld) -> None:
    usdt, xrp = world.custody.asset(USDT_ERC20.asset_id), world.custody.asset(XRP.asset_id)
    assert usdt == CustodyAsset(USDT_ERC20.asset_id, ETHEREUM.chain_id, "USDT", 6, takes_tag=False)
    assert (xrp.chain_id, xrp.takes_tag) == (RIPPLE.chain_id, True)


def test_a_withdrawals_fee_is_in_its_asset_or_else_its_chains(world: CustodyWorld) -> None:
    for asset, paid_with in ((BTC, BTC), (USDT_BEP20, USDT_BEP20), (USDT_ERC20, ETH)):
        fee = world.custody.withdrawal_fee(asset.asset_id, address(asset.chain_id))
        assert fee.asset_id == paid_with.asset_id
        assert fee.amount == amount_of(world.safe.costs(asset.asset_id)[paid_with.asset_id])


def test_a_fee_to_what_is_no_address_is_refused(world: CustodyWorld) -> None:
    for destination in ("", "somewhere", address(ETHEREUM.chain_id)):
        with pytest.raises(CustodyRefused) as refusal:
            world.custody.withdrawal_fee(BTC.asset_id, destination)
        assert not refusal.value.ours


# A transfer


def test_a_transfer_pays_the_receiver_and_what_is_left_comes_back(world: CustodyWorld) -> None:
    sending = world.transfer("0.3", of="0.5", extra=b"\x00memo\xff")
    (transaction,) = world.send_all(sending)
    assert world.balance(ANN, BTC.asset_id) == Decimal("0.3")
    (left,) = world.custody.outputs(BTC.asset_id)
    assert left.quantity == Quantity("0.2", BTC.asset_id)
    assert left.transaction_hash == transaction.transaction_hash
    *_, told = world.custody.snapshots(NOON)
    assert (told.quantity, told.opponent_id) == (Quantity("-0.3", BTC.asset_id), ANN)
    assert (told.memo, told.request_id) == (b"\x00memo\xff", sending.request_id)
    assert told.transaction_hash == transaction.transaction_hash


def test_outputs_that_are_just_enough_leave_nothing(world: CustodyWorld) -> None:
    outputs = (world.has(BTC.asset_id, "0.1"), world.has(BTC.asset_id, "0.2"))
    world.send_all(Sending(world.new_id(), Quantity("0.3", BTC.asset_id), User(ANN), outputs))
    assert world.balance(ANN, BTC.asset_id) == Decimal("0.3")
    assert world.custody.outputs(BTC.asset_id) == []


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(units=st.integers(1, 10**20), more=st.integers(0, 10**20), extra=st.binary(max_size=256))
def test_every_amount_and_memo_crosses_as_it_is(world: CustodyWorld, units: int, more: int, extra: bytes) -> None:
    before = world.balance(ANN, BTC.asset_id)
    sending = world.transfer(str(amount_of(units)), of=str(amount_of(units + more)), extra=extra)
    (transaction,) = world.send_all(sending)
    assert world.balance(ANN, BTC.asset_id) == before + amount_of(units)
    told = next(t for t in world.custody.snapshots(NOON) if t.transaction_hash == transaction.transaction_hash)
    assert (told.quantity.amount, told.memo) == (-amount_of(units), extra)


def test_the_hash_of_a_draft_is_what_the_custody_calls_it(world: CustodyWorld) -> None:
    drafts = world.sender.draft(world.transfer())
    (transaction,) = world.sender.send(drafts)
    assert transaction.transaction_hash == drafts[0].transaction_hash
    assert (transaction.request_id, transaction.withdrawal_hash) == (drafts[0].request_id, None)
    assert world.custody.transaction(drafts[0].request_id) == replace(transaction, state=State.SPENT)


def test_a_draft_changes_nothing_and_the_same_sending_drafts_the_same(world: CustodyWorld) -> None:
    sending = world.transfer()
    before = world.known()
    assert list(world.sender.draft(sending)) == list(world.sender.draft(sending))
    assert world.known() == before
    with pytest.raises(TransactionUnknown):
        world.custody.transaction(sending.request_id)


def test_a_user_who_can_not_be_paid_is_refused(world: CustodyWorld) -> None:
    sending = world.transfer(to=NOBODY)
    with pytest.raises(CustodyRefused) as refusal:
        world.sender.draft(sending)
    assert not refusal.value.ours


def test_what_can_not_be_a_transaction_is_refused_here(world: CustodyWorld) -> None:
    transfer = world.transfer("0.5", of="0.5")
    ether = world.has(ETH.asset_id, "1")
    to = Address(address(BITCOIN.chain_id))
    fee = Quantity("0.1", BTC.asset_id)
    unsendable = [
        replace(transfer, quantity=Quantity("0.50000001", BTC.asset_id)),
        replace(transfer, quantity=Quantity("0.499999999", BTC.asset_id)),
        replace(transfer, quantity=Quantity(0, BTC.asset_id)),
        replace(transfer, quantity=Quantity("-0.1", BTC.asset_id)),
        replace(transfer, inputs=()),
        replace(transfer, inputs=(ether,)),
        replace(transfer, inputs=transfer.inputs * 2),
        replace(transfer, extra=bytes(257)),
        replace(transfer, fee=fee),
        replace(transfer, fee_inputs=(ether,)),
        replace(transfer, to=to),
        replace(transfer, to=to, fee=fee),
        replace(transfer, to=to, fee=Quantity("0.1", ETH.asset_id)),
        replace(transfer, to=to, fee=Quantity("1.00000001", ETH.asset_id), fee_inputs=(ether,)),
    ]
    before = world.known()
    for sending in unsendable:
        with pytest.raises(ValueError, match=r"."):
            world.sender.draft(sending)
    assert world.known() == before


def test_what_draft_did_not_make_is_not_sent(world: CustodyWorld) -> None:
    (draft,) = world.sender.draft(world.transfer())
    before = world.known()
    changed = replace(draft, transaction_hash="0" * 64)
    for drafts in ([], [draft, draft], [changed], [Draft(draft.request_id, "", draft.transaction_hash)]):
        with pytest.raises(ValueError, match=r"."):
            world.sender.send(drafts)
    assert world.known() == before


# A withdrawal


def test_a_withdrawal_pays_its_fee_from_the_same_asset(world: CustodyWorld) -> None:
    to = Address(address(RIPPLE.chain_id), "90210")
    fee = world.custody.withdrawal_fee(XRP.asset_id, to.destination)
    spent = world.has(XRP.asset_id, "50")
    sending = Sending(world.new_id(), Quantity("20", XRP.asset_id), to, (spent,), b"memo", fee=fee)
    drafts = world.sender.draft(sending)
    assert [draft.request_id for draft in drafts] == [sending.request_id]
    world.sender.send(drafts)
    (gone,) = world.safe.gone()
    assert (gone.destination, gone.tag, amount_of(gone.units)) == (to.destination, "90210", Decimal(20))
    assert world.balance(CASHIER.user_id, XRP.asset_id) == fee.amount
    assert world.balance(US, XRP.asset_id) == Decimal(30) - fee.amount


def test_a_withdrawal_pays_its_fee_from_its_chains_asset(world: CustodyWorld) -> None:
    to = Address(address(ETHEREUM.chain_id))
    fee = world.custody.withdrawal_fee(USDT_ERC20.asset_id, to.destination)
    spent, for_fee = world.has(USDT_ERC20.asset_id, "150"), world.has(ETH.asset_id, "1")
    amount = Quantity("100.123456", USDT_ERC20.asset_id)
    sending = Sending(world.new_id(), amount, to, (spent,), fee=fee, fee_inputs=(for_fee,))
    drafts = world.sender.draft(sending)
    assert len({draft.request_id for draft in drafts}) == len(drafts) == 2
    transactions = world.sender.send(drafts)
    assert [t.request_id for t in transactions] == [draft.request_id for draft in drafts]
    (gone,) = world.safe.gone()
    assert (gone.destination, amount_of(gone.units)) == (to.destination, amount.amount)
    assert world.balance(CASHIER.user_id, ETH.asset_id) == fee.amount
    assert world.balance(US, ETH.asset_id) == 1 - fee.amount
    assert world.balance(US, USDT_ERC20.asset_id) == 150 - amount.amount


def withdrawal(world: CustodyWorld) -> Sending:
    to = Address(address(BITCOIN.chain_id))
    fee = world.custody.withdrawal_fee(BTC.asset_id, to.destination)
    return Sending(world.new_id(), Quantity("0.3", BTC.asset_id), to, (world.has(BTC.asset_id, "0.5"),), fee=fee)


def test_what_is_signed_is_spent_and_then_on_its_chain(world: CustodyWorld) -> None:
    world.safe.set_delays(kernel_seconds=1, chain_seconds=10)
    sending = withdrawal(world)

    def told() -> Transaction:
        return world.custody.transaction(sending.request_id)

    (sent,) = world.send_all(sending)
    assert (sent.state, sent.withdrawal_hash) == (State.SIGNED, None)
    assert told() == sent
    assert world.custody.outputs(BTC.asset_id) == [], "it is held, and what is left has not come back yet"
    world.later(1)
    assert told() == replace(sent, state=State.SPENT)
    assert len(world.custody.outputs(BTC.asset_id)) == 1
    leaving = next(t for t in world.custody.snapshots(NOON) if t.quantity.amount == Decimal("-0.3"))
    assert (leaving.withdrawal_hash, leaving.opponent_id) == (None, None)
    world.later(10)
    (gone,) = world.safe.gone()
    assert told() == replace(sent, state=State.SPENT, withdrawal_hash=gone.withdrawal_hash)
    assert world.custody.snapshot(leaving.snapshot_id).withdrawal_hash == gone.withdrawal_hash


def test_a_withdrawal_that_is_stuck_has_no_hash_of_its_chain(world: CustodyWorld) -> None:
    world.safe.stick_next()
    sending = withdrawal(world)
    world.send_all(sending)
    world.later(3600)
    assert world.custody.transaction(sending.request_id).withdrawal_hash is None
    world.safe.confirm(sending.request_id)
    assert world.custody.transaction(sending.request_id).withdrawal_hash is not None


def test_a_fee_that_has_risen_is_a_no_to_this_sending(world: CustodyWorld) -> None:
    drafts = world.sender.draft(withdrawal(world))
    world.safe.set_fees(BTC.asset_id, {BTC.asset_id: 3_000})
    with pytest.raises(CustodyRefused) as refusal:
        world.sender.send(drafts)
    assert not refusal.value.ours
    with pytest.raises(TransactionUnknown):
        world.custody.transaction(drafts[0].request_id)
    assert world.balance(US, BTC.asset_id) == Decimal("0.5")


# The definite no


@pytest.mark.parametrize(("code", "ours"), [(Code.AMOUNT_TOO_SMALL, False), (Code.INVALID_SIGNATURE, True)])
def test_a_no_is_told_with_the_custodys_words_and_sends_nothing(world: CustodyWorld, code: Code, ours: bool) -> None:
    drafts = world.sender.draft(world.transfer())
    world.safe.refuse_next(code)
    with pytest.raises(CustodyRefused) as refusal:
        world.sender.send(drafts)
    assert refusal.value.ours is ours
    assert refusal.value.facts == {"custody_said": f"so it was ordered ({int(code)})"}
    assert world.balance(ANN, BTC.asset_id) == 0
    with pytest.raises(TransactionUnknown):
        world.custody.transaction(drafts[0].request_id)


def test_of_two_sendings_of_one_output_the_first_stands(world: CustodyWorld) -> None:
    first = world.transfer("0.3", of="0.5")
    second = replace(first, request_id=world.new_id(), quantity=Quantity("0.1", BTC.asset_id))
    drafts = world.sender.draft(second)
    world.send_all(first)
    for _ in range(2):
        with pytest.raises(CustodyRefused) as refusal:
            world.sender.send(drafts)
        assert not refusal.value.ours
    assert world.balance(ANN, BTC.asset_id) == Decimal("0.3")
    with pytest.raises(TransactionUnknown):
        world.custody.transaction(second.request_id)


def test_of_two_sendings_of_one_request_id_the_first_stands(world: CustodyWorld) -> None:
    """What becomes of the second is undecided, for something was sent under its request id."""
    first = world.transfer("0.3", of="0.5")
    second = replace(first, inputs=(world.has(BTC.asset_id, "1"),), extra=b"another")
    drafts = world.sender.draft(second)
    (sent,) = world.send_all(first)
    with pytest.raises(CustodyUnavailable):
        world.sender.send(drafts)
    assert world.custody.transaction(first.request_id).transaction_hash == sent.transaction_hash
    assert world.balance(ANN, BTC.asset_id) == Decimal("0.3")


# Sent once, whatever happens


@pytest.mark.parametrize("kernel_seconds", [0, 60])
def test_a_repeat_answers_with_what_came_of_the_first(world: CustodyWorld, kernel_seconds: int) -> None:
    world.safe.set_delays(kernel_seconds=kernel_seconds)
    drafts = world.sender.draft(world.transfer())
    (first,) = world.sender.send(drafts)
    for _ in range(2):
        (again,) = world.sender.send(drafts)
        assert again == world.custody.transaction(first.request_id)
        assert again.transaction_hash == first.transaction_hash
    world.later(60)
    assert world.balance(ANN, BTC.asset_id) == Decimal("0.3")


@pytest.mark.parametrize("kind", [CustodyWorld.transfer, withdrawal])
@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (lambda world: world.fail_before(), False),
        (lambda world: world.fail_half_way(), False),
        (lambda world: world.lose_answer(), True),
    ],
    ids=["before", "half way", "after"],
)
def test_what_is_sent_again_after_a_fault_is_sent_once(
    world: CustodyWorld, fault: Callable[[CustodyWorld], None], sent: bool, kind: Callable[[CustodyWorld], Sending]
) -> None:
    sending = kind(world)
    drafts = world.sender.draft(sending)
    fault(world)
    with pytest.raises(CustodyUnavailable):
        world.sender.send(drafts)
    if sent:
        assert world.custody.transaction(sending.request_id).state is State.SPENT
    else:
        with pytest.raises(TransactionUnknown):
            world.custody.transaction(sending.request_id)
    transactions = world.sender.send(drafts)
    assert [t.transaction_hash for t in transactions] == [draft.transaction_hash for draft in drafts]
    fee = sending.fee.amount if sending.fee else Decimal(0)
    assert world.balance(US, BTC.asset_id) == Decimal("0.2") - fee


def test_a_fee_and_its_withdrawal_are_sent_together_or_not_at_all(world: CustodyWorld) -> None:
    to = Address(address(ETHEREUM.chain_id))
    fee = world.custody.withdrawal_fee(USDT_ERC20.asset_id, to.destination)
    spent, for_fee = world.has(USDT_ERC20.asset_id, "100"), world.has(ETH.asset_id, "1")
    amount = Quantity("100", USDT_ERC20.asset_id)
    drafts = world.sender.draft(Sending(world.new_id(), amount, to, (spent,), fee=fee, fee_inputs=(for_fee,)))
    elsewhere = Sending(world.new_id(), Quantity("1", ETH.asset_id), User(ANN), (for_fee,))
    world.send_all(elsewhere)
    with pytest.raises(CustodyRefused):
        world.sender.send(drafts)
    assert world.balance(US, USDT_ERC20.asset_id) == Decimal(100)
    assert world.safe.gone() == []
    for draft in drafts:
        with pytest.raises(TransactionUnknown):
            world.custody.transaction(draft.request_id)


# Faults


def calls(world: CustodyWorld) -> list[Callable[[], object]]:
    """One of each, all of which are answered."""
    snapshot_id = world.safe.pay(ANN, US, BTC.asset_id, ONE).snapshot_id
    drafts, next_ = world.sender.draft(world.transfer()), world.transfer()
    world.sender.send(drafts)
    custody = world.custody
    return [
        lambda: custody.snapshots(NOON),
        lambda: custody.snapshot(snapshot_id),
        lambda: custody.outputs(BTC.asset_id),
        lambda: custody.asset(BTC.asset_id),
        lambda: custody.withdrawal_fee(BTC.asset_id, address(BITCOIN.chain_id)),
        lambda: custody.deposit_address(BITCOIN.chain_id),
        lambda: custody.transaction(drafts[0].request_id),
        lambda: world.sender.draft(next_),
        lambda: world.sender.send(drafts),
    ]


def test_a_custody_that_is_down_decides_nothing(world: CustodyWorld) -> None:
    asked = calls(world)
    expected = [call() for call in asked]
    world.take_down(True)
    for call in asked:
        with pytest.raises(CustodyUnavailable) as refusal:
            call()
        assert refusal.value.facts == {"what": "connection"}
    world.take_down(False)
    assert [call() for call in asked] == expected


def test_a_custody_that_asks_us_to_wait_says_how_long(world: CustodyWorld) -> None:
    asked = calls(world)
    expected = [call() for call in asked]
    world.ban(30)
    world.later(10.5)
    for call in asked:
        with pytest.raises(CustodyUnavailable) as refusal:
            call()
        assert refusal.value.facts == {"what": "rate_limit", "retry_after_seconds": 20}
    world.later(19.5)
    assert [call() for call in asked] == expected
