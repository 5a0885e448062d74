"""What every test has: a settled environment without AWS, and a desk when it asks for one."""

import gc
import os
from collections.abc import Iterator

import pytest

os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "ENVIRONMENT": "local",
    "TABLE_NAME": "desk",
    "TOKEN_ISSUER": "https://cognito-idp.us-east-1.amazonaws.com/pool",
    "TOKEN_CLIENTS": "app",
    "CUSTOMER_DEPOSITS": "yes",
    "DEPOSIT_LIMIT_USD": "10000",
    "WITHDRAWAL_LIMIT_USD": "10000",
    "CURSOR_KEY_SECRET": "cursor-key",
    "PRICE_ORACLE_URL": "http://127.0.0.1:1",
    "MACHINES_ARN_PREFIX": "arn:aws:states:us-east-1:123456789012:stateMachine:cryptodesk-",
    "EXCHANGE": "binance",
    "EXCHANGE_URL": "http://127.0.0.1:1",
    "EXCHANGE_QUOTE": "USDT",
    "BANK_URL": "http://127.0.0.1:1",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "MPLBACKEND": "agg",
}

# After the environment, which the logger reads when it is made.
from tests.desk import Desk


def pytest_collection_finish() -> None:
    """What is there now stays to the end: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture
def desk() -> Iterator[Desk]:
    """The order desk with BTC at $100; its books are checked when the test is over."""
    desk = Desk()
    desk.list_asset("BTC", "100")
    yield desk
    desk.check()
