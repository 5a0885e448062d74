"""The invariants of the desk, checked on the raw items of the table, without the product's own arithmetic.

Conservation, for each user and asset, to the last digit: what came in is what is there, what is held and what went
out; what is held is what unfinished orders and withdrawals hold; and every move has its line in the journal.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

from tests.raw import Raw, plain

UNPAID = ("PENDING", "PAYOUT_FAILED", "BASE_TXN_COMPLETED", "TARGET_TXN_PENDING", "SELL_PAYOUT_FAILED")
SOLD = ("BASE_TXN_COMPLETED", "TARGET_TXN_PENDING", "SELL_PAYOUT_FAILED", "FILLED")
CENT = Decimal("0.01")
COST_STEP = Decimal("0.00000001")
EXACT = Context(prec=80)
UNFINISHED = (*UNPAID, "NEW", "BASE_TXN_PENDING")


def _spelled(adjustment_id: str) -> str:
    """As a key has it."""
    plain = "".join(letter for letter in adjustment_id.lower() if letter.isalnum())
    return plain or adjustment_id.replace("%", "%25").replace("#", "%23")


def violations(items: Iterable[Raw]) -> list[str]:
    """In words; empty when all is well."""
    books = _Books([plain(item) for item in items])
    return [
        *books.negative(),
        *books.unbalanced(),
        *books.unheld(),
        *books.unjournaled(),
        *books.misowned(),
        *books.misplaced(),
        *books.missold(),
        *books.misquoted(),
        *books.mischarged(),
        *books.overquoted(),
        *books.misfilled(),
        *books.misadjusted(),
        *books.misbought(),
        *books.sold_apart(),
        *books.desk_bought_uncounted(),
        *books.mispaid(),
    ]


def check(items: Iterable[Raw]) -> None:
    found = violations(items)
    assert not found, "\n".join(found)


def _given_by_desk(sold: dict[str, Any]) -> Decimal:
    """In dollars, for what its own book has bought of it."""
    exact = EXACT.multiply(sold.get("desk_quantity", Decimal(0)), sold.get("desk_price", Decimal(0)))
    return exact.quantize(COST_STEP, ROUND_FLOOR, EXACT)


class _Books:
    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for item in items:
            self.by_kind[item["entity_type"]].append(item)
        self.lines = self.by_kind["asset_transaction"]
        self.at_exchange = {(item["PK"], item["SK"]): item["status"] for item in self.by_kind["exchange_order"]}

    def negative(self) -> Iterable[str]:
        """Nothing that is owned, held or spent is below zero."""
        kinds = ["balance", "asset_balance", "order", "asset_transaction", "deposit", "withdrawal", "sell_order"]
        kinds += ["purchase", "pool", "batch", "member", "sale", "sale_pool", "seller", "desk_limit"]
        for kind in kinds:
            for item in self.by_kind[kind]:
                for name, value in item.items():
                    if (
                        isinstance(value, Decimal)
                        and value < 0
                        and name not in ("realised_gain", "fee_amount", "fee_in_asset")
                    ):
                        yield f"{item['PK']} {item['SK']} {name} is {value}"

    def unbalanced(self) -> Iterable[str]:
        """Balances are what the journal adds up to."""
        usd: dict[str, Decimal] = defaultdict(Decimal)
        assets: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 5)
        for line in self.lines:
            user, asset, kind = line["username"], line["asset_id"], line["transaction_type"]
            total, quantity = line["total_amount"], line["quantity"]
            if kind in ("DEPOSIT", "WITHDRAW"):
                usd[user] += total if kind == "DEPOSIT" else -total
                continue
            usd[user] += total if kind == "SELL" else -total
            sums = assets[user, asset]
            if kind == "BUY":
                moved = (quantity, total, Decimal(0), quantity, Decimal(0))
            else:
                moved = (-quantity, -line["cost"], line["realised_gain"], Decimal(0), quantity)
                if line["cost"] + line["realised_gain"] != total:
                    yield f"the gain of {line['order_id']} is not proceeds less cost"
            sums[:] = [a + b for a, b in zip(sums, moved, strict=True)]
        for balance in self.by_kind["balance"]:
            user, there = balance["PK"], balance["current_balance"] + balance["held_balance"]
            if there != usd[user]:
                yield f"{user} has ${there}, the journal says ${usd[user]}"
        for holding in self.by_kind["asset_balance"]:
            names = ("cost_basis", "realised_gain", "total_bought", "total_sold")
            there_now = [holding["quantity"] + holding["held_quantity"], *(holding[name] for name in names)]
            told = assets.pop((holding["username"], holding["asset_id"]), [Decimal(0)] * 5)
            if there_now != told:
                yield f"{holding['username']} {holding['asset_id']} is {there_now}, the journal says {told}"
            if there_now[0] == 0 and holding["cost_basis"] != 0:
                yield f"{holding['username']} has no {holding['asset_id']} but a cost of {holding['cost_basis']}"
        yield from (f"the journal knows {key}, no balance does" for key in assets)

    def unheld(self) -> Iterable[str]:
        """Holds are those of what is pending."""
        usd: dict[str, Decimal] = defaultdict(Decimal)
        assets: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for order in self._pending("order"):
            if order["order_type"] == "BUY":
                usd[order["username"]] += order["hold"]
            else:
                assets[order["username"], order["asset_id"]] += order["quantity"]
        for withdrawal in self.by_kind["withdrawal"]:
            if withdrawal["status"] in UNPAID:
                usd[withdrawal["username"]] += withdrawal["total_amount"]
        for sale in self.by_kind["sell_order"]:
            if sale["status"] in UNPAID:
                usd[sale["username"]] += sale["total_amount"]
            if self._holds_coins(sale):
                assets[sale["username"], sale["asset_id"]] += sale["quantity"]
        for purchase in self._pending("purchase"):
            usd[purchase["username"]] += purchase["held_amount"]
        for sale in self._pending("sale"):
            assets[sale["username"], sale["asset_id"]] += sale["quantity"]
        for balance in self.by_kind["balance"]:
            if balance["held_balance"] != usd[balance["PK"]]:
                yield f"{balance['PK']} holds ${balance['held_balance']}, its orders ${usd[balance['PK']]}"
        for holding in self.by_kind["asset_balance"]:
            key = holding["username"], holding["asset_id"]
            if holding["held_quantity"] != assets[key]:
                yield f"{key} holds {holding['held_quantity']}, its orders {assets[key]}"

    def misowned(self) -> Iterable[str]:
        """An account with all that it has is one login's, and so is what is unfinished of it; its journal has lines of
        that login and of those that had it before."""
        whose = {balance["PK"]: balance["sub"] for balance in self.by_kind["balance"]}
        former = {b["PK"]: json.loads(b.get("former_subs", "[]")) for b in self.by_kind["balance"]}
        users = [(user["PK"], user) for user in self.by_kind["user"]]
        users += [(holding["username"], holding) for holding in self.by_kind["asset_balance"]]
        for kind in ("order", "withdrawal", "sell_order", "purchase", "sale"):
            users += [(x["username"], x) for x in self.by_kind[kind] if x["status"] in UNFINISHED]
        for username, item in users:
            if item["sub"] != whose[username]:
                yield f"{item['PK']} {item['SK']} is {item['sub']}'s, the account of {username} {whose[username]}'s"
        for line in self.lines:
            if line["sub"] not in (whose[line["username"]], *former[line["username"]]):
                yield f"the line of {line['order_id']} is {line['sub']}'s, who never had {line['username']}'s account"

    def unjournaled(self) -> Iterable[str]:
        """Whatever is completed has one line, and nothing else has any; a sale has one for the coins and, when its
        dollars have left, one for those."""
        done = [item for kind in ("order", "deposit", "withdrawal", "purchase", "sale") for item in self.by_kind[kind]]
        expected = [item["PK"] for item in done if item["status"] == "COMPLETED"]
        expected += [sale["PK"] for sale in self.by_kind["sell_order"] if sale["status"] in SOLD]
        told = [line["order_id"] for line in self.lines]
        for sale in self.by_kind["sell_order"]:
            left = [x for x in self.lines if x["order_id"] == sale["PK"] and x["transaction_type"] == "WITHDRAW"]
            if len(left) > (sale["status"] == "FILLED"):
                yield f"{sale['PK']} is {sale['status']} and its dollars left {len(left)} times"
            for _ in left:
                told.remove(sale["PK"])
        if sorted(told) != sorted(expected):
            yield f"completed {sorted(expected)}, journal {sorted(told)}"

    def misplaced(self) -> Iterable[str]:
        """What is unfinished waits, and a pending order is in the book; nothing else is in either."""
        for kind in ("order", "withdrawal", "sell_order", "purchase", "sale"):
            for item in self.by_kind[kind]:
                if item["status"] in ("NEW", "BASE_TXN_FAILED") and not self._holds_coins(item):
                    if item["status"] == "NEW" and ("timeline_at" in item or "ASSET_ID" in item):
                        yield f"{item['PK']} holds nothing, and is in a list of {item['username']}"
                    continue  # it may wait for a last look
                unfinished = item["status"] in UNFINISHED
                if unfinished != ("open_work" in item):
                    yield f"{item['PK']} is {item['status']} and {'waits' if 'open_work' in item else 'does not wait'}"
                if unfinished and "waits_since" not in item:
                    yield f"{item['PK']} is {item['status']} and not among what is open of {item['username']}"
                if unfinished and kind == "sell_order" and "timeline_at" not in item:
                    yield f"{item['PK']} is {item['status']} and in no list of {item['username']}"
                if unfinished and not item["waits_for"]:
                    yield f"{item['PK']} does not say what it waits for"
        book = sorted(entry["order_id"] for entry in self.by_kind["book_entry"])
        pending = sorted(order["PK"] for order in self._pending("order"))
        if book != pending:
            yield f"the book has {book}, pending are {pending}"

    def missold(self) -> Iterable[str]:
        """Of every sale: what it brought, less the fee, is what is paid and the desk's fraction of a cent; fees in
        other assets, and in the coins themselves, are the desk's. So are the coins that its own book has bought, all
        that were less than a lot or none, and what it has paid for them."""
        desk: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for line in self.by_kind["desk_transaction"]:
            desk[line["order_id"], line["PK"].removeprefix("DESK#")] += line["amount"]
        for order_id, beyond in self._paid_beyond().items():
            desk[order_id, "USD"] += beyond
        for sale in self.by_kind["sell_order"]:
            if sale["status"] not in SOLD:
                continue
            for asset_id, fee in self._fees_elsewhere(sale["PK"], int(sale["exchange_orders"])):
                desk[sale["PK"], asset_id] += fee
            by_desk = sale.get("desk_quantity", Decimal(0))
            desk_paid = _given_by_desk(sale)
            desk[sale["PK"], sale["asset_id"]] -= by_desk
            there = sale["total_amount"] + desk.pop((sale["PK"], "USD"), Decimal(0)) + desk_paid
            if sale["gross_amount"] - sale["fee_amount"] != there:
                net = f"{sale['gross_amount']} - {sale['fee_amount']}"
                yield f"{sale['PK']} brought {net}, and {there} is accounted for"
            if sale["executed_quantity"] > sale["quantity"]:
                yield f"{sale['PK']} sold more than was asked"
            rest = sale.get("rest_quantity", Decimal(0))
            if by_desk not in (Decimal(0), rest):
                yield f"the desk has bought {by_desk} of {sale['PK']}, whose rest is {rest}"
            if by_desk and sale["executed_quantity"] != sale["quantity"]:
                yield f"the desk has bought the rest of {sale['PK']}, of which lots are left"
            if sale.get("desk_price", Decimal(0)) > sale["price"]:
                yield f"the desk has bought {sale['PK']} at {sale['desk_price']}, above {sale['price']}"
        yield from (
            f"the desk has {amount} {asset_id} of {order}, which is not of a sale"
            for (order, asset_id), amount in desk.items()
            if amount and order[0] not in "BLMN"  # market making's are added up in books of its own
        )

    def misquoted(self) -> Iterable[str]:
        """An order at a quote is the only one, for just what was promised, and in time."""
        quotes = {quote["PK"]: quote for quote in self.by_kind["quote"]}
        orders = {order["PK"]: order for order in self.by_kind["order"] if "quote_id" in order}
        for order in orders.values():
            quote = quotes.get(order["quote_id"])
            if quote is None or quote.get("order_id") != order["PK"]:
                yield f"{order['PK']} is at quote {order['quote_id']}, which knows nothing of it"
        for quote in quotes.values():
            if "order_id" not in quote:
                continue
            if quote["order_id"] not in orders:
                yield f"quote {quote['PK']} is used by {quote['order_id']}, which is not there"
                continue
            order = orders[quote["order_id"]]
            if order["created_at"] >= quote["expires_at"]:
                yield f"{order['PK']} came too late for its quote"
            for name in ("username", "sub", "asset_id", "order_type", "quantity", "price_per_unit", "total_amount"):
                if order[name] != quote[name]:
                    yield f"{order['PK']} has {name} {order[name]}, its quote {quote[name]}"
            for name in ("fee_bps", "fee_amount"):
                if order.get(name) != quote.get(name):
                    yield f"{order['PK']} has {name} {order.get(name)}, its quote {quote.get(name)}"

    def overquoted(self) -> Iterable[str]:
        """No customer has asked for more quotes in fifteen seconds than he may."""
        asked: Counter[tuple[str, float]] = Counter()
        for quote in self.by_kind["quote"]:
            asked[quote["username"], datetime.fromisoformat(quote["created_at"]).timestamp() // 15] += 1
        for counter in self.by_kind["quote_counter"]:
            since = datetime.fromisoformat(counter["SK"].removeprefix("QUOTES#")).timestamp() // 15
            if asked.pop((counter["PK"], since), 0) != counter["asked"] or counter["asked"] > 5:
                yield f"{counter['PK']} {counter['SK']} counts {counter['asked']} quotes"
        yield from (f"{key} has {number} quotes that nobody has counted" for key, number in asked.items())

    def mischarged(self) -> Iterable[str]:
        """The fee of an order is that of its basis points on what it is worth, rounded up to the cent: on top of a buy,
        and off a sale. What a pending buy holds, its entry in the book and its line say the same."""
        fees = {line["order_id"]: line.get("fee_amount", 0) for line in self.lines}
        in_book = {entry["order_id"]: entry.get("fee_bps", 0) for entry in self.by_kind["book_entry"]}
        for order in self.by_kind["order"]:
            buys, bps = order["order_type"] == "BUY", order.get("fee_bps", Decimal(0))
            price = order["order_price"] if order["status"] == "PENDING" else order.get("price_per_unit")
            if price is None:
                continue
            gross = (price * order["quantity"]).quantize(CENT, ROUND_CEILING if buys else ROUND_FLOOR)
            fee = (gross * bps / 10_000).quantize(CENT, ROUND_CEILING)
            comes_to = gross + fee if buys else gross - fee
            if order["status"] == "PENDING":
                if order.get("hold", comes_to) != comes_to:
                    yield f"{order['PK']} holds {order['hold']}, and may cost {comes_to}"
                if in_book[order["PK"]] != bps:
                    yield f"{order['PK']} pays {bps} basis points, in the book {in_book[order['PK']]}"
                continue
            told = order["total_amount"], order.get("fee_amount", 0), fees.get(order["PK"])
            if told != (comes_to, fee, fee):
                yield f"{order['PK']} came to {comes_to} with a fee of {fee}, told are {told}"

    def misfilled(self) -> Iterable[str]:
        """What is booked of an order at the exchange is within the bounds that it was placed with, and no other's. Only
        operators are believed beyond the band, and nobody beyond its limit."""
        claimed = {
            item["PK"]: (item["order_id"], f"VENUE#{item['number']}") for item in self.by_kind["exchange_order_id"]
        }
        for order in self.by_kind["exchange_order"]:
            there = order.get("exchange_order_id")
            claim = f"VENUE#{order['exchange']}#{order.get('symbol', order['asset_id'])}#{there}"
            if there is not None and claimed.get(claim) != (order["PK"], order["SK"]):
                yield f"{order['PK']} {order['SK']} is order {there} at the exchange, which is {claimed.get(claim)}'s"
            if order["status"] != "FINAL":
                continue
            name, executed, gross = f"{order['PK']} {order['SK']}", order["executed_quantity"], order["gross_amount"]
            if not 0 <= executed <= order["quantity"]:
                yield f"{name} has executed {executed} of {order['quantity']}"
            low, high = order["lowest_price"] * executed, order["highest_price"] * executed
            if order["order_state"] == "BY_EVIDENCE":
                low, high = (Decimal(0), high) if order["buys"] else (low, Decimal("Infinity"))
            if not low - CENT <= gross <= high + CENT or (not executed and gross):
                yield f"{name} is booked for {gross}: {low} to {high} can be"
            if abs(order["fee_amount"]) > gross * order["fee_max_bps"] / 10_000 + CENT:
                yield f"{name} is booked with a fee of {order['fee_amount']} on {gross}"

    def misadjusted(self) -> Iterable[str]:
        """What decided an attempt of a payout is the bank's adjustment for it, and for no other, unless its payout was
        paid otherwise by what a rejected one had."""
        claims = self.by_kind["adjustment_id"]
        claimed = {claim["PK"].removeprefix("ADJUSTMENT#"): claim["ours"] for claim in claims}
        for attempt in self.by_kind["payout_attempt"]:
            told = attempt.get("adjustment_id")
            reference = f"{attempt['PK']}-{attempt['SK'].removeprefix('PAYOUT#')}"
            whose = None if told is None else claimed.get(_spelled(told))
            if told is not None and whose != reference and (whose, attempt["status"]) != (attempt["PK"], "REJECTED"):
                yield f"{reference} is adjustment {told}, which is {whose}'s"

    def misbought(self) -> Iterable[str]:
        """Every pending purchase is a member of one batch or of the pool's open generation, whose total it is. Of each
        batch that is allocated: what it has brought and cost is what its members have got and paid, and the desk."""
        desk: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for line in self.by_kind["desk_transaction"]:
            desk[line["order_id"], line["PK"].removeprefix("DESK#")] += line["amount"]
        purchases = {purchase["PK"]: purchase for purchase in self.by_kind["purchase"]}
        batches = {batch["PK"]: batch for batch in self.by_kind["batch"] if batch.get("side") != "SELL"}
        members: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for member in self.by_kind["member"]:
            order_id = member["SK"].removeprefix("MEMBER#")
            purchase = purchases.pop(order_id, None)
            if purchase is None or purchase["batch_id"] != member["PK"] or purchase["status"] == "CANCELLED":
                yield f"{order_id} is a member of {member['PK']}, and {purchase}"
                continue
            if ("allocated_at" in member) != (purchase["status"] != "PENDING"):
                yield f"{order_id} is {purchase['status']}, its membership says otherwise"
            if purchase["held_amount"] != member["held_amount"] or purchase["asset_id"] != member["asset_id"]:
                yield f"{order_id} holds {purchase['held_amount']}, as a member {member['held_amount']}"
            members[member["PK"]].append(purchase)
        yield from (
            f"{order_id} is {purchase['status']} and a member of nothing"
            for order_id, purchase in purchases.items()
            if purchase["status"] != "CANCELLED"
        )
        open_members = [p for batch_id, ps in members.items() if batch_id not in batches for p in ps]
        for pool in self.by_kind["pool"]:
            inside = [
                p
                for p in open_members
                if (p["asset_id"], p["shard"], p["pool_generation"])
                == (pool["asset_id"], pool["shard"], pool["pool_generation"])
            ]
            told = pool["total"], pool["members"], "open_work" in pool
            if told != (sum((p["held_amount"] for p in inside), Decimal(0)), len(inside), bool(inside)):
                yield f"{pool['PK']} is {told}, its members {[p['PK'] for p in inside]}"
            open_members = [p for p in open_members if p not in inside]
        yield from (f"{p['PK']} waits in a generation that is neither open nor closed" for p in open_members)
        for batch_id, batch in batches.items():
            inside = members[batch_id]
            if any(p["asset_id"] != batch["asset_id"] for p in inside):
                yield f"{batch_id} mixes assets"
            if batch["status"] != "ALLOCATED":
                if "open_work" not in batch:
                    yield f"{batch_id} is {batch['status']} and does not wait"
                continue
            if any(p["status"] == "PENDING" for p in inside):
                yield f"{batch_id} is allocated, not all of its members"
            paid = sum((p["total_amount"] for p in inside), Decimal(0))
            got = sum((p["executed_quantity"] for p in inside), Decimal(0))
            cost = batch["gross_amount"] + batch.get("fee_amount", Decimal(0))
            received = max(Decimal(0), batch["executed_quantity"] - batch.get("fee_in_asset", Decimal(0)))
            if paid - cost != desk[batch_id, "USD"]:
                yield f"{batch_id} cost {cost}, its members paid {paid}, the desk's line is {desk[batch_id, 'USD']}"
            if received - got != desk[batch_id, batch["asset_id"]]:
                yield f"{batch_id} brought {received}, its members got {got}"
        for purchase in self.by_kind["purchase"]:
            if purchase.get("total_amount", Decimal(0)) > purchase["held_amount"]:
                yield f"{purchase['PK']} paid more than it gave"

    def sold_apart(self) -> Iterable[str]:
        """As `misbought`, of sales: what a batch has brought, and the desk has paid for what it bought of it, is what
        its members have got and the fee; what they have sold was executed, or the desk has it."""
        desk: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for line in self.by_kind["desk_transaction"]:
            desk[line["order_id"], line["PK"].removeprefix("DESK#")] += line["amount"]
        sales = {sale["PK"]: sale for sale in self.by_kind["sale"]}
        batches = {batch["PK"]: batch for batch in self.by_kind["batch"] if batch.get("side") == "SELL"}
        waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for seller in self.by_kind["seller"]:
            order_id = seller["SK"].removeprefix("SELLER#")
            sale = sales.pop(order_id, None)
            if sale is None or sale["batch_id"] != seller["PK"] or sale["status"] == "CANCELLED":
                yield f"{order_id} is a seller of {seller['PK']}, and {sale}"
                continue
            if ("allocated_at" in seller) != (sale["status"] != "PENDING"):
                yield f"{order_id} is {sale['status']}, its membership says otherwise"
            if (sale["quantity"], sale["asset_id"]) != (seller["quantity"], seller["asset_id"]):
                yield f"{order_id} sells {sale['quantity']}, as a member {seller['quantity']}"
            if sale.get("executed_quantity", Decimal(0)) > sale["quantity"]:
                yield f"{order_id} sold more than it gave"
            waiting[seller["PK"]].append(sale)
        yield from (
            f"{order_id} is {sale['status']} and a seller of nothing"
            for order_id, sale in sales.items()
            if sale["status"] != "CANCELLED"
        )
        for batch_id, batch in batches.items():
            inside, asset_id = waiting.pop(batch_id, []), batch["asset_id"]
            if any(sale["asset_id"] != asset_id for sale in inside):
                yield f"{batch_id} mixes assets"
            by_desk = batch.get("desk_quantity", Decimal(0))
            if batch["status"] != "ALLOCATED":
                if "open_work" not in batch:
                    yield f"{batch_id} is {batch['status']} and does not wait"
                continue
            if any(sale["status"] == "PENDING" for sale in inside):
                yield f"{batch_id} is allocated, not all of its sellers"
            got = sum((sale["total_amount"] for sale in inside), Decimal(0))
            gone = sum((sale["executed_quantity"] for sale in inside), Decimal(0))
            net = batch["gross_amount"] - batch.get("fee_amount", Decimal(0))
            if net - got != desk[batch_id, "USD"]:
                yield f"{batch_id} brought {net}, its sellers got {got}, the desk's line is {desk[batch_id, 'USD']}"
            left = gone - batch["executed_quantity"] - batch.get("fee_in_asset", Decimal(0))
            if left != desk[batch_id, asset_id]:
                yield f"{batch_id} sold {gone}, {left} elsewhere, the desk's line is {desk[batch_id, asset_id]}"
            if gone > batch["executed_quantity"] + by_desk:
                yield f"{batch_id} sold {gone}, and {batch['executed_quantity']} and {by_desk} were taken"
        for pool in self.by_kind["sale_pool"]:
            of = pool["asset_id"], pool["shard"], pool["pool_generation"]
            inside = [
                sale
                for sales_inside in waiting.values()
                for sale in sales_inside
                if (sale["asset_id"], sale.get("shard"), sale.get("pool_generation")) == of
            ]
            told = pool["total"], pool["members"], "open_work" in pool
            if told != (sum((sale["quantity"] for sale in inside), Decimal(0)), len(inside), bool(inside)):
                yield f"{pool['PK']} of sales is {told}, its sellers {[sale['PK'] for sale in inside]}"
            for sale in inside:
                waiting.pop(sale["batch_id"], None)
        yield from (f"{batch_id} is neither open nor closed, and is sold from" for batch_id in waiting)

    def desk_bought_uncounted(self) -> Iterable[str]:
        """What the desk's own book has bought of each asset, of batches and of cash-outs, is what is counted."""
        bought: dict[str, Decimal] = defaultdict(Decimal)
        for sold in (*self.by_kind["batch"], *self.by_kind["sell_order"]):
            if "desk_quantity" in sold:
                bought[sold["asset_id"]] += _given_by_desk(sold)
        counted: dict[str, Decimal] = defaultdict(Decimal)
        for counter in self.by_kind["desk_limit"]:
            counted[counter["PK"].removeprefix("LIMIT#")] += counter["bought"]
        if counted != bought:
            yield f"the desk has bought {dict(bought)}, counted are {dict(counted)}"

    def mispaid(self) -> Iterable[str]:
        """Attempts are counted without gaps, all but the latest are rejected, unless two operators have said that one
        was paid after all, and what one has paid is paid."""
        attempts = defaultdict(list)
        for item in self.by_kind["payout_attempt"]:
            attempts[item["PK"]].append(item)
        for order in (*self.by_kind["sell_order"], *self.by_kind["withdrawal"]):
            of_order = sorted(attempts.pop(order["PK"], []), key=lambda item: item["SK"])
            if [item["SK"] for item in of_order] != [
                f"PAYOUT#{n + 1:02d}" for n in range(int(order.get("attempts", 0)))
            ]:
                yield f"{order['PK']} counts {order.get('attempts')} attempts, there are {len(of_order)}"
            if any(item["status"] != "REJECTED" and "paid_amount" not in item for item in of_order[:-1]):
                yield f"{order['PK']} began an attempt before the one before was rejected"
            if any(item["status"] == "COMPLETED" for item in of_order) and order["status"] not in (
                "FILLED",
                "COMPLETED",
            ):
                yield f"{order['PK']} is paid and {order['status']}"
            if of_order and of_order[-1]["status"] == "PENDING" and order["status"] not in UNPAID:
                yield f"{order['PK']} is {order['status']} while an attempt may still be paid"
        yield from (f"attempts of nothing: {order_id}" for order_id in attempts)

    def _paid_beyond(self) -> dict[str, Decimal]:
        """Of each payout, what the bank has paid beyond it, as two operators say."""
        said = {
            item["PK"]: item["paid_amount"] - item["amount"]
            for item in self.by_kind["payout_attempt"]
            if "paid_amount" in item
        }
        return {order_id: beyond for order_id, beyond in said.items() if beyond > 0}

    def _fees_elsewhere(self, order_id: str, number: int) -> Iterable[tuple[str, Decimal]]:
        """Of an order at the exchange: `"0.1 BNB, 2 SOL"`."""
        (order,) = [o for o in self.by_kind["exchange_order"] if (o["PK"], o["SK"]) == (order_id, f"VENUE#{number}")]
        for fee in filter(None, order["fees_elsewhere"].split(", ")):
            amount, asset_id = fee.split(" ")
            yield asset_id, Decimal(amount)

    def _holds_coins(self, sale: dict[str, Any]) -> bool:
        """A sale's coins are held until its exchange order is over."""
        if sale["status"] == "BASE_TXN_PENDING":
            return True
        return bool(
            sale["status"] == "NEW" and self.at_exchange[sale["PK"], f"VENUE#{sale['exchange_orders']}"] == "SENT"
        )

    def _pending(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.by_kind[kind] if item["status"] == "PENDING"]
