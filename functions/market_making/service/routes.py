"""The way of an asset from the custody to a trading account: its chain, the exchange's name of that, the address there,
and what it costs now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from common.gateways.custody import Address, Custody
from common.gateways.exchange.funds import ExchangeFunds
from common.money import Quantity
from functions.market_making.model import Fees, Pair
from functions.market_making.networks import network

CLOCKS_DIFFER = timedelta(minutes=5)  # ours, the exchange's and the custody's


class CoinDiffers(Exception):
    """An asset has another name at the custody than the coin that it is to be at the exchange: the pair is wrong."""


@dataclass(frozen=True)
class Route:
    """`decimals` are those that the chain carries."""

    network: str
    address: Address
    fee: Quantity
    decimals: int


@dataclass(frozen=True)
class Routes:
    """`funds` are those of a trading account, by its id."""

    custody: Callable[[], Custody]
    funds: Callable[[str], ExchangeFunds]

    def route(self, account_id: str, asset_id: str, symbol: str) -> Route:
        """Raises CoinDiffers, ChainUnknown, NetworkUnknown, CustodyAssetUnknown, CustodyRefused; ExchangeUnavailable,
        CustodyUnavailable."""
        asset = self.custody().asset(asset_id)
        if asset.symbol != symbol:  # one address takes many coins: what is sent as another one is not found again
            raise CoinDiffers(f"{asset_id} is {asset.symbol} at the custody, and no {symbol}")
        name = network(asset.chain_id)
        address = self.funds(account_id).deposit_address(symbol, name)
        fee = self.custody().withdrawal_fee(asset_id, address.destination)
        return Route(name, address, fee, asset.decimals)

    def fees(self, account_id: str, pair: Pair) -> Fees:
        """What it costs now to send both assets of a pair. Raises what `route` raises."""
        base, quote = pair.coins
        of_base = self.route(account_id, pair.base_asset_id, base)
        return Fees(of_base.fee, self.route(account_id, pair.quote_asset_id, quote).fee)
