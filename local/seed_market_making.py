"""What market making begins with: an account of its own at the simulated exchange, with a key that
only reads, one that trades and one that withdraws, and the pair that it quotes there. What is there already is left as
it is."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from uuid import UUID

import httpx

from common.money import plain
from functions.market_making.model import Pair, TradingAccount
from sandbox.exchange.keyring import Right
from sandbox.mixin.assets import BTC, USDT_ERC20

ACCOUNT = TradingAccount("maker-1", "binance", capacity=14, orders=0, enabled=True)
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
BECAUSE = "a new stack"
RIGHTS = {
    "reading": (Right.READ,),
    "trading": (Right.READ, Right.TRADE),
    "withdrawing": (Right.READ, Right.WITHDRAW),
}

Keys = dict[str, dict[str, str]]  # by account


def keys(purpose: str) -> Keys:
    """reading, trading, withdrawing: as the secret of that purpose has them."""
    name = f"sandbox-{ACCOUNT.account_id}-{purpose}"
    return {ACCOUNT.account_id: {"api_key": f"{name}-key", "secret": f"{name}-secret"}}


def login_keys() -> dict[str, str]:
    """With which the account logs in at campaigns, of the sandbox only."""
    return {ACCOUNT.account_id: hashlib.sha256(f"sandbox-{ACCOUNT.account_id}-login".encode()).hexdigest()}


def open_account(exchange_url: str) -> bool:
    """At the exchange, with its keys; False when it was there. Raises httpx.HTTPStatusError."""
    with httpx.Client(base_url=f"{exchange_url}/sandbox", timeout=15) as http:
        there = http.get("/accounts").raise_for_status().json()
        if ACCOUNT.account_id not in there:
            http.post("/accounts", json={"account": ACCOUNT.account_id}).raise_for_status()
        for purpose, rights in RIGHTS.items():
            issued = {"rights": list(rights), **keys(purpose)[ACCOUNT.account_id]}
            http.post(f"/accounts/{ACCOUNT.account_id}/keys", json=issued).raise_for_status()
    return ACCOUNT.account_id not in there


def list_pair(operator: httpx.Client) -> bool:
    """With the account that carries its orders; False when both were there. Raises httpx.HTTPStatusError."""
    pairs = operator.get("/operations/pairs").raise_for_status().json()["items"]
    accounts = operator.get("/operations/trading-accounts").raise_for_status().json()["items"]
    done = False
    if ACCOUNT.account_id not in (account["account_id"] for account in accounts):
        carries = {"exchange": ACCOUNT.exchange, "capacity": ACCOUNT.capacity, "reason": BECAUSE}
        operator.put(f"/operations/trading-accounts/{ACCOUNT.account_id}", json=carries).raise_for_status()
        done = True
    if str(PAIR.pair_id) not in (pair["pair_id"] for pair in pairs):
        trades = {
            "pair": PAIR.symbol,
            "exchange": PAIR.exchange,
            "base_asset_id": PAIR.base_asset_id,
            "quote_asset_id": PAIR.quote_asset_id,
            "base_min": plain(PAIR.base_min),
            "quote_min": plain(PAIR.quote_min),
            "fee_bps": int(PAIR.fee_bps),
            "reason": BECAUSE,
        }
        operator.put(f"/operations/pairs/{PAIR.pair_id}", json=trades).raise_for_status()
        done = True
    return done
