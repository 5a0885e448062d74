"""What of an order comes home from the exchange, and what stays there: it is too small to be withdrawn, finer than what
is, or has no way. Both are written before anything is withdrawn. What stays is somebody's until it is settled: it comes
home once it can, or two operators say that it is the desk's. Dust holds nobody up: it stays its payer's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_FLOOR

from common.domain import halts, rulings
from common.domain.custody.model import OutgoingMoved
from common.domain.ledger import store as ledger
from common.domain.rulings import Matter, Ruling, Rulings
from common.domain.timeline import MACHINE
from common.gateways.custody import Custody
from common.gateways.exchange.funds import ExchangeFunds, Network, NetworkUnknown
from common.idempotency import derived_uuid
from common.money import EXACT, ROUNDING, Quantity, plain
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import account_store, leg_store, quotes_store, shard_store, store
from functions.market_making.model import (
    RETURN_LIMIT,
    AtExchange,
    Leg,
    LegStatus,
    MarketMakingOrderMoved,
    Order,
    ReturnUnderway,
    Status,
    Way,
)
from functions.market_making.networks import ChainUnknown, network
from functions.market_making.service.crediting import Crediting, Doubted, credited

KEPT = "left at the exchange by"


class Stays(Exception):
    """It can not be withdrawn now. Says why."""


class TooLittle(Stays):
    """By the exchange's smallest withdrawal, or its decimals."""


