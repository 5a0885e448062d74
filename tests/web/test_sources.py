"""What the console is made of: packages as they are pinned, amounts that stay texts, acts as the desk has them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from common.domain.acts import ACTS
from docgen import vendor
from infra.bundle import ROOT
from tests import openapi

WEB = ROOT / "web"
LINES_MAX, PACKAGES_MAX = 4_500, 8
TO_A_NUMBER = re.compile(
    r"\b(Number|parseFloat|parseInt)\b|(?<![\w)\]\"'`+ ])\s*\+\s*[a-z_]\w*\.|\.toFixed\(|\bvalueAsNumber\b"
)
CUSTOMERS_PAGE = "clients save"  # and the kind: on the customer's page, since a new client has no story
OF_PIXELS = {"chart.js"}  # a point of a picture has no cents
OF_NO_AMOUNT = {  # what is counted there is no money
    "api.js": 'Number.parseInt(headers.get("Retry-After")',
    "pages/work.js": "Number(b.overdue) - Number(a.overdue)",
}


def ours() -> Iterator[Path]:
    yield from (path for path in sorted(WEB.rglob("*")) if path.is_file() and vendor.FOLDER not in path.parents)


def test_what_is_vendored_is_what_npm_has_of_the_pinned_packages() -> None:
    made = dict(vendor.files())
    assert {path.relative_to(ROOT) for path in made} == {p.relative_to(ROOT) for p in vendor.FOLDER.iterdir()}
    differs = [path.name for path, text in made.items() if path.read_text() != text]
    assert differs == [], "make vendor"


def test_vendored_modules_import_nothing_that_a_browser_would_not_find() -> None:
    for name in vendor.MODULES:
        text = (vendor.FOLDER / f"{name}.js").read_text()
        for imported in re.findall(r'(?:from|import) ?["\']([^"\']+)["\']', text):
            assert (vendor.FOLDER / imported).is_file(), (name, imported)
        assert "sourceMappingURL" not in text


def test_the_console_is_small() -> None:
    assert sum(len(path.read_text().splitlines()) for path in ours()) <= LINES_MAX
    assert len(vendor.LICENCES) <= PACKAGES_MAX


@pytest.mark.parametrize("path", [p for p in ours() if p.suffix == ".js"], ids=lambda p: str(p.relative_to(WEB)))
def test_an_amount_never_becomes_a_number(path: Path) -> None:
    """But for a picture. What else is counted is named above, with its line."""
    at, text = path.relative_to(WEB).as_posix(), path.read_text()
    if at in OF_PIXELS:
        return
    allowed = OF_NO_AMOUNT.get(at, "\0")
    assert [line for line in text.splitlines() if TO_A_NUMBER.search(line) and allowed not in line] == []


@pytest.mark.parametrize(
    "line",
    ["Number(amount)", "parseFloat(x)", "Number.parseFloat(x)", "a * +order.total", "x.toFixed(2)", "e.valueAsNumber"],
)
def test_each_way_to_make_a_number_of_an_amount_is_seen(line: str) -> None:
    assert TO_A_NUMBER.search(line)


def test_no_page_is_written_as_text_or_asks_another_origin() -> None:
    """The policy would stop it; here it is said before."""
    for path in ours():
        text = path.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|dangerously", text), path
        assert not re.search(r"https?://", text), path
        assert path.suffix != ".html" or not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|<style|\bstyle=", text), path


def test_an_act_is_told_what_its_route_takes_and_nothing_else() -> None:
    """`asks` of the desk, with what the console adds, are all that the body of its route has."""
    code = "import(process.argv[1]).then((acts) => console.log(JSON.stringify({ ...acts, WHOLE: [...acts.WHOLE] })))"
    asked = ["node", "--input-type=module", "-e", code, str(WEB / "acts.js")]
    told = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True, timeout=30).stdout)
    others = {command for command in told["OPTIONAL"] if command.startswith(CUSTOMERS_PAGE)}
    assert set(told["OPTIONAL"]) - others <= {act.command for act in ACTS}
    for command in others:
        names = {*told["OPTIONAL"][command], "username"}
        kind = command.removeprefix(CUSTOMERS_PAGE).strip() or "banking"
        assert names | {"reason", "dry_run", "version"} == set(_members("PUT", f"/operations/clients/{{id}}/{kind}"))
        assert names - {"username"} <= set(told["WORDS"])
    for act in ACTS:
        method, path = act.route.split(" ")
        names = {*act.asks, *told["OPTIONAL"].get(act.command, ())}
        assert names <= set(told["WORDS"]), act.command
        if act.command == told["KEYED_BY_REFERENCE"]:
            names.remove("reference")
        members = _members(method, path)
        assert names | {"reason", "dry_run", "version"} == set(members), act.command
        assert {name for name in names if members[name].get("type") == "integer"} == names & set(told["WHOLE"])


def _members(method: str, path: str) -> dict[str, Any]:
    (operation,) = (
        operations[method.lower()]
        for there, operations in openapi.DOCUMENT["paths"].items()
        if re.fullmatch(re.sub(r"\\{\w+\\}", r"\\{id\\}", re.escape(there)), path)
    )
    (name,) = re.findall(r"\w+$", operation["requestBody"]["content"]["application/json"]["schema"]["$ref"])
    return dict(openapi.DOCUMENT["components"]["schemas"][name]["properties"])


TYPED = [
    ("1250.50", "1250.50"),
    (" $1,250.50 ", "1250.50"),
    ("1,000,000", "1000000"),
    ("0.000000000000000001", "0.000000000000000001"),
    ("007", "7"),
    *((wrong, None) for wrong in ("0,25", "100,50", "1,000", "1.000,50", "1,00,000.5", "0,000.5", "1e3", "١", "0")),
    *((wrong, None) for wrong in ("1 000", "-1", "1.", ".5", "1" * 16, "0." + "1" * 19, "NaN", "0x10", "1,000.")),
]


@pytest.mark.parametrize(("typed", "understood"), TYPED)
def test_a_comma_that_may_be_a_point_is_no_amount(typed: str, understood: str | None) -> None:
    """Half of the world writes 0,25: it is not 25."""
    assert _amounts()[typed] == understood


def test_a_reference_that_can_be_no_key_is_said_to_be_none() -> None:
    """A browser sends no header of it, so that no answer comes."""
    code = """const { requestOf } = await import(process.argv[1]);
    try { requestOf("deposit credit", { reference: "счёт 7" }, "") } catch (no) { console.log(no.message) }"""
    asked = ["node", "--input-type=module", "-e", code, str(WEB / "acts.js")]
    assert "without a space" in subprocess.run(asked, capture_output=True, text=True, check=True).stdout


@cache
def _amounts() -> dict[str, str | None]:
    """What the page's own module makes of each."""
    code = (
        "const [of, told] = process.argv.slice(1); const { typed } = await import(of);"
        " console.log(JSON.stringify(Object.fromEntries(JSON.parse(told).map((text) => [text, typed(text)]))))"
    )
    told = json.dumps([text for text, _ in TYPED])
    asked = ["node", "--input-type=module", "-e", code, str(WEB / "amounts.js"), told]
    found: dict[str, str | None] = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    return found
