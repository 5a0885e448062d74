"""Whatever of market making waits for a person is ended by operators, with what the desk offers them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from common import keys
from common.domain import rulings, work
from common.domain.custody import store as custody
from common.domain.custody.model import Disposition, Outgoing, incoming_id
from common.domain.custody.model import Status as Sent
from common.domain.proposals.model import OwnProposal
from common.gateways.custody import CustodyUnavailable, State, Transaction
from common.gateways.exchange import ExchangeOrderUnknown, ExchangeUnavailable
from common.gateways.exchange.funds import ExchangeDeposit
from common.gateways.exchange.maker import OwnTrade
from common.money import Quantity
from common.operator_outcome import OperatorOutcome
from common.table.transaction import Write
from functions.market_making import account_store, leg_store, quotes_store
from functions.market_making.model import (
    FIRST_SHARD,
    ORDERS_PER_ACCOUNT_MAX,
    TICK_EVERY,
    NoCapacity,
    ShardFull,
    Status,
    TradingAccountFixed,
    order_id,
)
from functions.market_making.quotes_store import QuotesItem
from functions.operations.model import EvidenceNotBelieved, NotDriven, NothingWaits, NotProposable
from sandbox.exchange.flow import Flow
from sandbox.exchange.venue import BUY, HOUSE, Kind, TimeInForce
from sandbox.mixin.assets import units_of
from sandbox.mixin.records import Snapshot
from tests.desk import Desk
from tests.market_making.audit import Meanwhile
from tests.market_making.market import ACCOUNT, ANN, BOB, BTC, ETH, ORDER, US, USDT, Market
from tests.market_making.outside import check

M = order_id(ORDER)
CAROL = "33333333-3333-4333-8333-333333333333"


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.market.list_pair()
    desk.market.safe.join(CAROL)
    desk.market.poll()
    return desk


def two(desk: Desk, command: str, thing_id: str, **terms: str) -> None:
    """One operator proposes, another one confirms: two commands."""
    reference = None if command == "mm home" else "ticket 4711"
    proposed = desk.proposals.propose(command, thing_id, terms, reference, "seen", "olga", dry_run=False)
    with pytest.raises(OwnProposal):
        desk.proposals.confirm(proposed.id, "so it is", "olga", dry_run=False)
    assert desk.proposals.confirm(proposed.id, "so it is", "oleg", dry_run=False).done


def redrive(desk: Desk, thing_id: str, by: str = "olga") -> None:
    assert desk.interventions.redrive(thing_id, "looked at", by, dry_run=False).done


def retry(desk: Desk, outgoing_id: str) -> None:
    assert desk.asking_again.retry_outgoing(outgoing_id, "looked at", "olga", dry_run=False).done


def offered(desk: Desk, thing_id: str) -> list[str]:
    return [act.command for act in desk.operations.story(thing_id).acts]


def until(market: Market, *statuses: Status, minutes: float = 120) -> None:
    market.run(minutes, lambda: M in _there(market) and market.order().status in statuses)
    assert market.order().status in statuses, (market.order(), market.bugs)


def until_a_person(market: Market, minutes: float = 120) -> str:
    market.run(minutes, lambda: M in _there(market) and market.order().needs_person)
    assert market.order().needs_person, (market.order(), market.bugs)
    market.run(1)  # its execution ends
    return market.order().waits_for or ""


def _there(market: Market) -> set[str]:
    return {item["PK"]["S"] for item in market.dynamo.items() if item["SK"]["S"] == "MARKET_MAKING"}


class Instead:
    """Somebody's answers, changed by who tests."""

    def __init__(self, other: Any, **changed: Callable[[Any], Any]) -> None:
        self._other, self._changed = other, changed

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._other, name)
        change = self._changed.get(name)
        return asked if change is None else lambda *given, **named: change(asked(*given, **named))


def lies(market: Market, **changed: Callable[[Any], Any]) -> None:
    """The exchange's answers are others from now on."""
    lying: Any = Instead(market.funds, **changed)
    market.funds = market.withdrawing = lying


def no_such_order(*_: object) -> None:
    raise ExchangeOrderUnknown("there is no such order")


def trades_that_can_not_be(market: Market, **changed: Any) -> tuple[Callable[[], None], Decimal, Decimal]:
    """The order quotes, and has sold something, for so much less the fee: both are in the answer. It is told otherwise,
    or not at all, until what is answered first is called."""
    quoting(market)
    market.exchange.profiles.choose("thin", ["BTCUSDT"])
    flow = Flow(market.exchange.venue, {"BTCUSDT": Decimal(60_000)}.get, profiles=market.exchange.profiles)
    flow.step()
    for _ in range(2):
        market.ticking.tick(FIRST_SHARD, market.clock.at, lambda: True)
        market.clock.at += TICK_EVERY
    venue, real = market.exchange.venue, market.maker
    price, immediate = Decimal(60_120), TimeInForce.IOC
    venue.cancel_all(HOUSE, "BTCUSDT")
    venue.place("takers", "BTCUSDT", BUY, Kind.LIMIT, quantity=Decimal("0.001"), price=price, time_in_force=immediate)
    (sale,) = venue.trades(ACCOUNT, "BTCUSDT")

    def told(trades: Sequence[OwnTrade]) -> list[OwnTrade]:
        return [] if None in changed.values() else [replace(trade, **changed) for trade in trades]

    lying: Any = Instead(real, trades_after=told, trades_of=told)
    market.maker = lying
    return lambda: setattr(market, "maker", real), sale.quantity, sale.quote_quantity - sale.fee


def stuck_leg(market: Market, asset_id: str = USDT) -> None:
    """The order is paid; one of its legs is sent, the other refused."""
    market.fund_all()
    market.run(10, lambda: M in _there(market) and market.order().status is Status.WITHDRAWING)
    waiting = [custody.outgoing(market.table, item.PK) for item in market.due()]
    (sent,) = [each for each in waiting if each.quantity.asset_id != asset_id]
    (refused,) = [each for each in waiting if each.quantity.asset_id == asset_id]
    market.transfers.send(sent.outgoing_id)
    market.custody.refuse_next()
    market.transfers.send(refused.outgoing_id)
    assert custody.outgoing(market.table, refused.outgoing_id).status is Sent.REFUSED


