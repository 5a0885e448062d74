"""What an exchange has of a trading account, held against what its orders have there: what was credited, until it is in
a ledger; their ledgers, as long as they may quote; of those that go home, what was not withdrawn yet and what stays;
the dust of those that are over.

More may be there, and is the desk's. Less may be there only by trades that no ledger has yet, no more than what quotes
may take that the exchange shows to be open, or that are new, and is not locked for them any more; and by withdrawals
that were just asked for. What is short at every look, beyond that, is somebody's money that is gone: nothing is placed
on the account, and nothing leaves it, until a person has seen to it. A ledger below nothing is no less owed to the
others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from common.domain import halts
from common.domain.timeline import CLOCK
from common.errors import Refusal
from common.gateways.exchange.maker import Balance, MakerOrder, Market
from common.log import count, log
from common.money import EXACT, plain
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import account_store, leg_store, quotes_store, shard_store
from functions.market_making.account_store import Watched
from functions.market_making.model import SHARDS, Leg, LegStatus, Way

LOOKS = 3
NEW = timedelta(minutes=1)  # a quote that was decided since may be open, and not be shown
KNOWN_WITHIN = timedelta(minutes=10)  # whether the exchange has heard of a withdrawal that it is asked for
COMPARED_WITHIN = timedelta(hours=1)  # each account; then a person looks
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


Shorts = dict[str, Short]  # by coin


@dataclass(frozen=True)
class Balancing:
    """`balances` are those of a trading account, by its id, and `open_orders` all of it in a market; `pause` is between
    two looks."""

    table: Table
    balances: Callable[[str], Callable[[], Mapping[str, Balance]]]
    pause: Callable[[], None]
    now: Callable[[], datetime]
    open_orders: Callable[[str, Market], Sequence[MakerOrder]] = lambda *_: ()
    shards: Sequence[str] = field(default=SHARDS)

    def round(self, more_time: Callable[[], bool]) -> int:
        """How many accounts were compared. Who was looked at longest ago comes first, so that nobody who is slow, or
        short, hides another; and all are waited for at once. What an exchange does not tell is asked for at the next
        round."""
        watched = sorted(account_store.watched(self.table), key=lambda one: (one.looked_at, one.account_id))
        found: dict[str, Shorts] = {}
        for one in watched:
            if not more_time():
                break
            self._looked(one.account_id, found, account_store.look_at(one, self.now()))
        for _ in range(LOOKS - 1):
            if any(found.values()):
                self.pause()
            for account_id, shorts in list(found.items()):
                if shorts:
                    self._looked(account_id, found)
        for one in watched:
            if one.account_id in found:
                self._compared(one, list(found[one.account_id].values()))
            elif self.now() >= one.compared_at + COMPARED_WITHIN:
                log.error("account not compared for long", extra={"account_id": one.account_id})
                count("AccountsUnwatched")
        count("AccountsCompared", len(found))
        return len(found)

    def _looked(self, account_id: str, found: dict[str, Shorts], *before: Write) -> None:
        """One more look at an account; nothing is found of one of which the exchange does not tell."""
        try:
            if before:
                self.table.write(*before)
            seen = self._seen(account_id)
            found[account_id] = _always(found[account_id], seen) if account_id in found else seen
        except Refusal as no:
            found.pop(account_id, None)
            log.warning("account not compared", extra={"account_id": account_id, "why": no.detail})
            count("AccountsNotCompared")

    def _compared(self, one: Watched, shorts: Sequence[Short]) -> None:
        try:
            if shorts:
                self._halt(one.account_id, "; ".join(map(str, shorts)))
            self.table.write(account_store.compare(one, self.now()))
        except Refusal as no:
            log.warning("account not compared", extra={"account_id": one.account_id, "why": no.detail})
            count("AccountsNotCompared")

    def _halt(self, account_id: str, why: str) -> None:
        """Each time it is found it is told: nobody is to forget it."""
        log.error("account off", extra={"account_id": account_id, "why": why})
        count("AccountsOff")
        halts.ensure(self.table, account_id, why, CLOCK, self.now())

    def short(self, account_id: str) -> list[Short]:
        """Of which coins too little is there, at each of several looks. Raises ExchangeUnavailable, NoTradingKey,
        TableUnavailable."""
        found = self._seen(account_id)
        for _ in range(LOOKS - 1):
            if found:
                self.pause()
                found = _always(found, self._seen(account_id))
        return [found[coin] for coin in sorted(found)]

    def _seen(self, account_id: str) -> Shorts:
        return {short.coin: short for short in self._look(account_id)}

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
        for coin, amount in account_store.dust(self.table, account_id).items():
            yield coin, Owed(amount)
        leaving = account_store.unledgered(self.table, account_id)
        for order_id in leaving:
            legs = leg_store.all_legs(self.table, order_id)
            goes_home = any(leg.way is not Way.OUT for leg in legs)
            for leg in legs:
                if (leg.way is not Way.OUT) is goes_home:
                    yield leg.symbol, self._of_leg(leg)
        here = [
            (member, quotes)
            for shard in self.shards
            for member in shard_store.members(self.table, shard)
            if member.account_id == account_id and member.order_id not in leaving
            for quotes in [quotes_store.find(self.table, member.order_id)]
            if quotes is not None
        ]
        shown = {
            order.client_order_id
            for coins in {member.coins for member, quotes in here if quotes.slots}
            for order in self.open_orders(account_id, Market(*coins))
        }
        for member, quotes in here:
            taken = quotes.untold_at_most(shown, self.now() - NEW)
            for coin, there, quoted in zip(member.coins, (quotes.base, quotes.quote), taken, strict=True):
                yield coin, Owed(max(there, Decimal(0)), quoted)

    def _of_leg(self, leg: Leg) -> Owed:
        """What was credited and is in no ledger; of what goes home, what the exchange was not asked for, or has not
        heard of. What operators have let it keep is the desk's."""
        if leg.way is Way.OUT:
            return Owed() if leg.arrived is None else Owed(leg.arrived.amount)
        amount = max(leg.quantity.amount, Decimal(0))
        if leg.status is LegStatus.LEFT:
            return Owed(amount)
        if leg.status is LegStatus.INTENDED:
            asked = leg.asked_at is not None and self.now() < leg.asked_at + KNOWN_WITHIN
            return Owed(amount, asked=amount if asked else Decimal(0))
        return Owed()


def _always(found: Shorts, seen: Shorts) -> Shorts:
    """Of the coins that are short at both, what is at least."""
    return {coin: min(found[coin], seen[coin], key=lambda short: short.by) for coin in found.keys() & seen.keys()}
