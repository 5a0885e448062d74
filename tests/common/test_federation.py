"""Whom somebody else's provider knows, through the embedded AWS's user pool: who he is at the desk, and that an address
which the provider tells of him opens nobody's account."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ministack.services import cognito as ministack

from common.identity import caller
from common.owner import Owner
from common.settings import settings
from infra.user_pool import CALLBACKS
from tests.desk import NOON
from tests.harness import cognito

BACK = CALLBACKS[0]


@dataclass
class Provider:
    """Says of whoever comes what it is told to say."""

    says: dict[str, Any] = field(default_factory=dict)

    @property
    def token(self) -> str:
        def part(of: dict[str, Any]) -> str:
            return urlsafe_b64encode(json.dumps(of).encode()).decode().rstrip("=")

        return f"{part({'alg': 'none'})}.{part(self.says)}."


@pytest.fixture
def provider() -> Iterator[tuple[Provider, str]]:
    said = Provider()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"id_token": said.token}).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield said, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _code(answered: tuple[int, dict[str, str], Any]) -> dict[str, list[str]]:
    status, headers, _ = answered
    assert status == 302, answered
    return parse_qs(urlsplit(headers["Location"]).query)


def _signed_in(client_id: str) -> dict[str, Any]:
    """The claims of the access token of whom the provider tells."""
    asked = {"identity_provider": "Staff", "client_id": client_id, "redirect_uri": BACK, "response_type": "code"}
    there = _code(ministack._oauth2_authorize_federation({name: [value] for name, value in asked.items()}))
    back = _code(ministack._oauth2_idp_response("GET", b"", {"code": ["c"], "state": there["state"]}))
    form = f"grant_type=authorization_code&client_id={client_id}&redirect_uri={BACK}&code={back['code'][0]}"
    _, _, told = ministack._oauth2_token({}, {}, form.encode(), {})
    return cognito.claims(json.loads(told)["access_token"])


def test_an_address_that_a_provider_claims_opens_nobodys_account(provider: tuple[Provider, str]) -> None:
    said, url = provider
    with cognito.embedded() as client:
        pool = client.create_user_pool(PoolName="users", AliasAttributes=["email"])["UserPool"]["Id"]
        client.create_identity_provider(
            UserPoolId=pool,
            ProviderName="Staff",
            ProviderType="OIDC",
            ProviderDetails={"client_id": "d", "client_secret": "s", "authorize_url": url, "token_url": f"{url}/token"},
            AttributeMapping={"email": "email"},
        )
        made = client.create_user_pool_client(
            UserPoolId=pool,
            ClientName="App",
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            AllowedOAuthFlows=["code"],
            AllowedOAuthScopes=["openid"],
            AllowedOAuthFlowsUserPoolClient=True,
            CallbackURLs=[BACK],
            SupportedIdentityProviders=["COGNITO", "Staff"],
        )["UserPoolClient"]["ClientId"]
        hers = [{"Name": "email", "Value": "ann@desk.example"}, {"Name": "email_verified", "Value": "true"}]
        client.admin_create_user(UserPoolId=pool, Username="ann", UserAttributes=hers, MessageAction="SUPPRESS")  # type: ignore[arg-type]
        client.admin_set_user_password(UserPoolId=pool, Username="ann", Password=cognito.PASSWORD, Permanent=True)
        here = replace(
            settings(),
            identity_provider="Staff",
            token_issuer=f"https://cognito-idp.us-east-1.amazonaws.com/{pool}",
            token_clients=frozenset({made}),
        )

        def owner(claims: dict[str, Any]) -> Owner:
            return caller({**claims, "iss": here.token_issuer}, here, NOON, "/orders").owner

        def by_password(name: str) -> Owner:
            told = client.initiate_auth(
                ClientId=made,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": name, "PASSWORD": cognito.PASSWORD},
            )
            return owner(cognito.claims(told["AuthenticationResult"]["AccessToken"]))

        ann = by_password("ann")
        assert (ann.username, by_password("ann@desk.example")) == ("ann", ann)
        found = []
        for subject in ("ann", "Ann-2", "ann"):  # also under her name, and once more
            said.says = {"sub": subject, "email": "ann@desk.example", "email_verified": True}
            found.append(owner(_signed_in(made)))
        assert found[0] == found[2]
        assert len({ann, *found}) == 3
        assert len({ann.username, *(each.username for each in found)}) == 3
        assert by_password("ann@desk.example") == ann
