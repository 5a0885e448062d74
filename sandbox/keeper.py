"""What a simulator knows, kept in a file, so that it begins with it next time."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock
from typing import Any

SAVE_SECONDS = 1.0


class Keeper:
    """Keeps the state in a file: when it is told to, every second or so, and at the end.

    What has changed since is lost when the process is killed without a word.
    """

    def __init__(self, path: Path | None, state: Callable[[], dict[str, Any]]) -> None:
        self._path = path
        self._state = state
        self._kept = ""
        self._saving = Lock()

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

    def run(self, stop: Event) -> None:
        """For a thread of its own. A large state is kept less often, so that it takes a twentieth of the time."""
        wait = SAVE_SECONDS
        while not stop.wait(wait):
            began = time.monotonic()
            try:
                self.save()
            except OSError as full:
                print(f"the state can not be kept: {full}", file=sys.stderr, flush=True)
            wait = max(SAVE_SECONDS, 20 * (time.monotonic() - began))
