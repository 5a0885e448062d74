"""The outside systems as the settings choose them, made once in a process and not before they are needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from common import aws, clock
from common.gateways.bank import Bank, BankUnavailable
from common.gateways.billing import Billing, BillingUnavailable
from common.gateways.campaigns import Campaigns, CampaignsUnavailable, NoParticipant, Participant, ReadingKey
from common.gateways.custody import Custody, CustodyUnavailable, Sender
from common.gateways.exchange import Exchange, ExchangeUnavailable, Tickers
from common.gateways.exchange.funds import ExchangeFunds, Movements, NoTradingKey
from common.gateways.exchange.maker import Balance, Books, Maker, MakerOrder, Market
from common.gateways.exchange.remembered import AllFunds, RememberedFunds
from common.gateways.gate import Ban, gated
from common.gateways.prices import Prices, PriceSourceUnavailable
from common.gateways.receivers import Receivers
from common.gateways.transport import Transport
from common.settings import MissingSetting, settings

if TYPE_CHECKING:
    from common.gateways.exchange.binance_weight import UsedWeight


@cache
def exchange() -> Exchange:
    return gated(_exchange(), ExchangeUnavailable, _ban(settings().exchange))


def _exchange() -> Exchange:
    """Its key is a secret: a JSON object with the members that the adapter's constructor asks for."""
    here = settings()
    key: dict[str, Any] = json.loads(aws.read_secret(_needed("EXCHANGE_KEY_SECRET", here.exchange_key_secret)))
    if here.exchange == "binance":
        from common.gateways.exchange.ccxt import CcxtExchange

        return CcxtExchange(here.exchange_url, quote=here.exchange_quote, **key)
    if here.exchange == "alphapoint":
        from common.gateways.exchange.alphapoint import AlphaPointExchange

        return AlphaPointExchange(here.exchange_url, quote=here.exchange_quote, **key)
    raise _unknown(here.exchange)


@cache
def movements() -> Movements | None:
    """What goes into the desk's own account at the exchange and out of it, as its key may ask; None: the exchange tells
    of none."""
    from common.gateways.exchange.ccxt_funds import CcxtFunds

    here = settings()
    if here.exchange != "binance":
        return None
    key: dict[str, Any] = json.loads(aws.read_secret(_needed("EXCHANGE_KEY_SECRET", here.exchange_key_secret)))
    return gated(CcxtFunds(here.exchange_url, **key), ExchangeUnavailable, _ban(here.exchange))


@cache
def tickers() -> Tickers:
    return gated(_tickers(), ExchangeUnavailable, _ban(settings().exchange))


def _tickers() -> Tickers:
    """The exchange as anybody may ask it: without its key, and without the packages that only its orders need. Of an
    AlphaPoint exchange the first OMS, since its number is in the key: they have one."""
    here = settings()
    if here.exchange == "binance":
        from common.gateways.exchange.ccxt import BinanceTickers

        return BinanceTickers(here.exchange_url, quote=here.exchange_quote)
    if here.exchange == "alphapoint":
        from common.gateways.exchange.alphapoint import AlphaPointTickers

        return AlphaPointTickers(here.exchange_url, quote=here.exchange_quote)
    raise _unknown(here.exchange)


@cache
def funds(account_id: str) -> ExchangeFunds:
    """Of a trading account, as its key may ask that only reads. Raises NoTradingKey."""
    made = _funds(account_id, "READING_KEYS_SECRET", settings().reading_keys_secret)
    return RememberedFunds(made, aws.table(), account_id, clock.now)


@cache
def movements_of(account_id: str) -> Movements:
    """What goes into a trading account and out of it, as its key may ask that only reads. Raises NoTradingKey."""
    return _funds(account_id, "READING_KEYS_SECRET", settings().reading_keys_secret)


@cache
def withdrawing(account_id: str) -> ExchangeFunds:
    """The same, as its key to read and withdraw may ask. Raises NoTradingKey."""
    return _funds(account_id, "WITHDRAWING_KEYS_SECRET", settings().withdrawing_keys_secret)


