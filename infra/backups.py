"""Copies of the table beside it, for what its own 35 days of recovery do not reach: a change that nobody has seen for
longer, and a table that is gone with its recovery. Not where AWS is embedded, which makes none."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, aws_backup, aws_dynamodb, aws_events
from constructs import Construct

from infra.environment import Environment

KEPT = Duration.days(365)
LOCKED = Duration.days(30)  # before that nobody deletes one who may not take the vault's lock away
EACH_MONTH = aws_events.Schedule.cron(day="1", hour="3", minute="30")  # UTC


def vault_name(environment: Environment) -> str:
    return f"{environment.prefix}-books"


def back_up(scope: Construct, environment: Environment, table: aws_dynamodb.Table) -> None:
    vault = aws_backup.BackupVault(
        scope,
        "Backups",
        backup_vault_name=vault_name(environment),
        lock_configuration=aws_backup.LockConfiguration(min_retention=LOCKED),
        removal_policy=RemovalPolicy.RETAIN,  # with what is in it
    )
    plan = aws_backup.BackupPlan(
        scope,
        "BackupPlan",
        backup_plan_name=vault_name(environment),
        backup_vault=vault,
        backup_plan_rules=[
            aws_backup.BackupPlanRule(rule_name="monthly", schedule_expression=EACH_MONTH, delete_after=KEPT)
        ],
    )
    plan.add_selection("Books", resources=[aws_backup.BackupResource.from_dynamo_db_table(table)])
