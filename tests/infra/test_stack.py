"""What goes to CloudFormation, for each environment."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Any

import pytest
from aws_cdk.aws_sqs import Queue

from common import keys
from common.log import RELEASE_BUGS
from common.settings import Settings
from common.workflow import Size
from functions.market_making.workflow import SIZES
from infra.alarms import RUNBOOKS
from infra.bundle import ROOT
from infra.concurrency import OF_ACCOUNT, UNRESERVED_MIN
from infra.context import title
from infra.contexts import Route, contexts
from infra.encryption import MOVES_MONEY
from infra.environment import Environment, EnvironmentName
from infra.grants import (
    CUSTODY_KEYS,
    EXCHANGE_KEYS,
    GRANTS,
    LIST_ANCHORS,
    LOGIN_KEYS,
    ON_EXECUTIONS,
    PUBLIC_KEY,
    PUT_ANCHOR,
    READ_ANCHOR,
    READ_SECRET,
    SIGN,
    START,
    TOKEN,
    TOKEN_FAILS,
    UNWRAP,
    Grant,
    Secret,
)
from infra.releases import Releases, release
from infra.stack import NAME
from infra.streams import Queues
from infra.table import TIME_TO_LIVE
from infra.user_pool import GROUPS
from tests.infra.conftest import ENVIRONMENTS, Synth, Synthesised
from tests.infra.templates import logical_id

TRACING = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}  # AWS knows no resource for these
NETWORK = {f"ec2:Describe{what}" for what in ("NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")}
NETWORK |= {"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"}  # that Lambda reaches brokers by
LIST_STREAMS = {"dynamodb:ListStreams"}  # of which AWS knows no resource
TAKES_CHANGES = {  # what Lambda does in the name of what takes changes of the table
    f"{context.name}.{name}": {
        "stream": {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"},
        "*": LIST_STREAMS,
        "queue/GivenUpChanges": {"sqs:SendMessage", "sqs:GetQueueAttributes"},
    }
    for context in contexts()
    for name in context.entities
}
LOG_DELIVERY = {f"logs:{action}" for action in ("DescribeLogGroups", "DescribeResourcePolicies", "PutResourcePolicy")}
LOG_DELIVERY |= {f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")}
LOG_DELIVERY |= {"logs:ListLogDeliveries"}
ON_TOKENS = {TOKEN, TOKEN_FAILS}
OF_HTTP = {f"{c.name}.{door}" for c in contexts() for door in c.routes}
TASKS = {f"{context.name}.{task}" for context in contexts() for task in context.tasks}
TICKING = {  # what the clock tells the machines that it starts every minute
    "snapshots": '{"time":<time>}',
    "ticker": '{"time":<time>,"shard":"1"}',
}
RESOURCES_MAX = 400  # of a template; CloudFormation takes 500
STATE = {
    f"AWS::Cognito::{kind}"
    for kind in (
        "UserPool",
        "UserPoolClient",
        "UserPoolGroup",
        "UserPoolDomain",
        "UserPoolResourceServer",
    )
}
STATE |= {"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"}
OF_CONSOLE = {"AWS::S3::Bucket", "AWS::Cognito::UserPoolClient"}  # which can be made anew: tests/infra/test_console.py
CUSTOMERS, OPERATORS = "Users0A0EEA89", "OperatorUsers0F328748"  # the user pools
APP, DESK = "UsersApp5991AB8C", "OperatorUsersDesk2573B898"  # and their clients
PARTITION = {"Ref": "AWS::Partition"}
EVERYWHERE = pytest.mark.parametrize("environment", list(EnvironmentName))
AWS = pytest.mark.parametrize("environment", [EnvironmentName.STAGING, EnvironmentName.PRODUCTION])


def _function_name(made: Synthesised, grant: str) -> str:
    return f"{made.environment.prefix}-{grant.replace('.', '-').replace('_', '-')}"


def _functions(made: Synthesised) -> dict[str, dict[str, Any]]:
    """By grant name."""
    by_name = {f["FunctionName"]: f for f in made.of("Lambda::Function").values()}
    found = {grant: by_name.pop(_function_name(made, grant)) for grant in GRANTS}
    assert not by_name, "a function that grants.py does not know"
    return found


def _statements(made: Synthesised, function: dict[str, Any]) -> list[dict[str, Any]]:
    role = function["Role"]["Fn::GetAtt"][0]
    assert not made.resources[role]["Properties"].get("ManagedPolicyArns")
    return [
        statement
        for policy in made.of("IAM::Policy").values()
        if {"Ref": role} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def _list(one_or_more: Any) -> list[Any]:
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


def _named(made: Synthesised, resource: Any) -> str:
    """`table`, `stream`, `index/…`, `log`, `queue/…`, `stateMachine:…`, `execution:…:*`, the name of a secret, or what
    is written down, from what a policy says."""
    if isinstance(resource, str):
        return resource
    if "Fn::Join" in resource:
        _, parts = resource["Fn::Join"]
        if parts[0] == "arn:":
            arn = "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in parts)
            assert arn.startswith(STATES), arn
            return arn.removeprefix(STATES)
        arn, path = parts
        if _type(made, arn) == "AWS::S3::Bucket":
            return f"bucket{path}"
        assert _type(made, arn) == "AWS::DynamoDB::Table"
        return str(path).removeprefix("/")
    if _type(made, resource) == "AWS::SQS::Queue":
        state = made.stack.state
        names = {logical_id(queue): queue.node.id for of in state.queues.values() for queue in _all(of)}
        names[logical_id(state.given_up_changes)] = "GivenUpChanges"
        return f"queue/{names[resource['Fn::GetAtt'][0]]}"
    if _type(made, resource) == "AWS::SecretsManager::Secret":
        construct = {logical_id(secret): name for name, secret in made.stack.state.secrets.items()}
        return construct[resource["Fn::GetAtt"][0]]
    if _type(made, resource) == "AWS::KMS::Key":
        state = made.stack.state
        keys = {logical_id(state.data_key): "DataKey", logical_id(state.anchors.key): "signing key"}
        keys |= {_own(made).money: "money key", _own(made).secrets: "secrets key"} if state.own_keys else {}
        return keys[resource["Fn::GetAtt"][0]]
    if resource == {"Fn::GetAtt": [OPERATORS, "Arn"]}:
        return "operators"
    table = "stream" if resource["Fn::GetAtt"][1] == "StreamArn" else "table"
    named = {"AWS::DynamoDB::Table": table, "AWS::Logs::LogGroup": "log", "AWS::S3::Bucket": "bucket"}
    return named[_type(made, resource)]


def _all(of: Queues) -> list[Queue]:
    return [queue for queue in (of.taken, of.failed, of.given_up) if queue is not None]


def _type(made: Synthesised, arn: Any) -> str:
    return str(made.resources[arn["Fn::GetAtt"][0]]["Type"])


STATES = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:"


def _on_machines(grant: Grant, of_environment: Environment) -> dict[str, set[str]]:
    """What a grant comes to: actions by what they are asked of."""
    allowed: dict[str, set[str]] = {}
    for machine, actions in grant.machines.items():
        for action in actions:
            of = f"{of_environment.prefix}-{machine}"
            of = f"execution:{of}:*" if action in ON_EXECUTIONS else f"stateMachine:{of}"
            # The embedded AWS does not know whose a token is.
            allowed.setdefault("*" if of_environment.embedded and action in ON_TOKENS else of, set()).add(action)
    return allowed


@EVERYWHERE
def test_no_template_comes_near_the_500_resources_of_cloudformation(synth: Synth, environment: EnvironmentName) -> None:
    sizes = {name: len(kinds) for name, kinds in synth(environment).templates.kinds.items()}
    assert max(sizes.values()) <= RESOURCES_MAX, f"split what is too big: {sizes}"


@EVERYWHERE
def test_what_holds_state_is_in_a_stack_of_its_own_and_a_context_in_another(
    synth: Synth, environment: EnvironmentName
) -> None:
    kinds = synth(environment).templates.kinds
    state, others = ENVIRONMENTS[environment].stack_name("CryptodeskState"), ENVIRONMENTS[environment].stack_name(NAME)
    assert set(kinds) == {state, others} | {title(context.name) for context in contexts()}
    policies = {"AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy", "AWS::Cognito::ManagedLoginBranding"}
    policies |= {"AWS::IAM::Role"} | {f"AWS::Backup::Backup{what}" for what in ("Vault", "Plan", "Selection")}
    policies |= {"AWS::Cognito::UserPoolIdentityProvider"} if environment is EnvironmentName.PRODUCTION else set()
    assert set(kinds.pop(state)) - policies == STATE | {"AWS::SQS::Queue"}
    assert STATE & set().union(*kinds.values()) <= OF_CONSOLE
    for kind in ("Lambda::Function", "StepFunctions::StateMachine", "Events::Rule", "ApiGatewayV2::Route"):
        assert f"AWS::{kind}" not in kinds[others]


@EVERYWHERE
def test_the_table_and_the_users_stay_who_they_are(synth: Synth, environment: EnvironmentName) -> None:
    """Under another logical id they would be new ones, with nothing in them."""
    assert set(synth(environment).of("DynamoDB::Table")) == {"TableCD117FA1"}
    assert set(synth(environment).of("Cognito::UserPool")) == {CUSTOMERS, OPERATORS}
    assert set(synth(environment).of("Cognito::UserPoolClient")) >= {APP, DESK}


@EVERYWHERE
def test_the_table_has_the_keys_and_indexes_of_the_key_schema(synth: Synth, environment: EnvironmentName) -> None:
    table = synth(environment).only("DynamoDB::Table")
    assert table["KeySchema"] == [
        {"AttributeName": keys.PK, "KeyType": "HASH"},
        {"AttributeName": keys.SK, "KeyType": "RANGE"},
    ]
    indexes = {i["IndexName"]: i for i in table["GlobalSecondaryIndexes"]}
    assert list(indexes) == [i.name for i in keys.INDEXES]
    for index in keys.INDEXES:
        found = indexes[index.name]
        assert [k["AttributeName"] for k in found["KeySchema"]] == [index.hash, index.range]
        wanted = (
            {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.holds)}
            if index.holds
            else {"ProjectionType": "ALL"}
        )
        assert found["Projection"] == wanted
    assert {a["AttributeType"] for a in table["AttributeDefinitions"]} == {"S"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


@EVERYWHERE
def test_the_table_forgets_what_has_expired_and_can_go_back_in_time(synth: Synth, environment: EnvironmentName) -> None:
    table = synth(environment).only("DynamoDB::Table")
    assert table["TimeToLiveSpecification"] == {"AttributeName": TIME_TO_LIVE, "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"]["SSEEnabled"] is True


@AWS
def test_on_aws_neither_table_nor_users_can_be_deleted_by_mistake(synth: Synth, environment: EnvironmentName) -> None:
    made = synth(environment)
    retained = [r for r in made.resources.values() if r.get("DeletionPolicy") == "Retain"]
    kept = {r["Type"]: r for r in retained}
    named = {logical_id(made.stack.state.data_key), logical_id(made.stack.state.anchors.key)} | {_own(made).table}
    assert {i for i, r in made.resources.items() if r["Type"] == "AWS::KMS::Key" and r in retained} == named
    assert kept["AWS::DynamoDB::Table"]["Properties"]["DeletionProtectionEnabled"] is True
    pools = [r["Properties"] for r in retained if r["Type"] == "AWS::Cognito::UserPool"]
    assert [pool["DeletionProtection"] for pool in pools] == ["ACTIVE", "ACTIVE"]
    assert kept["AWS::Backup::BackupVault"]
    rotated = {i for i, key in made.of("KMS::Key").items() if key.get("EnableKeyRotation")}
    assert rotated == set(made.of("KMS::Key")) - {logical_id(made.stack.state.anchors.key)}, (
        "AWS rotates none that sign"
    )
    anchors = made.resources[logical_id(made.stack.state.anchors.bucket)]
    assert anchors in retained
    lock = anchors["Properties"]["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    in_production = environment is EnvironmentName.PRODUCTION
    assert lock == ({"Mode": "COMPLIANCE", "Days": 2555} if in_production else {"Mode": "GOVERNANCE", "Days": 1})
    assert made.stack.termination_protection
    assert made.stack.state.termination_protection


def test_every_route_of_the_contexts_is_there_and_no_other(staging: Synthesised) -> None:
    routes = [r["RouteKey"] for r in staging.of("ApiGatewayV2::Route").values()]
    assert sorted(routes) == sorted(
        f"{r.method} {r.path}" for c in contexts() for routes in c.routes.values() for r in routes
    )
    assert not [r for r in routes if "+}" in r or "$default" in r]
    assert f"{Route('POST', '/orders').method} /orders" in routes


@EVERYWHERE
def test_every_route_wants_a_token_of_one_user_pool_but_where_the_bank_signs(
    synth: Synth, environment: EnvironmentName
) -> None:
    made = synth(environment)
    authorizers = {
        each["JwtConfiguration"]["Issuer"]["Fn::Join"][1][-1]["Ref"]: (at, each["JwtConfiguration"])
        for at, each in made.of("ApiGatewayV2::Authorizer").items()
    }
    assert set(authorizers) == {CUSTOMERS, OPERATORS}
    for route in made.of("ApiGatewayV2::Route").values():
        if route["RouteKey"] == "POST /webhooks/baas":
            assert route["AuthorizationType"] == "NONE"
            assert "AuthorizerId" not in route
            continue
        assert route["AuthorizationType"] == "JWT"
        whose = OPERATORS if " /operations/" in route["RouteKey"] else CUSTOMERS
        assert route["AuthorizerId"] == {"Ref": authorizers[whose][0]}, route["RouteKey"]
    for pool, (_, jwt) in authorizers.items():
        of_pool = {
            at for at, client in made.of("Cognito::UserPoolClient").items() if client["UserPoolId"] == {"Ref": pool}
        }
        assert {client["Ref"] for client in jwt["Audience"]} == of_pool
        assert jwt["Issuer"] == {
            "Fn::Join": ["", ["https://cognito-idp.", {"Ref": "AWS::Region"}, ".amazonaws.com/", {"Ref": pool}]]
        }
        assert len(of_pool) == (
            2 if pool == OPERATORS else 4
        )  # the app's, the console's, those of the dealers' systems


@EVERYWHERE
def test_operators_have_a_second_factor_and_nobody_makes_himself_one(
    synth: Synth, environment: EnvironmentName
) -> None:
    """The embedded AWS asks only those who have enrolled one; AWS everybody."""
    pool = synth(environment).of("Cognito::UserPool")[OPERATORS]
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("ON", ["SOFTWARE_TOKEN_MFA"])
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["AccountRecoverySetting"]["RecoveryMechanisms"] == [{"Name": "admin_only", "Priority": 1}]
    password = pool["Policies"]["PasswordPolicy"]
    assert (password["MinimumLength"], {name for name, wanted in password.items() if wanted is True}) == (
        16,
        {f"Require{kind}" for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols")},
    )


@EVERYWHERE
def test_groups_that_may_something_are_in_the_operators_pool_alone(synth: Synth, environment: EnvironmentName) -> None:
    groups = synth(environment).of("Cognito::UserPoolGroup").values()
    assert {group["GroupName"] for group in groups} == set(GROUPS)
    assert all(group["UserPoolId"] == {"Ref": OPERATORS} for group in groups)


def test_tokens_are_short(local: Synthesised, staging: Synthesised) -> None:
    """Nobody looks whether a customer was disabled, so his tokens end. On a laptop they last an hour, for curl."""

    def minutes(made: Synthesised, client: str) -> int:
        told = made.of("Cognito::UserPoolClient")[client]
        assert told["TokenValidityUnits"]["AccessToken"] == "minutes"
        return int(told["AccessTokenValidity"])

    assert [minutes(staging, client) for client in (APP, DESK)] == [5, 30]
    assert [minutes(local, client) for client in (APP, DESK)] == [60, 30]
    day = staging.of("Cognito::UserPoolClient")[DESK]
    assert (day["RefreshTokenValidity"], day["TokenValidityUnits"]["RefreshToken"]) == (12 * 60, "minutes")


@EVERYWHERE
def test_each_pool_has_a_page_that_gives_a_code_to_this_machine_alone(
    synth: Synth, environment: EnvironmentName
) -> None:
    """Never a token in an address. On AWS a page without a style is none; the embedded AWS knows no style."""
    made = synth(environment)
    domains = made.of("Cognito::UserPoolDomain").values()
    assert {domain["UserPoolId"]["Ref"] for domain in domains} == {CUSTOMERS, OPERATORS}
    assert {domain["ManagedLoginVersion"] for domain in domains} == {2}
    for at in (APP, DESK):
        client = made.of("Cognito::UserPoolClient")[at]
        assert (client["AllowedOAuthFlows"], client["AllowedOAuthScopes"]) == (["code"], ["openid"])
        assert (client["GenerateSecret"], client["EnableTokenRevocation"]) == (False, True)
        assert all(url.startswith("http://127.0.0.1:") for url in client["CallbackURLs"])
        assert client["SupportedIdentityProviders"][0] == "COGNITO"
    styled = {style["ClientId"]["Ref"] for style in made.of("Cognito::ManagedLoginBranding").values()}
    of_people = {at for at, client in made.of("Cognito::UserPoolClient").items() if not client.get("GenerateSecret")}
    assert styled == (set() if environment is EnvironmentName.LOCAL else of_people)
    assert of_people > {APP, DESK}, "and the console's"


def test_a_customer_signs_in_by_an_address_that_he_has_shown_to_be_his(
    local: Synthesised, staging: Synthesised
) -> None:
    """On AWS; a laptop's pool keeps the aliases that it was made with. No operator does, nor by a new address."""
    pools = staging.of("Cognito::UserPool")
    assert (pools[CUSTOMERS]["AliasAttributes"], pools[CUSTOMERS]["AutoVerifiedAttributes"]) == (["email"], ["email"])
    assert pools[CUSTOMERS]["UserAttributeUpdateSettings"] == {"AttributesRequireVerificationBeforeUpdate": ["email"]}
    for pool in (pools[OPERATORS], *local.of("Cognito::UserPool").values()):
        assert not {"AliasAttributes", "UsernameAttributes"} & set(pool)


