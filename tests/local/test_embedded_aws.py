"""What is saved when, and that nothing listens but on this machine's own address."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.embedded_aws import changed, environment


@pytest.mark.parametrize(
    ("method", "path", "target", "what"),
    [
        ("POST", "/", "DynamoDB_20120810.TransactWriteItems", {"table"}),
        ("POST", "/", "DynamoDB_20120810.PutItem", {"table"}),
        ("POST", "/", "DynamoDB_20120810.GetItem", set()),
        ("POST", "/", "DynamoDB_20120810.Query", set()),
        ("POST", "/", "secretsmanager.GetSecretValue", set()),
        ("POST", "/", "AWSCognitoIdentityProviderService.AdminCreateUser", {"rest"}),
        ("POST", "/", "", {"rest"}),  # CloudFormation, IAM: what they do stands in the body
        ("PUT", "/bucket/key", "", {"rest"}),
        ("GET", "/bucket/key", "", set()),
        ("OPTIONS", "/_aws/execute-api/0123/orders", "", set()),
        ("POST", "/_aws/execute-api/0123/orders", "", set()),  # the function's own requests count
        ("POST", "/2015-03-31/functions/tend/invocations", "", set()),
    ],
)
def test_a_save_is_of_what_a_request_may_have_changed(method: str, path: str, target: str, what: set[str]) -> None:
    assert changed(method, path, {b"x-amz-target": target.encode()} if target else {}) == what


def test_the_embedded_aws_listens_on_this_machine_only_and_enforces_iam(tmp_path: Path) -> None:
    told = environment(4566, tmp_path)
    assert told["BIND_HOST"] == "127.0.0.1"
    assert (told["IOT_MTLS_ENABLED"], told["SFTP_ENABLED"]) == ("0", "0")
    assert told["AUTH"] == "true"
    for name in ("STATE_DIR", "S3_DATA_DIR", "TMPDIR"):
        assert Path(told[name]).is_relative_to(tmp_path)
