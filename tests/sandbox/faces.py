"""How the tests ask a face over HTTP, by hand, and start the process that runs it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    status: int
    text: str
    headers: Any

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> str:
        return str(self.json["error"])

    @property
    def code(self) -> int:
        """Binance's."""
        return int(self.json["code"])


def call(
    url: str,
    method: str = "GET",
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    seconds: float = 5,
) -> Said:
    """A body that is not bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    with urllib3.PoolManager() as pool:
        response = pool.request(method, url, body=raw, headers=headers, timeout=seconds, retries=False)
    return Said(response.status, response.data.decode(), response.headers)


class Process:
    """`python -m sandbox.{system}` on a free port."""

    def __init__(self, system: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"sandbox.{system}", "--port", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        found = re.search(r"http://[^\s/]+", self.process.stdout.readline())
        self.url = found.group() if found else ""

    def stop(self) -> tuple[int, str]:
        """Exit code, and what it said on stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, stderr = self.process.communicate(timeout=20)
        return self.process.returncode, stderr
