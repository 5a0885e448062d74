"""Processes that we start, find again, and stop: by pid, and only when the pid is still the process we started.

A pid alone proves nothing: after a restart of the machine it may be anybody's. So the time it was started and its
command line are written down beside it and compared.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

STOP_SECONDS = 30.0
KILLED_SECONDS = 10.0  # what is killed ends at once, but for a busy machine
_CHILDREN: list[subprocess.Popen[bytes]] = []  # of this process; those of an earlier one have been adopted


class PortTaken(RuntimeError):
    """Another program listens there. Says which, where that can be known."""


class DidNotStart(RuntimeError):
    """A process of ours ended, or does not answer. Says what it printed."""


@dataclass(frozen=True)
class Process:
    """A process as it was when we started it."""

    pid: int
    began: str  # when, as the system tells it
    command: str
    port: int

    @property
    def alive(self) -> bool:
        """True for this very process only, not for one that got its pid later.

        One that is ending has no command line any more, but keeps its sockets for a moment: it is still alive.
        """
        return self.began == _began(self.pid) and _command(self.pid) in (self.command, None)


@dataclass(frozen=True)
class Book:
    """The processes that we started, in a file."""

    path: Path

    def read(self) -> dict[str, Process]:
        """Those that still run, by name."""
        try:
            written = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        known = {name: Process(**of) for name, of in written.items()}
        return {name: process for name, process in known.items() if process.alive}

    def write(self, processes: Mapping[str, Process]) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps({name: asdict(process) for name, process in processes.items()}, indent=2) + "\n")
        beside.replace(self.path)

    def add(self, name: str, process: Process) -> None:
        self.write({**self.read(), name: process})

    def remove(self, name: str) -> None:
        self.write({other: process for other, process in self.read().items() if other != name})


def start(
    name: str,
    arguments: Sequence[str],
    *,
    port: int,
    answers: Callable[[], bool],
    log: Path,
    cwd: Path,
    environment: Mapping[str, str],
    patience_seconds: float = 90.0,  # a busy machine takes one to start the embedded AWS
) -> Process:
    """Start `python -m …` apart from this terminal and wait until it answers. Raises PortTaken, DidNotStart."""
    owner = taken_by(port)
    if owner is not None:
        raise PortTaken(f"port {port} is taken by {owner}")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        begun = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _CHILDREN.append(begun)
    deadline = time.monotonic() + patience_seconds
    try:
        while not answers():
            if begun.poll() is not None:
                raise DidNotStart(f"{name} ended at once with status {begun.returncode}:\n{_end_of(log)}")
            if time.monotonic() > deadline:
                raise DidNotStart(f"{name} does not answer on port {port}:\n{_end_of(log)}")
            time.sleep(0.05)
    except BaseException:  # also who is interrupted here: nobody knows of it yet
        _end(begun)
        raise
    began, command = _began(begun.pid), _command(begun.pid)
    if began is None or command is None:
        raise DidNotStart(f"{name} ended again:\n{_end_of(log)}")
    return Process(begun.pid, began, command, port)


def stop(process: Process, patience_seconds: float = STOP_SECONDS) -> bool:
    """Ask it to end and wait; False when it had to be killed. Does nothing to a process that is not ours any more."""
    deadline, killed = time.monotonic() + patience_seconds, False
    _signal(process, signal.SIGTERM)
    while process.alive:
        if time.monotonic() > deadline:
            if killed:
                return False  # not even that has ended it yet
            _signal(process, signal.SIGKILL)
            deadline, killed = time.monotonic() + KILLED_SECONDS, True
        time.sleep(0.05)
    if _began(process.pid) is None:  # and not somebody else's by now
        for child in [child for child in _CHILDREN if child.pid == process.pid]:
            child.wait()  # its last threads may still be ending
            _CHILDREN.remove(child)
    return not killed


def _end(begun: subprocess.Popen[bytes]) -> None:
    """What does not answer has the port, and may have children: it ends before anybody is told."""
    begun.terminate()
    try:
        begun.wait(KILLED_SECONDS)
    except subprocess.TimeoutExpired:
        begun.kill()
        begun.wait()
    _CHILDREN.remove(begun)


def _signal(process: Process, number: signal.Signals) -> None:
    if process.alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def taken_by(port: int, patience_seconds: float = 10.0) -> str | None:
    """Who has a port, and keeps it: one whose owner has ended, or is ending, is free in a moment."""
    deadline = time.monotonic() + patience_seconds
    while not _free(port):
        pid = _listening(port)
        command = None if pid is None else _command(pid)  # none: it is ending, or not ours to see
        if command is not None or time.monotonic() > deadline:
            return _told(pid, command)
        time.sleep(0.05)
    return None


def free_port_after(port: int, others: Collection[int]) -> int:
    """The next one that nobody has, and none of the `others`."""
    return next(after for after in range(port + 1, 65536) if after not in others and _free(after))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) + f"\n(all of it: {log})"


# What the system knows about a process: /proc on Linux, `ps` elsewhere.


def _began(pid: int) -> str | None:
    try:
        # The fields after the name, which stands in parentheses and may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else _ps(pid, "lstart")
    except (IndexError, ProcessLookupError):
        return None


def _command(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip() or None
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else _ps(pid, "command")
    except ProcessLookupError:
        return None


def _ps(pid: int, field: str) -> str | None:
    found = subprocess.run(["ps", "-o", f"{field}=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def _told(pid: int | None, command: str | None) -> str:
    return "another program" if pid is None else f"process {pid} ({command or 'unknown'})"


def _listening(port: int) -> int | None:
    """Who listens on a TCP port of this machine, as far as we may see."""
    return _listening_pid(port) if Path("/proc/net/tcp").exists() else _lsof(port)


def _lsof(port: int) -> int | None:
    if shutil.which("lsof") is None:
        return None
    found = subprocess.run(
        ["lsof", "-nP", "-t", f"-iTCP:{port}", "-sTCP:LISTEN"], capture_output=True, text=True, check=False
    )
    first = found.stdout.partition("\n")[0]
    return int(first) if first.isdigit() else None


def _listening_pid(port: int) -> int | None:
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for handle in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(handle) in sockets:
                        return int(process.name)
    return None
