"""What the exchange's process knows, in two files: the state, written anew each time, and the trades beside it.

    exchange.json             everything but the trades, and how many of those belong to it
    exchange.trades.jsonl     a line for each side of a trade; it only grows

The trades are written first: when the process dies between the two files, the next one cuts off those that no state
knows of. What has happened since the last state is lost then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from sandbox.exchange.simulated import SimulatedExchange


class Keeper:
    """Keeps it when it is told to.

    path: of the state; None keeps nothing.
    settings: of the controls.
    """

    def __init__(self, path: Path | None, exchange: SimulatedExchange, settings: Callable[[], dict[str, Any]]) -> None:
        self._path = path
        self._exchange = exchange
        self._settings = settings
        self._kept = ""
        self._trades = 0  # that are in their file
        self._trade_bytes = 0  # of them
        self._saving = Lock()

    def restore(self) -> dict[str, Any] | None:
        """Let the exchange be as it was kept, if it was, and answer the settings that were kept with it.

        Raises OSError, and what `SimulatedExchange.restore` does.
        """
        if self._path is None or not self._path.exists():
            return None
        kept = json.loads(self._path.read_text())
        if not isinstance(kept, dict) or not {"settings", "venue"} <= kept.keys():
            raise ValueError("there must be a JSON object with settings, venue")
        count = kept["venue"].get("trades")
        if isinstance(count, int):  # otherwise they were kept within the state, as they once were
            kept["venue"]["trades"] = self._read_trades(count)
        self._exchange.restore(kept)
        settings: dict[str, Any] = kept["settings"]
        return settings

    def _read_trades(self, count: int) -> list[Any]:
        """Raises ValueError when there are fewer."""
        path = self._trades_path()
        lines = path.read_bytes().splitlines(keepends=True)[:count] if count else []
        if len(lines) < count:
            raise ValueError(f"{path} has {len(lines)} trades, and {count} belong to the state")
        self._trades, self._trade_bytes = count, sum(map(len, lines))
        return [json.loads(line) for line in lines]

    def save(self) -> None:
        """All or nothing: a reader never sees half a state. Raises OSError."""
        if self._path is None:
            return
        with self._saving:
            with self._exchange.venue.lock:
                state = self._exchange.state(since_trade=self._trades)
            fresh = state["venue"]["trades"]
            state["venue"]["trades"] = self._trades + len(fresh)
            written = _line({"settings": self._settings(), **state})
            if written == self._kept:
                return
            self._append(fresh)
            beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            beside.write_text(written)
            beside.replace(self._path)
            self._kept = written

    def _append(self, fresh: list[Any]) -> None:
        """Behind those that belong to a state. Raises OSError."""
        if not fresh:
            return
        added = "".join(map(_line, fresh)).encode()
        with self._trades_path().open("ab") as file:
            file.truncate(self._trade_bytes)
            file.write(added)
        self._trades += len(fresh)
        self._trade_bytes += len(added)

    def _trades_path(self) -> Path:
        assert self._path is not None
        return self._path.with_name(f"{self._path.stem}.trades.jsonl")


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"
