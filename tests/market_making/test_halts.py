"""What an operator halts is cancelled, seen to be, and paused, for as long as another operator has not lifted it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from common.domain import flow_halts, halts, timeline
from common.domain.custody import store
from common.domain.custody.model import Kind
from common.domain.custody.model import Status as Outgoing
from common.domain.flow_halts import Flow, Halted
from common.domain.halts import HaltOwn
from common.domain.timeline import CLOCK
from common.gateways.exchange import Side
from common.gateways.exchange.maker import Quote
from common.owner import Owner
from functions.market_making.model import NotPausable, NotResumable, Status, Terms
from functions.market_making.quotes import client_order_id
from functions.market_making.service import ticking
from functions.market_making.service.order_cycle import OrderCycle
from functions.market_making.service.shard import Ticked
from functions.market_making.service.ticking import HALTED_WITHIN
from tests.market_making.market import ACCOUNT, ANN, BOB, ORDER, PAIR, Market
from tests.market_making.market import BTC as CUSTODYS_BTC
from tests.market_making.test_withdrawing import BTC, OTHER, Two


@pytest.fixture
def two() -> Two:
    two = Two()
    two.ticks(2)
    assert len(two.open) == 4
    return two


def statuses(two: Two) -> list[Status]:
    return [two.market.order(uuid).status for uuid in (ORDER, OTHER)]


def id_of(two: Two, uuid: UUID = ORDER) -> str:
    return two.market.order(uuid).order_id


def halt(two: Two, uuid: UUID = ORDER) -> str:
    """The halt's id."""
    two.market.halting.halt_order(id_of(two, uuid), "a drill", "olga", dry_run=False)
    return halts.halt_id_of(id_of(two, uuid))


def test_the_orders_of_an_account_that_is_halted_are_paused(two: Two) -> None:
    two.market.halting.halt(ACCOUNT, "a drill", "olga", dry_run=False)
    two.tick()
    assert statuses(two) == [Status.PAUSED] * 2
    assert two.market.order().reason == "the desk has halted it; resume it once that is lifted"
    assert two.open == []
    two.market.clock.at += timedelta(seconds=10)
    two.tick()
    assert [two.quotes_of(uuid).open_at_most for uuid in (ORDER, OTHER)] == [0, 0]


def test_what_is_halted_is_not_resumed_before_it_is_lifted(two: Two) -> None:
    halting, steering = two.market.halting, two.market.steering
    halting.halt(ACCOUNT, "a drill", "olga", dry_run=False)
    two.tick()
    with pytest.raises(NotResumable, match="its account is halted"):
        steering.resume(id_of(two))
    halting.lift(halts.halt_id_of(ACCOUNT), "over", "oleg", dry_run=False)
    steering.resume(id_of(two))
    two.ticks(2)
    assert statuses(two) == [Status.RUNNING, Status.PAUSED]
    assert (two.open_of(ORDER), two.open_of(OTHER)) == (2, 0)


def test_an_order_that_is_halted_is_paused_and_no_other(two: Two) -> None:
    halt(two)
    assert statuses(two) == [Status.PAUSED, Status.RUNNING]
    assert two.market.order().reason == "the desk has halted it; resume it once that is lifted"
    two.tick()
    assert (two.open_of(ORDER), two.open_of(OTHER)) == (0, 2)
    assert [event.actor for event in timeline.of(two.market.table, id_of(two))][-1] == "olga"


def test_its_owner_resumes_it_once_another_operator_has_lifted_it(two: Two) -> None:
    halting, steering, halt_id = two.market.halting, two.market.steering, halt(two)
    with pytest.raises(NotResumable, match="an operator has halted it"):
        steering.resume(id_of(two))
    with pytest.raises(HaltOwn):
        halting.lift(halt_id, "over", "olga", dry_run=False)
    assert halting.lift(halt_id, "over", "oleg", dry_run=False).done
    assert statuses(two)[0] is Status.PAUSED
    steering.resume(id_of(two))
    two.ticks(2)
    assert two.open_of(ORDER) == 2


