"""Ports for what a test starts and starts again: nobody takes them while it is down."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

WORKERS = 16  # of xdist, at most, that choose from ports of their own
_GIVEN: set[int] = set()
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on now, none of them twice.

    A port of the system's own range may be an outgoing connection's while who listened there starts again: so these
    are below it. Two workers choose among others, so that none takes what the other has only chosen yet.
    """
    end = int(_EPHEMERAL.read_text().split()[0]) if _EPHEMERAL.exists() else 32_768
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    there = [port for port in range(end // 2, end) if port % WORKERS == worker and port not in _GIVEN]
    random.SystemRandom().shuffle(there)
    found: list[int] = []
    while len(found) < number:
        port = there.pop()
        if _free(port):
            found.append(port)
    _GIVEN.update(found)
    return found


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
