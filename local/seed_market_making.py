"""What market making begins with: an account of its own at the simulated exchange, with a key that trades and another
one that withdraws, and the pair that it quotes there. What is there already is left as it is."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import httpx

from common import clock
from common.table.table import Table
from functions.market_making import store
from functions.market_making.model import Pair, PairNotFound, TradingAccount, TradingAccountNotFound
from sandbox.exchange.keyring import Right
from sandbox.mixin.assets import BTC, USDT_ERC20

ACCOUNT = TradingAccount("maker-1", "binance", capacity=40, orders=0, enabled=True)
PAIR = Pair(
    pair_id=UUID("0776b00f-95c0-46f9-85e4-7b8e7ca51e94"),
    symbol="BTC-USDT",
    exchange=ACCOUNT.exchange,
    base_asset_id=BTC.asset_id,
    quote_asset_id=USDT_ERC20.asset_id,
    base_min=Decimal("0.01"),
    quote_min=Decimal(100),
    fee_bps=Decimal(10),
    enabled=True,
)
_RIGHTS = {"trading": (Right.READ, Right.TRADE), "withdrawing": (Right.READ, Right.WITHDRAW)}

Keys = dict[str, dict[str, str]]  # by account


def keys(purpose: str) -> Keys:
    """trading, withdrawing: as the secret of that purpose has them."""
    name = f"sandbox-{ACCOUNT.account_id}-{purpose}"
    return {ACCOUNT.account_id: {"api_key": f"{name}-key", "secret": f"{name}-secret"}}


def open_account(exchange_url: str) -> bool:
    """At the exchange, with its keys; False when it was there. Raises httpx.HTTPStatusError."""
    with httpx.Client(base_url=f"{exchange_url}/sandbox", timeout=15) as http:
        there = http.get("/accounts").raise_for_status().json()
        if ACCOUNT.account_id not in there:
            http.post("/accounts", json={"account": ACCOUNT.account_id}).raise_for_status()
        for purpose, rights in _RIGHTS.items():
            issued = {"rights": list(rights), **keys(purpose)[ACCOUNT.account_id]}
            http.post(f"/accounts/{ACCOUNT.account_id}/keys", json=issued).raise_for_status()
    return ACCOUNT.account_id not in there


def list_pair(table: Table) -> bool:
    """With the account that carries its orders; False when both were there."""
    at, writes = clock.now(), []
    try:
        store.pair(table, PAIR.pair_id)
    except PairNotFound:
        writes.append(store.save_pair(PAIR, None, at))
    try:
        store.account(table, ACCOUNT.account_id)
    except TradingAccountNotFound:
        writes.append(store.save_account(ACCOUNT, None, at))
    if writes:
        table.write(*writes)
    return bool(writes)
