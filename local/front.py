"""`python -m local.front`: one address for a browser, on 127.0.0.1, as what stands before the console on AWS is one.

/              the console: files of web/; what is no file is a page of its, and index.html draws it
/config.json   where it signs people in, and where the API is
/api/…         the HTTP API, without `/api`
/docs          Swagger UI over docs/openapi.json, whose scripts ship inside aws_lambda_powertools
/docs/site/…   what `make site` has made of docs/, if it has
/problems/…    the page of a problem, under the path that is its type
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from infra.browser import API, TYPES, headers, headers_of_swagger_ui, type_of
from sandbox.serving import Answer, Request, serve

SITE = "/docs/site/"
_SWAGGER = files("aws_lambda_powertools.event_handler.openapi.swagger_ui")
_SWAGGER_FILES = ("swagger-ui-bundle.min.js", "swagger-ui.min.css")
_SWAGGER_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Cryptodesk API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.min.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.min.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_SWAGGER_START = """SwaggerUIBundle({
  url: "/docs/openapi.json", dom_id: "#page", docExpansion: "list", tryItOutEnabled: true,
  persistAuthorization: true, validatorUrl: null, displayRequestDuration: true,
});
"""
_GZIPPED_FROM = 1000  # bytes: as CloudFront, which leaves what is smaller as it is
# Of one connection, and of nobody's beyond it (RFC 9110, 7.6.1); what is sent on has these of its own.
_HOP_BY_HOP = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding"),
    *("upgrade", "host", "content-length", "accept-encoding", "server", "date", "content-type"),
}

Api = Callable[[Request, str], Answer]  # of a request, for this path and query


@dataclass(frozen=True)
class Front:
    """`pools` is as the console's /config.json has it. `site` may be there or not."""

    web: Path
    openapi: Path
    api: Api
    pools: Mapping[str, Mapping[str, str]]
    site: Path | None = None

    def __call__(self, request: Request) -> Answer:
        path = urlsplit(request.target).path
        swagger = path == "/docs" or path.startswith("/docs/")
        answer = self._answer(request, path)
        told = headers_of_swagger_ui() if swagger else headers(self._origins)
        return _zipped(request, Answer(answer.status, answer.body, {**answer.headers, **told}, answer.content_type))

    @property
    def _origins(self) -> list[str]:
        asked = [urlsplit(pool[what]) for pool in self.pools.values() for what in ("pages", "tokens")]
        return [f"{url.scheme}://{url.netloc}" for url in asked]

    def _answer(self, request: Request, path: str) -> Answer:
        if path.startswith(f"{API}/"):
            return self.api(request, request.target.removeprefix(API))
        if request.method != "GET":
            return _said(HTTPStatus.METHOD_NOT_ALLOWED, "only the API takes that\n")
        match path:
            case "/config.json":
                return _fresh(json.dumps(self._config), "application/json")
            case "/docs":
                return _fresh(_SWAGGER_PAGE, TYPES[".html"])
            case "/docs/start.js":
                return _fresh(_SWAGGER_START, TYPES[".js"])
            case "/docs/openapi.json":
                return self._document()
            case _ if path.startswith(SITE) and self.site is not None:
                return _file_of(self.site, request.path[2:] or ["index.html"])
            case _ if path.startswith("/docs/"):
                return _of_swagger_ui(path.removeprefix("/docs/"))
            case _ if path.startswith("/problems/"):
                return self._problem(path.removeprefix("/problems/"))
        return self._file(request.path)

    @property
    def _config(self) -> Mapping[str, Any]:
        drawn = self.site is not None and (self.site / "index.html").is_file()
        return {"api": API, "pools": self.pools, **({"docs": SITE} if drawn else {})}

    def _document(self) -> Answer:
        document = json.loads(self.openapi.read_text())
        document["servers"] = [{"url": API, "description": "this machine"}]
        return _fresh(json.dumps(document), "application/json")

    def _problem(self, name: str) -> Answer:
        page = self.openapi.parent / "problems" / f"{name}.md"
        if name.isidentifier() and page.exists():
            return _fresh(page.read_text(), "text/markdown; charset=utf-8")
        return _said(HTTPStatus.NOT_FOUND, "there is no such problem\n")

    def _file(self, parts: list[str]) -> Answer:
        """A file that a browser takes; whatever has no such ending is an address of the console's own."""
        if type_of(parts[-1] if parts else "") is None:
            return _fresh((self.web / "index.html").read_bytes(), TYPES[".html"])
        return _file_of(self.web, parts)


