"""Many at once on one pool: who joins it, leaves it, fills it and lets it expire. Every closed generation is exactly
one batch, whatever the order of their requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

import pytest

from common.domain.catalogue.model import Listing
from common.domain.catalogue.store import Catalogue
from common.errors import Refusal, Unavailable
from common.gateways.exchange import Exchange, Ticket
from common.owner import Owner
from common.table.transaction import Patience
from functions.purchases.model import PurchaseNotPending, Stage, Status
from tests.depth import deep
from tests.desk import TABLE, Clock, Desk
from tests.harness.interleave import Interleaver, Outcome, at_random, every_schedule
from tests.harness.memory import InMemoryDynamoDB
from tests.outside import Outside
from tests.purchases.lives import fair, unfinished

BLOCK = deep(everyday=8, full=200)
DEADLINE = 3_600
NAMES = ("ann", "bob", "cyd", "dan", "eve")
INSIDE = ((), ("ann",), ("ann", "bob"))  # who waits in the pool already, with $4.00 each
AMOUNTS = ("2.00", "3.00", "5.99", "6.00", "9.99")


@dataclass(frozen=True)
class Before:
    """A table in which some have already joined, the time then, their purchases by name, the catalogue."""

    dynamo: InMemoryDynamoDB
    at: datetime
    asked: dict[str, str]
    listings: Mapping[str, Listing]


@cache
def before(inside: tuple[str, ...], top_up: bool) -> Before:
    desk = Desk()
    desk.list_exchange_asset(price_age_max_seconds=1_000_000, pool_deadline_seconds=DEADLINE, pool_top_up=top_up)
    owners = {name: desk.customer(name, usd="100.00") for name in NAMES}
    asked = {name: desk.purchase(owners[name], "4.00", key="before").order_id for name in inside}
    return Before(desk.dynamo, desk.clock.at, asked, desk.purchases.catalogue.listings())


class Meeting:
    """Several on one table: at each call of one, others may come and do all of theirs before it is carried out, and
    others again at each of their calls. Who, when: by chance."""

    def __init__(self, desk: Desk, chance: Random, works: list[Callable[[], Any]]) -> None:
        self.errors: list[Exception] = []
        self._chance, self._waiting = chance, works
        desk.dynamo.pause = self._pause
        while self._waiting:
            self._next()
        desk.dynamo.pause = None

    def _pause(self, stage: str) -> None:
        while stage == "call" and self._waiting and self._chance.random() < 0.5:
            self._next()

    def _next(self) -> None:
        work = self._waiting.pop(self._chance.randrange(len(self._waiting)))
        try:
            work()
        except Refusal as refusal:
            self.errors.append(refusal)


def desk_of(of: Before, seconds: float = 0) -> Desk:
    """On a copy of that table, some time later, with a view of the catalogue as in a warm function."""
    desk = Desk(of.dynamo.copy(), Clock(of.at))
    desk.clock.forward(seconds=seconds)
    desk._catalogue = Catalogue(desk.table, desk.clock, of.listings, desk.clock.at)
    return desk


def owner(name: str) -> Owner:
    return Owner(name, f"sub-{name}")


def joins(desk: Desk, name: str, usd: str, key: str = "k") -> Callable[[], Any]:
    return lambda: desk.purchase(owner(name), usd, key=key)


def leaves(desk: Desk, of: Before, name: str) -> Callable[[], Any]:
    return lambda: desk.purchases.cancel(owner(name), of.asked[name])


def contend(seed: int) -> tuple[Desk, list[Exception], int]:
    """Two to five of: who joins at the edge of the minimum, the same request again, who leaves, the clock. Also how
    many purchases there may be."""
    chance = Random(seed)
    of = before(chance.choice(INSIDE), chance.random() < 0.5)
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
                works.append(joins(desk, NAMES[number], chance.choice(AMOUNTS)))
    return desk, Meeting(desk, chance, works).errors, len(asked)


@pytest.mark.parametrize("block", range(20))
def test_each_closed_generation_is_one_batch_however_requests_meet(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        desk, errors, asked = contend(seed)
        try:
            assert all(isinstance(error, PurchaseNotPending) for error in errors), errors
            fair(desk)
            purchases = sum(item["entity_type"]["S"] == "purchase" for item in desk.dynamo.items())
            assert purchases == asked
            if seed % 20 == 0:
                the_rest(desk)
        except AssertionError as violation:
            raise AssertionError(f"contend({seed}): {violation}") from violation


def the_rest(desk: Desk) -> None:
    """Machines and the clock do theirs: everybody is over, each batch was one order."""
    desk.run()
    desk.clock.forward(seconds=DEADLINE)
    desk.close_pools()
    desk.run()
    fair(desk)
    assert not unfinished(desk)


# Request by request, and between the two phases of a transaction


def interleaved(of: Before, interleaver: Interleaver, seconds: float = 0) -> Desk:
    """A desk whose every call to the table is a step of one of several threads."""
    desk = desk_of(of, seconds)
    desk.outside = Outside(desk.clock)
    interleaver.watch(desk.dynamo)
    desk.patience = Patience(monotonic=interleaver.monotonic, sleep=interleaver.sleep, jitter=Random(1).random)
    desk._catalogue = Catalogue(desk.table, desk.clock, of.listings, desk.clock.at)
    return desk


def ended(desk: Desk, outcomes: list[Outcome]) -> list[BaseException]:
    fair(desk)
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert all(isinstance(error, PurchaseNotPending) for error in errors), errors
    return errors


def test_two_who_would_both_fill_the_pool_fill_one_under_every_schedule() -> None:
    of = before(("ann",), False)

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver)
        ended(desk, interleaver.run(joins(desk, "bob", "6.00"), joins(desk, "cyd", "6.00")))
        batches = [item for item in desk.dynamo.items() if item["entity_type"]["S"] == "batch"]
        assert len(batches) == 1

    assert every_schedule(meet, stages=()) > 5


def test_who_leaves_as_another_fills_the_pool_is_bought_for_or_gone() -> None:
    """Under every schedule."""
    of = before(("ann",), False)

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver)
        refused = ended(desk, interleaver.run(joins(desk, "bob", "6.00"), leaves(desk, of, "ann")))
        batches = [item for item in desk.dynamo.items() if item["entity_type"]["S"] == "batch"]
        assert len(batches) == len(refused)
        status = desk.purchases.purchase(owner("ann"), of.asked["ann"]).status
        assert status == (Status.PENDING if refused else Status.CANCELLED)

    assert every_schedule(meet, stages=()) > 5


@pytest.mark.parametrize("top_up", [False, True], ids=["refunded", "topped up"])
def test_a_pool_that_is_filled_at_its_deadline_is_closed_once(top_up: bool) -> None:
    """Under every schedule."""
    of = before(("ann",), top_up)

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver, DEADLINE)
        ended(desk, interleaver.run(joins(desk, "bob", "6.00"), desk.close_pools))

    assert every_schedule(meet, stages=()) > 5


def insisting(ask: Callable[[], Any]) -> Callable[[], Any]:
    """A client that does what 503 tells it: the same request again."""

    def asked() -> Any:
        while True:
            try:
                return ask()
            except Unavailable:
                pass

    return asked


def test_many_who_join_at_once_make_batches_of_ten() -> None:
    batches = deep(6, 20)
    interleaver = Interleaver(at_random(1), seconds_per_step=0.004, stages=(), steps_max=1_000_000)
    patience = Patience(monotonic=interleaver.monotonic, sleep=interleaver.sleep, jitter=Random(1).random)
    desk = Desk(interleaver.watch(InMemoryDynamoDB(TABLE)), patience=patience)
    desk.list_exchange_asset(price_age_max_seconds=1_000_000, min_notional="30")
    names = [f"user-{n}" for n in range(10 * batches)]
    for name in names:
        desk.customer(name, usd="10.00")
    desk.catalogue_is_cached()
    asked = [outcome.result() for outcome in interleaver.run(*(insisting(joins(desk, name, "3.00")) for name in names))]
    desk.dynamo.pause = None
    fair(desk)
    assert Counter(Counter(purchase.batch_id for purchase in asked).values()) == {10: batches}
    desk.run()
    fair(desk)
    assert not unfinished(desk)
    assert desk.world.fake.calls["place"] == batches


# A batch at the exchange


class Slow:
    """An exchange whose answers come late: `meanwhile` others do theirs, before the order is taken and after."""

    def __init__(self, of: Exchange, meanwhile: Callable[[], object]) -> None:
        self._of, self._meanwhile = of, meanwhile

    def place(self, ticket: Ticket) -> str:
        self._meanwhile()
        exchange_order_id = self._of.place(ticket)
        self._meanwhile()
        return exchange_order_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)


def machine(desk: Desk, batch_id: str, wait: Callable[[], object]) -> None:
    """What the machine does about a batch, to its end."""
    batches = desk.batches
    for _ in range(1_000):
        try:
            match batches.read(batch_id).stage:
                case Stage.PLACE:
                    batches.place(batch_id)
                case Stage.RESOLVE:
                    batches.resolve(batch_id)
                case Stage.POLL:
                    batches.poll(batch_id)
                case Stage.ALLOCATE:
                    batches.allocate(batch_id, lambda: True)
                case _:
                    return
        except Unavailable:
            wait()
    raise AssertionError("no end")


@pytest.mark.parametrize("seed", range(deep(everyday=3, full=40)))
def test_a_batch_that_three_machines_move_is_placed_and_allocated_once(seed: int) -> None:
    interleaver = Interleaver(at_random(seed), seconds_per_step=0.004)
    desk = interleaved(before(("ann", "bob"), False), interleaver)
    batch_id = desk.purchase(owner("cyd"), "4.00", key="k").batch_id
    desk.world.exchange = Slow(desk.world.exchange, lambda: interleaver.sleep(0.02))
    works = [lambda: machine(desk, batch_id, lambda: interleaver.sleep(0.004))] * 3
    for outcome in interleaver.run(*works):
        outcome.result()
    desk.dynamo.pause = None
    fair(desk)
    assert desk.world.fake.calls["place"] == 1
    assert not unfinished(desk)


@pytest.mark.parametrize("quantity", ["1", "1.444", "1.666"], ids=["filled", "half filled", "not filled"])
def test_an_order_that_another_has_seen_to_meanwhile_is_no_surprise(quantity: str) -> None:
    """Its answer was slow."""
    desk = Desk()
    desk.list_exchange_asset()
    batch_id = desk.purchase(desk.customer("ann"), quantity=quantity).batch_id
    placed = desk.world.fake

    def meanwhile() -> None:
        if placed.calls["place"]:
            machine(desk, batch_id, lambda: None)

    desk.world.exchange = Slow(placed, meanwhile)
    desk.batches.place(batch_id)
    fair(desk)
    assert not unfinished(desk)
