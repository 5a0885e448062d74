"""What calls cost as what they look at grows: a longer book, a larger pool, more assets, orders, lines, open work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bench.report import Say, Section, table
from common.owner import Owner
from tests.desk import Desk
from tests.harness.meter import Meter

AGES: dict[str, Any] = {"price_age_max_seconds": 10_000_000}  # no price grows stale while a world is made


@dataclass(frozen=True)
class Cost:
    requests: int
    write_units: Decimal
    read_units: Decimal
    cpu_ms: float


@dataclass(frozen=True)
class Growth:
    """`prepare` makes a world of a size; what it returns is what is measured. `sizes` ascend."""

    of: str
    sizes: tuple[int, ...]
    prepare: Callable[[int], tuple[Desk, Callable[[], object]]]


def _desk() -> tuple[Desk, Owner]:
    desk = Desk()
    desk.list_asset("BTC", "100", max_notional="1000000000", **AGES)
    desk.catalogue_is_cached()
    ann = desk.customer(usd="1000000.00")
    desk.clients(ann)
    return desk, ann


def _book(crossed: int) -> Callable[[int], tuple[Desk, Callable[[], object]]]:
    """So many resting orders, of which the price of this round crosses a few."""

    def prepare(size: int) -> tuple[Desk, Callable[[], object]]:
        desk, ann = _desk()
        for n in range(size):
            desk.buy(ann, "0.1", order_price="99" if n < crossed else "50")
        desk.mark("BTC", "99")
        book, catalogue = desk.book, desk.catalogue
        catalogue.fresh()
        return desk, lambda: book.match(catalogue, "BTC", lambda: True)

    return prepare


def _pool(size: int) -> tuple[Desk, Callable[[], object]]:
    """The round that gives each member its share, when the exchange has bought for all."""
    desk, ann = _desk()
    desk.list_exchange_asset(min_notional=str(size), **AGES)
    desk.catalogue_is_cached()
    for _ in range(size):
        desk.purchase(ann, "1")
    allocate = desk.batches.allocate
    batch_id = next(item["PK"]["S"] for item in desk.dynamo.items() if item["entity_type"]["S"] == "batch")
    desk.batches.place(batch_id)
    desk.batches.poll(batch_id)
    return desk, lambda: allocate(batch_id, lambda: True)


def _portfolio(size: int) -> tuple[Desk, Callable[[], object]]:
    desk, ann = _desk()
    for n in range(size):
        desk.list_asset(f"A{n}", "100", **AGES)
    desk.catalogue_is_cached()
    for n in range(size):
        desk.buy(ann, "1", f"A{n}")
    orders = desk.orders
    orders.catalogue.listings()  # prices are cached
    return desk, lambda: orders.portfolio(ann)


def _page(size: int) -> tuple[Desk, Callable[[], object]]:
    desk, ann = _desk()
    for _ in range(size):
        desk.buy(ann, "0.1")
    return desk, lambda: desk.orders.orders(ann, limit=10, after=None)


def _reconcile(size: int) -> tuple[Desk, Callable[[], object]]:
    desk, ann = _desk()
    for _ in range(size):
        desk.buy(ann, "0.1")
    return desk, lambda: desk.reconciliation.reconcile("ann")


def _sweep(size: int) -> tuple[Desk, Callable[[], object]]:
    """Cash-outs that nobody buys, while their executions run: overdue, looked at, and left alone."""
    desk, ann = _desk()
    desk.buy(ann, str(size + 1))
    desk.world.nobody_buys()
    for _ in range(size):
        desk.cash_out(ann, "0.1")
    desk.clock.forward(minutes=20)
    return desk, lambda: desk.sweeper.sweep(lambda: True)


GROWTHS = (
    Growth("a match round that fills none, by resting orders", (100, 1_000, 10_000), _book(0)),
    Growth("a match round that fills ten, by resting orders", (100, 1_000, 10_000), _book(10)),
    Growth("allocating a batch, by members", (10, 100, 1_000), _pool),
    Growth("a portfolio, by assets", (1, 10, 50, 200), _portfolio),
    Growth("a page of ten orders, by orders", (10, 1_000, 10_000), _page),
    Growth("reconciling an account, by lines of its journal", (10, 100, 1_000, 10_000), _reconcile),
    Growth("a round of the sweeper, by overdue cash-outs", (0, 10, 100, 1_000), _sweep),
)


def measured(say: Say) -> dict[str, dict[int, Cost]]:
    return {growth.of: dict(_each(growth, say)) for growth in GROWTHS}


def _each(growth: Growth, say: Say) -> Iterator[tuple[int, Cost]]:
    for size in growth.sizes:
        say(f"{growth.of}: {size}")
        desk, act = growth.prepare(size)
        with Meter(desk.dynamo).measure() as cost:
            began = time.process_time()
            act()
            took = time.process_time() - began
        yield size, Cost(cost.requests, cost.write_units, cost.read_units, took * 1000)


def told(found: Mapping[str, Mapping[int, Cost]]) -> str:
    rows: list[tuple[Any, ...]] = [
        (
            of if n == 0 else "",
            f"{size:,}",
            cost.requests,
            f"{cost.write_units.normalize():f}",
            f"{cost.read_units.normalize():f}",
            f"{cost.cpu_ms:.1f}",
        )
        for of, costs in found.items()
        for n, (size, cost) in enumerate(costs.items())
    ]
    return "\n\n".join(
        [
            "Of one call each. CPU is that of the services and of the in-memory table together.",
            table(("what, by how many", "n", "requests", "write units", "read units", "CPU ms"), rows),
        ]
    )


SECTION = Section("As things grow", measured, told)
