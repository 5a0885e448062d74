"""The HTTP API: exact routes, each behind the tokens of one user pool, throttled and logged."""

from __future__ import annotations

import json

from aws_cdk import RemovalPolicy, aws_apigatewayv2, aws_kms, aws_lambda, aws_logs
from aws_cdk.aws_apigatewayv2_authorizers import HttpJwtAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from common.identity import OPERATIONS
from infra.contexts import Route
from infra.environment import Environment
from infra.user_pool import UserPool

REQUESTS_PER_SECOND = 100  # of all callers together
REQUESTS_AT_ONCE = 200
LOGGED = {  # every byte is paid for with every request: the time is CloudWatch's
    "request_id": "$context.requestId",
    "route": "$context.routeKey",
    "status": "$context.status",
    "milliseconds": "$context.responseLatency",
    "username": "$context.authorizer.claims.username",
    "source_address": "$context.identity.sourceIp",  # here alone: no line of ours has it
    "error": "$context.authorizer.error",
    "integration_error": "$context.integrationErrorMessage",
}


class RouteTwice(ValueError):
    """Two contexts offer the same route."""


def bare(scope: Construct, environment: Environment) -> aws_apigatewayv2.HttpApi:
    """With no route yet, and no word of whose tokens it takes: the console's address is before it, and the console's
    clients, whose tokens it takes, come after that."""
    return aws_apigatewayv2.HttpApi(scope, "Api", api_name=environment.prefix, create_default_stage=False)


class HttpApi:
    """The API of all contexts. `add_routes` leads routes to a function."""

    def __init__(
        self,
        scope: Construct,
        environment: Environment,
        api: aws_apigatewayv2.HttpApi,
        user_pool: UserPool,
        operators: UserPool,
        log_key: aws_kms.IKey | None,
    ) -> None:
        self._authorizer = HttpJwtAuthorizer("Tokens", user_pool.issuer, jwt_audience=list(user_pool.client_ids))
        self._of_operators = HttpJwtAuthorizer(
            "OperatorTokens", operators.issuer, jwt_audience=list(operators.client_ids)
        )
        self._routes: set[Route] = set()
        self.open_routes: list[aws_apigatewayv2.HttpRoute] = []
        self.api = api
        log = aws_logs.LogGroup(
            scope,
            "ApiLog",
            # A name under this prefix needs no resource policy of its own, of which a region has only ten.
            log_group_name=f"/aws/vendedlogs/{environment.prefix}-api",
            retention=aws_logs.RetentionDays.ONE_MONTH,
            encryption_key=log_key,
            removal_policy=RemovalPolicy.DESTROY,
            # It is searched and never watched: at half the price there are no filters and no live tail.
            log_group_class=None if environment.embedded else aws_logs.LogGroupClass.INFREQUENT_ACCESS,
        )
        self.stage = aws_apigatewayv2.HttpStage(
            scope,
            "Stage",
            http_api=self.api,
            auto_deploy=True,
            throttle=aws_apigatewayv2.ThrottleSettings(rate_limit=REQUESTS_PER_SECOND, burst_limit=REQUESTS_AT_ONCE),
        )
        settings = self.stage.node.default_child
        assert isinstance(settings, aws_apigatewayv2.CfnStage)
        settings.access_log_settings = aws_apigatewayv2.CfnStage.AccessLogSettingsProperty(
            destination_arn=log.log_group_arn, format=json.dumps(LOGGED, separators=(",", ":"))
        )

    def add_routes(
        self, scope: Construct, name: str, routes: tuple[Route, ...], function: aws_lambda.IFunction
    ) -> None:
        """Raises RouteTwice."""
        # One permission for the whole API: a policy with one for each route would outgrow its 20 KB.
        integration = HttpLambdaIntegration(name.replace(".", "-"), function, scope_permission_to_route=False)
        for route in routes:
            if route in self._routes:
                raise RouteTwice(f"{route.method} {route.path} of {name} is another function's already")
            self._routes.add(route)
            made = aws_apigatewayv2.HttpRoute(
                scope,
                f"{route.method}{route.path}",
                http_api=self.api,
                route_key=aws_apigatewayv2.HttpRouteKey.with_(route.path, aws_apigatewayv2.HttpMethod[route.method]),
                integration=integration,
                authorizer=self._authorizer_of(route),
            )
            self.open_routes += [made] if route.open else []

    def _authorizer_of(self, route: Route) -> aws_apigatewayv2.IHttpRouteAuthorizer:
        if route.open:
            return aws_apigatewayv2.HttpNoneAuthorizer()
        return self._of_operators if route.path.startswith(OPERATIONS) else self._authorizer
