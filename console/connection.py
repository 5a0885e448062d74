"""Which desk is meant, and who is asking: told by options or the environment, or else the local stack and its operator.

A wrong guess would act on another desk. So a token is told together with its desk's address, and only with neither it
is the local stack. Whoever has logged in at the desk that is meant needs no token: his login is for that address alone.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from console.errors import DeskNotFound, NotAnAddress

if TYPE_CHECKING:
    from local.seed import Desk

SIGN_IN = (
    "`desk login` signs you in; or DESK_TOKEN takes an access token, good for half an hour: of the local stack's "
    "operator, export DESK_TOKEN=$(.venv/bin/python -m local token olga)"
)
_POOL_ID = re.compile(r"([a-z]{2}(?:-[a-z]+)+-[0-9])_[A-Za-z0-9]+")


@dataclass(frozen=True)
class UserPool:
    """Where operators sign in: Cognito's address, the pool's id and that of its client."""

    url: str
    pool_id: str
    client_id: str

    @property
    def issuer(self) -> str:
        """Of its tokens, on AWS and on the embedded one."""
        return f"https://cognito-idp.{self.pool_id.partition('_')[0]}.amazonaws.com/{self.pool_id}"


@dataclass(frozen=True)
class Connection:
    """`url` is the API's, without a slash at its end."""

    url: str
    token: str = field(repr=False)

    @property
    def local(self) -> bool:
        """On this machine."""
        return here(self.url)

    @property
    def username(self) -> str | None:
        """Whose token it is, as it says itself."""
        name = self._claims.get("username")
        return name if isinstance(name, str) else None

    @property
    def expired_at(self) -> datetime | None:
        """When the token expired, as it says itself; None when it has not, or does not say."""
        expires = self._claims.get("exp")
        if not isinstance(expires, int) or not 0 < expires <= datetime.now(UTC).timestamp():
            return None
        return datetime.fromtimestamp(expires, UTC)

    @cached_property
    def _claims(self) -> dict[str, Any]:
        return claims(self.token)


def claims(token: str) -> dict[str, Any]:
    """Not verified: that is the desk's. None where it says none."""
    try:
        part = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


Kept = Callable[[str], str | None]  # the token of who has logged in at the desk of this address


def found(url: str | None, token: str | None, kept: Kept) -> Connection:
    """Raises DeskNotFound, NotAnAddress, and what `kept` raises."""
    if token:
        if not url:
            raise DeskNotFound("DESK_TOKEN is set, but DESK_URL is not: which desk is it for?")
        return Connection(_address(url), _token(token))
    if url:
        at, desk = _address(url), None
    else:
        desk = _started()
        at = desk.api_url
    ours = kept(at)
    if ours is not None:
        return Connection(at, ours)
    if desk is None:
        raise DeskNotFound(
            f"DESK_URL is set, but DESK_TOKEN is not, and nobody is logged in there: who asks? {SIGN_IN}"
        )
    from local.seed import OPERATOR

    with _usable():
        return Connection(at, desk.token(OPERATOR))


def address(url: str | None) -> str:
    """Of the desk that is meant: without a word, of the local stack. Raises DeskNotFound, NotAnAddress."""
    return _address(url) if url else _started().api_url


def user_pool(pool_id: str | None, client_id: str | None, *, url: str | None = None) -> UserPool:
    """By both, or by none that of the local stack; `url` is the desk's, where it is told. Raises DeskNotFound,
    NotAnAddress."""
    if not pool_id and not client_id:
        if url:  # the local stack's operators are nobody there
            raise DeskNotFound("sign in where? DESK_URL is set, so set DESK_POOL and DESK_CLIENT: outputs of its stack")
        desk = _local_desk()
        if desk is None:
            raise DeskNotFound("sign in where? Set DESK_POOL and DESK_CLIENT, as the stack's outputs tell them")
        deployed = desk.deployment
        return UserPool(desk.environment.aws_url, deployed.operator_pool_id, deployed.operator_client_id)
    if not pool_id or not client_id:
        raise DeskNotFound(
            "DESK_POOL and DESK_CLIENT are set together: the outputs OperatorPoolId, OperatorPoolClientId"
        )
    region = _POOL_ID.fullmatch(pool_id.strip())
    if region is None:
        raise NotAnAddress("DESK_POOL must be a user pool's id, such as eu-central-1_aBcDeFgHi")
    return UserPool(f"https://cognito-idp.{region[1]}.amazonaws.com", pool_id.strip(), client_id.strip())


def _address(url: str) -> str:
    told = url.strip().rstrip("/")
    try:
        parts = httpx.URL(told)
    except httpx.InvalidURL:
        parts = httpx.URL("")
    if parts.scheme not in ("http", "https") or not parts.host or parts.query or parts.fragment or parts.userinfo:
        raise NotAnAddress("DESK_URL must be the API's address, such as https://….execute-api.….amazonaws.com")
    if parts.scheme == "http" and not here(told):
        raise NotAnAddress("DESK_URL begins with http://: everybody on the way could read the token. Use https://")
    return told


def _token(token: str) -> str:
    bare = token.strip().removeprefix("Bearer ")
    if re.fullmatch(r"[\x21-\x7e]+", bare) is None:
        raise NotAnAddress("DESK_TOKEN has characters that no token has")
    return bare


def verify(url: str) -> bool | ssl.SSLContext:
    """Whom httpx trusts there. Reading certificates takes longer than many an answer: without TLS none are, and nobody
    is trusted."""
    return True if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def here(url: str) -> bool:
    """On this machine."""
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _started() -> Desk:
    """The local stack that `make up` has started in this checkout. Raises DeskNotFound."""
    desk = _local_desk()
    if desk is None:
        raise DeskNotFound(
            "which desk? Set DESK_URL, and DESK_TOKEN unless you have logged in; or start the local stack with "
            "`make up`, which is used when neither is set"
        )
    return desk


def _local_desk() -> Desk | None:
    """Raises DeskNotFound."""
    try:
        from local.environment import LocalEnvironment
        from local.stack import AWS, LocalStack
    except ImportError:  # installed without it
        return None
    running = LocalStack(LocalEnvironment()).running()
    if AWS not in running:
        return None
    with _usable():
        return LocalStack(LocalEnvironment(port=running[AWS].port)).desk()


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except Exception as silent:  # whatever it is, of that AWS or its client: the stack is not usable
        raise DeskNotFound(
            f"the local stack runs but does not answer ({type(silent).__name__}); `make up` mends it"
        ) from None
