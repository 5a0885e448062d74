"""HTTP of market making. `orders` and `configurations` are for owners; `operators`, `accounts`, `campaigns` and
`comparing` for operators; `fills` and `pairs` for both. What they share is in `door`."""

from __future__ import annotations

from common import http
from functions.market_making.api import (  # noqa: F401  # their routes
    accounts,
    campaigns,
    comparing,
    configurations,
    fills,
    operators,
    orders,
    pairs,
)
from functions.market_making.api.door import app
from functions.market_making.wiring import opening

STOPS = {  # which nobody is refused for asking often
    "POST /operations/market-making/{order_id}/halt",
    "POST /operations/market-making/{order_id}/stop",
    "POST /operations/trading-accounts/{account_id}/halt",
}

handler = http.serve(app, opening, stops=STOPS)
