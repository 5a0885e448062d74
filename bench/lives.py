"""What whole lives use of AWS, and what that costs: from the request to the end, with all that machines and webhooks
do. Counted while the real services and machines run on the in-memory table.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bench import prices, processes
from bench.report import Say, Section, table
from common.domain.catalogue.model import Quote
from common.domain.payouts.events import BankEvents
from common.gateways.bank import BankEvent
from common.money import Money, Price
from common.owner import Owner
from infra.context import MEMORY_MIB
from infra.http_api import LOGGED
from tests.desk import Desk
from tests.harness.executions import Execution
from tests.harness.meter import Meter

ROUNDS = 200  # of each life, for lives per second
# Of a call, while a function waits for its answer; assumed: no account was at hand. A transaction takes so much more.
TABLE_MS, TRANSACTION_MS, OUTSIDE_MS = 4, 8, 50
VCPU_MIB = 1769  # with that much memory Lambda gives one processor, with less a part of it
# What the access log says of a request, as long as it is in earnest.
SAID = {
    "request_id": "YWJjZGVmZ2hpams=",
    "route": "POST /orders",
    "status": "201",
    "milliseconds": "23",
    "username": "somebody",
    "source_address": "198.51.100.200",
    "error": "-",
    "integration_error": "-",
}


@dataclass(frozen=True)
class Cpu:
    """Of one processor, as `bench.warm` measures it here: of a function's own work, and of a call to the table."""

    of_an_invocation_ms: float
    of_a_call_ms: float


@dataclass(frozen=True)
class Usage:
    """What one life uses."""

    requests: int  # to the API, webhooks among them
    tasks: int  # of machines
    calls: int  # to the table
    transactions: int  # of these
    outside: int  # calls to the exchange and the bank
    write_units: Decimal
    read_units: Decimal
    executions: int
    transitions: int
    machine_log_bytes: int
    mib: int = MEMORY_MIB  # of its functions

    @property
    def invocations(self) -> int:
        return self.requests + self.tasks

    @property
    def access_log_bytes(self) -> int:
        line = json.dumps({name: SAID[name] for name in LOGGED}, separators=(",", ":"))
        return self.requests * (len(line) + prices.LOG_EVENT_BYTES)

    def lambda_ms(self, cpu: Cpu) -> float:
        """Billed: what a function waits, and what it works on its part of a processor."""
        works = self.invocations * cpu.of_an_invocation_ms + self.calls * cpu.of_a_call_ms
        waits = self.calls * TABLE_MS + self.transactions * TRANSACTION_MS + self.outside * OUTSIDE_MS
        return waits + works * VCPU_MIB / self.mib

    def dollars(self, cpu: Cpu) -> dict[str, Decimal]:
        """By what is paid for."""
        gib_seconds = Decimal(self.lambda_ms(cpu)) / 1000 * self.mib / 1024
        return {
            "DynamoDB": self.write_units * prices.WRITE_UNIT + self.read_units * prices.READ_UNIT,
            "API": self.requests * prices.API_REQUEST,
            "Lambda": self.invocations * prices.INVOCATION + gib_seconds * prices.LAMBDA_GIB_SECOND,
            "machines": self.transitions * prices.TRANSITION,
            "logs": self.access_log_bytes * prices.INFREQUENT_LOG_BYTE + self.machine_log_bytes * prices.LOG_BYTE,
            "traces": self.executions * prices.TRACED * prices.TRACE,
        }


@dataclass(frozen=True)
class Life:
    """`requests` of the customer. `prepare` makes a world for it and returns what is counted, which returns what must
    be true when it is over."""

    requests: int
    prepare: Callable[[Desk, Owner], Callable[[], Callable[[], bool]]]


def _buy(desk: Desk, ann: Owner) -> Callable[[], Callable[[], bool]]:
    desk.buy(ann, "3")

    def live() -> Callable[[], bool]:
        bought = desk.buy(ann, "1")
        return lambda: bought.status == "COMPLETED"

    return live


def _sell(desk: Desk, ann: Owner) -> Callable[[], Callable[[], bool]]:
    desk.buy(ann, "3")

    def live() -> Callable[[], bool]:
        sold = desk.sell(ann, "1")
        return lambda: sold.status == "COMPLETED"

    return live


