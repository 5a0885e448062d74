"""The pictures in README.md: one of the state machines, and a portfolio, valued as the API values it.

<!-- picture: portfolio -->     what stands between these two lines is drawn anew
<!-- end -->
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

from common.domain.ledger.model import Balance, Holding, Mark, Portfolio, portfolio
from common.money import ZERO, Money, Price, Quantity
from docgen import machines

PAGE = "README.md"
MACHINE = "sell-order"  # the shortest of those that move customers' money
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)

_REGION = re.compile(r"<!-- picture: ([\w-]+) -->\n.*?<!-- end -->\n", re.DOTALL)


def drawn(page: str) -> str:
    """The page with all its pictures drawn anew. Raises KeyError where it asks for one that there is not."""
    pictures = {MACHINE: machines.diagram(machines.definitions()[MACHINE]), "portfolio": _pie(_example())}
    return _REGION.sub(lambda place: f"<!-- picture: {place[1]} -->\n\n{pictures[place[1]]}\n\n<!-- end -->\n", page)


def _example() -> Portfolio:
    """Of a customer who has bought two kinds of coins, and has a limit order in the book."""
    balance = Balance("ann", Money("340.00"), Money("100.00"), AT)
    holdings = [_bought("BTC", "0.008", "400.00"), _bought("SOL", "2.5", "310.00")]
    prices = {"BTC": Price(60_000), "SOL": Price(148)}
    return portfolio(balance, holdings, {asset_id: Mark(price, AT, stale=False) for asset_id, price in prices.items()})


def _bought(asset_id: str, quantity: str, cost: str) -> Holding:
    bought, none = Quantity(Decimal(quantity), asset_id), Quantity(0, asset_id)
    return Holding(asset_id, bought, none, Money(cost), ZERO, bought, none, AT, AT)


def _pie(found: Portfolio) -> str:
    """Dollars free and held, and each asset at its price."""
    balance = found.balance
    parts = {"dollars, free": balance.current, "dollars, held": balance.held}
    parts |= {position.holding.asset_id: position.value for position in found.positions if position.value is not None}
    title = f"{balance.username} has ${found.total_portfolio_value}, ${found.unrealised_gain} of it gained"
    lines = [f'    "{part}" : {value}' for part, value in parts.items()]
    return "\n".join(["```mermaid", f"pie showData title {title}", *lines, "```"])
