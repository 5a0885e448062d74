"""An order's money on its way to the exchange: each leg leaves once, and counts when it is certainly there."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest

from common.domain import rulings, timeline
from common.domain.custody import store as custody_store
from common.domain.custody.model import Kind, Outgoing, outgoing_id
from common.domain.rulings import Matter, Ruling
from common.gateways.custody import Transaction
from common.gateways.exchange.funds import ExchangeDeposit
from common.gateways.exchange.remembered import TOLD_AGE_MAX
from common.money import Quantity
from functions.market_making import leg_store, quotes_store, store
from functions.market_making.model import TOLD_WITHIN, Status, Way
from sandbox.exchange.fake_funds import FakeFunds
from sandbox.mixin.fake import FakeCustody
from tests.market_making.audit import (
    at_exchange,
    desk_fees,
    go_on,
    has_all_back,
    in_custody,
    items,
    live,
    live_until,
    meanwhile,
    people_told,
    room_taken,
)
from tests.market_making.market import ACCOUNT, ANN, BOB, BTC, ETH, ORDER, US, USDT, Market

XRP = "23dfb5a5-5d7b-48b6-905f-3970e3176e27"
OTHER = UUID("5f4c2a34-0f3b-4f2e-9d53-6a0d8fdc1f11")
BATCH = "0xba7c4"
FEE = {USDT: Decimal(5)}
THERE = {"BTC": Decimal("0.1"), "USDT": Decimal(4995)}


class ToldFunds(FakeFunds):
    """An exchange whose word of its deposits is changed."""

    change: Callable[[ExchangeDeposit], Sequence[ExchangeDeposit]] = lambda deposit: [deposit]

    def deposits(self, coin: str, since: datetime) -> Sequence[ExchangeDeposit]:
        return [told for deposit in super().deposits(coin, since) for told in type(self).change(deposit)]


@pytest.fixture
def market() -> Market:
    market = Market()
    market.list_pair()
    market.poll()
    return market


def paid(market: Market) -> Market:
    """All has come in; nothing is decided yet."""
    market.fund_all()
    market.poll()
    return market


def leg(market: Market, asset_id: str, uuid: UUID = ORDER) -> Outgoing:
    order = market.order(uuid)
    return custody_store.outgoing(market.table, outgoing_id(Kind.FUNDING, order.order_id, asset_id))


def decided(market: Market) -> None:
    """Both legs are to be sent, and neither is."""
    order_id = paid(market).order().order_id
    market.paying.check(order_id)
    market.moving.withdraw(order_id)
    assert market.order().status is Status.WITHDRAWING


def is_created(market: Market, minutes: float = 10) -> None:
    live_until(market, Status.CREATED, minutes=minutes)
    assert (at_exchange(market), in_custody(market), desk_fees(market)) == (THERE, FEE, FEE)
    assert market.chain.lost == []


def waits_for_person(market: Market, why: str, status: Status) -> None:
    live(market, 40, lambda: market.order().needs_person)
    assert market.order().status is status
    assert any(why in told for told in people_told(market)), people_told(market)
    before = items(market)
    market.moving.confirm(market.order().order_id)
    market.moving.withdraw(market.order().order_id)
    assert items(market) == before
    live(market, 10)
    assert market.order().status is status


# A life


def test_the_seeds_example_is_lived_second_by_second(market: Market) -> None:
    """The seed's timeline, each state within one poll and one check of its time. Its transfers at 0, 30, 45 and 60 s;
    the custody's word at five minutes. Outgoing transfers are sent once a minute."""
    market.safe.set_delays(kernel_seconds=2, chain_seconds=165)
    began = market.clock.at
    to_come = {0: (BTC, "0.1"), 30: (USDT, "5000"), 45: (BTC, "0.00002"), 60: (ETH, "0.001")}
    seen: dict[int, int] = {}

    def pays() -> bool:
        passed = (market.clock.at - began).total_seconds()
        for second in [second for second in to_come if second <= passed]:
            market.fund(ANN, *to_come.pop(second))
        if store.find(market.table, "MWALXGUFOFFB6ZITO2RXYEHSBNY") is not None:
            seen[market.order().transfers] = seen.get(market.order().transfers, int(passed))
        return False

    market.run(6, pays)
    lived = [(int((e.at - began).total_seconds()), e.after) for e in timeline.of(market.table, market.order().order_id)]
    assert lived == [
        (0, "payment_pending"),
        (5, "payment_incomplete"),
        (65, "payment_complete"),
        (65, "withdrawing"),
        (305, "withdrawal_confirmed"),
        (305, "deposit_confirming"),
        (305, "deposit_confirmed"),
        (305, "joining_campaign"),
        (305, "campaign_joined"),
        (305, "created"),
    ]
    assert seen == {1: 5, 2: 35, 3: 50, 4: 65}