def _limit_order(desk: Desk, ann: Owner) -> Callable[[], Callable[[], bool]]:
    """Without the round of the clock, which all orders of an asset share."""
    desk.buy(ann, "3")

    def live() -> Callable[[], bool]:
        resting = desk.buy(ann, "1", order_price="90")
        desk.book.fill(resting, Quote(Price("90"), "bench", desk.clock()))
        return lambda: desk.orders.order(ann, resting.order_id).status == "COMPLETED"

    return live


def _purchases(*dollars: str) -> Callable[[Desk, Owner], Callable[[], Callable[[], bool]]]:
    def prepare(desk: Desk, ann: Owner) -> Callable[[], Callable[[], bool]]:
        def live() -> Callable[[], bool]:
            asked = [desk.purchase(ann, usd).order_id for usd in dollars]
            desk.run(sweep=False)
            return lambda: {desk.purchases.purchase(ann, order_id).status for order_id in asked} == {"COMPLETED"}

        return live

    return prepare


def _cash_out(desk: Desk, ann: Owner) -> Callable[[], Callable[[], bool]]:
    desk.buy(ann, "3")

    def live() -> Callable[[], bool]:
        order_id = desk.cash_out(ann, "1").order_id
        desk.run(sweep=False)
        return lambda: desk.offramp.order(ann, order_id).status == "FILLED"

    return live


def _withdrawal(desk: Desk, ann: Owner) -> Callable[[], Callable[[], bool]]:
    def live() -> Callable[[], bool]:
        transfer_id = desk.accounts.withdraw(ann, next(desk.keys), Money(1), "ann-bank").made.transfer_id
        desk.run(sweep=False)
        return lambda: desk.accounts.withdrawal(ann, transfer_id).status == "COMPLETED"

    return live


LIVES: Mapping[str, Life] = {
    "buy": Life(1, _buy),
    "sell": Life(1, _sell),
    "limit order, placed and filled": Life(1, _limit_order),
    "direct purchase, to COMPLETED": Life(1, _purchases("20")),
    "three purchases pooled, to COMPLETED": Life(3, _purchases("4", "3", "5")),
    "cash-out, to FILLED": Life(1, _cash_out),
    "withdrawal, to COMPLETED": Life(1, _withdrawal),
}


@dataclass(frozen=True)
class Lived:
    usage: Usage
    per_second: float  # of this processor, with the table, the exchange and the bank in the same process


@dataclass(frozen=True)
class Found:
    cpu: Cpu
    lives: Mapping[str, Lived]


def measured(say: Say) -> Found:
    found = {}
    for name, life in LIVES.items():
        say(f"{name}, {ROUNDS} times")
        found[name] = Lived(used(life), _per_second(life))
    return Found(cpu(say), found)


def cpu(say: Say) -> Cpu:
    say("a warm request, for what a function works")
    warm = processes.warm()
    bare = warm["transact_write_items"] / 1000
    return Cpu(warm["POST /orders"] / 1000 - bare, bare)


def used(life: Life) -> Usage:
    desk, ann = _world()
    live = life.prepare(desk, ann)
    desk.orders.catalogue.listings()  # the catalogue and prices are cached, as in a warm function
    counted = _Counted(desk)
    with Meter(desk.dynamo).measure() as cost:
        ended = live()
    assert ended()
    desk.check()
    executions = desk.world.machines.executions
    return Usage(
        requests=life.requests + counted.webhooks,
        tasks=counted.tasks,
        calls=cost.requests,
        transactions=sum(call.operation == "TransactWriteItems" for call in cost.calls),
        outside=counted.outside,
        write_units=cost.write_units,
        read_units=cost.read_units,
        executions=len(executions),
        transitions=sum(execution.transitions for execution in executions),
        machine_log_bytes=sum(map(_log_bytes, executions)),
    )


def _world() -> tuple[Desk, Owner]:
    desk = Desk()
    desk.list_asset("BTC", "100", price_age_max_seconds=10_000_000)
    desk.list_exchange_asset("SOL", "100", price_age_max_seconds=10_000_000)
    desk.catalogue_is_cached()
    ann = desk.customer(usd="1000000.00")
    desk.clients(ann)
    return desk, ann


