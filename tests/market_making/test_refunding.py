"""What comes back of an order that has failed: all that has not left, once, and not before that is certain."""

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

import pytest

from common.domain.custody import store as custody_store
from common.domain.custody.model import Kind, Outgoing, outgoing_id
from common.domain.custody.model import Status as Sent
from common.gateways.custody import CustodyRefused, CustodyUnavailable, Draft, Transaction
from functions.market_making.model import RefundUnderway, Status
from sandbox.mixin.assets import units_of
from sandbox.mixin.fake import FakeCustody
from tests.market_making.audit import (
    Amounts,
    at_exchange,
    desk_fees,
    go_on,
    has_all_back,
    in_custody,
    items,
    live,
    live_until,
    people_told,
    room_taken,
)
from tests.market_making.market import ANN, BTC, ETH, USDT, Market

HELD_UP = "a part of it is at the exchange"


@pytest.fixture
def market() -> Market:
    """All is paid, with a surplus in a third asset; both legs are to be sent."""
    market = Market()
    market.list_pair()
    market.poll()
    market.fund(ANN, BTC, "0.10002")
    market.fund(ANN, USDT, "5000")
    market.fund(ANN, ETH, "0.00300001")
    market.poll()
    order_id = market.order().order_id
    market.paying.check(order_id)
    market.moving.withdraw(order_id)
    return market


def leg(market: Market, asset_id: str) -> Outgoing:
    return custody_store.outgoing(market.table, outgoing_id(Kind.FUNDING, market.order().order_id, asset_id))


def send(market: Market, asset_id: str) -> Outgoing:
    with suppress(CustodyUnavailable):
        market.transfers.send(leg(market, asset_id).outgoing_id)
    return leg(market, asset_id)


def ends_refunded(market: Market) -> None:
    live_until(market, Status.REFUNDED)
    live(market, 3)
    assert has_all_back(market)
    assert (at_exchange(market), desk_fees(market), room_taken(market)) == ({}, {}, 0)
    assert (people_told(market), market.due()) == ([], [])


def ends_in_two(market: Market, back: Amounts, there: Amounts) -> None:
    """A part is at the exchange, the rest is back, the desk has earned nothing, and a person is told."""
    live(market, 10, lambda: market.order().needs_person)
    live(market, 5)
    assert market.order().status is Status.FAILED
    assert (market.has(ANN), at_exchange(market)) == (back, there)
    assert (in_custody(market), desk_fees(market), room_taken(market)) == ({}, {}, 1)
    assert [HELD_UP in told for told in people_told(market)] == [True]


def test_a_leg_that_is_refused_first_keeps_the_other_here(market: Market) -> None:
    market.custody.refuse_next()
    assert send(market, BTC).status is Sent.REFUSED
    assert market.moving.confirm(market.order().order_id).facts["status"] == "failed"
    assert leg(market, USDT).status is Sent.REFUSED
    ends_refunded(market)


def test_two_legs_that_are_refused_bring_all_back(market: Market) -> None:
    """The surplus of the fees is on its way back already: it does not go twice."""
    market.custody.refuse_next(2)
    for asset_id in (BTC, USDT):
        assert send(market, asset_id).status is Sent.REFUSED
    ends_refunded(market)


def test_a_fee_that_rises_when_all_is_decided_brings_all_back(market: Market) -> None:
    market.safe.set_fees(BTC, {BTC: units_of(Decimal("0.00003"))})
    market.safe.set_fees(USDT, {ETH: units_of(Decimal("0.0011"))})
    ends_refunded(market)


def test_the_second_leg_refused_leaves_the_base_at_the_exchange(market: Market) -> None:
    send(market, BTC)
    market.custody.refuse_next()
    assert send(market, USDT).status is Sent.REFUSED
    ends_in_two(market, {USDT: Decimal(5000), ETH: Decimal("0.00300001")}, {"BTC": Decimal("0.1")})


def test_the_second_leg_refused_leaves_the_quote_at_the_exchange(market: Market) -> None:
    """The desk's fee goes back with the base."""
    send(market, USDT)
    market.custody.refuse_next()
    assert send(market, BTC).status is Sent.REFUSED
    back = {BTC: Decimal("0.10002"), USDT: Decimal(5), ETH: Decimal("0.00200001")}
    ends_in_two(market, back, {"USDT": Decimal(4995)})


def test_a_leg_whose_answer_is_lost_is_waited_for(market: Market) -> None:
    """It was sent: what is not on its way with it goes back at once, the rest of its assets when that is known."""
    market.custody.drop_answer_next("send")
    send(market, USDT)
    market.custody.refuse_next()
    send(market, BTC)
    market.moving.confirm(market.order().order_id)
    with pytest.raises(RefundUnderway, match="on its way"):
        market.refunding.refund(market.order().order_id)
    back = {BTC: Decimal("0.10002"), USDT: Decimal(5), ETH: Decimal("0.00200001")}
    ends_in_two(market, back, {"USDT": Decimal(4995)})


