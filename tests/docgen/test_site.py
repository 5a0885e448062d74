"""The site that is made of docs/: each link leads somewhere, and no page has a script that a browser would not run."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docgen import site
from docgen.site import CanNotDraw, drawn, linked, prepare, take_scripts_out
from tests.depth import PROVED


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Of a repository with two pages, and a file beside docs/."""
    (tmp_path / "docs" / "runbooks").mkdir(parents=True)
    (tmp_path / "docs" / "desk.md").write_text(
        "[again](../README.md#two-commands) [code](../infra/app.py) [all](runbooks)"
    )
    (tmp_path / "docs" / "runbooks" / "bug.md").write_text(
        "[desk](\n  ../desk.md#login) [up](../../README.md) [web](https://x.example/a)"
    )
    (tmp_path / "README.md").write_text(
        "[desk](docs/desk.md) ![a](docs/a.png) [house](CONTRIBUTING.md) [here](#limits)"
    )
    (tmp_path / "docs" / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "CONTRIBUTING.md").write_text("")
    return tmp_path


def test_a_page_leads_to_pages_and_tells_what_is_elsewhere_without_a_link(root: Path) -> None:
    docs = root / "docs"
    assert linked(docs / "desk.md", root) == "[again](index.md#two-commands) code all"
    assert linked(docs / "runbooks" / "bug.md", root) == (
        "[desk](../desk.md#login) [up](../index.md) [web](https://x.example/a)"
    )
    assert linked(root / "README.md", root) == "[desk](desk.md) ![a](a.png) house [here](#limits)"


def test_what_was_prepared_before_is_not_drawn_again(root: Path) -> None:
    pages = root / "build" / "site-pages"
    pages.mkdir(parents=True)
    (pages / "gone.md").write_text("")
    prepare(root, pages)
    made = {path.relative_to(pages).as_posix() for path in pages.rglob("*") if path.is_file()}
    assert made == {"index.md", "desk.md", "runbooks/bug.md", "a.png"}


def test_a_script_in_a_page_becomes_a_file_that_it_asks_for(tmp_path: Path) -> None:
    (tmp_path / "runbooks").mkdir()
    told = '<p>a</p><script>go("x")</script><script id="c" type="application/json">{}</script>'
    for page in (tmp_path / "index.html", tmp_path / "runbooks" / "bug.html"):
        page.write_text(told)
    take_scripts_out(tmp_path)
    (script,) = (tmp_path / "assets" / "inline").iterdir()
    assert script.read_text() == 'go("x")'
    for page in (tmp_path / "index.html", tmp_path / "runbooks" / "bug.html"):
        (asked,) = re.findall(r'<script src="([^"]+)"></script>', page.read_text())
        assert (page.parent / asked).resolve() == script
        assert 'type="application/json">{}' in page.read_text()


def test_a_diagram_of_states_becomes_a_picture_beside_its_page(tmp_path: Path) -> None:
    """Each state is there, with an arrow for each way; and nothing that a page's policy would take away."""
    ways = ("[*] --> Poll", "Poll --> Sold : DONE", "Poll --> Wait", "Wait --> Poll", "Sold --> [*]")
    diagram = "\n".join(["stateDiagram-v2", *(f"    {way}" for way in ways)])
    text = drawn(f"before\n\n```mermaid\n{diagram}\n```\n", tmp_path / "machines.md")
    assert text == "before\n\n![The states Poll, Wait, Sold, and the ways between them](machines-1.svg)\n"
    picture = ElementTree.parse(tmp_path / "machines-1.svg").getroot()
    written = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert written == ["Poll", "DONE → Sold", "Wait", "Sold"]
    heads = [each for each in picture.iter("{http://www.w3.org/2000/svg}path") if each.get("fill") != "none"]
    assert len(heads) == 3
    assert {name for each in picture.iter() for name in each.attrib} & {"style", "class", "onload"} == set()


def test_a_diagram_of_another_kind_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(CanNotDraw, match=r"index\.md has a diagram of another kind than of states: pie"):
        drawn("```mermaid\npie showData\n```\n", tmp_path / "index.md")


def test_who_has_no_zensical_is_told_what_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(site, "ZENSICAL", tmp_path / "zensical")
    with pytest.raises(CanNotDraw, match="make install"):
        site.draw()


@PROVED
def test_the_site_is_drawn_without_a_word_and_asks_nobody_else() -> None:
    """A broken link or anchor ends it (`--strict`)."""
    site.draw()
    pages = list(site.SITE.rglob("*.html"))
    assert len(pages) > len(list(site.PAGES.rglob("*.md"))) * 0.9
    for page in pages:
        text = page.read_text()
        assert not re.search(r"<script>", text), page
        assert not re.search(
            r' on[a-z]+="|(?:src|href)="(?:https?:)?//(?!www\.w3\.org|zensical\.org)[^"]*\.(?:js|css)"', text
        )
