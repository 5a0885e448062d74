"""The seed's own loop of January 2026, to be compared with: the price, cancel all, place all (its stage 9).

What it does not do is left as it was: it reads no fills, its orders have no ids that it would know them by, it cancels
whatever is open at the account, it goes on where a cancel fails, and where its orders stop nobody cancels them.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from common.errors import Refusal
from common.gateways.exchange import Side
from common.gateways.exchange.maker import Quote
from functions.market_making.strategy.arithmetic import floored
from sandbox.backtest.paper import Paper
from sandbox.backtest.running import MARKET, with_ours
from sandbox.backtest.tape import Steps


class January:
    """`spread` is multiplied by the layer, a fraction; `amount` is of each layer, in base."""

    paused: str | None = None

    def __init__(self, paper: Paper, steps: Steps, spread: Decimal, amount: Decimal, layers: int, every: int) -> None:
        self._paper, self._steps, self._spread, self._amount = paper, steps, spread, amount
        self._layers, self._every, self._placed = layers, every, 0
        self._due: float = 0

    def cycle(self, at: datetime) -> None:
        """Where it is not due yet, nothing."""
        if at.timestamp() < self._due:
            return
        self._due = at.timestamp() + self._every
        book = with_ours(self._paper.others_book, self._paper)  # its own orders are in the middle
        price = (book.bids[0][0] + book.asks[0][0]) / 2
        self._cancel_all()
        for layer in range(1, self._layers + 1):
            away = self._spread * layer
            try:
                self._place(Side.BUY, price * (1 - away))
                self._place(Side.SELL, price * (1 + away))
            except Refusal:
                return  # the layers behind it are not placed

    def end(self, _: datetime) -> bool:
        """It only stops to be called."""
        return True

    def _cancel_all(self) -> None:
        """Whatever goes wrong is swallowed."""
        try:
            for order in self._paper.open_orders(MARKET):
                self._paper.cancel(MARKET, order.client_order_id)
        except Refusal:
            return

    def _place(self, side: Side, price: Decimal) -> None:
        self._placed += 1
        quote = Quote(side, floored(price, self._steps.price), self._amount, f"january{self._placed}")
        self._paper.place(MARKET, quote)