def test_a_leg_that_was_never_sent_and_is_refused_comes_back_once(market: Market) -> None:
    """Nobody knows at first whether it was sent; the desk's fee of it does not go back before that, and again after."""
    market.custody.fail_before_next("send")
    send(market, USDT)
    market.custody.refuse_next()
    send(market, BTC)
    market.moving.confirm(market.order().order_id)
    with pytest.raises(RefundUnderway, match="on its way"):
        market.refunding.refund(market.order().order_id)
    market.pass_time(minutes=3)
    market.custody.refuse_next()
    send(market, USDT)  # the repeat is refused: ten minutes later that is certain
    market.pass_time(minutes=11)
    send(market, USDT)
    market.custody.refuse_next()
    assert send(market, USDT).status is Sent.REFUSED
    ends_refunded(market)


def test_a_leg_that_is_stuck_is_a_persons_and_its_rest_waits(market: Market) -> None:
    """The custody has it, its chain has not: what became of it is known when the chain has it. Until then the desk's
    fee of it, which goes back, is booked as nobody's."""
    market.safe.stick_next(1)
    stuck = send(market, USDT)
    market.custody.refuse_next()
    send(market, BTC)
    live(market, 35)
    assert (market.order().status, market.order().needs_person) == (Status.FAILED, True)
    assert market.has(ANN) == {BTC: Decimal("0.10002"), ETH: Decimal("0.00200001")}
    market.safe.confirm(stuck.request_id)
    live(market, 2)
    go_on(market)
    back = {BTC: Decimal("0.10002"), USDT: Decimal(5), ETH: Decimal("0.00200001")}
    ends_in_two(market, back, {"USDT": Decimal(4995)})


class Liar(FakeCustody):
    """Sends, and says that it has refused to, for a cause of ours."""

    def send(self, drafts: Sequence[Draft]) -> Sequence[Transaction]:
        super().send(drafts)
        raise CustodyRefused("insufficient balance", ours=True)


def test_a_leg_that_was_sent_and_denied_is_not_given_back(market: Market) -> None:
    """Its next attempt is to be sent: that it was not sent before is the custody's word alone."""
    market.sender = Liar(market.safe, market.custody.user_id)
    assert send(market, USDT).attempt == 2
    market.sender = market.custody
    market.custody.refuse_next()
    send(market, BTC)
    live(market, 40)
    assert market.order().status is Status.FAILED
    assert market.has(ANN) == {BTC: Decimal("0.10002"), ETH: Decimal("0.00200001")}
    assert at_exchange(market) == {"USDT": Decimal(4995)}
    assert in_custody(market) == {USDT: Decimal(5)}
    assert any("outputs are spent" in told for told in people_told(market))


def test_a_refund_that_is_refused_waits_for_a_person(market: Market) -> None:
    market.custody.refuse_next(3)
    live(market, 5)
    assert (market.order().status, market.order().needs_person) == (Status.FAILED, True)
    assert room_taken(market) == 1


@pytest.mark.parametrize("down", [("custody",), ("funds",), ("custody", "funds")])
def test_an_hour_of_silence_delays_a_refund_only(market: Market, down: tuple[str, ...]) -> None:
    """Ten refunds that have waited for an hour spend one output after the other: that is no shortage."""
    market.custody.refuse_next(2)
    for asset_id in (BTC, USDT):
        send(market, asset_id)
    for system in down:
        getattr(market, system).down = True
    live(market, 60)
    for system in down:
        getattr(market, system).down = False
    ends_refunded(market)


def test_refunding_again_changes_nothing(market: Market) -> None:
    market.custody.refuse_next(2)
    order_id = market.order().order_id
    for asset_id in (BTC, USDT):
        send(market, asset_id)
    market.moving.confirm(order_id)
    for _ in range(2):
        with pytest.raises(RefundUnderway):
            market.refunding.refund(order_id)
        before = items(market)
    assert items(market) == before
    ends_refunded(market)
    before = items(market)
    market.refunding.refund(order_id)
    market.moving.confirm(order_id)
    market.moving.withdraw(order_id)
    assert items(market) == before


def test_what_waits_for_a_person_is_left_to_him(market: Market) -> None:
    send(market, BTC)
    market.custody.refuse_next()
    send(market, USDT)
    live(market, 10)
    before = items(market)
    market.refunding.refund(market.order().order_id)
    assert items(market) == before
    go_on(market)
    live(market, 2)
    assert [HELD_UP in told for told in people_told(market)] == [True]
