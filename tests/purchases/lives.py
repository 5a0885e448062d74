"""Random lives with faults: customers buy alone and in pools and cancel, prices move, processes die, hosts restart.

    python -m tests.purchases.lives 4711            replays one seed and tells what happened
    python -m tests.purchases.lives --from 0 --lives 100000

Time is virtual, the code is the product's own, and a seed gives the same life every time. `unfair` says what more
must hold of purchases than the books do; `pass_time` lets the clock close pools besides what `Desk.run` does.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from random import Random
from typing import Any

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from common.clock import instant
from common.errors import Refusal, Unavailable
from common.gateways.exchange import Exchange, ExchangeOrderUnknown, OrderReport, client_order_id
from common.owner import Owner
from functions.purchases.model import BatchNotStuck
from sandbox.exchange.orders import Fees, Order
from tests import books
from tests.desk import Desk
from tests.faulty import FaultyDesk
from tests.harness.faults import Crash, Faults, by_chance, never
from tests.lives import RATES, Forgetful, lived, main
from tests.outside import ACCOUNT
from tests.raw import Raw, plain

MOMENT = timedelta(seconds=1)  # two who are both the first to join agree on the deadline within it
ROUND = timedelta(minutes=1)  # between two rounds of `close_pools`
COMMAND = "python -m tests.purchases.lives"
STRAY = "Z"  # what the ids of stray orders begin with
# What becomes of a direct purchase: mostly it fills. The others are the exchange's magic quantities.
QUANTITIES = ("1", "0.5", "2.00001", "0.123456789", "1.444", "1.666", "1.555", "1.222", "1.777")


# What always holds


def unfair(desk: Desk, items: Iterable[Raw]) -> Iterator[str]:
    """What is wrong with purchases, in words: between the desk and its exchange, and among the members."""
    kinds = _kinds(items)
    yield from _unfair_orders(desk, kinds)
    yield from _unfair_generations(kinds)
    yield from _unfair_members(kinds)


def unfair_among_members(items: Iterable[Raw]) -> Iterator[str]:
    """The same where the exchange lies: only what does not depend on it."""
    kinds = _kinds(items)
    yield from _unfair_generations(kinds)
    yield from _unfair_members(kinds)


def _kinds(items: Iterable[Raw]) -> dict[str, list[dict[str, Any]]]:
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        fields = plain(item)
        kinds[fields["entity_type"]].append(fields)
    return kinds


def _unfair_orders(desk: Desk, kinds: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """A batch is one order at the exchange at most, and has booked what that has executed."""
    venue = desk.world.venue
    orders: dict[str, list[Order]] = defaultdict(list)
    for order in {o.order_id: o for o in (*venue.history(ACCOUNT), *venue.open_orders(ACCOUNT))}.values():
        orders[order.client_order_id].append(order)
    placed = {item["PK"]: item for item in kinds["exchange_order"]}
    for batch in kinds["batch"]:
        batch_id, placement = batch["PK"], placed.get(batch["PK"])
        there = orders.pop(client_order_id(batch_id, "1"), [])
        if len(there) > 1:
            yield f"the exchange has {len(there)} orders of {batch_id}"
        if there and placement is None:
            yield f"the exchange has an order of {batch_id}, which was not placed"
        executed = sum((order.executed for order in there), Decimal(0))
        status = None if placement is None else placement["status"]
        if batch["status"] in ("DECIDED", "ALLOCATED") and status not in ("NEVER", "LOST"):  # a last look follows
            turned_up = status in ("TURNED_UP", "DEALT_WITH")
            if batch["executed_quantity"] != (0 if turned_up else executed):
                yield f"{batch_id} has booked {batch['executed_quantity']}, the exchange has executed {executed}"
            if any(not order.status.over for order in there):
                yield f"{batch_id} is {batch['status']}, and its order is open"
        asked = batch.get("quantity")
        if any(order.quantity != asked for order in there):
            yield f"{batch_id} is for {asked}, the exchange has been asked for {there}"
    yield from (f"the exchange has {order}, which is of no batch" for order in orders)


def _unfair_generations(kinds: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Each closed generation of a pool is one batch, and no other is. Who can fill a pool closes it, and the clock
    closes none that may still be filled."""
    batches = [batch for batch in kinds["batch"] if "side" not in batch]
    closed = Counter(
        (batch["asset_id"], batch["shard"], batch["pool_generation"])
        for batch in batches
        if batch.get("shard") is not None
    )
    minimum = {asset["asset_id"]: asset["min_notional"] for asset in kinds["asset"]}
    for pool in kinds["pool"]:
        for generation in range(1, int(pool["pool_generation"])):
            if closed.pop((pool["asset_id"], pool["shard"], Decimal(generation)), 0) != 1:
                yield f"generation {generation} of {pool['PK']} is closed, and is not one batch"
        if pool["total"] >= minimum[pool["asset_id"]]:
            yield f"{pool['PK']} is full with {pool['total']}, and not closed"
    yield from (f"{generation} is a batch, and not closed" for generation in closed)
    members: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for purchase in kinds["purchase"]:
        if purchase["status"] != "CANCELLED":
            members[purchase["batch_id"]].append(purchase)
    for batch in batches:
        inside = members[batch["PK"]]
        total = sum((purchase["held_amount"] for purchase in inside), Decimal(0))
        missing = minimum[batch["asset_id"]] - total
        if not inside:
            yield f"{batch['PK']} has no members"
        if batch.get("top_up") and batch["top_up"] != missing:
            yield f"{batch['PK']} is topped up by {batch['top_up']}, and {missing} was missing"
        if batch.get("shard") is None or missing <= 0:
            continue
        early = [p["PK"] for p in inside if instant(p["expires_at"]) > instant(batch["created_at"]) + MOMENT]
        if early:
            yield f"{batch['PK']} has expired before the time of {early}"


