"""What custody and exchange of a test have really done, held against what the table says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from common.gateways.custody.encoding import fee_request_id
from common.idempotency import derived_uuid
from sandbox.exchange.wallet.deposits import DepositStatus
from sandbox.exchange.wallet.withdrawals import WithdrawalStatus
from sandbox.mixin.assets import ASSETS, amount_of
from sandbox.mixin.records import CASHIER, Payment, Request, State, Withdrawal
from tests.market_making.books import Books
from tests.market_making.market import ACCOUNT, US, Market
from tests.raw import Fields, Raw

Leaving = tuple[str, Decimal, str, str, str]  # asset, amount, to whom, with which tag, memo in hex


def violations(market: Market, items: Iterable[Raw]) -> list[str]:
    """In words, those of the books first; empty when all is well. Looking takes no time."""
    books, at = Books(items), market.clock.at
    outside = _Outside(market, books)
    found = [*market.bugs, *books.violations(), *outside.custody(), *outside.exchange(), *outside.told()]
    market.clock.at = at
    return found


def check(market: Market) -> None:
    found = violations(market, market.dynamo.items())
    assert not found, "\n".join(found)


class _Outside:
    def __init__(self, market: Market, books: Books) -> None:
        """All of the custody is looked at in one moment."""
        self.market, self.books, at = market, books, market.clock.at
        self.there = market.safe.balances(US)
        market.clock.at = at
        requests = [r for r in market.safe.requests() if r.state is not State.UNSPENT and r.user_id == US]
        market.clock.at = at
        self.sent = {request.request_id: request for request in requests}
        self.came = {s.snapshot_id: s for s in market.safe.timeline.all() if s.user_id == US and s.units > 0}

    # The custody

    def custody(self) -> Iterator[str]:
        """All that has left it was decided, once; and what is there is what the books say."""
        unsent: dict[str, Decimal] = defaultdict(Decimal)
        left = dict(self.sent)
        for outgoing in self.books.outgoing.values():
            tries = [str(derived_uuid(outgoing["PK"], str(n + 1))) for n in range(int(outgoing["attempt"]))]
            done = [left.pop(request_id) for request_id in tries if request_id in left]
            paid = [left.pop(fee_request_id(r)) for r in tries if fee_request_id(r) in left]
            yield from self._sent_as(outgoing, done, paid)
            if self.books.refused(outgoing) or outgoing["kind"] == "MERGE":
                continue
            if not any(request.state is State.SPENT for request in done):
                unsent[outgoing["asset_id"]] += outgoing["amount"]
                if outgoing.get("fee_asset_id") == outgoing["asset_id"]:
                    unsent[outgoing["asset_id"]] += outgoing["fee_amount"]
            other = outgoing.get("fee_asset_id") not in (None, outgoing["asset_id"])
            if other and not any(request.state is State.SPENT for request in paid):
                unsent[outgoing["fee_asset_id"]] += outgoing["fee_amount"]
        yield from (f"request {request_id} was decided by nobody" for request_id in left)
        yield from self._balanced(unsent)

    def _sent_as(self, outgoing: Fields, done: list[Request], paid: list[Request]) -> Iterator[str]:
        name = f"{outgoing['PK']} {outgoing['kind']}"
        if len(done) > 1 or len(paid) > 1:
            yield f"{name} was sent {len(done)} times, and its fee {len(paid)} times"
        if outgoing["status"] in ("CONFIRMED", "ARRIVED") and not done:
            yield f"{name} is {outgoing['status']}, and was not sent"
        if outgoing["status"] == "REFUSED" and done:
            yield f"{name} is refused, and was sent"
        to = outgoing["user_id"] if "user_id" in outgoing else outgoing["destination"]
        memo = outgoing.get("memo", "")
        due: list[Leaving] = [(outgoing["asset_id"], outgoing["amount"], to, outgoing.get("tag", ""), memo)]
        fee = [] if "fee_amount" not in outgoing else [(outgoing["fee_asset_id"], outgoing["fee_amount"], CASHIER, "")]
        there = [leaving for request in done for leaving in self._leaving(request)]
        if to == US:  # small outputs, to ourselves: nothing leaves
            due = []
        due += [(*part, memo) for part in fee if part[0] == outgoing["asset_id"]]
        beside = [(*part, "") for part in fee if part[0] != outgoing["asset_id"]]
        if done and sorted(there) != sorted(due):
            yield f"{name} is {due}, and {there} has left"
        if done and sorted(leaving for request in paid for leaving in self._leaving(request)) != sorted(beside):
            yield f"{name} costs {beside}, and {paid} was paid"

    def _leaving(self, request: Request) -> Iterator[Leaving]:
        """Without what comes back to us."""
        terms = request.terms
        for output in terms.outputs:
            if isinstance(output, Withdrawal):
                yield terms.asset_id, amount_of(output.units), output.destination, output.tag, terms.extra.hex()
            elif isinstance(output, Payment) and output.receiver != US:
                yield terms.asset_id, amount_of(output.units), output.receiver, "", terms.extra.hex()

    def _balanced(self, unsent: dict[str, Decimal]) -> Iterator[str]:
        not_taken: dict[str, Decimal] = defaultdict(Decimal)
        for snapshot in self.came.values():
            if snapshot.snapshot_id not in self.books.incoming:
                not_taken[snapshot.asset_id] += amount_of(snapshot.units)
        sums = [unsent, not_taken, self.books.undecided, self.books.desk]
        sums += [self.books.sum_of(disposition) for disposition in ("HELD", "EXPECTED", "PARKED")]
        for asset_id in ASSETS:
            booked = sum((of.get(asset_id, Decimal(0)) for of in sums), Decimal(0))
            if booked != amount_of(self.there.get(asset_id, 0)):
                yield f"the custody has {amount_of(self.there.get(asset_id, 0))} of {asset_id}, the books {booked}"

    def told(self) -> Iterator[str]:
        """What was taken has come, and as it was taken."""
        for snapshot_id, incoming in self.books.incoming.items():
            came = self.came.get(snapshot_id)
            told = None if came is None else (came.asset_id, amount_of(came.units), came.opponent or None)
            if told != (incoming["asset_id"], incoming["amount"], incoming.get("opponent_id")):
                yield f"{incoming} was taken, and {told} has come"

    # The exchange

    def exchange(self) -> Iterator[str]:
        """All that has come there is an order's leg, all that has left it is one's way home, and the rest is there."""
        wallet, account = self.market.exchange.wallet, ACCOUNT
        hashes: dict[str, Fields] = {}
        for outgoing in self.books.outgoing.values():
            for number in range(int(outgoing["attempt"])) if outgoing["kind"] == "FUNDING" else ():
                request = self.sent.get(str(derived_uuid(outgoing["PK"], str(number + 1))))
                if request is not None and request.withdrawal_hash:
                    hashes[request.withdrawal_hash] = outgoing
        for deposit in wallet.deposits.all():
            sent = hashes.get(deposit.txid)
            if sent is None or (deposit.coin, deposit.came) != (ASSETS[sent["asset_id"]].symbol, sent["amount"]):
                yield f"{deposit} at the exchange is nobody's: {sent}"
            if deposit.account not in ("", account):
                yield f"{deposit} went astray"
        homes = {leg["sent_by"]: leg for (_, way), of in self.books.legs.items() if way == "HOME" for leg in of}
        gone: dict[str, list[WithdrawalStatus]] = defaultdict(list)
        came_to_nothing = (WithdrawalStatus.REJECTED, WithdrawalStatus.FAILED)
        for withdrawal in wallet.withdrawals.of(account):
            leg = homes.get(withdrawal.own_id)
            gone[withdrawal.own_id].append(withdrawal.status)
            if leg is None and withdrawal.status in came_to_nothing:
                continue  # it was withdrawn again, under another id
            if leg is None or (leg["symbol"], leg["amount"]) != (withdrawal.coin, withdrawal.paid):
                yield f"{withdrawal} has left the exchange, and {leg} was to"
        yield from (f"{own_id} was withdrawn {len(times)} times" for own_id, times in gone.items() if len(times) > 1)
        yield from self._owned(account, gone)
        yield from self._quoted(account)

    def _quoted(self, account: str) -> Iterator[str]:
        """Every open order is in one slot of one order, which alone has it, or is about to end, since it was taken for
        gone; what is booked was traded, once."""
        venue = self.market.exchange.venue
        there: dict[str, str] = {}
        for quotes in self.books.quotes.values():
            for name, slot in quotes.slots.items():
                for placed in (slot.live, slot.coming):
                    if placed is not None:
                        there[quotes.client_order_id(name, placed)] = f"{quotes.order_id} {name}"
            for gone in quotes.ended:
                if gone.executed is None:
                    there[gone.client_order_id] = f"{quotes.order_id} {gone.client_order_id}"
        slots: dict[str, str] = {}
        for order in venue.open_orders(account):
            where = there.get(order.client_order_id)
            if where is None:
                yield f"{order} is open, and in no slot"
            elif where in slots:
                yield f"slot {where} has {slots[where]} and {order.client_order_id}"
            else:
                slots[where] = order.client_order_id
        told = {trade.trade_id: trade for name in venue.symbols for trade in venue.trades(account, name)}
        booked: set[int] = set()
        for line in self.books.by_kind["market_making_trade"]:
            trade_id = int(line["SK"].removeprefix("TRADE#"))
            trade = told.get(trade_id)
            names = ("side", "price", "quantity", "quote_quantity", "fee", "fee_asset")
            if trade is None or trade_id in booked or any(line[name] != getattr(trade, name) for name in names):
                yield f"{line} is booked, and {trade} was traded"
            booked.add(trade_id)

    def _owned(self, account: str, gone: dict[str, list[WithdrawalStatus]]) -> Iterator[str]:
        """The account has what its orders have there, and what the exchange has credited beyond it."""
        owned: dict[str, Decimal] = defaultdict(Decimal)
        for (_, way), legs in self.books.legs.items():
            for leg in legs:
                if way == "OUT":
                    owned[leg["symbol"]] += leg.get("arrived_amount", Decimal(0))
                elif way == "HOME" and any(
                    s not in (WithdrawalStatus.REJECTED, WithdrawalStatus.FAILED) for s in gone[leg["sent_by"]]
                ):
                    owned[leg["symbol"]] -= leg["amount"]
        venue, deposits = self.market.exchange.venue, self.market.exchange.wallet.deposits
        claimed = {d["PK"].split("#")[2]: d for d in self.books.by_kind["exchange_deposit"]}
        for deposit in deposits.of(account):
            claim = claimed.get(deposit.deposit_id)
            if claim is not None and (claim["transaction_hash"], claim["amount"]) != (deposit.txid, deposit.amount):
                yield f"{claim} is claimed, and there is {deposit}"
        for trade in (trade for name in venue.symbols for trade in venue.trades(account, name)):
            sign = 1 if trade.side == "BUY" else -1
            symbol = venue.symbols[trade.symbol]
            owned[symbol.base] += sign * trade.quantity
            owned[symbol.quote] -= sign * trade.quote_quantity
            owned[trade.fee_asset] -= trade.fee
        for coin, amount in owned.items():
            credited = [d for d in deposits.of(account) if d.coin == coin and d.status is DepositStatus.CREDITED]
            beyond = sum((d.amount for d in credited if d.deposit_id not in claimed), Decimal(0))
            free, held = venue.balances(account).get(coin, (Decimal(0), Decimal(0)))
            if free + held != amount + beyond:
                yield f"the account has {free + held} {coin}, its orders {amount}, and {beyond} more was credited"
