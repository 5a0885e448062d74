"""What the tests of the backtest begin with."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from common.gateways.exchange import Side
from common.gateways.exchange.maker import Quote
from functions.market_making.strategy import Rules, Terms
from sandbox.backtest.cases import Case
from sandbox.backtest.paper import Paper
from sandbox.backtest.running import MARKET
from sandbox.backtest.tape import Best, Flow, Print, Steps, Tape

TERMS = Terms(Decimal("0.01"), Decimal("0.001"))
TOLD = {
    "market": "BTC-USDT",
    "bid_spread": "0.1",
    "ask_spread": "0.1",
    "order_amount": "0.01",
    "order_refresh_time": "10",
    "order_refresh_tolerance_pct": "0.05",
    "filled_order_delay": "10",
}


def rules(**changed: Any) -> Rules:
    given: dict[str, Any] = {
        "bid_spread": Decimal("0.01"),
        "ask_spread": Decimal("0.01"),
        "order_amount": Decimal(1),
        "order_refresh_time": 10,
        "filled_order_delay": 0,
    }
    return Rules(terms=TERMS, **(given | changed))


def tape(*events: Print | Best, ends: int = 60_000) -> Tape:
    """From 0 on, with 99.90 bid and 100.10 asked, 5 of each."""
    return Tape(
        Steps(TERMS.tick, TERMS.lot), [best(0, "99.90", "100.10"), *events, best(ends, "99.90", "100.10")], Decimal(5)
    )


def best(at: int, bid: str, ask: str) -> Best:
    return Best(at, Decimal(bid), Decimal(ask))


def sold(at: int, price: str, quantity: str) -> Print:
    return Print(at, Decimal(price), Decimal(quantity), Side.SELL)


def bought(at: int, price: str, quantity: str) -> Print:
    return Print(at, Decimal(price), Decimal(quantity), Side.BUY)


def paper(on: Tape, **changed: Any) -> Paper:
    given: dict[str, Any] = {"base": Decimal(10), "quote": Decimal(1000), "latency": 0}
    return Paper(on, MARKET, **(given | changed))


def quoted(at: Paper, side: Side, price: str, quantity: str, name: str = "ours") -> None:
    at.place(MARKET, Quote(side, Decimal(price), Decimal(quantity), name))


def filled(at: Paper) -> Sequence[tuple[str, str]]:
    """Price and quantity of each trade."""
    return [(str(one.trade.price), str(one.trade.quantity)) for one in at.traded]


def case(**changed: Any) -> Case:
    told = {**TOLD, **changed.pop("told", {})}
    given: dict[str, Any] = {"flow": Flow(hours=0.5), "fee": Decimal("0.0002")}
    return Case(told=told, **(given | changed))