def test_from_the_last_transfer_to_created_there_are_few_transitions(market: Market) -> None:
    """Of Step Functions, which bills each state that is entered and each retry; confirmations come four minutes after
    the sending."""
    market.safe.set_delays(kernel_seconds=2, chain_seconds=238)
    market.fund(ANN, BTC, "0.10002")
    market.fund(ANN, USDT, "5000")
    market.run(1)
    (execution,) = market.machine.executions
    before = execution.transitions
    market.fund(ANN, ETH, "0.001")
    live_until(market, Status.CREATED, minutes=10)
    assert market.machine.executions == [execution]
    assert (execution.transitions - before, execution.transitions) == (16, 23)


# Sending


@pytest.mark.parametrize("times", [1, 2])
def test_an_answer_that_is_lost_sends_no_leg_twice(market: Market, times: int) -> None:
    decided(market)
    market.custody.drop_answer_next("send", times)
    is_created(market)
    assert market.custody.calls["send"] == 2


def test_what_the_custody_never_got_is_sent_later(market: Market) -> None:
    decided(market)
    market.custody.fail_before_next("send", 2)
    market.custody.fail_half_way_next(1)
    is_created(market)


def test_a_refusal_that_is_ours_delays_a_leg_only(market: Market) -> None:
    decided(market)
    market.custody.refuse_next(3, ours=True)
    is_created(market, minutes=20)
    assert market.order().sent_at is not None


def test_a_leg_to_an_address_with_a_tag_arrives() -> None:
    """At the exchange the address is everybody's: what comes without the tag is lost."""
    market = Market()
    market.list_pair(symbol="XRP-USDT", base_asset_id=XRP, base_min=Decimal(10))
    market.poll()
    market.fund(ANN, XRP, "100.2")
    market.fund(ANN, USDT, "5000")
    market.fund(ANN, ETH, "0.001")
    live_until(market, Status.CREATED)
    assert at_exchange(market) == {"XRP": Decimal(100), "USDT": Decimal(4995)}
    assert market.chain.lost == []
    market.quoting.bring_home(market.order().order_id)
    live_until(market, Status.RETURNED, minutes=10)
    assert market.has(ANN) == {XRP: Decimal("99.8"), USDT: Decimal(4994)}


def test_two_orders_spend_no_output_twice(market: Market) -> None:
    """Of equal amounts each output fits both; while one is being spent, the other one is not there."""
    market.safe.set_delays(kernel_seconds=40)
    paid(market)
    market.fund_all(BOB, OTHER)
    live_until(market, Status.CREATED)
    live_until(market, Status.CREATED, OTHER)
    assert at_exchange(market) == {"BTC": Decimal("0.2"), "USDT": Decimal(9990)}
    assert in_custody(market) == desk_fees(market) == {USDT: Decimal(10)}