def test_what_its_owner_has_paused_is_halted_as_well(two: Two) -> None:
    two.market.steering.pause(id_of(two))
    halt(two)
    with pytest.raises(NotResumable):
        two.market.steering.resume(id_of(two))


def test_a_repeat_and_a_dry_run_halt_nothing(two: Two) -> None:
    assert not two.market.halting.halt_order(id_of(two), "a drill", "olga", dry_run=True).done
    assert statuses(two)[0] is Status.RUNNING
    halt(two)
    assert not two.market.halting.halt_order(id_of(two), "a drill", "olga", dry_run=False).done


def test_neither_of_two_who_have_halted_an_order_lifts_it(two: Two) -> None:
    halt_id, halting = halt(two), two.market.halting
    assert halting.halt_order(id_of(two), "so I think, too", "oleg", dry_run=False).done
    for operator in ("olga", "oleg"):
        with pytest.raises(HaltOwn):
            halting.lift(halt_id, "over", operator, dry_run=False)
    assert halting.lift(halt_id, "over", "omar", dry_run=False).done


def test_what_does_not_quote_is_not_halted(two: Two) -> None:
    two.market.quoting.stop(id_of(two))
    with pytest.raises(NotPausable):
        halt(two)


def test_what_is_open_though_it_is_paused_is_cancelled_and_told(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if its cycles did not see it."""
    counted = dict[str, float]()
    monkeypatch.setattr(ticking, "count", lambda name, value=1: counted.update({name: value}))
    halt(two)
    two.tick()
    name = client_order_id(id_of(two), 99, "b0")
    two.fake.place(BTC, Quote(Side.BUY, Decimal(50_000), Decimal("0.001"), name))
    monkeypatch.setattr(OrderCycle, "plan", lambda _: 0)
    monkeypatch.setattr(OrderCycle, "act", lambda _: Ticked())
    two.market.clock.at += HALTED_WITHIN - timedelta(seconds=1)
    two.tick()
    assert (two.open_of(ORDER), counted) == (1, {})
    two.market.clock.at += timedelta(seconds=1)
    two.tick()
    assert (two.open_of(ORDER), counted["QuotesOpenThoughHalted"]) == (0, 1)


def test_a_halt_is_not_lifted_that_another_has_just_taken_over() -> None:
    """Whoever lifts it has read the clock's reason, and not the operator's."""
    market = Market()
    halts.ensure(market.table, ACCOUNT, "something is missing", CLOCK, market.clock())
    read = halts.of(market.table, ACCOUNT)
    assert read is not None
    market.table.write(*halts.taken_over(read, "the exchange is hacked", "olga", market.clock()))
    with pytest.raises(halts.HaltMoved):
        market.table.write(*halts.lift(read, "it is all there", "oleg", market.clock()))
    now = halts.of(market.table, ACCOUNT)
    assert now is not None
    assert (now.why, now.operators) == ("the exchange is hacked", ("olga",))
    market.table.write(*halts.lift(now, "it was a rumour", "oleg", market.clock()))
    assert halts.of(market.table, ACCOUNT) is None


# Market making as a whole


@pytest.mark.parametrize("asset_id", [None, "BTC", "USDT"])
@pytest.mark.parametrize("flow", ["market-making", "all"])
def test_a_halt_of_the_flow_cancels_all_quotes_and_its_end_brings_them_back(
    two: Two, flow: str, asset_id: str | None
) -> None:
    """Nobody has to resume anything: no owner has paused it."""
    table, at = two.market.table, two.market.clock.at
    table.write(flow_halts.halt(Flow(flow), asset_id, "a drill", "olga", at))
    two.tick()
    assert (two.open, statuses(two)) == ([], [Status.RUNNING] * 2)
    two.ticks(2)
    assert two.open == []
    (held,) = flow_halts.read(table).halts
    table.write(flow_halts.lift(held))
    two.ticks(2)
    assert len(two.open) == 4


def test_a_halt_of_another_coin_leaves_the_market_alone(two: Two) -> None:
    table = two.market.table
    table.write(flow_halts.halt(Flow.MARKET_MAKING, "ETH", "a drill", "olga", two.market.clock.at))
    table.write(flow_halts.halt(Flow.ORDERS, None, "a drill", "olga", two.market.clock.at))
    two.ticks(2)
    assert len(two.open) == 4


def test_while_market_making_is_halted_no_order_is_opened_and_payments_go_back() -> None:
    market = Market()
    market.list_pair()
    market.poll()
    market.table.write(flow_halts.halt(Flow.MARKET_MAKING, None, "a drill", "olga", market.clock.at))
    with pytest.raises(Halted):
        market.opening.open(Owner("ann", "sub-ann"), "k", Terms(PAIR, Decimal("0.1"), Decimal(5000)))
    market.fund(ANN, CUSTODYS_BTC, "0.1")
    market.poll()
    market.send()
    assert not market.has_order()
    (sent,) = market.ids_of_due()
    back = store.outgoing(market.table, sent)
    assert (back.kind, back.status) == (Kind.REFUND, Outgoing.SENT)


def test_what_is_to_go_to_the_exchange_waits_for_the_end_of_the_halt() -> None:
    market = Market()
    market.list_pair()
    market.poll()
    market.fund_all()
    market.run(1)
    market.table.write(flow_halts.halt(Flow.MARKET_MAKING, "BTC", "a drill", "olga", market.clock.at))
    market.run(3)
    assert market.order().status is Status.WITHDRAWING
    (held,) = flow_halts.read(market.table).halts
    market.table.write(flow_halts.lift(held))
    market.run(10)
    assert market.order().status is Status.CREATED


def going_to_the_exchange() -> tuple[Market, str]:
    """A funding is to be sent; market making of its coin is halted."""
    market = Market()
    market.list_pair()
    market.poll()
    market.fund_all()
    market.run(1)
    market.table.write(flow_halts.halt(Flow.MARKET_MAKING, "BTC", "a drill", "olga", market.clock.at))
    return market, market.ids_of_due()[0]


def test_what_is_halted_keeps_nothing_waiting_that_is_not() -> None:
    """A round has time for one only, again and again: a refund that is due later goes."""
    market, held = going_to_the_exchange()
    market.pay(BOB, CUSTODYS_BTC, "0.5", b"hello")
    market.poll()
    for _ in range(4):
        times = iter([True, False])
        market.sending.round(lambda: next(times))  # noqa: B023
        market.pass_time(seconds=60)
    assert market.has(BOB) == {CUSTODYS_BTC: Decimal("0.5")}
    assert store.outgoing(market.table, held).status is Outgoing.INTENDED


def test_what_the_custody_never_got_is_not_sent_again_while_halted() -> None:
    market, held = going_to_the_exchange()
    (halt,) = flow_halts.read(market.table).halts
    market.table.write(flow_halts.lift(halt))
    market.custody.fail_before_next("send")
    market.send()
    assert store.outgoing(market.table, held).status is Outgoing.SENT
    sent_at = store.outgoing(market.table, held).sent_at
    market.table.write(flow_halts.halt(Flow.MARKET_MAKING, "BTC", "a drill", "olga", market.clock.at))
    for _ in range(3):
        market.pass_time(minutes=3)
        market.send()
    assert (store.outgoing(market.table, held).status, held in market.ids_of_due()) == (Outgoing.SENT, True)
    assert store.outgoing(market.table, held).sent_at == sent_at
    (halt,) = flow_halts.read(market.table).halts
    market.table.write(flow_halts.lift(halt))
    for _ in range(3):
        market.pass_time(minutes=3)
        market.send()
    assert store.outgoing(market.table, held).status in (Outgoing.CONFIRMED, Outgoing.ARRIVED)