def test_a_provider_of_somebody_else_is_the_customers_alone(production: Synthesised, staging: Synthesised) -> None:
    """It says who somebody is and what his address is, and not that it is his: `email_verified` is not taken."""
    ((at, provider),) = production.of("Cognito::UserPoolIdentityProvider").items()
    assert (provider["UserPoolId"], provider["ProviderType"]) == ({"Ref": CUSTOMERS}, "OIDC")
    assert provider["AttributeMapping"] == {"email": "email"}
    clients = {at: client for at, client in production.resources.items() if at in (APP, DESK)}
    assert clients[APP]["Properties"]["SupportedIdentityProviders"] == ["COGNITO", {"Ref": at}]
    assert clients[DESK]["Properties"]["SupportedIdentityProviders"] == ["COGNITO"]
    assert provider["ProviderName"] == "Staff"
    told = {f["Environment"]["Variables"].get("IDENTITY_PROVIDER") for f in production.of("Lambda::Function").values()}
    assert told == {"Staff"}
    assert not staging.of("Cognito::UserPoolIdentityProvider")


def test_the_secret_of_a_provider_is_looked_up_by_aws_in_its_version(production: Synthesised) -> None:
    told = production.only("Cognito::UserPoolIdentityProvider")["ProviderDetails"]["client_secret"]
    assert told == f"{{{{resolve:secretsmanager:cryptodesk-identity-provider:SecretString:::{'0' * 32}}}}}"


