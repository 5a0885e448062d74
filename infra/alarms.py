"""What wakes a person: one alarm for each thing that must always be true, each with its runbook; and the dashboard.

Our own metrics are those of `common.log`, printed by the functions in the embedded metric format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import (
    Duration,
    Stack,
    aws_apigatewayv2,
    aws_cloudwatch,
    aws_cloudwatch_actions,
    aws_dynamodb,
    aws_iam,
    aws_lambda,
    aws_sns,
    aws_sns_subscriptions,
    aws_sqs,
)
from constructs import Construct

from common.log import NAMESPACE, metrics
from infra.place import Place

RUNBOOKS = "docs/runbooks"
MINUTE = Duration.minutes(1)
PRICE_AGE_SECONDS_MAX = 300
ABOVE = aws_cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD


class Watch(Construct):
    """The alarms of the stack, the topic they tell, and the dashboard that shows what they look at."""

    def __init__(
        self,
        scope: Construct,
        place: Place,
        *,
        table: aws_dynamodb.ITable,
        api: aws_apigatewayv2.HttpApi,
        missed: aws_sqs.IQueue,
        functions: Mapping[str, aws_lambda.IFunction],
    ) -> None:
        super().__init__(scope, "Watch")
        self.alarms: list[aws_cloudwatch.Alarm] = []
        self.topic = aws_sns.Topic(self, "Alarms", enforce_ssl=True)
        # A policy of its own, here for TLS, takes the place of the one that lets alarms in.
        self.topic.add_to_resource_policy(
            aws_iam.PolicyStatement(
                principals=[aws_iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        if place.alarm_email is not None:
            self.topic.add_subscription(aws_sns_subscriptions.EmailSubscription(place.alarm_email))

        bugs, hold_missing, drift = _ours("Bugs"), _ours("HoldMissing"), _ours("Drift", "Maximum")
        price_age, price_jump = _ours("PriceAgeSeconds", "Maximum"), _ours("PriceJump")
        missed_rounds = missed.metric_approximate_number_of_messages_visible(period=MINUTE, statistic="Maximum")
        server_errors = api.metric_server_error(period=MINUTE, statistic="Sum")
        # Two alarms: the embedded AWS does not know a sum of metrics.
        throttled = {kind: _throttled(table, f"{kind}ThrottleEvents") for kind in ("Read", "Write")}
        errors = {name: f.metric_errors(period=MINUTE, statistic="Sum") for name, f in functions.items()}

        self._alarm("Bugs", bugs, "bug", "A function answered 500: something happened that nobody had thought of.")
        self._alarm(
            "HoldMissing",
            hold_missing,
            "hold-missing",
            "An order in the book has no hold behind it; it was not filled.",
        )
        self._alarm("Drift", drift, "drift", "Balances are not what their journal adds up to. Money is wrong.")
        self._alarm(
            "PriceAge",
            price_age,
            "price-age",
            f"The oldest price is over {PRICE_AGE_SECONDS_MAX} s old, or nobody looks any more: trading stops.",
            above=PRICE_AGE_SECONDS_MAX,
            minutes=3,
            missing=aws_cloudwatch.TreatMissingData.BREACHING,
        )
        self._alarm(
            "PriceJump", price_jump, "price-jump", "The price source gave a price that is not believed; it is not used."
        )
        self._alarm(
            "MissedRounds", missed_rounds, "missed-rounds", "EventBridge could not start a round of a schedule."
        )
        for name, metric in errors.items():
            title = "".join(part.capitalize() for part in name.replace(".", "_").split("_"))
            self._alarm(
                f"Errors{title}",
                metric,
                "function-errors",
                f"{name} ended in an exception, ran out of time, or could not start.",
                minutes=2,  # one failed round of a schedule is mended by the next
            )
        self._alarm("ServerErrors", server_errors, "server-errors", "The API answered 5xx to somebody.", minutes=2)
        for kind, metric in throttled.items():
            says = f"DynamoDB refuses {kind.lower()}s: a hot key, or a limit."
            self._alarm(f"{kind}sThrottled", metric, "table-throttled", says)

        self._dashboard(
            [
                ("Bugs, holds missing, drift: always 0", [bugs, hold_missing, drift]),
                ("Age of the oldest price, seconds", [price_age]),
                ("Prices not believed", [price_jump]),
                ("Orders filled and expired", [_ours("OrdersFilled"), _ours("OrdersExpired")]),
                ("Requests", [api.metric_count(period=MINUTE), api.metric_client_error(period=MINUTE), server_errors]),
                ("Latency, p50 and p99", [api.metric_latency(period=MINUTE, statistic=s) for s in ("p50", "p99")]),
                ("Errors of functions", list(errors.values())),
                (
                    "Duration of functions, p99",
                    [f.metric_duration(period=MINUTE, statistic="p99") for f in functions.values()],
                ),
                (
                    "Table: units used, requests throttled",
                    [
                        table.metric_consumed_write_capacity_units(period=MINUTE),
                        table.metric_consumed_read_capacity_units(period=MINUTE),
                        *throttled.values(),
                    ],
                ),
                ("Rounds that could not be started", [missed_rounds]),
            ]
        )

    def _alarm(
        self,
        name: str,
        metric: aws_cloudwatch.IMetric,
        runbook: str,
        says: str,
        *,
        above: int = 0,
        minutes: int = 1,
        missing: aws_cloudwatch.TreatMissingData = aws_cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        alarm = aws_cloudwatch.Alarm(
            self,
            name,
            alarm_description=f"{says} Runbook: {RUNBOOKS}/{runbook}.md",
            metric=metric,
            comparison_operator=ABOVE,
            threshold=above,
            evaluation_periods=minutes,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(aws_cloudwatch_actions.SnsAction(self.topic))
        self.alarms.append(alarm)

    def _dashboard(self, graphs: Sequence[tuple[str, Sequence[aws_cloudwatch.IMetric]]]) -> None:
        dashboard = aws_cloudwatch.Dashboard(self, "Dashboard", dashboard_name="cryptodesk")
        dashboard.add_widgets(aws_cloudwatch.AlarmStatusWidget(title="Alarms", alarms=self.alarms, width=24, height=4))
        dashboard.add_widgets(
            *(aws_cloudwatch.GraphWidget(title=title, left=list(left), width=8) for title, left in graphs)
        )


def _ours(name: str, statistic: str = "Sum") -> aws_cloudwatch.Metric:
    """A metric of `common.log`; without its dimension it would be another metric."""
    return aws_cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": metrics.service},
        period=MINUTE,
        statistic=statistic,
    )


def _throttled(table: aws_dynamodb.ITable, events: str) -> aws_cloudwatch.Metric:
    return aws_cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name=events,
        dimensions_map={"TableName": table.table_name},
        period=MINUTE,
        statistic="Sum",
    )
