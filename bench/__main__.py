"""`python -m bench`: measure, print, and write docs/benchmarks.md. `--json` prints one JSON object instead."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import processes
from tests import settled

os.environ |= settled.ENVIRONMENT

from bench import contention
from tests.test_budget import measured

REPORT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
WRITERS = (1, 8, 32)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, and write nothing")
    as_json = parser.parse_args().json

    def step(what: str, act: Callable[[], Any]) -> Any:
        if not as_json:
            print(f"· {what} …", file=sys.stderr, flush=True)
        return act()

    budget = step("requests and units of each call", measured)
    starts = step(f"cold starts, {processes.RUNS} runs of each function", processes.starts)
    size = step("the zip", processes.zip_bytes)
    warm = step("a warm request", processes.warm)
    runs = [
        (name, step(f"contention: {name}, {writers} writers{', stalls' if stall else ''}", lambda: run(writers, stall)))  # noqa: B023  called at once
        for stall in (0, 1)
        for writers in WRITERS
        for name, run in (("one transaction", contention.ours), ("lock, then write", contention.locked))
    ]
    if as_json:
        found = {
            "budget": budget,
            "starts": [asdict(start) for start in starts],
            "zip_bytes": size,
            "warm_cpu_microseconds": warm,
            "contention": [{"how": name, **asdict(result)} for name, result in runs],
        }
        print(json.dumps(found, default=str))
        return
    text = _report(budget, starts, size, warm, runs)
    REPORT.write_text(text)
    print(text)


def _report(
    budget: dict[str, dict[str, str]],
    starts: list[processes.Start],
    size: int,
    warm: dict[str, float],
    runs: list[tuple[str, contention.Result]],
) -> str:
    ratio = warm["POST /orders"] / warm["transact_write_items"]
    parts = [
        "# Benchmarks",
        "Measured by `make bench`, which writes this page. Counts are exact and kept in `tests/golden/budget.json`; "
        f"times are of one machine ({platform.machine()}, Python {platform.python_version()}) and only their ratios "
        "in one run mean something.",
        "## Requests and units at the table",
        "By the published rules of DynamoDB, metered on the in-memory table. The catalogue and prices are cached.",
        _table(
            ("call", "requests", "write units", "read units"), [(name, *cost.values()) for name, cost in budget.items()]
        ),
        "## Cold start",
        f"CPU from an empty Python to a composed function, from the asset that ships, median of {processes.RUNS}. The "
        'bare function is `import boto3; boto3.client("dynamodb")`, compiled alike. '
        f"The zip that all functions share has {size / 2**20:.2f} MiB.",
        _table(
            ("function", "CPU ms", "× bare boto3 client"),
            [(s.function, f"{s.cpu_ms:.0f}", f"{s.ratio:.2f}") for s in starts],
        ),
        "## Warm request",
        "CPU of POST /orders from the event to the answer (validation, log line, items, botocore), against the "
        f"bare `transact_write_items` call inside it, the wire answering at once: {warm['POST /orders']:.0f} µs and "
        f"{warm['transact_write_items']:.0f} µs, a ratio of {ratio:.2f}.",
        "## Contention on one account",
        f"{contention.ORDERS_EACH} buys by each writer, in virtual time on the in-memory table: 6 ms for a "
        "call and 8 ms in which a transaction holds its items, not AWS. *One transaction* is the product; *lock, then "
        "write* is seed 002's flow, written for this. With stalls, 1 in 1,000 calls is followed by a pause of one and "
        "a half leases. Drift is dollars that are not where the completed orders say.",
        _table(
            ("how", "writers", "stalls", "orders/s", "requests per order", "503s", "drift"),
            [
                (
                    name,
                    r.writers,
                    "yes" if r.stall_percent else "no",
                    f"{r.goodput:.1f}",
                    f"{r.requests_per_order:.1f}",
                    r.given_up,
                    f"${r.drift_usd:.2f}",
                )
                for name, r in runs
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


if __name__ == "__main__":
    main()