def test_a_leg_of_outputs_that_another_reserves_chooses_again(market: Market) -> None:
    """Two senders at once, each with a leg of its own order."""
    decided(market)
    market.fund_all(BOB, OTHER)
    market.poll()
    other = market.order(OTHER).order_id
    market.paying.check(other)
    market.moving.withdraw(other)
    meanwhile(market, lambda: market.transfers.send(leg(market, BTC, OTHER).outgoing_id))
    market.transfers.send(leg(market, BTC).outgoing_id)
    inputs = [leg(market, BTC, uuid).inputs for uuid in (ORDER, OTHER)]
    assert all(inputs)
    assert not set(inputs[0]) & set(inputs[1])


def test_a_leg_that_is_stuck_before_its_chain_is_told_to_a_person(market: Market) -> None:
    market.safe.stick_next(1)
    decided(market)
    waits_for_person(market, "the chain has not got both legs", Status.WITHDRAWING)
    (stuck,) = [one for one in (leg(market, BTC), leg(market, USDT)) if one.withdrawal_hash is None]
    market.safe.confirm(stuck.request_id)
    live(market, 2)
    go_on(market)
    is_created(market)


# The exchange's word


def test_a_deposit_that_is_a_little_short_counts_as_it_came(market: Market) -> None:
    """Not before all of its transaction is told for certain, also where the list that tells of it is remembered."""
    market.exchange.wallet.deposits.mishaps.order("short", 2)
    paid(market)
    live(market, (TOLD_WITHIN + TOLD_AGE_MAX).total_seconds() / 60 - 1)
    assert market.order().status is Status.DEPOSIT_CONFIRMING, "it may be another's, whose own is not told yet"
    live_until(market, Status.CREATED)
    there = {"BTC": Decimal("0.099"), "USDT": Decimal("4945.05")}
    ledger = quotes_store.ledger(market.table, market.order())
    assert ledger is not None
    assert at_exchange(market) == {"BTC": ledger.base.amount, "USDT": ledger.quote.amount} == there


@pytest.mark.parametrize(
    ("change", "why"),
    {
        "a lot short": (lambda d: [replace(d, quantity=_times(d, "0.98"))], "and 4895.1 credited"),
        "more than was sent": (lambda d: [replace(d, quantity=_times(d, "1.00000001"))], "and 4995.00004995 credited"),
        "on another network": (lambda d: [replace(d, network="TRC20")], "has come in on TRC20"),
        "twice": (lambda d: [d, d], "more than once"),
        "once credited, once not": (lambda d: [d, replace(d, credited=False)], "more than once"),
    }.values(),
)
def test_a_deposit_that_can_not_be_is_told_to_a_person(
    market: Market, change: Callable[[ExchangeDeposit], Sequence[ExchangeDeposit]], why: str
) -> None:
    class Told(ToldFunds):
        pass

    Told.change = lambda deposit: change(deposit) if deposit.quantity.asset_id == "USDT" else [deposit]
    market.funds = Told(market.exchange.venue, market.exchange.wallet, ACCOUNT)
    paid(market)
    waits_for_person(market, why, Status.DEPOSIT_CONFIRMING)
    Told.change = lambda deposit: [deposit]
    go_on(market)
    is_created(market)


def _times(deposit: ExchangeDeposit, factor: str) -> Quantity:
    return Quantity(deposit.quantity.amount * Decimal(factor), deposit.quantity.asset_id)


def test_a_deposit_that_is_late_is_told_to_a_person_and_counts_then(market: Market) -> None:
    market.exchange.wallet.deposits.mishaps.order("late", 1)
    paid(market)
    waits_for_person(market, "has not credited", Status.DEPOSIT_CONFIRMING)
    live(market, 30)
    go_on(market)
    is_created(market)


def test_a_deposit_that_never_comes_is_told_to_a_person(market: Market) -> None:
    market.exchange.wallet.deposits.mishaps.order("never", 2)
    paid(market)
    waits_for_person(market, "has not credited", Status.DEPOSIT_CONFIRMING)


class OneTransaction(FakeCustody):
    """Whatever leaves the custody, leaves it with one transaction of its chain."""

    def transaction(self, request_id: str) -> Transaction:
        told = super().transaction(request_id)
        return told if told.withdrawal_hash is None else replace(told, withdrawal_hash=BATCH)


