"""What comes to functions by itself: from a queue of their own, from Kafka where the settings name a broker, and from
the table, whose stream has each change once and keeps it for a day.

A message of the queue that fails comes again when its visibility has run out, and after RECEIVED_MAX times it is in the
queue of failed ones. Kafka gives its batches again, whole, and nothing behind them; one that has failed KAFKA_RETRIES
times is given up, and where it was is told to a queue: partial answers and halved batches are there in Lambda's
provisioned mode only, which costs by the hour. A batch of the table's stream that fails comes again in halves; one that
has failed TABLE_RETRIES times, or is nearly as old as the stream keeps anything, is given up, and where it was is told
to a queue. Nothing but a fault of the table or of our code fails: see the streams.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy, aws_dynamodb, aws_iam, aws_lambda, aws_sqs
from constructs import Construct

from infra.environment import Environment, Kafka
from infra.grants import DONE, MEASURE, READ_SECRET, RECEIVE

SECONDS = 30  # of a call
VISIBILITY = Duration.seconds(6 * SECONDS)  # AWS's advice: a batch may be called for again before it is given back
KEPT = Duration.days(14)  # the most that a queue does
RECEIVED_MAX = 20  # for an hour
QUEUE_AT_ONCE = 10  # a flood of messages waits in the queue, and takes no places from the APIs
BATCH_OF_QUEUE, BATCH_OF_KAFKA, BATCH_OF_TABLE = 10, 100, 100
KAFKA_RETRIES = 100
# For hours: Lambda waits up to a minute between two. By then the stream still has what is given up.
TABLE_RETRIES, TABLE_KEEPS = 300, Duration.hours(20)
GROUP = "billing"  # of consumers, behind the environment's name; theirs is where it goes on
QUEUES = {"billing.take_payments": "Payments"}  # what the queues are called, by function

_SEND = "sqs:SendMessage"
_OF_A_TABLE = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
_OF_A_NETWORK = [  # as AWS documents them: they know no resources
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
]
_OF_A_CLUSTER = ["kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"]
_OF_A_CLUSTERS_DATA = ["kafka-cluster:Connect", "kafka-cluster:DescribeClusterDynamicConfiguration"]
_OF_A_TOPIC = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
_OF_A_GROUP = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]


@dataclass(frozen=True)
class Queues:
    """given_up: where batches of Kafka were that nobody asks for any more; None where there is no Kafka."""

    taken: aws_sqs.Queue
    failed: aws_sqs.Queue
    given_up: aws_sqs.Queue | None


def queues(scope: Construct, environment: Environment) -> dict[str, Queues]:
    """By function."""
    return {function: _queues(scope, name, environment) for function, name in QUEUES.items()}


def _queues(scope: Construct, name: str, environment: Environment) -> Queues:
    failed = _queue(scope, f"Failed{name}", environment)
    after = aws_sqs.DeadLetterQueue(queue=failed, max_receive_count=RECEIVED_MAX)
    taken = _queue(scope, name, environment, after)
    if environment.payments_from is not None:
        taken.grant_send_messages(aws_iam.ArnPrincipal(environment.payments_from))
    given_up = None if environment.kafka is None else _queue(scope, f"GivenUp{name}", environment)
    return Queues(taken, failed, given_up)


def given_up_changes(scope: Construct, environment: Environment) -> aws_sqs.Queue:
    """Where in the table's stream changes were that nobody takes any more."""
    return _queue(scope, "GivenUpChanges", environment)


def _queue(
    scope: Construct, name: str, environment: Environment, after: aws_sqs.DeadLetterQueue | None = None
) -> aws_sqs.Queue:
    return aws_sqs.Queue(
        scope,
        name,
        visibility_timeout=VISIBILITY,
        retention_period=KEPT,
        dead_letter_queue=after,
        enforce_ssl=not environment.embedded,  # which speaks HTTP alone, and would deny it
        encryption=aws_sqs.QueueEncryption.SQS_MANAGED,
        removal_policy=RemovalPolicy.DESTROY if environment.embedded else RemovalPolicy.RETAIN,
    )


def from_queue(scope: Construct, function: aws_lambda.IFunction, of: Queues) -> aws_lambda.CfnEventSourceMapping:
    return aws_lambda.CfnEventSourceMapping(
        scope,
        f"{function.node.id}FromQueue",
        function_name=function.function_arn,
        event_source_arn=of.taken.queue_arn,
        batch_size=BATCH_OF_QUEUE,
        scaling_config=aws_lambda.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=QUEUE_AT_ONCE),
        function_response_types=["ReportBatchItemFailures"],
    )