class _Counted:
    """Counts what the outside world of a desk is asked, and what it tells."""

    def __init__(self, desk: Desk) -> None:
        self.tasks = self.webhooks = self.outside = 0
        world = desk.world
        world.process = self._task
        world.deliver_event = self._webhook
        exchange: Any = _Watched(world.exchange, self)
        bank: Any = _Watched(world.bank, self)
        world.exchange, world.bank = exchange, bank

    def _task(self) -> None:
        self.tasks += 1

    def _webhook(self, events: BankEvents, event: BankEvent) -> object:
        self.webhooks += 1
        return events.receive(event)


class _Watched:
    """An outside system whose calls are counted; market rules, which an adapter keeps for minutes, are none."""

    def __init__(self, system: object, counted: _Counted) -> None:
        self._system, self._counted = system, counted

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._system, name)
        if callable(member) and name != "rules":
            self._counted.outside += 1
        return member


def _log_bytes(execution: Execution) -> int:
    """Of the lines that Step Functions writes about an execution, at the level ALL with its data."""
    lines = 0
    for number, (at, kind, _, details) in enumerate(execution.events, start=1):
        line = {
            "id": str(number),
            "type": kind,
            "details": details,
            "previous_event_id": str(number - 1),
            "event_timestamp": str(int(at.timestamp() * 1000)),
            "execution_arn": execution.arn,
            "redrive_count": "0",
        }
        lines += len(json.dumps(line, separators=(",", ":"))) + prices.LOG_EVENT_BYTES
    return lines


def _per_second(life: Life) -> float:
    desk, ann = _world()
    taken = 0.0
    for _ in range(ROUNDS):
        live = life.prepare(desk, ann)
        began = time.process_time()
        live()
        taken += time.process_time() - began
    return ROUNDS / taken


def told(found: Found) -> str:
    cents = Decimal("0.01")
    bills = {name: lived.usage.dollars(found.cpu) for name, lived in found.lives.items()}
    kinds = list(next(iter(bills.values())))
    return "\n\n".join(
        [
            "Counted while the real services and the machines as they are deployed run on the in-memory table, the "
            "simulated exchange and bank. Customers' requests and the bank's webhooks are requests to the API; "
            "transitions are those that AWS bills, every retry among them. Lives per second are of one processor here, "
            "all of the outside world in it.",
            table(
                (
                    "life",
                    "API requests",
                    "tasks",
                    "table requests",
                    "write units",
                    "read units",
                    "transitions",
                    "lambda ms",
                    "log bytes",
                    "lives/s",
                ),
                [
                    (
                        name,
                        used.requests,
                        used.tasks,
                        used.calls,
                        f"{used.write_units.normalize():f}",
                        f"{used.read_units.normalize():f}",
                        used.transitions,
                        f"{used.lambda_ms(found.cpu):.0f}",
                        used.access_log_bytes + used.machine_log_bytes,
                        f"{lived.per_second:.0f}",
                    )
                    for name, lived in found.lives.items()
                    for used in (lived.usage,)
                ],
            ),
            f"In US dollars for a million of each, at list prices of us-east-1 of {prices.DATED} (`bench/prices.py`), "
            "as production is set up: no line of our own while all is well, functions traced with machines only.",
            table(
                ("a million of", *kinds, "together"),
                [
                    (
                        name,
                        *((bill[kind] * prices.MILLION).quantize(cents) for kind in kinds),
                        (sum(bill.values(), Decimal(0)) * prices.MILLION).quantize(cents),
                    )
                    for name, bill in bills.items()
                ],
            ),
            f"Milliseconds of Lambda are reckoned: {MEMORY_MIB} MiB are {MEMORY_MIB / VCPU_MIB:.2f} of a processor, on "
            f"which an invocation works {found.cpu.of_an_invocation_ms:.1f} ms and {found.cpu.of_a_call_ms:.1f} ms for "
            f"each table request (the warm request below, of this machine); it waits {TABLE_MS} ms for the table, "
            f"{TRANSACTION_MS} more for a transaction, {OUTSIDE_MS} ms for the exchange or the bank.",
        ]
    )


SECTION = Section("What lives cost", measured, told)
