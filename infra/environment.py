"""Where the stack goes, and what differs there. Chosen by `cdk … -c name=value`; see docs/deploy.md.

| context                | local                  | staging, production        |
|------------------------|------------------------|----------------------------|
| environment            | local                  | staging (default)          |
| endpoint_url           | of the embedded AWS    | not set                    |
| docs_origins           | of the Swagger UI page | not set                    |
| price_oracle_url       | of the simulator       | https://api.coingecko.com  |
| price_oracle_key       | no                     | yes: a secret is made for it |
| exchange               | binance                | binance, or alphapoint     |
| exchange_url           | of the simulator       | https://api.binance.com    |
| exchange_quote         | USDT                   | what stands for a dollar there: USDT |
| bank_url               | of the simulator       | the bank's                 |
| alarm_email            | not set                | who is woken               |
| deposit_limit_usd      | 50000                  | 50000                      |
| withdrawal_limit_usd   | 10000                  | 10000                      |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

REGION_EMBEDDED = "us-east-1"


class EnvironmentName(StrEnum):
    LOCAL = "local"
    STAGING = "staging"
    PRODUCTION = "production"


class UnknownEnvironment(ValueError):
    """The context does not say where, or says something that can not be."""


@dataclass(frozen=True)
class Environment:
    name: EnvironmentName
    endpoint_url: str | None = None  # of the embedded AWS: functions are told, since its runtime does not
    docs_origins: tuple[str, ...] = ()  # pages whose scripts may call the API
    price_oracle_url: str = "https://api.coingecko.com"
    price_oracle_key: bool = False  # the oracle asks for a key; a secret is made, and filled by hand
    exchange: str = "binance"
    exchange_url: str = "https://api.binance.com"
    exchange_quote: str = "USDT"
    bank_url: str = "https://bank.invalid"  # nobody's: until the bank's is told, payouts wait
    alarm_email: str | None = None
    deposit_limit_usd: str = "50000"
    withdrawal_limit_usd: str = "10000"

    @property
    def embedded(self) -> bool:
        return self.name is EnvironmentName.LOCAL

    @property
    def customer_deposits(self) -> bool:
        """May a customer credit himself? Never where the dollars are real."""
        return self.name is not EnvironmentName.PRODUCTION

    @classmethod
    def read(cls, context: Callable[[str], str | None]) -> Environment:
        """Raises UnknownEnvironment."""
        written = context("environment") or EnvironmentName.STAGING
        try:
            name = EnvironmentName(written)
        except ValueError:
            raise UnknownEnvironment(f"-c environment={written}: it is one of {', '.join(EnvironmentName)}") from None
        endpoint_url = context("endpoint_url")
        if (name is EnvironmentName.LOCAL) != (endpoint_url is not None):
            raise UnknownEnvironment("-c endpoint_url belongs to -c environment=local, and to nothing else")
        docs_origins = context("docs_origins")
        return cls(
            name=name,
            endpoint_url=endpoint_url,
            docs_origins=tuple(docs_origins.split(",")) if docs_origins else (),
            price_oracle_url=context("price_oracle_url") or cls.price_oracle_url,
            price_oracle_key=context("price_oracle_key") == "yes",
            exchange=context("exchange") or cls.exchange,
            exchange_url=context("exchange_url") or cls.exchange_url,
            exchange_quote=context("exchange_quote") or cls.exchange_quote,
            bank_url=context("bank_url") or cls.bank_url,
            alarm_email=context("alarm_email"),
            deposit_limit_usd=context("deposit_limit_usd") or cls.deposit_limit_usd,
            withdrawal_limit_usd=context("withdrawal_limit_usd") or cls.withdrawal_limit_usd,
        )