class TestAPartIsAtTheExchange:
    def test_it_comes_home_in_three_commands(self, desk: Desk) -> None:
        market = desk.market
        stuck_leg(market)
        assert "bring it home" in until_a_person(market)
        story = desk.operations.story(M)  # the first command
        said = [(call.state, call.says) for call in story.calls]
        assert any(state == "REFUSED" and "funding: 4995" in (says or "") for state, says in said)
        assert any(state == "REFUNDED" and "5000" in (says or "") for state, says in said)
        assert [act.command for act in story.acts] == ["mm home", "work redrive"]
        two(desk, "mm home", M)
        until(market, Status.REFUNDED)
        assert market.has(ANN)[USDT] == 5000
        assert Decimal("0.09") < market.has(ANN)[BTC] < Decimal("0.1")
        assert desk.operations.story(M).waits_for is None

    def test_what_is_not_credited_is_told_by_two_first(self, desk: Desk) -> None:
        market = desk.market
        lies(market, deposits=lambda _: [])
        stuck_leg(market)
        until_a_person(market)
        two(desk, "mm home", M)
        assert "not credited BTC" in until_a_person(market)
        assert offered(desk, M) == ["work redrive", "mm decide-deposit"]
        two(desk, "mm decide-deposit", M, asset="BTC", credited="0")
        until(market, Status.REFUNDED)
        assert market.has(ANN)[USDT] == 5000

    def test_what_may_still_be_refused_is_waited_for(self, desk: Desk) -> None:
        """Were it refused later, it would have to go back as well: it does not end as refunded without."""
        market = desk.market
        market.fund_all()
        market.run(10, lambda: M in _there(market) and market.order().status is Status.WITHDRAWING)
        base, quote = sorted(
            (custody.outgoing(market.table, item.PK) for item in market.due()), key=lambda o: o.quantity.asset_id != BTC
        )
        market.custody.drop_answer_next("send")
        with suppress(CustodyUnavailable):
            market.transfers.send(base.outgoing_id)
        market.custody.refuse_next()
        market.transfers.send(quote.outgoing_id)
        lying: Any = Instead(market.custody, transaction=lambda told: replace(told, withdrawal_hash=None))
        market.custody = lying
        until_a_person(market)
        two(desk, "mm home", M)
        assert base.outgoing_id in until_a_person(market)


class TestALegIsCalledOff:
    """Of an order that has failed, in a later attempt: what the first was to send may have been sent, whatever was
    said, so that no machine calls it off."""

    def late(self, desk: Desk) -> str:
        """The order's leg of BTC, refused for our own fault; its leg of USDT is refused for good."""
        market = desk.market
        market.fund_all()
        market.run(10, lambda: M in _there(market) and market.order().status is Status.WITHDRAWING)
        base, quote = sorted(
            (custody.outgoing(market.table, item.PK) for item in market.due()), key=lambda o: o.quantity.asset_id != BTC
        )
        market.custody.refuse_next(ours=True)
        market.transfers.send(base.outgoing_id)
        market.custody.refuse_next()
        market.transfers.send(quote.outgoing_id)
        market.run(1, lambda: market.order().status is Status.FAILED)
        there = custody.outgoing(market.table, base.outgoing_id)
        assert (market.order().status, there.status, there.attempt) == (Status.FAILED, Sent.INTENDED, 2)
        return base.outgoing_id

    def test_what_was_paid_for_it_goes_back(self, desk: Desk) -> None:
        market, x = desk.market, self.late(desk)
        assert offered(desk, x) == ["outgoing call-off"]
        two(desk, "outgoing call-off", x)
        until(market, Status.REFUNDED)
        assert market.has(ANN) == {BTC: Decimal("0.10002"), USDT: Decimal(5000), ETH: Decimal("0.001")}
        assert market.has(US) == {}
        assert x not in {i["outgoing_id"]["S"] for i in market.dynamo.items() if i["PK"]["S"].startswith("OUTPUT#")}

    def test_what_was_sent_meanwhile_is_not_called_off(self, desk: Desk) -> None:
        market, x = desk.market, self.late(desk)
        proposed = desk.proposals.propose("outgoing call-off", x, {}, "t", "seen", "olga", dry_run=False)
        market.pass_time(minutes=6)
        market.transfers.send(x)
        with pytest.raises(NotProposable):
            desk.proposals.confirm(proposed.id, "so it is", "oleg", dry_run=False)
        assert custody.outgoing(market.table, x).status is Sent.SENT

    def test_who_begins_to_send_it_at_that_moment_is_first(self, desk: Desk) -> None:
        market, x = desk.market, self.late(desk)
        proposed = desk.proposals.propose("outgoing call-off", x, {}, "t", "seen", "olga", dry_run=False)
        market.pass_time(minutes=6)
        quicker = market.transfers.send
        other: Any = Meanwhile(market, lambda: quicker(x))
        market.client = desk.client = other
        confirm = desk.proposals.confirm
        with pytest.raises(NotProposable):
            confirm(proposed.id, "so it is", "oleg", dry_run=False)
        market.client = desk.client = None
        assert custody.outgoing(market.table, x).status is Sent.SENT

    def test_a_leg_of_an_order_that_goes_on_is_not_called_off(self, desk: Desk) -> None:
        market = desk.market
        market.fund_all()
        market.run(10, lambda: M in _there(market) and market.order().status is Status.WITHDRAWING)
        for item in market.due():
            with pytest.raises(NotProposable):
                two(desk, "outgoing call-off", item.PK)


def less(told: Sequence[ExchangeDeposit]) -> list[ExchangeDeposit]:
    return [replace(each, quantity=Quantity(each.quantity.amount / 2, each.quantity.asset_id)) for each in told]


