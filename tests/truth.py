"""What the exchange and the bank of a test have really done, and whether the desk's books are true to it.

Nothing here asks the product. Of each sale, by what its orders at the exchange executed, and of each payout, by what
the bank has booked:

    paid but not earned     the bank has paid more than was earned, or has paid what went to the balance, too
    not his                 a customer's coins or dollars went, and he has not got what they came to

The desk hears only what it is told. What no one can find out may cost it so much, and no more: for what is executed, a
price from the limit to `BAND` above the market's, and a fee of up to `FEE` of that, paid or got back; each sum to the
cent. Whoever is told that more was executed than was has the coins for it. A bank that denies a credit for good and
pays it, says that it has paid and has not, or pays more than it was asked for, owes it itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from common import keys
from common.gateways.exchange import client_order_id
from common.money import Money
from tests.books import SOLD, UNPAID
from tests.desk import Desk
from tests.liars import LyingBank, LyingExchange
from tests.outside import ACCOUNT
from tests.raw import Raw, plain

BAND, FEE = Fraction(1000, 10_000), Fraction(200, 10_000)  # as the desk's own: the catalogue's, and the settings'
CENT = Decimal("0.01")
KINDS = {
    "sell_order",
    "withdrawal",
    "asset_transaction",
    "event",
    "desk_transaction",
    "purchase",
    "sale",
    "batch",
    "exchange_order",
}


@dataclass
class Executed:
    """What the exchange has executed of an order that was placed for one of ours, and its fees."""

    quantity: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    coins: Decimal = Decimal(0)  # of the quantity, for the exchange
    open: bool = False
    shaded: bool = False
    overstated: bool = False

    @property
    def net(self) -> Decimal:
        return self.gross - self.fee


@dataclass
class Truth:
    desk: Desk
    exchange: LyingExchange
    bank: LyingBank | None = None

    def executed(self, order_id: str, number: int) -> Executed:
        """Of the order that was placed for it as `number`. What was placed before and given up is nobody's."""
        found = Executed()
        ids = {client_order_id(order_id, str(number))}
        for order in self.desk.world.venue.history(ACCOUNT):
            if order.client_order_id not in ids:
                continue
            found.quantity += order.executed
            found.gross += order.gross
            trades = self.desk.world.venue.trades(ACCOUNT, order.symbol, order_id=order.order_id)
            found.fee += sum((t.fee for t in trades if t.fee_asset == "USDT"), Decimal(0))
            found.coins += sum((t.fee for t in trades if t.fee_asset == order.symbol.removesuffix("USDT")), Decimal(0))
            found.open = found.open or not order.status.over
        found.shaded, found.overstated = bool(ids & self.exchange.shaded), bool(ids & self.exchange.overstated)
        return found

    def paid(self, order_id: str) -> Decimal:
        return self.booked(f"{order_id}-")

    def booked(self, reference: str) -> Decimal:
        """What the bank has paid, to the account that it was to, under all references that begin so."""
        return sum((amount for amount, _ in self._credits(reference)), Decimal(0))

    def _credits(self, reference: str) -> Iterator[tuple[Decimal, Decimal]]:
        """What was paid, and what of it the bank was not asked for."""
        assert self.bank is not None
        for credit in self.desk.world.simulated.credits(reference):
            account_id, amount = self.bank.asked[credit.reference_id]
            if credit.account_id == account_id:
                yield credit.amount.usd, max(Decimal(0), (credit.amount - amount).usd)

    def check(self, items: Iterable[Raw]) -> None:
        found = list(self.violations(items))
        assert not found, "\n".join(found)

    def violations(self, items: Iterable[Raw]) -> Iterator[str]:
        yield from self.desk.world.bugs
        kinds = _by_kind(items)
        spent: dict[str, Decimal] = defaultdict(Decimal)
        for line in kinds["asset_transaction"]:
            if line["transaction_type"] == "WITHDRAW":
                spent[line["order_id"]] += line["total_amount"]
        beyond: dict[str, Decimal] = defaultdict(Decimal)
        for line in kinds["desk_transaction"]:
            if line["PK"] == "DESK#USD" and line["amount"] < 0:
                beyond[line["order_id"]] -= line["amount"]
        by_hand = {order["PK"] for order in kinds["exchange_order"] if order.get("order_state") == "BY_EVIDENCE"}
        for sale in kinds["sell_order"]:
            yield from self._not_earned(sale, by_hand=sale["PK"] in by_hand)
        for order in (*kinds["sell_order"], *kinds["withdrawal"]):
            if "total_amount" in order:
                told = [event["reason"] for event in kinds["event"] if event["PK"] == order["PK"]]
                yield from self._mispaid(order, spent[order["PK"]], beyond[order["PK"]], told)
        members: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for purchase in kinds["purchase"]:
            members[purchase["batch_id"]].append(purchase)
        for sold in kinds["sale"]:
            members[sold["batch_id"]].append(sold)
        for batch in kinds["batch"]:
            check = self._not_sold if batch.get("side") == "SELL" else self._not_bought
            yield from check(batch, members[batch["PK"]], by_hand=batch["PK"] in by_hand)

    def _not_earned(self, sale: dict[str, Any], *, by_hand: bool) -> Iterator[str]:
        """What was credited for a sale, against what was executed. Operators tell the truth, whatever the exchange
        does."""
        if sale["status"] not in SOLD:
            return
        by_desk = sale.get("desk_quantity", Decimal(0))
        order_id, booked, credited = sale["PK"], sale["executed_quantity"] - by_desk, sale["total_amount"]
        true = self.executed(order_id, int(sale["exchange_orders"]))
        if booked > true.quantity and not true.overstated:
            yield f"paid but not earned: {order_id} has booked {booked} sold, the exchange has executed {true.quantity}"
        if by_hand or not (true.shaded or true.overstated):
            desk_paid = Fraction(by_desk) * Fraction(sale.get("desk_price", Decimal(0)))
            earned = max(0, floor((Fraction(true.net) + desk_paid) * 100))
            if booked != true.quantity or earned - credited * 100 not in (0, 1 if by_desk else 0):
                yield f"{order_id} has booked {booked} for ${credited}, {true} was executed: {earned} cents"
            if by_desk and desk_paid * Fraction(booked) > Fraction(true.net) * Fraction(by_desk):
                yield f"the desk has given ${float(desk_paid)} for {by_desk} of {order_id}, {true} was executed"
            return
        booked += by_desk
        most = Fraction(booked) * max(Fraction(sale["limit_price"]), Fraction(sale["price"]) * (1 + BAND)) * (1 + FEE)
        least = Fraction(booked) * Fraction(sale["limit_price"]) * (1 - FEE)
        if credited > most + Fraction(CENT) * 2:
            yield f"paid but not earned: {order_id} was told ${credited} for {booked}, ${float(most)} can be"
        if credited < least - Fraction(CENT) * 3:
            yield f"not his: {order_id} was told ${credited} for {booked}, ${float(least)} is the least that can be"

    def _not_bought(self, batch: dict[str, Any], members: list[dict[str, Any]], *, by_hand: bool) -> Iterator[str]:
        """What the members of a batch have got and paid, against what was executed, also beyond the band where
        operators have told of it."""
        if batch["status"] != "ALLOCATED":
            return
        batch_id, booked, true = batch["PK"], batch["executed_quantity"], self.executed(batch["PK"], 1)
        if booked > true.quantity and not true.overstated:
            yield f"got but not bought: {batch_id} has booked {booked}, the exchange has executed {true.quantity}"
        got = sum((p.get("executed_quantity", Decimal(0)) for p in members), Decimal(0))
        paid = sum((p.get("total_amount", Decimal(0)) for p in members), Decimal(0))
        if not booked:
            if got or paid:
                yield f"{batch_id} has brought nothing, its members got {got} for ${paid}"
            return
        told = batch["gross_amount"], batch.get("fee_amount", Decimal(0)), batch.get("fee_in_asset", Decimal(0))
        if by_hand or not (true.shaded or true.overstated):
            if (booked, *told) != (true.quantity, true.gross, true.fee, true.coins):
                yield f"{batch_id} has booked {booked} for {told}, {true} was executed"
        elif got > max(booked, true.quantity) - true.coins + booked * Decimal(FEE.numerator) / FEE.denominator:
            yield f"got but not bought: {batch_id} gave {got}, {true} was executed"
        price = Fraction(batch["price"])
        lowest = min(Fraction(batch["limit_price"]), price * (1 - BAND))
        if by_hand:
            lowest = min(lowest, Fraction(true.gross) / Fraction(true.quantity))
        least = Fraction(got) * lowest * (1 - FEE)
        if paid < least - Fraction(CENT) * (len(members) + 2):
            yield f"got but not paid: {batch_id} gave {got} for ${paid}, ${float(least)} is the least that can be"

    def _not_sold(self, batch: dict[str, Any], members: list[dict[str, Any]], *, by_hand: bool) -> Iterator[str]:
        """What the members of a batch of sales have sold and got, against what was executed."""
        if batch["status"] != "ALLOCATED":
            return
        batch_id, booked = batch["PK"], batch["executed_quantity"]
        true = self.executed(batch["PK"], 1)
        if booked > true.quantity and not true.overstated:
            yield f"paid but not sold: {batch_id} has booked {booked}, the exchange has executed {true.quantity}"
        got = sum((sale.get("total_amount", Decimal(0)) for sale in members), Decimal(0))
        gone = sum((sale.get("executed_quantity", Decimal(0)) for sale in members), Decimal(0))
        by_desk = batch.get("desk_quantity", Decimal(0))
        if not booked and not by_desk:
            if got or gone:
                yield f"{batch_id} has sold nothing, its members sold {gone} for ${got}"
            return
        if not booked:
            return
        told = batch["gross_amount"], batch.get("fee_amount", Decimal(0)), batch.get("fee_in_asset", Decimal(0))
        honest = by_hand or not (true.shaded or true.overstated)
        if honest and (booked, *told) != (true.quantity, true.gross, true.fee, true.coins):
            yield f"{batch_id} has booked {booked} for {told}, {true} was executed"
        if gone > booked + by_desk:
            yield f"paid but not sold: {batch_id} sold {gone}, {booked} and {by_desk} were taken"
        highest = max(Fraction(batch["limit_price"]), Fraction(batch["price"]) * (1 + BAND))
        if by_hand:
            highest = max(highest, Fraction(true.gross) / Fraction(true.quantity))
        most, least = Fraction(gone) * highest * (1 + FEE), Fraction(gone) * Fraction(batch["limit_price"]) * (1 - FEE)
        if got > most + Fraction(CENT) * 2:
            yield f"paid but not earned: {batch_id} gave ${got} for {gone}, ${float(most)} can be"
        if got < least - Fraction(CENT) * (len(members) + 2):
            yield f"not theirs: {batch_id} gave ${got} for {gone}, ${float(least)} is the least that can be"

    def _mispaid(self, order: dict[str, Any], spent: Decimal, beyond: Decimal, told: Sequence[str]) -> Iterator[str]:
        """What the bank has paid, against what has left the customer's balance for it, or is still held. `told`: the
        reasons of its moves; an approval is taken away by a dispute, and was one all the same."""
        assert self.bank is not None
        order_id, due, paid = order["PK"], order["total_amount"], self.paid(order["PK"])
        its_own = sum((more for _, more in self._credits(f"{order_id}-")), Decimal(0))
        left = due + its_own if order["status"] in UNPAID else spent + max(beyond, its_own)
        denied = sum((self.booked(ref) for ref in self.bank.denied if ref.startswith(order_id)), Decimal(0))
        if paid - denied > left:
            yield f"paid but not earned: the bank has paid ${paid} of {order_id}, and ${left} were to be paid"
        short = order["status"] not in UNPAID and paid < spent
        if short and not self._has(order, self.bank.claimed):
            yield f"not his: the bank has paid ${paid} of {order_id}, for which ${spent} have left his balance"
        if due > self.desk.payout_max.usd:
            records = self.desk.world.simulated.records()
            asked = {r.terms.account_id for r in records if r.terms.reference_id.startswith(order_id)}
            for account_id in asked - {"acc-of-a-stranger"}:
                said = f"approved: ${Money(due)} may be paid to {self.desk.mark_of(order['username'], account_id)}"
                if said not in told:
                    yield f"{order_id} was sent to {account_id}, ${due}, and that was not approved"

    def _has(self, order: dict[str, Any], references: set[str]) -> bool:
        return any(f"{order['PK']}-{n + 1:02d}" in references for n in range(int(order.get("attempts", 0))))


