"""`desk login` against the embedded AWS's own page: to it with a browser, back to this machine with a code."""

from __future__ import annotations

import errno
import html
import http.client
import json
import queue
import re
import socket
import ssl
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from common import identity
from common.settings import settings
from console import callback, logins
from console.browser import BrowserSignIn, challenge
from console.callback import HOST, Callback
from console.connection import UserPool
from console.errors import CommandFailed, NotSignedIn, Unreachable
from console.logins import Logins
from console.user_pool import Refused, Tokens, renewed, revoke
from infra.user_pool import CALLBACKS
from tests.console.run import Said, desk
from tests.console.test_sign_in import AT, Ask, answered
from tests.harness import cognito
from tests.harness.cognito import PASSWORD

if TYPE_CHECKING:
    from types_boto3_cognito_idp import CognitoIdentityProviderClient

URL = "https://desk.example"


BROWSING = httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # reading certificates takes long


@pytest.fixture(scope="module")
def client() -> Iterator[CognitoIdentityProviderClient]:
    with cognito.embedded() as client:
        yield client


@pytest.fixture(scope="module")
def pool(client: CognitoIdentityProviderClient) -> UserPool:
    """Of all tests here; `oskar` is there to be taken away."""
    may = ("operators",)
    return UserPool(AT, *cognito.pool_of_operators(client, olga=may, otto=may, oskar=may))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Logins:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return Logins.of_user()


def came_back(address: str, host: str | None = None) -> tuple[int, str]:
    """As a browser that is led there, by whatever name; not by httpx, which is answered by the user pool here."""
    parts = urlsplit(address)
    asking = http.client.HTTPConnection(HOST, parts.port or 0, timeout=10)
    try:
        headers = {"Host": host or parts.netloc}
        asking.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        answer = asking.getresponse()
        return answer.status, answer.read().decode()
    finally:
        asking.close()


@dataclass
class Browser:
    """Somebody at the user pool's page; `before` happens while he types."""

    name: str = "olga"
    password: str = PASSWORD
    before: Callable[[str], None] | None = None
    pages: list[str] = field(default_factory=list)
    told: list[tuple[int, str]] = field(default_factory=list)

    def __call__(self, page: str) -> None:
        self.pages.append(page)
        if self.before is not None:
            self.before(page)
        back = self.led_back(page)
        if back is not None:
            self.told.append(came_back(back))

    def opened(self, page: str) -> bool:
        self(page)
        return True

    def led_back(self, page: str) -> str | None:
        """The address with the code, after the form was filled in as it stands on the page."""
        form = BROWSING.get(page)
        assert (form.status_code, "<form" in form.text) == (200, True), form.text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form.text))
        filled = {name: html.unescape(value) for name, value in hidden.items()}
        typed = {**filled, "username": self.name, "password": self.password}
        led: str | None = BROWSING.post(f"{AT}/login", data=typed).headers.get("location")
        return led


def by_browser(pool: UserPool, browser: Browser, ask: Ask = cognito.over_http, **more: object) -> Tokens:
    with answered(ask):
        return replace(BrowserSignIn(pool, browser), **more).tokens()  # type: ignore[arg-type]


def taken_by_the_desk(pool: UserPool, tokens: Tokens) -> identity.Caller:
    ours = replace(settings(), operator_issuer=pool.issuer, operator_clients=frozenset({pool.client_id}))
    return identity.caller(cognito.claims(tokens.access), ours, datetime.now(UTC), "/operations/work")


def test_from_the_page_to_a_token_that_the_desk_takes_until_it_is_revoked(pool: UserPool) -> None:
    browser = Browser()
    tokens = by_browser(pool, browser)
    assert taken_by_the_desk(pool, tokens).must_be_operator() == "olga"
    assert browser.told == [(200, "desk has its answer. Close this page: the terminal says how it went.\n")]
    with answered(cognito.over_http):
        again = renewed(pool, tokens.refresh)
        assert taken_by_the_desk(pool, again).must_be_operator() == "olga"
        revoke(pool, again.refresh)
        with pytest.raises(Refused, match="revoked"):
            renewed(pool, again.refresh)