class TestACreditIsNotBelieved:
    def test_the_order_goes_on_with_what_two_have_found(self, desk: Desk) -> None:
        market = desk.market
        lies(market, deposits=less)
        market.fund_all()
        assert "credited" in until_a_person(market)
        for asset in ("BTC", "USDT"):
            if market.order().status is Status.DEPOSIT_CONFIRMING:
                credited = {"BTC": "0.05", "USDT": "2000.5"}[asset]
                two(desk, "mm decide-deposit", M, asset=asset, credited=credited)
                market.run(2)
        until(market, Status.CREATED)
        (ledger,) = [item for item in market.dynamo.items() if item["SK"]["S"] == "QUOTES"]
        assert (ledger["base_amount"]["N"], ledger["quote_amount"]["N"]) == ("0.05", "2000.5")

    def test_more_than_was_sent_is_not_believed_of_operators_either(self, desk: Desk) -> None:
        lies(desk.market, deposits=less)
        desk.market.fund_all()
        until_a_person(desk.market)
        with pytest.raises(EvidenceNotBelieved):
            two(desk, "mm decide-deposit", M, asset="BTC", credited="0.10000001")
        with pytest.raises(NotProposable):
            two(desk, "mm decide-deposit", M, asset="DOGE", credited="1")

    def test_what_the_exchange_tells_rightly_later_counts(self, desk: Desk) -> None:
        market = desk.market
        right = market.funds
        lies(market, deposits=less)
        market.fund_all()
        until_a_person(market)
        market.funds = market.withdrawing = right
        two(desk, "mm decide-deposit", M, asset="BTC", credited="0.01")
        until(market, Status.CREATED)
        (ledger,) = [item for item in market.dynamo.items() if item["SK"]["S"] == "QUOTES"]
        assert Decimal(ledger["base_amount"]["N"]) > Decimal("0.09")

    def test_an_order_of_which_a_leg_is_lost_ends(self, desk: Desk) -> None:
        """What was never credited is lost; the rest comes home, and the desk takes no fee."""
        market = desk.market
        lies(market, deposits=lambda told: [each for each in told if each.quantity.asset_id != "USDT"])
        market.fund_all()
        assert "not credited USDT" in until_a_person(market)
        two(desk, "mm decide-deposit", M, asset="USDT", credited="0")
        market.run(1, lambda: market.order().status is Status.FAILED)
        assert "bring it home" in until_a_person(market)
        two(desk, "mm home", M)
        until(market, Status.REFUNDED)
        assert market.has(ANN)[BTC] > Decimal("0.09")
        lines = [Decimal(i["amount"]["N"]) for i in market.dynamo.items() if i["PK"]["S"] == f"DESK#{USDT}"]
        assert len(lines) == 2
        assert sum(lines) == 0


def quoting(market: Market) -> None:
    market.fund_all()
    until(market, Status.CREATED)


