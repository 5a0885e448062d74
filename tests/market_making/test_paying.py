"""The payment of an order: what counts, what is too late, and what goes back; all of it, once."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

import base58
import pytest

from common.money import Quantity
from common.owner import Owner
from functions.market_making import memo, model, store
from functions.market_making.memo import Memo
from functions.market_making.model import Fees, FeesRose, Order, PaymentIncomplete, Status, Terms, Transfer
from functions.market_making.service.opening import memo_of
from sandbox.mixin.assets import units_of
from tests.desk import NOON
from tests.market_making.audit import (
    at_exchange,
    desk_fees,
    has_all_back,
    in_custody,
    live,
    live_until,
    meanwhile,
    people_told,
    room_taken,
)
from tests.market_making.market import ACCOUNT, ANN, BOB, BTC, ETH, ORDER, PAIR, US, USDT, Market

OWNER = Owner("ann", "sub-ann")
DOGE = "6770a1e5-6086-44d5-b60f-545f9d9e8ffd"
OTHER = UUID("5f4c2a34-0f3b-4f2e-9d53-6a0d8fdc1f11")


@pytest.fixture
def market() -> Market:
    market = Market()
    market.list_pair()
    market.poll()
    return market


def pay_but_the_last(market: Market) -> None:
    market.fund(ANN, BTC, "0.10002")
    market.fund(ANN, USDT, "5000")
    market.poll()


def pay_the_last(market: Market, sender: str = ANN) -> None:
    market.fund(sender, ETH, "0.001")


def by_api(market: Market) -> Order:
    return market.opening.open(OWNER, "key-1", Terms(PAIR, Decimal("0.1"), Decimal(5000))).made


def ends_refunded(market: Market, *payers: str) -> None:
    """Everybody has all back, nobody waits, and the room is free."""
    live_until(market, Status.REFUNDED, minutes=14)
    market.run(3)
    assert has_all_back(market, *(payers or (ANN,)))
    assert (desk_fees(market), at_exchange(market), room_taken(market), people_told(market)) == ({}, {}, 0, [])


# The last transfer and the end of the time for it


def test_what_comes_a_moment_before_the_end_completes_the_payment(market: Market) -> None:
    pay_but_the_last(market)
    live(market, 9.9)
    pay_the_last(market)
    live_until(market, Status.CREATED)
    assert in_custody(market) == desk_fees(market) == {USDT: Decimal(5)}


def test_what_comes_after_the_end_goes_back_with_the_rest(market: Market) -> None:
    pay_but_the_last(market)
    live(market, 10.5)
    assert market.order().status in (Status.FAILED, Status.REFUNDED)
    pay_the_last(market)
    ends_refunded(market)


def test_what_comes_late_goes_back_although_nobody_has_checked(market: Market) -> None:
    pay_but_the_last(market)
    market.pass_time(minutes=10)
    pay_the_last(market)
    market.poll()
    assert market.order().transfers == 2
    ends_refunded(market)


def test_a_transfer_that_loses_against_the_end_goes_back(market: Market) -> None:
    """It is about to be written as the order's, when the order's time is over."""
    pay_but_the_last(market)
    market.pass_time(minutes=9, seconds=59.9)
    pay_the_last(market)

    def the_time_is_over() -> None:
        market.pass_time(seconds=1)
        assert market.paying.check(market.order().order_id).facts["status"] == "failed"

    meanwhile(market, the_time_is_over)
    market.poll()
    assert market.order().transfers == 2
    ends_refunded(market)


def test_a_transfer_that_wins_against_the_end_completes_the_payment(market: Market) -> None:
    """The order is about to fail, when a poller whose clock is a little behind has taken the last transfer."""
    pay_but_the_last(market)
    pay_the_last(market)
    market.pass_time(minutes=10)

    def a_transfer_is_taken() -> None:
        market.pass_time(seconds=-10)
        market.poll()
        market.pass_time(seconds=10)

    meanwhile(market, a_transfer_is_taken)
    with pytest.raises(PaymentIncomplete):
        market.paying.check(market.order().order_id)
    assert market.paying.check(market.order().order_id).facts["status"] == "payment_complete"
    live_until(market, Status.CREATED)
    assert in_custody(market) == desk_fees(market) == {USDT: Decimal(5)}


@pytest.mark.parametrize("assets", [[BTC], [BTC, USDT], [ETH], [USDT, USDT, BTC]])
def test_a_part_of_the_payment_goes_back_when_its_time_is_over(market: Market, assets: list[str]) -> None:
    for asset_id in assets:
        market.fund(ANN, asset_id, "0.12345678")
    market.poll()
    ends_refunded(market)


def test_a_transfer_after_failure_revives_nothing(market: Market) -> None:
    pay_but_the_last(market)
    ends_refunded(market)
    for asset_id in (ETH, BTC, USDT):
        market.fund(ANN, asset_id, "200")
    live(market, 3)
    ends_refunded(market)
    assert market.order().transfers == 2


# Fees


def order_to_divide() -> Order:
    return Order(
        order_id="M1",
        pair_id=PAIR,
        symbol="BTC-USDT",
        exchange="binance",
        account_id=ACCOUNT,
        base_asset_id=BTC,
        quote_asset_id=USDT,
        base_min=Decimal("0.01"),
        quote_min=Decimal(100),
        base_asked=Decimal("0.01"),
        quote_asked=Decimal(100),
        fee_bps=Decimal(10),
        fees=Fees(Quantity("0.00002", BTC), Quantity("0.001", ETH)),
        status=Status.PAYMENT_COMPLETE,
        created_at=NOON,
        updated_at=NOON,
    )


def transfers(**amounts: str) -> list[Transfer]:
    assets = {"btc": BTC, "usdt": USDT, "eth": ETH, "doge": DOGE}
    return [Transfer(name, name, Quantity(amount, assets[name]), NOON) for name, amount in amounts.items()]


DECIMALS = {BTC: 8, USDT: 6}
NOTHING = Fees(Quantity(0, BTC), Quantity(0, USDT))


@pytest.mark.parametrize(
    ("fees", "amounts", "divided"),
    {
        "in the base asset and a third": (
            Fees(Quantity("0.00002", BTC), Quantity("0.001", ETH)),
            {"btc": "0.10002", "usdt": "5000", "eth": "0.001"},
            ("0.1", "4995", "5", {}),
        ),
        "both in a third, with a surplus": (
            Fees(Quantity("0.002", ETH), Quantity("0.001", ETH)),
            {"btc": "0.1", "usdt": "5000", "eth": "0.00400001"},
            ("0.1", "4995", "5", {ETH: "0.00100001"}),
        ),
        "both in the base asset": (
            Fees(Quantity("0.002", BTC), Quantity("0.001", BTC)),
            {"btc": "0.103", "usdt": "5000"},
            ("0.1", "4995", "5", {}),
        ),
        "both in the quote asset": (
            Fees(Quantity(2, USDT), Quantity(1, USDT)),
            {"btc": "0.1", "usdt": "1003"},
            ("0.1", "999", "1", {}),
        ),
        "nothing": (NOTHING, {"btc": "0.1", "usdt": "5000"}, ("0.1", "4995", "5", {})),
        "now another asset than was paid for it": (
            NOTHING,
            {"btc": "0.1", "usdt": "100", "doge": "3"},
            ("0.1", "99.9", "0.1", {DOGE: "3"}),
        ),
        "of sums finer than the chain": (
            NOTHING,
            {"btc": "0.12345678", "usdt": "1234.56789012"},
            ("0.12345678", "1233.333323", "1.234567", {USDT: "0.00000012"}),
        ),
    }.values(),
)
def test_what_was_paid_is_divided_to_the_last_digit(
    fees: Fees, amounts: Mapping[str, str], divided: tuple[str, str, str, Mapping[str, str]]
) -> None:
    paid = transfers(**amounts)
    division = model.divide(order_to_divide(), paid, fees, DECIMALS)
    base, quote, fee, surplus = divided
    assert (division.base, division.quote) == (Quantity(base, BTC), Quantity(quote, USDT))
    assert division.fee == Quantity(fee, USDT)
    assert division.surplus == {asset_id: Decimal(amount) for asset_id, amount in surplus.items()}
    for asset_id, amount in model.received(paid).items():
        parts = [p.amount for p in (division.base, division.quote, division.fee) if p.asset_id == asset_id]
        assert sum(parts) + fees.of(asset_id) + division.surplus.get(asset_id, 0) == amount


def test_what_does_not_cover_the_fees_is_not_divided() -> None:
    paid = transfers(btc="0.01", usdt="100", eth="0.001")
    with pytest.raises(FeesRose, match=r"0\.00000001 of"):
        model.divide(order_to_divide(), paid, Fees(Quantity("0.00000001", BTC), Quantity("0.001", ETH)), DECIMALS)


def test_what_is_less_than_its_chain_carries_is_not_divided() -> None:
    paid = transfers(btc="0.1", usdt="5000")
    with pytest.raises(FeesRose, match=r"0\.1 of"):
        model.divide(order_to_divide(), paid, NOTHING, {BTC: 0, USDT: 6})


def test_a_fee_in_the_base_asset_is_not_counted_twice(market: Market) -> None:
    """What is paid is the least that there may be and the fee: neither stands for the other."""
    market.fund(ANN, BTC, "0.01002")
    market.fund(ANN, USDT, "100")
    market.fund(ANN, ETH, "0.001")
    live_until(market, Status.CREATED)
    assert at_exchange(market) == {"BTC": Decimal("0.01"), "USDT": Decimal("99.9")}
    assert in_custody(market) == desk_fees(market) == {USDT: Decimal("0.1")}


def test_a_fee_in_one_asset_pays_for_both_legs() -> None:
    market = Market()
    market.list_pair(symbol="ETH-USDT", base_asset_id=ETH)
    market.poll()
    market.fund(ANN, USDT, "1000")
    market.fund(ANN, ETH, "2.0015")  # 0.0005 of its own leg, 0.001 of the other
    live_until(market, Status.CREATED)
    assert at_exchange(market) == {"ETH": Decimal(2), "USDT": Decimal(999)}
    assert in_custody(market) == desk_fees(market) == {USDT: Decimal(1)}


def test_what_is_paid_over_a_fee_in_a_third_asset_comes_back(market: Market) -> None:
    pay_but_the_last(market)
    market.fund(ANN, ETH, "0.00300001")
    live_until(market, Status.CREATED)
    assert market.has(ANN) == {ETH: Decimal("0.00200001")}
    assert in_custody(market) == desk_fees(market) == {USDT: Decimal(5)}


def test_a_sum_finer_than_its_chain_reaches_the_exchange(market: Market) -> None:
    """USDT has six decimals on its chain, and eight at the custody."""
    market.fund(ANN, BTC, "0.12347678")
    market.fund(ANN, USDT, "1234.56789012")
    market.fund(ANN, ETH, "0.001")
    live_until(market, Status.CREATED)
    assert at_exchange(market) == {"BTC": Decimal("0.12345678"), "USDT": Decimal("1233.333323")}
    assert market.has(ANN) == {USDT: Decimal("0.00000012")}
    assert in_custody(market) == desk_fees(market) == {USDT: Decimal("1.234567")}


def test_half_a_fee_is_waited_for(market: Market) -> None:
    pay_but_the_last(market)
    market.fund(ANN, ETH, "0.0005")
    live(market, 3)
    assert market.order().status is Status.PAYMENT_INCOMPLETE
    market.fund(ANN, ETH, "0.0005")
    live_until(market, Status.CREATED)
    assert in_custody(market) == desk_fees(market) == {USDT: Decimal(5)}


def test_half_a_fee_alone_brings_all_back(market: Market) -> None:
    pay_but_the_last(market)
    market.fund(ANN, ETH, "0.0005")
    ends_refunded(market)


def pay_while_fees_rise(market: Market) -> None:
    market.fund_all()
    market.poll()
    market.safe.set_fees(USDT, {ETH: 2 * units_of(Decimal("0.001"))})
    market.run(2)
    assert (market.order().status, in_custody(market)[USDT]) == (Status.PAYMENT_COMPLETE, Decimal(5000))


def test_a_fee_that_has_risen_and_falls_in_time_delays_only(market: Market) -> None:
    pay_while_fees_rise(market)
    market.safe.set_fees(USDT, {ETH: units_of(Decimal("0.0009"))})
    live_until(market, Status.CREATED)
    assert market.has(ANN) == {ETH: Decimal("0.0001")}
    assert in_custody(market) == desk_fees(market) == {USDT: Decimal(5)}


def test_a_fee_that_has_risen_and_stays_brings_all_back(market: Market) -> None:
    pay_while_fees_rise(market)
    ends_refunded(market)
    assert "withdrawing costs more" in (market.order().reason or "")


@pytest.mark.parametrize(
    ("asset_id", "costs"),
    [(BTC, {BTC: 4_001}), (BTC, {BTC: 8_000_000}), (USDT, {ETH: 10**8}), (USDT, {USDT: 1})],
    ids=["over twice as much", "most of what was put in", "of a third asset", "of another asset"],
)
def test_a_fee_that_rises_beyond_measure_takes_nothing_of_what_was_put_in(
    market: Market, asset_id: str, costs: Mapping[str, int]
) -> None:
    """More was put in than the smallest order needs, and more of the third asset than was asked for."""
    market.fund_all()
    market.fund(ANN, ETH, "1")
    market.poll()
    market.safe.set_fees(asset_id, costs)
    ends_refunded(market)
    assert "withdrawing costs more than it was told to" in (market.order().reason or "")


def test_a_fee_that_rises_a_little_is_paid_of_what_was_put_in(market: Market) -> None:
    market.fund_all()
    market.poll()
    market.safe.set_fees(BTC, {BTC: 4_000})
    live_until(market, Status.CREATED)
    assert at_exchange(market)["BTC"] == Decimal("0.09998")


def test_what_comes_when_the_payment_is_complete_goes_back(market: Market) -> None:
    pay_while_fees_rise(market)
    market.fund(ANN, ETH, "0.001")
    live(market, 2)
    assert market.has(ANN) == {ETH: Decimal("0.001")}
    ends_refunded(market)


# Whose, and how many


def test_who_pays_first_is_the_payer_and_the_others_get_theirs_back(market: Market) -> None:
    market.fund(ANN, BTC, "0.1")
    market.poll()
    market.fund(BOB, USDT, "5000")
    market.fund(BOB, BTC, "3")
    live(market, 3)
    assert market.has(BOB) == {USDT: Decimal(5000), BTC: Decimal(3)}
    assert (market.order().opponent_id, market.order().transfers) == (ANN, 1)
    ends_refunded(market, ANN, BOB)


def test_two_payers_at_once_open_one_order(market: Market) -> None:
    market.fund(BOB, BTC, "0.2")
    meanwhile(market, lambda: (market.fund(ANN, BTC, "0.1"), market.receiving.poll(lambda: True)))
    market.poll()
    assert (market.order().transfers, room_taken(market)) == (1, 1)
    ends_refunded(market, ANN, BOB)


def test_the_twenty_first_transfer_goes_back(market: Market) -> None:
    for _ in range(22):
        market.fund(ANN, BTC, "0.005")
    market.poll()
    assert market.order().transfers == 20
    market.run(2)
    assert market.has(ANN) == {BTC: Decimal("0.01")}
    ends_refunded(market)


def test_twenty_transfers_move_together(market: Market) -> None:
    for _ in range(18):
        market.fund(ANN, BTC, "0.01")
    market.fund(ANN, USDT, "5000")
    market.fund(ANN, ETH, "0.001")
    live_until(market, Status.CREATED)
    assert at_exchange(market) == {"BTC": Decimal("0.17998"), "USDT": Decimal(4995)}
    assert in_custody(market) == desk_fees(market) == {USDT: Decimal(5)}


# What names no order goes back at once, whole


def written(place: int, value: int) -> bytes:
    """A memo with another byte and a right checksum."""
    changed = bytearray(base58.b58decode(memo.encode(Memo(PAIR, ORDER)))[:-4])
    changed[place] = value
    return base58.b58encode(bytes(changed) + memo._checksum(bytes(changed)))


@pytest.mark.parametrize(
    ("said", "asset_id"),
    {
        "no memo": (b"", BTC),
        "a foreign memo": (b"Thanks for the coffee!", BTC),
        "a wrong checksum": (memo.encode(Memo(PAIR, ORDER)).replace("Q", "R", 1).encode(), BTC),
        "another version": (written(0, 2), BTC),
        "another trading type": (written(1, 2), BTC),
        "another action": (written(2, 2), BTC),
        "another pair": (memo.encode(Memo(OTHER, ORDER)).encode(), BTC),
        "an asset that the pair has not": (memo.encode(Memo(PAIR, ORDER)).encode(), DOGE),
    }.values(),
)
def test_what_names_no_order_comes_back_whole(market: Market, said: bytes, asset_id: str) -> None:
    market.pay(ANN, asset_id, "0.12345678", said)
    market.poll()
    market.run(3)
    assert has_all_back(market)
    assert (store.find(market.table, model.order_id(ORDER)), room_taken(market), market.due()) == (None, 0, [])


def test_a_pair_that_is_not_traded_now_opens_nothing() -> None:
    market = Market()
    market.list_pair(enabled=False)
    market.poll()
    market.fund_all()
    market.poll()
    market.run(3)
    assert has_all_back(market)
    assert store.find(market.table, model.order_id(ORDER)) is None


def test_an_order_is_paid_with_the_memo_of_its_own_pair(market: Market) -> None:
    market.list_pair(pair_id=OTHER, symbol="ETH-USDT", base_asset_id=ETH)
    market.fund(ANN, BTC, "0.1")
    market.poll()
    market.fund(ANN, USDT, "5000", pair=OTHER)
    market.poll()
    market.run(2)
    assert market.has(ANN) == {USDT: Decimal(5000)}
    assert market.order().transfers == 1


def test_a_chain_that_is_not_known_at_the_exchange_brings_all_back(market: Market) -> None:
    """What can not be sent on is not kept, be it seen when the order is opened or when it is to be sent."""
    market.exchange.wallet.networks.change("USDT", "ETH", deposits=False)
    market.fund(ANN, BTC, "0.1")
    market.poll()
    market.run(2)
    assert has_all_back(market)
    market.exchange.wallet.networks.change("USDT", "ETH", deposits=True)
    market.fund_all()
    market.poll()
    market.exchange.wallet.networks.change("USDT", "ETH", deposits=False)
    ends_refunded(market)


def test_a_pair_of_another_coin_than_its_asset_sends_nothing() -> None:
    """At the exchange one address takes all coins of a chain, and counts what comes as what it is."""
    market = Market()
    market.list_pair(symbol="BTC-ETH", quote_asset_id=USDT)
    market.poll()
    market.fund(ANN, BTC, "0.1")
    market.fund(ANN, USDT, "5000")
    live(market, 3)
    assert has_all_back(market)
    assert (market.has_order(), at_exchange(market), room_taken(market), people_told(market)) == (False, {}, 0, [])


def test_our_own_transfer_pays_for_no_order(market: Market) -> None:
    market.fund(US, BTC, "0.1")
    market.poll()
    market.run(2)
    assert (store.find(market.table, model.order_id(ORDER)), market.due()) == (None, [])


def test_what_a_chain_brings_pays_for_no_order(market: Market) -> None:
    entry = market.safe.entry(US, BTC)
    market.safe.deposit(BTC, entry.destination, entry.tag, units_of(Decimal("0.1")), "hash-1")
    market.poll()
    market.run(2)
    assert (store.find(market.table, model.order_id(ORDER)), market.due()) == (None, [])


def test_a_transfer_is_taken_when_the_key_of_the_account_is_there(market: Market) -> None:
    """What opening it costs can not be told without one; others' transfers are taken meanwhile."""
    market.fund_all()
    market.pay(BOB, BTC, "1", b"hello")
    market.keyless = True
    live(market, 3)
    assert (market.has(ANN), market.has(BOB)) == ({}, {BTC: Decimal(1)})
    market.keyless = False
    live_until(market, Status.CREATED)
    assert market.order().transfers == 4