def test_the_embedded_aws_has_no_provider_though_one_is_said(local: Synthesised) -> None:
    assert local.environment.identity_provider is not None
    assert not local.of("Cognito::UserPoolIdentityProvider")
    assert "IDENTITY_PROVIDER" not in local.environment.variables


@EVERYWHERE
def test_a_round_is_asked_for_once_and_dropped_when_the_next_is_due(synth: Synth, environment: EnvironmentName) -> None:
    """By Lambda, which would keep it for six hours, its most, and then run all that waited. Where EventBridge could not
    even ask, it tries again for as long, and a person hears of it."""
    made = synth(environment)
    names = {at: f["FunctionName"] for at, f in made.of("Lambda::Function").items()}
    every = {
        _function_name(made, f"{c.name}.{n}"): minutes for c in contexts() for n, minutes in c.every_minutes.items()
    }
    asked = {names[config["FunctionName"]["Ref"]]: config for config in made.of("Lambda::EventInvokeConfig").values()}
    kept = {name: (c["MaximumRetryAttempts"], c["MaximumEventAgeInSeconds"]) for name, c in asked.items()}
    assert kept == {name: (0, 60 * min(max(minutes, 2), 360)) for name, minutes in every.items()}
    missed = {"Fn::GetAtt": [logical_id(made.stack.missed), "Arn"]}
    for rule in made.of("Events::Rule").values():
        number, unit = re.fullmatch(r"rate\((\d+) (\w+?)s?\)", rule["ScheduleExpression"]).groups()  # type: ignore[union-attr]
        minutes = int(number) * {"minute": 1, "hour": 60, "day": 1440}[unit]
        (target,) = rule["Targets"]
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60 * max(minutes, 2), "MaximumRetryAttempts": 2}
        assert target["DeadLetterConfig"] == {"Arn": missed}


