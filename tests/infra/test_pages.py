"""What pages say of the repository is so: files, names in them, links, settings and outputs."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from infra import environment
from infra.bundle import ROOT
from infra.grants import Secret
from tests.infra.conftest import Synthesised

PAGES = [ROOT / "README.md", ROOT / "tests" / "harness" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = (ROOT / "docs" / "seed-names.md").read_text()
DEPLOY = (ROOT / "docs" / "deploy.md").read_text()
A_FILE = r"(?:common|functions|infra|docgen|sandbox|local|tests|console|docs)/[\w./-]*\.(?:py|md|json)"


@cache
def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere() -> None:
    links = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)")
    found = [(page, *link) for page in PAGES for link in links.findall(page.read_text())]
    for page, link, anchor in found:
        target = page.parent / link if link else page
        assert target.exists(), f"{page}: {link}"
        assert not anchor or anchor in _anchors(target), f"{page}: {link}#{anchor}"


def test_files_that_are_named_are_there() -> None:
    named = ((page, path) for page in PAGES for path in re.findall(f"`({A_FILE})`", page.read_text()))
    assert [f"{page}: {path}" for page, path in named if not (ROOT / path).is_file()] == []


def test_what_the_seeds_names_have_become_is_where_it_is_said_to_be() -> None:
    told = re.findall(f"`({A_FILE[: -len('(?:py|md|json)')]}py)` ((?:`[A-Za-z_]+`(?:, )?)+)", NAMES)
    assert len(told) > 30
    for path, names in told:
        text = (ROOT / path).read_text()
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"^\s*(?:class|def) {name}\b|^{name}\b.* = ", text, re.MULTILINE), f"{path} {name}"


def test_the_keys_that_the_seeds_names_have_become_are_keys() -> None:
    rows = (ROOT / "common" / "keys.py").read_text()
    for name in re.findall(r"`keys\.([A-Z_]+)`", NAMES):
        assert re.search(rf"^{name}\b", rows, re.MULTILINE), name


def test_the_routes_that_the_seeds_names_have_become_are_there() -> None:
    there = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    ours = "\n".join(line.rsplit(" | ", 1)[-1] for line in NAMES.splitlines())
    told = re.findall(r"`(GET|POST|PUT|PATCH) (/(?!sandbox)[^ `]*)`", ours)
    assert len(told) > 20
    for method, path in told:
        assert method.lower() in there.get(path, {}), f"{method} {path}"


NOBODYS = (  # until somebody says whose
    *("bank_url", "billing_url", "payments_from", "alarm_email", "runbooks_url"),
    *("console_domain", "console_certificate"),
)
OF_PRODUCTION = ("log_level",)  # is another there


def test_deploying_tells_every_name_of_a_file_and_what_counts_unless_it_is_said() -> None:
    for name in environment.Settled.model_fields.keys() - environment.TABLES.keys():
        written = json.dumps(getattr(environment.Environment, name))
        assert f"| `{name}` | `{written}` |" in DEPLOY or name in (*NOBODYS, *OF_PRODUCTION), name
        assert f"| `{name}` |" in DEPLOY, name
    for table, of in environment.TABLES.items():
        rows = "\n".join(row for row in DEPLOY.splitlines() if f" of `[{table}]` |" in row)
        for name in of.model_fields:
            assert f"`{name}`" in rows, name


def test_deploying_tells_every_secret_that_a_person_fills(staging: Synthesised) -> None:
    outputs = {str(output.node.id) for output in staging.stack.node.children if "Secret" in output.node.id}
    filled = {"".join(part.capitalize() for part in name.split("_")) for name in Secret} - {
        *("CursorKey", "TaxpayerKey", "WebhookKey")
    }
    for name in filled - {"PriceOracleKey"}:
        assert f"{name}Secret" in outputs or name == "KafkaKey"  # which is there where there is Kafka
        assert f"| `{name}Secret` |" in DEPLOY
