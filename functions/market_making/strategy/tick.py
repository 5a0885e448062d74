"""One tick: what to cancel, what to create."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, getcontext, setcontext

from common.frozen import dataclass, replace
from functions.market_making.strategy import hanging, ping_pong, refresh
from functions.market_making.strategy.arithmetic import QUOTING, ZERO
from functions.market_making.strategy.market import BUY, SELL, Available, Market, Side
from functions.market_making.strategy.proposal import Proposal, proposed
from functions.market_making.strategy.quirks import (
    Q2_EMPTY_BOOK,
    Q9_CHURN_BELOW_MINIMUM,
    Q10_TWO_TICKS,
    Q18_FILLED_TWICE,
    Q19_AGE_LEAVES_NOTHING,
    Q20_STALE_PAIRS,
)
from functions.market_making.strategy.reference import reference
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import HANGING, QUOTE, LiveOrder, Owed, Pair, Standing, State

CANCEL_AGAIN_SECONDS = 60  # there: so long a cancel is waited for before it is sent again


@dataclass(frozen=True, slots=True)
class Creation:
    """An order to place, post-only (but where the rules take): its key is in `Decision.state` already. `level` counts
    from the nearest, 0. `renews`: the hanging order, of the same price, whose place it takes."""

    key: str
    side: Side
    price: Decimal
    size: Decimal
    level: int
    renews: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a tick. The caller

    1. writes `state` down, before anything else: the creations are live in it, as intents;
    2. cancels `cancels`, and looks what became of each: dead, filled, or not known;
    3. places `renews`, each only when the order that it renews is seen dead without having been filled meanwhile (or is
       no more in the state: it was seen dead before);
    4. places `creations`: at once without `create_after_cancels`; with it only when *every* one of `cancels` is seen
       dead, and none of them was filled meanwhile. Otherwise it places none of them, only `renews`: what is available
       is not what they were made from, and a filled order delays the next. (The desk does so slot by slot: decision
       0033.);
    5. tells the state of what it did not place (`unplaced`), of trades (`filled`) and of ends (`cancelled`), in this
       order and before the next tick.

    `cancels` has every order whose end is waited for, also from earlier ticks: a cancel without an answer is asked
    again. `lost` says why nothing is created: `no_reference`; `thin_book` with quirk Q1."""

    state: State
    cancels: tuple[str, ...] = ()
    creations: tuple[Creation, ...] = ()
    renews: tuple[Creation, ...] = ()
    create_after_cancels: bool = False
    reference: Decimal | None = None
    lost: str | None = None


def tick(rules: Rules, state: State, market: Market, available: Available, now: int) -> Decision:
    """Decide. Pure: the same arguments give the same decision.

    `now` is the cycle's own absolute time in whole seconds (not the clock's: a cycle that begins late would come too
    early to the next refresh), and never goes back. `state` knows every trade and end that is known. ValueError where
    `now` is before the last tick."""
    if now < state.ticked_at:
        raise ValueError(f"a tick at {now}, after one at {state.ticked_at}; time does not go back")
    before = getcontext()
    setcontext(QUOTING)  # `localcontext` makes a copy
    try:
        return _Tick(rules, _bounded(rules, state, now), market, available, now).decide()
    finally:
        setcontext(before)


def _bounded(rules: Rules, state: State, now: int) -> State:
    """Nothing is waited for longer than the rules say from now on: neither a fill that is told as of the future nor a
    refresh that was longer before an edit stops the quotes."""
    delayed, refreshed = now + rules.filled_order_delay, now + rules.order_refresh_time
    latest = max(delayed, refreshed)
    if state.create_at <= latest and state.cancel_at <= latest and state.delayed_until <= delayed:
        return state
    return replace(
        state,
        create_at=min(state.create_at, latest),
        cancel_at=min(state.cancel_at, latest),
        delayed_until=min(state.delayed_until, delayed),
    )