def in_one_transaction(market: Market, second: dict[str, str]) -> None:
    """Ann's order and Bob's, whose sums are other ones."""

    class Told(ToldFunds):
        pass

    Told.change = lambda deposit: [replace(deposit, transaction_hash=BATCH)]
    market.custody = market.sender = OneTransaction(market.safe, US)
    market.funds = Told(market.exchange.venue, market.exchange.wallet, ACCOUNT)
    paid(market)
    for asset_id, amount in {BTC: "0.10002", USDT: "5000", ETH: "0.001", **second}.items():
        market.fund(BOB, asset_id, amount, OTHER)


def credited(market: Market, uuid: UUID) -> dict[str, Decimal]:
    there = quotes_store.ledger(market.table, market.order(uuid))
    assert there is not None
    return {"BTC": there.base.amount, "USDT": there.quote.amount}


@pytest.mark.parametrize(
    ("second", "sums"),
    [
        ({}, {"BTC": "0.1", "USDT": "4995"}),
        ({BTC: "0.09962", USDT: "4999"}, {"BTC": "0.0996", "USDT": "4994.001"}),
    ],
    ids=["the same sums", "sums that might be the other's, a little short"],
)
def test_two_deposits_of_one_transaction_are_two_legs(
    market: Market, second: dict[str, str], sums: dict[str, str]
) -> None:
    """Neither is counted twice, nor as the other's."""
    in_one_transaction(market, second)
    live_until(market, Status.CREATED)
    live_until(market, Status.CREATED, OTHER)
    assert credited(market, ORDER) == THERE
    assert credited(market, OTHER) == {coin: Decimal(amount) for coin, amount in sums.items()}
    claims = [item for item in market.dynamo.items() if item["entity_type"]["S"] == "exchange_deposit"]
    assert len({claim["PK"]["S"] for claim in claims}) == 4
    assert {claim["transaction_hash"]["S"] for claim in claims} == {BATCH}


@pytest.mark.parametrize("mishap", ["never", "late"])
@pytest.mark.parametrize(
    "second",
    [{}, {BTC: "0.09962", USDT: "4999"}, {BTC: "0.08002", USDT: "4000"}],
    ids=["the same sums", "a little less", "much less"],
)
def test_a_deposit_that_is_anothers_is_waited_for(market: Market, mishap: str, second: dict[str, str]) -> None:
    """The exchange tells of one of two that one transaction has brought: it is one leg's, and the other one waits for
    its own, whichever looks first."""
    market.exchange.wallet.deposits.mishaps.order(mishap, 1)
    in_one_transaction(market, second)
    live(market, 20)
    assert {market.order(uuid).status for uuid in (ORDER, OTHER)} == {Status.CREATED, Status.DEPOSIT_CONFIRMING}
    if second:  # the first that has come is Ann's, and is not hers yet
        assert market.order(OTHER).status is Status.CREATED
    assert people_told(market) == [], "it may be credited yet"
    live(market, 12)
    (told,) = people_told(market)
    assert "has not credited" in told


def test_what_two_have_found_of_a_leg_is_no_other_legs(market: Market) -> None:
    """More than nothing, of a transaction whose only deposit is counted for another."""
    market.exchange.wallet.deposits.mishaps.order("never", 1)
    in_one_transaction(market, {})
    live(market, 50)
    (waits,) = [uuid for uuid in (ORDER, OTHER) if market.order(uuid).needs_person]
    (leg,) = [one for one in leg_store.legs(market.table, market.order(waits).order_id, Way.OUT) if one.arrived is None]
    terms = {"asset": leg.symbol, "credited": "0.05"}
    by = Ruling(leg.order_id, Matter.CREDITED, leg.quantity.asset_id, terms, "4711", "olga, oleg", market.clock())
    market.table.write(rulings.record(by))
    go_on(market)
    live_until(market, Status.CREATED, waits)
    assert credited(market, waits)[leg.symbol] == Decimal("0.05")
    other = ORDER if waits is OTHER else OTHER
    assert credited(market, other) == THERE