class TestTheWayHome:
    def test_what_is_too_small_is_kept_and_the_order_ends(self, desk: Desk) -> None:
        market = desk.market
        market.list_pair(base_min=Decimal("0.00001"), quote_min=Decimal("0.5"), fee_bps=Decimal(0))
        fees = market.routes.fees("mm1", desk.market.opening.pair(desk.overseeing.pairs()[0].pair_id))
        for asset_id, amount in ((BTC, "0.0002"), (USDT, "2")):
            market.fund(ANN, asset_id, amount)
        for fee in (fees.base, fees.quote):
            market.fund(ANN, fee.asset_id, str(fee.amount))
        until(market, Status.CREATED)
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        for asset in ("BTC", "USDT"):
            assert "smallest withdrawal" in until_a_person(market)
            assert offered(desk, M) == ["work redrive", "mm keep-rest"]
            two(desk, "mm keep-rest", M, asset=asset, payer="paid")
        until(market, Status.RETURNED)
        kept = {
            i["PK"]["S"].partition("#")[2]: i["amount"]["N"] for i in market.dynamo.items() if "DESK#" in i["PK"]["S"]
        }
        assert kept == {"mm1:BTC": "0.0002", "mm1:USDT": "2"}
        assert desk.overseeing.accounts()[0].orders == 0

    def test_a_ledger_a_hair_below_nothing_does_not_hold_all_the_rest(self, desk: Desk) -> None:
        """0.1 BTC, and -0.00000001 USDT: others' money, which the desk makes good."""
        market = desk.market
        quoting(market)
        item, key = QuotesItem, keys.MARKET_MAKING_QUOTES(order_id=M)
        market.table.write(Write.update(item(*key), item.quote_amount.set(Decimal("-0.00000001"))))
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        assert "its ledger has -0.00000001 USDT" in until_a_person(market)
        redrive(desk, M)
        until_a_person(market)
        assert not market.exchange.wallet.withdrawals.of(ACCOUNT)
        two(desk, "mm keep-rest", M, asset="USDT", payer="paid")
        until(market, Status.RETURNED)
        assert set(market.has(ANN)) == {BTC}
        (line,) = [item for item in market.dynamo.items() if "DESK#mm1" in item["PK"]["S"]]
        assert (line["PK"]["S"], line["amount"]["N"]) == ("DESK#mm1:USDT", "-0.00000001")

    def test_the_dust_of_one_that_is_over_is_taken_by_two(self, desk: Desk) -> None:
        """As long as nobody does that, it is the payer's. Of two assets each by itself."""
        market = desk.market
        quoting(market)
        for coin, network, step in (("BTC", "BTC", "0.0333"), ("USDT", "ETH", "4994.9")):
            market.exchange.wallet.networks.change(coin, network, withdraw_step=Decimal(step))
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        until(market, Status.RETURNED)
        assert market.order().left_behind == {"BTC": "0.0001", "USDT": "0.1"}
        assert offered(desk, M) == ["mm keep-rest"]
        for asset, left in (("BTC", {"USDT": "0.1"}), ("USDT", {})):
            two(desk, "mm keep-rest", M, asset=asset, payer="paid")
            market.run(3)
            assert (market.order().status, market.order().left_behind) == (Status.RETURNED, left)
            assert desk.operations.story(M).waits_for is None
            check(market)
        assert market.balancing.short(ACCOUNT) == []
        lines = {i["PK"]["S"]: i["amount"]["N"] for i in market.dynamo.items() if "DESK#mm1" in i["PK"]["S"]}
        assert lines == {"DESK#mm1:BTC": "0.0001", "DESK#mm1:USDT": "0.1"}
        assert offered(desk, M) == []

    def test_two_decisions_about_dust_at_once_are_both_done(self, desk: Desk) -> None:
        market = desk.market
        quoting(market)
        for coin, network, step in (("BTC", "BTC", "0.0333"), ("USDT", "ETH", "4994.9")):
            market.exchange.wallet.networks.change(coin, network, withdraw_step=Decimal(step))
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        until(market, Status.RETURNED)
        real = rulings.of
        with pytest.MonkeyPatch.context() as patch:

            def read(table: Any, order_id: str) -> Any:
                """The second decision is made just after its machine has read the first."""
                patch.undo()
                first = real(table, order_id)
                two(desk, "mm keep-rest", M, asset="USDT", payer="paid")
                return first

            two(desk, "mm keep-rest", M, asset="BTC", payer="paid")
            patch.setattr(rulings, "of", read)
            market.run(3)
        assert market.order().left_behind == {}
        check(market)

    def test_what_its_trades_hold_up_is_stopped_as_two_have_found(self, desk: Desk) -> None:
        """The exchange tells a sale at a price that can not be, and will not correct it."""
        market = desk.market
        _, sold, worth = trades_that_can_not_be(market, price=Decimal(1))
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        began = market.clock.at
        assert "may be its own" in until_a_person(market)
        assert timedelta(minutes=15) < market.clock.at - began < timedelta(minutes=19)
        assert offered(desk, M) == ["work redrive", "mm decide-fills"]
        assert market.order().needs_person
        redrive(desk, M)
        assert "may be its own" in until_a_person(market), "the exchange says the same again"
        for base, quote in (("0.2", "5000"), ("0.01", "5000"), ("0.1", "9000"), ("0.1", "1000")):
            two(desk, "mm decide-fills", M, base=base, quote=quote)
            assert "was decided" in until_a_person(market), "an order can not have come to that"
        ledger = quotes_store.find(market.table, M)
        assert ledger is not None
        assert (ledger.base, ledger.quote) == (Decimal("0.1"), Decimal(4995))
        two(desk, "mm decide-fills", M, base=str(ledger.base - sold), quote=str(ledger.quote + worth))
        until(market, Status.RETURNED)
        assert [leg.quantity.amount for leg in leg_store.homeward(market.table, M)] == [
            ledger.quote + worth,
            ledger.base - sold,
        ]
        (line,) = [item for item in market.dynamo.items() if item["SK"]["S"].startswith("DECIDED#")]
        assert (Decimal(line["base_amount"]["N"]), Decimal(line["quote_amount"]["N"])) == (-sold, worth)
        assert (line["reference"]["S"], line["operators"]["S"]) == ("ticket 4711", "olga and oleg")
        check(market)

    def test_what_is_told_as_it_can_be_counts_whatever_two_have_found(self, desk: Desk) -> None:
        market = desk.market
        tell, *_ = trades_that_can_not_be(market, price=Decimal(1))
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        until_a_person(market)
        tell()
        two(desk, "mm decide-fills", M, base="0.1", quote="4995")
        until(market, Status.RETURNED)
        booked = {leg.symbol: leg.quantity.amount for leg in leg_store.homeward(market.table, M)}
        assert booked["BTC"] == Decimal("0.099")

    def test_what_is_executed_and_told_by_no_trade_is_decided_by_two(self, desk: Desk) -> None:
        market = desk.market
        _, sold, worth = trades_that_can_not_be(market, quantity=None)
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        assert "is executed, and trades tell of 0" in until_a_person(market)
        two(desk, "mm decide-fills", M, base=str(Decimal("0.1") - sold), quote=str(4995 + worth))
        until(market, Status.RETURNED)
        assert market.has(ANN)[BTC] > Decimal("0.098")
        check(market)

    def test_what_is_open_is_not_stopped_whatever_two_have_found(self, desk: Desk) -> None:
        """It is cancelled again and again instead."""
        market = desk.market
        trades_that_can_not_be(market, price=Decimal(1))
        silent: Any = market.maker
        silent.cancel = no_such_order
        desk.overseeing.stop(M, "he asked", "olga", dry_run=False)
        market.run(40)
        assert (market.order().status, market.order().needs_person) == (Status.STOPPING, False)
        assert market.exchange.venue.open_orders(ACCOUNT)

    def test_what_the_exchange_has_refused_is_withdrawn_again(self, desk: Desk) -> None:
        market = desk.market
        quoting(market)
        market.exchange.wallet.withdrawals.mishaps.order("reject", times=2)
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        for asset in ("USDT", "BTC"):
            assert "has not withdrawn" in until_a_person(market)
            assert offered(desk, M) == ["work redrive", "mm decide-return", "mm withdraw-again", "mm keep-rest"]
            redrive(desk, M)
            assert asset in until_a_person(market), "the exchange says the same again"
            two(desk, "mm withdraw-again", M, asset=asset)
        until(market, Status.RETURNED)
        assert market.has(ANN)[USDT] > 4980

    def test_what_is_refused_again_is_decided_again(self, desk: Desk) -> None:
        """One decision is good for one more withdrawal."""
        market = desk.market
        quoting(market)
        market.exchange.wallet.withdrawals.mishaps.order("reject", times=3)
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        until_a_person(market)
        first = {leg.sent_by for leg in desk.overseeing.life(M).legs if leg.way == "HOME"}
        two(desk, "mm withdraw-again", M, asset="USDT")
        assert "has not withdrawn 4995 USDT" in until_a_person(market)
        ids = {leg.sent_by for leg in desk.overseeing.life(M).legs if leg.way == "HOME"}
        assert len(ids - first) == 1, "it is not asked for a third time"

    def test_what_came_home_otherwise_is_the_orders_as_two_have_found(self, desk: Desk) -> None:
        market = desk.market
        quoting(market)
        lies(market, withdrawal=lambda told: replace(told, transaction_hash=None))
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        assert "not come home" in until_a_person(market)
        came = {each.snapshot.quantity.asset_id: each.incoming_id for each in desk.operations.snapshots(10)}
        for asset, asset_id in (("BTC", BTC), ("USDT", USDT)):
            two(desk, "mm decide-return", M, asset=asset, snapshot=came[asset_id])
            market.run(1)
        until(market, Status.RETURNED)
        assert market.has(ANN)[BTC] > Decimal("0.09")
        with pytest.raises(NotProposable):
            two(desk, "mm decide-return", M, asset="BTC", snapshot=came[BTC])

    def test_what_two_have_judged_of_one_asset_keeps_no_other(self, desk: Desk) -> None:
        """Both are at the exchange: one it has refused to withdraw, the other is stuck, and comes home in the end."""
        market = desk.market
        quoting(market)
        market.exchange.wallet.withdrawals.mishaps.order("reject")
        market.exchange.wallet.withdrawals.mishaps.order("stuck")
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        assert "has not withdrawn 4995 USDT" in until_a_person(market)
        two(desk, "mm keep-rest", M, asset="USDT", payer="unpaid")
        market.run(5)
        legs = {leg.symbol: leg.status for leg in desk.overseeing.life(M).legs if leg.way == "HOME"}
        assert legs == {"USDT": "KEPT", "BTC": "CONFIRMED"}
        (stuck,) = [one for one in market.exchange.wallet.withdrawals.all() if one.stuck]
        market.exchange.wallet.withdrawals.release(stuck.withdrawal_id)
        until(market, Status.RETURNED)
        assert set(market.has(ANN)) == {BTC}
        lines = [i["PK"]["S"] for i in market.dynamo.items() if "DESK#mm1" in i["PK"]["S"]]
        assert lines == ["DESK#mm1:USDT"]

    def test_what_was_to_be_kept_and_has_come_home_is_kept_no_more(self, desk: Desk) -> None:
        """The proposal is of what was there then. That has come home by now; it waits for the other one."""
        market = desk.market
        quoting(market)
        market.exchange.wallet.withdrawals.mishaps.order("reject")
        market.exchange.wallet.withdrawals.mishaps.order("stuck")
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        assert "has not withdrawn 4995 USDT" in until_a_person(market)
        keep = desk.proposals.propose(
            "mm keep-rest", M, {"asset": "USDT", "payer": "unpaid"}, "t", "seen", "olga", dry_run=False
        )
        two(desk, "mm withdraw-again", M, asset="USDT")
        assert "BTC not come home" in until_a_person(market)
        with pytest.raises(NotProposable):
            desk.proposals.confirm(keep.id, "so it is", "oleg", dry_run=False)
        market.run(2)
        assert not [item for item in market.dynamo.items() if "DESK#mm1" in item["PK"]["S"]]
        (stuck,) = [one for one in market.exchange.wallet.withdrawals.all() if one.stuck]
        market.exchange.wallet.withdrawals.release(stuck.withdrawal_id)
        market.run(1)
        redrive(desk, M)
        until(market, Status.RETURNED)
        assert market.has(ANN)[BTC] > Decimal("0.09")

    @pytest.mark.parametrize("ends", ["comes home", "is kept"])
    def test_what_was_found_and_is_anothers_by_then_is_looked_for_again(self, desk: Desk, ends: str) -> None:
        """Two operators name a snapshot, and two others refund it before the order's machine has claimed it."""
        market = desk.market
        quoting(market)
        right, entry = market.funds, market.safe.entry(US, BTC)
        market.safe.deposit(BTC, entry.destination, entry.tag, units_of(Decimal("0.09")), "a-stranger's")
        lies(market, withdrawal=lambda told: replace(told, transaction_hash=None))
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        until_a_person(market)
        (n,) = [s.incoming_id for s in desk.operations.snapshots(10) if s.snapshot.deposit_hash == "a-stranger's"]
        refund = desk.proposals.propose("snapshots refund", n, {"to": CAROL}, "t", "seen", "olga", dry_run=False)
        two(desk, "mm decide-return", M, asset="BTC", snapshot=n)
        assert desk.proposals.confirm(refund.id, "so it is", "oleg", dry_run=False).done
        if ends == "is kept":
            until_a_person(market)
            for asset in ("BTC", "USDT"):
                two(desk, "mm keep-rest", M, asset=asset, payer="paid")
                until_a_person(market) if asset == "BTC" else None
        else:
            market.funds = market.withdrawing = right
        until(market, Status.RETURNED)
        assert market.has(CAROL) == {BTC: Decimal("0.09")}
        assert (market.has(ANN).get(BTC) is not None) is (ends == "comes home")

    def test_what_never_comes_home_is_kept(self, desk: Desk) -> None:
        market = desk.market
        quoting(market)
        lies(market, withdrawal=lambda told: replace(told, transaction_hash=None))
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        until_a_person(market)
        for asset in ("BTC", "USDT"):
            two(desk, "mm keep-rest", M, asset=asset, payer="unpaid")
            market.run(2)
            redrive(desk, M) if market.order().needs_person else None
        until(market, Status.RETURNED)
        assert len([i for i in market.dynamo.items() if "DESK#" in i["PK"]["S"] and "left" in i["reason"]["S"]]) == 2
        late = [each for each in desk.operations.snapshots(10) if each.disposition is Disposition.EXPECTED]
        market.pass_time(minutes=31)
        for each in late:  # what comes home after all has a way out, too
            assert offered(desk, each.incoming_id) == ["snapshots assign", "snapshots refund", "snapshots take"]

    def test_a_network_that_is_closed_is_looked_at_again(self, desk: Desk) -> None:
        market = desk.market
        quoting(market)
        open_ = market.funds
        lies(market, networks=lambda _: [])
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        assert "can not be withdrawn" in until_a_person(market)
        market.funds = market.withdrawing = open_
        redrive(desk, M)
        until(market, Status.RETURNED)

    @pytest.mark.parametrize("then", ["confirmed", "dismissed"])
    def test_what_its_payer_is_said_to_have_otherwise_waits(self, desk: Desk, then: str) -> None:
        """The desk has paid him of its own, and another operator alone lets the order look again: by now the exchange
        would withdraw it, and he would have it twice. What nobody says so of comes home meanwhile."""
        market = desk.market
        quoting(market)
        open_ = market.funds
        lies(market, networks=lambda _: [])
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        assert "can not be withdrawn" in until_a_person(market)
        said = kept(desk)
        with pytest.raises(NotProposable, match=f"{said.id} says that who paid has the USDT otherwise"):
            kept(desk, reference="ticket 4712")
        market.funds = market.withdrawing = open_
        for _ in range(2):
            redrive(desk, M)
            assert f"{said.id} says that who paid has the USDT otherwise: confirm" in until_a_person(market)
        assert set(market.has(ANN)) == {BTC}
        if then == "confirmed":
            assert desk.proposals.confirm(said.id, "so it is", "oleg", dry_run=False).done
        else:
            assert desk.proposals.dismiss(said.id, "not so", "oleg", dry_run=False).done
            redrive(desk, M)
        until(market, Status.RETURNED)
        assert set(market.has(ANN)) == ({BTC} if then == "confirmed" else {BTC, USDT})
        assert desks_own(market) == (["DESK#mm1:USDT"] if then == "confirmed" else [])

    @pytest.mark.parametrize("between", ["nothing", "he says it himself", "another says it", "it is under way"])
    def test_who_dismisses_that_its_payer_has_it_sends_it_not_alone(self, desk: Desk, between: str) -> None:
        """Nor where it is said once more and taken back, nor where its machine runs when he dismisses it."""
        market = desk.market
        quoting(market)
        open_ = market.funds
        lies(market, networks=lambda _: [])
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        until_a_person(market)
        said = kept(desk)
        market.funds = market.withdrawing = open_
        if between == "it is under way":
            redrive(desk, M, "otto")
        assert desk.proposals.dismiss(said.id, "not so", "otto", dry_run=False).done
        if between in ("he says it himself", "another says it"):
            by = "otto" if between == "he says it himself" else "pia"
            again = kept(desk, reference="ticket 4712", by=by)
            desk.proposals.dismiss(again.id, "of another order", by, dry_run=False)
        if between == "it is under way":
            until_a_person(market)
        with pytest.raises(NotDriven, match="otto has dismissed that who paid has the USDT otherwise: another"):
            desk.interventions.redrive(M, "go on", "otto", dry_run=False)
        assert USDT not in market.has(ANN)
        redrive(desk, M, "oleg")
        until(market, Status.RETURNED)
        assert set(market.has(ANN)) == {BTC, USDT}

    def test_nor_is_the_exchange_asked_for_it_once_more(self, desk: Desk) -> None:
        market = desk.market
        quoting(market)
        market.funds.refuse_next(1, ours=True)
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        why = until_a_person(market)
        assert "the exchange does not withdraw" in why
        said = kept(desk, asset="USDT" if "USDT" in why else "BTC")
        redrive(desk, M)
        assert f"{said.id} says that who paid has the" in until_a_person(market)
        assert desk.proposals.confirm(said.id, "so it is", "oleg", dry_run=False).done
        until(market, Status.RETURNED)
        assert len(market.has(ANN)) == len(market.exchange.wallet.withdrawals.all()) == 1

    def test_nor_does_it_go_to_him_where_it_is_said_while_it_comes_home(self, desk: Desk) -> None:
        market = desk.market
        quoting(market)
        market.exchange.wallet.withdrawals.mishaps.order("stuck")
        desk.overseeing.bring_home(M, "he asked", "olga", dry_run=False)
        assert "not come home within" in until_a_person(market)
        (stuck,) = [one for one in market.exchange.wallet.withdrawals.all() if one.stuck]
        asset = "USDT" if set(market.has(ANN)) == {BTC} else "BTC"
        said = kept(desk, asset=asset)
        market.exchange.wallet.withdrawals.release(stuck.withdrawal_id)
        market.run(5)
        redrive(desk, M)
        assert f"{said.id} says that who paid has the {asset} otherwise" in until_a_person(market)
        with pytest.raises(NotProposable):
            desk.proposals.confirm(said.id, "so it is", "oleg", dry_run=False)
        assert len(market.has(ANN)) == 1
        desk.proposals.dismiss(said.id, "it has come home", "oleg", dry_run=False)
        redrive(desk, M)
        until(market, Status.RETURNED)
        assert len(market.has(ANN)) == 2