class _Tick:
    """A tick while it goes on: the live orders, and what is known of them by now."""

    def __init__(self, rules: Rules, state: State, market: Market, available: Available, now: int) -> None:
        self.rules = rules
        self.state = state
        self.now = now
        self.market = market
        self.available = available
        self.live = {order.key: order for order in state.orders}
        self.pairs = state.pairs
        self.numbered = state.numbered
        self.cancels: dict[str, None] = {}
        self.quoted: list[LiveOrder] | None = None  # once it is asked for; as long as `live` is what it was
        self.keeps = rules.compat
        self.two_ticks = Q10_TWO_TICKS in self.keeps
        self.waits = rules.should_wait_order_cancel_confirmation

    def decide(self) -> Decision:
        rules, state, now = self.rules, self.state, self.now
        price = reference(rules, state, self.market)
        if price is None and Q2_EMPTY_BOOK in self.keeps:
            return Decision(replace(state, ticked_at=now), lost="no_reference")
        renews = self._owed(price) if state.owed else ()
        aged = refresh.is_aged(rules, self._quotes(), now)
        due = state.create_at <= now or (
            aged and state.delayed_until <= now and Q19_AGE_LEAVES_NOTHING not in self.keeps
        )
        proposal = None
        if price is not None and due:
            proposal = proposed(rules, state, self.market, self.available, price, now)
            if proposal.lost is not None:
                band = proposal.band or state.band
                return Decision(replace(state, ticked_at=now, band=band), reference=price, lost=proposal.lost)
        if rules.hanging_orders_enabled:
            renews += self._looked_after(price)
        if aged:
            self._cancel(self._quotes())
        if state.cancel_at <= now:
            self._refresh(proposal)
        if price is not None and price > ZERO:
            self._cancel(refresh.too_near(rules, self._quotes(), price))
        waited = [order for order in self.live.values() if order.cancelled_at is not None]
        if waited and not self.two_ticks:  # what is waited for is asked again
            self._cancel(waited)
        awaited = bool(waited)
        creations = self._created(proposal) if proposal is not None and self._has_room(awaited) else ()
        return Decision(
            self._after(proposal, created=bool(creations)),
            cancels=tuple(self.cancels),
            creations=creations,
            renews=renews,
            create_after_cancels=bool(creations) and self.waits and awaited,
            reference=price,
            lost="no_reference" if price is None else None,
        )

    def _after(self, proposal: Proposal | None, *, created: bool) -> State:
        state, rules = self.state, self.rules
        next_at = self.now + rules.order_refresh_time
        even = proposal is not None and rules.ping_pong_enabled and ping_pong.is_even(state)
        return State(
            orders=tuple(self.live.values()),
            create_at=next_at if created else state.create_at,
            cancel_at=next_at if created else state.cancel_at,
            delayed_until=state.delayed_until,
            ticked_at=self.now,
            numbered=self.numbered,
            filled_buys=() if even else state.filled_buys,
            filled_sells=() if even else state.filled_sells,
            own_price=state.own_price,
            band=state.band if proposal is None else proposal.band or state.band,
            pairs=self.pairs,
            owed=(),
            cost_base=state.cost_base,
            cost_quote=state.cost_quote,
            cost_told=state.cost_told,
        )

    def _quotes(self) -> list[LiveOrder]:
        """Without those whose end is waited for (quirk Q10: with them): an old one must not make new ones be
        replaced."""
        if self.quoted is None:
            self.quoted = [
                order
                for order in self.live.values()
                if order.standing is not HANGING and (self.two_ticks or order.cancelled_at is None)
            ]
        return self.quoted

    def _cancel(self, orders: Sequence[LiveOrder], *, renewing: bool = False) -> None:
        """What is cancelled already is asked again (quirk Q10: after a minute)."""
        for order in orders:
            since = order.cancelled_at
            if since is None or not self.two_ticks or self.now - since > CANCEL_AGAIN_SECONDS:
                self.cancels[order.key] = None
                since = self.now if since is None or self.two_ticks else since
            if since != order.cancelled_at or renewing:
                self.live[order.key] = replace(order, cancelled_at=since, renewing=order.renewing or renewing)
                self.quoted = None

    def _looked_after(self, price: Decimal | None) -> tuple[Creation, ...]:
        """Hanging orders that are far are cancelled, old ones renewed at their price."""
        if price is not None and price > ZERO:
            kept = [order for order in self.live.values() if order.standing is not QUOTE]
            waited = [order for order in kept if order.cancelled_at is None]
            self._cancel([order for order in waited if hanging.is_far(self.rules, order.price, price)])
        churns = Q9_CHURN_BELOW_MINIMUM in self.keeps
        old = [
            order
            for order in self.live.values()
            if order.standing is HANGING
            and not order.renewing
            and self.now - order.created_at > self.rules.max_order_age
            and (churns or order.cancelled_at is None)
        ]
        self._cancel(old, renewing=True)
        if self.two_ticks:
            return ()
        return tuple(self._renewed(Owed(o.side, o.price, o.size, o.filled, o.key)) for o in old)

    def _owed(self, price: Decimal | None) -> tuple[Creation, ...]:
        """The successors of hanging orders that are gone for their age; their money is no quote's. One that would be
        far or take by now is dropped."""
        renews = []
        for owed in self.state.owed:
            if price is not None and Q9_CHURN_BELOW_MINIMUM not in self.keeps and self._is_over(owed, price):
                continue
            renews.append(creation := self._renewed(owed))
            base, quote = self.available.base, self.available.quote
            if owed.side is BUY:
                quote = max(quote - creation.size * creation.price, ZERO)
            else:
                base = max(base - creation.size, ZERO)
            self.available = Available(base, quote)
        return tuple(renews)

    def _is_over(self, owed: Owed, price: Decimal) -> bool:
        book = self.market.book
        if hanging.is_far(self.rules, owed.price, price):
            return True
        if owed.side is BUY:
            return bool(book.asks) and owed.price >= book.asks[0][0]
        return bool(book.bids) and owed.price <= book.bids[0][0]

    def _renewed(self, owed: Owed) -> Creation:
        """Of what is still open (quirk Q18: of what it was placed for)."""
        size = owed.size if Q18_FILLED_TWICE in self.keeps else owed.size - owed.filled
        return self._placed(owed.side, owed.price, size, 0, HANGING, renews=owed.key)

    def _refresh(self, proposal: Proposal | None) -> None:
        quotes = self._quotes()
        if not quotes:
            return
        tolerates = proposal is not None and self.rules.order_refresh_tolerance_pct >= ZERO
        if proposal and tolerates and refresh.still_stand(self.rules, quotes, proposal.buys, proposal.sells):
            return
        if self.rules.hanging_orders_enabled:
            now_live = replace(self.state, orders=tuple(self.live.values()), pairs=self.pairs)
            self.live = {order.key: order for order in hanging.hung(self.rules, now_live)}
            self.quoted, self.pairs = None, ()
        self._cancel([order for order in self.live.values() if order.standing is QUOTE])

    def _has_room(self, awaited: bool) -> bool:
        """Is no quote live? One that is cancelled in this tick leaves its room (quirk Q10: once it is seen dead)."""
        if self.two_ticks:
            quoted = any(order.standing is QUOTE for order in self.live.values())
            return not quoted and self.state.create_at < self.now and not (self.waits and awaited)
        return not [order for order in self._quotes() if order.standing is QUOTE]

    def _created(self, proposal: Proposal) -> tuple[Creation, ...]:
        buys = [self._placed(BUY, price, size, level) for level, price, size in proposal.buys]
        sells = [self._placed(SELL, price, size, level) for level, price, size in proposal.sells]
        if self.rules.hanging_orders_enabled:
            self._pair([buy.key for buy in buys], [sell.key for sell in sells])
        return (*buys, *sells)

    def _pair(self, buys: list[str], sells: list[str]) -> None:
        """The nearest with the nearest, and so on (quirk Q20: the sells with what is left of earlier rounds)."""
        several = min(len(buys), len(sells))
        stale = list(self.pairs) if Q20_STALE_PAIRS in self.keeps else []
        pairs = [*stale, *(Pair(key, None) for key in buys[:several])]
        for n, key in enumerate(sells[:several]):
            pairs[n] = replace(pairs[n], sell=key)
        self.pairs = tuple(pairs)

    def _placed(
        self,
        side: Side,
        price: Decimal,
        size: Decimal,
        level: int,
        standing: Standing = QUOTE,
        renews: str | None = None,
    ) -> Creation:
        self.numbered += 1
        key = f"{side[0]}{self.numbered}"
        self.live[key] = LiveOrder(
            key, side, price, size, self.now, level=level, standing=standing, renews=renews
        )  # fmt: skip
        self.quoted = None
        return Creation(key, side, price, size, level, renews)
