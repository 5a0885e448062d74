"""`python -m bench.tick`: does a tick of market making end in time, and what does an order cost?

Plays a shard against the simulated exchange in other processes, with a latency injected into each of its answers, on a
share of a CPU such as Lambda gives to so much memory: 1,769 MiB are one CPU, and who has used up his part of 20 ms is
held until they are over. Prints Markdown. In the worst case, which this is, every order is due at once and every quote
of it is replaced. The figures of docs/decisions/0035 come from here.

A processor of Lambda's may be slower than this one: `--slower 2` gives half of each share.
"""

from __future__ import annotations

import argparse
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from math import ceil
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench import prices
from bench.report import table
from bench.ticking import LEVELS, MARKET, ORDERS_PER_10_SECONDS, PRICE, STEP, WIRES
from common.gateways.exchange import Side, client_order_id
from common.gateways.exchange.binance_maker import BinanceMaker, way_to
from common.gateways.exchange.maker import Quote

CPU_MIB = 1769  # as AWS documents it
PERIOD_SECONDS = 0.020
LOOK_SECONDS = 0.001
ORDERS_AN_ACCOUNT = 14  # of 16 for which there is room
INTERVAL_SECONDS = 10
TICKS_A_MONTH = 30 * 86_400 // INTERVAL_SECONDS
OTHERS_LEVELS = 25


def capacity(orders_per_10_seconds: int, levels: int, interval_seconds: int) -> int:
    """So many orders an account carries when all quotes of all of them are replaced in each interval."""
    return orders_per_10_seconds * interval_seconds // (10 * 2 * levels)


@dataclass(frozen=True)
class Found:
    """Of one shard: seconds, except where it says otherwise. Medians of the ticks, but `late_max`, `intent_max`."""

    late: float
    late_max: float
    length: float
    cpu: float
    cpu_ms_a_call: float
    intent_max: float
    wait_ms: float
    connections: int
    mib: float

    def dollars(self, memory_mib: int, orders: int) -> Decimal:
        """Of Lambda, for an order and a month."""
        tick = Decimal(self.length) * memory_mib / 1024 * prices.LAMBDA_GIB_SECOND + prices.INVOCATION
        return tick * TICKS_A_MONTH / orders


class Exchange:
    """Processes of the simulated exchange; each account is at one of them."""

    def __init__(self, urls: Sequence[str], latency_seconds: float) -> None:
        self._urls = urls
        self._http = urllib3.PoolManager()
        self._opened = 0
        for url in urls:
            self._others(url)
            self._control("PUT", url, "latency", {"seconds": latency_seconds, "on": "any"})

    def _control(self, method: str, url: str, path: str, body: Mapping[str, Any]) -> Any:
        answer = self._http.request(method, f"{url}/sandbox/{path}", body=json.dumps(body))
        if answer.status != 200:
            raise RuntimeError(f"the exchange does not do it: {answer.data!r}")
        return answer.json()

    def open(self, url: str, name: str, limits: Mapping[str, int] | None = None) -> dict[str, str]:
        balances = {"USDT": "100000000", "BTC": "1000"}
        self._control("POST", url, "accounts", {"account": name, "balances": balances})
        if limits:
            self._control("PUT", url, f"accounts/{name}/limits", limits)
        key = self._control("POST", url, f"accounts/{name}/keys", {"rights": ["read", "trade"]})
        return {"url": url, "api_key": key["api_key"], "secret": key["secret"]}

    def _others(self, url: str) -> None:
        """A book that is not empty."""
        key = self.open(url, "others", {"orders_per_10_seconds": 1000})
        maker = BinanceMaker(way_to(url), api_key=key["api_key"], secret=key["secret"])
        for side, level in product(Side, range(OTHERS_LEVELS)):
            away = STEP * (90 + 10 * level) * (-1 if side is Side.BUY else 1)
            maker.place(MARKET, Quote(side, PRICE + away, Decimal(1), client_order_id(side, str(level))))

    def open_one(self, name: str, limits: Mapping[str, int]) -> dict[str, str]:
        return self.open(self._urls[0], name, limits)

    def shard(self, orders: int) -> list[dict[str, Any]]:
        """New accounts for so many orders, evenly."""
        accounts = ceil(orders / ORDERS_AN_ACCOUNT)
        self._opened += 1
        names = [f"M{self._opened}-{n}" for n in range(orders)]
        return [
            self.open(self._urls[n % len(self._urls)], f"maker-{self._opened}-{n}") | {"orders": names[n::accounts]}
            for n in range(accounts)
        ]


