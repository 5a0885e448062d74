"""An environment without AWS, in which every function and service can be made: of the tests, and of the bench."""

from collections.abc import Mapping

ENVIRONMENT: Mapping[str, str] = {
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
    "PAYOUT_MAX_USD": "10000",
    "STUCK_HOURS": "4",
    "PAYOUT_BACK_OFF_SECONDS": "60",
    "CURSOR_KEY_SECRET": "cursor-key",
    "PRICE_ORACLE_URL": "http://127.0.0.1:1",
    "MACHINES_ARN_PREFIX": "arn:aws:states:us-east-1:123456789012:stateMachine:cryptodesk-",
    "EXCHANGE": "binance",
    "EXCHANGE_URL": "http://127.0.0.1:1",
    "EXCHANGE_QUOTE": "USDT",
    "EXCHANGE_FEE_MAX_BPS": "200",
    "BANK_URL": "http://127.0.0.1:1",
    "CUSTODY_URL": "http://127.0.0.1:1",
    "HUFI_LAUNCHER_URL": "http://127.0.0.1:1/launcher",
    "HUFI_ORACLE_URL": "http://127.0.0.1:1/oracle",
    "BILLING_URL": "http://127.0.0.1:1",
    "COMMISSION_PERCENT": "2.5",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_METRICS_DISABLED": "true",
}