def _unfair_members(kinds: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """A purchase is over once, is a member once, and has got its coins once, never more than was asked for."""
    ends = Counter(event["PK"] for event in kinds["event"] if event["after"] in ("COMPLETED", "CANCELLED", "FAILED"))
    lines = Counter(line["order_id"] for line in kinds["asset_transaction"])
    memberships = Counter(member["SK"].removeprefix("MEMBER#") for member in kinds["member"])
    bought: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for purchase in kinds["purchase"]:
        order_id, status = purchase["PK"], purchase["status"]
        got = purchase.get("executed_quantity", Decimal(0))
        bought[purchase["username"], purchase["asset_id"]] += got
        if ends[order_id] != (status != "PENDING"):
            yield f"{order_id} is {status}, and has ended {ends[order_id]} times"
        if lines[order_id] != (status == "COMPLETED"):
            yield f"{order_id} is {status}, and the journal has {lines[order_id]} lines of it"
        if memberships[order_id] != (status != "CANCELLED"):
            yield f"{order_id} is {status}, and a member of {memberships[order_id]} batches"
        if "quote_amount" not in purchase and got > purchase["quantity"]:
            yield f"{order_id} has got {got}, and asked for {purchase['quantity']}"
        if status in ("FAILED", "CANCELLED") and not purchase.get("reason"):
            yield f"{order_id} is {status} for no reason"
        if "max_price" in purchase and purchase.get("total_amount", 0) > purchase["max_price"] * purchase["quantity"]:
            most = purchase["max_price"] * purchase["quantity"]
            if purchase["total_amount"] > most + Decimal("0.01") and "quote_amount" not in purchase:
                yield f"{order_id} has paid {purchase['total_amount']}, at its max_price that were {most}"
    for order in kinds["order"]:  # of the desk's own book
        if order["status"] == "COMPLETED" and order["order_type"] == "BUY":
            bought[order["username"], order["asset_id"]] += order["quantity"]
    for holding in kinds["asset_balance"]:
        key = holding["username"], holding["asset_id"]
        if key in bought and holding["total_bought"] != bought.pop(key):
            yield f"{key} was credited {holding['total_bought']}"
    yield from (f"{key} was never credited its {got}" for key, got in bought.items() if got)


def fair(desk: Desk) -> None:
    """Every invariant: of the books, of the outside world, of purchases."""
    items = list(desk.dynamo.items())
    found = [*books.violations(items), *desk.world.violations(items), *unfair(desk, items)]
    assert not found, "\n".join(found)


def unfinished(desk: Desk, *, but_for_people: bool = False) -> list[str]:
    """What still waits, and for what."""
    return [
        f"{item['PK']['S']} waits for {item['waits_for']['S']}"
        for item in desk.dynamo.items(having="open_work")
        if not (but_for_people and "person" in item["open_work"]["S"])
    ]


# Time


def next_deadline(desk: Desk) -> datetime | None:
    """When the next pool expires."""
    items = desk.dynamo.items(having="open_work")
    return min((instant(i["due_at"]["S"]) for i in items if i["PK"]["S"].startswith("POOL#")), default=None)


def close_pools(desk: FaultyDesk) -> None:
    """A round of the schedule: a process of its own, which may die."""
    desk.process()
    with suppress(Unavailable, Crash):
        desk.close_pools()
    desk.process()


def pass_time(desk: FaultyDesk, ticks: Callable[[], None] = lambda: None, **of: float) -> None:
    """As `Desk.run`, and pools are closed when their time is over; before each round the market `ticks`."""
    end = desk.clock.at + timedelta(**of)
    while desk.clock.at < end:
        due = next_deadline(desk)
        stop = end if due is None else min(end, max(due, desk.clock.at) + ROUND)
        desk.run(until=lambda: desk.clock.at >= stop, days=(stop - desk.clock.at) / timedelta(days=1))  # noqa: B023
        desk.clock.at = max(desk.clock.at, stop)
        ticks()
        close_pools(desk)
    desk.run(until=lambda: desk.clock.at > end, days=0.001)


# Lives


class Late:
    """An exchange that, asked by our id, does not know an order until some time after it was placed."""

    def __init__(self, of: Exchange, now: Callable[[], datetime], until: datetime) -> None:
        self._of, self._now, self._until = of, now, until

    def find(self, asset_id: str, client_order_id: str) -> OrderReport:
        if self._now() < self._until:
            raise ExchangeOrderUnknown("not yet")
        return self._of.find(asset_id, client_order_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)


@cache
def beginning() -> tuple[Desk, list[Owner]]:
    """Every life goes on from here: three customers have dollars."""
    desk = Desk()
    return desk, [desk.customer(name, usd="2000.00") for name in ("ann", "bob", "cyd")]


class Life:
    """One seed: a desk, and what its people, its exchange and its hosts do."""

    beginning = staticmethod(beginning)
    fill_band_bps = 5_000  # the exchange tells the truth, at prices far from the desk's

    def __init__(self, seed: int) -> None:
        self.seed, self.chance = seed, Random(seed)
        chance = self.chance
        self.faults = Faults(never, calls=Forgetful())
        before, self.owners = self.beginning()
        self.desk = FaultyDesk.after(before, self.faults)
        self.told: list[str] = []
        self.price = Decimal(100)
        self.ticked = self.price, self.desk.clock.at
        self.asked: list[tuple[Owner, str]] = []
        rules: dict[str, Any] = {
            "pool_shards": chance.choice([1, 3]),
            "pool_top_up": chance.random() < 0.5,
            "pool_deadline_seconds": chance.choice([3600, 86_400]),
            "slippage_max_bps": chance.choice([0, 100, 500]),
            "price_age_max_seconds": chance.choice([120, 120, 1_000_000]),
            "precision": chance.choice([9, 9, 6, 3, 2]),
        }
        self.desk.list_exchange_asset(fill_band_bps=self.fill_band_bps, min_pooled="0.01", **rules)
        self._tell(f"rules: {rules}")
        fee_asset = chance.choice([None, None, None, "USDT", "BTC"])
        venue = self.desk.world.venue
        venue.set_fees(Fees(Decimal(chance.choice([0, 10, 75])), asset=fee_asset, asset_price=Decimal(1)), ACCOUNT)
        self.desk.world.remaining_time = lambda: 5_000 if chance.random() < 0.05 else 60_000
        self.faults.choose = by_chance(seed, RATES)

    def live(self) -> None:
        """Raises AssertionError when something that always holds does not."""
        chance = self.chance
        for step in range(chance.randint(1, 3)):
            self._market_moves()
            for one in range(chance.choice([1, 2, 3])):
                self._something(f"{self.seed}-{step}-{one}")
            self._pass(minutes=chance.choice([0, 1, 1, 90]))
            self._fair()
        self.faults.heal()
        self._pass(days=1.2)
        for _ in range(3):
            if self._operators():
                self._pass(hours=1)
        self._fair()
        left = unfinished(self.desk)
        assert not left, f"not over: {left}"

    def _fair(self) -> None:
        fair(self.desk)

    def _market_moves(self) -> None:
        """What the desk is told, and what the exchange asks: not always the same, nor for as much as one wants."""
        chance, world = self.chance, self.desk.world
        if chance.random() < 0.4:
            self.price = Decimal(chance.choice(["100", "99.5", "101.37", "120", "80.01"]))
        asks = self.price
        if chance.random() < 0.3:
            asks = (self.price * Decimal(chance.choice(["1.005", "1.03", "0.98", "1.2"]))).quantize(Decimal("0.01"))
        amount = chance.choice(["100000"] * 8 + ["0.08", "0.7"])
        world.nobody_sells()
        world.ask(str(asks), amount)
        if chance.random() < 0.05:
            world.fake.refuse_next(1)
            self._tell("the exchange refuses the next order")
        if chance.random() < 0.05:
            until = self.desk.clock.at + timedelta(minutes=chance.choice([1, 3, 8]))
            world.exchange = Late(world.exchange, lambda: self.desk.clock.at, until)
            self._tell(f"the exchange finds no order until {until:%H:%M:%S}")
        self._tell(f"the price is ${self.price}; the exchange sells {amount} at ${asks}")

    def _ticks(self) -> None:
        """A market that is alive: its price is never older than a minute."""
        last_price, last_at = self.ticked
        if self.price != last_price or self.desk.clock.at - last_at > ROUND:
            self.desk.mark("SOL", str(self.price))
            self.ticked = self.price, self.desk.clock.at

    def _something(self, key: str) -> None:
        desk, chance = self.desk, self.chance
        owner = chance.choice(self.owners)
        match chance.randrange(10):
            case 0 | 1 | 2 | 3 | 4:
                cents = chance.choice([chance.randint(1, 999), chance.randint(300, 999), 999, 500])
                most = {} if chance.random() < 0.8 else {"max_price": str(self.price + chance.choice([0, 1, 10]))}
                usd = f"{cents // 100}.{cents % 100:02d}"
                self._tell(f"{owner.username} buys for ${usd} {most or ''}")
                self._buy(owner, lambda: desk.purchase(owner, usd, key=key, **most))
            case 5 | 6:
                size = chance.choice(["0.01", "0.033", "0.05", "0.099", "0.08"])
                self._tell(f"{owner.username} buys {size}")
                self._buy(owner, lambda: desk.purchase(owner, quantity=size, key=key))
            case 7 | 8:
                size = chance.choice(QUANTITIES)
                self._tell(f"{owner.username} buys {size}")
                self._buy(owner, lambda: desk.purchase(owner, quantity=size, key=key))
            case _ if self.bought:
                owner, order_id = chance.choice(self.bought)
                self._tell(f"{owner.username} cancels {order_id}")
                self._insist(lambda: desk.purchases.cancel(owner, order_id))

    @property
    def bought(self) -> list[tuple[Owner, str]]:
        return [(owner, order_id) for owner, order_id in self.asked if order_id.startswith("P")]

    def _buy(self, owner: Owner, ask: Callable[[], Any]) -> None:
        purchase = self._insist(ask)
        if purchase is not None:
            self.asked.append((owner, purchase.order_id))

    def _insist(self, ask: Callable[[], Any]) -> Any:
        """A customer who sends it again when he is told so, or gives up; a process that dies answers nothing."""
        for _ in range(self.chance.randint(1, 4)):
            self._ticks()
            self.desk.process()
            try:
                return ask()
            except (Unavailable, Crash) as unanswered:
                self._tell(f"  not answered: {type(unanswered).__name__}")
                self.desk.clock.forward(seconds=self.chance.choice([1, 30, 90]))
            except Refusal as refusal:
                self._tell(f"  refused: {type(refusal).__name__}")
                break
        return None

    def _pass(self, **of: float) -> None:
        self.desk.process()
        if self.chance.random() < 0.05:
            self.desk.world.machines.restart()
            self._tell("the machines' host starts anew: what ran is dead")
        pass_time(self.desk, self._ticks, **of)
        self.desk.process()

    def _operators(self) -> bool:
        """Two operators see to what waits for a person, if anything does."""
        waiting = [i for i in self.desk.dynamo.items(having="open_work") if "person" in i["open_work"]["S"]]
        for item in waiting:
            for operator in ("olga", "oleg"):
                self._tell(f"{operator} is done with {item['PK']['S']}: {item['waits_for']['S']}")
                if item["PK"]["S"].startswith(STRAY):
                    self.desk.interventions.close_stray(item["PK"]["S"], "by hand", operator, dry_run=False)
                    continue
                with suppress(BatchNotStuck):
                    self.desk.batches.void(item["PK"]["S"], "by hand", operator, dry_run=False)
        return bool(waiting)

    def _tell(self, what: str) -> None:
        self.told.append(f"{self.desk.clock.at:%d %H:%M:%S} {what}")


live = partial(lived, Life, COMMAND)


if __name__ == "__main__":
    sys.exit(main(Life, COMMAND, __doc__))