@EVERYWHERE
def test_at_most_ten_calls_at_once_take_payments_from_their_queue(synth: Synth, environment: EnvironmentName) -> None:
    """A flood of them waits there, and takes no places from the APIs."""
    scaled = [
        m["ScalingConfig"] for m in synth(environment).of("Lambda::EventSourceMapping").values() if "ScalingConfig" in m
    ]
    assert scaled == [{"MaximumConcurrency": 10}]


@EVERYWHERE
def test_what_moves_money_on_has_processes_of_its_own(synth: Synth, environment: EnvironmentName) -> None:
    """On AWS: the webhook, the sweeper, and the task of each machine."""
    functions = _functions(synth(environment))
    said = {name: f.get("ReservedConcurrentExecutions") for name, f in functions.items()}
    reserved = {name: number for name, number in said.items() if number is not None}
    if environment is EnvironmentName.LOCAL:
        assert reserved == {}
    else:
        assert reserved.keys() == TASKS | {"payouts.webhook", "operations.sweep"}
        assert min(reserved.values()) >= 2
        assert 2 * sum(reserved.values()) <= OF_ACCOUNT - UNRESERVED_MIN, "two environments may share an account"


def test_the_api_is_throttled_and_logged(staging: Synthesised) -> None:
    stage = staging.only("ApiGatewayV2::Stage")
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 100, "ThrottlingBurstLimit": 200}
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert (logged["status"], logged["source_address"]) == ("$context.status", "$context.identity.sourceIp")
    classes = {log["LogGroupName"]: log.get("LogGroupClass") for log in staging.of("Logs::LogGroup").values()}
    assert classes.pop("/aws/vendedlogs/cryptodesk-staging-api") == "INFREQUENT_ACCESS"
    assert set(classes.values()) == {None}  # where metrics are printed, and filters are set


@EVERYWHERE
def test_no_page_from_elsewhere_may_call_the_api(synth: Synth, environment: EnvironmentName) -> None:
    """The console and Swagger UI have it under their own address."""
    assert "CorsConfiguration" not in synth(environment).only("ApiGatewayV2::Api")


@EVERYWHERE
@pytest.mark.parametrize("name", GRANTS)
def test_a_function_may_do_what_grants_says_and_nothing_else(
    synth: Synth, environment: EnvironmentName, name: str
) -> None:
    made = synth(environment)
    grant = GRANTS[name]
    allowed: dict[str, set[str]] = {}
    for statement in _statements(made, _functions(made)[name]):
        assert statement["Effect"] == "Allow"
        for resource in _list(statement["Resource"]):
            if set(_list(statement["Action"])) == TRACING:
                assert not made.environment.embedded
                continue
            of = resource if resource == "*" else _named(made, resource)
            allowed.setdefault(of, set()).update(_list(statement["Action"]))
    secrets = {s for s in grant.secrets if s is not Secret.PRICE_ORACLE_KEY or made.environment.price_oracle_key}
    received = _received(made) if grant.receives else TAKES_CHANGES.get(name, {})
    assert allowed == received | {
        "log": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "table": set(grant.table),
    } | {f"index/{index.name}": {"dynamodb:Query"} for index in grant.indexes} | {
        str(s): {READ_SECRET} for s in secrets
    } | _on_machines(grant, made.environment) | _on_keys(grant) | _unwraps(made, _read_secrets(made, name, secrets))


def _read_secrets(made: Synthesised, name: str, of_grant: set[Secret]) -> set[Secret]:
    """Lambda's poller reads its own in the name of what takes payments."""
    kafka = {Secret.KAFKA_KEY} & set(made.stack.state.secrets) if name == "billing.take_payments" else set()
    return of_grant | kafka


def _unwraps(made: Synthesised, secrets: set[Secret]) -> dict[str, set[str]]:
    """What reading secrets needs of the keys that encrypt them."""
    if made.environment.embedded:
        return {}
    named = {"money key": secrets & MOVES_MONEY, "secrets key": secrets - MOVES_MONEY}
    return {key: {UNWRAP} for key, of_key in named.items() if of_key}


@AWS
def test_a_function_unwraps_the_secrets_that_it_may_read_and_no_others(
    synth: Synth, environment: EnvironmentName
) -> None:
    """By the key's context, and through Secrets Manager alone: one key encrypts several."""
    made = synth(environment)
    for name, function in _functions(made).items():
        read, unwrapped = set(), set()
        for statement in _statements(made, function):
            if _list(statement["Action"]) == [READ_SECRET]:
                read |= {_named(made, secret) for secret in _list(statement["Resource"])}
            elif _list(statement["Action"]) == [UNWRAP] and _named(made, statement["Resource"]) != "DataKey":
                told = statement["Condition"]["StringEquals"]
                assert "secretsmanager." in json.dumps(told["kms:ViaService"])
                unwrapped |= {_named(made, secret) for secret in _list(told["kms:EncryptionContext:SecretARN"])}
        assert unwrapped == read, name


