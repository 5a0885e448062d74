"""An outgoing transfer is sent once, whatever is lost, repeated, refused or lied about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import NoReturn

import pytest

from common.domain import timeline
from common.domain.custody import service, store
from common.domain.custody.model import (
    INPUTS_MAX,
    Kind,
    Outgoing,
    Status,
    TooFewOutputs,
    TooManyOutputs,
    choose,
    outgoing_id,
    total,
)
from common.gateways.custody import (
    PAGE_MAX,
    CustodyRefused,
    CustodyUnavailable,
    Draft,
    Output,
    Sending,
    Transaction,
    User,
)
from common.money import Quantity
from sandbox.mixin.fake import FakeCustody
from tests.market_making.audit import people_told
from tests.market_making.market import ANN, BOB, BTC, US, Market


@pytest.fixture
def market() -> Market:
    market = Market()
    market.poll()
    return market


def refund(market: Market, amount: str = "0.5", payer: str = ANN) -> str:
    """The id of the outgoing transfer that gives a transfer back."""
    market.pay(payer, BTC, amount, b"hello")
    market.poll()
    return next(item.PK for item in market.due())


def status(market: Market, sent: str) -> Status:
    return store.outgoing(market.table, sent).status


def test_what_can_not_be_used_goes_back_whole(market: Market) -> None:
    sent = refund(market)
    market.send()
    market.pass_time(minutes=1)
    market.send()
    assert status(market, sent) is Status.ARRIVED
    assert market.has(ANN) == {BTC: Decimal("0.5")}
    assert not market.due()


def test_an_answer_that_is_lost_sends_nothing_twice(market: Market) -> None:
    sent = refund(market)
    market.custody.drop_answer_next("send")
    market.send()
    assert status(market, sent) is Status.SENT
    for _ in range(5):
        market.pass_time(minutes=3)
        market.send()
    assert status(market, sent) is Status.ARRIVED
    assert market.has(ANN) == {BTC: Decimal("0.5")}
    assert market.custody.calls["send"] == 1


def test_what_the_custody_never_got_is_sent_again_as_it_was(market: Market) -> None:
    sent = refund(market)
    market.custody.fail_before_next("send")
    market.send()
    drafts = store.outgoing(market.table, sent).drafts
    market.pass_time(minutes=1)
    market.send()
    assert market.custody.calls["send"] == 1, "somebody may be sending it"
    market.pass_time(minutes=2)
    market.send()
    market.pass_time(minutes=2)
    market.send()
    assert status(market, sent) is Status.ARRIVED
    assert store.outgoing(market.table, sent).drafts == drafts


def test_a_refusal_that_is_the_sendings_waits_for_a_person(market: Market) -> None:
    sent = refund(market)
    market.custody.refuse_next()
    market.send()
    refused = store.outgoing(market.table, sent)
    assert (refused.status, refused.needs_person) == (Status.REFUSED, True)
    assert market.has(ANN) == {}


def test_a_refusal_that_is_ours_is_tried_again_with_the_same_outputs(market: Market) -> None:
    sent = refund(market)
    market.custody.refuse_next(ours=True)
    market.send()
    first = store.outgoing(market.table, sent)
    assert (first.status, first.attempt) == (Status.INTENDED, 2)
    market.pass_time(minutes=6)
    market.send()
    market.pass_time(minutes=1)
    market.send()
    second = store.outgoing(market.table, sent)
    assert (second.status, second.inputs) == (Status.ARRIVED, first.inputs)
    assert market.has(ANN) == {BTC: Decimal("0.5")}


def test_a_refused_repeat_is_believed_only_after_ten_minutes(market: Market) -> None:
    sent = refund(market)
    market.custody.fail_before_next("send")
    market.send()
    market.pass_time(minutes=3)
    market.custody.refuse_next()
    market.send()
    doubtful = store.outgoing(market.table, sent)
    assert (doubtful.status, doubtful.attempt) == (Status.SENT, 1)
    market.pass_time(minutes=9)
    market.send()
    assert store.outgoing(market.table, sent).attempt == 1
    market.pass_time(minutes=2)
    market.send()
    assert store.outgoing(market.table, sent).attempt == 2
    market.pass_time(minutes=1)
    market.send()
    market.pass_time(minutes=1)
    market.send()
    assert status(market, sent) is Status.ARRIVED
    assert market.has(ANN) == {BTC: Decimal("0.5")}


@dataclass(frozen=True)
class Liar:
    """Sends, and says that it has refused to."""

    custody: FakeCustody
    ours: bool

    def draft(self, sending: Sending) -> Sequence[Draft]:
        return self.custody.draft(sending)

    def send(self, drafts: Sequence[Draft]) -> NoReturn:
        self.custody.send(drafts)
        raise CustodyRefused("insufficient balance", ours=self.ours)


@pytest.mark.parametrize("ours", [False, True])
def test_a_refusal_of_what_was_sent_pays_nobody_twice(market: Market, ours: bool) -> None:
    sent = refund(market)
    market.sender = Liar(market.custody, ours)
    for _ in range(4):
        market.send()
        market.pass_time(minutes=6)
    assert store.outgoing(market.table, sent).needs_person
    assert market.has(ANN) == {BTC: Decimal("0.5")}
    assert market.custody.calls["send"] == 1
    # Who waits for it must not go on as if nothing had left: its outputs are spent.
    assert status(market, sent) is (Status.INTENDED if ours else Status.SENT)


@dataclass(frozen=True)
class Confused:
    """Sends, and tells of another transaction."""

    custody: FakeCustody

    def draft(self, sending: Sending) -> Sequence[Draft]:
        return self.custody.draft(sending)

    def send(self, drafts: Sequence[Draft]) -> Sequence[Transaction]:
        return [replace(told, transaction_hash="f" * 64) for told in self.custody.send(drafts)]


def test_a_transaction_that_nobody_has_signed_is_not_the_one_that_was_sent(market: Market) -> None:
    sent = refund(market)
    market.sender = Confused(market.custody)
    market.send()
    assert (status(market, sent), store.outgoing(market.table, sent).needs_person) == (Status.SENT, True)
    assert any("as transaction ffff" in told for told in people_told(market))


@dataclass
class Slow:
    """Refuses what another process has sent again since, of which nobody has an answer yet."""

    market: Market

    def draft(self, sending: Sending) -> Sequence[Draft]:
        return self.market.custody.draft(sending)

    def send(self, _: Sequence[Draft]) -> NoReturn:
        self.market.sender = self.market.custody
        self.market.pass_time(minutes=3)
        self.market.custody.fail_before_next("send")
        self.market.send()
        raise CustodyRefused("the receiver takes nothing", ours=False)


def test_a_slow_refusal_says_nothing_of_what_was_sent_again_since(market: Market) -> None:
    sent = refund(market)
    market.sender = Slow(market)
    market.send()
    assert status(market, sent) is Status.SENT
    for _ in range(3):
        market.pass_time(minutes=3)
        market.send()
    assert (status(market, sent), market.has(ANN)) == (Status.ARRIVED, {BTC: Decimal("0.5")})


@dataclass
class Late:
    """Says that it has refused what it books later."""

    custody: FakeCustody
    drafts: Sequence[Draft] = ()

    def draft(self, sending: Sending) -> Sequence[Draft]:
        return self.custody.draft(sending)

    def send(self, drafts: Sequence[Draft]) -> Sequence[Transaction]:
        if self.drafts:
            return self.custody.send(drafts)
        self.drafts = drafts
        raise CustodyRefused("the receiver takes nothing", ours=False)

    def book(self) -> None:
        self.custody.send(self.drafts)


def refused_and_wanted(market: Market) -> tuple[str, str, Late]:
    """Ann's refund, of which an attempt was refused; and Bob's, which is to spend the output of that attempt."""
    bobs = refund(market, "0.5", BOB)
    market.pay(ANN, BTC, "0.5", b"hello")
    market.poll()
    anns = next(item.PK for item in market.due() if item.PK != bobs)
    late = market.sender = Late(market.custody)
    market.transfers.send(anns)
    market.custody.fail_before_next("send")
    with pytest.raises(CustodyUnavailable):
        market.transfers.send(bobs)
    refused = store.outgoing(market.table, anns)
    assert refused.needs_person
    assert refused.inputs == store.outgoing(market.table, bobs).inputs
    return anns, bobs, late


def test_what_was_refused_and_is_booked_later_pays_nobody_twice(market: Market) -> None:
    anns, _, late = refused_and_wanted(market)
    market.table.write(store.ask_again(store.outgoing(market.table, anns), market.clock()))
    late.book()
    for _ in range(20):
        market.send()
        market.pass_time(minutes=3)
    assert store.outgoing(market.table, anns).needs_person
    assert market.has(ANN) == {BTC: Decimal("0.5")}


def test_what_another_has_spent_is_never_booked_for_an_attempt_before(market: Market) -> None:
    anns, bobs, late = refused_and_wanted(market)
    market.table.write(store.ask_again(store.outgoing(market.table, anns), market.clock()))
    market.transfers.send(anns)
    assert status(market, anns) is Status.INTENDED, "what Bob's is to spend may be spent by the attempt before"
    for _ in range(5):
        market.pass_time(minutes=1)
        market.send()
    assert status(market, anns) is status(market, bobs) is Status.ARRIVED
    with pytest.raises(CustodyRefused):
        late.book()
    assert market.has(ANN) == market.has(BOB) == {BTC: Decimal("0.5")}


def test_the_next_attempt_spends_what_the_one_before_would_have(market: Market) -> None:
    sent = refund(market)
    late = market.sender = Late(market.custody)
    market.send()
    first = store.outgoing(market.table, sent)
    market.pay(BOB, BTC, "0.5", b"hello")
    market.table.write(store.ask_again(first, market.clock()))
    market.send()
    assert set(first.inputs) <= set(store.outgoing(market.table, sent).inputs)
    with pytest.raises(CustodyRefused):
        late.book()


def test_no_two_transfers_spend_one_output(market: Market) -> None:
    """Of equal outputs the first is chosen by both; the second chooses again."""
    first, second = refund(market, "0.5", ANN), ""
    market.pay(BOB, BTC, "0.5", b"hello")
    market.poll()
    second = next(item.PK for item in market.due() if item.PK != first)
    market.custody.fail_before_next("send", 2)
    market.send()
    inputs = [store.outgoing(market.table, sent).inputs for sent in (first, second)]
    assert len({output for one in inputs for output in one}) == 2
    market.pass_time(minutes=3)
    market.send()
    market.pass_time(minutes=1)
    market.send()
    assert market.has(ANN) == market.has(BOB) == {BTC: Decimal("0.5")}


def test_a_silent_custody_keeps_nobody_elses_transfer(market: Market) -> None:
    refund(market, "0.5", ANN)
    market.pay(BOB, BTC, "0.7", b"hello")
    market.poll()
    market.custody.fail_before_next("draft")
    market.send()
    assert sorted(status(market, sent) for sent in market.ids_of_due()) == [Status.INTENDED, Status.SENT]


def test_the_story_of_a_transfer_is_told(market: Market) -> None:
    sent = refund(market)
    market.send()
    market.pass_time(minutes=1)
    market.send()
    assert [event.after for event in timeline.of(market.table, sent)] == ["SENT", "ARRIVED"]


def output(number: int, amount: str) -> Output:
    return Output(f"o{number}", Quantity(amount, BTC), "h", number, number)


def test_the_smallest_output_that_covers_it_is_spent() -> None:
    outputs = [output(1, "5"), output(2, "2"), output(3, "1")]
    assert choose(outputs, Quantity("1.5", BTC)) == (outputs[1],)


def test_as_few_outputs_as_can_be_are_spent() -> None:
    outputs = [output(1, "1"), output(2, "4"), output(3, "3")]
    assert choose(outputs, Quantity("6", BTC)) == (outputs[1], outputs[2])


@pytest.mark.parametrize(
    ("needed", "contested", "spent"),
    [("1", {"o1"}, ["o1", "o3"]), ("0.1", {"o4"}, ["o4"]), ("5.2", {"o1", "o4"}, ["o1", "o4", "o2", "o3"])],
)
def test_what_attempts_before_would_have_spent_is_spent(needed: str, contested: set[str], spent: list[str]) -> None:
    there = [output(1, "0.1"), output(2, "3"), output(3, "2"), output(4, "0.2")]
    assert [one.output_id for one in choose(there, Quantity(needed, BTC), contested)] == spent


def test_what_can_not_be_covered_says_how_much_there_is() -> None:
    with pytest.raises(TooFewOutputs, match="5"):
        choose([output(1, "5")], Quantity("6", BTC))


def test_too_many_outputs_are_merged_first_the_largest() -> None:
    outputs = [output(n, str(n)) for n in range(1, INPUTS_MAX + 10)]
    with pytest.raises(TooManyOutputs) as many:
        choose(outputs, total(BTC, outputs))
    assert many.value.largest == tuple(reversed(outputs[-INPUTS_MAX:]))


def is_sent(market: Market, amount: str, minutes: int) -> Outgoing:
    """To Ann, who has no other money."""
    whole = home(amount, ANN, market)
    market.table.write(store.intend(whole))
    for _ in range(minutes):
        market.send()
        market.pass_time(minutes=1)
    assert status(market, whole.outgoing_id) is Status.ARRIVED
    assert market.has(ANN) == {BTC: Decimal(amount)}
    return store.outgoing(market.table, whole.outgoing_id)


def test_small_outputs_are_merged_and_then_sent(market: Market) -> None:
    for _ in range(INPUTS_MAX + 5):
        market.safe.pay(BOB, US, BTC, 1_000_000, b"")
    is_sent(market, f"0.{INPUTS_MAX + 3}", 8)


def test_what_is_as_good_as_nothing_is_not_merged_first(market: Market) -> None:
    """Anybody may send us any number of such outputs."""
    for _ in range(INPUTS_MAX + 5):
        market.safe.pay(BOB, US, BTC, 1_000_000, b"")
    for _ in range(300):
        market.safe.pay(BOB, US, BTC, 1, b"")
    is_sent(market, f"0.{INPUTS_MAX + 3}", 3)


def test_what_came_behind_any_number_of_outputs_is_found(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "OUTPUTS_READ_MAX", PAGE_MAX)
    for _ in range(2 * PAGE_MAX):
        market.safe.pay(BOB, US, BTC, 1, b"")
    market.safe.pay(BOB, US, BTC, 100_000_000, b"")
    market.custody.refuse_next(ours=True)
    assert is_sent(market, "0.9", 8).attempt == 2


def test_a_merge_that_was_refused_is_made_again(market: Market) -> None:
    for _ in range(INPUTS_MAX + 5):
        market.safe.pay(BOB, US, BTC, 1_000_000, b"")
    market.custody.refuse_next(2)
    is_sent(market, f"0.{INPUTS_MAX + 3}", 8)


def test_a_merge_of_what_others_have_spent_waits_for_nobody(market: Market) -> None:
    for _ in range(INPUTS_MAX + 5):
        market.safe.pay(BOB, US, BTC, 1_000_000, b"")
    market.table.write(store.intend(home(f"0.{INPUTS_MAX + 3}", ANN, market)))
    market.send()
    (merge,) = [x for x in market.ids_of_due() if store.outgoing(market.table, x).kind is Kind.MERGE]
    market.steal(BTC)
    market.send()
    assert status(market, merge) is Status.REFUSED
    assert not store.outgoing(market.table, merge).needs_person


@dataclass(frozen=True)
class Choosy:
    """Can not draft what is for one receiver: a bug of ours."""

    custody: FakeCustody
    not_for: str

    def draft(self, sending: Sending) -> Sequence[Draft]:
        if sending.to == User(self.not_for):
            raise ValueError("the inputs do not cover it")
        return self.custody.draft(sending)

    def send(self, drafts: Sequence[Draft]) -> Sequence[Transaction]:
        return self.custody.send(drafts)


def test_a_transfer_that_can_not_be_drafted_keeps_nobody_elses(market: Market) -> None:
    market.sender = Choosy(market.custody, ANN)
    for _ in range(2):
        refund(market, "0.5", ANN)
        refund(market, "0.7", BOB)
    for _ in range(3):
        market.send()
        market.pass_time(minutes=1)
    assert (market.has(ANN), market.has(BOB)) == ({}, {BTC: Decimal("1.4")})
    market.sender = market.custody
    for _ in range(2):
        market.send()
        market.pass_time(minutes=1)
    assert market.has(ANN) == {BTC: Decimal(1)}


def test_who_has_waited_long_for_something_else_is_not_short(market: Market) -> None:
    """An hour without the custody, and then two transfers that one output covers: what is left of it comes back."""
    market.safe.set_delays(kernel_seconds=90)
    market.safe.pay(BOB, US, BTC, 200_000_000, b"")
    for payer in (ANN, BOB):
        market.table.write(store.intend(home("0.7", payer, market)))
    market.pass_time(hours=1)
    for _ in range(6):
        market.send()
        market.pass_time(minutes=1)
    assert (market.has(ANN), market.has(BOB)) == ({BTC: Decimal("0.7")}, {BTC: Decimal("0.7")})


def test_who_is_short_for_half_an_hour_waits_for_a_person(market: Market) -> None:
    market.pass_time(hours=1)
    short = home("0.7", ANN, market)
    market.table.write(store.intend(short))
    for minute in range(33):
        assert store.outgoing(market.table, short.outgoing_id).needs_person is (minute > 30)
        market.send()
        market.pass_time(minutes=1)


class Denied(FakeCustody):
    """Our key may not send."""

    denies = True

    def send(self, drafts: Sequence[Draft]) -> Sequence[Transaction]:
        if self.denies:
            raise CustodyRefused("the key has no right to send", ours=True)
        return super().send(drafts)


def test_what_is_refused_for_our_own_fault_is_tried_for_six_hours(market: Market) -> None:
    """Rights, a quota, where it is asked from: that may pass. Then a person mends it, and it is tried again."""
    denied = market.custody = market.sender = Denied(market.safe, US)
    sent = refund(market)
    market.send()
    began = market.clock.at
    while market.clock.at < began + timedelta(hours=6):
        assert not store.outgoing(market.table, sent).needs_person
        market.pass_time(minutes=6)
        market.send()
    stopped = store.outgoing(market.table, sent)
    assert (stopped.needs_person, stopped.status) == (True, Status.INTENDED)
    before = stopped.attempt
    market.pass_time(hours=6)
    market.send()
    assert store.outgoing(market.table, sent).attempt == before, "nothing is asked while a person looks"
    market.table.write(store.ask_again(stopped, market.clock()))
    market.send()
    assert not store.outgoing(market.table, sent).needs_person, "its time begins anew"
    denied.denies = False
    market.pass_time(minutes=6)
    market.send()
    market.pass_time(minutes=1)
    market.send()
    assert (market.has(ANN), store.outgoing(market.table, sent).status) == ({BTC: Decimal("0.5")}, Status.ARRIVED)


def home(amount: str, to: str, market: Market) -> Outgoing:
    at, sent = market.clock(), outgoing_id(Kind.HOME, to, BTC)
    return Outgoing(sent, Kind.HOME, "M", Quantity(amount, BTC), User(to), Status.INTENDED, at, at)
