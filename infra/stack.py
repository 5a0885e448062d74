"""One stack: the table and what surrounds it, then every context of `functions/`."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import (
    AssetHashType,
    CfnOutput,
    CliCredentialsStackSynthesizer,
    DefaultStackSynthesizer,
    RemovalPolicy,
    Stack,
    Tags,
    aws_lambda,
    aws_secretsmanager,
    aws_sqs,
)
from constructs import Construct

from infra.alarms import Watch
from infra.bundle import Bundle, Target
from infra.context import SERVICE, ContextConstruct, Shared
from infra.contexts import Context
from infra.door import Door
from infra.grants import Secret
from infra.place import Place
from infra.pool import Pool, pool
from infra.table import table

NAME = "Cryptodesk"


class CryptodeskStack(Stack):
    def __init__(self, scope: Construct, place: Place, bundle: Bundle, contexts: list[Context]) -> None:
        # The embedded AWS denies the roles of CDK's default synthesizer while it enforces IAM.
        synthesizer = CliCredentialsStackSynthesizer() if place.embedded else DefaultStackSynthesizer()
        super().__init__(
            scope,
            NAME,
            synthesizer=synthesizer,
            termination_protection=not place.embedded,
            description="Cryptodesk: a serverless desk for crypto orders",
        )
        Tags.of(self).add("service", SERVICE)
        Tags.of(self).add("environment", place.environment)

        self.place = place
        self.table = table(self, place)
        self.pool = pool(self, place)
        self.door = Door(self, place, self.pool)
        self.missed = aws_sqs.Queue(
            self, "MissedRounds", enforce_ssl=True, encryption=aws_sqs.QueueEncryption.SQS_MANAGED
        )
        self.secrets = self._secrets(place)
        shared = Shared(
            place=place,
            target=Target.of(place.embedded),
            code=aws_lambda.Code.from_asset(
                str(Path(bundle.directory)), asset_hash=bundle.digest, asset_hash_type=AssetHashType.CUSTOM
            ),
            table=self.table,
            secrets={name: _arn(secret) for name, secret in self.secrets.items()},
            door=self.door,
            missed=self.missed,
            environment={
                **_environment(place, self.table.table_name, self.pool, self.secrets),
                "MACHINES_ARN_PREFIX": f"arn:{self.partition}:states:{self.region}:{self.account}:"
                f"stateMachine:{SERVICE}-",
            },
        )
        self.contexts = [ContextConstruct(self, context, shared) for context in contexts]
        self.functions = {name: f for made in self.contexts for name, f in made.functions.items()}
        self.machines = {name: m for made in self.contexts for name, m in made.machines.items()}
        self.watch = Watch(
            self,
            place,
            table=self.table,
            api=self.door.api,
            missed=self.missed,
            functions=self.functions,
            machines=self.machines,
            tasks=[f"{context.name}.{task}" for context in contexts for task in context.tasks],
        )

        CfnOutput(self, "ApiId", value=self.door.api.api_id)
        CfnOutput(self, "ApiUrl", value=self.door.api.api_endpoint)
        CfnOutput(self, "UserPoolId", value=self.pool.users.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=self.pool.client.user_pool_client_id)
        CfnOutput(self, "TableName", value=self.table.table_name)
        for name in (Secret.EXCHANGE_KEY, Secret.BANK_KEY, Secret.BANK_WEBHOOK):  # to be filled: docs/deploy.md
            title = "".join(part.capitalize() for part in name.split("_"))
            CfnOutput(self, f"{title}Secret", value=_arn(self.secrets[name]))

    def _secrets(self, place: Place) -> dict[Secret, aws_secretsmanager.Secret]:
        secrets: dict[Secret, aws_secretsmanager.Secret] = {
            Secret.CURSOR_KEY: self._secret("CursorKey", "Signs the cursors of lists; replace it at any time"),
            Secret.EXCHANGE_KEY: self._secret("ExchangeKey", "Replace it by the exchange's key, a JSON object"),
            Secret.BANK_KEY: self._secret("BankKey", "Replace it by the bank's key"),
            Secret.BANK_WEBHOOK: self._secret("BankWebhook", "Replace it by what the bank signs webhooks with"),
        }
        if place.price_oracle_key:
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


def _environment(
    place: Place, table_name: str, pool: Pool, secrets: dict[Secret, aws_secretsmanager.Secret]
) -> dict[str, str]:
    """Of every function, as common.settings reads it."""
    environment = {
        "ENVIRONMENT": place.environment,
        "TABLE_NAME": table_name,
        "TOKEN_ISSUER": pool.issuer,
        "TOKEN_CLIENTS": pool.client.user_pool_client_id,
        "CUSTOMER_DEPOSITS": "yes" if place.customer_deposits else "no",
        "DEPOSIT_LIMIT_USD": place.deposit_limit_usd,
        "WITHDRAWAL_LIMIT_USD": place.withdrawal_limit_usd,
        "PRICE_ORACLE_URL": place.price_oracle_url,
        "EXCHANGE": place.exchange,
        "EXCHANGE_URL": place.exchange_url,
        "EXCHANGE_QUOTE": place.exchange_quote,
        "BANK_URL": place.bank_url,
        "POWERTOOLS_SERVICE_NAME": SERVICE,
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "PYDANTIC_DISABLE_PLUGINS": "__all__",  # it would look for some at every cold start
        **{f"{name}_SECRET": _arn(secret) for name, secret in secrets.items()},
    }
    if place.endpoint_url is not None:
        environment["AWS_ENDPOINT_URL"] = place.endpoint_url
    return environment


def _arn(secret: aws_secretsmanager.Secret) -> str:
    """As its attribute `Id`: what `Ref` gives is the ARN on AWS and the name on the embedded one."""
    resource = secret.node.default_child
    assert isinstance(resource, aws_secretsmanager.CfnSecret)
    return resource.attr_id