def test_what_two_have_found_takes_the_deposit_that_is_told(market: Market) -> None:
    """It is nobody else's any more, whatever sum they have found."""

    class Told(ToldFunds):
        pass

    Told.change = lambda deposit: [replace(deposit, quantity=_times(deposit, "0.5"))]
    market.funds = Told(market.exchange.venue, market.exchange.wallet, ACCOUNT)
    paid(market)
    live(market, 40, lambda: market.order().needs_person)
    for leg in leg_store.legs(market.table, market.order().order_id, Way.OUT):
        terms, asset_id = {"asset": leg.symbol, "credited": "0.04"}, leg.quantity.asset_id
        by = Ruling(leg.order_id, Matter.CREDITED, asset_id, terms, "4711", "olga, oleg", market.clock())
        market.table.write(rulings.record(by))
    go_on(market)
    live_until(market, Status.CREATED)
    told = {deposit.deposit_id for deposit in market.exchange.wallet.deposits.all()}
    claims = [item for item in market.dynamo.items() if item["entity_type"]["S"] == "exchange_deposit"]
    assert {claim["PK"]["S"].split("#")[2] for claim in claims} == told
    assert {claim["amount"]["N"] for claim in claims} == {"0.04"}


def test_of_two_equal_orders_the_one_without_its_deposit_waits(market: Market) -> None:
    """The account has enough for one; it is not counted for the other."""
    market.exchange.wallet.deposits.mishaps.order("never", 1)
    paid(market)
    market.fund_all(BOB, OTHER)
    live(market, 40)
    statuses = {market.order(uuid).status for uuid in (ORDER, OTHER)}
    assert statuses == {Status.CREATED, Status.DEPOSIT_CONFIRMING}
    assert len(people_told(market)) == 1


# No key, and outages


@pytest.mark.parametrize("status", [Status.PAYMENT_COMPLETE, Status.DEPOSIT_CONFIRMING])
def test_without_a_key_the_order_waits_for_a_person_as_it_is(market: Market, status: Status) -> None:
    paid(market)
    if status is Status.DEPOSIT_CONFIRMING:
        live(market, 1)
    market.keyless = True
    waits_for_person(market, "no key of trading account mm1", status)
    market.keyless = False
    go_on(market)
    is_created(market)


@pytest.mark.parametrize("system", ["custody", "funds"])
@pytest.mark.parametrize("after", [0, 0.3, 0.75, 1.1, 1.9, 2.1, 3.5, 4.2])
def test_an_hour_of_silence_at_any_stage_loses_nothing(market: Market, system: str, after: float) -> None:
    """What is paid for while the custody is silent comes too late, and goes back; what is on its way waits for a person
    when its time is over, and then goes on."""
    market.safe.set_delays(kernel_seconds=10, chain_seconds=60)
    market.fund(ANN, BTC, "0.10002")

    def pays_the_rest() -> None:
        market.fund(ANN, USDT, "5000")
        market.fund(ANN, ETH, "0.001")

    live(market, min(after, 0.5))
    if after > 0.5:
        pays_the_rest()
        live(market, after - 0.5)
    getattr(market, system).down = True
    live(market, 0.5)
    if after <= 0.5:
        pays_the_rest()
    live(market, 60)
    getattr(market, system).down = False
    live(market, 10)
    go_on(market)
    live(market, 10)
    assert market.order().status in (Status.CREATED, Status.REFUNDED)
    assert (people_told(market), market.due()) == ([], [])
    if market.order().status is Status.CREATED:
        assert (at_exchange(market), in_custody(market), desk_fees(market)) == (THERE, FEE, FEE)
    else:
        assert has_all_back(market)
        assert (at_exchange(market), desk_fees(market), room_taken(market)) == ({}, {}, 0)
