"""Market making (seed 001): money comes by transfer to the custody, goes to an exchange, quotes there, and comes home.

The machine `snapshots` polls the custody: what came in is held for an order, refunded, or parked for a person. The
machine `market-making` is an order's life, and the machine `ticker` quotes for all orders of a shard.
"""
