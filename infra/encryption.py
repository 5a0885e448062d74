"""Keys of our own for what AWS keeps encrypted: a kind of it has a key, which can be disabled by itself, and whose uses
CloudTrail tells. Not where AWS is embedded, which encrypts nothing.

None of them costs a request of ours. DynamoDB and SNS keep what they have unwrapped for minutes, CloudWatch for a log,
and a process reads a secret once. What is sealed besides is under `StateStack.data_key`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Aws, RemovalPolicy, Stack, aws_iam, aws_kms
from constructs import Construct

from infra.environment import Environment
from infra.grants import UNWRAP, Secret

# With each of these money can be taken away; what can be done with the others is to look, to sign and to know again.
MOVES_MONEY = frozenset(
    {
        Secret.BANK_KEY,
        Secret.BILLING_KEY,
        Secret.CAMPAIGN_KEYS,
        Secret.CUSTODY_SPEND,
        Secret.EXCHANGE_KEY,
        Secret.TRADING_KEYS,
        Secret.WITHDRAWING_KEYS,
    }
)
_WRAP = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*"]


@dataclass(frozen=True)
class OwnKeys:
    """told: of logs and of alarms; money: of the secrets in MOVES_MONEY; secrets: of the others."""

    table: aws_kms.Key
    told: aws_kms.Key
    money: aws_kms.Key
    secrets: aws_kms.Key

    def of(self, secret: Secret) -> aws_kms.Key:
        return self.money if secret in MOVES_MONEY else self.secrets


def own_keys(scope: Construct, environment: Environment) -> OwnKeys | None:
    """None where AWS is embedded."""
    if environment.embedded:
        return None
    return OwnKeys(
        table=_table_key(scope),
        told=_told_key(scope, environment),
        money=_key(scope, "MoneyKey", "Encrypts the secrets with which money can be moved"),
        secrets=_key(scope, "SecretsKey", "Encrypts the other secrets"),
    )


def reading(secrets: Mapping[str, str]) -> list[aws_iam.PolicyStatement]:
    """What lets a function read these besides: to unwrap what is theirs and nothing else, when Secrets Manager asks for
    it. Each ARN of a secret is given with that of its key."""
    of_keys: dict[str, list[str]] = {}
    for secret, key in secrets.items():
        of_keys.setdefault(key, []).append(secret)
    return [
        aws_iam.PolicyStatement(
            actions=[UNWRAP],
            resources=[key],
            conditions={
                "StringEquals": {
                    "kms:EncryptionContext:SecretARN": of_key,
                    "kms:ViaService": f"secretsmanager.{Aws.REGION}.amazonaws.com",
                }
            },
        )
        for key, of_key in of_keys.items()
    ]


def _key(
    scope: Construct, name: str, description: str, removal_policy: RemovalPolicy = RemovalPolicy.DESTROY
) -> aws_kms.Key:
    """One that goes with the stack waits 30 days for whoever did not mean it."""
    return aws_kms.Key(scope, name, description=description, enable_key_rotation=True, removal_policy=removal_policy)


def _table_key(scope: Construct) -> aws_kms.Key:
    """It stays when the stack goes, as the table does: without it the books are gone. Who may use the table may use
    its key, through DynamoDB and no other way; so says AWS's own key for tables, too."""
    key = _key(scope, "TableKey", "Encrypts the table, its indexes and its stream", RemovalPolicy.RETAIN)
    stack = Stack.of(scope)
    key.add_to_resource_policy(
        aws_iam.PolicyStatement(
            principals=[aws_iam.AnyPrincipal()],
            actions=[*_WRAP, "kms:CreateGrant", "kms:DescribeKey"],
            resources=["*"],
            conditions={
                "StringEquals": {
                    "kms:CallerAccount": stack.account,
                    "kms:ViaService": f"dynamodb.{stack.region}.amazonaws.com",
                }
            },
        )
    )
    key.add_to_resource_policy(
        aws_iam.PolicyStatement(
            principals=[aws_iam.ServicePrincipal("dynamodb.amazonaws.com")],
            actions=["kms:Describe*", "kms:Get*", "kms:List*"],
            resources=["*"],
        )
    )
    return key


def _told_key(scope: Construct, environment: Environment) -> aws_kms.Key:
    key = _key(scope, "ToldKey", "Encrypts what functions and machines log, and alarms on their way")
    stack = Stack.of(scope)
    logs = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group"
    key.add_to_resource_policy(
        aws_iam.PolicyStatement(
            principals=[aws_iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=[*_WRAP, "kms:Describe*"],
            resources=["*"],
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": [
                        f"{logs}:/aws/lambda/{environment.prefix}-*",
                        f"{logs}:/aws/vendedlogs/{environment.prefix}-*",
                        f"{logs}:/aws/vendedlogs/states/{environment.prefix}-*",
                    ]
                }
            },
        )
    )
    key.add_to_resource_policy(
        aws_iam.PolicyStatement(
            # Whose alarms they may be the topic says. Here it can not be said: CloudWatch's calls do not tell.
            principals=[aws_iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
        )
    )
    return key
