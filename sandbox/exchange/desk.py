"""What the exchange's process begins with: markets, and the desk's own account and its keys, of the sandbox only."""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange import alphapoint, binance
from sandbox.exchange.venue import Symbol

DESK = "desk"  # the account
DESK_AT_BINANCE = binance.Credential(DESK, api_key="sandbox-desk-key", secret="sandbox-desk-secret")
DESK_AT_ALPHAPOINT = alphapoint.Credential(
    DESK, account_id=7, user_id=446, api_key="sandbox-desk-key", secret="sandbox-desk-secret"
)


def _symbol(symbol_id: int, base: str, quantity_step: str, price_step: str) -> Symbol:
    step = Decimal(quantity_step)
    return Symbol(f"{base}USDT", base, "USDT", Decimal(price_step), step, step, Decimal(5), symbol_id)


SYMBOLS = (
    _symbol(1, "BTC", "0.00001", "0.01"),
    _symbol(2, "ETH", "0.0001", "0.01"),
    _symbol(3, "SOL", "0.001", "0.01"),
    _symbol(4, "OP", "0.01", "0.0001"),
    _symbol(5, "DOGE", "1", "0.00001"),
)
# The price source's id of what each market trades: its reference.
LISTINGS = {
    "BTCUSDT": "bitcoin",
    "ETHUSDT": "ethereum",
    "SOLUSDT": "solana",
    "OPUSDT": "optimism",
    "DOGEUSDT": "dogecoin",
}
BALANCES = {
    "USDT": Decimal(100_000_000),
    "BTC": Decimal(1_000),
    "ETH": Decimal(20_000),
    "SOL": Decimal(500_000),
    "OP": Decimal(20_000_000),
    "DOGE": Decimal(500_000_000),
    "BNB": Decimal(10_000),  # for fees, should they be charged in it
}
