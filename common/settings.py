"""What differs from place to place, read once from the environment. Nothing else knows where it runs.

Every function gets the same names; a missing one is an error at the first use of `settings()`, not a default.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache


class MissingSetting(RuntimeError):
    """A variable that every function needs is not set: the deployment is wrong."""


@dataclass(frozen=True)
class Settings:
    environment: str  # local, staging, production
    table_name: str
    token_issuer: str  # of the JWTs: https://cognito-idp.{region}.amazonaws.com/{pool_id}
    token_clients: frozenset[str]  # app clients whose tokens are taken
    customer_deposits: bool  # may a customer credit himself? local and staging only
    deposit_limit_usd: Decimal  # a user, a day
    withdrawal_limit_usd: Decimal  # a user, a day; of withdrawals and cash-outs together
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
    data_key_id: str | None  # of the KMS key that wraps those of dealers; None where no function asks for them
    taxpayer_key_secret: str | None  # Secrets Manager id of the key that marks taxpayers
    commission_percent: Decimal  # of a deal of a new dealer, that the desk gets

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        def needed(name: str) -> str:
            try:
                return environment[name]
            except KeyError:
                raise MissingSetting(f"{name} is not set; infra/context.py gives it to every function") from None

        return cls(
            environment=needed("ENVIRONMENT"),
            table_name=needed("TABLE_NAME"),
            token_issuer=needed("TOKEN_ISSUER"),
            token_clients=frozenset(needed("TOKEN_CLIENTS").split(",")),
            customer_deposits=needed("CUSTOMER_DEPOSITS") == "yes",
            deposit_limit_usd=Decimal(needed("DEPOSIT_LIMIT_USD")),
            withdrawal_limit_usd=Decimal(needed("WITHDRAWAL_LIMIT_USD")),
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
            taxpayer_key_secret=environment.get("TAXPAYER_KEY_SECRET") or None,
            commission_percent=Decimal(needed("COMMISSION_PERCENT")),
        )


@cache
def settings() -> Settings:
    return Settings.of(os.environ)