def test_the_page_is_asked_with_a_challenge_and_never_with_the_verifier(pool: UserPool) -> None:
    """So the code alone, which any program that sees the browser's address has, gets nothing."""
    browser, sent = Browser(), list[httpx.Request]()

    def ask(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return cognito.over_http(request)

    by_browser(pool, browser, ask, username="olga")
    (page,) = browser.pages
    told = {name: value[0] for name, value in parse_qs(urlsplit(page).query).items()}
    assert (told["code_challenge_method"], told["scope"], told["login_hint"]) == ("S256", "openid", "olga")
    assert told["redirect_uri"] in CALLBACKS
    (exchange,) = [parse_qs(r.content.decode()) for r in sent if r.url.path == "/oauth2/token"]
    (verifier,) = exchange["code_verifier"]
    assert told["code_challenge"] == challenge(verifier)
    assert len(verifier) >= 43
    assert verifier not in page
    with answered(cognito.over_http):
        code = parse_qs(urlsplit(str(browser.led_back(page))).query)["code"][0]
        form = {name: value[0] for name, value in exchange.items()} | {"code": code, "code_verifier": "guessed" * 8}
        assert httpx.post(f"{AT}/oauth2/token", data=form).json()["error"] == "invalid_grant"


def test_a_challenge_is_as_the_rfc_has_it() -> None:
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_whoever_does_not_know_the_state_is_refused_and_waited_past(pool: UserPool) -> None:
    """Another program of this machine is there first, or a page makes the browser ask: with a code of its own."""
    refused: list[tuple[int, str]] = []

    def forged(page: str) -> None:
        (back,), state = parse_qs(urlsplit(page).query)["redirect_uri"], parse_qs(urlsplit(page).query)["state"][0]
        for_no_sign_in = (
            "",
            "?code=theirs",
            "?code=theirs&state=",
            "?code=theirs&state=guessed",
            "?code=a&state=%C3%A4",
        )
        refused.extend(came_back(back + query) for query in for_no_sign_in)
        right = f"?{urlencode({'state': state, 'code': 'theirs'})}"
        refused.append(came_back(back + right, host="evil.example"))  # a name of theirs that leads to this machine
        refused.append(came_back(back.replace("/signed-in", "/") + right))
        refused.append(came_back(f"{back}{right}&code=two"))

    browser = Browser(before=forged)
    assert taken_by_the_desk(pool, by_browser(pool, browser)).must_be_operator() == "olga"
    assert [status for status, _ in refused] == [403, 403, 403, 403, 403, 403, 404, 400]
    assert "its state is another" in refused[0][1]
    assert not any("theirs" in says or "evil" in says for _, says in refused)


def test_a_code_is_taken_once(pool: UserPool) -> None:
    said = []

    def twice(page: str) -> None:
        asked = parse_qs(urlsplit(page).query)
        back = f"{asked['redirect_uri'][0]}?{urlencode({'state': asked['state'][0], 'code': 'first'})}"
        said.extend([came_back(back), came_back(back.replace("first", "second"))])
        raise NotSignedIn("seen enough")

    with pytest.raises(NotSignedIn, match="seen enough"):
        by_browser(pool, Browser(before=twice))
    assert [status for status, _ in said] == [200, 409]


@pytest.mark.parametrize(
    ("error", "says"), [("access_denied", "access_denied"), ("\x1b[2J <b>", "2Jb"), ("ä", "does not say why")]
)
def test_a_page_that_lets_nobody_in_ends_it_with_its_reason(error: str, says: str) -> None:
    with Callback("s", ports=(0,)) as waiting:
        assert came_back(f"{waiting.url}?{urlencode({'state': 's', 'error': error})}")[0] == 200
        with pytest.raises(NotSignedIn, match=f"let nobody in: (it )?{says}$"):
            waiting.code(5)


def test_who_connects_and_asks_nothing_keeps_nobody_waiting() -> None:
    """Browsers do, to be quicker later."""
    with Callback("s", ports=(0,)) as waiting, socket.create_connection((HOST, urlsplit(waiting.url).port or 0)):
        assert came_back(f"{waiting.url}?state=s&code=c")[0] == 200
        assert waiting.code(5) == "c"


def test_nobody_is_waited_for_without_end(pool: UserPool) -> None:
    pages = list[str]()
    with answered(cognito.over_http), pytest.raises(NotSignedIn, match=r"nobody has signed in within 0 s.*--password"):
        BrowserSignIn(pool, pages.append, seconds=0.01).tokens()


def test_where_every_port_is_taken_it_is_said(pool: UserPool) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(NotSignedIn, match=f"the ports {port} of this machine are taken"):
            by_browser(pool, Browser(), ports=(port,))
        with Callback("s", ports=(port, 0)) as waiting:
            assert urlsplit(waiting.url).port != port


def test_the_user_pool_allows_the_ports_that_are_listened_at() -> None:
    assert CALLBACKS == tuple(f"http://{HOST}:{port}{callback.PATH}" for port in callback.PORTS)


def test_who_signs_in_as_another_is_refused_and_gets_nothing(pool: UserPool) -> None:
    sent = list[str]()

    def ask(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("x-amz-target", ""))
        return cognito.over_http(request)

    with pytest.raises(NotSignedIn, match="it is otto who has signed in, and not olga"):
        by_browser(pool, Browser("otto"), ask, username="olga")
    assert sent[-1].endswith(".RevokeToken")


def changed(**told: object) -> Ask:
    """A user pool that tells something else."""

    def ask(request: httpx.Request) -> httpx.Response:
        answer = cognito.over_http(request)
        if not answer.headers.get("content-type", "").startswith("application/json"):
            return answer
        return httpx.Response(answer.status_code, json={**answer.json(), **told})

    return ask


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"issuer": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other"}, "does not speak as a user pool"),
        ({"authorization_endpoint": "http://evil.example/"}, "has no domain"),
        ({"token_endpoint": "http://evil.example/"}, "has no domain"),
        ({"token_endpoint": "https://"}, "has no domain"),
        ({"id_token": f"h.{'e30'}.s"}, "another application"),
        ({"id_token": None}, "another application"),
        ({"expires_in": "soon"}, "does not speak as a user pool"),
    ],
)
def test_whatever_else_answers_gives_no_token(pool: UserPool, told: dict[str, object], says: str) -> None:
    with pytest.raises(CommandFailed, match=says):
        by_browser(pool, Browser(), changed(**told))


