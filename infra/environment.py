"""Where the stack goes, and what differs there. Chosen by `cdk … -c name=value`; see docs/deploy.md.

| context                | local                  | staging, production        |
|------------------------|------------------------|----------------------------|
| environment            | local                  | staging (default)          |
| endpoint_url           | of the embedded AWS    | not set                    |
| docs_origins           | of the Swagger UI page | not set                    |
| price_oracle_url       | of the simulator       | https://api.coingecko.com  |
| price_oracle_key       | no                     | yes: a secret is made for it |
| exchange               | binance                | binance, or alphapoint; production says it |
| exchange_url           | of the simulator       | staging: https://testnet.binance.vision; production says it |
| exchange_quote         | USDT                   | what stands for a dollar there: USDT |
| bank_url               | of the simulator       | the bank's; production says it |
| custody_url            | of the simulator       | https://api.mixin.one      |
| hufi_launcher_url      | of the simulator       | https://cl.hu.finance      |
| hufi_oracle_url        | of the simulator       | https://ro.hu.finance      |
| billing_url            | of the simulator       | the billing system's       |
| payments_from          | not set                | the ARN of who may put payments into their queue |
| kafka_brokers          | not set                | host:port,host:port: dealers' payments come from there, too |
| kafka_subnets          | not set                | subnet-…,subnet-…: those of brokers that are in a network of ours |
| kafka_security_groups  | not set                | sg-…: of the same          |
| kafka_cluster_arn      | not set                | of a cluster of MSK, instead |
| commission_percent     | 2.5                    | 2.5: of a deal of a new dealer |
| alarm_email            | not set                | who is woken; production says it |
| runbooks_url           | not set                | where docs/runbooks can be read, for links in alarms |
| deposit_limit_usd      | 50000                  | 50000                      |
| withdrawal_limit_usd   | 10000                  | 10000                      |
| payout_max_usd         | 10000                  | 10000: a payout beyond it waits for two operators |
| operator_limit_usd     | 100000                 | 100000: what one operator may propose a day, and confirm |
| stuck_hours            | 4                      | 4                          |
| payout_back_off_seconds | 1                     | 60, after the first rejection; doubled after each |
| log_level              | INFO                   | INFO; in production WARNING |
| trace_functions        | cannot                 | no: X-Ray follows the state machines only |
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from common.settings import violations

REGION_EMBEDDED = "us-east-1"


class EnvironmentName(StrEnum):
    LOCAL = "local"
    STAGING = "staging"
    PRODUCTION = "production"


class LogLevel(StrEnum):
    """Of our own lines. At INFO a function prints a line for each request; at WARNING nothing while all is well."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class UnknownEnvironment(ValueError):
    """The context does not say where, or says something that can not be."""


class UnfitEnvironment(ValueError):
    """What the context says must not be deployed. Says all of what is wrong."""


@dataclass(frozen=True)
class Kafka:
    """Where dealers' payments come from besides the queue: a cluster of MSK, or brokers of somebody else."""

    cluster_arn: str | None = None
    brokers: tuple[str, ...] = ()  # host:port
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()

    @property
    def in_a_network(self) -> bool:
        return self.cluster_arn is not None or bool(self.subnets)

    @classmethod
    def read(cls, context: Callable[[str], str | None]) -> Kafka | None:
        """None where none is told. Raises UnknownEnvironment."""
        brokers, subnets, groups = (
            _several(context(f"kafka_{name}")) for name in ("brokers", "subnets", "security_groups")
        )
        cluster_arn = context("kafka_cluster_arn")
        if not brokers and (subnets or groups):
            raise UnknownEnvironment("-c kafka_subnets and kafka_security_groups belong to -c kafka_brokers")
        if brokers and cluster_arn is not None:
            raise UnknownEnvironment("-c kafka_brokers or -c kafka_cluster_arn: payments come from one of them")
        if bool(subnets) != bool(groups):
            raise UnknownEnvironment("-c kafka_subnets and -c kafka_security_groups are told together")
        return cls(cluster_arn, brokers, subnets, groups) if brokers or cluster_arn else None


