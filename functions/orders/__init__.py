"""Orders against the desk's own book: buy and sell at the market or at a limit, holdings, portfolio, history.

A market order is one transaction: the order, the dollars, the holding and the journal change together, and the
order is written once, as COMPLETED. A limit order moves its funds to a hold when it is placed; the schedule fills it
when the market has crossed its price, never worse than the limit; cancelling and expiry give the hold back.

                 ┌─filled──▶ COMPLETED
    PENDING ─────┼─cancelled or expired──▶ CANCELLED
    (limit)      └─by an operator──▶ FAILED
    market order ──▶ COMPLETED
"""
