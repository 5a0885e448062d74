"""The quotes of a market-making order: hummingbot's v1 pure market making, and its defects mended.

Pure: `tick` takes the rules, the state, the market, what is available, and the time, and answers what to cancel and
what to create; whoever runs it keeps the state and speaks with the exchange (`Decision` says in which order). There is
one code path: `Rules.compat` names the quirks that are kept, and with all of them (`COMPAT`) every price, size, cancel
and creation is hummingbot's. A proposal goes through

    reference → levels, skew → band, ping-pong → depth, costs → minimum spread → takers, sizes, budget

and a tick besides through hanging orders, age, refresh and minimum spread.
"""

from functions.market_making.strategy.market import Available, Book, InvalidMarket, Level, Market, Side, Terms
from functions.market_making.strategy.proposal import Proposal, propose
from functions.market_making.strategy.quirks import COMPAT, Quirk
from functions.market_making.strategy.rules import InvalidRules, Override, PriceSource, PriceType, Rules
from functions.market_making.strategy.state import Band, LiveOrder, Owed, Pair, Standing, State
from functions.market_making.strategy.tick import Creation, Decision, tick

__all__ = [
    "COMPAT",
    "Available",
    "Band",
    "Book",
    "Creation",
    "Decision",
    "InvalidMarket",
    "InvalidRules",
    "Level",
    "LiveOrder",
    "Market",
    "Override",
    "Owed",
    "Pair",
    "PriceSource",
    "PriceType",
    "Proposal",
    "Quirk",
    "Rules",
    "Side",
    "Standing",
    "State",
    "Terms",
    "propose",
    "tick",
]
