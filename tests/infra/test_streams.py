"""Where payments come from: a queue everywhere, and Kafka where the settings name a broker."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.billing import stream
from functions.notifications.model import TOLD
from infra import streams
from infra.alarms import RUNBOOKS
from infra.environment import Environment, EnvironmentName, Kafka
from local.stack import TAKE_PAYMENTS
from sandbox.billing.kafka import GROUP, TOPIC
from tests.infra.conftest import Synth, Synthesised, of_environment
from tests.infra.templates import logical_id
from tests.infra.test_stack import EVERYWHERE, NETWORK, _received

CLUSTER = "arn:aws:kafka:eu-central-1:111111111111:cluster/payments/0a1b-2"


@pytest.fixture(scope="module")
def of_a_cluster(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    environment = Environment(EnvironmentName.STAGING, kafka=Kafka(cluster_arn=CLUSTER))
    return of_environment(tmp_path_factory.mktemp("code"), environment)


def _queue(made: Synthesised, name: str) -> dict[str, Any]:
    queues = made.stack.state.queues["billing.take_payments"]
    found = {"Payments": queues.taken, "FailedPayments": queues.failed, "GivenUpPayments": queues.given_up}[name]
    return made.of("SQS::Queue")[logical_id(found)]


def _mappings(made: Synthesised, *, of_the_table: bool = False) -> list[dict[str, Any]]:
    found = made.of("Lambda::EventSourceMapping").values()
    return [each for each in found if ("FilterCriteria" in each) is of_the_table]


@EVERYWHERE
def test_what_changes_in_the_table_is_taken_or_told_to_a_queue(synth: Synth, environment: EnvironmentName) -> None:
    """Whole batches, in order, with both images, and nothing that no customer is told of."""
    made = synth(environment)
    (mapping,) = _mappings(made, of_the_table=True)
    (pattern,) = [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]]
    assert pattern == {"dynamodb": {"NewImage": {"entity_type": {"S": list(TOLD)}}}}
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    given_up = logical_id(made.stack.state.given_up_changes)
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [given_up, "Arn"]}
    assert (mapping["BisectBatchOnFunctionError"], mapping["MaximumRetryAttempts"]) == (True, streams.TABLE_RETRIES)
    assert mapping["MaximumRecordAgeInSeconds"] == 20 * 3600, "the stream still has what is given up"
    assert made.of("SQS::Queue")[given_up]["MessageRetentionPeriod"] == 14 * 24 * 3600
    table = made.only("DynamoDB::Table")
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def _mapping(made: Synthesised, *, of_kafka: bool) -> dict[str, Any]:
    (found,) = [m for m in _mappings(made) if ("Topics" in m) is of_kafka]
    return found


@EVERYWHERE
def test_what_fails_of_the_queue_comes_again_by_itself_and_is_kept_at_last(
    synth: Synth, environment: EnvironmentName
) -> None:
    made = synth(environment)
    mapping, queue = _mapping(made, of_kafka=False), _queue(made, "Payments")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    (taking,) = [f for f in made.of("Lambda::Function").values() if f["Handler"].endswith("stream.take_payments")]
    assert queue["VisibilityTimeout"] >= 6 * taking["Timeout"]  # AWS's advice
    policy = queue["RedrivePolicy"]
    failed = logical_id(made.stack.state.queues["billing.take_payments"].failed)
    assert policy["deadLetterTargetArn"] == {"Fn::GetAtt": [failed, "Arn"]}
    assert policy["maxReceiveCount"] * queue["VisibilityTimeout"] >= 3600
    for name in ("Payments", "FailedPayments"):
        assert _queue(made, name)["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert _queue(made, name)["SqsManagedSseEnabled"] is True


def test_what_waits_is_kept_when_the_stack_goes(production: Synthesised) -> None:
    of = production.stack.state.queues["billing.take_payments"]
    for queue in (of.taken, of.failed, of.given_up):
        assert production.resources[logical_id(queue)]["DeletionPolicy"] == "Retain"


def test_where_no_broker_is_told_there_is_no_kafka(local: Synthesised, staging: Synthesised) -> None:
    for made in (local, staging):
        assert [m.get("Topics") for m in _mappings(made)] == [None]
        assert made.stack.state.queues["billing.take_payments"].given_up is None
        assert "KAFKA" not in json.dumps(made.of("Lambda::Function"))


def test_brokers_of_somebody_else_are_asked_by_a_login_within_a_network(production: Synthesised) -> None:
    mapping = _mapping(production, of_kafka=True)
    assert mapping["SelfManagedEventSource"] == {
        "Endpoints": {"KafkaBootstrapServers": ["a.example:9096", "b.example:9096"]}
    }
    access = {each["Type"]: each["URI"] for each in mapping["SourceAccessConfigurations"]}
    assert set(access) == {"SASL_SCRAM_512_AUTH", "VPC_SUBNET", "VPC_SECURITY_GROUP"}
    assert (access["VPC_SUBNET"], access["VPC_SECURITY_GROUP"]) == ("subnet:subnet-1", "security_group:sg-1")
    assert mapping["SelfManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": GROUP}
    _is_bounded(production, mapping)


def test_a_cluster_of_msk_knows_the_functions_role(of_a_cluster: Synthesised) -> None:
    mapping = _mapping(of_a_cluster, of_kafka=True)
    assert mapping["EventSourceArn"] == CLUSTER
    assert mapping["AmazonManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": "cryptodesk-staging-billing"}
    assert "SourceAccessConfigurations" not in mapping
    _is_bounded(of_a_cluster, mapping)
    allowed = _received(of_a_cluster)
    assert allowed["*"] == NETWORK
    policies = json.dumps([p["PolicyDocument"] for p in of_a_cluster.of("IAM::Policy").values()])
    for resource in allowed.keys() - {"*", "queue/Payments", "queue/GivenUpPayments"}:
        assert f'"Resource": "{resource}"' in policies


def _is_bounded(made: Synthesised, mapping: dict[str, Any]) -> None:
    """What fails is not asked for without an end, and where it was is told. What needs the provisioned mode is not
    asked for."""
    assert mapping["Topics"] == [TOPIC] == list(stream.TOPICS.values())
    assert mapping["MaximumRetryAttempts"] == streams.KAFKA_RETRIES > 0
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    given_up = made.stack.state.queues["billing.take_payments"].given_up
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [logical_id(given_up), "Arn"]}
    assert mapping.keys().isdisjoint({"BisectBatchOnFunctionError", "FunctionResponseTypes"})


def test_only_who_is_named_may_put_payments_into_the_queue(production: Synthesised, staging: Synthesised) -> None:
    assert _senders(staging) == []
    assert _senders(production) == ["arn:aws:iam::111111111111:role/billing"]


def _senders(made: Synthesised) -> list[str]:
    queue = logical_id(made.stack.state.queues["billing.take_payments"].taken)
    return [
        statement["Principal"]["AWS"]
        for policy in made.of("SQS::QueuePolicy").values()
        if {"Ref": queue} in policy["Queues"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]


def test_what_is_not_taken_wakes_a_person(production: Synthesised) -> None:
    logical = {logical_id(alarm): alarm.node.id for alarm in production.stack.watch.alarms}
    alarms = {logical[i]: alarm for i, alarm in production.of("CloudWatch::Alarm").items() if i in logical}
    visible, age = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
    for name, metric, above in (
        ("PaymentsFailed", visible, 0),
        ("PaymentsGivenUp", visible, 0),
        ("PaymentsLate", age, 900),
    ):
        alarm = alarms[name]
        assert (alarm["Namespace"], alarm["MetricName"], alarm["Threshold"]) == ("AWS/SQS", metric, above)
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert alarm["AlarmDescription"].endswith(f"/{RUNBOOKS}/payments-failed.md")
    for name, metric in (
        ("ChangesGivenUp", visible),
        ("ChangesUnread", "ChangesUnread"),
        ("ChangesLate", "IteratorAge"),
    ):
        assert alarms[name]["MetricName"] == metric
        assert alarms[name]["AlarmDescription"].endswith(f"/{RUNBOOKS}/changes-late.md")


def test_the_function_is_named_as_the_local_stack_invokes_it(local: Synthesised) -> None:
    assert TAKE_PAYMENTS in {f["FunctionName"] for f in local.of("Lambda::Function").values()}
