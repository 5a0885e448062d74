"""The main stack: the API and what its contexts share, the console before it, and a nested stack for each context of
`functions/`."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, aws_sqs
from constructs import Construct

from infra import streams
from infra.alarms import Watch
from infra.bundle import Assets, Target
from infra.console import Console
from infra.context import ContextStack, Shared
from infra.contexts import Context
from infra.grants import Secret
from infra.http_api import HttpApi, bare
from infra.releases import Releases, release
from infra.state import DeskStack, StateStack, arn
from infra.user_pool import DEALER_SYSTEMS, UserPool, with_console

NAME = "Cryptodesk"
# By the first deployment: docs/deploy.md
FILLED_BY_HAND = (
    Secret.EXCHANGE_KEY,
    Secret.BANK_KEY,
    Secret.BANK_WEBHOOK,
    Secret.CUSTODY_READ,
    Secret.CUSTODY_SPEND,
    Secret.READING_KEYS,
    Secret.TRADING_KEYS,
    Secret.WITHDRAWING_KEYS,
    Secret.CAMPAIGN_KEYS,
    Secret.BILLING_KEY,
)


class CryptodeskStack(DeskStack):
    def __init__(self, scope: Construct, state: StateStack, assets: Assets, contexts: Sequence[Context]) -> None:
        environment = state.target_environment
        super().__init__(scope, NAME, environment, "Cryptodesk: a serverless desk for crypto orders")
        self.state = state
        keys = state.own_keys
        api = bare(self, environment)
        self.console = None if environment.embedded else Console(self, environment, api, state.pools)
        origins = environment.console_origins if self.console is None else (self.console.origin,)
        users, operators = (with_console(self, pool, environment, origins) for pool in state.pools)
        self.http_api = HttpApi(self, environment, api, users, operators, keys.told if keys else None)
        self.missed = aws_sqs.Queue(
            self, "MissedRounds", enforce_ssl=True, encryption=aws_sqs.QueueEncryption.SQS_MANAGED
        )
        named = release(environment, assets.digest)
        self.releases = None if environment.embedded else Releases(self, environment, named)
        shared = Shared(
            environment=environment,
            target=Target.of(environment.embedded),
            assets=assets,
            table=state.table,
            secrets={name: arn(secret) for name, secret in state.secrets.items()},
            secret_keys={name: keys.of(name).key_arn for name in state.secrets} if keys else {},
            told_key=keys.told if keys else None,
            data_key=state.data_key.key_arn,
            anchors=state.anchors,
            operator_pool=state.operator_pool.users.user_pool_arn,
            queues=state.queues,
            given_up_changes=state.given_up_changes,
            http_api=self.http_api,
            releases=self.releases,
            missed=self.missed,
            variables={
                **_variables(state, users, operators),
                **({} if environment.embedded else {"RELEASE": named}),
                "DATA_KEY_ID": state.data_key.key_arn,
                "AUDIT_KEY_ID": state.anchors.key.key_arn,
                "AUDIT_BUCKET": state.anchors.bucket.bucket_name,
                "MACHINES_ARN_PREFIX": f"arn:{self.partition}:states:{self.region}:{self.account}:"
                f"stateMachine:{environment.prefix}-",
            },
        )
        self.contexts = [ContextStack(self, context, shared) for context in contexts]
        self.functions = {name: f for made in self.contexts for name, f in made.functions.items()}
        self.machines = {name: m for made in self.contexts for name, m in made.machines.items()}
        self.queue_mappings = [mapping for made in self.contexts for mapping in made.queue_mappings]
        self.ticking = frozenset(name for made in self.contexts for name in made.ticking)
        self.watch = Watch(
            self,
            environment,
            key=keys.told if keys else None,
            table=state.table,
            api=self.http_api.api,
            missed=self.missed,
            queues=state.queues,
            given_up_changes=state.given_up_changes,
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
        CfnOutput(self, "UserPoolId", value=users.users.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=users.client.user_pool_client_id)
        if users.provider is not None:
            CfnOutput(self, "IdentityProviderReturnsTo", value=f"{users.pages}/oauth2/idpresponse")
        CfnOutput(self, "OperatorPoolId", value=operators.users.user_pool_id)
        CfnOutput(self, "OperatorPoolClientId", value=operators.client.user_pool_client_id)
        if users.console is not None and operators.console is not None:
            CfnOutput(self, "ConsoleClientId", value=users.console.user_pool_client_id)
            CfnOutput(self, "OperatorConsoleClientId", value=operators.console.user_pool_client_id)
        if self.console is not None:
            self.console.tell(users, operators)
        for name, client in zip(DEALER_SYSTEMS, users.machines, strict=True):
            CfnOutput(self, f"{name}ClientId", value=client.user_pool_client_id)
        for function, of in state.queues.items():
            CfnOutput(self, f"{streams.QUEUES[function]}QueueUrl", value=of.taken.queue_url)
        CfnOutput(self, "TableName", value=state.table.table_name)
        for name in (*FILLED_BY_HAND, *(name for name in (Secret.KAFKA_KEY,) if name in state.secrets)):
            title = "".join(part.capitalize() for part in name.split("_"))
            CfnOutput(self, f"{title}Secret", value=arn(state.secrets[name]))


def _variables(state: StateStack, users: UserPool, operators: UserPool) -> dict[str, str]:
    """Of every function, as common.settings reads it."""
    environment, secrets = state.target_environment, state.secrets
    variables = {
        **environment.variables,
        "TABLE_NAME": state.table.table_name,
        "TOKEN_ISSUER": users.issuer,
        "TOKEN_CLIENTS": ",".join(users.client_ids),
        "OPERATOR_ISSUER": operators.issuer,
        "OPERATOR_CLIENTS": ",".join(operators.client_ids),
        "POWERTOOLS_SERVICE_NAME": environment.prefix,
        "POWERTOOLS_LOG_LEVEL": environment.log_level,
        "PYDANTIC_DISABLE_PLUGINS": "__all__",  # it would look for some at every cold start
        **{f"{name}_SECRET": arn(secret) for name, secret in secrets.items() if name is not Secret.KAFKA_KEY},
    }
    if environment.endpoint_url is not None:
        variables["AWS_ENDPOINT_URL"] = environment.endpoint_url
    return variables
