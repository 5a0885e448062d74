"""What was kept is read again, whole, once and in its order, wherever the process died."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from local.journal import Journal, JournalBroken

Begin = Callable[[], Journal]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """A process that goes on with what is there, until it is killed."""
    processes: list[Journal] = []

    def begun() -> Journal:
        processes.append(Journal(tmp_path))
        assert all(processes[-1].read(0))
        return processes[-1]

    yield begun
    for process in processes:
        process.close()


def keep(journal: Journal, *batches: Iterable[str]) -> None:
    async def all_of_it() -> None:
        for batch in batches:
            for change in batch:
                journal.note([change])
            await journal.keep()

    asyncio.run(all_of_it())


def read(folder: Path, last: int = 0) -> str:
    journal = Journal(folder)
    try:
        return "".join(str(change) for (change,) in journal.read(last))
    finally:
        journal.close()


def test_what_was_kept_is_read_in_its_order_by_whoever_comes_next(begin: Begin, tmp_path: Path) -> None:
    keep(begin(), "ab", "c")
    keep(begin(), "d", "ef")  # and is killed as well
    assert read(tmp_path) == "abcdef"


def test_what_is_in_the_saved_state_is_not_read_again(begin: Begin, tmp_path: Path) -> None:
    keep(begin(), "abc", "def")
    assert [read(tmp_path, last) for last in range(7)] == ["abcdef", "bcdef", "cdef", "def", "ef", "f", ""]


def test_what_was_noted_and_not_kept_is_not_there(begin: Begin, tmp_path: Path) -> None:
    journal = begin()
    keep(journal, "ab")
    journal.note(["c"])
    assert (journal.last, read(tmp_path)) == (3, "ab")


@pytest.mark.parametrize("lacking", [1, 2, 8])
def test_a_line_over_which_the_process_died_counts_for_nothing(begin: Begin, tmp_path: Path, lacking: int) -> None:
    """Cut where it may be cut, but for its end of line alone: then nothing is missing."""
    keep(begin(), "ab", "cd")
    (path,) = tmp_path.glob("*.jsonl")
    os.truncate(path, path.stat().st_size - 1 - lacking)
    assert read(tmp_path) == "ab"
    keep(begin(), "ef")
    assert read(tmp_path) == "abef"


def test_a_line_in_the_middle_that_can_not_be_read_is_told(begin: Begin, tmp_path: Path) -> None:
    """Who dies over a line writes no other behind it: what is here was acknowledged."""
    keep(begin(), "ab", "cd", "ef")
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"c"', b'"c', 1))
    with pytest.raises(JournalBroken, match="has a line in its middle"):
        read(tmp_path)


def test_changes_of_which_some_are_missing_are_not_read(begin: Begin, tmp_path: Path) -> None:
    keep(begin(), "abc")
    keep(begin(), "def")
    min(tmp_path.glob("*.jsonl")).unlink()
    assert read(tmp_path, last=3) == "def"
    with pytest.raises(JournalBroken, match=r"goes on with change 4, and change 3 is nowhere.*make down"):
        read(tmp_path, last=2)


def test_files_of_before_a_saved_state_are_forgotten_and_no_others(begin: Begin, tmp_path: Path) -> None:
    journal = begin()
    keep(journal, "ab")

    async def save() -> None:
        finished = await journal.turn()
        journal.note(["c"])
        await journal.keep()
        journal.forget(finished)

    asyncio.run(save())
    assert read(tmp_path, last=2) == "c"
    assert len(list(tmp_path.iterdir())) == 1


def test_nobody_is_told_before_the_disk_has_it(begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many wait for the same moment, and what has begun is finished for one who does not wait any more."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    journal = begin()

    async def answered(change: str) -> int:
        journal.note([change])
        await journal.keep()
        return len(synced)

    async def many() -> list[int]:
        impatient = asyncio.create_task(answered("a"))
        others = [asyncio.create_task(answered(change)) for change in "bcdefgh"]
        await asyncio.sleep(0)
        impatient.cancel()
        return await asyncio.gather(*others)

    told = asyncio.run(many())
    assert min(told) >= 2  # the folder's and the line's
    assert len(synced) <= 4, "they do not wait for the disk one after the other"
    assert read(tmp_path) == "abcdefgh"


@pytest.mark.parametrize("fails", ["write", "fsync"])
def test_what_a_disk_does_not_take_is_acknowledged_when_it_does(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """Half of a line may be there by then, or all of it."""
    journal = begin()
    keep(journal, "ab")

    def full(handle: int) -> None:
        if fails == "write":
            os.truncate(handle, os.fstat(handle).st_size - 3)
        raise OSError("no space left on device")

    async def again() -> None:
        journal.note(["c"])
        with monkeypatch.context() as disk:
            disk.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="no space"):
                await journal.keep()
        journal.note(["d"])
        await journal.keep()

    asyncio.run(again())
    assert journal.last == 4
    assert read(tmp_path) == "abcd"
