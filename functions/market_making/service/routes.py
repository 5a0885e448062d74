"""The way of an asset from the custody to a trading account: its chain, the exchange's name of that, the address there,
and what it costs now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from common.domain.pairs.model import Pair
from common.gateways.custody import Address, Custody, CustodyAssetUnknown, CustodyRefused
from common.gateways.exchange.funds import ExchangeFunds, NetworkUnknown
from common.money import Quantity
from functions.market_making.model import Fees, Order
from functions.market_making.networks import ChainUnknown, network

CLOCKS_DIFFER = timedelta(minutes=5)  # ours, the exchange's and the custody's


class CoinDiffers(Exception):
    """An asset has another name at the custody than the coin that it is to be at the exchange: the pair is wrong."""


WAYLESS = (CoinDiffers, ChainUnknown, NetworkUnknown, CustodyAssetUnknown, CustodyRefused)  # there is no way


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
        """Raises what is WAYLESS; NoTradingKey; ExchangeUnavailable, CustodyUnavailable."""
        asset = self.custody().asset(asset_id)
        if asset.symbol != symbol:  # one address takes many coins: what is sent as another one is not found again
            raise CoinDiffers(f"{asset_id} is {asset.symbol} at the custody, and no {symbol}")
        name = network(asset.chain_id)
        address = self.funds(account_id).deposit_address(symbol, name)
        fee = self.custody().withdrawal_fee(asset_id, address.destination)
        return Route(name, address, fee, asset.decimals)

    def both(self, account_id: str, of: Pair | Order) -> tuple[Route, Route]:
        """Of base and quote. Raises what `route` raises."""
        base, quote = of.coins
        return self.route(account_id, of.base_asset_id, base), self.route(account_id, of.quote_asset_id, quote)

    def fees(self, account_id: str, pair: Pair) -> Fees:
        """What it costs now to send both assets of a pair. Raises what `route` raises."""
        base, quote = self.both(account_id, pair)
        return Fees(base.fee, quote.fee)
