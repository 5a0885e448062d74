"""Settings come from the environment, all of them."""

import os

import pytest

from common.settings import MissingSetting, Settings, UnfitSettings


def test_a_missing_setting_is_named() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TABLE_NAME"}
    with pytest.raises(MissingSetting, match="TABLE_NAME"):
        Settings.of(environment)


def test_only_yes_lets_customers_credit_themselves() -> None:
    for written, allowed in (("yes", True), ("no", False), ("true", False), ("", False)):
        assert Settings.of({**os.environ, "CUSTOMER_DEPOSITS": written}).customer_deposits is allowed


REAL = {
    "ENVIRONMENT": "production",
    "CUSTOMER_DEPOSITS": "no",
    **dict.fromkeys(("PRICE_ORACLE_URL", "CUSTODY_URL", "HUFI_LAUNCHER_URL", "HUFI_ORACLE_URL"), "https://x.example"),
    **dict.fromkeys(("EXCHANGE_URL", "BANK_URL"), "https://y.example"),
    "BILLING_URL": "https://billing.invalid",
}


def test_production_starts_with_settings_that_can_be_right() -> None:
    assert Settings.of({**os.environ, **REAL}).environment == "production"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("ENVIRONMENT", "prod"),
        ("CUSTOMER_DEPOSITS", "yes"),
        ("WEBHOOKS_TO_LOOPBACK", "yes"),
        ("BANK_URL", "https://bank.invalid"),
        ("EXCHANGE_URL", "https://exchange.invalid"),
        ("EXCHANGE_URL", "http://y.example"),
        ("TOKEN_ISSUER", "http://y.example"),
        ("OPERATOR_ISSUER", "http://y.example"),
        ("EXCHANGE", "kraken"),
        ("WITHDRAWAL_LIMIT_USD", "NaN"),
        ("PAYOUT_MAX_USD", "inf"),
        ("DEPOSIT_LIMIT_USD", "-5"),
        ("OPERATOR_LIMIT_USD", "9999.99"),  # less than a payout may be: nobody could decide one that is stuck
    ],
)
def test_a_function_does_not_start_with_settings_that_can_not_be_right(name: str, written: str) -> None:
    with pytest.raises(UnfitSettings, match=name):
        Settings.of({**os.environ, **REAL, name: written})


def test_webhooks_go_to_loopback_on_a_laptop_alone() -> None:
    assert Settings.of({**os.environ, "WEBHOOKS_TO_LOOPBACK": "yes"}).webhooks_to_loopback
    assert not Settings.of({**os.environ}).webhooks_to_loopback
    with pytest.raises(UnfitSettings, match="WEBHOOKS_TO_LOOPBACK"):
        Settings.of({**os.environ, **REAL, "ENVIRONMENT": "staging", "WEBHOOKS_TO_LOOPBACK": "yes"})


def test_strangers_do_not_credit_themselves_on_staging() -> None:
    with pytest.raises(UnfitSettings, match="CUSTOMER_DEPOSITS"):
        Settings.of({**os.environ, **REAL, "ENVIRONMENT": "staging", "CUSTOMER_DEPOSITS": "yes"})
