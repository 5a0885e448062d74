"""What the custody keeps: chains, their addresses and tags, the assets on them. Amounts are whole units of 10⁻⁸.

Ids and precisions are the real ones (github.com/MixinNetwork/bot-api-go-client @5161559, asset.go); fees and smallest
withdrawals are made up.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from common.money import EXACT, plain

DECIMALS = 8  # at most, whatever the chain has
UNITS_MAX = 10**24
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


class TagUse(StrEnum):
    """The custody's words for whether an address of a chain takes a tag."""

    POSITIVE = "positive"
    POSSIBLE = "possible"
    NEGATIVE = "negative"


@dataclass(frozen=True)
class Chain:
    """`shape` is of all its addresses, as a regular expression; the addresses that are made here are `stem` and so many
    letters of its alphabet. `network` is what exchanges call it."""

    chain_id: str
    network: str
    shape: str
    stem: str
    letters: int
    alphabet: str = _BASE58
    tags: TagUse = TagUse.NEGATIVE
    confirmations: int = 12

    @property
    def takes_tag(self) -> bool:
        return self.tags is not TagUse.NEGATIVE

    def accepts(self, destination: str) -> bool:
        return re.fullmatch(self.shape, destination, re.ASCII) is not None

    def accepts_tag(self, tag: str) -> bool:
        """One may be left out: who receives may need none."""
        return tag == "" or (self.takes_tag and re.fullmatch("[0-9]{1,10}", tag, re.ASCII) is not None)

    def address(self, of: str) -> tuple[str, str]:
        """Address and tag, the same for the same."""
        drawn = hashlib.sha512(f"{self.chain_id}/{of}".encode()).digest()
        address = self.stem + "".join(self.alphabet[byte % len(self.alphabet)] for byte in drawn[: self.letters])
        return address, str(int.from_bytes(drawn[-4:])) if self.takes_tag else ""


@dataclass(frozen=True)
class Asset:
    """`decimals` is the precision of its chain. An asset whose id is its chain's is what the chain's fees are paid
    with."""

    asset_id: str
    chain_id: str
    symbol: str
    name: str
    decimals: int
    withdrawal_min: int
    dust: int = 1

    @property
    def step(self) -> int:
        """The smallest amount that its chain can carry."""
        return int(10 ** max(0, DECIMALS - self.decimals))


@lru_cache(maxsize=1024)
def kernel_asset_id(asset_id: str) -> str:
    return hashlib.sha3_256(asset_id.encode()).hexdigest()


def units_of(amount: Decimal) -> int:
    """Raises ValueError for an amount that has parts below a unit, or is beyond all measure."""
    if not amount.is_finite() or amount.adjusted() > 24:
        raise ValueError(f"{amount} is no amount")
    units = EXACT.scaleb(amount, DECIMALS)
    if units != units.to_integral_value(context=EXACT):
        raise ValueError(f"{amount} has more than {DECIMALS} decimals")
    return int(units)


def amount_of(units: int) -> Decimal:
    return EXACT.scaleb(Decimal(units), -DECIMALS)


@lru_cache(maxsize=4096)
def shown(units: int) -> str:
    """As the wire writes it: without an exponent, without zeros behind."""
    return plain(amount_of(units))


def _evm(chain_id: str, network: str) -> Chain:
    return Chain(chain_id, network, "0x[0-9a-fA-F]{40}", "0x", 40, "0123456789abcdef")