@dataclass(frozen=True)
class Own:
    """Logical ids of the keys of our own."""

    table: str
    told: str
    money: str
    secrets: str


def _own(made: Synthesised) -> Own:
    keys = made.stack.state.own_keys
    assert keys is not None
    return Own(*(logical_id(key) for key in (keys.table, keys.told, keys.money, keys.secrets)))


@AWS
def test_what_is_kept_on_aws_is_under_keys_of_our_own(synth: Synth, environment: EnvironmentName) -> None:
    made = synth(environment)
    own = _own(made)
    assert made.only("DynamoDB::Table")["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": {"Fn::GetAtt": [own.table, "Arn"]},
    }
    assert {json.dumps(log["KmsKeyId"]) for log in made.of("Logs::LogGroup").values()} == {
        json.dumps({"Fn::GetAtt": [own.told, "Arn"]})
    }
    assert own.told in json.dumps(made.only("SNS::Topic")["KmsMasterKeyId"])
    for name, secret in made.stack.state.secrets.items():
        key = own.money if name in MOVES_MONEY else own.secrets
        assert made.of("SecretsManager::Secret")[logical_id(secret)]["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


def test_each_secret_with_which_money_is_moved_is_under_the_key_for_those() -> None:
    """The others are read, are signed with, or are of whoever else looks."""
    looks = {Secret.CURSOR_KEY, Secret.TAXPAYER_KEY, Secret.WEBHOOK_KEY, Secret.BANK_WEBHOOK, Secret.KAFKA_KEY}
    assert set(Secret) - MOVES_MONEY == looks | {Secret.CUSTODY_READ, Secret.READING_KEYS, Secret.PRICE_ORACLE_KEY}


@AWS
def test_a_key_lets_in_the_service_that_uses_it_and_nobody_else(synth: Synth, environment: EnvironmentName) -> None:
    """Beside the account's own policies. Who may use the table may use its key, but through DynamoDB alone."""
    made = synth(environment)

    def let_in(key: str) -> list[tuple[str, set[str]]]:
        statements = made.of("KMS::Key")[key]["KeyPolicy"]["Statement"]
        root, *others = statements
        assert (root["Action"], "root" in json.dumps(root["Principal"])) == ("kms:*", True)
        return [(json.dumps(s["Principal"]), set(s.get("Condition", {}).get("StringEquals", {}))) for s in others]

    own = _own(made)
    assert let_in(own.table) == [
        ('{"AWS": "*"}', {"kms:CallerAccount", "kms:ViaService"}),
        ('{"Service": "dynamodb.amazonaws.com"}', set()),
    ]
    logs, alarms = let_in(own.told)
    assert "logs." in logs[0]
    assert alarms[0] == '{"Service": "cloudwatch.amazonaws.com"}'
    logged = made.of("KMS::Key")[own.told]["KeyPolicy"]["Statement"][1]["Condition"]["ArnLike"]
    patterns = [_text(pattern) for pattern in logged["kms:EncryptionContext:aws:logs:arn"]]
    for log in made.of("Logs::LogGroup").values():
        assert any(fnmatch(f":log-group:{log['LogGroupName']}", f"*{p[p.index(':log-group:') :]}") for p in patterns)
    for key in (own.money, own.secrets):
        assert all(via == {"kms:ViaService"} for _, via in let_in(key))
    assert let_in(logical_id(made.stack.state.data_key)) == []


def _text(joined: Any) -> str:
    return "".join(part if isinstance(part, str) else "" for part in joined["Fn::Join"][1])


@AWS
def test_a_copy_of_the_table_is_made_each_month_and_kept_for_a_year(synth: Synth, environment: EnvironmentName) -> None:
    """In a vault of the environment's own name, where nobody deletes one within a month. One that fails is told."""
    made = synth(environment)
    (rule,) = made.only("Backup::BackupPlan")["BackupPlan"]["BackupPlanRule"]
    assert (rule["ScheduleExpression"], rule["Lifecycle"]) == ("cron(30 3 1 * ? *)", {"DeleteAfterDays": 365})
    vault = made.only("Backup::BackupVault")
    name = f"{made.environment.prefix}-books"
    assert (vault["BackupVaultName"], vault["LockConfiguration"]) == (name, {"MinRetentionDays": 30})
    chosen = made.only("Backup::BackupSelection")["BackupSelection"]["Resources"]
    assert chosen == [{"Fn::GetAtt": [logical_id(made.stack.state.table), "Arn"]}]
    (alarm,) = [a for a in made.of("CloudWatch::Alarm").values() if a.get("Namespace") == "AWS/Backup"]
    assert alarm["Dimensions"] == [{"Name": "BackupVaultName", "Value": name}]


def test_what_the_embedded_aws_does_not_know_is_left_out_there(local: Synthesised) -> None:
    kinds = {resource["Type"] for resource in local.resources.values()}
    unknown = ("AWS::Backup::", "AWS::CodeDeploy::", "AWS::Lambda::Alias", "AWS::Lambda::Version", "AWS::CloudFront::")
    assert not [kind for kind in kinds if kind.startswith(unknown)]
    assert local.edge.resources == {}
    assert not any("RELEASE" in f["Environment"]["Variables"] for f in local.of("Lambda::Function").values())
    assert len(local.of("KMS::Key")) == 2, "those that the desk itself asks"
    assert not any("KmsKeyId" in log for log in local.of("Logs::LogGroup").values())


def _on_keys(grant: Grant) -> dict[str, set[str]]:
    """And on the bucket with the anchors of the audit, and on the user pool of operators."""
    found = {
        "DataKey": set(grant.data_keys | grant.person_keys),
        "signing key": set(grant.anchors & {SIGN, PUBLIC_KEY}),
        "bucket/*": set(grant.anchors & {PUT_ANCHOR, READ_ANCHOR}),
        "bucket": set(grant.anchors & {LIST_ANCHORS}),
        "operators": set(grant.operators),
    }
    return {name: actions for name, actions in found.items() if actions}


def _received(made: Synthesised) -> dict[str, set[str]]:
    """What Lambda does in the name of what takes payments."""
    found = {"queue/Payments": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}}
    kafka = made.environment.kafka
    if kafka is None:
        return found
    found["queue/GivenUpPayments"] = {"sqs:SendMessage", "sqs:GetQueueAttributes"}
    if kafka.cluster_arn is None:
        return found | {str(Secret.KAFKA_KEY): {READ_SECRET}} | ({"*": NETWORK} if kafka.subnets else {})
    cluster = {f"kafka:{name}" for name in ("DescribeCluster", "DescribeClusterV2", "GetBootstrapBrokers")}
    cluster |= {"kafka-cluster:Connect", "kafka-cluster:DescribeClusterDynamicConfiguration"}
    topic, group = (kafka.cluster_arn.replace(":cluster/", f":{kind}/") for kind in ("topic", "group"))
    return found | {
        kafka.cluster_arn: cluster,
        f"{topic}/billing.payments": {"kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"},
        f"{group}/{made.environment.prefix}-billing": {"kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"},
        "*": NETWORK,
    }


