"""The embedded AWS's Cognito in this process, asked by a real client of boto3, or over HTTP by whoever has no keys."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from botocore.awsrequest import AWSResponse
from ministack.services import cognito

from infra.user_pool import CALLBACKS

if TYPE_CHECKING:
    from types_boto3_cognito_idp import CognitoIdentityProviderClient

PASSWORD = "Of-the-tests-only-1234"
WELL_KNOWN = "/.well-known/openid-configuration"


@contextmanager
def embedded() -> Iterator[CognitoIdentityProviderClient]:
    """With no user pool in it."""
    cognito.reset()
    try:
        yield client()
    finally:
        cognito.reset()


@cache
def client() -> CognitoIdentityProviderClient:
    made: CognitoIdentityProviderClient = boto3.client(
        "cognito-idp", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )

    def answered(request: Any, **_: Any) -> Any:
        status, headers, body = asked({n: _text(v) for n, v in request.headers.items()}, request.body)
        told: Any = headers
        return AWSResponse(request.url, status, told, Raw(body))

    made.meta.events.register("before-send.cognito-identity-provider", answered)
    return made


def asked(headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    named = {name.lower(): value for name, value in headers.items()}
    status, answered, told = asyncio.run(cognito.handle_request("POST", "/", named, body, {}))
    return status, answered, told if isinstance(told, bytes) else told.encode()


def over_http(request: httpx.Request) -> httpx.Response:
    """What the pool answers to a request of httpx: its API, and the pages that it has for people."""
    headers, url = {name.lower(): value for name, value in request.headers.items()}, request.url
    query = {name: [value] for name, value in url.params.items()}
    match request.method, url.path:
        case "GET", "/oauth2/authorize":
            answered = cognito.handle_oauth2_authorize("GET", url.path, headers, query)
        case "POST", "/login":
            answered = cognito.handle_login_submit("POST", url.path, headers, request.content, query)
        case "POST", "/oauth2/token":
            answered = cognito._oauth2_token({}, query, request.content, headers)
        case "GET", path if path.endswith(WELL_KNOWN):
            pool = path.removesuffix(WELL_KNOWN).strip("/")
            answered = cognito.well_known_openid_configuration(pool, host=url.netloc.decode(), scheme=url.scheme)
        case _:
            answered = asked(headers, request.content)
    status, told, body = answered
    kept = {name: told[name] for name in ("Content-Type", "Location") if name in told}
    return httpx.Response(status, headers=kept, content=body)


class Raw:
    """Of an answer, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body

    def read(self, *_: Any) -> bytes:
        return self._body


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def pool_of_operators(client: CognitoIdentityProviderClient, **users: tuple[str, ...]) -> tuple[str, str]:
    """As the stack makes it; its id, and that of its client. `users` are names with their groups."""
    pool = client.create_user_pool(PoolName="operators", MfaConfiguration="ON")["UserPool"]["Id"]
    flows: Any = ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made = client.create_user_pool_client(
        UserPoolId=pool,
        ClientName="desk",
        ExplicitAuthFlows=flows,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid"],
        AllowedOAuthFlowsUserPoolClient=True,
        CallbackURLs=list(CALLBACKS),
    )
    for group in {group for groups in users.values() for group in groups} | {"viewers", "operators", "approvers"}:
        client.create_group(UserPoolId=pool, GroupName=group)
    for name, groups in users.items():
        client.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
        client.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
        for group in groups:
            client.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
    return pool, made["UserPoolClient"]["ClientId"]


def code_of(secret: str, at: float) -> str:
    """RFC 6238, as an authenticator app makes it of what was enrolled."""
    mac = hmac.digest(base64.b32decode(secret), int(at // 30).to_bytes(8, "big"), "sha1")
    begins = mac[-1] & 15
    return f"{(int.from_bytes(mac[begins : begins + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read
