"""`python -m docgen.vendor`: what the pages of web/ are made of, from node_modules into web/vendor, as the lock file
pins it. Bare imports become relative ones, so a browser takes the modules as they are: no bundler, no import map.

Beside each module is a line by which TypeScript finds its package's types, and the licence of each package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from infra.bundle import ROOT

PACKAGES = ROOT / "node_modules"
FOLDER = ROOT / "web" / "vendor"
MODULES = {  # by the name that they have here, without its `.js`
    "htm": "htm/dist/htm.module.js",
    "preact": "preact/dist/preact.mjs",
    "preact-hooks": "preact/hooks/dist/hooks.mjs",
    "signals": "@preact/signals/dist/signals.module.js",
    "signals-core": "@preact/signals-core/dist/signals-core.module.js",
    "qr": "uqr/dist/index.mjs",
    "uplot": "uplot/dist/uPlot.iife.min.js",  # its ES module is not minified
    "yaml": "js-yaml/dist/browser/js-yaml.esm.min.mjs",
}
TYPES = {  # the module that a name is in the packages' own imports, and for TypeScript
    "htm": "htm",
    "preact": "preact",
    "preact-hooks": "preact/hooks",
    "signals": "@preact/signals",
    "signals-core": "@preact/signals-core",
    "qr": "uqr",
    "uplot": "uplot",
    "yaml": "js-yaml",
}
ONE_THING = {"htm", "uplot"}  # it is what they export
STYLES = {"pico.css": "@picocss/pico/css/pico.min.css", "uplot.css": "uplot/dist/uPlot.min.css"}
LICENCES = {
    "htm": "htm/LICENSE",
    "js-yaml": "js-yaml/LICENSE",
    "pico": "@picocss/pico/LICENSE.md",
    "preact": "preact/LICENSE",
    "signals": "@preact/signals/LICENSE",
    "signals-core": "@preact/signals-core/LICENSE",
    "uplot": "uplot/LICENSE",
    "uqr": "uqr/LICENSE",
}
_IMPORTED = re.compile(r'\bfrom ?"([^"./][^"]*)"')
_MAP = re.compile(r"\n?(//# sourceMappingURL=.*|/\*# sourceMappingURL=.*\*/)\s*$")


class UnknownImport(LookupError):
    """A module imports a package that is not copied."""


def files() -> Iterator[tuple[Path, str]]:
    """Each file of web/vendor and its text. Raises UnknownImport, FileNotFoundError."""
    for name, path in MODULES.items():
        yield FOLDER / f"{name}.js", _module(name, (PACKAGES / path).read_text())
        exported = "{ default }" if name in ONE_THING else "*"
        yield FOLDER / f"{name}.d.ts", f'export {exported} from "{TYPES[name]}";\n'
    for name, path in STYLES.items():
        yield FOLDER / name, _MAP.sub("\n", (PACKAGES / path).read_text())
    for name, path in LICENCES.items():
        yield FOLDER / f"{name}.LICENSE", (PACKAGES / path).read_text()


def _module(name: str, text: str) -> str:
    here = {imported: ours for ours, imported in TYPES.items()}

    def relative(found: re.Match[str]) -> str:
        if found[1] not in here:
            raise UnknownImport(f"{name} imports {found[1]}: add it to docgen/vendor.py")
        return f'from"./{here[found[1]]}.js"'

    text = _MAP.sub("\n", _IMPORTED.sub(relative, text))
    return f"{text}\nexport default uPlot;\n" if name == "uplot" else text


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = dict(files())
    for path in set(FOLDER.iterdir()) - set(made):
        path.unlink()
    for path, text in made.items():
        path.write_text(text)
    print(f"web/vendor: {len(made)} files of {len(LICENCES)} packages")


if __name__ == "__main__":
    main()
