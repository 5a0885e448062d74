"""Money at the custody: what came in, and what we send on.

A movement that the custody tells of (a snapshot) is taken once, as an `Incoming` with a disposition: it is HELD for an
order, EXPECTED (our own money, on its way home), or PARKED, for a person. What leaves is an `Outgoing`. The transaction
that decides where money goes inserts it, so money that is decided for is nobody else's; a function that holds the spend
key sends it later.

            ┌─▶ HELD ─────┬─▶ WITHDRAWN    an outgoing takes it on: to an exchange, or home to who paid; and it is
            │             │                HELD again, where that was refused
            │             └─▶ REFUNDED     an outgoing takes it back to who paid
    taken ──┼─▶ REFUNDED                   at once, where nothing can be done with it
            ├─▶ EXPECTED ─┬─▶ HELD         an order claims what came home to it
            │             └─▶ PARKED       nobody has claimed it in time
            └─▶ PARKED ───┬─▶ HELD         two operators say whose it is
                          ├─▶ REFUNDED
                          └─▶ DESK

    Outgoing:  INTENDED ─▶ SENT ─▶ CONFIRMED ─▶ ARRIVED      of a withdrawal
                  ▲         ├────────────────▶ ARRIVED       of a transfer
                  └─────────┴─▶ REFUSED                      two operators have it tried again

    model      what these are, all that may follow what, and which outputs an outgoing spends
    store      their items and writes
    service    what the sender does with an outgoing
    ties       snapshots of one time, of which a page holds no more
    shortages  what is missing of an asset, until it is there again or two have booked it as lost
"""