def holds(items: Iterable[Raw]) -> dict[str, str]:
    """What is held, in words, by the id of what it is held for."""
    found: dict[str, str] = {}
    kinds = _by_kind(items)
    sent = {(order["PK"], order["SK"]) for order in kinds["exchange_order"] if order["status"] == "SENT"}
    for order in (*kinds["sell_order"], *kinds["withdrawal"]):
        if order["status"] in UNPAID:
            found[order["PK"]] = f"{order['status']}, ${order['total_amount']}"
    for sale in kinds["sell_order"]:
        asked = sale["status"] == "NEW" and (sale["PK"], f"VENUE#{sale['exchange_orders']}") in sent
        if asked or sale["status"] == "BASE_TXN_PENDING":
            found[sale["PK"]] = f"{sale['status']}, {sale['quantity']} {sale['asset_id']}"
    for purchase in kinds["purchase"]:
        if purchase["status"] == "PENDING":
            found[purchase["batch_id"]] = f"{purchase['PK']}, ${purchase['held_amount']}"
    for sold in kinds["sale"]:
        if sold["status"] == "PENDING":
            found[sold["batch_id"]] = f"{sold['PK']}, {sold['quantity']} {sold['asset_id']}"
    return found


def settle(desk: Desk, passes: Callable[..., None]) -> None:
    """Let hours pass in which nothing new is asked for. Raises AssertionError when something is held in the end that no
    person knows of. What a machine moves again each time is not known by its age: so it comes out here, too."""
    for _ in range(6):
        if not holds(desk.dynamo.items()):
            return
        desk.clock.forward(hours=5)
        passes(minutes=3)
        unknown = held_and_unknown(desk)
        if not unknown:
            return
        passes(minutes=20)
    raise AssertionError(f"held, and nobody knows: {unknown}")


def held_and_unknown(desk: Desk) -> dict[str, str]:
    """What is held for something that neither waits for a person, nor has been due for so long that one is told."""
    waiting = desk.operations.work(keys.BACKLOGS, overdue_only=False, limit=1000)
    known = {each.id for each in waiting if each.needs_person}
    return {held: what for held, what in holds(desk.dynamo.items()).items() if held not in known}


def _by_kind(items: Iterable[Raw]) -> dict[str, list[dict[str, Any]]]:
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        if item["entity_type"]["S"] in KINDS:
            kinds[item["entity_type"]["S"]].append(plain(item))
    return kinds