@dataclass(frozen=True)
class Homecoming:
    """`funds` are those of a trading account, by its id."""

    table: Table
    custody: Callable[[], Custody]
    funds: Callable[[str], ExchangeFunds]
    now: Callable[[], datetime]

    def decide(self, order: Order) -> Order:
        """The order is RETURNING, with a leg for each asset that can be withdrawn, and one for all that stays, also for
        what its ledger has below nothing. Nothing of it is traded any more.

        Raises Doubted: a person has to say what; AccountHalted; ReturnUnderway, MarketMakingOrderMoved;
        ExchangeUnavailable, NoTradingKey, CustodyUnavailable.
        """
        there, at = self._there(order), self.now()
        assets = zip((there.base, there.quote), order.coins, strict=True)
        legs = [leg for quantity, symbol in assets for leg in self._divided(order, quantity, symbol, at)]
        home = [leg for leg in legs if leg.way is Way.HOME]
        rests = [leg for leg in legs if leg.way is Way.REST]
        said = f"; {told(rests)} stay there" if rests else ""
        self.table.write(
            store.move(
                order,
                Status.RETURNING,
                at,
                waits_for="the exchange to withdraw it",
                due_at=at + RETURN_LIMIT,
                by_operators=True,
            ),
            store.event(order, Status.RETURNING, f"{len(home)} withdrawals from the exchange{said}", MACHINE, at),
            *(leg_store.insert_leg(leg) for leg in legs),
            account_store.mark_unledgered(order, at),
            *shard_store.tell_shard(order, Status.RETURNING, at),
            halts.not_halted(order.account_id),
        )
        return store.existing(self.table, order.order_id)

    def settle(self, order: Order, rests: Sequence[Leg], ruled: Rulings) -> bool:
        """See to what was left at the exchange: it is the desk's, as two operators have said, or comes home, since it
        can by now. True when something comes home. Dust stays where it is, and holds nobody up.

        Raises Doubted: more than dust stays, and why; MarketMakingOrderMoved; ExchangeUnavailable, NoTradingKey,
        CustodyUnavailable.
        """
        comes, stays = False, []
        for rest in rests:
            if keep(self.table, order, rest, ruled, self.now()):
                continue
            try:
                _hold_below(rest)
                _hold_said(rest, ruled)
                self._let_go(order, rest)
                comes = True
            except Stays as why:
                if not (isinstance(why, TooLittle) and order.is_dust(rest.quantity)):
                    stays.append(str(why))
        if stays and not comes:
            raise Doubted("; ".join(stays))
        return comes

    def _let_go(self, order: Order, rest: Leg) -> None:
        """Raises Stays."""
        at = self.now()
        if any(
            leg.way is Way.HOME and _same_asset(leg, rest) for leg in leg_store.homeward(self.table, order.order_id)
        ):
            raise TooLittle(f"{told([rest])} are finer than what the exchange withdraws")
        home = self._leg(order, rest.quantity, rest.symbol, at)
        again = derived_uuid(Way.HOME, order.order_id, rest.quantity.asset_id, "rest").hex
        why = f"{plain(home.quantity.amount)} {rest.symbol}, left at the exchange, come home"
        self.table.write(
            *leg_store.let_go(rest, replace(home, sent_by=again), at),
            store.event(order, Status.RETURNING, why, MACHINE, at),
        )

    def _there(self, order: Order) -> AtExchange:
        """What is the order's at the exchange; of one that has failed, what has arrived of it. Raises Doubted."""
        if order.status is not Status.FAILED:
            return quotes_store.ledger(self.table, order) or credited(self.table, order)
        try:
            waiting = Crediting(self.table, self.funds, self.now).credit(order)
        except OutgoingMoved:
            raise ReturnUnderway("a leg has just moved") from None
        if waiting:
            raise Doubted(f"the exchange has not credited {' and '.join(waiting)}")
        arrived = {leg.quantity.asset_id: leg.arrived for leg in leg_store.legs(self.table, order.order_id, Way.OUT)}
        base, quote = order.base_asset_id, order.quote_asset_id
        return AtExchange(arrived[base] or Quantity(0, base), arrived[quote] or Quantity(0, quote))

    def _divided(self, order: Order, quantity: Quantity, symbol: str, at: datetime) -> Iterator[Leg]:
        """What of an asset comes home, and what stays; together they are all of it."""
        stays = quantity
        if quantity.amount:
            try:
                home = self._leg(order, quantity, symbol, at)
                stays = quantity - home.quantity
                yield home
            except Stays:
                pass
        if stays.amount:
            yield Leg(
                order_id=order.order_id,
                way=Way.REST,
                quantity=stays,
                symbol=symbol,
                network="",
                sent_by="",
                status=LegStatus.LEFT,
                created_at=at,
                updated_at=at,
            )

    def _leg(self, order: Order, quantity: Quantity, symbol: str, at: datetime) -> Leg:
        """The leg that takes an asset home. Raises Stays; ExchangeUnavailable, NoTradingKey,
        CustodyUnavailable."""
        try:
            way = self._network(order, quantity.asset_id, symbol)
        except (ChainUnknown, NetworkUnknown) as no:
            raise Stays(f"{plain(quantity.amount)} {symbol} can not be withdrawn: {no}") from None
        step = way.withdrawal_step
        whole = EXACT.multiply(ROUNDING.divide(quantity.amount, step).to_integral_value(ROUND_FLOOR), step)
        if whole < way.withdrawal_min or whole <= way.withdrawal_fee:
            least = max(way.withdrawal_min, way.withdrawal_fee)
            left = f"{plain(quantity.amount)} {symbol}"
            raise TooLittle(f"{left} are below the exchange's smallest withdrawal, {plain(least)}")
        return Leg(
            order_id=order.order_id,
            way=Way.HOME,
            quantity=Quantity(whole, quantity.asset_id),
            symbol=symbol,
            network=way.name,
            sent_by=derived_uuid(Way.HOME, order.order_id, quantity.asset_id).hex,
            status=LegStatus.INTENDED,
            created_at=at,
            updated_at=at,
            fee=way.withdrawal_fee,
        )

    def _network(self, order: Order, asset_id: str, symbol: str) -> Network:
        """Raises ChainUnknown, NetworkUnknown; ExchangeUnavailable, NoTradingKey, CustodyUnavailable."""
        name = network(self.custody().asset(asset_id).chain_id)
        ways = self.funds(order.account_id).networks(symbol)
        way = next((way for way in ways if way.name == name and way.withdrawals), None)
        if way is None:
            raise NetworkUnknown(f"the exchange gives no {symbol} on {name} now")
        return way


