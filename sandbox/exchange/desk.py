"""What the exchange's process begins with: markets, networks, and the desk's own account and its keys, of the sandbox
only. Accounts for market making are opened by control (`account_controls`)."""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange import alphapoint, binance
from sandbox.exchange.venue import Symbol
from sandbox.exchange.wallet.networks import BITCOIN, DOGECOIN, EVM, RIPPLE, SOLANA, TRON, AddressForm, Network

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
    _symbol(6, "XRP", "0.1", "0.0001"),
)
# The price source's id of what each market trades: its reference.
LISTINGS = {
    "BTCUSDT": "bitcoin",
    "ETHUSDT": "ethereum",
    "SOLUSDT": "solana",
    "OPUSDT": "optimism",
    "DOGEUSDT": "dogecoin",
    "XRPUSDT": "ripple",
}
BALANCES = {
    "USDT": Decimal(100_000_000),
    "BTC": Decimal(1_000),
    "ETH": Decimal(20_000),
    "SOL": Decimal(500_000),
    "OP": Decimal(20_000_000),
    "DOGE": Decimal(500_000_000),
    "XRP": Decimal(100_000_000),
    "BNB": Decimal(10_000),  # for fees, should they be charged in it
}


def _network(
    coin: str,
    network: str,
    title: str,
    form: AddressForm,
    explorer: str,
    *,
    fee: str,
    least: str,
    confirmations: int,
    step: str = "0.00000001",
    default: bool = False,
) -> Network:
    return Network(
        coin,
        network,
        title,
        form,
        explorer,
        confirmations,
        deposit_min=Decimal(step),
        withdraw_min=Decimal(least),
        withdraw_fee=Decimal(fee),
        withdraw_step=Decimal(step),
        default=default,
    )


_ETHEREUM = ("ETH", "Ethereum (ERC20)", EVM, "https://etherscan.io")
_TRON = ("TRX", "Tron (TRC20)", TRON, "https://tronscan.org")
_BSC = ("BSC", "BNB Smart Chain (BEP20)", EVM, "https://bscscan.com")
_OPTIMISM = ("OPTIMISM", "Optimism", EVM, "https://optimistic.etherscan.io")
_BITCOIN = ("BTC", "Bitcoin", BITCOIN, "https://blockchair.com/bitcoin")
_SOLANA = ("SOL", "Solana", SOLANA, "https://explorer.solana.com")
_DOGECOIN = ("DOGE", "dogecoin", DOGECOIN, "https://blockchair.com/dogecoin")
_RIPPLE = ("XRP", "Ripple", RIPPLE, "https://bithomp.com")
# Its addresses have tags.
NETWORKS = (
    _network("USDT", *_ETHEREUM, fee="1", least="10", confirmations=6, step="0.000001", default=True),
    _network("USDT", *_TRON, fee="1", least="10", confirmations=1, step="0.000001"),
    _network("USDT", *_BSC, fee="0.01", least="10", confirmations=15),
    _network("USDT", *_SOLANA, fee="0.5", least="10", confirmations=1, step="0.000001"),
    _network("BTC", *_BITCOIN, fee="0.000015", least="0.0003", confirmations=1, default=True),
    _network("ETH", *_ETHEREUM, fee="0.0003", least="0.001", confirmations=6, default=True),
    _network("SOL", *_SOLANA, fee="0.001", least="0.1", confirmations=1, default=True),
    _network("OP", *_OPTIMISM, fee="0.05", least="2", confirmations=50, default=True),
    _network("DOGE", *_DOGECOIN, fee="4", least="20", confirmations=2, default=True),
    _network("BNB", *_BSC, fee="0.00001", least="0.002", confirmations=5, default=True),
    _network("XRP", *_RIPPLE, fee="0.2", least="2", confirmations=1, step="0.000001", default=True),
)
