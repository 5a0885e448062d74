"""CPU of whole processes: what a cold start costs before the first request, and a warm request after it.

Ratios in one run: this machine's seconds mean nothing on another.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from infra.bundle import ROOT, Target, build
from infra.contexts import contexts
from tests import settled

RUNS = 15
BARE = 'import boto3\nboto3.client("dynamodb")\n'
# As the functions have it, but that they have AWS.
ENVIRONMENT = {
    **settled.ENVIRONMENT,
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "POWERTOOLS_METRICS_DISABLED": "false",
}


@dataclass(frozen=True)
class Start:
    function: str
    cpu_ms: float
    ratio: float  # to a function with a bare boto3 DynamoDB client, in the same run


def starts() -> list[Start]:
    """Median CPU of importing each function's module from the asset that ships, less that of an empty Python.

    The bare function has boto3 whole, compiled like ours. The runs of all alternate.
    """
    asset = build(Target.EMBEDDED).directory
    modules = {f"{c.name}.{door}": f"functions.{c.name}.{door}" for c in contexts() for door in c.routes}
    modules |= {f"{c.name}.tasks": f"functions.{c.name}.tasks" for c in contexts() if c.tasks}
    modules |= {f"{c.name}.schedule": f"functions.{c.name}.schedule" for c in contexts() if c.every_minutes}
    with tempfile.TemporaryDirectory() as bare:
        _bare_function(Path(bare))
        programs = {name: (asset, f"import {module}\n") for name, module in modules.items()}
        programs |= {"bare boto3 client": (Path(bare), BARE), "nothing": (Path(bare), "pass\n")}
        seconds: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(RUNS):
            for name, (folder, program) in programs.items():
                seconds[name].append(_cpu_seconds(folder, program))
    nothing = median(seconds["nothing"])
    cost = {name: (median(runs) - nothing) * 1000 for name, runs in seconds.items() if name != "nothing"}
    bare_ms = cost["bare boto3 client"]
    return [Start(name, ms, ms / bare_ms) for name, ms in sorted(cost.items(), key=lambda pair: pair[1])]


def _bare_function(folder: Path) -> None:
    """boto3 and what it needs, compiled, in a folder of its own."""
    for package in ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "urllib3"):
        source = Path(str(importlib.import_module(package).__file__)).parent
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(str(importlib.import_module("six").__file__), folder)
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _cpu_seconds(folder: Path, program: str) -> float:
    """User and system time of one process that has only `folder` and the standard library."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-ESsB", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{program}"],
        env=ENVIRONMENT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def zip_bytes() -> int:
    """The asset as it is uploaded, packed as tightly as zip does."""
    asset = build(Target.EMBEDDED).directory
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for path in sorted(asset.rglob("*")):
                if path.is_file():
                    packed.write(path, path.relative_to(asset))
        return file.tell()


def warm() -> dict[str, float]:
    """Median CPU microseconds in one process: of `transact_write_items` alone, and of POST /orders around it."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.warm"],
        env={**os.environ, **ENVIRONMENT, "POWERTOOLS_METRICS_NAMESPACE": "bench"},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
