"""Signing in with a browser at the user pool's own page: authorization code with PKCE (RFC 7636, RFC 8252).

Password and second factor are between the person and that page; nothing of it comes through here. What comes is a
code, good once and for five minutes, which only the `verifier` turns into tokens. It is in this process alone: whoever
reads the browser's address line has nothing. Killed before the code or after it, nothing is left but a code that ends
by itself.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import httpx

from console.callback import PORTS, SECONDS, Callback
from console.connection import UserPool, claims, here
from console.errors import NotSignedIn, Unreachable
from console.user_pool import Tokens, http, revoke

SCOPE = "openid"  # with it there is an id token, and in that the nonce
_BYTES = 32  # of chance: 256 bits


@dataclass(frozen=True)
class Pages:
    """Of a user pool, as it tells them itself (OpenID Connect Discovery)."""

    authorize: str
    token: str


@dataclass(frozen=True)
class BrowserSignIn:
    """`show` brings a person to the page; `username`: whom it is to be."""

    pool: UserPool
    show: Callable[[str], None]
    username: str | None = None
    seconds: float = SECONDS
    ports: tuple[int, ...] = PORTS

    def tokens(self) -> Tokens:
        """Raises NotSignedIn, Unreachable."""
        pages = _pages(self.pool)
        state, nonce, verifier = (secrets.token_urlsafe(_BYTES) for _ in range(3))
        with Callback(state, self.ports) as callback:
            asked = {
                "response_type": "code",
                "client_id": self.pool.client_id,
                "redirect_uri": callback.url,
                "scope": SCOPE,
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge(verifier),
                "code_challenge_method": "S256",
                **({"login_hint": self.username} if self.username else {}),
            }
            self.show(f"{pages.authorize}?{urlencode(asked)}")
            code = callback.code(self.seconds)
        return self._exchanged(pages, callback.url, code, verifier, nonce)

    def _exchanged(self, pages: Pages, came_to: str, code: str, verifier: str, nonce: str) -> Tokens:
        form = {
            "grant_type": "authorization_code",
            "client_id": self.pool.client_id,
            "redirect_uri": came_to,
            "code": code,
            "code_verifier": verifier,
        }
        told = _object(pages.token, lambda asking: asking.post(pages.token, data=form))
        try:
            tokens = Tokens(str(told["access_token"]), str(told["refresh_token"]), int(told["expires_in"]))
            wrong = self._wrong(claims(str(told["id_token"])), claims(tokens.access), nonce)
        except (LookupError, TypeError, ValueError):
            raise _no_pool(self.pool) from None
        if wrong:
            revoke(self.pool, tokens.refresh)
            raise NotSignedIn(f"{wrong}: nothing of this sign-in is kept")
        return tokens

    def _wrong(self, identity: Mapping[str, Any], access: Mapping[str, Any], nonce: str) -> str | None:
        """It comes from the pool itself, over TLS: that stands for the signature (OpenID Connect Core, 3.1.3.7)."""
        if (identity.get("iss"), identity.get("aud")) != (self.pool.issuer, self.pool.client_id):
            return "the user pool has answered with a token for another application"
        if identity.get("nonce") != nonce or identity.get("sub") != access.get("sub"):
            return "the user pool has answered another sign-in than this one"
        if self.username not in (None, access.get("username")):
            return f"it is {access.get('username')} who has signed in, and not {self.username}"
        return None


def challenge(verifier: str) -> str:
    """S256."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _pages(pool: UserPool) -> Pages:
    """Raises NotSignedIn, Unreachable."""
    at = f"{pool.url}/{pool.pool_id}/.well-known/openid-configuration"
    told = _object(pool.url, lambda asking: asking.get(at))
    pages = Pages(str(told.get("authorization_endpoint")), str(told.get("token_endpoint")))
    if told.get("issuer") != pool.issuer:
        raise _no_pool(pool)
    for page in (pages.authorize, pages.token):
        if not _safe(page, pool):
            raise NotSignedIn(
                "the user pool tells no page of its own to sign in at: it has no domain. `desk login NAME --password` "
                "does without"
            )
    return pages


def _safe(page: str, pool: UserPool) -> bool:
    """Nobody on the way reads it: by TLS, or it does not leave the machine where the pool is."""
    try:
        parts = httpx.URL(page)
    except httpx.InvalidURL:
        return False
    return bool(parts.host) and (parts.scheme == "https" or (parts.scheme == "http" and here(page) and here(pool.url)))


def _object(url: str, ask: Callable[[httpx.Client], httpx.Response]) -> Mapping[str, Any]:
    """Raises NotSignedIn, Unreachable."""
    try:
        with http(url) as asking:
            answer = ask(asking)
        told = answer.json()
    except (httpx.RequestError, ValueError) as silent:
        raise Unreachable(
            f"no user pool answers at {url} ({type(silent).__name__}). Is DESK_POOL right? A code is good once: ask "
            "anew by `desk login`"
        ) from None
    if not isinstance(told, dict) or not answer.is_success:
        why = told.get("error") if isinstance(told, dict) else None
        raise NotSignedIn(f"the user pool refuses it: {why or answer.status_code}. Ask anew by `desk login`")
    return told


def _no_pool(pool: UserPool) -> NotSignedIn:
    return NotSignedIn(f"what answers at {pool.url} does not speak as a user pool does")
