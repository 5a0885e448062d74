"""CPU of whole processes: what a cold start costs up to the first answer, and a warm request after it.

Ratios in one run: this machine's seconds mean nothing on another.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import Say, Section, table
from common.identity import OPERATIONS
from infra.bundle import ROOT, Assets, CanNotBundle, Target, build
from infra.contexts import contexts
from infra.grants import GRANTS
from tests import settled

RUNS = 15
BARE = "bare boto3 client"
# As the functions have it, but that they have AWS.
ENVIRONMENT = {
    **settled.ENVIRONMENT,
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
    "POWERTOOLS_LOG_LEVEL": "WARNING",
    "POWERTOOLS_METRICS_DISABLED": "false",
    "POWERTOOLS_METRICS_NAMESPACE": "bench",
}
# In a process that has one folder and the standard library. The interpreter's own start and end are not counted; the
# wire answers at once, as from a table in which there is nothing.
PROGRAM = """\
import json, sys, time
sys.path.insert(0, {folder!r})
began = time.process_time()
{compose}
composed = time.process_time()
import io
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session
class Raw(io.BytesIO):
    def stream(self):
        yield self.read()
URLLib3Session.send = lambda _, request: AWSResponse(
    request.url, 200, HTTPHeaders(), Raw(b'{{"Items": [], "Count": 0, "executions": []}}')
)
wired = time.process_time()
{answer}
answered = time.process_time()
print(json.dumps([composed - began, composed - began + answered - wired]))
"""
OF_BARE = (
    'import boto3\nclient = boto3.client("dynamodb")',
    'client.get_item(TableName="desk", Key={"PK": {"S": "a"}})',
)
OF_A_FUNCTION = (
    "import {module} as door",
    "from types import SimpleNamespace\n"
    "context = SimpleNamespace(aws_request_id='call', get_remaining_time_in_millis=lambda: 60_000)\n"
    "door.{name}(json.loads({event!r}), context)",
)


@dataclass(frozen=True)
class Start:
    """Milliseconds of CPU, and how many times those of a function with a bare boto3 client, in the same run."""

    function: str
    composed_ms: float
    answered_ms: float
    composed_ratio: float
    answered_ratio: float


@dataclass(frozen=True)
class Starts:
    functions: list[Start]
    zip_bytes: Mapping[str, int]  # of each asset for AWS; empty where none can be built


def measured(say: Say) -> Starts:
    return Starts(starts(say), zip_bytes(say))


def starts(say: Say) -> list[Start]:
    """Median CPU from the first import to a composed function, and on to its first answer, of the assets that ship,
    with the bytecode of the Python that runs them. The bare function has boto3 whole, compiled alike. The runs of all
    alternate."""
    with tempfile.TemporaryDirectory() as bare:
        _bare_function(Path(bare))
        programs = {BARE: _program(Path(bare), *OF_BARE), **dict(_functions(build(Target.EMBEDDED)))}
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
        for n in range(RUNS):
            say(f"cold starts, {n + 1} of {RUNS}")
            for name, program in programs.items():
                runs[name].append(_cpu_seconds(program))
    found = {name: [median(part) * 1000 for part in zip(*seconds, strict=True)] for name, seconds in runs.items()}
    composed, answered = found[BARE]
    rows = [Start(name, c, a, c / composed, a / answered) for name, (c, a) in found.items()]
    return sorted(rows, key=lambda start: start.composed_ms)


def _functions(assets: Assets) -> Iterator[tuple[str, str]]:
    """Of each context its API, and the first function of its tasks and of its schedule."""
    for context in contexts():
        doors: list[tuple[str, str, Any]] = []
        if "api" in context.routes:
            routes = context.routes["api"]
            paths = [route.path for route in routes if route.method == "GET" and "{" not in route.path]
            doors.append(("api", "handler", _request(*paths[:1])))
        if context.tasks:
            doors.append(("tasks", context.tasks[0], {"id": "S0", "time": "2026-11-28T12:00:00Z"}))
        if context.every_minutes:
            doors.append(("schedule", next(iter(context.every_minutes)), {}))
        for module, name, event in doors:
            grant = GRANTS[f"{context.name}.{'api' if module == 'api' else name}"]
            compose, answer = OF_A_FUNCTION
            asked = {"module": f"functions.{context.name}.{module}", "name": name, "event": json.dumps(event)}
            folder = assets.for_grant(grant).directory
            yield f"{context.name}.{module}", _program(folder, compose.format(**asked), answer.format(**asked))


def _request(path: str = "/") -> dict[str, Any]:
    """Somebody asks for a list; of what has none, for nothing there is."""
    whose, now = "OPERATOR" if path.startswith(OPERATIONS) else "TOKEN", int(datetime.now(UTC).timestamp())
    claims = {
        "iss": ENVIRONMENT[f"{whose}_ISSUER"],
        "token_use": "access",
        "client_id": ENVIRONMENT[f"{whose}_CLIENTS"],
        "auth_time": str(now),
        "exp": str(now + 36_000),
        "sub": "47ae20c8-149d-42d2-8207-cf6a8aea7394",
        "username": "olga",
        "cognito:groups": "[operators]",
    }
    asked = {"requestId": "r", "stage": "$default", "http": {"method": "GET", "path": path}}
    return {
        "version": "2.0",
        "routeKey": f"GET {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {},
        "requestContext": {**asked, "authorizer": {"jwt": {"claims": claims}}},
        "isBase64Encoded": False,
    }


def _program(folder: Path, compose: str, answer: str) -> str:
    return PROGRAM.format(folder=str(folder), compose=compose, answer=answer)


def _bare_function(folder: Path) -> None:
    """boto3 and what it needs, compiled, in a folder of its own."""
    for package in ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "urllib3"):
        source = Path(str(importlib.import_module(package).__file__)).parent
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(str(importlib.import_module("six").__file__), folder)
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _cpu_seconds(program: str) -> tuple[float, float]:
    """To composed, and to the first answer."""
    command = [sys.executable, "-ESsB", "-c", program]
    done = subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    composed, answered = json.loads(done.stdout.splitlines()[-1])
    return composed, answered


def zip_bytes(say: Say) -> dict[str, int]:
    """The assets for AWS as they are uploaded, packed as tightly as zip does."""
    say("the assets for AWS")
    try:
        assets = build(Target.AWS)
    except CanNotBundle as trouble:
        say(str(trouble))
        return {}
    return {
        "plain": _zipped(assets.plain.directory),
        "with the exchange": _zipped(assets.with_exchange.directory),
        "with the custody": _zipped(assets.with_custody.directory),
    }


def _zipped(asset: Path) -> int:
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for path in sorted(asset.rglob("*")):
                if path.is_file():
                    packed.write(path, path.relative_to(asset))
        return file.tell()


def told(found: Starts) -> str:
    sizes = ", ".join(f"{size / 2**20:.2f} MiB {name}" for name, size in found.zip_bytes.items())
    return "\n\n".join(
        [
            f"CPU in a new process with Python {platform.python_version()}, from the first import to a composed "
            f"function and on to its first answer, without the interpreter's own start and end; median of {RUNS}, the "
            "runs of all alternating. What runs is the asset that ships, with bytecode for this Python. The bare "
            'function is `import boto3; boto3.client("dynamodb")`, compiled alike, and then asks for an item. '
            + (f"Zips for AWS: {sizes}." if sizes else ""),
            table(
                ("function", "composed, CPU ms", "× bare", "first answer, CPU ms", "× bare"),
                [
                    (
                        start.function,
                        f"{start.composed_ms:.0f}",
                        f"{start.composed_ratio:.2f}",
                        f"{start.answered_ms:.0f}",
                        f"{start.answered_ratio:.2f}",
                    )
                    for start in found.functions
                ],
            ),
        ]
    )


def warm() -> dict[str, float]:
    """Median CPU microseconds in one process: of `transact_write_items` alone, and of POST /orders around it."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.warm"],
        env={**os.environ, **ENVIRONMENT, "POWERTOOLS_LOG_LEVEL": "INFO"},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def warm_measured(say: Say) -> dict[str, float]:
    say("a warm request")
    return warm()


def warm_told(found: Mapping[str, float]) -> str:
    whole, bare = found["POST /orders"], found["transact_write_items"]
    return (
        "CPU of POST /orders from the event to the answer (validation, log line, items, botocore), against the "
        f"bare `transact_write_items` call inside it, the wire answering at once: {whole:.0f} µs and "
        f"{bare:.0f} µs, a ratio of {whole / bare:.2f}."
    )


COLD = Section("Cold start", measured, told)
WARM = Section("Warm request", warm_measured, warm_told)