# Room


def test_a_transfer_without_room_comes_back_and_room_is_given_once(market: Market) -> None:
    market.list_pair(capacity=1)
    market.fund(ANN, BTC, "0.1")
    market.poll()
    market.fund(BOB, BTC, "0.2", OTHER)
    market.poll()
    market.run(2)
    assert (market.has(BOB), room_taken(market)) == ({BTC: Decimal("0.2")}, 1)
    live_until(market, Status.REFUNDED, minutes=14)
    for _ in range(3):
        market.refunding.refund(market.order().order_id)
    assert room_taken(market) == 0
    market.fund(BOB, BTC, "0.2", OTHER)
    market.poll()
    assert (market.order(OTHER).status, room_taken(market)) == (Status.PAYMENT_PENDING, 1)


def test_two_orders_at_once_share_no_last_place(market: Market) -> None:
    market.list_pair(capacity=1)
    market.fund(BOB, BTC, "0.2", OTHER)
    meanwhile(market, lambda: (market.fund(ANN, BTC, "0.1"), market.receiving.poll(lambda: True)))
    market.poll()
    found = [store.find(market.table, model.order_id(one)) for one in (ORDER, OTHER)]
    assert (sum(one is not None for one in found), room_taken(market)) == (1, 1)


# Orders by API


