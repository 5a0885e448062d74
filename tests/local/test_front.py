"""What a browser gets at the one address of a laptop's desk."""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from infra.browser import HEADERS
from infra.bundle import ROOT
from local.front import Api, Front, over_http, pools
from sandbox.serving import Answer, Drop, Request, serve

AWS = "http://127.0.0.1:1"
CSP = "Content-Security-Policy"


def echo(request: Request) -> Answer:
    """An API that tells what it was asked."""
    told = {name.lower(): value for name, value in request.headers.items()}
    said = f"{request.method} {request.target} {request.body.decode()} {told.get('authorization')} {told.get('host')}"
    return Answer(201, said, {"Idempotent-Replayed": "true"}, "text/plain")


@contextmanager
def front_of(api: Api) -> Iterator[httpx.Client]:
    of = pools(AWS, "of-customers", "of-operators")
    front = Front(ROOT / "web", ROOT / "docs" / "openapi.json", api, of)
    with serve(front, name="front") as running, httpx.Client(base_url=running.url) as client:
        yield client


@pytest.fixture(scope="module")
def page() -> Iterator[httpx.Client]:
    with serve(echo, name="api") as api, front_of(over_http(f"{api.url}/of-a-stage")) as client:
        yield client


def asked_as_it_is(page: httpx.Client, path: str) -> int:
    """The status of what a browser would have made another path of."""
    at = urlsplit(str(page.base_url))
    asking = http.client.HTTPConnection(at.hostname or "", at.port, timeout=10)
    try:
        asking.request("GET", path)
        return asking.getresponse().status
    finally:
        asking.close()


def test_the_type_of_a_problem_leads_to_its_page(page: httpx.Client) -> None:
    assert "# InsufficientFunds\n" in page.get("/problems/InsufficientFunds").text
    assert page.get("/problems/NoSuchProblem").status_code == 404
    assert page.get("/problems/..%2fopenapi").status_code == 404
    assert asked_as_it_is(page, "/problems/../table") == 404


@pytest.mark.parametrize("path", ["/", "/work", "/work/S1%23x", "/signed-in?code=c", "/orders/one.two"])
def test_what_is_no_file_is_a_page_of_the_console(page: httpx.Client, path: str) -> None:
    got = page.get(path)
    assert (got.status_code, got.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert '<script type="module" src="/app.js">' in got.text


def test_a_file_is_served_as_what_it_is_and_asked_for_anew(page: httpx.Client) -> None:
    for path, kind in (
        ("/app.js", "text/javascript"),
        ("/app.css", "text/css"),
        ("/vendor/preact.js", "text/javascript"),
    ):
        got = page.get(path)
        assert (got.status_code, got.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
        assert (got.headers["Cache-Control"], got.headers["Content-Encoding"]) == ("no-cache", "gzip")
    assert page.get("/nothing.js").status_code == 404
    assert page.post("/app.js").status_code == 405


@pytest.mark.parametrize(
    "path", ["/../local/front.js", "/..%2finfra%2fcompile.js", "/%2e%2e/conftest.css", "//etc/x.js"]
)
def test_nothing_but_what_is_in_its_folder_is_a_file(page: httpx.Client, path: str) -> None:
    assert asked_as_it_is(page, path) == 404


@pytest.mark.parametrize("path", ["/", "/app.js", "/nothing.js", "/config.json", "/api/orders", "/docs", "/problems/x"])
def test_a_browser_is_told_with_every_answer_what_it_may(page: httpx.Client, path: str) -> None:
    told = page.get(path).headers
    assert {name: told[name] for name in HEADERS} == HEADERS
    assert "default-src 'none'" in told[CSP]
    assert "frame-ancestors 'none'" in told[CSP]
    if path != "/docs":
        assert f"connect-src 'self' {AWS};" in told[CSP]
        assert told[CSP].endswith("require-trusted-types-for 'script'; trusted-types 'none'")
        assert "unsafe" not in told[CSP]


def test_the_api_gets_all_but_the_prefix_and_is_answered_as_it_says(page: httpx.Client) -> None:
    headers = {"Authorization": "Bearer t", "Content-Type": "application/json"}
    got = page.post("/api/orders/O%231?a=b%20c", content="{}", headers=headers)
    asked, host = got.text.rsplit(" ", 1)
    assert (got.status_code, asked) == (201, "POST /of-a-stage/orders/O%231?a=b%20c {} Bearer t")
    assert (host != page.base_url.netloc.decode(), got.headers["Idempotent-Replayed"]) == (True, "true")


def test_an_answer_that_is_lost_is_nobodys_and_no_success() -> None:
    def drop(_: Request) -> Answer:
        raise Drop

    with serve(drop, name="api") as api, front_of(over_http(api.url)) as page:
        assert page.post("/api/orders").status_code == 502
    with front_of(over_http(api.url)) as page:  # nobody listens there any more
        assert page.get("/api/orders").status_code == 502


def test_the_console_is_told_where_people_sign_in_and_where_the_api_is(page: httpx.Client) -> None:
    assert page.get("/config.json").json() == {
        "api": "/api",
        "pools": {
            name: {"pages": AWS, "tokens": f"{AWS}/", "client_id": f"of-{name}"} for name in ("customers", "operators")
        },
    }


def test_swagger_ui_asks_the_api_under_its_own_address_without_inline_scripts(page: httpx.Client) -> None:
    got = page.get("/docs")
    assert got.text.count("<script") == got.text.count("<script src=") == 2
    assert "script-src 'self';" in got.headers[CSP]
    for part in ("swagger-ui-bundle.min.js", "swagger-ui.min.css", "start.js"):
        assert f"/docs/{part}" in got.text
        assert page.get(f"/docs/{part}").status_code == 200
    assert page.get("/docs/openapi.json").json()["servers"][0]["url"] == "/api"
    assert page.get("/docs/other").status_code == 404


def test_what_is_small_or_not_asked_for_so_is_sent_as_it_is(page: httpx.Client) -> None:
    plain = page.get("/app.js", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in page.get("/config.json").headers
    assert len(gzip.compress(plain.content)) < len(plain.content)


def test_the_docs_are_there_once_they_are_drawn_and_the_console_is_told(tmp_path: Path) -> None:
    front = Front(ROOT / "web", ROOT / "docs" / "openapi.json", lambda *_: Answer(500, ""), {}, tmp_path)
    with serve(front, name="front") as running, httpx.Client(base_url=running.url) as page:
        assert page.get("/docs/site/").status_code == 404
        assert "docs" not in page.get("/config.json").json()
        (tmp_path / "index.html").write_text("<h1>Docs</h1>")
        (tmp_path / "runbooks").mkdir()
        (tmp_path / "runbooks" / "bug.html").write_text("<h1>Bug</h1>")
        (tmp_path.parent / "secret.html").write_text("nobody's")
        assert page.get("/config.json").json()["docs"] == "/docs/site/"
        for path, has in (("", "Docs"), ("index.html", "Docs"), ("runbooks/bug.html", "Bug")):
            got = page.get(f"/docs/site/{path}")
            assert f"<h1>{has}</h1>" in got.text
            assert "script-src 'self';" in got.headers[CSP], "no script in a page is run"
        for path in ("../secret.html", "..%2fsecret.html", "runbooks", "none.html", "%2e%2e/secret.html"):
            assert asked_as_it_is(page, f"/docs/site/{path}") == 404