def kept(desk: Desk, *, asset: str = "USDT", reference: str = "ticket 4711", by: str = "olga") -> OperatorOutcome:
    """One operator says that its payer has it otherwise."""
    terms = {"asset": asset, "payer": "paid"}
    return desk.proposals.propose("mm keep-rest", M, terms, reference, "seen", by, dry_run=False)


def desks_own(market: Market) -> list[str]:
    return [item["PK"]["S"] for item in market.dynamo.items() if "DESK#mm1" in item["PK"]["S"]]


def parked(market: Market, sender: str = ANN, asset_id: str = USDT, amount: str = "5000") -> Snapshot:
    paid = market.pay(sender, asset_id, amount, b"Refund:5259cd21-7be9-409d-8e76-8ac419f7319c")
    market.poll()
    return paid


class TestSnapshots:
    def test_one_is_refunded_to_whom_two_have_named(self, desk: Desk) -> None:
        market = desk.market
        n = incoming_id(parked(market).snapshot_id)
        two(desk, "snapshots refund", n, to=CAROL)
        market.run(3)
        assert market.has(CAROL) == {USDT: Decimal(5000)}
        assert desk.operations.snapshot(n).disposition is Disposition.REFUNDED
        assert desk.operations.snapshots(10) == []

    def test_one_that_would_go_to_the_desk_itself_goes_to_another(self, desk: Desk) -> None:
        """It would come in as our own, which nobody misses."""
        market = desk.market
        n = incoming_id(parked(market).snapshot_id)
        two(desk, "snapshots refund", n, to=US)
        market.run(3)
        (x,) = [outgoing.outgoing_id for outgoing in refused(desk)]
        assert offered(desk, x) == ["outgoing retry", "outgoing resend"]
        two(desk, "outgoing resend", x, to=CAROL)
        market.run(3)
        assert market.has(CAROL) == {USDT: Decimal(5000)}

    def test_one_is_the_desks(self, desk: Desk) -> None:
        market = desk.market
        n = incoming_id(parked(market, amount="0.25").snapshot_id)
        two(desk, "snapshots take", n)
        (line,) = [i for i in market.dynamo.items() if i["PK"]["S"] == f"DESK#{USDT}"]
        assert line["amount"]["N"] == "0.25"
        assert desk.operations.snapshot(n).disposition is Disposition.DESK
        with pytest.raises(NotProposable):
            two(desk, "snapshots refund", n, to=CAROL)

    def test_one_pays_for_the_order_that_two_have_named(self, desk: Desk) -> None:
        market = desk.market
        market.fund(ANN, BTC, "0.1")
        fees = market.routes.fees("mm1", desk.overseeing.pairs()[0])
        for fee in (fees.base, fees.quote):
            market.fund(ANN, fee.asset_id, str(fee.amount))
        n = incoming_id(parked(market).snapshot_id)
        market.run(1)
        assert market.order().status is Status.PAYMENT_INCOMPLETE
        two(desk, "snapshots assign", n, order=M)
        until(market, Status.CREATED)
        assert market.order().quote == Quantity(Decimal(4995), USDT)

    def test_an_order_whose_time_is_over_takes_none(self, desk: Desk) -> None:
        """It stays parked, and waits for a person, as it did."""
        market = desk.market
        market.fund(ANN, BTC, "0.1")
        n = incoming_id(parked(market).snapshot_id)
        market.run(9.9)
        two(desk, "snapshots assign", n, order=M)
        market.clock.forward(minutes=1)
        until(market, Status.REFUNDED)
        assert desk.operations.snapshot(n).disposition is Disposition.PARKED
        with pytest.raises(NotProposable):
            two(desk, "snapshots assign", n, order=M)

    def test_others_money_pays_for_nobodys_order(self, desk: Desk) -> None:
        market = desk.market
        market.fund(ANN, BTC, "0.1")
        n = incoming_id(parked(market, BOB).snapshot_id)
        with pytest.raises(EvidenceNotBelieved):
            two(desk, "snapshots assign", n, order=M)

    def test_two_decisions_about_one_move_it_once(self, desk: Desk) -> None:
        market = desk.market
        n = incoming_id(parked(market).snapshot_id)
        propose = desk.proposals.propose
        ids = [
            propose("snapshots refund", n, {"to": to}, "ticket 1", "seen", "olga", dry_run=False).id
            for to in (CAROL, BOB)
        ]
        desk.proposals.confirm(ids[0], "so it is", "oleg", dry_run=False)
        with pytest.raises(NotProposable):
            desk.proposals.confirm(ids[1], "so it is", "oleg", dry_run=False)
        market.run(3)
        assert (market.has(CAROL), market.has(BOB)) == ({USDT: Decimal(5000)}, {})

    @pytest.mark.parametrize("first", ["snapshots refund", "snapshots take"])
    def test_two_that_are_confirmed_at_one_moment_move_it_once(self, desk: Desk, first: str) -> None:
        market = desk.market
        n = incoming_id(parked(market).snapshot_id)
        propose, terms = desk.proposals.propose, {"snapshots refund": {"to": CAROL}, "snapshots take": {}}
        ids = [propose(c, n, t, "ticket 1", "seen", "olga", dry_run=False).id for c, t in terms.items()]
        if first == "snapshots take":
            ids.reverse()
        quicker = Desk(desk.dynamo, desk.clock).proposals.confirm
        other: Any = Meanwhile(market, lambda: quicker(ids[0], "so it is", "oleg", dry_run=False))
        market.client = desk.client = other
        confirm = desk.proposals.confirm
        with pytest.raises(NotProposable):
            confirm(ids[1], "so it is", "oleg", dry_run=False)
        market.client = desk.client = None
        lines = [i for i in market.dynamo.items() if i["PK"]["S"] == f"DESK#{USDT}"]
        assert len(lines) == (first == "snapshots take")
        assert len(market.due()) == (first == "snapshots refund")


