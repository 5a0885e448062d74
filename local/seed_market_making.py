"""What market making begins with: two accounts of its own at the simulated exchange, each with a key that only reads,
one that trades and one that withdraws, and the pair that it quotes there. What is there already is left as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx

from common.domain.pairs.model import Pair
from common.money import plain
from functions.market_making.model import ORDERS_PER_ACCOUNT_MAX, TradingAccount
from sandbox.exchange.keyring import Right
from sandbox.mixin.assets import BTC, USDT_ERC20

EXCHANGE = "binance"
ACCOUNTS = tuple(
    TradingAccount(account_id, EXCHANGE, capacity=ORDERS_PER_ACCOUNT_MAX, orders=0, enabled=True)
    for account_id in ("maker-1", "maker-2")
)
PAIR = Pair(
    pair_id=UUID("0776b00f-95c0-46f9-85e4-7b8e7ca51e94"),
    symbol="BTC-USDT",
    exchange=EXCHANGE,
    base_asset_id=BTC.asset_id,
    quote_asset_id=USDT_ERC20.asset_id,
    base_min=Decimal("0.01"),
    quote_min=Decimal(100),
    fee_bps=Decimal(10),
    enabled=True,
)
BECAUSE = "a new stack"
RIGHTS = {
    "reading": (Right.READ,),
    "trading": (Right.READ, Right.TRADE),
    "withdrawing": (Right.READ, Right.WITHDRAW),
}

Keys = dict[str, dict[str, str]]  # by account


def keys(purpose: str) -> Keys:
    """reading, trading, withdrawing: as the secret of that purpose has them."""
    return {account.account_id: _key(account.account_id, purpose) for account in ACCOUNTS}


def login_keys() -> dict[str, str]:
    """With which the accounts log in at campaigns, of the sandbox only."""
    return {
        account.account_id: hashlib.sha256(f"sandbox-{account.account_id}-login".encode()).hexdigest()
        for account in ACCOUNTS
    }


def open_accounts(exchange_url: str) -> list[str]:
    """At the exchange, with their keys; returns those that were not there. Raises httpx.HTTPStatusError."""
    opened = []
    with httpx.Client(base_url=f"{exchange_url}/sandbox", timeout=15) as http:
        there = http.get("/accounts").raise_for_status().json()
        for account in ACCOUNTS:
            account_id = account.account_id
            if account_id not in there:
                http.post("/accounts", json={"account": account_id}).raise_for_status()
                opened.append(account_id)
            for purpose, rights in RIGHTS.items():
                issued = {"rights": list(rights), **_key(account_id, purpose)}
                http.post(f"/accounts/{account_id}/keys", json=issued).raise_for_status()
    return opened


def open_orders(exchange_url: str) -> list[dict[str, str]]:
    """Of all the accounts. Raises httpx.HTTPError."""
    told = httpx.get(f"{exchange_url}/sandbox/state", timeout=15).raise_for_status().json()["open_orders"]
    return [order for account in ACCOUNTS for order in told.get(account.account_id, [])]


def list_pair(operator: httpx.Client, by_two: Callable[[str, str, dict[str, Any]], None]) -> list[str]:
    """With the accounts that carry its orders; returns what was missing. `by_two`: what one operator proposes, another
    one confirms. Raises httpx.HTTPStatusError."""
    there = operator.get("/operations/trading-accounts").raise_for_status().json()["items"]
    known = [account["account_id"] for account in there]
    missing = [account for account in ACCOUNTS if account.account_id not in known]
    for account in missing:
        carries = {"exchange": account.exchange, "capacity": account.capacity, "reason": BECAUSE}
        operator.put(f"/operations/trading-accounts/{account.account_id}", json=carries).raise_for_status()
    done = [account.account_id for account in missing]
    pairs = operator.get("/operations/pairs").raise_for_status().json()["items"]
    if str(PAIR.pair_id) not in (pair["pair_id"] for pair in pairs):
        trades = {
            "pair": PAIR.symbol,
            "exchange": PAIR.exchange,
            "base_asset_id": PAIR.base_asset_id,
            "quote_asset_id": PAIR.quote_asset_id,
            "base_min": plain(PAIR.base_min),
            "quote_min": plain(PAIR.quote_min),
            "fee_bps": int(PAIR.fee_bps),
        }
        by_two("PUT", f"/operations/pairs/{PAIR.pair_id}", trades)
        done.append(PAIR.symbol)
    return done


def _key(account_id: str, purpose: str) -> dict[str, str]:
    name = f"sandbox-{account_id}-{purpose}"
    return {"api_key": f"{name}-key", "secret": f"{name}-secret"}
