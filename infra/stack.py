"""One stack: the table and what surrounds it, then every context of `functions/`."""

from __future__ import annotations

from aws_cdk import (
    CfnOutput,
    CliCredentialsStackSynthesizer,
    DefaultStackSynthesizer,
    RemovalPolicy,
    Stack,
    Tags,
    aws_secretsmanager,
    aws_sqs,
)
from constructs import Construct

from infra.alarms import Watch
from infra.bundle import Assets, Target
from infra.context import SERVICE, ContextConstruct, Shared
from infra.contexts import Context
from infra.environment import Environment
from infra.grants import Secret
from infra.http_api import HttpApi
from infra.table import table
from infra.user_pool import UserPool, user_pool

NAME = "Cryptodesk"
# By the first deployment: docs/deploy.md
FILLED_BY_HAND = (
    Secret.EXCHANGE_KEY,
    Secret.BANK_KEY,
    Secret.BANK_WEBHOOK,
    Secret.CUSTODY_READ,
    Secret.CUSTODY_SPEND,
    Secret.TRADING_KEYS,
    Secret.WITHDRAWING_KEYS,
    Secret.READING_KEYS,
    Secret.CAMPAIGN_KEYS,
)


class CryptodeskStack(Stack):
    def __init__(self, scope: Construct, environment: Environment, assets: Assets, contexts: list[Context]) -> None:
        # The embedded AWS denies the roles of CDK's default synthesizer while it enforces IAM.
        synthesizer = CliCredentialsStackSynthesizer() if environment.embedded else DefaultStackSynthesizer()
        super().__init__(
            scope,
            NAME,
            synthesizer=synthesizer,
            termination_protection=not environment.embedded,
            description="Cryptodesk: a serverless desk for crypto orders",
        )
        Tags.of(self).add("service", SERVICE)
        Tags.of(self).add("environment", environment.name)

        self.target_environment = environment
        self.table = table(self, environment)
        self.user_pool = user_pool(self, environment)
        self.http_api = HttpApi(self, environment, self.user_pool)
        self.missed = aws_sqs.Queue(
            self, "MissedRounds", enforce_ssl=True, encryption=aws_sqs.QueueEncryption.SQS_MANAGED
        )
        self.secrets = self._secrets(environment)
        shared = Shared(
            environment=environment,
            target=Target.of(environment.embedded),
            assets=assets,
            table=self.table,
            secrets={name: _arn(secret) for name, secret in self.secrets.items()},
            http_api=self.http_api,
            missed=self.missed,
            variables={
                **_variables(environment, self.table.table_name, self.user_pool, self.secrets),
                "MACHINES_ARN_PREFIX": f"arn:{self.partition}:states:{self.region}:{self.account}:"
                f"stateMachine:{SERVICE}-",
            },
        )
        self.contexts = [ContextConstruct(self, context, shared) for context in contexts]
        self.functions = {name: f for made in self.contexts for name, f in made.functions.items()}
        self.machines = {name: m for made in self.contexts for name, m in made.machines.items()}
        self.ticking = frozenset(name for made in self.contexts for name in made.ticking)
        self.watch = Watch(
            self,
            environment,
            table=self.table,
            api=self.http_api.api,
            missed=self.missed,
            functions=self.functions,
            machines=self.machines,
            tasks=[f"{context.name}.{task}" for context in contexts for task in context.tasks],
            every_minutes={
                f"{context.name}.{name}": minutes
                for context in contexts
                for name, minutes in context.every_minutes.items()
            },
        )

        CfnOutput(self, "ApiId", value=self.http_api.api.api_id)
        CfnOutput(self, "ApiUrl", value=self.http_api.api.api_endpoint)
        CfnOutput(self, "UserPoolId", value=self.user_pool.users.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=self.user_pool.client.user_pool_client_id)
        CfnOutput(self, "TableName", value=self.table.table_name)
        for name in FILLED_BY_HAND:
            title = "".join(part.capitalize() for part in name.split("_"))
            CfnOutput(self, f"{title}Secret", value=_arn(self.secrets[name]))

    def _secrets(self, environment: Environment) -> dict[Secret, aws_secretsmanager.Secret]:
        secrets: dict[Secret, aws_secretsmanager.Secret] = {
            Secret.CURSOR_KEY: self._secret("CursorKey", "Signs the cursors of lists; replace it at any time"),
            Secret.EXCHANGE_KEY: self._secret("ExchangeKey", "Replace it by the exchange's key, a JSON object"),
            Secret.BANK_KEY: self._secret("BankKey", "Replace it by the bank's key"),
            Secret.BANK_WEBHOOK: self._secret("BankWebhook", "Replace it by what the bank signs webhooks with"),
            Secret.CUSTODY_READ: self._secret("CustodyRead", "Replace it by the custody's session, a JSON object"),
            Secret.CUSTODY_SPEND: self._secret("CustodySpend", "Replace it by the same with the spend private key"),
            Secret.TRADING_KEYS: self._secret("TradingKeys", "Replace it by the trading accounts' keys, a JSON object"),
            Secret.WITHDRAWING_KEYS: self._secret("WithdrawingKeys", "Replace it by their keys that may withdraw"),
            Secret.READING_KEYS: self._secret("ReadingKeys", "Replace it by their keys that may only read"),
            Secret.CAMPAIGN_KEYS: self._secret("CampaignKeys", "Replace it by their login keys at HuFi, a JSON object"),
        }
        if environment.price_oracle_key:
            secrets[Secret.PRICE_ORACLE_KEY] = self._secret("PriceOracleKey", "Replace it by the oracle's key")
        return secrets

    def _secret(self, name: str, description: str) -> aws_secretsmanager.Secret:
        return aws_secretsmanager.Secret(
            self,
            name,
            description=description,
            generate_secret_string=aws_secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )


def _variables(
    environment: Environment, table_name: str, user_pool: UserPool, secrets: dict[Secret, aws_secretsmanager.Secret]
) -> dict[str, str]:
    """Of every function, as common.settings reads it."""
    variables = {
        "ENVIRONMENT": environment.name,
        "TABLE_NAME": table_name,
        "TOKEN_ISSUER": user_pool.issuer,
        "TOKEN_CLIENTS": user_pool.client.user_pool_client_id,
        "CUSTOMER_DEPOSITS": "yes" if environment.customer_deposits else "no",
        "DEPOSIT_LIMIT_USD": environment.deposit_limit_usd,
        "WITHDRAWAL_LIMIT_USD": environment.withdrawal_limit_usd,
        "PAYOUT_MAX_USD": environment.payout_max_usd,
        "STUCK_HOURS": environment.stuck_hours,
        "PAYOUT_BACK_OFF_SECONDS": environment.payout_back_off_seconds,
        "PRICE_ORACLE_URL": environment.price_oracle_url,
        "EXCHANGE": environment.exchange,
        "EXCHANGE_URL": environment.exchange_url,
        "EXCHANGE_QUOTE": environment.exchange_quote,
        "EXCHANGE_FEE_MAX_BPS": environment.exchange_fee_max_bps,
        "BANK_URL": environment.bank_url,
        "CUSTODY_URL": environment.custody_url,
        "HUFI_LAUNCHER_URL": environment.hufi_launcher_url,
        "HUFI_ORACLE_URL": environment.hufi_oracle_url,
        "POWERTOOLS_SERVICE_NAME": SERVICE,
        "POWERTOOLS_LOG_LEVEL": environment.log_level,
        "PYDANTIC_DISABLE_PLUGINS": "__all__",  # it would look for some at every cold start
        **{f"{name}_SECRET": _arn(secret) for name, secret in secrets.items()},
    }
    if environment.endpoint_url is not None:
        variables["AWS_ENDPOINT_URL"] = environment.endpoint_url
    return variables


def _arn(secret: aws_secretsmanager.Secret) -> str:
    """As its attribute `Id`: what `Ref` gives is the ARN on AWS and the name on the embedded one."""
    resource = secret.node.default_child
    assert isinstance(resource, aws_secretsmanager.CfnSecret)
    return resource.attr_id
