"""Random lives with faults in which customers sell, alone and in pools, part of what they have or all; and buy.

    python -m tests.purchases.sale_lives 4711            replays one seed and tells what happened
    python -m tests.purchases.sale_lives --from 0 --lives 100000

As `lives`, the other way round. `unfair_sales` says what more must hold of sales than the books do.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Any

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from common.domain.catalogue import store as catalogue
from common.money import Money
from common.owner import Owner
from tests import books
from tests.desk import Desk
from tests.lives import lived, main
from tests.purchases.lives import Late, Life, unfair
from tests.raw import Raw, plain

COMMAND = "python -m tests.purchases.sale_lives"
# What becomes of a direct sale: mostly it fills. The others are the exchange's magic quantities.
DIRECT = ("1", "0.5", "2.00001", "0.123456789", "1.444", "1.666", "1.555", "1.222", "1.777")
SMALL = ("0.01", "0.033", "0.05", "0.099", "0.08", "0.0123456")
BETWEEN = Decimal("0.05")  # bid and ask


def unfair_sales(items: Iterable[Raw]) -> Iterator[str]:
    """Each closed generation of a pool is one batch, and no other is. A sale is over once, is a member once, and has
    sold its coins once, never more than was held."""
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        fields = plain(item)
        kinds[fields["entity_type"]].append(fields)
    batches = [batch for batch in kinds["batch"] if batch.get("side") == "SELL"]
    closed = Counter(
        (batch["asset_id"], batch["shard"], batch["pool_generation"]) for batch in batches if "shard" in batch
    )
    for pool in kinds["sale_pool"]:
        for generation in range(1, int(pool["pool_generation"])):
            if closed.pop((pool["asset_id"], pool["shard"], Decimal(generation)), 0) != 1:
                yield f"generation {generation} of sales of {pool['PK']} is closed, and is not one batch"
    yield from (f"{generation} is a batch of sales, and not closed" for generation in closed)
    inside = Counter(sale["batch_id"] for sale in kinds["sale"] if sale["status"] != "CANCELLED")
    yield from (f"{batch['PK']} has no members" for batch in batches if not inside[batch["PK"]])
    ends = Counter(event["PK"] for event in kinds["event"] if event["after"] in ("COMPLETED", "CANCELLED", "FAILED"))
    lines = Counter(line["order_id"] for line in kinds["asset_transaction"])
    memberships = Counter(seller["SK"].removeprefix("SELLER#") for seller in kinds["seller"])
    for sale in kinds["sale"]:
        order_id, status = sale["PK"], sale["status"]
        if ends[order_id] != (status != "PENDING"):
            yield f"{order_id} is {status}, and has ended {ends[order_id]} times"
        if lines[order_id] != (status == "COMPLETED"):
            yield f"{order_id} is {status}, and the journal has {lines[order_id]} lines of it"
        if memberships[order_id] != (status != "CANCELLED"):
            yield f"{order_id} is {status}, and a member of {memberships[order_id]} batches"
        if status in ("FAILED", "CANCELLED") and not sale.get("reason"):
            yield f"{order_id} is {status} for no reason"
        sold = sale.get("executed_quantity", Decimal(0))
        if status == "COMPLETED" and sold < sale["quantity"] and not sale.get("reason"):
            yield f"{order_id} has sold {sold} of {sale['quantity']} for no reason"


def fair(desk: Desk) -> None:
    """Every invariant: of the books, of the outside world, of purchases, of sales."""
    items = list(desk.dynamo.items())
    found = [*books.violations(items), *desk.world.violations(items), *unfair(desk, items), *unfair_sales(items)]
    assert not found, "\n".join(found)


@cache
def beginning() -> tuple[Desk, list[Owner]]:
    """Every life goes on from here: three customers have dollars and coins."""
    desk = Desk()
    owners = [desk.customer(name, usd="4000.00") for name in ("ann", "bob", "cyd")]
    desk.list_exchange_asset()
    for owner in owners:
        desk.bring(owner, "20")
    return desk, owners


class SaleLife(Life):
    """One seed: a desk, and what its people, its exchange and its hosts do."""

    beginning = staticmethod(beginning)

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        limit = self.chance.choice(["100", "100", "3", "0.02", "0"])
        self._limit(limit)
        self._tell(f"the desk buys for ${limit} a day")

    def _limit(self, dollars: str) -> None:
        table = self.desk._direct()
        saved = catalogue.find(table, "SOL")
        assert saved is not None
        asset = replace(saved.asset, desk_buys_max=Money(dollars))
        table.write(catalogue.save(asset, self.desk.clock(), saved))

    def _market_moves(self) -> None:
        """What the desk is told, and what the exchange bids: not always the same, nor for as much as one wants."""
        chance, world = self.chance, self.desk.world
        if chance.random() < 0.4:
            self.price = Decimal(chance.choice(["100", "99.5", "101.37", "120", "80.01"]))
        bids = self.price
        if chance.random() < 0.3:
            bids = (self.price * Decimal(chance.choice(["0.995", "0.97", "1.02", "0.8"]))).quantize(Decimal("0.01"))
        amount = chance.choice(["10000"] * 8 + ["0.08", "0.7"])
        world.nobody_sells()
        world.bid(str(bids), amount, "SOLUSDT")
        world.ask(str(bids + BETWEEN), "10000")
        if chance.random() < 0.05:
            world.fake.refuse_next(1)
            self._tell("the exchange refuses the next order")
        if chance.random() < 0.05:
            until = self.desk.clock.at + timedelta(minutes=chance.choice([1, 3, 8]))
            world.exchange = Late(world.exchange, lambda: self.desk.clock.at, until)
            self._tell(f"the exchange finds no order until {until:%H:%M:%S}")
        self._tell(f"the price is ${self.price}; the exchange buys {amount} at ${bids}")

    def _something(self, key: str) -> None:
        desk, chance = self.desk, self.chance
        owner = chance.choice(self.owners)
        least = {} if chance.random() < 0.8 else {"min_price": str(self.price - chance.choice([0, 1, 10]))}
        match chance.randrange(12):
            case 0 | 1 | 2 | 3 | 4:
                self._sell(owner, chance.choice(SMALL), key, least)
            case 5 | 6:
                self._sell(owner, chance.choice(DIRECT), key, least)
            case 7:
                self._sell(owner, "all", key, least)
            case 8 | 9:
                super()._something(key)
            case _ if self.sold:
                owner, order_id = chance.choice(self.sold)
                self._tell(f"{owner.username} cancels {order_id}")
                self._insist(lambda: desk.sales.cancel(owner, order_id))

    @property
    def sold(self) -> list[tuple[Owner, str]]:
        return [(owner, order_id) for owner, order_id in self.asked if order_id.startswith("V")]

    def _sell(self, owner: Owner, quantity: str, key: str, least: dict[str, Any]) -> None:
        self._tell(f"{owner.username} sells {quantity} {least or ''}")
        self._buy(owner, lambda: self.desk.sale(owner, quantity, key=key, **least))

    def _fair(self) -> None:
        fair(self.desk)


live = partial(lived, SaleLife, COMMAND)


if __name__ == "__main__":
    sys.exit(main(SaleLife, COMMAND, __doc__))
