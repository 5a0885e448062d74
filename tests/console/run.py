"""A command of `desk`, run in this process as a shell would run it."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

import typer
from typer.testing import CliRunner

from console.__main__ import app


@dataclass(frozen=True)
class Said:
    """What a command printed, and the code that it ended with. `err` is without its progress: that comes where the
    machine had much else to do."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """All of the output is one JSON object."""
        read: dict[str, Any] = json.loads(self.out)
        assert isinstance(read, dict)
        return read

    @property
    def words(self) -> str:
        """The output without what only aligns it."""
        return "\n".join(" ".join(line.split()) for line in self.out.splitlines())


@cache
def made(of: typer.Typer) -> Any:
    """The commands, made once: to make them takes ten times what most of them take."""
    return typer.main.get_command(of)


def desk(*words: str, url: str | None = None, token: str | None = None) -> Said:
    """As if DESK_URL and DESK_TOKEN had these values; None: they are not set."""
    with patch("typer.testing._get_command", made):
        ran = CliRunner().invoke(app, words, env={"DESK_URL": url, "DESK_TOKEN": token}, prog_name="desk")
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return Said(ran.exit_code, ran.stdout, re.sub(r"^asking http\S+ …\n", "", ran.stderr, flags=re.MULTILINE))


def token(username: str, expires: int = 4_000_000_000) -> str:
    """A token as Cognito writes it, but for its signature."""
    claims = json.dumps({"username": username, "exp": expires}).encode()
    return f"head.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.signature"
