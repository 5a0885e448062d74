"""Anchors of the audit, in memory and in moto's KMS and S3: signed so that the public key says so, and kept."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws

from common.anchors import Anchor, Anchors, AnchorsUnavailable
from tests.desk import NOON
from tests.harness.anchors import BUCKET, in_memory


@pytest.fixture(params=["in memory", "moto"])
def anchors(request: pytest.FixtureRequest) -> Iterator[Anchors]:
    if request.param == "in memory":
        yield in_memory()
        return
    with mock_aws():
        told: dict[str, Any] = {
            "region_name": "eu-central-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
        kms, s3 = boto3.client("kms", **told), boto3.client("s3", **told)
        key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
        s3.create_bucket(
            Bucket=BUCKET,
            ObjectLockEnabledForBucket=True,
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        )
        rule: Any = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
        s3.put_object_lock_configuration(
            Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
        )
        yield Anchors(kms, s3, key, BUCKET)


def verify(anchors: Anchors, anchor: Anchor) -> None:
    key = serialization.load_der_public_key(base64.b64decode(anchors.public_key()))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    said = f"{anchor.number} {anchor.digest} {anchor.at}".encode()
    key.verify(base64.b64decode(anchor.signature), said, ec.ECDSA(hashes.SHA256()))


def test_the_anchors_of_a_day_are_told_oldest_first_and_are_signed(anchors: Anchors) -> None:
    kept = [anchors.keep(number, f"{number:064x}", NOON + timedelta(hours=number)) for number in (2, 1)]
    anchors.keep(3, f"{3:064x}", NOON + timedelta(days=1))
    assert (anchors.first_date(), anchors.of_day("2026-11-21")) == ("2026-11-21", kept[::-1])
    for anchor in kept:
        verify(anchors, anchor)


def test_an_anchor_that_says_something_else_is_not_signed(anchors: Anchors) -> None:
    anchor = anchors.keep(7, "a" * 64, NOON)
    with pytest.raises(InvalidSignature):
        verify(anchors, Anchor("8", anchor.digest, anchor.at, anchor.signature))


def test_an_anchor_behind_a_delete_marker_or_a_newer_version_is_told(anchors: Anchors) -> None:
    anchor = anchors.keep(7, "a" * 64, NOON)
    s3: Any = anchors.s3
    key = f"2026-11-21/12-7-{'a' * 64}.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"nothing was done")
    s3.delete_object(Bucket=BUCKET, Key=key)
    told = anchors.of_day("2026-11-21")
    assert [each.signature for each in told] == ["", anchor.signature]
    assert told[0].digest == f"{key} is no anchor"


def test_an_anchor_can_not_be_deleted_before_its_time(anchors: Anchors) -> None:
    anchors.keep(7, "a" * 64, NOON)
    s3: Any = anchors.s3
    (version,) = s3.list_object_versions(Bucket=BUCKET)["Versions"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])


def test_what_does_not_answer_is_said_and_may_be_asked_again(anchors: Anchors) -> None:
    class Down:
        def sign(self, **_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="https://kms")

        get_public_key = sign

    with pytest.raises(AnchorsUnavailable, match="EndpointConnectionError"):
        Anchors(Down(), anchors.s3, anchors.key_id, BUCKET).keep(1, "a" * 64, NOON)
    with pytest.raises(AnchorsUnavailable, match="NoSuchBucket"):
        Anchors(anchors.kms, anchors.s3, anchors.key_id, "another").keep(1, "a" * 64, NOON)
