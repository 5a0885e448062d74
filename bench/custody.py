"""What market making costs before it quotes: watching the custody while nobody pays, and one order that nothing
disturbs, from its last transfer to `created` and on through its whole life.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from bench import lives, prices
from bench.lives import OUTSIDE_MS, Cpu, Usage
from bench.report import Say, Section, table
from common import log
from functions.market_making.model import Status
from functions.market_making.workflow import SIZES
from infra.context import MEMORY_MIB
from tests.harness.executions import Execution
from tests.harness.meter import Cost, Meter
from tests.market_making.market import ANN, BTC, ETH, USDT, Market
from tests.market_making.poller import Poller, StillClock
from tests.market_making.test_ticker_machine import Ticker

MONTH_MINUTES = 30 * 24 * 60  # the clock starts an execution in each
AT_REST_MINUTE = 30  # long after the only transfer: what was read again because of it is past
CHAIN_SECONDS = 240  # from the sending of a leg to its confirmation


@dataclass(frozen=True)
class Watched:
    """An execution of one minute of the poller in which nothing comes, or of the ticker of a shard without orders."""

    seconds: Decimal  # from its first state to its last
    custody_calls: int
    metrics: tuple[str, ...]
    log_bytes: int
    usage: Usage

    def dollars(self, cpu: Cpu) -> dict[str, Decimal]:
        """A month of it, by what is paid for. Step Functions bills the time, in steps of 100 ms and with 64 MiB, and
        the last poll, whose waiting the virtual clock leaves out, is part of it."""
        billed = self.usage.dollars(cpu)
        milliseconds = float(self.seconds) * 1000 + self.usage.lambda_ms(cpu) / self.usage.tasks
        steps = math.ceil(milliseconds / prices.EXPRESS_STEP_MS)
        gib_seconds = Decimal(steps * prices.EXPRESS_STEP_MS) / 1000 * prices.EXPRESS_MIB / 1024
        machine = prices.EXPRESS_REQUEST + gib_seconds * prices.EXPRESS_GIB_SECOND
        a_minute = {
            "Step Functions, Express": machine,
            "Lambda": billed["Lambda"],
            "DynamoDB": billed["DynamoDB"],
            "traces": billed["traces"],
            "logs, of metrics": self.log_bytes * prices.LOG_BYTE,
        }
        a_month = {kind: dollars * MONTH_MINUTES for kind, dollars in a_minute.items()}
        return a_month | {"metrics": len(self.metrics) * prices.METRIC}


@dataclass(frozen=True)
class Transitions:
    """Of an order's Standard execution: each state that is entered, and each retry."""

    to_created: int  # from the last transfer on
    paid_to_created: int  # from the first one on
    life: int  # from the first transfer until all is back

    @staticmethod
    def dollars(number: int) -> Decimal:
        return number * prices.TRANSITION


@dataclass(frozen=True)
class Found:
    cpu: Cpu
    watched: Watched
    transitions: Transitions


def measured(say: Say) -> Found:
    cpu = lives.cpu(say)
    say("a minute of the poller, and an order's life")
    return Found(cpu, watched(), transitions())


def watched() -> Watched:
    """Long after something has come: what the poller does in all the minutes between."""
    poller = Poller()
    poller.market.list_pair()
    poller.minute(0)
    poller.market.pay(ANN, BTC, "1", b"Refund: what we had sent")
    poller.minute(1)
    assert poller.taken() == 1
    polls, asked = poller.called, len(poller.custody.asked)
    with Meter(poller.market.dynamo).measure() as cost, _printed() as (names, lines):
        execution = poller.minute(AT_REST_MINUTE)
    polls, asked = poller.called - polls, len(poller.custody.asked) - asked
    usage = _usage(cost, polls, asked, MEMORY_MIB)
    return Watched(_seconds(execution), asked, tuple(sorted(names)), sum(lines), usage)


def ticked() -> Watched:
    """The ticker of a shard that has no orders: it takes each of its times, and looks who is there."""
    market = Market(clock=StillClock())
    nobody: Any = SimpleNamespace(market=market, flow=SimpleNamespace(step=lambda: None))
    ticker = Ticker(nobody)
    ticker.minute(0)
    before = len(ticker.times)
    with Meter(market.dynamo).measure() as cost, _printed() as (names, lines):
        execution = ticker.minute(1)
    usage = _usage(cost, len(ticker.times) - before, 0, SIZES["tick"].memory_mib)
    return Watched(_seconds(execution), 0, tuple(sorted(names)), sum(lines), usage)


def _usage(cost: Cost, tasks: int, outside: int, mib: int) -> Usage:
    return Usage(
        requests=0,
        tasks=tasks,
        calls=cost.requests,
        transactions=sum(call.operation == "TransactWriteItems" for call in cost.calls),
        outside=outside,
        write_units=cost.write_units,
        read_units=cost.read_units,
        executions=1,
        transitions=0,  # an Express execution is billed by its time
        machine_log_bytes=0,  # of errors only
        mib=mib,
    )


