"""Ways in which the books can go wrong behind the product's back, planted one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from common.domain.fees import Tier
from common.domain.ledger import store as ledger
from common.money import Money
from common.owner import Owner
from functions.orders.model import Side, Terms
from tests.desk import TABLE, Desk
from tests.harness.memory import InMemoryDynamoDB

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
        if item["entity_type"]["S"] == entity and all(item.get(k) == {"S": v} for k, v in having.items())
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
    quote: str = ""
    for_sale: str = ""
    sale_generation: str = ""  # in which that waits
    sold_batch: str = ""
    emptied: str = ""  # a cash-out of all SOL, of which the desk has bought the rest

    @classmethod
    def opened(cls, desk: Desk) -> Books:
        desk.list_asset(fees_bps={Tier.STANDARD: 30, Tier.GOLD: 10})
        ann = desk.customer(usd="3000.00")
        desk.clients(ann)
        desk.buy(ann, "9")
        asked = Terms("BTC", Side.BUY, quantity=Decimal(1))
        quote = desk.orders.quote(ann, "q", asked).made.quote_id
        desk.orders.place(ann, "at-a-quote", replace(asked, quote_id=quote))
        desk.list_exchange_asset(pool_shards=1)
        books = cls(desk, ann)
        books.quote = quote
        books.sold = desk.cash_out(ann, "1.00012").order_id
        bought = desk.purchase(ann, "25.55")
        desk.run()
        desk.world.bid("99.99", "100", "SOLUSDT")
        books.sold_batch = desk.sale(ann, "0.1001").batch_id
        desk.run()
        books.emptied = books._emptied()
        books.bought, books.batch = bought.order_id, bought.batch_id
        desk.world.nobody_buys()
        books.withdrawal = desk.accounts.withdraw(ann, "w", Money("10.53"), "ann-bank").made.transfer_id
        books.bid = desk.buy(ann, "1", order_price="50").order_id
        books.ask = desk.sell(ann, "1", order_price="500").order_id
        books.sale = desk.cash_out(ann, "1").order_id
        waits = desk.purchase(ann, "3")
        books.purchase, books.generation = waits.order_id, waits.batch_id
        sells = desk.sale(ann, "0.05")
        books.for_sale, books.sale_generation = sells.order_id, sells.batch_id
        desk.run(days=0.01)
        return books

    def _emptied(self) -> str:
        """All SOL is sold, which is no whole number of lots; then as much is bought anew."""
        desk, ann = self.desk, self.ann
        there = ledger.free(desk.table, ann, "SOL").amount
        order_id = desk.cash_out(ann, "all", asset_id="SOL").order_id
        desk.run()
        desk.bring(ann, str(there))
        return order_id

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


def _charged_too_much(books: Books) -> None:
    """In the order, its line, the balance and the holding alike."""
    key = first(books.desk, "order", asset_id="BTC", order_type="BUY", status="COMPLETED")
    line = first(books.desk, "asset_transaction", order_id=key[0])
    for item in (key, line):
        plus(books.desk, *item, total_amount="0.01", fee_amount="0.01")
    books.spend(current_balance="-0.01")
    books.move(cost_basis="0.01")


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
    "a quote used by no order": lambda b: forget(b.desk, *first(b.desk, "order", quote_id=b.quote)),
    "a quote that was used and does not know it": lambda b: lose(b.desk, b.quote, "QUOTE", "order_id"),
    "a quote of a coin less": lambda b: plus(b.desk, b.quote, "QUOTE", quantity="-0.5"),
    "a fee of a dollar more": lambda b: plus(b.desk, *first(b.desk, "order", quote_id=b.quote), fee_amount="1"),
    "a fee that the journal does not know": lambda b: lose(b.desk, *b.line("BTC", "BUY"), "fee_amount"),
    "a fee that an open order forgets": lambda b: lose(b.desk, *first(b.desk, "book_entry", order_id=b.ask), "fee_bps"),
    "a fee that nobody has asked for": _charged_too_much,
    "no purchase of a member": lambda b: forget(b.desk, b.purchase, "PURCHASE"),
    "no member of a purchase": lambda b: forget(b.desk, b.generation, f"MEMBER#{b.purchase}"),
    "a pool with five dollars more": lambda b: plus(b.desk, "POOL#SOL#0", "HEAD", total="5"),
    "no sale of a seller": lambda b: forget(b.desk, b.for_sale, "SALE"),
    "no seller of a sale": lambda b: forget(b.desk, b.sale_generation, f"SELLER#{b.for_sale}"),
    "a pool of sales with half a coin more": lambda b: plus(b.desk, "POOL#SOL#0", "SALES", total="0.5"),
    "a batch of sales that brought a dollar more": lambda b: plus(b.desk, b.sold_batch, "BATCH", gross_amount="1"),
    "no line of what the desk bought of a batch": lambda b: forget(
        b.desk, *first(b.desk, "desk_transaction", order_id=b.sold_batch, PK="DESK#SOL")
    ),
    "no line of what the desk bought of a cash-out": lambda b: forget(
        b.desk, *first(b.desk, "desk_transaction", order_id=b.emptied, PK="DESK#SOL")
    ),
    "a cash-out of which the desk bought more": lambda b: plus(b.desk, b.emptied, "SELL_ORDER", desk_quantity="0.1"),
    "an attempt to pay nothing": lambda b: forget(b.desk, b.withdrawal, "WITHDRAWAL"),
    "an attempt that is counted and not there": lambda b: forget(b.desk, b.withdrawal, "PAYOUT#01"),
    "open work that nobody sees": lambda b: lose(b.desk, b.sale, "SELL_ORDER", "open_work"),
    "a forged line of the desk": _forged_desk_line,
    "an order doubled in journal and holding": _doubled,
    "a batch that cost a dollar more": lambda b: plus(b.desk, b.batch, "BATCH", gross_amount="1"),
    "an adjustment whose attempt does not know it": lambda b: lose(b.desk, b.sold, "PAYOUT#01", "adjustment_id"),
    "an order at the exchange that nobody has claimed": lambda b: forget(b.desk, *first(b.desk, "exchange_order_id")),
    "an order at the exchange that another has claimed": lambda b: plus(
        b.desk, *first(b.desk, "exchange_order_id"), number="5"
    ),
    "a fill beyond its limit": lambda b: plus(b.desk, b.sold, "VENUE#1", gross_amount="50"),
}


# Market making and dealer billing, on items that were copied: keys and numbers are found by kind.


@dataclass
class Copied:
    """A table's items, in a table of their own; what is there is found by its kind."""

    dynamo: InMemoryDynamoDB

    @classmethod
    def of(cls, items: Iterable[Mapping[str, Any]]) -> Copied:
        dynamo = InMemoryDynamoDB(TABLE)
        for item in items:
            dynamo.put_item(TableName=TABLE.name, Item=dict(item))
        return cls(dynamo)

    def first(self, entity: str, having: Mapping[str, str] | None = None) -> Raw:
        return next(
            dict(item)
            for item in self.dynamo.items()
            if item["entity_type"]["S"] == entity
            and all(item.get(name) == {"S": value} for name, value in (having or {}).items())
        )

    def put(self, item: Mapping[str, Any], **changed: str | None) -> None:
        """An item, with other texts or, None, without them."""
        kept = {name: value for name, value in item.items() if changed.get(name, "") is not None}
        texts = {name: {"S": text} for name, text in changed.items() if text is not None}
        self.dynamo.put_item(TableName=TABLE.name, Item=kept | texts)

    def forget(self, item: Mapping[str, Any]) -> None:
        self.dynamo.delete_item(TableName=TABLE.name, Key={name: item[name] for name in ("PK", "SK")})

    def plus(self, item: Raw, **more: str) -> None:
        self.put(item | {name: n(Decimal(item[name]["N"]) + Decimal(amount)) for name, amount in more.items()})


