"""A nested stack that turns `functions/<name>` into Lambdas, routes, schedules, machines and least-privilege grants."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import (
    AssetHashType,
    Duration,
    NestedStack,
    RemovalPolicy,
    aws_dynamodb,
    aws_events,
    aws_events_targets,
    aws_iam,
    aws_kms,
    aws_lambda,
    aws_logs,
    aws_sqs,
    aws_stepfunctions,
)
from constructs import Construct

from common import keys
from common.workflow import Machine, Size
from infra import streams
from infra.audit import AuditAnchors
from infra.bundle import Assets, Bundle, Target
from infra.concurrency import RESERVED
from infra.contexts import Context
from infra.encryption import reading
from infra.environment import Environment
from infra.grants import GRANTS, ON_EXECUTIONS, READ_SECRET, START, TOKEN, TOKEN_FAILS, Grant, Secret
from infra.http_api import HttpApi
from infra.releases import Releases
from infra.streams import Queues

MEMORY_MIB = 512
API_SECONDS = 29  # API Gateway waits 30
TASK_SECONDS = 60  # an exchange or the bank is asked twice at most, each within 12
TASK = Size(MEMORY_MIB, TASK_SECONDS)
SCHEDULE_SECONDS = 55  # a round ends before the next begins; it stops taking on work 8 s before that
ASKED_MINUTES_MAX = 6 * 60  # so long Lambda keeps what it is asked
LOG_DELIVERY = [
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
]
# The one setting that chooses the runtime. The embedded AWS runs AWS's own runtime client (infra/bundle.py), since
# its built-in one loses the names of errors.
RUNTIME = {
    Target.AWS: (aws_lambda.Runtime.PYTHON_3_13, aws_lambda.Architecture.ARM_64),
    Target.EMBEDDED: (aws_lambda.Runtime.PROVIDED_AL2023, aws_lambda.Architecture.X86_64),
}


class NoGrant(ValueError):
    """`infra/grants.py` does not say what a function may do."""


@dataclass(frozen=True)
class Shared:
    """What all contexts of the stack use."""

    environment: Environment
    target: Target
    assets: Assets
    table: aws_dynamodb.Table
    secrets: Mapping[Secret, str]  # ARNs
    secret_keys: Mapping[Secret, str]  # those of the keys that encrypt them, where there are any of ours
    told_key: aws_kms.IKey | None  # that encrypts logs
    data_key: str  # the ARN of the key that wraps those of dealers and customers
    anchors: AuditAnchors
    operator_pool: str  # the ARN of the user pool of operators
    queues: Mapping[str, Queues]  # by function of a stream
    given_up_changes: aws_sqs.IQueue  # of the table, that nobody takes any more
    http_api: HttpApi
    releases: Releases | None  # by which new versions come to be asked
    missed: aws_sqs.IQueue  # rounds that the clock could not start
    variables: Mapping[str, str]  # of every function, as common.settings reads it


class ContextStack(NestedStack):
    """One context. `functions` are its Lambdas by grant name: `orders.api`, `orders.tend_market`. `ticking` names those
    of its machines that the clock starts."""

    def __init__(self, scope: Construct, context: Context, shared: Shared) -> None:
        super().__init__(scope, title(context.name))
        self._shared = shared
        self.functions: dict[str, aws_lambda.Function] = {}
        self.queue_mappings: list[aws_lambda.CfnEventSourceMapping] = []
        for door, routes in context.routes.items():
            name = f"{context.name}.{door}"
            function = self._function(name, f"functions.{name}.handler", API_SECONDS)
            shared.http_api.add_routes(self, name, routes, self._live(function, errors_are_bugs=True))
        self.machines: dict[str, aws_stepfunctions.StateMachine] = {}
        self.ticking: list[str] = []
        if context.workflow is not None:
            sizes: Mapping[str, Size] = getattr(context.workflow, "SIZES", {})
            tasks = {name: self._task(context.name, name, sizes.get(name, TASK)) for name in context.tasks}
            made = context.workflow.machines(self, context.workflow.Tasks(**tasks))
            self.machines = {name: self._machine(name, machine) for name, machine in made.items()}
        for name, minutes in context.every_minutes.items():
            handler = f"functions.{context.name}.schedule.{name}"
            round_ = self._function(
                f"{context.name}.{name}", handler, SCHEDULE_SECONDS, asynchronous=_asked_once(minutes)
            )
            self._every(minutes, round_)
        for name, topic in context.topics.items():
            self._take(f"{context.name}.{name}", f"functions.{context.name}.stream.{name}", topic)
        for name, entities in context.entities.items():
            more = streams.of_the_table(shared.table, shared.given_up_changes)
            handler = f"functions.{context.name}.changes.{name}"
            function = self._function(f"{context.name}.{name}", handler, streams.SECONDS, more=more)
            streams.from_table(self, function, shared.table, entities, shared.given_up_changes)

    def _task(self, context: str, name: str, size: Size) -> aws_lambda.IFunction:
        handler = f"functions.{context}.tasks.{name}"
        function = self._function(f"{context}.{name}", handler, size.seconds, size.memory_mib)
        return self._live(function, errors_are_bugs=False)

    def _live(self, function: aws_lambda.Function, *, errors_are_bugs: bool) -> aws_lambda.IFunction:
        releases = self._shared.releases
        return function if releases is None else releases.live(self, function, errors_are_bugs=errors_are_bugs)

    def _take(self, name: str, handler: str, topic: str) -> None:
        """A function, and where what it takes comes from."""
        shared = self._shared
        queues, kafka, secret = shared.queues[name], shared.environment.kafka, shared.secrets.get(Secret.KAFKA_KEY)
        kafka_secrets = [Secret.KAFKA_KEY] if secret is not None else []
        group = f"{shared.environment.prefix}-{streams.GROUP}"
        received = [*streams.statements(queues, topic, kafka, group, secret), *self._reading(kafka_secrets)]
        function = self._function(name, handler, streams.SECONDS, more=received)
        self.queue_mappings.append(streams.from_queue(self, function, queues))
        if kafka is not None:
            streams.from_kafka(self, function, topic, kafka, group, queues, secret)

    def _function(
        self,
        name: str,
        handler: str,
        seconds: int,
        memory_mib: int = MEMORY_MIB,
        more: Sequence[aws_iam.PolicyStatement] = (),
        asynchronous: Mapping[str, Any] | None = None,
    ) -> aws_lambda.Function:
        if name not in GRANTS:
            raise NoGrant(f"infra/grants.py says nothing about {name}")
        shared = self._shared
        construct_id = title(name.partition(".")[2])
        # Names are ours, and known before anything is deployed: logs and alarms are found without a look-up.
        function_name = f"{shared.environment.prefix}-{name.replace('.', '-').replace('_', '-')}"
        log = aws_logs.LogGroup(
            self,
            f"{construct_id}Log",
            log_group_name=f"/aws/lambda/{function_name}",
            retention=aws_logs.RetentionDays.ONE_MONTH,
            encryption_key=self._shared.told_key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = aws_iam.Role(self, f"{construct_id}Role", assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"))
        for statement in (*self._statements(GRANTS[name], log), *more):
            role.add_to_policy(statement)
        runtime, architecture = RUNTIME[shared.target]
        function = aws_lambda.Function(
            self,
            construct_id,
            function_name=function_name,
            runtime=runtime,
            architecture=architecture,
            code=_code(shared.assets.for_grant(GRANTS[name])),
            handler=handler,
            role=role.without_policy_updates(),  # only grants.py grants
            memory_size=memory_mib,
            timeout=Duration.seconds(seconds),
            environment=dict(shared.variables),
            log_group=log,
            **_watched(shared.environment),
            **(asynchronous or {}),
            # The embedded AWS runs functions one beside another as it can, and knows no account that would run out.
            reserved_concurrent_executions=None if shared.environment.embedded else RESERVED.get(name),
        )
        function.node.add_dependency(role)
        self.functions[name] = function
        return function

    def _machine(self, name: str, made: Machine) -> aws_stepfunctions.StateMachine:
        """A machine under our own name: its ARN is known to functions that it calls itself."""
        construct_id = title(name)
        log = aws_logs.LogGroup(
            self,
            f"{construct_id}MachineLog",
            log_group_name=f"/aws/vendedlogs/states/{self._shared.environment.prefix}-{name}",
            retention=aws_logs.RetentionDays.ONE_MONTH,
            encryption_key=self._shared.told_key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = aws_iam.Role(
            self, f"{construct_id}MachineRole", assumed_by=aws_iam.ServicePrincipal("states.amazonaws.com")
        )
        role.add_to_policy(_allow(["lambda:InvokeFunction"], [f.function_arn for f in made.functions]))
        # Log delivery knows no resources: AWS documents these as `*`.
        role.add_to_policy(_allow(LOG_DELIVERY, ["*"]))
        if not self._shared.environment.embedded:
            role.add_to_policy(_allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]))
        kind, level, ticks = aws_stepfunctions.StateMachineType, aws_stepfunctions.LogLevel, bool(made.every_minutes)
        machine = aws_stepfunctions.StateMachine(
            self,
            f"{construct_id}Machine",
            state_machine_name=f"{self._shared.environment.prefix}-{name}",
            definition_body=aws_stepfunctions.DefinitionBody.from_chainable(made.first),
            role=role.without_policy_updates(),
            comment=made.comment,
            state_machine_type=kind.EXPRESS if ticks else kind.STANDARD,
            # What runs all day would cost more in lines about nothing than by itself. An Express execution has no other
            # history than what is logged of it.
            logs=aws_stepfunctions.LogOptions(
                destination=log, level=level.ERROR if ticks else level.ALL, include_execution_data=ticks
            ),
            tracing_enabled=not self._shared.environment.embedded,
        )
        machine.node.add_dependency(role)
        if made.every_minutes is not None:
            self.ticking.append(name)
            self._start_every(made.every_minutes, machine, construct_id, made.inputs)
        return machine

    def _statements(self, grant: Grant, log: aws_logs.LogGroup) -> list[aws_iam.PolicyStatement]:
        table = self._shared.table.table_arn
        readable = [s for s in sorted(grant.secrets) if s in self._shared.secrets]
        secrets = [self._shared.secrets[s] for s in readable]
        statements = [
            _allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log.log_group_arn]),
            _allow(sorted(grant.table), [table]),
        ]
        if grant.indexes:
            statements.append(_allow(["dynamodb:Query"], [f"{table}/index/{index.name}" for index in grant.indexes]))
        if grant.machines:
            statements += self._on_machines(grant)
        if secrets:
            statements += [_allow([READ_SECRET], secrets), *self._reading(readable)]
        statements += self._on_data_keys(grant)
        if grant.anchors:
            statements += self._shared.anchors.statements(grant.anchors)
        if grant.operators:
            statements.append(_allow(sorted(grant.operators), [self._shared.operator_pool]))
        if not self._shared.environment.embedded:
            # X-Ray knows no resources: this is the one `*`, as AWS documents it.
            statements.append(_allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]))
        return statements

    def _reading(self, secrets: Sequence[Secret]) -> list[aws_iam.PolicyStatement]:
        keys = self._shared.secret_keys
        return reading({self._shared.secrets[s]: keys[s] for s in secrets if s in keys})

    def _on_data_keys(self, grant: Grant) -> list[aws_iam.PolicyStatement]:
        """One key wraps them all; whose a wrapped one is, its encryption context says. The ids of dealers begin with a
        capital letter, and no username does."""
        made = []
        for actions, rule in ((grant.data_keys, "StringLike"), (grant.person_keys, "StringNotLike")):
            if actions:
                statement = _allow(sorted(actions), [self._shared.data_key])
                if not self._shared.environment.embedded:  # which does not know the context
                    statement.add_condition(rule, {"kms:EncryptionContext:owner": f"{keys.DEALER.id_prefix}*"})
                made.append(statement)
        return made

    def _on_machines(self, grant: Grant) -> list[aws_iam.PolicyStatement]:
        prefix = self._shared.variables["MACHINES_ARN_PREFIX"]
        allowed: dict[str, set[str]] = {}  # resources by action
        for name, actions in grant.machines.items():
            for action in actions:
                arn = f"{prefix}{name}"
                if action in ON_EXECUTIONS:
                    arn = f"{arn.replace(':stateMachine:', ':execution:')}:*"
                elif action in (TOKEN, TOKEN_FAILS) and self._shared.environment.embedded:
                    arn = "*"  # AWS asks for the token's machine; the embedded AWS does not know it by the token
                allowed.setdefault(action, set()).add(arn)
        together: dict[tuple[str, ...], list[str]] = {}
        for action, resources in sorted(allowed.items()):
            together.setdefault(tuple(sorted(resources)), []).append(action)
        return [_allow(actions, list(resources)) for resources, actions in together.items()]

    def _start_every(
        self,
        minutes: int,
        machine: aws_stepfunctions.StateMachine,
        construct_id: str,
        inputs: Sequence[Mapping[str, str]],
    ) -> None:
        role = aws_iam.Role(
            self, f"{construct_id}EventsRole", assumed_by=aws_iam.ServicePrincipal("events.amazonaws.com")
        )
        role.add_to_policy(_allow([START], [machine.state_machine_arn]))
        for number, told in enumerate(inputs):
            target = aws_events_targets.SfnStateMachine(
                machine,
                input=aws_events.RuleTargetInput.from_object({"time": aws_events.EventField.time, **told}),
                role=role.without_policy_updates(),
                **self._missable(minutes),
            )
            self._rule(minutes, machine, target, number).node.add_dependency(role)

    def _every(self, minutes: int, function: aws_lambda.Function) -> None:
        self._rule(minutes, function, aws_events_targets.LambdaFunction(function, **self._missable(minutes)))

    def _missable(self, minutes: int) -> dict[str, Any]:
        """A round that can not be started for so long is given up: the next one does the rest."""
        return {
            "dead_letter_queue": self._shared.missed,
            "retry_attempts": 2,
            "max_event_age": Duration.minutes(max(minutes, 2)),
        }

    def _rule(self, minutes: int, of: Construct, target: aws_events.IRuleTarget, number: int = 0) -> aws_events.Rule:
        schedule = aws_events.Schedule.rate(Duration.minutes(minutes))
        return aws_events.Rule(self, f"{of.node.id}Rule{number or ''}", schedule=schedule, targets=[target])


def title(name: str) -> str:
    """`market_making`, `offramp.create_payout` and `sell-order` as parts of a construct's id."""
    return "".join(part.capitalize() for part in re.split(r"[._-]", name))


