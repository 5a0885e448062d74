"""What cdk-nag's packs find and we live with, each at its construct and with its reason. Nothing else lets a finding
pass: a finding that has no reason here fails the synthesis, and a reason that no finding asks for fails a test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aws_cdk import Acknowledgment, Validations, aws_sns
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks, ServerlessChecks
from constructs import IConstruct

from infra.concurrency import RESERVED
from infra.contexts import contexts
from infra.environment import Environment
from infra.grants import GRANTS, ON_EXECUTIONS, Secret

if TYPE_CHECKING:
    from infra.console import Console
    from infra.edge import EdgeStack
    from infra.stack import CryptodeskStack

# A finding is named by its pack and its rule; several packs ask the same under the same name.
SOLUTIONS, SERVERLESS, NIST, PCI, HIPAA = (
    "AwsSolutions",
    "Serverless",
    "NIST.800.53.R5",
    "PCI.DSS.321",
    "HIPAA.Security",
)
PACKS = {
    SOLUTIONS: AwsSolutionsChecks,
    SERVERLESS: ServerlessChecks,
    NIST: NIST80053R5Checks,
    PCI: PCIDSS321Checks,
    HIPAA: HIPAASecurityChecks,
}
ALL_THREE = (NIST, PCI, HIPAA)

# As the stack of what holds state exports the bucket's ARN.
ANCHORS = "ExportsOutputFnGetAttAuditAnchorsBucket8CB21977Arn65DBFB63"

PERSON_EMPTIES = "This is a dead-letter queue: a person empties it (docs/runbooks)."
STARTED_BY_THE_CLOCK = (
    "The clock alone calls it without waiting, with nothing but the time. A round that fails is not done again: the "
    "next one does its work, an alarm tells when that fails too, and what it failed by is in its log."
)
WAITED_FOR = {
    "doors": "API Gateway waits for its answer, and tells the caller.",
    "tasks": "Step Functions waits for its answer, tries again as the machine says, and tells when that was in vain.",
    "streams": "Lambda's mapping waits for its answer; what fails for good is in a queue of the stream's own.",
}
UNRESERVED = {
    "doors": "API Gateway lets in 100 requests a second, which need ten places of those that are not reserved.",
    "rounds": "The clock starts it once in a while, and a round ends before the next begins: it needs one place.",
    "streams": "Its mapping calls it once for each shard, or as often at once as the mapping says (infra/streams.py).",
}
NOT_ROTATED = {
    Secret.CURSOR_KEY: "It signs positions in lists, which end after a day: nobody needs another one on a day of its "
    "own. It is read once in a process, so replacing it is safe.",
    Secret.TAXPAYER_KEY: "It is never replaced: dealers of one taxpayer are found by marks made with it.",
    Secret.WEBHOOK_KEY: "It is never replaced: the secrets of customers' webhooks are made with it. A customer rotates "
    "the secret of his own.",
    Secret.CAMPAIGN_KEYS: "Keys of addresses to which rewards are paid: another key is another address.",
}
ISSUED_ELSEWHERE = (
    "Whoever issues it replaces it, and AWS can not ask for another there: docs/deploy.md says how it is replaced "
    "without a break. A process reads it once."
)
NOT_ADDRESSED = (
    "It can not be called but by IAM, meets the table, the secrets and the machines over TLS by its own role, and the "
    "exchange, the bank and the custody on the internet. There is nothing in a network for it to reach. One would "
    "let us say where it may connect to, for a NAT gateway in each zone and an interface for each service of AWS."
)


def packs(environment: Environment) -> list[Any]:
    """The packs that judge. What is deployed to the embedded AWS is judged by the first alone: the others ask for keys
    and backups, which are not there (docs/embedded-aws.md)."""
    return [PACKS[SOLUTIONS]] if environment.embedded else list(PACKS.values())


def acknowledge_edge(edge: EdgeStack) -> None:
    """Say why, of what stands in us-east-1."""
    _because(
        edge.web_acl,
        "Each rule counts what it has stopped, and WAF shows samples of it for three hours. A log would keep addresses "
        "and tokens of everybody for what nobody looks at.",
        *_asked("WAFv2LoggingEnabled", ALL_THREE),
    )


def acknowledge(stack: CryptodeskStack) -> None:
    """Say why."""
    _of_users(stack)
    _of_queues(stack)
    _of_anchors(stack)
    _of_secrets(stack)
    _of_functions(stack)
    _of_contexts(stack)
    _of_machines(stack)
    if stack.console is not None:
        _of_console(stack.console, own_domain=stack.target_environment.console_domain is not None)
    if not stack.target_environment.embedded:
        _of_backups(stack)
    if stack.releases is not None:
        _because(
            stack.releases.role,
            "What CodeDeploy does to shift an alias changes with CodeDeploy: the policy that AWS keeps for it says it.",
            f"{SOLUTIONS}-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AWSCodeDeployRoleForLambdaLimited]",
        )
        for alarm in stack.releases.alarms:
            _because(
                alarm,
                "CodeDeploy looks at it, and takes the deployment back that is under way. Whoever deploys sees that; "
                "when nothing is deployed, Bugs and Errors… tell a person of the same.",
                *_asked("CloudWatchAlarmAction", (NIST, HIPAA)),
            )
    for route in stack.http_api.open_routes:
        _because(
            route,
            "Whoever asks here signs the body, which the function checks before it looks at it.",
            f"{SOLUTIONS}-APIG4",
        )
    if stack.target_environment.alarm_email is not None:
        for subscription in _all(stack.watch.topic, aws_sns.CfnSubscription):
            _because(
                subscription,
                "SNS tries to deliver a mail for 23 days. What it never delivers is an alarm, which CloudWatch shows, "
                "too; in a queue nobody would look for it.",
                f"{SERVERLESS}-SNSRedrivePolicy",
            )


def _of_users(stack: CryptodeskStack) -> None:
    users = stack.state.user_pool.users
    _because(
        users,
        "A customer chooses: a second factor (TOTP) is offered. Operators have a pool that wants it.",
        f"{SOLUTIONS}-COG2",
    )
    for pool in (users, stack.state.operator_pool.users):
        _because(
            pool,
            "The plus plan costs for each user a month; nothing here reads its risk scores yet.",
            f"{SOLUTIONS}-COG8",
        )


def _of_queues(stack: CryptodeskStack) -> None:
    state = stack.state
    redrive, dead_letters = f"{SERVERLESS}-SQSRedrivePolicy", f"{SOLUTIONS}-SQS3"
    _because(
        stack.missed,
        "This is the dead-letter queue: EventBridge puts rounds here that it could not start.",
        redrive,
        dead_letters,
    )
    failed = [of.failed for of in state.queues.values()]  # which SQS itself fills, as the pack sees
    given_up = [state.given_up_changes, *(of.given_up for of in state.queues.values() if of.given_up is not None)]
    for queue in failed:
        _because(queue, PERSON_EMPTIES, redrive)
    for queue in given_up:
        _because(queue, PERSON_EMPTIES, redrive, dead_letters)
    if stack.target_environment.embedded:
        for queue in (*failed, *given_up, *(of.taken for of in state.queues.values())):
            _because(queue, "The embedded AWS speaks HTTP alone, and would deny whoever sends.", f"{SOLUTIONS}-SQS4")
    for mapping in stack.queue_mappings:
        _because(
            mapping,
            "A mapping of a queue knows no destination: what fails is in the queue again, and after 20 times in that "
            "of failed ones, which wakes a person.",
            f"{SERVERLESS}-LambdaEventSourceMappingDestination",
        )


def _of_anchors(stack: CryptodeskStack) -> None:
    bucket = stack.state.anchors.bucket
    _because(
        bucket,
        "It is written once an hour by one function and read by operators through another. Who else looks is seen in "
        "CloudTrail; a bucket for its access logs would be one that can be changed.",
        f"{SOLUTIONS}-S1",
        *_asked("S3BucketLoggingEnabled", ALL_THREE),
    )
    _because(
        bucket,
        "What lies here proves what the table says, and is of use beside it alone, which is in this region. Nobody can "
        "delete it here; a copy elsewhere would prove nothing more.",
        *_asked("S3BucketReplicationEnabled", ALL_THREE),
    )
    _because(
        bucket,
        "Its objects are signed hashes, which may be seen, and are locked for years in which they have to be readable. "
        "They are encrypted under S3's own key, which nobody can disable or delete, as one of ours could be.",
        *_asked("S3DefaultEncryptionKMS", ALL_THREE),
    )
    if stack.target_environment.embedded:
        _because(bucket, "The embedded AWS speaks HTTP alone, and would deny whoever writes.", f"{SOLUTIONS}-S10")
    for of in ("operations.api", "operations.anchor_audit"):
        _because(
            stack.functions[of].node.scope or stack,
            "Each anchor is an object of its own; which bucket's they are is exact.",
            f"{SOLUTIONS}-IAM5[Resource::{stack.state.stack_name}:{ANCHORS}/*]",
        )


def _of_secrets(stack: CryptodeskStack) -> None:
    for name, secret in stack.state.secrets.items():
        _because(
            secret,
            NOT_ROTATED.get(name, ISSUED_ELSEWHERE),
            f"{SOLUTIONS}-SMG4",
            *_asked("SecretsManagerRotationEnabled", (NIST, HIPAA)),
        )


def _of_functions(stack: CryptodeskStack) -> None:
    kinds = {
        f"{context.name}.{name}": kind
        for context in contexts()
        for kind, names in (
            ("doors", context.routes),
            ("tasks", context.tasks),
            ("rounds", context.every_minutes),
            ("streams", (*context.topics, *context.entities)),
        )
        for name in names
    }
    for name, function in stack.functions.items():
        kind = kinds[name]
        _because(
            function,
            "Cold starts were measured on 3.13, and the bytecode is built for it. A newer one is a constant in "
            "infra/context.py and one in infra/bundle.py away, when it has been measured.",
            f"{SOLUTIONS}-L1",
            f"{SERVERLESS}-LambdaLatestVersion",
        )
        _because(function, WAITED_FOR.get(kind, STARTED_BY_THE_CLOCK), *_asked("LambdaDLQ", (SERVERLESS, NIST, HIPAA)))
        if kind == "rounds":
            _because(function, STARTED_BY_THE_CLOCK, f"{SERVERLESS}-LambdaAsyncFailureDestination")
        if name not in RESERVED:
            _because(function, UNRESERVED[kind], *_asked("LambdaConcurrency", (NIST, HIPAA)))
        _because(function, NOT_ADDRESSED, *_asked("LambdaInsideVPC", ALL_THREE))
        if not stack.target_environment.trace_functions:
            _because(
                function,
                "It is traced with the machine that calls it. Of its other calls X-Ray takes one a second and 5 %, a "
                "rate that can not be changed: an environment says whether it wants to pay for them (trace_functions).",
                f"{SERVERLESS}-LambdaTracing",
            )


def _of_contexts(stack: CryptodeskStack) -> None:
    prefix = stack.target_environment.prefix
    for context in stack.contexts:
        _because(
            context,
            "Each of these is the policy of one role, and that the role of one function, machine or rule: drawn from "
            "infra/grants.py, made and deleted with it. A policy that is no part of a role could be given to another.",
            *_asked("IAMNoInlinePolicy", ALL_THREE),
        )
        _because(
            context,
            "Log delivery and X-Ray know no resources, nor do the list of a table's streams and the network of Kafka's "
            "brokers. A test refuses every other wildcard (tests/infra)."
            + (" The embedded AWS does not know whose a task token is." if stack.target_environment.embedded else ""),
            f"{SOLUTIONS}-IAM5[Resource::*]",
        )
        looked_into = {
            machine
            for function in context.functions
            for machine, actions in GRANTS[function].machines.items()
            if actions & ON_EXECUTIONS
        }
        for name in sorted(looked_into):
            _because(
                context,
                "Executions are named by the orders they move; which machine's they are is exact.",
                f"{SOLUTIONS}-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:"
                f"{prefix}-{name}:*]",
            )


def _of_machines(stack: CryptodeskStack) -> None:
    for name, machine in stack.machines.items():
        if name in stack.ticking:
            _because(
                machine,
                "It runs all day: a line for each event would cost as much as the machine. What fails is logged, with "
                "its data, and what a round has done its functions log and count.",
                f"{SOLUTIONS}-SF1",
            )
        if stack.target_environment.embedded:
            _because(machine, "The embedded AWS knows no X-Ray; elsewhere it is on.", f"{SOLUTIONS}-SF2")


def _of_backups(stack: CryptodeskStack) -> None:
    _because(
        stack.state,
        "What AWS Backup does to a table, and to which services it speaks for that, changes with AWS Backup: the "
        "policy that AWS keeps for it says it, and is given to the role of the backup plan alone.",
        f"{SOLUTIONS}-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
        "AWSBackupServiceRolePolicyForBackup]",
    )


def _of_console(console: Console, own_domain: bool) -> None:
    _because(
        console.distribution,
        "Who may come is said by accounts and groups, and what a country may is the desk's to say where it opens them.",
        f"{SOLUTIONS}-CFR1",
    )
    if not own_domain:
        _because(
            console.distribution,
            "Under CloudFront's own name its own certificate counts, with what CloudFront lets in by it; browsers take "
            "TLS 1.3. A name of one's own (console_domain) lets in nothing below TLS 1.2, and is for whoever is real.",
            f"{SOLUTIONS}-CFR4",
        )
    _because(
        console.files,
        "What lies here is in the repository, and `make deploy` puts it here again. No file is ever replaced but "
        "index.html, which names the others.",
        *_asked("S3BucketReplicationEnabled", ALL_THREE),
        *_asked("S3BucketVersioningEnabled", ALL_THREE),
    )
    _because(
        console.files,
        "CloudFront alone reads it, and has a log of who asks; whoever deploys writes it.",
        f"{SOLUTIONS}-S1",
        *_asked("S3BucketLoggingEnabled", ALL_THREE),
    )
    _because(
        console.files,
        "It holds what every browser is given, and no secret: S3's own key will do.",
        *_asked("S3DefaultEncryptionKMS", ALL_THREE),
    )
    _because(
        console.logs,
        "This is the log: one of its own readers would want the next.",
        f"{SOLUTIONS}-S1",
        *_asked("S3BucketLoggingEnabled", ALL_THREE),
    )
    _because(
        console.logs,
        "It says for 90 days which address has asked for which path. Nothing is reckoned from it, and CloudFront "
        "itself promises no complete one; who has done what is in the audit.",
        *_asked("S3BucketReplicationEnabled", ALL_THREE),
        *_asked("S3BucketVersioningEnabled", ALL_THREE),
    )
    _because(
        console.logs,
        "Neither tokens nor bodies are in it. It is under S3's own key, so that no other service has to be let in to a "
        "key of ours.",
        *_asked("S3DefaultEncryptionKMS", ALL_THREE),
    )


def _all(scope: IConstruct, kind: type[Any]) -> list[Any]:
    return [each for each in scope.node.find_all() if isinstance(each, kind)]


def _asked(rule: str, by: Iterable[str]) -> list[str]:
    return [f"{pack}-{rule}" for pack in by]


def _because(where: IConstruct, reason: str, *findings: str) -> None:
    Validations.of(where).acknowledge(*(Acknowledgment(id=finding, reason=reason) for finding in findings))