def without(entity: str, **having: str) -> Callable[[Copied], None]:
    return lambda copied: copied.forget(copied.first(entity, having))


def more(entity: str, having: Mapping[str, str] | None = None, **amounts: str) -> Callable[[Copied], None]:
    return lambda copied: copied.plus(copied.first(entity, having), **amounts)


def other(entity: str, having: Mapping[str, str] | None = None, **texts: str | None) -> Callable[[Copied], None]:
    return lambda copied: copied.put(copied.first(entity, having), **texts)


NOBODYS = "MAAAAAAAAAAAAAAAAAAAAAAAAA"

OF_MARKET_MAKING: Mapping[str, Callable[[Copied], None]] = {
    "a ledger with a coin more": more("market_making_quotes", base_amount="1"),
    "a ledger with a dollar less": more("market_making_quotes", quote_amount="-1"),
    "a trade that is not written": without("market_making_trade"),
    "a trade of more than it was": more("market_making_trade", quote_quantity="1"),
    "a day that has lost its trades": without("market_making_day"),
    "no leg out": without("market_making_leg"),
    "a leg that took more": more("market_making_leg", amount="0.5"),
    "a leg that arrived as more": more("market_making_leg", arrived_amount="0.5"),
    "a leg that is sent by nothing": without("outgoing", kind="FUNDING"),
    "a fee that the desk has not booked": without("desk_transaction"),
    "a snapshot that is to become nothing": other("snapshot", {"status": "WITHDRAWN"}, status="TAKEN"),
    "a snapshot that was never taken": without("snapshot", status="WITHDRAWN"),
    "a snapshot of another sum": more("snapshot", {"status": "WITHDRAWN"}, amount="1"),
    "a transfer that is not written": without("market_making_transfer"),
    "an output reserved by nothing": other("output", outgoing_id="XAAAAAAAAAAAAAAAAAAAAAAAAA"),
    "an output that is spent and free": without("output"),
    "quotes of no order": without("market_making_order"),
    "an order that no shard quotes": without("shard_member"),
    "a deposit of another sum": more("exchange_deposit", amount="0.1"),
    "an order that nobody looks after": other("market_making_order", open_work=None),
    "an order that counts more transfers": more("market_making_order", transfers="1"),
    "an order that seeks campaigns and is gone": other("campaign_seeker", SK=f"SEEKER#{NOBODYS}"),
    "an account with money of an order that is gone": lambda copied: copied.put(
        copied.first("campaign_seeker"), PK="ACCOUNT#alpha", SK=f"UNLEDGERED#{NOBODYS}", entity_type="unledgered"
    ),
    "an order in a campaign that nobody joined": lambda copied: copied.put(
        copied.first("campaign_seeker"),
        PK="CAMPAIGN#alpha#one",
        SK=f"MEMBER#{copied.first('market_making_order')['PK']['S']}",
        entity_type="campaign_member",
    ),
}


