"""A simulated system as a process: what it is told when it starts, what it begins with, and how it ends."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from sandbox.serving import Answer, Decide, Request, Running

SAVE_SECONDS = 1.0
UNREADABLE: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
)


def arguments(system: str, description: str, examples: str, port: int, *, seed: str, state: str) -> ArgumentParser:
    """With --port, --seed, --state and --access-log; the system adds its own. `seed`: what it chooses; `state`: what is
    kept."""
    parser = ArgumentParser(
        prog=f"python -m sandbox.{system}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=port, help="to listen on; 0 takes a free one (%(default)s)")
    parser.add_argument("--seed", type=int, default=7, help=f"chooses {seed} (%(default)s)")
    parser.add_argument("--state", type=Path, metavar="FILE", help=f"keep {state} here, and begin with it next time")
    parser.add_argument("--access-log", action="store_true", help="print each request")
    return parser


def restore(
    parser: ArgumentParser, state: Path | None, begin: Callable[[], object], *refusals: type[Exception]
) -> None:
    """Begin with what was kept. What it can not be used for ends the process with a word: what is wrong with its form,
    and the system's own refusals."""
    try:
        begin()
    except (*UNREADABLE, *refusals) as unreadable:
        said = f"{type(unreadable).__name__}: {unreadable}"
        parser.error(f"--state {state} can not be used: {said}; mend it or remove it")


def listen(parser: ArgumentParser, port: int, serve: Callable[[], Running]) -> Running:
    """A port that can not be used ends the process with a word."""
    try:
        return serve()
    except (OSError, OverflowError) as taken:
        parser.error(f"--port {port} can not be used: {taken}; choose another, 0 takes a free one")


def kept(decide: Decide, save: Callable[[], None]) -> Decide:
    """A face of which what it is asked to change is kept before it is answered."""

    def decided(request: Request) -> Answer:
        try:
            return decide(request)
        finally:
            if request.method != "GET":
                save()

    return decided


def run(
    running: Running,
    save: Callable[[], None],
    said: str,
    *work: Callable[[Event], None],
    at_end: Callable[[], None] = lambda: None,
) -> int:
    """Until SIGTERM or SIGINT: `work` is done in threads of its own, and the state is kept every second or so, and at
    the end. Returns the exit code. `at_end`: once the work has ended.
    """
    stop = Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, lambda *_: stop.set())
    threads = [Thread(target=one, args=(stop,)) for one in (lambda stop: _keep(save, stop), *work)]
    for thread in threads:
        thread.start()
    print(f"{said}, see {running.url}/sandbox/state", flush=True)
    stop.wait()
    running.close()
    for thread in threads:
        thread.join()
    at_end()
    try:
        save()
    except OSError as full:
        print(f"the state can not be kept: {full}", file=sys.stderr)
        return 1
    return 0


def _keep(save: Callable[[], None], stop: Event) -> None:
    """A large state is kept less often, so that it takes a twentieth of the time."""
    wait = SAVE_SECONDS
    while not stop.wait(wait):
        began = time.monotonic()
        try:
            save()
        except OSError as full:
            print(f"the state can not be kept: {full}", file=sys.stderr, flush=True)
        wait = max(SAVE_SECONDS, 20 * (time.monotonic() - began))