@dataclass(frozen=True)
class Environment:
    name: EnvironmentName
    endpoint_url: str | None = None  # of the embedded AWS: functions are told, since its runtime does not
    docs_origins: tuple[str, ...] = ()  # pages whose scripts may call the API
    price_oracle_url: str = "https://api.coingecko.com"
    price_oracle_key: bool = False  # the oracle asks for a key; a secret is made, and filled by hand
    exchange: str = "binance"
    exchange_url: str = "https://testnet.binance.vision"  # where no coins are real
    exchange_quote: str = "USDT"
    exchange_fee_max_bps: str = "200"
    bank_url: str = "https://bank.invalid"  # nobody's: until the bank's is told, payouts wait
    custody_url: str = "https://api.mixin.one"
    hufi_launcher_url: str = "https://cl.hu.finance"
    hufi_oracle_url: str = "https://ro.hu.finance"
    billing_url: str = "https://billing.invalid"  # nobody's: until it is told, dealers and bills wait
    commission_percent: str = "2.5"
    payments_from: str | None = None
    kafka: Kafka | None = None
    alarm_email: str | None = None
    runbooks_url: str | None = None
    deposit_limit_usd: str = "50000"
    withdrawal_limit_usd: str = "10000"
    payout_max_usd: str = "10000"
    operator_limit_usd: str = "100000"
    stuck_hours: str = "4"
    payout_back_off_seconds: str = "60"
    log_level: LogLevel = LogLevel.INFO
    trace_functions: bool = False  # X-Ray samples requests to APIs, too: Lambda's rate cannot be changed

    @property
    def embedded(self) -> bool:
        return self.name is EnvironmentName.LOCAL

    @property
    def customer_deposits(self) -> bool:
        """May a customer credit himself? Never where anybody can sign up."""
        return self.embedded

    @property
    def webhooks_to_loopback(self) -> bool:
        """May a receiver of webhooks be this machine itself? Only where functions run on the customer's own laptop."""
        return self.embedded

    @property
    def variables(self) -> dict[str, str]:
        """Of every function, as `common.settings` reads them: those that do not depend on what is made."""
        return {
            "ENVIRONMENT": self.name,
            "CUSTOMER_DEPOSITS": "yes" if self.customer_deposits else "no",
            "WEBHOOKS_TO_LOOPBACK": "yes" if self.webhooks_to_loopback else "no",
            "DEPOSIT_LIMIT_USD": self.deposit_limit_usd,
            "WITHDRAWAL_LIMIT_USD": self.withdrawal_limit_usd,
            "PAYOUT_MAX_USD": self.payout_max_usd,
            "OPERATOR_LIMIT_USD": self.operator_limit_usd,
            "STUCK_HOURS": self.stuck_hours,
            "PAYOUT_BACK_OFF_SECONDS": self.payout_back_off_seconds,
            "PRICE_ORACLE_URL": self.price_oracle_url,
            "EXCHANGE": self.exchange,
            "EXCHANGE_URL": self.exchange_url,
            "EXCHANGE_QUOTE": self.exchange_quote,
            "EXCHANGE_FEE_MAX_BPS": self.exchange_fee_max_bps,
            "BANK_URL": self.bank_url,
            "CUSTODY_URL": self.custody_url,
            "HUFI_LAUNCHER_URL": self.hufi_launcher_url,
            "HUFI_ORACLE_URL": self.hufi_oracle_url,
            "BILLING_URL": self.billing_url,
            "COMMISSION_PERCENT": self.commission_percent,
        }

    def _violations(self, context: Callable[[str], str | None]) -> list[str]:
        """What may not be deployed so."""
        wrong = []
        if self.runbooks_url is not None and not _PAGES.fullmatch(self.runbooks_url):
            wrong.append(
                f"-c runbooks_url={self.runbooks_url}: it is where pages can be read, such as https://…/runbooks"
            )
        if self.name is not EnvironmentName.PRODUCTION:
            return [*wrong, *violations(self.variables)]
        unsaid = [name for name in _PRODUCTION_SAYS if not context(name)]
        wrong += [f"production says -c {', '.join(unsaid)}"] if unsaid else []
        if self.alarm_email is not None and not _MAIL.fullmatch(self.alarm_email):
            wrong.append(f"-c alarm_email={self.alarm_email}: it is the address of who is woken")
        return [*wrong, *violations(self.variables)]

    @classmethod
    def read(cls, context: Callable[[str], str | None]) -> Environment:
        """Raises UnknownEnvironment, UnfitEnvironment."""
        written = context("environment") or EnvironmentName.STAGING
        name = _one_of(EnvironmentName, "environment", written)
        endpoint_url = context("endpoint_url")
        if (name is EnvironmentName.LOCAL) != (endpoint_url is not None):
            raise UnknownEnvironment("-c endpoint_url belongs to -c environment=local, and to nothing else")
        log_level = context("log_level") or _LOG_LEVEL[name]
        read = cls(
            name=name,
            endpoint_url=endpoint_url,
            docs_origins=_several(context("docs_origins")),
            price_oracle_url=context("price_oracle_url") or cls.price_oracle_url,
            price_oracle_key=context("price_oracle_key") == "yes",
            exchange=context("exchange") or cls.exchange,
            exchange_url=context("exchange_url") or cls.exchange_url,
            exchange_quote=context("exchange_quote") or cls.exchange_quote,
            exchange_fee_max_bps=context("exchange_fee_max_bps") or cls.exchange_fee_max_bps,
            bank_url=context("bank_url") or cls.bank_url,
            custody_url=context("custody_url") or cls.custody_url,
            hufi_launcher_url=context("hufi_launcher_url") or cls.hufi_launcher_url,
            hufi_oracle_url=context("hufi_oracle_url") or cls.hufi_oracle_url,
            billing_url=context("billing_url") or cls.billing_url,
            commission_percent=context("commission_percent") or cls.commission_percent,
            payments_from=context("payments_from"),
            kafka=Kafka.read(context),
            alarm_email=context("alarm_email"),
            runbooks_url=context("runbooks_url"),
            deposit_limit_usd=context("deposit_limit_usd") or cls.deposit_limit_usd,
            withdrawal_limit_usd=context("withdrawal_limit_usd") or cls.withdrawal_limit_usd,
            payout_max_usd=context("payout_max_usd") or cls.payout_max_usd,
            operator_limit_usd=context("operator_limit_usd") or cls.operator_limit_usd,
            stuck_hours=context("stuck_hours") or cls.stuck_hours,
            payout_back_off_seconds=context("payout_back_off_seconds") or _PAYOUT_BACK_OFF[name],
            log_level=_one_of(LogLevel, "log_level", log_level),
            trace_functions=context("trace_functions") == "yes",
        )
        wrong = read._violations(context)
        if wrong:
            raise UnfitEnvironment("; ".join(wrong))
        return read


# Where requests cost money, the access log tells who asked what: a second line for each would say the same.
_LOG_LEVEL = {
    EnvironmentName.LOCAL: LogLevel.INFO,
    EnvironmentName.STAGING: LogLevel.INFO,
    EnvironmentName.PRODUCTION: LogLevel.WARNING,
}
_PRODUCTION_SAYS = ("alarm_email", "bank_url", "exchange", "exchange_url")
_PAGES = re.compile(r"https://[^\s?#]+")
_MAIL = re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+")
_PAYOUT_BACK_OFF = {
    EnvironmentName.LOCAL: "1",
    EnvironmentName.STAGING: "60",
    EnvironmentName.PRODUCTION: "60",
}


def _several(written: str | None) -> tuple[str, ...]:
    return tuple(written.split(",")) if written else ()


_ChoiceT = TypeVar("_ChoiceT", bound=StrEnum)


def _one_of(choices: type[_ChoiceT], name: str, written: str) -> _ChoiceT:
    try:
        return choices(written)
    except ValueError:
        raise UnknownEnvironment(f"-c {name}={written}: it is one of {', '.join(choices)}") from None