def test_a_token_of_another_sign_in_is_not_taken(pool: UserPool) -> None:
    """Somebody has exchanged the answer for one that was made for another nonce."""

    def ask(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/authorize":
            request = httpx.Request("GET", request.url.copy_set_param("nonce", "theirs"))
        return cognito.over_http(request)

    with pytest.raises(NotSignedIn, match="another sign-in than this one"):
        by_browser(pool, Browser(), ask)


def test_a_page_that_does_not_answer_is_told(pool: UserPool) -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/token":
            raise httpx.ReadTimeout("slow", request=request)
        return cognito.over_http(request)

    with pytest.raises(Unreachable, match="A code is good once"):
        by_browser(pool, Browser(), silent)


# What is kept


def signed_in(pool: UserPool, name: str = "olga") -> Tokens:
    return by_browser(pool, Browser(name))


def test_what_is_kept_is_for_its_user_alone_and_for_one_desk(pool: UserPool, kept: Logins) -> None:
    tokens = signed_in(pool)
    kept.keep(URL, pool, tokens)
    (file,) = kept.folder.glob("*.json")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, kept.folder)] == [0o600, 0o700]
    assert tokens.refresh not in repr(Logins.of_user()._read(URL))
    assert kept.token(URL) == tokens.access
    assert kept.token("https://other.example") is None


def test_a_token_near_its_end_is_renewed_once(pool: UserPool, kept: Logins) -> None:
    tokens, at = signed_in(pool), time.time()
    replace(kept, now=lambda: at).keep(URL, pool, tokens)
    with answered(cognito.over_http):
        later = replace(kept, now=lambda: at + tokens.seconds - logins.BEFORE_SECONDS)
        renewed_token = later.token(URL)
    assert renewed_token not in (None, tokens.access)
    assert later.token(URL) == renewed_token, "nobody was asked"
    assert replace(kept, now=lambda: at).token(URL) == renewed_token


def test_a_login_that_was_ended_elsewhere_says_so(
    client: CognitoIdentityProviderClient, pool: UserPool, kept: Logins
) -> None:
    kept.keep(URL, pool, replace(signed_in(pool, "oskar"), seconds=0))
    client.admin_delete_user(UserPoolId=pool.pool_id, Username="oskar")
    with answered(cognito.over_http), pytest.raises(NotSignedIn, match=f"your login at {URL} has ended.*desk login"):
        kept.token(URL)