BITCOIN = Chain(
    "c6d0c728-2624-429b-8e0d-d9d19b6592fa",
    "BTC",
    shape=f"bc1[{_BECH32}]{{11,71}}|[13][{_BASE58}]{{25,34}}",
    stem="bc1q",
    letters=38,
    alphabet=_BECH32,
)
ETHEREUM = _evm("43d61dcd-e413-450d-80b8-101d5e903357", "ETH")
BNB_CHAIN = _evm("1949e683-6a08-49e2-b087-d6b72398588f", "BSC")
TRON = Chain("25dabac5-056a-48ff-b9f9-f67395dc407c", "TRX", f"T[{_BASE58}]{{33}}", "T", 33)
SOLANA = Chain("64692c23-8971-4cf4-84a7-4dd1271dd887", "SOL", f"[{_BASE58}]{{32,44}}", "", 44)
RIPPLE = Chain("23dfb5a5-5d7b-48b6-905f-3970e3176e27", "XRP", f"r[{_BASE58}]{{24,34}}", "r", 33, tags=TagUse.POSSIBLE)
DOGECOIN = Chain("6770a1e5-6086-44d5-b60f-545f9d9e8ffd", "DOGE", f"D[{_BASE58}]{{33}}", "D", 33)
CHAINS = {c.chain_id: c for c in (BITCOIN, ETHEREUM, TRON, BNB_CHAIN, SOLANA, RIPPLE, DOGECOIN)}

BTC = Asset(BITCOIN.chain_id, BITCOIN.chain_id, "BTC", "Bitcoin", 8, withdrawal_min=10_000)
ETH = Asset(ETHEREUM.chain_id, ETHEREUM.chain_id, "ETH", "Ether", 18, withdrawal_min=100_000)
TRX = Asset(TRON.chain_id, TRON.chain_id, "TRX", "TRON", 6, withdrawal_min=100_000_000)
BNB = Asset(BNB_CHAIN.chain_id, BNB_CHAIN.chain_id, "BNB", "BNB", 18, withdrawal_min=100_000)
SOL = Asset(SOLANA.chain_id, SOLANA.chain_id, "SOL", "Solana", 9, withdrawal_min=100_000)
XRP = Asset(RIPPLE.chain_id, RIPPLE.chain_id, "XRP", "XRP", 6, withdrawal_min=100_000_000)
DOGE = Asset(DOGECOIN.chain_id, DOGECOIN.chain_id, "DOGE", "Dogecoin", 8, withdrawal_min=100_000_000)
USDT_ERC20 = Asset(
    "4d8c508b-91c5-375b-92b0-ee702ed2dac5", ETHEREUM.chain_id, "USDT", "Tether USD", 6, withdrawal_min=100_000_000
)
USDT_TRC20 = Asset(
    "b91e18ff-a9ae-3dc7-8679-e935d9a4b34b", TRON.chain_id, "USDT", "Tether USD", 6, withdrawal_min=100_000_000
)
USDT_BEP20 = Asset(
    "94213408-4ee7-3150-a9c4-9c5cce421c78", BNB_CHAIN.chain_id, "USDT", "Tether USD", 18, withdrawal_min=100_000_000
)
USDT_SOLANA = Asset(
    "cb54aed4-1893-3977-b739-ec7b2e04f0c5", SOLANA.chain_id, "USDT", "Tether USD", 6, withdrawal_min=100_000_000
)
ASSETS = {
    a.asset_id: a for a in (BTC, ETH, TRX, BNB, SOL, XRP, DOGE, USDT_ERC20, USDT_TRC20, USDT_BEP20, USDT_SOLANA)
}  # of each chain the asset that its fees are paid with, too

# What a withdrawal costs at first, by what it may be paid with.
FEES: dict[str, dict[str, int]] = {
    BTC.asset_id: {BTC.asset_id: 2_000},
    ETH.asset_id: {ETH.asset_id: 50_000},
    TRX.asset_id: {TRX.asset_id: 100_000_000},
    BNB.asset_id: {BNB.asset_id: 50_000},
    SOL.asset_id: {SOL.asset_id: 100_000},
    XRP.asset_id: {XRP.asset_id: 20_000_000},
    DOGE.asset_id: {DOGE.asset_id: 100_000_000},
    USDT_ERC20.asset_id: {ETH.asset_id: 100_000},
    USDT_TRC20.asset_id: {TRX.asset_id: 1_400_000_000},
    USDT_SOLANA.asset_id: {SOL.asset_id: 100_000},
    USDT_BEP20.asset_id: {BNB.asset_id: 50_000, USDT_BEP20.asset_id: 30_000_000},
}