def from_kafka(
    scope: Construct,
    function: aws_lambda.IFunction,
    topic: str,
    kafka: Kafka,
    group: str,
    of: Queues,
    secret: str | None,
) -> None:
    """secret: its ARN, with `username` and `password` for SASL/SCRAM; a cluster of MSK knows the function's role."""
    assert of.given_up is not None
    mapping, goes_on = aws_lambda.CfnEventSourceMapping, {"consumerGroupId": group}
    destination = mapping.OnFailureProperty(destination=of.given_up.queue_arn)
    if kafka.cluster_arn is not None:
        where: dict[str, object] = {
            "event_source_arn": kafka.cluster_arn,
            "amazon_managed_kafka_event_source_config": goes_on,
        }
    else:
        brokers = mapping.EndpointsProperty(kafka_bootstrap_servers=list(kafka.brokers))
        assert secret is not None
        access = [("SASL_SCRAM_512_AUTH", secret)]
        access += [("VPC_SUBNET", f"subnet:{each}") for each in kafka.subnets]
        access += [("VPC_SECURITY_GROUP", f"security_group:{each}") for each in kafka.security_groups]
        where = {
            "self_managed_event_source": mapping.SelfManagedEventSourceProperty(endpoints=brokers),
            "self_managed_kafka_event_source_config": goes_on,
            "source_access_configurations": [
                mapping.SourceAccessConfigurationProperty(type=type_, uri=uri) for type_, uri in access
            ],
        }
    mapping(
        scope,
        f"{function.node.id}FromKafka",
        function_name=function.function_arn,
        topics=[topic],
        batch_size=BATCH_OF_KAFKA,
        starting_position="TRIM_HORIZON",
        maximum_retry_attempts=KAFKA_RETRIES,
        destination_config=mapping.DestinationConfigProperty(on_failure=destination),
        **where,  # type: ignore[arg-type]
    )


def from_table(
    scope: Construct,
    function: aws_lambda.IFunction,
    table: aws_dynamodb.Table,
    entities: Sequence[str],
    given_up: aws_sqs.IQueue,
) -> None:
    """A batch that fails comes again, halved, until it is taken or given up, and those behind it wait."""
    mapping = aws_lambda.CfnEventSourceMapping
    pattern = json.dumps({"dynamodb": {"NewImage": {"entity_type": {"S": list(entities)}}}})
    mapping(
        scope,
        f"{function.node.id}FromTable",
        function_name=function.function_arn,
        event_source_arn=table.table_stream_arn,
        batch_size=BATCH_OF_TABLE,
        starting_position="TRIM_HORIZON",
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=TABLE_RETRIES,
        maximum_record_age_in_seconds=int(TABLE_KEEPS.to_seconds()),
        destination_config=mapping.DestinationConfigProperty(
            on_failure=mapping.OnFailureProperty(destination=given_up.queue_arn)
        ),
        filter_criteria=mapping.FilterCriteriaProperty(filters=[mapping.FilterProperty(pattern=pattern)]),
    )


def of_the_table(table: aws_dynamodb.Table, given_up: aws_sqs.IQueue) -> Sequence[aws_iam.PolicyStatement]:
    """What Lambda does in the name of a function that takes what has changed."""
    stream = table.table_stream_arn
    assert stream is not None
    return [
        _allow(_OF_A_TABLE, [stream]),
        _allow(["dynamodb:ListStreams"], ["*"]),
        _allow([_SEND, MEASURE], [given_up.queue_arn]),
    ]


def statements(
    of: Queues, topic: str, kafka: Kafka | None, group: str, secret: str | None
) -> Sequence[aws_iam.PolicyStatement]:
    """What Lambda does in the name of a function that takes messages."""
    found = [_allow([RECEIVE, DONE, MEASURE], [of.taken.queue_arn])]
    if kafka is None:
        return found
    assert of.given_up is not None
    found.append(_allow([_SEND, MEASURE], [of.given_up.queue_arn]))
    if kafka.cluster_arn is not None:
        cluster = kafka.cluster_arn
        found += [
            _allow(_OF_A_CLUSTER + _OF_A_CLUSTERS_DATA, [cluster]),
            _allow(_OF_A_TOPIC, [f"{cluster.replace(':cluster/', ':topic/')}/{topic}"]),
            _allow(_OF_A_GROUP, [f"{cluster.replace(':cluster/', ':group/')}/{group}"]),
        ]
    elif secret is not None:
        found.append(_allow([READ_SECRET], [secret]))
    if kafka.in_a_network:
        found.append(_allow(_OF_A_NETWORK, ["*"]))
    return found


def _allow(actions: list[str], resources: list[str]) -> aws_iam.PolicyStatement:
    return aws_iam.PolicyStatement(actions=actions, resources=resources)