def test_a_write_that_fails_leaves_what_was_kept(pool: UserPool, kept: Logins, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full; what was just got is revoked, since nobody has it."""
    before, after, revoked = signed_in(pool), signed_in(pool, "otto"), list[str]()

    def ask(request: httpx.Request) -> httpx.Response:
        if request.headers["x-amz-target"].endswith(".RevokeToken"):
            revoked.append(json.loads(request.content)["Token"])
        return cognito.over_http(request)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    kept.keep(URL, pool, before)
    with answered(ask):
        with monkeypatch.context() as disk:
            disk.setattr("os.fsync", full)
            with pytest.raises(NotSignedIn, match="No space left on device"):
                kept.keep(URL, pool, after)
        assert (kept.token(URL), revoked) == (before.access, [after.refresh])
        assert {path.suffix for path in kept.folder.iterdir()} == {".json", ""}, "no half of a file"
        kept.keep(URL, pool, after)
    assert (kept.token(URL), revoked) == (after.access, [after.refresh, before.refresh])


def test_what_is_kept_and_can_not_be_read_is_said_and_replaced(pool: UserPool, kept: Logins) -> None:
    tokens = signed_in(pool)
    kept.keep(URL, pool, tokens)
    (file,) = kept.folder.glob("*.json")
    file.write_text('{"url": 7')
    with pytest.raises(NotSignedIn, match=f"{file} can not be read"):
        kept.token(URL)
    kept.keep(URL, pool, tokens)
    assert kept.token(URL) == tokens.access


def test_who_logs_out_is_revoked_before_he_is_forgotten(pool: UserPool, kept: Logins) -> None:
    """Where the pool is silent nothing is forgotten: it can be asked again."""
    tokens = signed_in(pool)
    kept.keep(URL, pool, tokens)

    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with answered(silent), pytest.raises(Unreachable):
        kept.end(URL)
    assert kept.token(URL) == tokens.access
    with answered(cognito.over_http):
        assert (kept.end(URL), kept.end(URL)) == (True, False)
        with pytest.raises(Refused, match="revoked"):
            renewed(pool, tokens.refresh)
    assert kept.token(URL) is None


def test_what_the_pool_knows_no_more_is_forgotten(pool: UserPool, kept: Logins) -> None:
    kept.keep(URL, pool, signed_in(pool))
    gone = httpx.Response(400, json={"__type": "ResourceNotFoundException", "message": "no such client"})
    busy = httpx.Response(400, json={"__type": "TooManyRequestsException", "message": "slower"})
    with answered(lambda _: busy), pytest.raises(Refused, match="slower"):
        kept.end(URL)
    with answered(lambda _: gone):
        assert kept.end(URL)
    assert kept.token(URL) is None


# The commands


def typed(
    pool: UserPool, monkeypatch: pytest.MonkeyPatch, browser: Browser, *words: str, url: str | None = URL
) -> Said:
    """Of an operator of a desk on AWS, whose pool is the embedded one."""
    monkeypatch.setattr("webbrowser.open", browser.opened)
    monkeypatch.setenv("DESK_POOL", pool.pool_id)
    monkeypatch.setenv("DESK_CLIENT", pool.client_id)
    with answered(cognito.over_http):
        return desk(*words, url=url)


def test_who_has_logged_in_asks_that_desk_until_he_logs_out(
    pool: UserPool, kept: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser()
    said = typed(pool, monkeypatch, browser, "login")
    assert (said.code, said.words) == (0, f"olga is logged in at {URL}.")
    asked = list[httpx.Request]()

    def the_desk(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"items": [], "cursor": None})

    with answered(the_desk):
        assert desk("operators", "list", "--json", url=f"{URL}/").code == 0
        assert desk("operators", "list", url="https://other.example").code == 1, "he is nobody there"
    (request,) = asked
    assert request.headers["authorization"] == f"Bearer {kept.token(URL)}"
    assert typed(pool, monkeypatch, browser, "logout").words == f"Logged out at {URL}."
    assert typed(pool, monkeypatch, browser, "logout", "--json").json == {"url": URL, "done": False}
    assert desk("operators", "list", url=URL).code == 1


def test_a_token_that_is_told_goes_before_the_login(
    pool: UserPool, kept: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(pool, monkeypatch, Browser(), "login")
    asked = list[httpx.Request]()

    def the_desk(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"items": [], "cursor": None})

    with answered(the_desk):
        assert desk("operators", "list", url=URL, token="told").code == 0
    assert asked[0].headers["authorization"] == "Bearer told"


def test_a_printed_token_is_kept_nowhere_and_not_renewed(
    pool: UserPool, kept: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a customer's, of his pool, for curl: no desk needs to be named."""
    said = typed(pool, monkeypatch, Browser(), "login", "--print", "--json", url=None)
    assert (said.code, cognito.claims(said.json["token"])["username"]) == (0, "olga")
    assert not kept.folder.exists()


def test_where_there_is_no_browser_the_address_is_printed(
    pool: UserPool, kept: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_comes(_: object, timeout: float) -> dict[str, str]:
        assert timeout == callback.SECONDS
        raise queue.Empty

    monkeypatch.setattr("queue.Queue.get", nobody_comes)
    monkeypatch.setenv("DESK_POOL", pool.pool_id)
    monkeypatch.setenv("DESK_CLIENT", pool.client_id)
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    for words in (("login",), ("login", "--no-browser")):
        with answered(cognito.over_http):
            said = desk(*words, url=URL)
        assert (said.code, said.out) == (1, "")
        assert re.search(r"^https://\S+/oauth2/authorize\?response_type=code&\S+$", said.err, re.MULTILINE), said.err
        assert "nobody has signed in" in said.err


def test_where_to_log_in_and_as_whom_is_told_whole(kept: Logins) -> None:
    said = desk("login", "--password", url=URL)
    assert (said.code, "desk login NAME --password" in said.err) == (2, True)
    said = desk("login", url=URL)  # the local stack's pool is not that desk's
    assert (said.code, "set DESK_POOL and DESK_CLIENT" in said.err) == (1, True)
    assert not kept.folder.exists()