def _funds(account_id: str, setting: str, secret_id: str | None) -> AllFunds:
    from common.gateways.exchange.ccxt_funds import CcxtFunds

    here = settings()
    if here.exchange != "binance":
        raise MissingSetting(f"EXCHANGE is {here.exchange!r}; funds can be moved at binance only")
    key = _key_of(account_id, aws.read_secret(_needed(setting, secret_id)))
    try:
        made = CcxtFunds(here.exchange_url, api_key=key["api_key"], secret=key["secret"])
    except ValueError as unfit:  # it does not show the key
        raise NoTradingKey(f"trading account {account_id}: {unfit}", account_id=account_id) from None
    return gated(made, ExchangeUnavailable, _ban(here.exchange))


@cache
def maker(account_id: str) -> Maker:
    """Who makes a market with a trading account, as its key to read and trade may ask. Raises NoTradingKey."""
    return _maker(account_id, "TRADING_KEYS_SECRET", settings().trading_keys_secret)


@cache
def balances(account_id: str) -> Callable[[], Mapping[str, Balance]]:
    """What there is on a trading account, as its key may ask that only reads. Raises NoTradingKey."""
    return _reader(account_id).balances


def open_orders(account_id: str, market: Market) -> Sequence[MakerOrder]:
    """What is open on a trading account, as its key may ask that only reads. Raises NoTradingKey."""
    return _reader(account_id).open_orders(market)


def still_open(account_id: str, market: Market) -> Sequence[MakerOrder]:
    """The same, as its key to read and withdraw may ask. Raises NoTradingKey."""
    return _withdrawing_reader(account_id).open_orders(market)


@cache
def books(account_id: str) -> Books:
    """Of the exchange of a trading account, looked at with its key that only reads. Raises NoTradingKey."""
    return _reader(account_id)


@cache
def _reader(account_id: str) -> Maker:
    return _maker(account_id, "READING_KEYS_SECRET", settings().reading_keys_secret)


@cache
def _withdrawing_reader(account_id: str) -> Maker:
    return _maker(account_id, "WITHDRAWING_KEYS_SECRET", settings().withdrawing_keys_secret)


def _maker(account_id: str, setting: str, secret_id: str | None) -> Maker:
    from common.gateways.exchange.binance_maker import BinanceMaker

    key = _key_of(account_id, aws.read_secret(_needed(setting, secret_id)))
    try:
        made = BinanceMaker(_way(), api_key=key["api_key"], secret=key["secret"], weight=_weight())
    except ValueError as unfit:  # it does not show the key
        raise NoTradingKey(f"trading account {account_id}: {unfit}", account_id=account_id) from None
    return gated(made, ExchangeUnavailable, _ban(settings().exchange))


@cache
def _weight() -> UsedWeight:
    """All accounts share one address."""
    from common.gateways.exchange.binance_weight import UsedWeight

    return UsedWeight()


@cache
def _way() -> Transport:
    """All accounts share its connections."""
    from common.gateways.exchange.binance_maker import way_to

    here = settings()
    if here.exchange != "binance":
        raise MissingSetting(f"EXCHANGE is {here.exchange!r}; a market is made at binance only")
    return way_to(here.exchange_url)


def _key_of(account_id: str, secret: bytes) -> dict[str, str]:
    """One secret has the keys of all accounts: a JSON object, by account_id. One that is missing is looked for at every
    call, so that it is seen as soon as it is there. Raises NoTradingKey."""
    try:
        key = json.loads(secret)[account_id]
    except (ValueError, TypeError, KeyError):
        key = None
    if not isinstance(key, dict) or key.keys() != {"api_key", "secret"} or not all(map(_is_text, key.values())):
        raise NoTradingKey(f"there is no key of trading account {account_id}", account_id=account_id)
    return key


def _object(secret: bytes) -> Mapping[str, Any]:
    """Nothing where it is none: a secret is made with noise in it, and filled by hand."""
    try:
        read = json.loads(secret)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


@cache
def campaigns() -> Campaigns:
    """As anybody may ask: without what signs."""
    from common.gateways.campaigns.hufi import HufiCampaigns

    here = settings()
    return gated(HufiCampaigns(here.hufi_launcher_url, here.hufi_oracle_url), CampaignsUnavailable, _ban("hufi"))


