"""Where the stack goes, and what differs there.

Of staging and production it stands in `environments/NAME.toml`, which is kept with the code: docs/deploy.md has what
may be said there. `cdk … -c environment=NAME` chooses one (staging, where nothing is said), and nothing else of theirs
is told to the command line. A laptop's is told by `-c name=value`, since every laptop has its own ports, and is in no
file; it has two names more: `endpoint_url`, of the embedded AWS, and `console_origins`, of the console.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from common.settings import violations

REGION_EMBEDDED = "us-east-1"
FOLDER = Path(__file__).resolve().parent.parent / "environments"


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

    @property
    def violations(self) -> list[str]:
        wrong = []
        if not self.brokers and (self.subnets or self.security_groups):
            wrong.append("kafka.subnets and kafka.security_groups belong to kafka.brokers")
        if bool(self.brokers) == (self.cluster_arn is not None):
            wrong.append("kafka.brokers or kafka.cluster_arn: payments come from one of them")
        if bool(self.subnets) != bool(self.security_groups):
            wrong.append("kafka.subnets and kafka.security_groups are told together")
        return wrong


@dataclass(frozen=True)
class IdentityProvider:
    """Where customers may sign in besides: somebody's own OpenID Connect provider. What the pool is known by there is a
    pair of a client and its secret, which is in no file: `secret_version` says which version of it is meant."""

    name: str  # what the pool calls it
    issuer: str
    client_id: str
    secret_version: str

    @property
    def violations(self) -> list[str]:
        wrong = []
        if not _PROVIDER.fullmatch(self.name) or self.name in _COGNITOS:
            wrong.append(f"identity_provider.name is {self.name!r}: 2 to 20 letters and digits, the first a capital")
        if not _ISSUER.fullmatch(self.issuer):
            wrong.append(
                f"identity_provider.issuer is {self.issuer!r}: it begins with https:// and a host, as in tokens"
            )
        if not _VERSION.fullmatch(self.secret_version):
            wrong.append(f"identity_provider.secret_version is {self.secret_version!r}: it is what AWS calls VersionId")
        return wrong


@dataclass(frozen=True)
class Environment:
    name: EnvironmentName
    endpoint_url: str | None = None  # of the embedded AWS: functions are told, since its runtime does not
    console_origins: tuple[str, ...] = ()  # of a laptop's console: people come back there with a code
    console_domain: str | None = None  # of the console on AWS, where it is not CloudFront's own
    console_certificate: str | None = None  # its ARN
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
    identity_provider: IdentityProvider | None = None
    alarm_email: str | None = None
    runbooks_url: str | None = None
    deposit_limit_usd: str = "50000"
    withdrawal_limit_usd: str = "10000"
    payout_max_usd: str = "10000"
    operator_limit_usd: str = "100000"
    stuck_hours: str = "4"
    payout_back_off_seconds: str = "60"
    customer_reads_per_minute: str = "600"  # more than a person asks; so are the others
    customer_writes_per_minute: str = "300"
    operator_requests_per_minute: str = "3000"
    system_requests_per_minute: str = "3000"
    log_level: LogLevel = LogLevel.INFO
    restart: str = ""  # where it is another one than before, all processes begin anew
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
            "CUSTOMER_READS_PER_MINUTE": self.customer_reads_per_minute,
            "CUSTOMER_WRITES_PER_MINUTE": self.customer_writes_per_minute,
            "OPERATOR_REQUESTS_PER_MINUTE": self.operator_requests_per_minute,
            "SYSTEM_REQUESTS_PER_MINUTE": self.system_requests_per_minute,
            **(
                {"IDENTITY_PROVIDER": provider.name}
                if (provider := self.identity_provider) and not self.embedded
                else {}
            ),
        }

    @property
    def prefix(self) -> str:
        """What every name begins with that an account can have only once. The runbooks have production's."""
        return f"cryptodesk-{self.name}" if self.name is EnvironmentName.STAGING else "cryptodesk"

    def stack_name(self, name: str) -> str:
        """The same, of a stack that production calls so."""
        return name.replace("Cryptodesk", "CryptodeskStaging") if self.name is EnvironmentName.STAGING else name

    @property
    def nobodys(self) -> list[str]:
        """What is still told with an address that is kept for examples (RFC 2606)."""
        told = {name: value for name, value in vars(self).items() if isinstance(value, str)}
        return sorted(name for name, value in told.items() if _EXAMPLE.search(value))

    @property
    def _violations(self) -> list[str]:
        """What may not be deployed so."""
        wrong = []
        if self.runbooks_url is not None and not _PAGES.fullmatch(self.runbooks_url):
            wrong.append(
                f"runbooks_url is {self.runbooks_url!r}: it is where pages can be read, such as https://…/runbooks"
            )
        if self.alarm_email is not None and not _MAIL.fullmatch(self.alarm_email):
            wrong.append(f"alarm_email is {self.alarm_email!r}: it is the address of who is woken")
        if (self.console_domain is None) != (self.console_certificate is None):
            wrong.append("console_domain and console_certificate are told together")
        if self.console_domain is not None and not _DOMAIN.fullmatch(self.console_domain):
            wrong.append(f"console_domain is {self.console_domain!r}: it is a name alone, such as desk.example.com")
        if self.console_certificate is not None and not _CERTIFICATE.fullmatch(self.console_certificate):
            wrong.append(
                f"console_certificate is {self.console_certificate!r}: it is an ARN, arn:aws:acm:us-east-1:…, since "
                "CloudFront takes certificates of us-east-1 alone"
            )
        wrong += self.kafka.violations if self.kafka else []
        wrong += self.identity_provider.violations if self.identity_provider else []
        return [*wrong, *violations(self.variables)]

    @classmethod
    def read(cls, context: Callable[[str], str | None], folder: Path = FOLDER) -> Environment:
        """Raises UnknownEnvironment, UnfitEnvironment."""
        name = _one_of(EnvironmentName, "environment", context("environment") or EnvironmentName.STAGING)
        told: dict[str, Any] = {known: said for known in _KNOWN if (said := context(known)) is not None}
        if name is EnvironmentName.LOCAL:
            if "endpoint_url" not in told:
                raise UnknownEnvironment("-c environment=local wants -c endpoint_url, of the embedded AWS")
            told["console_origins"] = told["console_origins"].split(",") if "console_origins" in told else []
            settled = _said(OfLaptop, "-c", told)
        elif told:
            raise UnknownEnvironment(
                f"-c {', '.join(told)}: of {name} everything is said in environments/{name}.toml, where it stays"
            )
        else:
            settled = Settled.of_file(folder / f"{name}.toml")
            unsaid = [each for each in _PRODUCTION_SAYS if getattr(settled, each) is None]
            if name is EnvironmentName.PRODUCTION and unsaid:
                raise UnfitEnvironment(f"environments/{name}.toml: production says {', '.join(unsaid)}")
        read = cls(
            **{
                "log_level": _LOG_LEVEL[name],
                "payout_back_off_seconds": _PAYOUT_BACK_OFF[name],
                **(_UNLIMITED if name is EnvironmentName.LOCAL else {}),
                **settled.given,
            },
            name=name,
        )
        wrong = read._violations
        if wrong:
            raise UnfitEnvironment("; ".join(wrong))
        return read