def _seconds(execution: Execution) -> Decimal:
    assert execution.stopped is not None
    return Decimal(str((execution.stopped - execution.started).total_seconds()))


@contextmanager
def _printed() -> Iterator[tuple[set[str], list[int]]]:
    """The names of the metrics that are reported, and the bytes of the lines that report them."""
    names: set[str] = set()
    lines: list[int] = []

    def take() -> None:
        line = json.dumps(log.metrics.serialize_metric_set(), separators=(",", ":"))
        names.update(log.metrics.metric_set)
        lines.append(len(line) + prices.LOG_EVENT_BYTES)
        log.metrics.clear_metrics()

    log.metrics.clear_metrics()
    with patch.object(log.metrics, "flush_metrics", take):
        yield names, lines


def transitions() -> Transitions:
    """Of an order whose chains take four minutes, and whose owner withdraws it once it quotes."""
    market = Market()
    market.list_pair()
    market.poll()
    market.safe.set_delays(kernel_seconds=2, chain_seconds=CHAIN_SECONDS - 2)
    market.fund(ANN, BTC, "0.10002")
    market.fund(ANN, USDT, "5000")
    market.run(1)
    (execution,) = market.machine.executions
    before = execution.transitions
    market.fund(ANN, ETH, "0.001")
    market.run(10, lambda: market.order().status is Status.CREATED)
    created = execution.transitions
    market.quoting.bring_home(market.order().order_id)
    market.run(30, lambda: market.order().status is Status.RETURNED)
    market.run(1)
    assert market.order().status is Status.RETURNED
    assert not market.bugs
    return Transitions(created - before, created, sum(each.transitions for each in market.machine.executions))


def golden() -> Mapping[str, Mapping[str, str]]:
    """What does not hang on the machine that measures: for `tests/golden/custody.json`."""
    minute, order = watched(), transitions()
    usage = minute.usage
    machine = minute.dollars(Cpu(of_an_invocation_ms=1.0, of_a_call_ms=1.0))
    return {
        "the poller, a minute at rest": {
            "polls": str(usage.tasks),
            "seconds": f"{minute.seconds.normalize():f}",
            "custody_calls": str(minute.custody_calls),
            "requests": str(usage.calls),
            "write_units": f"{usage.write_units.normalize():f}",
            "read_units": f"{usage.read_units.normalize():f}",
            "metrics": ", ".join(minute.metrics),
        },
        "the poller, a month at rest, in US$": {
            **{kind: f"{dollars:.2f}" for kind, dollars in machine.items()},
            "together": f"{sum(machine.values()):.2f}",
        },
        "an order, from the last transfer to created": _of(order.to_created),
        "an order, from the first transfer to created": _of(order.paid_to_created),
        "an order, its whole life": _of(order.life),
    }


def _of(number: int) -> dict[str, str]:
    return {"transitions": str(number), "dollars": f"{Transitions.dollars(number).normalize():f}"}


def told(found: Found) -> str:
    minute, usage, order = found.watched, found.watched.usage, found.transitions
    month = minute.dollars(found.cpu)
    rows = [
        ("from its last transfer to `created`", order.to_created),
        ("from its first transfer to `created`", order.paid_to_created),
        ("its whole life: paid, at the exchange, withdrawn, back with who paid", order.life),
    ]
    thousand = 1_000
    return "\n\n".join(
        [
            f"The poller while nobody pays: the clock starts an Express execution each minute, which lasts "
            f"{minute.seconds.normalize():f} s and polls {usage.tasks} times; a minute takes {usage.calls} requests to "
            f"the table with {usage.read_units.normalize():f} read and {usage.write_units.normalize():f} write units, "
            f"and {minute.custody_calls} calls to the custody, at {OUTSIDE_MS} ms each. A month of it, at list prices "
            f"of {prices.DATED}; its metrics are {', '.join(minute.metrics)}.",
            table(
                ("what", "US$ a month"),
                [
                    *((kind, f"{dollars:.2f}") for kind, dollars in month.items()),
                    ("**together**", f"**{sum(month.values()):.2f}**"),
                ],
            ),
            f"An order that nothing disturbs, each chain confirming {CHAIN_SECONDS // 60} minutes after sending: what "
            "Step Functions bills of its one execution, every retry among it.",
            table(
                ("an order", "transitions", f"US$ for {thousand:,}"),
                [(what, number, f"{Transitions.dollars(number) * thousand:.3f}") for what, number in rows],
            ),
        ]
    )


SECTION = Section("What market making costs before it quotes", measured, told)
