"""The stack of what holds state: the table, the users, the secrets, what waits in queues. What is deployed every day
has none of it."""

from __future__ import annotations

from aws_cdk import (
    CliCredentialsStackSynthesizer,
    DefaultStackSynthesizer,
    RemovalPolicy,
    Stack,
    Tags,
    aws_kms,
    aws_secretsmanager,
)
from aws_cdk import Environment as Where
from constructs import Construct

from infra import streams
from infra.audit import AuditAnchors
from infra.backups import back_up
from infra.encryption import own_keys
from infra.environment import Environment
from infra.grants import Secret
from infra.table import table
from infra.user_pool import UserPool, operator_pool, user_pool

NAME = "CryptodeskState"
SERVICE = "cryptodesk"
DESCRIBED = {
    Secret.CURSOR_KEY: "Signs the cursors of lists; replace it at any time",
    Secret.EXCHANGE_KEY: "Replace it by the exchange's key, a JSON object",
    Secret.BILLING_KEY: "Replace it by the billing system's key",
    Secret.TAXPAYER_KEY: "Marks taxpayers; never replace it",
    Secret.WEBHOOK_KEY: "Makes the secrets of customers' webhooks; never replace it",
    Secret.BANK_KEY: "Replace it by the bank's key",
    Secret.BANK_WEBHOOK: "Replace it by what the bank signs webhooks with",
    Secret.CUSTODY_READ: "Replace it by the custody's session, a JSON object",
    Secret.CUSTODY_SPEND: "Replace it by the same with the spend private key",
    Secret.READING_KEYS: "Replace it by the trading accounts' keys that only read",
    Secret.TRADING_KEYS: "Replace it by their keys that may trade",
    Secret.WITHDRAWING_KEYS: "Replace it by their keys that may withdraw",
    Secret.CAMPAIGN_KEYS: "Replace it by their login keys at HuFi, a JSON object",
    Secret.PRICE_ORACLE_KEY: "Replace it by the oracle's key",
    Secret.KAFKA_KEY: "Replace it by our login at the brokers, a JSON object",
}


class DeskStack(Stack):
    """What the stacks have in common that are not nested in another."""

    def __init__(
        self, scope: Construct, name: str, environment: Environment, description: str, region: str | None = None
    ) -> None:
        """region: None is that of whoever deploys."""
        # The embedded AWS denies the roles of CDK's default synthesizer while it enforces IAM.
        synthesizer = CliCredentialsStackSynthesizer() if environment.embedded else DefaultStackSynthesizer()
        super().__init__(
            scope,
            name,
            stack_name=environment.stack_name(name),
            synthesizer=synthesizer,
            termination_protection=not environment.embedded,
            description=description,
            env=None if region is None else Where(region=region),
        )
        Tags.of(self).add("service", SERVICE)
        Tags.of(self).add("environment", environment.name)
        self.target_environment = environment


class StateStack(DeskStack):
    def __init__(self, scope: Construct, environment: Environment) -> None:
        super().__init__(scope, NAME, environment, "Cryptodesk: its books, its users and its secrets")
        self.own_keys = own_keys(self, environment)
        self.table = table(self, environment, self.own_keys.table if self.own_keys else None)
        if not environment.embedded:
            back_up(self, environment, self.table)
        self.user_pool = user_pool(self, environment)
        self.operator_pool = operator_pool(self, environment)
        self.secrets = self._secrets(environment)
        self.data_key = aws_kms.Key(
            self,
            "DataKey",
            description="Wraps the keys that seal the requisites of dealers and the accounts of customers",
            enable_key_rotation=True,  # what was wrapped before is unwrapped as ever
            removal_policy=RemovalPolicy.DESTROY if environment.embedded else RemovalPolicy.RETAIN,
        )
        self.anchors = AuditAnchors(self, environment)
        self.queues = streams.queues(self, environment)
        self.given_up_changes = streams.given_up_changes(self, environment)

    @property
    def pools(self) -> tuple[UserPool, UserPool]:
        """Of customers, and of operators."""
        return self.user_pool, self.operator_pool

    def _secrets(self, environment: Environment) -> dict[Secret, aws_secretsmanager.Secret]:
        left_out = {Secret.PRICE_ORACLE_KEY} if not environment.price_oracle_key else set()
        left_out |= {Secret.KAFKA_KEY} if environment.kafka is None or not environment.kafka.brokers else set()
        return {name: self._secret(name, says) for name, says in DESCRIBED.items() if name not in left_out}

    def _secret(self, name: Secret, description: str) -> aws_secretsmanager.Secret:
        return aws_secretsmanager.Secret(
            self,
            "".join(part.capitalize() for part in name.split("_")),
            description=description,
            encryption_key=self.own_keys.of(name) if self.own_keys else None,
            generate_secret_string=aws_secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )


def arn(secret: aws_secretsmanager.Secret) -> str:
    """As its attribute `Id`: what `Ref` gives is the ARN on AWS and the name on the embedded one."""
    resource = secret.node.default_child
    assert isinstance(resource, aws_secretsmanager.CfnSecret)
    return resource.attr_id
