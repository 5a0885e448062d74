"""What an exchange has of a trading account, held against what its orders have there: by their ledgers, as long as they
may quote; of those that go home, what was not withdrawn yet and what stays; the dust of those that are over.

More may be there: what was just credited, or is the desk's. Less may be there only by trades that no ledger has yet, no
more than what the orders' quotes may take and is not locked for them any more; and by withdrawals that are asked for,
and of which nobody knows yet whether the exchange has made them. What is short at
every look, beyond that, is somebody's money that is gone: nothing is placed on the account until a person has seen to
it. A ledger below nothing is no less owed to the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from common.domain import halts
from common.domain.timeline import CLOCK
from common.errors import Refusal
from common.gateways.exchange.maker import Balance
from common.log import count, log
from common.money import EXACT, plain
from common.table.table import Table
from functions.market_making import quotes_store, store
from functions.market_making.model import SHARDS, Leg, LegStatus, Member, TradingAccount

LOOKS = 3
NOTHING = Balance(Decimal(0), Decimal(0))


@dataclass(frozen=True)
class Owed:
    """Of a coin: `together`, of which the orders' quotes may take `quoted`, and their trades may have taken it; `asked`
    may have been withdrawn."""

    together: Decimal = Decimal(0)
    quoted: Decimal = Decimal(0)
    asked: Decimal = Decimal(0)

    def plus(self, other: Owed) -> Owed:
        return Owed(
            EXACT.add(self.together, other.together),
            EXACT.add(self.quoted, other.quoted),
            EXACT.add(self.asked, other.asked),
        )


@dataclass(frozen=True)
class Short:
    """Of a coin so much less is there than is owed, whatever has been traded since."""

    coin: str
    by: Decimal
    there: Decimal
    owed: Decimal

    def __str__(self) -> str:
        return f"{plain(self.there)} {self.coin} are there, and {plain(self.owed)} are owed, {plain(self.by)} too few"


@dataclass(frozen=True)
class Balancing:
    """`balances` are those of a trading account, by its id; `pause` is between two looks."""

    table: Table
    balances: Callable[[str], Callable[[], Mapping[str, Balance]]]
    pause: Callable[[], None]
    now: Callable[[], datetime]
    shards: Sequence[str] = field(default=SHARDS)

    def round(self, more_time: Callable[[], bool]) -> int:
        """How many accounts were compared. What an exchange does not tell is asked for at the next round."""
        compared = 0
        for account in store.accounts(self.table):
            if not more_time():
                break
            compared += self._compared(account)
        count("AccountsCompared", compared)
        return compared

    def _compared(self, account: TradingAccount) -> bool:
        try:
            if found := self.short(account.account_id):
                self._halt(account.account_id, "; ".join(map(str, found)))
        except Refusal as no:
            log.warning("account not compared", extra={"account_id": account.account_id, "why": no.detail})
            count("AccountsNotCompared")
            return False
        return True

    def _halt(self, account_id: str, why: str) -> None:
        """Each time it is found it is told: nobody is to forget it."""
        log.error("account off", extra={"account_id": account_id, "why": why})
        count("AccountsOff")
        halts.ensure(self.table, account_id, why, CLOCK, self.now())

    def short(self, account_id: str) -> list[Short]:
        """Of which coins too little is there, at each of several looks. Raises ExchangeUnavailable, NoTradingKey,
        TableUnavailable."""
        found: dict[str, Short] = {}
        for look in range(LOOKS):
            if look:
                self.pause()
            seen = {short.coin: short for short in self._look(account_id)}
            found = seen if not look else {coin: _less(found[coin], seen[coin]) for coin in found.keys() & seen.keys()}
            if not found:
                break
        return [found[coin] for coin in sorted(found)]

    def _look(self, account_id: str) -> Iterator[Short]:
        owed = self._owed(account_id)
        if not owed:
            return
        there = self.balances(account_id)()
        for coin, one in owed.items():
            balance = there.get(coin, NOTHING)
            whole = EXACT.add(balance.free, balance.locked)
            may_be_traded = max(EXACT.subtract(one.quoted, balance.locked), Decimal(0))
            by = EXACT.subtract(EXACT.subtract(one.together, whole), EXACT.add(may_be_traded, one.asked))
            if by > 0:
                yield Short(coin, by, whole, one.together)

    def _owed(self, account_id: str) -> Mapping[str, Owed]:
        owed: dict[str, Owed] = defaultdict(Owed)
        for coin, one in self._owed_by_order(account_id):
            owed[coin] = owed[coin].plus(one)
        return owed

    def _owed_by_order(self, account_id: str) -> Iterator[tuple[str, Owed]]:
        """Dust first, then who goes home, then who quotes: an order that goes on meanwhile is missing at this look
        rather than counted twice."""
        for coin, amount in store.dust(self.table, account_id).items():
            yield coin, Owed(amount)
        leaving = store.on_their_way(self.table, account_id)
        for order_id in leaving:
            for leg in store.homeward(self.table, order_id):
                yield leg.symbol, _of_leg(leg)
        for shard in self.shards:
            for member in store.members(self.table, shard):
                if member.account_id == account_id and member.order_id not in leaving:
                    yield from self._of(member)

    def _of(self, member: Member) -> Iterator[tuple[str, Owed]]:
        quotes = quotes_store.find(self.table, member.order_id)
        if quotes is None:
            return
        base, quote = member.coins
        free_base, free_quote = quotes.free
        for coin, there, free in ((base, quotes.base, free_base), (quote, quotes.quote, free_quote)):
            yield coin, Owed(max(there, Decimal(0)), EXACT.subtract(there, free))


def _of_leg(leg: Leg) -> Owed:
    """Of one that goes home: what the exchange was not asked for, or may not have heard of. What operators have let it
    keep is the desk's."""
    amount = leg.quantity.amount
    if leg.status is LegStatus.LEFT:
        return Owed(amount)
    if leg.status is LegStatus.INTENDED:
        return Owed(amount, asked=Decimal(0) if leg.asked_at is None else amount)
    return Owed()


def _less(one: Short, other: Short) -> Short:
    return one if one.by <= other.by else other
