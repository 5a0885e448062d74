"""The one table and its indexes, drawn from `common.keys`."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, aws_dynamodb, aws_kms
from constructs import Construct

from common import keys
from infra.environment import Environment

TIME_TO_LIVE = "expires"  # epoch seconds; only items that may vanish have it


def table(scope: Construct, environment: Environment, key: aws_kms.IKey | None) -> aws_dynamodb.Table:
    encryption = aws_dynamodb.TableEncryption
    made = aws_dynamodb.Table(
        scope,
        "Table",
        partition_key=_text(keys.PK),
        sort_key=_text(keys.SK),
        billing_mode=aws_dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=encryption.AWS_MANAGED if key is None else encryption.CUSTOMER_MANAGED,
        encryption_key=key,
        point_in_time_recovery_specification=aws_dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        time_to_live_attribute=TIME_TO_LIVE,
        stream=aws_dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,  # what has changed; it costs a write nothing
        deletion_protection=not environment.embedded,
        removal_policy=RemovalPolicy.DESTROY if environment.embedded else RemovalPolicy.RETAIN,
    )
    for index in keys.INDEXES:
        made.add_global_secondary_index(
            index_name=index.name,
            partition_key=_text(index.hash),
            sort_key=_text(index.range),
            projection_type=aws_dynamodb.ProjectionType.INCLUDE if index.holds else aws_dynamodb.ProjectionType.ALL,
            non_key_attributes=list(index.holds) or None,
        )
    return made


def _text(name: str) -> aws_dynamodb.Attribute:
    return aws_dynamodb.Attribute(name=name, type=aws_dynamodb.AttributeType.STRING)