@cache
def participant(account_id: str) -> Participant:
    """A trading account, as it logs in at campaigns. One secret has the login keys of all accounts: a JSON object of
    hexadecimal texts, by account_id. Raises NoParticipant."""
    from common.gateways.campaigns.hufi import HufiParticipant

    here = settings()
    keys = _object(aws.read_secret(_needed("CAMPAIGN_KEYS_SECRET", here.campaign_keys_secret)))
    try:
        made = HufiParticipant(here.hufi_oracle_url, login_key=str(keys.get(account_id, "")))
    except ValueError as unfit:  # it does not show the key
        raise NoParticipant(f"trading account {account_id} can not log in: {unfit}", account_id=account_id) from None
    return gated(made, CampaignsUnavailable, _ban("hufi"))


def reading_key(account_id: str) -> ReadingKey:
    """Of a trading account, for those who are to see its trades. As it is now. Raises NoParticipant."""
    try:
        key = _key_of(account_id, aws.read_secret(_needed("READING_KEYS_SECRET", settings().reading_keys_secret)))
    except NoTradingKey as none:
        raise NoParticipant(f"nothing reads trading account {account_id}", account_id=account_id) from none
    return ReadingKey(key["api_key"], key["secret"])


@cache
def bank() -> Bank:
    return gated(_bank(), BankUnavailable, _ban("bank"))


def _bank() -> Bank:
    from common.gateways.bank.baas import BaasBank

    here = settings()
    return BaasBank(here.bank_url, aws.secret(_needed("BANK_KEY_SECRET", here.bank_key_secret)).decode())


@cache
def billing() -> Billing:
    return gated(_billing(), BillingUnavailable, _ban("billing"))


def _billing() -> Billing:
    from common.gateways.billing.rest import RestBilling

    here = settings()
    if here.billing_url is None:
        raise MissingSetting("BILLING_URL is not set")
    return RestBilling(here.billing_url, aws.secret(_needed("BILLING_KEY_SECRET", here.billing_key_secret)).decode())


@cache
def custody() -> Custody:
    return gated(_custody(), CustodyUnavailable, _ban("mixin"))


def _custody() -> Custody:
    """Its key is a secret: a JSON object with the members that the adapter's constructor asks for."""
    from common.gateways.custody.mixin import MixinCustody

    here = settings()
    key: dict[str, Any] = json.loads(aws.read_secret(_needed("CUSTODY_READ_SECRET", here.custody_read_secret)))
    return MixinCustody(here.custody_url, **key)


@cache
def sender() -> Sender:
    return gated(_sender(), CustodyUnavailable, _ban("mixin"))


def _sender() -> Sender:
    """As `_custody`; its secret has the spend key besides."""
    from common.gateways.custody.mixin import MixinSender

    here = settings()
    key: dict[str, Any] = json.loads(aws.read_secret(_needed("CUSTODY_SPEND_SECRET", here.custody_spend_secret)))
    return MixinSender(here.custody_url, **key)


def prices(ids: Mapping[str, str]) -> Prices:
    """`ids`: our asset id → the source's."""
    from common.gateways.prices.coingecko import CoinGeckoPrices

    here = settings()
    key = aws.secret(here.price_oracle_key_secret).decode() if here.price_oracle_key_secret else None
    source = CoinGeckoPrices(here.price_oracle_url, ids=ids, api_key=key)
    return gated(source, PriceSourceUnavailable, _ban("coingecko"))


@cache
def _ban(system: str) -> Ban:
    return Ban(aws.table(), system, clock.now)


def webhook_secrets() -> Sequence[str]:
    """Of the bank's webhooks, split at spaces: while a key is being replaced there are two."""
    here = settings()
    return aws.secret(_needed("BANK_WEBHOOK_SECRET", here.bank_webhook_secret)).decode().split()


@cache
def receivers() -> Receivers:
    from common.gateways.receivers.http import HttpReceivers

    return HttpReceivers(loopback=settings().webhooks_to_loopback)


def webhook_key() -> bytes:
    """With which the secrets of customers' webhooks are made."""
    return aws.secret(_needed("WEBHOOK_KEY_SECRET", settings().webhook_key_secret))


def _unknown(exchange: str) -> MissingSetting:
    return MissingSetting(f"EXCHANGE is {exchange!r}; it is binance or alphapoint")


def _needed(name: str, secret_id: str | None) -> str:
    if secret_id is None:
        raise MissingSetting(f"{name} is not set; infra/grants.py gives secrets to functions")
    return secret_id
