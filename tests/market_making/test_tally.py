"""What quoting has brought, to the last digit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from common.gateways.exchange import Side
from common.gateways.exchange.maker import OwnTrade
from functions.market_making.tally import Performance, Tally, There, performance

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
COINS = ("BTC", "USDT")


def traded(
    side: Side, price: str, quantity: str, fee: str = "0", coin: str = "USDT", *, maker: bool = True
) -> OwnTrade:
    each, amount = Decimal(price), Decimal(quantity)
    return OwnTrade(1, "7", side, each, amount, each * amount, Decimal(fee), coin, maker, AT)


def told(tally: Tally, base: str, quote: str, began: tuple[str, str], price: str, seconds: int = 100) -> Performance:
    there = There(
        Decimal(base), Decimal(quote), (Decimal(began[0]), Decimal(began[1])), {}, Decimal("-0.01"), Decimal("0.02")
    )
    return performance(tally, there, COINS, Decimal(price), AT + timedelta(seconds=seconds))


def test_before_a_trade_nothing_is_made_but_what_the_coin_does() -> None:
    found = told(Tally().begun(Decimal(2), Decimal(100), AT), "2", "50", ("2", "50"), "90")
    assert [found.realised, found.unrealised, found.against_holding] == [0, -20, 0]
    assert found.fills == 0
    assert (found.spread_bps, found.inventory, found.drawdown) == (None, Decimal("0.7826"), Decimal("0.03"))


def test_a_round_trip_brings_its_spread_less_its_fees() -> None:
    tally = Tally().begun(Decimal(1), Decimal(100), AT)
    tally = tally.with_trade(traded(Side.SELL, "102", "0.5", "0.051"), Decimal(1), COINS)
    assert (tally.realised, tally.cost) == (Decimal("0.949"), Decimal(50))
    tally = tally.with_trade(traded(Side.BUY, "98", "0.5", "0.0005", "BTC"), Decimal("0.5"), COINS)
    found = told(tally, "0.9995", "101.949", ("1", "100"), "100")
    assert (found.realised, found.unrealised) == (Decimal("0.8995"), Decimal("0.9995"))
    assert found.realised + found.unrealised == found.against_holding == Decimal("1.899")
    assert (found.fees, found.fills) == ({"BTC": Decimal("0.0005"), "USDT": Decimal("0.051")}, 2)
    assert [found.maker_volume, found.taker_volume] == [100, 0]
    assert found.spread_bps == Decimal("408.16")


def test_what_was_traded_as_taker_is_told_as_such() -> None:
    tally = Tally().begun(Decimal(1), Decimal(100), AT)
    tally = tally.with_trade(traded(Side.BUY, "100", "1", maker=False), Decimal(1), COINS)
    tally = tally.with_trade(traded(Side.BUY, "50", "1"), Decimal(2), COINS)
    found = told(tally, "3", "0", ("1", "150"), "100")
    assert [found.maker_volume, found.taker_volume, tally.traded] == [50, 100, 150]


def test_time_counts_while_there_are_quotes_on_both_sides() -> None:
    tally = Tally().begun(Decimal(1), Decimal(100), AT)
    tally = tally.sided(True, AT + timedelta(seconds=10)).sided(True, AT + timedelta(seconds=20))
    assert told(tally, "1", "1", ("1", "1"), "100").two_sided == Decimal("0.9")
    tally = tally.sided(False, AT + timedelta(seconds=60)).sided(False, AT + timedelta(seconds=70))
    assert told(tally, "1", "1", ("1", "1"), "100").two_sided == Decimal("0.5")


def test_whatever_is_traded_the_parts_are_the_whole_to_the_last_digit() -> None:
    """Also in a third coin, and where all base is sold or goes into a fee."""
    for seed in range(200):
        chance, base, quote = Random(seed), Decimal(1), Decimal(10_000)
        tally = Tally().begun(base, Decimal(100), AT)
        for _ in range(30):
            side = chance.choice([*Side])
            quantity = Decimal(chance.randint(1, 10**6)).scaleb(-6)
            if side is Side.SELL:
                quantity = base if chance.random() < 0.1 else min(quantity, base)
            if not quantity:
                continue
            price = str(Decimal(chance.randint(9_000, 11_000)).scaleb(-2))
            coin = chance.choice(["BTC", "USDT", "BNB"])
            trade = traded(side, price, str(quantity), str(quantity.scaleb(-3)), coin)
            if side is Side.SELL and coin == "BTC" and quantity + trade.fee > base:
                continue
            tally = tally.with_trade(trade, base, COINS)
            sign = 1 if side is Side.BUY else -1
            base += sign * trade.quantity - (trade.fee if coin == "BTC" else 0)
            quote -= sign * trade.quote_quantity + (trade.fee if coin == "USDT" else 0)
        found = told(tally, str(base), str(quote), ("1", "10000"), "103.7")
        assert found.realised + found.unrealised == base * Decimal("103.7") + quote - Decimal(10_100)
