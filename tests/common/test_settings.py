"""Settings come from the environment, all of them."""

import os

import pytest

from common.settings import MissingSetting, Settings


def test_a_missing_setting_is_named() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TABLE_NAME"}
    with pytest.raises(MissingSetting, match="TABLE_NAME"):
        Settings.of(environment)


def test_only_yes_lets_customers_credit_themselves() -> None:
    for written, allowed in (("yes", True), ("no", False), ("true", False), ("", False)):
        assert Settings.of({**os.environ, "CUSTOMER_DEPOSITS": written}).customer_deposits is allowed
