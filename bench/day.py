"""A day of a thousand orders: `python -m bench.day`.

Each order is played for 24 simulated hours at 10 s, tolerance on, by its strategy and its slots, on one tape of seeded
prints that fills what is reached; without a table and a venue. The orders differ in their spreads and amounts. Fewer
orders, or hours, are told with what all of it would take.

    python -m bench.day --orders 20 --hours 6
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from decimal import Decimal
from multiprocessing import get_context

from tests import settled

os.environ |= settled.ENVIRONMENT

from bench.backtests import CORES, DAY, FEE, TARGET_ORDERS, TOLERANT
from sandbox.backtest.cases import Case, played
from sandbox.backtest.tape import Flow

PROMISED_MINUTES = 12
PROMISED_CYCLE_US = PROMISED_MINUTES * 60 * CORES * 1e6 / (TARGET_ORDERS * DAY * 360)  # of CPU
AT_A_TIME = 5  # orders that a process is given


@dataclass(frozen=True)
class Played:
    orders: int = 0
    cycles: int = 0
    fills: int = 0
    cpu_seconds: float = 0.0

    def __add__(self, other: Played) -> Played:
        return Played(
            self.orders + other.orders,
            self.cycles + other.cycles,
            self.fills + other.fills,
            self.cpu_seconds + other.cpu_seconds,
        )


def order(number: int, hours: float) -> Case:
    """Spreads from 0.08 % to 0.175 %, amounts from 0.01 to 0.05."""
    spread, amount = str(Decimal("0.08") + Decimal("0.005") * (number % 20)), str(Decimal("0.01") * (1 + number % 5))
    told = {**TOLERANT, "bid_spread": spread, "ask_spread": spread, "order_amount": amount}
    return replace(Case(told=TOLERANT, flow=Flow(hours=hours), fee=FEE), told=told)


def play(numbers: range, hours: float) -> Played:
    """By a process that has made the tape already, but the first time."""
    found, began = Played(), time.process_time()
    for number in numbers:
        outcome = played(order(number, hours))
        found += Played(1, len(outcome.moments) - 1, len(outcome.traded))
    return found + Played(cpu_seconds=time.process_time() - began)


def each(orders: int, hours: float, processes: int) -> Iterator[Played]:
    """As they get done."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        several = (range(first, min(first + AT_A_TIME, orders)) for first in range(0, orders, AT_A_TIME))
        for done in as_completed([pool.submit(play, numbers, hours) for numbers in several]):
            yield done.result()


def told(found: Played, hours: float, seconds: float, processes: int) -> str:
    cycle_us = found.cpu_seconds * 1e6 / found.cycles
    says = (
        f"{found.orders:,} orders × {hours:g} h: {found.cycles:,} cycles, {found.fills:,} fills, in "
        f"{seconds / 60:.1f} min on {processes} processes; {cycle_us:.0f} µs of CPU a cycle, of {PROMISED_CYCLE_US:.0f}"
    )
    whole = TARGET_ORDERS * DAY / (found.orders * hours)
    if whole == 1:
        return f"{says}; promised: {PROMISED_MINUTES} min on {CORES} cores"
    by_cpu = found.cpu_seconds * whole / CORES / 60
    return (
        f"{says}\n{TARGET_ORDERS:,} orders × {DAY:g} h would take {seconds * whole / 60:.1f} min so, and "
        f"{by_cpu:.1f} min by their CPU on {CORES} cores; promised: {PROMISED_MINUTES}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.day", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=TARGET_ORDERS)
    parser.add_argument("--hours", type=float, default=DAY)
    parser.add_argument("--processes", type=int, default=CORES)
    asked = parser.parse_args()
    began, found = time.monotonic(), Played()
    for part in each(asked.orders, asked.hours, asked.processes):
        found += part
        print(f"{found.orders:,} of {asked.orders:,} orders …", file=sys.stderr, flush=True)
    print(told(found, asked.hours, time.monotonic() - began, asked.processes))


if __name__ == "__main__":
    main()