class OfKafka(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    cluster_arn: str | None = None
    brokers: list[str] = []
    subnets: list[str] = []
    security_groups: list[str] = []


class OfIdentityProvider(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: str
    issuer: str
    client_id: str
    secret_version: str


class Settled(BaseModel):
    """What a file says. Numbers are written as text: they are exact, and none is read as something near it. What else a
    value has to be is said where functions read it: `common.settings.violations`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    alarm_email: str | None = None
    runbooks_url: str | None = None
    console_domain: str | None = None
    console_certificate: str | None = None
    exchange: str | None = None
    exchange_url: str | None = None
    exchange_quote: str | None = None
    exchange_fee_max_bps: str | None = None
    bank_url: str | None = None
    custody_url: str | None = None
    billing_url: str | None = None
    hufi_launcher_url: str | None = None
    hufi_oracle_url: str | None = None
    price_oracle_url: str | None = None
    price_oracle_key: bool | None = None
    payments_from: str | None = None
    kafka: OfKafka | None = None
    identity_provider: OfIdentityProvider | None = None
    commission_percent: str | None = None
    deposit_limit_usd: str | None = None
    withdrawal_limit_usd: str | None = None
    payout_max_usd: str | None = None
    operator_limit_usd: str | None = None
    stuck_hours: str | None = None
    payout_back_off_seconds: str | None = None
    customer_reads_per_minute: str | None = None
    customer_writes_per_minute: str | None = None
    operator_requests_per_minute: str | None = None
    system_requests_per_minute: str | None = None
    log_level: Literal["INFO", "WARNING", "ERROR"] | None = None
    restart: str | None = None
    trace_functions: bool | None = None

    @classmethod
    def of_file(cls, path: Path) -> Settled:
        """Raises UnknownEnvironment, UnfitEnvironment."""
        at = f"{path.parent.name}/{path.name}"
        try:
            told = tomllib.loads(path.read_text())
        except FileNotFoundError:
            raise UnknownEnvironment(f"there is no {at}: it says what differs there (docs/deploy.md)") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as unreadable:
            raise UnfitEnvironment(f"{at} is no TOML: {unreadable}") from None
        return _said(cls, at, told)

    @property
    def given(self) -> dict[str, Any]:
        """As an Environment takes it."""
        told = {name: value for name, value in self if value is not None}
        if self.kafka is not None:
            told["kafka"] = Kafka(
                self.kafka.cluster_arn,
                tuple(self.kafka.brokers),
                tuple(self.kafka.subnets),
                tuple(self.kafka.security_groups),
            )
        if self.identity_provider is not None:
            told["identity_provider"] = IdentityProvider(**dict(self.identity_provider))
        if self.log_level is not None:
            told["log_level"] = LogLevel(self.log_level)
        return told


class OfLaptop(Settled):
    endpoint_url: str
    console_origins: list[str]

    @property
    def given(self) -> dict[str, Any]:
        return {**super().given, "console_origins": tuple(self.console_origins)}


_KNOWN = tuple(OfLaptop.model_fields)


def _said(model: type[Settled], at: str, told: Mapping[str, Any]) -> Settled:
    """Raises UnfitEnvironment with all that is wrong."""
    known = {*_KNOWN, "secret_version"}
    secret = sorted(name for name in _names(told) if name not in known and _SECRET.search(name))
    if secret:
        raise UnfitEnvironment(
            f"{at} says {', '.join(secret)}: secrets are in Secrets Manager and in no file (docs/deploy.md)"
        )
    try:
        return model.model_validate(told)
    except ValidationError as refused:
        raise UnfitEnvironment("; ".join(f"{at}: {_wrong(each)}" for each in refused.errors())) from None


def _names(told: Mapping[str, Any]) -> Iterator[str]:
    for name, value in told.items():
        yield name
        if isinstance(value, Mapping):
            yield from _names(value)


def _wrong(error: ErrorDetails) -> str:
    name = ".".join(map(str, error["loc"]))
    if error["type"] != "extra_forbidden":
        return f"{name} is {error['input']!r}: {error['msg']}"
    known = TABLES.get(name.partition(".")[0], Settled) if "." in name else Settled
    return f"{name} is not known; known are {', '.join(sorted(known.model_fields))}"


# Where requests cost money, the access log tells who asked what: a second line for each would say the same.
_LOG_LEVEL = {
    EnvironmentName.LOCAL: LogLevel.INFO,
    EnvironmentName.STAGING: LogLevel.INFO,
    EnvironmentName.PRODUCTION: LogLevel.WARNING,
}
# On a laptop stories and measurements ask as fast as they can, all of them as a few customers.
_UNLIMITED = dict.fromkeys(
    (
        "customer_reads_per_minute",
        "customer_writes_per_minute",
        "operator_requests_per_minute",
        "system_requests_per_minute",
    ),
    "1000000",
)
TABLES: Mapping[str, type[BaseModel]] = {"kafka": OfKafka, "identity_provider": OfIdentityProvider}
_PRODUCTION_SAYS = ("alarm_email", "bank_url", "exchange", "exchange_url")
_PAGES = re.compile(r"https://[^\s?#]+")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_CERTIFICATE = re.compile(r"arn:aws:acm:us-east-1:\d{12}:certificate/[\w-]+")
_MAIL = re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+")
_EXAMPLE = re.compile(r"[@./]example(\.(com|net|org))?(?=[:/]|$)")
# What the pool calls those who come from there begins with the name (common/identity.py): no username of ours can.
_PROVIDER = re.compile(r"[A-Z][A-Za-z0-9]{1,19}")
_COGNITOS = ("COGNITO", "Facebook", "Google", "LoginWithAmazon", "SignInWithApple")  # not of the kind that is made here
_ISSUER = re.compile(r"https://[^\s?#/@]+(/[^\s?#]*)?")
_VERSION = re.compile(r"[0-9a-zA-Z-]{32,64}")
_SECRET = re.compile(r"secret|password|passwd|private|credential|token|(^|_)(key|pin|seed)s?($|_)", re.IGNORECASE)
_PAYOUT_BACK_OFF = {
    EnvironmentName.LOCAL: "1",
    EnvironmentName.STAGING: "60",
    EnvironmentName.PRODUCTION: "60",
}


_ChoiceT = TypeVar("_ChoiceT", bound=StrEnum)


def _one_of(choices: type[_ChoiceT], name: str, written: str) -> _ChoiceT:
    try:
        return choices(written)
    except ValueError:
        raise UnknownEnvironment(f"-c {name}={written}: it is one of {', '.join(choices)}") from None
