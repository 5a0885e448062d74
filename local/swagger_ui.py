"""`python -m local.swagger_ui`: Swagger UI over docs/openapi.json, on 127.0.0.1, whose calls go to the local API. Under
the path that is the type of a problem it has the page of it.

The page's scripts are those that ship inside aws_lambda_powertools: nothing is fetched from elsewhere.
"""

from __future__ import annotations

import argparse
import json
import signal
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any

_ASSETS = files("aws_lambda_powertools.event_handler.openapi.swagger_ui")
_SCRIPT, _STYLE = "swagger-ui-bundle.min.js", "swagger-ui.min.css"
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Cryptodesk API</title>
<link rel="stylesheet" href="/docs/{_STYLE}">
</head>
<body>
<div id="page"></div>
<script src="/docs/{_SCRIPT}"></script>
<script>
SwaggerUIBundle({{
  url: "/docs/openapi.json", dom_id: "#page", docExpansion: "list", tryItOutEnabled: true,
  persistAuthorization: true, validatorUrl: null, displayRequestDuration: true,
}});
</script>
</body>
</html>
"""


class _Handler(BaseHTTPRequestHandler):
    server_version = "cryptodesk-docs"

    def __init__(self, openapi: Path, api_url: str, *arguments: Any) -> None:
        self._openapi, self._api_url = openapi, api_url
        super().__init__(*arguments)

    def do_GET(self) -> None:
        match self.path.partition("?")[0].rstrip("/"):
            case "":
                self._answer(302, "text/plain", b"", {"Location": "/docs"})
            case "/docs":
                self._answer(200, "text/html; charset=utf-8", _PAGE.encode())
            case "/docs/openapi.json":
                self._document()
            case "/docs/swagger-ui-bundle.min.js":
                self._answer(200, "text/javascript; charset=utf-8", (_ASSETS / _SCRIPT).read_bytes())
            case "/docs/swagger-ui.min.css":
                self._answer(200, "text/css; charset=utf-8", (_ASSETS / _STYLE).read_bytes())
            case path if path.startswith("/problems/"):
                self._problem(path.removeprefix("/problems/"))
            case _:
                self._answer(404, "text/plain", b"not found; the page is at /docs\n")

    def _document(self) -> None:
        try:
            document = json.loads(self._openapi.read_text())
        except FileNotFoundError:
            self._answer(404, "text/plain", b"docs/openapi.json is missing: `make docs` writes it\n")
            return
        document["servers"] = [{"url": self._api_url, "description": "this machine"}]
        self._answer(200, "application/json", json.dumps(document).encode())

    def _problem(self, name: str) -> None:
        page = self._openapi.parent / "problems" / f"{name}.md"
        if name.isidentifier() and page.exists():
            self._answer(200, "text/markdown; charset=utf-8", page.read_bytes())
        else:
            self._answer(404, "text/plain", b"there is no such problem\n")

    def _answer(self, status: int, content_type: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """A person watches the page, nobody this log."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.swagger_ui", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--api-url", required=True, help="where `Try it out` sends its requests")
    parser.add_argument("--openapi", type=Path, required=True, metavar="FILE")
    chosen = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", chosen.port), partial(_Handler, chosen.openapi, chosen.api_url))

    def end(*_: object) -> None:
        Thread(target=server.shutdown).start()  # it waits for the loop that this signal has interrupted

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
