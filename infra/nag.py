"""Findings of cdk-nag (AwsSolutions) that we live with, each at its construct and with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

if TYPE_CHECKING:
    from infra.stack import CryptodeskStack


# As the stack of what holds state exports the bucket's ARN.
ANCHORS = "ExportsOutputFnGetAttAuditAnchorsBucket8CB21977Arn65DBFB63"


def acknowledge(stack: CryptodeskStack) -> None:
    """Say why. A finding that is not listed here fails the synthesis."""
    users, prefix = stack.state.user_pool.users, stack.target_environment.prefix
    _because(
        users, "COG2", "A customer chooses: a second factor (TOTP) is offered. Operators have a pool that wants it."
    )
    for pool in (users, stack.state.operator_pool.users):
        _because(pool, "COG8", "The plus plan costs for each user a month; nothing here reads its risk scores yet.")
    _because(
        stack.missed, "SQS3", "This is the dead-letter queue: EventBridge puts rounds here that it could not start."
    )
    changes = stack.state.given_up_changes
    _because(changes, "SQS3", "This is a dead-letter queue: a person empties it (docs/runbooks).")
    if stack.target_environment.embedded:
        _because(changes, "SQS4", "The embedded AWS speaks HTTP alone, and would deny whoever sends.")
    for queues in stack.state.queues.values():
        for dead in filter(None, (queues.failed, queues.given_up)):
            _because(dead, "SQS3", "This is a dead-letter queue: a person empties it (docs/runbooks).")
        if stack.target_environment.embedded:
            for queue in filter(None, (queues.taken, queues.failed, queues.given_up)):
                _because(queue, "SQS4", "The embedded AWS speaks HTTP alone, and would deny whoever sends.")
    anchors = stack.state.anchors.bucket
    _because(
        anchors,
        "S1",
        "It is written once an hour by one function and read by operators through another. Who else looks is seen in "
        "CloudTrail; a bucket for its access logs would be one that can be changed.",
    )
    if stack.target_environment.embedded:
        _because(anchors, "S10", "The embedded AWS speaks HTTP alone, and would deny whoever writes.")
    for of in ("operations.api", "operations.anchor_audit"):
        _because(
            stack.functions[of].node.scope or stack,
            f"IAM5[Resource::{stack.state.stack_name}:{ANCHORS}/*]",
            "Each anchor is an object of its own; which bucket's they are is exact.",
        )
    for secret in stack.state.secrets.values():
        _because(
            secret,
            "SMG4",
            "Nobody needs a new cursor key on a day of its own: it signs positions in lists, which end after a day. "
            "The oracle's key is the oracle's to replace. Both are read once in a process, so replacing them is safe.",
        )
    for function in stack.functions.values():
        _because(
            function,
            "L1",
            "Cold starts were measured on 3.13, and the bytecode is built for it. A newer one is a constant in "
            "infra/context.py and one in infra/bundle.py away, when it has been measured.",
        )
        if not stack.target_environment.embedded:
            _because(
                function.node.scope or function,
                "IAM5[Resource::*]",
                "X-Ray's two actions know no resources, nor do those on the network of Kafka's brokers. A test refuses "
                "every other wildcard (tests/infra).",
            )

    for route in stack.http_api.open_routes:
        _because(route, "APIG4", "Whoever asks here signs the body, which the function checks before it looks at it.")
    for context in stack.contexts:
        for name in stack.machines:
            _because(
                context,
                f"IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:{prefix}-{name}:*]",
                "Executions are named by the orders they move; which machine's they are is exact.",
            )
    if stack.target_environment.embedded:
        for context in stack.contexts:
            _because(context, "IAM5[Resource::*]", "The embedded AWS does not know whose a task token is; AWS does.")
    for name, machine in stack.machines.items():
        where = machine.node.scope or machine
        _because(
            where,
            "IAM5[Resource::*]",
            "Log delivery and X-Ray know no resources. A test refuses every other wildcard (tests/infra).",
        )
        if name in stack.ticking:
            _because(
                machine,
                "SF1",
                "It runs all day: a line for each event would cost as much as the machine. What fails is logged, with "
                "its data, and what a round has done its functions log and count.",
            )
        if stack.target_environment.embedded:
            _because(machine, "SF2", "The embedded AWS knows no X-Ray; elsewhere it is on.")


def _because(where: IConstruct, rule: str, reason: str) -> None:
    Validations.of(where).acknowledge(Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason))
