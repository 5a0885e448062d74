"""Purchases (seed 004): coins bought at the exchange for the customer; what is too small for it is pooled. And sales.

    POST /purchases ─┬─ worth the minimum ──▶ a batch of its own ─────────────┐
                     └─ worth less ─▶ pool ─┬─ reaches the minimum ─▶ batch ──┼─▶ exchange ─▶ allocated to the members
                          ▲       cancelled ┘─ deadline ─▶ batch, refunded ───┘               pro rata, to the last unit
                          └ the next generation begins

The dollars are held from the beginning. A pool is a generation of members: joining it, leaving it and closing it are
conditional on the generation, so it is closed exactly once, and nobody joins or leaves what is closed. What is closed
is a batch: one order at the exchange under one id, which the machine `purchase` places, polls and allocates, and goes
on wherever it died. Whatever is not spent goes back.

Sales are the same the other way round: `POST /sales` holds coins, pools them apart, and gives dollars for what the
exchange takes. What is less than a lot, and a pool of which the exchange takes no order at its deadline, the desk's own
book buys within a limit a day; so a holding of any size can be emptied.

Recurring buys are purchases that the clock makes, at the dates of a customer's plan: `POST /recurring-buys`. A purchase
and that its date is dealt with are one transaction, under the condition that the plan is as it was read.
"""