def _listed_otherwise(copied: Copied) -> None:
    pointer = copied.first("open_bill")
    copied.put(pointer, SK=pointer["SK"]["S"].replace("OPEN#", "PAST#"), entity_type="cancelled_bill")


OF_BILLING: Mapping[str, Callable[[Copied], None]] = {
    "a bill paid with more": more("bill", {"status": "PARTIAL"}, paid_kopecks="1"),
    "a bill that is paid and not so named": other("bill", {"status": "PAID"}, status="PARTIAL"),
    "a bill in no list": without("paid_bill"),
    "a list with a bill of another one": _listed_otherwise,
    "a list with a bill that is gone": without("bill", status="PENDING"),
    "an invoice of no bill": other("bill", {"status": "PENDING"}, invoice_id=None),
    "a bill whose invoice is nobody's": without("invoice"),
    "a payment that no bill got": without("application"),
    "a payment with something left": more("payment", left_kopecks="5"),
    "a payment of more": more("journal_entry", {"kind": "PAYMENT"}, kopecks="7"),
    "a bill that no statement tells": without("journal_entry", kind="BILL"),
    "a payment that is gone": without("payment"),
    "an account with more on it": more("billing_account", {"type": "COMMISSION"}, balance_kopecks="1"),
    "a refund that is gone": without("refund", status="SENT"),
    "a refund that is over and gone": without("refund", status="DONE"),
    "a refund that never was on its way": other("refund", {"status": "SENT"}, status="AGREED"),
    "a refund that is done and named as on its way": other("refund", {"status": "SENT"}, status="DONE"),
    "a refund that nobody sees to": other("refund", {"status": "SENT"}, open_work=None),
    "a refund of another sum": more("refund", {"status": "DONE"}, kopecks="1"),
    "a refund that came to nothing and is off the account": other("refund", {"status": "DONE"}, status="REFUSED"),
    "a refund of no account": other("refund", {"status": "DONE"}, type="SETTLEMENT"),
    "a refund beyond those that its account has had": more("refund", {"status": "DONE"}, n="7"),
    "a refund that no statement tells": without("journal_entry", kind="REFUND"),
    "an account of which more is gone": more("billing_account", {"type": "DEPOSIT"}, released_kopecks="1"),
    "an account whose refund is another's": lambda copied: copied.put(
        next(item for item in copied.dynamo.items() if "refund_id" in item), refund_id="FAAAAAAAAAAAAAAAAAAAAAAAAA"
    ),
    "a deposit that goes back as another sum": more("release", kopecks="1"),
    "a deposit that goes back and no release": without("release"),
    "a payment that was taken back by nobody": other("payment", {"status": "SPREAD"}, status="RECALLED"),
    "a contract of nobody": other("contract", dealer_id="CAAAAAAAAAAAAAAAAAAAAAAAAA"),
    "an account whose contract is nobody's": without("contract"),
}
