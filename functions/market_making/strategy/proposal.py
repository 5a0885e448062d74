"""A proposal: the quotes that one would have now, whatever the timers say."""

from __future__ import annotations

from decimal import Decimal, localcontext

from common.frozen import dataclass
from functions.market_making.strategy import band, budget, costs, depth, levels, ping_pong, skew
from functions.market_making.strategy.arithmetic import QUOTING
from functions.market_making.strategy.market import BUY, SELL, Available, Market
from functions.market_making.strategy.quirks import Q1_THIN_BOOK, Q9_CHURN_BELOW_MINIMUM
from functions.market_making.strategy.reference import of_sells, reference
from functions.market_making.strategy.refresh import far_enough
from functions.market_making.strategy.rows import Row
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import Band, State


@dataclass(frozen=True, slots=True)
class Proposal:
    """Quotes of either side, nearest first: level (0 is the nearest), price, size. `lost` says why there are none:
    `no_reference`, `thin_book`. `band` is the moving band by which they were made."""

    buys: tuple[Row, ...] = ()
    sells: tuple[Row, ...] = ()
    reference: Decimal | None = None
    band: Band | None = None
    lost: str | None = None


def propose(rules: Rules, state: State, market: Market, available: Available, now: int) -> Proposal:
    """The quotes of this moment. Pure; never raises for what `Rules`, `Market` and `Available` let through."""
    with localcontext(QUOTING):
        price = reference(rules, state, market)
        if price is None:
            return Proposal(lost="no_reference")
        return proposed(rules, state, market, available, price, now)


def proposed(
    rules: Rules, state: State, market: Market, available: Available, price: Decimal, now: int
) -> Proposal:  # fmt: skip
    """As `propose`, from a reference that is known, in the context `QUOTING`."""
    quirks = rules.compat
    has = budget.holdings(rules, state, available)
    shift = skew.shift(rules, has.base, has.quote, price) if rules.inventory_spread_skew else None
    bid_ratio, ask_ratio = (
        skew.ratios(rules, has.base, has.quote, price) if rules.inventory_skew_enabled else (None, None)
    )
    buys = levels.buys(rules, price, shift, bid_ratio)
    sells = levels.sells(rules, of_sells(rules, state, available, price), shift, ask_ratio)

    moving = band.moved(rules, state, price, now)
    if not band.allows_buys(rules, moving, price):
        buys = []
    if not band.allows_sells(rules, moving, price):
        sells = []
    if rules.ping_pong_enabled and not ping_pong.is_even(state):
        buys = ping_pong.held_back(rules, buys, state.filled_buys)
        sells = ping_pong.held_back(rules, sells, state.filled_sells)

    if rules.order_optimization_enabled:
        better_buys = depth.optimised_buys(rules, state, market.book, buys) if buys else buys
        better_sells = depth.optimised_sells(rules, state, market.book, sells) if sells else sells
        if (better_buys is None or better_sells is None) and Q1_THIN_BOOK in quirks:
            return Proposal(reference=price, band=moving, lost="thin_book")
        buys = buys if better_buys is None else better_buys
        sells = sells if better_sells is None else better_sells
    if rules.add_transaction_costs:
        buys, sells = costs.costed_buys(rules, buys), costs.costed_sells(rules, sells)
    if rules.plan.has_minimum_spread and Q9_CHURN_BELOW_MINIMUM not in quirks:
        buys = far_enough(rules, BUY, buys, price)
        sells = far_enough(rules, SELL, sells, price)

    buys = budget.afforded_buys(rules, market.book, buys, has.free_quote)
    sells = budget.afforded_sells(rules, market.book, sells, has.free_base)
    return Proposal(tuple(buys), tuple(sells), price, moving)
