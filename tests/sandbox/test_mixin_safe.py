"""The custody's rules: what it registers and sends, what becomes of it, what is told; and no money from nowhere."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from sandbox.mixin.assets import BITCOIN, BTC, ETH, ETHEREUM, RIPPLE, USDT_BEP20, USDT_ERC20, XRP
from sandbox.mixin.movements import received, sent
from sandbox.mixin.records import CASHIER, Draft, Payment, State, Withdrawal
from sandbox.mixin.refusals import Code, SafeRefused
from sandbox.mixin.safe import Safe
from sandbox.mixin.timeline import Lie
from sandbox.mixin.times import SECOND, ns_of, read, written
from tests.depth import deep
from tests.sandbox.custody import ANN, BOB, NOON, ONE, US, World, address

TO_BITCOIN, TO_ETHEREUM, TO_RIPPLE = (address(chain.chain_id) for chain in (BITCOIN, ETHEREUM, RIPPLE))
FEE = 2_000  # of a withdrawal of BTC, in BTC
USDT, FEE_IN_ETH = USDT_ERC20.asset_id, 100_000


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.check()


# Payments and deposits


def test_what_a_member_pays_is_an_output_and_a_snapshot_with_his_name(world: World) -> None:
    place = world.paid(BTC.asset_id, ONE, b"memo")
    (told,) = world.told()
    assert (told.units, told.asset_id, told.opponent, told.memo) == (ONE, BTC.asset_id, ANN, b"memo".hex())
    (output,) = world.safe.outputs(US, BTC.asset_id, State.UNSPENT, 0, 500)
    assert (output.place, output.units, output.state, output.sequence) == (place, ONE, State.UNSPENT, 1)


def test_a_deposit_comes_once_however_often_the_chain_brings_it(world: World) -> None:
    entry = world.safe.entry(US, BITCOIN.chain_id)
    assert entry == world.safe.entry(US, BITCOIN.chain_id)
    for _ in range(2):
        world.safe.deposit(BTC.asset_id, entry.destination, "", ONE, "0xabc")
    (told,) = world.told()
    assert (told.opponent, told.deposit_hash, told.units) == ("", "0xabc", ONE)
    with pytest.raises(SafeRefused, match="something else"):
        world.safe.deposit(BTC.asset_id, entry.destination, "", 2 * ONE, "0xabc")


def test_a_deposit_without_its_tag_is_nobodys(world: World) -> None:
    entry = world.safe.entry(US, RIPPLE.chain_id)
    assert entry.tag
    with pytest.raises(SafeRefused) as refusal:
        world.safe.deposit(XRP.asset_id, entry.destination, "", ONE, "0xabc")
    assert refusal.value.code is Code.NOT_FOUND
    assert world.told() == []


# Sending


def test_a_transfer_is_signed_then_spent_and_the_rest_comes_back(world: World) -> None:
    world.safe.set_delays(kernel_seconds=2)
    place = world.paid(BTC.asset_id, ONE)
    draft = world.draft(BTC.asset_id, [place], Payment(ANN, 60), Payment(US, ONE - 60), extra=b"refund")
    (request,) = world.send(draft)
    assert request.state is State.SIGNED
    assert world.safe.outputs(US, BTC.asset_id, State.UNSPENT, 0, 500) == []
    assert world.safe.balances(US) == {BTC.asset_id: ONE}, "what is held is there still"
    assert len(world.told()) == 1
    world.later(2)
    assert world.safe.request(draft.request_id).state is State.SPENT
    (change,) = world.safe.outputs(US, BTC.asset_id, State.UNSPENT, 0, 500)
    assert (change.units, change.transaction_hash, change.index) == (ONE - 60, draft.transaction_hash, 1)
    told = world.told()[1]
    assert (told.units, told.opponent, told.request_id) == (-60, ANN, draft.request_id)
    assert (told.memo, told.created_ns) == (b"refund".hex(), ns_of(world.at))
    (theirs,) = world.safe.snapshots(ANN, None, None, 500)
    assert (theirs.units, theirs.opponent) == (60, US)


def test_a_registered_transaction_changes_nothing_until_it_is_sent(world: World) -> None:
    place = world.paid(BTC.asset_id, ONE)
    draft = world.draft(BTC.asset_id, [place], Payment(ANN, ONE))
    (request,) = world.safe.register(US, [draft])
    assert (request.state, len(world.safe.outputs(US, BTC.asset_id, State.UNSPENT, 0, 500))) == (State.UNSPENT, 1)


def test_the_same_again_answers_with_what_is_there(world: World) -> None:
    place = world.paid(BTC.asset_id, ONE)
    draft = world.draft(BTC.asset_id, [place], Payment(ANN, ONE))
    for _ in range(3):
        world.send(draft)
    assert len(sent(world.safe)) == 1
    assert world.safe.request(draft.request_id) is world.safe.request(draft.transaction_hash)
    other = world.draft(BTC.asset_id, [place], Payment(BOB, ONE), request_id=draft.request_id)
    assert world.refused(other) is Code.INVALID_TRACE


def test_an_output_is_spent_once(world: World) -> None:
    place = world.paid(BTC.asset_id, ONE)
    first, second = (world.draft(BTC.asset_id, [place], Payment(ANN, ONE)) for _ in range(2))
    world.safe.register(US, [first])
    world.safe.register(US, [second])  # registering holds nothing
    world.safe.send(US, [first.request_id])
    assert world.refused_when_sent(second.request_id) is Code.INPUT_LOCKED
    third = world.draft(BTC.asset_id, [place], Payment(ANN, ONE))
    assert world.refused(third) is Code.LOCKED_ELSEWHERE
    fresh = world.paid(BTC.asset_id, ONE)
    twins = [world.draft(BTC.asset_id, [fresh], Payment(ANN, ONE)) for _ in range(2)]
    assert world.refused(*twins) is Code.LOCKED_ELSEWHERE


def _withdraws(world: World, *, fee: int = FEE, extra: bytes = b"", **to: Any) -> Draft:
    place = world.paid(BTC.asset_id, ONE)
    terms: dict[str, Any] = {"units": ONE - FEE, "destination": TO_BITCOIN} | to
    leaving: list[Payment | Withdrawal] = [Withdrawal(**terms), Payment(CASHIER, fee)]
    rest = ONE - sum(output.units for output in leaving)
    return world.draft(BTC.asset_id, [place], *leaving, *([Payment(US, rest)] if rest > 0 else []), extra=extra)


UNFIT: dict[str, tuple[dict[str, Any], Code]] = {
    "an address of another chain": ({"destination": TO_ETHEREUM}, Code.INVALID_ADDRESS),
    "a tag where there are none": ({"tag": "7"}, Code.INVALID_TAG),
    "less than can be withdrawn": ({"units": BTC.withdrawal_min - 1}, Code.WITHDRAWAL_TOO_SMALL),
    "nothing": ({"units": 0}, Code.AMOUNT_TOO_SMALL),
    "more than the inputs have": ({"units": ONE}, Code.INSUFFICIENT_BALANCE),
    "a fee that is too low": ({"fee": FEE - 1, "units": ONE // 2}, Code.INSUFFICIENT_FEE),
    "257 bytes of extra": ({"extra": bytes(257)}, Code.INVALID_FIELD),
}


@pytest.mark.parametrize("why", UNFIT)
def test_an_unfit_withdrawal_is_refused_and_nothing_has_changed(world: World, why: str) -> None:
    unfit, code = UNFIT[why]
    assert world.refused(_withdraws(world, **unfit)) is code
    world.safe.register(US, [_withdraws(world, extra=bytes(256))])


def test_what_is_not_ours_or_not_registered_is_refused(world: World) -> None:
    theirs = world.safe.pay(BOB, ANN, BTC.asset_id, ONE)
    place = world.paid(BTC.asset_id, ONE)
    to_ann = Payment(ANN, ONE)
    assert world.refused(world.draft(BTC.asset_id, [(theirs.transaction_hash, 0)], to_ann)) is Code.INVALID_FIELD
    assert world.refused(world.draft(ETH.asset_id, [place], to_ann)) is Code.INVALID_FIELD
    assert world.refused(world.draft(BTC.asset_id, [place], Payment(ANN, 1))) is Code.INVALID_FIELD, "money is lost"
    stranger = Payment("00000000-0000-4000-8000-000000000000", ONE)
    assert world.refused(world.draft(BTC.asset_id, [place], stranger)) is Code.USER_UNKNOWN
    to_nothing = world.draft(BTC.asset_id, [place], to_ann, references=("ab" * 32,))
    assert world.refused(to_nothing) is Code.INVALID_FIELD
    ours = world.draft(BTC.asset_id, [place], to_ann)
    world.safe.register(US, [ours])
    with pytest.raises(SafeRefused) as refusal:
        world.safe.send(ANN, [ours.request_id])
    assert refusal.value.code is Code.FORBIDDEN
    assert world.refused(replace(ours, request_id=world.new_id())) is Code.INVALID_TRACE, "it has an id"
    twins = [world.draft(BTC.asset_id, [world.paid(BTC.asset_id, ONE)], to_ann, request_id=ANN) for _ in range(2)]
    assert world.refused(*twins) is Code.INVALID_FIELD
    assert world.refused_when_sent("00000000-0000-4000-8000-000000000000") is Code.NOT_FOUND


def test_a_transaction_has_its_measure(world: World) -> None:
    places = [world.paid(BTC.asset_id, 1) for _ in range(257)]
    to_ann = [Payment(ANN, 1)] * 257
    assert world.refused(world.draft(BTC.asset_id, places, Payment(ANN, 257))) is Code.INVALID_FIELD
    whole = world.draft(BTC.asset_id, places[:256], Payment(ANN, 256))
    world.safe.register(US, [whole])
    big = world.paid(BTC.asset_id, 257)
    assert world.refused(world.draft(BTC.asset_id, [big], *to_ann)) is Code.INVALID_FIELD
    assert world.refused(world.draft(BTC.asset_id, [places[0]] * 2, Payment(ANN, 2))) is Code.INVALID_FIELD
    references = (whole.transaction_hash,) * 3
    unfit = world.draft(BTC.asset_id, places[:1], Payment(ANN, 1), references=references)
    assert world.refused(unfit) is Code.INVALID_FIELD
    world.safe.register(US, [world.draft(BTC.asset_id, places[:1], Payment(ANN, 1), references=references[:2])])
    two = Withdrawal(ONE // 3, TO_BITCOIN), Withdrawal(ONE // 3, TO_BITCOIN)
    fee = Payment(CASHIER, ONE - 2 * (ONE // 3))
    assert world.refused(world.draft(BTC.asset_id, [world.paid(BTC.asset_id, ONE)], *two, fee)) is Code.INVALID_FIELD


def test_a_withdrawal_has_no_digits_that_its_chain_can_not_carry(world: World) -> None:
    place, fee = world.paid(XRP.asset_id, 2 * ONE), 20_000_000
    for units, code in ((ONE + 1, Code.INVALID_FIELD), (ONE + 100, None)):
        leaving = Withdrawal(units, TO_RIPPLE), Payment(CASHIER, fee), Payment(US, 2 * ONE - units - fee)
        draft = world.draft(XRP.asset_id, [place], *leaving)
        if code is None:
            world.safe.register(US, [draft])
        else:
            assert world.refused(draft) is code


def test_a_fee_in_another_asset_is_paid_by_a_transaction_that_refers(world: World) -> None:
    usdt, eth = world.paid(USDT, 100 * ONE), world.paid(ETH.asset_id, ONE)
    withdrawal = world.draft(USDT, [usdt], Withdrawal(100 * ONE, TO_ETHEREUM))
    fee = Payment(CASHIER, FEE_IN_ETH), Payment(US, ONE - FEE_IN_ETH)
    alone = world.draft(ETH.asset_id, [eth], *fee)
    paying = world.draft(ETH.asset_id, [eth], *fee, references=(withdrawal.transaction_hash,))
    assert world.refused(withdrawal) is Code.INSUFFICIENT_FEE
    assert world.refused(withdrawal, alone) is Code.INSUFFICIENT_FEE
    world.safe.register(US, [withdrawal, paying])
    assert world.refused_when_sent(withdrawal.request_id) is Code.INSUFFICIENT_FEE, "without its fee"
    world.safe.send(US, [withdrawal.request_id, paying.request_id])
    assert world.safe.balances(CASHIER) == {ETH.asset_id: FEE_IN_ETH}
    assert [(one.receiver, one.destination, one.units) for one in sent(world.safe)] == [
        ("", TO_ETHEREUM, 100 * ONE),
        (CASHIER, "", FEE_IN_ETH),
    ]


def test_a_fee_may_be_paid_in_either_asset_that_is_offered(world: World) -> None:
    assert len(world.safe.costs(USDT_BEP20.asset_id)) == 2
    place = world.paid(USDT_BEP20.asset_id, 10 * ONE)
    own = world.safe.costs(USDT_BEP20.asset_id)[USDT_BEP20.asset_id]
    world.send(
        world.draft(USDT_BEP20.asset_id, [place], Withdrawal(10 * ONE - own, TO_ETHEREUM), Payment(CASHIER, own))
    )


def test_a_fee_that_has_risen_refuses_what_was_registered_before(world: World) -> None:
    draft = _withdraws(world)
    world.safe.register(US, [draft])
    world.safe.set_fees(BTC.asset_id, {BTC.asset_id: FEE + 1})
    assert world.refused_when_sent(draft.request_id) is Code.INSUFFICIENT_FEE
    assert world.safe.request(draft.request_id).state is State.UNSPENT
    world.safe.set_fees(BTC.asset_id, {BTC.asset_id: FEE})
    world.send(draft)
    world.safe.set_fees(BTC.asset_id, {BTC.asset_id: FEE + 1})
    world.send(draft)  # what was sent is answered, whatever it costs by now


# Withdrawals


def test_a_withdrawal_is_on_its_chain_after_a_while(world: World) -> None:
    world.safe.set_delays(kernel_seconds=1, chain_seconds=60)
    draft = _withdraws(world)
    world.send(draft)
    world.later(1)
    assert world.safe.request(draft.request_id).state is State.SPENT
    (leaving,) = [told for told in world.told() if told.destination]
    assert (leaving.units, leaving.opponent, leaving.withdrawal_hash) == (-(ONE - FEE), "", "")
    assert world.safe.gone() == []
    world.later(60)
    (gone,) = world.safe.gone()
    assert gone.withdrawal_hash == world.safe.request(draft.request_id).withdrawal_hash == leaving.withdrawal_hash
    assert (gone.number, gone.units, gone.destination, gone.asset_id) == (1, ONE - FEE, TO_BITCOIN, BTC.asset_id)
    assert world.safe.gone(after=1) == []


def test_a_stuck_withdrawal_waits_until_it_is_confirmed(world: World) -> None:
    world.safe.stick_next()
    stuck, free = _withdraws(world), _withdraws(world)
    world.send(stuck)
    world.send(free)
    world.later(86_400)
    assert [gone.request_id for gone in world.safe.gone()] == [free.request_id]
    for _ in range(2):
        world.safe.confirm(stuck.request_id)
    assert [gone.request_id for gone in world.safe.gone()] == [free.request_id, stuck.request_id]


def test_confirming_overtakes_what_was_due(world: World) -> None:
    world.safe.set_delays(kernel_seconds=5, chain_seconds=5)
    draft = _withdraws(world)
    world.send(draft)
    world.safe.confirm(draft.request_id)
    assert len(world.safe.gone()) == 1
    world.later(60)
    assert len(world.safe.gone()) == 1
    transfer = world.draft(BTC.asset_id, [world.paid(BTC.asset_id, ONE)], Payment(ANN, ONE))
    world.send(transfer)
    with pytest.raises(SafeRefused, match="no withdrawal"):
        world.safe.confirm(transfer.request_id)


def test_a_refusal_that_was_ordered_is_met_once(world: World) -> None:
    world.safe.refuse_next(Code.USER_UNKNOWN)
    draft = world.draft(BTC.asset_id, [world.paid(BTC.asset_id, ONE)], Payment(ANN, ONE))
    with pytest.raises(SafeRefused) as refusal:
        world.send(draft)
    assert refusal.value.code is Code.USER_UNKNOWN
    world.send(draft)
    assert world.safe.ordered()["refusals"] == []


# What is told


def test_a_page_begins_at_its_time_and_has_at_most_so_many(world: World) -> None:
    for _ in range(7):
        world.paid(BTC.asset_id, 1)
    all_ = world.told()
    assert [told.created_ns for told in all_] == sorted({told.created_ns for told in all_})
    assert world.told(all_[2].created_ns, limit=3) == all_[2:5]
    assert world.safe.snapshots(US, None, all_[2].created_ns, 2, ascending=False) == [all_[2], all_[1]]
    assert world.safe.snapshots(US, None, None, 2, ascending=False) == [all_[6], all_[5]]
    world.paid(ETH.asset_id, 1)
    assert [told.asset_id for told in world.told(asset_id=ETH.asset_id)] == [ETH.asset_id]


def test_snapshots_may_have_one_time(world: World) -> None:
    world.paid(BTC.asset_id, 1)
    world.safe.timeline.same_next(2)
    for _ in range(3):
        world.paid(BTC.asset_id, 1)
    times = [told.created_ns for told in world.told()]
    assert (len(set(times[:3])), len(set(times))) == (1, 2)
    assert world.told(times[0]) == world.told()


def test_a_late_snapshot_appears_in_the_past(world: World) -> None:
    world.safe.timeline.late_next(30, 1)
    world.paid(BTC.asset_id, 1)
    world.later(10)
    world.paid(BTC.asset_id, 2)
    assert [told.units for told in world.told()] == [2]
    assert world.safe.balances(US) == {BTC.asset_id: 3}, "the money is there"
    assert [told.units for told in received(world.safe, US)] == [1, 2]
    world.later(20)
    assert [told.units for told in world.told()] == [1, 2]
    assert world.told()[0].created_ns == ns_of(NOON)


def test_a_lie_is_told_once_and_changes_nothing(world: World) -> None:
    world.paid(BTC.asset_id, 5)
    world.paid(BTC.asset_id, 7)
    truth = world.told()
    world.safe.timeline.lie_next(Lie.TWICE, 1)
    assert world.told(limit=2) == [truth[0], truth[0]], "a page is never longer than was asked for"
    for lie in (Lie.WRONG_AMOUNT, Lie.OTHER_OPPONENT, Lie.TWICE):
        world.safe.timeline.lie_next(lie, 1)
        assert world.told() != truth
        assert world.told() == truth
    id_ = truth[1].snapshot_id
    world.safe.timeline.lie_next(Lie.ANOTHER, 1)
    assert world.safe.snapshot(US, id_) == truth[0]
    world.safe.timeline.lie_next(Lie.WRONG_AMOUNT, 1)
    assert world.safe.snapshot(US, id_).units == 8
    assert world.safe.snapshot(US, id_) == truth[1]


def test_a_snapshot_of_somebody_else_is_not_told(world: World) -> None:
    theirs = world.safe.pay(BOB, ANN, BTC.asset_id, ONE)
    with pytest.raises(SafeRefused) as refusal:
        world.safe.snapshot(US, theirs.snapshot_id)
    assert (refusal.value.code, world.told()) == (Code.NOT_FOUND, [])


def test_outputs_come_by_their_numbers(world: World) -> None:
    places = [world.paid(BTC.asset_id, 1) for _ in range(5)]
    world.send(world.draft(BTC.asset_id, [places[1]], Payment(ANN, 1)))
    unspent = world.safe.outputs(US, BTC.asset_id, State.UNSPENT, 2, 2)
    assert [output.place for output in unspent] == [places[2], places[3]]
    (spent,) = world.safe.outputs(US, None, State.SPENT, 0, 500)
    assert spent.place == places[1]
    newest = world.safe.outputs(US, BTC.asset_id, None, 10**9, 2, ascending=False)
    assert [output.place for output in newest] == [places[4], places[3]]


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "2026-11-28T12:00:00Z"),
        (120_000_000, "2026-11-28T12:00:00.12Z"),
        (123_456_789, "2026-11-28T12:00:00.123456789Z"),
        (1, "2026-11-28T12:00:00.000000001Z"),
    ],
)
def test_times_are_written_without_zeros_behind(ns: int, text: str) -> None:
    assert written(ns_of(NOON) + ns) == text
    assert read(text) == ns_of(NOON) + ns


def test_times_of_other_zones_are_read_and_what_is_no_time_is_not() -> None:
    assert read("2026-11-28T14:00:01.5+02:00") == ns_of(NOON) + SECOND + SECOND // 2
    for wrong in ("", "yesterday", "2026-11-28", "2026-13-28T12:00:00Z", "2026-11-28T12:00:00.1234567891Z"):
        with pytest.raises(ValueError, match=r"time|month"):
            read(wrong)


# Over a restart


def test_everything_but_what_was_ordered_outlives_a_restart(world: World) -> None:
    world.safe.set_delays(kernel_seconds=1, chain_seconds=60)
    world.safe.set_fees(USDT, {ETH.asset_id: 7})
    entry = world.safe.entry(US, BITCOIN.chain_id)
    world.safe.deposit(BTC.asset_id, entry.destination, "", ONE, "0xabc")
    mask = world.safe.make_key(ANN, 0, world.new_id())
    place = world.paid(BTC.asset_id, ONE)
    with_key = world.draft(BTC.asset_id, [place], Payment(ANN, ONE, mask))
    world.safe.register(US, [with_key])
    on_its_way, done = _withdraws(world), _withdraws(world)
    world.send(done)
    world.later(61)
    world.send(on_its_way)
    world.safe.refuse_next()
    kept = json.loads(json.dumps(world.safe.state()))
    other = Safe(lambda: world.at)
    other.restore(kept)
    assert json.loads(json.dumps(other.state())) == kept
    assert other.receiver_of(mask, 0) == ANN
    with pytest.raises(SafeRefused, match="locked"):
        other.register(US, [world.draft(BTC.asset_id, [place], Payment(ANN, ONE, mask))])
    assert other.ordered()["refusals"] == []
    other.deposit(BTC.asset_id, entry.destination, "", ONE, "0xabc")
    assert len(other.snapshots(US, None, None, 500)) == len(world.told())
    world.later(61)
    assert [gone.request_id for gone in other.gone()] == [done.request_id, on_its_way.request_id]
    assert other.gone() == world.safe.gone()
    assert other.pay(ANN, US, BTC.asset_id, 1).snapshot_id not in {told.snapshot_id for told in world.told()}


@pytest.mark.parametrize("seed", range(deep(3, 30)))
def test_no_money_comes_from_nowhere_whatever_is_done(seed: int) -> None:
    """200 random acts, with delays, refusals, sendings that are repeated, and restarts."""
    chance, world = random.Random(seed), World()
    world.safe.set_delays(kernel_seconds=chance.choice([0, 3]), chain_seconds=chance.choice([0, 20]))
    drafts: list[Draft] = []
    for _ in range(200):
        match chance.randrange(9):
            case 0 | 1:
                world.paid(BTC.asset_id, chance.choice([ONE, 30_000]))
            case 2 | 3 | 4:
                drafts += _drafts(world, chance)
            case 5 if drafts:
                world.safe.refuse_next() if chance.random() < 0.3 else world.safe.stick_next()
            case 6 if drafts:
                world.later(chance.choice([1, 30]))
            case 7 if drafts:
                other = Safe(lambda: world.at)
                other.restore(json.loads(json.dumps(world.safe.state())))
                world.safe = other
            case _ if drafts:
                with suppress(SafeRefused):
                    world.send(chance.choice(drafts))
        world.check()
    spent = [place for one in world.safe.requests() if one.state is not State.UNSPENT for place in one.terms.inputs]
    assert len(spent) == len(set(spent)) > 3


def _drafts(world: World, chance: random.Random) -> list[Draft]:
    """One that spends some outputs of ours, which others may spend, too."""
    unspent = world.safe.outputs(US, BTC.asset_id, State.UNSPENT, 0, 500)
    if not unspent:
        return []
    chosen = chance.sample(unspent, min(len(unspent), chance.randint(1, 3)))
    have = sum(output.units for output in chosen)
    leaving: list[Payment | Withdrawal] = [Payment(ANN, have // 2)]
    if chance.random() < 0.5 and have > 2 * (BTC.withdrawal_min + FEE):
        leaving = [Withdrawal(have // 2, TO_BITCOIN), Payment(CASHIER, FEE)]
    rest = have - sum(output.units for output in leaving)
    return [world.draft(BTC.asset_id, [output.place for output in chosen], *leaving, Payment(US, rest))]
