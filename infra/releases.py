"""How a new version of a function comes to be asked: a tenth of what is asked goes to it for five minutes, and then
everything, unless an alarm takes the deployment back. Not where AWS is embedded, which knows no CodeDeploy: there a
function is its newest code.

It is so for what answers the API and for the tasks of machines. What the clock or a stream calls is its newest code at
once: of one call a minute a tenth is none, and what such a call has not done the next one does.
"""

from __future__ import annotations

import hashlib
import json

from aws_cdk import Duration, aws_cloudwatch, aws_codedeploy, aws_iam, aws_lambda
from constructs import Construct

from common.log import NAMESPACE, RELEASE_BUGS
from infra.environment import Environment

LIVE = "live"  # the alias that is asked
SHIFT = aws_codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES
MINUTE = Duration.minutes(1)


def release(environment: Environment, code: str) -> str:
    """The name of what is deployed: another one where the code, what functions are told of the environment, or its
    `restart` is another one."""
    told = json.dumps([code, environment.variables, environment.restart], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


class Releases(Construct):
    """Its alarms tell nobody: whoever deploys sees his deployment fail, and Bugs and Errors… ring besides."""

    def __init__(self, scope: Construct, environment: Environment, name: str) -> None:
        super().__init__(scope, "Releases")
        self._application = aws_codedeploy.LambdaApplication(self, "Application", application_name=environment.prefix)
        self.role = aws_iam.Role(
            self,
            "Role",
            assumed_by=aws_iam.ServicePrincipal("codedeploy.amazonaws.com"),
            managed_policies=[
                aws_iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWSCodeDeployRoleForLambdaLimited")
            ],
        )
        # Of all functions together, those of the clock and the streams too: an alarm for each would be paid for each.
        bugs = aws_cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=RELEASE_BUGS,
            dimensions_map={"service": environment.prefix, "release": name},
            period=MINUTE,
            statistic="Sum",
        )
        self.alarms: list[aws_cloudwatch.Alarm] = []
        self._bugs = self._alarm(
            self, RELEASE_BUGS, bugs, "The newest release met something that nobody had thought of."
        )

    def live(self, scope: Construct, function: aws_lambda.Function, *, errors_are_bugs: bool) -> aws_lambda.Alias:
        """What is to be asked in the place of the function. Where `errors_are_bugs`, a call that ends in an exception,
        runs out of time or can not start takes the deployment back; a task ends in one to be asked again."""
        alarms = [self._bugs]
        version, name = function.current_version, function.node.id
        if errors_are_bugs:
            errors = aws_cloudwatch.Metric(
                namespace="AWS/Lambda",
                metric_name="Errors",
                dimensions_map={
                    "FunctionName": function.function_name,
                    "Resource": f"{function.function_name}:{LIVE}",
                    "ExecutedVersion": version.version,
                },
                period=MINUTE,
                statistic="Sum",
            )
            says = "A call of the newest version ended in an exception, ran out of time, or could not start."
            alarms.append(self._alarm(scope, f"{name}NewErrors", errors, says))
        alias = aws_lambda.Alias(scope, f"{name}Live", alias_name=LIVE, version=version)
        aws_codedeploy.LambdaDeploymentGroup(
            scope,
            f"{name}Shift",
            alias=alias,
            application=self._application,
            role=self.role.without_policy_updates(),
            deployment_config=SHIFT,
            alarms=alarms,
        )
        return alias

    def _alarm(self, scope: Construct, name: str, metric: aws_cloudwatch.IMetric, says: str) -> aws_cloudwatch.Alarm:
        alarm = aws_cloudwatch.Alarm(
            scope,
            name,
            alarm_description=f"{says} While it is deployed, that takes the deployment back: docs/deploy.md",
            metric=metric,
            comparison_operator=aws_cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=0,
            evaluation_periods=1,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.alarms.append(alarm)
        return alarm
