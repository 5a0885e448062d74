"""What has changed since a state was last saved, on the disk before anybody is told that it has.

    00000001.jsonl   [17, [change, change]]     the first is the seventeenth change of all
                     [19, [change]]

A line is what was kept at once: the whole of it counts, or nothing does. The last line of a file may be one that can
not be read: the process died over it, and nobody was told of what is in it. The next file goes on with the number that
would have followed. Whoever saves a state saves with it the number of the last change that is in it.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

Change = list[Any]  # what JSON can say
ANEW = "make down; rm -rf .local; make up"


class JournalBroken(RuntimeError):
    """Changes are missing between the state that was saved and those that are here."""


class Journal:
    """Of changes, in the files of a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._kept = folder, 0
        self._waiting: list[str] = []  # noted, and not kept yet
        self._file: BinaryIO | None = None
        self._keeping = asyncio.Lock()
        self._disk = ThreadPoolExecutor(1, "journal")  # nobody else's work comes before it

    @property
    def last(self) -> int:
        """The number of the last change that was noted."""
        return self._kept + len(self._waiting)

    @property
    def is_empty(self) -> bool:
        return not self._files()

    def read(self, last: int) -> Iterator[Change]:
        """What was kept after change `last`, which is the last in the state that was saved, in its order. It is read
        to its end before anything is noted. Raises JournalBroken."""
        self._kept = last
        for path in self._files():
            for first, changes in _lines(path):
                if first > self._kept + 1:
                    raise JournalBroken(
                        f"{path} goes on with change {first}, and change {self._kept + 1} is nowhere: the state that "
                        f"was saved is not the one that these changes follow. Put that one back, or begin anew: {ANEW}"
                    )
                for change in changes[self._kept + 1 - first :]:
                    self._kept += 1
                    yield change

    def note(self, change: Change) -> None:
        """Something has changed, and nobody may be told before `keep`."""
        self._waiting.append(json.dumps(change, ensure_ascii=False, separators=(",", ":")))

    async def keep(self) -> None:
        """Returns when everything that was noted is on the disk. Raises OSError, when the disk does not take it."""
        if self._waiting:
            # What has begun goes on, whoever has given up waiting for it: two at once would write the same twice.
            await asyncio.shield(asyncio.ensure_future(self._keep(self.last)))

    async def turn(self) -> Sequence[Path]:
        """Begin another file; returns those that are done, for `forget` when a state with what is in them is saved."""
        async with self._keeping:
            await asyncio.get_running_loop().run_in_executor(self._disk, self._close)
            return self._files()

    def forget(self, files: Sequence[Path]) -> None:
        for path in files:
            path.unlink()

    def close(self) -> None:
        self._disk.shutdown()
        self._close()

    async def _keep(self, number: int) -> None:
        async with self._keeping:
            if self._kept >= number:
                return  # kept together with somebody else's
            taken = list(self._waiting)
            line = f"[{self._kept + 1},[{','.join(taken)}]]\n".encode()
            await asyncio.get_running_loop().run_in_executor(self._disk, self._append, line)
            del self._waiting[: len(taken)]
            self._kept += len(taken)

    def _append(self, line: bytes) -> None:
        try:
            if self._file is None:
                number = max((int(path.stem) for path in self._files()), default=0) + 1
                self._file = (self._folder / f"{number:08}.jsonl").open("xb", buffering=0)
                synced(self._folder)
            written = self._file.write(line)
            if written != len(line):
                raise OSError(f"{self._file.name}: {written} of {len(line)} bytes were written; is the disk full?")
            os.fsync(self._file.fileno())
        except OSError:
            self._close()  # whatever is in it now: the same changes are written again, into the next
            raise

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _files(self) -> Sequence[Path]:
        return sorted(self._folder.glob("*.jsonl"))


def synced(path: Path) -> None:
    """Returns when a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(path: Path) -> Iterator[tuple[int, list[Change]]]:
    with path.open("rb") as lines:
        for line in lines:
            try:
                first, changes = json.loads(line)
            except ValueError:
                if lines.read(1):
                    raise JournalBroken(
                        f"{path} has a line in its middle that can not be read, and others behind it: its disk is not "
                        f"well. Put back what was there, or begin anew: {ANEW}"
                    ) from None
                return
            yield first, changes
