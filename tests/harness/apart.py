"""What changes a world that was dear to make, in a process of its own: the world stays as it was."""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import re
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

LARGE = 2 << 20  # bytes of a large page
MADV_HUGEPAGE, MADV_COLLAPSE = 14, 25  # as <linux/mman.h> has them
PRIVATE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ 00:00 0 *(\[heap\])?$", re.MULTILINE)


def split() -> int:
    """As `os.fork`: the process that was begun, and 0 in it. It has one thread: those of xdist and jsii are not there,
    and nothing here asks them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of these threads
        child = os.fork()
    if not child:
        gc.disable()  # it lives for a moment, and looking through memory copies it
    return child


def in_large_pages() -> None:
    """What this process has in memory now goes to large pages, where Linux (from 6.1 on) has them: to split off a
    process of 450 MB takes 11 ms with them, and 55 without. Elsewhere it stays as it is."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for begin, end, _ in PRIVATE.findall(maps.read_text()):
        first, last = -(-int(begin, 16) // LARGE) * LARGE, int(end, 16) // LARGE * LARGE
        if first < last:
            for advice in (MADV_HUGEPAGE, MADV_COLLAPSE):
                advise(first, last - first, advice)  # what it does not know or can not do, it leaves


def apart(act: Callable[[], T]) -> T:
    """What `act` answers, which can be pickled. Raises AssertionError with the traceback of whatever it raised."""
    with tempfile.TemporaryFile() as file:
        child = split()
        if not child:
            _end(act, file)
        os.waitpid(child, 0)
        file.seek(0)
        answer, wrong = pickle.load(file)
    assert wrong is None, wrong
    return answer  # type: ignore[no-any-return]


def _end(act: Callable[[], object], file: Any) -> NoReturn:
    try:
        try:
            told = pickle.dumps((act(), None))
        except BaseException:
            told = pickle.dumps((None, traceback.format_exc()))
        file.write(told)
        file.flush()
    finally:
        os._exit(0)  # no fixture and no buffer of the other process ends here
