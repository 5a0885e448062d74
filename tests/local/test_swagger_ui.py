"""What the page beside the local API tells."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from infra.bundle import ROOT
from local import swagger_ui


@pytest.fixture
def page() -> Iterator[httpx.Client]:
    handler = partial(swagger_ui._Handler, ROOT / "docs" / "openapi.json", "http://api.test")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}") as client:
            yield client
        server.shutdown()
        thread.join()


def test_the_type_of_a_problem_leads_to_its_page(page: httpx.Client) -> None:
    assert "# InsufficientFunds\n" in page.get("/problems/InsufficientFunds").text
    assert page.get("/problems/NoSuchProblem").status_code == 404
    assert page.get("/problems/..%2fopenapi").status_code == 404
    assert page.get("/problems/../table").status_code == 404