def refused(desk: Desk) -> list[Outgoing]:
    waiting = work.for_people(desk.table, keys.OUTGOING.backlog)
    return [custody.outgoing(desk.table, item.PK) for item in waiting]


def refused_refund(market: Market) -> str:
    market.pay(ANN, BTC, "0.5", b"hello")
    market.poll()
    (x,) = market.ids_of_due()
    market.custody.refuse_next()
    market.send()
    assert custody.outgoing(market.table, x).needs_person
    return x


class TestOutgoing:
    def test_what_was_refused_is_asked_for_again_by_one(self, desk: Desk) -> None:
        market = desk.market
        x = refused_refund(market)
        assert offered(desk, x) == ["outgoing retry", "outgoing resend"]
        retry(desk, x)
        market.run(3)
        assert custody.outgoing(market.table, x).status is Sent.ARRIVED
        assert market.has(ANN) == {BTC: Decimal("0.5")}
        with pytest.raises(NothingWaits):
            retry(desk, x)

    def test_what_was_refused_goes_to_another_by_two(self, desk: Desk) -> None:
        market = desk.market
        x = refused_refund(market)
        two(desk, "outgoing resend", x, to=CAROL)
        market.run(3)
        assert (market.has(ANN), market.has(CAROL)) == ({}, {BTC: Decimal("0.5")})

    def test_the_order_that_waits_for_it_goes_on(self, desk: Desk) -> None:
        market = desk.market
        market.fund(ANN, BTC, "0.1")
        market.run(9.9)
        market.custody.refuse_next()
        assert "its transfer X" in until_a_person(market, 5)
        (x,) = [o.outgoing_id for o in desk.overseeing.life(M).outgoing]
        two(desk, "outgoing resend", x, to=CAROL)
        until(market, Status.REFUNDED)
        assert market.has(CAROL) == {BTC: Decimal("0.1")}

    def test_what_is_sent_by_the_clock_is_nobodys_to_retry(self, desk: Desk) -> None:
        market = desk.market
        market.pay(ANN, BTC, "0.5", b"hello")
        market.poll()
        (x,) = market.ids_of_due()
        with pytest.raises(NotDriven):
            retry(desk, x)

    @pytest.mark.parametrize(("sent", "has"), [("yes", "0"), ("no", "0.5")])
    def test_what_the_custody_tells_wrongly_is_decided_by_two(self, desk: Desk, sent: str, has: str) -> None:
        market = desk.market
        x = doubted(market)
        assert offered(desk, x) == ["outgoing retry", "outgoing decide"]
        two(desk, "outgoing decide", x, sent=sent)
        market.run(5)
        assert custody.outgoing(market.table, x).status is Sent.ARRIVED
        assert market.has(ANN).get(BTC, Decimal(0)) == Decimal(has)

    def test_it_has_no_transaction_of_a_chain_where_it_goes_to_a_user(self, desk: Desk) -> None:
        x = doubted(desk.market)
        with pytest.raises(EvidenceNotBelieved):
            two(desk, "outgoing decide", x, sent="yes", hash="0xabcdef12")


