"""The clients of AWS ask what botocore's own would ask, though they leave out what it does anew for each request."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ParamValidationError
from botocore.useragent import UserAgentString

from common import aws

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "dynamodb": ("get_item", {"TableName": "desk", "Key": {"PK": {"S": "ann"}, "SK": {"S": "USER"}}}),
    "stepfunctions": ("describe_execution", {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:x"}),
    "secretsmanager": ("get_secret_value", {"SecretId": "bank"}),
}


@pytest.fixture(autouse=True)
def new_clients() -> Iterator[None]:
    caches = (aws._session, aws._quick, aws.table, aws.machines)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def ours(service: str) -> Any:
    return aws._session().create_client(service, config=aws._quick())


def sent(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    """The request as it would go over the wire."""
    requests: list[Any] = []

    def answered(request: Any, **_: Any) -> AWSResponse:
        requests.append(request)
        raw = io.BytesIO(b'{"SecretString": "s"}')
        raw.stream = lambda: iter([raw.read()])  # type: ignore[attr-defined]
        return AWSResponse(request.url, 200, HTTPHeaders(), raw)

    client.meta.events.register("before-send", answered)
    getattr(client, operation)(**parameters)
    return requests[0]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"])
@pytest.mark.parametrize("service", CALLS)
def test_the_endpoint_and_the_signature_are_those_of_the_region(
    service: str, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    default = sent(botocore.session.get_session().create_client(service), *CALLS[service])
    request = sent(ours(service), *CALLS[service])
    assert request.url == default.url
    assert request.body == default.body

    def scope(one: Any) -> str:
        return str(one.headers["Authorization"]).partition("/")[2].partition(",")[0]

    assert scope(request) == scope(default)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"])
def test_an_endpoint_that_the_environment_names_is_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:4566")
    assert sent(ours("dynamodb"), *CALLS["dynamodb"]).url == "http://127.0.0.1:4566/"


def test_the_user_agent_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    client = ours("dynamodb")
    agents = {sent(client, *CALLS["dynamodb"]).headers["User-Agent"]}
    monkeypatch.setattr(UserAgentString, "_build_config_metadata", lambda _: pytest.fail("made anew"))
    agents.add(sent(client, *CALLS["dynamodb"]).headers["User-Agent"])
    assert len(agents) == 1
    assert b"Botocore/" in agents.pop()


def test_parameters_are_not_validated() -> None:
    wrong: dict[str, Any] = {"TableName": "desk", "Key": {"PK": {"S": "ann"}}, "ConsistentRead": "perhaps"}
    with pytest.raises(ParamValidationError):
        sent(botocore.session.get_session().create_client("dynamodb"), "get_item", wrong)
    assert b"perhaps" in sent(ours("dynamodb"), "get_item", wrong).body
