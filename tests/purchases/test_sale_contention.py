"""Many at once on one pool of sales: every closed generation is exactly one batch, whatever the order of their
requests; and nobody sells a coin twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

import pytest

from common.domain.catalogue.model import Listing
from common.domain.catalogue.store import Catalogue
from common.domain.ledger.model import NothingToSell
from common.owner import Owner
from common.table.transaction import Patience
from functions.purchases.model import Status
from functions.purchases.sale_model import SaleNotPending
from tests.depth import deep
from tests.desk import Clock, Desk
from tests.harness.interleave import Interleaver, Outcome, at_random, every_schedule
from tests.harness.memory import InMemoryDynamoDB
from tests.outside import Outside
from tests.purchases.lives import unfinished
from tests.purchases.sale_lives import fair
from tests.purchases.test_contention import DEADLINE, NAMES, Meeting, Slow, machine, owner

BLOCK = deep(everyday=8, full=200)
INSIDE = ((), ("ann",), ("ann", "bob"))  # who waits in the pool already, with 0.04 of $4.00 each
QUANTITIES = ("0.02", "0.03", "0.0599", "0.06", "0.0999", "all")


@dataclass(frozen=True)
class Before:
    """A table in which some are already in the pool, the time then, their sales by name, the catalogue."""

    dynamo: InMemoryDynamoDB
    at: datetime
    asked: dict[str, str]
    listings: Mapping[str, Listing]


@cache
def before(inside: tuple[str, ...]) -> Before:
    desk = Desk()
    desk.list_exchange_asset(price_age_max_seconds=1_000_000, pool_deadline_seconds=DEADLINE)
    owners = {name: desk.customer(name, usd="100.00") for name in NAMES}
    for each in owners.values():
        desk.bring(each, "0.1")
    asked = {name: desk.sale(owners[name], "0.04", key="before").order_id for name in inside}
    return Before(desk.dynamo, desk.clock.at, asked, desk.purchases.catalogue.listings())


def desk_of(of: Before, seconds: float = 0) -> Desk:
    """On a copy of that table, some time later, with a view of the catalogue as in a warm function."""
    desk = Desk(of.dynamo.copy(), Clock(of.at))
    desk.clock.forward(seconds=seconds)
    desk._catalogue = Catalogue(desk.table, desk.clock, of.listings, desk.clock.at)
    return desk


def sells(desk: Desk, name: str, quantity: str, key: str = "k") -> Callable[[], Any]:
    return lambda: desk.sale(owner(name), quantity, key=key)


def leaves(desk: Desk, of: Before, name: str) -> Callable[[], Any]:
    return lambda: desk.sales.cancel(owner(name), of.asked[name])


def contend(seed: int) -> tuple[Desk, list[Exception], int]:
    """Two to five of: who joins at the edge of the minimum, the same request again, who leaves, the clock. Also how
    many sales there may be."""
    chance = Random(seed)
    of = before(chance.choice(INSIDE))
    late = bool(of.asked) and chance.random() < 0.5
    desk = desk_of(of, DEADLINE if late else 0)
    if seed % 20:
        desk.outside = Outside(desk.clock)  # without machines: the sweeper would start what is closed
    works: list[Callable[[], Any]] = []
    asked = set(of.asked)
    for number in range(chance.choice([2, 2, 2, 2, 2, 3, 3, 3, 4, 5])):
        match chance.randrange(8):
            case 0 | 1 if of.asked:
                works.append(leaves(desk, of, chance.choice(sorted(of.asked))))
            case 2 | 3 if late:
                works.append(desk.close_pools)
            case 4 if number:
                works.append(works[-1])
            case _:
                asked.add(f"{NAMES[number]}, now")
                quantity = chance.choice(QUANTITIES if number > 1 else QUANTITIES[:4])
                works.append(sells(desk, NAMES[number], quantity))
    return desk, Meeting(desk, chance, works).errors, len(asked)


@pytest.mark.parametrize("block", range(20))
def test_each_closed_generation_of_sales_is_one_batch_however_they_meet(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        desk, errors, asked = contend(seed)
        try:
            assert all(isinstance(error, SaleNotPending) for error in errors), errors
            fair(desk)
            sales = sum(item["entity_type"]["S"] == "sale" for item in desk.dynamo.items())
            assert sales == asked
            if seed % 20 == 0:
                the_rest(desk)
        except AssertionError as violation:
            raise AssertionError(f"contend({seed}): {violation}") from violation


def the_rest(desk: Desk) -> None:
    """Machines and the clock do theirs: everybody is over, each batch was one order."""
    desk.world.nobody_sells()
    desk.world.bid("100", "1000", "SOLUSDT")
    desk.run()
    desk.clock.forward(seconds=DEADLINE)
    desk.close_pools()
    desk.run()
    fair(desk)
    assert not unfinished(desk)


def interleaved(of: Before, interleaver: Interleaver, seconds: float = 0) -> Desk:
    """A desk whose every call to the table is a step of one of several threads."""
    desk = desk_of(of, seconds)
    desk.outside = Outside(desk.clock)
    interleaver.watch(desk.dynamo)
    desk.patience = Patience(monotonic=interleaver.monotonic, sleep=interleaver.sleep, jitter=Random(1).random)
    desk._catalogue = Catalogue(desk.table, desk.clock, of.listings, desk.clock.at)
    return desk


def ended(desk: Desk, outcomes: list[Outcome], *may: type[Exception]) -> list[BaseException]:
    fair(desk)
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert all(isinstance(error, may) for error in errors), errors
    return errors


def batches(desk: Desk) -> int:
    return sum(item["entity_type"]["S"] == "batch" for item in desk.dynamo.items())


def test_two_who_would_both_fill_a_pool_of_sales_fill_one_under_every_schedule() -> None:
    of = before(("ann",))

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver)
        ended(desk, interleaver.run(sells(desk, "bob", "0.06"), sells(desk, "cyd", "0.06")))
        assert batches(desk) == 1

    assert every_schedule(meet, stages=()) > 5


def test_who_leaves_as_another_fills_the_pool_is_sold_for_or_gone() -> None:
    """Under every schedule."""
    of = before(("ann",))

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver)
        refused = ended(desk, interleaver.run(sells(desk, "bob", "0.06"), leaves(desk, of, "ann")), SaleNotPending)
        assert batches(desk) == len(refused)
        status = desk.sales.sale(owner("ann"), of.asked["ann"]).status
        assert status == (Status.PENDING if refused else Status.CANCELLED)

    assert every_schedule(meet, stages=()) > 5


def test_a_pool_of_sales_that_is_filled_at_its_deadline_is_closed_once() -> None:
    """Under every schedule."""
    of = before(("ann",))

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver, DEADLINE)
        ended(desk, interleaver.run(sells(desk, "bob", "0.06"), desk.close_pools))

    assert every_schedule(meet, stages=()) > 5


def test_who_sells_everything_twice_at_once_sells_it_once() -> None:
    """Under every schedule: the other finds nothing, or what is left then."""
    of = before(("ann",))

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver)
        works = (sells(desk, "bob", "all", "one"), sells(desk, "bob", "all", "two"))
        assert len(ended(desk, interleaver.run(*works), NothingToSell)) == 1

    assert every_schedule(meet, stages=()) > 5


@pytest.mark.parametrize("seed", range(deep(everyday=2, full=40)))
def test_a_batch_of_sales_that_three_machines_move_is_sold_once(seed: int) -> None:
    interleaver = Interleaver(at_random(seed), seconds_per_step=0.004)
    desk = interleaved(before(("ann", "bob")), interleaver)
    desk.world.nobody_sells()
    desk.world.bid("100", "1000", "SOLUSDT")
    batch_id = desk.sale(Owner("cyd", "sub-cyd"), "0.0400001", key="k").batch_id
    desk.world.exchange = Slow(desk.world.exchange, lambda: interleaver.sleep(0.02))
    works = [lambda: machine(desk, batch_id, lambda: interleaver.sleep(0.004))] * 3
    for outcome in interleaver.run(*works):
        outcome.result()
    desk.dynamo.pause = None
    fair(desk)
    assert desk.world.fake.calls["place"] == 1
    assert not unfinished(desk)