class Lying(Instead):
    """It knows another transaction under each request."""

    def transaction(self, request_id: str) -> Transaction:
        return Transaction(request_id, "ff" * 32, State.SPENT)


def doubted(market: Market) -> str:
    """The refund of a transfer, of which the custody knows another transaction than ours."""
    market.pay(ANN, BTC, "0.5", b"hello")
    market.poll()
    (x,) = market.ids_of_due()
    market.custody.fail_before_next("send")
    market.send()
    right: Any = market.custody

    lying: Any = Lying(right)
    market.custody = lying
    market.pass_time(minutes=3)
    market.transfers.send(x)
    market.custody = right
    assert custody.outgoing(market.table, x).needs_person
    return x


class TestOrders:
    def test_an_operator_stops_an_order_and_brings_it_home(self, desk: Desk) -> None:
        market = desk.market
        quoting(market)
        assert offered(desk, M)[:2] == ["mm stop", "mm withdraw"]
        dry = desk.overseeing.stop(M, "he has asked", "olga", dry_run=True)
        assert (dry.done, market.order().status) == (False, Status.CREATED)
        desk.overseeing.stop(M, "he has asked", "olga", dry_run=False)
        until(market, Status.STOPPED)
        assert not desk.overseeing.stop(M, "again", "olga", dry_run=False).done
        desk.overseeing.bring_home(M, "he has asked", "olga", dry_run=False)
        until(market, Status.RETURNED)
        told = [entry.action for entry in desk.operations.audit("2026-11-21", limit=10, after=None).items]
        assert told == ["mm withdraw", "mm stop"]

    def test_an_exchange_that_is_silent_decides_nothing(self, desk: Desk) -> None:
        market = desk.market

        def silent(_: datetime) -> Any:
            raise ExchangeUnavailable("silent")

        lies(market, deposits=silent)
        market.fund_all()
        market.run(45)
        assert market.order().status is Status.DEPOSIT_CONFIRMING


