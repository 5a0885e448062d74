"""The clients that are made of the API's document can call all of it, and are used: against the real handlers, behind a
real HTTP server."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from infra.bundle import ROOT
from tests import openapi
from tests.clients.served import served, tradable

BUILT = ROOT / "build" / "clients"


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    of = BUILT / "openapi.json"
    if not of.exists() or of.read_text() != (ROOT / "docs" / "openapi.json").read_text():
        pytest.fail("the clients are not built, or of another document: make clients")


@pytest.fixture
def url() -> Iterator[str]:
    desk = tradable()
    with served(desk) as url:
        yield url
    desk.check()
    desk.dealership.check()


def test_the_python_client_has_every_operation() -> None:
    calls = {module.stem for module in (BUILT / "cryptodesk_client" / "api").rglob("*.py")} - {"__init__"}
    assert calls == {o["operationId"] for path in openapi.DOCUMENT["paths"].values() for o in path.values()}


def test_the_typescript_client_has_every_operation() -> None:
    told = (BUILT / "typescript" / "cryptodesk.d.ts").read_text().partition("\nexport interface operations {\n")[2]
    calls = set(re.findall(r"^    (\w+): \{$", told, re.MULTILINE))
    documented = [*openapi.DOCUMENT["paths"].values(), *openapi.DOCUMENT["webhooks"].values()]
    assert calls == {o["operationId"] for path in documented for o in path.values()}


def test_a_customer_and_a_dealer_are_served_by_the_python_client(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deposit, buy, purchase, sale, cash-out, market making, billing."""
    monkeypatch.syspath_prepend(str(BUILT))
    from tests.clients import story

    story.played(url)


def test_a_customer_and_a_dealer_are_served_by_the_typescript_client(url: str) -> None:
    """The same."""
    asked = ["node", str(BUILT / "typescript" / "story.mjs"), url]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=False)
    assert (told.returncode, told.stdout) == (0, "played\n"), told.stderr