def told(rests: Sequence[Leg]) -> str:
    """What stays at the exchange."""
    return ", ".join(f"{plain(rest.quantity.amount)} {rest.symbol}" for rest in rests)


def keep(table: Table, order: Order, leg: Leg, ruled: Rulings, at: datetime) -> bool:
    """Have two operators decided, since the leg was as it is, that what is at the exchange of just this asset stays
    there? Then it is the desk's."""
    kept = _kept(leg, ruled)
    if kept is None:
        return False
    table.write(leg_store.move_leg(leg, LegStatus.KEPT, at), _kept_line(order, leg, kept, at))
    return True


def book_below(table: Table, order: Order, legs: Sequence[Leg], at: datetime) -> None:
    """What its ledger has below nothing is others' money, which has gone for it: nothing of it comes home before two
    operators have decided that the desk owes that. Raises Doubted."""
    for leg in (leg for leg in legs if leg.status is LegStatus.LEFT and leg.quantity.amount < 0):
        if not keep(table, order, leg, rulings.of(table, order.order_id), at):
            try:
                _hold_below(leg)
            except Stays as why:
                raise Doubted(str(why)) from None


def _hold_below(rest: Leg) -> None:
    """Raises Stays."""
    if rest.quantity.amount < 0:
        raise Stays(f"its ledger has {told([rest])}: others' money has gone for it")


def _hold_said(rest: Leg, ruled: Rulings) -> None:
    """Raises Stays. Nothing is asked of the exchange for it then, which the write of that refuses besides."""
    said = ruled.get((Matter.SAID, rest.symbol))
    if said is not None and said.dismissed_by is not None and said.reference is None:
        raise Stays(rulings.dismissed_but(said.dismissed_by, rest.symbol))
    if said is not None:
        raise Stays(f"{said.reference} says that who paid has the {rest.symbol} otherwise: confirm or dismiss it first")


def settle_dust(table: Table, order: Order, ruled: Rulings, at: datetime) -> None:
    """Of an order that is over: what two operators have decided about since is the desk's. Raises
    MarketMakingOrderMoved."""
    writes, left = list[Write](), list[Leg]()
    for leg in leg_store.legs(table, order.order_id, Way.REST):
        kept = _kept(leg, ruled)
        if kept is not None and leg.status is LegStatus.LEFT:
            writes += [leg_store.move_leg(leg, LegStatus.KEPT, at), _kept_line(order, leg, kept, at)]
            writes.append(account_store.add_dust(order, leg, at, times=-1))
        elif leg.status is LegStatus.LEFT:
            left.append(leg)
    table.write(store.settle_dust(order, left, at), *writes)


def _kept(leg: Leg, ruled: Rulings) -> Ruling | None:
    """What two operators have decided about it since it is as it is."""
    kept = ruled.get((Matter.KEPT, leg.quantity.asset_id))
    return None if kept is None or kept.at <= leg.updated_at else kept


def _same_asset(leg: Leg, other: Leg) -> bool:
    return leg.quantity.asset_id == other.quantity.asset_id


def _kept_line(order: Order, left: Leg, kept: Ruling, at: datetime) -> Write:
    """What is left at the exchange is the desk's, whether it has paid the payer otherwise or not. It is not at the
    custody: such lines have an asset of their own, of the trading account."""
    said = f"{KEPT} {order.order_id}, the payer {kept.terms['payer']}, reference {kept.reference}"
    there = Quantity(left.quantity.amount, f"{order.account_id}:{left.symbol}")
    moved = MarketMakingOrderMoved("the order has just moved", id=order.order_id)
    return ledger.desk_line(there, said, order.order_id, at, alone=moved)
