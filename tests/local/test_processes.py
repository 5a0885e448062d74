"""We stop what we started and nothing else, and say who has taken a port."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local import processes
from local.processes import Book, DidNotStart, PortTaken, Process, free_port_after, start, stop, taken_by
from tests.ports import free_ports


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    process = _start(tmp_path, "http.server", "--bind", "127.0.0.1")
    yield process
    stop(process)


def _start(folder: Path, module: str, *arguments: str) -> Process:
    (port,) = free_ports(1)

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return _begun(folder, module, answers, *arguments, str(port), port=port)


def _begun(
    folder: Path,
    module: str,
    answers: Callable[[], bool],
    *arguments: str,
    port: int | None = None,
    patience_seconds: float = 30,
) -> Process:
    return start(
        module,
        [module, *arguments],
        port=port or free_ports(1)[0],
        answers=answers,
        log=folder / "log",
        cwd=folder,
        environment=os.environ,
        patience_seconds=patience_seconds,
    )


def test_a_started_process_is_known_until_it_is_stopped(sleeper: Process, tmp_path: Path) -> None:
    book = Book(tmp_path / "processes.json")
    assert book.read() == {}
    book.add("sleeper", sleeper)
    assert Book(book.path).read() == {"sleeper": sleeper}
    assert stop(sleeper)
    assert Book(book.path).read() == {}


def test_a_pid_that_is_somebody_elses_by_now_is_left_alone(sleeper: Process) -> None:
    for somebody_else in (replace(sleeper, began="1"), replace(sleeper, command="another program")):
        assert not somebody_else.alive
        assert stop(somebody_else)
        assert sleeper.alive


def test_a_taken_port_is_told_with_who_has_it(sleeper: Process, tmp_path: Path) -> None:
    owner = taken_by(sleeper.port)
    assert owner is not None
    assert owner.startswith(f"process {sleeper.pid} (")
    assert "http.server" in owner
    with pytest.raises(PortTaken, match=re.escape(f"port {sleeper.port} is taken by {owner}")):
        _begun(tmp_path, "http.server", lambda: True, port=sleeper.port)


def test_the_port_that_is_proposed_is_free_and_nobody_elses(sleeper: Process) -> None:
    before, after = sleeper.port - 1, free_port_after(sleeper.port, ())
    assert free_port_after(before, ()) > sleeper.port
    assert free_port_after(before, {after}) > after
    assert taken_by(after) is None


def test_a_port_is_waited_for_whose_owner_is_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def command(_: int) -> None:  # as of a process that has given up its memory, and not yet its sockets
            listening.close()

        monkeypatch.setattr(processes, "_command", command)
        assert taken_by(listening.getsockname()[1]) is None
        assert listening.fileno() == -1


def test_a_process_without_a_command_line_is_still_ending(sleeper: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as ending:
        ending.setattr(processes, "_command", lambda _: None)
        assert sleeper.alive


def test_a_process_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(DidNotStart, match="No module named nobody"):
        _start(tmp_path, "nobody")


DEAF = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w'); time.sleep(60)"


def test_what_does_not_end_when_it_is_asked_to_is_killed_and_waited_for(tmp_path: Path) -> None:
    (tmp_path / "deafly.py").write_text(DEAF)
    process = _begun(tmp_path, "deafly", lambda: (tmp_path / "deaf").exists())
    assert not stop(process, patience_seconds=0.2)
    assert (process.alive, Path(f"/proc/{process.pid}").exists()) == (False, False)


def test_what_does_not_answer_is_ended_before_it_is_told(tmp_path: Path) -> None:
    children = list(processes._CHILDREN)
    with pytest.raises(DidNotStart, match="does not answer on port"):
        _begun(tmp_path, "http.server", lambda: False, patience_seconds=0.5)
    assert processes._CHILDREN == children


def test_who_is_interrupted_leaves_no_process_that_has_a_port(tmp_path: Path) -> None:
    """As by Ctrl-C: it is in no book yet, so nothing would ever stop it."""
    (port,) = free_ports(1)

    def interrupted() -> bool:
        raise KeyboardInterrupt

    children = list(processes._CHILDREN)
    with pytest.raises(KeyboardInterrupt):
        _begun(tmp_path, "http.server", interrupted, "--bind", "127.0.0.1", str(port), port=port)
    assert processes._CHILDREN == children
    assert taken_by(port) is None


def test_a_port_that_a_test_starts_at_twice_is_no_outgoing_connections() -> None:
    ports = [*free_ports(20), *free_ports(20)]
    assert len(set(ports)) == 40
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as outgoing:
        assert max(ports) < outgoing.getsockname()[1]


def test_where_there_is_no_proc_the_system_is_asked_by_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 0, stdout=f" {command[2]} of {command[4]}\n"),
    )
    assert processes._ps(7, "lstart") == "lstart= of 7"


def test_what_we_start_is_this_python(sleeper: Process) -> None:
    assert sleeper.command.startswith(sys.executable)
