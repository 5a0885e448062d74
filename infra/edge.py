"""The web ACL before the console and the API, in us-east-1: CloudFront takes it from there alone, wherever the desk is.
So it is a stack of its own, always, and `make deploy` tells its ARN to the main one (infra/deploy.py)."""

from __future__ import annotations

from aws_cdk import CfnOutput, aws_wafv2
from constructs import Construct

from infra.environment import Environment
from infra.state import DeskStack

NAME = "CryptodeskEdge"
REGION = "us-east-1"
ARN = "WebAclArn"  # its output
WINDOW_SECONDS = 300
# Of one address, in a window: a fifth of what the API lets in of everybody, and more than an office of twenty asks
# with a console open each.
REQUESTS_OF_AN_ADDRESS = 6_000
# AWS's own groups of rules, each with what of it is counted and not blocked.
_BODIES = (
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
)
GROUPS = {
    "AWSManagedRulesAmazonIpReputationList": (),
    # A body is JSON that the API checks by itself, and refuses in words. Here a reason with `<` in it, or a
    # customer's address for webhooks, would be refused without one, and could never be written.
    "AWSManagedRulesCommonRuleSet": _BODIES,
    "AWSManagedRulesKnownBadInputsRuleSet": (),
}


class EdgeStack(DeskStack):
    def __init__(self, scope: Construct, environment: Environment) -> None:
        described = "Cryptodesk: what is kept away from the console and its API"
        super().__init__(scope, NAME, environment, described, region=REGION)
        self.web_acl = aws_wafv2.CfnWebACL(
            self,
            "WebAcl",
            name=environment.prefix,
            scope="CLOUDFRONT",
            default_action=aws_wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_seen(environment, "All"),
            custom_response_bodies={
                "TooMany": aws_wafv2.CfnWebACL.CustomResponseBodyProperty(
                    # As API Gateway says it; what is no problem of the desk's own has no type.
                    content='{"message":"Too many requests from this address: ask again in five minutes"}',
                    content_type="APPLICATION_JSON",
                )
            },
            rules=[
                _rate_rule(environment),
                *(_group(environment, 1 + i, name, counted) for i, (name, counted) in enumerate(GROUPS.items())),
            ],
        )
        CfnOutput(self, ARN, value=self.web_acl.attr_arn)


def _rate_rule(environment: Environment) -> aws_wafv2.CfnWebACL.RuleProperty:
    """First: what is refused here costs the least."""
    refused = aws_wafv2.CfnWebACL.CustomResponseProperty(
        response_code=429,
        custom_response_body_key="TooMany",
        response_headers=[aws_wafv2.CfnWebACL.CustomHTTPHeaderProperty(name="Retry-After", value=str(WINDOW_SECONDS))],
    )
    return aws_wafv2.CfnWebACL.RuleProperty(
        name="OneAddress",
        priority=0,
        action=aws_wafv2.CfnWebACL.RuleActionProperty(
            block=aws_wafv2.CfnWebACL.BlockActionProperty(custom_response=refused)
        ),
        statement=aws_wafv2.CfnWebACL.StatementProperty(
            rate_based_statement=aws_wafv2.CfnWebACL.RateBasedStatementProperty(
                aggregate_key_type="IP", limit=REQUESTS_OF_AN_ADDRESS, evaluation_window_sec=WINDOW_SECONDS
            )
        ),
        visibility_config=_seen(environment, "OneAddress"),
    )


def _group(
    environment: Environment, priority: int, name: str, counted: tuple[str, ...]
) -> aws_wafv2.CfnWebACL.RuleProperty:
    return aws_wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        override_action=aws_wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=aws_wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=aws_wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS",
                name=name,
                rule_action_overrides=[
                    aws_wafv2.CfnWebACL.RuleActionOverrideProperty(
                        name=rule, action_to_use=aws_wafv2.CfnWebACL.RuleActionProperty(count={})
                    )
                    for rule in counted
                ],
            )
        ),
        visibility_config=_seen(environment, name),
    )


def _seen(environment: Environment, name: str) -> aws_wafv2.CfnWebACL.VisibilityConfigProperty:
    """Two environments of an account count apart."""
    return aws_wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=f"{environment.prefix}-{name}", sampled_requests_enabled=True
    )
