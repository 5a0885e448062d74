"""What a simulator knows, kept in a file, so that it begins with it next time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any


class Keeper:
    """Keeps the state in a file when it is told to. What has changed since is lost when the process is killed without a
    word."""

    def __init__(self, path: Path | None, state: Callable[[], dict[str, Any]]) -> None:
        self._path = path
        self._state = state
        self._kept = ""
        self._saving = Lock()

    def restore(self, begin: Callable[[Any], None]) -> bool:
        """Begin with what was kept; False when nothing was. Raises OSError, ValueError, and what `begin` does."""
        if self._path is None or not self._path.exists():
            return False
        begin(json.loads(self._path.read_text()))
        return True

    def save(self) -> None:
        """All or nothing: a reader never sees half a file. Raises OSError."""
        if self._path is None:
            return
        with self._saving:
            written = json.dumps(self._state(), separators=(",", ":")) + "\n"
            if written == self._kept:
                return
            beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            beside.write_text(written)
            beside.replace(self._path)
            self._kept = written