class TestAccountsAndPairs:
    def test_a_repeat_changes_nothing_and_a_change_is_told(self, desk: Desk) -> None:
        save = desk.overseeing.save_account
        assert not save("mm1", "binance", 3, None, "so", "olga", dry_run=False).done
        told = save("mm1", "binance", 5, False, "full", "olga", dry_run=False)
        assert (told.before, told.after, told.says) == (
            "ENABLED",
            "DISABLED",
            "capacity from 3 to 5, enabled from True to False",
        )
        assert save("mm1", "binance", 6, None, "more", "olga", dry_run=False).after == "DISABLED"

    def test_what_an_account_carries_is_kept(self, desk: Desk) -> None:
        quoting(desk.market)
        desk.overseeing.save_account("mm1", "binance", 9, None, "more", "olga", dry_run=False)
        (account,) = desk.overseeing.accounts()
        assert (account.orders, account.capacity) == (1, 9)

    def test_an_account_carries_no_more_than_its_exchange_lets_it(self, desk: Desk) -> None:
        """Whatever was written there."""
        item, key = account_store.TradingAccountItem, keys.TRADING_ACCOUNT(account_id="mm1")
        for orders, has_room in ((ORDERS_PER_ACCOUNT_MAX - 1, True), (ORDERS_PER_ACCOUNT_MAX, False)):
            full = (item.capacity.set(Decimal(100)), item.orders.set(Decimal(orders)))
            desk.table.write(Write.update(item(*key), *full))
            assert account_store.account(desk.table, "mm1").has_room is has_room
        with pytest.raises(NoCapacity):
            desk.table.write(account_store.take_room("mm1", desk.clock()))

    def test_a_shard_carries_a_hundred_orders(self, desk: Desk) -> None:
        save = desk.overseeing.save_account
        for number in range(2, 9):
            save(f"mm{number}", "binance", 13, None, "more", "olga", dry_run=False)
        with pytest.raises(ShardFull):
            save("mm9", "binance", 7, None, "more", "olga", dry_run=True)
        assert save("mm9", "binance", 6, None, "more", "olga", dry_run=True).says.startswith("new: ")
        assert save("mm2", "binance", 12, None, "less", "olga", dry_run=False).done

    def test_the_coin_of_fees_does_not_change_under_orders(self, desk: Desk) -> None:
        save = desk.overseeing.save_account
        assert save("mm1", "binance", 3, None, "so", "olga", dry_run=False, fee_coin="BNB").done
        assert save("mm1", "binance", 3, None, "so", "olga", dry_run=False, fee_coin="").done
        quoting(desk.market)
        with pytest.raises(TradingAccountFixed):
            save("mm1", "binance", 3, None, "so", "olga", dry_run=True, fee_coin="BNB")