def _asked_once(minutes: int) -> dict[str, Any]:
    """Of what the clock calls, and nobody waits for: the next round does what this one has not, and one that found no
    place to run does not come late, with all the others that found none."""
    return {"retry_attempts": 0, "max_event_age": Duration.minutes(min(max(minutes, 2), ASKED_MINUTES_MAX))}


def _watched(environment: Environment) -> dict[str, Any]:
    """What Lambda itself writes about a function. Not where AWS is embedded: it knows neither.

    As JSON its own lines have a level, so that START, END and REPORT of every call can stay away. Our lines are JSON
    either way and keep their own level: without one, as those of metrics are, Lambda takes a line for INFO.
    """
    if environment.embedded:
        return {}
    tracing = aws_lambda.Tracing.ACTIVE if environment.trace_functions else aws_lambda.Tracing.PASS_THROUGH
    return {
        "logging_format": aws_lambda.LoggingFormat.JSON,
        "system_log_level_v2": aws_lambda.SystemLogLevel.WARN,
        "application_log_level_v2": aws_lambda.ApplicationLogLevel.INFO,
        "tracing": tracing,
    }


def _code(bundle: Bundle) -> aws_lambda.Code:
    return aws_lambda.Code.from_asset(
        str(bundle.directory), asset_hash=bundle.digest, asset_hash_type=AssetHashType.CUSTOM
    )


def _allow(actions: list[str], resources: list[str]) -> aws_iam.PolicyStatement:
    return aws_iam.PolicyStatement(actions=actions, resources=resources)
