"""The console on AWS: its files in a bucket that CloudFront alone reads, and one address before them and before the
HTTP API, as local/front.py is on a laptop. What is in the bucket is put there by infra/publish.py.

Not where AWS is embedded: its CloudFront answers 502 for an HTTP API (docs/embedded-aws.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from aws_cdk import (
    CfnOutput,
    CfnParameter,
    Duration,
    RemovalPolicy,
    Stack,
    aws_apigatewayv2,
    aws_certificatemanager,
    aws_cloudfront,
    aws_s3,
)
from aws_cdk.aws_cloudfront_origins import HttpOrigin, S3BucketOrigin
from constructs import Construct

from infra.browser import API, headers
from infra.environment import Environment
from infra.user_pool import UserPool

WEB_ACL = "WebAclArn"  # the parameter by which `make deploy` tells what infra/edge.py has made
LOGS_KEPT = Duration.days(90)
# Longer than API Gateway waits (30 s), shorter than a page does (web/api.js): an answer that comes is not given up.
PATIENCE = Duration.seconds(33)
# CloudFront keeps an error for ten seconds, whatever the behaviour says of caching, and under the path alone: somebody
# would be told another's. These are all that it can be told about; what else an API answers is kept by nobody.
NEVER_KEPT = (400, 403, 404, 405, 414, 500, 501, 502, 503, 504)
_AGE = re.compile(r"max-age=(\d+); includeSubDomains")


class Console(Construct):
    """`origin` is its address, without a path."""

    def __init__(
        self, scope: Construct, environment: Environment, api: aws_apigatewayv2.HttpApi, pools: Sequence[UserPool]
    ) -> None:
        super().__init__(scope, "Console")
        self._tokens = f"https://cognito-idp.{Stack.of(self).region}.amazonaws.com"
        self.files = aws_s3.Bucket(
            self,
            "Files",
            encryption=aws_s3.BucketEncryption.S3_MANAGED,
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.RETAIN,  # a bucket with something in it can not be deleted
        )
        self.logs = aws_s3.Bucket(
            self,
            "Logs",
            encryption=aws_s3.BucketEncryption.S3_MANAGED,
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,  # CloudFront is let in by an ACL
            enforce_ssl=True,
            lifecycle_rules=[aws_s3.LifecycleRule(expiration=LOGS_KEPT)],
            removal_policy=RemovalPolicy.RETAIN,
        )
        web_acl = CfnParameter(
            scope,
            WEB_ACL,
            description="Of the stack CryptodeskEdge, in us-east-1: make deploy tells it",
            allowed_pattern=r"arn:aws:wafv2:us-east-1:\d{12}:global/webacl/.+",
        )
        told = self._headers([*(pool.pages for pool in pools), self._tokens])
        paths = aws_cloudfront.FunctionAssociation(
            event_type=aws_cloudfront.FunctionEventType.VIEWER_REQUEST,
            function=aws_cloudfront.Function(
                self,
                "Paths",
                code=aws_cloudfront.FunctionCode.from_file(
                    file_path=str(Path(__file__).with_name("viewer_request.js"))
                ),
                runtime=aws_cloudfront.FunctionRuntime.JS_2_0,
                comment="The API without its prefix; what is no file is a page",
            ),
        )
        domain, certificate = environment.console_domain, environment.console_certificate
        self.distribution = aws_cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"{environment.prefix}: console and API",
            default_behavior=aws_cloudfront.BehaviorOptions(
                origin=S3BucketOrigin.with_origin_access_control(self.files),
                viewer_protocol_policy=aws_cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                cache_policy=aws_cloudfront.CachePolicy.CACHING_OPTIMIZED,  # for as long as a file says of itself
                response_headers_policy=told,
                function_associations=[paths],
            ),
            additional_behaviors={
                f"{API}/*": aws_cloudfront.BehaviorOptions(
                    origin=HttpOrigin(
                        f"{api.api_id}.execute-api.{Stack.of(self).region}.amazonaws.com",
                        protocol_policy=aws_cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                        origin_ssl_protocols=[aws_cloudfront.OriginSslPolicy.TLS_V1_2],
                        read_timeout=PATIENCE,
                    ),
                    # A token that came in the clear is everybody's: it is not led to where it would be safe.
                    viewer_protocol_policy=aws_cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                    allowed_methods=aws_cloudfront.AllowedMethods.ALLOW_ALL,
                    cache_policy=aws_cloudfront.CachePolicy.CACHING_DISABLED,
                    origin_request_policy=aws_cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
                    response_headers_policy=told,
                    function_associations=[paths],
                )
            },
            error_responses=[
                aws_cloudfront.ErrorResponse(http_status=status, ttl=Duration.seconds(0)) for status in NEVER_KEPT
            ],
            http_version=aws_cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=aws_cloudfront.PriceClass.PRICE_CLASS_100,
            # Where the address is CloudFront's own, its certificate says what it lets in.
            minimum_protocol_version=aws_cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if certificate else None,
            domain_names=[domain] if domain else None,
            certificate=aws_certificatemanager.Certificate.from_certificate_arn(self, "Certificate", certificate)
            if certificate
            else None,
            web_acl_id=web_acl.value_as_string,
            enable_logging=True,
            log_bucket=self.logs,
        )
        self.origin = f"https://{domain or self.distribution.distribution_domain_name}"

    def tell(self, customers: UserPool, operators: UserPool) -> None:
        """What infra/publish.py has to know, as outputs of the stack."""
        stack = Stack.of(self)
        pools = {
            name: {
                "pages": pool.pages,
                "tokens": f"{self._tokens}/",
                "client_id": pool.console.user_pool_client_id if pool.console else None,
            }
            for name, pool in (("customers", customers), ("operators", operators))
        }
        CfnOutput(stack, "ConsoleUrl", value=f"{self.origin}/")
        CfnOutput(stack, "ConsoleDomain", value=self.distribution.distribution_domain_name)
        CfnOutput(stack, "ConsoleBucket", value=self.files.bucket_name)
        CfnOutput(stack, "ConsoleConfig", value=stack.to_json_string({"api": API, "pools": pools}))

    def _headers(self, asked: Sequence[str]) -> aws_cloudfront.ResponseHeadersPolicy:
        """As infra/browser.py says them, in CloudFront's form: what it has a member for it takes in no other way."""
        told = dict(headers(asked))
        age = _AGE.fullmatch(told.pop("Strict-Transport-Security"))
        assert age is not None, "CloudFront takes its parts"
        assert told.pop("X-Content-Type-Options") == "nosniff", "CloudFront knows no other"
        return aws_cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            security_headers_behavior=aws_cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=aws_cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=told.pop("Content-Security-Policy"), override=True
                ),
                content_type_options=aws_cloudfront.ResponseHeadersContentTypeOptions(override=True),
                referrer_policy=aws_cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=_REFERRERS[told.pop("Referrer-Policy")], override=True
                ),
                strict_transport_security=aws_cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.seconds(int(age[1])), include_subdomains=True, override=True
                ),
            ),
            custom_headers_behavior=aws_cloudfront.ResponseCustomHeadersBehavior(
                custom_headers=[
                    aws_cloudfront.ResponseCustomHeader(header=name, value=value, override=True)
                    for name, value in told.items()
                ]
            ),
        )


_REFERRERS = {"no-referrer": aws_cloudfront.HeadersReferrerPolicy.NO_REFERRER}