@contextmanager
def exchange(processes: int, latency_seconds: float) -> Iterator[Exchange]:
    program = [sys.executable, "-m", "sandbox.exchange", "--port", "0", "--prices-url", "http://127.0.0.1:9"]
    with ExitStack() as running:
        urls = []
        for _ in range(processes):
            process = running.enter_context(subprocess.Popen(program, stdout=subprocess.PIPE, text=True))
            running.callback(process.terminate)
            assert process.stdout is not None
            urls.append(process.stdout.readline().split()[2])
        yield Exchange(urls, latency_seconds)


def played(asked: Mapping[str, Any], share: float) -> Found:
    """Play a shard on a share of a CPU."""
    program = [sys.executable, "-m", "bench.ticking", json.dumps(asked)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the shard did not start; what it said stands above")
            process.stdin.write("go\n")
            process.stdin.flush()
            if share < 1:
                hold_back(process, share)
            said = process.stdout.read()
            if process.wait():
                raise RuntimeError("the shard broke off; what it said stands above")
            told = json.loads(said)
        finally:
            process.send_signal(SIGCONT)
            process.terminate()
    ticks = told["ticks"]
    return Found(
        late=median(max(tick["late"]) for tick in ticks),
        late_max=max(max(tick["late"]) for tick in ticks),
        length=median(tick["length"] for tick in ticks),
        cpu=median(tick["cpu"] for tick in ticks),
        cpu_ms_a_call=median(tick["cpu"] / tick["calls"] for tick in ticks) * 1000,
        intent_max=max(max(tick["intents"]) for tick in ticks),
        wait_ms=median(wait for tick in ticks for wait in tick["waits"]) * 1000,
        connections=median(tick["connections"] for tick in ticks),
        mib=told["mib"],
    )


def hold_back(process: subprocess.Popen[str], share: float) -> None:
    """Until it ends: a process that has used up its share of a period is stopped for the rest of it. What it has used
    beyond that is taken from the next."""
    clock = (~process.pid << 3) | 2  # of all its threads, as clock_getcpuclockid makes it
    allowed, used_before = PERIOD_SECONDS * share, time.clock_gettime(clock)
    ends, owed, held = time.monotonic() + PERIOD_SECONDS, 0.0, False
    while process.poll() is None:
        now = time.monotonic()
        try:
            used = time.clock_gettime(clock)
        except OSError:
            return
        if now >= ends:
            periods = int((now - ends) // PERIOD_SECONDS) + 1
            ends += periods * PERIOD_SECONDS
            owed = max(0.0, owed + used - used_before - periods * allowed)
            used_before = used
        hold = owed + used - used_before >= allowed
        if hold != held:
            process.send_signal(SIGSTOP if hold else SIGCONT)
            held = hold
        time.sleep(max(0.0, ends - time.monotonic()) if held else LOOK_SECONDS)


def cpu_of_calls(there: Exchange, wire: str) -> Mapping[str, float]:
    """Milliseconds, by kind of call."""
    limits = {"orders_per_10_seconds": 100_000, "open_orders_per_symbol": 1_000, "weight_per_minute": 1_000_000}
    asked = {"wire": wire, "calls": there.open_one(f"calls by {wire}", limits)}
    program = [sys.executable, "-m", "bench.ticking", json.dumps(asked)]
    told = subprocess.run(program, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(told.stdout)
    return found


def handshake_ms() -> float:
    """CPU of a client of TLS until it may speak: what each connection costs that is opened. Both ends are here."""
    with TemporaryDirectory() as folder:
        certificate = Path(folder) / "certificate.pem"
        certificate.write_bytes(_certificate())
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate)
        client = ssl.create_default_context(cafile=str(certificate))

    def shake() -> float:
        here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
        mine = client.wrap_bio(here, there, server_hostname="localhost")
        other, spent, waiting = server.wrap_bio(there, here, server_side=True), 0.0, True
        while waiting:
            waiting = False
            for end in (mine, other):
                began = time.process_time()
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    waiting = True
                spent += (time.process_time() - began) * (end is mine)
        return spent

    return median(shake() for _ in range(100)) * 1000


def _certificate() -> bytes:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
    return made.sign(key, hashes.SHA256()).public_bytes(pem) + private


HEAD = (
    "wire",
    "due orders",
    "MiB",
    "CPU ms a request",
    "CPU s a tick",
    "last cycle late by, s (worst)",
    "tick, s",
    "write to last placement, s",
    "a request, ms",
    "connections opened",
    "US$ an order and month",
)


def row(wire: str, orders: int, memory: int, found: Found) -> Sequence[object]:
    return (
        wire,
        orders,
        memory,
        f"{found.cpu_ms_a_call:.2f}",
        f"{found.cpu:.2f}",
        f"{found.late:.2f} ({found.late_max:.2f})",
        f"{found.length:.2f}",
        f"{found.intent_max:.2f}",
        f"{found.wait_ms:.0f}",
        f"{found.connections:.0f}",
        f"{found.dollars(memory, orders):.3f}",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.tick", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, nargs="+", default=[12, 33, 100], help="due at once (%(default)s)")
    parser.add_argument("--memory", type=int, nargs="+", default=[512, 1024, 1769], help="MiB (%(default)s)")
    parser.add_argument("--wires", nargs="+", default=list(WIRES), choices=WIRES, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=48, help="requests on their way at the same time (%(default)s)")
    parser.add_argument("--latency-ms", type=float, default=60, help="of the exchange (%(default)s)")
    parser.add_argument("--decide-ms", type=float, default=1.0, help="CPU of a decision (%(default)s)")
    parser.add_argument("--slower", type=float, default=1.0, help="so many times slower is Lambda's CPU (%(default)s)")
    parser.add_argument("--ticks", type=int, default=3, help="ten seconds each (%(default)s)")
    parser.add_argument("--processes", type=int, default=3, help="of the exchange (%(default)s)")
    parser.add_argument("--calls", action="store_true", help="measure what single calls cost, and nothing else")
    asked = parser.parse_args(arguments)
    room = capacity(ORDERS_PER_10_SECONDS, LEVELS, INTERVAL_SECONDS)
    print(f"An account has room for {room} orders; {ORDERS_AN_ACCOUNT} are at each.", file=sys.stderr)
    if asked.calls:
        with exchange(1, 0) as there:
            calls = {wire: cpu_of_calls(there, wire) for wire in asked.wires}
        kinds = list(dict.fromkeys(kind for found in calls.values() for kind in found))
        shown = [
            [wire, *(f"{found[kind]:.2f}" if kind in found else "" for kind in kinds)] for wire, found in calls.items()
        ]
        print(f"{table(['CPU ms of a call', *kinds], shown)}\n\nA handshake of TLS: {handshake_ms():.2f} ms.")
        return
    rows = []
    with exchange(asked.processes, asked.latency_ms / 1000) as there:
        for wire, orders, memory in product(asked.wires, asked.orders, asked.memory):
            play = {
                "wire": wire,
                "accounts": there.shard(orders),
                "threads": asked.threads,
                "ticks": asked.ticks,
                "decide_seconds": asked.decide_ms / 1000,
                "interval_seconds": INTERVAL_SECONDS,
            }
            found = played(play, min(1.0, memory / CPU_MIB) / asked.slower)
            rows.append(row(wire, orders, memory, found))
            print(*rows[-1], f"{found.mib:.0f} MiB", sep=" | ", file=sys.stderr, flush=True)
    print(table(HEAD, rows))


if __name__ == "__main__":
    main()
