"""What a new local stack has in it: a catalogue with prices, two customers with accounts, two operators, for market
making a pair with two trading accounts, and a dealer with a bill and a person of his.

Everything goes in by the doors that anybody uses: the user pool, the HTTP API, the schedule's function. What is
there already is left as it is, so seeding twice changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from common import clock
from common.clock import text
from common.domain.catalogue.store import Catalogue
from common.identity import APPROVERS as APPROVING
from common.identity import DEALER_GROUP
from common.identity import OPERATORS as OPERATING
from common.table.table import Table, TableUnavailable
from common.table.transaction import Busy
from infra.user_pool import BILLING_SCOPE, RESOURCE_SERVER
from local import seed_billing, seed_market_making
from local.asking import AskingAgain
from local.deployment import Deployment
from local.environment import LocalEnvironment
from sandbox.bank.face import API_KEY
from sandbox.bank.webhooks import WEBHOOK_SECRET
from sandbox.billing.face import API_KEY as BILLING_KEY
from sandbox.exchange.desk import DESK_AT_BINANCE
from sandbox.mixin.desk import DESK as DESK_AT_MIXIN

PASSWORD = "LocalStack-only-1234"  # of everybody, here
CUSTOMERS = ("ann", "bob")
DEALERS_PERSON = "dora"
OPERATOR = "olga"
OPERATORS = (OPERATOR, "otto")  # what one of them proposes, the other one confirms
PROPOSED = "PROPOSED"  # the status of what another operator has yet to confirm
TEND_MARKET = "cryptodesk-orders-tend-market"
POLL_SNAPSHOTS = "cryptodesk-market-making-poll-snapshots"
ROUNDS_MAX = 4
TOO_SLOW = (TableUnavailable.__name__, Busy.__name__)

Rules = Mapping[str, Any]
_BECAUSE = {"reason": seed_market_making.BECAUSE}  # what an operator does is always for a reason


def _asset(name: str, precision: int, price_source_id: str, *, active: bool = True, **more: Any) -> Rules:
    return {
        "name": name,
        "precision": precision,
        "min_notional": "1.00",
        "max_notional": "250000.00",
        "execution": "INSTANT",
        "active": active,
        "price_source_id": price_source_id,
        "price_age_max_seconds": 180,
        **more,
    }


# Bought at the exchange, whose smallest order is $5: one lot more, and something for a price that falls meanwhile.
_AT_THE_EXCHANGE: Rules = {"execution": "EXCHANGE", "min_notional": "10.00"}


CATALOGUE: dict[str, Rules] = {
    "BTC": _asset("Bitcoin", 8, "bitcoin"),
    "ETH": _asset("Ether", 18, "ethereum"),
    "SOL": _asset("Solana", 9, "solana", **_AT_THE_EXCHANGE),
    "OP": _asset("Optimism", 18, "optimism"),
    "DOGE": _asset("Dogecoin", 8, "dogecoin", **_AT_THE_EXCHANGE, pool_deadline_seconds=60),
    "XRP": _asset("XRP", 8, "ripple", **_AT_THE_EXCHANGE),
    "LTC": _asset("Litecoin", 8, "litecoin", active=False),
}
PRICES_BESIDES = {"optimism": "1.83"}  # what the price source does not begin with


class SeedingFailed(RuntimeError):
    """The stack is up but did not take what a new one should have in it."""


@dataclass(frozen=True)
class Desk:
    """The desk as a person at a terminal uses it."""

    environment: LocalEnvironment
    deployment: Deployment

    @property
    def api_url(self) -> str:
        return self.environment.api_url(self.deployment.api_id)

    def sign_up(self, username: str, *, operator: bool = False, dealer: str | None = None) -> None:
        """With the password that everybody has here; `dealer`: as one of his people. A user that is there stays."""
        users = self.environment.users
        pool = self.deployment.operator_pool_id if operator else self.deployment.user_pool_id
        with contextlib.suppress(users.exceptions.UsernameExistsException):
            users.admin_create_user(
                UserPoolId=pool,
                Username=username,
                UserAttributes=[
                    {"Name": "email", "Value": f"{username}@example.com"},
                    {"Name": "email_verified", "Value": "true"},
                ],
                MessageAction="SUPPRESS",
                TemporaryPassword=PASSWORD,  # the embedded pool would make one that is too short for its own rules
            )
            users.admin_set_user_password(UserPoolId=pool, Username=username, Password=PASSWORD, Permanent=True)
        groups = [OPERATING, APPROVING] if operator else []
        if dealer is not None:
            groups = [f"{DEALER_GROUP}{dealer}"]
            with contextlib.suppress(users.exceptions.GroupExistsException):
                users.create_group(UserPoolId=pool, GroupName=groups[0])
        for group in groups:
            users.admin_add_user_to_group(UserPoolId=pool, Username=username, GroupName=group)

    def tokens(self, username: str, client_id: str | None = None) -> Mapping[str, str]:
        """AccessToken, IdToken, RefreshToken; the first two are good for an hour, an operator's for half of it. Who is
        in both pools gets an operator's."""
        answer = self.environment.users.initiate_auth(
            ClientId=client_id or self._client_of(username),
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": PASSWORD},
        )
        return {name: str(token) for name, token in answer["AuthenticationResult"].items()}

    def _client_of(self, username: str) -> str:
        """Of the pool that he is in."""
        users = self.environment.users
        try:
            users.admin_get_user(UserPoolId=self.deployment.operator_pool_id, Username=username)
        except users.exceptions.UserNotFoundException:
            return self.deployment.client_id
        return self.deployment.operator_client_id

    def token(self, username: str) -> str:
        return self.tokens(username)["AccessToken"]

    def http(self, username: str) -> httpx.Client:
        """A client of the API with the user's token."""
        return self._client(self.token(username))

    def system(self) -> httpx.Client:
        """A client of the API with a token of CME, the dealers' system. It is good for an hour."""
        known = self.environment.users.describe_user_pool_client(
            UserPoolId=self.deployment.user_pool_id, ClientId=self.deployment.cme_client_id
        )["UserPoolClient"]
        asked = {"grant_type": "client_credentials", "scope": f"{RESOURCE_SERVER}/{BILLING_SCOPE}"}
        login = (known["ClientId"], known["ClientSecret"])
        told = _ok(httpx.post(f"{self.environment.aws_url}/oauth2/token", data=asked, auth=login, timeout=35)).json()
        return self._client(told["access_token"])

    def _client(self, token: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=35,
            # There is no TLS here, and reading certificates takes long.
            transport=AskingAgain(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
        )

    def furnish(self) -> list[str]:
        """Put the simulators' keys where the functions look for theirs; returns those that were changed."""
        deployed, client = self.deployment, self.environment.client("secretsmanager")
        exchange = {"api_key": DESK_AT_BINANCE.api_key, "secret": DESK_AT_BINANCE.secret}
        spends = asdict(DESK_AT_MIXIN)
        keys = {
            deployed.exchange_key_secret: json.dumps(exchange),
            deployed.bank_key_secret: API_KEY,
            deployed.bank_webhook_secret: WEBHOOK_SECRET,
            deployed.billing_key_secret: BILLING_KEY,
            deployed.custody_read_secret: json.dumps({n: v for n, v in spends.items() if n != "spend_private_key"}),
            deployed.custody_spend_secret: json.dumps(spends),
            deployed.reading_keys_secret: json.dumps(seed_market_making.keys("reading")),
            deployed.trading_keys_secret: json.dumps(seed_market_making.keys("trading")),
            deployed.withdrawing_keys_secret: json.dumps(seed_market_making.keys("withdrawing")),
            deployed.campaign_keys_secret: json.dumps(seed_market_making.login_keys()),
        }
        changed = []
        for secret_id, value in keys.items():
            if client.get_secret_value(SecretId=secret_id)["SecretString"] != value:
                client.put_secret_value(SecretId=secret_id, SecretString=value)
                changed.append(secret_id)
        return changed

    def add(self, username: str, *, operator: bool = False, dealer: str | None = None) -> bool:
        """An operator, a dealer's person, or a customer with an account and clients; False if all of it was there.
        Raises SeedingFailed."""
        self.sign_up(username, operator=operator, dealer=dealer)
        if operator or dealer is not None:
            return True
        with self.http(username) as http:
            new = _ok(http.post("/users")).status_code == 201
            has = {client["client_id"] for client in _ok(http.get("/clients")).json()["items"]}
        if not has.issuperset({f"{username}-crypto", f"{username}-bank"}):
            self.clients(username)
            return True
        return new

    def clients(self, username: str) -> None:
        """The user may sell coins (client `{username}-crypto`) and be paid (`{username}-bank`, account
        `acc-{username}`)."""
        url, paid = f"/operations/clients/{username}", {"account_id": f"acc-{username}"}
        for path, said in ((f"{url}-crypto/crypto", {}), (f"{url}-bank/banking", paid)):
            self.by_two("PUT", path, {"username": username, **said})

    def by_two(self, method: str, path: str, said: Rules, key: str | None = None) -> None:
        """One operator proposes it, the other one confirms it. What is so already stays so. Raises SeedingFailed."""
        first, second = OPERATORS
        headers = None if key is None else {"Idempotency-Key": key}
        with self.http(first) as http:
            told = _ok(http.request(method, path, json={**said, **_BECAUSE}, headers=headers)).json()
        if told["after"] == PROPOSED:
            with self.http(second) as http:
                _ok(http.post(f"/operations/proposals/{told['id']}/confirm", json=_BECAUSE))

    def tend_market(self) -> None:
        """Fetch prices and fill what they cross, as the clock does every minute. Raises SeedingFailed."""
        self.invoke(TEND_MARKET)

    def confirm_first_prices(self) -> None:
        """Those that the exchange has no market for, or not yet. Raises SeedingFailed."""
        with self.http(OPERATOR) as http:
            stopped = _ok(http.get("/operations/prices")).json()["items"]
        for price in stopped:
            if price["price"] is None:
                said = {"price": price["unconfirmed_price"]}
                self.by_two("POST", f"/operations/prices/{price['asset_id']}/confirm", said)

    def take_transfers(self) -> None:
        """Poll the custody, as the clock does: from the first time on what comes in there is the desk's. Raises
        SeedingFailed."""
        self.invoke(POLL_SNAPSHOTS, {"time": text(clock.now())})

    def invoke(self, function: str, event: Mapping[str, str] | None = None) -> None:
        """Do at once what the clock does every now and then. On a machine that does much else a round may find its
        table too slow; the clock comes again, and so does this. Raises SeedingFailed."""
        for _ in range(ROUNDS_MAX):
            answer = self.environment.functions.invoke(FunctionName=function, Payload=json.dumps(event or {}).encode())
            told = answer["Payload"].read()
            if "FunctionError" not in answer:
                return
            if json.loads(told).get("errorType") not in TOO_SLOW:
                break
            time.sleep(1)
        raise SeedingFailed(f"{function}: {told.decode()}")


def seed(desk: Desk) -> list[str]:
    """Put in what is missing, and tell what that was. Raises SeedingFailed."""
    done = []
    for username in OPERATORS:
        desk.add(username, operator=True)
    if desk.furnish():
        done.append("keys of the exchange, the bank and the custody")
    done += [f"account of {username}" for username in CUSTOMERS if desk.add(username)]
    done += _market_making(desk)
    done += _dealer(desk)
    # Straight from the table: the API's own view of the catalogue may be five seconds old.
    listings = Catalogue(Table(desk.environment.client("dynamodb"), desk.deployment.table_name), clock.now).listings()
    missing = [asset_id for asset_id in CATALOGUE if asset_id not in listings]
    if missing:
        for asset_id in missing:
            desk.by_two("PUT", f"/operations/catalogue/{asset_id}", CATALOGUE[asset_id])
        done += missing
    if missing or any(listings[a].quote is None or listings[a].stale(clock.now()) for a in CATALOGUE):
        _quote_more(desk.environment)
        desk.tend_market()
        desk.confirm_first_prices()
        done.append("prices")
    return done


def _market_making(desk: Desk) -> list[str]:
    try:
        done = [f"trading account {name}" for name in seed_market_making.open_accounts(desk.environment.exchange_url)]
        with desk.http(OPERATOR) as operator:
            listed = seed_market_making.list_pair(operator, desk.by_two)
        if seed_market_making.PAIR.symbol in listed:
            desk.take_transfers()
            done.append(seed_market_making.PAIR.symbol)
    except httpx.HTTPStatusError as refused:
        raise SeedingFailed(f"{refused}: {refused.response.text}") from refused
    return done


def _dealer(desk: Desk) -> list[str]:
    desk.sign_up(DEALERS_PERSON, dealer=seed_billing.DEALER)
    try:
        with desk.system() as cme:
            return [f"dealer {seed_billing.DEALER} with a bill"] if seed_billing.bill(cme) else []
    except httpx.HTTPStatusError as refused:
        raise SeedingFailed(f"{refused}: {refused.response.text}") from refused


def _quote_more(environment: LocalEnvironment) -> None:
    """Give the price source what the catalogue has and it has not."""
    known = _ok(httpx.get(f"{environment.prices_url}/sandbox/state", timeout=5)).json()
    for listing_id, usd in PRICES_BESIDES.items():
        if listing_id not in known["prices"]:
            _ok(
                httpx.put(
                    f"{environment.prices_url}/sandbox/prices/{listing_id}", json={"usd": usd, "walk": True}, timeout=5
                )
            )


def _ok(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise SeedingFailed(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
    return answer
