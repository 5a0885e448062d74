"""`python -m docgen.site`: README.md and docs/ as a site in build/site, by zensical. A broken link is an error.

What a page says of files outside docs/ is said without a link: the site has none of them. Scripts that zensical writes
into its pages become files, since a page of the desk runs no others (infra/browser.py); and diagrams of states become
pictures, since what draws them in a browser is a script from elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from docgen.drawings import MERMAID, STATES, Drawing
from infra.bundle import ROOT

ZENSICAL = ROOT / ".venv-site" / "bin" / "zensical"
PAGES, SITE = ROOT / "build" / "site-pages", ROOT / "build" / "site"  # as zensical.toml says
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*(?!https?:)([^)#\s]+)(#[^)]+)?\)")
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


class CanNotDraw(RuntimeError):
    """Says what is wrong with the pages, or with what draws them."""


def prepare(root: Path, pages: Path) -> None:
    """The README is where the site begins. Raises CanNotDraw."""
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(root / "docs", pages)
    for page in sorted((root / "docs").rglob("*.md")):
        at = pages / page.relative_to(root / "docs")
        at.write_text(drawn(linked(page, root), at))
    at = pages / "index.md"
    at.write_text(drawn(linked(root / "README.md", root), at))


def drawn(text: str, page: Path) -> str:
    """Its text with a picture, beside the page, for each diagram. Raises CanNotDraw."""
    pictures = 0

    def picture(found: re.Match[str]) -> str:
        nonlocal pictures
        if not found[1].startswith(STATES):
            raise CanNotDraw(
                f"{page.name} has a diagram of another kind than of states: {found[1].partition(chr(10))[0]}"
            )
        pictures += 1
        drawing = Drawing.of(found[1])
        at = page.with_name(f"{page.stem}-{pictures}.svg")
        at.write_text(drawing.svg())
        return f"![The states {', '.join(drawing.states)}, and the ways between them]({at.name})"

    return MERMAID.sub(picture, text)


def linked(page: Path, root: Path) -> str:
    """Its text, with the links that a site has."""
    docs, readme = root / "docs", root / "README.md"
    here = page.parent if page != readme else docs

    def lead(found: re.Match[str]) -> str:
        text, link, anchor = found.groups()
        target = Path(os.path.normpath(page.parent / link))
        if target == readme:
            target = docs / "index.md"
        elif not (target.is_relative_to(docs) and target.is_file()):
            return str(text)
        return f"[{text}]({os.path.relpath(target, here)}{anchor or ''})"

    return _LINK.sub(lead, page.read_text())


def take_scripts_out(site: Path) -> None:
    folder = site / "assets" / "inline"
    folder.mkdir(parents=True)
    for page in sorted(site.rglob("*.html")):

        def name(found: re.Match[str], page: Path = page) -> str:
            script = folder / f"{sha256(found[1].encode()).hexdigest()[:16]}.js"
            script.write_text(found[1])
            return f'<script src="{os.path.relpath(script, page.parent)}"></script>'

        page.write_text(_INLINE.sub(name, page.read_text()))


def draw() -> None:
    """Raises CanNotDraw."""
    if not ZENSICAL.exists():
        raise CanNotDraw("there is no zensical in .venv-site: `make install` brings it")
    prepare(ROOT, PAGES)
    shutil.rmtree(SITE, ignore_errors=True)
    told = subprocess.run([ZENSICAL, "build", "--strict"], cwd=ROOT, capture_output=True, text=True, check=False)
    if told.returncode:
        raise CanNotDraw(f"zensical finds in build/site-pages, which is made of docs/:\n{told.stdout}{told.stderr}")
    (SITE / "404.html").unlink()  # it would be looked for where the site is not
    take_scripts_out(SITE)


def main() -> int:
    try:
        draw()
    except CanNotDraw as why:
        print(f"No site was drawn: {why}", file=sys.stderr)
        return 1
    print(f"The site is in {SITE.relative_to(ROOT)}; the console of a running desk leads to it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
