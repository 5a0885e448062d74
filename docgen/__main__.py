"""`python -m docgen` draws docs/ from the code; with `--check` it says whether they are stale."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from docgen.documents import stale, write


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m docgen", description="Draw docs/ from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a document is stale")
    if parser.parse_args(arguments).check:
        for path in (old := stale()):
            print(f"{path} is stale: run `make docs`", file=sys.stderr)
        return 1 if old else 0
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
