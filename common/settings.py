"""What differs from place to place, read once from the environment. Nothing else knows where it runs.

Every function gets the same names; a missing one is an error at the first use of `settings()`, not a default. So is one
that can not be right: `violations` says what is wrong, to whoever deploys and to a function that starts.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from urllib.parse import SplitResult, urlsplit

LOCAL, STAGING, PRODUCTION = "local", "staging", "production"
EXCHANGES = ("binance", "alphapoint")
# Of an exchange's host, where no coins are real.
TRIAL = frozenset({"testnet", "sandbox", "staging", "stage", "stg", "uat", "test", "demo", "invalid"})
NOBODYS = ".invalid"  # the end of an address that is nobody's, until somebody says whose

_NUMBERS = {  # from and to, both inclusive
    "DEPOSIT_LIMIT_USD": (Decimal("0.01"), Decimal(10) ** 9),
    "WITHDRAWAL_LIMIT_USD": (Decimal("0.01"), Decimal(10) ** 9),
    "PAYOUT_MAX_USD": (Decimal("0.01"), Decimal(10) ** 9),
    "OPERATOR_LIMIT_USD": (Decimal("0.01"), Decimal(10) ** 9),
    "COMMISSION_PERCENT": (Decimal(0), Decimal(100)),
}
_WHOLE_NUMBERS = {
    "STUCK_HOURS": (Decimal(1), Decimal(720)),
    "PAYOUT_BACK_OFF_SECONDS": (Decimal(1), Decimal(86_400)),
    "EXCHANGE_FEE_MAX_BPS": (Decimal(0), Decimal(10_000)),
    "CUSTOMER_READS_PER_MINUTE": (Decimal(1), Decimal(10) ** 6),
    "CUSTOMER_WRITES_PER_MINUTE": (Decimal(1), Decimal(10) ** 6),
    "OPERATOR_REQUESTS_PER_MINUTE": (Decimal(1), Decimal(10) ** 6),
    "SYSTEM_REQUESTS_PER_MINUTE": (Decimal(1), Decimal(10) ** 6),
}
_ADDRESSES = (
    *("PRICE_ORACLE_URL", "EXCHANGE_URL", "BANK_URL", "CUSTODY_URL", "HUFI_LAUNCHER_URL", "HUFI_ORACLE_URL"),
    *("BILLING_URL", "TOKEN_ISSUER", "OPERATOR_ISSUER"),
)
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,8})?")  # no NaN, no infinity, no exponent


class MissingSetting(RuntimeError):
    """A variable that every function needs is not set: the deployment is wrong."""


class UnfitSettings(RuntimeError):
    """Settings can not be right: the deployment is wrong. Says which, and what they are to be."""


def violations(said: Mapping[str, str]) -> list[str]:
    """What is wrong with settings, of those that are said: numbers that are none, addresses that anybody could listen
    to, and what would let strangers at real dollars, or leave production without a bank or an exchange."""
    place = said.get("ENVIRONMENT", LOCAL)
    return [*_numbers(said), *_limits(said), *_addresses(said, plain=place == LOCAL), *_of_place(said, place)]


def _numbers(said: Mapping[str, str]) -> Iterator[str]:
    for name, (least, most) in {**_NUMBERS, **_WHOLE_NUMBERS}.items():
        written = said.get(name)
        if written is None:
            continue
        whole = name in _WHOLE_NUMBERS
        if not _NUMBER.fullmatch(written) or (whole and "." in written) or not least <= Decimal(written) <= most:
            yield f"{name} is {written!r}: it is a {'whole ' * whole}number from {least} to {most}"


def _limits(said: Mapping[str, str]) -> Iterator[str]:
    """A payout that is stuck has to be decided: no operator could, if he may not say so much on one day."""
    names = ("WITHDRAWAL_LIMIT_USD", "OPERATOR_LIMIT_USD")
    if not all(_NUMBER.fullmatch(said.get(name, "")) for name in names):
        return
    withdrawal, operator = (said[name] for name in names)
    if Decimal(operator) < Decimal(withdrawal):
        yield f"OPERATOR_LIMIT_USD is {operator!r}: it is WITHDRAWAL_LIMIT_USD, {withdrawal!r}, or more"


def _addresses(said: Mapping[str, str], *, plain: bool) -> Iterator[str]:
    schemes = ("http", "https") if plain else ("https",)
    for name in _ADDRESSES:
        written = said.get(name)
        if written and not _is_address(written, schemes):
            yield f"{name} is {written!r}: it begins with {' or '.join(schemes)}:// and a host, and names no user"


def _is_address(written: str, schemes: tuple[str, ...]) -> bool:
    try:
        address: SplitResult = urlsplit(written)
        port = address.port
    except ValueError:
        return False
    right = address.scheme in schemes and bool(address.hostname) and written.isprintable() and " " not in written
    return right and address.username is None and not address.query and not address.fragment and port != 0


def _of_place(said: Mapping[str, str], place: str) -> Iterator[str]:
    if place not in (LOCAL, STAGING, PRODUCTION):
        yield f"ENVIRONMENT is {place!r}: it is {LOCAL}, {STAGING} or {PRODUCTION}"
    if "EXCHANGE" in said and said["EXCHANGE"] not in EXCHANGES:
        yield f"EXCHANGE is {said['EXCHANGE']!r}: it is {' or '.join(EXCHANGES)}"
    if place == LOCAL:
        return
    if said.get("CUSTOMER_DEPOSITS") == "yes":
        yield "CUSTOMER_DEPOSITS is 'yes': anybody can sign up, and would credit himself"
    if said.get("WEBHOOKS_TO_LOOPBACK") == "yes":
        yield "WEBHOOKS_TO_LOOPBACK is 'yes': anybody could have us ask ourselves"
    if place == STAGING and "EXCHANGE_URL" in said:
        parts = re.split(r"[.-]", urlsplit(said["EXCHANGE_URL"]).hostname or "")
        if TRIAL.isdisjoint(parts):
            yield (
                f"EXCHANGE_URL is {said['EXCHANGE_URL']!r}: staging sells no real coins, so a part of the host's name "
                f"says that it is for trial: {', '.join(sorted(TRIAL))}"
            )
    if place == PRODUCTION:
        for name, what in (("BANK_URL", "a bank"), ("EXCHANGE_URL", "an exchange")):
            host = urlsplit(said[name]).hostname if name in said else None
            if name in said and (host or NOBODYS).endswith(NOBODYS):
                yield f"{name} is {said[name]!r}: production has {what}"


@dataclass(frozen=True)
class Settings:
    environment: str  # local, staging, production
    table_name: str
    token_issuer: str  # of customers' JWTs: https://cognito-idp.{region}.amazonaws.com/{pool_id}
    token_clients: frozenset[str]  # app clients of theirs, and of dealers' systems, whose tokens are taken
    operator_issuer: str  # of operators' JWTs, who are in a pool of their own
    operator_clients: frozenset[str]
    customer_deposits: bool  # may a customer credit himself? local only
    deposit_limit_usd: Decimal  # a user, a day
    withdrawal_limit_usd: Decimal  # a user, a day; of withdrawals and cash-outs together
    operator_limit_usd: Decimal  # one operator, a day: of what he proposes, and of what he confirms
    payout_max_usd: Decimal  # a payout beyond it is sent when two operators have approved it
    stuck_after: timedelta  # what no machine has moved for so long beyond its time needs a person
    payout_back_off: timedelta  # after the first payout that the bank rejects; doubled after each further one
    cursor_key_secret: str  # Secrets Manager id of the key that signs cursors
    price_oracle_url: str
    price_oracle_key_secret: str | None  # Secrets Manager id, None where the oracle asks for none
    machines_arn_prefix: str  # of every state machine: all of its ARN before our name for it
    exchange: str  # binance (any that speaks its spot form) or alphapoint
    exchange_url: str
    exchange_quote: str  # what stands for a dollar there
    exchange_fee_max_bps: int  # a fee above it, of what is executed, is not believed
    exchange_key_secret: str | None  # Secrets Manager ids
    bank_url: str
    bank_key_secret: str | None
    bank_webhook_secret: str | None
    custody_url: str
    custody_read_secret: str | None  # who may look; and who may spend
    custody_spend_secret: str | None
    reading_keys_secret: str | None  # of all trading accounts: to read; to read and trade; to read and withdraw
    trading_keys_secret: str | None
    withdrawing_keys_secret: str | None
    campaign_keys_secret: str | None  # with which they log in at campaigns
    hufi_launcher_url: str
    hufi_oracle_url: str
    billing_url: str | None  # None where no function asks the billing system
    billing_key_secret: str | None
    audit_key_id: str | None  # of the KMS key that signs the audit; None where no function asks for it
    audit_bucket: str | None
    data_key_id: (
        str | None
    )  # of the KMS key that wraps those of dealers and customers; None where no function asks for them
    taxpayer_key_secret: str | None  # Secrets Manager id of the key that marks taxpayers
    webhook_key_secret: str | None  # Secrets Manager id of the key that webhooks' secrets are made with
    webhooks_to_loopback: bool  # may a customer's receiver be this machine? local only
    commission_percent: Decimal  # of a deal of a new dealer, that the desk gets
    customer_reads_per_minute: int  # of one caller, in one process: common.fair_use
    customer_writes_per_minute: int
    operator_requests_per_minute: int
    system_requests_per_minute: int
    identity_provider: (
        str | None
    )  # what the customers' pool calls the one that it takes people from; None: there is none

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        def needed(name: str) -> str:
            try:
                return environment[name]
            except KeyError:
                raise MissingSetting(f"{name} is not set; infra/context.py gives it to every function") from None

        wrong = violations({name: value for name, value in environment.items() if value})
        if wrong:
            raise UnfitSettings("; ".join(wrong))
        return cls(
            environment=needed("ENVIRONMENT"),
            table_name=needed("TABLE_NAME"),
            token_issuer=needed("TOKEN_ISSUER"),
            token_clients=frozenset(needed("TOKEN_CLIENTS").split(",")),
            operator_issuer=needed("OPERATOR_ISSUER"),
            operator_clients=frozenset(needed("OPERATOR_CLIENTS").split(",")),
            customer_deposits=needed("CUSTOMER_DEPOSITS") == "yes",
            deposit_limit_usd=Decimal(needed("DEPOSIT_LIMIT_USD")),
            withdrawal_limit_usd=Decimal(needed("WITHDRAWAL_LIMIT_USD")),
            operator_limit_usd=Decimal(needed("OPERATOR_LIMIT_USD")),
            payout_max_usd=Decimal(needed("PAYOUT_MAX_USD")),
            stuck_after=timedelta(hours=int(needed("STUCK_HOURS"))),
            payout_back_off=timedelta(seconds=int(needed("PAYOUT_BACK_OFF_SECONDS"))),
            cursor_key_secret=needed("CURSOR_KEY_SECRET"),
            price_oracle_url=needed("PRICE_ORACLE_URL"),
            price_oracle_key_secret=environment.get("PRICE_ORACLE_KEY_SECRET") or None,
            machines_arn_prefix=needed("MACHINES_ARN_PREFIX"),
            exchange=needed("EXCHANGE"),
            exchange_url=needed("EXCHANGE_URL"),
            exchange_quote=needed("EXCHANGE_QUOTE"),
            exchange_fee_max_bps=int(needed("EXCHANGE_FEE_MAX_BPS")),
            exchange_key_secret=environment.get("EXCHANGE_KEY_SECRET") or None,
            bank_url=needed("BANK_URL"),
            bank_key_secret=environment.get("BANK_KEY_SECRET") or None,
            bank_webhook_secret=environment.get("BANK_WEBHOOK_SECRET") or None,
            custody_url=needed("CUSTODY_URL"),
            custody_read_secret=environment.get("CUSTODY_READ_SECRET") or None,
            custody_spend_secret=environment.get("CUSTODY_SPEND_SECRET") or None,
            reading_keys_secret=environment.get("READING_KEYS_SECRET") or None,
            trading_keys_secret=environment.get("TRADING_KEYS_SECRET") or None,
            withdrawing_keys_secret=environment.get("WITHDRAWING_KEYS_SECRET") or None,
            campaign_keys_secret=environment.get("CAMPAIGN_KEYS_SECRET") or None,
            hufi_launcher_url=needed("HUFI_LAUNCHER_URL"),
            hufi_oracle_url=needed("HUFI_ORACLE_URL"),
            billing_url=environment.get("BILLING_URL") or None,
            billing_key_secret=environment.get("BILLING_KEY_SECRET") or None,
            data_key_id=environment.get("DATA_KEY_ID") or None,
            audit_key_id=environment.get("AUDIT_KEY_ID") or None,
            audit_bucket=environment.get("AUDIT_BUCKET") or None,
            taxpayer_key_secret=environment.get("TAXPAYER_KEY_SECRET") or None,
            webhook_key_secret=environment.get("WEBHOOK_KEY_SECRET") or None,
            webhooks_to_loopback=environment.get("WEBHOOKS_TO_LOOPBACK") == "yes",
            commission_percent=Decimal(needed("COMMISSION_PERCENT")),
            customer_reads_per_minute=int(needed("CUSTOMER_READS_PER_MINUTE")),
            customer_writes_per_minute=int(needed("CUSTOMER_WRITES_PER_MINUTE")),
            operator_requests_per_minute=int(needed("OPERATOR_REQUESTS_PER_MINUTE")),
            system_requests_per_minute=int(needed("SYSTEM_REQUESTS_PER_MINUTE")),
            identity_provider=environment.get("IDENTITY_PROVIDER") or None,
        )


@cache
def settings() -> Settings:
    return Settings.of(os.environ)
