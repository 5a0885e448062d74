"""`python -m bench`: measure, print, and write docs/benchmarks.md. Sections can be chosen: the others stay on the page
as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from tests import settled

os.environ |= settled.ENVIRONMENT

from bench import at_rest, backtests, contention, custody, growth, lives, opening, processes, quoting
from bench.report import Say, Section, table
from tests.test_budget import measured

REPORT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEAD = (
    "# Benchmarks\n\nMeasured by `make bench`, which writes this page; `python -m bench --help` tells how to measure a "
    "part. Counts are exact; times are of the machine that measured, and only their ratios in one run mean something.\n"
)


def _calls(say: Say) -> Mapping[str, Mapping[str, str]]:
    say("requests and units of each call")
    return measured().costs


def _calls_told(budget: Mapping[str, Mapping[str, str]]) -> str:
    says = (
        "By the published rules of DynamoDB, metered on the in-memory table, and kept in `tests/golden/budget.json`. "
        "The catalogue and prices are cached."
    )
    head = ("call", "requests", "write units", "read units")
    return f"{says}\n\n{table(head, [(name, *cost.values()) for name, cost in budget.items()])}"


SECTIONS: Mapping[str, Section] = {
    "calls": Section("Requests and units at the table", _calls, _calls_told),
    "lives": lives.SECTION,
    "rest": at_rest.SECTION,
    "custody": custody.SECTION,
    "cold": processes.COLD,
    "warm": processes.WARM,
    "growth": growth.SECTION,
    "contention": contention.SECTION,
    "quotes": quoting.SECTION,
    "backtests": backtests.SECTION,
    "console": opening.SECTION,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; all unless said")
    parser.add_argument("--json", action="store_true", help="print one JSON object, and write nothing")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.sections) - SECTIONS.keys():
        parser.error(f"there is no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    chosen = [name for name in SECTIONS if name in asked.sections or not asked.sections]
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s · {what} …", file=sys.stderr, flush=True)

    found = {name: SECTIONS[name].measured(say) for name in chosen}
    if asked.json:
        print(json.dumps(found, default=_plain))
        return
    parts = {SECTIONS[name].title: SECTIONS[name].told(found[name]) for name in chosen}
    REPORT.write_text(page(REPORT.read_text(), parts))
    print("\n\n".join(f"## {title}\n\n{text}" for title, text in parts.items()))


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def page(before: str, parts: Mapping[str, str]) -> str:
    """The page with these parts, by title; those that it has besides stay."""
    _, *there = f"\n{before}".split("\n## ")
    old = {title: text.strip() for title, _, text in (part.partition("\n") for part in there)}
    titles = [section.title for section in SECTIONS.values()]
    kept = {title: parts.get(title, old.get(title)) for title in titles}
    return "\n".join([HEAD, *(f"## {title}\n\n{text}\n" for title, text in kept.items() if text is not None)])


if __name__ == "__main__":
    main()
