"""Where the audit is anchored: a key that signs, and a bucket that keeps what is signed as long as its lock says."""

from __future__ import annotations

from collections.abc import Set

from aws_cdk import Duration, RemovalPolicy, aws_iam, aws_kms, aws_s3
from constructs import Construct

from infra.environment import Environment
from infra.grants import LIST_ANCHORS, PUBLIC_KEY, PUT_ANCHOR, READ_ANCHOR, SIGN

KEPT_YEARS = 7
KEPT_DAYS_ELSEWHERE = 1  # where nothing is real: a bucket that is locked for years can not be taken down

_OF_THE_KEY, _OF_OBJECTS, _OF_THE_BUCKET = {SIGN, PUBLIC_KEY}, {PUT_ANCHOR, READ_ANCHOR}, {LIST_ANCHORS}


class AuditAnchors(Construct):
    def __init__(self, scope: Construct, environment: Environment) -> None:
        super().__init__(scope, "AuditAnchors")
        passes = RemovalPolicy.DESTROY if environment.embedded else RemovalPolicy.RETAIN
        self.key = aws_kms.Key(
            self,
            "Key",
            description="Signs where the audit of operators stands",
            key_spec=aws_kms.KeySpec.ECC_NIST_P256,
            key_usage=aws_kms.KeyUsage.SIGN_VERIFY,
            removal_policy=passes,
        )
        production = environment.name == "production"
        retention = (
            aws_s3.ObjectLockRetention.compliance(Duration.days(KEPT_YEARS * 365))  # nobody, root neither
            if production
            else aws_s3.ObjectLockRetention.governance(Duration.days(KEPT_DAYS_ELSEWHERE))
        )
        self.bucket = aws_s3.Bucket(
            self,
            "Bucket",
            versioned=True,
            object_lock_enabled=True,
            object_lock_default_retention=retention,
            encryption=aws_s3.BucketEncryption.S3_MANAGED,
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=not environment.embedded,  # the embedded AWS speaks HTTP alone
            removal_policy=passes,
        )

    def statements(self, actions: Set[str]) -> list[aws_iam.PolicyStatement]:
        """What lets a function do that, of the key and of the bucket."""
        resources = (
            (_OF_THE_KEY, self.key.key_arn),
            (_OF_OBJECTS, self.bucket.arn_for_objects("*")),
            (_OF_THE_BUCKET, self.bucket.bucket_arn),
        )
        return [
            aws_iam.PolicyStatement(actions=sorted(actions & those), resources=[resource])
            for those, resource in resources
            if actions & those
        ]