def test_an_order_by_api_is_paid_by_two_transfers_of_one_asset(market: Market) -> None:
    order = by_api(market)
    uuid = memo.decode(memo_of(order).encode()).order_id
    market.fund(ANN, BTC, "0.05", uuid)
    market.fund(ANN, USDT, "5000", uuid)
    market.fund(ANN, BTC, "0.05", uuid)
    market.poll()
    market.fund(ANN, BTC, "0.00002", uuid)
    market.fund(ANN, ETH, "0.001", uuid)
    live_until(market, Status.CREATED, uuid)
    assert at_exchange(market) == {"BTC": Decimal("0.1"), "USDT": Decimal(4995)}
    assert in_custody(market) == desk_fees(market) == {USDT: Decimal(5)}


def test_an_order_by_api_needs_what_its_owner_asked_for(market: Market) -> None:
    uuid = memo.decode(memo_of(by_api(market)).encode()).order_id
    market.fund(ANN, BTC, "0.09", uuid)
    market.fund(ANN, USDT, "5000", uuid)
    market.fund(ANN, ETH, "0.001", uuid)
    live_until(market, Status.REFUNDED, uuid, minutes=14)
    assert has_all_back(market)
    assert room_taken(market) == 0


def test_an_order_nobody_pays_ends_after_fifteen_minutes(market: Market) -> None:
    """Its place is free then, and what comes later goes back."""
    uuid = memo.decode(memo_of(by_api(market)).encode()).order_id
    live(market, 15.2)
    assert (market.order(uuid).status, room_taken(market)) == (Status.PAYMENT_PENDING, 1)
    live(market, 3)
    assert (market.order(uuid).status, room_taken(market)) == (Status.REFUNDED, 0)
    market.fund(ANN, BTC, "0.1", uuid)
    live(market, 3)
    assert has_all_back(market)
    assert (market.order(uuid).status, room_taken(market), people_told(market)) == (Status.REFUNDED, 0, [])


def test_who_pays_an_order_by_api_in_the_last_minute_has_ten_more(market: Market) -> None:
    uuid = memo.decode(memo_of(by_api(market)).encode()).order_id
    live(market, 14.8)
    market.fund(ANN, BTC, "0.10002", uuid)
    live(market, 9)
    market.fund(ANN, USDT, "5000", uuid)
    market.fund(ANN, ETH, "0.001", uuid)
    live_until(market, Status.CREATED, uuid)