def test_a_machine_that_is_granted_is_there_and_something_may_be_asked_of_it(local: Synthesised) -> None:
    names = {
        m["StateMachineName"].removeprefix("cryptodesk-") for m in local.of("StepFunctions::StateMachine").values()
    }
    for name, grant in GRANTS.items():
        assert set(grant.machines) <= names, name
        assert all(grant.machines.values()), name
    assert set().union(*(grant.machines for grant in GRANTS.values())) == names - set(TICKING), (
        "the clock needs no grant"
    )


@EVERYWHERE
def test_a_machine_may_call_the_functions_of_its_states_and_log_no_more(
    synth: Synth, environment: EnvironmentName
) -> None:
    made = synth(environment)
    for machine in made.of("StepFunctions::StateMachine").values():
        called, without_resources = set(), set()
        for statement in _statements(made, {"Role": machine["RoleArn"]}):
            actions = set(_list(statement["Action"]))
            if statement["Resource"] == "*":
                without_resources |= actions
                continue
            assert actions == {"lambda:InvokeFunction"}
            called |= {_handler(made, arn) for arn in _list(statement["Resource"])}
        parts = machine["DefinitionString"]["Fn::Join"][1]
        states = {_handler(made, part) for part in parts if not isinstance(part, str) and part != PARTITION}
        assert called == states > set()
        assert without_resources == LOG_DELIVERY | (set() if made.environment.embedded else TRACING)


def _handler(made: Synthesised, asked: Any) -> str:
    """Of the function that is asked: by its alias on AWS, by itself where AWS is embedded."""
    function = asked["Fn::GetAtt"][0] if made.environment.embedded else _function_of(made, asked)
    return str(made.of("Lambda::Function")[function]["Handler"])


def _function_of(made: Synthesised, alias: dict[str, str]) -> str:
    return str(made.of("Lambda::Alias")[alias["Ref"]]["FunctionName"]["Ref"])


@AWS
def test_a_tenth_asks_what_is_new_and_an_alarm_takes_it_back(synth: Synth, environment: EnvironmentName) -> None:
    """Of each function that answers the API, and of each task: by its alias, which CodeDeploy alone shifts."""
    made = synth(environment)
    named = {i: f["FunctionName"] for i, f in made.of("Lambda::Function").items()}
    groups, alarms = made.of("CodeDeploy::DeploymentGroup"), made.of("CloudWatch::Alarm")
    shifted, looked_at = set(), set()
    for at, alias in made.of("Lambda::Alias").items():
        name, version = named[_function_of(made, {"Ref": at})], alias["FunctionVersion"]
        shifted.add(name)
        update = made.resources[at]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        group = groups[update["DeploymentGroupName"]["Ref"]]
        assert update["ApplicationName"] == group["ApplicationName"]
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert group["AutoRollbackConfiguration"]["Events"] == ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]
        assert group["AlarmConfiguration"]["Enabled"] is True
        bugs, *errors = (alarms[alarm["Name"]["Ref"]] for alarm in group["AlarmConfiguration"]["Alarms"])
        looked_at |= {alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]}
        assert (bugs["MetricName"], bugs["Threshold"], bugs["TreatMissingData"]) == (RELEASE_BUGS, 0, "notBreaching")
        of_version = [{d["Name"]: d["Value"] for d in alarm["Dimensions"]}["ExecutedVersion"] for alarm in errors]
        is_door = name in {_function_name(made, of) for of in OF_HTTP}
        assert of_version == ([version] if is_door else []), "a task ends in an exception to be asked again"
    assert shifted == {_function_name(made, of) for of in OF_HTTP | TASKS}
    told = {d["Name"]: d["Value"] for d in bugs["Dimensions"]}
    releases = {f["Environment"]["Variables"]["RELEASE"] for f in _functions(made).values()}
    assert told == {"service": made.environment.prefix, "release": releases.pop()}
    assert not releases
    assert looked_at == {logical_id(alarm) for alarm in _releases(made).alarms}


def _releases(made: Synthesised) -> Releases:
    assert made.stack.releases is not None
    return made.stack.releases


@AWS
def test_the_api_and_the_machines_ask_what_is_live(synth: Synth, environment: EnvironmentName) -> None:
    """The clock and the streams ask the newest code: a tenth of one call a minute is none."""
    made = synth(environment)
    integrated = {_handler(made, i["IntegrationUri"]) for i in made.of("ApiGatewayV2::Integration").values()}
    assert integrated == {f"functions.{of}.handler" for of in OF_HTTP}
    for let_in in made.of("Lambda::Permission").values():
        by_api = let_in["Principal"] == "apigateway.amazonaws.com"
        assert (let_in["FunctionName"].get("Ref") in made.of("Lambda::Alias")) == by_api
    for mapping in made.of("Lambda::EventSourceMapping").values():
        assert mapping["FunctionName"]["Fn::GetAtt"][0] in made.of("Lambda::Function")


def test_a_release_is_another_where_its_code_or_a_setting_is() -> None:
    staging = ENVIRONMENTS[EnvironmentName.STAGING]
    names = [release(staging, "a"), release(staging, "b"), release(ENVIRONMENTS[EnvironmentName.PRODUCTION], "a")]
    names += [release(replace(staging, restart="monday"), "a")]
    assert len(set(names)) == len(names)
    assert release(staging, "a") == names[0]


