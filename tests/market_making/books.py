"""The invariants of market making, checked on the raw items of the table, without the product's own arithmetic.

Of each order and asset, to the last digit: what was paid is what is held, what went back, what went to the exchange and
for its way there, what went back as surplus, and the desk's fee. What is held is counted from the snapshots that are
HELD, and never as what is left. Only of an order whose leg was refused something may be `undecided`, until it is on its
way back.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from common import keys
from functions.market_making.quotes import Quotes
from functions.market_making.quotes_store import QuotesItem, quotes_of
from tests.raw import Fields, Raw, plain

OVER = ("refunded", "returned")
NOTHING = Decimal(0)


class Books:
    """What the table says. `held`, `expected`, `parked`, `desk` and `undecided` are sums by asset."""

    def __init__(self, items: Iterable[Raw]) -> None:
        items = list(items)
        self.by_kind: dict[str, list[Fields]] = defaultdict(list)
        for item in items:
            fields = plain(item)
            self.by_kind[fields["entity_type"]].append(fields)
        self.orders = {order["PK"]: order for order in self.by_kind["market_making_order"]}
        self.outgoing = {outgoing["PK"]: outgoing for outgoing in self.by_kind["outgoing"]}
        self.incoming = {incoming["snapshot_id"]: incoming for incoming in self.by_kind["snapshot"]}
        self.transfers: dict[str, list[Fields]] = defaultdict(list)
        for transfer in self.by_kind["market_making_transfer"]:
            self.transfers[transfer["PK"]].append(transfer)
        self.legs: dict[tuple[str, str], list[Fields]] = defaultdict(list)
        for leg in self.by_kind["market_making_leg"]:
            _, way, leg["asset_id"] = leg["SK"].split("#")
            self.legs[leg["PK"], way].append(leg)
        raw = (item for item in items if item["entity_type"]["S"] == keys.MARKET_MAKING_QUOTES.entity)
        self.quotes = {item["PK"]["S"]: quotes_of(QuotesItem.from_raw_data(_writable(item))) for item in raw}
        self.lines: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.kept: dict[tuple[str, str], Decimal] = defaultdict(Decimal)  # at the exchange, by operators: by symbol
        for line in self.by_kind["desk_transaction"]:
            asset_id, amount = line["PK"].removeprefix("DESK#"), line["amount"]
            if ":" in asset_id:  # of a trading account, and not at the custody
                self.kept[line["order_id"], asset_id.partition(":")[2]] += amount
            else:
                self.lines[line["order_id"], asset_id] += amount
        self.dust: dict[tuple[str, str], Decimal] = defaultdict(Decimal)  # by account and symbol
        self.undecided: dict[str, Decimal] = defaultdict(Decimal)
        self._found = [
            *self._paid_for(),
            *self._disposed(),
            *self._legs(),
            *self._home(),
            *self._stays(),
            *self._sent(),
        ]
        self._found += [
            *self._lost(),
            *self._on_accounts(),
            *self._waiting(),
            *self._counted(),
            *self._quoted(),
            *self._in_shards(),
        ]

    def violations(self) -> list[str]:
        """In words; empty when all is well."""
        return self._found

    def sum_of(self, disposition: str) -> dict[str, Decimal]:
        """What of the incoming has it, by asset."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for incoming in self.by_kind["snapshot"]:
            if incoming["status"] == disposition:
                sums[incoming["asset_id"]] += incoming["amount"]
        return sums

    @property
    def desk(self) -> dict[str, Decimal]:
        """What of the custody's is the desk's own."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for (_, asset_id), amount in self.lines.items():
            sums[asset_id] += amount
        return sums

    def refused(self, outgoing: Fields) -> bool:
        """Has it taken nothing, and never will? A refund that is refused is still owed."""
        return bool(outgoing["status"] == "REFUSED" and outgoing["kind"] in ("FUNDING", "MERGE"))

    def _lost(self) -> Iterator[str]:
        """What is lost at the custody is taken off the desk's own account, and never twice: of what is booked last at
        least that much."""
        short = {item["PK"]: item for item in self.by_kind["custody_shortage"]}
        lines = {key: amount for key, amount in self.lines.items() if key[0][0] == "L"}
        for (shortage_id, asset_id), amount in lines.items():
            if shortage_id not in short or short[shortage_id]["asset_id"] != asset_id or amount >= 0:
                yield f"{amount} of {asset_id} are the desk's loss, by {short.get(shortage_id)}"
        for shortage_id, item in short.items():
            booked = lines.get((shortage_id, item["asset_id"]), NOTHING)
            if item["status"] == "BOOKED" and booked > -item["missing"]:
                yield f"{item} is booked, and the desk has lost {booked}"

    # What was paid

    def _paid_for(self) -> Iterator[str]:
        for order in self.orders.values():
            paid = self.transfers[order["PK"]]
            if len(paid) != order["transfers"]:
                yield f"{order['PK']} counts {order['transfers']} transfers, there are {len(paid)}"
            left: dict[str, Decimal] = defaultdict(Decimal)
            for transfer in paid:
                snapshot_id = transfer["SK"].removeprefix("TRANSFER#")
                incoming = self.incoming.get(snapshot_id)
                if incoming is None or incoming["order_id"] != order["PK"]:
                    yield f"{snapshot_id} is a transfer of {order['PK']}, and {incoming}"
                    continue
                if any(transfer[name] != incoming[name] for name in ("asset_id", "amount")):
                    yield f"{transfer} of {order['PK']} is not {incoming}"
                if incoming["opponent_id"] != order["opponent_id"]:
                    yield f"{incoming['opponent_id']} pays for {order['PK']}, which is {order['opponent_id']}'s"
                if incoming["status"] == "WITHDRAWN":
                    left[transfer["asset_id"]] += transfer["amount"]
                elif incoming["status"] not in ("HELD", "REFUNDED"):
                    yield f"{snapshot_id} pays for {order['PK']}, and is {incoming['status']}"
            yield from self._withdrawn(order, left)

    def _withdrawn(self, order: Fields, left: dict[str, Decimal]) -> Iterator[str]:
        """What is WITHDRAWN of an order's transfers is on its way, or has gone it."""
        for outgoing in self._of(order["PK"]):
            if not self.refused(outgoing):
                left[outgoing["asset_id"]] -= outgoing["amount"]
                if "fee_amount" in outgoing:
                    left[outgoing["fee_asset_id"]] -= outgoing["fee_amount"]
        for (order_id, asset_id), amount in self.lines.items():
            if order_id == order["PK"]:
                left[asset_id] -= amount
        legs = (self.outgoing.get(leg["sent_by"]) for leg in self.legs[order["PK"], "OUT"])
        refused = any(leg is not None and leg["status"] == "REFUSED" for leg in legs)
        for asset_id, amount in left.items():
            if amount < 0 or (amount and not (refused and order["status"] in ("withdrawing", "failed"))):
                yield f"{order['PK']} is {order['status']}, and {amount} of {asset_id} are not accounted for"
            self.undecided[asset_id] += amount

    def _of(self, order_id: str) -> Iterator[Fields]:
        """What was decided to leave of what was paid for an order, but for refunds of single transfers."""
        for outgoing in self.outgoing.values():
            if outgoing["cause"] == order_id and outgoing["kind"] in ("FUNDING", "SURPLUS", "REFUND"):
                yield outgoing

    def _disposed(self) -> Iterator[str]:
        refunds = Counter(o["cause"] for o in self.outgoing.values() if o["kind"] == "REFUND")
        yield from (
            f"{cause} is refunded {times} times" for cause, times in refunds.items() if times > 1 and cause[0] == "N"
        )
        taken = {incoming["PK"] for incoming in self.by_kind["snapshot"]}
        yield from (
            f"{cause} is refunded, and was never taken" for cause in refunds if cause[0] == "N" and cause not in taken
        )
        paid = {t["SK"].removeprefix("TRANSFER#") for transfers in self.transfers.values() for t in transfers}
        home = {leg.get("incoming_id") for (_, way), legs in self.legs.items() if way == "HOME" for leg in legs}
        for incoming in self.by_kind["snapshot"]:
            name, status = incoming["PK"], incoming["status"]
            order = self.orders.get(incoming.get("order_id", ""))
            if order is not None and incoming["snapshot_id"] not in paid and name not in home:
                yield f"{name} is {status} for {order['PK']}, and neither a transfer nor a leg of it"
            if status == "DESK" and self.lines[name, incoming["asset_id"]] != incoming["amount"]:
                yield f"{name} is the desk's, whose lines of it are {self.lines[name, incoming['asset_id']]}"
            if status == "HELD" and (order is None or order["status"] in OVER):
                yield f"{name} is HELD for {order and order['status']}"
            if status == "REFUNDED":
                refund = self.outgoing.get(incoming.get("outgoing_id", ""))
                due = ("REFUND", name, incoming["asset_id"], incoming["amount"], incoming["opponent_id"])
                fields = ("kind", "cause", "asset_id", "amount", "user_id")
                if refund is None or tuple(refund.get(field) for field in fields) != due:
                    yield f"{due} is owed, and sent is {refund}"
            elif name in refunds:
                yield f"{name} is {status}, and {refunds[name]} times refunded"

    # Ways

    def _legs(self) -> Iterator[str]:
        legs = {leg["sent_by"]: leg for (_, way), of in self.legs.items() if way == "OUT" for leg in of}
        claimed = Counter(
            (d["order_id"], d["asset_id"], d["transaction_hash"], d["amount"]) for d in self.by_kind["exchange_deposit"]
        )
        for outgoing in self.outgoing.values():
            if outgoing["kind"] == "FUNDING":
                leg = legs.pop(outgoing["PK"], None)
                told = None if leg is None else (leg["PK"], leg["asset_id"], leg["amount"])
                if told != (outgoing["cause"], outgoing["asset_id"], outgoing["amount"]):
                    yield f"{outgoing} is a leg, and there is {told}"
                    continue
                assert leg is not None
                if (leg["status"] == "ARRIVED") != (outgoing["status"] == "ARRIVED"):
                    yield f"a leg of {leg['PK']} is {leg['status']}, what sends it {outgoing['status']}"
                if leg.get("arrived_amount"):  # operators may have found that nothing was credited
                    claimed[leg["PK"], leg["asset_id"], leg["transaction_hash"], leg["arrived_amount"]] -= 1
        yield from (f"a leg is sent by nothing: {leg}" for leg in legs.values())
        yield from (f"a deposit is no leg's, or two's: {deposit}" for deposit, times in claimed.items() if times)

    def _home(self) -> Iterator[str]:
        by_id = {incoming["PK"]: incoming for incoming in self.by_kind["snapshot"]}
        homes = {(o["cause"], o["asset_id"]): o for o in self.outgoing.values() if o["kind"] == "HOME"}
        for (order_id, way), legs in self.legs.items():
            if way != "HOME":
                continue
            order, there = self.orders[order_id], self._by_its_lines(order_id)
            for leg in legs:
                asset_id, back = leg["asset_id"], homes.pop((order_id, leg["asset_id"]), None)
                if leg["amount"] > there[asset_id]:
                    yield f"{order_id} takes {leg['amount']} of {asset_id} home, and has {there[asset_id]} there"
                if leg["status"] == "KEPT":
                    if back is not None or self.kept[order_id, leg["symbol"]] < leg["amount"]:
                        yield f"{leg} stays at the exchange, and back is {back}"
                    continue
                if leg["status"] != "ARRIVED":
                    if back is not None or order["status"] in OVER:
                        yield f"{order_id} is {order['status']}, its leg home {leg['status']}, and back is {back}"
                    continue
                incoming = by_id.get(leg["incoming_id"])
                if incoming is None:
                    yield f"{leg} has come as nothing that was taken"
                    continue
                came = (
                    incoming["asset_id"],
                    incoming["amount"],
                    incoming.get("order_id"),
                    incoming.get("deposit_hash"),
                )
                hash_ = leg.get("transaction_hash", came[3])  # none where operators have found it
                if came != (asset_id, leg["arrived_amount"], order_id, hash_):
                    yield f"{leg} came as {incoming}"
                if (incoming["status"] == "WITHDRAWN") != (back is not None):
                    yield f"{incoming} is home, and goes on as {back}"
                if back is not None and (back["amount"], back["user_id"]) != (incoming["amount"], order["opponent_id"]):
                    yield f"{incoming} goes to {order['opponent_id']}, and as {back}"
                if order["status"] in OVER and (back is None or back["status"] != "ARRIVED"):
                    yield f"{order_id} is {order['status']}, and what came home is {back}"
        yield from (f"{back} comes from nowhere" for back in homes.values())

    def _stays(self) -> Iterator[str]:
        """All that was at the exchange comes home or stays, to the last digit; and what stays is somebody's, before the
        order is over."""
        for order in self.orders.values():
            came = order["status"] == "refunded" and order.get("after_failure")
            if order["status"] not in ("returning", "returned") and not came:
                continue
            legs = [*self.legs[order["PK"], "HOME"], *self.legs[order["PK"], "REST"]]
            for asset_id, there in self._by_its_lines(order["PK"]).items():
                divided = sum((leg["amount"] for leg in legs if leg["asset_id"] == asset_id), NOTHING)
                if divided != there:
                    yield f"{order['PK']} has {there} of {asset_id} at the exchange, and {divided} come home or stay"
            left = {leg["symbol"]: leg for leg in legs if leg["status"] == "LEFT"}
            if order["status"] in OVER:
                yield from self._dust(order, left)
            for symbol in {leg["symbol"] for leg in legs}:
                of = (leg["amount"] for leg in legs if (leg["symbol"], leg["status"]) == (symbol, "KEPT"))
                kept, stays = self.kept[order["PK"], symbol], sum(of, NOTHING)
                if kept != stays:
                    yield f"{order['PK']} leaves {stays} {symbol} at the exchange, and the desk has {kept} of it"

    def _dust(self, order: Fields, left: dict[str, Fields]) -> Iterator[str]:
        """What stays of one that is over is little, and its payer is told of it."""
        told = json.loads(order.get("left_behind", "{}"))
        if told != {symbol: f"{leg['amount'].normalize():f}" for symbol, leg in left.items()}:
            yield f"{order['PK']} is {order['status']}, tells of {told}, and nobody's are {left}"
        for leg in left.values():
            least = order["base_min" if leg["asset_id"] == order["base_asset_id"] else "quote_min"]
            if leg["amount"] * 100 > least:
                yield f"{order['PK']} is {order['status']}, and leaves {leg}, more than dust of {least}"
            self.dust[order["account_id"], leg["symbol"]] += leg["amount"]

    def _at_exchange(self, order_id: str) -> dict[str, Decimal]:
        """What the exchange has credited of an order, by asset."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for leg in self.legs[order_id, "OUT"]:
            sums[leg["asset_id"]] += leg.get("arrived_amount", NOTHING)
        return sums

    def _on_accounts(self) -> Iterator[str]:
        """An account knows whose money leaves it, and how much dust is there."""
        dust = {
            (item["PK"].removeprefix("ACCOUNT#"), item["SK"].removeprefix("BEHIND#")): item["amount"]
            for item in self.by_kind["left_behind"]
        }
        for key in dust.keys() | self.dust.keys():
            if dust.get(key, NOTHING) != self.dust.get(key, NOTHING):
                yield f"{key} has dust of {dust.get(key)}, and its orders have left {self.dust.get(key)}"
        leaving = {
            (i["PK"].removeprefix("ACCOUNT#"), i["SK"].removeprefix("UNLEDGERED#")) for i in self.by_kind["unledgered"]
        }
        going = {(o["account_id"], o["PK"]) for o in self.orders.values() if self._is_there_unledgered(o)}
        if leaving != going:
            yield f"accounts are told that {leaving} have money there in no ledger, and {going} have"

    def _is_there_unledgered(self, order: dict[str, Any]) -> bool:
        if order["PK"] in self.quotes or order["status"] in ("returned", "refunded"):
            return bool(order["status"] == "returning")
        return any(leg["status"] == "ARRIVED" for leg in self.legs[order["PK"], "OUT"])

    # Quotes

    def _by_its_lines(self, order_id: str) -> dict[str, Decimal]:
        """What an order has at the exchange, by asset: what was credited, its trades, and what two have decided."""
        order, sums = self.orders[order_id], self._at_exchange(order_id)
        assets = order["base_asset_id"], order["quote_asset_id"]
        named = dict(zip(order["symbol"].split("-"), assets, strict=True))
        for line in self._of_order("market_making_trade", order_id):
            sign = 1 if line["side"] == "BUY" else -1
            sums[assets[0]] += sign * line["quantity"]
            sums[assets[1]] -= sign * line["quote_quantity"]
            if line["fee_asset"] in named:
                sums[named[line["fee_asset"]]] -= line["fee"]
        for decided in self._of_order("market_making_decided", order_id):
            sums[assets[0]] += decided["base_amount"]
            sums[assets[1]] += decided["quote_amount"]
        return sums

    def _fees_elsewhere(self, order_id: str) -> dict[str, Decimal]:
        coins, fees = self.orders[order_id]["symbol"].split("-"), dict[str, Decimal]()
        for line in self._of_order("market_making_trade", order_id):
            if line["fee_asset"] not in coins:
                fees[line["fee_asset"]] = fees.get(line["fee_asset"], NOTHING) + line["fee"]
        return fees

    def _of_order(self, kind: str, order_id: str) -> list[Fields]:
        return [item for item in self.by_kind[kind] if item["PK"] == order_id]

    def _quoted(self) -> Iterator[str]:
        """An order's own ledger is what the exchange has credited, its trades, and what operators have decided; its
        days are its trades; of one that is over, nothing is open. What of it may be open was decided for one slot
        each, once."""
        for order_id, quotes in self.quotes.items():
            order = self.orders[order_id]
            there, elsewhere = self._by_its_lines(order_id), self._fees_elsewhere(order_id)
            base, quote = there[order["base_asset_id"]], there[order["quote_asset_id"]]
            if (quotes.base, quotes.quote, quotes.fees_elsewhere) != (base, quote, elsewhere):
                yield f"{order_id} has a ledger of {quotes.base}, {quotes.quote}; its lines make {base}, {quote}"
            yield from self._days(order_id, quotes)
            if min(base, quote) < 0:
                yield f"{order_id} has traded with more than it has: {base}, {quote}"
            if order["status"] in ("stopped", "returning", "returned") and (quotes.slots or not quotes.closed):
                yield f"{order_id} is {order['status']}, and {quotes.slots} may be open"
            names = [p.cycle for slot in quotes.slots.values() for p in (slot.live, slot.coming) if p is not None]
            if any(cycle > quotes.cycle for cycle in names):
                yield f"{order_id} has orders of cycles to come: {quotes}"

    def _days(self, order_id: str, quotes: Quotes) -> Iterator[str]:
        """What each trade was, and the time with quotes on both sides that is over, are its days' once."""
        lines = [line for line in self.by_kind["market_making_trade"] if line["PK"] == order_id]
        days = [day for day in self.by_kind["market_making_day"] if day["PK"] == order_id]
        volumes = {maker: sum(t["quote_quantity"] for t in lines if t["maker"] is maker) for maker in (True, False)}
        wanted = (volumes[True], volumes[False], len(lines), quotes.tally.both_seconds)
        told = tuple(
            sum(day[what] for day in days) for what in ("maker_volume", "taker_volume", "fills", "both_seconds")
        )
        if told != wanted:
            yield f"{order_id} has days of {told}; its trades and quotes make {wanted}"

    def _in_shards(self) -> Iterator[str]:
        """A shard knows the orders whose money is at the exchange since they could quote, each as it stands."""
        may = {
            order_id: order["status"]
            for order_id, order in self.orders.items()
            if order["status"] in ("created", "running", "paused", "stopping", "stopped") and "quoted_by" in order
        }
        told = {item["SK"].removeprefix("MEMBER#"): item["status"] for item in self.by_kind["shard_member"]}
        if may != told:
            yield f"shards are told of {told}, and {may} may quote"

    def _sent(self) -> Iterator[str]:
        """Each output is spent by one outgoing, and by those alone that may be sent."""
        spent: dict[str, str] = {}
        for outgoing in self.outgoing.values():
            for output in _listed(outgoing.get("inputs")) if outgoing["status"] != "REFUSED" else ():
                if output in spent:
                    yield f"{output} is spent by {spent[output]} and by {outgoing['PK']}"
                spent[output] = outgoing["PK"]
        reserved = {o["PK"].removeprefix("OUTPUT#"): o["outgoing_id"] for o in self.by_kind["output"]}
        if reserved != spent:
            yield f"reserved are {reserved}, spent {spent}"

    # Order

    def _waiting(self) -> Iterator[str]:
        """What is unfinished waits and says for what; nothing else does."""
        for order in self.orders.values():
            stays = order["status"] == "stopped" and not order.get("goes_home")
            if "left_behind" in order and "open_work" in order:
                yield from _waits(order, unfinished=True)  # operators have decided about its dust
                continue
            yield from _waits(order, unfinished=order["status"] not in OVER and not stays)
        for outgoing in self.outgoing.values():
            owed = outgoing["status"] == "REFUSED" and not self.refused(outgoing)
            yield from _waits(outgoing, unfinished=outgoing["status"] in ("INTENDED", "SENT") or owed)
        for incoming in self.by_kind["snapshot"]:
            comes_home = incoming["status"] == "EXPECTED" and "deposit_hash" in incoming
            yield from _waits(incoming, unfinished=incoming["status"] == "PARKED" or comes_home)

    def _counted(self) -> Iterator[str]:
        """An account carries the orders that are not over; one that is over has nothing undone."""
        carried = Counter(order["account_id"] for order in self.orders.values() if order["status"] not in OVER)
        for account in self.by_kind["trading_account"]:
            account_id = account["SK"].removeprefix("ACCOUNT#")
            if not carried[account_id] == account["orders"] <= account["capacity"]:
                yield f"{account_id} counts {account['orders']} orders, and carries {carried[account_id]}"
        for order in self.orders.values():
            if order["status"] in OVER:
                for outgoing in self._of(order["PK"]):
                    if outgoing["status"] not in ("ARRIVED", "REFUSED"):
                        yield f"{order['PK']} is {order['status']}, and {outgoing} is not"
            if order["status"] == "refunded":
                for transfer in self.transfers[order["PK"]]:
                    incoming = self.incoming[transfer["SK"].removeprefix("TRANSFER#")]
                    refund = self.outgoing.get(incoming.get("outgoing_id", ""))
                    if incoming["status"] == "REFUNDED" and (refund is None or refund["status"] != "ARRIVED"):
                        yield f"{order['PK']} is refunded, and {incoming} goes back as {refund}"


def _waits(item: Fields, *, unfinished: bool) -> Iterator[str]:
    if unfinished != ("open_work" in item):
        yield f"{item['PK']} is {item['status']} and {'waits' if 'open_work' in item else 'does not wait'}"
    if unfinished and not item.get("waits_for"):
        yield f"{item['PK']} does not say what it waits for"


def _listed(inputs: str | None) -> list[str]:
    return [] if inputs is None else inputs.strip("[]").replace('"', "").replace(" ", "").split(",")


def _writable(item: Raw) -> dict[str, dict[str, Any]]:
    return {name: dict(value) for name, value in item.items()}
