"""Ways in which the books can go wrong behind the product's back, planted one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from common.money import Money
from common.owner import Owner
from tests.desk import TABLE, Desk

Raw = dict[str, dict[str, Any]]


def n(amount: object) -> dict[str, str]:
    return {"N": str(amount)}


def get(desk: Desk, pk: str, sk: str) -> Raw:
    return dict(desk.dynamo.get_item(TableName=TABLE.name, Key={"PK": {"S": pk}, "SK": {"S": sk}})["Item"])


def put(desk: Desk, item: Mapping[str, Any]) -> None:
    desk.dynamo.put_item(TableName=TABLE.name, Item=dict(item))


def forget(desk: Desk, pk: str, sk: str) -> None:
    desk.dynamo.delete_item(TableName=TABLE.name, Key={"PK": {"S": pk}, "SK": {"S": sk}})


def plus(desk: Desk, pk: str, sk: str, **more: str) -> None:
    """Add to numbers of an item."""
    item = get(desk, pk, sk)
    put(desk, item | {name: n(Decimal(item[name]["N"]) + Decimal(amount)) for name, amount in more.items()})


def lose(desk: Desk, pk: str, sk: str, *names: str) -> None:
    """Take attributes from an item."""
    put(desk, {name: value for name, value in get(desk, pk, sk).items() if name not in names})


def first(desk: Desk, entity: str, **having: str) -> tuple[str, str]:
    """The key of the first item of a kind."""
    item = next(
        item
        for item in desk.dynamo.items()
        if item["entity_type"]["S"] == entity and all(item[k] == {"S": v} for k, v in having.items())
    )
    return item["PK"]["S"], item["SK"]["S"]


@dataclass
class Books:
    """A desk on which ann has something of every kind open, and something that is over."""

    desk: Desk
    ann: Owner
    withdrawal: str = ""
    bid: str = ""
    ask: str = ""
    sale: str = ""
    sold: str = ""
    purchase: str = ""
    generation: str = ""  # in which the purchase waits
    bought: str = ""
    batch: str = ""

    @classmethod
    def opened(cls, desk: Desk) -> Books:
        desk.list_asset()
        ann = desk.customer(usd="3000.00")
        desk.clients(ann)
        desk.buy(ann, "10")
        desk.list_exchange_asset(pool_shards=1)
        books = cls(desk, ann)
        books.sold = desk.cash_out(ann, "1").order_id
        bought = desk.purchase(ann, "25.55")
        desk.run()
        books.bought, books.batch = bought.order_id, bought.batch_id
        desk.world.nobody_buys()
        books.withdrawal = desk.accounts.withdraw(ann, "w", Money("10.53"), "ann-bank").made.transfer_id
        books.bid = desk.buy(ann, "1", order_price="50").order_id
        books.ask = desk.sell(ann, "1", order_price="500").order_id
        books.sale = desk.cash_out(ann, "1").order_id
        waits = desk.purchase(ann, "3")
        books.purchase, books.generation = waits.order_id, waits.batch_id
        desk.run(days=0.01)
        return books

    def line(self, asset_id: str, kind: str) -> tuple[str, str]:
        return first(self.desk, "asset_transaction", asset_id=asset_id, transaction_type=kind)

    def spend(self, **usd: str) -> None:
        plus(self.desk, "ann", "BALANCE", **usd)

    def move(self, **coins: str) -> None:
        plus(self.desk, "ann", "ASSET#BTC", **coins)


def _forged_desk_line(books: Books) -> None:
    line = get(books.desk, *books.line("BTC", "BUY"))
    kept = {name: line[name] for name in ("created_at", "updated_at", "order_id")}
    key = {"PK": {"S": "DESK#USD"}, "SK": {"S": "2026#X"}, "entity_type": {"S": "desk_transaction"}}
    put(books.desk, {**kept, **key, "amount": n(1000), "reason": {"S": "x"}})


def _doubled(books: Books) -> None:
    plus(books.desk, *books.line("BTC", "BUY"), quantity="10")
    books.move(quantity="10", total_bought="10")


DRIFTS: Mapping[str, Callable[[Books], None]] = {
    "a balance with a dollar more": lambda b: b.spend(current_balance="1"),
    "a holding with half a coin less": lambda b: b.move(quantity="-0.5"),
    "a holding that cost a dollar more": lambda b: b.move(cost_basis="1"),
    "no line of a deposit": lambda b: forget(b.desk, *b.line("USD", "DEPOSIT")),
    "no line of an order": lambda b: forget(b.desk, *b.line("BTC", "BUY")),
    "no holding": lambda b: forget(b.desk, "ann", "ASSET#BTC"),
    "no balance": lambda b: forget(b.desk, "ann", "BALANCE"),
    "dollars held by nothing": lambda b: b.spend(current_balance="-50", held_balance="50"),
    "coins held by nothing": lambda b: b.move(quantity="-1", held_quantity="1"),
    "a hold freed under an open order": lambda b: b.spend(current_balance="50", held_balance="-50"),
    "no order in the book's entry": lambda b: forget(b.desk, b.bid, "ORDER"),
    "no entry in the book": lambda b: forget(b.desk, *first(b.desk, "book_entry", order_id=b.bid)),
    "no purchase of a member": lambda b: forget(b.desk, b.purchase, "PURCHASE"),
    "no member of a purchase": lambda b: forget(b.desk, b.generation, f"MEMBER#{b.purchase}"),
    "a pool with five dollars more": lambda b: plus(b.desk, "POOL#SOL#0", "HEAD", total="5"),
    "an attempt to pay nothing": lambda b: forget(b.desk, b.withdrawal, "WITHDRAWAL"),
    "an attempt that is counted and not there": lambda b: forget(b.desk, b.withdrawal, "PAYOUT#01"),
    "open work that nobody sees": lambda b: lose(b.desk, b.sale, "SELL_ORDER", "open_work"),
    "a forged line of the desk": _forged_desk_line,
    "an order doubled in journal and holding": _doubled,
}