def _file_of(folder: Path, parts: Sequence[str]) -> Answer:
    kind, at = type_of(parts[-1]), folder.joinpath(*parts)
    if kind is None or ".." in parts or any("/" in part for part in parts) or not at.is_file():
        return _said(HTTPStatus.NOT_FOUND, "there is no such file\n")
    return _fresh(at.read_bytes(), kind)


def _fresh(body: str | bytes, content_type: str) -> Answer:
    return Answer(HTTPStatus.OK, body, {"Cache-Control": "no-cache"}, content_type)


def _said(status: HTTPStatus, text: str) -> Answer:
    return Answer(status, text, {}, "text/plain; charset=utf-8")


def _of_swagger_ui(name: str) -> Answer:
    if name not in _SWAGGER_FILES:
        return _said(HTTPStatus.NOT_FOUND, "not found; the page is at /docs\n")
    return _fresh((_SWAGGER / name).read_bytes(), TYPES[Path(name).suffix])


def _zipped(request: Request, answer: Answer) -> Answer:
    body = answer.body.encode() if isinstance(answer.body, str) else answer.body
    if "gzip" not in request.headers.get("Accept-Encoding", "") or len(body) < _GZIPPED_FROM:
        return answer
    told = {**answer.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Answer(answer.status, _gzip(body), told, answer.content_type)


@cache
def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def over_http(url: str) -> Api:
    """The API at this address. It has no answer where that has none: nobody can say then whether it was done."""
    there = urlsplit(url)

    def ask(request: Request, target: str) -> Answer:
        sent = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        if "Content-Type" in request.headers:
            sent["Content-Type"] = request.headers["Content-Type"]
        asking = http.client.HTTPConnection(there.hostname or "", there.port, timeout=40)
        try:
            asking.request(request.method, there.path + target, request.body or None, sent)
            got = asking.getresponse()
            body = got.read()
        except (OSError, http.client.HTTPException) as silent:
            return Answer(HTTPStatus.BAD_GATEWAY, json.dumps({"message": f"the API does not answer: {silent}"}))
        finally:
            asking.close()
        told = {name: value for name, value in got.getheaders() if name.lower() not in _HOP_BY_HOP}
        return Answer(got.status, body, told, got.getheader("Content-Type", "application/json"))

    return ask


def pools(aws_url: str, customers: str, operators: str) -> Mapping[str, Mapping[str, str]]:
    """Of the embedded AWS, which has both under one address, each by the id of the console's client."""
    return {
        name: {"pages": aws_url, "tokens": f"{aws_url}/", "client_id": client_id}
        for name, client_id in (("customers", customers), ("operators", operators))
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.front", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--web", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--openapi", type=Path, required=True, metavar="FILE")
    parser.add_argument("--site", type=Path, metavar="FOLDER", help="where `make site` puts what it makes of docs/")
    parser.add_argument("--api-url", required=True)
    parser.add_argument("--aws-url", required=True, help="where both user pools are")
    parser.add_argument("--customers", required=True, metavar="CLIENT", help="the console's, of the customers' pool")
    parser.add_argument("--operators", required=True, metavar="CLIENT", help="the console's, of the operators' pool")
    told = parser.parse_args()
    of = pools(told.aws_url, told.customers, told.operators)
    front = Front(told.web, told.openapi, over_http(told.api_url), of, told.site)
    ending = Event()
    for which in (signal.SIGTERM, signal.SIGINT):
        signal.signal(which, lambda *_: ending.set())
    with serve(front, told.port, name="cryptodesk-front"):
        ending.wait()


if __name__ == "__main__":
    main()