@EVERYWHERE
def test_a_machine_is_logged_and_under_the_name_functions_know(synth: Synth, environment: EnvironmentName) -> None:
    made = synth(environment)
    variables = next(iter(_functions(made).values()))["Environment"]["Variables"]
    assert _named(made, variables["MACHINES_ARN_PREFIX"]) == f"stateMachine:{made.environment.prefix}-"
    logs = {i: log["LogGroupName"] for i, log in made.of("Logs::LogGroup").items()}
    for machine in made.of("StepFunctions::StateMachine").values():
        name = machine["StateMachineName"]
        prefix, _, short = name.partition(f"{made.environment.prefix}-")
        assert prefix == ""
        assert machine["StateMachineType"] == ("EXPRESS" if short in TICKING else "STANDARD")
        assert machine["LoggingConfiguration"]["Level"] == ("ERROR" if short in TICKING else "ALL")
        assert machine["LoggingConfiguration"].get("IncludeExecutionData", False) == (short in TICKING)
        (destination,) = machine["LoggingConfiguration"]["Destinations"]
        log = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"][0]
        assert logs[log] == f"/aws/vendedlogs/states/{name}"
        assert machine["TracingConfiguration"] == {"Enabled": not made.environment.embedded}


@EVERYWHERE
def test_no_policy_has_a_wildcard_where_a_resource_can_be_named(synth: Synth, environment: EnvironmentName) -> None:
    made = synth(environment)
    machines = {m["StateMachineName"] for m in made.of("StepFunctions::StateMachine").values()}
    executions = {f"execution:{name}:*" for name in machines}
    for policy in made.of("IAM::Policy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = set(_list(statement["Action"]))
            if actions in (TRACING, LOG_DELIVERY, NETWORK, LIST_STREAMS) or (
                made.environment.embedded and actions <= ON_TOKENS
            ):
                assert statement["Resource"] == "*"
            elif actions <= {PUT_ANCHOR, READ_ANCHOR}:
                assert _named(made, statement["Resource"]) == "bucket/*"
            elif actions <= ON_EXECUTIONS:
                assert {_named(made, arn) for arn in _list(statement["Resource"])} <= executions
            else:
                assert "*" not in json.dumps([sorted(actions), statement["Resource"]])


@EVERYWHERE
def test_every_function_gets_the_environment_that_it_reads(synth: Synth, environment: EnvironmentName) -> None:
    made = synth(environment)
    for function in _functions(made).values():
        variables = {
            n: v if isinstance(v, str) else json.dumps(v) for n, v in function["Environment"]["Variables"].items()
        }
        issuers = [f"{whose}_ISSUER" for whose in ("TOKEN", "OPERATOR")]
        assert all("Fn::" in variables[name] for name in issuers), "known when it is deployed"
        read = Settings.of(variables | dict.fromkeys(issuers, "https://cognito-idp.eu-central-1.amazonaws.com/pool"))
        assert read.environment == environment
        assert read.customer_deposits == (environment is EnvironmentName.LOCAL)
        assert (read.price_oracle_key_secret is not None) == made.environment.price_oracle_key
        assert variables.get("AWS_ENDPOINT_URL") == made.environment.endpoint_url
        of_the_custody = (read.custody_read_secret, read.custody_spend_secret)
        of_accounts = (read.reading_keys_secret, read.trading_keys_secret, read.withdrawing_keys_secret)
        ours = (read.exchange_key_secret, read.bank_key_secret, read.bank_webhook_secret)
        for secret in (*ours, *of_the_custody, *of_accounts, read.campaign_keys_secret):
            assert secret
        assert (read.exchange, read.exchange_url, read.bank_url, read.custody_url) == (
            made.environment.exchange,
            made.environment.exchange_url,
            made.environment.bank_url,
            made.environment.custody_url,
        )
        assert read.billing_key_secret
        assert read.taxpayer_key_secret
        assert read.data_key_id
        assert read.audit_key_id
        assert read.audit_bucket
        assert (read.billing_url, str(read.commission_percent)) == (
            made.environment.billing_url,
            made.environment.commission_percent,
        )
        assert (read.hufi_launcher_url, read.hufi_oracle_url) == (
            made.environment.hufi_launcher_url,
            made.environment.hufi_oracle_url,
        )


def test_on_aws_functions_run_on_its_python_and_at_home_on_its_runtime_client(
    local: Synthesised, staging: Synthesised
) -> None:
    for function in _functions(staging).values():
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    for function in _functions(local).values():
        assert function["Runtime"] == "provided.al2023"


def test_a_call_without_trouble_leaves_no_line_of_lambdas_own(local: Synthesised, staging: Synthesised) -> None:
    """Their level is Lambda's; ours stays with the Logger, and metrics, which have none, count as INFO."""
    for function in _functions(staging).values():
        assert {k: v for k, v in function["LoggingConfig"].items() if k != "LogGroup"} == {
            "LogFormat": "JSON",
            "SystemLogLevel": "WARN",
            "ApplicationLogLevel": "INFO",
        }
    for function in _functions(local).values():
        assert set(function["LoggingConfig"]) == {"LogGroup"}


def test_functions_are_traced_with_their_machine_or_when_it_is_asked_for(
    local: Synthesised, staging: Synthesised, production: Synthesised
) -> None:
    assert not staging.environment.trace_functions
    assert {f["TracingConfig"]["Mode"] for f in _functions(staging).values()} == {"PassThrough"}
    assert production.environment.trace_functions
    assert {f["TracingConfig"]["Mode"] for f in _functions(production).values()} == {"Active"}
    assert not any("TracingConfig" in f for f in _functions(local).values())


def test_the_functions_of_production_print_what_is_wrong_only(staging: Synthesised, production: Synthesised) -> None:
    for made, level in ((staging, "INFO"), (production, "WARNING")):
        levels = {f["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] for f in _functions(made).values()}
        assert levels == {level}


def test_functions_that_ask_the_same_outside_systems_share_an_asset(staging: Synthesised) -> None:
    """Which it is, `tests/infra/test_bundle.py` says."""
    assets: dict[tuple[bool, ...], set[str]] = {}
    for name, function in _functions(staging).items():
        grant = GRANTS[name]
        exchange, custody, login = (bool(grant.secrets & keys) for keys in (EXCHANGE_KEYS, CUSTODY_KEYS, LOGIN_KEYS))
        asks = exchange, custody or bool(grant.data_keys | grant.person_keys), login, grant.documents
        assets.setdefault(asks, set()).add(function["Code"]["S3Key"])
    assert {len(keys) for keys in assets.values()} == {1}
    assert len(set().union(*assets.values())) == len(assets) >= 3


def test_functions_end_before_those_who_wait_for_them(staging: Synthesised) -> None:
    for name, function in _functions(staging).items():
        usual = Size(512, 29 if name in OF_HTTP else 60 if name in TASKS else 55)
        usual = Size(512, 30) if GRANTS[name].receives or name in TAKES_CHANGES else usual
        size = SIZES.get(name.removeprefix("market_making."), usual)
        assert (function["MemorySize"], function["Timeout"]) == (size.memory_mib, size.seconds)


def _rate(minutes: int) -> str:
    """As CDK writes it."""
    if minutes == 60:
        return "rate(1 hour)"
    if minutes % 1440 == 0:
        return f"rate({minutes // 1440} day{'s' if minutes > 1440 else ''})"
    return f"rate({minutes} minute{'s' if minutes > 1 else ''})"


def test_the_clock_starts_functions_and_machines_as_often_as_they_say(staging: Synthesised) -> None:
    logical = {i: f["FunctionName"] for i, f in staging.of("Lambda::Function").items()}
    logical |= {i: m["StateMachineName"] for i, m in staging.of("StepFunctions::StateMachine").items()}
    ticking = {
        logical[_logical_id(rule["Targets"][0]["Arn"])]: rule["ScheduleExpression"]
        for rule in staging.of("Events::Rule").values()
    }
    often = {_function_name(staging, f"{c.name}.{name}"): n for c in contexts() for name, n in c.every_minutes.items()}
    often |= {f"{staging.environment.prefix}-{name}": 1 for name in TICKING}
    assert ticking == {name: _rate(minutes) for name, minutes in often.items()}
    for rule in staging.of("Events::Rule").values():
        (target,) = rule["Targets"]
        assert "DeadLetterConfig" in target
        assert target["RetryPolicy"]["MaximumRetryAttempts"] == 2


@EVERYWHERE
def test_the_clock_tells_its_machine_when_by_a_role_for_that_alone(synth: Synth, environment: EnvironmentName) -> None:
    made = synth(environment)
    machines = {
        i: m["StateMachineName"].removeprefix(f"{made.environment.prefix}-")
        for i, m in made.of("StepFunctions::StateMachine").items()
    }
    started = {}
    for rule in made.of("Events::Rule").values():
        (target,) = rule["Targets"]
        if (machine := _logical_id(target["Arn"])) in machines:
            started[machines[machine]] = target
            template = TICKING[machines[machine]]
            assert target["InputTransformer"] == {"InputPathsMap": {"time": "$.time"}, "InputTemplate": template}
            role = made.resources[_logical_id(target["RoleArn"])]["Properties"]
            assert _list(role["AssumeRolePolicyDocument"]["Statement"])[0]["Principal"] == {
                "Service": "events.amazonaws.com"
            }
            (statement,) = _statements(made, {"Role": target["RoleArn"]})
            assert (statement["Action"], _logical_id(statement["Resource"])) == (START, machine)
    assert set(started) == set(TICKING)


def _logical_id(arn: Any) -> str:
    return str(arn["Ref"] if "Ref" in arn else arn["Fn::GetAtt"][0])


@EVERYWHERE
def test_every_log_is_kept_for_a_month(synth: Synth, environment: EnvironmentName) -> None:
    made = synth(environment)
    logs = made.of("Logs::LogGroup").values()
    assert {log["RetentionInDays"] for log in logs} == {30}
    assert {log["LogGroupName"] for log in logs} >= {f"/aws/lambda/{_function_name(made, grant)}" for grant in GRANTS}


@EVERYWHERE
def test_every_alarm_names_its_runbook_and_tells_somebody(synth: Synth, environment: EnvironmentName) -> None:
    made = synth(environment)
    alarms = made.of("CloudWatch::Alarm").values()
    tasks = {f"{context.name}.{task}" for context in contexts() for task in context.tasks}
    assert len(alarms) >= 8 + len(set(GRANTS) - tasks)  # a task's errors are its machine's
    takes_back = "takes the deployment back: docs/deploy.md"
    for alarm in alarms:
        if alarm["AlarmDescription"].endswith(takes_back):  # whoever deploys is told
            continue
        runbook = alarm["AlarmDescription"].partition("Runbook: ")[2]
        if environment is EnvironmentName.PRODUCTION:  # a link that can be clicked
            assert runbook.startswith("https://pages.example/")
        runbook = runbook.removeprefix("https://pages.example/")
        assert runbook.startswith(f"{RUNBOOKS}/")
        assert (ROOT / runbook).is_file(), f"{runbook} is missing"
        assert alarm["AlarmActions"]


def test_every_runbook_is_that_of_an_alarm_or_where_one_leads(staging: Synthesised) -> None:
    pages = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / RUNBOOKS).glob("[a-z]*.md")}
    told = [alarm["AlarmDescription"].partition("Runbook: ")[2] for alarm in staging.of("CloudWatch::Alarm").values()]
    named = set(filter(None, told))
    led_to = {f"{RUNBOOKS}/{page}" for alarm in named for page in re.findall(r"\]\(([a-z-]+\.md)\)", pages[alarm])}
    assert named | led_to == set(pages)


def test_passwords_travel_only_to_the_embedded_aws(local: Synthesised, staging: Synthesised) -> None:
    app, there = local.of("Cognito::UserPoolClient"), staging.of("Cognito::UserPoolClient")
    for ours in (APP, DESK):
        assert "ALLOW_USER_PASSWORD_AUTH" in app.pop(ours)["ExplicitAuthFlows"]
        assert there.pop(ours)["ExplicitAuthFlows"] == ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    others = [client for of in (app, there) for at, client in of.items() if "Console" not in at]
    for client in others:  # the dealers' systems: by their secret, and with their scope alone
        assert (client["AllowedOAuthFlows"], client["GenerateSecret"]) == (["client_credentials"], True)
        assert "ALLOW_USER_PASSWORD_AUTH" not in client.get("ExplicitAuthFlows", [])
    for pool in staging.of("Cognito::UserPool").values():
        assert pool["UsernameConfiguration"] == {"CaseSensitive": True}


def test_alarms_may_speak_to_their_topic_and_only_over_tls(staging: Synthesised) -> None:
    statements = staging.only("SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    (cloudwatch,) = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert cloudwatch["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert cloudwatch["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    (insecure,) = [statement for statement in statements if statement["Effect"] == "Deny"]
    assert insecure["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_each_http_function_lets_the_api_in_once(staging: Synthesised) -> None:
    gates = [p for p in staging.of("Lambda::Permission").values() if p["Principal"] == "apigateway.amazonaws.com"]
    assert len(gates) == len(OF_HTTP)


def test_an_alarm_reaches_the_address_that_was_given(production: Synthesised, staging: Synthesised) -> None:
    assert production.only("SNS::Subscription")["Endpoint"] == "desk@example.com"
    assert not staging.of("SNS::Subscription")
